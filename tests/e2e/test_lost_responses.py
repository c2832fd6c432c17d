"""Discord stored a message but the response was lost; the next attempt's response proves nothing about the first."""

from __future__ import annotations

import pytest

from sandbox.discord_wire import Body, Status
from sandbox.discord_wire.recording import RecordedRequest
from tests.e2e.guild_fixture import GuildFixture

pytestmark = pytest.mark.asyncio(loop_scope="module")

_REFUSALS = {
    "may not attach": Status(403, code=50013),
    "too large": Status(413, code=40005),
    "blocked by AutoMod": Status(400, code=200000),
}


def _is_outcome(request: RecordedRequest) -> bool:
    return "outcome:details" in str(request.json)


@pytest.mark.parametrize("refusal", _REFUSALS)
async def test_a_refusal_after_a_lost_response_duplicates_nothing(server: GuildFixture, refusal: str) -> None:
    """discord.py itself retries after a 502, and reports only the last response."""
    path = f"/channels/{server.channel.id}/messages"
    job = await server.watched()
    faults = server.harness.discord.faults
    lost = faults.add(method="POST", path=path, when="after", action=Status(502), match=_is_outcome)
    refused = faults.add(
        method="POST",
        path=path,
        when="before",
        action=_REFUSALS[refusal],
        match=lambda request: lost.hits == 1 and _is_outcome(request),
    )
    job.complete()
    outcome = await server.outcome()
    assert (lost.hits, refused.hits) == (1, 1)
    assert [file.content for file in outcome.attachments] == [job.videos[0].content]
    assert server.outcomes() == [outcome]


@pytest.mark.parametrize("status", [200, 400, 403, 404, 499])
async def test_a_proxy_page_instead_of_a_response_duplicates_nothing(server: GuildFixture, status: int) -> None:
    """Discord stored the message, but a proxy answers with an error."""
    path = f"/channels/{server.channel.id}/messages"
    job = await server.watched()
    action = Body("<html>client closed request</html>", status=status)
    fault = server.harness.discord.faults.add(method="POST", path=path, when="after", action=action, match=_is_outcome)
    job.complete()
    outcome = await server.outcome()
    await server.settled()
    assert fault.hits == 1
    assert [file.content for file in outcome.attachments] == [job.videos[0].content]
    assert server.outcomes() == [outcome]
    assert server.harness.bot.said("Traceback") == []
