"""Records the result of an attempt and all its consequences in one transaction."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from model.messages import CardPost, Cause, NoticePost, SummaryPost
from model.states import NoticeKind, Reason
from relay.cards.card_posts import mark_shown
from relay.changes import Changes
from relay.delivery import notice_json
from relay.delivery.fallbacks import Variant
from relay.delivery.message_builder import Draft
from relay.delivery.second_messages import SEARCHED_AFTER
from relay.delivery.verdicts import (
    BLOCKED_FOR_AT_MOST,
    SECOND,
    Again,
    Blocked,
    Change,
    Done,
    GiveUp,
    StopSending,
    Unsure,
    Verdict,
)
from relay.ports import Clock
from storage import deliveries, delivery_queries, servers
from storage.database import Database, Transaction
from storage.deliveries import Delivery

_DAY = 24 * 3600 * SECOND
_OF_CONTENT = (NoticeKind.REDUCED, NoticeKind.REFUSED)
_SAME_TIME = 3600 * SECOND
"""Milliseconds. Outcomes that were blocked within this time of each other are given up together, with one notice."""


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """The result of an attempt, or of a search of the history."""

    delivery: Delivery
    verdict: Verdict
    unanswered_at: int | None = None
    """When the earliest attempt began that got no response and may have been stored, in milliseconds UTC; None if there
    is none."""
    nonce: str = ""
    """The nonce that was sent; empty if nothing was."""
    shown: Draft | None = None
    """What the channel now shows for certain, if the message was posted."""
    posted_as: str | None = None
    """The variant in which it was posted, including which videos went as links; None if that is unknown."""

    @property
    def may_be_posted(self) -> bool:
        """Whether this attempt may have left a message in the channel."""
        return isinstance(self.verdict, Done) or (isinstance(self.verdict, Again) and not self.verdict.answered)


class ResultRecorder:
    """Writes the results of deliveries and announces what has changed."""

    def __init__(self, database: Database, changes: Changes, clock: Clock) -> None:
        self._database = database
        self._changes = changes
        self._clock = clock

    async def record_result(self, result: DeliveryResult) -> bool:
        """Commits the result; returns False if another process has claimed the delivery or taken it over since.

        In that case the result is not written, and the history is searched later if the attempt may have left a
        message.

        Raises StorageError if the database fails; nothing is written then, and the call can be repeated.
        """
        async with self._database.transaction() as tx:
            if not await deliveries.lock_unchanged(tx, result.delivery):
                if result.may_be_posted:
                    at = self._clock.now() + SEARCHED_AFTER
                    await deliveries.schedule_second_message_search(tx, result.delivery.id, at)
                return False
            given_up_too = await self._write(tx, result)
        self._announce(result, given_up_too)
        return True

    async def _write(self, tx: Transaction, result: DeliveryResult) -> list[int]:
        """Writes the result; returns the subscriptions whose outcomes were given up together with this delivery."""
        delivery, now = result.delivery, self._clock.now()
        match result.verdict:
            case Unsure():
                await deliveries.mark_unsure(tx, delivery.id, reason=Reason.CANNOT_LOOK, now=now)
            case Done(message_id, reason):
                await deliveries.settle_posted(
                    tx, delivery.id, message_id=message_id, now=now, reason=reason, variant=result.posted_as
                )
                shown = result.shown
                if shown is not None and isinstance(shown.post, CardPost | SummaryPost):
                    await mark_shown(tx, shown.post, at=shown.at, final=shown.final)
                await self._tell_posted(tx, result, now)
            case Again(after, _, reason):
                await _retry(tx, result, now + after, reason, delivery.blocked_since)
            case StopSending():
                await _retry(tx, result, now, Reason.BOT_REFUSED, delivery.blocked_since)
            case Blocked(after, since, reason, variant) as blocked:
                if variant is not None:
                    await self._change(tx, result, Change(variant), now)
                await _retry(tx, result, now + after, reason, since)
                await self._tell_blocked(tx, delivery, blocked, now)
            case Change() as change:
                await self._change(tx, result, change, now)
            case GiveUp(reason, cause):
                await deliveries.give_up(tx, delivery.id, reason=reason, now=now)
                return await self._tell_given_up(tx, delivery, reason, cause, now)
        return []

    async def _change(self, tx: Transaction, result: DeliveryResult, change: Change, now: int) -> None:
        delivery = result.delivery
        other_nonce = change.variant.nonce(delivery.base_nonce) != result.nonce
        await deliveries.change_variant(
            tx,
            delivery.id,
            variant=change.variant.format(),
            unanswered_at=result.unanswered_at,
            # By another nonce, Discord can't recognise an earlier, unanswered attempt that it may have stored.
            look_first=result.unanswered_at is not None and other_nonce,
            now=now,
            # Kept until the message is posted: only then are the admins told that the channel is open again.
            blocked_since=delivery.blocked_since,
        )
        if change.too_large is not None:
            await servers.set_upload_limit(tx, delivery.guild_id, change.too_large - 1, now)

    # ---- telling the admins -----------------------------------------------------------------------------------------

    async def _tell_blocked(self, tx: Transaction, delivery: Delivery, blocked: Blocked, now: int) -> None:
        """Adds a notice when the first outcome of a channel is blocked. A channel that is gone has a notice of its
        own."""
        if delivery.blocked_since is not None or blocked.reason is Reason.UNKNOWN_CHANNEL:
            return
        if not delivery.kind.is_outcome:
            return
        if await delivery_queries.blocked_in_channel(tx, delivery.channel_id, but=delivery.id):
            return
        notice = NoticePost(
            kind=NoticeKind.CANNOT_POST,
            nonce="",
            jobs=await delivery_queries.outcomes_waiting(tx, delivery.channel_id),
            channel_id=delivery.channel_id,
            missing=blocked.missing,
            until=blocked.since + BLOCKED_FOR_AT_MOST,
        )
        await add_notice(tx, delivery.guild_id, delivery.channel_id, notice, now)

    async def _tell_posted(self, tx: Transaction, result: DeliveryResult, now: int) -> None:
        """Adds a notice about the part of an outcome that Discord refused, once a day for each channel and cause. If an
        earlier notice said that nothing can be posted in the channel, adds one that it is open again."""
        delivery = result.delivery
        if not delivery.kind.is_outcome:
            return
        variant = Variant.parse(result.posted_as or delivery.variant)
        if variant.why is not None:
            notice = NoticePost(
                kind=NoticeKind.REDUCED,
                nonce="",
                channel_id=delivery.channel_id,
                cause=variant.why,
                without_files=variant.no_files,
            )
            await add_notice(tx, delivery.guild_id, delivery.channel_id, notice, now, once_in=_DAY)
        if delivery.blocked_since is not None:
            await _tell_open_again(tx, delivery, now)

    async def _tell_given_up(
        self, tx: Transaction, delivery: Delivery, reason: Reason, cause: Cause | None, now: int
    ) -> list[int]:
        """Adds a notice about an outcome that was given up. Also gives up the channel's other outcomes that have waited
        about as long; returns their subscriptions."""
        if not delivery.kind.is_outcome:
            return []
        if reason is Reason.REFUSED:
            refused = NoticePost(kind=NoticeKind.REFUSED, nonce="", jobs=1, channel_id=delivery.channel_id, cause=cause)
            await add_notice(tx, delivery.guild_id, delivery.channel_id, refused, now)
        if delivery.blocked_since is None or reason not in (Reason.NO_PERMISSION, Reason.UNKNOWN_CHANNEL):
            return []
        before = now - BLOCKED_FOR_AT_MOST + _SAME_TIME
        others = await deliveries.give_up_blocked(tx, delivery.channel_id, before=before, reason=reason, now=now)
        notice = NoticePost(
            kind=NoticeKind.GIVEN_UP,
            nonce="",
            jobs=len(others) + 1,
            channel_id=delivery.channel_id,
            waited=now - delivery.blocked_since,
        )
        await add_notice(tx, delivery.guild_id, delivery.channel_id, notice, now)
        return others

    # ---- telling the cards ------------------------------------------------------------------------------------------

    def _announce(self, result: DeliveryResult, given_up_too: Collection[int]) -> None:
        delivery, draft = result.delivery, result.shown
        if isinstance(result.verdict, Done) and draft is not None and isinstance(draft.post, CardPost | SummaryPost):
            self._changes.message_shown(draft.post)
        changed = set(given_up_too)
        if delivery.subscription_id is not None and not isinstance(result.verdict, Again):
            changed.add(delivery.subscription_id)
        for subscription_id in sorted(changed):
            self._changes.subscription_changed(subscription_id)


async def add_notice(
    tx: Transaction, guild_id: int, about_channel: int, notice: NoticePost, now: int, *, once_in: int = 1
) -> None:
    """Adds a notice about a channel for the server's alerts channel. If that is the same channel, it gets only notices
    about what Discord refused there for its content.

    A notice of the same kind and cause is added at most once in `once_in` milliseconds.
    """
    server = await servers.get(tx, guild_id)
    if server is None or server.alerts_channel is None:
        return
    if server.alerts_channel == about_channel and notice.kind not in _OF_CONTENT:
        return
    key, at = notice.cause or "", now // once_in
    await notice_json.add(tx, guild_id, server.alerts_channel, notice, now, at=at, key=key, about=about_channel)


async def _retry(
    tx: Transaction, result: DeliveryResult, next_at: int, reason: Reason, blocked_since: int | None
) -> None:
    await deliveries.retry_at(
        tx,
        result.delivery.id,
        next_at=next_at,
        unanswered_at=result.unanswered_at,
        reason=reason,
        blocked_since=blocked_since,
    )


async def _tell_open_again(tx: Transaction, delivery: Delivery, now: int) -> None:
    """Replaces the notice that nothing could be posted in the channel, once its last blocked outcome is posted."""
    if await delivery_queries.blocked_in_channel(tx, delivery.channel_id, but=delivery.id):
        return
    reported = await delivery_queries.latest_notice_about(
        tx, delivery.guild_id, delivery.channel_id, NoticeKind.CANNOT_POST
    )
    if reported is None:
        return
    posted = await delivery_queries.outcomes_posted_since(tx, delivery.channel_id, reported.created_at)
    notice = notice_json.replacing(reported, NoticeKind.POSTING_AGAIN, now, jobs=posted, channel_id=delivery.channel_id)
    at, about = reported.created_at, delivery.channel_id
    await notice_json.add(tx, delivery.guild_id, reported.channel_id, notice, now, at=at, about=about)
