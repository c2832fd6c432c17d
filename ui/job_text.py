"""A job in words: what it makes, its facts, its prompt and its state, the same in every text."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache, reduce

from model.job import Job, JobState, Outcome
from model.states import CardStatus
from pixverse.jobids import is_v2, mask_email
from ui import formatting
from ui.discord_limits import PROMPT, SHORT_PROMPT
from ui.escape import escaped, plain
from ui.language import N_, _, number, plural

_PROMPT_START = 480
"""Characters of a prompt that are looked at for a name, of which far fewer are shown."""

_JUST_BEFORE = 60_000
"""Milliseconds."""

_LEAST = 1000
"""Milliseconds; a shorter time would be shown as `0 s`."""

_VIDEOS = {"pixverse-create": 4, "pixverse-create_single": 1}

_WHAT = {"pixverse-animate": N_("Animated image"), "pixverse-meme_face": N_("Meme face")}

_BUTTONS = {"🔄": N_("Repeat of an earlier job"), "🔀": N_("Shuffle of an earlier job")}

_STATES = {
    # Translators: the state of a job, as are those below.
    JobState.CREATED: N_("Waiting to start"),
    JobState.STARTED: N_("Started"),
    JobState.PROGRESS: N_("In progress"),
    JobState.COMPLETED: N_("Done"),
    JobState.MODERATED: N_("Refused by the content rules"),
    JobState.FAILED: N_("Failed"),
    JobState.CANCELLED: N_("Cancelled"),
}

_OUTCOMES = {
    Outcome.COMPLETED: N_("Done"),
    Outcome.MODERATED: N_("Refused by the content rules"),
    Outcome.FAILED: N_("Failed"),
    Outcome.CANCELLED: N_("Cancelled"),
    Outcome.EXPIRED: N_("Expired"),
    Outcome.NOT_FOUND: N_("Not found"),
    Outcome.GIVEN_UP: N_("Given up"),
}

_STATUSES = {
    CardStatus.NO_ANSWER_YET: N_("No word yet"),
    CardStatus.SLOW: N_("Taking long"),
    CardStatus.FETCHING: N_("Fetching"),
    CardStatus.CANNOT_POST: N_("Can't post"),
    CardStatus.NOT_POSTED: N_("Not posted"),
    CardStatus.UNSURE: N_("Maybe posted"),
    CardStatus.STOPPED: N_("No longer watched"),
}

_HOLDS = {
    # Translators: this and the next ones stand behind "On hold: ", several of them with "; " in between.
    CardStatus.API_DOWN: N_("PixVerse's API isn't answering"),
    CardStatus.TOKEN_REFUSED: N_("useapi.net refuses the API token"),
    CardStatus.UNPAID: N_("the useapi.net subscription has expired"),
    CardStatus.TOKEN_MISSING: N_("the API token has to be entered again"),
    CardStatus.OTHER_ACCOUNT: N_("the new API token is for a different account"),
    CardStatus.PAUSED: N_("this bot is paused"),
}


def what(job: Job | None) -> str:
    """What the job makes, by its verb, or how many videos it made; empty if that is not known."""
    if job is None or job.verb is None:
        return ""
    if job.verb in _VIDEOS:
        videos = len(job.media) if job.state is JobState.COMPLETED else _VIDEOS[job.verb]
        return plural("{n} video", "{n} videos", videos, zero="")
    if job.verb != "pixverse-button":
        return _(_WHAT[job.verb]) if job.verb in _WHAT else ""
    if job.button in _BUTTONS:
        return _(_BUTTONS[job.button])
    button = escaped(job.button or "", 20)
    return _("{button} of an earlier job", button=button) if button else _("Continuation of an earlier job")


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
            _("{n} s", n=job.duration) if job.duration else "",
            escaped(job.aspect_ratio or "", 20),
            _("seed {seed}", seed=job.seed) if job.seed is not None and is_v2(job.jobid) else "",
            _("with sound") if job.sound else "",
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
    return _("took {time}", time=formatting.duration(ended - job.created))


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
    """The job's state as a headline, escaped."""
    if job is None:
        return _("Not known yet")
    if job.state is JobState.PROGRESS and job.percent is not None:
        return _("In progress: {percent}%", percent=job.percent)
    if job.state is JobState.PROGRESS and job.elapsed is not None:
        return _("In progress for {time}", time=formatting.duration(job.elapsed * 1000))
    if job.state is JobState.CREATED and job.queue_place is not None:
        return _("In the queue, place {place}", place=number(job.queue_place))
    return _(_STATES[job.state]) if job.state in _STATES else _('"{status}"', status=escaped(job.status, 30))


def last_known(job: Job | None) -> str:
    """The job's state as a sentence, for when the API can't be asked; empty if no state is known."""
    return _("Last known: {state}.", state=state(job)) if job else ""


def state_of(status: CardStatus, job: Job | None, outcome: Outcome | None = None) -> str:
    """The state of a watched job as a headline, what the relay adds to it included."""
    if status is CardStatus.ENDED:
        return _(_OUTCOMES[outcome]) if outcome else _("Ended")
    if status in _HOLDS:
        return _("On hold")
    return _(_STATUSES[status]) if status in _STATUSES else state(job)


def short_state(status: CardStatus, job: Job | None, outcome: Outcome | None = None) -> str:
    """The state as a list shows it, in few words."""
    refused = outcome is Outcome.MODERATED or (job is not None and is_refused(job) and status not in _HOLDS)
    return _("Refused") if refused else state_of(status, job, outcome)


def why_on_hold(statuses: Iterable[CardStatus]) -> str:
    """Why jobs with these statuses are on hold, in one sentence; empty if none is."""
    reasons = dict.fromkeys(_(_HOLDS[status]) for status in statuses if status in _HOLDS)
    listed = reduce(lambda items, item: _("{items}; {item}", items=items, item=item), reasons or [""])
    return _("On hold: {reasons}.", reasons=listed) if listed else ""
