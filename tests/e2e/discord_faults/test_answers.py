"""An answer that Discord does not take at first is given all the same: nobody is left with a bot that thinks."""

from __future__ import annotations

import pytest

from sandbox.discord_wire import Cut, RateLimit
from tests.e2e.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="module")

_ANSWER = r"/webhooks/\d+/[^/]+/messages/@original"
_MORE_THAN_DISCORD_PY_TRIES = 6


@pytest.mark.parametrize(
    ("trouble", "times"),
    [
        pytest.param(Cut(), 1, id="cut"),
        pytest.param(RateLimit(0.1, "user"), _MORE_THAN_DISCORD_PY_TRIES, id="429"),
        pytest.param(RateLimit(1.0, "cloudflare"), 1, id="cloudflare"),
    ],
)
async def test_an_answer_is_given_all_the_same(town: Town, trouble: Cut | RateLimit, times: int) -> None:
    discord = town.stage.discord
    fault = discord.faults.add(method="PATCH", path=_ANSWER, when="before", action=trouble, times=times)
    try:
        answer = await town.member.slash(town.channel, "pixverse list", timeout_s=40)
    finally:
        discord.faults.remove(fault)
    assert fault.hits == times
    assert answer.text.startswith("**Nothing is being watched here.**")
