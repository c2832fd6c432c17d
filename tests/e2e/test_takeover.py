"""The real bot on a database of the previous version."""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing

import pytest

from tests.e2e.conftest import Build
from tests.e2e.waiting import until
from tests.storage.test_takeover import NOW, TABLES_3

pytestmark = pytest.mark.asyncio(loop_scope="module")

_GUILD = 77
_WAITING = {
    503: "65a3a1a47a16b0f3e740fdd6f",  # requested again
    504: "f5e1df3d6534f29b19c853061",  # the third round of a job that was given up twice
    505: "2e0856c3bf5dda21108bfcc4f",  # the last outcome of a batch
    506: "311741cb9d9861f4cf4ed6599",  # a notice to the admins
    508: "324ce62aa28d24e0861c1a7ac",  # it was being sent when the process died
    513: "b40bd982699d52723b00d27ac",  # a card
}


async def test_waiting_messages_are_posted_under_their_earlier_nonces(build: Build) -> None:
    harness = await build()
    guild = harness.discord.add_guild("from before")
    channels = {number: guild.add_text_channel(f"channel-{number}").id for number in range(501, 514)}
    later = time.time_ns() // 1_000_000 - NOW
    script = re.sub(r"\b1700000\d{6}\b", lambda found: str(int(found[0]) + later), TABLES_3.read_text(encoding="utf-8"))
    harness.ledger.path.parent.mkdir()
    with closing(sqlite3.connect(harness.ledger.path)) as database, database:
        database.executescript(script)
        for table in ("batches", "subscriptions", "deliveries", "follows", "servers"):
            database.execute(f"UPDATE {table} SET guild_id = ? WHERE guild_id = ?", (guild.id, _GUILD))
        for table, column in (
            ("subscriptions", "channel_id"),
            ("deliveries", "channel_id"),
            ("servers", "alerts_channel"),
        ):
            for before, now in channels.items():
                database.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (now, before))
    await harness.start()

    def posted() -> list[tuple[int, str]]:
        calls = (call for call in harness.discord.requests if call.method == "POST" and "nonce" in (call.body or {}))
        return sorted((int(call.segments[1]), call.body["nonce"]) for call in calls)

    expected = {(channels[number], nonce) for number, nonce in _WAITING.items()}
    await until(lambda: expected <= set(posted()), what="what waited")
    known = {row["base_nonce"] for row in harness.ledger.rows("SELECT base_nonce FROM deliveries WHERE id <= 17")}
    # The delivery that lacked a permission may follow at any time.
    again = [one for one in posted() if one[1] in known and one[0] != channels[509]]
    assert again == sorted(expected)
