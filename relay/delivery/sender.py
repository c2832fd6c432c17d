"""One delivery: claim, send, record. Exactly one message, whatever breaks in between.

The claim is committed before the request goes out, with the start of the first attempt that may have gone through
unnoticed. A repeated attempt bears the same nonce, by which Discord knows it for some minutes; after that the channel's
history is read before anything is sent again. So it is for an attempt of an earlier process, whatever its age: the
clock by which that was written down may have been set since.

Each claim has a token of its own, and what came of an attempt is recorded only while the row still bears it. A process
that takes an attempt over gives the row a new token first. So one that was only halted for longer than its lease learns
of that when it records what it has sent, and two messages may stand in the channel: the later one is deleted. It may be
killed before it can; so the history is searched again ten minutes after an attempt was taken over. `second_look_at` in
the row says when; the process that posts in that server by then does it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from dataclasses import dataclass, replace
from enum import Enum, auto
from uuid import uuid4

from model.messages import (
    Absent,
    Address,
    CannotLook,
    Cause,
    Found,
    LookResult,
    NoResponse,
    NoticePost,
    OutcomePost,
    Post,
    Posted,
    Refused,
    SendResult,
    TooManyRequests,
    VideoFile,
)
from model.states import DeliveryState, Reason
from relay.cluster.ownership import ALONE, Ownership
from relay.delivery import verdicts
from relay.delivery.attachments import NotThereYet
from relay.delivery.delivery_results import LOOKS_AGAIN_AFTER, DeliveryResult, ResultRecorder
from relay.delivery.fallbacks import Variant
from relay.delivery.message_builder import Draft, MessageBuilder, edit_only
from relay.delivery.verdicts import SECOND, Again, Attempt, Blocked, Change, Done, GiveUp, StopSending, Verdict
from relay.failures import log_failure
from relay.ports import Clock, Poster
from storage import deliveries, delivery_queries
from storage.database import Database
from storage.deliveries import Delivery
from storage.errors import StorageError

log = logging.getLogger(__name__)

YieldChannel = Callable[[], AbstractAsyncContextManager[None]]
"""Lets other deliveries have the channel for as long as the context is open."""

NONCE_REMEMBERED = 120_000
"""Milliseconds for which Discord surely knows a nonce ("the past few minutes"; developer docs, Create Message)."""
LOOK_BACK = 65 * 60_000
"""Milliseconds before the first unanswered attempt from which on the history is read: clocks jump by an hour."""

_NEXT_LOOK_AFTER = 60_000
"""Milliseconds after a look for a second message that failed."""
_FAULTS_BORNE = 5
"""Faults of our own in a row, a minute of tries: what fails that often fails always, in this form."""
_UPLOADS_IN_VAIN = 3
"""Uploads in a row that nobody answered though the history could be read: some fail always (discord-api-docs#7695)."""
_BETWEEN_EDITS = 15_000
"""Milliseconds between two tries of an edit that nobody answered."""
_SEND_SECONDS = 90.0
_SLOWEST_UPLOAD = 128 * 1024
"""Bytes a second. The poster has a bound of its own; this one only keeps a channel from standing still for ever."""


class _Look(Enum):
    """What came of looking for a message in the channel's history."""

    NOT_NEEDED = auto()
    """Discord still knows the nonce of whatever was sent."""
    ABSENT = auto()
    SETTLED = auto()
    """Nothing more can be done now; that is recorded."""


@dataclass(slots=True)
class _InHand:
    """What this process knows of a delivery beyond its row. Dropped as soon as the row tells all of it."""

    unrecorded: DeliveryResult | None = None
    """What became of an attempt, while the database does not take it."""
    first_sent: float | None = None
    """When the first unanswered attempt began, in monotonic seconds; None for one of an earlier process."""
    faults: int = 0
    """Faults of our own in a row."""
    sent_in_vain: int = 0
    """Attempts that followed a look which found nothing, and that nobody answered either."""
    unexplained: int = 0
    """How often a permission was called missing though the gateway knows of none."""


class Sender:
    """Sends one delivery at a time for its caller. Calls for the same channel may overlap only while one of them has
    yielded the channel."""

    def __init__(
        self,
        database: Database,
        poster: Poster,
        builder: MessageBuilder,
        recorder: ResultRecorder,
        clock: Clock,
        ownership: Ownership = ALONE,
    ) -> None:
        self._database = database
        self._poster = poster
        self._builder = builder
        self._recorder = recorder
        self._clock = clock
        self._ownership = ownership
        self._in_hand: dict[int, _InHand] = {}
        self.token_dead = False
        """Discord refuses the bot's token: nothing is sent any more."""
        self.counts: Counter[str] = Counter()
        """What became of attempts, by the names of the verdicts."""
        self.failures = 0
        """How many looks for second messages failed."""

    async def deliver(self, delivery_id: int, yield_channel: YieldChannel = nullcontext) -> None:
        """Does the next thing that brings the delivery forward; yields the channel while its videos are fetched.

        Raises StorageError and OSError as disk and database do; it is then to be called again later, and nothing is
        posted twice.
        """
        known = self._known(delivery_id)
        if known.unrecorded is not None:
            await self._record(known.unrecorded)
            return
        delivery = await deliveries.get(self._database.reader, delivery_id)
        if delivery is None or not delivery.state.is_open:
            self.forget(delivery_id)
            return
        if self.token_dead or delivery.owner not in (None, self._ownership.process_id):
            return
        if self._is_another_s(delivery):
            taken_over = await self._take_over(delivery)
            if taken_over is None:
                return
            delivery = taken_over
        if known.faults >= _FAULTS_BORNE:
            await self._after_faults(delivery)
            return
        draft = await self._builder.draft(delivery)
        if draft is None:
            await self._record(DeliveryResult(delivery, GiveUp(Reason.NOT_WANTED)))
            return
        if not await self._put_in_place(draft):
            await self._bring_forward(draft, yield_channel)

    @property
    def remembered(self) -> set[int]:
        """The deliveries of which more is known than their rows tell."""
        return set(self._in_hand)

    def forget(self, delivery_id: int) -> None:
        """The delivery has come to its end, whoever brought that about."""
        self._in_hand.pop(delivery_id, None)

    def failed(self, delivery_id: int, error: Exception) -> None:
        """Counts what `deliver` raised. Disk and database may come back; a fault of our own will not go away."""
        if not isinstance(error, StorageError | OSError):
            self._in_hand.setdefault(delivery_id, _InHand()).faults += 1

    def _known(self, delivery_id: int) -> _InHand:
        """What is known of the delivery, to be read only: nothing is kept of one of which nothing is known."""
        return self._in_hand.get(delivery_id) or _InHand()

    async def _after_faults(self, delivery: Delivery) -> None:
        verdict = verdicts.after_faults(Variant.parse(delivery.variant), is_outcome=delivery.kind.is_outcome)
        maybe_posted = isinstance(verdict, GiveUp) and delivery.unanswered_at is not None
        await self._record(DeliveryResult(delivery, None if maybe_posted else verdict, delivery.unanswered_at))

    async def _bring_forward(self, draft: Draft, yield_channel: YieldChannel) -> None:
        """Looks for what may have been sent, fetches the files, and sends."""
        look = await self._look_if(self._should_look(draft), draft)
        if look is _Look.SETTLED:
            return
        if not draft.wanted:
            await self._drop(draft.delivery)
            return
        other = self._instead(draft, look)
        if other is not None:
            await self._record(other)
            return
        async with AsyncExitStack() as files:
            post = draft.post
            if draft.has_videos:
                try:
                    async with yield_channel():
                        post = await files.enter_async_context(self._builder.with_files(draft))
                except NotThereYet as absent:
                    later = Again(int(absent.seconds * 1000), answered=True, reason=Reason.NOT_THERE)
                    await self._record(DeliveryResult(draft.delivery, later, _unanswered_after(look, draft)))
                    return
                post = await self._builder.with_pings_of_now(post, draft)
                if look is _Look.NOT_NEEDED:
                    # Fetching its videos may have taken longer than Discord remembers the nonce.
                    look = await self._look_if(self._must_look(draft.delivery), draft)
            if look is not _Look.SETTLED:
                await self._send(draft, post, look)

    def _instead(self, draft: Draft, look: _Look) -> DeliveryResult | None:
        """What is recorded without sending anything; None where the message is to be sent."""
        delivery = draft.delivery
        if self._known_to_be_blocked(draft):
            attempt = self._attempt(draft, (), delivery.attempts)
            verdict = verdicts.blocked(attempt, Reason.NO_PERMISSION)
            missing = tuple(attempt.missing or ())
            return DeliveryResult(delivery, verdict, _unanswered_after(look, draft), missing=missing)
        in_vain = self._known(delivery.id).sent_in_vain
        other = _worth_a_try(draft, in_vain) if look is _Look.ABSENT else None
        if other is None:
            return None
        self._in_hand[delivery.id].sent_in_vain = 0
        return DeliveryResult(delivery, Change(other))

    async def _put_in_place(self, draft: Draft) -> bool:
        """Edits the message that this one takes the place of; False where it is a message of its own."""
        if draft.not_before is not None:
            wait = max(draft.not_before - self._clock.now(), SECOND)
            await self._record(DeliveryResult(draft.delivery, Again(wait, answered=True, reason=Reason.NO_ANSWER)))
            return True
        if draft.edits is None or not isinstance(draft.post, NoticePost):
            return False
        await self._edit(draft, draft.edits, draft.post)
        return True

    async def _edit(self, draft: Draft, message_id: int, post: NoticePost) -> None:
        """Done twice, it changes nothing, so no claim is needed."""
        verdict: Verdict
        match await self._poster.edit(draft.address, message_id, post):
            case Posted():
                verdict = Done(message_id)
            case TooManyRequests(retry_after):
                verdict = verdicts.rate_limited(retry_after)
            case NoResponse():
                verdict = Again(_BETWEEN_EDITS, answered=True, reason=Reason.NO_ANSWER)
            case Refused() as refused:
                verdict = self._judge_edit(draft, refused, post)
        await self._record(DeliveryResult(draft.delivery, verdict))

    def _judge_edit(self, draft: Draft, refused: Refused, post: NoticePost) -> Verdict:
        """Waits where the same edit may be taken later. Else the notice becomes a message of its own, or is left out;
        so too where such a message opens a thread that an edit does not."""
        opens = verdicts.meaning_of(refused) is verdicts.Meaning.ARCHIVED and not edit_only(post)
        verdict = verdicts.judge(refused, self._attempt(draft, (), draft.delivery.attempts))
        if isinstance(verdict, Again | Blocked | StopSending) and not opens:
            return verdict
        return GiveUp(Reason.NOT_WANTED) if edit_only(post) else Change(replace(draft.variant, no_edit=True))

    # ---- looking ----------------------------------------------------------------------------------------------------

    def _should_look(self, draft: Draft) -> bool:
        """Also where this process has not seen the attempt begin, so that only the wall clock tells its age, and where
        nothing is to be sent any more."""
        delivery = draft.delivery
        if delivery.unanswered_at is None:
            return self._may_be_lost(delivery)
        begun_before = self._known(delivery.id).first_sent is None
        return begun_before or not draft.wanted or self._must_look(delivery)

    def _may_be_lost(self, delivery: Delivery) -> bool:
        """Whether the database may have lost that it was sent: its server is another one than before."""
        return delivery.look_first or delivery.created_at < self._ownership.looks_first_until

    def _must_look(self, delivery: Delivery) -> bool:
        """Whether Discord may have forgotten the nonce of an attempt that nobody answered."""
        if delivery.unanswered_at is None:
            return False
        age = self._clock.now() - delivery.unanswered_at
        # The wall clock may have been set since; this process then still knows for how long it has waited.
        first_sent = self._known(delivery.id).first_sent
        waited = 0.0 if first_sent is None else (self._clock.monotonic() - first_sent) * 1000
        return delivery.look_first or not 0 <= age < NONCE_REMEMBERED or waited >= NONCE_REMEMBERED

    async def _look_if(self, needed: bool, draft: Draft) -> _Look:
        return await self._look(draft) if needed else _Look.NOT_NEEDED

    async def _look(self, draft: Draft) -> _Look:
        now = self._clock.now()
        since = min(draft.delivery.unanswered_at or draft.delivery.created_at, now)
        found = await self._poster.find(draft.address, draft.post, since - LOOK_BACK)
        if isinstance(found, Absent) or await self._is_another_message(found, draft.delivery):
            return _Look.ABSENT
        if isinstance(found, CannotLook) and draft.wanted and not self._must_look(draft.delivery):
            return _Look.NOT_NEEDED
        if isinstance(found, CannotLook) and _is_wanted_all_the_same(draft):
            return _Look.ABSENT
        verdict = _after_look(found, draft.delivery.attempts, now - since)
        if isinstance(found, CannotLook):
            verdict = self._until_in_reach(draft)
        missing = tuple(self._poster.missing_permissions(draft.address) or ()) if isinstance(verdict, Blocked) else ()
        await self._record(DeliveryResult(draft.delivery, verdict, draft.delivery.unanswered_at, missing=missing))
        return _Look.SETTLED

    async def _is_another_message(self, found: LookResult, delivery: Delivery) -> bool:
        """Whether another delivery's message was found: of notices only the text is known."""
        if not isinstance(found, Found):
            return False
        return bool(await delivery_queries.messages_of_others(self._database.reader, delivery, [found.message_id]))

    def _until_in_reach(self, draft: Draft) -> Blocked | None:
        """Where nothing could be posted now anyway, whether it was posted before may become known by waiting."""
        if not draft.wanted or not self._poster.missing_permissions(draft.address):
            return None
        verdict = verdicts.blocked(self._attempt(draft, (), draft.delivery.attempts), Reason.NO_PERMISSION)
        return verdict if isinstance(verdict, Blocked) else None

    # ---- sending ----------------------------------------------------------------------------------------------------

    async def _send(self, draft: Draft, post: Post, look: _Look) -> None:
        delivery = draft.delivery
        earlier = _unanswered_after(look, draft)
        async with self._database.transaction(locks_rows=True) as tx:
            if self._ownership.server not in (None, self._database.server):
                raise StorageError("it is not noted yet what another server of the database may have lost")
            now = self._clock.now()
            since = now if earlier is None else earlier
            claimed = await deliveries.claim(tx, delivery, since, self._ownership.process_id, uuid4().hex)
        if claimed is None or not self._ownership.holds:
            return
        in_hand = self._in_hand.setdefault(delivery.id, _InHand())
        if earlier is None:
            in_hand.first_sent = self._clock.monotonic()
        files = post.files if isinstance(post, OutcomePost) else ()
        response = await self._post(draft, post, sum(file.size for file in files))
        attempt = self._attempt(draft, files, claimed.attempts, post)
        verdict = verdicts.judge(response, attempt)
        answered = not (isinstance(verdict, Again) and not verdict.answered)
        if answered:
            in_hand.sent_in_vain = 0
        elif look is _Look.ABSENT:
            in_hand.sent_in_vain += 1
        unanswered_at = earlier if answered else claimed.unanswered_at
        await self._record(
            DeliveryResult(
                claimed,
                verdict,
                unanswered_at,
                missing=tuple(attempt.missing or ()),
                nonce=post.nonce,
                # What an earlier attempt may have stored looks as it did then.
                shown=draft if earlier is None else None,
                form=_form_of(draft, post),
            )
        )

    async def _post(self, draft: Draft, post: Post, size: int) -> SendResult:
        try:
            async with asyncio.timeout(_SEND_SECONDS + size / _SLOWEST_UPLOAD):
                return await self._poster.post(draft.address, post)
        except TimeoutError:
            return NoResponse("no answer in time")

    def _known_to_be_blocked(self, draft: Draft) -> bool:
        """Spares Discord what it refused before and, as far as the gateway tells, would refuse again. Of a channel that
        was hidden the gateway may tell nothing new where a role lets the bot in."""
        if draft.delivery.blocked_since is None or self._poster.is_hidden(draft.address):
            return False
        return bool(self._poster.missing_permissions(draft.address))

    def _attempt(self, draft: Draft, files: tuple[VideoFile, ...], attempts: int, post: Post | None = None) -> Attempt:
        return Attempt(
            variant=draft.variant,
            files=files,
            is_outcome=draft.delivery.kind.is_outcome,
            is_reply=isinstance(post, OutcomePost) and post.reply_to is not None,
            attempts=attempts,
            blocked_since=draft.delivery.blocked_since,
            missing=self._poster.missing_permissions(draft.address),
            now=self._clock.now(),
            unexplained=self._known(draft.delivery.id).unexplained,
        )

    # ---- recording --------------------------------------------------------------------------------------------------

    async def _record(self, result: DeliveryResult) -> None:
        delivery_id, verdict = result.delivery.id, result.verdict
        # Kept until it is committed: where that fails, this process still knows what Discord said.
        in_hand = self._in_hand.setdefault(delivery_id, _InHand())
        in_hand.unrecorded = result
        is_recorded = await self._recorder.record_result(result)
        in_hand.unrecorded = None
        if not is_recorded:
            self.forget(delivery_id)
            if result.may_stand:
                log.warning("delivery %d was taken over by another process while it was sent", delivery_id)
                await self._keep_first(delivery_id)
            return
        in_hand.faults = 0
        if result.unanswered_at is None:
            in_hand.first_sent = None
        # Other tries that lead to another one, such as a rate limit, lie between two of them and count for nothing.
        if isinstance(verdict, Again) and verdict.reason is Reason.NO_PERMISSION:
            in_hand.unexplained += 1
        elif not isinstance(verdict, Again):
            in_hand.unexplained = 0
        is_at_its_end = verdict is None or isinstance(verdict, Done | GiveUp)
        if is_at_its_end or in_hand == _InHand():
            self.forget(delivery_id)
        self._tell(result)

    # ---- two messages -----------------------------------------------------------------------------------------------

    def _is_another_s(self, delivery: Delivery) -> bool:
        """Whether another process began an attempt, was then taken for dead, and may only have been halted."""
        several = self._ownership.process_id is not None
        return several and delivery.state is DeliveryState.SENDING and delivery.owner is None

    async def _take_over(self, delivery: Delivery) -> Delivery | None:
        async with self._database.transaction(locks_rows=True) as tx:
            return await deliveries.take_over(
                tx, delivery, self._ownership.process_id or "", uuid4().hex, self._clock.now() + LOOKS_AGAIN_AFTER
            )

    async def look_again(self) -> None:
        """Deletes second messages of what was taken over ten minutes ago. A look that fails is logged and made again.

        Raises StorageError as the database does.
        """
        now = self._clock.now()
        for delivery in await delivery_queries.second_looks_due(self._database.reader, now, self._ownership.shards()):
            again = replace(delivery, second_look_at=now + _NEXT_LOOK_AFTER)
            if not await self._put_off_second_look(delivery, again.second_look_at):
                continue  # Another process looks.
            too_old = delivery.settled_at is not None and now - delivery.settled_at >= verdicts.PATIENCE
            try:
                if await self._keep_first(delivery.id) or too_old:
                    await self._put_off_second_look(again, None)
            except Exception as error:
                # The edge of one look: whatever fails holds up no other.
                self.failures += 1
                log_failure(log, error, "delivery %d could not be looked for again", delivery.id)

    async def _put_off_second_look(self, delivery: Delivery, at: int | None) -> bool:
        async with self._database.transaction(locks_rows=True) as tx:
            return await deliveries.reschedule_second_look(tx, delivery, at)

    async def _keep_first(self, delivery_id: int) -> bool:
        """Deletes all of its messages but the first; False where that, or the look for them, has to be tried again."""
        delivery = await deliveries.get(self._database.reader, delivery_id)
        draft = None if delivery is None else await self._builder.draft(delivery)
        if delivery is None or draft is None:
            return True
        found = await self._poster.copies(draft.address, draft.post, delivery.created_at - LOOK_BACK)
        if not isinstance(found, tuple):
            log.warning(
                "whether delivery %d stands twice in channel %d is not known yet", delivery_id, delivery.channel_id
            )
            return False
        others = await delivery_queries.messages_of_others(self._database.reader, delivery, found)
        messages = sorted(set(found) - others)
        if len(messages) < 2:
            return True
        first, *later = messages
        async with self._database.transaction() as tx:
            await deliveries.set_message(tx, delivery_id, first)
        log.warning(
            "delivery %d stands twice in channel %d; the later message is deleted", delivery_id, delivery.channel_id
        )
        return all([await self._delete(draft.address, message_id) for message_id in later])

    async def _delete(self, address: Address, message_id: int) -> bool:
        """Deletes a message; False where that has to be tried again."""
        response = await self._poster.delete(address, message_id)
        if isinstance(response, Refused) and verdicts.meaning_of(response) is verdicts.Meaning.MESSAGE_GONE:
            return True
        if not isinstance(response, Posted):
            log.warning("message %d of channel %d could not be deleted: %s", message_id, address.channel_id, response)
        return isinstance(response, Posted)

    async def _drop(self, delivery: Delivery) -> None:
        if delivery.unanswered_at is not None:
            await self._record(DeliveryResult(delivery, GiveUp(Reason.NOT_WANTED)))
            return
        async with self._database.transaction() as tx:
            await deliveries.drop(tx, delivery.id)
        self.forget(delivery.id)

    def _tell(self, result: DeliveryResult) -> None:
        delivery, verdict = result.delivery, result.verdict
        name = "Unsure" if verdict is None else type(verdict).__name__
        self.counts[name] += 1
        if isinstance(verdict, StopSending):
            self.token_dead = True
            log.error("Discord refuses the bot's token; nothing is posted any more")
            return
        reason = verdict.reason if isinstance(verdict, Done | Again | Blocked | GiveUp) else None
        log.log(
            logging.INFO if isinstance(verdict, Done) else logging.WARNING,
            "delivery %d (%s) in channel %d: %s%s",
            delivery.id,
            delivery.kind,
            delivery.channel_id,
            name.lower(),
            "" if reason is None else f", {reason}",
        )


def _unanswered_after(look: _Look, draft: Draft) -> int | None:
    """Start of the first attempt that may still have gone through, now that the history was looked at or not."""
    return None if look is _Look.ABSENT else draft.delivery.unanswered_at


def _worth_a_try(draft: Draft, sent_in_vain: int) -> Variant | None:
    """Another form, where this one is sent in vain; with its files again, where those were not the reason."""
    if draft.has_videos and sent_in_vain >= _UPLOADS_IN_VAIN:
        return replace(draft.variant, no_files=True, why=Cause.FILE)
    if draft.variant.no_files and draft.variant.why is Cause.FILE and sent_in_vain:
        return draft.variant.whole()
    return None


def _form_of(draft: Draft, post: Post) -> str:
    links = frozenset(link.index for link in post.links) if isinstance(post, OutcomePost) else frozenset[int]()
    return replace(draft.variant, links=draft.variant.links | links).format()


def _is_wanted_all_the_same(draft: Draft) -> bool:
    """Whether an admin wants this very attempt at an outcome of which nobody knows whether it was posted."""
    return draft.variant.no_ping and draft.delivery.look_first and draft.delivery.attempts == 0


def _after_look(found: Found | CannotLook | NoResponse | TooManyRequests, attempts: int, age: int) -> Verdict | None:
    """What follows where the message is not known to be absent; None where nobody can know."""
    match found:
        case Found(message_id):
            return Done(message_id)
        case CannotLook():
            return None
        case TooManyRequests(retry_after):
            return verdicts.rate_limited(retry_after)
        case NoResponse():
            wait = min(max(verdicts.retry_delay(attempts), age // 8), verdicts.LONGEST_RETRY)
            return Again(wait, answered=False, reason=Reason.NO_ANSWER)
