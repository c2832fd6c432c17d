"""Replies to admins about the API token, alerts, follows and the address for callbacks."""

from __future__ import annotations

from discord import app_commands

from model.messages import Address, ClaimedUser
from ui import formatting
from ui.buttons import Action, FollowRequest, follow_view
from ui.card_views import missing_permissions
from ui.command_texts import CommandMentions
from ui.discord_limits import CHOICE
from ui.escape import code, plain
from ui.language import LANGUAGES, _
from ui.message import Reply, reply


def follow_question(account: ClaimedUser | None, channel_id: int, account_id: int, *, progress: bool) -> Reply:
    """Asks before an account is followed. `account` is the useapi.net user, if the token claims one."""
    unconfirmed = account is not None and not account.confirmed
    claim = " useapi.net hasn't confirmed that account yet." if unconfirmed else ""
    cards = " A card shows each while it runs." if progress else ""
    return Reply(
        f"**Post every job of {_name(account)} in <#{channel_id}>?** Everyone there sees all its prompts and "
        f"videos. Ended jobs aren't posted.{cards}{claim}",
        follow_view(FollowRequest(channel_id, account_id, progress)),
    )


def following_reply(account: ClaimedUser | None, channel_id: int, mentions: CommandMentions) -> Reply:
    """The account is followed from now on."""
    return Reply(
        f"**Following.** Every job of {_name(account)} is posted in <#{channel_id}>. {mentions.unfollow} ends it."
    )


def follow_cannot_post_reply(channel: Address, missing: tuple[str, ...]) -> Reply:
    """The bot may not post in the channel that was chosen; nothing was changed."""
    return Reply(
        f"**Not followed: I can't post in <#{channel.channel_id}>.**{missing_permissions(missing)} "
        "Allow it in the channel's permissions, then try again."
    )


def not_following_reply() -> Reply:
    """The admin pressed *Don't follow*."""
    return Reply("**Not followed.** Nothing has changed.")


def unfollowed_reply(channel_id: int, running: int) -> Reply:
    """The follow has ended. The results of jobs that are `running` are still posted."""
    jobs = formatting.plural(
        running,
        "{number} running job is still posted.",
        "{number} running jobs are still posted.",
        zero="No jobs were still running.",
    )
    return Reply(f"**No longer following in <#{channel_id}>.** {jobs}")


def followed_choice(channel_id: int, name: str | None) -> app_commands.Choice[str]:
    """A followed channel to choose while typing. Without a name it was deleted, or the bot can't see it."""
    shown = f"#{name}" if name else f"A channel that is gone or hidden ({channel_id})"
    return app_commands.Choice(name=plain(shown, CHOICE), value=str(channel_id))


def _name(account: ClaimedUser | None) -> str:
    return f"account {code(account.number, 40)}" if account else "this server's account"


_DEFAULT_REPLY_URL = "`POST https://api.useapi.net/v2/account`"
"""Sets a `replyUrl` for all requests of the account (useapi.net, account-management, post-account)."""


def callback_address_reply(url: str, number: int) -> Reply:
    """The server's present address. `number` identifies it, so that buttons under earlier addresses do nothing."""
    return _shown("Give useapi.net this address as `replyUrl`:", url, number)


def callback_replaced_reply(url: str, number: int) -> Reply:
    """A new address has replaced the one before."""
    return _shown("Replaced. Give useapi.net this address as `replyUrl`:", url, number, "The old one no longer works.")


def replace_address_question(number: int) -> Reply:
    """Asks before the address with this number is replaced."""
    return reply(
        "**Make a new address?** The old one stops working at once. Until useapi.net has the new one, results "
        "arrive a little later.",
        (Action.REPLACE_ADDRESS, number),
        (Action.KEEP_ADDRESS, number),
    )


def callbacks_need_token_reply(mentions: CommandMentions) -> Reply:
    """The address is for the account of the server's own token, and there is none."""
    return Reply(f"**Callbacks need this server's own API token.** {mentions.token_set} sets one.")


