"""Builds a delivery's message from the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from model import snapshots
from model.job import Job, Outcome
from model.messages import Address, LateReason, NoticePost, OutcomePost, Post
from model.states import CardStatus, DeliveryKind, NoticeKind, Origin, Reason
from relay.cards.card_posts import CardPosts
from relay.clock import ahead_of_discord
from relay.delivery import notice_json
from relay.delivery.attachments import Attacher, UploadBounds, limit_in_force
from relay.delivery.batch_end import tally_of, with_own_files
from relay.delivery.delay import Delay, why_late
from relay.delivery.fallbacks import Variant
from relay.ports import Clock, Poster
from storage import card_rows, deliveries, delivery_queries, subscriptions
from storage.card_rows import CardRow
from storage.database import Queries
from storage.deliveries import Delivery
from storage.subscriptions import Subscriber

_NO_ACCESS = (Reason.NO_PERMISSION, Reason.UNKNOWN_CHANNEL)
"""Reasons for which an outcome was given up. An admin fixes them before resending it."""
_SENT_AGAIN = (Reason.REFUSED, Reason.CANNOT_LOOK)
"""Reasons for which an outcome was not posted until an admin resent it. Its message names none of them as the reason
for its delay."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A delivery's message without its files. It suffices to search the history for the message."""

    delivery: Delivery
    variant: Variant
    post: Post
    wanted: bool = True
    """False if the message is no longer needed. It may have been sent already."""
    upload_limit: int | None = None
    """The learned upload limit of the server in bytes, or None."""
    final: bool = False
    """Whether this is a card that will not change any more."""
    at: int = 0
    """When the state that a card or summary shows was read, in milliseconds UTC."""
    edits: int | None = None
    """The message id of the alert that this notice replaces."""
    not_before: int | None = None
    """When to look again, in milliseconds UTC, because that alert is still to be sent or may have been sent."""

    @property
    def address(self) -> Address:
        """Where the message goes."""
        return Address(self.delivery.guild_id, self.delivery.channel_id)

    @property
    def has_videos(self) -> bool:
        """Whether videos are fetched before the message is sent."""
        return _job_with_videos(self.post) is not None


