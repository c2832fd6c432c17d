from __future__ import annotations

from storage import deliveries, figures, jobs, servers, subscriptions
from storage.database import Database
from storage.figures import NO_RESPONSE_YET, WaitingDeliveries

HERE, GONE = 7, 8


async def _outcome(database: Database, jobid: str, guild_id: int, at: int) -> int:
    async with database.transaction() as tx:
        row = await jobs.by_jobid(tx, 1, jobid)
        assert row is not None
        subscription_id = await subscriptions.add(
            tx, job_id=row.id, guild_id=guild_id, channel_id=guild_id, batch_id=None, spoiler=False, now=at
        )
        return await deliveries.add_outcome(
            tx,
            subscription_id=subscription_id,
            guild_id=guild_id,
            channel_id=guild_id,
            base_nonce=f"{jobid} {guild_id}",
            closes_batch=False,
            now=at,
        )


async def test_everything_is_counted_except_what_has_ended(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.run("INSERT INTO accounts (account_key, token, state, state_since) VALUES ('a', 'x', 'ok', 0)")
        await tx.run("INSERT INTO accounts (account_key, token, state, state_since) VALUES ('b', 'x', 'refused', 0)")
        await tx.run("INSERT INTO accounts (account_key, state, state_since) VALUES ('forgotten', 'ok', 0)")
        for guild_id in (HERE, GONE):
            await tx.run("INSERT INTO servers (guild_id) VALUES (?)", (guild_id,))
        await servers.set_gone(tx, GONE, 5)
        await jobs.add(tx, 1, "new", None, 0)
        for number, state in enumerate(("progress", "progress", "created")):
            await jobs.add(tx, 1, f"job {number}", f'{{"state": "{state}"}}', 0)
        await tx.run("UPDATE jobs SET ended_at = 1 WHERE jobid = 'job 0'")
    await _outcome(database, "job 1", HERE, 100)
    blocked = await _outcome(database, "job 2", HERE, 50)
    posted = await _outcome(database, "new", HERE, 1)
    await _outcome(database, "job 1", GONE, 2)
    async with database.transaction() as tx:
        await tx.run("UPDATE deliveries SET blocked_since = 60 WHERE id = ?", (blocked,))
        await tx.run("UPDATE deliveries SET state = 'posted' WHERE id = ?", (posted,))

    read = await figures.read(database.reader)

    assert read.open_jobs == {NO_RESPONSE_YET: 1, "progress": 1, "created": 1}
    assert read.open_subscriptions == 4
    assert read.accounts == {"ok": 1, "refused": 1}
    assert read.servers == 1
    assert read.deliveries == [WaitingDeliveries("blocked", 1, 50), WaitingDeliveries("waiting", 1, 100)]


async def test_an_empty_database_has_empty_figures(database: Database) -> None:
    read = await figures.read(database.reader)
    assert (read.open_jobs, read.open_subscriptions, read.accounts, read.deliveries) == ({}, 0, {}, [])
