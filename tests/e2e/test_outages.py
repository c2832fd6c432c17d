"""Discord or the API is unreachable, or Discord refuses the bot's token."""

from __future__ import annotations

import pytest

from sandbox.discord_wire import Body, DiscordSandbox
from tests.e2e.conftest import Build
from tests.e2e.harness import Harness
from tests.e2e.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_discord_refuses_the_token_at_the_start(build: Build) -> None:
    harness = await build()
    await harness.discord.refuse_token()
    finished = await harness.bot.run()
    assert finished.code == 3
    assert "DISCORD_TOKEN" in finished.lines[-1]
    assert "Traceback" not in finished.text


async def test_discord_refuses_the_token_later(own_harness: Harness) -> None:
    await own_harness.discord.refuse_token()
    assert await own_harness.bot.ended() == 3
    assert "DISCORD_TOKEN" in own_harness.bot.lines[-1]
    assert own_harness.bot.said("Traceback") == []


async def test_discord_down_at_the_start_is_waited_for(build: Build) -> None:
    harness = await build()
    port = int(harness.discord.api_url.split(":")[2].split("/")[0])
    token = harness.discord.bot_token
    await harness.discord.stop()
    await harness.bot.start()
    await until(lambda: harness.bot.said("Discord can't be reached"))
    assert harness.bot.running
    harness.discord = await DiscordSandbox.start(port=port, bot_token=token)
    await harness.ready()
    server = await harness.server()
    (await server.watched()).complete()
    await server.outcome()
    assert harness.bot.said("Traceback") == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/users/@me", Body(), id="who it is: a page"),
        pytest.param("/users/@me", Body("{}", "application/json"), id="who it is: nothing"),
        pytest.param("/oauth2/applications/@me", Body(), id="the application: a page"),
        pytest.param("/gateway/bot", Body(), id="the gateway: a page"),
        pytest.param("/gateway/bot", Body("{}", "application/json"), id="the gateway: no address"),
        pytest.param("/gateway/bot", Body('{"url": "w', "application/json"), id="the gateway: broken off"),
    ],
)
async def test_another_server_responds_in_discord_s_place(build: Build, path: str, body: Body) -> None:
    """A proxy or a captive portal answers."""
    harness = await build()
    fault = harness.discord.faults.add(path=path, action=body)
    await harness.start()
    assert fault.hits == 1
    assert len(harness.bot.said("the answer is not Discord's")) == 1
    assert harness.bot.said("Traceback") == []


async def test_the_api_down_at_the_start_is_waited_for(build: Build) -> None:
    harness = await build()
    await harness.start()
    server = await harness.server()
    job = await server.watched()
    await harness.stop()
    await harness.pixverse.refuse_connections()
    await harness.start()
    answer = await server.status(job)
    assert answer.text.startswith("**Already watched here.**")
    job.complete()
    await harness.pixverse.accept_connections()
    await server.outcome()


async def test_a_broken_connection_is_restored(own_harness: Harness) -> None:
    server = await own_harness.server()
    job = await server.watched()
    own_harness.discord.gateway.cut()
    await own_harness.gone()
    job.complete()
    await server.outcome()
    await own_harness.discord.until(lambda: own_harness.discord.bot_connected)
    assert (await server.status(job)).text.startswith("**Already posted here.**")
