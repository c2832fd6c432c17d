"""A job's card and a batch's summary: Components V2 messages that are edited in place.

Their colours: blue at work, green done, red failed or refused, amber on hold.
"""

from __future__ import annotations

from collections.abc import Callable

import discord
from discord import Colour

from model.job import JobState, Outcome
from model.messages import Address, CardPost, SummaryEntry, SummaryPost
from model.states import CardStatus
from ui import formatting, job_text
from ui.buttons import Action, layout_view
from ui.discord_limits import SHORT_PROMPT, TEXT_DISPLAYS, units
from ui.escape import escaped
from ui.language import N_, _, number, plural
from ui.permissions import missing_permissions

RUNNING = Colour(0x3A57D6)
DONE = Colour(0x1C7A46)
FAILED = Colour(0xB3261E)
ON_HOLD = Colour(0xC98A00)
STOPPED = Colour(0x6B7280)

_STATUS_COLOURS = {
    CardStatus.API_DOWN: ON_HOLD,
    CardStatus.TOKEN_REFUSED: ON_HOLD,
    CardStatus.UNPAID: ON_HOLD,
    CardStatus.TOKEN_MISSING: ON_HOLD,
    CardStatus.OTHER_ACCOUNT: ON_HOLD,
    CardStatus.PAUSED: ON_HOLD,
    CardStatus.CANNOT_POST: ON_HOLD,
    CardStatus.UNSURE: ON_HOLD,
    CardStatus.NOT_POSTED: FAILED,
    CardStatus.STOPPED: STOPPED,
}
"""Any other status is that of a running job."""

_OUTCOME_COLOURS = {
    Outcome.COMPLETED: DONE,
    Outcome.MODERATED: FAILED,
    Outcome.FAILED: FAILED,
    Outcome.CANCELLED: STOPPED,
    Outcome.EXPIRED: STOPPED,
    Outcome.NOT_FOUND: STOPPED,
    Outcome.GIVEN_UP: STOPPED,
}

_WORKING = (Action.CHECK_NOW, Action.STOP_WATCHING)


_WAITING = (Action.STOP_WATCHING,)


_BUTTONS: dict[CardStatus, tuple[Action, ...]] = {
    CardStatus.NO_ANSWER_YET: _WORKING,
    CardStatus.CREATED: _WORKING,
    CardStatus.STARTED: _WORKING,
    CardStatus.PROGRESS: _WORKING,
    CardStatus.UNKNOWN: _WORKING,
    CardStatus.SLOW: _WORKING,
    CardStatus.API_DOWN: _WORKING,
    CardStatus.TOKEN_REFUSED: _WAITING,
    CardStatus.UNPAID: _WAITING,
    CardStatus.TOKEN_MISSING: _WAITING,
    CardStatus.OTHER_ACCOUNT: _WAITING,
    CardStatus.STOPPED: (Action.WATCH_AGAIN,),
}


_ENDED = {
    Outcome.MODERATED: N_("Refused by the content rules."),
    Outcome.FAILED: N_("Failed."),
    Outcome.CANCELLED: N_("Cancelled."),
    Outcome.EXPIRED: N_("No result."),
    Outcome.NOT_FOUND: N_("No result."),
    Outcome.GIVEN_UP: N_("No result."),
}


def card_view(post: CardPost, address: Address) -> discord.ui.LayoutView:
    """The card as a message. It pings nobody: it is sent silently and without allowed mentions."""
    buttons = [(action, post.subscription_id) for action in _BUTTONS.get(post.status, ())]
    return layout_view(card_text(post, address), *buttons, colour=_colour(post))


def _colour(post: CardPost) -> discord.Colour:
    """The colour of the card's edge; it repeats what the words say."""
    if post.status is CardStatus.ENDED and post.outcome is not None:
        return _OUTCOME_COLOURS[post.outcome]
    return _STATUS_COLOURS.get(post.status, RUNNING)


def card_text(post: CardPost, address: Address) -> str:
    """The card's text."""
    if post.status is CardStatus.ENDED:
        return _ended(post, address)
    if post.status is CardStatus.STOPPED:
        return _stopped(post)
    return formatting.lines(_head(post), frame(post))


