"""Four bots on one PostgreSQL with 400,000 active jobs of 1,000 servers: how long until each polls, how much memory
each needs, and for how long nobody serves what one of them held (a quarter of the jobs and 20 of 80 shards) after `kill
-9`.

Each shard has its own IDENTIFY bucket here. Shards of one bucket connect 5.5 s apart, so a bot with a single bucket
needs 5.5 s more for each further shard.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.harness import add_servers, resident_bytes, set_tokens
from benchmarks.many_jobs import add_jobs
from benchmarks.results import Result, Row, figure
from benchmarks.several import Several, postgres, several
from benchmarks.sizes import Sizes
from tests.e2e.waiting import until
from tests.postgres_server import PostgresServer

_PROCESSES = 4
_SETTLE_SECONDS = 15.0
_FEWEST_SERVERS = 40
"""With fewer servers one of the processes may get no account."""
_LONGEST = 300.0
_MEGABYTE = 1e6


async def run(sizes: Sizes) -> Result:
    """Measures one bot with all the jobs, then four, each together with an idle one; kills one of the four."""
    jobs, few = sizes.clustered_jobs, sizes.shards // _PROCESSES
    settle = min(_SETTLE_SECONDS, sizes.seconds * 5)
    with postgres() as server:
        above, started = {}, {}
        accounts = shards_after = math.inf
        for processes, shards in ((1, sizes.shards), (_PROCESSES, few)):
            async with _stage(server, sizes, processes=1, shards=shards, jobs=0) as bots:
                await _start(bots)
                idle = max(await _memory(bots, settle))
            async with _stage(server, sizes, processes=processes, shards=sizes.shards, jobs=jobs) as bots:
                started[processes] = await _start(bots)
                above[processes] = max(await _memory(bots, settle)) - idle
                if processes > 1:
                    accounts, shards_after = await _kill_one(bots)
    what = f"{_PROCESSES} processes, {jobs:,} open jobs"
    memory = f"{above[_PROCESSES] / _MEGABYTE:.0f} MB, one process {above[1] / _MEGABYTE:.0f} MB"
    killed = f"one of {_PROCESSES} killed, {jobs // _PROCESSES:,} jobs and {few} shards: until each"
    return Result(
        [
            Row(
                f"{what}: from exec until the last has polled",
                figure([started[_PROCESSES]]),
                " s",
                at_most=5,
                notes=f"one process with all of them {started[1]:.1f} s",
            ),
            Row(
                f"{what}: memory above idle / one process's",
                figure([above[_PROCESSES] / max(above[1], 1)]),
                "",
                at_most=1.2 / _PROCESSES,
                notes=memory,
            ),
            Row(f"{killed} account has a process", figure([accounts]), " s", at_most=20),
            Row(f"{killed} shard is connected", figure([shards_after]), " s", at_most=20),
        ]
    )


@asynccontextmanager
async def _stage(
    server: PostgresServer, sizes: Sizes, *, processes: int, shards: int, jobs: int
) -> AsyncIterator[Several]:
    """Bots that aren't started yet, and a database with this many jobs."""
    async with several(server, processes, POLL_INTERVAL=str(4 * sizes.capacity_interval)) as bots:
        discord, api = bots.harness.discord, bots.harness.pixverse
        discord.gateway.shards = discord.starts.max_concurrency = shards
        api.sweep_seconds = math.inf
        made = add_servers(bots.harness, max(sizes.servers, _FEWEST_SERVERS))
        await set_tokens(bots.url, [place for place, _ in made], [bots.key])
        if jobs:
            add_jobs(api, bots.url, made, range(jobs))
        yield bots


async def _start(bots: Several) -> float:
    """Seconds from exec until each bot has polled; without jobs, until the gateway is connected."""
    requests, has_jobs = bots.harness.pixverse.requests, bool(bots.harness.pixverse.jobs)
    callers = {str(number) for number in range(len(bots.bots))} if has_jobs else set()
    began = time.monotonic()
    starting = asyncio.create_task(bots.start())
    while not callers <= {request.caller for request in requests}:
        if time.monotonic() - began > _LONGEST:
            raise TimeoutError("not every process has polled")
        await asyncio.sleep(0.02)
    seconds = time.monotonic() - began
    await starting
    return seconds


async def _memory(bots: Several, seconds: float) -> list[int]:
    """The memory of each bot in bytes, after this many idle seconds."""
    await asyncio.sleep(seconds)
    return [resident_bytes(bot.pid) for bot in bots.bots]


async def _kill_one(bots: Several) -> tuple[float, float]:
    """Seconds until other bots hold all of its accounts, and until they have connected all of its shards."""
    ledger, gateway = bots.harness.ledger, bots.harness.discord.gateway
    (dead,) = [process for process in bots.processes() if bots.bot_of(process) is bots.bots[0]]

    def held(operator: str) -> int:
        sql = f"SELECT count(*) AS accounts FROM account_leases WHERE owner {operator} ?"
        return int(ledger.rows(sql, dead)[0]["accounts"])

    accounts = held("=") + held("<>")
    killed_at = time.monotonic()
    await bots.bots[0].kill()

    async def after(condition: asyncio.Future[object]) -> float:
        await condition
        return time.monotonic() - killed_at

    by_accounts = until(lambda: held("<>") == accounts, _LONGEST, "every account")
    by_shards = until(
        lambda: len({session.shard[0] for session in gateway.connected}) == gateway.shards, _LONGEST, "every shard"
    )
    # Discord notices the closed sockets at once, so only new connections are counted.
    found = await asyncio.gather(after(asyncio.ensure_future(by_accounts)), after(asyncio.ensure_future(by_shards)))
    return found[0], found[1]
