"""Discord's ids, which tell when Discord made something (Discord API docs, reference, Snowflakes)."""

from __future__ import annotations

_EPOCH = 1_420_070_400_000
"""Milliseconds UTC."""


def made_at(snowflake: int) -> int:
    """When the message, or whatever has this id, was made, by Discord's clock; milliseconds UTC."""
    return (snowflake >> 22) + _EPOCH
