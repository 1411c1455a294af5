"""A schedule in one process; nothing is stored.

Needs: rota
"""

from datetime import datetime

from rota import IntervalTrigger, Scheduler


def tick() -> None:
    print("Hello, the time is", datetime.now(), flush=True)


if __name__ == "__main__":
    with Scheduler() as scheduler:
        scheduler.add_schedule(tick, IntervalTrigger(seconds=1))
        scheduler.run_until_stopped()
