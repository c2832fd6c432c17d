"""Gateway shards: which one a server belongs to, and the servers of some of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shards:
    """Some of the bot's gateway shards; used to select the servers that belong to them."""

    count: int
    """How many shards the bot has in all."""
    held: tuple[int, ...]
    """The numbers of these shards."""


def shard_of(guild_id: int, shard_count: int) -> int:
    """The shard whose sessions get the events of this server (Discord API docs, events/gateway, Sharding)."""
    return (guild_id >> 22) % shard_count
