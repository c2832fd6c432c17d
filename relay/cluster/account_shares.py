"""Which process should hold which account, by rendezvous hashing: all come to the same answer without asking.

Where a process comes or goes, only the accounts move that become its own or were. The leases in the database decide
where two processes see different ones alive.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from hashlib import blake2b


def accounts_of(process_id: str, accounts: Iterable[int], processes: Collection[str]) -> frozenset[int]:
    """The accounts that this process should hold, of those that all processes share."""
    if process_id not in processes:
        return frozenset()
    return frozenset(account for account in accounts if process_for(account, processes) == process_id)


def process_for(account: int, processes: Collection[str]) -> str:
    """The process that should hold an account."""
    return max(processes, key=lambda process: (_weight(account, process), process))


def _weight(account: int, process: str) -> bytes:
    return blake2b(f"{account} {process}".encode(), digest_size=8).digest()
