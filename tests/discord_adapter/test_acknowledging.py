"""When an acknowledgement is retried, and when the command may then be carried out."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from unittest.mock import Mock

import aiohttp
import discord
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from discord_adapter.acknowledging import acknowledge
from discord_adapter.rate_limits import GlobalLimit
from discord_adapter.request_trace import wire_trace

_CUT = 0
_TOO_LATE = (404, 10062)
_TAKEN = (400, 40060)
Said = int | tuple[int, int]


class Discord:
    """Answers each attempt with the script's next entry: a status, a status with a code, or nothing."""

    def __init__(self, *script: Said) -> None:
        self.left = list(script)

    async def serve(self, request: web.Request) -> web.Response:
        said = self.left.pop(0)
        status, code = said if isinstance(said, tuple) else (said, 0)
        if status == _CUT:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return web.json_response({"code": code, "message": "injected"}, status=status)


async def stands(discord_: Discord, respond_at: Callable[[int], int] = lambda port: port) -> bool:
    """What comes of an answer to this Discord, listening at the port that `respond_at` makes of its own."""
    app = web.Application()
    app.router.add_post("/", discord_.serve)
    async with (
        TestServer(app) as server,
        aiohttp.ClientSession(trace_configs=[wire_trace(GlobalLimit(Mock))]) as session,
    ):
        assert server.port is not None
        url = f"http://127.0.0.1:{respond_at(server.port)}/"

        async def respond() -> None:
            async with session.post(url) as response:
                body = await response.json()
                if response.status >= 400:
                    raise discord.HTTPException(response, body)

        return await acknowledge(respond, _no_time)


async def _no_time(_seconds: float) -> None:
    pass


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param([200], True, id="taken"),
        pytest.param([_CUT, 200], True, id="broken off before"),
        pytest.param([_CUT, _TAKEN], True, id="broken off after"),
        pytest.param([502, _TAKEN], True, id="502 after"),
        pytest.param([_CUT, _CUT, _CUT], True, id="nobody knows"),
        pytest.param([429, 429, 200], True, id="told to wait"),
        pytest.param([429, 429, 429], False, id="told to wait until it was too late"),
        pytest.param([_TAKEN], False, id="another process was first"),
        pytest.param([_CUT, _TOO_LATE], False, id="too late"),
        pytest.param([(403, 0)], False, id="refused"),
        pytest.param([_CUT, (403, 0)], True, id="refused by a proxy that may have let the first through"),
    ],
)
async def test_an_acknowledgement_is_repeated_until_its_fate_is_known(script: list[Said], expected: bool) -> None:
    there = Discord(*script)
    assert await stands(there) is expected
    assert not there.left


async def test_an_acknowledgement_by_another_process_is_no_problem(caplog: pytest.LogCaptureFixture) -> None:
    assert not await stands(Discord(_TAKEN))
    told = [record for record in caplog.records if record.name == "discord_adapter.acknowledging"]
    assert [record for record in told if record.levelno > logging.DEBUG] == []


async def test_an_acknowledgement_that_never_reached_discord_fails(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as bound_and_not_listening:
        bound_and_not_listening.bind(("127.0.0.1", 0))
        port = bound_and_not_listening.getsockname()[1]
        assert not await stands(Discord(), lambda _: port)
    assert "nothing was done" in caplog.text


async def test_a_missing_response_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discord_adapter.acknowledging._LONGEST", 0.01)
    assert await acknowledge(_silent, _no_time)


def _silent() -> Awaitable[object]:
    return asyncio.Event().wait()
