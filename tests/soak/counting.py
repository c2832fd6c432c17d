"""Checks the result of every job: compares the channels with the API's jobs and the bot's database."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from sandbox.discord_wire import Message
from tests.e2e.harness import Harness
from tests.soak.feeding import Feeding
from tests.soak.soak_channels import SoakChannel

_JOB_ID = re.compile(r"job:[\w:./-]+")
_NUMBER = re.compile(r"-# .* · #(\d+)")
"""Part of every outcome; the fallback without the API's words has it, but not the id. A v2 id is masked."""
_SUBSCRIPTIONS = """
SELECT s.channel_id, j.jobid, j.id AS number, d.state, d.variant, d.message_id, d.reason FROM subscriptions s
JOIN jobs j ON j.id = s.job_id
LEFT JOIN deliveries d ON d.subscription_id = s.id AND d.kind LIKE 'outcome%'
"""

Key = tuple[str, int]
"""A job id and a channel."""


@dataclass
class Count:
    """The figures, and a line for each violation."""

    expected: int = 0
    posted: int = 0
    unsure: int = 0
    """Nobody can know whether it was posted: Discord has forgotten the nonce, and the history can't be read."""
    cards: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)

    def fault(self, kind: str, what: object) -> None:
        self.faults[kind] += 1
        self.lines.append(f"{kind}: {what}")


def unsettled(harness: Harness, feeding: Feeding) -> list[Key]:
    """The outcomes that are still due, and the channels in which any other message is due."""
    running = {job.jobid for job in feeding.open}
    rows = harness.ledger.rows(_SUBSCRIPTIONS)
    ended = [row for row in rows if row["jobid"] not in running]
    late = [_key(row) for row in ended if row["state"] not in {"posted", "unsure", "given_up"}]
    others = harness.ledger.rows("SELECT channel_id FROM deliveries WHERE state IN ('waiting', 'sending')")
    return late + [("another message", row["channel_id"]) for row in others]


def count(harness: Harness, feeding: Feeding, targets: list[SoakChannel]) -> Count:
    """Counts everything. Call it only while nothing is in flight."""
    result = Count()
    messages = {target.channel.id: target.channel.messages(of_bot=True) for target in targets}
    rows = {_key(row): row for row in harness.ledger.rows(_SUBSCRIPTIONS)}
    found = _outcomes(messages, {str(row["number"]): row["jobid"] for row in rows.values()}, result)
    for one in feeding.asked:
        if one.confirmed and (one.job.jobid, one.target.channel.id) not in rows:
            result.fault("lost", f"{one.job.jobid} was promised in channel {one.target.channel.id}")
    readable = {target.channel.id: target.readable for target in targets}
    running = {job.jobid for job in feeding.open}
    for key, row in rows.items():
        there = found.pop(key, [])
        if key[0] in running:
            if there:
                result.fault("too early", key)
            continue
        result.expected += 1
        _judge(result, feeding, row, there, readable=readable[key[1]])
    for key in found:
        result.fault("in a wrong channel", key)
    _count_others(harness, messages, result)
    return result


def _outcomes(messages: dict[int, list[Message]], by_number: dict[str, str], result: Count) -> dict[Key, list[Message]]:
    found: dict[Key, list[Message]] = defaultdict(list)
    for channel_id, posted in messages.items():
        for message in posted:
            if "Details" not in message.labels:
                continue
            jobids = set(_JOB_ID.findall(message.text)) or {by_number[n] for n in _NUMBER.findall(message.text)}
            if len(jobids) != 1:
                result.fault("unreadable", message.text)
            else:
                found[jobids.pop(), channel_id].append(message)
    return found


def _judge(result: Count, feeding: Feeding, row: dict[str, Any], there: list[Message], *, readable: bool) -> None:
    about = dict(row)
    if len(there) > 1:
        result.fault("doubled", {**about, "messages": [message.id for message in there]})
        return
    if row["state"] == "unsure" and not readable:
        result.unsure += 1
        return
    if not there:
        result.fault("lost", about)
        return
    (message,) = there
    result.posted += 1
    if row["message_id"] != message.id:
        result.fault("not known", {**about, "message": message.id})
    sent = [attachment.content for attachment in message.attachments]
    videos = [video.content for video in feeding.jobs[row["jobid"]].videos]
    if sent != videos and not (row["variant"] and set(sent) <= set(videos)):
        result.fault("with wrong bytes", {**about, "sizes": [len(content) for content in sent]})


def _count_others(harness: Harness, messages: dict[int, list[Message]], result: Count) -> None:
    """Checks cards and summaries: the bot knows each one, so none is posted twice."""
    rows = harness.ledger.rows("SELECT channel_id, state, message_id FROM deliveries WHERE kind IN ('card', 'summary')")
    known = {row["message_id"] for row in rows}
    unsure = Counter(row["channel_id"] for row in rows if row["state"] == "unsure")
    for channel_id, posted in messages.items():
        cards = [message for message in posted if message.components_v2]
        unknown = [message for message in cards if message.id not in known]
        result.cards += len(cards)
        # A message that the bot can't know of may have been posted after all.
        for message in unknown[unsure[channel_id] :]:
            result.fault("a card that the bot does not know", (channel_id, message.id, message.text))


def _key(row: dict[str, Any]) -> Key:
    return row["jobid"], row["channel_id"]
