"""The outbox's loop: sends what is due, one at a time in each channel, so that no channel holds up another.

A delivery that fetches videos yields its channel, and what needs no file waits for no download. A wall clock that is
set back is noticed, so that nothing waits for the old time.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from weakref import WeakValueDictionary

from model.shards import Shards
from relay.clock import sleep_unless_woken
from relay.cluster.ownership import ALONE, Ownership
from relay.delivery.sender import Sender
from relay.failures import FailureSeries, backoff, log_failure
from relay.ports import Clock
from storage import deliveries, delivery_queries
from storage.database import Database
from storage.errors import StorageError


class Turn:
    """A turn in one channel; to be entered once."""

    def __init__(self, lock: asyncio.Lock) -> None:
        self._lock = lock
        self._mine = False

    async def __aenter__(self) -> Turn:
        await self._take()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._mine:
            self._leave()

    @asynccontextmanager
    async def left(self) -> AsyncIterator[None]:
        """Others have their turns for as long as the context is open. After a failure in it there is nothing left to
        do in the channel, and the turn is not waited for."""
        self._leave()
        yield
        await self._take()

    async def _take(self) -> None:
        await self._lock.acquire()
        self._mine = True

    def _leave(self) -> None:
        self._mine = False
        self._lock.release()


class ChannelLocks:
    """The turns of all channels; of those in which nobody has or wants one, nothing is kept."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    def of(self, channel_id: int) -> Turn:
        """A turn, to be waited for."""
        lock = self._locks.get(channel_id)
        if lock is None:
            lock = self._locks[channel_id] = asyncio.Lock()
        return Turn(lock)


_SET_BACK = 5.0
"""Seconds from which on it counts as set, and not as adjusted."""


