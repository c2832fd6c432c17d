"""The lower bound: an aiohttp loop that sends the same requests as the bot and does nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from urllib.parse import quote

import aiohttp
from yarl import URL

from benchmarks.pixverse_process import Served
from pixverse.api_client import new_api_session


@dataclass(frozen=True, slots=True)
class Throughput:
    """How fast requests were sent: `rate` in requests a second, `cpu` in seconds of processor time per request."""

    rate: float
    cpu: float


@contextmanager
def measured_throughput(count: Callable[[], int]) -> Iterator[list[Throughput]]:
    """Appends the throughput of the block to the list that it gives. `count` returns how many requests were sent so
    far."""
    measured: list[Throughput] = []
    asked, began, busy = count(), time.monotonic(), time.process_time()
    yield measured
    asked = count() - asked
    measured.append(Throughput(asked / (time.monotonic() - began), (time.process_time() - busy) / max(asked, 1)))


async def bare_throughput(served: Served, seconds: float, at_once: int) -> Throughput:
    """The throughput with `at_once` concurrent requests, whose responses are read and discarded."""
    jobs = cycle(served.jobs)
    answers = 0
    ends_at = time.monotonic() + seconds

    async def ask_on(session: aiohttp.ClientSession) -> None:
        nonlocal answers
        while time.monotonic() < ends_at:
            job = next(jobs)
            url = URL(f"{served.base}/v1/pixverse/jobs/?jobid={quote(job.jobid, safe=':')}", encoded=True)
            headers = {"Authorization": f"Bearer {job.token}", "Accept": "application/json"}
            async with session.get(url, headers=headers, allow_redirects=False) as response:
                await response.read()
            answers += 1

    async with new_api_session() as session:
        with measured_throughput(lambda: answers) as measured:
            await asyncio.gather(*(ask_on(session) for _ in range(at_once)))
    return measured[0]
