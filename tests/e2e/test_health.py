"""The running bot's monitoring port, and its messages to the service manager."""

from __future__ import annotations

import json
import socket

import pytest

from sandbox.ports import free_port
from tests.e2e.conftest import Build
from tests.e2e.waiting import until
from tests.web.port import ask
from tests.web.samples import read

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_health_over_the_port_and_the_service_manager(build: Build) -> None:
    port = free_port()
    harness = await build(HTTP_PORT=str(port))
    path = harness.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.setblocking(False)
        harness.bot.settings["NOTIFY_SOCKET"] = str(path)
        await harness.start()
        assert manager.recv(100) == b"READY=1"

        status, body = await ask(port, "GET /healthz HTTP/1.1\nHost: 127.0.0.1")
        assert (status, json.loads(body)["reasons"]) == (200, [])
        assert json.loads(body)["seconds_since_loops_turned"].keys() >= {"cards", "delivery", "poll"}

        server = await harness.server()
        (await server.watched()).complete()
        await server.outcome()
        status, body = await ask(port, "GET /metrics HTTP/1.1\nHost: 127.0.0.1")
        samples = read(body.decode())
        assert samples['relay_posts_total{result="Done"}'] >= 2
        assert samples['relay_download_seconds_count{ending="file"}'] == 1
        assert samples['relay_api_request_seconds_count{outcome="answered"}'] >= 2
        assert samples['relay_discord_answers_total{status="2xx"}'] >= 2
        assert samples["relay_gateway_away_seconds"] == 0
        assert (samples["relay_shards"], samples["relay_shards_held"]) == (1, 1)
        assert samples["relay_accounts_held"] == 1
        assert samples['relay_shard_held{shard="0"}'] == 1
        assert (samples["relay_identifies_left"], samples["relay_identifies_allowed"]) == (999, 1000)
        status, body = await ask(port, "GET /healthz HTTP/1.1\nHost: 127.0.0.1")
        held = {name: json.loads(body)[name] for name in ("shards", "accounts_held", "accounts")}
        assert held == {"shards": [0], "accounts_held": 1, "accounts": [1]}
        loops = (
            "delivery",
            "poll",
            "follows",
            "callbacks",
            "cards",
            "retention",
            "accounts",
            "gateway",
            "interactions",
        )
        assert [samples[f'relay_loop_failures_total{{loop="{loop}"}}'] for loop in loops] == [0] * len(loops)

        await harness.stop()
        assert manager.recv(100) == b"STOPPING=1"
    assert harness.bot.said("Traceback") == []


async def test_a_port_in_use_is_reported_in_a_line(build: Build) -> None:
    harness = await build()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        finished = await harness.bot.run(changed={"HTTP_PORT": port})
    assert finished.code == 2
    assert finished.lines[-1].startswith(f"HTTP_HOST, HTTP_PORT: 127.0.0.1, port {port} can't be used")
    assert "Traceback" not in finished.text


async def test_while_discord_is_down_the_port_responds(build: Build) -> None:
    port = free_port()
    harness = await build(HTTP_PORT=str(port), DISCORD_API_URL="http://127.0.0.1:9")
    await harness.bot.start()
    await until(lambda: harness.bot.said("Discord can't be reached"))
    status, body = await ask(port, "GET /healthz HTTP/1.1\nHost: 127.0.0.1")
    assert (status, json.loads(body)["seconds_since_loops_turned"]) == (200, {})
    assert await harness.bot.stop() == 0
