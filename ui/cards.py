"""A job's card and a batch's summary: Components V2 messages that are edited in place.

Colours: blue for running, green for done, red for failed or refused, amber for on hold.
"""

from __future__ import annotations

from dataclasses import replace

import discord
from discord import Colour

from model.job import JobState, Outcome
from model.messages import Address, CardPost, SummaryEntry, SummaryPost
from model.states import CardStatus
from relay.cards.card_status import HOLDS
from ui import formatting, job_facts, job_states, on_hold
from ui.buttons import Action, layout_view
from ui.cannot_post import missing_permissions
from ui.discord_limits import SHORT_PROMPT, TEXT_DISPLAYS, units
from ui.escape import escaped
from ui.language import N_, _, number, plural

RUNNING = Colour(0x3A57D6)
DONE = Colour(0x1C7A46)
FAILED = Colour(0xB3261E)
ON_HOLD = Colour(0xC98A00)
STOPPED = Colour(0x6B7280)
_OUTCOME_COLOURS = {Outcome.COMPLETED: DONE, Outcome.MODERATED: FAILED, Outcome.FAILED: FAILED}
"""Other outcomes have the colour STOPPED."""

_CAN_BE_CHECKED = (
    CardStatus.NO_ANSWER_YET,
    CardStatus.CREATED,
    CardStatus.STARTED,
    CardStatus.PROGRESS,
    CardStatus.UNKNOWN,
    CardStatus.SLOW,
    CardStatus.API_DOWN,
)
_WAIT_FOR_AN_ADMIN = (*HOLDS.values(), CardStatus.OTHER_ACCOUNT)

