"""Begins and ends a plan's faults: what each changes in the world while it lasts."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from random import Random
from typing import Any

from tests.simulation.active_faults import ActiveFaults
from tests.simulation.discord_world import Channel, DiscordWorld
from tests.simulation.machine import Machine
from tests.simulation.pixverse_world import PixVerseWorld
from tests.simulation.plan import Fault
from tests.simulation.virtual_time import Scheduler, VirtualClock

_MOST_STEPS = 60
_FEW_STEPS = 8
"""A process is killed at most this many steps after its fault began, so that it dies in the middle of something."""

_DOWN_SECONDS = 240.0
_UNREAD_SECONDS = 3000.0
"""Longer than Discord remembers a nonce, and longer than the process is down."""
_LOOPS = frozenset({"delivery", "poll", "callbacks", "cards", "accounts"})
"""Names of the bot's tasks that run as long as it does."""
_BETWEEN_CRASHES = 120.0
"""A loop that has just crashed isn't made to crash again within this time."""
_SKEWS = (-90_000, 90_000, -3_600_000, 3_600_000, -30 * 3_600_000, *(30 * 3_600_000,) * 3)
"""Milliseconds. A clock that is ahead makes every link look expired."""
_CLOCK_SECONDS = 1800.0
"""A clock is wrong for at least this long, because nobody looks at it."""
LOOP_CRASHED = "this loop was broken off by the simulation"
LIBRARY_FAILED = "this call was broken off by the simulation"
"""The message of an error that no library documents."""


