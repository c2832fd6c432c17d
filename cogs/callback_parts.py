"""The parts that take and follow callbacks, each given the ones that it works with."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from relay.accounts.account_registry import Accounts
from relay.callbacks.callback_addresses import CallbackAddresses
from relay.callbacks.callback_counts import CallbackCounts
from relay.callbacks.callback_processor import CallbackProcessor
from relay.callbacks.unknown_jobs import UnknownJobs
from relay.polling.job_fetcher import JobFetcher
from relay.polling.poller import Poller
from relay.ports import Clock, JobImports
from storage.database import Database
from storage.vault import Vault
from web.callbacks import CallbackRate, Callbacks

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class CallbackParts:
    """What the HTTP port, the commands and the background loop work with."""

    addresses: CallbackAddresses
    processor: CallbackProcessor
    counts: CallbackCounts
    endpoint: Callbacks


def callback_parts(
    database: Database,
    vault: Vault,
    accounts: Accounts,
    fetcher: JobFetcher,
    poller: Poller,
    importer: JobImports,
    clock: Clock,
    *,
    interval: float,
) -> CallbackParts:
    """Makes every part; nothing runs yet. `interval` in seconds."""
    counts = CallbackCounts()
    addresses = CallbackAddresses(database, vault, lambda: secrets.token_urlsafe(_SECRET_BYTES))
    unknown = UnknownJobs(database.reader, fetcher, importer, poller, clock, interval=interval)
    processor = CallbackProcessor(database, accounts, poller, unknown, counts, clock)
    endpoint = Callbacks(addresses, processor, CallbackRate(), counts, clock)
    return CallbackParts(addresses, processor, counts, endpoint)
