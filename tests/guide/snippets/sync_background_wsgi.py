from rota.schedulers.sync import Scheduler

scheduler = Scheduler()
# Add schedules, configure tasks here
scheduler.start_in_background()
