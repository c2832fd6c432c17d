"""A process is halted in the middle of a send, for longer than its lease and than Discord remembers a nonce."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from model.messages import (
    Address,
    Found,
    HistorySearchFailure,
    HistoryUnreadable,
    NoResponse,
    NoticePost,
    OutcomePost,
    Post,
    Refused,
    SendResult,
    TooManyRequests,
)
from model.states import NoticeKind
from relay.delivery import notice_json
from relay.delivery.verdicts import BLOCKED_FOR_AT_MOST
from storage import deliveries
from storage.errors import StorageError
from tests.relay.discord_channel import LOST, NONCE_WINDOW
from tests.relay.outbox_fixture import GUILD, Another, OutboxFixture, completed

CHANNEL = 5


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[OutboxFixture]:
    made = OutboxFixture(tmp_path / "relay.db")
    await made.start()
    await made.account()
    await made.watch("job", CHANNEL)
    yield made
    await made.stop()


def _before_next_post(
    world: OutboxFixture, monkeypatch: pytest.MonkeyPatch, halt: Callable[[], Awaitable[None]], *, lost: bool = False
) -> None:
    """Runs something while a request is in flight; with `lost` the request never arrives."""
    post = world.discord.post

    async def halted(address: Address, message: Post) -> SendResult:
        monkeypatch.setattr(world.discord, "post", post)
        await halt()
        return NoResponse() if lost else await post(address, message)

    monkeypatch.setattr(world.discord, "post", halted)


async def _free(world: OutboxFixture) -> None:
    """Frees the process's deliveries, as when its lease expires."""
    async with world.database.transaction() as tx:
        await tx.run("UPDATE deliveries SET owner = NULL")


def _standing(world: OutboxFixture) -> list[int]:
    return [message.id for message in world.discord.messages if not message.deleted]


async def _halted_past_a_takeover(world: OutboxFixture, monkeypatch: pytest.MonkeyPatch) -> int:
    """One process is halted in the middle of a send; another sends in its place; then the first one's message arrives
    too. Returns the delivery's id."""
    (delivery_id,) = await world.end(completed("job"))

    async def taken_over() -> None:
        await _free(world)
        world.clock.advance(NONCE_WINDOW + 1)
        await world.another_sender.deliver(delivery_id)
        world.clock.advance(NONCE_WINDOW + 1)

    _before_next_post(world, monkeypatch, taken_over)
    await world.sender.deliver(delivery_id)
    return delivery_id


