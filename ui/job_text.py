"""A job in words: what it makes, its facts, its prompt and its state, the same in every text."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from model.job import Job, JobState, Outcome
from model.states import CardStatus
from pixverse.jobids import is_v2, mask_email
from ui import formatting
from ui.discord_limits import PROMPT, SHORT_PROMPT
from ui.escape import escaped, plain

_PROMPT_START = 480
"""Characters of a prompt that are looked at for a name, of which far fewer are shown."""

_JUST_BEFORE = 60_000
"""Milliseconds."""

_LEAST = 1000
"""Milliseconds; a shorter time would be shown as `0 s`."""

_VIDEOS = {"pixverse-create": 4, "pixverse-create_single": 1}

_WHAT = {
    "pixverse-animate": "Animated image",
    "pixverse-meme_face": "Meme face",
}

_BUTTONS_IN_WORDS = {"🔄": "Repeat", "🔀": "Shuffle"}

_STATES = {
    JobState.CREATED: "waiting to start",
    JobState.STARTED: "started",
    JobState.PROGRESS: "in progress",
    JobState.COMPLETED: "done",
    JobState.MODERATED: "refused by the content rules",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
}

_OUTCOMES = {
    Outcome.COMPLETED: "done",
    Outcome.MODERATED: "refused by the content rules",
    Outcome.FAILED: "failed",
    Outcome.CANCELLED: "cancelled",
    Outcome.EXPIRED: "expired",
    Outcome.NOT_FOUND: "not found",
    Outcome.GIVEN_UP: "given up",
}

_STATUSES = {
    CardStatus.NO_ANSWER_YET: "no word yet",
    CardStatus.SLOW: "taking long",
    CardStatus.FETCHING: "fetching",
    CardStatus.CANNOT_POST: "can't post",
    CardStatus.NOT_POSTED: "not posted",
    CardStatus.UNSURE: "maybe posted",
    CardStatus.STOPPED: "no longer watched",
}

_HOLDS = {
    CardStatus.API_DOWN: "PixVerse's API isn't answering",
    CardStatus.TOKEN_REFUSED: "useapi.net refuses the API token",
    CardStatus.UNPAID: "the useapi.net subscription has expired",
    CardStatus.TOKEN_MISSING: "the API token has to be entered again",
    CardStatus.OTHER_ACCOUNT: "the new API token is for a different account",
    CardStatus.PAUSED: "this bot is paused",
}


def what(job: Job | None) -> str:
    """What the job makes, by its verb, or how many videos it made; empty if that is not known."""
    if job is None or job.verb is None:
        return ""
    if job.verb in _VIDEOS:
        number = len(job.media) if job.state is JobState.COMPLETED else _VIDEOS[job.verb]
        return formatting.count(number, "video", "videos") if number else ""
    if job.verb != "pixverse-button":
        return _WHAT.get(job.verb, "")
    button = _BUTTONS_IN_WORDS.get(job.button or "", job.button or "")
    return f"{escaped(button, 20) or 'Continuation'} of an earlier job"


def counts_only(job: Job | None) -> bool:
    """Whether `what` returns only a number of videos."""
    return job is not None and job.verb in _VIDEOS


def facts(job: Job | None, *, with_what: bool = True) -> str:
    """The job's known facts: what it makes, style, model, quality, length, aspect ratio, seed, sound, how long it took.

    `with_what` is False if the message says elsewhere what the job makes.
    """
    if job is None:
        return ""
    return formatting.joined(
        (
            what(job) if with_what else "",
            escaped(job.style or "", 40),
            escaped(job.model or "", 40),
            escaped(job.quality or "", 20),
            f"{job.duration} s" if job.duration else "",
            escaped(job.aspect_ratio or "", 20),
            f"seed {job.seed}" if job.seed is not None and is_v2(job.jobid) else "",
            "with sound" if job.sound else "",
            _took(job),
        )
    )


def is_image(job: Job | None) -> bool:
    """Whether a job is known to make an image and not a video."""
    return job is not None and any(media.image for media in job.media)


def _took(job: Job) -> str:
    ended = job.updated or _seen_to_end(job)
    if not job.state.ends or job.created is None or ended is None or ended - job.created < _LEAST:
        return ""
    return f"took {formatting.duration(ended - job.created)}"


def _seen_to_end(job: Job) -> int | None:
    """When the bot saw that the job had ended, if it had seen it running just before."""
    if job.ended_by is None or job.ran_until is None or not 0 <= job.ended_by - job.ran_until <= _JUST_BEFORE:
        return None
    return job.ended_by


def prompt_text(job: Job | None) -> str:
    """The prompt with e-mail addresses masked: it may repeat the one in an id of v2."""
    return mask_email(job.prompt or "") if job is not None else ""


def prompt(job: Job | None, limit: int = PROMPT) -> str:
    """The prompt, escaped; without one, what the job makes; empty if neither is known."""
    if job is None:
        return ""
    return escaped(prompt_text(job), limit) or what(job)


def prompt_name(job: Job | None, number: int, limit: int = SHORT_PROMPT) -> str:
    """A job's name in a list: its prompt, escaped; `#number` if it has none or was refused for its content."""
    return (escaped(prompt_text(job), limit) if _has_name(job) else "") or f"#{number}"


