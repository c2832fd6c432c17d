"""For how long a server's upload limit that was learned from a refusal is believed. Pure."""

from __future__ import annotations

BELIEVED = 6 * 3600 * 1000
"""Milliseconds, after which a larger file is tried again: Discord raises its limits now and then, and tells no bot.

A try in vain costs an upload, four times a day in a server at most; a limit that holds no more costs every video."""


def in_force(limit: int | None, learned_at: int | None, now: int) -> int | None:
    """The limit in bytes, or None where none is known (any more). Times in milliseconds UTC."""
    if limit is None or learned_at is None or now - learned_at >= BELIEVED:
        return None
    return limit
