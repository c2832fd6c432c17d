"""Builds cards and summaries from the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from model import snapshots
from model.job import Job
from model.messages import Address, CardPost, SummaryEntry, SummaryPost
from model.states import CardStatus, DeliveryKind, DeliveryState
from relay import merge
from relay.cards.card_status import CardInputs, card_status, changes_at, is_final, slow_at
from relay.clock import ahead_of_discord
from relay.delivery import nonces
from relay.delivery.fallbacks import Variant
from relay.delivery.verdicts import BLOCKED_FOR_AT_MOST
from relay.ports import Clock, Poster
from storage import batches, card_rows, delivery_queries
from storage.card_rows import CardRow
from storage.database import Queries, Transaction
from storage.deliveries import Delivery


@dataclass(frozen=True, slots=True)
class CardView:
    """A card as it should look now."""

    row: CardRow
    address: Address
    post: CardPost | None
    """None if the card should stay as it is for now."""
    final: bool
    at: int
    """When this state was read, in milliseconds UTC."""
    changes_at: int | None
    """When the card will change just because time has passed, in milliseconds UTC; None if it will not."""
    news_at: int
    """When anything that the card shows last changed, in milliseconds UTC."""


class CardPosts:
    """Builds cards and summaries. `in_force` returns the account that a server uses; `api_down_since` returns since
    when the API has been down for an account, in milliseconds UTC; `max_age` is in milliseconds."""

    def __init__(
        self,
        *,
        reader: Queries,
        poster: Poster,
        clock: Clock,
        in_force: Callable[[int], int | None],
        api_down_since: Callable[[int], int | None],
        paused: Callable[[], bool],
        max_age: int,
    ) -> None:
        self._reader = reader
        self._poster = poster
        self._clock = clock
        self._api_down_since = api_down_since
        self._paused = paused
        self._in_force = in_force
        self._max_age = max_age

    async def card(self, subscription_id: int) -> CardView | None:
        """A subscription's card; None if there is no such subscription."""
        row = await card_rows.of_subscription(self._reader, subscription_id)
        if row is None:
            return None
        outcomes = (await self._outcomes_of([row]))[row.subscription_id]
        outcome = _of_this_round(row, outcomes)
        at = self._clock.now()
        api_down = self._api_down_since(row.account_id) is not None
        inputs = self._inputs(row, self._job_told(row, outcome), outcome, at, api_down=api_down, paused=self._paused())
        status = card_status(inputs)
        address = Address(row.guild_id, row.channel_id)
        post = None if status is None or row.server_gone else self._card_post(row, inputs.job, outcomes, status)
        return CardView(row, address, post, is_final(inputs), at, changes_at(inputs), _news_at(row, outcome))

    async def summary(
        self, batch_id: int, nonce: str, language: str, *, without_api_text: bool = False
    ) -> SummaryPost | None:
        """A batch's summary; None if there is no such batch. It shows only the jobs, not whether the API is down or the
        bot is paused."""
        batch = await batches.by_id(self._reader, batch_id)
        if batch is None:
            return None
        rows = await card_rows.of_batch(self._reader, batch_id)
        outcomes = await self._outcomes_of(rows)
        return SummaryPost(
            batch_id=batch_id,
            asker=batch.user_id,
            mention=batch.mention,
            entries=tuple(self._entry(row, outcomes[row.subscription_id]) for row in rows),
            nonce=nonce,
            done=sum(row.ended_at is not None and row.stopped_by is None for row in rows),
            stopped=sum(row.ended_at is not None and row.stopped_by is not None for row in rows),
            open=any(row.ended_at is None for row in rows),
            without_api_text=without_api_text,
            language=language,
        )

    def _entry(self, row: CardRow, outcomes: Sequence[Delivery]) -> SummaryEntry:
        outcome = _of_this_round(row, outcomes)
        job = self._job_told(row, outcome)
        inputs = self._inputs(row, job, outcome, self._clock.now(), api_down=False, paused=False)
        return SummaryEntry(
            number=row.job_id,
            status=card_status(inputs) or CardStatus.ENDED,
            job=job,
            outcome=None if self._is_of_others(row, outcome) else row.outcome,
            outcome_message=_latest_message(outcomes),
        )

    def plain(self, row: CardRow, job: Job | None, status: CardStatus) -> CardPost:
        """The card with only what every card shows."""
        return CardPost(
            subscription_id=row.subscription_id,
            number=row.job_id,
            status=status,
            job=job,
            nonce=nonces.for_job(row.jobid, row.channel_id, DeliveryKind.CARD),
            asker=row.asker,
            has_video=job is not None and bool(job.media),
            without_api_text=Variant.parse(row.card_variant or "").without_api_text,
            language=row.card_language or "",
        )

    def _is_of_others(self, row: CardRow, outcome: Delivery | None) -> bool:
        """Whether the job has ended only for other servers: this one uses another account by now and got no outcome."""
        return row.outcome is not None and outcome is None and self._in_force(row.guild_id) != row.account_id

    def _job_told(self, row: CardRow, outcome: Delivery | None) -> Job | None:
        """The job as the server may see it."""
        job = snapshots.load(row.snapshot)
        return merge.without_end(job) if job is not None and self._is_of_others(row, outcome) else job

    def _card_post(self, row: CardRow, job: Job | None, outcomes: Sequence[Delivery], status: CardStatus) -> CardPost:
        ended = status is CardStatus.ENDED and not self._is_of_others(row, _of_this_round(row, outcomes))
        missing: tuple[str, ...] = ()
        if status is CardStatus.CANNOT_POST:
            missing = self._poster.missing_permissions(Address(row.guild_id, row.channel_id)) or ()
        return replace(
            self.plain(row, job, status),
            since=self._api_down_since(row.account_id) if status is CardStatus.API_DOWN else None,
            until=self._until(row, _of_this_round(row, outcomes), status),
            missing=missing,
            outcome=row.outcome if ended else None,
            outcome_message=_latest_message(outcomes) if ended else None,
            stopped_by=(row.stopped_by or None) if status is CardStatus.STOPPED else None,
        )

    def _until(self, row: CardRow, outcome: Delivery | None, status: CardStatus) -> int | None:
        if status is CardStatus.SLOW:
            return row.watched_since + self._max_age
        if status is CardStatus.CANNOT_POST and outcome is not None and outcome.blocked_since is not None:
            return outcome.blocked_since + BLOCKED_FOR_AT_MOST
        return None

    def _inputs(
        self, row: CardRow, job: Job | None, outcome: Delivery | None, now: int, *, api_down: bool, paused: bool
    ) -> CardInputs:
        return CardInputs(
            now=now,
            job=job,
            ended=row.ended_at is not None,
            stopped_by=row.stopped_by,
            outcome=row.outcome,
            job_ended_at=row.job_ended_at,
            delivery=None if outcome is None else outcome.state,
            blocked=outcome is not None and outcome.blocked_since is not None,
            live=self._in_force(row.guild_id) == row.account_id,
            account_state=row.account_state,
            api_down=api_down,
            paused=paused,
            slow_at=self.slow_at(row, job),
        )

    def slow_at(self, row: CardRow, job: Job | None) -> int:
        """From when on the job counts as slow, in milliseconds UTC by this machine's clock."""
        return slow_at(job, row.watched_since, ahead_of_discord(self._clock, self._poster))

    async def _outcomes_of(self, rows: Iterable[CardRow]) -> defaultdict[int, list[Delivery]]:
        """The outcomes of those subscriptions whose job has ended, of any round, by subscription; the latest last."""
        ended = [row.subscription_id for row in rows if row.outcome is not None]
        found: defaultdict[int, list[Delivery]] = defaultdict(list)
        for outcome in await delivery_queries.outcomes_of(self._reader, ended) if ended else ():
            if outcome.subscription_id is not None:
                found[outcome.subscription_id].append(outcome)
        return found


