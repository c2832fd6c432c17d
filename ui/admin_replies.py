"""Replies to admins about the API token, alerts, language, follows and the callback address."""

from __future__ import annotations

from discord import app_commands

from model.messages import ClaimedUser
from pixverse.api_errors import SubscriptionUnpaid, TokenRefused
from pixverse.token_text import DiscordTokenGiven, NotAToken
from relay.accounts.server_tokens import TokenUntried
from ui import formatting, job_states
from ui.buttons import Action, FollowRequest, follow_view
from ui.cannot_post import with_remedy
from ui.command_texts import CommandMentions
from ui.discord_limits import CHOICE
from ui.escape import code, plain
from ui.language import LANGUAGES, N_, _, plural
from ui.message import Reply, reply, saying, saying_with_commands

_ALLOW_IT = N_("Allow it in the channel's permissions, then try again.")


def follow_question(account: ClaimedUser | None, channel_id: int, account_id: int, *, progress: bool) -> Reply:
    """Asks before an account is followed. `account` is the useapi.net user, if the token's text claims one."""
    unconfirmed = account is not None and not account.confirmed
    if account is None:
        state = _("**Post every job of this server's account in {channel}?**", channel=formatting.channel(channel_id))
    else:
        number = code(account.number, 40)
        state = _(
            "**Post every job of account {number} in {channel}?**",
            number=number,
            channel=formatting.channel(channel_id),
        )
    return Reply(
        formatting.paragraph(
            state,
            _("Everyone there sees all its prompts and videos. Jobs that have already ended aren't posted."),
            _("A card shows each while it runs.") if progress else "",
            _("useapi.net hasn't confirmed that account yet.") if unconfirmed else "",
        ),
        follow_view(FollowRequest(channel_id, account_id, progress)),
    )


def following_reply(account: ClaimedUser | None, channel_id: int, mentions: CommandMentions) -> Reply:
    """Confirms that the account is now followed."""
    values = {"channel": formatting.channel(channel_id), "unfollow": mentions["unfollow"]}
    if account is None:
        text = N_("**Following.** Every job of this server's account is posted in {channel}. {unfollow} ends it.")
        return Reply(_(text, **values))
    text = N_("**Following.** Every job of account {number} is posted in {channel}. {unfollow} ends it.")
    return Reply(_(text, number=code(account.number, 40), **values))


def chosen_cannot_post_reply(channel_id: int, missing: tuple[str, ...]) -> Reply:
    """Says that the bot may not post in the channel that was chosen, so nothing was changed."""
    state = _("**I can't post in {channel}.**", channel=formatting.channel(channel_id))
    return Reply(formatting.paragraph(state, with_remedy(missing, _(_ALLOW_IT))))


nothing_changed_reply = saying(N_("**Nothing has changed.**"))
"""The reply to *Don't follow*. The channel may have been followed before."""


def unfollowed_reply(channel_id: int, running: int) -> Reply:
    """Confirms that the follow has ended. The results of its `running` running jobs are still posted."""
    jobs = plural(
        "{n} running job is still posted.",
        "{n} running jobs are still posted.",
        running,
        zero=_("No jobs were still running."),
    )
    state = _("**No longer following in {channel}.**", channel=formatting.channel(channel_id))
    return Reply(formatting.paragraph(state, jobs))


def followed_choice(channel_id: int, name: str | None) -> app_commands.Choice[str]:
    """A followed channel as an autocomplete choice. It has no name if it was deleted or is hidden from the bot."""
    shown = f"#{name}" if name else _("A channel that is gone or hidden ({id})", id=channel_id)
    return app_commands.Choice(name=plain(shown, CHOICE), value=str(channel_id))


_DEFAULT_REPLY_URL = "`POST https://api.useapi.net/v2/account`"
"""Sets a `replyUrl` for all requests of the account (useapi.net, account-management, post-account)."""


def callback_address_reply(url: str, number: int, *, replaced: bool = False) -> Reply:
    """Shows the server's current address. `number` identifies it, so that buttons under earlier addresses do nothing.
    `replaced` tells whether it has just replaced another one."""
    state, old = _("**Give useapi.net this address as `replyUrl`:**"), ""
    if replaced:
        state = _("**Replaced. Give useapi.net this address as `replyUrl`:**")
        old = _("The old one no longer works.")
    at_once = _("Results then arrive at once.")
    keep = _("Keep it secret: anyone who has it can make me check your jobs, nothing more.")
    how = _("Add it to each request that starts a job, or once for all with {request}.", request=_DEFAULT_REPLY_URL)
    return reply(
        formatting.lines(state, f"`{url}`", formatting.paragraph(old, at_once, keep), formatting.small(how)),
        (Action.ASK_TO_REPLACE, number),
    )


