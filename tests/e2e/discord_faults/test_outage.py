"""Discord away altogether, and what the API and people do meanwhile (ten minutes, sped up)."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.discord_wire import Status
from tests.e2e.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_nothing_is_lost_in_an_outage(stage: Stage) -> None:
    """REST answers 503 and the gateway takes no connection, then both are back at once."""
    towns = [await stage.town() for _ in range(4)]
    jobs = [await town.watched() for town in towns]
    away = stage.discord.faults.add(action=Status(503), times=None)
    stage.discord.gateway.closed = True
    stage.discord.gateway.cut()
    for job in jobs:
        job.complete()
    await stage.discord.until(lambda: away.hits >= len(jobs))
    assert [town.outcomes() for town in towns] == [[]] * 4
    stage.discord.faults.remove(away)
    stage.discord.gateway.closed = False
    outcomes = await asyncio.gather(*(town.outcome(timeout=15) for town in towns))
    assert [len(outcome.attachments) for outcome in outcomes] == [1] * 4
    await stage.discord.until(lambda: stage.discord.bot_connected, 20)
    assert (await towns[0].status(jobs[0])).text.startswith("**Already posted here.**")
    assert stage.bot.said("Traceback") == []
