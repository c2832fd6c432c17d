"""Permissions that the bot lacks in a channel, before and after somebody watches there, and their return."""

from __future__ import annotations

import asyncio
import re

import pytest

from sandbox.discord_wire import Channel, Message
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness

pytestmark = pytest.mark.asyncio(loop_scope="module")

_NEEDED = {"view_channel": "View Channel", "send_messages": "Send Messages"}
_POORER = {
    "attach_files": "Attach Files",
    "embed_links": "Embed Links",
    "read_message_history": "Read Message History",
}
_BLOCKED = "SELECT id FROM deliveries WHERE channel_id = ? AND kind = 'outcome' AND blocked_since IS NOT NULL"


def _channels(server: GuildFixture, names: dict[str, str]) -> dict[str, Channel]:
    return {name: server.guild.add_text_channel(name.replace("_", "-")) for name in names}


async def test_before_anybody_watches(server: GuildFixture) -> None:
    """Without the first two, nothing can be watched. The others only reduce the result, in that channel alone."""
    refused, poorer = _channels(server, _NEEDED), _channels(server, _POORER)
    for name, channel in (refused | poorer).items():
        channel.deny_bot(**{name: True})
    for name, channel in refused.items():
        answer = await server.status(server.job(), channel=channel)
        assert answer.text.startswith("**I can't post in this channel.**")
        assert f"*{_NEEDED[name]}*" in answer.text
    job = server.job()
    for channel in poorer.values():
        assert (await server.status(job, channel=channel)).text.startswith("**Watching.**")
    job.complete()
    outcomes = dict(zip(poorer, await asyncio.gather(*map(server.outcome, poorer.values())), strict=True))
    assert [len(outcome.attachments) for outcome in outcomes.values()] == [0, 1, 1]
    assert [_is_reply(server, outcome) for outcome in outcomes.values()] == [True, True, False]
    assert server.harness.bot.said("Traceback") == []


async def test_check_now_promises_no_result_that_cannot_be_posted(server: GuildFixture) -> None:
    job = await server.watched()
    card = server.cards()[0]
    server.channel.deny_bot(send_messages=True)
    job.complete()
    blocked = server.harness.ledger.rows
    await server.harness.pixverse.until(lambda: bool(blocked(_BLOCKED, server.channel.id)))
    answer = await server.member.forge_click(server.channel, card.buttons[0].custom_id or "", message=card)
    assert answer.text.startswith("**I can't post here yet.** I need: *Send Messages*.\n**Done.**")


async def test_taken_away_while_somebody_waits_and_given_back(harness: Harness, server: GuildFixture) -> None:
    alerts = server.guild.add_text_channel("alerts")
    await server.admin.slash(server.channel, "pixverse-admin alerts", channel=alerts)
    channels = _channels(server, _NEEDED | _POORER)
    job = await server.watched()
    for channel in channels.values():
        await server.status(job, channel=channel)
        await server.settled(channel)
    for name, channel in channels.items():
        channel.deny_bot(**{name: True})
    job.complete()
    await asyncio.gather(server.outcome(), *(server.outcome(channels[name]) for name in _POORER))
    for name, word in _NEEDED.items():
        await harness.pixverse.until(lambda name=name: bool(harness.ledger.rows(_BLOCKED, channels[name].id)))  # type: ignore[misc]
        notice = await _notice_about(server, alerts, channels[name])
        assert f"*{word}*" in notice.text
        assert server.outcomes(channels[name]) == []
    check = (await server.admin.slash(server.channel, "pixverse-admin check")).text
    assert check.startswith("**1 problem.**\n- 2 results are waiting")
    for name, word in _NEEDED.items():
        assert re.search(rf"I need \*{word}\*[^.<]* in {channels[name].mention}\.", check), check
    assert len(server.notices(alerts)) == len(_NEEDED)
    for name in _NEEDED:
        channels[name].allow_bot(**{name: True})
    outcomes = await asyncio.gather(*(server.outcome(channels[name]) for name in _NEEDED))
    assert [len(outcome.attachments) for outcome in outcomes] == [1, 1]
    assert harness.bot.said("Traceback") == []


@pytest.mark.parametrize("kind", ["voice", "stage"])
async def test_a_voice_channel_s_chat_needs_no_connect(server: GuildFixture, kind: str) -> None:
    """Discord doesn't document Connect as needed to write there. If it were, the person who asks would see the refusal
    at once.
    """
    channel = server.guild.add_voice_channel("hall") if kind == "voice" else server.guild.add_stage_channel("hall")
    channel.deny_bot(connect=True)
    job = server.job()
    assert (await server.status(job, channel=channel)).text.startswith("**Watching.**")
    job.complete()
    assert len((await server.outcome(channel)).attachments) == 1


async def test_threads_need_another_permission_to_post(server: GuildFixture) -> None:
    thread = server.channel.add_thread("results")
    job = server.job()
    await server.status(job, channel=thread)
    server.channel.deny_bot(send_messages=True)
    job.complete()
    await server.outcome(thread)
    server.channel.deny_bot(send_messages_in_threads=True)
    answer = await server.status(server.job(), channel=thread)
    assert "*Send Messages in Threads*" in answer.text


async def _notice_about(server: GuildFixture, alerts: Channel, channel: Channel) -> Message:
    def saying() -> list[Message]:
        return [notice for notice in server.notices(alerts) if channel.mention in notice.text]

    (notice,) = await server.harness.discord.until(saying, what=f"a notice about {channel.name}")
    return notice


def _is_reply(server: GuildFixture, outcome: Message) -> bool:
    return outcome.reference_id is not None
