"""Pure functions that decide what a card shows."""

from __future__ import annotations

from dataclasses import dataclass

from model.job import Job, JobState, Outcome
from model.states import AccountState, CardStatus, DeliveryState

SLOW_AFTER = 15 * 60_000
"""Milliseconds after which a job counts as slow."""
FETCHING_AFTER = 3_000
"""Milliseconds after a job's end before its card says that the video is being fetched. Most are posted earlier."""

_BY_STATE = {
    JobState.CREATED: CardStatus.CREATED,
    JobState.STARTED: CardStatus.STARTED,
    JobState.PROGRESS: CardStatus.PROGRESS,
    JobState.UNKNOWN: CardStatus.UNKNOWN,
}
_BY_DELIVERY: dict[DeliveryState | None, CardStatus] = {
    DeliveryState.GIVEN_UP: CardStatus.NOT_POSTED,
    DeliveryState.UNSURE: CardStatus.UNSURE,
}
HOLDS = {
    AccountState.REFUSED: CardStatus.TOKEN_REFUSED,
    AccountState.UNPAID: CardStatus.UNPAID,
    AccountState.MISSING: CardStatus.TOKEN_MISSING,
}
"""What a card shows while the job is on hold because of its account's state."""


@dataclass(frozen=True, slots=True)
class CardInputs:
    """What is known about a subscription at the moment. Times are milliseconds UTC."""

    now: int
    job: Job | None
    ended: bool
    """Whether the subscription has ended: the job has ended, or somebody stopped watching it in the channel."""
    stopped_by: int | None
    outcome: Outcome | None
    """How the job ended."""
    job_ended_at: int | None
    delivery: DeliveryState | None
    """The state of the outcome's delivery; None without a delivery."""
    blocked: bool
    """Whether the outcome waits for a permission."""
    live: bool
    """Whether the server now uses the job's account."""
    account_state: AccountState
    api_down: bool
    paused: bool
    """Whether the bot is paused because the database takes no writes."""
    slow_at: int


def slow_at(job: Job | None, watched_since: int, ahead: int) -> int:
    """From when on a job counts as slow, in milliseconds UTC by this machine's clock, which is `ahead` by so many
    milliseconds."""
    made = job.created + ahead if job is not None and job.created is not None else watched_since
    return made + SLOW_AFTER


def card_status(inputs: CardInputs) -> CardStatus | None:
    """The status to show; None if the card should stay as it is for now."""
    return _ended_status(inputs) if inputs.ended else _open_status(inputs)


def _open_status(inputs: CardInputs) -> CardStatus | None:
    if inputs.paused:
        return CardStatus.PAUSED
    if not inputs.live:
        return CardStatus.OTHER_ACCOUNT
    if inputs.account_state in HOLDS:
        return HOLDS[inputs.account_state]
    if inputs.outcome is not None:
        return None
    if inputs.api_down:
        return CardStatus.API_DOWN
    return _running_status(inputs)


def changes_at(inputs: CardInputs) -> int | None:
    """When the status will change just because time has passed, in milliseconds UTC; None if it will not."""
    if not inputs.ended:
        return inputs.slow_at if inputs.slow_at > inputs.now else None
    if inputs.job_ended_at is None or inputs.job_ended_at + FETCHING_AFTER <= inputs.now:
        return None
    return inputs.job_ended_at + FETCHING_AFTER


def is_final(inputs: CardInputs) -> bool:
    """Whether the card's status is final, unless the job is watched again."""
    return inputs.ended and not _on_its_way(inputs)


def _was_stopped(inputs: CardInputs) -> bool:
    return inputs.stopped_by is not None or inputs.outcome is None


def _on_its_way(inputs: CardInputs) -> bool:
    return inputs.delivery is not None and inputs.delivery.is_open


def _ended_status(inputs: CardInputs) -> CardStatus | None:
    if _was_stopped(inputs):
        return CardStatus.STOPPED
    if not _on_its_way(inputs):
        return _BY_DELIVERY.get(inputs.delivery, CardStatus.ENDED)
    if inputs.blocked:
        return CardStatus.CANNOT_POST
    has_video = inputs.job is not None and bool(inputs.job.media)
    long_ago = inputs.job_ended_at is None or abs(inputs.now - inputs.job_ended_at) >= FETCHING_AFTER
    return CardStatus.FETCHING if inputs.outcome is Outcome.COMPLETED and has_video and long_ago else None


def _running_status(inputs: CardInputs) -> CardStatus | None:
    if inputs.job is None:
        return CardStatus.NO_ANSWER_YET
    status = _BY_STATE.get(inputs.job.state)
    if status in (None, CardStatus.UNKNOWN):
        return status
    return CardStatus.SLOW if inputs.now >= inputs.slow_at else status