def plain_name(job: Job | None, number: int, limit: int) -> str:
    """A job's name for places without markup: like `prompt_name` without escapes."""
    start = (job.prompt or "")[:_PROMPT_START] if job is not None and _has_name(job) else ""
    return _plain_start(start, limit) or f"#{number}"


@lru_cache(maxsize=256)
def _plain_start(prompt: str, limit: int) -> str:
    """Cached, because autocomplete offers the same jobs at each letter typed."""
    return plain(mask_email(prompt), limit)


def _has_name(job: Job | None) -> bool:
    return job is not None and not is_refused(job) and bool(job.prompt)


def is_refused(job: Job) -> bool:
    """Whether the job was refused for its content, so that its prompt is not to be shown openly."""
    return job.state is JobState.MODERATED


def state(job: Job | None) -> str:
    """The job's state in lower-case words, escaped."""
    if job is None:
        return "not known yet"
    if job.state is JobState.PROGRESS and job.percent is not None:
        return f"in progress: {job.percent}%"
    if job.state is JobState.PROGRESS and job.elapsed is not None:
        return f"in progress for {formatting.duration(job.elapsed * 1000)}"
    if job.state is JobState.CREATED and job.queue_place is not None:
        return f"in the queue, place {job.queue_place}"
    return _STATES.get(job.state) or f'"{escaped(job.status, 30)}"'


def last_known(job: Job | None) -> str:
    """The job's state as a sentence, for when the API can't be asked; empty if no state is known."""
    return f"Last known: {state(job)}." if job else ""


def state_of(status: CardStatus, job: Job | None, outcome: Outcome | None = None) -> str:
    """The state of a watched job in lower-case words, what the relay adds to it included."""
    if status is CardStatus.ENDED:
        return _OUTCOMES[outcome] if outcome else "ended"
    return "on hold" if status in _HOLDS else _STATUSES.get(status) or state(job)


def short_state(status: CardStatus, job: Job | None, outcome: Outcome | None = None) -> str:
    """The state as a list shows it, in few words."""
    refused = outcome is Outcome.MODERATED or (job is not None and is_refused(job) and status not in _HOLDS)
    return "refused" if refused else state_of(status, job, outcome)


def why_on_hold(statuses: Iterable[CardStatus]) -> str:
    """Why jobs with these statuses are on hold, in one sentence; empty if none is."""
    reasons = dict.fromkeys(_HOLDS[status] for status in statuses if status in _HOLDS)
    return f"On hold: {'; '.join(reasons)}." if reasons else ""
