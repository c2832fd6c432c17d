"""Replies to `/pixverse status`, `unwatch` and `forget-me`, and to the buttons on cards, results and these replies."""

from __future__ import annotations

from model.job import Job, Outcome
from model.messages import Address
from model.states import CardStatus, DeliveryState
from pixverse.jobids import is_v2
from relay.commands.job_checks import Checked, CheckedBefore, CheckResult, NotChecked, Peek, Unchecked
from relay.commands.stop import Stopped, StoppedAll, StopResult, TakenOff
from relay.commands.watch import AlreadyPosted, AlreadyWatched, NowWatching, PostingOutcome, StatusResult
from ui import formatting, job_facts, job_states, on_hold
from ui.buttons import Action
from ui.cannot_post import cannot_post_yet
from ui.cards import stopped_watching
from ui.escape import job_id
from ui.language import N_, _, plural
from ui.message import OnPress, Reply, TemporaryView, reply, saying

_PRESSER = 0
"""The number in buttons that apply to the person who presses them."""

_NOT_CHECKED = {
    Unchecked.HAS_TO_WAIT: N_("**I couldn't check: useapi.net asked me to wait.** I'll try again soon."),
    Unchecked.OTHER_ACCOUNT: on_hold.CARDS[CardStatus.OTHER_ACCOUNT],
    Unchecked.NOT_KNOWN: N_("**useapi.net can't find this job right now.** I'll check again before giving up."),
    Unchecked.ID_REFUSED: N_(
        "**useapi.net doesn't accept this job id.** If it's wrong, stop watching; otherwise I'll keep trying."
    ),
}


def status_reply(result: StatusResult, where: Address, obstacles: tuple[str, ...] | None = None) -> Reply:
    """The reply to `/pixverse status`, `Watch it here` and `Watch again`. `obstacles` are the known reasons why nothing
    can be posted there, perhaps none; None if posting works."""
    return _below_obstacles(_status(result, where), result, obstacles)


def _below_obstacles(reply: Reply, result: StatusResult | CheckResult, obstacles: tuple[str, ...] | None) -> Reply:
    """The reply, which may promise a post, below what keeps the bot from posting here."""
    if obstacles is None or (isinstance(result, AlreadyPosted) and result.state is DeliveryState.POSTED):
        return reply
    return Reply(formatting.lines(cannot_post_yet(obstacles), reply.content), reply.view)


def _status(result: StatusResult, where: Address) -> Reply:
    match result:
        case NowWatching():
            return _now_watching(result, where)
        case AlreadyWatched():
            return _already_watched(result, where)
        case AlreadyPosted():
            return already_posted_reply(result, where)
        case PostingOutcome():
            comes = _("Posting the result here.") if _has_result(result) else _("Posting the details here.")
            return Reply(formatting.paragraph(_state(result.job, result.outcome), comes))


def _now_watching(result: NowWatching, where: Address) -> Reply:
    if result.hold is not None:
        text = on_hold.asked_for(result.hold, mention=result.mention)
    elif result.api_down:
        text = _down_but_watching(result.job)
    elif result.mention:
        text = _("**Watching.** I'll post the result here and ping you.")
    else:
        text = _("**Watching.** I'll post the result here.")
    jump = formatting.card_link(where, result.card.message_id)
    return _with_buttons(formatting.paragraph(text, jump), result.subscription_id, mention=result.mention)


def _already_watched(result: AlreadyWatched, where: Address) -> Reply:
    trouble = api_down_but_trying() if result.api_down else ""
    if hold := on_hold.hold_of(result):
        trouble = on_hold.watched(hold)
    text = already_watched(result.card.message_id, where, mention=result.mention, trouble=trouble)
    return _with_buttons(text, result.subscription_id, mention=result.mention)


def api_down_but_trying() -> str:
    """Says why nothing is known about a watched job."""
    return _("PixVerse's API isn't answering, but I keep trying.")


def already_posted_reply(result: AlreadyPosted, where: Address) -> Reply:
    """Says what became of the result of a job that ended here before, with a button that posts it again."""
    if result.state.is_open:
        return Reply(formatting.paragraph(_state(result.job, result.outcome), _will_post(result)))
    text = _("**I can't tell whether the result is here.** If you don't see it, post it again.")
    if result.state is DeliveryState.POSTED:
        text = _already_posted(result.message_id, where)
    return reply(text, (Action.POST_AGAIN, result.subscription_id))


def already_watched(message_id: int | None, where: Address, *, mention: bool, trouble: str) -> str:
    """Says that a job is already watched in this channel, with a link to its card if there is one. `trouble` says why
    nothing is known about it now, or is empty."""
    ping = _("I'll ping you.") if mention else _("I'll post the result here.")
    return formatting.paragraph(_("**Already watched here.**"), ping, trouble, formatting.card_link(where, message_id))


