"""The shard of a server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.shards import shard_of


@pytest.mark.parametrize(
    ("guild_id", "shard_count", "shard"),
    [(0, 3, 0), (2**22 - 1, 3, 0), (2**22, 3, 1), (5 * 2**22 + 4321, 3, 2), (613425648685547541, 1, 0)],
)
def test_by_discord_s_formula(guild_id: int, shard_count: int, shard: int) -> None:
    assert shard_of(guild_id, shard_count) == shard


@given(st.integers(0, 2**63 - 1), st.integers(1, 500))
def test_every_server_has_one(guild_id: int, shard_count: int) -> None:
    assert 0 <= shard_of(guild_id, shard_count) < shard_count
