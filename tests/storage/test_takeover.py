"""A database of the previous version keeps everything that waits in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from model.states import DeliveryKind
from relay.delivery import nonces
from storage import card_rows, deliveries, delivery_queries, jobs
from storage.database import Database
from storage.deliveries import Delivery
from storage.engines import migrations
from storage.engines.sqlite import migrate
from tests.relay.outbox_fixture import GUILD, OutboxFixture
from tests.storage.engines.test_sqlite_migrate import PowerCut, connected, dump

TABLES_3 = Path(__file__).with_name("databases") / "tables_3.sql"
NOW = 1_700_000_180_000


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """A database of the previous version."""
    path = tmp_path / "relay.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(TABLES_3.read_text(encoding="utf-8"))
    return path


def _rows(path: Path) -> dict[str, list[dict[str, Any]]]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        tables = [row["name"] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {table: [dict(row) for row in connection.execute(f"SELECT * FROM {table}")] for table in sorted(tables)}


async def test_every_row_is_as_it_was(before: Path) -> None:
    was = _rows(before)
    await (await Database.open(before)).close()
    found = _rows(before)
    for row in was["servers"]:
        row |= {"language": None, "locale": None, "account_since": None, "back_at": None}
    assert {name: rows for name, rows in found.items() if name != "deliveries"} == {
        name: rows for name, rows in was.items() if name != "deliveries"
    }
    kinds = {row["id"]: (row["kind"], row.pop("round")) for row in found["deliveries"]}
    assert {number: kind for number, kind in kinds.items() if kind[1]} == {
        6: ("outcome", 1),
        10: ("outcome", 2),
        11: ("again", 1444999888777666555),
    }
    for row in was["deliveries"]:
        row["kind"] = row["kind"].partition("-")[0]
        row |= {"owner": None, "claim_token": "", "second_look_at": None, "language": ""}
    assert found["deliveries"] == was["deliveries"]


async def test_the_earlier_nonces_are_the_current_ones(before: Path) -> None:
    database = await Database.open(before)
    found = await database.reader.all_as(Delivery, f"{deliveries.SELECT} WHERE subscription_id IS NOT NULL")
    for one in found:
        assert one.subscription_id is not None
        row = await card_rows.of_subscription(database.reader, one.subscription_id)
        assert row is not None
        assert nonces.for_job(row.jobid, one.channel_id, one.kind, one.round) == one.base_nonce
    assert len(found) == 15
    await database.close()


async def test_no_number_of_a_delivery_is_reused(before: Path) -> None:
    """The newest delivery was deleted, but a button may contain its number."""
    database = await Database.open(before)
    async with database.transaction() as tx:
        added = await deliveries.add_card(
            tx, subscription_id=12, guild_id=GUILD, channel_id=512, base_nonce="new", now=NOW
        )
    assert added == 19
    await database.close()


def test_a_crash_at_any_statement_leaves_the_old_state_or_the_new_one(before: Path) -> None:
    steps = [step for step in migrations.load("sqlite") if step.number <= 4]
    old, bytes_before = dump(before), before.read_bytes()
    with connected(before) as connection:
        migrate.migrate(before, connection, steps)
    new = dump(before)
    cuts = 0
    for left in range(40):
        before.write_bytes(bytes_before)
        with connected(before, left) as connection:
            try:
                migrate.migrate(before, connection, steps)
            except PowerCut:
                cuts += 1
        assert dump(before) in (old, new)
        with connected(before) as connection:
            migrate.migrate(before, connection, steps)
        assert dump(before) == new
    assert 15 < cuts < 40


async def test_waiting_messages_are_posted_once_and_nothing_else(before: Path) -> None:
    world = OutboxFixture(before)
    world.clock.advance(NOW - world.clock.now())
    await world.start()
    await world.pump_for(3_600_000, 60_000)
    posted = sorted((message.channel_id, message.nonce) for message in world.discord.messages)
    # The batch's last outcome, the third round, the one asked for again, the notice, the one that was being sent, the
    # one that lacked a permission, and the card; not what is posted, given up, or nobody knows of.
    assert posted == [
        (503, "65a3a1a47a16b0f3e740fdd6f"),
        (504, "f5e1df3d6534f29b19c853061"),
        (505, "2e0856c3bf5dda21108bfcc4f"),
        (506, "311741cb9d9861f4cf4ed6599"),
        (508, "324ce62aa28d24e0861c1a7ac"),
        (509, "ae11122b0ca8aee956a77a905"),
        (513, "b40bd982699d52723b00d27ac"),
    ]
    rounds = await jobs.by_jobid(world.database.reader, 1, "job-rounds")
    assert rounds is not None
    latest = await delivery_queries.of_subscription(world.database.reader, 4, DeliveryKind.OUTCOME, rounds.round)
    assert latest is not None
    assert latest.id == 10
    await world.stop()
