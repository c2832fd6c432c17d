from __future__ import annotations

from model.states import CardStatus
from storage import batches, card_rows, deletion, deliveries, follows, servers, subscriptions
from storage.database import Database, Transaction
from tests.storage.tables import columns_of

ME, OTHER = 900_000_000_000_000_001, 900_000_000_000_000_002
GUILD, CHANNEL = 7, 70
NOW = 1_700_000_000_000


async def _fill(tx: Transaction, user_id: int, guild_id: int) -> tuple[int, int]:
    """Everywhere where a person may stand; a subscription that waits for them, and one of a batch of theirs."""
    account_id = await tx.insert("accounts", account_key=f"hash:{guild_id}", state_since=0)
    await servers.set_account(tx, guild_id, account_id, user_id)
    await follows.put(tx, follows.FollowRow(guild_id, CHANNEL, account_id, False, user_id, NOW))
    batch_id = await batches.add(tx, guild_id=guild_id, channel_id=CHANNEL, user_id=user_id, mention=True, now=NOW)
    made = []
    for jobid, batch in (("alone", None), ("of a batch", batch_id), ("stopped", None)):
        job_id = await tx.insert("jobs", account_id=account_id, jobid=jobid, watched_since=0, changed_at=0)
        subscription_id = await subscriptions.add(
            tx, job_id=job_id, guild_id=guild_id, channel_id=CHANNEL, batch_id=batch, spoiler=False, now=NOW
        )
        await subscriptions.put_subscriber(
            tx, subscription_id, user_id, mention=True, in_batch=batch is not None, now=NOW
        )
        made.append(subscription_id)
    await subscriptions.stop(tx, made[2], user_id, NOW)
    await deliveries.add_notice(
        tx,
        guild_id=guild_id,
        channel_id=CHANNEL,
        base_nonce=f"notice {guild_id}",
        notice_json=f'{{"kind":"unpaid","nonce":"","mention":[{user_id},5],"jobs":3}}',
        now=NOW,
    )
    return made[0], made[1]


async def _mentions_of(database: Database, user_id: int) -> list[str]:
    """Every table and column that contains the person."""
    return [
        f"{table}.{column}"
        for table, column in await columns_of(database)
        if any(str(user_id) in str(value) for value in await database.reader.values(f"SELECT {column} FROM {table}"))
    ]


async def test_nothing_is_left_of_a_person_in_any_table(database: Database) -> None:
    async with database.transaction() as tx:
        mine = await _fill(tx, ME, GUILD)
        await _fill(tx, OTHER, GUILD + 1)
    everywhere = await _mentions_of(database, ME)
    assert everywhere == [
        "batches.user_id",
        "deliveries.notice",
        "follows.followed_by",
        "servers.token_set_by",
        "subscribers.user_id",
        "subscriptions.stopped_by",
    ]

    async with database.transaction() as tx:
        named = await deletion.forget_person(tx, ME)

    assert await _mentions_of(database, ME) == []
    assert await _mentions_of(database, OTHER) == everywhere
    assert tuple(named) == mine
    (notice,) = await database.reader.all("SELECT notice FROM deliveries WHERE guild_id = ?", (GUILD,))
    assert notice["notice"] == '{"kind":"unpaid","nonce":"","mention":[5],"jobs":3}'


async def test_every_column_that_holds_a_person_is_known(database: Database) -> None:
    named = [f"{table}.{column}" for table, column in await columns_of(database) if column.endswith(("_by", "user_id"))]
    assert sorted(named) == [
        "batches.user_id",
        "follows.followed_by",
        "servers.token_set_by",
        "subscribers.user_id",
        "subscriptions.stopped_by",
    ]


async def test_no_byte_of_the_id_is_left_in_the_files(sqlite_database: Database) -> None:
    async with sqlite_database.transaction() as tx:
        await _fill(tx, ME, GUILD)
    await sqlite_database.flush()
    assert _stands_in_a_file(sqlite_database, ME)

    async with sqlite_database.transaction() as tx:
        await deletion.forget_person(tx, ME)
    await sqlite_database.flush()

    assert not _stands_in_a_file(sqlite_database, ME)


def _stands_in_a_file(database: Database, user_id: int) -> bool:
    forms = (str(user_id).encode(), user_id.to_bytes(8, "big"))
    return any(form in file.read_bytes() for file in database.path.parent.iterdir() for form in forms)


async def test_jobs_that_they_waited_for_are_still_watched(database: Database) -> None:
    async with database.transaction() as tx:
        alone, _ = await _fill(tx, ME, GUILD)
        await deletion.forget_person(tx, ME)
    kept = await subscriptions.by_id(database.reader, alone)
    assert kept is not None
    assert kept.ended_at is None
    assert await subscriptions.subscribers(database.reader, alone) == []


async def test_a_card_that_names_them_is_edited_even_after_a_crash(database: Database) -> None:
    async with database.transaction() as tx:
        alone, _ = await _fill(tx, ME, GUILD)
        card = await deliveries.add_card(
            tx, subscription_id=alone, guild_id=GUILD, channel_id=CHANNEL, base_nonce="card", now=NOW
        )
        await deliveries.settle_posted(tx, card, message_id=5, now=NOW)
        await card_rows.mark_shown(tx, alone, at=NOW, shown=CardStatus.CREATED, final=False)
    assert await card_rows.outdated(database.reader, NOW) == []
    async with database.transaction() as tx:
        await tx.run("UPDATE jobs SET changed_at = 1")
        await deletion.forget_person(tx, ME)
    assert await card_rows.outdated(database.reader, NOW) == [alone]


async def test_forgetting_an_unknown_person_changes_nothing(database: Database) -> None:
    async with database.transaction() as tx:
        await _fill(tx, OTHER, GUILD)
        assert await deletion.forget_person(tx, ME) == []
    assert len(await _mentions_of(database, OTHER)) == 6
