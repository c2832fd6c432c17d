"""What an admin alone is told about this server's address for useapi.net's callbacks."""

from __future__ import annotations

from ui import wording
from ui.actions import Action
from ui.answer import Answer, answer
from ui.mentions import CommandMentions

_DEFAULT_REPLY_URL = "`POST https://api.useapi.net/v2/account`"
"""Sets a `replyUrl` for all requests of the account (useapi.net, account-management, post-account)."""


def callback_address_answer(url: str, number: int) -> Answer:
    """The address in force; `number` tells it from the ones before and after it."""
    return _shown("Give useapi.net this address as `replyUrl`:", url, number)


def callback_replaced_answer(url: str, number: int) -> Answer:
    """A new address in the place of the one that was shown."""
    return _shown("Replaced. Give useapi.net this address as `replyUrl`:", url, number, "The old one no longer works.")


def replace_address_question(number: int) -> Answer:
    """What `Replace the address` asks first."""
    return answer(
        "**Make a new address?** The old one stops working at once. Until useapi.net has the new one, results "
        "arrive a little later.",
        (Action.REPLACE_ADDRESS, number),
        (Action.KEEP_ADDRESS, number),
    )


def callbacks_need_token_answer(mentions: CommandMentions) -> Answer:
    """The address is for the account of the server's own token, and there is none."""
    return Answer(f"**Callbacks need this server's own API token.** {mentions.token_set} sets one.")


def callbacks_off_answer(interval: int) -> Answer:
    """The operator has not opened a port to the internet; `interval` in milliseconds between two looks at a job."""
    return Answer(
        "**Callbacks are off for this bot.** Its operator decides that; "
        f"results still arrive within about {wording.duration(interval)}."
    )


def _shown(state: str, url: str, number: int, old: str = "") -> Answer:
    keep = "Keep it secret: anyone who has it can make me check your jobs, nothing more."
    return answer(
        wording.lines(
            f"**{state}**",
            f"`{url}`",
            wording.joined((old, "Results then arrive at once.", keep), " "),
            f"-# Add it to each request that starts a job, or once for all with {_DEFAULT_REPLY_URL}.",
        ),
        (Action.ASK_TO_REPLACE, number),
    )