class MessageBuilder:
    """Builds messages. `working_since` returns since when the bot has run and been able to store what it sees,
    in milliseconds UTC."""

    def __init__(
        self,
        *,
        reader: Queries,
        poster: Poster,
        attacher: Attacher,
        card_posts: CardPosts,
        clock: Clock,
        working_since: Callable[[], int],
    ) -> None:
        self._reader = reader
        self._poster = poster
        self._attacher = attacher
        self._card_posts = card_posts
        self._clock = clock
        self._working_since = working_since

    async def draft(self, delivery: Delivery) -> Draft | None:
        """The delivery's message; None if there is nothing to say any more."""
        variant = Variant.parse(delivery.variant)
        nonce = variant.nonce(delivery.base_nonce)
        match delivery.kind:
            case DeliveryKind.NOTICE:
                return await self._notice(delivery, variant, nonce)
            case DeliveryKind.SUMMARY:
                return await self._summary(delivery, variant, nonce)
            case DeliveryKind.CARD:
                return await self._card(delivery, variant, nonce)
            case DeliveryKind.OUTCOME | DeliveryKind.AGAIN:
                return await self._outcome(delivery, variant, nonce)

    @asynccontextmanager
    async def with_files(self, draft: Draft) -> AsyncIterator[Post]:
        """The message with its videos. Their files exist until the block ends.

        Raises OSError if a file cannot be written, and NotThereYet if a file may still appear.
        """
        post, job = draft.post, _job_with_videos(draft.post)
        if not isinstance(post, OutcomePost) or job is None:
            yield post
            return
        guild_id = draft.address.guild_id
        bounds = UploadBounds(
            guild_id=guild_id,
            may_attach=self._poster.may_attach(draft.address),
            learned=draft.upload_limit,
            nominal=self._poster.nominal_upload_limit(guild_id),
        )
        async with self._attacher.attachments(post.number, job, draft.variant, bounds) as attachments:
            batch = None if post.batch is None else with_own_files(post.batch, job, draft.variant, attachments)
            yield replace(post, job=attachments.job, files=attachments.files, links=attachments.links, batch=batch)

    async def with_wishes_of_now(self, post: Post, draft: Draft) -> Post:
        """The message as people want it by now. While the videos were fetched, they may have asked for no ping, to be
        forgotten, or for a spoiler."""
        now = await self.draft(draft.delivery)
        if now is None or not isinstance(now.post, OutcomePost) or not isinstance(post, OutcomePost):
            return post
        batch = post.batch
        if batch is not None:
            batch = replace(batch, mention=now.post.batch.mention if now.post.batch is not None else ())
        return replace(post, mention=now.post.mention, batch=batch, spoiler=now.post.spoiler)

    async def _notice(self, delivery: Delivery, variant: Variant, nonce: str) -> Draft | None:
        if delivery.notice is None:
            return None
        post = notice_json.load(delivery.notice, nonce, delivery.language)
        if variant.without_api_text:
            post = replace(post, channel_name=None)
        draft = Draft(delivery, variant, post)
        if post.ends is None or variant.no_edit:
            return draft
        alert = await deliveries.get(self._reader, post.ends)
        if alert is not None and alert.state.is_open:
            return replace(draft, not_before=alert.next_at)
        if alert is None or alert.message_id is None:
            return replace(draft, wanted=not edit_only(post))
        return replace(draft, edits=alert.message_id, post=replace(post, language=alert.language))

    async def _summary(self, delivery: Delivery, variant: Variant, nonce: str) -> Draft | None:
        if delivery.batch_id is None:
            return None
        at = self._clock.now()
        post = await self._card_posts.summary(
            delivery.batch_id, nonce, delivery.language, without_api_text=variant.without_api_text
        )
        return None if post is None else Draft(delivery, variant, post, at=at)

    async def _card(self, delivery: Delivery, variant: Variant, nonce: str) -> Draft | None:
        view = None if delivery.subscription_id is None else await self._card_posts.card(delivery.subscription_id)
        if view is None:
            return None
        post = view.post or self._card_posts.plain(view.row, snapshots.load(view.row.snapshot), CardStatus.FETCHING)
        return Draft(
            delivery,
            variant,
            replace(post, nonce=nonce, language=delivery.language),
            wanted=view.row.ended_at is None and view.row.batch_id is None,
            final=view.final,
            at=view.at,
        )

    async def _outcome(self, delivery: Delivery, variant: Variant, nonce: str) -> Draft | None:
        if delivery.subscription_id is None:
            return None
        row = await card_rows.of_subscription(self._reader, delivery.subscription_id)
        outcome = None if row is None else await self._outcome_to_tell(row, delivery)
        if row is None or outcome is None:
            return None
        job = snapshots.load(row.snapshot)
        again = delivery.kind is DeliveryKind.AGAIN
        askers = await subscriptions.subscribers(self._reader, row.subscription_id)
        pinged = () if again or variant.no_ping else _pinged(askers)
        tally = None
        if delivery.closes_batch and row.batch_id is not None:
            tally = await tally_of(self._reader, row.batch_id, ping=not variant.no_ping)
        ahead = ahead_of_discord(self._clock, self._poster)
        ended, ended_after = _end_of(job, outcome, ahead)
        late = None if ended_after is None else self._why_late(row, delivery, ended_after)
        post = OutcomePost(
            number=row.job_id,
            jobid=row.jobid,
            outcome=outcome,
            job=job,
            nonce=nonce,
            button_nonce=delivery.base_nonce,
            mention=pinged,
            silent=row.batch_id is not None and tally is None and not pinged and not again,
            spoiler=row.spoiler,
            reply_to=None if variant.no_reply else await self._replies_to(row, closes=tally is not None),
            without_api_text=variant.without_api_text,
            batch=tally,
            late=late,
            # If the end was seen late and the API names no time, the time of the end is unknown.
            ended_at=_seen_at(row, ahead) if ended is None and late in (None, LateReason.POSTING) else ended,
            clock_ahead=ahead,
            watched_for=_watched_for(row),
            unasked=row.origin is not Origin.ASKED and not askers,
            language=delivery.language,
        )
        limit = limit_in_force(row.upload_limit, row.upload_limit_at, self._clock.now())
        return Draft(delivery, variant, post, upload_limit=limit)

    async def _outcome_to_tell(self, row: CardRow, delivery: Delivery) -> Outcome | None:
        """How the job ended; None if the channel gets, or waits for, another message about it.

        A job that was given up may be watched again before its outcome was posted everywhere. A channel that waits
        again gets only the outcome of the new round; any other still gets the outcome of its own round.
        """
        if delivery.kind is not DeliveryKind.OUTCOME or delivery.round >= row.round:
            return row.outcome
        if row.ended_at is None or await delivery_queries.has_later_outcome(self._reader, delivery):
            return None
        return row.outcome or Outcome.GIVEN_UP

    async def _replies_to(self, row: CardRow, *, closes: bool) -> int | None:
        """The message to reply to: the job's card, or the batch's summary if the outcome closes the batch and the
        summary was posted."""
        summary = None
        if closes and row.batch_id is not None:
            summary = await card_rows.batch_message(self._reader, row.batch_id)
        return row.card_message if summary is None else summary.message_id

    def _why_late(self, row: CardRow, delivery: Delivery, ended: int) -> LateReason | None:
        if delivery.kind is DeliveryKind.AGAIN or delivery.reason in _SENT_AGAIN:
            return None
        return why_late(
            Delay(
                now=self._clock.now(),
                ended=ended,
                seen=row.job_ended_at or delivery.created_at,
                queued=delivery.created_at,
                watched_since=row.created_at,
                working_since=self._working_since(),
                account_changes=(row.account_since, row.server_account_since),
                server_back=row.server_back_at,
                blocked=delivery.blocked_since is not None or delivery.reason in _NO_ACCESS,
            )
        )


