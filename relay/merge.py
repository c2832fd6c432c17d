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


def onward(known: Job | None, answer: Job) -> Job:
    """`answer`, but with state and percentage of `known` where it would go backwards, and with what stays as it is (the
    prompt, for one) where an answer of v2 leaves it out: of a job in work it may say no more than that.

    The API looks at Discord only now and then and says nothing about order, so an older answer may come later.
    """
    if known is None:
        return answer
    answer = _with_what_stays(known, answer)
    if answer.state.ends:
        return answer
    if _goes_back(known.state, answer.state):
        return replace(answer, state=known.state, status=known.status, percent=known.percent)
    if answer.state is not JobState.PROGRESS:
        return answer
    return replace(answer, percent=_later(known.percent, answer.percent), elapsed=_later(known.elapsed, answer.elapsed))


def with_known_files(known: Job, answer: Job) -> Job:
    """`answer` with the times that the bot saw, and with the files of `known` where it names fewer of them: a later
    answer may blank an address that existed."""
    return replace(
        answer,
        ran_until=answer.ran_until or known.ran_until,
        ended_by=answer.ended_by or known.ended_by,
        media=answer.media if len(answer.media) >= len(known.media) else known.media,
    )


def with_times_seen(answer: Job, ran_until: int, now: int) -> Job:
    """`answer`, an end, with the times that the bot itself saw, where the API tells no time of change."""
    return answer if answer.updated is not None else replace(answer, ran_until=ran_until, ended_by=now)


def _later(known: int | None, new: int | None) -> int | None:
    return new if known is None else max(known, new or 0)


def _with_what_stays(known: Job, answer: Job) -> Job:
    if not is_v2(answer.jobid):
        return answer
    if answer.lacks_file or answer.state is JobState.COMPLETED:
        answer = with_known_files(known, answer)
    kept = {name: getattr(known, name) for name in _STAYS if getattr(answer, name) is None}
    return replace(answer, **kept)


def _goes_back(known: JobState, answer: JobState) -> bool:
    """States without a rank (unknown ones) are before and after everything."""
    if known not in _RANK or answer not in _RANK:
        return False
    return _RANK[answer] < _RANK[known]
