"""The words that texts use for a job's state. Why a job is on hold is in `on_hold`."""

from __future__ import annotations

from enum import StrEnum

from model.job import Job, JobState, Outcome
from model.states import CardStatus
from ui import formatting
from ui.escape import escaped
from ui.job_facts import is_refused
from ui.language import N_, _, number, plural
from ui.on_hold import REASONS

_STATES: dict[StrEnum, str] = {
    # Translators: the state of a job, as are those below.
    JobState.CREATED: N_("Waiting to start"),
    JobState.STARTED: N_("Started"),
    JobState.PROGRESS: N_("In progress"),
    Outcome.COMPLETED: N_("Done"),
    Outcome.MODERATED: N_("Refused by the content rules"),
    Outcome.FAILED: N_("Failed"),
    Outcome.CANCELLED: N_("Cancelled"),
    Outcome.EXPIRED: N_("Expired"),
    Outcome.NOT_FOUND: N_("Not found"),
    Outcome.GIVEN_UP: N_("Given up"),
    CardStatus.NO_ANSWER_YET: N_("No word yet"),
    CardStatus.SLOW: N_("Taking long"),
    CardStatus.FETCHING: N_("Fetching"),
    CardStatus.CANNOT_POST: N_("Can't post"),
    CardStatus.NOT_POSTED: N_("Not posted"),
    CardStatus.UNSURE: N_("Maybe posted"),
    CardStatus.STOPPED: N_("No longer watched"),
}
"""A JobState, an Outcome and a CardStatus with the same value are the same key, and have the same meaning."""


def state(job: Job | None) -> str:
    """The job's own state as a headline, escaped."""
    if job is None:
        return _("Not known yet")
    if job.state is JobState.PROGRESS and job.percent is not None:
        return _("In progress: {percent}%", percent=job.percent)
    if job.state is JobState.PROGRESS and job.elapsed is not None:
        return _("In progress for {time}", time=formatting.duration(job.elapsed * 1000))
    if job.state is JobState.CREATED and job.queue_place is not None:
        return _("In the queue, place {place}", place=number(job.queue_place))
    if job.state in _STATES:
        return _(_STATES[job.state])
    return _('"{status}"', status=escaped(job.status, 30)) if job.status else _("Not known yet")


def no_further_than(latest: JobState, job: Job | None) -> str:
    """The job's own state if it is `latest`; otherwise just `latest`."""
    return state(job) if job is not None and job.state is latest else _(_STATES[latest])


def last_known(job: Job | None) -> str:
    """The job's last known state as a sentence, for when the API is away; empty if none is known."""
    return _("Last known: {state}.", state=state(job)) if job else ""


def state_of(status: CardStatus, job: Job | None, outcome: Outcome | None = None) -> str:
    """The state of a watched job as a headline, including the states that the relay adds."""
    if status is CardStatus.ENDED:
        return _(_STATES[outcome]) if outcome else _("Ended")
    if status in REASONS:
        return _("On hold")
    if status in (CardStatus.CREATED, CardStatus.STARTED, CardStatus.PROGRESS, CardStatus.UNKNOWN):
        return state(job)
    return _(_STATES[status])


def ended_or_running(job: Job | None, outcome: Outcome | None) -> str:
    """The state of a job as a headline: how it ended, or else its own."""
    return state_of(CardStatus.ENDED, job, outcome) if outcome else state(job)


def no_longer_watched(jobs: int) -> str:
    """Says how many jobs were dropped with their account."""
    return plural("{n} job is no longer watched.", "{n} jobs are no longer watched.", jobs)


def short_state(status: CardStatus, job: Job | None, outcome: Outcome | None = None) -> str:
    """The state in few words, for lists."""
    refused = outcome is Outcome.MODERATED or (job is not None and is_refused(job) and status not in REASONS)
    return _("Refused") if refused else state_of(status, job, outcome)
