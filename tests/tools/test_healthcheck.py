"""The image's HEALTHCHECK, against a port that answers like the bot's."""

from __future__ import annotations

import asyncio
import sys
from http import HTTPStatus
from pathlib import Path

import pytest

from sandbox.ports import free_port
from tests.web.port import port_at
from web.health import STALLED_AFTER
from web.http_messages import Request, Response
from web.server import monitoring_routes, serving

_SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "healthcheck.py"


async def _check(*arguments: str, **environ: str) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-S", str(_SCRIPT), *arguments, env=environ, stdout=asyncio.subprocess.DEVNULL
    )
    return await process.wait()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
async def test_it_prints_the_bot_s_response(status: int, code: int) -> None:
    async def health(_request: Request) -> Response:
        return Response(b"{}", HTTPStatus(status))

    port = free_port()
    async with serving(monitoring_routes(health, health), port_at(port)):
        assert await _check(HTTP_PORT=str(port), HTTP_HOST="0.0.0.0") == code


async def test_an_unreachable_bot_is_unhealthy_but_a_switched_off_port_is_healthy() -> None:
    assert await _check(HTTP_PORT=str(free_port())) == 1
    assert await _check(HTTP_PORT=" ") == 0


@pytest.mark.parametrize(("age", "code"), [(STALLED_AFTER - 1, 0), (STALLED_AFTER + 1, 1)])
async def test_with_loops_only_a_hung_loop_requires_a_restart(age: float, code: int) -> None:
    async def health(_request: Request) -> Response:
        away = {"reasons": ["the database takes no write"], "seconds_since_loops_turned": {"poll": 1.0, "cards": age}}
        return Response.of_json(away, HTTPStatus.SERVICE_UNAVAILABLE)

    port = free_port()
    async with serving(monitoring_routes(health, health), port_at(port)):
        assert await _check("--loops", HTTP_PORT=str(port)) == code


async def test_with_loops_an_unreachable_bot_requires_a_restart() -> None:
    assert await _check("--loops", HTTP_PORT=str(free_port())) == 1
