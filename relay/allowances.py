"""Rate limits for people: their commands per minute, and the API requests that they cause."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import islice
from math import ceil
from typing import Generic, TypeVar

from relay.commands.refusals import TooFast
from relay.ports import Clock

K = TypeVar("K", bound=Hashable)

_MAX_KEYS = 10_000
_MINUTE = 60.0
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Refill:
    """How many tokens may be used at once, and how fast they come back."""

    burst: int
    per_second: float


PER_PERSON = Refill(burst=40, per_second=0.5)
"""Requests to one account that one person may cause. A `watch` of 25 ids that belong to one e-mail address takes at
most 31 (25 records, the scheduler's list, five pages). 30 a minute allows one for each command at the default rate."""
PER_ACCOUNT = Refill(burst=100, per_second=2.0)
"""Requests to one account that all people together may cause. One person can steadily use a quarter of them."""
LIGHT_USE = Refill(burst=10, per_second=0.05)
"""Requests of a light user: a few commands, then three a minute. Light users may also spend the reserve that is kept
back of each account. Without it, four people who use their full allowance would block everybody else, even in other
servers with the same token."""
KEPT_BACK = 20
"""Requests of an account's burst that are reserved for light users."""
TOKEN_TRIALS = Refill(burst=20, per_second=0.1)
"""Trials of new tokens: one limit for each server, and one for each person."""


class Buckets(Generic[K]):
    """Token buckets by key. Over any period, a key gets at most `burst` tokens plus `per_second` for each second.

    Buckets that are full again are dropped. Beyond `max_keys`, the least recently used one is dropped.
    """

    def __init__(self, clock: Clock, refill: Refill, *, max_keys: int = _MAX_KEYS) -> None:
        self._clock = clock
        self._refill = refill
        self._max_keys = max_keys
        self._levels: dict[K, tuple[float, float]] = {}
        """By key: how many tokens were left, and when (monotonic seconds); the least recently used one first."""

    def __len__(self) -> int:
        return len(self._levels)

    def wait(self, key: K, tokens: int = 1) -> float:
        """Seconds until the bucket holds `tokens` tokens; 0 if it already does."""
        missing = tokens - self._level(key)
        return 0.0 if missing <= _ROUNDING else missing / self._refill.per_second

    def take(self, key: K, tokens: int = 1) -> None:
        """Takes tokens. `wait` must have returned 0 for the same number."""
        level = self._level(key)
        self._levels.pop(key, None)
        self._levels[key] = (max(0.0, level - tokens), self._clock.monotonic())
        self._forget()

    def give_back(self, key: K, tokens: int) -> None:
        """Returns unused tokens to the bucket."""
        if key in self._levels:
            self._levels[key] = (min(self._refill.burst, self._level(key) + tokens), self._clock.monotonic())

    def _level(self, key: K) -> float:
        known = self._levels.get(key)
        if known is None:
            return float(self._refill.burst)
        level, at = known
        return min(self._refill.burst, level + (self._clock.monotonic() - at) * self._refill.per_second)

    def _forget(self) -> None:
        """Drops up to two idle buckets. Called on each use, so there are never many more buckets than are in use."""
        for key in [key for key, _ in zip(self._levels, range(2), strict=False)]:
            if self._level(key) >= self._refill.burst or len(self._levels) > self._max_keys:
                del self._levels[key]


class Allowance:
    """The requests of one command. Some are reserved beforehand; more are taken as they are made."""

    def __init__(self, allowances: Allowances, account_id: int, user_id: int, reserved: int) -> None:
        self._allowances = allowances
        self._account_id = account_id
        self._user_id = user_id
        self._reserved = reserved

    def spend(self) -> None:
        """Counts a request that is about to be made. If this raises TooFast, the request must not be made."""
        if self._reserved:
            self._reserved -= 1
        else:
            self._allowances.take(self._account_id, self._user_id)

    def close(self) -> None:
        """Returns what was reserved but not spent."""
        self._allowances.give_back(self._account_id, self._user_id, self._reserved)
        self._reserved = 0


class Allowances:
    """Counts requests by account and by person within an account, and trials of new tokens by server and by person.

    Scheduled requests are not counted, so people cannot delay them.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        per_person: Refill = PER_PERSON,
        per_account: Refill = PER_ACCOUNT,
        kept_back: int = KEPT_BACK,
    ) -> None:
        self._clock = clock
        self._accounts: Buckets[int] = Buckets(clock, per_account)
        self._people: Buckets[tuple[int, int]] = Buckets(clock, per_person)
        self._light_use: Buckets[tuple[int, int]] = Buckets(clock, LIGHT_USE)
        self._kept_back = kept_back
        self._max_at_once = per_account.burst
        self._trials: Buckets[tuple[str, int]] = Buckets(clock, TOKEN_TRIALS)

    def reserve(self, account_id: int, user_id: int, requests: int) -> Allowance:
        """Reserves requests for a person's command, all of them or none. Raises TooFast."""
        self.take(account_id, user_id, requests)
        return Allowance(self, account_id, user_id, requests)

    def take(self, account_id: int, user_id: int, requests: int = 1) -> None:
        """Takes requests, all of them or none. Raises TooFast."""
        person = (account_id, user_id)
        is_light_use = self._light_use.wait(person, requests) == 0
        needed = requests if is_light_use else max(requests, min(requests + self._kept_back, self._max_at_once))
        self._require(max(self._people.wait(person, requests), self._accounts.wait(account_id, needed)))
        self._people.take(person, requests)
        self._light_use.take(person, requests)
        self._accounts.take(account_id, requests)

    def give_back(self, account_id: int, user_id: int, requests: int) -> None:
        """Returns requests that were taken but not made."""
        person = (account_id, user_id)
        self._people.give_back(person, requests)
        self._light_use.give_back(person, requests)
        self._accounts.give_back(account_id, requests)

    def take_token_trial(self, guild_id: int, user_id: int) -> None:
        """Counts the trial of a token for a server. Raises TooFast."""
        keys = (("server", guild_id), ("person", user_id))
        self._require(max(self._trials.wait(key) for key in keys))
        for key in keys:
            self._trials.take(key)

    def _require(self, wait: float) -> None:
        if wait > 0:
            raise TooFast(self._clock.now() + ceil(wait * 1000))


class CommandRate:
    """Counts each person's commands of the last 60 seconds."""

    def __init__(self, clock: Clock, per_minute: int) -> None:
        self._clock = clock
        self._per_minute = per_minute
        self._used: dict[int, deque[float]] = {}

    def use(self, user_id: int) -> None:
        """Counts one command. Raises TooFast without counting it if there were too many."""
        now = self._clock.monotonic()
        self._forget_idle(now)
        used = self._used.pop(user_id, deque())
        self._used[user_id] = used
        while used and used[0] <= now - _MINUTE:
            used.popleft()
        if len(used) >= self._per_minute:
            wait = used[0] + _MINUTE - now
            raise TooFast(self._clock.now() + ceil(wait * 1000))
        used.append(now)

    def _forget_idle(self, now: float) -> None:
        """Drops up to two of the least recently active people. Called for each command."""
        for user_id in list(islice(self._used, 2)):
            used = self._used[user_id]
            if used[-1] <= now - _MINUTE or len(self._used) > _MAX_KEYS:
                del self._used[user_id]
