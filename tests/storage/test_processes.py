"""The leases of several processes, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from settings import PostgresUrl
from storage import processes
from storage.database import Database, Transaction
from storage.engines.interface import Use
from storage.processes import LEASE_SECONDS
from tests.postgres_server import PostgresServer


@pytest.fixture
def url(postgres_server: PostgresServer) -> Iterator[PostgresUrl]:
    made = postgres_server.new_database()
    yield made
    postgres_server.drop(made)


@pytest.fixture
async def leases(url: PostgresUrl) -> AsyncIterator[Database]:
    opened = await Database.open(url, use=Use.LEASES)
    async with opened.transaction() as tx:
        for process_id in ("a", "b"):
            await processes.register(tx, process_id, "1")
    yield opened
    await opened.close()


async def _run_out(leases: Database, process_id: str) -> None:
    async with leases.transaction() as tx:
        await tx.run("UPDATE processes SET lease_until = clock_timestamp() WHERE id = ?", (process_id,))


async def _alive(leases: Database) -> list[str]:
    return [process.id for process in await processes.alive(leases.reader)]


async def test_an_expired_lease_is_never_renewed(leases: Database) -> None:
    async with leases.transaction() as tx:
        assert await processes.renew(tx, "a") is not None
    await _run_out(leases, "a")
    assert await _alive(leases) == ["b"]
    async with leases.transaction() as tx:
        assert await processes.renew(tx, "a") is None
        assert await processes.renew(tx, "unheard of") is None


async def test_a_dead_process_s_lease_does_not_last_longer_if_the_server_s_clock_is_set_back(
    leases: Database,
) -> None:
    """As after a failover to a server whose clock is slow. A live process renews its lease by the new clock."""
    assert not await processes.has_dead(leases.reader)
    async with leases.transaction() as tx:
        await tx.run("UPDATE processes SET lease_until = lease_until + interval '10 minutes' WHERE id = 'a'")
    assert await processes.has_dead(leases.reader)
    async with leases.transaction() as tx:
        assert await processes.forget_dead(tx) == []
    left = await leases.reader.value("SELECT extract(epoch FROM max(lease_until) - clock_timestamp()) FROM processes")
    assert LEASE_SECONDS - 5 < float(left or 0) <= LEASE_SECONDS
    assert not await processes.has_dead(leases.reader)


async def test_the_bot_runs_as_long_as_any_process_does(leases: Database) -> None:
    """A result that an update delays is not late because the bot was offline."""

    async def register(process_id: str) -> int:
        async with leases.transaction() as tx:
            return await processes.register(tx, process_id, "1")

    (first, other) = await leases.reader.values("SELECT bot_since FROM processes ORDER BY started_at")
    assert first == other
    await _run_out(leases, "a")
    assert await register("c") == first
    for process_id in ("b", "c"):
        await _run_out(leases, process_id)
    assert await register("d") > first


async def test_the_first_server_has_lost_nothing(leases: Database) -> None:
    """What waits there was moved from SQLite: Discord may still remember the nonce of a message that was being sent."""
    async with leases.transaction() as tx:
        await tx.insert("deliveries", kind="notice", guild_id=1, channel_id=1, base_nonce="n", next_at=0, created_at=0)
    for server, is_searched_for in (("one", False), ("one", False), ("two", True)):
        async with leases.transaction() as tx:
            since = await processes.note_server(tx, server)
        assert bool(since) is is_searched_for
        assert await leases.reader.value("SELECT look_first FROM deliveries") is is_searched_for


async def test_what_dead_processes_held_is_free(leases: Database) -> None:
    async with leases.transaction() as tx:
        account = await tx.insert("accounts", account_key="k", state_since=0)
        delivery = await tx.insert(
            "deliveries", kind="notice", guild_id=1, channel_id=1, base_nonce="n", next_at=0, created_at=0, owner="a"
        )
        assert await processes.set_shard_count(tx, 2) == 2
        assert await processes.take_shard(tx, "a", 0)
        assert await processes.take_accounts(tx, "a", [account]) == [account]
        assert await processes.take_named_lease(tx, "a", "retention")
        assert await processes.take_accounts(tx, "b", [account]) == []
        assert not await processes.take_named_lease(tx, "b", "retention")
        assert not await processes.take_shard(tx, "b", 0)
    assert not await processes.has_dead(leases.reader)
    await _run_out(leases, "a")
    assert await processes.has_dead(leases.reader)
    async with leases.transaction() as tx:
        another = await tx.insert("accounts", account_key="l", state_since=0)
        assert not await processes.take_shard(tx, "a", 1)
        assert not await processes.take_accounts(tx, "a", [another])
        assert not await processes.take_named_lease(tx, "a", "registering")
        assert await processes.forget_dead(tx) == ["a"]
        assert await tx.value("SELECT owner FROM deliveries WHERE id = ?", (delivery,)) is None
        assert await processes.take_accounts(tx, "a", [account]) == []
        assert await processes.take_accounts(tx, "b", [account]) == [account]
        assert await processes.take_named_lease(tx, "b", "retention")
        assert await processes.take_shard(tx, "b", 0)
    assert [lease.owner for lease in await processes.shard_leases(leases.reader)] == ["b", None]


async def test_taking_a_lease_again_keeps_it(leases: Database) -> None:
    """The response to the first commit may have been lost."""
    async with leases.transaction() as tx:
        account = await tx.insert("accounts", account_key="k", state_since=0)
        for _ in range(2):
            assert await processes.take_accounts(tx, "a", [account]) == [account]
            assert await processes.take_named_lease(tx, "a", "x")
        await processes.release_accounts(tx, "b", [account])
        assert await processes.take_accounts(tx, "b", [account]) == []
        await processes.release_accounts(tx, "a", [account])
        assert await processes.take_accounts(tx, "b", [account]) == [account]
        await processes.release_named_lease(tx, "b", "x")
        assert not await processes.take_named_lease(tx, "b", "x")
        await processes.release_named_lease(tx, "a", "x")
        assert await processes.take_named_lease(tx, "b", "x")


async def test_a_shard_goes_to_the_process_that_asked_first(leases: Database) -> None:
    async with leases.transaction() as tx:
        await processes.register(tx, "c", "1")
        await processes.set_shard_count(tx, 1)
        assert not await processes.ask_for_shard(tx, "b", 0)
        assert await processes.take_shard(tx, "a", 0)
        assert not await processes.ask_for_shard(tx, "a", 0)
        assert await processes.ask_for_shard(tx, "b", 0)
        assert not await processes.ask_for_shard(tx, "c", 0)
        assert not await processes.take_shard(tx, "c", 0)
        await processes.release_shards(tx, "b", [0])
        assert not await processes.take_shard(tx, "b", 0)
        assert await processes.ask_for_shard(tx, "c", 0)
        assert await processes.take_shard(tx, "c", 0)
    (lease,) = await processes.shard_leases(leases.reader)
    assert (lease.owner, lease.successor, lease.free_s) == ("c", None, 0)
    async with leases.transaction() as tx:
        await processes.release_shards(tx, "a", [0])
        assert (await processes.shard_leases(tx))[0].owner == "c"
        await processes.release_shards(tx, "c", [0])
    (lease,) = await processes.shard_leases(leases.reader)
    assert (lease.owner, lease.free_s >= 0) == (None, True)
    async with leases.transaction() as tx:
        assert not await processes.take_shard(tx, "unheard of", 0)
        assert await processes.take_shard(tx, "a", 0)
        await processes.ask_for_shard(tx, "unheard of", 0)
        assert (await processes.shard_leases(tx))[0].successor is None


async def test_how_long_a_shard_has_been_free_is_known(leases: Database) -> None:
    async def free_s(tx: Transaction) -> list[bool]:
        return [lease.free_s > 1000 for lease in await processes.shard_leases(tx)]

    async with leases.transaction() as tx:
        await processes.set_shard_count(tx, 2)
        for shard_id in (0, 1):
            await processes.take_shard(tx, "a", shard_id)
        await tx.run("UPDATE shard_leases SET free_since = free_since - interval '1 hour'")
        await processes.release_shards(tx, "a", [0])
        assert await free_s(tx) == [False, False]
        await processes.forget(tx, "a")
        assert await free_s(tx) == [False, False]
        await tx.run("UPDATE shard_leases SET free_since = free_since - interval '1 hour'")
        assert await free_s(tx) == [True, True]


async def test_two_processes_that_find_a_dead_one_do_not_wait_for_each_other(
    leases: Database, url: PostgresUrl
) -> None:
    other = await Database.open(url, use=Use.LEASES)
    await _run_out(leases, "a")
    async with leases.transaction() as tx:
        assert await processes.forget_dead(tx) == ["a"]
        async with other.transaction() as beside:
            assert await processes.forget_dead(beside) == []
    await other.close()


async def test_two_first_processes_agree_on_the_number_of_shards(leases: Database, url: PostgresUrl) -> None:
    other = await Database.open(url, use=Use.LEASES)

    async def want_three() -> int:
        async with other.transaction() as tx:
            return await processes.set_shard_count(tx, 3)

    async with leases.transaction() as tx:
        assert await processes.set_shard_count(tx, 2) == 2
        wanting = asyncio.create_task(want_three())
        await asyncio.sleep(0.2)
    assert await wanting == 3
    assert await leases.reader.values("SELECT shard_count FROM shard_leases") == [3, 3, 3]
    await other.close()


async def test_the_number_of_shards_stays_while_any_process_holds_one(leases: Database) -> None:
    async with leases.transaction() as tx:
        assert await processes.set_shard_count(tx, 2) == 2
        await processes.take_shard(tx, "a", 1)
        assert await processes.set_shard_count(tx, 4) == 2
        await processes.release_shards(tx, "a", [1])
        assert await processes.set_shard_count(tx, 3) == 3
    assert [lease.shard_id for lease in await processes.shard_leases(leases.reader)] == [0, 1, 2]


async def test_a_draining_process_gives_its_accounts_away(leases: Database) -> None:
    async with leases.transaction() as tx:
        account = await tx.insert("accounts", account_key="k", state_since=0)
        await processes.take_accounts(tx, "a", [account])
        await processes.begin_draining(tx, "a")
        assert await processes.take_accounts(tx, "b", [account]) == [account]
    assert [(process.id, process.draining) for process in await processes.alive(leases.reader)] == [
        ("a", True),
        ("b", False),
    ]


async def test_all_processes_share_the_slots_of_a_name(leases: Database) -> None:
    async def take(name: str) -> float:
        async with leases.transaction() as tx:
            return await processes.take_slot(tx, name, 100)

    assert await take("x") == 0
    assert await take("x") == pytest.approx(100, abs=5)
    assert await take("y") == 0
    async with leases.transaction() as tx:
        await tx.run("UPDATE pacing SET refilled_at = clock_timestamp() - interval '1 hour'")
    assert [await take("x"), await take("x") > 0] == [0, True]
    async with leases.transaction() as tx:
        await tx.run("UPDATE pacing SET refilled_at = clock_timestamp() + interval '1 hour'")
    assert await take("x") == pytest.approx(100, abs=5)  # The server's clock may be set back.
