"""The bot's token is revoked while it runs."""

from __future__ import annotations

import pytest

from sandbox.discord_wire import Status
from tests.e2e.discord_faults.test_server_errors import is_outcome
from tests.e2e.harness import Harness

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_posting_notices_it_first(own_harness: Harness) -> None:
    """The gateway may stay connected for a while."""
    server, other = await own_harness.server(), await own_harness.server()
    jobs = [await server.watched(), await other.watched()]
    refused = own_harness.discord.faults.add(
        method="POST", path=r"/channels/\d+/messages", action=Status(401), times=None, match=is_outcome
    )
    for job in jobs:
        job.complete()
    assert await own_harness.bot.ended() == 3
    assert "DISCORD_TOKEN" in own_harness.bot.lines[-1]
    assert own_harness.bot.said("Traceback") == []
    assert refused.hits <= 2  # one for each channel, with no retries
    own_harness.discord.faults.remove(refused)
    await own_harness.gone()
    await own_harness.start()
    await server.outcome()
    await other.outcome()


async def test_an_edit_notices_it_first(own_harness: Harness) -> None:
    server = await own_harness.server()
    job = await server.watched()
    await server.settled()
    own_harness.discord.faults.add(method="PATCH", path=r"/channels/\d+/messages/\d+", action=Status(401), times=None)
    job.complete()
    assert await own_harness.bot.ended() == 3
    assert "DISCORD_TOKEN" in own_harness.bot.lines[-1]
    assert own_harness.bot.said("Traceback") == []
