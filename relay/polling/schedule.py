"""When a job is due. Pure: times come in, times go out; chance comes in as a `random.Random`.

Times `at` and `now` are seconds of a clock that never goes back; `interval` is POLL_INTERVAL in seconds. What is slower
is a multiple of it, so that a bot with a short interval (a test) is quick in everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from relay.failures import backoff
from relay.ports import Clock

YOUNG = 5 * 60.0
"""Seconds for which a job is requested at every interval."""
OLD = 60 * 60.0
"""Seconds after which a job is requested no more seldom than it is then."""
SLOWEST_INTERVALS = 15
SLOWEST_SECONDS = 5 * 60.0
JITTER = 0.02
SECOND_LOOK_SECONDS = 60.0
RECORD_SECONDS = 120.0
CATCH_UP_RATE = 200.0
"""Requests a second when very many jobs are due at once, as far as young jobs allow."""
EARLY_LOOKS = ((0.0, 0.0), (1.0, 1 / 20), (4.0, 1 / 5))
"""How often a job is requested because a callback reports that it has ended, and when: so many seconds after the
request before, or that share of an interval if it is less."""
LIVE_JOBS = 8
"""Up to how many live jobs of one account are each requested at every interval, whatever a list says: as many as an
account of PixVerse v2 runs at once (`maxJobs`, 1 to 8). That is 24 requests a minute at 20 s. Of more jobs, a list has
to save most of the requests."""


@dataclass(frozen=True, slots=True)
class Timing:
    """What every class needs that follows the schedule."""

    clock: Clock
    random: Random
    interval: float


def slowest(interval: float) -> float:
    """The longest gap between two requests about a job: 15 intervals, but at most five minutes unless the interval
    itself is longer."""
    return max(interval, min(SLOWEST_INTERVALS * interval, SLOWEST_SECONDS))


def gap(interval: float, age: float) -> float:
    """Seconds between two requests about a job that has been watched for `age` seconds, without jitter."""
    if age <= YOUNG:
        return interval
    share = min(1.0, (age - YOUNG) / (OLD - YOUNG))
    return float(interval * (slowest(interval) / interval) ** share)


def is_live(age: float, *, is_shown: bool) -> bool:
    """Whether somebody may be watching the job's progress: a card or a summary shows the job, and it is young.

    Most jobs have ended at the age at which they stop being young, and nobody expects a slower one to change every few
    seconds. Requesting it more than once in an interval would show nothing new: the API looks at Discord only every
    15 to 60 s.
    """
    return is_shown and age <= YOUNG


def after_gap(asked_at: float, interval: float, gap: float, random: Random) -> float:
    """When a job is due `gap` seconds after a request at `asked_at` that showed no end; never within an interval."""
    return asked_at + shortest(interval, gap) * random.uniform(1, 1 + JITTER)


def shortest(interval: float, gap: float) -> float:
    """The least number of seconds between two requests that are `gap` seconds apart without jitter."""
    return max(interval, gap / (1 + JITTER))


def early_look(now: float, interval: float, looks: Sequence[float], reported_at: float) -> float | None:
    """When to request a job of which a callback reported the end at `reported_at`. `looks` are the times of the latest
    such requests; None if there were as many as are allowed, since the report or within the last interval.

    Callbacks may come before the API's record is final, so a first request at once may be too early. What comes of the
    requests does not count: while nothing can be recorded, or each takes long, they would otherwise never end.
    """
    recent = [at for at in looks if at >= reported_at or now - at < interval]
    if len(recent) >= len(EARLY_LOOKS):
        return None
    seconds, share = EARLY_LOOKS[len(recent)]
    return max(now, recent[-1] + min(seconds, share * interval)) if recent else now


def after_failure(asked_at: float, interval: float, failures: int, random: Random) -> float:
    """When to try again after `failures` (from 1) requests in a row without a usable response, whatever kept it from
    being usable: about a job, with an account's token after a 429, or to an API that seems to be down."""
    longest = backoff(1.5 * interval, failures, slowest(interval))
    return asked_at + max(interval, longest * random.uniform(2 / 3, 1))


def spread(now: float, interval: float, asked_at: float | None, random: Random) -> float:
    """A moment within the next interval, for one of many jobs that are due at once; never sooner than an interval after
    the job's last request."""
    at = now + interval * random.random()
    return at if asked_at is None else max(at, asked_at + interval)


def first_look(now: float, interval: float, found: int, random: Random) -> float:
    """When to request one of `found` jobs (or accounts) that nobody has requested yet: a single one at once,
    many within as many seconds, at most within an interval."""
    return now + min(interval, float(found - 1)) * random.random()


def catch_up(now: float, interval: float, gap: float, jobs: int, asked_at: float | None, random: Random) -> float:
    """When to request one of `jobs` that are all due, as at a start: within an interval, or if that would be more than
    `CATCH_UP_RATE` requests a second, later, at the latest within the `gap` between two requests about the job."""
    window = max(interval, min(gap, jobs / CATCH_UP_RATE))
    at = now + window * random.random()
    return at if asked_at is None else max(at, asked_at + interval)


def record_after(gap: float, *, has_card: bool) -> float:
    """Seconds after which a job's record is requested though a list names the job; `gap` is the time between two
    requests about it.

    Two minutes, but at least four gaps and at most six. For the public API that is a minute or more, since the settings
    allow it no interval under ten seconds. Twice as long if no card shows the job's progress.
    """
    seconds = max(4 * gap, min(6 * gap, RECORD_SECONDS))
    return seconds if has_card else 2 * seconds


def second_look_after(interval: float) -> float:
    """Seconds between two responses "not found" after which the second is believed."""
    return max(interval, SECOND_LOOK_SECONDS)


def surely_missing(missing_since: int, now: int, interval: float) -> bool:
    """Whether "not found" now, and first at `missing_since` (both milliseconds UTC), is to be believed."""
    return now - missing_since >= second_look_after(interval) * 1000