_FIXED = {
    **on_hold.CARDS,
    CardStatus.NO_ANSWER_YET: N_("**Watching.** No word from PixVerse yet."),
    CardStatus.STARTED: N_("**Started.**"),
    CardStatus.NOT_POSTED: N_("**Finished, but not posted here.** Someone with *Manage Server* can resend it."),
    CardStatus.UNSURE: N_(
        "**Finished, but I can't tell if it's posted here.** If not, someone with *Manage Server* can resend it."
    ),
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
    """The card's view. The card pings nobody: it is sent silently and without allowed mentions."""
    buttons = [(action, post.subscription_id) for action in _buttons(post.status)]
    return layout_view(card_text(post, address), *buttons, colour=_colour(post))


def _buttons(status: CardStatus) -> tuple[Action, ...]:
    if status in _CAN_BE_CHECKED:
        return Action.CHECK_NOW, Action.STOP_WATCHING
    if status in _WAIT_FOR_AN_ADMIN:
        return (Action.STOP_WATCHING,)
    return (Action.WATCH_AGAIN,) if status is CardStatus.STOPPED else ()


def _colour(post: CardPost) -> discord.Colour:
    """The colour of the card's edge. It only repeats what the text says."""
    if post.status is CardStatus.ENDED and post.outcome is not None:
        return _OUTCOME_COLOURS.get(post.outcome, STOPPED)
    if post.status in on_hold.REASONS or post.status in (CardStatus.CANNOT_POST, CardStatus.UNSURE):
        return ON_HOLD
    if post.status is CardStatus.NOT_POSTED:
        return FAILED
    return STOPPED if post.status is CardStatus.STOPPED else RUNNING


def card_text(post: CardPost, address: Address) -> str:
    """The card's text."""
    if post.without_api_text:
        post = replace(post, job=job_facts.without_api_text(post.job))
    if post.status is CardStatus.ENDED:
        return _ended(post, address)
    if post.status is CardStatus.STOPPED:
        return _stopped(post)
    return formatting.lines(_head(post), frame(post))


def frame(post: CardPost) -> str:
    """What every card of an active job shows below its state: the prompt, then one line of small print."""
    job = post.job
    return formatting.lines(
        formatting.quoted(job_facts.prompt(job, SHORT_PROMPT)),
        formatting.small(
            _("created {when}", when=formatting.relative(job.created)) if job and job.created is not None else "",
            job_facts.facts(job, with_what=bool(job_facts.prompt_text(job))),
            _("asked by {person}", person=formatting.user(post.asker)) if post.asker is not None else "",
            f"#{post.number}",
        ),
    )


def _head(post: CardPost) -> str:
    """The state of an active job, and what happens next."""
    match post.status:
        case CardStatus.CREATED:  # The job may have progressed since; an edit never goes back.
            text = formatting.headline(job_states.no_further_than(JobState.CREATED, post.job))
        case CardStatus.PROGRESS:
            text = formatting.headline(job_states.no_further_than(JobState.PROGRESS, post.job))
        case CardStatus.FETCHING if job_facts.is_image(post.job):
            text = _("**Finished.** Fetching the image …")
        case CardStatus.FETCHING:
            text = _("**Finished.** Fetching the video …")
        case CardStatus.UNKNOWN:
            text = _unknown(post)
        case CardStatus.SLOW:
            text = _slow(post)
        case CardStatus.API_DOWN:
            text = _api_down(post)
        case CardStatus.CANNOT_POST:
            text = _cannot_post(post)
        case _:
            text = _(_FIXED[post.status])
    waits = post.status is CardStatus.API_DOWN or post.status in HOLDS.values()
    return formatting.paragraph(text, job_states.last_known(post.job) if waits else "")


def _unknown(post: CardPost) -> str:
    status = escaped(post.job.status, 30) if post.job else ""
    if not status:
        return _("**In a state I don't know.** I'll keep watching.")
    return _("**PixVerse says \"{status}\".** I don't know that state; I'll keep watching.", status=status)


def _slow(post: CardPost) -> str:
    if post.until is None:
        return _("**Taking longer than usual.** I'll keep watching.")
    return _("**Taking longer than usual.** I'll keep watching until {when}.", when=formatting.moment(post.until))


def _api_down(post: CardPost) -> str:
    if post.since is None:
        return _("**On hold: PixVerse's API isn't answering.** I'll keep trying.")
    return _(
        "**On hold: PixVerse's API isn't answering.** It went down {when}; I'll keep trying.",
        when=formatting.relative(post.since),
    )


def _cannot_post(post: CardPost) -> str:
    if post.until is None:
        remedy = _("If someone with *Manage Server* fixes that, I'll post it.")
    else:
        when = formatting.moment(post.until)
        remedy = _("If someone with *Manage Server* fixes that by {when}, I'll post it.", when=when)
    state = _("**Finished, but I can't post the result here.**")
    return formatting.paragraph(state, missing_permissions(post.missing), remedy)


def _ended(post: CardPost, address: Address) -> str:
    if post.outcome is Outcome.COMPLETED:
        state = _("Done.") if post.has_video else _("Finished without a video.")
    else:
        state = _(_ENDED[post.outcome]) if post.outcome else _("Ended.")
    head = formatting.paragraph(f"**{state}**", formatting.result_link(address, post.outcome_message))
    prompt = "" if post.outcome is Outcome.MODERATED else job_facts.prompt(post.job, SHORT_PROMPT)
    return formatting.lines(head, formatting.quoted(prompt))


def stopped_watching() -> str:
    """Says that a job is no longer watched."""
    return _("**Stopped watching.** The job keeps running at PixVerse.")


def _stopped(post: CardPost) -> str:
    if post.stopped_by is None:
        state = stopped_watching()
    else:
        person = formatting.user(post.stopped_by)
        state = _("**Stopped watching** ({person}). The job keeps running at PixVerse.", person=person)
    return formatting.lines(state, formatting.quoted(job_facts.prompt(post.job, SHORT_PROMPT)))


def summary_view(post: SummaryPost, address: Address) -> discord.ui.LayoutView:
    """The summary's view. The summary pings nobody: it is sent silently and without allowed mentions.

    A new message has its button even if nothing is left to stop: by it, the message is found in the channel's history.
    """
    buttons = ((Action.STOP_BATCH, post.batch_id),) if post.open or post.nonce else ()
    colour = RUNNING if post.open else DONE
    if not post.open and post.done < len(post.entries):
        colour = STOPPED
    return layout_view(summary_text(post, address), *buttons, colour=colour)


def summary_text(post: SummaryPost, address: Address) -> str:
    """The summary's text. The jobs' names are shortened until all of them fit into one message."""
    if post.without_api_text:
        entries = (replace(entry, job=job_facts.without_api_text(entry.job)) for entry in post.entries)
        post = replace(post, entries=tuple(entries))
    for limit in range(SHORT_PROMPT, 0, -10):
        text = _summary_text(post, address, limit)
        if units(text) <= TEXT_DISPLAYS:
            return text
    return _summary_head(post)


def _summary_text(post: SummaryPost, address: Address, name_limit: int) -> str:
    asker = _("Asked by {person}.", person=formatting.user(post.asker)) if post.asker else ""
    ping = _("One ping at the end.") if post.mention and post.open else ""
    return formatting.lines(
        formatting.paragraph(_summary_head(post), on_hold.why_on_hold(entry.status for entry in post.entries)),
        *(_summary_line(entry, address, name_limit) for entry in post.entries),
        formatting.small(formatting.paragraph(asker, ping)),
    )


def watching(jobs: int) -> str:
    """Says how many jobs are watched together."""
    return plural("**Watching {n} job.**", "**Watching {n} jobs.**", jobs)


def _summary_head(post: SummaryPost) -> str:
    total, left = len(post.entries), len(post.entries) - post.done
    if not total:  # Each of its jobs has ended, and is watched again outside of this batch.
        return formatting.headline(_("Ended"))
    watched = left - post.stopped
    if post.open and watched == total:
        return watching(total)
    if post.open:
        return formatting.paragraph(
            plural("**Watching {left} of {n} job.**", "**Watching {left} of {n} jobs.**", total, left=number(watched)),
            plural("{n} has ended.", "{n} have ended.", post.done, zero=""),
        )
    if left <= 0:
        return plural("**The job has ended.**", "**All {n} jobs have ended.**", total)
    return plural(
        "**Stopped watching.** {n} job keeps running at PixVerse.",
        "**Stopped watching.** {n} jobs keep running at PixVerse.",
        left,
    )


def _summary_line(entry: SummaryEntry, address: Address, name_limit: int) -> str:
    state = job_states.short_state(entry.status, entry.job, entry.outcome)
    jump = formatting.result_link(address, entry.outcome_message, in_list=True)
    name = job_facts.prompt_name(entry.job, entry.number, name_limit)
    return formatting.joined((f"**{state}**", name, jump))
