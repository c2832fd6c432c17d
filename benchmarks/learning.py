"""A schedule that learns, against the plain one and a bound that knows the future: requests per job against the time
until the job's end is known.

The API looks at Discord only now and then (a sweep), and a change appears with the time of its sweep in `updated`.
`plain` polls at every interval. `learned` observes the sweeps of its account. If the latest sweeps fit one rhythm, it
polls just after the first sweep that is at least an interval away. While a job is younger than nine tenths of its
verb's jobs were at their end, it skips every other sweep. If they fit no rhythm it works like `plain`. `bound` requests
each job once, right after the sweep that shows its end.

Simulated from a seed, with several rhythms and distributions of durations.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

from benchmarks.results import Curve, Line, Result, Row, figure, percentile
from benchmarks.sizes import Sizes
from relay.polling import schedule

_INTERVALS = (10.0, 15.0, 20.0, 30.0, 45.0, 60.0)
_JUDGED_INTERVAL = 20.0
_SEEN_SWEEPS = 6
_TOLERANCE = 1.0
_MARGIN = 0.5
_SEEN_ENDS = 20
_CHANGES = 8

Gaps = Callable[[Random], Iterator[float]]
Duration = Callable[[Random], float]


def _fixed(seconds: float) -> Gaps:
    def gaps(_random: Random) -> Iterator[float]:
        while True:
            yield seconds

    return gaps


def _around(seconds: float, share: float) -> Gaps:
    def gaps(random: Random) -> Iterator[float]:
        while True:
            yield seconds * random.uniform(1 - share, 1 + share)

    return gaps


def _documented(random: Random) -> Iterator[float]:
    """Sweeps every 15 to 60 s (useapi.net PixVerse v1, get-pixverse-jobid)."""
    while True:
        yield random.uniform(15, 60)


RHYTHMS: dict[str, Gaps] = {
    "every 15 s": _fixed(15),
    "every 30 s": _fixed(30),
    "every 60 s": _fixed(60),
    "every 30 s, give or take a tenth": _around(30, 0.1),
    "15 to 60 s": _documented,
}
DURATIONS: dict[str, Duration] = {
    "much the same": lambda random: max(20.0, random.gauss(90, 10)),
    "log-normal": lambda random: min(3000.0, random.lognormvariate(math.log(120), 0.6)),
    "two kinds": lambda random: random.choice((random.uniform(40, 60), random.uniform(240, 360))),
}


@dataclass(slots=True)
class _Spent:
    requests: int = 0
    delays: list[float] = field(default_factory=list)

    def add(self, other: _Spent) -> None:
        self.requests += other.requests
        self.delays += other.delays

    @property
    def mean(self) -> float:
        return sum(self.delays) / len(self.delays)

    @property
    def each(self) -> float:
        return self.requests / len(self.delays)


class _Learner:
    """What is known of one account and verb."""

    def __init__(self) -> None:
        self._sweeps: deque[float] = deque(maxlen=_SEEN_SWEEPS)
        self._lengths: deque[float] = deque(maxlen=200)

    def saw(self, sweep: float) -> None:
        if sweep not in self._sweeps:
            self._sweeps.append(sweep)

    def ended(self, length: float) -> None:
        self._lengths.append(length)

    def rhythm(self) -> float | None:
        """Seconds between two sweeps if the known ones lie on one grid; else None."""
        if len(self._sweeps) < _SEEN_SWEEPS:
            return None
        ordered = sorted(self._sweeps)
        steps = [later - earlier for earlier, later in pairwise(ordered)]
        period = min(steps)
        fits = all(abs(step - period * round(step / period)) <= _TOLERANCE for step in steps)
        return period if fits and period >= 5 else None

    def next_at(self, asked_at: float, interval: float, age: float) -> float | None:
        """When to poll next; None if nothing is known."""
        period = self.rhythm()
        if period is None:
            return None
        lengths = sorted(self._lengths)
        early = len(lengths) >= _SEEN_ENDS and age < lengths[len(lengths) // 10]
        newest = max(self._sweeps)
        earliest = asked_at + (2 * interval if early else interval)
        sweeps = math.ceil((earliest - _MARGIN - newest) / period)
        return newest + sweeps * period + _MARGIN


def simulate(gaps: Gaps, duration: Duration, interval: float, jobs: int, seed: int, *, learns: bool) -> _Spent:
    """Simulates the jobs of one account, one a minute."""
    random = Random(seed)
    spent, learner = _Spent(), _Learner()
    sweeps = _sweeps(gaps, random, 60.0 * jobs + 10_000)
    chance = Random(seed + 1)
    for number in range(jobs):
        began = number * 60.0 + random.uniform(0, 30)
        length = duration(random)
        changes = sorted({_seen_at(sweeps, began + length * k / _CHANGES) for k in range(1, _CHANGES + 1)})
        shows = _seen_at(sweeps, began + length)
        asked_at = began
        while True:
            spent.requests += 1
            for sweep in (change for change in changes if change <= asked_at):
                learner.saw(sweep)
            if asked_at >= shows:
                break
            plain = schedule.after_gap(asked_at, interval, schedule.gap(interval, asked_at - began), chance)
            learned = learner.next_at(asked_at, interval, asked_at - began) if learns else None
            asked_at = plain if learned is None else learned
        spent.delays.append(asked_at - shows)
        learner.ended(length)
    return spent


def _sweeps(gaps: Gaps, random: Random, until: float) -> list[float]:
    times, at = [], random.uniform(0, 15)
    for gap in gaps(random):
        times.append(at)
        if at > until:
            return times
        at += gap
    return times


def _seen_at(sweeps: list[float], moment: float) -> float:
    """The first sweep at or after the moment."""
    low, high = 0, len(sweeps) - 1
    while low < high:
        middle = (low + high) // 2
        if sweeps[middle] < moment:
            low = middle + 1
        else:
            high = middle
    return sweeps[low]


async def run(sizes: Sizes) -> Result:
    """Simulates every rhythm with every distribution of durations, at several intervals."""
    curves = {True: [], False: []}  # type: dict[bool, list[tuple[float, float]]]
    worst: list[float] = []
    better, cases = 0, 0
    for interval in _INTERVALS:
        sums = {True: _Spent(), False: _Spent()}
        for number, gaps in enumerate(RHYTHMS.values()):
            for duration in DURATIONS.values():
                both = {
                    learns: simulate(gaps, duration, interval, sizes.simulated_jobs, number, learns=learns)
                    for learns in sums
                }
                for learns, spent in both.items():
                    sums[learns].add(spent)
                if interval == _JUDGED_INTERVAL:
                    cases += 1
                    learned, plain = both[True], both[False]
                    better += learned.each <= plain.each and learned.mean <= plain.mean
                    worst.append(percentile(learned.delays, 0.999) - percentile(plain.delays, 0.999))
        for learns, spent in sums.items():
            curves[learns].append((spent.each, spent.mean))
    lines = (
        Line("plain", tuple(curves[False])),
        Line("learned", tuple(curves[True])),
        Line("bound: one request, no delay", ((1.0, 0.0), (1.0, max(y for _, y in curves[False]))), dashed=True),
    )
    notes = f"no worse in requests and in mean delay in {better} of {cases} cases at 20 s"
    return Result(
        [
            Row(
                "learned / plain, mean delay at 20 s", figure([_at(curves[True]) / _at(curves[False])]), "", notes=notes
            ),
            Row("learned later than plain, p99.9, worst case", figure([max(worst)]), " s", at_most=0),
        ],
        [
            Curve(
                "learning",
                "Schedules: every rhythm and law of duration together",
                "requests for each job",
                "mean seconds until a shown end is known",
                lines,
                logarithmic=False,
            )
        ],
    )


def _at(curve: list[tuple[float, float]]) -> float:
    return curve[_INTERVALS.index(_JUDGED_INTERVAL)][1]
