"""Builds the message of a delivery from what the database knows; says whether an outcome comes late, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from model import snapshots
from model.job import Job, Outcome
from model.messages import Address, BatchTally, LateReason, NoticePost, OutcomePost, Post
from model.states import CardStatus, DeliveryKind, NoticeKind, Origin, Reason
from relay.cards.card_posts import CardPosts
from relay.delivery import notice_json
from relay.delivery.attachments import Attacher, Attachments, UploadBounds, limit_in_force
from relay.delivery.fallbacks import Variant
from relay.ports import Clock, Poster
from storage import batches, cards, deliveries, delivery_queries, subscriptions
from storage.cards import CardRow
from storage.database import Queries
from storage.deliveries import Delivery
from storage.subscriptions import Subscriber

LATE_AFTER = 10 * 60_000
"""Milliseconds after the job's end from which on an outcome is late."""


@dataclass(frozen=True, slots=True)
class Delay:
    """When what led to an outcome happened. Times are milliseconds UTC."""

    now: int
    ended: int
    """As the API tells it."""
    seen: int
    """When the bot saw the end."""
    queued: int
    """When the outcome was put into the outbox: later than `seen` where the subscription was on hold."""
    watched_since: int
    started: int
    """When this process started."""
    account_since: int
    """When the account's token last began to work, or ceased to."""
    blocked: bool
    """Discord refused the outcome for lack of a permission."""


def why_late(delay: Delay) -> LateReason | None:
    """None where it is not late, or nobody waited for it when it ended."""
    if delay.now - delay.ended <= LATE_AFTER or delay.watched_since >= delay.ended:
        return None
    if delay.blocked:
        return LateReason.NO_ACCESS
    if delay.queued - delay.seen > LATE_AFTER or delay.account_since > delay.ended:
        return LateReason.TOKEN
    if delay.seen - delay.ended <= LATE_AFTER:
        return LateReason.OFFLINE
    if delay.started > delay.ended:
        return LateReason.OFFLINE
    return LateReason.API_DOWN


_NO_ACCESS = (Reason.NO_PERMISSION, Reason.UNKNOWN_CHANNEL)
"""Why an outcome was given up that an admin sends again once that is mended."""
_SENT_AGAIN = (Reason.REFUSED, Reason.CANNOT_LOOK)
"""Why one was not sent until an admin wanted it: none of the reasons for being late."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A delivery's message without its files: enough to look for it in the history."""

    delivery: Delivery
    address: Address
    variant: Variant
    post: Post
    wanted: bool = True
    """False where it would come too late to tell anything; it may have been sent all the same."""
    row: CardRow | None = None
    final: bool = False
    """A card that will say nothing else."""
    at: int = 0
    """When what it shows was known, milliseconds UTC."""
    edits: int | None = None
    """The message that this one takes the place of."""
    not_before: int | None = None
    """Whether that message was sent is not known before then; milliseconds UTC."""

    @property
    def has_videos(self) -> bool:
        """Whether videos belong to this message, to be fetched before it is sent."""
        return _with_videos(self.post) is not None


