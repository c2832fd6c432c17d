"""The meaning of refusals as plain values, and whether they come from Discord itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import aiohttp
import discord
import pytest

from discord_adapter.request_trace import DiscordAway, ask_discord, is_of_discord, read_refusal
from model.messages import NoResponse, Refused, SendResult, TooManyRequests


def _refusal(status: int, code: int = 0, text: str = "injected", **headers: str) -> discord.HTTPException:
    """The exception that discord.py creates from this JSON."""
    headers = {"Content_Type": "application/json", **headers}
    response = SimpleNamespace(
        status=status, reason="", headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    return discord.HTTPException(cast("aiohttp.ClientResponse", response), {"code": code, "message": text})


def _page(status: int, text: str) -> discord.HTTPException:
    response = SimpleNamespace(status=status, reason="", headers={"Content-Type": "text/html"})
    return discord.HTTPException(cast("aiohttp.ClientResponse", response), text)


@pytest.mark.parametrize(
    ("refusal", "meaning"),
    [
        (_refusal(403, 50013), Refused(403, 50013, "injected")),
        (_refusal(400, text="400: Bad Request"), Refused(400, 0, "400: Bad Request")),
        (_refusal(401), Refused(401, 0, "injected")),
        (_refusal(413), Refused(413, 0, "injected")),
        (_refusal(500), NoResponse()),
        (_refusal(429, Retry_After="12.5"), TooManyRequests(12.5)),
        (_refusal(429, Retry_After="0"), TooManyRequests(1.0)),
        (_refusal(429, Retry_After="90000"), TooManyRequests(3600.0)),
        (_refusal(429), TooManyRequests(30.0)),
        (_refusal(429, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"), TooManyRequests(30.0)),
        (_refusal(429, Retry_After="nan"), TooManyRequests(30.0)),
    ],
)
def test_a_refusal_as_a_plain_value(refusal: discord.HTTPException, meaning: SendResult) -> None:
    assert read_refusal(refusal) == meaning


@pytest.mark.parametrize("status", [400, 403, 404, 405, 408, 409, 499])
@pytest.mark.parametrize(
    "made",
    [
        lambda status: _page(status, "<html><h1>Sorry</h1></html>"),
        lambda status: _page(status, ""),
        lambda status: _page(status, f"{status}: Not Found"),
        lambda status: _refusal(status, text="the proxy is sorry"),
        lambda status: _refusal(status, status, text="the proxy is sorry"),
    ],
    ids=["a page", "nothing", "a page in Discord's words", "JSON", "JSON with the status for a code"],
)
def test_a_refusal_that_is_not_discord_s_proves_nothing(
    status: int, made: Callable[[int], discord.HTTPException]
) -> None:
    assert not is_of_discord(made(status))
    assert read_refusal(made(status)) == NoResponse()


async def _raising(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    "error",
    [
        _refusal(500),
        _refusal(429),
        _page(404, "<html><h1>Sorry</h1></html>"),
        discord.RateLimited(60.0),
        aiohttp.ClientConnectionError(),
        ConnectionResetError(),
        TimeoutError(),
    ],
    ids=str,
)
async def test_any_response_that_is_not_discord_s_means_discord_is_down(error: BaseException) -> None:
    with pytest.raises(DiscordAway):
        await ask_discord(_raising(error))


@pytest.mark.parametrize("error", [_refusal(403, 50001), _refusal(404, 10003)], ids=str)
async def test_a_refusal_by_discord_stays_a_refusal(error: discord.HTTPException) -> None:
    with pytest.raises(discord.HTTPException):
        await ask_discord(_raising(error))


async def test_an_error_of_ours_is_no_outage_of_discord() -> None:
    with pytest.raises(TypeError):
        await ask_discord(_raising(TypeError("ours")))


async def test_a_request_times_out() -> None:
    async with asyncio.timeout(5):
        with pytest.raises(DiscordAway, match="no answer in time"):
            await ask_discord(asyncio.Event().wait(), 0.01)
