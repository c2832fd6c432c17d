"""The gateway's own rules, with a bare WebSocket."""

import json
import zlib
from typing import Any

import aiohttp
import pytest
import zstandard

from tests.sandbox.discord_wire.bare_socket import Socket, open_socket
from tests.sandbox.discord_wire.conftest import GuildFixture


async def test_identify_gives_ready_and_the_servers(session: aiohttp.ClientSession, server: GuildFixture) -> None:
    socket = await open_socket(session, server.sandbox)
    await socket.identify(server.sandbox)
    ready, guild = await socket.read_until("GUILD_CREATE")
    assert ready["d"]["guilds"] == [{"id": str(server.guild.id), "unavailable": True}]
    assert (ready["s"], guild["s"], guild["d"]["name"]) == (1, 2, "Studio")
    assert [member["user"]["id"] for member in guild["d"]["members"]] == [str(server.sandbox.bot_id)]
    await socket.socket.send_json({"op": 1, "d": 2})
    assert (await socket.read())["op"] == 11


@pytest.mark.parametrize("compress", ["zlib-stream", "zstd-stream"])
async def test_compressed_frames(session: aiohttp.ClientSession, server: GuildFixture, compress: str) -> None:
    opened = await session.ws_connect(f"{server.sandbox.gateway_url}?compress={compress}")
    stream = zlib.decompressobj() if compress == "zlib-stream" else zstandard.ZstdDecompressor().decompressobj()
    assert json.loads(stream.decompress(await opened.receive_bytes()))["op"] == 10
    await Socket(opened).identify(server.sandbox)
    assert json.loads(stream.decompress(await opened.receive_bytes()))["t"] == "READY"


async def test_resume_replays_missed_events(session: aiohttp.ClientSession, server: GuildFixture) -> None:
    socket = await open_socket(session, server.sandbox)
    await socket.identify(server.sandbox)
    ready = (await socket.read_until("GUILD_CREATE"))[0]
    await socket.socket.close(code=4000)
    server.guild.add_text_channel("missed")
    back = await open_socket(session, server.sandbox)
    resume = {"token": server.sandbox.bot_token, "session_id": ready["d"]["session_id"], "seq": 2}
    await back.socket.send_json({"op": 6, "d": resume})
    missed, resumed = await back.read_until("RESUMED")
    assert (missed["t"], missed["d"]["name"], missed["s"], resumed["s"]) == ("CHANNEL_CREATE", "missed", 3, 4)


async def test_unknown_sessions_are_invalid_and_can_identify(
    session: aiohttp.ClientSession, server: GuildFixture
) -> None:
    socket = await open_socket(session, server.sandbox)
    resume = {"token": server.sandbox.bot_token, "session_id": "gone", "seq": 2}
    await socket.socket.send_json({"op": 6, "d": resume})
    assert await socket.read() == {"op": 9, "d": False, "s": None, "t": None}
    await socket.identify(server.sandbox)
    assert (await socket.read())["t"] == "READY"


@pytest.mark.parametrize(
    ("changes", "code"), [({"token": "wrong"}, 4004), ({"intents": 1 << 15}, 4014), ({"shard": [1, 1]}, 4010)]
)
async def test_refused_identifies(
    session: aiohttp.ClientSession, server: GuildFixture, changes: dict[str, Any], code: int
) -> None:
    socket = await open_socket(session, server.sandbox)
    await socket.identify(server.sandbox, **changes)
    assert await socket.closed_with() == code


@pytest.mark.parametrize(("frame", "code"), [("{", 4002), ('{"op": 3, "d": {}}', 4003), ('{"op": 99}', 4003)])
async def test_broken_frames(session: aiohttp.ClientSession, server: GuildFixture, frame: str, code: int) -> None:
    socket = await open_socket(session, server.sandbox)
    await socket.socket.send_str(frame)
    assert await socket.closed_with() == code


async def test_identifying_twice(session: aiohttp.ClientSession, server: GuildFixture) -> None:
    socket = await open_socket(session, server.sandbox)
    await socket.identify(server.sandbox)
    await socket.read_until("GUILD_CREATE")
    await socket.identify(server.sandbox)
    assert await socket.closed_with() == 4005


async def test_disruptions_that_discord_causes(session: aiohttp.ClientSession, server: GuildFixture) -> None:
    socket = await open_socket(session, server.sandbox)
    await socket.identify(server.sandbox)
    await socket.read_until("GUILD_CREATE")
    server.sandbox.gateway.ask_to_reconnect()
    assert (await socket.read())["op"] == 7
    server.sandbox.gateway.invalidate()
    assert (await socket.read())["op"] == 9
    other = await open_socket(session, server.sandbox)
    await other.identify(server.sandbox)
    await other.read_until("GUILD_CREATE")
    await server.sandbox.gateway.close(4000, "again")
    assert await other.closed_with() == 4000


async def test_events_beyond_the_intents_are_not_sent(session: aiohttp.ClientSession, server: GuildFixture) -> None:
    socket = await open_socket(session, server.sandbox)
    await socket.identify(server.sandbox)
    await socket.read_until("GUILD_CREATE")
    server.alice.send(server.channel, "hello")
    server.guild.boost(2)
    told = await socket.read()
    assert (told["t"], told["d"]["premium_tier"]) == ("GUILD_UPDATE", 2)
