from rota.schedulers.sync import Scheduler

with Scheduler() as scheduler:
    # Add schedules, configure tasks here
    scheduler.start_in_background()
