"""Checks how often the bot sends requests to the API, and for which jobs."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.simulation.pixverse_world import Job, PixVerseWorld
from tests.simulation.virtual_time import VirtualClock

_EXPLAINED_SECONDS = 15.0
"""Seconds after a person asked about a job, or a callback reported it, within which a further request is attributed to
them."""
_IN_A_ROW = 8
"""How many requests for a job in a row may each come too soon without a cause: a restart or fresh links explain a
few."""
_FOR_NOBODY = 3
"""How many requests for a job that nobody waits for are accepted: those in flight, or for fresh links."""
_REFUSED_IN_AN_HOUR = 80
_HOUR = 3600.0
_SUBJECT = re.compile(r"/v[12]/\S*|job:\d+\S*|user:\d+-pixverse:[^/\s]+@[^/\s]+-(?:video|image):\d+")
"""A list, or anything in the form of an id."""
_IN_FLIGHT = 2.0
"""Seconds before or after a loop's crash; its requests of that time may have been broken off."""
_SAME_MOMENT = 1e-3


@dataclass(frozen=True, slots=True)
class _Wait:
    """The API asked not to be used, in responses to requests of which the latest was made at `asked_at`. From `begins`,
    when the first response arrived, until `ends`, no request may be sent."""

    asked_at: float
    begins: float
    ends: float


class ApiRequestLaws:
    """Checks each request to the API as it arrives."""

    def __init__(
        self,
        clock: VirtualClock,
        pixverse: PixVerseWorld,
        interval: int,
        fail: Callable[[str], None],
        is_awaited: Callable[[Job], bool] | None,
        is_shared: Callable[[str], bool],
    ) -> None:
        """`is_awaited` says whether anybody waits for a job; None if that isn't certain. `is_shared` says whether a
        token is both the operator's and a server's own. The two share nothing, so each makes its own requests."""
        self._clock = clock
        self._pixverse = pixverse
        self._interval = interval
        self._fail = fail
        self._is_awaited = is_awaited
        self._is_shared = is_shared
        self._unwanted: Counter[str] = Counter()
        self._looked_up_at: dict[str, float] = {}
        """When somebody last asked about a job, or a callback reported it."""
        self._tried_at: dict[str, float] = {}
        """When somebody last let a token be tried."""
        self._requested_at: dict[tuple[str, str], tuple[float, float]] = {}
        """When a job was last requested, and the time before that."""
        self._too_soon: dict[tuple[str, str], int] = defaultdict(int)
        self._backed_off: dict[str, _Wait] = {}
        """By token: the time in which the API asked not to be used."""
        self._refused: dict[str, list[float]] = defaultdict(list)

    def new_process(self) -> None:
        """A new process knows nothing of what the one before was told."""
        self._backed_off.clear()
        self._requested_at.clear()

    def on_lookup(self, jobid: str) -> None:
        """Somebody asks about a job."""
        self._looked_up_at[jobid] = self._clock.passed

    def on_token_trial(self, token: str) -> None:
        """Somebody lets the bot try this token, which includes the list of its jobs."""
        self._tried_at[token] = self._clock.passed

    def on_retry_after(self, token: str, arrives_after: float, seconds: float) -> None:
        """The API asks the bot to wait, in response to a request that was sent just now."""
        now = self._clock.passed
        before = self._backed_off.get(token)
        if before is None or now >= before.ends:
            self._backed_off[token] = _Wait(now, now + arrives_after - _SAME_MOMENT, now + seconds)
        else:
            self._backed_off[token] = replace(before, asked_at=now, ends=max(before.ends, now + seconds))

    def on_request(self, token: str, what: str, crashed_at: float) -> None:
        """Checks a request for a job or a list. While an account backs off, a token may still be tried, and fresh links
        may still be requested. A loop that crashed does not read the responses to its requests in flight."""
        now = self._clock.passed
        job = self._pixverse.jobs.get(what)
        if job is None and _SUBJECT.fullmatch(what) is None:
            self._fail(f"the API was asked about {what!r}, which is no id")
        key = (token, what)
        last, before = self._requested_at.get(key, (-math.inf, -math.inf))
        self._requested_at[key] = (now, last)
        gap = now - (before if self._is_shared(token) else last)
        for_a_person = now - self._looked_up_at.get(what, -math.inf) < _EXPLAINED_SECONDS
        wait = self._backed_off.get(token)
        in_a_trial = job is None and now - self._tried_at.get(token, -math.inf) < _EXPLAINED_SECONDS
        was_read = wait is not None and abs(crashed_at - wait.asked_at) > _IN_FLIGHT
        is_early = wait is not None and was_read and wait.begins < now < wait.ends - 1.0
        if is_early and not in_a_trial and (job is None or self._pixverse.is_active(job)):
            self._fail(f"the API was asked about {what} though it had asked to wait")
        if job is not None and not for_a_person and self._is_awaited is not None:
            self._unwanted[what] = 0 if self._is_awaited(job) else self._unwanted[what] + 1
            if self._unwanted[what] > _FOR_NOBODY:
                self._fail(f"{job.prompt} was asked about {self._unwanted[what]} times for nobody")
        if job is None or for_a_person or gap > self._interval - 1.0:
            self._too_soon[key] = 0
            return
        self._too_soon[key] += 1
        if self._too_soon[key] > _IN_A_ROW:
            self._fail(f"{job.prompt} was asked about {_IN_A_ROW} times in a row, each within {self._interval} s")

    def on_refused_token(self, token: str) -> None:
        """The token was refused."""
        now = self._clock.passed
        self._refused[token] = [*(at for at in self._refused[token] if now - at < _HOUR), now]
        if len(self._refused[token]) > _REFUSED_IN_AN_HOUR:
            self._fail(f"a refused token was used {len(self._refused[token])} times in an hour")
