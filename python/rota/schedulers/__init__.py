"""The schedulers, through which everything is used, and the loops that they run."""
