"""huey on an SQLite file: `huey_.py FILE COUNT` prints a JSON object of rates per second."""

from __future__ import annotations

import json
import logging
import sys
from threading import Event
from time import perf_counter

from huey import SqliteHuey
from huey.consumer import Consumer

huey = SqliteHuey(filename=sys.argv[1], results=False)
count = int(sys.argv[2])
ran = 0
finished = Event()


@huey.task()
def job() -> None:
    """Count, and tell when the last one ran."""
    global ran
    ran += 1
    if ran == count:
        finished.set()


def main() -> dict[str, float]:
    """Add jobs one at a time, then run them with one worker thread until the queue is empty."""
    logging.getLogger("huey").setLevel(logging.ERROR)
    begin = perf_counter()
    for _ in range(count):
        job()
    added = count / (perf_counter() - begin)
    consumer = Consumer(huey, workers=1, periodic=False, initial_delay=0.001, max_delay=0.01)
    begin = perf_counter()
    consumer.start()
    finished.wait(120)
    while len(huey):
        finished.wait(0.001)
    rate = count / (perf_counter() - begin)
    consumer.stop()
    return {"add": added, "run": rate}


if __name__ == "__main__":
    print(json.dumps(main()))
