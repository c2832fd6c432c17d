"""From a job's end to its message, by a callback that arrives at a process that doesn't poll the job's account.

Two bots share a PostgreSQL. The one that polls the account learns of the callback through the database. If it doesn't
hold the server's shard, the other one also learns through the database that there is something to post.
"""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit

from benchmarks.results import Result, Row, figure, percentile
from benchmarks.several import Several, postgres, several
from benchmarks.sizes import Sizes
from sandbox.pixverse_api.callbacks import CallbackPolicy
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.process import BotProcess
from tests.e2e.waiting import until

_SPREAD_SECONDS = 1.0
"""The ends are spread evenly over a second, because some changes are noticed only at intervals."""


async def run(sizes: Sizes) -> Result:
    """Measures jobs of two servers: for one, the same process polls and posts; for the other, another process polls."""
    found: dict[str, list[float]] = {}
    with postgres() as postgres_server:
        async with several(postgres_server, 2, POLL_INTERVAL="20") as bots:
            await bots.start()
            bots.harness.pixverse.callbacks.policy = CallbackPolicy()
            holder = bots.harness.ledger.rows("SELECT owner FROM shard_leases")[0]["owner"]
            (other,) = [process for process in bots.processes() if process != holder]
            for name, owner, receiver in (("its poster polls", holder, other), ("another posts", other, holder)):
                server = await _town_of(bots, owner)
                await _send_callbacks_to(server, bots.bot_of(receiver))
                found[name] = await _ends(server, sizes.ends)
    return Result([_row(name, seconds) for name, seconds in found.items()])


def _row(name: str, seconds: list[float]) -> Row:
    p50 = 1000 * percentile(seconds, 0.5)
    notes = f"p95 {1000 * percentile(seconds, 0.95):.0f} ms, {len(seconds)} ends"
    return Row(f"end to message by callback at the wrong process, {name}, p50", figure([p50]), " ms", 250, notes=notes)


async def _town_of(bots: Several, owner: str) -> GuildFixture:
    """A server whose account this process polls."""
    while True:
        server = await bots.harness.server()
        sql = "SELECT owner FROM account_leases JOIN servers USING (account_id) WHERE guild_id = ?"
        await until(lambda: bots.harness.ledger.rows(sql, server.guild.id) != [], what="somebody polls the account")  # noqa: B023
        if bots.harness.ledger.rows(sql, server.guild.id)[0]["owner"] == owner:
            return server


async def _send_callbacks_to(server: GuildFixture, bot: BotProcess) -> None:
    answer = await server.admin.slash(server.channel, "pixverse-admin callback")
    address = next(word for word in answer.text.split("`") if "/callback/" in word)
    server.account.reply_url = f"{bot.settings['PUBLIC_URL']}{urlsplit(address).path}"


async def _ends(server: GuildFixture, ends: int) -> list[float]:
    """The seconds from each end to its message, one job after another."""
    found = []
    for number in range(ends):
        job = server.job()
        await server.status(job)
        await asyncio.sleep(_SPREAD_SECONDS * (1 + number / ends))
        ended = time.monotonic()
        job.complete()
        await server.harness.discord.until(lambda: len(server.outcomes()) > number, timeout=60)  # noqa: B023
        found.append(time.monotonic() - ended)
    return found
