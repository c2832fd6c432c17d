"""Which gateway shard a server belongs to."""

from __future__ import annotations


def shard_of(guild_id: int, shard_count: int) -> int:
    """The shard whose sessions get the events of this server (Discord API docs, events/gateway, Sharding)."""
    return (guild_id >> 22) % shard_count