def replace_address_question(number: int) -> Reply:
    """Asks before the address with this number is replaced."""
    return reply(
        _(
            "**Make a new address?** The old one stops working at once. Until useapi.net has the new one, results "
            "arrive a little later."
        ),
        (Action.REPLACE_ADDRESS, number),
        (Action.KEEP_ADDRESS, number),
    )


callbacks_need_token_reply = saying_with_commands(
    N_("**Callbacks need this server's own API token.** {token_set} sets one.")
)
"""Says that the server has no token of its own, whose account the address would be for."""


def callbacks_off_reply(interval: int) -> Reply:
    """Says that the operator has not opened a callback port. `interval` is the time between two polls, in
    milliseconds."""
    return Reply(
        _(
            "**Callbacks are off for this bot.** Its operator decides that; results still arrive within about {time}.",
            time=formatting.duration(interval),
        )
    )


not_allowed_reply = saying(N_("**Only someone with *Manage Server* can do this.**"))
"""The reply to somebody without Manage Server who used an admin command, button or form."""


# ---- token set ------------------------------------------------------------------------------------------------------


def token_works_reply(account: ClaimedUser | None, in_work: int, mentions: CommandMentions) -> Reply:
    """Confirms the first token, or a token of another account while no jobs were waiting. `account` is the useapi.net
    user, if the token's text claims one."""
    if account is None:
        has_jobs = plural("The account has {n} running job.", "The account has {n} running jobs.", in_work)
    else:
        has_jobs = plural(
            "useapi.net {account} has {n} running job.",
            "useapi.net {account} has {n} running jobs.",
            in_work,
            account=formatting.account(account),
        )
    members = _("Members can now use {status}.", **mentions)
    return Reply(
        formatting.lines(
            formatting.paragraph(_("**Token works.**"), has_jobs, members),
            formatting.small(_("Next: {check} shows whether I can post here.", **mentions)),
        )
    )


def token_renewed_reply(waiting: int) -> Reply:
    """Confirms a token of the same account as before, with which `waiting` jobs are watched."""
    watching = plural("I'm watching {n} job with it.", "I'm watching {n} jobs with it.", waiting)
    return Reply(formatting.paragraph(_("**Token works.**"), watching))


def token_of_other_account_reply(
    waiting: int, channels: int, old_account: ClaimedUser | None, old_account_id: int
) -> Reply:
    """Confirms a token of another account, and asks what to do with what belongs to the old account: `waiting` jobs and
    `channels` followed channels."""
    if waiting:
        held = plural(
            "I use it from now on, but it can't see {n} waiting job of the old one.",
            "I use it from now on, but it can't see {n} waiting jobs of the old one.",
            waiting,
        )
        followed = plural(
            "{n} followed channel is on hold, too.", "{n} followed channels are on hold, too.", channels, zero=""
        )
    else:
        held = plural(
            "I use it from now on, but it can't see {n} followed channel of the old one.",
            "I use it from now on, but it can't see {n} followed channels of the old one.",
            channels,
        )
        followed = ""
    old = _("The old one is {account}.", account=formatting.account(old_account)) if old_account else ""
    return reply(
        formatting.paragraph(_("**This token works, but belongs to a different account.**"), held, followed, old),
        (Action.KEEP_OLD_JOBS, old_account_id),
        (Action.DROP_OLD_JOBS, old_account_id),
    )


def old_jobs_kept_reply(waiting: int, channels: int, old_account_id: int) -> Reply:
    """Confirms that the old account's `waiting` jobs and `channels` followed channels are kept. They can still be
    dropped."""
    if waiting or not channels:
        state = plural("**{n} job stays on hold.**", "**{n} jobs stay on hold.**", waiting)
        followed = plural("So does {n} followed channel.", "So do {n} followed channels.", channels, zero="")
    else:
        state = plural("**{n} followed channel stays on hold.**", "**{n} followed channels stay on hold.**", channels)
        followed = ""
    them = plural(
        "It resumes once someone sets a token of the old account.",
        "They resume once someone sets a token of the old account.",
        waiting + channels,
    )
    return reply(formatting.paragraph(state, followed, them), (Action.DROP_OLD_JOBS, old_account_id))


