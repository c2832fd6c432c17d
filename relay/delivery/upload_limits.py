"""For how long a server's upload limit that was learned from a refusal is believed. Pure."""

from __future__ import annotations

BELIEVED = 6 * 3600 * 1000
"""Milliseconds, after which a larger file is tried again: Discord raises its limits now and then, and tells no bot.

A try in vain costs an upload, four times a day in a server at most; a limit that holds no more costs every video."""


def told(learned: int | None, nominal: int | None) -> int | None:
    """The limit to tell people, in bytes; None where nothing is known.

    What Discord really takes lies anywhere below the size that it refused; its own table is what is known to be taken.
    """
    return min((limit for limit in (learned, nominal) if limit is not None), default=None)


def in_force(limit: int | None, learned_at: int | None, now: int) -> int | None:
    """The limit in bytes, or None where none is known (any more). Times in milliseconds UTC."""
    if limit is None or learned_at is None or now - learned_at >= BELIEVED:
        return None
    return limit
