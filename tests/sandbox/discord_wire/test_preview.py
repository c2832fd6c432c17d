"""The page that looks like the chat people know."""

import asyncio

import aiohttp

from tests.sandbox.discord_wire.conftest import Rest, Town
from tests.sandbox.discord_wire.test_messages_over_rest import posts


async def shown(town: Town) -> str:
    page = town.sandbox._page._page
    assert page is not None
    return str(await page.snapshot())


async def test_a_page_shows_one_channel_and_then_another(rest: Rest, town: Town) -> None:
    await rest("POST", posts(town), {"content": "before"})
    first = await town.sandbox.open_preview(town.channel, [town.alice, town.admin])
    async with aiohttp.ClientSession() as session, session.get(first) as response:
        assert response.status == 200
    await rest("POST", posts(town), {"content": "after"})
    text = await shown(town)
    assert "before" in text
    assert "after" in text
    other = town.guild.add_text_channel("other")
    second = await town.sandbox.open_preview(other, [town.alice])
    assert second != first
    assert "after" not in await shown(town)


async def test_a_page_brings_itself_up_to_date(rest: Rest, town: Town) -> None:
    await town.sandbox.open_preview(town.channel, [town.alice])
    page = town.sandbox._page._page
    assert page is not None
    refreshed = asyncio.Event()
    really = page.refresh

    async def refresh() -> None:
        await really()
        refreshed.set()

    page.refresh = refresh  # type: ignore[method-assign]
    await rest("POST", posts(town), {"content": "new"})
    await asyncio.wait_for(refreshed.wait(), 2)
