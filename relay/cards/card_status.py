"""What a card shows. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from model.job import Job, JobState, Outcome
from model.states import AccountState, CardStatus, DeliveryState

SLOW_AFTER = 15 * 60_000
"""Milliseconds after which a job takes longer than usual."""
FETCHING_AFTER = 3_000
"""Milliseconds after a job's end until its card says that the video is being fetched; most are posted before."""

_BY_STATE = {
    JobState.CREATED: CardStatus.CREATED,
    JobState.STARTED: CardStatus.STARTED,
    JobState.PROGRESS: CardStatus.PROGRESS,
    JobState.UNKNOWN: CardStatus.UNKNOWN,
}
_BY_DELIVERY = {DeliveryState.GIVEN_UP: CardStatus.NOT_POSTED, DeliveryState.UNSURE: CardStatus.UNSURE}
HOLDS = {
    AccountState.REFUSED: CardStatus.TOKEN_REFUSED,
    AccountState.UNPAID: CardStatus.UNPAID,
    AccountState.MISSING: CardStatus.TOKEN_MISSING,
}
"""What a card shows while the job waits because its account is in such a state."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a subscription at this moment. Times are milliseconds UTC."""

    now: int
    job: Job | None
    ended: bool
    """Nobody waits in the channel any more: the job has ended, or somebody stopped it there."""
    stopped_by: int | None
    outcome: Outcome | None
    """How the job ended."""
    job_ended_at: int | None
    delivery: DeliveryState | None
    """The state of the outcome's delivery; None without a delivery."""
    blocked: bool
    """The outcome waits for a permission."""
    live: bool
    """The job's account is the one that the server uses now."""
    account_state: AccountState
    api_down: bool
    paused: bool
    """The database takes no writes."""
    slow_at: int


def slow_at(job: Job | None, watched_since: int) -> int:
    """When a job begins to take longer than usual; milliseconds UTC."""
    made = job.created if job is not None and job.created is not None else watched_since
    return made + SLOW_AFTER


def card_status(facts: Facts) -> CardStatus | None:
    """The status to show; None if the card is better left as it is for the moment."""
    return _ended_status(facts) if facts.ended else _open_status(facts)


def _open_status(facts: Facts) -> CardStatus | None:
    if facts.paused:
        return CardStatus.PAUSED
    if not facts.live:
        return CardStatus.OTHER_ACCOUNT
    if facts.account_state in HOLDS:
        return HOLDS[facts.account_state]
    if facts.outcome is not None:
        return None
    if facts.api_down:
        return CardStatus.API_DOWN
    return _running_status(facts)


def changes_at(facts: Facts) -> int | None:
    """When the status will change by the passing of time alone, milliseconds UTC; None if it will not."""
    if not facts.ended:
        return facts.slow_at if facts.slow_at > facts.now else None
    if facts.job_ended_at is None or facts.job_ended_at + FETCHING_AFTER <= facts.now:
        return None
    return facts.job_ended_at + FETCHING_AFTER


def is_final(facts: Facts) -> bool:
    """Whether the card's status will not change again, unless the job is asked for once more."""
    return facts.ended and (_was_stopped(facts) or not _on_its_way(facts))


def _was_stopped(facts: Facts) -> bool:
    return facts.stopped_by is not None or facts.outcome is None


def _on_its_way(facts: Facts) -> bool:
    return facts.delivery is not None and facts.delivery.is_open


def _ended_status(facts: Facts) -> CardStatus | None:
    if _was_stopped(facts):
        return CardStatus.STOPPED
    if not _on_its_way(facts):
        return CardStatus.ENDED if facts.delivery is None else _BY_DELIVERY.get(facts.delivery, CardStatus.ENDED)
    if facts.blocked:
        return CardStatus.CANNOT_POST
    has_video = facts.job is not None and bool(facts.job.media)
    long_ago = facts.job_ended_at is None or abs(facts.now - facts.job_ended_at) >= FETCHING_AFTER
    return CardStatus.FETCHING if facts.outcome is Outcome.COMPLETED and has_video and long_ago else None


def _running_status(facts: Facts) -> CardStatus | None:
    if facts.job is None:
        return CardStatus.NO_ANSWER_YET
    status = _BY_STATE.get(facts.job.state)
    if status in (None, CardStatus.UNKNOWN):
        return status
    return CardStatus.SLOW if facts.now >= facts.slow_at else status
