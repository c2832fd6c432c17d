"""Replies to commands and buttons about one job."""

from __future__ import annotations

from model.job import Job, Outcome
from model.messages import Address
from model.states import AccountState, CardStatus, DeliveryState
from relay.commands.check import Checked, CheckedBefore, CheckResult, NotChecked, Peek, Unchecked
from relay.commands.stop import Stopped, StoppedAll, StopResult, TakenOff
from relay.commands.watch import AlreadyPosted, AlreadyWatched, NowWatching, PostingOutcome, StatusResult
from ui import formatting, job_text
from ui.buttons import Action
from ui.escape import job_id
from ui.language import N_, _, plural
from ui.message import OnPress, Reply, TemporaryView, reply
from ui.permissions import missing_permissions

_API_DOWN = N_("**PixVerse's API isn't answering right now.**")
_ON_HOLD = {
    AccountState.REFUSED: (
        N_("**On hold: useapi.net refuses this server's API token.**"),
        N_("I'll post the result here once someone with *Manage Server* sets a new one."),
        N_("I'll post the result here and ping you once someone with *Manage Server* sets a new one."),
        N_(
            "On hold: useapi.net refuses this server's API token. "
            "I'll resume once someone with *Manage Server* sets a new one."
        ),
    ),
    AccountState.MISSING: (
        N_("**On hold: this server's API token has to be entered again.**"),
        N_("I'll post the result here once someone with *Manage Server* does that."),
        N_("I'll post the result here and ping you once someone with *Manage Server* does that."),
        N_(
            "On hold: this server's API token has to be entered again. "
            "I'll resume once someone with *Manage Server* does that."
        ),
    ),
    AccountState.UNPAID: (
        N_("**On hold: this server's useapi.net subscription has expired.**"),
        N_("I'll post the result here once it's renewed."),
        N_("I'll post the result here and ping you once it's renewed."),
        N_("On hold: this server's useapi.net subscription has expired. I'll resume once it's renewed."),
    ),
}
"""For a job that is asked for: why, and what comes, without and with a ping. Last, both for one that is watched."""

_NOT_CHECKED = {
    Unchecked.HAS_TO_WAIT: N_("**I couldn't check: useapi.net asked me to wait.** I'll try again soon."),
    Unchecked.OTHER_ACCOUNT: N_(
        "**On hold: the new API token is for a different account.** An admin has to decide about this job."
    ),
    Unchecked.NOT_KNOWN: N_("**useapi.net can't find this job right now.** I'll check again before giving up."),
    Unchecked.ID_REFUSED: N_(
        "**useapi.net doesn't accept this job id.** If it's wrong, stop watching; otherwise I'll keep trying."
    ),
}


def status_reply(result: StatusResult, where: Address, obstacles: tuple[str, ...] | None = None) -> Reply:
    """The reply to `/pixverse status`, `Watch it here` and `Watch again`. `obstacles`: nothing can be posted there, for
    these reasons if any are known; None if posting works."""
    status = _status(result, where)
    if obstacles is None or (isinstance(result, AlreadyPosted) and result.state is DeliveryState.POSTED):
        return status
    return Reply(formatting.lines(cannot_post_yet(obstacles), status.content), status.view)


def cannot_post_yet(obstacles: tuple[str, ...]) -> str:
    """That nothing can be posted here, and what to do about it."""
    remedy = missing_permissions(obstacles) or _("Discord refuses it; check my permissions here.")
    return formatting.paragraph(_("**I can't post here yet.**"), remedy)


def _status(result: StatusResult, where: Address) -> Reply:
    match result:
        case NowWatching():
            return _now_watching(result, where)
        case AlreadyWatched():
            return _already_watched(result, where)
        case AlreadyPosted():
            return _already_posted(result, where)
        case PostingOutcome():
            comes = _("Posting the result here.") if _has_result(result) else _("Posting the details here.")
            return reply(formatting.paragraph(_ended(result.job, result.outcome), comes))


def _now_watching(result: NowWatching, where: Address) -> Reply:
    jump = formatting.jump(where, result.card_message_id, _("Jump to the card"))
    if result.hold is not None:
        why, comes, pings, _later = _ON_HOLD[result.hold]
        text = formatting.paragraph(_(why), _(pings if result.mention else comes), jump)
    elif result.api_down:
        text = formatting.paragraph(_down_but_known(result.job), jump)
    elif result.mention:
        text = formatting.paragraph(_("**Watching.** I'll post the result here and ping you."), jump)
    else:
        text = formatting.paragraph(_("**Watching.** I'll post the result here."), jump)
    return _with_buttons(text, result.subscription_id, mention=result.mention)


def _already_watched(result: AlreadyWatched, where: Address) -> Reply:
    ping = _("I'll ping you.") if result.mention else _("I'll post the result here.")
    trouble = ""
    if result.on_hold:
        trouble = _("It's on hold: the new API token is for a different account. An admin has to decide about it.")
    elif result.hold is not None:
        trouble = on_hold(result.hold)
    elif result.api_down:
        trouble = _("PixVerse's API isn't answering, but I keep trying.")
    text = already_watched(result.message_id, where, ping, trouble)
    return _with_buttons(text, result.subscription_id, mention=result.mention)


def _already_posted(result: AlreadyPosted, where: Address) -> Reply:
    if result.state.is_open:
        soon = N_("I'll post the details here soon; no need to ask again.")
        if _has_result(result):
            soon = N_("I'll post the result here soon; no need to ask again.")
        return reply(formatting.paragraph(_ended(result.job, result.outcome), _(soon)))
    text = _("**I can't tell whether the result is here.** If you don't see it, post it again.")
    if result.state is DeliveryState.POSTED:
        text = already_posted(result.message_id, where)
    return reply(text, (Action.POST_AGAIN, result.subscription_id))


