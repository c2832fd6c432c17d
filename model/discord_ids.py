"""What Discord's ids tell: when something was made, and to which gateway shard a server belongs."""

from __future__ import annotations

from dataclasses import dataclass

_EPOCH = 1_420_070_400_000
"""Milliseconds UTC."""


def made_at(snowflake: int) -> int:
    """When the message, or whatever has this id, was made, by Discord's clock; milliseconds UTC (Discord API docs,
    reference, Snowflakes)."""
    return (snowflake >> 22) + _EPOCH


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
