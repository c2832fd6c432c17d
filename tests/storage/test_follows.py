from __future__ import annotations

from dataclasses import replace

import pytest

from model.job import Outcome
from storage import accounts, follows, jobs, subscriptions
from storage.database import Database, Transaction
from storage.follows import FollowRow

GUILD, CHANNEL = 5, 50


async def _follow(tx: Transaction) -> FollowRow:
    account = await accounts.put_token(tx, "user:1", b"x", "user:1", 0)
    follow = FollowRow(GUILD, CHANNEL, account.id, False, 66, 7)
    await follows.put(tx, follow)
    return follow


async def test_a_channel_has_one_follow_and_a_later_one_replaces_it(database: Database) -> None:
    async with database.transaction() as tx:
        first = await _follow(tx)
        later = replace(first, progress=True, followed_by=67, created_at=8)
        await follows.put(tx, later)
        await follows.put(tx, replace(first, guild_id=GUILD + 1))
    reader = database.reader
    assert await follows.of_channel(reader, GUILD, CHANNEL) == later
    assert await follows.of_guild(reader, GUILD) == [later]
    assert len(await follows.every(reader)) == len(await follows.of_account(reader, first.account_id)) == 2
    async with database.transaction() as tx:
        assert await follows.remove(tx, GUILD, CHANNEL)
        assert not await follows.remove(tx, GUILD, CHANNEL)
        assert await follows.remove_of_account(tx, GUILD + 1, first.account_id) == (first.channel_id,)
    assert await follows.every(reader) == []


async def test_jobs_watched_there_before_or_ended_are_not_imported(database: Database) -> None:
    async with database.transaction() as tx:
        follow = await _follow(tx)
        rows = {
            name: await jobs.add(tx, follow.account_id, name, None, 0) for name in ("here", "stopped", "ended", "there")
        }
        for name, channel_id in (("here", CHANNEL), ("stopped", CHANNEL), ("there", CHANNEL + 1)):
            subscription_id = await subscriptions.add(
                tx, job_id=rows[name].id, guild_id=GUILD, channel_id=channel_id, batch_id=None, spoiler=False, now=0
            )
            if name == "stopped":
                await subscriptions.stop(tx, subscription_id, 66, 1)
        await jobs.end(tx, rows["ended"].id, Outcome.COMPLETED, 1)
        offered = ["new", "here", "stopped", "ended", "there"]
        assert await follows.not_yet_in(tx, follow, offered) == ["new", "there"]


async def test_what_a_channel_gets_by_its_follow_is_kept_when_the_last_subscriber_leaves(database: Database) -> None:
    async with database.transaction() as tx:
        follow = await _follow(tx)
        followed = await jobs.add(tx, follow.account_id, "a", None, 0)
        other = await jobs.add(tx, (await accounts.put_token(tx, "user:2", b"x", "user:2", 0)).id, "b", None, 0)
        asked = [
            await subscriptions.add(
                tx, job_id=job.id, guild_id=GUILD, channel_id=channel_id, batch_id=None, spoiler=False, now=0
            )
            for job, channel_id in ((followed, CHANNEL), (followed, CHANNEL + 1), (other, CHANNEL))
        ]
        assert [await follows.keep_open_if_followed(tx, one) for one in asked] == [True, False, False]
        assert [one.followed for one in await subscriptions.open_of_job(tx, followed.id)] == [True, False]
        await follows.remove(tx, GUILD, CHANNEL)
        assert await follows.keep_open_if_followed(tx, asked[0])


@pytest.mark.parametrize("progress", [False, True])
async def test_the_server_s_limit_is_enforced_by_the_statement_itself(database: Database, progress: bool) -> None:
    async with database.transaction() as tx:
        follow = replace(await _follow(tx), progress=progress)
        numbers = [(await jobs.add(tx, follow.account_id, name, None, 0)).id for name in ("a", "b", "c")]
        added = [await follows.add_subscription(tx, follow, number, max_open=2, now=9) for number in numbers]
        assert [one is not None for one in added] == [True, True, False]
        assert await follows.add_subscription(tx, follow, numbers[0], max_open=9, now=9) is None
        assert await follows.running_in(tx, GUILD, CHANNEL) == 2
        row = await subscriptions.by_id(tx, added[0] or 0)
    assert row is not None
    assert row.followed
    assert row.origin == ("followed with card" if progress else "followed")