class MessageBuilder:
    """Reads and composes; `started` is when this process started, milliseconds UTC."""

    def __init__(
        self, *, reader: Queries, poster: Poster, attacher: Attacher, card_posts: CardPosts, clock: Clock, started: int
    ) -> None:
        self._reader = reader
        self._poster = poster
        self._attacher = attacher
        self._card_posts = card_posts
        self._clock = clock
        self._started = started

    async def draft(self, delivery: Delivery) -> Draft | None:
        """The message; None where there is nothing (left) to tell."""
        if delivery.kind is DeliveryKind.NOTICE:
            return await self._notice(delivery)
        if delivery.kind is DeliveryKind.SUMMARY:
            return await self._summary(delivery)
        if delivery.kind is DeliveryKind.CARD:
            return await self._card(delivery)
        return await self._outcome(delivery)

    @asynccontextmanager
    async def with_files(self, draft: Draft) -> AsyncIterator[Post]:
        """The whole message; its files are there until the block ends. Raises OSError where the disk takes no file."""
        post, row = draft.post, draft.row
        job = _with_videos(post)
        if not isinstance(post, OutcomePost) or row is None or job is None:
            yield post
            return
        bounds = UploadBounds(
            guild_id=row.guild_id,
            may_attach=self._poster.may_attach(draft.address),
            learned=limit_in_force(row.upload_limit, row.upload_limit_at, self._clock.now()),
            nominal=self._poster.nominal_upload_limit(row.guild_id),
        )
        async with self._attacher.attachments(row.job_id, job, draft.variant, bounds) as attachments:
            yield replace(
                post,
                job=attachments.job,
                files=attachments.files,
                links=attachments.links,
                batch=_with_own(post.batch, job, draft.variant, attachments),
            )

    async def with_pings_of_now(self, post: Post, draft: Draft) -> Post:
        """Whoever wanted no ping any more, or to be forgotten, while the videos were fetched is not pinged."""
        now = await self._outcome(draft.delivery)
        if now is None or not isinstance(now.post, OutcomePost) or not isinstance(post, OutcomePost):
            return post
        batch = post.batch
        if batch is not None:
            batch = replace(batch, mention=now.post.batch.mention if now.post.batch is not None else ())
        return replace(post, mention=now.post.mention, batch=batch)

    async def _notice(self, delivery: Delivery) -> Draft | None:
        if delivery.notice is None:
            return None
        variant = Variant.parse(delivery.variant)
        post = notice_json.load(delivery.notice, variant.nonce(delivery.base_nonce), delivery.language)
        draft = Draft(delivery, _address(delivery), variant, post)
        if post.ends is None or variant.no_edit:
            return draft
        alert = await deliveries.get(self._reader, post.ends)
        if alert is not None and alert.state.is_open:
            return replace(draft, not_before=alert.next_at)
        if alert is None or alert.message_id is None:
            return replace(draft, wanted=not edit_only(post))
        return replace(draft, edits=alert.message_id, post=replace(post, language=alert.language))

    async def _summary(self, delivery: Delivery) -> Draft | None:
        if delivery.batch_id is None:
            return None
        variant = Variant.parse(delivery.variant)
        at = self._clock.now()
        post = await self._card_posts.summary(delivery.batch_id, variant.nonce(delivery.base_nonce), delivery.language)
        return None if post is None else Draft(delivery, _address(delivery), variant, post, at=at)

    async def _card(self, delivery: Delivery) -> Draft | None:
        view = None if delivery.subscription_id is None else await self._card_posts.card(delivery.subscription_id)
        if view is None:
            return None
        variant = Variant.parse(delivery.variant)
        post = view.post or self._card_posts.plain(view.row, CardStatus.FETCHING)
        return Draft(
            delivery,
            _address(delivery),
            variant,
            replace(post, nonce=variant.nonce(delivery.base_nonce), language=delivery.language),
            wanted=view.row.ended_at is None and view.row.batch_id is None,
            row=view.row,
            final=view.final,
            at=view.at,
        )

    async def _outcome(self, delivery: Delivery) -> Draft | None:
        if delivery.subscription_id is None:
            return None
        row = await cards.of_subscription(self._reader, delivery.subscription_id)
        if row is None or row.outcome is None:
            return None
        variant = Variant.parse(delivery.variant)
        job = snapshots.load(row.snapshot)
        again = delivery.kind is DeliveryKind.AGAIN
        askers = await subscriptions.subscribers(self._reader, row.subscription_id)
        mention = () if again or variant.no_ping else _pinged(askers)
        tally = await self._tally(row, ping=not variant.no_ping) if delivery.closes_batch else None
        ended = _end_of(job, row.outcome)
        after = ended or _ended_after(job, row.outcome)
        late = None if again or after is None or delivery.reason in _SENT_AGAIN else self._late(row, delivery, after)
        post = OutcomePost(
            number=row.job_id,
            jobid=row.jobid,
            outcome=row.outcome,
            job=job,
            nonce=variant.nonce(delivery.base_nonce),
            button_nonce=delivery.base_nonce,
            mention=mention,
            silent=row.batch_id is not None and tally is None and not mention and not again,
            spoiler=row.spoiler,
            reply_to=None if variant.no_reply else await self._replies_to(row, closes=tally is not None),
            without_api_text=variant.without_api_text,
            batch=tally,
            late=late,
            # Of a late one that tells no time nobody knows when it ended.
            ended_at=row.job_ended_at if ended is None and late is None else ended,
            watched_for=_watched_for(row, row.outcome),
            unasked=row.origin is not Origin.ASKED and not askers,
            language=delivery.language,
        )
        return Draft(delivery, _address(delivery), variant, post, row=row)

    async def _replies_to(self, row: CardRow, *, closes: bool) -> int | None:
        """The job's card; of the outcome that closes a batch, the batch's summary."""
        summary = None
        if closes and row.batch_id is not None:
            summary = await cards.batch_message(self._reader, row.batch_id)
        return row.card_message if summary is None else summary.message_id

    async def _tally(self, row: CardRow, *, ping: bool) -> BatchTally | None:
        batch = None if row.batch_id is None else await batches.by_id(self._reader, row.batch_id)
        if batch is None:
            return None
        rows = await cards.of_batch(self._reader, batch.id)
        ended = [one for one in rows if one.outcome is not None and one.stopped_by is None]
        ends = [_tallied(one) for one in ended]
        forms = await delivery_queries.variants_in_batch(self._reader, batch.id)
        made: Counter[str] = Counter()
        for one in ended:
            if _tallied(one) is Outcome.COMPLETED:
                made += _made(snapshots.load(one.snapshot), Variant.parse(forms.get(one.subscription_id, "")))
        return BatchTally(
            total=len(ends),
            videos=made["video"],
            images=made["image"],
            links=made["link"],
            failed=ends.count(Outcome.FAILED),
            refused=ends.count(Outcome.MODERATED),
            other=len(ends) - sum(map(ends.count, (Outcome.COMPLETED, Outcome.FAILED, Outcome.MODERATED))),
            mention=(batch.user_id,) if batch.user_id is not None and batch.mention and ping else (),
        )

    def _late(self, row: CardRow, delivery: Delivery, ended: int) -> LateReason | None:
        return why_late(
            Delay(
                now=self._clock.now(),
                ended=ended,
                seen=row.job_ended_at or delivery.created_at,
                queued=delivery.created_at,
                watched_since=row.created_at,
                started=self._started,
                account_since=row.account_since,
                blocked=delivery.blocked_since is not None or delivery.reason in _NO_ACCESS,
            )
        )


