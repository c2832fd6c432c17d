"""What cards show while their jobs run. Edits are five seconds apart, so the tests wait for all cards at once."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from tests.e2e.conftest import Build
from tests.e2e.harness import Harness

pytestmark = pytest.mark.asyncio(loop_scope="module")

_INTERVAL = 2.0
_APART = 5.0
_PATIENCE = 6 * _APART


async def test_cards_follow_their_jobs_in_place_and_not_too_often(harness: Harness) -> None:
    progress, unknown, refused, unpaid, other = [await harness.server() for _ in range(5)]
    servers = (progress, unknown, refused, unpaid, other)
    jobs = [await server.watched() for server in servers]
    cards = [server.cards()[0] for server in servers]
    jobs[0].set("progress", percent=15)
    jobs[1].set("upscaling")
    refused.account.refuse()
    unpaid.account.unpaid()
    other.account = harness.account()
    await other.set_token()
    asked = harness.pixverse.asked(jobs[0])
    await harness.pixverse.until(lambda: harness.pixverse.asked(jobs[0]) > asked + 1)
    jobs[0].set("progress", percent=46)

    shown = await asyncio.gather(
        progress.card_says("**In progress: 46%.**", timeout=_PATIENCE),
        unknown.card_says('**PixVerse says "upscaling".**', timeout=_PATIENCE),
        refused.card_says("**On hold: useapi.net refuses", timeout=_PATIENCE),
        unpaid.card_says("**On hold: this server's useapi.net subscription has expired.**", timeout=_PATIENCE),
        other.card_says("**On hold: the new API token is for a different account.**", timeout=_PATIENCE),
    )

    assert [card.id for card in shown] == [card.id for card in cards]
    for server, card in zip(servers, cards, strict=True):
        path = f"/channels/{server.channel.id}/messages/{card.id}"
        edits = [call for call in harness.discord.requests if call.method == "PATCH" and call.path == path]
        times = [card.time, *(edit.time for edit in edits)]
        assert len(edits) in (1, 2)
        assert all(later - earlier >= _APART - 0.5 for earlier, later in pairwise(times))
    assert [card.labels for card in shown[2:]] == [["Stop watching"]] * 3


async def test_three_young_jobs_each_have_an_up_to_date_card(build: Build) -> None:
    """Also where a list would answer for all of them: that tells no progress."""
    harness = await build(POLL_INTERVAL=str(_INTERVAL))
    await harness.start()
    server = await harness.server()
    channels = [server.channel, server.guild.add_text_channel("more"), server.guild.add_text_channel("most")]
    jobs = [server.job() for _ in channels]
    for job, channel in zip(jobs, channels, strict=True):
        await server.status(job, channel=channel)
        await harness.discord.until(lambda channel=channel: server.cards(channel), what="the card")  # type: ignore[misc]

    for percent in (15, 46):
        for job in jobs:
            job.set("progress", percent=percent)
        await harness.discord.until(
            lambda percent=percent: all(  # type: ignore[misc]
                server.cards(channel)[0].text.startswith(f"**In progress: {percent}%.**") for channel in channels
            ),
            timeout=_INTERVAL + _APART + 2,
            what="cards that keep up",
        )
