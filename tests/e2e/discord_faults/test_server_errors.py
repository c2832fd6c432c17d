"""5xx and broken connections during an outcome's post, before and after Discord stored it."""

from __future__ import annotations

import asyncio
from typing import get_args

import pytest

from sandbox.discord_wire import Cut, Status
from sandbox.discord_wire.faults import When
from sandbox.discord_wire.recording import RecordedRequest
from sandbox.pixverse_api.jobs import Job
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness

pytestmark = pytest.mark.asyncio(loop_scope="module")

_TROUBLES: dict[str, Status | Cut] = {
    "500": Status(500),
    "502": Status(502),
    "503": Status(503),
    "504": Status(504),
    "cut": Cut(),
}
_WHENS: tuple[When, ...] = get_args(When)


def is_outcome(call: RecordedRequest) -> bool:
    return "outcome:details" in str(call.json)


async def _suffer(server: GuildFixture, trouble: str, when: When, job: Job) -> tuple[str, When, int, int, bool]:
    """Runs into the fault once. Returns its hits, the number of outcomes, and whether the file's bytes are right."""
    await server.status(job)
    path = f"/channels/{server.channel.id}/messages"
    fault = server.harness.discord.faults.add(
        method="POST", path=path, when=when, action=_TROUBLES[trouble], match=is_outcome
    )
    job.complete()
    outcome = await server.outcome()
    fits = [file.content for file in outcome.attachments] == [job.videos[0].content]
    return trouble, when, fault.hits, len(server.outcomes()), fits


async def _suffer_at_cards(server: GuildFixture) -> None:
    """A card whose response was lost and which can't be edited delays no outcome and is not posted twice."""
    faults, path = server.harness.discord.faults, f"/channels/{server.channel.id}/messages"
    lost = faults.add(method="POST", path=path, when="after", action=Cut(), match=lambda call: not is_outcome(call))
    job = await server.watched()
    await server.settled()
    edits = faults.add(method="PATCH", path=f"{path}/[0-9]+", action=Status(503), times=None)
    job.complete()
    outcome = await server.outcome()
    await server.harness.discord.until(lambda: edits.hits)
    assert lost.hits == 1
    assert [card.id for card in server.cards()] == [outcome.reference_id]


async def test_every_server_error_in_its_own_channel(harness: Harness) -> None:
    """All run at once, because the waits between attempts are real. A channel without faults doesn't wait for them.

    The v2 jobs are those whose outcomes are stored before the fault.
    """
    cases = [(trouble, when) for trouble in _TROUBLES for when in _WHENS]
    servers = [await harness.server() for _ in cases]
    jobs = []
    for server, (_, when) in zip(servers, cases, strict=True):
        harness.generation = "v2" if when == "after" else "v1"
        jobs.append(server.job())
    harness.generation = "v1"
    untroubled = await harness.server()
    cards = asyncio.create_task(_suffer_at_cards(await harness.server()))
    suffering = asyncio.gather(
        *(_suffer(server, *case, job) for server, case, job in zip(servers, cases, jobs, strict=True))
    )
    job = await untroubled.watched()
    job.complete()
    await untroubled.outcome()
    assert not suffering.done()
    assert await suffering == [(trouble, when, 1, 1, True) for trouble, when in cases]
    await cards
    assert harness.bot.said("Traceback") == []
