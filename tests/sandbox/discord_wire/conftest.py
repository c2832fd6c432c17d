import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import discord
import pytest
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from sandbox.discord_wire import Channel, DiscordSandbox, Guild, Member
from tests.sandbox.discord_wire.bot import Bot


@pytest.fixture
async def sandbox() -> AsyncIterator[DiscordSandbox]:
    running = await DiscordSandbox.start()
    yield running
    await running.stop(strict=False)


@dataclass
class GuildFixture:
    """One server with a channel, a plain member and an admin."""

    sandbox: DiscordSandbox
    guild: Guild
    channel: Channel
    alice: Member
    admin: Member


@pytest.fixture
def server(sandbox: DiscordSandbox) -> GuildFixture:
    guild = sandbox.add_guild("Studio")
    channel = guild.add_text_channel("videos")
    admin = guild.add_member("ada", permissions=discord.Permissions(manage_guild=True))
    return GuildFixture(sandbox, guild, channel, guild.add_member("alice"), admin)


@pytest.fixture
async def bot(server: GuildFixture, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bot]:
    monkeypatch.setattr(Route, "BASE", server.sandbox.api_url)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(server.sandbox.gateway_url))
    client = Bot()
    running = asyncio.create_task(client.start(server.sandbox.bot_token))
    await server.sandbox.wait_for_bot()
    yield client
    await client.close()
    await asyncio.gather(running, return_exceptions=True)


class Rest:
    """Plain REST calls with the bot's token."""

    def __init__(self, session: aiohttp.ClientSession, sandbox: DiscordSandbox) -> None:
        self._session = session
        self._sandbox = sandbox

    async def __call__(
        self, method: str, path: str, body: Any = None, *, files: list[tuple[str, bytes]] | None = None
    ) -> tuple[int, Any]:
        response = await self.raw(method, path, body, files=files)
        return response.status, (await response.json() if response.status != 204 else None)

    async def raw(
        self, method: str, path: str, body: Any = None, *, files: list[tuple[str, bytes]] | None = None
    ) -> aiohttp.ClientResponse:
        headers = {"Authorization": f"Bot {self._sandbox.bot_token}"}
        url = self._sandbox.api_url + path
        if files is None:
            return await self._session.request(method, url, json=body, headers=headers)
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("payload_json", aiohttp.JsonPayload(body or {})._value.decode())
        for index, (name, content) in enumerate(files):
            form.add_field(f"files[{index}]", content, filename=name, content_type="application/octet-stream")
        return await self._session.request(method, url, data=form, headers=headers)


@pytest.fixture
async def rest(sandbox: DiscordSandbox) -> AsyncIterator[Rest]:
    async with aiohttp.ClientSession() as session:
        yield Rest(session, sandbox)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened
