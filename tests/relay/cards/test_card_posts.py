from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage import servers
from tests.relay.outbox_world import GUILD, World

CHANNEL = 77


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path / "relay.db")
    await made.start()
    await made.account()
    yield made
    await made.stop()


async def test_a_card_in_a_server_without_the_bot_is_left_as_it_is(world: World) -> None:
    subscription = await world.watch("job", CHANNEL)
    async with world.database.transaction() as tx:
        await servers.set_gone(tx, GUILD, 1)
    away = await world.posts.card(subscription)
    async with world.database.transaction() as tx:
        await servers.set_back(tx, GUILD)
    back = await world.posts.card(subscription)
    assert away is not None
    assert away.post is None
    assert back is not None
    assert back.post is not None