def edit_only(notice: NoticePost) -> bool:
    """Whether the notice is dropped if the alert that it would replace is gone."""
    return notice.kind in (NoticeKind.FIXED, NoticeKind.TOKEN_REMOVED)


def _job_with_videos(post: Post) -> Job | None:
    """The job whose videos belong to this message; None if it has none."""
    if not isinstance(post, OutcomePost) or post.outcome is not Outcome.COMPLETED:
        return None
    return post.job if post.job is not None and post.job.media else None


def _pinged(askers: Sequence[Subscriber]) -> tuple[int, ...]:
    return tuple(one.user_id for one in askers if one.mention and not one.in_batch)


def _end_of(job: Job | None, outcome: Outcome, ahead: int) -> tuple[int | None, int | None]:
    """When the job ended according to the API, and the earliest time at which it can have ended by this machine's
    clock, which is `ahead` by so many milliseconds: the same time, or just after the bot last saw it active. Both are
    None if the outcome is not a state of the job."""
    if job is None or job.state.value != outcome.value:
        return None, None
    if job.updated is not None:
        return job.updated, job.updated + ahead
    return None, job.ran_until + 1 if job.ran_until else None


def _seen_at(row: CardRow, ahead: int) -> int | None:
    """When the bot saw the job's end, by Discord's clock."""
    return None if row.job_ended_at is None else row.job_ended_at - ahead


def _watched_for(row: CardRow) -> int | None:
    """How long a job that was given up had been watched, in milliseconds; None for other outcomes."""
    if row.outcome is not Outcome.GIVEN_UP or row.job_ended_at is None:
        return None
    return max(0, row.job_ended_at - row.watched_since)