class FaultInjector:
    """Begins and ends faults. Those without a duration are over at once; the others are active while they last."""

    def __init__(
        self,
        clock: VirtualClock,
        scheduler: Scheduler,
        faults: ActiveFaults,
        machine: Machine,
        discord: DiscordWorld,
        pixverse: PixVerseWorld,
    ) -> None:
        self._clock = clock
        self._scheduler = scheduler
        self._faults = faults
        self._machine = machine
        self._discord = discord
        self._pixverse = pixverse
        self._crashed_at: dict[str, float] = {}
        self._crashes_at_request: asyncio.Task[Any] | None = None
        """A loop that is to crash at its next request."""
        self._kills_waiting: dict[str, Fault] = {}
        """Kills that wait for an occasion, by the occasion's name."""
        self._at_once: dict[str, Callable[[Fault], None]] = {
            "kill": self._kill,
            "kill_at_post": lambda fault: self._wait_for("posts", fault),
            "kill_at_answer": lambda fault: self._wait_for("answers", fault),
            "kill_unread": lambda fault: self._wait_for("posts unread", fault),
            "loop_breaks": self._crash_any_loop,
            "stop": self._stop,
            "gateway_cut": lambda _: discord.cut_gateway(),
            "gateway_forgets": lambda _: discord.invalidate(),
        }
        self._begin: dict[str, Callable[[Fault], None]] = {
            "gateway_away": lambda _: self._gateway(open_again=False),
            "disk_full": lambda _: self._disk(full=True),
            "disk_locked": lambda _: self._disk(locked=True),
            "clock": self._skew_clock,
            "discord_unsure": lambda _: self._hide_histories(),
            "lists_lag": self._delay_lists,
        }
        self._end: dict[str, Callable[[], None]] = {
            "gateway_away": lambda: self._gateway(open_again=True),
            "disk_full": self._disk,
            "disk_locked": self._disk,
            "clock": self._correct_clock,
            "discord_unsure": self._show_histories,
            "lists_lag": self._correct_lists,
        }

    def begin(self, fault: Fault) -> bool:
        """Begins a fault. Returns whether it could: a process that isn't running can't be killed."""
        at_once = self._at_once.get(fault.kind)
        if at_once is not None:
            if self._machine.runs:
                at_once(fault)
            return self._machine.runs
        if fault.kind in self._begin:
            self._begin[fault.kind](fault)
        self._faults.begin(fault)
        seconds = max(fault.seconds, _CLOCK_SECONDS) if fault.kind == "clock" else fault.seconds
        self._scheduler.after(seconds, lambda: self._over(fault))
        return True

    def end_all(self) -> None:
        """Ends all faults."""
        for fault in list(self._faults.by_kind.values()):
            self._over(fault)
        self._machine.dies_after = None
        self._kills_waiting.clear()
        self._crashes_at_request = None

    def _over(self, fault: Fault) -> None:
        self._faults.end(fault)
        if fault.kind in self._end:
            self._end[fault.kind]()

    def _kill(self, fault: Fault) -> None:
        random = Random(fault.seed)
        self._machine.downtime = random.choice((1.0, 20.0, fault.seconds))
        self._machine.dies_after = random.randint(1, _MOST_STEPS)

    def _wait_for(self, occasion: str, fault: Fault) -> None:
        self._kills_waiting[occasion] = fault

    def on_post(self, channel: Channel) -> None:
        """The bot posts. A kill that waits for this happens a few steps later. If it is "posts unread", the channel's
        history is hidden for longer than Discord remembers the nonce."""
        self.on_occasion("posts")
        fault = self._kills_waiting.pop("posts unread", None)
        if fault is not None and self._machine.runs:
            self._discord.permit(channel, {"read_message_history"})
            self._scheduler.after(_UNREAD_SECONDS, lambda: self._readable_again(channel))
            self._machine.downtime = _DOWN_SECONDS
            self._machine.dies_after = 1

    def _readable_again(self, channel: Channel) -> None:
        if channel.exists:
            self._discord.permit(channel, set())

    def _hide_histories(self) -> None:
        """Hides every history, so that nobody can find out whether a post without a response was made."""
        for channel in [one for one in self._discord.channels.values() if one.exists and one.parent is None]:
            self._discord.permit(channel, channel.denied | {"read_message_history"})

    def _show_histories(self) -> None:
        for channel in [one for one in self._discord.channels.values() if one.exists and one.parent is None]:
            self._discord.permit(channel, channel.denied - {"read_message_history"})

    def crash_loop(self, name: str) -> bool:
        """Makes one of the bot's loops crash where it waits; the poll loop during its next request. Returns whether the
        loop runs: one that waits to be restarted can't crash."""
        loop = self._machine.loop
        tasks = [] if loop is None else asyncio.all_tasks(loop)
        task = next((task for task in tasks if task.get_name() == name and not _waits_for_restart(task)), None)
        if task is None:
            return False
        if name == "poll":
            self._crashes_at_request = task
        else:
            self._crash(task)
        return True

    def _loops(self) -> list[asyncio.Task[Any]]:
        loop = self._machine.loop
        return [] if loop is None else [task for task in asyncio.all_tasks(loop) if task.get_name() in _LOOPS]

    def _crash_any_loop(self, fault: Fault) -> None:
        """Makes one of the bot's loops crash where it waits, with all its work in progress."""
        tasks = self._loops()
        tasks = [
            task
            for task in sorted(tasks, key=lambda task: task.get_name())
            if self._clock.passed - self._crashed_at.get(task.get_name(), -math.inf) > _BETWEEN_CRASHES
        ]
        if not tasks:
            return
        self.crash_loop(Random(fault.seed).choice(tasks).get_name())

    def on_api_request(self) -> None:
        """A request to the API is in flight: a loop that was to crash at its next request crashes now."""
        task, self._crashes_at_request = self._crashes_at_request, None
        if task is not None and not task.done() and task.get_loop() is self._machine.loop:
            self._crash(task)

    def _crash(self, task: asyncio.Task[Any]) -> None:
        self._crashed_at[task.get_name()] = self._clock.passed
        waiting = getattr(task, "_fut_waiter", None)
        if waiting is not None and not waiting.done() and not _waits_for_restart(task):
            waiting.set_exception(RuntimeError(LOOP_CRASHED))

    @property
    def crashed_at(self) -> float:
        """When a loop last crashed."""
        return max(self._crashed_at.values(), default=-math.inf)

    def on_occasion(self, occasion: str) -> None:
        """The bot posts or acknowledges. A kill that waits for this happens a few steps later."""
        fault = self._kills_waiting.pop(occasion, None)
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

    def _skew_clock(self, fault: Fault) -> None:
        random = Random(fault.seed)
        self._clock.skew_ms = random.choice(_SKEWS)

    def _correct_clock(self) -> None:
        self._clock.skew_ms = 0

    def _delay_lists(self, fault: Fault) -> None:
        wrong = Random(fault.seed).randint(5, 60)
        self._pixverse.lagging = lambda job: (job.number * 7919 + fault.seed) % 100 < wrong

    def _correct_lists(self) -> None:
        self._pixverse.lagging = lambda _job: False


def _waits_for_restart(task: asyncio.Task[Any]) -> bool:
    """Whether a loop has crashed and waits to be restarted: then it waits in the function that restarts it."""
    waits_for = getattr(task.get_coro(), "cr_await", None)
    return getattr(waits_for, "cr_code", None) is VirtualClock.sleep.__code__
