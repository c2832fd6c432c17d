import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiohttp
import pytest

from sandbox.discord_wire import Channel, DiscordSandbox, Guild, Member


@pytest.fixture
async def discord() -> AsyncIterator[DiscordSandbox]:
    running = await DiscordSandbox.start()
    yield running
    await running.stop()


@pytest.fixture
def guild(discord: DiscordSandbox) -> Guild:
    return discord.add_guild("Studio")


@pytest.fixture
def channel(guild: Guild) -> Channel:
    return guild.add_text_channel("videos")


@pytest.fixture
def alice(guild: Guild) -> Member:
    return guild.add_member("alice")


async def test_clicks_during_a_channel_change_are_accepted(
    discord: DiscordSandbox, channel: Channel, alice: Member
) -> None:
    address = urlsplit(await discord.open_preview(channel, [alice]))
    headers = {"X-Simcord-Capability": address.fragment}
    async with aiohttp.ClientSession(f"{address.scheme}://{address.netloc}", headers=headers) as browser:
        async with browser.post("/api/pages", json={}) as opened:
            page = await opened.json()
        for turn in range(1, 21):
            alice.send(channel, f"message {turn}")
            await asyncio.sleep(0.013 * (turn % 11))  # before, amid and after the refresh that follows
            body = {
                "protocol_version": 3,
                "sequence": turn,
                "request_id": f"r{turn}",
                "generation": page["context"]["generation"],
                "bot_generation": page["botGeneration"],
                "published_revision": page["publishedRevision"],
                "kind": "send_message",
                "content": f"typed {turn}",
            }
            async with browser.post(
                "/api/action", json=body, headers={"X-Simcord-Context": page["context"]["id"]}
            ) as sent:
                assert sent.status == 200
                answer = await sent.json()
            assert answer["settlement"] == "settled", answer
    written = [message.content for message in channel.messages()]
    assert written == [text for turn in range(1, 21) for text in (f"message {turn}", f"typed {turn}")]
