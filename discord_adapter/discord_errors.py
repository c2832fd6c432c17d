"""Whose word a refusal is: Discord's own, or that of something between, which proves nothing."""

from __future__ import annotations

from http import HTTPStatus

import discord

from discord_adapter.request_trace import wait_told
from model.messages import NoAnswer, RateLimited, Refused, SendResult

UNREADABLE = (AttributeError, KeyError, TypeError, ValueError)
"""What discord.py raises over a good status with something else than Discord's answer: a proxy's page, mostly."""

_WAIT_UNTOLD = 30.0
_SHORTEST_CODE = 5
_BEFORE_ANY_DEED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
"""No token, and a body that was not even read, whoever says so: Discord's front refuses large ones itself."""


def is_of_discord(refusal: discord.HTTPException) -> bool:
    """Whether Discord itself refused: by one of its codes, or in the form `{"message": "404: Not Found", "code": 0}`
    that it has where it has no code for it. Anything else a proxy may have made, whatever became of the request.
    """
    code = str(refusal.code)  # A proxy's JSON may hold anything there.
    if code.isdecimal() and len(code) >= _SHORTEST_CODE:
        return True
    is_json = refusal.response.headers.get("Content-Type", "").startswith("application/json")
    return is_json and refusal.text.startswith(f"{refusal.status}: ")


def read_refusal(refusal: discord.HTTPException) -> SendResult:
    """A refusal of something to be done, as a plain value. A 429 that discord.py raises at once comes from Cloudflare
    or another proxy."""
    if refusal.status == HTTPStatus.TOO_MANY_REQUESTS:
        told = wait_told(refusal.response.headers)
        return RateLimited(_WAIT_UNTOLD if told is None else max(told, 1.0))
    if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return NoAnswer(f"HTTP {refusal.status}")
    if refusal.status in _BEFORE_ANY_DEED or is_of_discord(refusal):
        return Refused(refusal.status, refusal.code, refusal.text)
    return NoAnswer(f"HTTP {refusal.status}, not by Discord")