def frame(post: CardPost) -> str:
    """What every card of an open job shows below its state: the prompt, then one line of small print."""
    job = post.job
    return formatting.lines(
        formatting.quoted(job_text.prompt(job, SHORT_PROMPT)),
        formatting.small(
            _("created {when}", when=formatting.relative(job.created)) if job and job.created is not None else "",
            job_text.facts(job, with_what=bool(job_text.prompt_text(job))),
            _("asked by {person}", person=formatting.user(post.asker)) if post.asker is not None else "",
            f"#{post.number}",
        ),
    )


_CONSTANT = {
    CardStatus.NO_ANSWER_YET: N_("**Watching.** No word from PixVerse yet."),
    CardStatus.STARTED: N_("**Started.**"),
    CardStatus.OTHER_ACCOUNT: N_(
        "**On hold: the new API token is for a different account.** An admin has to decide about this job."
    ),
    CardStatus.NOT_POSTED: N_("**Finished, but not posted here.** Someone with *Manage Server* can resend it."),
    CardStatus.UNSURE: N_(
        "**Finished, but I can't tell if it's posted here.** If not, someone with *Manage Server* can resend it."
    ),
    CardStatus.PAUSED: N_(
        "**On hold: this bot is paused.** The job keeps running; I'll post the result when I'm back."
    ),
}


_WAITING_FOR_A_TOKEN = {
    CardStatus.TOKEN_REFUSED: N_(
        "**On hold: useapi.net refuses this server's API token.** I'll resume once an admin sets a new one."
    ),
    CardStatus.TOKEN_MISSING: N_(
        "**On hold: this server's API token has to be entered again.** I'll resume once an admin does that."
    ),
    CardStatus.UNPAID: N_(
        "**On hold: this server's useapi.net subscription has expired.** I'll resume once it's renewed."
    ),
}


def _head(post: CardPost) -> str:
    """The state of an open job, and what happens next."""
    if post.status in _WAITING_FOR_A_TOKEN:
        return formatting.paragraph(_(_WAITING_FOR_A_TOKEN[post.status]), job_text.last_known(post.job))
    return _(_CONSTANT[post.status]) if post.status in _CONSTANT else _CHANGING[post.status](post)


def _created(post: CardPost) -> str:
    # The job may be further on than the status: an edit never goes back.
    waits = post.job is not None and post.job.state is JobState.CREATED
    return formatting.headline(job_text.state(post.job) if waits else _("Waiting to start"))


def _progress(post: CardPost) -> str:
    runs = post.job is not None and post.job.state is JobState.PROGRESS
    return formatting.headline(job_text.state(post.job) if runs else _("In progress"))


def _unknown(post: CardPost) -> str:
    status = escaped(post.job.status, 30) if post.job else ""
    if not status:
        return _("**In a state I don't know.** I'll keep watching.")
    return _("**PixVerse says \"{status}\".** I don't know that state; I'll keep watching.", status=status)


def _fetching(post: CardPost) -> str:
    if job_text.is_image(post.job):
        return _("**Finished.** Fetching the image …")
    return _("**Finished.** Fetching the video …")


def _slow(post: CardPost) -> str:
    if post.until is None:
        return _("**Taking longer than usual.** I'll keep watching.")
    return _("**Taking longer than usual.** I'll keep watching until {when}.", when=formatting.moment(post.until))


def _api_down(post: CardPost) -> str:
    if post.since is None:
        state = _("**On hold: PixVerse's API isn't answering.** I'll keep trying.")
    else:
        state = _(
            "**On hold: PixVerse's API isn't answering.** It went down {when}; I'll keep trying.",
            when=formatting.relative(post.since),
        )
    return formatting.paragraph(state, job_text.last_known(post.job))


def _cannot_post(post: CardPost) -> str:
    if post.until is None:
        remedy = _("If someone with *Manage Server* fixes that, I'll post it.")
    else:
        when = formatting.moment(post.until)
        remedy = _("If someone with *Manage Server* fixes that by {when}, I'll post it.", when=when)
    state = _("**Finished, but I can't post the result here.**")
    return formatting.paragraph(state, missing_permissions(post.missing), remedy)


