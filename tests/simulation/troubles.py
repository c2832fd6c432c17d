"""Begins and ends the faults of a plan: what each changes in the world while it lasts."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.simulation.discord_world import DiscordWorld
from tests.simulation.machine import Machine
from tests.simulation.pixverse_world import PixVerseWorld
from tests.simulation.plan import Fault
from tests.simulation.virtual_time import Agenda, VirtualClock
from tests.simulation.weather import Weather

_MOST_STEPS = 60
_FEW_STEPS = 8
"""A process is killed so many steps after its fault began, at most: in the middle of something."""


class Troubles:
    """Faults without an end of their own are over at once; the others are in the weather meanwhile."""

    def __init__(
        self,
        clock: VirtualClock,
        agenda: Agenda,
        weather: Weather,
        machine: Machine,
        discord: DiscordWorld,
        pixverse: PixVerseWorld,
    ) -> None:
        self._clock = clock
        self._agenda = agenda
        self._weather = weather
        self._machine = machine
        self._discord = discord
        self._pixverse = pixverse
        self._waiting: dict[str, Fault] = {}
        """Kills that wait for an occasion, by its name."""
        self._at_once: dict[str, Callable[[Fault], None]] = {
            "kill": self._kill,
            "kill_at_post": lambda fault: self._lie_in_wait("posts", fault),
            "kill_at_answer": lambda fault: self._lie_in_wait("answers", fault),
            "stop": self._stop,
            "gateway_cut": lambda _: discord.cut_gateway(),
            "gateway_forgets": lambda _: discord.invalidate(),
        }
        self._begin: dict[str, Callable[[Fault], None]] = {
            "gateway_away": lambda _: self._gateway(open_again=False),
            "disk_full": lambda _: self._disk(full=True),
            "disk_locked": lambda _: self._disk(locked=True),
            "clock": self._turn_clock,
            "lists_lag": self._lag,
        }
        self._end: dict[str, Callable[[], None]] = {
            "gateway_away": lambda: self._gateway(open_again=True),
            "disk_full": self._disk,
            "disk_locked": self._disk,
            "clock": self._right_clock,
            "lists_lag": self._lists_right,
        }

    def begin(self, fault: Fault) -> bool:
        """Returns whether it could: a process that does not run is not killed."""
        at_once = self._at_once.get(fault.kind)
        if at_once is not None:
            if self._machine.runs:
                at_once(fault)
            return self._machine.runs
        if fault.kind in self._begin:
            self._begin[fault.kind](fault)
        self._weather.begin(fault)
        self._agenda.after(fault.seconds, lambda: self._over(fault))
        return True

    def end_all(self) -> None:
        """Nothing is wrong any more."""
        for fault in list(self._weather.now.values()):
            self._over(fault)
        self._machine.dies_after = None
        self._waiting.clear()

    def _over(self, fault: Fault) -> None:
        self._weather.end(fault)
        if fault.kind in self._end:
            self._end[fault.kind]()

    def _kill(self, fault: Fault) -> None:
        random = Random(fault.seed)
        self._machine.downtime = random.choice((1.0, 20.0, fault.seconds))
        self._machine.dies_after = random.randint(1, _MOST_STEPS)

    def _lie_in_wait(self, occasion: str, fault: Fault) -> None:
        self._waiting[occasion] = fault

    def occasion(self, occasion: str) -> None:
        """The bot posts or answers: whoever waited for that kills it a few steps later."""
        fault = self._waiting.pop(occasion, None)
        if fault is not None and self._machine.runs:
            self._machine.downtime = Random(fault.seed).choice((1.0, 20.0, fault.seconds))
            self._machine.dies_after = Random(fault.seed).randint(1, _FEW_STEPS)

    def _stop(self, fault: Fault) -> None:
        self._machine.downtime = Random(fault.seed).choice((1.0, fault.seconds))
        self._machine.stop_gently()

    def _gateway(self, *, open_again: bool) -> None:
        self._discord.gateway_open = open_again
        if not open_again:
            self._discord.cut_gateway()

    def _disk(self, *, full: bool = False, locked: bool = False) -> None:
        self._machine.disk.full, self._machine.disk.locked = full, locked

    def _turn_clock(self, fault: Fault) -> None:
        random = Random(fault.seed)
        self._clock.skew_ms = random.choice((-1, 1)) * random.choice((90_000, 3_600_000, 20 * 3_600_000))

    def _right_clock(self) -> None:
        self._clock.skew_ms = 0

    def _lag(self, fault: Fault) -> None:
        wrong = Random(fault.seed).randint(5, 60)
        self._pixverse.lagging = lambda job: (job.number * 7919 + fault.seed) % 100 < wrong

    def _lists_right(self) -> None:
        self._pixverse.lagging = lambda _job: False
