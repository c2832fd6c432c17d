"""Sets the demo server's token through the form, as in every server."""

from __future__ import annotations

from sandbox.discord_wire import Answer
from sandbox.stage import Stage


async def fill_in_token(stage: Stage) -> Answer:
    """The admin opens the form, fills in the account's token and sends it; returns the bot's answer."""
    opened = await stage.ada.slash(stage.channel, "pixverse-admin token set")
    return await stage.ada.submit(opened, stage.account.token)
