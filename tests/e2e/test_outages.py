"""Discord or the API is unreachable, or Discord refuses the bot's token."""

from __future__ import annotations

import pytest

from sandbox.discord_wire import Body, DiscordSandbox
from tests.e2e.conftest import Build
from tests.e2e.stage import Stage
from tests.e2e.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_discord_refuses_the_token_at_the_start(build: Build) -> None:
    stage = await build()
    await stage.discord.refuse_token()
    finished = await stage.bot.run()
    assert finished.code == 3
    assert "DISCORD_TOKEN" in finished.lines[-1]
    assert "Traceback" not in finished.text


async def test_discord_refuses_the_token_later(own_stage: Stage) -> None:
    await own_stage.discord.refuse_token()
    assert await own_stage.bot.ended() == 3
    assert "DISCORD_TOKEN" in own_stage.bot.lines[-1]
    assert own_stage.bot.said("Traceback") == []


async def test_discord_down_at_the_start_is_waited_for(build: Build) -> None:
    stage = await build()
    port = int(stage.discord.api_url.split(":")[2].split("/")[0])
    token = stage.discord.bot_token
    await stage.discord.stop()
    await stage.bot.start()
    await until(lambda: stage.bot.said("Discord can't be reached"))
    assert stage.bot.running
    stage.discord = await DiscordSandbox.start(port=port, bot_token=token)
    await stage.ready()
    server = await stage.server()
    (await server.watched()).complete()
    await server.outcome()
    assert stage.bot.said("Traceback") == []


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
    stage = await build()
    fault = stage.discord.faults.add(path=path, action=body)
    await stage.start()
    assert fault.hits == 1
    assert len(stage.bot.said("the answer is not Discord's")) == 1
    assert stage.bot.said("Traceback") == []


async def test_the_api_down_at_the_start_is_waited_for(build: Build) -> None:
    stage = await build()
    await stage.start()
    server = await stage.server()
    job = await server.watched()
    await stage.stop()
    await stage.pixverse.refuse_connections()
    await stage.start()
    answer = await server.status(job)
    assert answer.text.startswith("**Already watched here.**")
    job.complete()
    await stage.pixverse.accept_connections()
    await server.outcome()


async def test_a_broken_connection_is_restored(own_stage: Stage) -> None:
    server = await own_stage.server()
    job = await server.watched()
    own_stage.discord.gateway.cut()
    await own_stage.gone()
    job.complete()
    await server.outcome()
    await own_stage.discord.until(lambda: own_stage.discord.bot_connected)
    assert (await server.status(job)).text.startswith("**Already posted here.**")
