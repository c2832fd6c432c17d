"""The delivery loop: sends due deliveries from the outbox, one message at a time in each channel.

A slow or broken channel does not delay others. If more channels wait than may be sent in at once, servers in which
nothing is under way precede the others, so that a server with many channels does not delay them. A delivery that
fetches videos yields its channel, so that messages without files don't wait for downloads. If the wall clock is set
back, deliveries that wait for a time of the old clock become due.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from weakref import WeakValueDictionary

from model.discord_ids import Shards
from relay.clock import sleep_unless_woken
from relay.cluster.ownership import ALONE, Ownership
from relay.delivery.sender import Sender
from relay.delivery.verdicts import LONGEST_WAIT
from relay.failures import FailureSeries, backoff, log_failure
from relay.ports import Clock
from relay.tasks import end_tasks
from storage import deliveries, delivery_queries
from storage.database import Database
from storage.deliveries import Delivery
from storage.errors import StorageError

log = logging.getLogger(__name__)

_SET_BACK = 5.0
"""Seconds by which the wall clock must go back to count as set back rather than adjusted."""
_BETWEEN_FORGETTING = 60.0
_BETWEEN_SEARCHES = 30.0
_LONGEST_SLEEP = 30.0
_LONGEST_DEFERRAL = 300.0
_FETCHING_IN_CHANNEL = 2
"""Maximum number of deliveries of one channel that fetch videos at once. The next one can overtake a slow one, and no
channel can take all downloads."""
_FETCHING_FOR_SERVER = 16
"""While so many deliveries of one server fetch videos, no more are begun, so that no server takes all downloads. Those
begun in the same turn of the loop may exceed it."""
_FETCHING_IN_ALL = 32


@asynccontextmanager
async def unlocked(lock: asyncio.Lock, held: AsyncExitStack) -> AsyncIterator[None]:
    """Gives up the lock that `held` holds while the context is open. If its body fails, the lock is not taken again,
    because nothing is left to do under it."""
    await held.aclose()
    yield
    await held.enter_async_context(lock)


class ClockWatch:
    """Notices when the wall clock is set back: compares it with the monotonic clock, and at first with the times in the
    outbox."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._offset: float | None = None

    async def look(self) -> None:
        """Makes what waits for the old time due if the wall clock was set back. To be called often.

        Raises StorageError; the next call then tries again.
        """
        offset = self._clock.now() / 1000 - self._clock.monotonic()
        if await self._was_set_back(offset):
            async with self._database.transaction() as tx:
                await deliveries.clock_set_back(tx, self._clock.now())
            log.warning("the clock was set back; what waited for the old time goes on now")
        self._offset = offset

    async def _was_set_back(self, offset: float) -> bool:
        if self._offset is None:
            return await delivery_queries.has_future_times(self._database.reader, self._clock.now(), LONGEST_WAIT)
        return offset < self._offset - _SET_BACK


