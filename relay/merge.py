"""Pure functions that merge a response about a job into what is known of the job."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from model.job import Job, JobState

_STAYS = (
    "verb", "created", "prompt", "negative_prompt", "style", "aspect_ratio", "seed", "motion", "character", "image",
    "face", "parent_jobid", "button", "model", "quality", "duration", "sound", "ran_until",
)  # fmt: skip

_RANK = {JobState.CREATED: 0, JobState.STARTED: 1, JobState.PROGRESS: 2}


def onward(known: Job | None, response: Job) -> Job:
    """`response`, merged so that the job never goes backwards: an earlier state or percentage is replaced by the known
    one. What never changes, such as the prompt, is filled in where a response omits it: every field is optional, and
    about an active job, v2 may say only that it exists.

    The API looks at Discord only occasionally and does not order its responses, so an older one may arrive later.
    """
    if known is None:
        return response
    response = _with_what_stays(known, response)
    if response.state.ends:
        return response
    # A state without a rank, such as UNKNOWN, may follow any other. A percentage tells that it followed progress.
    known_rank = _RANK.get(known.state, 0 if known.percent is None else _RANK[JobState.PROGRESS])
    if _RANK.get(response.state, len(_RANK)) < known_rank:
        return replace(response, state=known.state, status=known.status, percent=known.percent)
    if response.state in (JobState.CREATED, JobState.STARTED):
        return response
    # A time that later responses don't name would soon be wrong.
    elapsed = None if response.elapsed is None else _later(known.elapsed, response.elapsed)
    return replace(response, percent=_later(known.percent, response.percent), elapsed=elapsed)


def with_known_files(known: Job, response: Job) -> Job:
    """`response` with the times that the bot saw, and with the files of `known` if `response` names fewer: a later
    response may lack an address that an earlier one had. Those that it names have its fresh links."""
    fresh = {urlsplit(media.url).path: media for media in response.media}
    known_files = tuple(fresh.get(urlsplit(media.url).path, media) for media in known.media)
    return replace(
        response,
        ran_until=response.ran_until or known.ran_until,
        ended_by=response.ended_by or known.ended_by,
        media=response.media if len(response.media) >= len(known.media) else known_files,
    )


def without_end(job: Job) -> Job:
    """The job without its end, for a server that waits for it on hold while others have been told how it ended."""
    return replace(
        job,
        state=JobState.STARTED,
        status=JobState.STARTED.value,
        updated=None,
        ran_until=None,
        ended_by=None,
        percent=None,
        buttons=(),
        content=None,
        embeds=(),
        media=(),
        lacks_file=False,
        lacks_file_since=None,
        error=None,
        error_details=None,
        queue_place=None,
        elapsed=None,
    )


def _later(known: int | None, new: int | None) -> int | None:
    return new if known is None else max(known, new or 0)


def _with_what_stays(known: Job, response: Job) -> Job:
    if response.lacks_file or response.state is JobState.COMPLETED:
        response = with_known_files(known, response)
    elif known.media and not response.state.ends:
        response = replace(response, media=known.media)
    kept = {name: getattr(known, name) for name in _STAYS if getattr(response, name) is None}
    return replace(response, **kept)