def callbacks_off_reply(interval: int) -> Reply:
    """The operator has not opened a port for callbacks. `interval` is the time between two polls, in milliseconds."""
    return Reply(
        "**Callbacks are off for this bot.** Its operator decides that; "
        f"results still arrive within about {formatting.duration(interval)}."
    )


def _shown(state: str, url: str, number: int, old: str = "") -> Reply:
    keep = "Keep it secret: anyone who has it can make me check your jobs, nothing more."
    return reply(
        formatting.lines(
            f"**{state}**",
            f"`{url}`",
            formatting.paragraph(old, "Results then arrive at once.", keep),
            f"-# Add it to each request that starts a job, or once for all with {_DEFAULT_REPLY_URL}.",
        ),
        (Action.ASK_TO_REPLACE, number),
    )


def not_allowed_reply() -> Reply:
    """Somebody without Manage Server used a command, button or form of admins."""
    return Reply("**Only someone with *Manage Server* can do this.**")


# ---- token set ------------------------------------------------------------------------------------------------------


def token_works_reply(account: ClaimedUser | None, in_work: int, mentions: CommandMentions) -> Reply:
    """The first token, or a token of another account while no jobs were waiting. `account` is the useapi.net user, if
    the token claims one."""
    has_jobs = formatting.plural(
        in_work,
        "{account} has {number} running job.",
        "{account} has {number} running jobs.",
        account=f"useapi.net {formatting.account(account)}" if account else "The account",
    )
    return Reply(
        formatting.lines(
            f"**Token works.** {has_jobs} Members can now use {mentions.status}.",
            f"-# Next: {mentions.check} shows whether I can post here.",
        )
    )


def token_renewed_reply(waiting: int) -> Reply:
    """A token of the same account as before, with which `waiting` jobs are watched."""
    watching = formatting.plural(waiting, "I'm watching {number} job with it.", "I'm watching {number} jobs with it.")
    return Reply(f"**Token works.** {watching}")


def token_of_other_account_reply(
    waiting: int, channels: int, old_account: ClaimedUser | None, old_account_id: int
) -> Reply:
    """A token of another account was set. Asks what to do with the `waiting` jobs and the number of followed
    `channels` that belong to the old one."""
    old = f"the old one ({formatting.account(old_account)})" if old_account else "the old one"
    jobs = formatting.count(waiting, "waiting job", "waiting jobs") if waiting else ""
    followed = formatting.count(channels, "followed channel", "followed channels") if channels else ""
    held = f"I use it from now on, but it can't see {formatting.enumeration((jobs, followed))} of {old}."
    return reply(
        f"**This token works, but belongs to a different account.** {held}",
        (Action.KEEP_OLD_JOBS, old_account_id),
        (Action.DROP_OLD_JOBS, old_account_id),
    )


def old_jobs_kept_reply(waiting: int, channels: int, old_account_id: int) -> Reply:
    """The admin keeps the old account's jobs and its number of followed `channels`; they can still be dropped."""
    jobs = formatting.count(waiting, "job", "jobs") if waiting or not channels else ""
    followed = formatting.count(channels, "followed channel", "followed channels") if channels else ""
    one = waiting + channels == 1
    state = f"{formatting.enumeration((jobs, followed))} {'stays' if one else 'stay'} on hold."
    them = "It resumes" if one else "They resume"
    return reply(
        f"**{state}** {them} once someone sets a token of the old account.", (Action.DROP_OLD_JOBS, old_account_id)
    )


def old_jobs_dropped_reply(jobs: int, channels: tuple[int, ...], mentions: CommandMentions) -> Reply:
    """The admin dropped the old account's jobs and the follows of these `channels`."""
    return Reply(f"**Dropped.** {_no_longer(jobs, channels, mentions)}")


def _no_longer(jobs: int, channels: tuple[int, ...], mentions: CommandMentions) -> str:
    watched = f"{formatting.count(jobs, 'job is', 'jobs are')} no longer watched"
    if not channels:
        return f"{watched}."
    verb, them = ("is", "it") if len(channels) == 1 else ("are", "them")
    followed = f"{formatting.channels(channels)} {verb} no longer followed"
    state = formatting.joined((watched if jobs else "", followed), ", and ")
    return f"{state}. {mentions.follow} sets {them} up again."


