"""Faults that a reply survives."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import discord
import pytest

from discord_adapter.replies import TemporaryViews, send_replies
from ui.message import Reply


class Webhook:
    """An interaction whose answer meets the scripted troubles first, and then stands there."""

    def __init__(self, *troubles: Exception) -> None:
        self.troubles = list(troubles)
        self.shown: list[str] = []
        self.further: list[str] = []
        self.followup = SimpleNamespace(send=self._send)

    async def edit_original_response(self, *, content: str, **_: object) -> None:
        if self.troubles:
            raise self.troubles.pop(0)
        self.shown.append(content)

    async def _send(self, content: str, **_: object) -> None:
        self.further.append(content)


def refused(status: int, code: int = 0) -> discord.HTTPException:
    response = cast("aiohttp.ClientResponse", SimpleNamespace(status=status, reason=""))
    return discord.HTTPException(response, {"code": code, "message": "injected"})


async def replied(webhook: Webhook) -> list[float]:
    """Returns the waits between the attempts."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    await send_replies(cast("discord.Interaction[Any]", webhook), [Reply("one"), Reply("two")], sleep, TemporaryViews())
    return slept


@pytest.mark.parametrize(
    "trouble", [refused(429), refused(500), refused(503), aiohttp.ServerDisconnectedError(), ConnectionResetError()]
)
async def test_a_temporary_failure_is_retried(trouble: Exception) -> None:
    webhook = Webhook(trouble, trouble)
    assert await replied(webhook) == [1.0, 2.0]
    assert (webhook.shown, webhook.further) == (["one"], ["two"])


async def test_a_permanent_refusal_is_not_repeated(caplog: pytest.LogCaptureFixture) -> None:
    webhook = Webhook(refused(404, 10015))
    assert await replied(webhook) == []
    assert (webhook.shown, webhook.further) == ([], [])
    assert "could not be sent" in caplog.text


async def test_retries_end_before_the_interaction_expires(caplog: pytest.LogCaptureFixture) -> None:
    webhook = Webhook(*[refused(503)] * 100)
    slept = await replied(webhook)
    assert len(slept) == 6
    # discord.py itself waits up to 25 s for each of the seven tries.
    assert sum(slept) + 7 * 25 < 15 * 60
    assert "could not be sent" in caplog.text
