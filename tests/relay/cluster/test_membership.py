"""What a process believes it holds, with a real PostgreSQL and a manual clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Never

import pytest

from relay.changes import Changes
from relay.clock import DatabaseClock
from relay.cluster.change_feed import UNREAD_SECONDS, ChangeFeed, KeptInMemory
from relay.cluster.membership import (
    DELETE_SECONDS,
    FEED_SECONDS,
    MARGIN_SECONDS,
    RENEW_SECONDS,
    SEARCH_FIRST_MS,
    Membership,
)
from relay.cluster.request_shares import LEAST, SHARE_VALID_S, fair_requests
from settings import PostgresUrl
from storage import committed_changes, deliveries, jobs, processes
from storage.database import Database, Queries, Transaction
from storage.engines.interface import Use
from storage.errors import StorageUnavailable, WrongKey
from storage.processes import LEASE_SECONDS
from tests.clock import ManualClock
from tests.e2e.waiting import until
from tests.postgres_server import PostgresServer, name_of
from tests.tcp_proxy import TcpProxy

TRUSTED = LEASE_SECONDS - MARGIN_SECONDS


@dataclass
class Process(KeptInMemory):
    """One of several, with the changes that its signals announced."""

    database: Database
    leases: Database
    clock: ManualClock
    accounts: list[int] = field(default_factory=list)
    read: list[tuple[Collection[int], Collection[int]] | None] = field(default_factory=list)
    recorded: list[tuple[str, int | None]] = field(default_factory=list)
    refusal: WrongKey | None = None

    def __post_init__(self) -> None:
        changes = Changes()
        changes.jobs_found.listen(lambda items: self.recorded.extend(("jobs_found", item) for item in items))
        for name in ("account_moved", "end_reported", "account_changed"):
            getattr(changes, name).listen(partial(self._hear, name))
        for name in ("servers_moved", "deliveries_added", "commit_doubted", "api_changed_elsewhere"):
            getattr(changes, name).listen(partial(self._hear, name, None))
        self.database_clock = DatabaseClock(self.clock)
        self.feed = ChangeFeed(self.database, changes, [self], self.clock.monotonic)
        self.member = Membership(
            self.leases,
            self.feed,
            lambda: self.accounts,
            changes,
            self.database_clock,
            "1",
            self.check,
        )

    def _hear(self, name: str, item: int | None) -> None:
        self.recorded.append((name, item))

    async def check(self, reader: Queries) -> None:
        assert reader is self.leases.reader  # A busy pool must not delay a renewal.
        if self.refusal is not None:
            raise self.refusal

    async def read_all(self) -> None:
        self.read.append(None)

    async def read_again(self, account_ids: Collection[int], guild_ids: Collection[int]) -> None:
        self.read.append((account_ids, guild_ids))

    def owned(self) -> set[int]:
        return {account for account in self.accounts if self.member.owns_account(account)}

    async def run_out(self) -> None:
        async with self.leases.transaction() as tx:
            await tx.run("UPDATE processes SET lease_until = clock_timestamp() WHERE id = ?", (self.member.process_id,))


Begin = Callable[[], Awaitable[Process]]


@pytest.fixture
def url(postgres_server: PostgresServer) -> Iterator[PostgresUrl]:
    made = postgres_server.new_database()
    yield made
    postgres_server.drop(made)


@pytest.fixture
async def begin(url: PostgresUrl) -> AsyncIterator[Begin]:
    opened: list[Database] = []

    async def another() -> Process:
        opened.extend([await Database.open(url), await Database.open(url, use=Use.LEASES)])
        process = Process(opened[-2], opened[-1], ManualClock())
        if len(opened) == 2:
            async with process.database.transaction() as tx:
                for number in range(20):
                    await tx.insert("accounts", account_key=str(number), state_since=0)
        process.accounts = await process.database.reader.values("SELECT id FROM accounts ORDER BY id")
        await process.member.join()
        return process

    yield another
    for database in opened:
        await database.close()


async def _fail(*_: object) -> Never:
    raise StorageUnavailable("gone")


async def test_each_account_has_one_process_and_a_leaving_process_returns_all(begin: Begin) -> None:
    first = await begin()
    everything = set(first.accounts)
    assert first.owned() == everything
    second = await begin()
    assert second.owned() == set()
    await first.member.turn()
    await second.member.turn()
    assert first.owned() | second.owned() == everything
    assert first.owned() & second.owned() == set()
    assert 0 < len(second.owned()) < len(everything)
    assert {("account_moved", account) for account in second.owned()} <= set(first.recorded)
    await second.member.leave()
    assert second.owned() == set()
    await first.member.turn()
    assert first.owned() == everything


async def test_an_account_held_by_another_process_is_not_polled_whatever_hashing_says(begin: Begin) -> None:
    first, second = await begin(), await begin()
    await second.member.turn()
    assert second.owned() == set()
    assert first.owned() == set(first.accounts)


async def test_accounts_that_could_not_be_released_are_released_later(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await begin(), await begin()
    with monkeypatch.context() as patched:
        patched.setattr(processes, "release_accounts", _fail)
        await first.member.turn()
    await second.member.turn()
    assert second.owned() == set()
    await first.member.turn()
    await second.member.turn()
    assert second.owned()
    assert first.owned() | second.owned() == set(first.accounts)


async def test_a_process_declared_dead_registers_again(begin: Begin) -> None:
    first, second = await begin(), await begin()
    await first.run_out()
    await second.member.turn()
    assert second.owned() == set(second.accounts)
    assert first.owned() == set(first.accounts)  # It hasn't read the rows yet, and its own deadline hasn't passed.
    first.clock.forward(RENEW_SECONDS)
    await first.member.turn()
    assert (first.owned(), first.member.has_lease) == (set(), False)
    await first.member.turn()
    await second.member.turn()
    await first.member.turn()
    assert first.member.has_lease
    assert first.owned() | second.owned() == set(first.accounts)
    assert first.owned() & second.owned() == set()
    assert first.read == [None, None]


async def test_a_renewal_that_came_too_late_is_not_trusted_until_the_processes_are_read(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, other = await begin(), await begin()
    await process.run_out()
    await other.member.turn()
    process.clock.forward(RENEW_SECONDS)
    monkeypatch.setattr(processes, "alive", _fail)
    await process.member.turn()
    assert (process.owned(), process.member.has_lease) == (set(), False)


async def test_a_single_process_registers_again_if_the_server_s_clock_is_set_ahead(begin: Begin) -> None:
    process = await begin()
    await process.run_out()
    await process.member.turn()
    assert (process.owned(), process.member.has_lease) == (set(), False)
    await process.member.turn()
    assert process.owned() == set(process.accounts)


async def test_a_process_declared_dead_has_lost_its_named_leases(begin: Begin) -> None:
    first, second = await begin(), await begin()
    assert await first.member.take_named_lease("x")
    await first.run_out()
    await second.member.turn()
    assert await second.member.take_named_lease("x")
    first.clock.forward(RENEW_SECONDS)
    for _ in range(2):
        await first.member.turn()
    assert first.member.has_lease
    assert not await first.member.take_named_lease("x")


async def test_a_process_declared_dead_while_it_drains_does_not_come_back(begin: Begin) -> None:
    first, second = await begin(), await begin()
    await first.member.begin_draining()
    await first.run_out()
    first.clock.forward(RENEW_SECONDS)
    for _ in range(2):
        await first.member.turn()
    assert [process.id for process in (await second.member.read_shards())[1]] == [second.member.process_id]


@pytest.mark.parametrize("away", [RENEW_SECONDS, LEASE_SECONDS])
async def test_a_process_that_may_no_longer_use_the_database_releases_everything(begin: Begin, away: float) -> None:
    process = await begin()
    process.refusal = WrongKey("another key")
    process.clock.forward(away)
    await process.member.turn()
    assert (process.owned(), process.member.has_lease) == (set(), False)
    with pytest.raises(WrongKey):
        await process.member.refused()


async def test_a_renewal_sets_the_clock(begin: Begin) -> None:
    process = await begin()
    process.clock.forward(RENEW_SECONDS)
    await process.member.turn()
    assert process.database_clock.now() == pytest.approx(await processes.now(process.leases.reader), abs=60_000)


async def test_a_lease_is_trusted_for_its_length_less_a_margin(begin: Begin) -> None:
    process = await begin()
    process.clock.forward(TRUSTED - 0.1)
    assert process.owned()
    process.clock.forward(0.2)
    assert process.owned() == set()
    assert process.member.shards().held == ()


async def test_how_long_a_process_has_had_no_lease(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the server had no connection left for leases."""
    process = await begin()
    process.clock.forward(TRUSTED + 5)
    assert process.member.without_lease() == pytest.approx(5)

    with monkeypatch.context() as patched:
        patched.setattr(processes, "forget", _fail)
        await process.member.turn()
    process.clock.forward(5)
    assert process.member.without_lease() == pytest.approx(10)
    await process.member.turn()
    assert process.member.without_lease() == 0


