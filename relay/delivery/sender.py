"""Sends a delivery in three steps: claim, send, record. Exactly one message is posted, whatever breaks in between.

The claim is committed before the request goes out. If no response comes, Discord may still have stored the message. The
row therefore keeps the time at which the earliest such attempt began (`unanswered_at`), until a response or a search of
the channel's history settles what became of it.

Whether the message may be in the channel already is decided like this:

- No attempt is without a response: the message is not there, unless the database may have lost the record of an
  attempt (`look_first`, `search_first_until`); then the history is searched.
- This process made the attempt less than two minutes ago: the message is sent again with the same nonce, by which
  Discord recognises it.
- Any other attempt, and any whose message is no longer wanted: the history is searched first (`_needs_search`). The age
  of another process's attempt is not trusted, because the clock that dated it may have been set since.

Each claim has its own token, and the result of an attempt is recorded only while the row still carries that token. A
process that takes an attempt over first gives the row a new token. If the other process was only halted, it learns of
the takeover when it records what it has sent. Two messages may then be in the channel (see `second_messages`).

What is known of a delivery is in its row (`Delivery`), in its message as it would be sent now (`Draft`), and in what
only this process knows (`_DeliveryMemory`). Searching, editing and sending return a `DeliveryResult`; their callers
record it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from dataclasses import dataclass, replace
from uuid import uuid4

from model.messages import (
    Absent,
    Cause,
    Found,
    HistorySearchResult,
    HistoryUnreadable,
    NoResponse,
    NoticePost,
    OutcomePost,
    Post,
    Posted,
    Refused,
    ServerNotReported,
    TooManyRequests,
)
from model.states import DeliveryState, Reason
from relay.cluster.ownership import ALONE, Ownership
from relay.delivery import verdicts
from relay.delivery.attachments import NotThereYet
from relay.delivery.delivery_results import DeliveryResult, ResultRecorder
from relay.delivery.fallbacks import Variant
from relay.delivery.message_builder import Draft, MessageBuilder, edit_only
from relay.delivery.second_messages import SEARCH_MARGIN, SEARCHED_AFTER, SecondMessages
from relay.delivery.verdicts import SECOND, Again, Attempt, Blocked, Change, Done, GiveUp, StopSending, Unsure, Verdict
from relay.ports import Clock, Poster
from storage import deliveries, delivery_queries
from storage.database import Database
from storage.deliveries import Delivery
from storage.errors import StorageError

log = logging.getLogger(__name__)

YieldChannel = Callable[[], AbstractAsyncContextManager[None]]
"""Releases the channel to other deliveries while the context is open."""

NONCE_REMEMBERED = 120_000
"""Milliseconds for which Discord surely remembers a nonce ("the past few minutes"; developer docs, Create Message)."""

_FAULTS_BORNE = 5
"""Consecutive faults of the bot itself, about a minute of tries. What fails that often will always fail in this
form."""
_UPLOADS_IN_VAIN = 3
"""Consecutive uploads without a response that the history, which is readable, doesn't show. Repetitions while Discord
remembers the nonce don't count. Some uploads always fail (discord-api-docs#7695)."""
_UNTIL_REPORTED = 2_000
"""Least milliseconds between two searches of the history until the gateway reports the server. Most are reported within
seconds of the start; later the searches become rarer."""
_BETWEEN_EDITS = 15_000
"""Milliseconds between two tries of an edit that gets no response."""


@dataclass(frozen=True, slots=True)
class _Search:
    """What the history shows of a message that is about to be sent."""

    is_absent: bool = False
    """Whether the message is not in the channel. False also if nothing was searched for."""
    verdict: Verdict | None = None
    """What becomes of the delivery, if nothing is to be sent now: the message was found, or the history has to be
    searched again later."""


_NOT_SEARCHED = _Search()
"""Nothing was sent before, or Discord still remembers the nonce."""
_ABSENT = _Search(is_absent=True)


@dataclass(slots=True)
class _DeliveryMemory:
    """What this process knows of a delivery beyond its row."""

    unrecorded: DeliveryResult | None = None
    """The result of an attempt that could not be written to the database yet."""
    first_sent: float | None = None
    """When the first unanswered attempt began, in monotonic seconds; None if an earlier process began it."""
    faults: int = 0
    """Consecutive faults of the bot itself."""
    sent_in_vain: int = 0
    """Consecutive attempts that got no response, each made after a search that did not find the message."""
    unexplained: int = 0
    """How often Discord reported a missing permission that the gateway does not know of."""


