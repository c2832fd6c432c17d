"""429 in every form that Discord and Cloudflare use."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from sandbox.discord_wire import RateLimit
from sandbox.discord_wire.faults import Scope
from tests.e2e.discord_faults.test_server_errors import is_outcome
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness

pytestmark = pytest.mark.asyncio(loop_scope="module")

_SECONDS = 1.0
_OF_A_CHANNEL: tuple[Scope, ...] = ("user", "shared", "cloudflare")


async def _limited(server: GuildFixture, scope: Scope, seconds: float) -> float:
    """How many seconds after a 429 the bot posted to the channel again."""
    job = await server.watched()
    path = f"/channels/{server.channel.id}/messages"
    fault = server.harness.discord.faults.add(
        method="POST", path=path, action=RateLimit(seconds, scope), times=1, match=is_outcome
    )
    job.complete()
    await server.outcome()
    assert fault.hits == 1
    refused, taken = [call.time for call in server.harness.discord.requests if call.path == path and is_outcome(call)]
    return taken - refused


async def test_a_limit_on_one_channel_delays_no_other(harness: Harness) -> None:
    servers = [await harness.server() for _ in _OF_A_CHANNEL]
    untroubled = await harness.server()
    limited = asyncio.gather(
        *(_limited(server, scope, _SECONDS) for server, scope in zip(servers, _OF_A_CHANNEL, strict=True))
    )
    (await untroubled.watched()).complete()
    await untroubled.outcome()
    assert not limited.done()
    assert all(_SECONDS <= waited < 3 * _SECONDS for waited in await limited)
    assert harness.bot.said("Traceback") == []


async def test_a_repeated_warning_of_discord_py_is_counted(own_harness: Harness) -> None:
    servers = [await own_harness.server() for _ in range(4)]
    await asyncio.gather(*(_limited(server, "user", 0.2) for server in servers))
    assert len(own_harness.bot.said("We are being rate limited")) == 1
    await own_harness.stop()
    assert len(own_harness.bot.said(r"We are being rate limited.* \(came again 3 times\)$")) == 1


async def test_a_wait_too_long_for_discord_py(server: GuildFixture) -> None:
    """Above thirty seconds, discord.py raises instead of sleeping; the delivery is then deferred for that time."""
    job = await server.watched()
    path = f"/channels/{server.channel.id}/messages"
    server.harness.discord.faults.add(method="POST", path=path, action=RateLimit(45.0), match=is_outcome)
    began = time.time()
    job.complete()
    await server.harness.pixverse.until(lambda: bool(_put_off(server)))
    (row,) = _put_off(server)
    assert 40 < row["next_at"] / 1000 - began < 50
    assert row["unanswered_at"] is None


async def test_a_global_limit_stops_everything_and_then_everything_continues(harness: Harness) -> None:
    servers = [await harness.server() for _ in range(3)]
    jobs = [await server.watched() for server in servers]
    fault = harness.discord.faults.add(method="POST", action=RateLimit(1.0, "global"), match=is_outcome)
    for job in jobs:
        job.complete()
    await asyncio.gather(*(server.outcome() for server in servers))
    assert fault.hits == 1
    assert harness.bot.said("Traceback") == []


async def test_a_message_that_uses_up_a_limit_is_recorded_at_once(harness: Harness) -> None:
    """discord.py sleeps until the limit ends before it returns the response."""
    limits = harness.discord.limits
    limits.enabled, limits.messages, limits.window_s = True, 2, 8.0
    try:
        server = await harness.server()
        (await server.watched()).complete()
        await harness.discord.until(lambda: len(server.outcomes()) == 1)
        began = time.monotonic()
        await harness.pixverse.until(lambda: harness.ledger.outcome_states(server.channel.id) == ["posted"])
        assert time.monotonic() - began < limits.window_s - 3
    finally:
        limits.enabled, limits.messages, limits.window_s = False, 5, 5.0
    other = await harness.server()
    (await other.watched()).complete()
    await other.outcome()
    assert harness.bot.said("Traceback") == []


def _put_off(server: GuildFixture) -> list[dict[str, Any]]:
    return server.harness.ledger.rows(
        "SELECT next_at, unanswered_at FROM deliveries WHERE channel_id = ? AND reason = 'rate limited'"
        " AND kind = 'outcome'",
        server.channel.id,
    )
