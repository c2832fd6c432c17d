"""What an admin alone is told about this server's API token and its alerts."""

from __future__ import annotations

from relay.messages import Address, ClaimedUser
from ui import wording
from ui.answer import Answer, answer
from ui.buttons import Action
from ui.cards import missing_permissions
from ui.mentions import CommandMentions


def not_allowed_answer() -> Answer:
    """A command, button or form of admins in other hands."""
    return Answer("**Only someone with *Manage Server* can do this.**")


# ---- token set ------------------------------------------------------------------------------------------------------


def token_works_answer(account: ClaimedUser | None, in_work: int, mentions: CommandMentions) -> Answer:
    """A first token, or one of another account with nothing waiting. `account` is the useapi.net user, if the
    token claims one."""
    running = wording.count(in_work, "running job", "running jobs")
    name = f"useapi.net {wording.account(account)}" if account else "The account"
    return Answer(
        wording.lines(
            f"**Token works.** {name} has {running}. Members can now use {mentions.status}.",
            f"-# Next: {mentions.check} shows whether I can post here.",
        )
    )


def token_renewed_answer(waiting: int) -> Answer:
    """A token of the same account, with jobs that are watched, whether they were on hold or not."""
    return Answer(f"**Token works.** I'm watching {wording.count(waiting, 'job', 'jobs')} with it.")


def token_of_other_account_answer(
    waiting: int, channels: int, old_account: ClaimedUser | None, old_account_id: int
) -> Answer:
    """A token of another account while `waiting` jobs, and the follows of `channels`, belong to the old one; asks what
    is to become of them."""
    old = f"the old one ({wording.account(old_account)})" if old_account else "the old one"
    jobs = wording.count(waiting, "waiting job", "waiting jobs") if waiting else ""
    followed = wording.count(channels, "followed channel", "followed channels") if channels else ""
    held = f"It can't see {wording.joined((jobs, followed), ' and ')} of {old}."
    return answer(
        f"**This token works, but belongs to a different account.** {held}",
        (Action.KEEP_OLD_JOBS, old_account_id),
        (Action.DROP_OLD_JOBS, old_account_id),
    )


def old_jobs_kept_answer(waiting: int, old_account_id: int) -> Answer:
    """The admin chose to keep the old account's jobs, and what else is of it; they can still be dropped."""
    state = f"{wording.count(waiting, 'job stays', 'jobs stay')} on hold." if waiting else "Kept on hold."
    them = "It resumes" if waiting == 1 else "They resume"
    return answer(
        f"**{state}** {them} once someone sets a token of the old account.", (Action.DROP_OLD_JOBS, old_account_id)
    )


def old_jobs_dropped_answer(dropped: int) -> Answer:
    """The admin chose to drop the old account's jobs."""
    return Answer(f"**Dropped.** {wording.count(dropped, 'job is', 'jobs are')} no longer watched.")


def token_refused_answer() -> Answer:
    """useapi.net refuses the token that was entered."""
    return Answer(
        "**Not stored: useapi.net refuses this token.** Nothing has changed. "
        "Copy the complete token, including `user:`."
    )


def token_unpaid_answer() -> Answer:
    """The account of the token that was entered has no subscription."""
    return Answer(
        "**Not stored: this account has no paid subscription.** Nothing has changed. "
        "Renew it at useapi.net, then try again."
    )


def token_untried_answer() -> Answer:
    """The API did not answer, so nobody knows whether the token is any good."""
    return Answer("**Not stored: useapi.net didn't answer.** Nothing has changed; try again in a few minutes.")


def token_overtaken_answer(mentions: CommandMentions) -> Answer:
    """A later command set or removed the token while this one was tried."""
    return Answer(f"**Not stored: a later command changed the token.** {mentions.check} shows what is set now.")


def discord_token_answer() -> Answer:
    """Somebody entered a Discord token."""
    return Answer(
        "**Not stored: that's a Discord token, not useapi.net's.** I haven't sent or kept it. "
        "Reset it in Discord to be safe."
    )


def not_a_token_answer() -> Answer:
    """What was entered can't be a token of useapi.net."""
    return Answer(
        "**Not stored: that isn't an API token.** I haven't sent or kept it. "
        "Copy the complete token from useapi.net, including `user:`."
    )


# ---- token remove ---------------------------------------------------------------------------------------------------


def token_remove_question(waiting: int, channels: int, account_id: int, *, operators_token: bool) -> Answer:
    """Asks before the token is removed, which also ends the follows of so many `channels`; `operators_token` tells
    whether there is one to fall back to."""
    followed = f" and following {wording.count(channels, 'channel', 'channels')}" if channels else ""
    stops = f"I'll stop watching {wording.count(waiting, 'job', 'jobs')}{followed}."
    after = "After that, the operator's account is used." if operators_token else ""
    return answer(
        wording.joined(("**Remove this server's token?**", stops, after), " "),
        (Action.REMOVE_TOKEN, account_id),
        (Action.KEEP_TOKEN, account_id),
    )


def token_removed_answer(dropped: int) -> Answer:
    """The token is gone, and its waiting jobs with it."""
    return Answer(f"**Removed.** {wording.count(dropped, 'job is', 'jobs are')} no longer watched.")


def token_kept_answer() -> Answer:
    """The admin thought better of it."""
    return Answer("**Kept.** Nothing has changed.")


def no_own_token_answer(mentions: CommandMentions) -> Answer:
    """There is nothing to remove."""
    return Answer(f"**This server has no API token of its own.** {mentions.token_set} sets one.")


def question_outdated_answer(mentions: CommandMentions) -> Answer:
    """The token was changed after the question had been asked."""
    return Answer(
        f"**The token has changed since I asked.** Nothing was done; {mentions.check} shows the current state."
    )


# ---- alerts ---------------------------------------------------------------------------------------------------------


def alerts_set_answer(channel_id: int) -> Answer:
    """Admin notices go to this channel from now on."""
    return Answer(f"**Alerts go to <#{channel_id}>.** I'll report token and permission problems there.")


def alerts_cannot_post_answer(channel: Address, missing: tuple[str, ...]) -> Answer:
    """The bot may not post in the channel that was chosen; nothing was changed."""
    return Answer(
        f"**Not set: I can't post in <#{channel.channel_id}>.**{missing_permissions(missing)} "
        "Allow it in the channel's permissions, then try again."
    )