async def test_a_process_that_cannot_log_in_to_discord_yet_lacks_no_lease(url: PostgresUrl) -> None:
    """It joins after the login. Otherwise its health would blame the database for an outage of Discord."""
    database, leases = await Database.open(url), await Database.open(url, use=Use.LEASES)
    process = Process(database, leases, ManualClock())
    process.clock.forward(300)
    assert process.member.without_lease() == 0
    await process.member.join()
    process.clock.forward(TRUSTED + 5)
    assert process.member.without_lease() == pytest.approx(5)
    await leases.close()
    await database.close()


async def test_a_slow_response_does_not_extend_the_lease(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    process = await begin()
    renew = processes.renew

    async def slow(*arguments: object) -> object:
        process.clock.forward(TRUSTED + 1)
        return await renew(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(processes, "renew", slow)
    process.clock.forward(RENEW_SECONDS)
    await process.member.turn()
    assert not process.member.has_lease


async def test_a_named_lease_that_came_too_late_is_not_used(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    process = await begin()
    take = processes.take_named_lease

    async def slow(*arguments: object) -> object:
        process.clock.forward(TRUSTED + 1)
        return await take(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(processes, "take_named_lease", slow)
    assert not await process.member.take_named_lease("x")


async def test_setting_the_local_clock_changes_nothing(begin: Begin) -> None:
    first, second = await begin(), await begin()
    for jump in (-600_000, 600_000):
        second.clock.jumped = jump
        await second.member.turn()
        assert second.owned() == set()
        assert first.owned() == set(first.accounts)


async def test_without_the_database_a_process_stops_in_time(
    begin: Begin, postgres_server: PostgresServer, url: PostgresUrl
) -> None:
    async with TcpProxy.to(postgres_server.port) as proxy:
        far = postgres_server.url(name_of(url), port=proxy.port)
        near = await begin()
        await near.member.leave()
        leases = await Database.open(far, use=Use.LEASES)
        process = Process(near.database, leases, ManualClock(), near.accounts)
        await process.member.join()
        assert process.owned() == set(process.accounts)
        running = asyncio.create_task(process.member.run())
        await asyncio.sleep(0)
        proxy.passes.clear()
        process.recorded.clear()
        for _ in range(round(TRUSTED) + 2):
            process.clock.forward(1)
            await asyncio.sleep(0.01)
        assert process.owned() == set()
        assert {("account_moved", account) for account in process.accounts} <= set(process.recorded)
        running.cancel()
        proxy.passes.set()
        await asyncio.gather(running, return_exceptions=True)
        await leases.close()


async def test_other_processes_changes_are_read_between_two_turns(begin: Begin) -> None:
    first, second = await begin(), await begin()
    running = asyncio.create_task(first.member.run())
    await until(lambda: first.clock.earliest() is not None)
    async with second.database.transaction() as tx:
        await committed_changes.report_end(tx, 7)
    first.clock.forward(0.1)
    await until(lambda: ("end_reported", 7) in first.recorded)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_failed_read_between_two_turns_is_left_to_the_next_turn(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = []

    async def fail(*_: object, **__: object) -> Never:
        failed.append(True)
        raise StorageUnavailable("gone")

    process = await begin()
    running = asyncio.create_task(process.member.run())
    await until(lambda: process.clock.earliest() is not None)
    monkeypatch.setattr(committed_changes, "since", fail)
    process.clock.forward(FEED_SECONDS)
    await until(lambda: failed)
    for _ in range(20):
        await asyncio.sleep(0)
        process.clock.forward(FEED_SECONDS / 20)
    assert not running.done()
    assert len(failed) == 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_only_one_process_does_the_work_of_a_named_lease(begin: Begin) -> None:
    first, second = await begin(), await begin()
    assert [await first.member.take_named_lease("x"), await second.member.take_named_lease("x")] == [True, False]
    assert await first.member.take_named_lease("x")
    await first.member.release_named_lease("x")
    assert await second.member.take_named_lease("x")
    await second.member.leave()
    assert await first.member.take_named_lease("x")


async def test_a_draining_process_takes_nothing_more(begin: Begin) -> None:
    first, second = await begin(), await begin()
    await first.member.begin_draining()
    await second.member.turn()
    await first.member.turn()
    assert (first.owned(), second.owned()) == (set(), set(second.accounts))
    assert not await first.member.take_named_lease("x")
    assert [process.draining for process in (await second.member.read_shards())[1]].count(True) == 1


async def test_whether_the_api_is_down_is_said_by_the_process_that_polls_the_account(begin: Begin) -> None:
    first, second = await begin(), await begin()
    for process in (first, second):
        await process.member.turn()
    of_first, of_second = min(first.owned()), min(second.owned())
    for down in (5, None):
        second.member.api_down_since_here = partial(int, down) if down else lambda: None
        first.recorded.clear()
        for process in (second, first, first):
            await process.member.turn()
        assert first.member.api_down_since(of_second) == down
        assert first.member.api_down_since(of_first) is None
        assert first.recorded.count(("api_changed_elsewhere", None)) == 1


async def test_the_bot_has_run_since_the_first_of_its_processes_began(begin: Begin) -> None:
    """Also if all of them have lost their leases in between, as in an outage of the database."""
    first = await begin()
    since = first.member.bot_since
    second = await begin()
    assert second.member.bot_since == since
    for process in (first, second):
        await process.run_out()
    for _ in range(2):
        await second.member.turn()
    assert second.member.has_lease
    assert second.member.bot_since == since
    await second.member.leave()
    third = await begin()
    assert since is not None
    assert third.member.bot_since is not None
    assert third.member.bot_since > since


async def test_a_process_that_dies_while_the_api_is_down_for_it_leaves_no_outage(begin: Begin) -> None:
    first, second = await begin(), await begin()
    second.member.api_down_since_here = lambda: 5
    for process in (second, first):
        await process.member.turn()
    account = next(account for account in first.accounts if first.member.api_down_since(account) == 5)
    await second.run_out()
    first.recorded.clear()
    for _ in range(2):
        await first.member.turn()
    assert account in first.owned()
    assert first.member.api_down_since(account) is None
    assert ("api_changed_elsewhere", None) in first.recorded


async def test_servers_belong_to_the_holder_of_their_shard(begin: Begin) -> None:
    first, second = await begin(), await begin()
    guild = 3 << 22
    assert not first.member.owns_server(guild)
    assert await first.member.agree_on_shards(2) == 2
    assert await first.member.take_shard(1)
    assert await second.member.agree_on_shards(4) == 2
    assert (first.member.owns_server(guild), second.member.owns_server(guild)) == (True, False)
    assert await second.member.ask_for_shard(1)
    assert await second.member.take_shard(1)
    await first.member.turn()
    assert (first.member.owns_server(guild), second.member.owns_server(guild)) == (False, True)
    assert ("servers_moved", None) in first.recorded
    await second.member.release_shard(1)
    assert not second.member.owns_server(guild)
    async with first.leases.transaction() as tx:
        await tx.run("UPDATE shard_leases SET free_since = free_since - interval '20 seconds'")
    await first.member.turn()
    assert first.member.owns_server(guild)  # Nobody comes for it.


async def test_others_commits_are_announced_once_after_they_were_read(begin: Begin) -> None:
    first, second = await begin(), await begin()
    first.recorded.clear()
    first.read.clear()
    async with second.database.transaction() as tx:
        await tx.run("UPDATE accounts SET state = 'unpaid' WHERE id = ?", (second.accounts[0],))
        await committed_changes.report_end(tx, 5)
        job = await jobs.add(tx, second.accounts[0], "j", None, 0)
        await deliveries.add_notice(tx, guild_id=1, channel_id=2, base_nonce="n", notice_json="{}", now=0)
    async with first.database.transaction() as tx:
        await tx.run("UPDATE accounts SET state = 'unpaid' WHERE id = ?", (second.accounts[1],))
    for _ in range(2):
        await first.member.turn()
    recorded = [one for one in first.recorded if one[0] not in ("account_moved", "servers_moved")]
    assert sorted(recorded, key=str) == [
        ("account_changed", first.accounts[0]),
        ("deliveries_added", None),
        ("end_reported", 5),
        ("jobs_found", job.id),
    ]
    assert first.read == [({first.accounts[0]}, set())]


async def test_a_job_that_another_process_did_not_find_is_announced(begin: Begin) -> None:
    """The process that polls the job has to note that it is there: only two such responses in a row end it."""
    first, second = await begin(), await begin()
    async with second.database.transaction() as tx:
        job = await jobs.add(tx, second.accounts[0], "j", None, 0)
    await first.member.turn()
    first.recorded.clear()
    async with second.database.transaction() as tx:
        await jobs.set_missing(tx, job.id, 5)
    await first.member.turn()
    assert ("jobs_found", job.id) in first.recorded


async def test_rows_reread_because_of_a_long_transaction_are_announced_once(begin: Begin) -> None:
    first, second, third = await begin(), await begin(), await begin()
    async with third.database.transaction(locks_rows=True) as long:
        await long.insert("accounts", account_key="long", state_since=0)
        async with second.database.transaction(locks_rows=True) as tx:
            await committed_changes.report_end(tx, 5)
        for _ in range(3):
            await first.member.turn()
    assert first.recorded.count(("end_reported", 5)) == 1


async def test_one_process_keeps_the_feed_short(begin: Begin) -> None:
    first, second = await begin(), await begin()
    async with second.database.transaction() as tx:
        await committed_changes.report_end(tx, 5)
    for _ in range(round(2 * DELETE_SECONDS / RENEW_SECONDS) + 1):
        first.clock.forward(RENEW_SECONDS)
        await first.member.turn()
    assert await first.database.reader.count("changes") == 0


async def test_the_other_processes_rarely_ask_for_the_lease_of_the_one_that_keeps_the_feed_short(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, second = await begin(), await begin()
    take = processes.take_named_lease
    asked: list[str] = []

    async def counted(tx: Transaction, process_id: str, name: str) -> bool:
        asked.append(name)
        return await take(tx, process_id, name)

    monkeypatch.setattr(processes, "take_named_lease", counted)
    for _ in range(round(DELETE_SECONDS / RENEW_SECONDS)):
        second.clock.forward(RENEW_SECONDS)
        await second.member.turn()
    assert len(asked) == 1


async def test_changes_that_were_not_read_for_long_are_made_up_for(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server may have a connection left for leases, but none for the feed. Others delete the changes meanwhile."""
    process = await begin()
    look = committed_changes.since

    async def fail(*_: object, **__: object) -> Never:
        raise StorageUnavailable("no connection is free")

    monkeypatch.setattr(committed_changes, "since", fail)
    process.read.clear()
    process.recorded.clear()
    for _ in range(round(UNREAD_SECONDS / RENEW_SECONDS) + 1):
        process.clock.forward(RENEW_SECONDS)
        await process.member.turn()
    assert process.member.has_lease
    monkeypatch.setattr(committed_changes, "since", look)
    process.clock.forward(RENEW_SECONDS)
    await process.member.turn()
    assert process.read == [None]
    assert ("commit_doubted", None) in process.recorded
    process.read.clear()
    await process.member.turn()
    assert process.read == []


async def test_a_start_without_the_database_fails(begin: Begin) -> None:
    process = await begin()
    await process.leases.close()
    with pytest.raises(StorageUnavailable):
        await process.member.release_shard(0)


async def test_discord_s_requests_are_divided_by_the_shards_held(begin: Begin) -> None:
    first, second = await begin(), await begin()
    await first.member.agree_on_shards(2)
    assert await first.member.take_shard(0)
    assert await first.member.take_shard(1)
    for _ in range(5):
        for process in (first, second):
            process.clock.forward(1.0)
            await process.member.turn()
    assert first.member.requests_per_second() == fair_requests(2, 2, 2)
    assert second.member.requests_per_second() == LEAST
    await first.member.release_shard(1)
    assert await second.member.take_shard(1)
    for process in (first, second):
        process.clock.forward(1.0)
        await process.member.turn()
    assert first.member.requests_per_second() == fair_requests(1, 2, 2)
    assert second.member.requests_per_second() == LEAST
    first.clock.forward(SHARE_VALID_S)
    assert first.member.requests_per_second() == LEAST


async def test_what_another_server_may_have_lost_is_searched_for(begin: Begin) -> None:
    first = await begin()
    assert (first.member.server, first.member.search_first_until) == (first.database.server, 0)
    async with first.database.transaction() as tx:
        common = {"guild_id": 1, "channel_id": 1, "next_at": 0, "created_at": 0}
        open_, settled = [
            await tx.insert("deliveries", kind="notice", base_nonce=state, state=state, **common)
            for state in ("waiting", "posted")
        ]
        await tx.run("UPDATE meta SET value = ? WHERE name = 'server'", (b"another",))
    second = await begin()
    async with second.database.transaction():
        assert second.member.server == second.database.server
    async with first.database.transaction() as tx:
        now = await processes.now(tx)
        rows = {row.id: row for row in await tx.all_as(deliveries.Delivery, deliveries.SELECT)}
    assert now < second.member.search_first_until <= now + SEARCH_FIRST_MS
    assert (rows[open_].look_first, rows[settled].look_first) == (True, False)
    assert rows[open_].claim_token != ""
    third = await begin()
    assert third.member.search_first_until == second.member.search_first_until
    async with first.database.transaction() as tx:
        again = await deliveries.get(tx, open_)
    assert again == rows[open_]


async def test_a_restarted_database_server_is_noticed(begin: Begin) -> None:
    process = await begin()
    process.member.server = "before"
    assert process.member.server != process.database.server
    process.clock.forward(RENEW_SECONDS)
    await process.member.turn()
    assert process.member.server == process.database.server


async def test_what_another_server_may_have_lost_is_not_kept_in_memory(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await begin()
    reads = len(process.read)
    process.clock.forward(RENEW_SECONDS)
    await process.member.turn()
    assert (len(process.read), ("commit_doubted", None) in process.recorded) == (reads, False)
    process.member.server = "before"
    begin_again, errors = process.feed.begin, [StorageUnavailable("away")]

    async def fail_once() -> None:
        if errors:
            raise errors.pop()
        await begin_again()

    monkeypatch.setattr(process.feed, "begin", fail_once)
    process.clock.forward(RENEW_SECONDS)
    await process.member.turn()
    assert (process.member.server, errors) == ("before", [])
    process.clock.forward(RENEW_SECONDS)
    await process.member.turn()
    assert process.read[reads:] == [None]
    assert ("commit_doubted", None) in process.recorded
    assert process.member.server == process.database.server


async def test_a_single_process_has_all_requests_at_once(begin: Begin) -> None:
    process = await begin()
    await process.member.agree_on_shards(1)
    assert await process.member.take_shard(0)
    await process.member.turn()
    assert process.member.requests_per_second() == fair_requests(1, 1, 1)
    await process.member.leave()
    assert process.member.requests_per_second() == LEAST
