"""Gateway connections from which discord.py doesn't recover, or takes too long to recover."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from aiohttp import web

from discord_adapter.client import DiscordTokenRefused
from sandbox.discord_wire import Cut, DiscordSandbox, RateLimit, Status
from tests.e2e.discord_faults.listener import listening
from tests.e2e.waiting import until

_PATIENCE = 0.25


@pytest_asyncio.fixture
async def discord() -> AsyncIterator[DiscordSandbox]:
    sandbox = await DiscordSandbox.start()
    sandbox.add_guild("Studio")
    yield sandbox
    await sandbox.stop()


async def _again(discord: DiscordSandbox, identified: int) -> None:
    await discord.until(lambda: discord.gateway.identified > identified and discord.bot_connected)


# ---- codes after which discord.py gives up ---------------------------------------------------------------------------


@pytest.mark.parametrize("code", [4010, 4011, 4012, 4013, 4014])
async def test_a_final_close_code_is_retried_with_patience(
    discord: DiscordSandbox, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    async with listening(discord) as client:
        discord.gateway.refuses_with = code
        identified = discord.gateway.identified
        await discord.gateway.close(code)
        await until(lambda: len(client.waits) >= 11)
        assert client.waits[:11] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
        discord.gateway.refuses_with = None
        await _again(discord, identified)
    told = [record for record in caplog.records if record.name == "discord_adapter.gateway"]
    assert all(f"Discord closed it with {code}, " in record.getMessage() for record in told)
    assert not any(record.exc_info for record in caplog.records)


async def test_posting_needs_no_gateway(discord: DiscordSandbox) -> None:
    """discord.py would close the HTTP session together with the gateway."""
    async with listening(discord) as client:
        discord.gateway.refuses_with = 4014
        await discord.gateway.close(4014)
        await until(lambda: len(client.waits) >= 2)
        assert [guild.name async for guild in client.fetch_guilds()] == ["Studio"]


async def test_the_number_of_shards_is_requested_again(discord: DiscordSandbox) -> None:
    """Discord closes with 4011 when a bot has outgrown its number of shards."""
    async with listening(discord):
        asked = _asked_for_the_gateway(discord)
        identified = discord.gateway.identified
        await discord.gateway.close(4011)
        await _again(discord, identified)
        assert _asked_for_the_gateway(discord) > asked


async def test_a_refused_token_ends_the_bot(discord: DiscordSandbox) -> None:
    async with listening(discord) as client:
        await discord.refuse_token()
        with pytest.raises(DiscordTokenRefused):
            await asyncio.wait_for(client.staying, 5)


async def test_a_session_that_discord_has_forgotten(discord: DiscordSandbox) -> None:
    async with listening(discord) as client:
        for code in (4007, 4009):
            identified = discord.gateway.identified
            discord.gateway.sessions.clear()
            await discord.gateway.close(code)
            await _again(discord, identified)
        assert client.waits == []


# ---- a resume address that is no good (Rapptz/discord.py#10511) ------------------------------------------------------

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def _says_nothing(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


async def _hangs_up(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.close(code=1006)
    return socket


async def _only_says_hello(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.send_json({"op": 10, "d": {"heartbeat_interval": 41250}, "s": None, "t": None})
    async for _ in socket:
        pass
    return socket


@asynccontextmanager
async def _served(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"ws://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize("handler", [_says_nothing, _hangs_up, _only_says_hello])
async def test_a_resume_address_that_does_not_work(
    discord: DiscordSandbox, caplog: pytest.LogCaptureFixture, handler: Handler
) -> None:
    async with _served(handler) as address:
        discord.gateway.resume_url = address
        async with listening(discord, patience=_PATIENCE) as client:
            for _ in range(2):
                asked, identified = _asked_for_the_gateway(discord), discord.gateway.identified
                discord.gateway.cut()
                await _again(discord, identified)
                assert _asked_for_the_gateway(discord) > asked
            assert not client.staying.done()
    assert not any(record.exc_info for record in caplog.records if record.levelno >= logging.WARNING)


async def test_a_working_connection_is_left_alone(discord: DiscordSandbox) -> None:
    async with listening(discord, patience=1.0):  # a busy machine takes a while to connect
        await asyncio.sleep(2.5)
        assert discord.gateway.identified == 1


# ---- no address to be had ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [Status(503), RateLimit(40.0), RateLimit(1.0, "cloudflare")])
async def test_the_request_for_the_gateway_address_fails(discord: DiscordSandbox, trouble: Status | RateLimit) -> None:
    async with listening(discord) as client:
        fault = discord.faults.add(path="/gateway/bot", action=trouble, times=2)
        identified = discord.gateway.identified
        await discord.gateway.close(4012)
        await _again(discord, identified)
        assert fault.hits == 2
        assert client.waits == [1, 2, 4]


@pytest.mark.parametrize("trouble", [Status(503), RateLimit(40.0), RateLimit(1.0, "cloudflare"), Cut()])
async def test_the_login_fails_at_first(discord: DiscordSandbox, trouble: Status | RateLimit | Cut) -> None:
    fault = discord.faults.add(path="/users/@me", action=trouble, times=2)
    async with listening(discord):
        assert fault.hits == 2


def _asked_for_the_gateway(discord: DiscordSandbox) -> int:
    return sum(call.path == "/gateway/bot" for call in discord.requests)
