"""The API without HTTP: accounts, jobs, sweeps, and what each call does."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping
from dataclasses import replace

from sandbox.pixverse_api.accounts import Account, Accounts, Channel
from sandbox.pixverse_api.bodies import EXPIRED, Answer, button_used, refusal, too_many_jobs, unknown_job
from sandbox.pixverse_api.cdn_links import CdnFiles
from sandbox.pixverse_api.jobs import Job, JobContext, JobListener, Record, RecordState
from sandbox.pixverse_api.lists import Lists
from sandbox.pixverse_api.stamps import Clock, compact, iso
from sandbox.pixverse_api.sweeps import Seconds, Sweeper
from sandbox.pixverse_api.timelines import Timeline, completed, ordinary, step

_MOST_JOBS = 10
_NOT_IN_RECORD = frozenset({"jobid", "hd_quality", "discord", "server", "channel", "maxJobs"})


def is_v2(jobid: str) -> bool:
    """Whether an id is one of v2."""
    return jobid.startswith("user:")


class Service:
    """Everything that the API remembers."""

    def __init__(self, clock: Clock, rng: random.Random, sweep_seconds: Seconds, listener: JobListener) -> None:
        self.clock = clock
        self.lists = Lists()
        self.accounts = Accounts(rng)
        self.cdn_files = CdnFiles(rng, self.accounts.snowflake)
        self.sweeper = Sweeper(clock, rng, sweep_seconds)
        self.scripts: deque[Timeline] = deque()
        """The time lines of the next generating POSTs; without one, `completed()`."""
        self._rng = rng
        self._jobs: dict[str, Job] = {}
        self._listener = listener
        self._context = JobContext(clock, self.accounts.snowflake, self.catch_up, self.cdn_files.store, listener)
        self._open_context = replace(self._context, store=self.cdn_files.store_open)

    @property
    def jobs(self) -> list[Job]:
        """Every job of every account, oldest first."""
        return list(self._jobs.values())

    def catch_up(self) -> None:
        """Carry out the sweeps that are due."""
        self.sweeper.catch_up(self._jobs.values())

    def sweep(self) -> None:
        """Look into Discord now."""
        self.sweeper.sweep(self._jobs.values())

    def add_job(
        self,
        account: Account,
        timeline: Timeline,
        fields: Mapping[str, object],
        *,
        verb: str,
        channel: Channel | None = None,
        jobid: str | None = None,
    ) -> Job:
        """A job that was accepted just now and stands at `created`. `fields` are further fields of its record."""
        job = self._made(account, timeline, fields, verb=verb, channel=channel, jobid=jobid)
        self._listener.added(job)
        return job

    def _made(
        self,
        account: Account,
        timeline: Timeline,
        fields: Mapping[str, object],
        *,
        verb: str,
        channel: Channel | None = None,
        jobid: str | None = None,
    ) -> Job:
        self.catch_up()
        now = self.clock()
        place = channel or account.channels[0]
        record: Record = {
            "jobid": jobid or self._new_jobid(account, place, now),
            "verb": verb,
            "status": "created",
            "created": iso(now),
            **fields,
            **place.answer(),
            "code": 200,
        }
        context = self._open_context if is_v2(str(record["jobid"])) else self._context
        job = Job(account, place, record, created=now, timeline=timeline, context=context)
        self._jobs[job.jobid] = job
        self.catch_up()
        return job

    def find(self, account: Account, jobid: str) -> Job | Answer:
        """The job of v1, if it is this account's and still kept; else 404 or 410."""
        self.catch_up()
        job = None if is_v2(jobid) else self._jobs.get(jobid)
        if job is None or job.account is not account or job.record_state is RecordState.UNKNOWN:
            return unknown_job(jobid)
        return EXPIRED if job.record_state is RecordState.EXPIRED else job

    def in_work(self, account: Account) -> list[str]:
        """The ids of this account's jobs of v1 that the list names as executing."""
        self.catch_up()
        mine = [job for job in self._jobs.values() if job.account is account and not is_v2(job.jobid)]
        return [job.jobid for job in mine if self.lists.name(job)]

    def of_account_v2(self, account: Account) -> list[Job]:
        """The account's videos and images of v2 that it still has, oldest first."""
        self.catch_up()
        mine = [job for job in self._jobs.values() if job.account is account and is_v2(job.jobid)]
        return [job for job in mine if job.record_state is RecordState.PRESENT]

    def new_v2_id(self, account: Account, kind: str) -> str:
        """An id of v2 (useapi.net PixVerse v2, get-pixverse-videos) for a video or an image."""
        number = self._rng.randrange(10**14, 10**15)
        return f"user:{account.number}-pixverse:{account.email}-{kind}:{number}"

    def generate_v2(self, account: Account, kind: str, fields: Mapping[str, object]) -> Job | None:
        """A generating POST of v2: the new job, or None for a prompt that is refused before there is one."""
        timeline = self.scripts.popleft() if self.scripts else ordinary(kind)
        job = self._made(account, timeline, fields, verb=f"pixverse-v2-{kind}", jobid=self.new_v2_id(account, kind))
        job.show_as_new()
        if job.status == "moderated":
            del self._jobs[job.jobid]
            return None
        self._listener.added(job)
        return job

    def cancel(self, account: Account, jobid: str) -> Answer:
        """Cancel a job; one that has ended answers with the state that it ended in (not documented)."""
        job = self.find(account, jobid)
        if isinstance(job, Answer):
            return job
        job.cancel()
        return Answer(200, {"jobid": job.jobid, "status": job.status, "code": 200})

    def generate(self, account: Account, verb: str, given: dict[str, object]) -> Answer:
        """A generating POST with checked parameters: the new job's record, or why there is none.

        The answer comes when PixVerse has taken the job, so that it stands at `started`.
        """
        self.catch_up()
        channel = self._free_channel(account, given)
        if isinstance(channel, Answer):
            return channel
        return self._start(account, verb, given, channel)

    def press(self, account: Account, given: dict[str, object]) -> Answer:
        """A press of a button below a completed job."""
        button = str(given["button"])
        parent = self.find(account, str(given["jobid"]))
        if isinstance(parent, Answer):
            return parent
        buttons = parent.shown.get("buttons")
        if parent.status != "completed" or not isinstance(buttons, list) or button not in buttons:
            return refusal(400, f"Button {button} is not supported by job {parent.jobid}")
        if button in parent.pressed:
            return button_used(button, parent.pressed[button])
        busy = self._too_many(parent.channel, given)
        if busy is not None:
            return busy
        inherited = {name: parent.shown[name] for name in ("prompt", "style", "aspect_ratio") if name in parent.shown}
        fields = inherited | given | {"parentJobId": parent.jobid}
        answer = self._start(account, "pixverse-button", fields, parent.channel)
        if button.startswith("U") and isinstance(answer.body, dict):
            parent.pressed[button] = str(answer.body["jobid"])
        return answer

    def _start(self, account: Account, verb: str, given: dict[str, object], channel: Channel) -> Answer:
        timeline = self.scripts.popleft() if self.scripts else completed(videos=4 if verb == "pixverse-create" else 1)
        fields = {name: value for name, value in given.items() if name not in _NOT_IN_RECORD}
        job = self._made(account, (step(0, "started"), *timeline), fields, verb=verb, channel=channel)
        job.show_as_new()
        shown = job.shown
        if job.status != "moderated":
            self._listener.added(job)
            return Answer(200, shown)
        details = {name: shown[name] for name in ("errorDetails",) if name in shown}
        return refusal(422, str(shown["error"]), **details, jobid=job.jobid, status="moderated")

    def _free_channel(self, account: Account, given: Mapping[str, object]) -> Channel | Answer:
        """The channel asked for, or a random stored one with free capacity (post-pixverse-create)."""
        named = _named_channel(given)
        wanted = given.get("channel")
        places = [named] if named else [place for place in account.channels if wanted in (None, place.channel)]
        if not places:
            return refusal(400, "Parameters discord, server and channel are required")
        refusals = [self._too_many(place, given) for place in places]
        free = [place for place, refused in zip(places, refusals, strict=True) if refused is None]
        return self._rng.choice(free) if free else next(refused for refused in refusals if refused is not None)

    def _too_many(self, place: Channel, given: Mapping[str, object]) -> Answer | None:
        limit = int(str(given.get("maxJobs", place.max_jobs)))
        busy = [job.jobid for job in self._jobs.values() if job.channel.channel == place.channel and job.in_work]
        return too_many_jobs(limit, busy) if len(busy) >= limit else None

    def _new_jobid(self, account: Account, channel: Channel, moment: int) -> str:
        """Midjourney's form with another bot's name; the PixVerse pages print none."""
        while True:
            jobid = f"job:{compact(moment)}-user:{account.number}-channel:{channel.channel}-bot:pixverse"
            if jobid not in self._jobs:
                return jobid
            moment += 1


def _named_channel(given: Mapping[str, object]) -> Channel | None:
    """The channel of a POST that names all three of its parts itself, with Discord's token masked."""
    discord, server, channel = (given.get(name) for name in ("discord", "server", "channel"))
    if not (isinstance(discord, str) and isinstance(server, str) and isinstance(channel, str)):
        return None
    return Channel(server, channel, f"{discord[:3]}…secured…{discord[-3:]}", _MOST_JOBS)
