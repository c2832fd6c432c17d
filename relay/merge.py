"""What a later response about a job adds to what is known of it. Pure."""

from __future__ import annotations

from dataclasses import replace

from model.job import Job, JobState
from pixverse.jobids import is_v2

_STAYS = (
    "created", "prompt", "negative_prompt", "style", "aspect_ratio", "seed", "model", "quality", "duration", "sound",
    "ran_until",
)  # fmt: skip

_RANK = {JobState.CREATED: 0, JobState.STARTED: 1, JobState.PROGRESS: 2}


def onward(known: Job | None, response: Job) -> Job:
    """`response`, but with the state and percentage of `known` if it would go backwards, and with what never changes
    (the prompt, for one) where a response of v2 leaves it out: v2 may tell of an active job no more than that it is.

    The API looks at Discord only now and then and says nothing about order, so an older response may come later.
    """
    if known is None:
        return response
    response = _with_what_stays(known, response)
    if response.state.ends:
        return response
    # A state without a rank, such as UNKNOWN, may follow any other and be followed by any.
    if _RANK.get(response.state, len(_RANK)) < _RANK.get(known.state, 0):
        return replace(response, state=known.state, status=known.status, percent=known.percent)
    if response.state is not JobState.PROGRESS:
        return response
    return replace(
        response, percent=_later(known.percent, response.percent), elapsed=_later(known.elapsed, response.elapsed)
    )


def with_known_files(known: Job, response: Job) -> Job:
    """`response` with the times that the bot saw, and with the files of `known` if it names fewer of them: a later
    response may lack an address that was there before."""
    return replace(
        response,
        ran_until=response.ran_until or known.ran_until,
        ended_by=response.ended_by or known.ended_by,
        media=response.media if len(response.media) >= len(known.media) else known.media,
    )


def with_times_seen(response: Job, ran_until: int, now: int) -> Job:
    """`response`, which says that the job has ended, with the times that the bot itself saw if it has no `updated`."""
    return response if response.updated is not None else replace(response, ran_until=ran_until, ended_by=now)


def _later(known: int | None, new: int | None) -> int | None:
    return new if known is None else max(known, new or 0)


def _with_what_stays(known: Job, response: Job) -> Job:
    if not is_v2(response.jobid):
        return response
    if response.lacks_file or response.state is JobState.COMPLETED:
        response = with_known_files(known, response)
    kept = {name: getattr(known, name) for name in _STAYS if getattr(response, name) is None}
    return replace(response, **kept)
