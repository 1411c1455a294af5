"""How tasks, schedules, jobs and results become rows, and rows become them again."""
