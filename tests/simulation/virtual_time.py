"""Virtual time: a clock that jumps to whatever is due next, the world's scheduler, and an event loop that uses both.

Nothing waits in real time: a day takes as long as computing what happens in it.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from itertools import count
from typing import Any

BEGIN_MS = 1_764_547_200_000
"""2025-12-01 00:00 UTC: every life begins then."""


class VirtualClock:
    """The bot's Clock (`relay.ports.Clock`). `skew_ms` is how far this machine's wall clock is off."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self._skews = [(0.0, 0)]
        """Since when the clock has been off by how many milliseconds, in chronological order."""

    @property
    def skew_ms(self) -> int:
        return self._skews[-1][1]

    @skew_ms.setter
    def skew_ms(self, skew_ms: int) -> None:
        self._skews.append((self.passed, skew_ms))

    def most_between(self, then: float) -> float:
        """The most seconds that can have passed by this machine's clock since `then`, whenever it was read."""
        before = [skew for at, skew in self._skews if at <= then][-1:]
        since = before + [skew for at, skew in self._skews if at > then]
        ahead = max(later - min(since[: number + 1]) for number, later in enumerate(since))
        return self.passed - then + ahead / 1000

    def true_ms(self) -> int:
        """The true time in milliseconds UTC: Discord's and the API's clock."""
        return BEGIN_MS + round((self.seconds - 1000.0) * 1000)

    def now(self) -> int:
        return self.true_ms() + self.skew_ms

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> asyncio.Handle:
        return asyncio.get_running_loop().call_later(seconds, callback)

    @property
    def passed(self) -> float:
        """Seconds since the life began."""
        return self.seconds - 1000.0


class Scheduler:
    """Runs what the world has scheduled. Entries of the same time keep the order in which they were added."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._entries: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def at(self, passed: float, action: Callable[[], None]) -> None:
        """Schedules an action for this many seconds after the life began. One in the past runs at once."""
        heapq.heappush(self._entries, (passed + 1000.0, next(self._numbers), action))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Schedules an action for this many seconds from now."""
        self.at(self._clock.passed + seconds, action)

    def next_at(self) -> float:
        """When the next action is due, by the clock's `seconds`; infinite if none is scheduled."""
        return self._entries[0][0] if self._entries else math.inf

    def run_next(self) -> None:
        """Jumps to the next entry and runs it."""
        due, _, action = heapq.heappop(self._entries)
        self._clock.seconds = max(self._clock.seconds, due)
        action()


class _Handle(asyncio.Handle):
    """asyncio's handle without the data for its debug mode."""

    __slots__ = ()

    def __init__(self, callback: Callable[..., object], args: Sequence[Any], context: Context | None) -> None:
        self._callback = callback
        self._args = args
        self._context = copy_context() if context is None else context
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True


_MOST_IN_A_MOMENT = 50_000


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop without an operating system below it: whatever would wait for a socket or thread waits for the
    clock.

    A day has some 300,000 handles and 60,000 timers, so much of asyncio's own code is replaced by something lighter.
    """

    _stopping: bool

    def __init__(self, clock: VirtualClock, scheduler: Scheduler) -> None:
        super().__init__()
        self._clock = clock
        self._scheduler = scheduler
        self._ready: deque[_Handle] = deque()
        self._timers: list[tuple[float, int, _Handle]] = []
        """A heap; timers of the same time keep the order in which they were set."""
        self._numbers = count()
        self._moment = 0.0
        self._in_a_moment = 0
        """How many callbacks have run since time last passed."""
        self.servers: dict[int, Callable[[], asyncio.Protocol]] = {}
        """By port: makes the protocol of a new connection."""

    def time(self) -> float:
        return self._clock.seconds

    def get_debug(self) -> bool:
        return False

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = _Handle(callback, args, context)
        self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        timer = _Handle(callback, args, context)
        heapq.heappush(self._timers, (self._clock.seconds + delay, next(self._numbers), timer))
        return timer

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        timer = _Handle(callback, args, context)
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        return asyncio.Task(coro, loop=self, **options)

    def _run_once(self) -> None:
        """In place of asyncio's own turn: runs whatever is ready, then jumps to the next timer, or to the world's next
        action if that is earlier."""
        ready, timers, clock = self._ready, self._timers, self._clock
        self._do_what_is_ready()
        if self._stopping:
            return
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)
        due = timers[0][0] if timers else math.inf
        if self._scheduler.next_at() <= due:
            self._scheduler.run_next()
        elif math.isinf(due):
            raise RuntimeError("the bot waits for something that never comes, and the world has nothing planned")
        else:
            clock.seconds = max(clock.seconds, due)
        while timers and timers[0][0] <= clock.seconds:
            ready.append(heapq.heappop(timers)[2])

    def _do_what_is_ready(self) -> None:
        """Runs callbacks until none is ready or the loop is to stop."""
        ready = self._ready
        if self._clock.seconds > self._moment:
            self._moment, self._in_a_moment = self._clock.seconds, 0
        while ready:
            self._in_a_moment += len(ready)
            if self._in_a_moment > _MOST_IN_A_MOMENT:
                raise RuntimeError("the bot goes round in circles, and no time passes")
            for _ in range(len(ready)):
                handle = ready.popleft()
                if not handle._cancelled:
                    try:
                        handle._context.run(handle._callback, *handle._args)
                    except Exception as error:
                        self.call_exception_handler({"message": f"{handle._callback} failed", "exception": error})
                if self._stopping:
                    return

    def _write_to_self(self) -> None:
        """Does nothing: the loop never sleeps."""

    def run_in_executor(self, executor: object, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Does the work at once, without a thread."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    async def create_server(self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        """Starts to listen; the world connects through `servers`."""
        self.servers[port] = protocol_factory
        return _Listener()


class _Listener:
    sockets: tuple[()] = ()

    def close(self) -> None:
        """Does nothing: the loop ends with the process."""
