"""What an admin alone is told about channels to which the server's whole account is relayed."""

from __future__ import annotations

from discord import app_commands

from model.messages import Address, ClaimedUser
from ui import wording
from ui.answer import Answer
from ui.button_handlers import FollowRequest
from ui.buttons import follow_view
from ui.cards import missing_permissions
from ui.escape import code, plain
from ui.limits import CHOICE
from ui.mentions import CommandMentions


def follow_question(account: ClaimedUser | None, channel_id: int, account_id: int, *, progress: bool) -> Answer:
    """Asks before an account is followed. `account` is the useapi.net user, if the token claims one."""
    unconfirmed = account is not None and not account.confirmed
    claim = " useapi.net hasn't confirmed that account yet." if unconfirmed else ""
    cards = " A card shows each while it runs." if progress else ""
    return Answer(
        f"**Post every job of {_name(account)} in <#{channel_id}>?** Everyone there sees all its prompts and "
        f"videos. Ended jobs aren't posted.{cards}{claim}",
        follow_view(FollowRequest(channel_id, account_id, progress)),
    )


def following_answer(account: ClaimedUser | None, channel_id: int, mentions: CommandMentions) -> Answer:
    """The account is followed from now on."""
    return Answer(
        f"**Following.** Every job of {_name(account)} is posted in <#{channel_id}>. {mentions.unfollow} ends it."
    )


def follow_cannot_post_answer(channel: Address, missing: tuple[str, ...]) -> Answer:
    """The bot may not post in the channel that was chosen; nothing was changed."""
    return Answer(
        f"**Not followed: I can't post in <#{channel.channel_id}>.**{missing_permissions(missing)} "
        "Allow it in the channel's permissions, then try again."
    )


def not_following_answer() -> Answer:
    """The admin thought better of it."""
    return Answer("**Not followed.** Nothing has changed.")


def unfollowed_answer(channel_id: int, running: int) -> Answer:
    """The follow has ended; jobs that run already are still posted."""
    if not running:
        return Answer(f"**No longer following in <#{channel_id}>.** No jobs were still running.")
    jobs = wording.count(running, "running job is", "running jobs are")
    return Answer(f"**No longer following in <#{channel_id}>.** {jobs} still posted.")


def followed_choice(channel_id: int, name: str | None) -> app_commands.Choice[str]:
    """A followed channel as it is offered; without a name it is gone, or hidden from the bot."""
    shown = f"#{name}" if name else f"A channel that is gone or hidden ({channel_id})"
    return app_commands.Choice(name=plain(shown, CHOICE), value=str(channel_id))


def _name(account: ClaimedUser | None) -> str:
    return f"account {code(account.number, 40)}" if account else "this server's account"
