"""429 in every form that Discord, and Cloudflare in front of it, have for it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from sandbox.discord_wire import RateLimit
from sandbox.discord_wire.faults import Scope
from tests.e2e.discord_faults.test_server_errors import is_outcome
from tests.e2e.stage import Stage
from tests.e2e.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="module")

_SECONDS = 1.0
_OF_A_CHANNEL: tuple[Scope, ...] = ("user", "shared", "cloudflare")


async def _limited(town: Town, scope: Scope, seconds: float) -> float:
    """For how many seconds the bot left a channel alone that it was told to leave alone."""
    job = await town.watched()
    path = f"/channels/{town.channel.id}/messages"
    fault = town.stage.discord.faults.add(
        method="POST", path=path, action=RateLimit(seconds, scope), times=1, match=is_outcome
    )
    job.complete()
    await town.outcome()
    assert fault.hits == 1
    refused, taken = [call.time for call in town.stage.discord.requests if call.path == path and is_outcome(call)]
    return taken - refused


async def test_a_limit_of_one_channel_holds_up_no_other(stage: Stage) -> None:
    towns = [await stage.town() for _ in _OF_A_CHANNEL]
    untroubled = await stage.town()
    limited = asyncio.gather(
        *(_limited(town, scope, _SECONDS) for town, scope in zip(towns, _OF_A_CHANNEL, strict=True))
    )
    (await untroubled.watched()).complete()
    await untroubled.outcome()
    assert not limited.done()
    assert all(_SECONDS <= waited < 3 * _SECONDS for waited in await limited)
    assert stage.bot.said("Traceback") == []


async def test_a_warning_of_discord_py_that_comes_again_and_again_is_counted(own_stage: Stage) -> None:
    towns = [await own_stage.town() for _ in range(4)]
    await asyncio.gather(*(_limited(town, "user", 0.2) for town in towns))
    assert len(own_stage.bot.said("We are being rate limited")) == 1
    await own_stage.stop()
    assert len(own_stage.bot.said(r"We are being rate limited.* \(came again 3 times\)$")) == 1


async def test_a_wait_too_long_for_discord_py(town: Town) -> None:
    """Over thirty seconds it raises instead of sleeping; the delivery is then put off for as long."""
    job = await town.watched()
    path = f"/channels/{town.channel.id}/messages"
    town.stage.discord.faults.add(method="POST", path=path, action=RateLimit(45.0), match=is_outcome)
    began = time.time()
    job.complete()
    await town.stage.pixverse.until(lambda: bool(_put_off(town)))
    (row,) = _put_off(town)
    assert 40 < row["next_at"] / 1000 - began < 50
    assert row["unanswered_at"] is None


async def test_a_global_limit_stops_everything_and_everything_goes_on(stage: Stage) -> None:
    towns = [await stage.town() for _ in range(3)]
    jobs = [await town.watched() for town in towns]
    fault = stage.discord.faults.add(method="POST", action=RateLimit(1.0, "global"), match=is_outcome)
    for job in jobs:
        job.complete()
    await asyncio.gather(*(town.outcome() for town in towns))
    assert fault.hits == 1
    assert stage.bot.said("Traceback") == []


async def test_what_uses_a_limit_up_is_known_to_be_posted_at_once(stage: Stage) -> None:
    """discord.py sleeps until the limit is over before it hands the answer on."""
    limits = stage.discord.limits
    limits.enabled, limits.messages, limits.window_s = True, 2, 8.0
    try:
        town = await stage.town()
        (await town.watched()).complete()
        await stage.discord.until(lambda: len(town.outcomes()) == 1)
        began = time.monotonic()
        await stage.pixverse.until(lambda: stage.ledger.outcome_states(town.channel.id) == ["posted"])
        assert time.monotonic() - began < limits.window_s - 3
    finally:
        limits.enabled, limits.messages, limits.window_s = False, 5, 5.0
    other = await stage.town()
    (await other.watched()).complete()
    await other.outcome()
    assert stage.bot.said("Traceback") == []


def _put_off(town: Town) -> list[dict[str, Any]]:
    return town.stage.ledger.rows(
        "SELECT next_at, unanswered_at FROM deliveries WHERE channel_id = ? AND reason = 'rate limited'"
        " AND kind = 'outcome'",
        town.channel.id,
    )
