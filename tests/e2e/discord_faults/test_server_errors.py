"""5xx and broken connections at an outcome, before and after Discord stored it."""

from __future__ import annotations

import asyncio
from typing import get_args

import pytest

from sandbox.discord_wire import Cut, Status
from sandbox.discord_wire.faults import When
from sandbox.discord_wire.recording import RecordedRequest
from sandbox.pixverse_api.jobs import Job
from tests.e2e.stage import Stage
from tests.e2e.town import Town

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


async def _suffer(town: Town, trouble: str, when: When, job: Job) -> tuple[str, When, int, int, bool]:
    """Meets the trouble once; tells how often it was met, how many outcomes there are, and whether the bytes fit."""
    await town.status(job)
    path = f"/channels/{town.channel.id}/messages"
    fault = town.stage.discord.faults.add(
        method="POST", path=path, when=when, action=_TROUBLES[trouble], match=is_outcome
    )
    job.complete()
    outcome = await town.outcome()
    fits = [file.content for file in outcome.attachments] == [job.videos[0].content]
    return trouble, when, fault.hits, len(town.outcomes()), fits


async def _suffer_at_cards(town: Town) -> None:
    """A card whose answer was lost, and which can't be edited afterwards, holds up no outcome and is not doubled."""
    faults, path = town.stage.discord.faults, f"/channels/{town.channel.id}/messages"
    lost = faults.add(method="POST", path=path, when="after", action=Cut(), match=lambda call: not is_outcome(call))
    job = await town.watched()
    await town.settled()
    edits = faults.add(method="PATCH", path=f"{path}/[0-9]+", action=Status(503), times=None)
    job.complete()
    outcome = await town.outcome()
    await town.stage.discord.until(lambda: edits.hits)
    assert lost.hits == 1
    assert [card.id for card in town.cards()] == [outcome.reference_id]


async def test_every_trouble_in_a_channel_of_its_own(stage: Stage) -> None:
    """All at once, since the waits between attempts are real; a channel without trouble does not wait for them.

    Of v2 are the jobs whose outcomes are stored before the trouble comes.
    """
    cases = [(trouble, when) for trouble in _TROUBLES for when in _WHENS]
    towns = [await stage.town() for _ in cases]
    jobs = []
    for town, (_, when) in zip(towns, cases, strict=True):
        stage.generation = "v2" if when == "after" else "v1"
        jobs.append(town.job())
    stage.generation = "v1"
    untroubled = await stage.town()
    cards = asyncio.create_task(_suffer_at_cards(await stage.town()))
    suffering = asyncio.gather(*(_suffer(town, *case, job) for town, case, job in zip(towns, cases, jobs, strict=True)))
    job = await untroubled.watched()
    job.complete()
    await untroubled.outcome()
    assert not suffering.done()
    assert await suffering == [(trouble, when, 1, 1, True) for trouble, when in cases]
    await cards
    assert stage.bot.said("Traceback") == []
