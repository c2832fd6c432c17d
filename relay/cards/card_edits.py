"""One edit of a card or summary: whether it brings news, when it may be made, and what Discord says to it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import NamedTuple

from model import snapshots
from model.messages import (
    Address,
    CardPost,
    NoResponse,
    Posted,
    Refused,
    SendResult,
    SummaryEntry,
    SummaryPost,
    TooManyRequests,
)
from model.states import CardStatus, DeliveryKind, Reason
from relay import merge
from relay.cards.card_posts import CardPosts, CardView
from relay.cards.card_status import slow_at
from relay.cards.edit_line import CHANNEL_SECONDS, EditLine
from relay.cluster.ownership import ALONE, Ownership
from relay.delivery.verdicts import Meaning, meaning_of
from relay.ports import Clock, Poster
from storage import cards, deliveries, delivery_queries
from storage.cards import BatchMessage
from storage.database import Database, Transaction

log = logging.getLogger(__name__)

YOUNG_CARD_SECONDS = 5.0
"""Between two edits of one card in its first minute, its last one excepted."""
CARD_SECONDS = 10.0
"""The same after its first minute."""
OLD_CARD_SECONDS = 300.0
"""Between two edits of a card older than an hour: Discord bounds those (30046; discord-api-docs#4413)."""

_YOUNG_UNTIL = 60.0
_OLD_AFTER = 3600.0
_NOTHING_COMES = frozenset({CardStatus.STOPPED, CardStatus.NOT_POSTED, CardStatus.UNSURE})
_OUTCOME_FIRST = 60_000
"""Milliseconds for which a due outcome keeps the channel's cards waiting."""
_NO_ANSWER_SECONDS = 30.0
_REFUSED_SECONDS = 1800.0
_ANY_EDIT = {
    Meaning.TOO_MANY_EDITS: 600.0,
    Meaning.ARCHIVED: 1800.0,
    Meaning.WAIT: 60.0,
    Meaning.SLOW_MODE: 60.0,
    Meaning.SWITCHED_OFF: 60.0,
}
"""Refusals of whatever a card would show, and for how many seconds it is then not edited; others may be due to what it
showed."""


class Key(NamedTuple):
    """A card, by its subscription, or a summary, by its batch."""

    kind: DeliveryKind
    """CARD or SUMMARY."""
    id: int


@dataclass(frozen=True, slots=True)
class Later:
    """It may not be edited yet."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Shown:
    """It shows what is known, or cannot; `also` may have to look different too; to be looked at again in `seconds`."""

    also: tuple[Key, ...] = ()
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class _Edit:
    """What is to be shown where."""

    key: Key
    address: Address
    message_id: int
    posted_at: int
    """By this machine's clock, milliseconds UTC."""
    delivery_id: int
    post: CardPost | SummaryPost
    final: bool
    at: int


@dataclass(frozen=True, slots=True)
class _Pause:
    """Until when (monotonic) a card is left alone after a refusal."""

    until: float
    last_too: bool
    """Whether its last edit waits as well."""


class CardEdits:
    """Edits one card or summary at a time for its caller; different ones may overlap."""

    def __init__(
        self, database: Database, poster: Poster, posts: CardPosts, clock: Clock, ownership: Ownership = ALONE
    ) -> None:
        self._database = database
        self._ownership = ownership
        self._poster = poster
        self._posts = posts
        self._clock = clock
        self._shown: dict[Key, CardPost | SummaryPost] = {}
        self._next_edit: dict[Key, float] = {}
        self._pauses: dict[Key, _Pause] = {}
        self._line = EditLine()

    def posted(self, key: Key, post: CardPost | SummaryPost) -> None:
        """It was just posted, looking like this."""
        self._shown[key] = post
        self._next_edit[key] = self._clock.monotonic() + YOUNG_CARD_SECONDS

    async def timed(self) -> list[tuple[int, float]]:
        """The open subscriptions whose jobs will take longer than usual, and in how many seconds (0: since before)."""
        now = self._clock.now()
        rows = await cards.running(self._database.reader, (CardStatus.CREATED, CardStatus.STARTED, CardStatus.PROGRESS))
        due = [(row.subscription_id, slow_at(snapshots.load(row.snapshot), row.watched_since)) for row in rows]
        return [(subscription_id, max(0, at - now) / 1000) for subscription_id, at in due]

    async def show(self, key: Key) -> Later | Shown:
        """Brings it up to date where it is not. Raises StorageError as the database does."""
        result = await self._bring_up_to_date(key)
        if isinstance(result, Shown):
            self._line.leave(key)
        return result

    async def _bring_up_to_date(self, key: Key) -> Later | Shown:
        if key.kind is DeliveryKind.SUMMARY:
            return await self._show_summary(key)
        view = await self._posts.card(key.id)
        if view is None:
            return Shown()
        also = () if view.row.batch_id is None else (Key(DeliveryKind.SUMMARY, view.row.batch_id),)
        again = None if view.changes_at is None else max(0, view.changes_at - view.at) / 1000
        result = await self._show_card(key, view)
        return result if isinstance(result, Later) else Shown(also, _earlier(result.seconds, again))

    async def _show_card(self, key: Key, view: CardView) -> Later | Shown:
        row = view.row
        if view.post is None or row.card_message is None or row.card_delivery is None or row.card_posted_at is None:
            return Shown()
        post = self._onward(key, view.post)
        shown = self._shown.get(key)
        unchanged = row.shown == post.status and row.shown_at >= view.news_at if shown is None else shown == post
        edit = _Edit(
            key, view.address, row.card_message, row.card_posted_at, row.card_delivery, post, view.final, view.at
        )
        if unchanged:
            if view.final and not row.card_final:
                await self._mark(edit)
            return Shown()
        return await self._edit_in_time(edit)

    async def _show_summary(self, key: Key) -> Later | Shown:
        message = await cards.batch_message(self._database.reader, key.id)
        if message is None:
            return Shown()
        at = self._clock.now()
        post = await self._posts.summary(key.id, "", message.language)
        if post is None or await self._says_so_already(key, message, post):
            return Shown()
        return await self._edit_in_time(_summary_edit(key, message, post, at))

    async def _says_so_already(self, key: Key, message: BatchMessage, post: SummaryPost) -> bool:
        shown = self._shown.get(key)
        if isinstance(shown, SummaryPost):
            return replace(shown, nonce="") == post
        # What one says that is over is not kept in memory.
        return not post.open and not await cards.is_batch_outdated(self._database.reader, key.id, message.shown_at)

    def _onward(self, key: Key, post: CardPost) -> CardPost:
        """Never shows less than was shown before."""
        shown = self._shown.get(key)
        if not isinstance(shown, CardPost) or post.job is None:
            return post
        return replace(post, job=merge.onward(shown.job, post.job))

    # ---- in time ----------------------------------------------------------------------------------------------------

    async def _edit_in_time(self, edit: _Edit) -> Later | Shown:
        if not self._ownership.owns_server(edit.address.guild_id):
            self._forget(edit.key)
            return Shown()
        wait = self._own_wait(edit)
        if wait <= 0 and await self._outcome_first(edit):
            wait = CHANNEL_SECONDS
        if wait > 0:
            self._line.leave(edit.key)
            return Later(wait)
        wait = self._line.wait(edit.key, edit.address.channel_id, self._clock.monotonic())
        return Later(wait) if wait > 0 else await self._edit(edit)

    def _own_wait(self, edit: _Edit) -> float:
        """Seconds until this very card may be edited, whatever others do."""
        now = self._clock.monotonic()
        own = now if edit.final else self._next_edit.get(edit.key, now)
        pause = self._pauses.get(edit.key)
        if pause is not None and (pause.last_too or not edit.final):
            own = max(own, pause.until)
        return own - now

    def _pause(self, edit: _Edit, result: SendResult | None) -> float:
        """Seconds until the next edit. Discord tells how old the card is; where it does not, this machine's clock has
        to do, which may have been wrong when the card was posted, or be wrong now."""
        age = result.age if isinstance(result, Posted) else None
        if age is None:
            age = (self._clock.now() - edit.posted_at) / 1000
        if age < _YOUNG_UNTIL:
            return YOUNG_CARD_SECONDS
        return CARD_SECONDS if age <= _OLD_AFTER else OLD_CARD_SECONDS

    async def _outcome_first(self, edit: _Edit) -> bool:
        # A last edit makes no waiting outcome late: Discord counts a channel's posts and edits separately.
        if edit.final or (isinstance(edit.post, CardPost) and edit.post.status is CardStatus.FETCHING):
            return False
        now = self._clock.now()
        channel = edit.address.channel_id
        return await delivery_queries.outcome_due(self._database.reader, channel, after=now - _OUTCOME_FIRST, now=now)

    # ---- the edit itself --------------------------------------------------------------------------------------------

    async def _edit(self, edit: _Edit) -> Shown | Later:
        self._line.begin(edit.key, edit.address.channel_id)
        result: SendResult | None = None
        try:
            result = await self._poster.edit(edit.address, edit.message_id, edit.post)
        finally:
            now = self._clock.monotonic()
            self._line.end(edit.address.channel_id, now)
            self._next_edit[edit.key] = now + self._pause(edit, result)
        match result:
            case Posted():
                self._shown[edit.key] = edit.post
                await self._mark(edit)
                return Shown()
            case TooManyRequests(retry_after):
                self._line.hold(edit.address.channel_id, self._clock.monotonic() + retry_after)
                return Later(max(retry_after, 1.0))
            case NoResponse():
                return Later(_NO_ANSWER_SECONDS)
            case Refused() as refused:
                return await self._after_refusal(edit, refused)

    async def _after_refusal(self, edit: _Edit, refused: Refused) -> Shown | Later:
        log.warning("%s %d was refused: HTTP %d, code %d", edit.key.kind, edit.key.id, refused.status, refused.code)
        meaning = meaning_of(refused)
        if meaning in (Meaning.MESSAGE_GONE, Meaning.NOT_OURS):
            async with self._database.transaction() as tx:
                await deliveries.forget_message(tx, edit.delivery_id, reason=Reason.DELETED)
            self._forget(edit.key)
            return Shown()
        seconds = _ANY_EDIT.get(meaning, _REFUSED_SECONDS)
        last_too = edit.final or meaning in _ANY_EDIT
        self._pauses[edit.key] = _Pause(self._clock.monotonic() + seconds, last_too)
        return Later(seconds)

    async def _mark(self, edit: _Edit) -> None:
        async with self._database.transaction() as tx:
            await _mark_shown(tx, edit)
        if edit.final:
            self._forget(edit.key)

    def _forget(self, key: Key) -> None:
        for kept in (self._shown, self._next_edit, self._pauses):
            kept.pop(key, None)


async def _mark_shown(tx: Transaction, edit: _Edit) -> None:
    if isinstance(edit.post, CardPost):
        await cards.mark_shown(tx, edit.key.id, at=edit.at, shown=edit.post.status, final=edit.final)
    else:
        await cards.mark_batch_shown(tx, edit.key.id, edit.at)


def _summary_edit(key: Key, message: BatchMessage, post: SummaryPost, at: int) -> _Edit:
    address = Address(message.guild_id, message.channel_id)
    final = not post.open and not any(map(_is_on_its_way, post.entries))
    return _Edit(key, address, message.message_id, message.posted_at, message.delivery_id, post, final, at)


def _is_on_its_way(entry: SummaryEntry) -> bool:
    """Whether the job's outcome is still to come, with a link to it."""
    return entry.outcome is not None and entry.outcome_message is None and entry.status not in _NOTHING_COMES


def _earlier(one: float | None, other: float | None) -> float | None:
    times = [time for time in (one, other) if time is not None]
    return min(times, default=None)
