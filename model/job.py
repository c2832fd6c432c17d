"""A job as the whole bot knows it, whichever generation of the PixVerse API it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class JobState(StrEnum):
    """Where a job stands. The values are the API's own words (useapi.net PixVerse v1, get-pixverse-jobid)."""

    CREATED = "created"
    STARTED = "started"
    PROGRESS = "progress"
    COMPLETED = "completed"
    MODERATED = "moderated"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    """A word that this version does not know. It is shown, and polling goes on."""

    @property
    def ends(self) -> bool:
        """Whether a job in this state has ended."""
        return self in _ENDS


_ENDS = frozenset({JobState.COMPLETED, JobState.MODERATED, JobState.FAILED, JobState.CANCELLED})


class Outcome(StrEnum):
    """How a job ended. The value is shown in the outcome's small print."""

    COMPLETED = "completed"
    MODERATED = "moderated"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    NOT_FOUND = "not found"
    GIVEN_UP = "given up"


OF_ONE_ACCOUNT = (Outcome.GIVEN_UP, Outcome.NOT_FOUND, Outcome.EXPIRED)
"""Outcomes that only say what one account can see: another account may still see the job."""


def outcome_of_state(state: JobState) -> Outcome | None:
    """The outcome that a job's state means; None if the job has not ended."""
    return Outcome(state.value) if state.ends else None


@dataclass(frozen=True, slots=True)
class Media:
    """A file of a completed job, as the API describes it. Only the address is needed to download it."""

    url: str
    content_type: str | None = None
    filename: str | None = None
    size: int | None = None
    """Bytes, as the API claims."""
    width: int | None = None
    height: int | None = None
    image: bool = False
    """Whether it is an image rather than a video, judged by the job's id."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture that was uploaded for a job. The API gives only its size in bytes and its type."""

    size: int | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Embed:
    """An embed of PixVerse's own message."""

    type: str | None = None
    description: str | None = None
    image_url: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """What a response says about a job. Texts are cut in length but otherwise as the API sent them: data, not
    markup."""

    jobid: str
    state: JobState
    status: str
    """The API's own word for the state."""
    verb: str | None = None
    created: int | None = None
    """Milliseconds UTC."""
    updated: int | None = None
    """Milliseconds UTC."""
    ran_until: int | None = None
    """Milliseconds UTC: when the bot last saw the job active, for jobs whose records have no `updated`. It is updated
    only now and then."""
    ended_by: int | None = None
    """Milliseconds UTC: when the bot saw that the job had ended, for the same jobs."""
    percent: int | None = None
    """0 to 100, read from `content`; never estimated."""
    prompt: str | None = None
    negative_prompt: str | None = None
    style: str | None = None
    aspect_ratio: str | None = None
    seed: int | None = None
    motion: int | None = None
    character: str | None = None
    image: Upload | None = None
    face: Upload | None = None
    parent_jobid: str | None = None
    button: str | None = None
    buttons: tuple[str, ...] = ()
    content: str | None = None
    embeds: tuple[Embed, ...] = ()
    media: tuple[Media, ...] = ()
    lacks_file: bool = False
    """The API calls the job complete but does not show its file: an address is missing, or a width."""
    lacks_file_since: int | None = None
    """Milliseconds UTC: when the bot first saw that the job lacks its file."""
    error: str | None = None
    error_details: str | None = None
    model: str | None = None
    quality: str | None = None
    duration: int | None = None
    """Of the video, in seconds."""
    sound: bool | None = None
    """Whether a sound track was asked for."""
    queue_place: int | None = None
    """The job's place in the queue, from 1, while it waits."""
    elapsed: int | None = None
    """Seconds for which the job has been active, as the API says, rounded down to half minutes: otherwise every poll
    would bring a change."""
