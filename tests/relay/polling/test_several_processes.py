"""A process polls the jobs of the accounts that it holds, and no others."""

from __future__ import annotations

import pytest

from relay.cluster.ownership import Alone
from tests.relay.world import ACCOUNT, OTHER_ACCOUNT, BrokenReader, World


class Some(Alone):
    """The Ownership of a process that holds some accounts."""

    def __init__(self) -> None:
        self.accounts: set[int] = set()

    def owns_account(self, account_id: int) -> bool:
        return account_id in self.accounts


@pytest.fixture
def mine(world: World) -> Some:
    world.ownership = some = Some()
    world.poller = world.new_poller()
    return some


async def test_an_account_s_jobs_are_polled_while_it_is_held(world: World, mine: Some) -> None:
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


async def test_a_lost_account_is_left_alone_though_the_database_is_away(
    world: World, mine: Some, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be lost for that very reason."""
    mine.accounts = {ACCOUNT}
    await world.watch("job-1")
    world.run()
    await world.advance(100)
    asked = len(world.api.times("job-1"))
    assert asked >= 5

    monkeypatch.setattr(world.database, "reader", BrokenReader())
    mine.accounts = set()
    world.loader.account_changed(ACCOUNT)
    await world.advance(100)
    assert len(world.api.times("job-1")) == asked


async def test_what_is_watched_through_another_process_is_left_to_it(world: World, mine: Some) -> None:
    mine.accounts = {OTHER_ACCOUNT}
    world.run()
    await world.advance(1)
    await world.watch("job-1")
    world.loader.job_changed(1)
    await world.advance(100)
    assert len(world.api.times("job-1")) == 1  # The command itself.