@dataclass(eq=False, slots=True)
class _UnderWay:
    """A delivery that is being sent or is fetching its videos."""

    guild_id: int
    channel_id: int
    channel_free: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once another delivery may start in the channel, because this one fetches its videos or has ended."""
    task: asyncio.Task[None] = field(init=False)


@dataclass(frozen=True, slots=True)
class _Deferral:
    """A delivery that waits after a local failure."""

    in_a_row: int
    until: float
    """When the delivery is tried again, in monotonic seconds."""


class DeliveryLoop:
    """Sends deliveries in up to `parallel` channels at once. When it stops, deliveries in progress get `grace` seconds
    to finish."""

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
        self._under_way: dict[int, _UnderWay] = {}
        self._search_under_way: asyncio.Task[None] | None = None
        self._next_search_at = clock.monotonic()
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        """By channel. Kept while a delivery holds the lock or waits for it."""
        self._deferrals: dict[int, _Deferral] = {}
        """By delivery; kept until the delivery is tried without a failure or has ended."""
        self._stopping = False
        self._clock_watch = ClockWatch(database, clock)
        self.token_dead = asyncio.Event()
        """Set once Discord has refused the bot's token; nothing is sent any more then."""
        self.heartbeat = clock.monotonic()
        """When the loop last turned, in monotonic seconds."""
        self._failures = 0

    @property
    def failures(self) -> int:
        """How many attempts, or searches for second messages, failed with an error on this machine."""
        return self._failures + self._sender.second_messages.failures

    @property
    def counts(self) -> Counter[str]:
        """How many attempts ended in each verdict."""
        return self._sender.counts

    def wake(self) -> None:
        """Makes the loop look for due deliveries now."""
        self._woken.set()

    async def run(self) -> None:
        """Sends deliveries until it is cancelled, whatever fails."""
        self._stopping = False
        try:
            while True:
                await self._turn()
        finally:
            self._stopping = True
            await self._let_end()

    async def deliver_now(self, delivery_id: int, seconds: float) -> int | None:
        """Sends a due delivery without waiting for the loop, and returns the message's id; None if it is not posted
        within `seconds`. The loop posts it later then."""
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
            # Broad, so that the loop goes on: a full or locked database loses nothing.
            self._failures += 1
            seconds = self._reading.failed(error)
        await sleep_unless_woken(self._clock, seconds, self._woken)

    async def _let_end(self) -> None:
        """Lets the running tasks finish, then cancels them. The next start recognises interrupted sends by their
        claims."""
        tasks = {one.task for one in self._under_way.values()}
        if self._search_under_way is not None:
            tasks.add(self._search_under_way)
        if tasks:
            await asyncio.wait(tasks, timeout=self._grace)
        await end_tasks(tasks)

    async def _start_due(self) -> float:
        """Starts due deliveries; returns how many seconds the loop may sleep."""
        await self._forget_ended()
        await self._clock_watch.look()
        now = self._clock.now()
        busy = self._busy()
        room = self._parallel - len(busy)
        if self._sender.token_dead:
            self.token_dead.set()
        if room <= 0 or self._sender.token_dead:
            return _LONGEST_SLEEP
        self._start_search()
        shards = self._ownership.shards()
        for delivery in await self._due(now, busy, room, shards):
            # `deliver_now` may have started a delivery while the database was read.
            taken = self._busy()
            if delivery.channel_id not in taken and len(taken) < self._parallel:
                self._start(delivery)
        return await self._until_next(now, shards)

    async def _due(self, now: int, busy: Mapping[int, _UnderWay], room: int, shards: Shards | None) -> list[Delivery]:
        """What may be started now, the most urgent first. If that is more than there is room for, servers in which
        nothing is under way precede the others."""
        due_heads = partial(
            delivery_queries.due_heads,
            self._database.reader,
            now,
            not_ids={*self._deferred(), *self._under_way},
            limit=room,
            no_videos_in=self._full_of_videos(),
            no_videos_for=self._servers_full_of_videos(),
            shards=shards,
            owner=self._ownership.process_id,
        )
        due = await due_heads(each="channel_id", but=busy)
        if len(due) < room:
            return due
        of_idle_servers = await due_heads(each="guild_id", but={one.guild_id for one in busy.values()})
        return sorted([*of_idle_servers, *due], key=lambda delivery: delivery.kind.urgency)

    def _start_search(self) -> None:
        """Starts a search for second messages in a task, so that a slow history does not delay the loop."""
        now = self._clock.monotonic()
        if self._search_under_way is None and now >= self._next_search_at:
            self._next_search_at = now + _BETWEEN_SEARCHES
            self._search_under_way = asyncio.create_task(self._search_second_messages(), name="second messages")

    async def _search_second_messages(self) -> None:
        try:
            await self._sender.second_messages.search_due()
        except Exception as error:
            # Broad, so that a failed search ends nothing else: what is due stays due.
            self._failures += 1
            log_failure(log, error, "second messages could not be looked for")
        finally:
            self._search_under_way = None

    def _busy(self) -> dict[int, _UnderWay]:
        """The channels in which no other delivery may start now, each with the delivery that occupies it."""
        return {one.channel_id: one for one in self._under_way.values() if not one.channel_free.is_set()}

    def _deferred(self) -> dict[int, float]:
        """When each delivery that waits after a failure is tried again."""
        now = self._clock.monotonic()
        return {delivery_id: one.until for delivery_id, one in self._deferrals.items() if one.until > now}

    def _full_of_videos(self) -> list[int] | None:
        """The channels in which no more videos may be fetched now; None stands for all channels."""
        fetching = Counter(one.channel_id for one in self._under_way.values() if one.channel_free.is_set())
        if fetching.total() >= _FETCHING_IN_ALL:
            return None
        return [channel_id for channel_id, number in fetching.items() if number >= _FETCHING_IN_CHANNEL]

    def _servers_full_of_videos(self) -> list[int]:
        """The servers for which no more videos may be fetched now."""
        fetching = Counter(one.guild_id for one in self._under_way.values() if one.channel_free.is_set())
        return [guild_id for guild_id, number in fetching.items() if number >= _FETCHING_FOR_SERVER]

    async def _until_next(self, now: int, shards: Shards | None) -> float:
        next_at = await delivery_queries.next_due(
            self._database.reader, now, shards=shards, owner=self._ownership.process_id
        )
        waits = [_LONGEST_SLEEP, *(until - self._clock.monotonic() for until in self._deferred().values())]
        if next_at is not None:
            waits.append((next_at - now) / 1000)
        return min(waits)

    def _start(self, delivery: Delivery) -> _UnderWay:
        under_way = self._under_way[delivery.id] = _UnderWay(delivery.guild_id, delivery.channel_id)
        under_way.task = asyncio.create_task(self._deliver(delivery.id, under_way), name=f"delivery {delivery.id}")
        return under_way

    async def _deliver(self, delivery_id: int, under_way: _UnderWay) -> None:
        lock = self._locks.setdefault(under_way.channel_id, asyncio.Lock())
        try:
            async with AsyncExitStack() as held:
                await held.enter_async_context(lock)
                await self._sender.deliver(delivery_id, partial(self._yield_channel, under_way, lock, held))
            self._deferrals.pop(delivery_id, None)
        except Exception as error:
            # Broad, so that the other deliveries go on.
            self._defer(delivery_id)
            self._sender.failed(delivery_id, error)
            log_failure(log, error, "Delivery %d in channel %d failed", delivery_id, under_way.channel_id)
        finally:
            del self._under_way[delivery_id]
            under_way.channel_free.set()
            self.wake()

    @asynccontextmanager
    async def _yield_channel(
        self, under_way: _UnderWay, lock: asyncio.Lock, held: AsyncExitStack
    ) -> AsyncIterator[None]:
        async with unlocked(lock, held):
            under_way.channel_free.set()
            self.wake()
            yield

    async def _deliver_now(self, delivery_id: int) -> int | None:
        while True:
            delivery = await deliveries.get(self._database.reader, delivery_id)
            if delivery is None or not delivery.state.is_open:
                return None if delivery is None else delivery.message_id
            if self._stopping or self._sender.token_dead or delivery.next_at > self._clock.now():
                return None
            occupant = self._busy().get(delivery.channel_id)
            if occupant is not None:
                await occupant.channel_free.wait()
                continue
            under_way = self._under_way.get(delivery_id) or self._start(delivery)
            await asyncio.wait({under_way.task})
            if delivery_id in self._deferred():
                return None

    def _defer(self, delivery_id: int) -> None:
        self._failures += 1
        before = self._deferrals.get(delivery_id)
        in_a_row = 1 if before is None else before.in_a_row + 1
        until = self._clock.monotonic() + backoff(2.0, in_a_row, _LONGEST_DEFERRAL)
        self._deferrals[delivery_id] = _Deferral(in_a_row, until)

    async def _forget_ended(self) -> None:
        """Forgets deliveries that are no longer open, once a minute. A delivery may end together with its channel, job
        or server, without the sender being told."""
        now = self._clock.monotonic()
        remembered = self._sender.remembered | self._deferrals.keys()
        if not remembered or now < self._forgets_at:
            return
        still_open = await delivery_queries.open_among(self._database.reader, tuple(remembered))
        self._forgets_at = now + _BETWEEN_FORGETTING
        for delivery_id in remembered - still_open - self._under_way.keys():
            self._sender.forget(delivery_id)
            self._deferrals.pop(delivery_id, None)
