"""Replies that say why the bot did not do what a person asked for."""

from __future__ import annotations

from types import SimpleNamespace

from model.messages import Cause
from model.states import AccountState
from pixverse.jobids import LooksLikeSecret, NotAJobId, OtherKind, OtherService, SeveralIds
from relay.commands import refusals
from ui import formatting
from ui.cannot_post import because, with_remedy
from ui.command_texts import CommandMentions
from ui.escape import code, escaped
from ui.language import N_, _, plural
from ui.message import OnPress, Reply, TemporaryView, saying

_NOT_A_JOB_ID = N_(
    "**That isn't a job id.** Paste the full `jobid` (v1) or `video_id` (v2) from useapi.net's response."
)

_TEXTS: dict[type[Exception], str] = {
    NotAJobId: _NOT_A_JOB_ID,
    refusals.IdRefused: _NOT_A_JOB_ID,
    LooksLikeSecret: N_(
        "**That looks like a secret token, not a job id.** I haven't sent or kept it. "
        "If anyone could have seen it, replace it."
    ),
    SeveralIds: N_("**That's more than one job id.** Paste one, or use {mentions.watch} for several."),
    OtherKind: N_("**That looks like {service}.** I relay videos and images."),
    OtherService: N_("**That looks like a {service} job.** I only relay PixVerse jobs."),
    refusals.NotFound: N_(
        "**I can't find this job.** Is the id complete, under 31 days old, and from this server's useapi.net account?"
    ),
    refusals.Expired: N_("**This job has expired.** useapi.net keeps jobs for 31 days."),
    refusals.NumberUnknown: N_(
        "**I don't know that number here.** {mentions.list} shows what I'm watching; "
        "for any other job, paste its full id."
    ),
    refusals.NotWatchedHere: N_("**This job isn't watched here.** {mentions.list} shows what is."),
    refusals.NothingToDo: N_("**This button no longer does anything.** {mentions.list} shows what I'm watching here."),
    refusals.TooManyJobs: N_(
        "**That's too many at once.** You gave {refusal.count} ids; I take up to {refusal.limit}."
    ),
    refusals.ApiDown: N_("**PixVerse's API isn't answering right now.** Try again in a few minutes."),
    refusals.TokenReplaced: N_("**This server's API token just changed.** Nothing was done; please ask again."),
    refusals.TokenChanged: N_(
        "**The token has changed since I asked.** Nothing was done; {mentions.check} shows the current state."
    ),
    refusals.NoToken: N_(
        "**This server isn't set up yet.** Someone with *Manage Server* has to run {mentions.token_set}."
    ),
    refusals.NoOwnToken: N_(
        "**Set this server's own token first** ({mentions.token_set}). "
        "With the operator's token you would see other servers' jobs."
    ),
    refusals.NotFollowed: N_(
        "**That channel isn't followed.** {mentions.unfollow} lists the channels that are, if any."
    ),
}
_TROUBLES = {
    AccountState.REFUSED: N_(
        "**I can't check: useapi.net refuses this server's API token.** "
        "Someone with *Manage Server* has to run {mentions.token_set}; watched jobs stay watched."
    ),
    AccountState.MISSING: N_(
        "**On hold: this server's API token has to be entered again.** "
        "Someone with *Manage Server* has to run {mentions.token_set}; nothing is lost."
    ),
    AccountState.UNPAID: N_(
        "**I can't check: this server's useapi.net plan has expired.** "
        "Watched jobs resume once it's renewed; {mentions.check} checks right away."
    ),
}
_TROUBLES_FOR_MANAGERS = {
    **_TROUBLES,
    AccountState.REFUSED: N_(
        "**useapi.net refuses this server's API token.** It was replaced or revoked; "
        "set the new one with {mentions.token_set}."
    ),
    AccountState.MISSING: N_(
        "**On hold: this server's API token has to be entered again.** "
        "I no longer have it. {mentions.token_set} takes it; nothing is lost."
    ),
}


