"""The relay's parts are wired correctly."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, cast
from unittest.mock import MagicMock

import pytest
from cryptography.fernet import Fernet

from model.job import Outcome
from relay.polling.job_fetcher import _Backoff
from relay.polling.job_list import _JobList
from relay.polling.schedule import Timing
from relay.relay import Network, Relay, Storage
from settings import load_settings
from storage import accounts, jobs, servers, subscriptions
from storage.database import Database, put_meta
from storage.errors import StorageUnavailable
from storage.secret_store import SecretStore
from tests.clock import ManualClock
from tests.idle import until_idle
from tests.inline_database import connect_inline
from tests.new_database import lay_database


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[Relay]:
    database = await Database.open(await lay_database(tmp_path / "relay.db"), connect=connect_inline)
    secret_store = await SecretStore.open(database, [Fernet.generate_key().decode()])
    settings = load_settings({"DISCORD_TOKEN": "MTA.abc.def", "USEAPI_TOKEN": "user:1-abc"}, None, tmp_path)
    anything = cast("Any", MagicMock())
    timing = Timing(ManualClock(), Random(1), 20.0)
    yield Relay(settings, Storage(database, secret_store, None), Network(anything, anything), anything, timing)
    await database.close()


def test_each_loop_has_its_own_name(relay: Relay) -> None:
    loops = relay.loops()
    assert len(set(loops.values())) == len(loops)


async def test_a_log_that_another_program_reads_is_emptied_by_a_loop(relay: Relay) -> None:
    async with relay.database.transaction() as tx:
        await put_meta(tx, "a", b"overwritten")
    with closing(sqlite3.connect(relay.database.path)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM meta").fetchall()
        async with relay.database.transaction() as tx:
            await put_meta(tx, "a", b"1")
        assert not await relay.database.flush()
    clock = cast("ManualClock", relay.clock)
    loop = asyncio.ensure_future(relay.loops()["erasure"]())
    for _ in range(100):
        await asyncio.sleep(0)
        clock.forward(1.0)
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    assert not [file for file in relay.database.path.parent.iterdir() if b"overwritten" in file.read_bytes()]


async def test_a_server_that_returns_to_this_process_has_its_language_stored_again(relay: Relay) -> None:
    await relay.guilds.locale_seen(77, "ja")
    async with relay.database.transaction() as tx:
        await servers.set_locale(tx, 77, "de")  # as the process that owns it meanwhile does
    relay.changes.servers_moved()
    await relay.guilds.locale_seen(77, "ja")
    server = await servers.get(relay.database.reader, 77)
    assert server is not None
    assert server.locale == "ja"


async def test_nothing_is_kept_of_a_deleted_account(relay: Relay) -> None:
    await relay.accounts.start()
    async with relay.database.transaction() as tx:
        old = await accounts.put_token(tx, "user:2", b"sealed", "user:2", 0)
        await accounts.put_token(tx, "user:3", b"sealed", "user:3", 0)
    await relay.accounts.read_all()
    relay.fetcher._backoffs[old.id] = _Backoff(0.0, 1)
    relay.job_lists._lists[old.id, "v1"] = _JobList()
    async with relay.database.transaction() as tx:
        await accounts.forget_unused_token(tx, old.id)
    clock = cast("ManualClock", relay.clock)
    sweep = asyncio.ensure_future(relay.retention.sweep())
    await until_idle()
    clock.forward(1.0)
    await sweep
    assert relay.accounts.account(old.id) is None
    assert (relay.fetcher._backoffs, relay.job_lists._lists) == ({}, {})


async def test_an_unknown_commit_is_read_again(relay: Relay) -> None:
    """The response to a commit was lost, so a job was watched, and later ended, without a signal."""
    await relay.accounts.start()
    account_id = relay.accounts.operator_id
    assert account_id is not None
    while relay.job_loader.loading:
        await relay.job_loader.load()
    async with relay.database.transaction() as tx:
        job = await jobs.add(tx, account_id, "user:1-pixverse:me-video:1", None, relay.clock.now())
        await subscriptions.add(
            tx, job_id=job.id, guild_id=77, channel_id=5, batch_id=None, spoiler=False, now=relay.clock.now()
        )
    await _doubt(relay)
    assert relay.job_queue.get(job.id) is not None
    async with relay.database.transaction() as tx:
        await jobs.end(tx, job.id, Outcome.FAILED, relay.clock.now())
    await _doubt(relay)
    assert relay.job_queue.get(job.id) is None


async def test_what_an_unknown_commit_has_changed_in_memory_is_read_again(relay: Relay) -> None:
    """The response to a commit was lost, so a server's token and callback address were stored, and nobody knows it."""
    await relay.accounts.start()
    async with relay.database.transaction() as tx:
        account = await accounts.put_token(tx, "user:2", b"sealed", "user:2", 0)
        await servers.set_account(tx, 77, account.id, 1)
        await servers.put_callback_secret(tx, 77, b"sealed", hashlib.sha256(b"secret").digest())
    assert (relay.accounts.own(77), relay.callback_addresses.server_of("secret")) == (None, None)
    changed: list[int] = []
    relay.changes.account_changed.listen(changed.append)
    await _doubt(relay)
    assert (relay.accounts.own(77), relay.callback_addresses.server_of("secret")) == (account.id, 77)
    assert account.id in changed
    assert relay.lease_moves.counts()["accounts"] == 0


async def test_an_unknown_commit_is_read_again_once_the_database_can_be_read(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    await relay.accounts.start()
    read_all, reads = relay.accounts.read_all, [StorageUnavailable("away"), None]

    async def fail_once() -> None:
        error = reads.pop(0)
        if error is not None:
            raise error
        await read_all()

    monkeypatch.setattr(relay.accounts, "read_all", fail_once)
    await _doubt(relay, seconds=60)
    assert reads == []


async def test_what_could_not_be_recorded_is_retried_soon_after_the_database_recovers(relay: Relay) -> None:
    await relay.accounts.start()
    assert relay.accounts.operator_id is not None
    async with relay.database.transaction() as tx:
        row = await jobs.add(tx, relay.accounts.operator_id, "user:1-pixverse:me-video:1", None, relay.clock.now())
        await subscriptions.add(
            tx, job_id=row.id, guild_id=77, channel_id=5, batch_id=None, spoiler=False, now=relay.clock.now()
        )
    await relay.job_loader.load()
    job = relay.job_queue.get(row.id)
    assert job is not None
    for _ in range(6):
        relay.job_queue.start(job)
        relay.job_queue.failed(job)
    relay.writes.paused = True
    relay.changes.writes_changed()
    assert job.due > relay.clock.monotonic() + 100
    relay.writes.paused = False
    relay.changes.writes_changed()
    assert job.due <= relay.clock.monotonic() + 20


async def _doubt(relay: Relay, seconds: int = 40) -> None:
    loop = asyncio.ensure_future(relay.loops()["writes"]())
    await until_idle()
    relay.database.in_doubt = True
    relay.database.refused.set()
    clock = cast("ManualClock", relay.clock)
    for _ in range(seconds):
        await until_idle()
        clock.forward(1.0)
    assert not relay.database.in_doubt
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    await relay.job_loader.load()


def test_each_kind_of_change_has_a_listener(relay: Relay) -> None:
    assert [name for name, signal in vars(relay.changes).items() if not signal._listeners] == []
