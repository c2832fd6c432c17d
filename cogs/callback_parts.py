"""The parts that take and follow callbacks, each given the ones that it works with."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from relay.callbacks.callback_addresses import CallbackAddresses
from relay.callbacks.hint_counts import HintCounts
from relay.callbacks.hints import Hints
from relay.callbacks.unknown_jobs import UnknownJobs
from relay.polling.job_fetcher import JobFetcher
from relay.polling.poller import Poller
from relay.ports import Clock, JobTaker
from relay.tokens.accounts import Accounts
from storage.database import Database
from storage.vault import Vault
from web.callbacks import CallbackRate, Callbacks

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class CallbackParts:
    """What the HTTP port, the commands and the background loop work with."""

    addresses: CallbackAddresses
    hints: Hints
    counts: HintCounts
    endpoint: Callbacks


def callback_parts(
    database: Database,
    vault: Vault,
    accounts: Accounts,
    fetcher: JobFetcher,
    poller: Poller,
    taker: JobTaker,
    clock: Clock,
    *,
    interval: float,
) -> CallbackParts:
    """Makes every part; nothing runs yet. `interval` in seconds."""
    counts = HintCounts()
    addresses = CallbackAddresses(database, vault, lambda: secrets.token_urlsafe(_SECRET_BYTES))
    unknown = UnknownJobs(database.reader, fetcher, taker, poller, clock, interval=interval)
    hints = Hints(database, accounts, poller, unknown, counts, clock)
    endpoint = Callbacks(addresses, hints, CallbackRate(), counts, clock)
    return CallbackParts(addresses, hints, counts, endpoint)