class Sender:
    """Sends deliveries. Calls for the same channel may overlap only while one of them has yielded the channel."""

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
        self._started = clock.monotonic()
        self._in_hand: dict[int, _DeliveryMemory] = {}
        self.second_messages = SecondMessages(database, poster, builder, clock, ownership)
        self.token_dead = False
        """Whether Discord has refused the bot's token. If so, nothing is sent any more."""
        self.counts: Counter[str] = Counter()
        """How many attempts ended in each verdict, by the verdict's name."""

    async def deliver(self, delivery_id: int, yield_channel: YieldChannel = nullcontext) -> None:
        """Takes the delivery one step further; yields the channel while its videos are fetched.

        Raises StorageError and OSError from the database and the disk. The caller then calls it again later; nothing is
        posted twice.
        """
        in_hand = self._in_hand.setdefault(delivery_id, _DeliveryMemory())
        try:
            if in_hand.unrecorded is not None:
                await self._record(in_hand.unrecorded)
                return
            delivery = await self._read(delivery_id)
            if delivery is None:
                return
            if in_hand.faults >= _FAULTS_BORNE:
                await self._after_faults(delivery)
                return
            await self._bring_forward(delivery, yield_channel)
        finally:
            if in_hand == _DeliveryMemory():
                self.forget(delivery_id)

    @property
    def remembered(self) -> set[int]:
        """The deliveries about which this process knows more than their rows tell."""
        return set(self._in_hand)

    def forget(self, delivery_id: int) -> None:
        """Forgets a delivery that has ended."""
        self._in_hand.pop(delivery_id, None)

    def failed(self, delivery_id: int, error: Exception) -> None:
        """Counts an error that `deliver` raised, unless it is one of the disk or database, which may recover. A fault
        of the bot itself will not go away."""
        if not isinstance(error, StorageError | OSError):
            self._in_hand.setdefault(delivery_id, _DeliveryMemory()).faults += 1

    async def _read(self, delivery_id: int) -> Delivery | None:
        """The delivery; None if it is settled or another process is sending it."""
        delivery = await deliveries.get(self._database.reader, delivery_id)
        if delivery is None or not delivery.state.is_open:
            self.forget(delivery_id)
            return None
        process = self._ownership.process_id
        if self.token_dead or delivery.owner not in (None, process):
            return None
        if process is None or delivery.owner is not None or delivery.state is not DeliveryState.SENDING:
            return delivery
        # Another process began this attempt and was then considered dead. It may only have been halted.
        second_look_at = self._clock.now() + SEARCHED_AFTER
        async with self._database.transaction(locks_rows=True) as tx:
            return await deliveries.take_over(tx, delivery, process, uuid4().hex, second_look_at)

    async def _after_faults(self, delivery: Delivery) -> None:
        verdict = verdicts.after_faults(Variant.parse(delivery.variant))
        maybe_posted = isinstance(verdict, GiveUp) and delivery.unanswered_at is not None
        await self._record(DeliveryResult(delivery, Unsure() if maybe_posted else verdict, delivery.unanswered_at))

    async def _bring_forward(self, delivery: Delivery, yield_channel: YieldChannel) -> None:
        draft = await self._builder.draft(delivery)
        if draft is None:
            await self._record(DeliveryResult(delivery, GiveUp(Reason.NOT_WANTED)))
            return
        if draft.not_before is not None:
            wait = max(draft.not_before - self._clock.now(), SECOND)
            await self._record(DeliveryResult(delivery, Again(wait, answered=True, reason=Reason.NO_ANSWER)))
            return
        if draft.edits is not None and isinstance(draft.post, NoticePost):
            await self._record(await self._edit(draft, draft.edits, draft.post))
            return
        search = await self._search(draft) if self._needs_search(draft) else _NOT_SEARCHED
        if search.verdict is not None:
            await self._record(DeliveryResult(delivery, search.verdict, delivery.unanswered_at))
            return
        if not draft.wanted:
            await self._drop(delivery)
            return
        result = await self._without_sending(draft, search)
        if result is not None:
            await self._record(result)
        elif draft.has_videos:
            await self._send_with_videos(draft, search, yield_channel)
        else:
            await self._send_and_record(draft, draft.post, search)

    async def _without_sending(self, draft: Draft, search: _Search) -> DeliveryResult | None:
        """The delivery's result if nothing is sent now; None if the message is to be sent."""
        delivery = draft.delivery
        # If Discord refused the message before and would refuse it again, nothing is fetched and uploaded for it.
        if delivery.blocked_since is not None:
            refused = await self._poster.refusal_if_hidden(draft.address)
            attempt = self._attempt(draft, delivery.attempts)
            if refused is not None:
                return DeliveryResult(delivery, verdicts.judge(refused, attempt), _unanswered_after(search, draft))
            if attempt.missing:
                verdict = verdicts.blocked(attempt, Reason.NO_PERMISSION)
                return DeliveryResult(delivery, verdict, _unanswered_after(search, draft))
        if not search.is_absent:
            return None
        other = _other_form(draft, self._in_hand[delivery.id].sent_in_vain)
        return None if other is None else DeliveryResult(delivery, Change(other))

    # ---- alerts that are edited -------------------------------------------------------------------------------------

    async def _edit(self, draft: Draft, message_id: int, post: NoticePost) -> DeliveryResult:
        """Replaces the alert by the notice of its end. A repeated edit changes nothing, so no claim is needed."""
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
        return DeliveryResult(draft.delivery, verdict)

    def _judge_edit(self, draft: Draft, refused: Refused, post: NoticePost) -> Verdict:
        """Waits if Discord may accept the same edit later. Otherwise the notice is sent as a new message, or is dropped
        if it makes no sense without the alert. In an archived thread it is sent as a new message at once, because that
        opens the thread and an edit does not."""
        opens = verdicts.meaning_of(refused) is verdicts.Meaning.ARCHIVED and not edit_only(post)
        verdict = verdicts.judge(refused, self._attempt(draft, draft.delivery.attempts))
        if isinstance(verdict, Again | Blocked | StopSending) and not opens:
            return verdict
        return GiveUp(Reason.NOT_WANTED) if edit_only(post) else Change(replace(draft.variant, no_edit=True))

    # ---- searching the history --------------------------------------------------------------------------------------

    def _needs_search(self, draft: Draft) -> bool:
        """Whether the message may already be in the channel, and the nonce alone does not prevent a second one.

        An attempt that got no response is searched for if its nonce may be forgotten. If an earlier process made it, it
        is always searched for, because only the wall clock tells its age. So is an attempt whose message is no longer
        wanted, because nothing will be sent with its nonce.
        """
        delivery = draft.delivery
        if delivery.unanswered_at is None:
            # The database may have moved to another server, which may have lost the record that the message was sent.
            return delivery.look_first or delivery.created_at < self._ownership.search_first_until
        begun_before = self._in_hand[delivery.id].first_sent is None
        return begun_before or not draft.wanted or self._nonce_may_be_forgotten(delivery)

    def _nonce_may_be_forgotten(self, delivery: Delivery) -> bool:
        """Whether Discord may have forgotten the nonce of an attempt that got no response: by the wall clock, or by the
        monotonic clock if this process made the attempt."""
        if delivery.unanswered_at is None:
            return False
        age = self._clock.now() - delivery.unanswered_at
        # The wall clock may have been set since; the monotonic clock still tells how long this process has waited.
        first_sent = self._in_hand[delivery.id].first_sent
        waited = 0.0 if first_sent is None else (self._clock.monotonic() - first_sent) * 1000
        return delivery.look_first or not 0 <= age < NONCE_REMEMBERED or waited >= NONCE_REMEMBERED

    async def _search(self, draft: Draft) -> _Search:
        """Searches the history for the message."""
        delivery, now = draft.delivery, self._clock.now()
        since = min(delivery.unanswered_at or delivery.created_at, now)
        verdict: Verdict
        match await self._find(draft, since - SEARCH_MARGIN):
            case Absent():
                return _ABSENT
            case Found(message_id):
                verdict = Done(message_id)
            case HistoryUnreadable(closed):
                if draft.wanted and not self._nonce_may_be_forgotten(delivery):
                    return _NOT_SEARCHED
                if draft.variant.no_ping and delivery.look_first and delivery.attempts == 0:
                    # An admin has requested this very attempt, although nobody knows whether it was posted before.
                    return _ABSENT
                verdict = self._until_in_reach(draft, closed)
            case TooManyRequests(retry_after):
                verdict = verdicts.rate_limited(retry_after)
            case ServerNotReported():
                uptime = round((self._clock.monotonic() - self._started) * 1000)
                wait = min(max(_UNTIL_REPORTED, uptime // 4), verdicts.LONGEST_RETRY)
                verdict = Again(wait, answered=False, reason=Reason.NO_ANSWER)
            case NoResponse():
                wait = min(max(verdicts.retry_delay(delivery.attempts), (now - since) // 8), verdicts.LONGEST_RETRY)
                verdict = Again(wait, answered=False, reason=Reason.NO_ANSWER)
        return _Search(verdict=verdict)

    async def _find(self, draft: Draft, after: int) -> HistorySearchResult:
        """Searches the history for the delivery's own message. A notice is recognised only by its text, which messages
        of other deliveries may have too."""
        found = await self._poster.find(draft.address, draft.post, after)
        if not isinstance(found, Found) or not await self._of_others(draft, [found.message_id]):
            return found
        copies = await self._poster.copies(draft.address, draft.post, after)
        if not isinstance(copies, tuple):
            return copies
        own = set(copies) - await self._of_others(draft, copies)
        return Found(min(own)) if own else Absent()

    async def _of_others(self, draft: Draft, message_ids: Collection[int]) -> set[int]:
        return await delivery_queries.messages_of_others(self._database.reader, draft.delivery, message_ids)

    def _until_in_reach(self, draft: Draft, closed: Reason | None) -> Blocked | Unsure:
        """Waits if nothing could be posted now anyway: once the channel is open, its history may be readable. Otherwise
        waiting would not show whether the message was posted.

        `closed` is why Discord refused to show the history. That counts too, and so does an earlier refusal to post if
        the gateway doesn't report the channel: it reports no archived thread, and none of a channel that is hidden.
        """
        missing = self._poster.missing_permissions(draft.address)
        was_closed = missing is None and draft.delivery.blocked_since is not None
        if not draft.wanted or not (closed or missing or was_closed):
            return Unsure()
        attempt = self._attempt(draft, draft.delivery.attempts)
        verdict = verdicts.blocked(attempt, closed or Reason.NO_PERMISSION)
        return verdict if isinstance(verdict, Blocked) else Unsure()

    # ---- sending ----------------------------------------------------------------------------------------------------

    async def _send_with_videos(self, draft: Draft, search: _Search, yield_channel: YieldChannel) -> None:
        """Fetches the videos, sends the message with them, and records the result while they still exist."""
        async with AsyncExitStack() as files:
            try:
                async with yield_channel():
                    post = await files.enter_async_context(self._builder.with_files(draft))
            except NotThereYet as absent:
                later = Again(int(absent.seconds * 1000), answered=True, reason=Reason.NOT_THERE)
                await self._record(DeliveryResult(draft.delivery, later, _unanswered_after(search, draft)))
                return
            post = await self._builder.with_wishes_of_now(post, draft)
            if not search.is_absent and self._nonce_may_be_forgotten(draft.delivery):
                # Fetching the videos took longer than Discord remembers the nonce.
                search = await self._search(draft)
                if search.verdict is not None:
                    await self._record(DeliveryResult(draft.delivery, search.verdict, draft.delivery.unanswered_at))
                    return
            await self._send_and_record(draft, post, search)

    async def _send_and_record(self, draft: Draft, post: Post, search: _Search) -> None:
        result = await self._send(draft, post, search)
        if result is not None:
            await self._record(result)

    async def _send(self, draft: Draft, post: Post, search: _Search) -> DeliveryResult | None:
        """Claims the delivery and sends the message; None if the delivery can't be claimed now."""
        delivery = draft.delivery
        earlier = _unanswered_after(search, draft)
        async with self._database.transaction(locks_rows=True) as tx:
            if self._ownership.server not in (None, self._database.server):
                raise StorageError("it is not noted yet what another server of the database may have lost")
            now = self._clock.now()
            since = now if earlier is None else earlier
            claimed = await deliveries.claim(tx, delivery, since, self._ownership.process_id, uuid4().hex)
        if claimed is None or not self._ownership.has_lease:
            return None
        in_hand = self._in_hand[delivery.id]
        if earlier is None:
            in_hand.first_sent = self._clock.monotonic()
        response = await self._poster.post(draft.address, post)
        verdict = verdicts.judge(response, self._attempt(draft, claimed.attempts, post))
        answered = not (isinstance(verdict, Again) and not verdict.answered)
        if answered:
            in_hand.sent_in_vain = 0
        elif search.is_absent:
            in_hand.sent_in_vain += 1
        return DeliveryResult(
            claimed,
            verdict,
            earlier if answered else claimed.unanswered_at,
            nonce=post.nonce,
            # If an earlier attempt was stored, the message looks as it did then.
            shown=draft if earlier is None else None,
            posted_as=_posted_as(draft, post),
        )

    def _attempt(self, draft: Draft, attempts: int, sent: Post | None = None) -> Attempt:
        """The circumstances of an attempt. `sent` is the message that was sent, or None."""
        return Attempt(
            variant=draft.variant,
            files=sent.files if isinstance(sent, OutcomePost) else (),
            is_reply=isinstance(sent, OutcomePost) and sent.reply_to is not None,
            attempts=attempts,
            blocked_since=draft.delivery.blocked_since,
            missing=self._poster.missing_permissions(draft.address),
            now=self._clock.now(),
            unexplained=self._in_hand[draft.delivery.id].unexplained,
        )

    # ---- recording --------------------------------------------------------------------------------------------------

    async def _record(self, result: DeliveryResult) -> None:
        """Commits the result, and updates what this process knows of the delivery."""
        delivery_id, verdict = result.delivery.id, result.verdict
        in_hand = self._in_hand[delivery_id]
        # If the commit fails, this process still knows Discord's response. Only an unsure result is not kept: at the
        # next try the history may be readable, and show whether the message was posted.
        in_hand.unrecorded = None if isinstance(verdict, Unsure) else result
        is_recorded = await self._recorder.record_result(result)
        in_hand.unrecorded = None
        if not is_recorded:
            self.forget(delivery_id)
            if result.may_be_posted:
                log.warning("delivery %d was taken over by another process while it was sent", delivery_id)
                await self.second_messages.keep_first(delivery_id)
            return
        in_hand.faults = 0
        if result.unanswered_at is None:
            in_hand.first_sent = None
        # Retries for other reasons, such as a rate limit, do not reset the count.
        if isinstance(verdict, Again) and verdict.reason is Reason.NO_PERMISSION:
            in_hand.unexplained += 1
        elif not isinstance(verdict, Again):
            in_hand.unexplained = 0
        if isinstance(verdict, Change):
            in_hand.sent_in_vain = 0
        if isinstance(verdict, Done | GiveUp | Unsure):
            self.forget(delivery_id)
        self._report(result)

    async def _drop(self, delivery: Delivery) -> None:
        """Ends a delivery that is no longer wanted. Its row is deleted if it was never sent."""
        if delivery.unanswered_at is not None:
            await self._record(DeliveryResult(delivery, GiveUp(Reason.NOT_WANTED)))
            return
        async with self._database.transaction() as tx:
            await deliveries.drop(tx, delivery.id)
        self.forget(delivery.id)

    def _report(self, result: DeliveryResult) -> None:
        delivery, verdict = result.delivery, result.verdict
        name = type(verdict).__name__
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


def _unanswered_after(search: _Search, draft: Draft) -> int | None:
    """When the earliest attempt began that got no response and may have been stored, in milliseconds UTC; None if there
    is none."""
    return None if search.is_absent else draft.delivery.unanswered_at


def _other_form(draft: Draft, in_vain: int) -> Variant | None:
    """Another form of a message that got no response too often: without its files, or with them again if leaving them
    out did not help."""
    if draft.has_videos and in_vain >= _UPLOADS_IN_VAIN:
        return replace(draft.variant, no_files=True, why=Cause.FILE)
    if draft.variant.no_files and draft.variant.why is Cause.FILE and in_vain:
        return draft.variant.whole()
    return None


def _posted_as(draft: Draft, post: Post) -> str:
    """The variant, extended by the videos that went as links."""
    if not isinstance(post, OutcomePost):
        return draft.variant.format()
    links = draft.variant.links | {link.index for link in post.links}
    return replace(draft.variant, links=links).format()