_CHANGING: dict[CardStatus, Callable[[CardPost], str]] = {
    CardStatus.CREATED: _created,
    CardStatus.PROGRESS: _progress,
    CardStatus.FETCHING: _fetching,
    CardStatus.UNKNOWN: _unknown,
    CardStatus.SLOW: _slow,
    CardStatus.API_DOWN: _api_down,
    CardStatus.CANNOT_POST: _cannot_post,
}


def _ended(post: CardPost, address: Address) -> str:
    jump = formatting.jump(address, post.outcome_message, _("Jump to the result"))
    head = formatting.paragraph(f"**{_ended_state(post)}**", jump)
    if post.outcome is Outcome.MODERATED:
        return head
    return formatting.lines(head, formatting.quoted(job_text.prompt(post.job, SHORT_PROMPT)))


def _ended_state(post: CardPost) -> str:
    if post.outcome is Outcome.COMPLETED:
        return _("Done.") if post.has_video else _("Finished without a video.")
    return _(_ENDED[post.outcome]) if post.outcome else _("Ended.")


def _stopped(post: CardPost) -> str:
    if post.stopped_by is None:
        state = _("**Stopped watching.** The job keeps running at PixVerse.")
    else:
        person = formatting.user(post.stopped_by)
        state = _("**Stopped watching** ({person}). The job keeps running at PixVerse.", person=person)
    return formatting.lines(state, formatting.quoted(job_text.prompt(post.job, SHORT_PROMPT)))


def summary_view(post: SummaryPost, address: Address) -> discord.ui.LayoutView:
    """The summary as a message. It pings nobody: it is sent silently and without allowed mentions."""
    buttons = ((Action.STOP_BATCH, post.batch_id),) if post.open else ()
    colour = RUNNING if post.open else DONE
    if not post.open and post.done < len(post.entries):
        colour = STOPPED
    return layout_view(summary_text(post, address), *buttons, colour=colour)


def summary_text(post: SummaryPost, address: Address) -> str:
    """The summary's text. The jobs' names are cut so far that all of them fit into one message."""
    for limit in range(SHORT_PROMPT, 0, -10):
        text = _summary_text(post, address, limit)
        if units(text) <= TEXT_DISPLAYS:
            return text
    return _summary_head(post)


def _summary_text(post: SummaryPost, address: Address, name_limit: int) -> str:
    asker = _("Asked by {person}.", person=formatting.user(post.asker)) if post.asker else ""
    ping = _("One ping at the end.") if post.mention and post.open else ""
    return formatting.lines(
        formatting.paragraph(_summary_head(post), job_text.why_on_hold(entry.status for entry in post.entries)),
        *(_summary_line(entry, address, name_limit) for entry in post.entries),
        formatting.small(formatting.paragraph(asker, ping)),
    )


def _summary_head(post: SummaryPost) -> str:
    total, left = len(post.entries), len(post.entries) - post.done
    if post.open and not post.done:
        return plural("**Watching {n} job.**", "**Watching {n} jobs.**", total)
    if post.open:
        return formatting.paragraph(
            plural("**Watching {left} of {n} job.**", "**Watching {left} of {n} jobs.**", total, left=number(left)),
            plural("{n} has ended.", "{n} have ended.", post.done),
        )
    if left <= 0:
        return plural("**The job has ended.**", "**All {n} jobs have ended.**", total)
    return plural(
        "**Stopped watching.** {n} job keeps running at PixVerse.",
        "**Stopped watching.** {n} jobs keep running at PixVerse.",
        left,
    )


def _summary_line(entry: SummaryEntry, address: Address, name_limit: int) -> str:
    state = job_text.short_state(entry.status, entry.job, entry.outcome)
    # Translators: a link to the message with a job's result.
    jump = formatting.jump(address, entry.outcome_message, _("Result"))
    name = job_text.prompt_name(entry.job, entry.number, name_limit)
    return formatting.joined((f"**{state}**", name, jump))
