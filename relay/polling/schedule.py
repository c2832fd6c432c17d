"""Pure functions that compute when a job is due; randomness comes from a `random.Random` argument.

Times such as `at` and `now` are monotonic seconds; `interval` is POLL_INTERVAL in seconds. Slower rates are multiples
of it, so that a bot with a short interval, as in tests, does everything quickly.
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
"""Age in seconds at which the gap between requests about a job stops growing."""
SLOWEST_INTERVALS = 15
SLOWEST_SECONDS = 5 * 60.0
JITTER = 0.02
SECOND_404_SECONDS = 60.0
RECORD_SECONDS = 120.0
CATCH_UP_RATE = 200.0
"""Requests per second when very many jobs are due at once, as far as the gaps of young jobs allow."""
EARLY_LOOKS = ((0.0, 0.0), (1.0, 1 / 20), (4.0, 1 / 5))
"""The early looks at a job whose end a callback reports: requests for its record that don't wait for their usual time.
Each pair gives the seconds after the previous one, and a share of the interval, which counts if it is less."""
LIVE_JOBS = 8
"""If an account has at most this many live jobs, each is requested at every interval, whatever a list says. A PixVerse
v2 account runs as many at once (`maxJobs`, 1 to 8); at 20 s that makes 24 requests a minute. With more jobs, a list has
to save most of the requests."""


@dataclass(frozen=True, slots=True)
class Timing:
    """What classes that follow the schedule need."""

    clock: Clock
    random: Random
    interval: float


def slowest(interval: float) -> float:
    """The longest gap in seconds between two requests about a job: `SLOWEST_INTERVALS`, but at most `SLOWEST_SECONDS`
    unless the interval itself is longer."""
    return max(interval, min(SLOWEST_INTERVALS * interval, SLOWEST_SECONDS))


def gap(interval: float, age: float) -> float:
    """Seconds between two requests about a job that has been watched for `age` seconds, without jitter."""
    if age <= YOUNG:
        return interval
    share = min(1.0, (age - YOUNG) / (OLD - YOUNG))
    return float(interval * (slowest(interval) / interval) ** share)


def is_live(age: float, *, is_shown: bool) -> bool:
    """Whether people may be watching the job's progress: a card or a summary shows it, and it is young.

    Most jobs end while they are young, and nobody expects a slower one to change every few seconds. A request more than
    once in an interval would show nothing new, because the API looks at Discord only every 15 to 60 s.
    """
    return is_shown and age <= YOUNG


def after_gap(asked_at: float, interval: float, gap: float, random: Random) -> float:
    """When a job is due again: about `gap` seconds after the request at `asked_at`, and at least an interval later."""
    return asked_at + shortest(interval, gap) * random.uniform(1, 1 + JITTER)


def shortest(interval: float, gap: float) -> float:
    """The shortest time in seconds, with jitter, between two requests that are nominally `gap` seconds apart."""
    return max(interval, gap / (1 + JITTER))


def early_look(now: float, interval: float, looks: Sequence[float], reported_at: float) -> float | None:
    """When the next early look at a job is due, whose end a callback reported at `reported_at`; None if none is left.

    `looks` are the times of the latest early looks. Those since the report count, and those within the last interval.
    As many as `EARLY_LOOKS` has are allowed: a callback may come before the API's record is final. An early look counts
    whatever its result. Otherwise early looks would never end while nothing can be recorded, or while each takes long.
    """
    recent = [at for at in looks if at >= reported_at or now - at < interval]
    if len(recent) >= len(EARLY_LOOKS):
        return None
    seconds, share = EARLY_LOOKS[len(recent)]
    return max(now, recent[-1] + min(seconds, share * interval)) if recent else now


def after_failure(asked_at: float, interval: float, failures: int, random: Random) -> float:
    """When to try again after `failures` (from 1) consecutive requests without a usable response: for a job, for an
    account after a 429, or for an API that seems to be down."""
    longest = backoff(1.5 * interval, failures, slowest(interval))
    return asked_at + max(interval, longest * random.uniform(2 / 3, 1))


def spread(now: float, interval: float, asked_at: float | None, random: Random) -> float:
    """A random moment within the next interval, for one of many jobs that are due at once; at least an interval after
    the job's last request."""
    at = now + interval * random.random()
    return at if asked_at is None else max(at, asked_at + interval)


def first_request_at(now: float, interval: float, found: int, random: Random) -> float:
    """When to request one of `found` new jobs (or accounts) for the first time: a single one at once, several within
    `found - 1` seconds, but at most an interval."""
    return now + min(interval, float(found - 1)) * random.random()


def catch_up(now: float, interval: float, gap: float, jobs: int, asked_at: float | None, random: Random) -> float:
    """When to request one of `jobs` jobs that are all due, as after a start. They are spread over one interval. If that
    would make more than `CATCH_UP_RATE` requests a second, a job may wait longer than the interval, but not longer than
    its own `gap`."""
    window = max(interval, min(gap, jobs / CATCH_UP_RATE))
    at = now + window * random.random()
    return at if asked_at is None else max(at, asked_at + interval)


def record_after(gap: float, *, has_card: bool) -> float:
    """Seconds after which a job's record is requested even if a list names the job. `gap` is the time between two
    requests about the job.

    That is `RECORD_SECONDS`, but at least four gaps and at most six; twice as long if the job has no card.
    """
    seconds = max(4 * gap, min(6 * gap, RECORD_SECONDS))
    return seconds if has_card else 2 * seconds


def second_404_after(interval: float) -> float:
    """Seconds that have to lie between two "not found" responses before the job counts as missing."""
    return max(interval, SECOND_404_SECONDS)


def missing_since(known: int | None, ran_until: int | None, now: int) -> int:
    """Since when a job has been missing that is not found `now`: since `known`, unless a list has named it after that
    (`ran_until` is when it was last seen active) or the clock was set back. Times are milliseconds UTC."""
    return now if known is None or known > now or (ran_until or 0) > known else known


def is_confirmed_missing(missing_since: int, now: int, interval: float) -> bool:
    """Whether a job is missing that was not found at `missing_since`, and again `now`; both in milliseconds UTC."""
    return now - missing_since >= second_404_after(interval) * 1000
