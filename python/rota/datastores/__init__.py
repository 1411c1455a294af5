"""Data stores: where tasks, schedules, jobs and results are kept."""