def old_jobs_dropped_reply(jobs: int, channels: tuple[int, ...], mentions: CommandMentions) -> Reply:
    """Confirms that the old account's jobs, and the follows of these `channels`, were dropped."""
    return Reply(formatting.paragraph(_("**Dropped.**"), _no_longer(jobs, channels, mentions)))


def _no_longer(jobs: int, channels: tuple[int, ...], mentions: CommandMentions) -> str:
    watched = job_states.no_longer_watched(jobs) if jobs else ""
    followed = plural(
        "{channels} is no longer followed. {follow} sets it up again.",
        "{channels} are no longer followed. {follow} sets them up again.",
        len(channels),
        zero="",
        channels=formatting.channels(channels),
        **mentions,
    )
    return formatting.paragraph(watched, followed)


NOT_STORED: dict[type[Exception], tuple[str, str]] = {
    TokenRefused: (
        N_("**Not stored: useapi.net refuses this token.**"),
        N_("Copy the complete token, including `user:`, or make a new one at useapi.net."),
    ),
    SubscriptionUnpaid: (
        N_("**Not stored: this account has no paid subscription.**"),
        N_("Renew it at useapi.net, then try again."),
    ),
    TokenUntried: (N_("**Not stored: useapi.net didn't answer.**"), N_("Try again in a few minutes.")),
    DiscordTokenGiven: (
        N_("**Not stored: that's a Discord token, not useapi.net's.** I haven't sent or kept it."),
        N_("Reset it in Discord to be safe."),
    ),
    NotAToken: (
        N_("**Not stored: that isn't an API token.** I haven't sent or kept it."),
        N_("Copy the complete token from useapi.net, including `user:`."),
    ),
}
"""By exception: what is wrong with the token that was entered, and what to do about it."""


def not_stored_reply(why: type[Exception], *, has_token: bool) -> Reply:
    """Says why the token that was entered is not accepted; the reasons are in NOT_STORED. `has_token` tells whether the
    server keeps an earlier token."""
    state, remedy = NOT_STORED[why]
    return Reply(formatting.paragraph(_(state), _("The current token stays.") if has_token else "", _(remedy)))


token_overtaken_reply = saying_with_commands(
    N_("**Not stored: a later command changed the token.** {check} shows what is set now.")
)
"""Says that another command set or removed the token while this one was being tried."""


# ---- token remove ---------------------------------------------------------------------------------------------------


def token_remove_question(waiting: int, channels: int, account_id: int, *, operators_token: bool) -> Reply:
    """Asks before the token is removed, which drops `waiting` jobs and ends `channels` follows. `operators_token` tells
    whether there is an operator's token to fall back to."""
    return reply(
        formatting.paragraph(
            _("**Remove this server's token?**"),
            plural(
                "I'll stop watching {n} job.",
                "I'll stop watching {n} jobs.",
                waiting,
                zero="" if channels else _("I'm not watching any jobs with it."),
            ),
            plural("I'll stop following {n} channel.", "I'll stop following {n} channels.", channels, zero=""),
            _("After that, the operator's account is used.") if operators_token else "",
        ),
        (Action.REMOVE_TOKEN, account_id),
        (Action.KEEP_TOKEN, account_id),
    )


def token_removed_reply(jobs: int, channels: tuple[int, ...], mentions: CommandMentions) -> Reply:
    """Confirms that the token was removed, together with its waiting jobs and the follows of `channels`."""
    return Reply(formatting.paragraph(_("**Removed.**"), _no_longer(jobs, channels, mentions)))


no_own_token_reply = saying_with_commands(N_("**This server has no API token of its own.** {token_set} sets one."))


# ---- language and alerts --------------------------------------------------------------------------------------------


def language_set_reply(language: str, *, as_server: bool) -> Reply:
    """Confirms that posts in the server are now in `language`, which was chosen or is the server's (`as_server`)."""
    name = LANGUAGES[language]
    if as_server:
        return Reply(
            _(
                "**I'll post in {language}, the server's language.** It follows this server's setting in Discord. "
                "What's already posted stays as it is.",
                language=name,
            )
        )
    return Reply(_("**I'll post in {language}.** What's already posted stays as it is.", language=name))


def alerts_set_reply(channel_id: int) -> Reply:
    """Confirms that notices to admins now go to this channel."""
    state = _("**Alerts go to {channel}.**", channel=formatting.channel(channel_id))
    return Reply(formatting.paragraph(state, _("I'll report token and permission problems there.")))
