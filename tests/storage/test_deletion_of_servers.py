from __future__ import annotations

from storage import accounts, deletion, deliveries, jobs, servers, subscriptions
from storage.database import Database, Transaction

GONE, OTHER = 5, 6


async def _watch(tx: Transaction, job_id: int, guild_id: int) -> int:
    channel_id = guild_id * 10
    subscription_id = await subscriptions.add(
        tx, job_id=job_id, guild_id=guild_id, channel_id=channel_id, batch_id=None, spoiler=False, now=0
    )
    await subscriptions.put_subscriber(tx, subscription_id, 66, mention=True, in_batch=False, now=0)
    await deliveries.add_card(
        tx,
        subscription_id=subscription_id,
        guild_id=guild_id,
        channel_id=channel_id,
        base_nonce=f"nonce-{subscription_id}",
        now=0,
    )
    return subscription_id


async def test_a_deleted_server_leaves_only_what_others_know(database: Database) -> None:
    async with database.transaction() as tx:
        account = await accounts.put_token(tx, "user:1", b"x", "user:1", 0)
        await servers.set_account(tx, GONE, account.id, 66)
        own, shared = [(await jobs.add(tx, account.id, name, None, 0)).id for name in ("own", "shared")]
        await _watch(tx, own, GONE)
        await _watch(tx, shared, GONE)
        kept = await _watch(tx, shared, OTHER)
        assert await servers.known(tx) == {GONE, OTHER}
        assert await deletion.forget_server(tx, GONE) == account.id
        assert await servers.known(tx) == {OTHER}
        assert await jobs.by_id(tx, own) is None
        assert await jobs.by_id(tx, shared) is not None
        rows = await tx.all("SELECT subscription_id FROM subscribers")
    assert [row["subscription_id"] for row in rows] == [kept]
