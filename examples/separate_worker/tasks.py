"""The tasks: both programs import them, so that a stored id leads to the same function in both."""

from datetime import datetime

from rota import task


@task(id="greet", max_running_jobs=4)
def greet(name: str) -> None:
    print(f"{datetime.now():%H:%M:%S} Hello, {name}!", flush=True)