def refusal_reply(
    refusal: Exception, mentions: CommandMentions, *, manager: bool, look_again: OnPress | None = None
) -> Reply | None:
    """The reply to a refusal of the relay or of `pixverse.jobids`; None for any other exception.

    A person with Manage Server (`manager`) is told how to fix it. If a job was not found, a button calls `look_again`.
    """
    view = TemporaryView(_("Look again"), look_again) if look_again and type(refusal) is refusals.NotFound else None
    text = _text(refusal, mentions, manager=manager)
    return Reply(text, view) if text else None


def _text(refusal: Exception, mentions: CommandMentions, *, manager: bool) -> str | None:
    match refusal:
        case refusals.TooFast():
            return too_fast_reply(refusal.until).content
        case refusals.ServerLimit():
            return plural(
                "**This server is at its limit of {n} job.** Try again when some have ended.",
                "**This server is at its limit of {n} jobs.** Try again when some have ended.",
                refusal.limit,
            )
        case refusals.PersonLimit():
            return plural(
                "**You're at your limit of {n} job.** Add more when one ends; {list} shows this channel's.",
                "**You're at your limit of {n} jobs.** Add more when one ends; {list} shows this channel's.",
                refusal.limit,
                **mentions,
            )
        case refusals.NotYours():
            return _not_yours(refusal)
        case refusals.AccountInTrouble():
            text = (_TROUBLES_FOR_MANAGERS if manager else _TROUBLES)[refusal.state]
        case refusals.NoToken() if manager:
            text = N_("**This server has no API token yet.** Set the one from useapi.net with {mentions.token_set}.")
        case _ if type(refusal) in _TEXTS:
            text = _TEXTS[type(refusal)]
        case _:
            return None
    service = escaped(refusal.service_name, 20) if isinstance(refusal, OtherService) else ""
    return _(text, mentions=SimpleNamespace(**mentions), refusal=refusal, service=service)


def _not_yours(refusal: refusals.NotYours) -> str:
    if not refusal.askers:
        return _("**This isn't yours to stop.** Someone with *Manage Messages* can.")
    askers = formatting.enumeration(formatting.user(asker) for asker in refusal.askers[:5])
    return _(
        "**This isn't yours to stop.** {askers} asked for it; they or someone with *Manage Messages* can.",
        askers=askers,
    )


def too_fast_reply(until: int) -> Reply:
    """Says when the person may ask again: at `until`, in milliseconds UTC."""
    return Reply(_("**One moment.** You can ask again {until}.", until=formatting.relative(until)))


def missing_permission_reply(missing: tuple[str, ...]) -> Reply:
    """Says that the bot may not post in this channel. `missing` has permissions, named as in Discord's settings, or an
    `Obstacle`."""
    remedy = _("Someone with *Manage Server* can allow it in the channel's permissions.")
    return Reply(formatting.paragraph(_("**I can't post in this channel.**"), with_remedy(missing, remedy)))


locked_thread_reply = saying(N_("**This thread is locked.** Ask in another channel."))
foreign_channel_reply = saying(N_("**That channel isn't in this server.** Choose one that is."))
discord_silent_reply = saying(N_("**Discord didn't answer just now.** Nothing has changed; try again in a minute."))
unseen_channel_reply = saying(N_("**I can't see that channel.** Give me *View Channel* there, then try again."))
restarting_reply = saying(N_("**I'm restarting.** Try again in a minute. Watched jobs stay watched."))
"""The reply while the bot is starting, stopping or paused."""
left_button_reply = saying(N_("**This button no longer does anything.** Run the command again."))
"""The reply to a temporary button that was pressed after a restart of the bot."""
only_in_servers_reply = saying(N_("**I only work in servers.** Ask in a channel the bot can see."))
not_served_reply = saying(N_("**This bot doesn't serve this server.** Its operator has limited it to others."))


def refused_reply(cause: Cause) -> Reply:
    """The reply in place of one that Discord refuses."""
    return Reply(formatting.paragraph(_("**Discord won't let me show this here.**"), because(cause)))


def own_fault_reply(reference: str) -> Reply:
    """Says that the bot failed. The error is in the log under `reference`."""
    return Reply(
        _(
            "**Something went wrong on my side.** Nothing you're watching is lost. "
            "Tell the bot's operator this number: {reference}.",
            reference=code(reference, 40),
        )
    )