def edit_only(post: Post) -> bool:
    """Whether it is left out where the message is gone that it would take the place of."""
    return isinstance(post, NoticePost) and post.kind in (NoticeKind.FIXED, NoticeKind.TOKEN_REMOVED)


def _address(delivery: Delivery) -> Address:
    return Address(delivery.guild_id, delivery.channel_id)


def _with_videos(post: Post) -> Job | None:
    """The job whose videos belong to this message."""
    if not isinstance(post, OutcomePost) or post.outcome is not Outcome.COMPLETED:
        return None
    return post.job if post.job is not None and post.job.media else None


def _pinged(askers: Sequence[Subscriber]) -> tuple[int, ...]:
    return tuple(one.user_id for one in askers if one.mention and not one.in_batch)


def _end_of(job: Job | None, outcome: Outcome) -> int | None:
    """When the job ended as the API tells it; None for an end that is no state of the job."""
    return job.updated if job is not None and job.state.value == outcome.value else None


def _ended_after(job: Job | None, outcome: Outcome) -> int | None:
    """A moment that its end surely came after: the last at which the bot saw it in work."""
    return job.ran_until + 1 if job is not None and job.ran_until and job.state.value == outcome.value else None


def _watched_for(row: CardRow, outcome: Outcome) -> int | None:
    if outcome is not Outcome.GIVEN_UP or row.job_ended_at is None:
        return None
    return max(0, row.job_ended_at - row.watched_since)


def _made(job: Job | None, variant: Variant) -> Counter[str]:
    """What a job's outcome posts in this form: how many `video`, `image` and `link`."""
    media = () if job is None else job.media
    return Counter(
        "link" if variant.no_files or index in variant.links else "image" if item.image else "video"
        for index, item in enumerate(media, start=1)
    )


def _with_own(batch: BatchTally | None, job: Job, variant: Variant, attachments: Attachments) -> BatchTally | None:
    """Counts the files of the very message that tells of the batch as they are about to be posted."""
    if batch is None:
        return None
    links = frozenset(link.index for link in attachments.links)
    before, now = _made(job, variant), _made(attachments.job, Variant(links=links))
    return replace(
        batch,
        videos=batch.videos - before["video"] + now["video"],
        images=batch.images - before["image"] + now["image"],
        links=batch.links - before["link"] + now["link"],
    )


def _tallied(row: CardRow) -> Outcome | None:
    """A job that is complete but sent no video does not count among those with one."""
    job = snapshots.load(row.snapshot)
    return None if row.outcome is Outcome.COMPLETED and (job is None or not job.media) else row.outcome
