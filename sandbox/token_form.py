"""Sets the demo server's token through the form, as in every server."""

from __future__ import annotations

from sandbox.demo_setup import DemoSetup
from sandbox.discord_wire import Answer


async def fill_in_token(setup: DemoSetup) -> Answer:
    """The admin opens the form, fills in the account's token and sends it; returns the bot's answer."""
    opened = await setup.ada.slash(setup.channel, "pixverse-admin token set")
    return await setup.ada.submit(opened, setup.account.token)
