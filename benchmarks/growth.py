"""How time grows with the amount of data: reading active jobs at a start and taking the next one, picking the next of
many waiting deliveries, and commands over a history of ended jobs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from statistics import median

from benchmarks.results import Curve, Line, Result, Row, figure
from benchmarks.sizes import Sizes
from relay.polling.job_queue import JobQueue
from relay.polling.schedule import Timing
from storage import delivery_queries
from storage.database import Database
from storage.jobs import OpenJob
from tests.clock import START, ManualClock
from tests.relay.relay_fixture import ACCOUNT, CHANNEL, GUILD, PERSON, RelayFixture, open_database

_TIMES = 15
_CHANNELS = 1_000
_STEPS = 2_000
Points = dict[str, list[tuple[float, float]]]


async def run(sizes: Sizes) -> Result:
    """Measures one database for each size."""
    open_jobs: Points = {"load": [], "next due": []}
    waiting: Points = {"pick the next ones": []}
    history: Points = {"status": [], "list": [], "choices": []}
    for count in sizes.growth:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            await _grow_open(Path(folder), count, open_jobs)
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            await _grow_waiting(Path(folder), count, waiting)
    for count in sizes.history:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            await _grow_history(Path(folder), count, history)
    rows = [
        Row(
            f"{name}: slower over {sizes.history[-1]:,} ended jobs than over {sizes.history[0]:,}",
            figure([points[-1][1] - points[0][1]]),
            " ms",
            at_most=10,
            notes=f"{points[-1][1]:.1f} ms in all",
        )
        for name, points in history.items()
    ]
    rows.append(
        Row(
            f"picking deliveries out of {sizes.growth[-1]:,} that wait",
            figure([waiting["pick the next ones"][-1][1]]),
            " ms",
        )
    )
    curves = [
        _curve("growth-open-jobs", "Open jobs", "open jobs", open_jobs),
        _curve("growth-deliveries", "Deliveries that wait", "deliveries", waiting),
        _curve("growth-history", "Commands over a history", "ended jobs", history),
    ]
    return Result(rows, curves)


def _curve(name: str, title: str, x: str, points: Points) -> Curve:
    lines = tuple(Line(label, tuple(line)) for label, line in points.items())
    return Curve(name, title, x, "milliseconds", lines)


async def _milliseconds(work: Callable[[], Awaitable[object]]) -> float:
    took = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        await work()
        took.append(1000 * (time.perf_counter() - began))
    return median(took)


# ---- open jobs ------------------------------------------------------------------------------------------------------


async def _grow_open(folder: Path, count: int, points: Points) -> None:
    database = await open_database(folder)
    await _fill_jobs(database, count, ended=False)
    world = RelayFixture(database)
    began = time.perf_counter()
    while world.loader.loading:
        await world.loader.load()
    points["load"].append((count, 1000 * (time.perf_counter() - began)))
    points["next due"].append((count, _next_due(count)))
    await world.close()
    await database.close()


def _next_due(count: int) -> float:
    """The milliseconds that it takes to start the earliest job and queue it again."""
    clock = ManualClock()
    queue = JobQueue(Timing(clock, Random(1), 20.0), max_age=10**12)
    for number in range(count):
        queue.add(OpenJob(number, 1, "job", None, clock.now(), None, frozenset({1}), has_card=True, is_shown=False))
    clock.move_to(clock.monotonic() + 100)
    began = time.perf_counter()
    for _ in range(_STEPS):
        job = queue.first_due()
        if job is not None:
            queue.start(job)
            queue.still_running(job)
    return 1000 * (time.perf_counter() - began) / _STEPS


async def _fill_jobs(database: Database, count: int, *, ended: bool) -> None:
    """Inserts jobs of many servers. A hundredth is this server's, and a thousandth this channel's and this person's."""
    outcome = ", 'completed'" if ended else ", NULL"
    at = str(START - 1) if ended else "NULL"
    numbers = f"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
    async with database.transaction() as tx:
        await tx.run(
            f"{numbers}"
            " INSERT INTO jobs (id, account_id, jobid, snapshot, watched_since, changed_at, ended_at, outcome)"
            f" SELECT i, {ACCOUNT}, 'job:' || i, printf('%0500d', i), {START} - 1000, {START} - 1000, {at}{outcome}"
            " FROM n"
        )
        await tx.run(
            f"{numbers} INSERT INTO subscriptions (id, job_id, guild_id, channel_id, created_at, ended_at, card_final)"
            f" SELECT i, i, {GUILD} + i % 100, {CHANNEL} + i % {_CHANNELS}, {START} - 1000, {at}, 1 FROM n"
        )
        await tx.run(
            f"{numbers} INSERT INTO subscribers (subscription_id, user_id, mention, asked_at)"
            f" SELECT i, {PERSON} + i % 1000, 1, 0 FROM n"
        )


# ---- deliveries that wait -------------------------------------------------------------------------------------------


async def _grow_waiting(folder: Path, count: int, points: Points) -> None:
    database = await open_database(folder)
    await _fill_jobs(database, count, ended=True)
    await _fill_deliveries(database, count, "waiting")

    async def pick() -> None:
        await delivery_queries.due_heads(database.reader, START, limit=16)
        await delivery_queries.next_due(database.reader, START)

    points["pick the next ones"].append((count, await _milliseconds(pick)))
    await database.close()


async def _fill_deliveries(database: Database, count: int, state: str) -> None:
    async with database.transaction() as tx:
        await tx.run(
            "INSERT INTO deliveries"
            " (kind, subscription_id, guild_id, channel_id, base_nonce, state, next_at, created_at)"
            " SELECT 'outcome', id, guild_id, channel_id, 'nonce-' || id, ?, 0, 0 FROM subscriptions WHERE id <= ?",
            (state, count),
        )


# ---- history --------------------------------------------------------------------------------------------------------


async def _grow_history(folder: Path, count: int, points: Points) -> None:
    database = await open_database(folder)
    await _fill_jobs(database, count, ended=True)
    await _fill_deliveries(database, count, "posted")
    world = RelayFixture(database)
    numbers = iter(range(_TIMES))

    async def status() -> None:
        await world.watch(f"new-{next(numbers)}")

    points["status"].append((count, await _milliseconds(status)))
    points["list"].append((count, await _milliseconds(lambda: world.commands.queries.list(world.ask()))))
    points["choices"].append((count, await _milliseconds(lambda: world.commands.queries.choices(world.ask(), "boat"))))
    await world.close()
    await database.close()
