"""Edits a card or summary: decides whether it has news and when it may be edited, and handles Discord's response."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import NamedTuple

from model import snapshots
from model.discord_ids import made_at
from model.messages import (
    Address,
    CardPost,
    NoResponse,
    Posted,
    Refused,
    SummaryEntry,
    SummaryPost,
    TooManyRequests,
)
from model.states import CardStatus, DeliveryKind, Reason
from relay import merge
from relay.cards.card_posts import CardPosts, CardView, mark_shown
from relay.cards.edit_queue import CHANNEL_SECONDS, EditQueue
from relay.changes import Changes
from relay.cluster.ownership import ALONE, Ownership
from relay.delivery.fallbacks import Variant
from relay.delivery.verdicts import CONTENT, Meaning, meaning_of
from relay.ports import Clock, Poster
from storage import card_rows, deliveries, delivery_queries
from storage.card_rows import BatchMessage
from storage.database import Database

log = logging.getLogger(__name__)

YOUNG_CARD_SECONDS = 5.0
"""Seconds between two edits of a card in its first minute. The last edit need not wait."""
CARD_SECONDS = 10.0
"""Seconds between two edits of a card after its first minute."""
OLD_CARD_SECONDS = 300.0
"""Seconds between two edits of a card older than an hour, which Discord limits (30046; discord-api-docs#4413)."""

_YOUNG_UNTIL = 60.0
_OLD_AFTER = 3600.0
_NOTHING_COMES = frozenset({CardStatus.STOPPED, CardStatus.NOT_POSTED, CardStatus.UNSURE})
_OUTCOME_FIRST = 60_000
"""Milliseconds for which the channel's cards wait for a due outcome."""
_NO_ANSWER_SECONDS = 30.0
_FORGOTTEN_AT_ONCE = 1000
"""Maximum number of cards or summaries in one query, so that others don't wait long for the database."""
_REFUSED_SECONDS = 1800.0
_ANY_EDIT = {
    Meaning.TOO_MANY_EDITS: 600.0,
    Meaning.WAIT: 60.0,
    Meaning.SLOW_MODE: 60.0,
    Meaning.SWITCHED_OFF: 60.0,
}
"""Seconds until the card's next edit after a refusal that would meet any edit, whatever its content. Other refusals may
be due to the content, so after these the card's last edit, which has another content, is tried sooner."""


class Key(NamedTuple):
    """A card, by its subscription, or a summary, by its batch."""

    kind: DeliveryKind
    """CARD or SUMMARY."""
    id: int

    @classmethod
    def of(cls, post: CardPost | SummaryPost) -> Key:
        """The key of the message with this content."""
        if isinstance(post, CardPost):
            return cls(DeliveryKind.CARD, post.subscription_id)
        return cls(DeliveryKind.SUMMARY, post.batch_id)


@dataclass(frozen=True, slots=True)
class Later:
    """The message may not be edited yet."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing is left to do for the message now: it is up to date, or it cannot be edited."""

    also: tuple[Key, ...] = ()
    """Other messages that may need an edit too."""
    seconds: float | None = None
    """Seconds after which its content will change just because time has passed; None if it will not."""


@dataclass(frozen=True, slots=True)
class _Edit:
    """An edit to be made: its content, and the message to edit."""

    address: Address
    message_id: int
    delivery_id: int
    variant: Variant
    post: CardPost | SummaryPost
    final: bool
    at: int
    """When the state that it shows was read, in milliseconds UTC."""

    @property
    def key(self) -> Key:
        return Key.of(self.post)


@dataclass(frozen=True, slots=True)
class _Pause:
    """A card's pause after a refused edit."""

    until: float
    """Monotonic seconds."""
    last_too: bool
    """Whether the pause also applies to the card's last edit."""


class CardEdits:
    """Edits cards and summaries. Edits of different messages may overlap; edits of the same one must not."""

    def __init__(
        self,
        database: Database,
        poster: Poster,
        posts: CardPosts,
        changes: Changes,
        clock: Clock,
        ownership: Ownership = ALONE,
    ) -> None:
        self._database = database
        self._ownership = ownership
        self._poster = poster
        self._posts = posts
        self._changes = changes
        self._clock = clock
        self._shown: dict[Key, CardPost | SummaryPost] = {}
        self._unanswered: set[Key] = set()
        """Messages whose content is uncertain, because their latest edit got no response."""
        self._next_edit: dict[Key, float] = {}
        self._pauses: dict[Key, _Pause] = {}
        self._queue = EditQueue()

    def posted(self, post: CardPost | SummaryPost) -> None:
        """Notes that the message was just posted with this content."""
        key = Key.of(post)
        self._shown[key] = post
        self._next_edit[key] = self._clock.monotonic() + YOUNG_CARD_SECONDS

    async def forget_ended(self) -> None:
        """Forgets messages that are no longer edited here: those that ended with their channel or server, and those
        that another process now keeps up to date. Raises StorageError; the caller then calls it again."""
        now = self._clock.monotonic()
        self._next_edit = {key: at for key, at in self._next_edit.items() if at > now}
        shards = self._ownership.shards()
        remembered = {*self._shown, *self._unanswered, *self._pauses}
        for kind, still_edited in (
            (DeliveryKind.CARD, card_rows.not_final_among),
            (DeliveryKind.SUMMARY, card_rows.not_final_batches_among),
        ):
            ids = [key.id for key in remembered if key.kind is kind]
            for start in range(0, len(ids), _FORGOTTEN_AT_ONCE):
                some = ids[start : start + _FORGOTTEN_AT_ONCE]
                for ended in set(some) - await still_edited(self._database.reader, some, shards):
                    self._forget(Key(kind, ended))

    async def becoming_slow(self) -> list[tuple[int, float]]:
        """The open subscriptions, each with the seconds until its job counts as slow; 0 if it already does."""
        now = self._clock.now()
        rows = await card_rows.running(
            self._database.reader, (CardStatus.CREATED, CardStatus.STARTED, CardStatus.PROGRESS)
        )
        due = [(row.subscription_id, self._posts.slow_at(row, snapshots.load(row.snapshot))) for row in rows]
        return [(subscription_id, max(0, at - now) / 1000) for subscription_id, at in due]

    async def show(self, key: Key) -> Later | Finished:
        """Edits the message unless it is up to date. Raises StorageError."""
        view = None
        if key.kind is DeliveryKind.SUMMARY:
            later = await self._show_summary(key)
        else:
            view = await self._posts.card(key.id)
            later = None if view is None else await self._show_card(key, view)
        if later is not None:
            return later
        self._queue.leave(key)
        if view is None:
            return Finished()
        summary = () if view.row.batch_id is None else (Key(DeliveryKind.SUMMARY, view.row.batch_id),)
        return Finished(summary, None if view.changes_at is None else max(0, view.changes_at - view.at) / 1000)

    async def _show_card(self, key: Key, view: CardView) -> Later | None:
        row, post = view.row, view.post
        if post is None or row.card_message is None or row.card_delivery is None:
            return None
        shown = self._shown.get(key)
        if isinstance(shown, CardPost) and post.job is not None:
            # A card never shows less than it showed before.
            post = replace(post, job=merge.onward(shown.job, post.job))
        unchanged = shown == post and key not in self._unanswered
        if shown is None and key not in self._unanswered:
            # This process doesn't know what the card shows: an earlier process posted or edited it, or this one forgot
            # it after its last edit. The database tells when that was. If that time is in the future, the clock has
            # been set back, and it is unknown what has changed since. A stopped card shows no news of the job.
            is_stopped = row.card_final and row.shown == CardStatus.STOPPED
            is_current = is_stopped or view.news_at <= row.shown_at <= view.at
            unchanged = row.shown == post.status and is_current
        variant = Variant.parse(row.card_variant or "")
        edit = _Edit(view.address, row.card_message, row.card_delivery, variant, post, view.final, view.at)
        if not unchanged:
            return await self._edit_in_time(edit)
        if view.final and not row.card_final:
            await self._mark(edit)
        return None

    async def _show_summary(self, key: Key) -> Later | None:
        message = await card_rows.batch_message(self._database.reader, key.id)
        if message is None:
            return None
        at, variant = self._clock.now(), Variant.parse(message.variant)
        post = await self._posts.summary(key.id, "", message.language, without_api_text=variant.without_api_text)
        if post is None or await self._says_so_already(key, message, post, at):
            return None
        address = Address(message.guild_id, message.channel_id)
        final = not post.open and not any(map(_is_on_its_way, post.entries))
        edit = _Edit(address, message.message_id, message.delivery_id, variant, post, final, at)
        return await self._edit_in_time(edit)

    async def _says_so_already(self, key: Key, message: BatchMessage, post: SummaryPost, now: int) -> bool:
        """Whether the summary is certain to show this content already."""
        shown = self._shown.get(key)
        if key in self._unanswered:
            return False
        if isinstance(shown, SummaryPost):
            # A message that has not been edited yet (it has a nonce) has its button even if the batch has ended.
            return replace(shown, nonce="") == post and (post.open or not shown.nonce)
        # The content of this summary is not in memory. It is forgotten once all jobs of the batch have ended.
        if post.open or message.shown_at > now:
            return False
        return not await card_rows.is_batch_outdated(self._database.reader, key.id, message.shown_at)

    # ---- in time ----------------------------------------------------------------------------------------------------

    async def _edit_in_time(self, edit: _Edit) -> Later | None:
        """Makes the edit if it changes anything and its time has come; otherwise returns how long to wait."""
        if not self._ownership.owns_server(edit.address.guild_id):
            self._forget(edit.key)
            return None
        if self._already_shown(edit):
            await self._note(edit, is_seen=False)
            return None
        wait = self._own_wait(edit)
        if wait <= 0 and await self._outcome_first(edit):
            wait = CHANNEL_SECONDS
        if wait > 0:
            self._queue.leave(edit.key)
            return Later(wait)
        wait = self._queue.take_place(edit.key, edit.address.channel_id, self._clock.monotonic())
        return Later(wait) if wait > 0 else await self._edit(edit)

    def _already_shown(self, edit: _Edit) -> bool:
        """Whether the edit would change nothing that people see. Much of what is known about a job is not shown."""
        shown = self._shown.get(edit.key)
        if shown is None or edit.key in self._unanswered:
            return False
        return self._poster.looks_alike(edit.address, shown, edit.post)

    def _own_wait(self, edit: _Edit) -> float:
        """Seconds until this card may be edited, regardless of other cards."""
        now = self._clock.monotonic()
        own = now if edit.final else self._next_edit.get(edit.key, now)
        pause = self._pauses.get(edit.key)
        if pause is not None and (pause.last_too or not edit.final):
            own = max(own, pause.until)
        return own - now

    async def _outcome_first(self, edit: _Edit) -> bool:
        """Whether the edit has to wait because an outcome is due in the channel."""
        # A last edit delays no outcome: Discord counts a channel's posts and edits separately.
        if edit.final or (isinstance(edit.post, CardPost) and edit.post.status is CardStatus.FETCHING):
            return False
        now = self._clock.now()
        channel = edit.address.channel_id
        return await delivery_queries.outcome_due(self._database.reader, channel, after=now - _OUTCOME_FIRST, now=now)

    # ---- the edit itself --------------------------------------------------------------------------------------------

    async def _edit(self, edit: _Edit) -> Later | None:
        self._queue.begin(edit.key, edit.address.channel_id)
        try:
            result = await self._poster.edit(edit.address, edit.message_id, edit.post)
        finally:
            now = self._clock.monotonic()
            self._queue.end(edit.address.channel_id, now)
            self._next_edit[edit.key] = now + self._between_edits(edit)
        match result:
            case Posted():
                self._unanswered.discard(edit.key)
                await self._note(edit, is_seen=True)
                return None
            case TooManyRequests(retry_after):
                self._queue.pause_channel(edit.address.channel_id, self._clock.monotonic() + retry_after)
                return Later(retry_after)
            case NoResponse():
                self._unanswered.add(edit.key)
                return Later(_NO_ANSWER_SECONDS)
            case Refused() as refused:
                return await self._after_refusal(edit, refused)

    def _between_edits(self, edit: _Edit) -> float:
        """Seconds until the next edit, by the card's age; only before Discord's first response by this machine's clock,
        which may be wrong."""
        now = self._poster.time() or self._clock.now()
        age = (now - made_at(edit.message_id)) / 1000
        if age < _YOUNG_UNTIL:
            return YOUNG_CARD_SECONDS
        return CARD_SECONDS if age <= _OLD_AFTER else OLD_CARD_SECONDS

    async def _after_refusal(self, edit: _Edit, refused: Refused) -> Later | None:
        log.warning("%s %d was refused: HTTP %d, code %d", edit.key.kind, edit.key.id, refused.status, refused.code)
        meaning = meaning_of(refused)
        if meaning in (Meaning.MESSAGE_GONE, Meaning.NOT_OURS):
            async with self._database.transaction() as tx:
                await deliveries.forget_message(tx, edit.delivery_id, reason=Reason.DELETED)
                await deliveries.renew_card(tx, edit.delivery_id, self._clock.now())
            self._forget(edit.key)
            self._changes.deliveries_added()
            return None
        if meaning is Meaning.CHANNEL_GONE and edit.final:
            await self._mark(edit)  # The message was deleted together with its channel.
            return None
        if meaning in CONTENT:
            # If the message is refused without the API's texts too, they are not the cause, and come back.
            other = replace(edit.variant, without_api_text=not edit.variant.without_api_text)
            async with self._database.transaction() as tx:
                await deliveries.set_variant(tx, edit.delivery_id, other.format())
            if other.without_api_text:
                return Later(0.0)
        seconds = _ANY_EDIT.get(meaning, _REFUSED_SECONDS)
        last_too = edit.final or meaning in _ANY_EDIT
        self._pauses[edit.key] = _Pause(self._clock.monotonic() + seconds, last_too)
        return Later(seconds)

    async def _note(self, edit: _Edit, *, is_seen: bool) -> None:
        """Remembers what the message shows now."""
        self._shown[edit.key] = edit.post
        await self._mark(edit, is_seen=is_seen)

    async def _mark(self, edit: _Edit, *, is_seen: bool = False) -> None:
        async with self._database.transaction() as tx:
            await mark_shown(tx, edit.post, at=edit.at, final=edit.final, is_seen=is_seen)
        if edit.final:
            self._forget(edit.key)

    def _forget(self, key: Key) -> None:
        """Forgets everything except when the message may be edited next: somebody may ask for its job again soon."""
        self._shown.pop(key, None)
        self._pauses.pop(key, None)
        self._unanswered.discard(key)


def _is_on_its_way(entry: SummaryEntry) -> bool:
    """Whether the job's outcome is yet to be posted, so that its link will be added."""
    return entry.outcome is not None and entry.outcome_message is None and entry.status not in _NOTHING_COMES