def _already_posted(message_id: int | None, where: Address) -> str:
    """Says that a job's result was already posted in this channel, with a link to it if it is known."""
    return formatting.paragraph(_("**Already posted here.**"), formatting.result_link(where, message_id))


def peek_reply(peek: Peek, watch_here: OnPress) -> Reply:
    """The reply to `/pixverse status` with `private`. While the job runs and is not on hold, it has a button that calls
    `watch_here`."""
    job = peek.job
    state = _api_down(job) if peek.api_down else _state(job, peek.outcome)
    if peek.on_hold:
        state = formatting.paragraph(_(on_hold.CARDS[CardStatus.OTHER_ACCOUNT]), job_states.last_known(job))
    text = formatting.lines(
        formatting.paragraph(
            state,
            _("Only you see this."),
            _("To have the result posted here, leave out `private`.") if job is not None and job.state.ends else "",
        ),
        formatting.quoted(job_facts.prompt(job)),
        formatting.small(
            _("created {when}", when=formatting.relative(job.created)) if job and job.created is not None else "",
            job_id(peek.jobid),
        ),
    )
    return Reply(text, None if peek.outcome or peek.on_hold else TemporaryView(_("Watch it here"), watch_here))


def checked_reply(result: CheckResult, where: Address, obstacles: tuple[str, ...] | None = None) -> Reply:
    """The reply to `Check now`. `obstacles` are as in `status_reply`."""
    return _below_obstacles(_checked(result, where), result, obstacles)


def _checked(result: CheckResult, where: Address) -> Reply:
    match result:
        case AlreadyPosted():
            return already_posted_reply(result, where)
        case CheckedBefore():
            again = _("Checked a moment ago; try again in a few seconds.")
            return Reply(formatting.paragraph(_state(result.job), again))
        case NotChecked(why=Unchecked.NO_RESPONSE):
            return Reply(_down_but_watching(result.job))
        case NotChecked():
            return Reply(formatting.paragraph(_(_NOT_CHECKED[result.why]), job_states.last_known(result.job)))
        case Checked():
            return Reply(formatting.paragraph(_state(result.job, result.outcome), _after_check(result)))


def _after_check(result: Checked) -> str:
    if result.outcome is not None:
        return _will_post(result)
    if result.news or (result.job is not None and is_v2(result.job.jobid)):  # Only v1 looks that rarely.
        return _("Checked just now.")
    return _("Nothing new; PixVerse updates only every 15 to 60 seconds.")


def stop_reply(result: StopResult) -> Reply:
    """The reply to `/pixverse unwatch` and `Stop watching`."""
    match result:
        case Stopped():
            return Reply(stopped_watching())
        case TakenOff() if not result.others and not result.followed:
            return Reply(_not_pinged())
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
    text = _("**I'll ping you when it ends.**") if mention else _not_pinged()
    return _with_buttons(text, subscription_id, mention=mention)


def _not_pinged() -> str:
    return _("**You won't be pinged.** I'll still post the result.")


def posted_again_reply(number: int) -> Reply:
    """The reply to `Post it again`."""
    return Reply(_("**Posting #{number} again here.**", number=number))


def forget_question() -> Reply:
    """The reply to `/pixverse forget-me`: asks before a person's data is deleted."""
    return reply(
        _(
            "**Delete what I keep about you?** That's which jobs you asked for and whether to ping you. "
            "I'll still post their results, without a ping. Old messages stay."
        ),
        (Action.DELETE_MY_DATA, _PRESSER),
        (Action.KEEP_MY_DATA, _PRESSER),
    )


forgotten_reply = saying(N_("**Deleted.** I keep nothing about you now."))
"""The reply to `Delete my data`."""
kept_reply = saying(N_("**Kept.** Nothing has changed."))
"""The reply to `Keep my data` and `Keep the token`."""


def _state(job: Job | None, outcome: Outcome | None = None) -> str:
    return formatting.headline(job_states.ended_or_running(job, outcome))


def _api_down(job: Job | None, *more: str) -> str:
    return formatting.paragraph(_("**PixVerse's API isn't answering right now.**"), *more, job_states.last_known(job))


def _down_but_watching(job: Job | None) -> str:
    return _api_down(job, _("I'm watching, and will post the result here."))


def _will_post(result: AlreadyPosted | Checked) -> str:
    return _("I'll post the result here.") if _has_result(result) else _("I'll post the details here.")


def _has_result(result: AlreadyPosted | PostingOutcome | Checked) -> bool:
    """Whether the ended job has files to post, not only details."""
    return result.outcome is Outcome.COMPLETED and result.job is not None and bool(result.job.media)


def _with_buttons(text: str, subscription_id: int, *, mention: bool) -> Reply:
    """A reply with buttons for somebody who waits for a job."""
    ping = Action.DO_NOT_PING_ME if mention else Action.PING_ME
    return reply(text, (ping, subscription_id), (Action.STOP_WATCHING, subscription_id))
