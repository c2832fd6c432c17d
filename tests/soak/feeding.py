"""People who ask for jobs of both generations, and jobs that end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random

from sandbox.discord_wire import NotAnswered, NotPossible
from sandbox.pixverse_api.jobs import Job
from sandbox.pixverse_api.service import is_v2
from tests.e2e.harness import Harness
from tests.soak.soak_channels import SoakChannel

_PATIENCE_SECONDS = 8.0
_TAKEN = ("**Watching", "**Already watched", "**Already posted")


@dataclass(slots=True)
class RequestedJob:
    """A job that somebody asked for in a channel."""

    job: Job
    target: SoakChannel
    confirmed: bool = False
    """The bot has said that the result will come; from then on it may not be lost."""


class Feeding:
    """Makes all decisions with the given `Random`, so that a seed repeats a run as far as timing allows."""

    def __init__(self, harness: Harness, targets: list[SoakChannel]) -> None:
        self._harness = harness
        self._targets = targets
        self.jobs: dict[str, Job] = {}
        self.open: list[Job] = []
        """Jobs that haven't ended."""
        self.asked: list[RequestedJob] = []
        self._waiting: set[asyncio.Task[None]] = set()

    def ask(self, chance: Random) -> None:
        """Somebody uses a command. The bot may be killed before it replies."""
        target = chance.choice(self._targets)
        kind = chance.random()
        if kind < 0.15:
            self._watch(target, [self._new_job(target, chance) for _ in range(chance.randint(2, 4))])
        elif kind < 0.25 and self.open:
            self._status_elsewhere(chance)
        elif kind < 0.3:
            job = self._new_job(target, chance)
            self.end(job, chance)
            self._status(target, job, mention=True)
        else:
            self._status(target, self._new_job(target, chance), mention=chance.random() < 0.7)

    def end_one(self, chance: Random) -> None:
        """Ends one of the open jobs in one of the ways in which jobs end."""
        if self.open:
            self.end(chance.choice(self.open), chance)

    def end(self, job: Job, chance: Random) -> None:
        """Ends the job."""
        self.open.remove(job)
        if is_v2(job.jobid):
            _end_v2(job, chance.random())
        else:
            _end_v1(job, chance)

    async def answered(self) -> None:
        """Waits until every command has its reply, or can't get one any more."""
        await asyncio.gather(*self._waiting)

    # ---- commands ---------------------------------------------------------------------------------------------------

    def _new_job(self, target: SoakChannel, chance: Random) -> Job:
        self._harness.generation = chance.choice(("v1", "v2"))
        job = target.server.job()
        job.set("progress", percent=10)
        self.jobs[job.jobid] = job
        self.open.append(job)
        return job

    def _status_elsewhere(self, chance: Random) -> None:
        job = chance.choice(self.open)
        self._status(
            chance.choice([target for target in self._targets if target.server.account is job.account]),
            job,
            mention=True,
        )

    def _status(self, target: SoakChannel, job: Job, *, mention: bool) -> None:
        self._begin(target, [job], "pixverse status", jobid=job.jobid, mention=mention)

    def _watch(self, target: SoakChannel, jobs: list[Job]) -> None:
        self._begin(target, jobs, "pixverse watch", jobids=" ".join(job.jobid for job in jobs))

    def _begin(self, target: SoakChannel, jobs: list[Job], command: str, **options: object) -> None:
        asked = [RequestedJob(job, target) for job in jobs]
        self.asked += asked
        task = asyncio.create_task(self._use(target, asked, command, options))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _use(
        self, target: SoakChannel, asked: list[RequestedJob], command: str, options: dict[str, object]
    ) -> None:
        try:
            answer = await target.server.member.slash(target.channel, command, timeout_s=_PATIENCE_SECONDS, **options)
        except (NotAnswered, NotPossible):
            return
        taken = answer.text.startswith(_TAKEN) or "** Posting the " in answer.text
        if taken and "left out.**" not in answer.text:
            for one in asked:
                one.confirmed = True


def _end_v1(job: Job, chance: Random) -> None:
    kind = chance.random()
    if kind < 0.75:
        job.complete(videos=chance.choice((1, 1, 1, 2)))
    elif kind < 0.8:
        job.complete(videos=0)
    elif kind < 0.87:
        job.fail("Generation failed", "The GPU melted")
    elif kind < 0.92:
        job.fail("Moderated", "Not allowed", status="moderated")
    elif kind < 0.96:
        job.cancel()
    else:
        job.expire()


def _end_v2(job: Job, kind: float) -> None:
    """A v2 job has one file, isn't cancelled, and expires only like one that is gone, which takes a minute."""
    if kind < 0.8:
        job.complete()
    elif kind < 0.9:
        job.fail("Generation failed", "The GPU melted")
    else:
        job.fail("Moderated", "Not allowed", status="moderated")
