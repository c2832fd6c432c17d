"""Keeps cards and summaries true: edits them in place, seldom enough for Discord, and only where there is news."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Iterable

from model.messages import CardPost, SummaryPost
from model.states import DeliveryKind
from relay.cards.card_edits import CardEdits, Key, Later, Shown
from relay.clock import sleep_unless_woken
from relay.cluster.ownership import ALONE, Ownership
from relay.failures import FailureSeries, log_failure
from relay.ports import Clock
from storage import cards
from storage.database import Database

log = logging.getLogger(__name__)

_LONGEST_SLEEP = 30.0
_AFTER_FAILURE = 30.0
_SPREAD = 0.05
"""Seconds between two cards where very many change at once."""


class DueKeys:
    """Which cards and summaries are due to be looked at, the earliest first.

    Each key is due once at the most, at the earliest of its times. One that was taken is not given again until it is
    free. Times are monotonic seconds; entries of the heap that have been replaced are dropped when they come up.
    """

    def __init__(self) -> None:
        self._at: dict[Key, float] = {}
        self._heap: list[tuple[float, Key]] = []
        self._taken: set[Key] = set()

    def __len__(self) -> int:
        return len(self._at)

    def add(self, key: Key, at: float) -> None:
        """The key is due at that time, or sooner where it was."""
        if at >= self._at.get(key, float("inf")):
            return
        self._at[key] = at
        self._push(key, at)

    def take(self, now: float) -> Key | None:
        """The earliest key, if it is due."""
        at = self.next_at()
        if at is None or at > now:
            return None
        _, key = heapq.heappop(self._heap)
        del self._at[key]
        self._taken.add(key)
        return key

    def free(self, key: Key) -> None:
        """A key that was taken may be given again."""
        self._taken.discard(key)
        if key in self._at:
            self._push(key, self._at[key])

    def next_at(self) -> float | None:
        """When the earliest key is due that is not taken."""
        while self._heap:
            at, key = self._heap[0]
            if self._at.get(key) == at and key not in self._taken:
                return at
            heapq.heappop(self._heap)
        return None

    def _push(self, key: Key, at: float) -> None:
        heapq.heappush(self._heap, (at, key))
        if len(self._heap) > 2 * len(self._at) + 64:
            self._heap = [(due, one) for one, due in self._at.items() if one not in self._taken]
            heapq.heapify(self._heap)


class CardLoop:
    """Calls return at once; edits follow in time, each showing the newest state."""

    def __init__(
        self, database: Database, edits: CardEdits, clock: Clock, *, ownership: Ownership = ALONE, parallel: int = 8
    ) -> None:
        self._database = database
        self._ownership = ownership
        self._edits = edits
        self._clock = clock
        self._parallel = parallel
        self._woken = asyncio.Event()
        self._jobs: set[int] = set()
        self._accounts: set[int] = set()
        self._all = False
        self._has_looked_up = False
        self._reading = FailureSeries(log, "cards could not be looked up")
        self._due = DueKeys()
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self.heartbeat = clock.monotonic()
        """When the loop last turned, by the clock's monotonic seconds."""
        self.failures = 0
        """How many edits failed for a reason of this machine's own."""

    # ---- what the rest of the relay calls ---------------------------------------------------------------------------

    def job_changed(self, job_id: int) -> None:
        """An answer brought something new, or the job ended."""
        self._jobs.add(job_id)
        self._woken.set()

    def subscription_changed(self, subscription_id: int) -> None:
        """Its card may have to look different."""
        self._mark([Key(DeliveryKind.CARD, subscription_id)])
        self._woken.set()

    def account_changed(self, account_id: int) -> None:
        """Its open jobs' cards follow."""
        self._accounts.add(account_id)
        self._woken.set()

    def servers_moved(self) -> None:
        """This process keeps the cards of other servers than before: what is outdated there is looked up."""
        self._has_looked_up = False
        self._woken.set()

    def all_changed(self) -> None:
        """All open cards may have to look different; they follow one after the other."""
        self._all = True
        self._woken.set()

    def message_shown(self, post: CardPost | SummaryPost) -> None:
        """This card or summary stands in its channel, looking like this."""
        if isinstance(post, CardPost):
            key = Key(DeliveryKind.CARD, post.subscription_id)
        else:
            key = Key(DeliveryKind.SUMMARY, post.batch_id)
        self._edits.posted(key, post)
        self._mark([key])
        self._woken.set()

    # ---- the loop ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Edits until it is cancelled, whatever fails."""
        try:
            while True:
                await self._turn()
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            for key in list(self._tasks):  # Cancelled before its first step.
                self._end_task(key, again=True)

    async def _turn(self) -> None:
        self.heartbeat = self._clock.monotonic()
        try:
            await self._take_in()
            self._reading.worked()
        except Exception as error:
            # The loop's edge: what could not be read is still marked.
            self.failures += 1
            await self._clock.sleep(self._reading.failed(error))
        self._start_due()
        await sleep_unless_woken(self._clock, self._until_next(), self._woken)

    async def _take_in(self) -> None:
        reader, shards = self._database.reader, self._ownership.shards()
        if not self._has_looked_up:
            self._mark([Key(DeliveryKind.CARD, one) for one in await cards.outdated(reader, shards)])
            self._mark([Key(DeliveryKind.SUMMARY, one) for one in await cards.outdated_batches(reader)])
            for one, seconds in await self._edits.timed():
                self._mark([Key(DeliveryKind.CARD, one)], seconds)
            self._has_looked_up = True
        for job_id in list(self._jobs):
            # First taken off, so that a change meanwhile marks it again.
            self._jobs.discard(job_id)
            await self._take_in_job(job_id)
        for account_id in list(self._accounts):
            self._accounts.discard(account_id)
            await self._take_in_account(account_id)
        if self._all:
            self._all = False
            await self._take_in_all()

    async def _take_in_job(self, job_id: int) -> None:
        try:
            self._mark(
                [
                    Key(DeliveryKind.CARD, one)
                    for one in await cards.of_job(self._database.reader, job_id, self._ownership.shards())
                ]
            )
        except BaseException:
            self._jobs.add(job_id)
            raise

    async def _take_in_account(self, account_id: int) -> None:
        try:
            self._mark_spread(await cards.of_account(self._database.reader, account_id, self._ownership.shards()))
        except BaseException:
            self._accounts.add(account_id)
            raise

    async def _take_in_all(self) -> None:
        try:
            self._mark_spread(await cards.all_open(self._database.reader, self._ownership.shards()))
        except BaseException:
            self._all = True
            raise

    def _mark(self, keys: Iterable[Key], seconds: float = 0.0) -> None:
        at = self._clock.monotonic() + seconds
        for key in keys:
            self._due.add(key, at)

    def _mark_spread(self, subscriptions: Iterable[int]) -> None:
        for place, one in enumerate(subscriptions):
            self._mark([Key(DeliveryKind.CARD, one)], place * _SPREAD)

    def _start_due(self) -> None:
        now = self._clock.monotonic()
        while len(self._tasks) < self._parallel and (key := self._due.take(now)) is not None:
            self._tasks[key] = asyncio.create_task(self._show(key), name=f"{key.kind} {key.id}")

    def _until_next(self) -> float:
        due = self._due.next_at()
        if due is None or len(self._tasks) >= self._parallel:
            return _LONGEST_SLEEP
        # Bounded also where the next card is due in an hour: health wants to see the loop turn.
        return min(max(due - self._clock.monotonic(), 0.0), _LONGEST_SLEEP)

    async def _show(self, key: Key) -> None:
        try:
            match await self._edits.show(key):
                case Later(seconds):
                    self._mark([key], seconds)
                case Shown(also, seconds):
                    self._mark(also)
                    if seconds is not None:
                        self._mark([key], seconds)
        except Exception as error:
            # One card's edge: the others go on.
            self.failures += 1
            self._mark([key], _AFTER_FAILURE)
            log_failure(log, error, "%s %d could not be edited", key.kind.capitalize(), key.id)
        except BaseException:
            self._end_task(key, again=True)  # A loop that is broken off goes on with it when it is restarted.
            raise
        self._end_task(key, again=False)

    def _end_task(self, key: Key, *, again: bool) -> None:
        if again:
            self._mark([key])
        del self._tasks[key]
        self._due.free(key)
        self._woken.set()
