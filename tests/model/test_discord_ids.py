"""When Discord made something, and the shard of a server."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.discord_ids import made_at, shard_of


def test_an_id_shows_when_it_was_created() -> None:
    # The example of Discord's documentation.
    made = datetime(2016, 4, 30, 11, 18, 25, 796_000, tzinfo=UTC)
    assert made_at(175928847299117063) == round(made.timestamp() * 1000)


@pytest.mark.parametrize(
    ("guild_id", "shard_count", "shard"),
    [(0, 3, 0), (2**22 - 1, 3, 0), (2**22, 3, 1), (5 * 2**22 + 4321, 3, 2), (613425648685547541, 1, 0)],
)
def test_a_shard_by_discord_s_formula(guild_id: int, shard_count: int, shard: int) -> None:
    assert shard_of(guild_id, shard_count) == shard


@given(st.integers(0, 2**63 - 1), st.integers(1, 500))
def test_every_server_has_a_shard(guild_id: int, shard_count: int) -> None:
    assert 0 <= shard_of(guild_id, shard_count) < shard_count
