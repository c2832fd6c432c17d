"""What Discord's refusals mean, as plain values."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import aiohttp
import discord
import pytest

from cogs.poster import read_refusal
from relay.messages import NoAnswer, RateLimited, Refused, SendResult


def _refusal(status: int, code: int = 0, **headers: str) -> discord.HTTPException:
    response = SimpleNamespace(
        status=status, reason="", headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    return discord.HTTPException(cast("aiohttp.ClientResponse", response), {"code": code, "message": "injected"})


@pytest.mark.parametrize(
    ("refusal", "meaning"),
    [
        (_refusal(403, 50013), Refused(403, 50013, "injected")),
        (_refusal(500), NoAnswer("HTTP 500")),
        (_refusal(429, Retry_After="12.5"), RateLimited(12.5)),
        (_refusal(429, Retry_After="0"), RateLimited(1.0)),
        (_refusal(429, Retry_After="90000"), RateLimited(3600.0)),
        (_refusal(429), RateLimited(30.0)),
        (_refusal(429, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"), RateLimited(30.0)),
        (_refusal(429, Retry_After="nan"), RateLimited(30.0)),
    ],
)
def test_a_refusal_as_a_plain_value(refusal: discord.HTTPException, meaning: SendResult) -> None:
    assert read_refusal(refusal) == meaning
