from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import count
from pathlib import Path

import pytest

from relay.callbacks.callback_addresses import CallbackAddresses
from storage import servers
from storage.database import Database
from storage.engines.interface import Row, SqlValue
from storage.secret_store import SecretStore


def _numbered() -> Callable[[int], str]:
    numbers = count(1)
    return lambda _: f"secret-{next(numbers)}"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(tmp_path / "relay.db")
    yield opened
    await opened.close()


@pytest.fixture
async def addresses(database: Database) -> CallbackAddresses:
    made = CallbackAddresses(database, await SecretStore.open(database), _numbered())
    await made.read_all()
    return made


async def test_each_server_has_its_own_address_and_keeps_it(addresses: CallbackAddresses) -> None:
    here, there = await addresses.of_server(5), await addresses.of_server(6)
    assert (here.secret, there.secret) == ("secret-1", "secret-2")
    assert (await addresses.of_server(5)) == here
    assert addresses.server_of("secret-1") == 5
    assert addresses.server_of("secret-2") == 6
    for strange in ("", "secret-3", "SECRET-1", "secret-1 ", "\ud800", "a" * 9000):
        assert addresses.server_of(strange) is None


async def test_simultaneous_requests_show_the_same_address(addresses: CallbackAddresses) -> None:
    shown = await asyncio.gather(*(addresses.of_server(5) for _ in range(10)))
    assert {address.secret for address in shown} == {"secret-1"}


async def test_a_replaced_address_is_void_and_is_replaced_once(addresses: CallbackAddresses) -> None:
    old = await addresses.of_server(5)
    twice = await asyncio.gather(*(addresses.replace(5, old.number) for _ in range(3)))
    assert {address.secret for address in twice} == {"secret-2"}
    assert addresses.server_of("secret-1") is None
    assert addresses.server_of("secret-2") == 5
    assert (await addresses.replace(5, old.number)).secret == "secret-2"


async def test_an_address_that_another_process_replaced_is_void(
    addresses: CallbackAddresses, database: Database
) -> None:
    old, kept = await addresses.of_server(5), await addresses.of_server(6)
    other = CallbackAddresses(database, await SecretStore.open(database), _numbered())
    await other.read_all()
    new = await addresses.replace(5, old.number)
    await other.read_again((), {5, 7})
    assert other.server_of(old.secret) is None
    assert other.server_of(new.secret) == 5
    assert other.server_of(kept.secret) == 6


async def test_addresses_are_found_again_after_a_start(addresses: CallbackAddresses, database: Database) -> None:
    old = await addresses.of_server(5)
    new = await addresses.replace(5, old.number)
    again = CallbackAddresses(database, await SecretStore.open(database), _numbered())
    assert again.server_of(new.secret) is None
    await again.read_all()
    assert again.server_of(new.secret) == 5
    assert again.server_of(old.secret) is None
    assert await again.of_server(5) == new


async def test_a_deleted_server_s_address_is_void(addresses: CallbackAddresses) -> None:
    await addresses.of_server(5)
    await addresses.of_server(6)
    addresses.forget(5)
    assert addresses.server_of("secret-1") is None
    assert addresses.server_of("secret-2") == 6


async def test_the_secret_is_encrypted_and_in_no_repr(
    addresses: CallbackAddresses, database: Database, tmp_path: Path
) -> None:
    address = await addresses.of_server(5)
    assert "secret-1" not in repr(address)
    assert len(str(address.number)) <= 17
    assert not [file for file in tmp_path.iterdir() if b"secret-1" in file.read_bytes()]


async def test_no_byte_of_a_replaced_address_stays_in_a_file(database: Database, addresses: CallbackAddresses) -> None:
    before = await addresses.of_server(1)
    stored = await servers.callback_secret(database.reader, 1)
    assert stored is not None
    await addresses.replace(1, before.number)
    assert not [file.name for file in database.path.parent.iterdir() if stored[30:60] in file.read_bytes()]


async def test_an_address_that_cannot_be_decrypted_is_replaced(
    database: Database, addresses: CallbackAddresses
) -> None:
    before = await addresses.of_server(1)
    async with database.transaction() as tx:
        await tx.run("UPDATE servers SET callback_secret = x'00'")
    after = await addresses.of_server(1)
    assert after != before
    assert (addresses.server_of(before.secret), addresses.server_of(after.secret)) == (None, 1)


@pytest.mark.parametrize("of", [None, {5}])
async def test_a_void_address_stays_void_while_other_changes_are_read(
    addresses: CallbackAddresses, database: Database, of: set[int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await addresses.of_server(5)
    read, gate, waiting = database.reader.all, asyncio.Event(), asyncio.Event()

    async def late(sql: str, parameters: Sequence[SqlValue] = ()) -> Sequence[Row]:
        rows = await read(sql, parameters)
        waiting.set()
        await gate.wait()
        return rows

    monkeypatch.setattr(database.reader, "all", late)
    reading = asyncio.create_task(addresses.read_all() if of is None else addresses.read_again(of, of))
    await waiting.wait()
    new = await addresses.replace(5, old.number)
    gate.set()
    await reading
    assert addresses.server_of(old.secret) is None
    assert addresses.server_of(new.secret) == 5
