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
from ui.card_views import missing_permissions
from ui.escape import job_id
from ui.message import OnPress, Reply, TemporaryView, reply

_PRESSER = 0
"""The number of buttons that concern whoever presses them."""


def forget_question() -> Reply:
    """Asks before a person's data is deleted."""
    return reply(
        "**Delete what I keep about you?** That's which jobs you asked for and whether to ping you. "
        "I'll still post their results, without a ping. Old messages stay.",
        (Action.DELETE_MY_DATA, _PRESSER),
        (Action.KEEP_MY_DATA, _PRESSER),
    )


def forgotten_reply() -> Reply:
    """The person's data was deleted."""
    return Reply("**Deleted.** I keep nothing about you now.")


def kept_reply() -> Reply:
    """The person pressed *Keep my data*."""
    return Reply("**Kept.** Nothing has changed.")


_API_DOWN = "**PixVerse's API isn't answering right now.**"
_ON_HOLD = {
    AccountState.REFUSED: (
        "useapi.net refuses this server's API token",
        "once someone with *Manage Server* sets a new one",
    ),
    AccountState.MISSING: (
        "this server's API token has to be entered again",
        "once someone with *Manage Server* does that",
    ),
    AccountState.UNPAID: ("this server's useapi.net subscription has expired", "once it's renewed"),
}

_NOT_CHECKED = {
    Unchecked.HAS_TO_WAIT: "**I couldn't check: useapi.net asked me to wait.** I'll try again soon.",
    Unchecked.OTHER_ACCOUNT: (
        "**On hold: the new API token is for a different account.** An admin has to decide about this job."
    ),
    Unchecked.NOT_KNOWN: "**useapi.net can't find this job right now.** I'll check again before giving up.",
    Unchecked.ID_REFUSED: (
        "**useapi.net doesn't accept this job id.** If it's wrong, stop watching; otherwise I'll keep trying."
    ),
}


def status_reply(result: StatusResult, where: Address, obstacles: tuple[str, ...] | None = None) -> Reply:
    """The reply to `/pixverse status`, `Watch it here` and `Watch again`. `obstacles`: nothing can be posted there, for
    these reasons if any are known; None if posting works."""
    status = _status(result, where)
    if obstacles is None or (isinstance(result, AlreadyPosted) and result.state is DeliveryState.POSTED):
        return status
    return Reply(f"**I can't post here yet.**{how_to_let_me_post(obstacles)}\n{status.content}", status.view)


def how_to_let_me_post(obstacles: tuple[str, ...]) -> str:
    """What to do if nothing can be posted here, with a space in front."""
    return missing_permissions(obstacles) or " Discord refuses it; check my permissions here."


def _status(result: StatusResult, where: Address) -> Reply:
    match result:
        case NowWatching():
            return _now_watching(result, where)
        case AlreadyWatched():
            return _already_watched(result, where)
        case AlreadyPosted():
            return _already_posted(result, where)
        case PostingOutcome():
            return reply(f"**{_ended_state(result.job, result.outcome)}.** Posting {_what_comes(result)} here.")


def _now_watching(result: NowWatching, where: Address) -> Reply:
    jump = formatting.jump(where, result.card_message_id, "Jump to the card")
    ping = " and ping you" if result.mention else ""
    if result.hold is not None:
        why, until = _ON_HOLD[result.hold]
        watched = f"I'll post the result here{ping} {until}."
        text = formatting.paragraph(f"**On hold: {why}.**", watched, jump)
    elif result.api_down:
        text = formatting.paragraph(_down_but_known(result.job), jump)
    else:
        text = formatting.paragraph("**Watching.**", f"I'll post the result here{ping}.", jump)
    return _with_buttons(text, result.subscription_id, mention=result.mention)


def _already_watched(result: AlreadyWatched, where: Address) -> Reply:
    ping = "I'll ping you." if result.mention else "I'll post the result here."
    trouble = ""
    if result.on_hold:
        trouble = "It's on hold: the new API token is for a different account. An admin has to decide about it."
    elif result.hold is not None:
        trouble = on_hold(result.hold)
    elif result.api_down:
        trouble = "PixVerse's API isn't answering, but I keep trying."
    jump = formatting.jump(where, result.message_id, "Jump to the card")
    text = formatting.paragraph("**Already watched here.**", ping, trouble, jump)
    return _with_buttons(text, result.subscription_id, mention=result.mention)


def _already_posted(result: AlreadyPosted, where: Address) -> Reply:
    if result.state.is_open:
        ended = _ended_state(result.job, result.outcome)
        return reply(f"**{ended}.** I'll post {_what_comes(result)} here soon; no need to ask again.")
    text = "**I can't tell whether the result is here.** If you don't see it, post it again."
    if result.state is DeliveryState.POSTED:
        jump = formatting.jump(where, result.message_id, "Jump to the result")
        text = formatting.paragraph("**Already posted here.**", jump)
    return reply(text, (Action.POST_AGAIN, result.subscription_id))


