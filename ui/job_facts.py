"""What texts show of a job besides its state: what it makes, its facts, its prompt, and its name in lists."""

from __future__ import annotations

from dataclasses import replace

from model.job import Job, JobState
from pixverse.jobids import is_v2
from ui import formatting
from ui.discord_limits import PROMPT, SHORT_PROMPT
from ui.escape import escaped, plain
from ui.language import N_, _, plural

WHY_EXPIRED = N_("useapi.net keeps jobs for 31 days.")

_PROMPT_START = 480
"""How many characters of a prompt are processed for a name, which shows far fewer."""
_JUST_BEFORE = 60_000
"""Milliseconds between the last sight of a job running and its end within which the end's time counts as known."""
_LEAST = 1000
"""Milliseconds; a shorter time would be shown as `0 s`."""

_VIDEOS = {"pixverse-create": 4, "pixverse-create_single": 1}
_WHAT = {"pixverse-animate": N_("Animated image"), "pixverse-meme_face": N_("Meme face")}
_BUTTONS = {"🔄": N_("Repeat of an earlier job"), "🔀": N_("Shuffle of an earlier job")}


def what(job: Job | None) -> str:
    """What the job makes, by its verb, or how many videos it made; empty if that is unknown."""
    if job is None or job.verb is None:
        return ""
    if job.verb in _VIDEOS:
        return videos(len(job.media) if job.state is JobState.COMPLETED else _VIDEOS[job.verb])
    if job.verb != "pixverse-button":
        return _(_WHAT[job.verb]) if job.verb in _WHAT else ""
    if job.button in _BUTTONS:
        return _(_BUTTONS[job.button])
    button = escaped(job.button or "", 20)
    return _("{button} of an earlier job", button=button) if button else _("Continuation of an earlier job")


def videos(count: int) -> str:
    """A number of videos; empty if it is 0."""
    return plural("{n} video", "{n} videos", count, zero="")


def counts_only(job: Job | None) -> bool:
    """Whether `what` returns only a number of videos."""
    return job is not None and job.verb in _VIDEOS


def facts(job: Job | None, *, with_what: bool = True, clock_ahead: int = 0) -> str:
    """The job's known facts: what it makes, style, model, quality, length, aspect ratio, seed, sound, time taken.

    `with_what` is False if the message says elsewhere what the job makes. `clock_ahead` is by how many milliseconds
    this machine's clock is ahead of the API's.
    """
    if job is None:
        return ""
    return formatting.joined(
        (
            what(job) if with_what else "",
            escaped(job.style or "", 40),
            escaped(job.model or "", 40),
            escaped(job.quality or "", 20),
            formatting.seconds(job.duration) if job.duration else "",
            escaped(job.aspect_ratio or "", 20),
            _("seed {seed}", seed=job.seed) if job.seed is not None and is_v2(job.jobid) else "",
            _("with sound") if job.sound else "",
            _took(job, clock_ahead),
        )
    )


def is_image(job: Job | None) -> bool:
    """Whether a job is known to make images, not videos."""
    return job is not None and any(media.image for media in job.media)


def _took(job: Job, clock_ahead: int) -> str:
    seen_to_end = _seen_to_end(job)
    ended = job.updated or (None if seen_to_end is None else seen_to_end - clock_ahead)
    if not job.state.ends or job.created is None or ended is None or ended - job.created < _LEAST:
        return ""
    return _("took {time}", time=formatting.duration(ended - job.created))


def _seen_to_end(job: Job) -> int | None:
    """When the bot saw that the job had ended; None if it had not seen the job running just before."""
    if job.ended_by is None or job.ran_until is None or not 0 <= job.ended_by - job.ran_until <= _JUST_BEFORE:
        return None
    return job.ended_by


def prompt_text(job: Job | None) -> str:
    """The prompt as the API gave it; empty if it is unknown."""
    return (job.prompt or "") if job is not None else ""


def prompt(job: Job | None, limit: int = PROMPT) -> str:
    """The prompt, escaped, and as a spoiler if it was refused; without a prompt, what the job makes; empty if neither
    is known."""
    if job is None:
        return ""
    words = escaped(prompt_text(job), limit)
    return formatting.spoiler(words) if words and is_refused(job) else words or what(job)


def prompt_name(job: Job | None, number: int, limit: int = SHORT_PROMPT) -> str:
    """A job's name in a list: its prompt, escaped; `#number` if it has none or was refused for its content."""
    return (escaped(prompt_text(job), limit) if _has_name(job) else "") or f"#{number}"


def plain_name(job: Job | None, number: int, limit: int) -> str:
    """A job's name for places without markup: as in `prompt_name`, but without escapes."""
    start = (job.prompt or "")[:_PROMPT_START] if job is not None and _has_name(job) else ""
    return plain(start, limit) or f"#{number}"


def without_api_text(job: Job | None) -> Job | None:
    """The job without the texts that come from the API, for a message in which Discord refuses them."""
    if job is None:
        return None
    return replace(job, prompt=None, status="", button=None, style=None, model=None, quality=None, aspect_ratio=None)


def _has_name(job: Job | None) -> bool:
    return job is not None and not is_refused(job) and bool(job.prompt)


def is_refused(job: Job) -> bool:
    """Whether the job was refused for its content. If so, its prompt must not be shown openly."""
    return job.state is JobState.MODERATED
