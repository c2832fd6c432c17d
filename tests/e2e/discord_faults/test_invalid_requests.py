"""The bot stops its requests long before Discord would ban its address for too many refused ones."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from discord import HTTPException
from discord.http import Route

from discord_adapter.poster import DiscordPoster
from discord_adapter.rate_limits import LIMIT, WINDOW, InvalidRequests
from model.messages import Address, NoticePost, Posted, Refused, TooManyRequests
from model.states import NoticeKind
from sandbox.discord_wire import Action, DiscordSandbox, RateLimit, Status
from tests.e2e.discord_faults.listener import Listener, listening
from ui.command_texts import CommandMentions

_FEW = 8


@pytest_asyncio.fixture
async def discord() -> AsyncIterator[DiscordSandbox]:
    sandbox = await DiscordSandbox.start()
    yield sandbox
    await sandbox.stop()


@pytest_asyncio.fixture
async def client(discord: DiscordSandbox) -> AsyncIterator[Listener]:
    async with listening(discord) as listener:
        listener.invalid_requests.limit = _FEW
        yield listener


def _poster(client: Listener) -> DiscordPoster:
    return DiscordPoster(
        client,
        lambda _: CommandMentions(),
        client.invalid_requests.pause,
        client.channel_owners,
        client.discord_time.now,
    )


def _posts(discord: DiscordSandbox) -> int:
    return sum(call.method == "POST" for call in discord.requests)


def _notice(number: int) -> NoticePost:
    return NoticePost(NoticeKind.FLOWING_AGAIN, nonce=f"notice-{number}", jobs=1)


@pytest.mark.parametrize("refusal", [Status(403, code=50013), RateLimit(1.0, "cloudflare")])
async def test_refusals_are_counted_and_posting_pauses(
    discord: DiscordSandbox, client: Listener, caplog: pytest.LogCaptureFixture, refusal: Action
) -> None:
    guild = discord.add_guild("Studio")
    address = Address(guild.id, guild.add_text_channel("videos").id)
    poster = _poster(client)
    discord.faults.add(method="POST", action=refusal, times=None)
    answers = [await poster.post(address, _notice(number)) for number in range(_FEW + 5)]
    assert _posts(discord) == _FEW
    assert all(isinstance(answer, (Refused, TooManyRequests)) for answer in answers[:_FEW])
    for answer in answers[_FEW:]:
        assert isinstance(answer, TooManyRequests)
        assert WINDOW - 60 < answer.retry_after <= WINDOW
    assert isinstance(await poster.find(address, _notice(0), 0), TooManyRequests)
    told = [record for record in caplog.records if record.name == "discord_adapter.rate_limits"]
    assert len(told) == 1


@pytest.mark.parametrize("harmless", [RateLimit(0.01, "shared"), Status(404, code=10003), Status(503)])
async def test_refusals_that_discord_does_not_count_are_not_counted(
    discord: DiscordSandbox, client: Listener, harmless: Action
) -> None:
    guild = discord.add_guild("Studio")
    address = Address(guild.id, guild.add_text_channel("videos").id)
    poster = _poster(client)
    discord.faults.add(method="POST", action=harmless, times=_FEW + 1)
    for number in range(_FEW + 1):
        await poster.post(address, _notice(number))
    assert isinstance(await poster.post(address, _notice(99)), Posted)


async def test_a_refused_token_is_noticed_whatever_the_request(discord: DiscordSandbox, client: Listener) -> None:
    """An expired interaction is no sign of a refused token, though Discord answers 401 to it too."""
    discord.faults.add(path="/webhooks/.*", action=Status(401, code=50027))
    answer = Route("GET", "/webhooks/{application_id}/token/messages/@original", application_id=client.application_id)
    with pytest.raises(HTTPException, match="401"):
        await client.http.request(answer)
    assert not client.invalid_requests.token_refused.is_set()
    discord.world.token_refused = True
    with pytest.raises(HTTPException, match="401"):
        await client.http.get_global_commands(client.application_id or 0)
    assert client.invalid_requests.token_refused.is_set()


def test_posting_pauses_until_enough_refusals_are_ten_minutes_old() -> None:
    now = 0.0
    counted = InvalidRequests(lambda: now)
    for number in range(LIMIT):
        now = number * 0.01
        assert counted.pause() == 0
        counted._times.append(now)
    assert counted.pause() == pytest.approx(WINDOW - now)
    now = WINDOW + 0.5
    assert counted.pause() == 0
    assert LIMIT <= 5000


def test_processes_that_may_share_an_address_share_the_limit() -> None:
    counted = InvalidRequests(lambda: 0.0)
    counted.share = lambda: 0.3
    counted._times.extend([0.0] * (LIMIT * 3 // 10 - 1))
    assert counted.pause() == 0
    counted._times.append(0.0)
    assert counted.pause() == WINDOW
