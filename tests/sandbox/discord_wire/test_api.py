"""The rest of the REST API: commands, the application, token, limits, faults, unknown paths."""

import asyncio
from typing import Any

import aiohttp
import pytest

from sandbox.discord_wire import Cut, DiscordSandbox, Hold, RateLimit, Status, UnsupportedCalls
from tests.sandbox.discord_wire.conftest import GuildFixture, Rest
from tests.sandbox.discord_wire.test_messages_over_rest import posts


def commands(sandbox: DiscordSandbox, guild_id: int | None = None) -> str:
    scope = f"/guilds/{guild_id}" if guild_id else ""
    return f"/applications/{sandbox.world.backend.application_id}{scope}/commands"


def command(**changes: Any) -> dict[str, Any]:
    return {"name": "status", "description": "Where a job stands", "type": 1, **changes}


def option(**changes: Any) -> dict[str, Any]:
    return {"name": "jobid", "description": "A job", "type": 3, **changes}


async def test_commands_are_replaced_and_read_as_discord_shows_them(rest: Rest, server: GuildFixture) -> None:
    sent = command(options=[option(required=True, autocomplete=True), option(name="mention", type=5, required=False)])
    status, stored = await rest("PUT", commands(server.sandbox), [sent])
    assert status == 200
    _, read = await rest("GET", commands(server.sandbox))
    assert [item["id"] for item in read] == [item["id"] for item in stored]
    assert read[0]["options"][1] == {"name": "mention", "description": "A job", "type": 5}
    _, again = await rest("PUT", commands(server.sandbox), [sent])
    assert again[0]["id"] == stored[0]["id"]


async def test_single_commands_of_a_server(rest: Rest, server: GuildFixture) -> None:
    path = commands(server.sandbox, server.guild.id)
    status, made = await rest("POST", path, command())
    assert status == 201
    assert (await rest("POST", path, command(description="new")))[0] == 200
    _, edited = await rest("PATCH", f"{path}/{made['id']}", {"description": "newer"})
    assert (edited["id"], edited["description"]) == (made["id"], "newer")
    assert (await rest("GET", f"{path}/{made['id']}"))[1]["description"] == "newer"
    assert (await rest("DELETE", f"{path}/{made['id']}"))[0] == 204
    assert (await rest("GET", path))[1] == []
    assert (await rest("GET", f"{path}/{made['id']}"))[1]["code"] == 10063


@pytest.mark.parametrize(
    "broken",
    [
        command(name="Status"),
        command(name="two words"),
        command(name="x" * 33),
        command(description=""),
        command(description="x" * 101),
        command(options=[option(name=f"o{number}") for number in range(26)]),
        command(options=[option(choices=[{"name": "n", "value": str(number)} for number in range(26)])]),
        command(options=[option(), option(name="later", required=True)]),
        command(options=[option(description="x" * 101)]),
        command(
            options=[
                option(name=f"o{n}", choices=[{"name": "n", "value": f"{n}{m}" * 25} for m in range(9)])
                for n in range(25)
            ]
        ),
        {"name": "Watch", "type": 3, "description": "none allowed"},
    ],
)
async def test_broken_commands_are_refused(rest: Rest, server: GuildFixture, broken: dict[str, Any]) -> None:
    status, refused = await rest("PUT", commands(server.sandbox), [broken])
    assert (status, refused["code"]) == (400, 50035)
    assert (await rest("GET", commands(server.sandbox)))[1] == []


async def test_the_application(rest: Rest, server: GuildFixture) -> None:
    for path in ("/applications/@me", "/oauth2/applications/@me"):
        assert (await rest("GET", path))[1]["id"] == str(server.sandbox.world.backend.application_id)
    assert (await rest("PATCH", "/applications/@me", {"description": "d"}))[1]["description"] == "d"
    assert (await rest("GET", f"/guilds/{server.guild.id}"))[1]["name"] == "Studio"
    assert (await rest("GET", f"/channels/{server.channel.id}"))[1]["name"] == "videos"


async def test_a_refused_token(rest: Rest, server: GuildFixture) -> None:
    await server.sandbox.refuse_token()
    assert (await rest("GET", "/users/@me"))[0] == 401
    server.sandbox.accept_token()
    assert (await rest("GET", "/users/@me"))[0] == 200


async def test_unknown_paths_fail_loudly_and_are_kept(rest: Rest) -> None:
    sandbox = await DiscordSandbox.start()
    async with aiohttp.ClientSession() as session:
        status, _ = await Rest(session, sandbox)("GET", "/nothing/here")
    assert status == 501
    assert "GET /nothing/here" in sandbox.unsupported[0]
    with pytest.raises(UnsupportedCalls, match="nothing/here"):
        await sandbox.stop()


async def test_calls_are_recorded_without_the_token(rest: Rest, server: GuildFixture) -> None:
    await rest("POST", posts(server), {"content": "x"})
    (call,) = server.sandbox.requests
    assert (call.method, call.path, call.status, call.body) == ("POST", posts(server), 200, {"content": "x"})
    assert server.sandbox.bot_token not in repr(call)


# ----------------------------------------------------------------------- faults


async def test_a_fault_before_the_action_does_nothing(rest: Rest, server: GuildFixture) -> None:
    fault = server.sandbox.faults.add(method="POST", path=r"/channels/\d+/messages", action=Status(502))
    assert (await rest("POST", posts(server), {"content": "x"}))[0] == 502
    assert server.channel.messages() == []
    assert (await rest("POST", posts(server), {"content": "x"}))[0] == 200
    assert fault.hits == 1


