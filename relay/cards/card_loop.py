"""Keeps cards and summaries up to date: edits them in place within Discord's limits, and only if they have news."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Iterable
from enum import Enum, auto

from model.messages import CardPost, SummaryPost
from model.states import DeliveryKind
from relay.cards.card_edits import CardEdits, Finished, Key, Later
from relay.clock import sleep_unless_woken
from relay.cluster.ownership import ALONE, Ownership
from relay.failures import FailureSeries, log_failure
from relay.ports import Clock
from relay.tasks import end_tasks
from storage import card_rows
from storage.database import Database

log = logging.getLogger(__name__)

_LONGEST_SLEEP = 30.0
_AFTER_FAILURE = 30.0
_BETWEEN_FORGETTING = 3600.0
_SPREAD = 0.05
"""Seconds between two cards when many change at once."""


class DueKeys:
    """A queue of cards and summaries to be checked, the earliest first.

    Each key is in the queue at most once, at the earliest of its times. After a key is taken, it is not returned again
    until it is freed. Times are monotonic seconds. Outdated heap entries are dropped when they reach the top, or when
    they outnumber the others.
    """

    def __init__(self) -> None:
        self._at: dict[Key, float] = {}
        self._heap: list[tuple[float, Key]] = []
        self._taken: set[Key] = set()

    def __len__(self) -> int:
        return len(self._at)

    def add(self, key: Key, at: float) -> None:
        """Makes the key due at `at`, unless it is due earlier."""
        if at >= self._at.get(key, float("inf")):
            return
        self._at[key] = at
        heapq.heappush(self._heap, (at, key))
        self._tidy()

    def take(self, now: float) -> Key | None:
        """Takes the earliest key, if it is due."""
        at = self.next_at()
        if at is None or at > now:
            return None
        _, key = heapq.heappop(self._heap)
        del self._at[key]
        self._taken.add(key)
        self._tidy()
        return key

    def free(self, key: Key) -> None:
        """Makes a key that was taken available again."""
        self._taken.discard(key)
        if key in self._at:
            heapq.heappush(self._heap, (self._at[key], key))

    def next_at(self) -> float | None:
        """When the earliest key that is not taken is due; None if there is none."""
        while self._heap:
            at, key = self._heap[0]
            if self._at.get(key) == at and key not in self._taken:
                return at
            heapq.heappop(self._heap)
        return None

    def _tidy(self) -> None:
        if len(self._heap) > 2 * len(self._at):
            self._heap = [(due, one) for one, due in self._at.items() if one not in self._taken]
            heapq.heapify(self._heap)


class _Change(Enum):
    """Which cards have to be looked up. All but NOT_EDITED may need an edit."""

    OUTDATED = auto()
    """Cards that are not up to date, as after a restart."""
    JOB = auto()
    ACCOUNT = auto()
    ALL = auto()
    NOT_EDITED = auto()
    """Cards that nobody edits any more, or that another process now edits."""


class CardLoop:
    """Edits cards and summaries in the background. The methods that report a change return at once; each edit shows the
    newest state."""

    def __init__(
        self, database: Database, edits: CardEdits, clock: Clock, *, ownership: Ownership = ALONE, parallel: int = 8
    ) -> None:
        self._database = database
        self._ownership = ownership
        self._edits = edits
        self._clock = clock
        self._parallel = parallel
        self._woken = asyncio.Event()
        self._changes: set[tuple[_Change, int]] = {(_Change.OUTDATED, 0)}
        """Each change with the id of its job or account, or 0."""
        self._reading = FailureSeries(log, "cards could not be looked up")
        self._due = DueKeys()
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._forgets_at = clock.monotonic() + _BETWEEN_FORGETTING
        self.heartbeat = clock.monotonic()
        """When the loop last turned, in monotonic seconds."""
        self.failures = 0
        """How many edits or look-ups failed with an error on this machine."""

    # ---- what the rest of the relay calls ---------------------------------------------------------------------------

    def job_changed(self, job_id: int) -> None:
        """Makes the job's cards due: a response brought news, its watchers have changed, or it has ended."""
        self._note(_Change.JOB, job_id)

    def account_changed(self, account_id: int) -> None:
        """Makes the cards of the account's open jobs due."""
        self._note(_Change.ACCOUNT, account_id)

    def servers_moved(self) -> None:
        """Looks cards up again because the servers of this process have changed. Another process may have edited the
        cards of a server that has come back."""
        self._note(_Change.NOT_EDITED)
        self._note(_Change.OUTDATED)

    def all_changed(self) -> None:
        """Makes all open cards due."""
        self._note(_Change.ALL)

    def subscription_changed(self, subscription_id: int) -> None:
        """Makes the subscription's card due."""
        self._mark_cards([subscription_id])
        self._woken.set()

    def message_shown(self, post: CardPost | SummaryPost) -> None:
        """Notes that this card or summary was just posted with this content."""
        self._edits.posted(post)
        self._mark(Key.of(post))
        self._woken.set()

    # ---- the loop ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Edits cards until it is cancelled, whatever fails."""
        try:
            while True:
                await self._turn()
        finally:
            await end_tasks(self._tasks.values())
            for key in list(self._tasks):  # Cancelled before its first step.
                self._end_task(key, again=True)

    async def _turn(self) -> None:
        now = self.heartbeat = self._clock.monotonic()
        if now >= self._forgets_at:
            self._forgets_at = now + _BETWEEN_FORGETTING
            self._note(_Change.NOT_EDITED)
        try:
            await self._look_up_changes()
            self._reading.worked()
        except Exception as error:
            # Broad, so that the loop goes on: what could not be looked up is still noted.
            self.failures += 1
            await self._clock.sleep(self._reading.failed(error))
        self._start_due()
        await sleep_unless_woken(self._clock, self._until_next(), self._woken)

    def _note(self, change: _Change, number: int = 0) -> None:
        self._changes.add((change, number))
        self._woken.set()

    async def _look_up_changes(self) -> None:
        for change, number in list(self._changes):
            # Removed first, so that a further change in the meantime is noted again.
            self._changes.discard((change, number))
            try:
                await self._look_up(change, number)
            except BaseException:
                self._changes.add((change, number))
                raise

    async def _look_up(self, change: _Change, number: int) -> None:
        """Makes the affected cards due, or forgets those that are not edited any more. The cards of an account, or all
        cards, are spread over time."""
        reader, shards = self._database.reader, self._ownership.shards()
        match change:
            case _Change.OUTDATED:
                self._mark_cards(await card_rows.outdated(reader, self._clock.now(), shards))
                for batch_id in await card_rows.outdated_batches(reader, self._clock.now()):
                    self._mark(Key(DeliveryKind.SUMMARY, batch_id))
                for subscription_id, seconds in await self._edits.becoming_slow():
                    self._mark(Key(DeliveryKind.CARD, subscription_id), seconds)
            case _Change.JOB:
                self._mark_cards(await card_rows.of_job(reader, number, shards))
            case _Change.ACCOUNT:
                self._mark_cards(await card_rows.of_account(reader, number, shards), _SPREAD)
            case _Change.ALL:
                self._mark_cards(await card_rows.all_open(reader, shards), _SPREAD)
            case _Change.NOT_EDITED:
                await self._edits.forget_ended()

    def _mark(self, key: Key, seconds: float = 0.0) -> None:
        """Makes the card or summary due after `seconds`."""
        self._due.add(key, self._clock.monotonic() + seconds)

    def _mark_cards(self, subscription_ids: Iterable[int], spread: float = 0.0) -> None:
        for place, subscription_id in enumerate(subscription_ids):
            self._mark(Key(DeliveryKind.CARD, subscription_id), place * spread)

    def _start_due(self) -> None:
        now = self._clock.monotonic()
        while len(self._tasks) < self._parallel and (key := self._due.take(now)) is not None:
            self._tasks[key] = asyncio.create_task(self._show(key), name=f"{key.kind} {key.id}")

    def _until_next(self) -> float:
        due = self._due.next_at()
        if due is None or len(self._tasks) >= self._parallel:
            return _LONGEST_SLEEP
        # Bounded even if the next card is due in an hour: the health check needs to see the loop turn.
        return min(max(due - self._clock.monotonic(), 0.0), _LONGEST_SLEEP)

    async def _show(self, key: Key) -> None:
        try:
            match await self._edits.show(key):
                case Later(seconds):
                    self._mark(key, seconds)
                case Finished(also, seconds):
                    for other in also:
                        self._mark(other)
                    if seconds is not None:
                        self._mark(key, seconds)
        except Exception as error:
            # Broad, so that the other cards go on.
            self.failures += 1
            self._mark(key, _AFTER_FAILURE)
            log_failure(log, error, "%s %d could not be edited", key.kind.capitalize(), key.id)
        except BaseException:
            self._end_task(key, again=True)  # If the loop is cancelled, it handles the card after its restart.
            raise
        self._end_task(key, again=False)

    def _end_task(self, key: Key, *, again: bool) -> None:
        if again:
            self._mark(key)
        del self._tasks[key]
        self._due.free(key)
        self._woken.set()
