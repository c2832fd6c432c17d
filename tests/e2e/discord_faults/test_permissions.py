"""What the bot may not do in a channel, before and after somebody waits there, and given back."""

from __future__ import annotations

import asyncio
import re

import pytest

from sandbox.discord_wire import Channel, Message
from tests.e2e.stage import Stage
from tests.e2e.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="module")

_NEEDED = {"view_channel": "View Channel", "send_messages": "Send Messages"}
_POORER = {
    "attach_files": "Attach Files",
    "embed_links": "Embed Links",
    "read_message_history": "Read Message History",
}
_BLOCKED = "SELECT id FROM deliveries WHERE channel_id = ? AND kind = 'outcome' AND blocked_since IS NOT NULL"


def _channels(town: Town, names: dict[str, str]) -> dict[str, Channel]:
    return {name: town.guild.add_text_channel(name.replace("_", "-")) for name in names}


async def test_before_anybody_waits(town: Town) -> None:
    """Without the first two nothing is taken; the others make the result poorer, in its own channel only."""
    refused, poorer = _channels(town, _NEEDED), _channels(town, _POORER)
    for name, channel in (refused | poorer).items():
        channel.deny_bot(**{name: True})
    for name, channel in refused.items():
        answer = await town.status(town.job(), channel=channel)
        assert answer.text.startswith("**I can't post in this channel.**")
        assert f"*{_NEEDED[name]}*" in answer.text
    job = town.job()
    for channel in poorer.values():
        assert (await town.status(job, channel=channel)).text.startswith("**Watching.**")
    job.complete()
    outcomes = dict(zip(poorer, await asyncio.gather(*map(town.outcome, poorer.values())), strict=True))
    assert [len(outcome.attachments) for outcome in outcomes.values()] == [0, 1, 1]
    assert [_is_reply(town, outcome) for outcome in outcomes.values()] == [True, True, False]
    assert town.stage.bot.said("Traceback") == []


async def test_taken_away_while_somebody_waits_and_given_back(stage: Stage, town: Town) -> None:
    alerts = town.guild.add_text_channel("alerts")
    await town.admin.slash(town.channel, "pixverse-admin alerts", channel=alerts)
    channels = _channels(town, _NEEDED | _POORER)
    job = await town.watched()
    for channel in channels.values():
        await town.status(job, channel=channel)
        await town.settled(channel)
    for name, channel in channels.items():
        channel.deny_bot(**{name: True})
    job.complete()
    await asyncio.gather(town.outcome(), *(town.outcome(channels[name]) for name in _POORER))
    for name, word in _NEEDED.items():
        await stage.pixverse.until(lambda name=name: bool(stage.ledger.rows(_BLOCKED, channels[name].id)))  # type: ignore[misc]
        notice = await _notice_about(town, alerts, channels[name])
        assert f"*{word}*" in notice.text
        assert town.outcomes(channels[name]) == []
    check = (await town.admin.slash(town.channel, "pixverse-admin check")).text
    assert check.startswith("**1 problem.**\n- 2 results are waiting")
    for name, word in _NEEDED.items():
        assert re.search(rf"I need \*{word}\*[^.<]* in {channels[name].mention}\.", check), check
    assert len(town.notices(alerts)) == len(_NEEDED)
    for name in _NEEDED:
        channels[name].allow_bot(**{name: True})
    outcomes = await asyncio.gather(*(town.outcome(channels[name]) for name in _NEEDED))
    assert [len(outcome.attachments) for outcome in outcomes] == [1, 1]
    assert stage.bot.said("Traceback") == []


@pytest.mark.parametrize("kind", ["voice", "stage"])
async def test_the_text_of_a_voice_channel_needs_no_connect(town: Town, kind: str) -> None:
    """Nobody says that Connect is needed to write there; were it, the asker would hear of the refusal at once."""
    channel = town.guild.add_voice_channel("hall") if kind == "voice" else town.guild.add_stage_channel("hall")
    channel.deny_bot(connect=True)
    job = town.job()
    assert (await town.status(job, channel=channel)).text.startswith("**Watching.**")
    job.complete()
    assert len((await town.outcome(channel)).attachments) == 1


async def test_in_a_thread_send_messages_is_another_permission(town: Town) -> None:
    thread = town.channel.add_thread("results")
    job = town.job()
    await town.status(job, channel=thread)
    town.channel.deny_bot(send_messages=True)
    job.complete()
    await town.outcome(thread)
    town.channel.deny_bot(send_messages_in_threads=True)
    answer = await town.status(town.job(), channel=thread)
    assert "*Send Messages in Threads*" in answer.text


async def _notice_about(town: Town, alerts: Channel, channel: Channel) -> Message:
    def saying() -> list[Message]:
        return [notice for notice in town.notices(alerts) if channel.mention in notice.text]

    (notice,) = await town.stage.discord.until(saying, what=f"a notice about {channel.name}")
    return notice


def _is_reply(town: Town, outcome: Message) -> bool:
    return outcome.reference_id is not None
