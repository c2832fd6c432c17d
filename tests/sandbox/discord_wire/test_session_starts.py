"""How many IDENTIFYs Discord takes: one in five seconds for each bucket, and so many a day."""

from typing import Any

import aiohttp
import pytest

from sandbox.discord_wire import DiscordSandbox
from tests.sandbox.discord_wire.bare_socket import Socket, open_socket
from tests.sandbox.discord_wire.conftest import Rest

READY, INVALID = "READY", 9


@pytest.fixture
def starts(sandbox: DiscordSandbox) -> Any:
    sandbox.starts.enforced = True
    return sandbox.starts


async def identify(session: aiohttp.ClientSession, sandbox: DiscordSandbox, shard: int, count: int = 16) -> object:
    """What the gateway says to an IDENTIFY: the event, the opcode of a frame that is none, or the close code."""
    socket = await open_socket(session, sandbox)
    return await answered(socket, sandbox, shard, count)


async def answered(socket: Socket, sandbox: DiscordSandbox, shard: int, count: int = 16) -> object:
    await socket.identify(sandbox, shard=[shard, count])
    message = await socket.socket.receive()
    if message.type is aiohttp.WSMsgType.CLOSE:
        return socket.socket.close_code
    frame = message.json()
    return frame["t"] or frame["op"]


async def test_one_identify_in_five_seconds(
    session: aiohttp.ClientSession, sandbox: DiscordSandbox, starts: Any
) -> None:
    assert await identify(session, sandbox, 0) == READY
    sandbox.advance(4.5)
    too_soon = await open_socket(session, sandbox)
    assert await answered(too_soon, sandbox, 1) == INVALID
    assert len(sandbox.gateway.sessions) == 1
    sandbox.advance(0.6)
    assert await answered(too_soon, sandbox, 1) == READY


async def test_as_many_at_once_as_there_are_buckets(
    session: aiohttp.ClientSession, sandbox: DiscordSandbox, starts: Any
) -> None:
    starts.max_concurrency = 4
    assert [await identify(session, sandbox, shard) for shard in range(4)] == [READY] * 4
    assert [await identify(session, sandbox, shard) for shard in (4, 7, 15)] == [INVALID] * 3
    sandbox.advance(5.1)
    assert [await identify(session, sandbox, shard) for shard in (4, 15)] == [READY] * 2


async def test_a_resume_is_not_a_session_start(
    session: aiohttp.ClientSession, sandbox: DiscordSandbox, starts: Any
) -> None:
    socket = await open_socket(session, sandbox)
    await socket.identify(sandbox, shard=[0, 1])
    session_id = (await socket.read())["d"]["session_id"]
    await socket.socket.close(code=4000)
    back = await open_socket(session, sandbox)
    await back.socket.send_json({"op": 6, "d": {"token": sandbox.bot_token, "session_id": session_id, "seq": 1}})
    assert (await back.read())["t"] == "RESUMED"
    assert starts.used == 1


async def test_the_remaining_starts_are_reported_and_renewed_after_a_day(
    session: aiohttp.ClientSession, sandbox: DiscordSandbox, rest: Rest, starts: Any
) -> None:
    starts.max_concurrency = 2
    assert await limit(rest) == {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 2}
    assert await identify(session, sandbox, 0) == READY
    sandbox.advance(3600)
    assert await identify(session, sandbox, 1) == READY
    told = await limit(rest)
    assert told["remaining"] == 998
    assert 22.9 < told["reset_after"] / 3_600_000 <= 23
    sandbox.advance(23 * 3600 + 1)
    assert (await limit(rest))["remaining"] == 1000


async def limit(rest: Rest) -> dict[str, int]:
    _, told = await rest("GET", "/gateway/bot")
    shown: dict[str, int] = told["session_start_limit"]
    return shown


async def test_one_start_too_many_ends_every_session_and_voids_the_token(
    session: aiohttp.ClientSession, sandbox: DiscordSandbox, rest: Rest, starts: Any
) -> None:
    starts.total = 2
    first = await open_socket(session, sandbox)
    assert await answered(first, sandbox, 0) == READY
    sandbox.advance(6)
    assert await identify(session, sandbox, 1) == READY
    sandbox.advance(6)
    assert (await limit(rest))["remaining"] == 0
    assert await identify(session, sandbox, 2) == 4004
    assert await first.closed_with() == 4004
    assert (await rest("GET", "/users/@me"))[0] == 401


async def test_nothing_is_refused_if_limits_are_off(session: aiohttp.ClientSession, sandbox: DiscordSandbox) -> None:
    sandbox.starts.total = 1
    assert [await identify(session, sandbox, 0) for _ in range(3)] == [READY] * 3
