"""The page that looks like the chat people know."""

import asyncio

import aiohttp

from tests.sandbox.discord_wire.conftest import GuildFixture, Rest
from tests.sandbox.discord_wire.test_messages_over_rest import posts


async def shown(server: GuildFixture) -> str:
    page = server.sandbox._page._page
    assert page is not None
    return str(await page.snapshot())


async def test_a_page_shows_one_channel_and_then_another(rest: Rest, server: GuildFixture) -> None:
    await rest("POST", posts(server), {"content": "before"})
    first = await server.sandbox.open_preview(server.channel, [server.alice, server.admin])
    async with aiohttp.ClientSession() as session, session.get(first) as response:
        assert response.status == 200
    await rest("POST", posts(server), {"content": "after"})
    text = await shown(server)
    assert "before" in text
    assert "after" in text
    other = server.guild.add_text_channel("other")
    second = await server.sandbox.open_preview(other, [server.alice])
    assert second != first
    assert "after" not in await shown(server)


async def test_a_page_updates_itself(rest: Rest, server: GuildFixture) -> None:
    await server.sandbox.open_preview(server.channel, [server.alice])
    page = server.sandbox._page._page
    assert page is not None
    refreshed = asyncio.Event()
    really = page.refresh

    async def refresh() -> None:
        await really()
        refreshed.set()

    page.refresh = refresh  # type: ignore[method-assign]
    await rest("POST", posts(server), {"content": "new"})
    await asyncio.wait_for(refreshed.wait(), 2)