async def mark_shown(
    tx: Transaction, post: CardPost | SummaryPost, *, at: int, final: bool, is_seen: bool = True
) -> None:
    """Notes that the message shows the state at `at` (milliseconds UTC). If `final`, it will not change again.
    `is_seen` tells whether Discord has just confirmed that the message exists."""
    if isinstance(post, CardPost):
        await card_rows.mark_shown(tx, post.subscription_id, at=at, shown=post.status, final=final, is_seen=is_seen)
    else:
        await card_rows.mark_batch_shown(tx, post.batch_id, at)


def _news_at(row: CardRow, outcome: Delivery | None) -> int:
    settled_at = None if outcome is None else outcome.settled_at
    # The card of an ended subscription shows nothing of its account.
    account_since = row.account_since if row.ended_at is None else None
    times = (row.changed_at, account_since, row.ended_at, row.job_ended_at, settled_at)
    return max(time for time in times if time is not None)


def _of_this_round(row: CardRow, outcomes: Iterable[Delivery]) -> Delivery | None:
    return next((one for one in outcomes if one.kind is DeliveryKind.OUTCOME and one.round == row.round), None)


def _latest_message(outcomes: Iterable[Delivery]) -> int | None:
    posted = [one.message_id for one in outcomes if one.state is DeliveryState.POSTED]
    return posted[-1] if posted else None