class ClockWatch:
    """Compares the wall clock with the one that never goes back, and at first with what stands in the outbox."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._offset: float | None = None

    async def look(self) -> None:
        """To be called often. Raises StorageError as the database does; the next call then does it."""
        offset = self._clock.now() / 1000 - self._clock.monotonic()
        if await self._was_set_back(offset):
            async with self._database.transaction() as tx:
                await deliveries.clock_set_back(tx, self._clock.now())
            log.warning("the clock was set back; what waited for the old time goes on now")
        self._offset = offset

    async def _was_set_back(self, offset: float) -> bool:
        if self._offset is None:
            return await delivery_queries.is_of_the_future(self._database.reader, self._clock.now())
        return offset < self._offset - _SET_BACK


log = logging.getLogger(__name__)

_BETWEEN_FORGETTING = 60.0
_BETWEEN_SECOND_LOOKS = 30.0
_LONGEST_SLEEP = 30.0
_LONGEST_DEFERRAL = 300.0
_YIELDING_IN_CHANNEL = 2
"""Deliveries of one channel that fetch videos at once: a slow one lets the next one pass, and no channel takes all the
downloads."""
_YIELDING_IN_ALL = 32


class DeliveryLoop:
    """The relay's Outbox. `parallel` channels are served at once; at the end, what is under way has `grace` seconds."""

    def __init__(
        self,
        database: Database,
        sender: Sender,
        clock: Clock,
        *,
        ownership: Ownership = ALONE,
        parallel: int = 16,
        grace: float = 5.0,
    ) -> None:
        self._database = database
        self._sender = sender
        self._ownership = ownership
        self._clock = clock
        self._parallel = parallel
        self._grace = grace
        self._woken = asyncio.Event()
        self._forgets_at = clock.monotonic()
        self._reading = FailureSeries(log, "the outbox could not be read")
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._busy: dict[int, asyncio.Event] = {}
        """The channels that somebody is about to post in, each with what tells that it is free again."""
        self._yielding: dict[int, int] = {}
        """Deliveries whose videos are fetched, or wait to be sent, and their channels."""
        self._looking_again: asyncio.Task[None] | None = None
        self._looks_again_at = clock.monotonic()
        self._turns = ChannelLocks()
        self._failed_in_a_row: Counter[int] = Counter()
        self._deferred_until: dict[int, float] = {}
        self._stopping = False
        self._clock_watch = ClockWatch(database, clock)
        self.token_dead = asyncio.Event()
        """Set once Discord has refused the bot's token; nothing is sent any more."""
        self.heartbeat = clock.monotonic()
        """When the loop last turned, by the clock's monotonic seconds."""
        self._failures = 0

    @property
    def failures(self) -> int:
        """How many attempts, or looks for second messages, failed for a reason of this machine's own."""
        return self._failures + self._sender.failures

    @property
    def counts(self) -> Counter[str]:
        """What became of attempts."""
        return self._sender.counts

    def wake(self) -> None:
        """Something was put into the outbox, or may go out now."""
        self._woken.set()

    async def run(self) -> None:
        """Sends until it is cancelled, whatever fails."""
        self._stopping = False
        try:
            while True:
                await self._turn()
        finally:
            self._stopping = True
            await self._let_end()

    async def deliver_now(self, delivery_id: int, seconds: float) -> int | None:
        """Sends it ahead of the loop where it is due, and returns the message's id; None where it is not posted within
        that time (it is then posted later)."""
        try:
            async with asyncio.timeout(seconds):
                return await self._deliver_now(delivery_id)
        except TimeoutError:
            return None
        except StorageError as error:
            log_failure(log, error, "Delivery %d could not be sent at once", delivery_id)
            return None

    # ---- inside -----------------------------------------------------------------------------------------------------

    async def _turn(self) -> None:
        self.heartbeat = self._clock.monotonic()
        try:
            seconds = await self._start_due()
            self._reading.worked()
        except Exception as error:
            # The loop's edge: a full or locked database loses nothing.
            self._failures += 1
            seconds = self._reading.failed(error)
        await sleep_unless_woken(self._clock, seconds, self._woken)

    async def _let_end(self) -> None:
        """What is cut off while it is sent is known by its claim at the next start."""
        tasks = set(self._under_way.values())
        if self._looking_again is not None:
            tasks.add(self._looking_again)
        if tasks:
            await asyncio.wait(tasks, timeout=self._grace)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _start_due(self) -> float:
        """Starts what may start; returns for how many seconds nothing else is to be done."""
        self._end_deferrals()
        await self._forget_ended()
        await self._clock_watch.look()
        now = self._clock.now()
        room = self._parallel - len(self._busy)
        if self._sender.token_dead:
            self.token_dead.set()
        if room <= 0 or self._sender.token_dead:
            return _LONGEST_SLEEP
        self._look_again()
        shards = self._ownership.shards()
        due = await delivery_queries.due_heads(
            self._database.reader,
            now,
            not_channels=set(self._busy),
            not_ids={*self._deferred_until, *self._under_way},
            limit=room,
            no_videos_in=self._full_of_videos(),
            shards=shards,
            owner=self._ownership.process_id,
        )
        for delivery in due:
            # One may have started through `deliver_now` while the database was read.
            if delivery.channel_id not in self._busy and not self._stopping:
                self._start(delivery.channel_id, delivery.id)
        return await self._until_next(now, shards)

    def _look_again(self) -> None:
        """Beside the loop: a history that is slow to read holds up no channel."""
        now = self._clock.monotonic()
        if self._looking_again is None and now >= self._looks_again_at:
            self._looks_again_at = now + _BETWEEN_SECOND_LOOKS
            self._looking_again = asyncio.create_task(self._look_for_second_messages(), name="look again")

    async def _look_for_second_messages(self) -> None:
        try:
            await self._sender.look_again()
        except Exception as error:
            # The edge of these looks: what is due stays so.
            self._failures += 1
            log_failure(log, error, "second messages could not be looked for")
        finally:
            self._looking_again = None

    def _full_of_videos(self) -> list[int] | None:
        """The channels in which no more videos are to be fetched now; None: all."""
        if len(self._yielding) >= _YIELDING_IN_ALL:
            return None
        fetching = Counter(self._yielding.values())
        return [channel_id for channel_id, number in fetching.items() if number >= _YIELDING_IN_CHANNEL]

    async def _until_next(self, now: int, shards: Shards | None) -> float:
        next_at = await delivery_queries.next_due(
            self._database.reader, now, shards=shards, owner=self._ownership.process_id
        )
        waits = [_LONGEST_SLEEP, *(until - self._clock.monotonic() for until in self._deferred_until.values())]
        if next_at is not None:
            waits.append((next_at - now) / 1000)
        return max(min(waits), 0.01)

    def _start(self, channel_id: int, delivery_id: int) -> asyncio.Task[None]:
        task = asyncio.create_task(self._deliver(channel_id, delivery_id), name=f"delivery {delivery_id}")
        self._under_way[delivery_id] = task
        self._busy[channel_id] = asyncio.Event()
        return task

    async def _deliver(self, channel_id: int, delivery_id: int) -> None:
        try:
            async with self._turns.of(channel_id) as turn:
                await self._sender.deliver(delivery_id, partial(self._yield_channel, channel_id, delivery_id, turn))
            self._failed_in_a_row.pop(delivery_id, None)
        except Exception as error:
            # One delivery's edge: the others go on.
            self._defer(delivery_id)
            self._sender.failed(delivery_id, error)
            log_failure(log, error, "Delivery %d in channel %d failed", delivery_id, channel_id)
        finally:
            if self._yielding.pop(delivery_id, None) is None:
                self._free(channel_id)
            del self._under_way[delivery_id]
            self.wake()

    @asynccontextmanager
    async def _yield_channel(self, channel_id: int, delivery_id: int, turn: Turn) -> AsyncIterator[None]:
        self._yielding[delivery_id] = channel_id
        async with turn.left():
            self._free(channel_id)
            yield

    def _free(self, channel_id: int) -> None:
        self._busy.pop(channel_id).set()
        self.wake()

    async def _deliver_now(self, delivery_id: int) -> int | None:
        while True:
            delivery = await deliveries.get(self._database.reader, delivery_id)
            if delivery is None or not delivery.state.is_open:
                return None if delivery is None else delivery.message_id
            if self._stopping or self._sender.token_dead or delivery.next_at > self._clock.now():
                return None
            busy = self._busy.get(delivery.channel_id)
            if busy is not None:
                await busy.wait()
                continue
            task = self._under_way.get(delivery_id) or self._start(delivery.channel_id, delivery_id)
            await asyncio.wait({task})
            if delivery_id in self._deferred_until:
                return None

    def _defer(self, delivery_id: int) -> None:
        self._failures += 1
        self._failed_in_a_row[delivery_id] += 1
        seconds = backoff(2.0, self._failed_in_a_row[delivery_id], _LONGEST_DEFERRAL)
        self._deferred_until[delivery_id] = self._clock.monotonic() + seconds

    async def _forget_ended(self) -> None:
        """Once a minute: a delivery may have ended with its channel, its job or its server, unseen by the one that had
        tried to send it."""
        now = self._clock.monotonic()
        remembered = self._sender.remembered | self._failed_in_a_row.keys()
        if not remembered or now < self._forgets_at:
            return
        still_open = await delivery_queries.open_among(self._database.reader, tuple(remembered))
        self._forgets_at = now + _BETWEEN_FORGETTING
        for delivery_id in remembered - still_open - self._under_way.keys():
            self._sender.forget(delivery_id)
            self._failed_in_a_row.pop(delivery_id, None)

    def _end_deferrals(self) -> None:
        now = self._clock.monotonic()
        self._deferred_until = {
            delivery_id: until for delivery_id, until in self._deferred_until.items() if until > now
        }
