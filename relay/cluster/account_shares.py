"""Assigns accounts to processes by rendezvous hashing, so that all processes compute the same result independently.

When a process joins or leaves, only its own accounts change hands. If processes disagree about which of them are alive,
the leases in the database decide.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from hashlib import blake2b


@lru_cache(maxsize=1)
def accounts_of(process_id: str, accounts: frozenset[int], processes: frozenset[str]) -> frozenset[int]:
    """The accounts that a process should hold, out of `accounts`.

    This is called every second and hashes each account with each process, so the latest result is cached.
    """
    if process_id not in processes:
        return frozenset()
    return frozenset(account for account in accounts if process_for(account, processes) == process_id)


def process_for(account: int, processes: Collection[str]) -> str:
    """The process that should hold an account."""
    return max(processes, key=lambda process: (_weight(account, process), process))


def _weight(account: int, process: str) -> bytes:
    return blake2b(f"{account} {process}".encode(), digest_size=8).digest()