async def test_a_process_that_wakes_up_deletes_its_own_later_message(
    world: OutboxFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery_id = await _halted_past_a_takeover(world, monkeypatch)
    first, second = world.discord.messages
    assert (first.deleted, second.deleted) == (False, True)
    row = await world.get(delivery_id)
    assert (row.state, row.message_id) == ("posted", first.id)


async def test_within_the_nonce_window_there_is_one_message_anyway(
    world: OutboxFixture, monkeypatch: pytest.MonkeyPatch
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


async def test_the_process_that_took_over_searches_again_ten_minutes_later(
    world: OutboxFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process may have been killed before it could."""
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
    await world.discord.post(Address(GUILD, CHANNEL), world.discord.messages[0].post)
    first, second = _standing(world)
    await world.another_sender.second_messages.search_due()
    assert _standing(world) == [first, second]
    world.clock.advance(600_000)
    with monkeypatch.context() as broken:
        broken.setattr(world.discord, "copies", None)
        await world.another_sender.second_messages.search_due()
    assert world.another_sender.second_messages.failures == 1
    await world.another_sender.second_messages.search_due()
    assert _standing(world) == [first, second]
    world.clock.advance(60_000)
    world.renew()  # What is owed stands in the database.
    await world.another_sender.second_messages.search_due()
    assert _standing(world) == [first]
    row = await world.get(delivery_id)
    assert (row.message_id, row.second_look_at) == (first, None)


@pytest.mark.parametrize("failure", [NoResponse(), TooManyRequests(5.0), HistoryUnreadable()])
async def test_a_search_that_fails_for_a_while_proves_nothing(
    world: OutboxFixture, monkeypatch: pytest.MonkeyPatch, failure: HistorySearchFailure
) -> None:
    world.discord.copies_script = [failure, failure]
    await _halted_past_a_takeover(world, monkeypatch)
    first, second = _standing(world)
    world.clock.advance(600_000)
    await world.another_sender.second_messages.search_due()
    assert _standing(world) == [first, second]
    world.clock.advance(60_000)
    await world.another_sender.second_messages.search_due()
    assert _standing(world) == [first]


async def test_a_search_that_never_succeeds_is_given_up_after_three_days(
    world: OutboxFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.discord.copies_script = [HistoryUnreadable()] * 3
    delivery_id = await _halted_past_a_takeover(world, monkeypatch)
    world.clock.advance(600_000)
    await world.another_sender.second_messages.search_due()
    assert (await world.get(delivery_id)).second_look_at is not None
    world.clock.advance(BLOCKED_FOR_AT_MOST)
    await world.another_sender.second_messages.search_due()
    assert (await world.get(delivery_id)).second_look_at is None


@pytest.mark.parametrize("failure", [NoResponse(), TooManyRequests(5.0), Refused(403, 50001)])
async def test_a_message_that_could_not_be_deleted_is_deleted_later(
    world: OutboxFixture, monkeypatch: pytest.MonkeyPatch, failure: SendResult
) -> None:
    world.discord.delete_script = [failure, failure]
    delivery_id = await _halted_past_a_takeover(world, monkeypatch)
    first, second = _standing(world)
    assert (await world.get(delivery_id)).message_id == first
    world.clock.advance(600_000)
    await world.another_sender.second_messages.search_due()
    assert _standing(world) == [first, second]
    world.clock.advance(60_000)
    await world.another_sender.second_messages.search_due()
    assert _standing(world) == [first]
    assert (await world.get(delivery_id)).second_look_at is None


async def test_a_second_message_that_somebody_else_deleted_is_done(
    world: OutboxFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.discord.delete_script = [Refused(404, 10008)] * 2
    delivery_id = await _halted_past_a_takeover(world, monkeypatch)
    world.clock.advance(600_000)
    await world.another_sender.second_messages.search_due()
    assert (await world.get(delivery_id)).second_look_at is None


async def test_a_message_whose_response_was_lost_is_also_searched_for(
    world: OutboxFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (delivery_id,) = await world.end(completed("job"))

    async def taken_over() -> None:
        await _free(world)
        world.clock.advance(NONCE_WINDOW + 1)
        await world.another_sender.deliver(delivery_id)
        world.clock.advance(NONCE_WINDOW + 1)
        world.discord.script = [LOST]

    _before_next_post(world, monkeypatch, taken_over)
    await world.sender.deliver(delivery_id)
    first, second = world.discord.messages
    assert (first.deleted, second.deleted) == (False, True)


async def test_a_message_found_in_place_of_another_is_not_sent_again(
    world: OutboxFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Discord stored the first attempt but the response was lost; the process is then halted in the second."""
    (delivery_id,) = await world.end(completed("job"))
    world.discord.script = [LOST]
    await world.sender.deliver(delivery_id)
    world.clock.advance(10_000)

    async def taken_over() -> None:
        await _free(world)
        await world.another_sender.deliver(delivery_id)
        world.clock.advance(NONCE_WINDOW + 1)

    _before_next_post(world, monkeypatch, taken_over)
    await world.sender.deliver(delivery_id)
    first, second = world.discord.messages
    assert (first.deleted, second.deleted) == (False, True)
    assert (await world.get(delivery_id)).message_id == first.id


async def _notice(world: OutboxFixture, number: int) -> int:
    async with world.database.transaction() as tx:
        return await deliveries.add_notice(
            tx,
            guild_id=GUILD,
            channel_id=CHANNEL,
            base_nonce=f"n{number}",
            notice_json=notice_json.dump(NoticePost(NoticeKind.REFUSED, "")),
            now=world.clock.now(),
        )


async def test_another_notice_with_the_same_words_is_not_a_second_message(world: OutboxFixture) -> None:
    """A notice is recognised only by its text."""
    delivery_id = 0
    for number in (1, 2):
        delivery_id = await _notice(world, number)
        await world.sender.deliver(delivery_id)
        world.clock.advance(60_000)
    standing = _standing(world)
    assert len(standing) == 2
    for message in world.discord.messages:
        message.post = world.discord.messages[-1].post
    async with world.database.transaction() as tx:
        await deliveries.schedule_second_message_search(tx, delivery_id, world.clock.now())
    await world.another_sender.second_messages.search_due()
    assert _standing(world) == standing


async def test_the_result_of_an_older_claim_is_not_recorded(
    world: OutboxFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
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


async def test_a_process_with_an_untrusted_lease_sends_nothing(
    world: OutboxFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (delivery_id,) = await world.end(completed("job"))
    monkeypatch.setattr(Another, "has_lease", False)
    await world.another_sender.deliver(delivery_id)
    assert world.discord.tried == []
    monkeypatch.setattr(Another, "has_lease", True)
    await world.another_sender.deliver(delivery_id)
    assert (await world.get(delivery_id)).state == "posted"
    assert len(_standing(world)) == 1


async def test_a_message_that_another_process_sends_is_left_to_it(world: OutboxFixture) -> None:
    (delivery_id,) = await world.end(completed("job"))
    row = await world.get(delivery_id)
    async with world.database.transaction() as tx:
        assert await deliveries.claim(tx, row, world.clock.now(), "another", "token") is not None
        assert await deliveries.claim(tx, row, world.clock.now(), "a third", "other token") is None
    await world.sender.deliver(delivery_id)
    assert world.discord.tried == []


async def test_another_process_s_attempt_is_searched_for_even_after_own_attempts(world: OutboxFixture) -> None:
    (delivery_id,) = await world.end(completed("job"))
    world.discord.script = [TooManyRequests(1.0)]
    await world.sender.deliver(delivery_id)
    world.clock.advance(2_000)
    row = await world.get(delivery_id)
    async with world.database.transaction() as tx:
        assert await deliveries.claim(tx, row, world.clock.now(), None, "of another process") is not None
    await world.discord.post(Address(GUILD, CHANNEL), world.discord.tried[-1])
    world.discord.remembers = False
    await world.sender.deliver(delivery_id)
    (message,) = world.discord.messages
    assert (await world.get(delivery_id)).message_id == message.id


# ---- another server of the database ---------------------------------------------------------------------------------


async def _lose_the_last_commits(world: OutboxFixture, delivery_id: int, *, looks_first: bool) -> None:
    """The database has forgotten that the delivery was sent, and Discord its nonce."""
    async with world.database.transaction() as tx:
        await tx.run(
            """
            UPDATE deliveries SET state = 'waiting', attempts = 0, message_id = NULL, settled_at = NULL, look_first = ?
            WHERE id = ?
            """,
            (looks_first, delivery_id),
        )
    world.clock.advance(NONCE_WINDOW + 1)
    world.renew()


async def test_a_process_that_takes_over_searches_before_it_sends(world: OutboxFixture) -> None:
    (delivery_id,) = await world.end(completed("job"))
    world.discord.script = [LOST]
    await world.sender.deliver(delivery_id)
    await _free(world)
    async with world.database.transaction() as tx:
        await tx.run("UPDATE deliveries SET state = 'sending' WHERE id = ?", (delivery_id,))
    world.discord.remembers = False
    await world.another_sender.deliver(delivery_id)
    (message,) = world.discord.messages
    row = await world.get(delivery_id)
    assert (row.state, row.message_id) == ("posted", message.id)


async def test_what_a_server_may_have_lost_is_searched_for(world: OutboxFixture) -> None:
    (delivery_id,) = await world.end(completed("job"))
    await world.sender.deliver(delivery_id)
    await _lose_the_last_commits(world, delivery_id, looks_first=True)
    await world.another_sender.deliver(delivery_id)
    (message,) = world.discord.messages
    assert (await world.get(delivery_id)).message_id == message.id


async def test_an_end_learned_again_after_a_failover_is_searched_for(
    world: OutboxFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (delivery_id,) = await world.end(completed("job"))
    await world.sender.deliver(delivery_id)
    await _lose_the_last_commits(world, delivery_id, looks_first=False)
    monkeypatch.setattr(Another, "search_first_until", world.clock.now() + 1)
    await world.another_sender.deliver(delivery_id)
    (message,) = world.discord.messages
    assert (await world.get(delivery_id)).message_id == message.id


async def test_rate_limits_after_a_failover_cost_no_files(
    world: OutboxFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each attempt follows a search that finds nothing, and Discord answers each, so the files are not the cause."""
    monkeypatch.setattr(Another, "search_first_until", world.clock.now() + 600_000)
    (delivery_id,) = await world.end(completed("job"))
    world.discord.script = [TooManyRequests(1.0)] * 5
    for _ in range(6):
        await world.another_sender.deliver(delivery_id)
    (message,) = world.discord.messages
    assert isinstance(message.post, OutcomePost)
    assert (bool(message.post.files), message.post.links) == (True, ())


async def test_after_a_failover_a_message_is_sent_if_the_history_is_unreadable(world: OutboxFixture) -> None:
    """Only the failover shows that it may have been sent."""
    (delivery_id,) = await world.end(completed("job"))
    await _lose_the_last_commits(world, delivery_id, looks_first=True)
    world.discord.readable = False
    await world.another_sender.deliver(delivery_id)
    assert (await world.get(delivery_id)).state == "posted"


async def test_another_notice_with_the_same_words_is_not_taken_for_it(world: OutboxFixture) -> None:
    for number in (1, 2):
        delivery_id = await _notice(world, number)
        async with world.database.transaction() as tx:
            await tx.run("UPDATE deliveries SET look_first = TRUE WHERE id = ?", (delivery_id,))
        world.discord.find_script = [Found(world.discord.messages[0].id)] if number == 2 else []
        await world.another_sender.deliver(delivery_id)
    assert len(_standing(world)) == 2


async def test_a_notice_is_found_behind_a_later_one_with_the_same_words(world: OutboxFixture) -> None:
    """The history lists the latest message first."""
    lost = await _notice(world, 1)
    world.discord.script = [LOST]
    await world.sender.deliver(lost)
    await world.sender.deliver(await _notice(world, 2))
    world.clock.advance(NONCE_WINDOW + 1)
    first, later = world.discord.messages
    world.discord.find_script = [Found(later.id)]
    await world.sender.deliver(lost)

    row = await world.get(lost)
    assert (row.state, row.message_id) == ("posted", first.id)
    assert len(world.discord.messages) == 2


async def test_a_later_notice_proves_nothing_while_the_others_cannot_be_seen(world: OutboxFixture) -> None:
    lost = await _notice(world, 1)
    world.discord.script = [LOST]
    await world.sender.deliver(lost)
    await world.sender.deliver(await _notice(world, 2))
    world.clock.advance(NONCE_WINDOW + 1)
    world.discord.find_script = [Found(world.discord.messages[1].id)]
    world.discord.copies_script = [NoResponse()]
    await world.sender.deliver(lost)
    assert (await world.get(lost)).state == "waiting"
    assert len(world.discord.messages) == 2


async def test_nothing_is_sent_on_a_server_whose_losses_are_not_marked(
    world: OutboxFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (delivery_id,) = await world.end(completed("job"))
    monkeypatch.setattr(Another, "server", "another")
    with pytest.raises(StorageError):
        await world.another_sender.deliver(delivery_id)
    assert world.discord.tried == []
    assert (await world.get(delivery_id)).attempts == 0
    monkeypatch.setattr(Another, "server", "")
    await world.another_sender.deliver(delivery_id)
    assert (await world.get(delivery_id)).state == "posted"
