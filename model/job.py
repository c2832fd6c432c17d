"""One model of a job for every generation of the PixVerse API: what the rest of the bot knows of a job."""

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
    """A word this bot does not know: shown, and asked about again."""

    @property
    def ends(self) -> bool:
        """Whether a job in this state changes no more."""
        return self in _ENDS


_ENDS = frozenset({JobState.COMPLETED, JobState.MODERATED, JobState.FAILED, JobState.CANCELLED})


class Outcome(StrEnum):
    """How a job ended; the value stands in the outcome's small print."""

    COMPLETED = "completed"
    MODERATED = "moderated"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    NOT_FOUND = "not found"
    GIVEN_UP = "given up"


def outcome_of_state(state: JobState) -> Outcome | None:
    """The outcome that a job's own state means, or None while it goes on."""
    return Outcome(state.value) if state.ends else None


@dataclass(frozen=True, slots=True)
class Media:
    """A file of a completed job, as the API describes it. Nothing but the address is needed to fetch it."""

    url: str
    content_type: str | None = None
    filename: str | None = None
    size: int | None = None
    """Bytes, as claimed."""
    width: int | None = None
    height: int | None = None
    image: bool = False
    """Whether the job was to make an image and not a video."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture that was uploaded for a job: only its size in bytes and its type are told."""

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
    """One answer about a job. Every text is bounded in length but otherwise as the API sent it: data, not markup."""

    jobid: str
    state: JobState
    status: str
    """The API's own word, also where `state` is UNKNOWN."""
    verb: str | None = None
    created: int | None = None
    """Milliseconds UTC."""
    updated: int | None = None
    """Milliseconds UTC."""
    ran_until: int | None = None
    """Milliseconds UTC: when the bot last saw it in work, of a job that tells no time of change; noted now and then
    while it runs."""
    ended_by: int | None = None
    """Milliseconds UTC: when the bot saw that it had ended, likewise."""
    percent: int | None = None
    """0 to 100, read from `content`; never made up."""
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
    """The API calls it complete but does not show the file: an address is missing, or a width."""
    error: str | None = None
    error_details: str | None = None
    model: str | None = None
    quality: str | None = None
    duration: int | None = None
    """Of the video, seconds."""
    sound: bool | None = None
    """Whether a sound track was asked for."""
    queue_place: int | None = None
    """Jobs in the queue up to this one, while it waits."""
    elapsed: int | None = None
    """Seconds for which it has been in work, as the API tells, in whole half-minutes: finer would be news at each
    question."""
