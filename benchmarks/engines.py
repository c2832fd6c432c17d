"""PostgreSQL next to SQLite, one process each on the same machine: the real poller's polls per second, how much the
database costs for polls without news, and `/pixverse status` while the bot polls at half of the poller's throughput.

PostgreSQL runs on the same cores as the bot and the sandboxes. Both engines sync their writes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.bare import Throughput
from benchmarks.commands import jobs_at, serve_for_commands, settings_for, under_load
from benchmarks.harness import open_harness
from benchmarks.pixverse_process import Served, serve
from benchmarks.polls import ALWAYS_DUE_SECONDS
from benchmarks.real_poller import real_poller
from benchmarks.results import Result, Row, figure, percentile, ratios
from benchmarks.several import postgres, several
from benchmarks.sizes import Sizes
from settings import DatabasePlace
from tests.postgres_server import PostgresServer

_LOAD = 0.5


async def run(sizes: Sizes) -> Result:
    """Measures both engines in turn."""
    with postgres() as server:
        return Result([*await _polls(server, sizes), await _status(server, sizes)])


async def _polls(server: PostgresServer, sizes: Sizes) -> list[Row]:
    sqlite: list[float] = []
    postgres: list[float] = []
    commits: list[float] = []
    async with serve(sizes.polled_jobs, sizes.accounts) as served:
        for _ in range(sizes.rounds):
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                sqlite.append((await _throughput(Path(folder) / "relay.db", served, sizes))[0].rate)
            url = server.new_database()
            throughput, written = await _throughput(url, served, sizes)
            server.drop(url)
            postgres.append(throughput.rate)
            commits.append(float(written))
    measured = f"{figure(postgres).median:,.0f} polls a second, SQLite {figure(sqlite).median:,.0f}"
    return [
        Row("polls a second, PostgreSQL / SQLite", ratios(postgres, sqlite), "", at_least=0.9, notes=measured),
        Row("PostgreSQL: transactions that write in a run of polls without news", figure(commits), "", at_most=0),
    ]


async def _throughput(database: DatabasePlace, served: Served, sizes: Sizes) -> tuple[Throughput, int]:
    async with real_poller(database, served, ALWAYS_DUE_SECONDS) as poller, poller.running():
        await poller.told_once(sizes.polled_jobs)
        before = poller.commits.version()
        throughput = await poller.throughput(sizes.seconds)
        return throughput, poller.commits.version() - before


async def _status(server: PostgresServer, sizes: Sizes) -> Row:
    async with serve_for_commands(sizes) as served:
        polled = await jobs_at(_LOAD, served, sizes)
        settings = settings_for(served, sizes)
        async with open_harness(**settings) as harness:
            sqlite, _ = await under_load(harness, (), served, polled, sizes)
        async with several(server, 1, **settings) as bots:
            waits, seen = await under_load(bots.harness, (bots.key,), served, polled, sizes)
    notes = (
        f"p99 {_ms(waits, 0.99)}, p50 {_ms(waits, 0.5)}; SQLite {_ms(sqlite, 0.99)}, {_ms(sqlite, 0.5)}; "
        f"{len(waits)} commands, {seen:,.0f} polls a second"
    )
    ratio = percentile(waits, 0.99) / percentile(sqlite, 0.99)
    return Row("/pixverse status under load, p99, PostgreSQL / SQLite", figure([ratio]), "", at_most=1.5, notes=notes)


def _ms(waits: list[float], share: float) -> str:
    return f"{1000 * percentile(waits, share):.0f} ms"
