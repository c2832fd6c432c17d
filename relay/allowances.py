"""How much people may do in a while: commands in a minute, and what they make the bot ask of the API."""

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

_MOST_KEYS = 10_000
_MINUTE = 60.0
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Refill:
    """How much may be used at once, and how fast it comes back."""

    burst: int
    per_second: float


OF_A_PERSON = Refill(burst=40, per_second=0.5)
"""Requests to the API about one account: a `watch` of 25 ids takes 31 at most where they belong to one e-mail address
(25 records, the scheduler's list, five pages), and 30 a minute is one for each command of the default rate."""
OF_AN_ACCOUNT = Refill(burst=100, per_second=2.0)
"""The same of all people together. One person can use a quarter of it for any length of time."""
OF_WHO_ASKS_LITTLE = Refill(burst=10, per_second=0.05)
"""Whoever stays within this may use up what is kept back of an account's: a few commands, then three a minute. Four
people who ask for as much as they may would else keep everybody waiting, in other servers with the same token too."""
KEPT_BACK = 20
OF_TOKEN_TRIALS = Refill(burst=20, per_second=0.1)
"""Tokens that are tried for one server, and by one person."""


class Buckets(Generic[K]):
    """A token bucket for each key: never more than `burst` and `per_second` times the seconds gone by.

    A bucket that is full again is forgotten; so is the one that was used longest ago where there are too many.
    """

    def __init__(self, clock: Clock, refill: Refill, *, max_keys: int = _MOST_KEYS) -> None:
        self._clock = clock
        self._refill = refill
        self._max_keys = max_keys
        self._levels: dict[K, tuple[float, float]] = {}
        """What was there at a time (monotonic seconds); the one used longest ago stands first."""

    def __len__(self) -> int:
        return len(self._levels)

    def wait(self, key: K, tokens: int = 1) -> float:
        """The seconds until so many tokens are there; 0 where they are there now."""
        missing = tokens - self._level(key)
        return 0.0 if missing <= _ROUNDING else missing / self._refill.per_second

    def take(self, key: K, tokens: int = 1) -> None:
        """Takes tokens that are there, as `wait` tells."""
        level = self._level(key)
        self._levels.pop(key, None)
        self._levels[key] = (max(0.0, level - tokens), self._clock.monotonic())
        self._forget()

    def give_back(self, key: K, tokens: int) -> None:
        """Puts back tokens that were taken and not used."""
        if key in self._levels:
            self._levels[key] = (min(self._refill.burst, self._level(key) + tokens), self._clock.monotonic())

    def _level(self, key: K) -> float:
        known = self._levels.get(key)
        if known is None:
            return float(self._refill.burst)
        level, at = known
        return min(self._refill.burst, level + (self._clock.monotonic() - at) * self._refill.per_second)

    def _forget(self) -> None:
        """Looks at two buckets for each one that is used, so that all are looked at in time."""
        for key in [key for key, _ in zip(self._levels, range(2), strict=False)]:
            if self._level(key) >= self._refill.burst or len(self._levels) > self._max_keys:
                del self._levels[key]


class Allowance:
    """What one command may ask of an account: some requests are reserved for it, further ones are taken as it goes."""

    def __init__(self, allowances: Allowances, account_id: int, user_id: int, reserved: int) -> None:
        self._allowances = allowances
        self._account_id = account_id
        self._user_id = user_id
        self._reserved = reserved

    def spend(self) -> None:
        """One request is about to be made. Raises TooFast, and it must not be made then."""
        if self._reserved:
            self._reserved -= 1
        else:
            self._allowances.take(self._account_id, self._user_id)

    def close(self) -> None:
        """Gives back what was reserved and not spent."""
        self._allowances.give_back(self._account_id, self._user_id, self._reserved)
        self._reserved = 0


class Allowances:
    """A bucket for each account, of which some is kept back for those who ask little, one for each person within it,
    and others for tokens that are only tried.

    What is scheduled takes nothing from them, so that nobody can make it late.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        of_a_person: Refill = OF_A_PERSON,
        of_an_account: Refill = OF_AN_ACCOUNT,
        kept_back: int = KEPT_BACK,
    ) -> None:
        self._clock = clock
        self._accounts: Buckets[int] = Buckets(clock, of_an_account)
        self._people: Buckets[tuple[int, int]] = Buckets(clock, of_a_person)
        self._asking_little: Buckets[tuple[int, int]] = Buckets(clock, OF_WHO_ASKS_LITTLE)
        self._kept_back = kept_back
        self._most_at_once = of_an_account.burst
        self._trials: Buckets[tuple[str, int]] = Buckets(clock, OF_TOKEN_TRIALS)

    def reserve(self, account_id: int, user_id: int, requests: int) -> Allowance:
        """Sets so many requests aside for a person's command, all or none. Raises TooFast."""
        self.take(account_id, user_id, requests)
        return Allowance(self, account_id, user_id, requests)

    def take(self, account_id: int, user_id: int, requests: int = 1) -> None:
        """Takes so many requests, all or none. Raises TooFast."""
        person = (account_id, user_id)
        asks_little = self._asking_little.wait(person, requests) == 0
        needed = requests if asks_little else max(requests, min(requests + self._kept_back, self._most_at_once))
        self._require(max(self._people.wait(person, requests), self._accounts.wait(account_id, needed)))
        self._people.take(person, requests)
        self._asking_little.take(person, requests)
        self._accounts.take(account_id, requests)

    def give_back(self, account_id: int, user_id: int, requests: int) -> None:
        """Puts back requests that were taken and not made."""
        person = (account_id, user_id)
        self._people.give_back(person, requests)
        self._asking_little.give_back(person, requests)
        self._accounts.give_back(account_id, requests)

    def take_token_trial(self, guild_id: int, user_id: int) -> None:
        """Somebody wants a token to be tried for a server. Raises TooFast."""
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
        """Counts one command. Raises TooFast, and does not count it, where there were too many."""
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
        """Looks at two people for each command; whoever used one longest ago stands first, and goes where there are too
        many."""
        for user_id in list(islice(self._used, 2)):
            used = self._used[user_id]
            if not used or used[-1] <= now - _MINUTE or len(self._used) > _MOST_KEYS:
                del self._used[user_id]