def peek_reply(peek: Peek, watch_here: OnPress) -> Reply:
    """The reply to `/pixverse status` with `private`. While the job runs, a button calls `watch_here`."""
    state = formatting.sentence(job_text.state_of(_status_of(peek.outcome), peek.job, peek.outcome))
    if peek.api_down:
        head = formatting.paragraph(_API_DOWN, job_text.last_known(peek.job), "Only you see this.")
    else:
        head = f"**{state}.** Only you see this."
    job = peek.job
    text = formatting.lines(
        head,
        formatting.quoted(job_text.prompt(job)),
        formatting.small(
            f"made {formatting.relative(job.created)}" if job and job.created is not None else "",
            job_id(peek.jobid),
        ),
    )
    return Reply(text, None if peek.outcome else TemporaryView("Watch it here", watch_here))


def checked_reply(result: CheckResult, where: Address) -> Reply:
    """The reply to `Check now`."""
    match result:
        case AlreadyPosted():
            return _already_posted(result, where)
        case CheckedBefore():
            state = formatting.sentence(job_text.state(result.job))
            return Reply(f"**{state}.** Checked a moment ago; try again in a few seconds.")
        case NotChecked():
            return Reply(_not_checked(result))
        case Checked():
            state = formatting.sentence(job_text.state_of(_status_of(result.outcome), result.job, result.outcome))
            if result.outcome is not None:
                return Reply(f"**{state}.** I'll post {_what_comes(result)} here.")
            if result.news:
                return Reply(f"**{state}.** Checked just now.")
            return Reply(f"**{state}.** Nothing new; PixVerse updates only every 15 to 60 seconds.")


def stop_reply(result: StopResult) -> Reply:
    """The reply to `/pixverse unwatch` and `Stop watching`."""
    match result:
        case Stopped():
            return Reply("**Stopped watching.** The job keeps running at PixVerse.")
        case TakenOff() if not result.others:
            return Reply("**You won't be pinged.** This channel gets every job, so I'll still post the result here.")
        case TakenOff():
            others = formatting.plural(
                result.others,
                "Someone else is watching it, so I'll still post the result here.",
                "{number} others are watching it, so I'll still post the result here.",
            )
            return Reply(f"**You won't be pinged.** {others}")


def stopped_all_reply(result: StoppedAll) -> Reply:
    """The reply to `Stop watching all`."""
    if not result.stopped and not result.kept:
        return Reply("**Nothing to stop.** All these jobs have ended.")
    kept = formatting.plural(
        result.kept, "{number} is still watched for others.", "{number} are still watched for others.", zero=""
    )
    stopped = formatting.plural(
        result.stopped,
        "**Stopped watching {number} job.** It keeps running at PixVerse.",
        "**Stopped watching {number} jobs.** They keep running at PixVerse.",
        zero="**You won't be pinged.**",
    )
    return Reply(formatting.paragraph(stopped, kept))


def mention_reply(subscription_id: int, *, mention: bool) -> Reply:
    """The reply to `Ping me` and `Don't ping me`."""
    text = "**I'll ping you when it ends.**" if mention else "**You won't be pinged.** I'll still post the result."
    return _with_buttons(text, subscription_id, mention=mention)


def posted_again_reply(number: int) -> Reply:
    """The reply to `Post it again`."""
    return Reply(f"**Posting #{number} again here.**")


def _ended_state(job: Job | None, outcome: Outcome) -> str:
    return formatting.sentence(job_text.state_of(CardStatus.ENDED, job, outcome))


def _status_of(outcome: Outcome | None) -> CardStatus:
    return CardStatus.ENDED if outcome else CardStatus.PROGRESS


def on_hold(hold: AccountState) -> str:
    """Why watched jobs are on hold, and until when."""
    why, until = _ON_HOLD[hold]
    return f"On hold: {why}. I'll resume {until}."


def _not_checked(result: NotChecked) -> str:
    if result.why is Unchecked.NO_RESPONSE:
        return _down_but_known(result.job)
    return formatting.paragraph(_NOT_CHECKED[result.why], job_text.last_known(result.job))


def _down_but_known(job: Job | None) -> str:
    return formatting.paragraph(_API_DOWN, "I'm watching, and will post the result here.", job_text.last_known(job))


def _what_comes(result: AlreadyPosted | PostingOutcome | Checked) -> str:
    """What will be posted of a job that has ended."""
    has_media = result.job is not None and bool(result.job.media)
    return "the result" if result.outcome is Outcome.COMPLETED and has_media else "the details"


def _with_buttons(text: str, subscription_id: int, *, mention: bool) -> Reply:
    """A reply to somebody who waits for a job, with buttons."""
    return reply(text, (_ping_button(mention=mention), subscription_id), (Action.STOP_WATCHING, subscription_id))


def _ping_button(*, mention: bool) -> Action:
    """The button that turns the ping off, or on if it is off."""
    return Action.DO_NOT_PING_ME if mention else Action.PING_ME
