"""The last answer about a job, as it is kept in the database."""

from __future__ import annotations

from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from pixverse.job import Job, JobState

_JOB: TypeAdapter[Job] = TypeAdapter(Job)

_RANK = {JobState.CREATED: 0, JobState.STARTED: 1, JobState.PROGRESS: 2}


def dump(job: Job) -> str:
    """The job as JSON; equal jobs give equal text."""
    return _JOB.dump_json(job, exclude_defaults=True).decode()


def load(snapshot: str | None) -> Job | None:
    """The job that `dump` wrote, or None where there is none, or one that cannot be read any more."""
    if snapshot is None:
        return None
    try:
        return _JOB.validate_json(snapshot)
    except ValidationError:
        return None


def onward(known: Job | None, answer: Job) -> Job:
    """`answer`, but with state and percentage of `known` where it would go backwards.

    The API looks at Discord only now and then and says nothing about order, so an older answer may come later.
    """
    if known is None or answer.state.ends:
        return answer
    if _goes_back(known.state, answer.state):
        return replace(answer, state=known.state, status=known.status, percent=known.percent)
    if answer.state is not JobState.PROGRESS or known.percent is None:
        return answer
    return replace(answer, percent=max(known.percent, answer.percent or 0))


def _goes_back(known: JobState, answer: JobState) -> bool:
    """States without a rank (unknown ones) are before and after everything."""
    if known not in _RANK or answer not in _RANK:
        return False
    return _RANK[answer] < _RANK[known]
