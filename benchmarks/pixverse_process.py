"""Runs the sandbox's PixVerse API in its own process, so that it takes no processor time from its client's.

`python -m benchmarks.pixverse_process <jobs> <accounts> <milliseconds> <lists>` prints one line of JSON and serves
until it is killed. Its jobs stay at 31 % and are distributed among the accounts. Each response is that many
milliseconds late; with <lists> 0 the API has no job lists. For each line on its standard input it prints how many
requests it got so far.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sandbox.pixverse_api import PixverseApi
from sandbox.pixverse_api.faults import Slow, Status

_LONGEST_LINE = 2**28


@dataclass(frozen=True, slots=True)
class ServedJob:
    """A job that the API serves, with what its client knows."""

    token: str
    jobid: str


@dataclass(frozen=True, slots=True)
class Served:
    """The API's address and its jobs."""

    base: str
    jobs: tuple[ServedJob, ...]
    process: asyncio.subprocess.Process

    async def request_count(self) -> int:
        """How many requests it got so far."""
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the process has pipes")
        self.process.stdin.write(b"\n")
        return int(await self.process.stdout.readline())


@asynccontextmanager
async def serve(jobs: int, accounts: int, *, answer_ms: int = 0, lists: bool = True) -> AsyncIterator[Served]:
    """Runs the process for as long as the block lasts."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.pixverse_process",
        *(str(number) for number in (jobs, accounts, answer_ms, int(lists))),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LONGEST_LINE,
    )
    try:
        if process.stdout is None:
            raise RuntimeError("the process was to print where it serves")
        fields = json.loads(await process.stdout.readline())
        yield Served(fields["base"], tuple(ServedJob(*job) for job in fields["jobs"]), process)
    finally:
        process.kill()
        await process.wait()


async def _run(jobs: int, accounts: int, answer_ms: int, lists: int) -> None:
    api = PixverseApi(rng=random.Random(1), sweep_seconds=math.inf)
    await api.start()
    owners = [api.add_account(number) for number in range(1, accounts + 1)]
    asked = []
    for number in range(jobs):
        owner = owners[number % accounts]
        jobid = f"job:20261124{number:09d}-user:{owner.number}-channel:{owner.channels[0].channel}-bot:pixverse"
        api.add_job(owner, jobid=jobid).set("progress", 31)
        asked.append((owner.token, jobid))
    api.sweep()
    if not lists:
        api.faults.add(Status(404), path="/v1/pixverse/jobs", times=None)
    if answer_ms:
        api.faults.add(Slow(answer_ms / 1000), times=None)
    print(json.dumps({"base": api.base, "jobs": asked}), flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(len(api.requests), flush=True)


if __name__ == "__main__":
    asyncio.run(_run(*(int(argument) for argument in sys.argv[1:])))
