"""A reply that Discord refuses at first is sent again, so that no reply is left at "is thinking"."""

from __future__ import annotations

import pytest

from sandbox.discord_wire import Cut, Hold, RateLimit, Status
from tests.e2e.guild_fixture import GuildFixture

pytestmark = pytest.mark.asyncio(loop_scope="module")

_ANSWER = r"/webhooks/\d+/[^/]+/messages/@original"
_MORE_THAN_DISCORD_PY_TRIES = 6


@pytest.mark.parametrize(
    ("trouble", "times"),
    [
        pytest.param(Cut(), 1, id="cut"),
        pytest.param(RateLimit(0.1, "user"), _MORE_THAN_DISCORD_PY_TRIES, id="429"),
        pytest.param(RateLimit(1.0, "cloudflare"), 1, id="cloudflare"),
    ],
)
async def test_a_reply_arrives_whatever_fails(server: GuildFixture, trouble: Cut | RateLimit, times: int) -> None:
    discord = server.harness.discord
    fault = discord.faults.add(method="PATCH", path=_ANSWER, when="before", action=trouble, times=times)
    try:
        answer = await server.member.slash(server.channel, "pixverse list")
    finally:
        discord.faults.remove(fault)
    assert fault.hits == times
    assert answer.text.startswith("**Nothing is being watched here.**")


async def test_a_reply_that_discord_refuses_for_its_words_is_replaced(server: GuildFixture) -> None:
    discord = server.harness.discord
    job = await server.watched(prompt="A forbiddenword fox")
    fault = discord.faults.add(
        method="PATCH",
        path=_ANSWER,
        when="before",
        action=Status(400, 200000),
        times=None,
        match=lambda call: "forbiddenword" in str(call.json),
    )
    try:
        answer = await server.use("pixverse list")
        private = await server.status(job, private=True)
    finally:
        discord.faults.remove(fault)
    for refused in (answer, private):
        assert refused.text == "**Discord won't let me show this here.** AutoMod blocked its text."


_POST = r"/channels/{}/messages"


async def test_a_reply_does_not_wait_for_its_card(server: GuildFixture) -> None:
    """The link to the card is added by an edit once the card is posted."""
    discord = server.harness.discord
    held = Hold()
    discord.faults.add(method="POST", path=_POST.format(server.channel.id), action=held)
    answer = await server.status(server.job())
    assert not held.release.is_set()
    assert answer.text == "**Watching.** I'll post the result here and ping you."
    held.release.set()
    (card,) = await discord.until(server.cards)
    await discord.until(lambda: f"/{card.id})" in answer.text)
    assert answer.text.startswith("**Watching.** I'll post the result here and ping you. [Jump to the card](")
    assert [button.label for button in answer.buttons] == ["Don't ping me", "Stop watching"]


async def test_a_second_person_s_reply_links_to_a_card_that_comes_later(server: GuildFixture) -> None:
    discord = server.harness.discord
    held = Hold()
    discord.faults.add(method="POST", path=_POST.format(server.channel.id), action=held)
    job = server.job()
    await server.status(job)
    answer = await server.status(job, by=server.admin)
    assert answer.text == "**Already watched here.** I'll ping you."
    held.release.set()
    (card,) = await discord.until(server.cards)
    await discord.until(lambda: f"/{card.id})" in answer.text)


async def test_a_reply_does_not_wait_for_its_summary(server: GuildFixture) -> None:
    discord = server.harness.discord
    held = Hold()
    discord.faults.add(method="POST", path=_POST.format(server.channel.id), action=held)
    answer = await server.member.slash(
        server.channel, "pixverse watch", jobids=f"{server.job().jobid} {server.job().jobid}"
    )
    assert answer.text == "**Watching 2 jobs.** I'll ping you once, when the last one ends."
    held.release.set()
    await discord.until(lambda: "[Jump to the summary](" in answer.text)


async def test_a_card_refused_late_is_reported_by_editing_the_reply(server: GuildFixture) -> None:
    discord = server.harness.discord
    path = _POST.format(server.channel.id)
    discord.faults.add(method="POST", path=path, action=RateLimit(0.6, "shared"))
    discord.faults.add(method="POST", path=path, action=Status(403, 50001), times=None)
    answer = await server.status(server.job())
    assert answer.text.startswith("**Watching.**")
    await discord.until(lambda: answer.text.startswith("**I can't post here yet.** Discord refuses it"))
    assert [button.label for button in answer.buttons] == ["Don't ping me", "Stop watching"]


async def test_what_a_button_wrote_into_the_reply_is_not_overwritten(server: GuildFixture) -> None:
    discord = server.harness.discord
    held = Hold()
    discord.faults.add(method="POST", path=_POST.format(server.channel.id), action=held)
    job = server.job()
    answer = await server.status(job)
    quiet = await server.member.click(answer, "Don't ping me")
    held.release.set()
    await discord.until(server.cards)
    job.complete()
    await server.outcome()
    assert quiet.updated is not None
    assert quiet.updated.text.startswith("**You won't be pinged.**")
