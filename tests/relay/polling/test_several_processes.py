"""A process polls the jobs of the accounts that it holds, and no others."""

from __future__ import annotations

import pytest

from storage.database import Database
from tests.clock import START
from tests.relay.relay_fixture import ACCOUNT, OTHER_ACCOUNT, BrokenReader, RelayFixture, Some


@pytest.fixture
def mine(world: RelayFixture) -> Some:
    world.ownership = some = Some()
    world.poller = world.new_poller()
    return some


async def test_an_account_s_jobs_are_polled_while_it_is_held(world: RelayFixture, mine: Some) -> None:
    await world.watch("job-1")
    world.run()
    await world.advance(100)
    assert len(world.api.times("job-1")) == 1  # The command itself.

    mine.accounts = {ACCOUNT}
    world.loader.account_changed(ACCOUNT)
    await world.advance(100)
    asked = len(world.api.times("job-1"))
    assert asked >= 5

    mine.accounts = {OTHER_ACCOUNT}
    world.loader.account_changed(ACCOUNT)
    await world.advance(100)
    assert len(world.api.times("job-1")) == asked


@pytest.mark.parametrize("also_changed", [(), (OTHER_ACCOUNT,), tuple(range(100, 120))])
async def test_a_lost_account_is_left_alone_even_without_the_database(
    world: RelayFixture, mine: Some, monkeypatch: pytest.MonkeyPatch, also_changed: tuple[int, ...]
) -> None:
    """The account may be lost because of that. The loss must not wait for reading other accounts, which fails too."""
    mine.accounts = {ACCOUNT}
    await world.watch("job-1")
    world.run()
    await world.advance(100)
    asked = len(world.api.times("job-1"))
    assert asked >= 5

    monkeypatch.setattr(world.database, "reader", BrokenReader())
    mine.accounts = set(also_changed)
    for account_id in (*also_changed, ACCOUNT):
        world.loader.account_changed(account_id)
    await world.advance(100)
    assert len(world.api.times("job-1")) == asked


async def test_a_job_watched_through_another_process_is_left_to_it(world: RelayFixture, mine: Some) -> None:
    mine.accounts = {OTHER_ACCOUNT}
    world.run()
    await world.advance(1)
    await world.watch("job-1")
    world.loader.job_changed(1)
    await world.advance(100)
    assert len(world.api.times("job-1")) == 1  # The command itself.


async def test_polling_starts_before_many_accounts_are_all_read(database: Database) -> None:
    """A process that starts, or takes over from another, is given hundreds of accounts at once."""
    world = RelayFixture(database)
    mine = Some()
    mine.accounts = set(range(100, 150))
    world.ownership = mine
    world.accounts.used = {account: account for account in mine.accounts}
    world.poller = world.new_poller()
    async with database.transaction() as tx:
        for account in mine.accounts:
            await tx.insert("accounts", id=account, account_key=f"user:{account}", state_since=0)
        await tx.run(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
            " INSERT INTO jobs (account_id, jobid, watched_since, changed_at)"
            " SELECT 100 + i % 50, 'job-' || i, ?, ? FROM n",
            (START, START),
        )
        await tx.run(
            "INSERT INTO subscriptions (job_id, guild_id, channel_id, created_at) SELECT id, account_id, 1, 0 FROM jobs"
        )
    for _ in range(6):  # A start reads these; this process owns none of them yet.
        mine.accounts, held = set(), mine.accounts
        await world.loader.load()
        mine.accounts = held
    assert world.queue.polls().jobs == 0
    for account in mine.accounts:
        world.loader.account_changed(account)
    seen = []
    while world.loader.loading:
        await world.loader.load()
        seen.append(world.queue.polls().jobs)
    assert 0 < seen[0] <= 4_000
    assert seen[-1] == 10_000
    await world.close()
