"""The real poller's polls per second (client, comparison, schedule, storage) against `bare` with the same concurrency;
and how much the database costs if no poll brings news.

More jobs are due than can be requested, so both sides run at full speed.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.bare import Throughput, bare_throughput
from benchmarks.pixverse_process import serve
from benchmarks.real_poller import real_poller
from benchmarks.results import Result, Row, figure, ratios
from benchmarks.sizes import Sizes
from relay.polling.poller import AT_ONCE

ALWAYS_DUE_SECONDS = 0.01


async def run(sizes: Sizes) -> Result:
    """Measures both sides in turn."""
    ours: list[Throughput] = []
    bare: list[Throughput] = []
    commits: list[float] = []
    async with serve(sizes.polled_jobs, sizes.accounts) as served:
        for _ in range(sizes.rounds):
            bare.append(await bare_throughput(served, sizes.seconds, AT_ONCE))
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                database = Path(folder) / "relay.db"
                async with real_poller(database, served, ALWAYS_DUE_SECONDS) as poller, poller.running():
                    await poller.told_once(sizes.polled_jobs)
                    before = poller.commits.version()
                    ours.append(await poller.throughput(sizes.seconds))
                    commits.append(float(poller.commits.version() - before))
    rates, bare_rates = [one.rate for one in ours], [one.rate for one in bare]
    busy, bare_busy = [one.cpu for one in ours], [one.cpu for one in bare]
    measured = f"{figure(rates).median:,.0f} polls a second, bare {figure(bare_rates).median:,.0f}, {AT_ONCE} at once"
    cpu = f"{figure(busy).median * 1e6:.0f} µs a poll, bare {figure(bare_busy).median * 1e6:.0f} µs"
    return Result(
        [
            Row("polls a second / bare", ratios(rates, bare_rates), "", at_least=0.85, notes=measured),
            Row("polls a second of processor time / bare", ratios(bare_busy, busy), "", notes=cpu),
            Row("database commits in a run of polls without news", figure(commits), "", at_most=0),
        ]
    )
