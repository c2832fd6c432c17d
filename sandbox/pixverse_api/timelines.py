"""What happens to a job and when: steps, and ready-made time lines.

A time line is what happens in Discord. A client of the API sees only what the latest sweep saw of it.
Transitions are not documented (useapi.net PixVerse v1, get-pixverse-jobid), so any order of steps is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.pixverse_api.videos import File, image_file

DAY = 86_400
BUTTONS = ("U1", "U2", "U3", "U4", "V1", "V2", "V3", "V4", "ReDo")
NEVER = 10**9


@dataclass(frozen=True, slots=True)
class Results:
    """The files of a finished job.

    `files` are served as they are; without them `count` videos are made, each of `size` bytes (None: as small as it
    gets) and each with bytes of its own. Their links die `link_seconds` after the step.
    """

    count: int = 1
    size: int | None = None
    link_seconds: float = DAY
    files: tuple[File, ...] | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What one step changes in a job's record: `fields` are put over it, `without` is taken out of it."""

    status: str | None = None
    percent: int | None = None
    """Written into `content` as `(46%)`."""
    results: Results | None = None
    fields: Mapping[str, object] = field(default_factory=dict)
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """A change that happens `after` seconds from the job's creation."""

    after: float
    change: Change


Timeline = tuple[Step, ...]


def step(after: float, status: str | None = None, percent: int | None = None, **fields: object) -> Step:
    """A step that sets a status, a percentage and any other field."""
    return Step(after, Change(status, percent, fields=fields))


def finish(after: float, results: Results | None = None, without: tuple[str, ...] = (), **fields: object) -> Step:
    """The step that completes a job."""
    change = Change("completed", None, results or Results(), {"buttons": list(BUTTONS), **fields}, without)
    return Step(after, change)


def rising(seconds: float) -> Timeline:
    """created, started, then progress in Midjourney's own steps until just before `seconds`."""
    percents = (0, 15, 31, 46, 62, 93)
    first = step(seconds * 0.1, "started")
    return first, *(step(seconds * (0.2 + 0.12 * k), "progress", percent) for k, percent in enumerate(percents))


def completed(seconds: float = 30, videos: int = 1, size: int | None = None, link_seconds: float = DAY) -> Timeline:
    """Completes normally, with `videos` files of `size` bytes each."""
    return *rising(seconds), finish(seconds, Results(videos, size, link_seconds))


def ordinary(kind: str, seconds: float = 30) -> Timeline:
    """A v2 job that completes normally, with one video or one image."""
    if kind == "image":
        return *rising(seconds), finish(seconds, Results(files=(image_file("image"),)))
    return completed(seconds)


def failed(
    seconds: float = 30, error: str = "Generation failed", details: str | None = "PixVerse did not answer in time"
) -> Timeline:
    """Ends with an error; `details` None leaves `errorDetails` out."""
    more = {} if details is None else {"errorDetails": details}
    return *rising(seconds), Step(seconds, Change("failed", fields={"error": error, **more}))


def moderated(
    seconds: float = 30,
    error: str = "Moderated",
    details: str | None = "The prompt was refused by PixVerse's content rules",
) -> Timeline:
    """Refused by content rules; with `seconds` 0 a POST is answered with 422 at once."""
    more = {} if details is None else {"errorDetails": details}
    return (Step(seconds, Change("moderated", fields={"error": error, **more})),)


def cancelled(seconds: float = 30) -> Timeline:
    """Cancelled by somebody after some progress."""
    return *rising(seconds * 2)[:3], step(seconds, "cancelled")


def slow(seconds: float = 1500) -> Timeline:
    """Stands at 31 % for most of `seconds` and completes."""
    return step(5, "started"), step(20, "progress", 15), step(40, "progress", 31), finish(seconds)


def never_ends() -> Timeline:
    """Stands at 85 % for ever."""
    return step(5, "started"), step(20, "progress", 85)


def skipped_states(seconds: float = 30) -> Timeline:
    """From created straight to completed."""
    return (finish(seconds),)


def percentage_goes_back(seconds: float = 30) -> Timeline:
    """62 %, then 31 %, then nothing, then done."""
    return (
        step(seconds * 0.1, "started"),
        step(seconds * 0.3, "progress", 62),
        step(seconds * 0.5, "progress", 31),
        step(seconds * 0.7, "progress"),
        finish(seconds),
    )


def unknown_status(seconds: float = 30, status: str = "upscaling") -> Timeline:
    """A word that the model does not list, then completed."""
    return step(seconds * 0.2, "started"), step(seconds * 0.5, status, 46), finish(seconds)


def empty_button(seconds: float = 30) -> Timeline:
    """Completed with the empty label and both emojis among its buttons, as the model allows."""
    return *rising(seconds), finish(seconds, buttons=[*BUTTONS, "🔄", "🔀", ""])


def no_attachments(seconds: float = 30) -> Timeline:
    """Completed with an empty list of attachments."""
    return *rising(seconds), finish(seconds, Results(count=0))


def two_attachments(seconds: float = 30) -> Timeline:
    """Completed with two videos."""
    return completed(seconds, videos=2)


def missing_fields(seconds: float = 30) -> Timeline:
    """Completed with only an id, a status and attachments: every field is optional in the model."""
    gone = ("verb", "created", "updated", "prompt", "buttons", "discord", "server", "channel", "maxJobs")
    return (finish(seconds, None, (*gone, "messageId", "content", "timestamp", "style", "aspect_ratio", "code")),)


def extra_fields(seconds: float = 30) -> Timeline:
    """Completed with fields that the model does not list."""
    return *rising(seconds), finish(seconds, etaSeconds=12, queue={"position": 3, "of": [1, 2, None]})


def expired_link(seconds: float = 30) -> Timeline:
    """Completed with a link that is dead already."""
    return completed(seconds, link_seconds=-60)
