"""How often the API is asked, and about what."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable

from tests.simulation.pixverse_world import Job, PixVerseWorld
from tests.simulation.virtual_time import VirtualClock

_EXPLAINED_SECONDS = 15.0
"""For so long after a person, or a callback, wanted to know of a job, a further question is theirs."""
_IN_A_ROW = 8
"""Questions about a job, each too soon after the one before and nobody's: a restart or fresh links explain a few."""
_FOR_NOBODY = 3
"""Questions about a job for which nobody waits: on their way, or for fresh links."""
_REFUSED_IN_AN_HOUR = 80
_HOUR = 3600.0
_SUBJECT = re.compile(r"/v[12]/\S*|job:\d+\S*|user:\d+-pixverse:[^/\s]+@[^/\s]+-(?:video|image):\d+")
"""A list, or what has the form of an id."""
_ON_ITS_WAY = 2.0
"""What was asked before the answer came."""


class Pace:
    """Looks at each question as it comes."""

    def __init__(
        self,
        clock: VirtualClock,
        pixverse: PixVerseWorld,
        interval: int,
        fail: Callable[[str], None],
        is_awaited: Callable[[Job], bool] | None,
        is_shared: Callable[[str], bool],
    ) -> None:
        """`is_awaited` tells whether anybody waits for a job; None where that is not known for sure. `is_shared` tells
        whether a token is the operator's and a server's own: nothing is shared between the two, so each asks."""
        self._clock = clock
        self._pixverse = pixverse
        self._interval = interval
        self._fail = fail
        self._is_awaited = is_awaited
        self._is_shared = is_shared
        self._in_vain: Counter[str] = Counter()
        self._wanted_at: dict[str, float] = {}
        """When somebody last wanted to know of a job, or a callback told of it."""
        self._tried_at: dict[str, float] = {}
        """When somebody last had a token tried."""
        self._asked_at: dict[tuple[str, str], tuple[float, float]] = {}
        """When a job was asked about last, and the time before."""
        self._too_soon: dict[tuple[str, str], int] = defaultdict(int)
        self._backed_off: dict[str, tuple[float, float]] = {}
        """From when until when an account wants to be left alone, by its token."""
        self._refused: dict[str, list[float]] = defaultdict(list)

    def new_process(self) -> None:
        """What the one before was told is forgotten."""
        self._backed_off.clear()
        self._asked_at.clear()

    def wants(self, jobid: str) -> None:
        """Somebody wants to know of a job."""
        self._wanted_at[jobid] = self._clock.passed

    def tries(self, token: str) -> None:
        """Somebody has this token tried, with the list of its jobs."""
        self._tried_at[token] = self._clock.passed

    def told_to_wait(self, token: str, seconds: float) -> None:
        """The API asks to be left alone for a while, whatever it was asked for."""
        now = self._clock.passed
        begins, ends = self._backed_off.get(token, (math.inf, -math.inf))
        self._backed_off[token] = (begins if now < ends else now + _ON_ITS_WAY, max(ends, now + seconds))

    def asked(self, token: str, what: str) -> None:
        """The bot asks about a job, or for a list. While an account backs off, a token may be tried, and fresh links be
        looked for."""
        now = self._clock.passed
        job = self._pixverse.jobs.get(what)
        if job is None and _SUBJECT.fullmatch(what) is None:
            self._fail(f"the API was asked about {what!r}, which is no id")
        key = (token, what)
        last, before = self._asked_at.get(key, (-math.inf, -math.inf))
        self._asked_at[key] = (now, last)
        gap = now - (before if self._is_shared(token) else last)
        theirs = now - self._wanted_at.get(what, -math.inf) < _EXPLAINED_SECONDS
        begins, ends = self._backed_off.get(token, (math.inf, -math.inf))
        is_tried = job is None and now - self._tried_at.get(token, -math.inf) < _EXPLAINED_SECONDS
        if begins < now < ends - 1.0 and not is_tried and (job is None or self._pixverse.in_work(job)):
            self._fail(f"the API was asked about {what} though it had asked to wait")
        if job is not None and not theirs and self._is_awaited is not None:
            self._in_vain[what] = 0 if self._is_awaited(job) else self._in_vain[what] + 1
            if self._in_vain[what] > _FOR_NOBODY:
                self._fail(f"{job.prompt} was asked about {self._in_vain[what]} times for nobody")
        if job is None or theirs or gap > self._interval - 1.0:
            self._too_soon[key] = 0
            return
        self._too_soon[key] += 1
        if self._too_soon[key] > _IN_A_ROW:
            self._fail(f"{job.prompt} was asked about {_IN_A_ROW} times in a row, each within {self._interval} s")

    def refused(self, token: str) -> None:
        """The token was refused."""
        now = self._clock.passed
        self._refused[token] = [*(at for at in self._refused[token] if now - at < _HOUR), now]
        if len(self._refused[token]) > _REFUSED_IN_AN_HOUR:
            self._fail(f"a refused token was used {len(self._refused[token])} times in an hour")
