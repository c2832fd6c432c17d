from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path

import pytest

from relay.callbacks.callback_addresses import CallbackAddresses
from storage.database import Database
from storage.vault import Vault


def _numbered() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"secret-{next(numbers)}"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(tmp_path / "relay.db")
    yield opened
    await opened.close()


@pytest.fixture
async def addresses(database: Database) -> CallbackAddresses:
    made = CallbackAddresses(database, await Vault.open(database), _numbered())
    await made.start()
    return made


async def test_each_server_has_one_of_its_own_and_keeps_it(addresses: CallbackAddresses) -> None:
    here, there = await addresses.of_server(5), await addresses.of_server(6)
    assert (here.secret, there.secret) == ("secret-1", "secret-2")
    assert (await addresses.of_server(5)) == here
    assert addresses.server_of("secret-1") == 5
    assert addresses.server_of("secret-2") == 6
    for strange in ("", "secret-3", "SECRET-1", "secret-1 ", "\ud800", "a" * 9000):
        assert addresses.server_of(strange) is None


async def test_many_who_ask_at_once_are_shown_the_same(addresses: CallbackAddresses) -> None:
    shown = await asyncio.gather(*(addresses.of_server(5) for _ in range(10)))
    assert {address.secret for address in shown} == {"secret-1"}


async def test_a_replaced_one_is_void_and_is_replaced_once(addresses: CallbackAddresses) -> None:
    old = await addresses.of_server(5)
    twice = await asyncio.gather(*(addresses.replace(5, old.number) for _ in range(3)))
    assert {address.secret for address in twice} == {"secret-2"}
    assert addresses.server_of("secret-1") is None
    assert addresses.server_of("secret-2") == 5
    assert (await addresses.replace(5, old.number)).secret == "secret-2"


async def test_a_start_finds_them_again(addresses: CallbackAddresses, database: Database) -> None:
    old = await addresses.of_server(5)
    new = await addresses.replace(5, old.number)
    again = CallbackAddresses(database, await Vault.open(database), _numbered())
    assert again.server_of(new.secret) is None
    await again.start()
    assert again.server_of(new.secret) == 5
    assert again.server_of(old.secret) is None
    assert await again.of_server(5) == new


async def test_a_forgotten_server_s_is_void(addresses: CallbackAddresses) -> None:
    await addresses.of_server(5)
    await addresses.of_server(6)
    addresses.forget(5)
    assert addresses.server_of("secret-1") is None
    assert addresses.server_of("secret-2") == 6


async def test_the_secret_is_kept_encrypted_and_is_in_no_repr(
    addresses: CallbackAddresses, database: Database, tmp_path: Path
) -> None:
    address = await addresses.of_server(5)
    assert "secret-1" not in repr(address)
    assert len(str(address.number)) <= 17
    assert not [file for file in tmp_path.iterdir() if b"secret-1" in file.read_bytes()]
