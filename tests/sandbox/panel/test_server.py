"""Only a browser on this machine that shows this page may talk to the page and its chat."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence

import aiohttp
import pytest

from sandbox.demo_setup import DemoSetup
from sandbox.discord_wire import Channel, Member
from sandbox.panel import Panel, PortTaken
from sandbox.panel.form import Form


@pytest.fixture
async def panel(setup: DemoSetup) -> AsyncIterator[Panel]:
    async with Panel.open(setup) as opened:
        await opened.state.show()
        yield opened


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_the_page_and_everything_it_loads_are_served(panel: Panel, client: aiohttp.ClientSession) -> None:
    async with client.get(panel.url) as answer:
        assert answer.status == 200
        policy = answer.headers["Content-Security-Policy"]
        text = await answer.text()
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "<script>" not in text
    assert "style=" not in text
    for name in ("main.js", "dom.js", "base.css", "icon.svg"):
        assert f"/page/{name}" in text or name == "dom.js"
        async with client.get(f"{panel.url}page/{name}") as answer:
            assert answer.status == 200
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["page/none.js", "page/..%2fserver.py", "page/%2e%2e/server.py", "server.py", "do/none"]
)
async def test_nothing_else_is_served(panel: Panel, client: aiohttp.ClientSession, path: str) -> None:
    async with client.get(panel.url + path) as answer:
        assert answer.status in (404, 405)
        assert "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1.evil.example", "[::1]"])
async def test_another_host_is_refused(panel: Panel, client: aiohttp.ClientSession, host: str) -> None:
    for address in (panel.url, f"{panel.url}events", panel.chat.url.partition("?")[0]):
        async with client.get(address, headers={"Host": host}) as answer:
            assert answer.status == 403


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"}],
)
async def test_another_page_can_change_nothing(
    panel: Panel, client: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    body = {"kind": "v2 video", "ending": "completed", "seconds": "1", "videos": "1", "size": "about 60 kB"}
    async with client.post(f"{panel.url}do/job-start", json=body, headers=headers) as answer:
        assert answer.status == 403
    assert panel.state.setup.pixverse.jobs == []
    async with client.post(f"{panel.url}do/job-start", json=body, headers={"Origin": panel.url[:-1]}) as answer:
        assert await answer.json() == {"done": True, "said": "Started."}
    assert len(panel.state.setup.pixverse.jobs) == 1


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'"a"', b"\xff"])
async def test_invalid_input_is_refused_in_a_sentence(panel: Panel, client: aiohttp.ClientSession, body: bytes) -> None:
    headers = {"Origin": panel.url[:-1], "Content-Type": "application/json"}
    async with client.post(f"{panel.url}do/job-start", data=body, headers=headers) as answer:
        assert (await answer.json())["done"] is False
    async with client.post(f"{panel.url}do/job-start", data={"a": "b"}, headers={"Origin": panel.url[:-1]}) as answer:
        assert (await answer.json())["done"] is False


async def test_every_control_refuses_an_empty_form_or_needs_none(panel: Panel, client: aiohttp.ClientSession) -> None:
    for name in panel.controls:
        if name.startswith("bot-"):
            continue  # there is no bot here
        async with client.post(f"{panel.url}do/{name}", json={}, headers={"Origin": panel.url[:-1]}) as answer:
            assert answer.status == 200, name


async def test_only_the_panel_can_frame_the_chat(panel: Panel, client: aiohttp.ClientSession) -> None:
    address, _, secret = panel.chat.url.partition("#")
    async with client.get(address) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "X-Frame-Options" not in answer.headers
        assert "/panel/chat.css" in await answer.text()
    assert f"frame-ancestors http://127.0.0.1:{panel.port} http://localhost:{panel.port}" in policy
    assert "script-src 'self'" in policy
    base = address.partition("/?")[0]
    for origin, status in ((base, 200), ("http://evil.example", 403), (panel.url[:-1], 403)):
        headers = {"X-Simcord-Capability": secret, "Origin": origin}
        async with client.post(f"{base}/api/pages", json={}, headers=headers) as answer:
            assert answer.status == status


async def test_browsers_cache_what_every_chat_has_in_common(panel: Panel, client: aiohttp.ClientSession) -> None:
    address = panel.chat.url.partition("?")[0]
    for name, kept in (("app.js", True), ("preview.css", True), ("", False)):
        async with client.get(address + name) as answer:
            assert ("max-age" in answer.headers["Cache-Control"]) == kept, name
            assert ("Pragma" in answer.headers) != kept, name


async def test_each_channel_and_person_has_a_separate_chat(panel: Panel) -> None:
    state = panel.state
    first = panel.chat.url
    await panel.controls["person"](Form({"person": str(state.setup.ada.id)}))
    assert panel.chat.url != first
    await panel.controls["channel"](Form({"channel": str(state.setup.channels[1].id)}))
    assert state.here().name == "talk"
    await panel.controls["bot-remove"](Form({}))
    assert panel.chat.url == ""


async def _as_page(client: aiohttp.ClientSession, url: str, method: str, path: str) -> tuple[int, bytes]:
    """What a page of this address, open in a browser, is answered."""
    address, _, secret = url.partition("#")
    base = address.partition("/?")[0]
    headers = {"Origin": base} | ({"X-Simcord-Capability": secret} if secret else {})
    async with client.request(method, base + path, headers=headers, json={} if method == "POST" else None) as answer:
        return answer.status, await answer.read()


async def test_an_abandoned_chat_gets_no_updates_and_no_refusals(panel: Panel, client: aiohttp.ClientSession) -> None:
    left = panel.chat.url
    assert (await _as_page(client, left, "POST", "/api/pages"))[0] == 200
    await panel.controls["person"](Form({"person": str(panel.state.setup.ada.id)}))
    for method, path in (("GET", "/api/state"), ("DELETE", "/api/pages/1"), ("POST", "/api/pages")):
        assert await _as_page(client, left, method, path) == (204, b"")
    assert (await _as_page(client, panel.chat.url, "POST", "/api/pages"))[0] == 200
    last = panel.chat.url
    await panel.controls["bot-remove"](Form({}))
    assert await _as_page(client, last, "GET", "/api/state") == (204, b"")


async def test_requests_during_a_channel_change_are_answered_afterwards(
    panel: Panel, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = panel.chat.url
    discord, changing, go_on = panel.state.setup.discord, asyncio.Event(), asyncio.Event()
    open_preview = discord.open_preview

    async def held(channel: Channel, viewers: Sequence[Member]) -> str:
        changing.set()
        await go_on.wait()
        return await open_preview(channel, viewers)

    monkeypatch.setattr(discord, "open_preview", held)
    panel.state.channel = panel.state.setup.channels[1]
    change = asyncio.create_task(panel.state.show())
    await changing.wait()
    asked = asyncio.create_task(_as_page(client, left, "GET", "/api/state"))
    loaded = asyncio.create_task(_as_page(client, left.partition("#")[0], "GET", "/app.js"))
    async with client.get(panel.url):
        too_early = asked.done()
    go_on.set()
    await change
    assert not too_early
    assert await asked == (204, b"")
    assert (await loaded)[0] == 200


async def test_a_port_in_use_is_named(setup: DemoSetup) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)):
            async with Panel.open(setup, port):
                pass


async def test_the_page_is_sent_only_what_changes(panel: Panel, client: aiohttp.ClientSession) -> None:
    async with client.get(f"{panel.url}events") as stream:
        assert stream.content_type == "text/event-stream"
        first = [await _event(stream) for _ in range(9)]
        named = ["places", "chat", "bot", "processes", "scene", "pixverse", "jobs", "traffic", "log"]
        assert [name for name, _ in first] == named
        panel.state.setup.pixverse.add_job(panel.state.setup.account, prompt="a\nb: c")
        name, data = await _event(stream)
    assert name == "jobs"
    assert r"a\nb: c" in data


async def _event(stream: aiohttp.ClientResponse) -> tuple[str, str]:
    name = (await stream.content.readline()).decode().removeprefix("event: ").strip()
    data = (await stream.content.readline()).decode()
    assert await stream.content.readline() == b"\n"
    return name, data
