"""Replies that say why the bot did not do what a person asked for."""

from __future__ import annotations

from model.states import AccountState
from pixverse.jobids import LooksLikeSecret, NotAJobId, OtherKind, OtherService, SeveralIds
from relay.commands import refusals
from ui import formatting
from ui.card_views import missing_permissions
from ui.command_texts import CommandMentions
from ui.escape import code, escaped
from ui.message import OnPress, Reply, TemporaryView

_CONSTANT: dict[type[Exception], str] = {
    NotAJobId: ("**That isn't a job id.** Paste the full `jobid` (v1) or `video_id` (v2) from useapi.net's response."),
    LooksLikeSecret: (
        "**That looks like a secret token, not a job id.** I haven't sent or kept it. "
        "If anyone could have seen it, replace it."
    ),
    refusals.NotFound: (
        "**I can't find this job.** Is the id complete, under 31 days old, and from this server's useapi.net account?"
    ),
    refusals.Expired: "**This job has expired.** useapi.net keeps jobs for 31 days.",
    refusals.TokenReplaced: "**This server's API token just changed.** Nothing was done; please ask again.",
    refusals.ApiDown: ("**PixVerse's API isn't answering right now.** Try again in a few minutes."),
}
_CONSTANT[refusals.QuestionRefused] = _CONSTANT[NotAJobId]


def refusal_reply(
    refusal: Exception, mentions: CommandMentions, *, manager: bool, look_again: OnPress | None = None
) -> Reply | None:
    """The reply to a refusal of the relay or of `pixverse.jobids`; None for any other exception.

    Who has Manage Server (`manager`) is told what to do about it. If a job was not found, a button calls `look_again`.
    """
    view = TemporaryView("Look again", look_again) if look_again and type(refusal) is refusals.NotFound else None
    text = (
        _CONSTANT.get(type(refusal))
        or _of_an_id(refusal, mentions)
        or _with_numbers(refusal)
        or _with_commands(refusal, mentions, manager=manager)
    )
    return Reply(text, view) if text else None


def _of_an_id(refusal: Exception, mentions: CommandMentions) -> str | None:
    match refusal:
        case OtherKind():
            return f"**That looks like {escaped(refusal.service_name, 30)}.** I relay videos and images."
        case OtherService():
            return f"**That looks like a {escaped(refusal.service_name, 30)} job.** I only relay PixVerse jobs."
        case SeveralIds():
            return f"**That's more than one job id.** Paste one, or use {mentions.watch} for several."
    return None


def _with_numbers(refusal: Exception) -> str | None:
    match refusal:
        case refusals.TooFast():
            return too_fast_reply(refusal.until).content
        case refusals.ServerLimit():
            return formatting.plural(
                refusal.limit,
                "**This server is at its limit of {number} job.** Try again when some have ended.",
                "**This server is at its limit of {number} jobs.** Try again when some have ended.",
            )
        case refusals.TooManyJobs():
            return f"**That's too many at once.** You gave {refusal.count} ids; I take up to {refusal.limit}."
        case refusals.NotYours():
            return _not_yours(refusal)
    return None


def _with_commands(refusal: Exception, mentions: CommandMentions, *, manager: bool) -> str | None:
    match refusal:
        case refusals.PersonLimit():
            return formatting.plural(
                refusal.limit,
                "**You're at your limit of {number} job.** Add more when one ends; {list} shows this channel's.",
                "**You're at your limit of {number} jobs.** Add more when one ends; {list} shows this channel's.",
                list=mentions.list,
            )
        case refusals.NumberUnknown():
            return f"**I don't know that number here.** {mentions.list} shows what I'm watching."
        case refusals.NotWatchedHere():
            return f"**This job isn't watched here.** {mentions.list} shows what is."
        case refusals.NothingToDo():
            return f"**This button no longer does anything.** {mentions.list} shows what I'm watching here."
    return (
        _of_no_token(refusal, mentions, manager=manager)
        or _of_the_token(refusal, mentions, manager=manager)
        or _of_follows(refusal, mentions)
    )


def _of_follows(refusal: Exception, mentions: CommandMentions) -> str | None:
    match refusal:
        case refusals.NoOwnToken():
            return (
                f"**Set this server's own token first** ({mentions.token_set}). "
                "With the operator's token you would see other servers' jobs."
            )
        case refusals.NotFollowed():
            return f"**That channel isn't followed.** {mentions.unfollow} lists the channels that are, if any."
    return None


