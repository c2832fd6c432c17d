"""Connections to the gateway that end, in the middle of work, in every way that a client comes back from."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.discord_wire import Hold
from tests.e2e.stage import Stage
from tests.e2e.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="module")

_RESUMABLE = (1000, 1001, 4000, 4001, 4002, 4003, 4005, 4008)
"""4007 and 4009 end the session too, which Discord says to the attempt to resume it."""


async def _goes_on(town: Town) -> None:
    """Commands are heard, and results come."""
    job = await town.watched()
    job.complete()
    await town.outcome()
    assert town.stage.bot.said("Traceback") == []


async def _again(stage: Stage, *, resumed: int, identified: int) -> None:
    gateway = stage.discord.gateway
    await stage.discord.until(lambda: (gateway.resumed, gateway.identified) == (resumed, identified), 15)


async def test_sessions_that_can_be_resumed(stage: Stage, town: Town) -> None:
    gateway = stage.discord.gateway
    identified, resumed = gateway.identified, gateway.resumed
    for count, code in enumerate(_RESUMABLE, start=1):
        await gateway.close(code)
        await _again(stage, resumed=resumed + count, identified=identified)
    await _goes_on(town)


async def test_being_asked_to_reconnect(stage: Stage, town: Town) -> None:
    gateway = stage.discord.gateway
    identified, resumed = gateway.identified, gateway.resumed
    gateway.ask_to_reconnect()
    await _again(stage, resumed=resumed + 1, identified=identified)
    await _goes_on(town)


async def test_what_was_missed_is_replayed(stage: Stage, town: Town) -> None:
    """A permission that was given back while nobody listened."""
    job = await town.watched()
    town.channel.deny_bot(send_messages=True)
    job.complete()
    await stage.pixverse.until(lambda: bool(stage.ledger.rows(_BLOCKED, town.channel.id)))
    gateway = stage.discord.gateway
    gateway.cut()
    town.channel.allow_bot(send_messages=True)
    await town.outcome()


_BLOCKED = "SELECT id FROM deliveries WHERE channel_id = ? AND kind = 'outcome' AND blocked_since IS NOT NULL"


async def test_sessions_that_are_forgotten_in_the_middle_of_work(stage: Stage, town: Town) -> None:
    """Opcode 9, and 4009 with a session that is gone; discord.py leaves five seconds between two log-ins."""
    gateway = stage.discord.gateway
    other = await stage.town()
    held_job, job = await town.watched(), await other.watched()
    hold = Hold()
    stage.discord.faults.add(
        method="POST", path=f"/channels/{town.channel.id}/messages", when="after", action=hold, match=_is_outcome
    )
    held_job.complete()
    await stage.discord.until(hold.reached.is_set)
    identified = gateway.identified
    gateway.invalidate()
    job.complete()
    await other.outcome()  # needs no gateway
    hold.release.set()
    await town.outcome()
    await stage.discord.until(lambda: gateway.identified == identified + 1, 15)
    await stage.discord.until(lambda: stage.discord.bot_connected)
    await asyncio.gather(_goes_on(await stage.town()), _goes_on(await stage.town()))


def _is_outcome(call: object) -> bool:
    return "outcome:details" in str(getattr(call, "json", ""))
