"""A delivery's data in memory is removed when it ends, however it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.messages import Refused, SendResult
from tests.relay.discord_channel import DEAD, LOST
from tests.relay.outbox_fixture import OutboxFixture, completed

CHANNEL = 5


@pytest.mark.parametrize(
    ("script", "readable", "state"),
    [
        ([DEAD] * 40, False, "unsure"),
        ([LOST], True, "posted"),
        ([DEAD], True, "posted"),
        ([DEAD, *[Refused(400, 50035)] * 8], True, "given_up"),
    ],
)
async def test_nothing_stays_in_memory_of_fifty_ended_deliveries(
    tmp_path: Path, script: list[SendResult], readable: bool, state: str
) -> None:
    world = OutboxFixture(tmp_path / "relay.db")
    await world.start()
    await world.account()
    world.discord.readable = readable
    for number in range(50):
        await world.watch(f"job-{number}", CHANNEL + number, users=(9,))
        [delivery_id] = await world.end(completed(f"job-{number}"))
        world.discord.script = list(script)
        await world.pump_for(300_000, 20_000)
        assert (await world.get(delivery_id)).state == state
    assert world.sender.remembered == set()
    await world.stop()
