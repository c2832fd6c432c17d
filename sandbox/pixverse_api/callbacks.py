"""Callbacks: what the API posts to the `replyUrl` of a job, or else to that of its account.

useapi.net PixVerse v1 and v2: the body is what a GET of the job answers; nothing is signed, nothing sent again. The
pages disagree on how often one is sent, so that can be set.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import urlsplit

import aiohttp

from sandbox.pixverse_api.jobs import ENDS, Job, Record
from sandbox.pixverse_api.service import is_v2
from sandbox.pixverse_api.stamps import Clock
from sandbox.pixverse_api.v2 import flat_record, record_of

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_TICK_SECONDS = 0.02
_PATIENCE_SECONDS = 10.0


class CallbackTiming(Enum):
    """At which moments of a job its callbacks are sent."""

    NEVER = "never"
    AT_THE_END = "at the end"
    EVERY_CHANGE = "every change"
    EARLY = "early"
    """The end, as soon as it has happened; the job's record shows it only after the next sweep."""
    OUT_OF_ORDER = "out of order"
    """Every change, but all of them after the end, in reverse order."""


@dataclass(frozen=True, slots=True)
class CallbackPolicy:
    """How callbacks are sent: each so many `times`, so many seconds `late`."""

    when: CallbackTiming = CallbackTiming.AT_THE_END
    times: int = 1
    late: float = 0


@dataclass(frozen=True, slots=True)
class SentCallback:
    """One callback that was sent. The address is left out of what is printed: it may hold a secret."""

    jobid: str | None
    url: str = field(repr=False)
    at: int
    """Milliseconds UTC, of the answer."""
    status: int | None
    """What was answered; None: nobody answered, or the address is not allowed."""


class Callbacks:
    """Sends them while the API runs.

    Callbacks go only to this machine and to `allowed` hosts.
    """

    def __init__(self, clock: Clock, allowed: Collection[str] = ()) -> None:
        self.policy = CallbackPolicy()
        self.sent: list[SentCallback] = []
        self._clock = clock
        self._allowed = _LOOPBACK | set(allowed)
        self._open: dict[str, Job] = {}
        """Jobs that have an address and have not reported their end."""
        self._held: dict[str, list[Record]] = {}
        self._some_open = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None

    def start(self, catch_up: Callable[[], None]) -> None:
        """Start sending. `catch_up` carries out due sweeps, which otherwise happen only when a request comes."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PATIENCE_SECONDS))
        self._watching = asyncio.create_task(self._watch(catch_up))

    async def stop(self) -> None:
        """Stop sending, and cancel callbacks that are being sent."""
        tasks = [task for task in (self._watching, *self._sending) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
        self._watching = self._session = None

    # ---- by hand ----------------------------------------------------------------------------------------------------

    async def send(self, job: Job, **changed: object) -> SentCallback:
        """Send a job's callback now, whatever the policy; `changed` fields go over those of its record.

        Raises:
            ValueError: the job has no address.
        """
        if job.reply_url is None:
            raise ValueError("the job has no replyUrl, and had its account none when it was made")
        return await self.post(job.reply_url, _told(job) | changed, job.jobid)

    async def post(self, url: str, body: object, jobid: str | None = None) -> SentCallback:
        """Send anything to an address; bytes go as they are."""
        sent = SentCallback(jobid, url, self._clock(), await self._answer(url, body))
        self.sent.append(sent)
        return sent

    # ---- what happens to jobs ---------------------------------------------------------------------------------------

    def added(self, job: Job) -> None:
        """A job was accepted."""
        if job.reply_url is None:
            return
        self._open[job.jobid] = job
        self._some_open.set()
        self.seen(job)

    def happened(self, job: Job) -> None:
        """Something happened to a job that its record may not show yet."""
        if self.policy.when is CallbackTiming.EARLY and job.jobid in self._open and job.ahead["status"] in ENDS:
            self._send(job, [flat_record(job, job.ahead) if is_v2(job.jobid) else job.ahead])
            self._close(job)

    def seen(self, job: Job) -> None:
        """A job's record has changed."""
        when, ended = self.policy.when, job.status in ENDS
        if job.jobid not in self._open:
            return
        if when is CallbackTiming.EVERY_CHANGE or (when is CallbackTiming.AT_THE_END and ended):
            self._send(job, [_told(job)])
        if when is CallbackTiming.OUT_OF_ORDER:
            self._held.setdefault(job.jobid, []).append(_told(job))
        if ended:
            self._send(job, reversed(self._held.pop(job.jobid, [])))
            self._close(job)

    def _close(self, job: Job) -> None:
        del self._open[job.jobid]
        if not self._open:
            self._some_open.clear()

    async def _watch(self, catch_up: Callable[[], None]) -> None:
        while True:
            await self._some_open.wait()
            catch_up()
            if self.policy.when is CallbackTiming.EARLY:
                for job in list(self._open.values()):
                    job.happen(self._clock())
            await asyncio.sleep(_TICK_SECONDS)

    # ---- the wire ---------------------------------------------------------------------------------------------------

    def _send(self, job: Job, bodies: Iterable[Record]) -> None:
        queue = [body for body in bodies for _ in range(self.policy.times)]
        if not queue or job.reply_url is None:
            return
        task = asyncio.create_task(self._deliver(job.reply_url, queue, job.jobid, self.policy.late))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _deliver(self, url: str, bodies: list[Record], jobid: str, late: float) -> None:
        await asyncio.sleep(late)
        for body in bodies:
            await self.post(url, body, jobid)

    async def _answer(self, url: str, body: object) -> int | None:
        if self._session is None or not self._may_call(url):
            return None
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        with suppress(aiohttp.ClientError, TimeoutError, ValueError):
            async with self._session.post(url, data=content, headers=headers, allow_redirects=False) as answer:
                return answer.status
        return None

    def _may_call(self, url: str) -> bool:
        try:
            return urlsplit(url).hostname in self._allowed
        except ValueError:  # no address at all
            return False


def _told(job: Job) -> Record:
    """v1's object or v2's flat record, as a GET answers it."""
    return record_of(job) if is_v2(job.jobid) else job.shown
