"""Several shards and several sessions of one shard: which events and interactions go where."""

import aiohttp
import pytest

from sandbox.discord_wire import DiscordSandbox, Guild
from tests.sandbox.discord_wire.bare_socket import Socket, open_socket
from tests.sandbox.discord_wire.conftest import GuildFixture, Rest
from tests.sandbox.discord_wire.test_api import command, commands, option


async def identified(session: aiohttp.ClientSession, sandbox: DiscordSandbox, *shard: int) -> Socket:
    """A socket that has identified as this shard; its READY and its servers are read."""
    socket = await open_socket(session, sandbox)
    await socket.identify(sandbox, shard=list(shard))
    (ready,) = await socket.read_until("READY")
    assert ready["d"]["shard"] == list(shard)
    for _ in ready["d"]["guilds"]:
        assert (await socket.read())["t"] == "GUILD_CREATE"
    return socket


def of_each_shard(sandbox: DiscordSandbox, count: int) -> list[Guild]:
    """A server for each shard, in their order."""
    return [sandbox.add_guild("One of many", shard=(shard, count)) for shard in range(count)]


async def test_each_shard_has_the_servers_of_its_number(
    session: aiohttp.ClientSession, sandbox: DiscordSandbox
) -> None:
    of_each_shard(sandbox, 3)
    for shard in range(3):
        socket = await open_socket(session, sandbox)
        await socket.identify(sandbox, shard=[shard, 3])
        (ready,) = await socket.read_until("READY")
        served = {int(guild["id"]) for guild in ready["d"]["guilds"]}
        assert served == {guild for guild in sandbox.world.backend.guilds if (guild >> 22) % 3 == shard}


async def test_events_go_to_the_servers_shard_and_to_each_of_its_sessions(
    session: aiohttp.ClientSession, sandbox: DiscordSandbox
) -> None:
    first, second = of_each_shard(sandbox, 2)
    sockets = [await identified(session, sandbox, *shard) for shard in ((0, 2), (1, 2), (1, 2), (0, 1))]
    second.add_text_channel("of the second")
    first.add_text_channel("of the first")
    heard = [(await socket.read())["d"]["name"] for socket in sockets]
    assert heard == ["of the first", "of the second", "of the second", "of the second"]
    assert (await sockets[3].read())["d"]["name"] == "of the first"


async def test_events_without_a_server_go_to_the_first_shard(
    session: aiohttp.ClientSession, sandbox: DiscordSandbox
) -> None:
    second = of_each_shard(sandbox, 2)[1]
    sockets = [await identified(session, sandbox, number, 2) for number in range(2)]
    sandbox.world.emit("INTERACTION_CREATE", {"id": "1", "type": 1})
    second.add_text_channel("later")
    assert [(await socket.read())["t"] for socket in sockets] == ["INTERACTION_CREATE", "CHANNEL_CREATE"]


async def test_both_sessions_of_a_shard_get_an_interaction_and_one_acknowledges_it(
    session: aiohttp.ClientSession, server: GuildFixture, rest: Rest
) -> None:
    await rest("PUT", commands(server.sandbox), [command(options=[option()])])
    sockets = [await identified(session, server.sandbox, 0, 1) for _ in range(2)]
    record = server.alice.begin_slash(server.channel, "status", jobid="j")
    told = [(await socket.read_until("INTERACTION_CREATE"))[-1]["d"] for socket in sockets]
    assert [interaction["token"] for interaction in told] == [record.token] * 2
    callback = f"/interactions/{record.id}/{record.token}/callback"
    assert (await rest("POST", callback, {"type": 5}))[0] == 204
    status, refused = await rest("POST", callback, {"type": 5})
    assert (status, refused["code"]) == (400, 40060)


async def test_an_interaction_that_nobody_knows(rest: Rest) -> None:
    status, refused = await rest("POST", "/interactions/123/none/callback", {"type": 5})
    assert (status, refused["code"]) == (404, 10062)


async def test_a_shard_has_a_maximum_number_of_servers(session: aiohttp.ClientSession, sandbox: DiscordSandbox) -> None:
    of_each_shard(sandbox, 2)
    sandbox.gateway.most_guilds = len(sandbox.world.backend.guilds) - 1
    socket = await open_socket(session, sandbox)
    await socket.identify(sandbox, shard=[0, 1])
    assert await socket.closed_with() == 4011
    await identified(session, sandbox, 0, 2)


@pytest.mark.parametrize(("shard", "code"), [([2, 2], 4010), ([-1, 2], 4010), ([0, 0], 4010)])
async def test_an_invalid_shard(
    session: aiohttp.ClientSession, sandbox: DiscordSandbox, shard: list[int], code: int
) -> None:
    socket = await open_socket(session, sandbox)
    await socket.identify(sandbox, shard=shard)
    assert await socket.closed_with() == code


async def test_the_number_of_shards_is_recommended(sandbox: DiscordSandbox, rest: Rest) -> None:
    sandbox.gateway.shards = 9
    _, told = await rest("GET", "/gateway/bot")
    assert (told["url"], told["shards"]) == (sandbox.gateway_url, 9)
