"""How a session ends, and when it can be resumed."""

import aiohttp
import pytest

from tests.sandbox.discord_wire.bare_socket import Socket, open_socket
from tests.sandbox.discord_wire.conftest import GuildFixture


async def ready(session: aiohttp.ClientSession, server: GuildFixture) -> tuple[Socket, str]:
    """A socket and its session's id, with everything read."""
    socket = await open_socket(session, server.sandbox)
    await socket.identify(server.sandbox)
    first, _ = await socket.read_until("GUILD_CREATE")
    return socket, first["d"]["session_id"]


async def resumed(session: aiohttp.ClientSession, server: GuildFixture, session_id: str) -> bool:
    """Whether the session can be resumed."""
    socket = await open_socket(session, server.sandbox)
    data = {"token": server.sandbox.bot_token, "session_id": session_id, "seq": 2}
    await socket.socket.send_json({"op": 6, "d": data})
    frame = await socket.read()
    assert (frame["op"], frame["t"]) in ((0, "RESUMED"), (9, None))
    return bool(frame["t"] == "RESUMED")


@pytest.mark.parametrize(("code", "goes_on"), [(1000, False), (1001, False), (4000, True), (4900, True)])
async def test_the_code_with_which_the_bot_closes(
    session: aiohttp.ClientSession, server: GuildFixture, code: int, goes_on: bool
) -> None:
    socket, session_id = await ready(session, server)
    await socket.socket.close(code=code)
    await server.sandbox.until(lambda: not server.sandbox.bot_connected)
    assert await resumed(session, server, session_id) is goes_on


async def test_a_broken_connection_leaves_the_session(session: aiohttp.ClientSession, server: GuildFixture) -> None:
    _, session_id = await ready(session, server)
    server.sandbox.gateway.cut()
    await server.sandbox.until(lambda: not server.sandbox.bot_connected)
    assert await resumed(session, server, session_id)


@pytest.mark.parametrize("code", [1000, 1001, 4000])
async def test_discord_s_own_close_leaves_the_session(
    session: aiohttp.ClientSession, server: GuildFixture, code: int
) -> None:
    socket, session_id = await ready(session, server)
    await server.sandbox.gateway.close(code)
    assert await socket.closed_with() == code
    assert await resumed(session, server, session_id)


async def test_a_session_without_a_connection_times_out(session: aiohttp.ClientSession, server: GuildFixture) -> None:
    socket, session_id = await ready(session, server)
    await socket.socket.close(code=4000)
    await server.sandbox.until(lambda: not server.sandbox.bot_connected)
    server.sandbox.advance(server.sandbox.gateway.session_timeout_s - 1)
    assert await resumed(session, server, session_id)
    server.sandbox.gateway.cut()
    await server.sandbox.until(lambda: not server.sandbox.bot_connected)
    server.sandbox.advance(server.sandbox.gateway.session_timeout_s + 1)
    assert not await resumed(session, server, session_id)


async def test_one_session_ends_and_the_other_of_its_shard_continues(
    session: aiohttp.ClientSession, server: GuildFixture
) -> None:
    (old, old_id), (new, _) = await ready(session, server), await ready(session, server)
    await old.socket.close(code=4000)
    await server.sandbox.until(lambda: len(server.sandbox.gateway.connected) == 1)
    server.guild.add_text_channel("later")
    assert (await new.read())["d"]["name"] == "later"
    back = await open_socket(session, server.sandbox)
    resume = {"token": server.sandbox.bot_token, "session_id": old_id, "seq": 2}
    await back.socket.send_json({"op": 6, "d": resume})
    assert [frame["t"] for frame in await back.read_until("RESUMED")] == ["CHANNEL_CREATE", "RESUMED"]