def _of_no_token(refusal: Exception, mentions: CommandMentions, *, manager: bool) -> str | None:
    match refusal:
        case refusals.NoToken() if manager:
            return f"**This server has no API token yet.** Set the one from useapi.net with {mentions.token_set}."
        case refusals.NoToken():
            return f"**This server isn't set up yet.** Someone with *Manage Server* has to run {mentions.token_set}."
        case refusals.AccountInTrouble(state=AccountState.MISSING):
            return _token_missing(mentions, manager=manager)
    return None


def _of_the_token(refusal: Exception, mentions: CommandMentions, *, manager: bool) -> str | None:
    match refusal:
        case refusals.AccountInTrouble(state=AccountState.REFUSED) if manager:
            return (
                "**useapi.net refuses this server's API token.** It was replaced or revoked; "
                f"set the new one with {mentions.token_set}."
            )
        case refusals.AccountInTrouble(state=AccountState.REFUSED):
            return (
                "**I can't check: useapi.net refuses this server's API token.** Admins have been told; "
                "watched jobs stay watched."
            )
        case refusals.AccountInTrouble():
            return (
                "**I can't check: this server's useapi.net plan has expired.** "
                f"Watched jobs resume once it's renewed; {mentions.check} checks right away."
            )
    return None


def _token_missing(mentions: CommandMentions, *, manager: bool) -> str:
    state = "**On hold: this server's API token has to be entered again.**"
    if manager:
        return f"{state} I no longer have it. {mentions.token_set} takes it; nothing is lost."
    return f"{state} Someone with *Manage Server* has to run {mentions.token_set}; nothing is lost."


def _not_yours(refusal: refusals.NotYours) -> str:
    if not refusal.askers:
        return "**This isn't yours to stop.** Someone with *Manage Messages* can."
    askers = formatting.enumeration(formatting.user(asker) for asker in refusal.askers[:5])
    return f"**This isn't yours to stop.** {askers} asked for it; they or someone with *Manage Messages* can."


def too_fast_reply(until: int) -> Reply:
    """The person has asked too often. `until` is in milliseconds UTC."""
    return Reply(f"**One moment.** You can ask again {formatting.relative(until)}.")


def missing_permission_reply(missing: tuple[str, ...]) -> Reply:
    """The bot may not post in this channel. `missing` names permissions as Discord's settings do."""
    return Reply(
        f"**I can't post in this channel.**{missing_permissions(missing)} Someone with *Manage Server* can allow it "
        "in the channel's permissions."
    )


def locked_thread_reply() -> Reply:
    """The thread is locked, and the bot may not manage threads."""
    return Reply("**This thread is locked.** Ask in another channel.")


def foreign_channel_reply() -> Reply:
    """The channel that was chosen belongs to another server."""
    return Reply("**That channel isn't in this server.** Choose one that is.")


def discord_silent_reply() -> Reply:
    """Discord did not answer a request that had to come first."""
    return Reply("**Discord didn't answer just now.** Nothing has changed; try again in a minute.")


def unseen_channel_reply() -> Reply:
    """The bot cannot see the channel that was chosen."""
    return Reply("**I can't see that channel.** Give me *View Channel* there, then try again.")


def restarting_reply() -> Reply:
    """The bot is starting, stopping or paused."""
    return Reply("**I'm restarting.** Try again in a minute. Watched jobs stay watched.")


def left_button_reply() -> Reply:
    """A temporary button was pressed after a restart of the bot."""
    return Reply("**This button no longer does anything.** Run the command again.")


def only_in_servers_reply() -> Reply:
    """A command was used in a direct message."""
    return Reply("**I only work in servers.** Ask in a channel the bot can see.")


def not_served_reply() -> Reply:
    """A command was used in a server that the operator has not listed."""
    return Reply("**This bot doesn't serve this server.** Its operator has limited it to others.")


def own_fault_reply(reference: str) -> Reply:
    """The bot failed. The log has the error under `reference`."""
    return Reply(
        "**Something went wrong on my side.** Nothing you're watching is lost. "
        f"Tell the bot's operator this number: {code(reference, 40)}."
    )
