"""Invariants for several bots, checked in the sandbox's log. Each function returns the violations."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

Event = Mapping[str, Any]

COMMAND, BUTTON, FORM = 2, 3, 5
_DEFERRED = (5, 6)
_ANSWER_S = 3.0
_IDENTIFY_S = 5.0
_REQUESTS_A_SECOND = 50
_OF_INTERACTIONS = ("/interactions/", "/webhooks/")


def one_outcome_each(events: Sequence[Event], expected: Collection[tuple[str, int]]) -> list[str]:
    """Each channel has exactly one message about each job's end, not counting deleted messages.

    `expected` are ids of jobs as messages show them, and channels. An outcome has the button `Details`.
    """
    told: dict[tuple[str, int], set[str]] = {pair: set() for pair in expected}
    deleted = {event["message"] for event in events if event["event"] == "delete" and _done(event)}
    for event in events:
        if event["event"] != "post" or not _done(event) or event["message"] in deleted:
            continue
        if "outcome:details" not in str(event.get("components")):
            continue
        text = event.get("content", "").replace("\\", "")
        for (jobid, channel), found in told.items():
            if channel == int(event["channel"]) and jobid in text:
                found.add(event["message"])
    wrong = {pair: len(found) for pair, found in told.items() if len(found) != 1}
    return [f"{number} outcomes of {jobid} in {channel}" for (jobid, channel), number in wrong.items()]


def every_command_is_answered(events: Sequence[Event]) -> list[str]:
    """One bot acknowledges each command, click and form within three seconds, and completes what it deferred."""
    asked = {
        event["interaction"]: event
        for event in events
        if event["event"] == "interaction" and event.get("kind") in (COMMAND, BUTTON, FORM)
    }
    acknowledged: dict[int, list[Event]] = defaultdict(list)
    replied = set()
    for event in events:
        if event["event"] == "acknowledge" and _done(event):
            acknowledged[event["interaction"]].append(event)
        elif event["event"] == "reply" and _done(event):
            replied.add(event["interaction"])
    broken = []
    for interaction, event in asked.items():
        answers = acknowledged[interaction]
        if len(answers) != 1:
            broken.append(f"interaction {interaction} has {len(answers)} answers; {event['callers']} got it")
        elif answers[0]["at"] - event["at"] > _ANSWER_S:
            broken.append(f"interaction {interaction} was answered after {answers[0]['at'] - event['at']:.1f} s")
        elif answers[0]["type"] in _DEFERRED and interaction not in replied:
            broken.append(f"interaction {interaction} was deferred by {answers[0].get('caller')} and left")
    return broken


def identifies_are_spaced(events: Iterable[Event], max_concurrency: int) -> list[str]:
    """Discord refused no IDENTIFY, and across all bots those of a bucket are five seconds apart."""
    broken, times = [], defaultdict(list)
    for event in events:
        if event["event"] == "identify":
            times[event["shard"] % max_concurrency].append(event["at"])
            if event["outcome"] != "accepted":
                broken.append(f"{event.get('caller')}: an IDENTIFY of shard {event['shard']} was {event['outcome']}")
    for bucket, moments in times.items():
        gaps = [later - earlier for earlier, later in pairwise(moments)]
        broken += [f"bucket {bucket}: {gap:.2f} s between two IDENTIFYs" for gap in gaps if gap < _IDENTIFY_S]
    return broken


def fifty_requests_a_second(events: Iterable[Event]) -> list[str]:
    """All bots together never exceed 50 requests a second to Discord, not counting interactions."""
    latest: deque[float] = deque()
    broken = []
    for event in events:
        path = event.get("path", "")
        if "method" not in event or event["event"] == "api" or path.startswith(_OF_INTERACTIONS):
            continue
        latest.append(event["at"])
        while event["at"] - latest[0] >= 1.0:
            latest.popleft()
        if len(latest) > _REQUESTS_A_SECOND:
            broken.append(f"{len(latest)} requests in a second, the last by {event.get('caller')}")
    return broken


def one_session_a_shard(events: Iterable[Event], handover_s: float) -> list[str]:
    """Two bots are connected for the same shard only during a handover of limited length."""
    open_: dict[int, dict[str, str]] = defaultdict(dict)
    since: dict[int, float] = {}
    broken, last = [], 0.0
    for event in events:
        last = event["at"]
        began = event["event"] == "identify" and event["outcome"] == "accepted"
        resumed = event["event"] == "resume" and event["outcome"] == "resumed"
        if not (began or resumed or event["event"] == "close"):
            continue
        shard, sessions = event["shard"], open_[event["shard"]]
        if event["event"] == "close":
            sessions.pop(event["session"], None)
        else:
            sessions[event["session"]] = event.get("caller", "")
        if len(set(sessions.values())) > 1:
            since.setdefault(shard, event["at"])
        elif shard in since:
            broken += _too_long(shard, event["at"] - since.pop(shard), handover_s)
    for shard, began_at in since.items():
        broken += _too_long(shard, last - began_at, handover_s)
    return broken


def _too_long(shard: int, seconds: float, most: float) -> list[str]:
    return [f"shard {shard} had two bots for {seconds:.1f} s"] if seconds > most else []


def one_request_an_interval(
    events: Iterable[Event], interval_s: float, handovers: Collection[tuple[float, float]] = ()
) -> list[str]:
    """All bots together request a job once per interval, except while accounts move between processes."""
    before: dict[str, Event] = {}
    broken = []
    for event in events:
        if event["event"] != "api" or "jobid" not in event:
            continue
        earlier, before[event["jobid"]] = before.get(event["jobid"]), event
        if earlier is None or any(begin <= event["at"] <= end for begin, end in handovers):
            continue
        gap = event["at"] - earlier["at"]
        if gap < interval_s:
            who = " and ".join(dict.fromkeys((earlier.get("caller", ""), event.get("caller", ""))))
            broken.append(f"{event['jobid']} was asked for twice in {gap:.2f} s by {who}")
    return broken


def _done(event: Event) -> bool:
    status = event.get("status")
    return status is not None and status < 300
