"""A process is halted in the middle of a send, for longer than its lease and than Discord remembers a nonce."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from model.messages import Address, NoResponse, Post, SendResult
from storage import deliveries
from tests.relay.discord_channel import NONCE_WINDOW
from tests.relay.outbox_world import World, completed

CHANNEL = 5


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path / "relay.db")
    await made.start()
    await made.account()
    await made.watch("job", CHANNEL)
    yield made
    await made.stop()


def _before_next_post(
    world: World, monkeypatch: pytest.MonkeyPatch, halt: Callable[[], Awaitable[None]], *, lost: bool = False
) -> None:
    """Lets something happen while a request is on its way to Discord; with `lost` it never arrives."""
    post = world.discord.post

    async def halted(address: Address, message: Post) -> SendResult:
        monkeypatch.setattr(world.discord, "post", post)
        await halt()
        return NoResponse("never arrived") if lost else await post(address, message)

    monkeypatch.setattr(world.discord, "post", halted)


async def _free(world: World) -> None:
    """What follows where the lease of the process runs out."""
    async with world.database.transaction() as tx:
        await tx.run("UPDATE deliveries SET owner = NULL")


def _standing(world: World) -> list[int]:
    return [message.id for message in world.discord.messages if not message.deleted]


async def test_one_that_wakes_up_deletes_its_own_later_message(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    (delivery_id,) = await world.end(completed("job"))

    async def taken_over() -> None:
        await _free(world)
        world.clock.advance(NONCE_WINDOW + 1)
        await world.another_sender.deliver(delivery_id)
        world.clock.advance(NONCE_WINDOW + 1)

    _before_next_post(world, monkeypatch, taken_over)
    await world.sender.deliver(delivery_id)
    first, second = world.discord.messages
    assert (first.deleted, second.deleted) == (False, True)
    row = await world.get(delivery_id)
    assert (row.state, row.message_id) == ("posted", first.id)


async def test_within_the_nonce_s_time_there_is_one_message_anyway(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (delivery_id,) = await world.end(completed("job"))

    async def taken_over() -> None:
        await _free(world)
        await world.another_sender.deliver(delivery_id)

    _before_next_post(world, monkeypatch, taken_over)
    await world.sender.deliver(delivery_id)
    (message,) = world.discord.messages
    assert (await world.get(delivery_id)).message_id == message.id
    assert not message.deleted


async def test_who_took_it_over_looks_again_ten_minutes_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one may have been killed before it could."""
    (delivery_id,) = await world.end(completed("job"))

    class Killed(BaseException):
        pass

    async def killed_later() -> None:
        await _free(world)
        await world.another_sender.deliver(delivery_id)
        raise Killed

    _before_next_post(world, monkeypatch, killed_later)
    with pytest.raises(Killed):
        await world.sender.deliver(delivery_id)
    world.clock.advance(NONCE_WINDOW + 1)
    await world.discord.post(Address(7, CHANNEL), world.discord.messages[0].post)
    first, _ = _standing(world)
    await world.another_sender.look_again()
    assert len(_standing(world)) == 2
    world.clock.advance(600_000)
    with monkeypatch.context() as broken:
        broken.setattr(world.discord, "copies", None)
        await world.another_sender.look_again()  # It is tried again.
    assert not world.another_sender.is_to_look_again()
    world.clock.advance(600_000)
    assert world.another_sender.is_to_look_again()
    await world.another_sender.look_again()
    assert _standing(world) == [first]
    assert not world.another_sender.is_to_look_again()
    assert (await world.get(delivery_id)).message_id == first


async def test_what_came_of_an_older_claim_is_not_recorded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    (delivery_id,) = await world.end(completed("job"))

    async def claimed_by_another() -> None:
        async with world.database.transaction() as tx:
            row = await deliveries.get(tx, delivery_id)
            assert row is not None
            assert await deliveries.claim(tx, row, world.clock.now(), "another", "another token") is not None

    _before_next_post(world, monkeypatch, claimed_by_another, lost=True)
    await world.sender.deliver(delivery_id)
    row = await world.get(delivery_id)
    assert (row.state, row.owner, row.claim_token) == ("sending", "another", "another token")


async def test_what_another_sends_is_left_to_it(world: World) -> None:
    (delivery_id,) = await world.end(completed("job"))
    row = await world.get(delivery_id)
    async with world.database.transaction() as tx:
        assert await deliveries.claim(tx, row, world.clock.now(), "another", "token") is not None
        assert await deliveries.claim(tx, row, world.clock.now(), "a third", "other token") is None
    await world.sender.deliver(delivery_id)
    assert world.discord.tried == []
