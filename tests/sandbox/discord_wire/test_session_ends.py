"""How a session ends, and when it can be resumed."""

import aiohttp
import pytest

from tests.sandbox.discord_wire.bare_socket import Socket, open_socket
from tests.sandbox.discord_wire.conftest import Town


async def ready(session: aiohttp.ClientSession, town: Town) -> tuple[Socket, str]:
    """A socket and its session's id, with everything read."""
    socket = await open_socket(session, town.sandbox)
    await socket.identify(town.sandbox)
    first, _ = await socket.read_until("GUILD_CREATE")
    return socket, first["d"]["session_id"]


async def resumed(session: aiohttp.ClientSession, town: Town, session_id: str) -> bool:
    """Whether the session can be resumed."""
    socket = await open_socket(session, town.sandbox)
    data = {"token": town.sandbox.bot_token, "session_id": session_id, "seq": 2}
    await socket.socket.send_json({"op": 6, "d": data})
    frame = await socket.read()
    assert (frame["op"], frame["t"]) in ((0, "RESUMED"), (9, None))
    return bool(frame["t"] == "RESUMED")


@pytest.mark.parametrize(("code", "goes_on"), [(1000, False), (1001, False), (4000, True), (4900, True)])
async def test_the_code_with_which_the_bot_closes(
    session: aiohttp.ClientSession, town: Town, code: int, goes_on: bool
) -> None:
    socket, session_id = await ready(session, town)
    await socket.socket.close(code=code)
    await town.sandbox.until(lambda: not town.sandbox.bot_connected)
    assert await resumed(session, town, session_id) is goes_on


async def test_a_connection_that_breaks_leaves_the_session(session: aiohttp.ClientSession, town: Town) -> None:
    _, session_id = await ready(session, town)
    town.sandbox.gateway.cut()
    await town.sandbox.until(lambda: not town.sandbox.bot_connected)
    assert await resumed(session, town, session_id)


@pytest.mark.parametrize("code", [1000, 1001, 4000])
async def test_discord_s_own_close_leaves_the_session(session: aiohttp.ClientSession, town: Town, code: int) -> None:
    socket, session_id = await ready(session, town)
    await town.sandbox.gateway.close(code)
    assert await socket.closed_with() == code
    assert await resumed(session, town, session_id)


async def test_a_session_without_a_connection_times_out(session: aiohttp.ClientSession, town: Town) -> None:
    socket, session_id = await ready(session, town)
    await socket.socket.close(code=4000)
    await town.sandbox.until(lambda: not town.sandbox.bot_connected)
    town.sandbox.advance(town.sandbox.gateway.session_timeout_s - 1)
    assert await resumed(session, town, session_id)
    town.sandbox.gateway.cut()
    await town.sandbox.until(lambda: not town.sandbox.bot_connected)
    town.sandbox.advance(town.sandbox.gateway.session_timeout_s + 1)
    assert not await resumed(session, town, session_id)


async def test_one_session_ends_and_the_other_of_its_shard_goes_on(session: aiohttp.ClientSession, town: Town) -> None:
    (old, old_id), (new, _) = await ready(session, town), await ready(session, town)
    await old.socket.close(code=4000)
    await town.sandbox.until(lambda: len(town.sandbox.gateway.connected) == 1)
    town.guild.add_text_channel("later")
    assert (await new.read())["d"]["name"] == "later"
    back = await open_socket(session, town.sandbox)
    resume = {"token": town.sandbox.bot_token, "session_id": old_id, "seq": 2}
    await back.socket.send_json({"op": 6, "d": resume})
    assert [frame["t"] for frame in await back.read_until("RESUMED")] == ["CHANNEL_CREATE", "RESUMED"]
