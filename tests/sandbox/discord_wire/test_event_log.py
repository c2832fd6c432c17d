"""The log that a checker reads: who identified, who acknowledged, what was posted under which nonce."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.discord_wire import Cut, DiscordSandbox
from sandbox.event_log import EventLog, read_events
from tests.sandbox.discord_wire.bare_socket import open_socket
from tests.sandbox.discord_wire.conftest import GuildFixture, Rest
from tests.sandbox.discord_wire.test_api import command, commands, option


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


@pytest.fixture
async def sandbox(log: Path) -> AsyncIterator[DiscordSandbox]:
    running = await DiscordSandbox.start(log_path=log)
    yield running
    await running.stop(strict=False)


def events(log: Path, *kinds: str) -> list[dict[str, Any]]:
    return [event for event in read_events(log) if event["event"] in kinds]


def pick(event: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(event.get(name) for name in names)


async def called(session: aiohttp.ClientSession, sandbox: DiscordSandbox, caller: str, path: str, body: Any) -> int:
    headers = {"Authorization": f"Bot {sandbox.bot_token}"}
    async with session.post(sandbox.api_url_of(caller) + path, json=body, headers=headers) as response:
        return response.status


async def test_sessions_from_identify_to_close(session: aiohttp.ClientSession, server: GuildFixture, log: Path) -> None:
    server.sandbox.starts.enforced = True
    opened = await session.ws_connect(f"{server.sandbox.gateway.address('bot-a')}?v=10")
    await opened.receive_json()
    data = {"token": server.sandbox.bot_token, "intents": 1, "properties": {}, "shard": [0, 1]}
    await opened.send_json({"op": 2, "d": data})
    ready = await opened.receive_json()
    assert ready["d"]["resume_gateway_url"] == server.sandbox.gateway.address("bot-a")
    other = await open_socket(session, server.sandbox)
    await other.identify(server.sandbox)
    assert (await other.read())["op"] == 9
    await opened.close(code=4000)
    await server.sandbox.until(lambda: not server.sandbox.bot_connected)
    back = await open_socket(session, server.sandbox)
    resume = {"token": server.sandbox.bot_token, "session_id": ready["d"]["session_id"], "seq": 2}
    await back.socket.send_json({"op": 6, "d": resume})
    assert (await back.read())["t"] == "RESUMED"
    await back.socket.close(code=1000)
    await server.sandbox.until(lambda: not server.sandbox.bot_connected)
    told = [
        pick(event, "event", "caller", "shard", "shard_count", "outcome", "code", "ended")
        for event in events(log, "identify", "resume", "close")
    ]
    assert told == [
        ("identify", "bot-a", 0, 1, "accepted", None, None),
        ("identify", None, 0, 1, "too soon", None, None),
        ("close", "bot-a", 0, 1, None, 4000, False),
        ("resume", None, 0, 1, "resumed", None, None),
        ("close", None, 0, 1, None, 1000, True),
    ]


async def test_who_received_and_who_acknowledged_an_interaction(
    session: aiohttp.ClientSession, server: GuildFixture, rest: Rest, log: Path
) -> None:
    await rest("PUT", commands(server.sandbox), [command(options=[option()])])
    sockets = [await open_socket(session, server.sandbox) for _ in range(2)]
    for socket in sockets:
        await socket.identify(server.sandbox)
        await socket.read_until("GUILD_CREATE")
    record = server.alice.begin_slash(server.channel, "status", jobid="j")
    path = f"/interactions/{record.id}/{record.token}/callback"
    for caller in ("bot-a", "bot-b"):
        await called(session, server.sandbox, caller, path, {"type": 5})
    webhook = f"/webhooks/{server.sandbox.world.backend.application_id}/{record.token}"
    await called(session, server.sandbox, "bot-a", webhook, {"content": "done"})
    (told,) = events(log, "interaction")
    assert pick(told, "interaction", "guild") == (record.id, str(server.guild.id))
    assert len(told["sessions"]) == 2
    acknowledged = [pick(event, "interaction", "caller", "status", "code") for event in events(log, "acknowledge")]
    assert acknowledged == [(record.id, "bot-a", 204, None), (record.id, "bot-b", 400, 40060)]
    replies = [pick(event, "interaction", "caller", "status") for event in events(log, "reply")]
    assert replies == [(record.id, "bot-a", 200)]
    assert record.token not in log.read_text()


async def test_posts_edits_and_a_second_post_with_the_same_nonce(server: GuildFixture, rest: Rest, log: Path) -> None:
    path = f"/channels/{server.channel.id}/messages"
    body = {"content": "done", "nonce": "n1", "enforce_nonce": True}
    _, sent = await rest("POST", path, body)
    await rest("POST", path, body)
    await rest("PATCH", f"{path}/{sent['id']}", {"content": "changed"})
    posts = [pick(event, "message", "nonce", "content", "status") for event in events(log, "post")]
    assert posts == [(sent["id"], "n1", "done", 200)] * 2
    assert [pick(event, "message", "status") for event in events(log, "edit")] == [(sent["id"], 200)]


async def test_a_post_with_a_lost_response_is_logged_when_it_is_stored(
    server: GuildFixture, rest: Rest, log: Path
) -> None:
    path = f"/channels/{server.channel.id}/messages"
    server.sandbox.faults.add(method="POST", path=path, when="after", action=Cut())
    server.sandbox.faults.add(method="POST", path=path, when="before", action=Cut())
    for content in ("never stored", "stored"):
        with pytest.raises(aiohttp.ClientError):
            await rest("POST", path, {"content": content})
    assert [pick(event, "content", "status") for event in events(log, "post")] == [
        ("never stored", None),
        ("stored", 200),
    ]
    assert [message.text for message in server.channel.messages()] == ["stored"]


async def test_the_global_limit_holds_over_all_connections_and_is_logged(
    session: aiohttp.ClientSession, server: GuildFixture, log: Path
) -> None:
    server.sandbox.limits.enabled = True
    server.sandbox.limits.per_second = 4  # even a busy machine makes six requests in a second
    path = f"/channels/{server.channel.id}/typing"
    met = []
    for number in range(6):
        async with aiohttp.ClientSession() as own:
            met.append(await called(own, server.sandbox, f"bot-{number % 3}", path, {}))
    assert met.count(429) == 2
    told = [event for event in events(log, "request") if event["status"] == 429]
    assert [event["global"] for event in told] == [True, True]


def test_a_log_is_only_appended_to(log: Path) -> None:
    for caller in ("a", "b"):
        events_log = EventLog(log, lambda: 1.0)
        events_log.write("start", caller=caller, code=None)
        events_log.close()
        events_log.write("nothing is written any more")
    assert list(read_events(log)) == [{"at": 1.0, "event": "start", "caller": caller} for caller in ("a", "b")]
