"""The task that the stores of the tests know."""

from __future__ import annotations

from rota import task


@task(id="greet")
def greet(name: str) -> str:
    return f"hello {name}"
