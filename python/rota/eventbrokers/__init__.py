"""Event brokers: how changes become known to those who wait for them, in this process and in others."""