async def test_a_fault_after_the_action_keeps_the_message(rest: Rest, server: GuildFixture) -> None:
    server.sandbox.faults.add(
        path=r"/channels/\d+/messages", when="after", action=Status(400, code=200000, message="blocked")
    )
    assert await rest("POST", posts(server), {"content": "x"}) == (400, {"message": "blocked", "code": 200000})
    assert [message.text for message in server.channel.messages()] == ["x"]


@pytest.mark.parametrize(("when", "stored"), [("before", 0), ("after", 1)])
async def test_a_cut_connection(rest: Rest, server: GuildFixture, when: Any, stored: int) -> None:
    server.sandbox.faults.add(method="POST", when=when, action=Cut())
    with pytest.raises(aiohttp.ClientConnectionError):
        await rest("POST", posts(server), {"content": "x"})
    assert len(server.channel.messages()) == stored


async def test_a_held_response(rest: Rest, server: GuildFixture) -> None:
    hold = Hold()
    server.sandbox.faults.add(method="POST", when="after", action=hold, match=lambda call: call.body["content"] == "x")
    assert (await rest("POST", posts(server), {"content": "other"}))[0] == 200
    asking = asyncio.create_task(rest("POST", posts(server), {"content": "x"}))
    await hold.reached.wait()
    assert [message.text for message in server.channel.messages()] == ["other", "x"]
    assert not asking.done()
    hold.release.set()
    assert (await asking)[0] == 200


async def test_disconnecting_while_held_before_the_action_does_nothing(rest: Rest, server: GuildFixture) -> None:
    hold = Hold()
    server.sandbox.faults.add(method="POST", action=hold)
    asking = asyncio.create_task(rest("POST", posts(server), {"content": "x"}))
    await hold.reached.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await hold.gone.wait()
    hold.release.set()
    await rest("POST", posts(server), {"content": "y"})
    assert [message.text for message in server.channel.messages()] == ["y"]


# ------------------------------------------------------------------ rate limits


async def test_limits_are_off_at_first_and_then_real(rest: Rest, server: GuildFixture) -> None:
    assert {(await rest("POST", posts(server), {"content": "x"}))[0] for _ in range(8)} == {200}
    server.sandbox.limits.enabled = True
    answers = [await rest.raw("POST", posts(server), {"content": "x"}) for _ in range(6)]
    assert [answer.status for answer in answers] == [200] * 5 + [429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["4", "3", "2", "1", "0", "0"]
    refused = await answers[-1].json()
    assert refused["global"] is False
    assert 0 < refused["retry_after"] <= 5
    server.sandbox.advance(5)
    assert (await rest("POST", posts(server), {"content": "x"}))[0] == 200


async def test_limits_count_each_channel_separately(rest: Rest, server: GuildFixture) -> None:
    server.sandbox.limits.enabled = True
    server.sandbox.limits.messages = 1
    other = server.guild.add_text_channel("other")
    assert (await rest("POST", posts(server), {"content": "x"}))[0] == 200
    assert (await rest("POST", f"/channels/{other.id}/messages", {"content": "x"}))[0] == 200
    assert (await rest("POST", posts(server), {"content": "x"}))[0] == 429


async def test_limits_of_other_kinds(rest: Rest, server: GuildFixture) -> None:
    server.sandbox.faults.add(action=RateLimit(2.5, "global"))
    told = await rest.raw("GET", "/users/@me")
    assert (told.headers["X-RateLimit-Global"], (await told.json())["global"]) == ("true", True)
    server.sandbox.faults.add(action=RateLimit(2.5, "cloudflare"))
    told = await rest.raw("GET", "/users/@me")
    assert (told.status, told.content_type, "Via" in told.headers) == (429, "text/html", False)


async def test_the_gateway_s_address_and_its_limit(rest: Rest, server: GuildFixture) -> None:
    status, told = await rest("GET", "/gateway/bot")
    assert (status, told["url"], told["shards"]) == (200, server.sandbox.gateway_url, 1)
    limit = told["session_start_limit"]
    assert 0 < limit["remaining"] <= limit["total"] == 1000
    assert limit["max_concurrency"] == 1


async def test_a_limit_says_what_it_applies_to(rest: Rest, server: GuildFixture) -> None:
    server.sandbox.faults.add(action=RateLimit(2.5, "shared"))
    server.sandbox.faults.add(action=RateLimit(2.5, "user"))
    told = [await rest.raw("GET", "/users/@me") for _ in range(2)]
    assert [answer.headers["X-RateLimit-Scope"] for answer in told] == ["shared", "user"]
    assert [(await answer.json())["retry_after"] for answer in told] == [2.5, 2.5]


async def test_the_bot_s_servers_are_listed_in_pages_of_partial_guilds(rest: Rest, server: GuildFixture) -> None:
    ids = sorted([server.guild.id, *(server.sandbox.add_guild(f"Studio {number}").id for number in range(3))])
    _, first = await rest("GET", "/users/@me/guilds?limit=3")
    assert [int(guild["id"]) for guild in first] == ids[:3]
    assert set(first[0]) == {"id", "name", "icon", "banner", "owner", "permissions", "features"}
    _, rest_of_them = await rest("GET", f"/users/@me/guilds?after={ids[2]}")
    assert [int(guild["id"]) for guild in rest_of_them] == ids[3:]
    _, before = await rest("GET", f"/users/@me/guilds?limit=1&before={ids[2]}")
    assert [int(guild["id"]) for guild in before] == ids[1:2]
