"""An executor of your own: the task returns a command, and the executor runs it.

Needs: rota
"""

import asyncio
from collections.abc import Callable
from typing import Any

from rota import AsyncJobExecutor, AsyncScheduler, Job
from rota.abc import JobExecutor


class CommandExecutor(JobExecutor):
    """Runs the command (a list of words) that a task returns; the result is what it printed."""

    async def run_job(self, func: Callable[..., Any], job: Job) -> str:
        words = func(*job.args, **job.kwargs)
        process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
        try:
            output, _ = await process.communicate()
        except asyncio.CancelledError:  # the job was cancelled, or took too long
            process.kill()
            raise
        if process.returncode:
            raise RuntimeError(f"{words[0]} failed with status {process.returncode}")
        return output.decode().strip()


def say(text: str) -> list[str]:
    return ["echo", text]


async def main() -> None:
    executors: dict[str, JobExecutor] = {"async": AsyncJobExecutor(), "command": CommandExecutor()}
    async with AsyncScheduler(job_executors=executors) as scheduler:
        await scheduler.start_in_background()
        print(await scheduler.run_job(say, args=["hello"], job_executor="command"))


if __name__ == "__main__":
    asyncio.run(main())
