from rota.schedulers.sync import Scheduler

scheduler = Scheduler()
# Add schedules, configure tasks here
scheduler.run_until_stopped()