def already_watched(message_id: int | None, where: Address, *more: str) -> str:
    """That a job is watched in this channel, and a link to its card if that is there."""
    return formatting.paragraph(
        _("**Already watched here.**"), *more, formatting.jump(where, message_id, _("Jump to the card"))
    )


def already_posted(message_id: int | None, where: Address) -> str:
    """That a job's result stands in this channel, and a link to it if it is known."""
    return formatting.paragraph(
        _("**Already posted here.**"), formatting.jump(where, message_id, _("Jump to the result"))
    )


def peek_reply(peek: Peek, watch_here: OnPress) -> Reply:
    """The reply to `/pixverse status` with `private`. While the job runs, a button calls `watch_here`."""
    if peek.api_down:
        state = formatting.paragraph(_(_API_DOWN), job_text.last_known(peek.job))
    else:
        state = formatting.headline(job_text.state_of(_status_of(peek.outcome), peek.job, peek.outcome))
    job = peek.job
    text = formatting.lines(
        formatting.paragraph(state, _("Only you see this.")),
        formatting.quoted(job_text.prompt(job)),
        formatting.small(
            _("made {when}", when=formatting.relative(job.created)) if job and job.created is not None else "",
            job_id(peek.jobid),
        ),
    )
    return Reply(text, None if peek.outcome else TemporaryView(_("Watch it here"), watch_here))


def checked_reply(result: CheckResult, where: Address) -> Reply:
    """The reply to `Check now`."""
    match result:
        case AlreadyPosted():
            return _already_posted(result, where)
        case CheckedBefore():
            state = formatting.headline(job_text.state(result.job))
            return Reply(formatting.paragraph(state, _("Checked a moment ago; try again in a few seconds.")))
        case NotChecked():
            return Reply(_not_checked(result))
        case Checked():
            state = formatting.headline(job_text.state_of(_status_of(result.outcome), result.job, result.outcome))
            return Reply(formatting.paragraph(state, _after_check(result)))


def _after_check(result: Checked) -> str:
    if result.outcome is not None:
        return _("I'll post the result here.") if _has_result(result) else _("I'll post the details here.")
    if result.news:
        return _("Checked just now.")
    return _("Nothing new; PixVerse updates only every 15 to 60 seconds.")


def stop_reply(result: StopResult) -> Reply:
    """The reply to `/pixverse unwatch` and `Stop watching`."""
    match result:
        case Stopped():
            return Reply(_("**Stopped watching.** The job keeps running at PixVerse."))
        case TakenOff() if not result.others:
            return Reply(_("**You won't be pinged.** This channel gets every job, so I'll still post the result here."))
        case TakenOff():
            return Reply(
                plural(
                    "**You won't be pinged.** Someone else is watching it, so I'll still post the result here.",
                    "**You won't be pinged.** {n} others are watching it, so I'll still post the result here.",
                    result.others,
                )
            )


def stopped_all_reply(result: StoppedAll) -> Reply:
    """The reply to `Stop watching all`."""
    if not result.stopped and not result.kept:
        return Reply(_("**Nothing to stop.** All these jobs have ended."))
    kept = plural("{n} is still watched for others.", "{n} are still watched for others.", result.kept, zero="")
    stopped = plural(
        "**Stopped watching {n} job.** It keeps running at PixVerse.",
        "**Stopped watching {n} jobs.** They keep running at PixVerse.",
        result.stopped,
        zero=_("**You won't be pinged.**"),
    )
    return Reply(formatting.paragraph(stopped, kept))


def mention_reply(subscription_id: int, *, mention: bool) -> Reply:
    """The reply to `Ping me` and `Don't ping me`."""
    text = (
        N_("**I'll ping you when it ends.**") if mention else N_("**You won't be pinged.** I'll still post the result.")
    )
    return _with_buttons(_(text), subscription_id, mention=mention)


def posted_again_reply(number: int) -> Reply:
    """The reply to `Post it again`."""
    return Reply(_("**Posting #{number} again here.**", number=number))


def _ended(job: Job | None, outcome: Outcome) -> str:
    return formatting.headline(job_text.state_of(CardStatus.ENDED, job, outcome))


def _status_of(outcome: Outcome | None) -> CardStatus:
    return CardStatus.ENDED if outcome else CardStatus.PROGRESS


def on_hold(hold: AccountState) -> str:
    """Why watched jobs are on hold, and until when."""
    return _(_ON_HOLD[hold][-1])


def _not_checked(result: NotChecked) -> str:
    if result.why is Unchecked.NO_RESPONSE:
        return _down_but_known(result.job)
    return formatting.paragraph(_(_NOT_CHECKED[result.why]), job_text.last_known(result.job))


def _down_but_known(job: Job | None) -> str:
    watching = _("I'm watching, and will post the result here.")
    return formatting.paragraph(_(_API_DOWN), watching, job_text.last_known(job))


def _has_result(result: AlreadyPosted | PostingOutcome | Checked) -> bool:
    """Whether more than the details will be posted of a job that has ended."""
    return result.outcome is Outcome.COMPLETED and result.job is not None and bool(result.job.media)


def _with_buttons(text: str, subscription_id: int, *, mention: bool) -> Reply:
    """A reply to somebody who waits for a job, with buttons."""
    return reply(text, (_ping_button(mention=mention), subscription_id), (Action.STOP_WATCHING, subscription_id))


def _ping_button(*, mention: bool) -> Action:
    """The button that turns the ping off, or on if it is off."""
    return Action.DO_NOT_PING_ME if mention else Action.PING_ME
