"""Checks the result of every job: each ended job has one outcome in its channel, with its file, and nothing else."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.discord_wire import Message
from tests.soak.load.crowd import Watched
from tests.soak.load.spread import spread

_FAULTS = ("lost", "doubled", "with wrong bytes", "too early", "in a wrong channel")
_OF_A_JOB = re.compile(r"job:[\w:./-]+|-video:\d+")
"""The part of a job's id in its outcome: all of a v1 id, the end of a v2 id."""


@dataclass
class Judgement:
    """The number of each verdict, the jobs with a bad one, and the seconds from a job's end to its outcome."""

    verdicts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def counted(self) -> str:
        """The verdicts as text."""
        return ", ".join(f"{self.verdicts[name]} {name}" for name in ("posted once", "still open", *_FAULTS))

    @property
    def waited(self) -> str:
        """The seconds as text."""
        return spread(self.seconds)

    def add(self, verdict: str, about: object) -> None:
        self.verdicts[verdict] += 1
        if verdict in _FAULTS:
            self.faults.append(f"{verdict}: {about}")


def judge(watched: Sequence[Watched], ended: Mapping[str, float]) -> Judgement:
    """Checks every channel. `ended` has the jobs that ended, and when by Discord's clock."""
    found = _outcomes(watched)
    judgement = Judgement()
    for one in watched:
        there = found.pop((_OF_A_JOB.findall(one.job.jobid)[0], one.channel.id), [])
        at = ended.get(one.job.jobid)
        judgement.add(_verdict(one, there, ended=at is not None), one.job.jobid)
        if at is not None and there:
            judgement.seconds.append(there[0].time - at)
    for key in found:
        judgement.add("in a wrong channel", key)
    return judgement


def _outcomes(watched: Sequence[Watched]) -> dict[tuple[str, int], list[Message]]:
    found: dict[tuple[str, int], list[Message]] = defaultdict(list)
    for channel in {one.channel.id: one.channel for one in watched}.values():
        for message in channel.messages(of_bot=True):
            if message.labels == ["Details"]:
                named = _OF_A_JOB.search(message.text)
                found[named[0] if named else message.text, channel.id].append(message)
    return found


def _verdict(one: Watched, there: Sequence[Message], *, ended: bool) -> str:
    if not ended:
        return "too early" if there else "still open"
    if not there:
        return "lost"
    if len(there) > 1:
        return "doubled"
    sent = [attachment.content for attachment in there[0].attachments]
    return "posted once" if sent == [video.content for video in one.job.videos] else "with wrong bytes"