def token_refused_reply(has_token: bool) -> Reply:
    """useapi.net refuses the token that was entered. `has_token`: the server keeps the one it has."""
    remedy = "Copy the complete token, including `user:`, or make a new one at useapi.net."
    return _not_stored("**Not stored: useapi.net refuses this token.**", has_token, remedy)


def token_unpaid_reply(has_token: bool) -> Reply:
    """The account of the token that was entered has no subscription."""
    state = "**Not stored: this account has no paid subscription.**"
    return _not_stored(state, has_token, "Renew it at useapi.net, then try again.")


def token_untried_reply(has_token: bool) -> Reply:
    """The API did not answer, so the token could not be tried."""
    state = "**Not stored: useapi.net didn't answer.**"
    return _not_stored(state, has_token, "Try again in a few minutes.")


def token_overtaken_reply(mentions: CommandMentions) -> Reply:
    """Another command set or removed the token while this one was being tried."""
    return Reply(f"**Not stored: a later command changed the token.** {mentions.check} shows what is set now.")


def discord_token_reply(has_token: bool) -> Reply:
    """Somebody entered a Discord token."""
    state = "**Not stored: that's a Discord token, not useapi.net's.** I haven't sent or kept it."
    return _not_stored(state, has_token, "Reset it in Discord to be safe.")


def not_a_token_reply(has_token: bool) -> Reply:
    """What was entered can't be a token of useapi.net."""
    state = "**Not stored: that isn't an API token.** I haven't sent or kept it."
    remedy = "Copy the complete token from useapi.net, including `user:`."
    return _not_stored(state, has_token, remedy)


def _not_stored(state: str, has_token: bool, remedy: str) -> Reply:
    return Reply(formatting.paragraph(state, "The current token stays." if has_token else "", remedy))


# ---- token remove ---------------------------------------------------------------------------------------------------


def token_remove_question(waiting: int, channels: int, account_id: int, *, operators_token: bool) -> Reply:
    """Asks before the token is removed, which ends `waiting` jobs and the follows of a number of `channels`.
    `operators_token`: there is an operator's token to fall back to."""
    followed = f" and following {formatting.count(channels, 'channel', 'channels')}" if channels else ""
    stops = f"I'll stop watching {formatting.count(waiting, 'job', 'jobs')}{followed}."
    after = "After that, the operator's account is used." if operators_token else ""
    return reply(
        formatting.paragraph("**Remove this server's token?**", stops, after),
        (Action.REMOVE_TOKEN, account_id),
        (Action.KEEP_TOKEN, account_id),
    )


def token_removed_reply(jobs: int, channels: tuple[int, ...], mentions: CommandMentions) -> Reply:
    """The token was removed, and with it its waiting jobs and the follows of `channels`."""
    return Reply(f"**Removed.** {_no_longer(jobs, channels, mentions)}")


def token_kept_reply() -> Reply:
    """The admin pressed *Keep the token*."""
    return Reply("**Kept.** Nothing has changed.")


def no_own_token_reply(mentions: CommandMentions) -> Reply:
    """The server has no token that could be removed."""
    return Reply(f"**This server has no API token of its own.** {mentions.token_set} sets one.")


def question_outdated_reply(mentions: CommandMentions) -> Reply:
    """A button under a question was pressed after the token had been changed."""
    return Reply(
        f"**The token has changed since I asked.** Nothing was done; {mentions.check} shows the current state."
    )


# ---- alerts ---------------------------------------------------------------------------------------------------------


def language_set_reply(language: str, *, as_server: bool) -> Reply:
    """What is posted in the server is in `language` from now on; because that is its own (`as_server`), or chosen."""
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
    """Notices to admins go to this channel from now on."""
    return Reply(f"**Alerts go to <#{channel_id}>.** I'll report token and permission problems there.")


def alerts_cannot_post_reply(channel: Address, missing: tuple[str, ...]) -> Reply:
    """The bot may not post in the channel that was chosen; nothing was changed."""
    return Reply(
        f"**Not set: I can't post in <#{channel.channel_id}>.**{missing_permissions(missing)} "
        "Allow it in the channel's permissions, then try again."
    )
