"""What happens in a life, drawn from its seed: servers, what people do and when, and what goes wrong.

A plan is plain data, so that a life that breaks a law can be made smaller by leaving out parts of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

HOUR = 3600.0
DAY = 24 * HOUR
FIRST_ACT = 600.0
"""Seconds in which the servers are set up."""
LONGEST_FAULT = 3000.0

_ACTS = {
    "status": 100,
    "watch": 8,
    "private": 4,
    "status_again": 14,
    "status_of_another_server": 4,
    "number": 12,
    "unwatch": 6,
    "list": 5,
    "press": 40,
    "forget_me": 2,
    "nonsense": 6,
    "member_admin": 4,
    "demoted": 4,
    "foreign_channel": 3,
    "press_elsewhere": 5,
    "stop_of_another": 3,
    "menu": 2,
    "autocomplete": 6,
    "set_token": 6,
    "set_same_token": 2,
    "set_old_token": 2,
    "set_forged_token": 2,
    "renew_token": 3,
    "remove_token": 1,
    "check": 4,
    "deliveries": 4,
    "follow": 4,
    "unfollow": 2,
    "callback": 4,
    "alerts": 2,
    "unpaid": 2,
    "own_job": 20,
    "burst": 2,
    "forged_callback": 4,
    "deny": 8,
    "new_channel": 3,
    "new_thread": 5,
    "thread_state": 4,
    "delete_channel": 2,
    "delete_message": 4,
    "bot_removed": 1,
}
_FAULTS = {
    "kill": 8,
    "kill_at_post": 12,
    "kill_at_answer": 6,
    "kill_unread": 4,
    "loop_breaks": 6,
    "discord_unsure": 3,
    "stop": 5,
    "gateway_cut": 6,
    "gateway_forgets": 3,
    "gateway_away": 2,
    "api_away": 4,
    "api_slow": 3,
    "api_5xx": 4,
    "api_nonsense": 3,
    "api_429": 3,
    "api_lost": 3,
    "lists_lag": 3,
    "discord_5xx": 4,
    "discord_5xx_after": 4,
    "discord_lost": 4,
    "discord_lost_after": 5,
    "discord_429": 3,
    "discord_slow": 3,
    "discord_refuses": 6,
    "discord_refuses_always": 4,
    "discord_refuses_twice": 4,
    "media_broken": 5,
    "disk_full": 2,
    "disk_locked": 2,
    "clock": 5,
}


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a person, a server or the API does at `at`; `seed` decides the details when it is done."""

    at: float
    kind: str
    guild: int
    seed: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong at `at` and ends after `seconds`."""

    at: float
    kind: str
    seconds: float
    seed: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A life. Acts and faults happen for `days`; then all faults end, and everything that waits has to arrive.

    A life of scenes has no acts or faults: its scenes are played one after another.
    """

    seed: int
    days: float
    guilds: int
    accounts: int
    interval: int
    operator_token: bool
    acts: tuple[Act, ...]
    faults: tuple[Fault, ...]
    scenes: tuple[tuple[str, int], ...] = ()
    """The scenes' names and seeds."""

    def smaller(self, **changes: object) -> Plan:
        return replace(self, **changes)  # type: ignore[arg-type]


def draw(seed: int, *, days: float = 1.0, guilds: int = 20, jobs: int = 200, faults: int = 40) -> Plan:
    """The life of this seed, in which about `jobs` jobs are requested. Every sixth life has no faults at all."""
    random = Random(seed)
    number = round(jobs * sum(_ACTS.values()) / (_ACTS["status"] + 3 * _ACTS["watch"] + _ACTS["own_job"]))
    acts = [
        Act(random.uniform(FIRST_ACT, days * DAY), kind, random.randrange(guilds), random.getrandbits(32))
        for kind in random.choices(list(_ACTS), list(_ACTS.values()), k=number)
    ]
    drawn_faults = [
        Fault(
            random.uniform(FIRST_ACT, days * DAY * 0.95),
            kind,
            random.choice((5.0, 60.0, 600.0, LONGEST_FAULT)),
            random.getrandbits(32),
        )
        for kind in random.choices(list(_FAULTS), list(_FAULTS.values()), k=0 if seed % 6 == 0 else faults)
    ]
    return Plan(
        seed=seed,
        days=days,
        guilds=guilds,
        accounts=max(1, guilds * 2 // 5),
        interval=random.choice((20, 30, 60)),
        operator_token=random.random() < 0.3,
        acts=tuple(sorted(acts, key=lambda act: act.at)),
        faults=tuple(sorted(drawn_faults, key=lambda fault: fault.at)),
    )


def draw_small(seed: int) -> Plan:
    """A short life for the test suite."""
    return draw(seed, days=0.25, guilds=6, jobs=60, faults=30)
