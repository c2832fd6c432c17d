from __future__ import annotations

from storage import accounts, deletion, servers
from storage.database import Database


async def test_an_address_is_found_by_its_hash_and_a_new_one_makes_it_void(database: Database) -> None:
    assert await servers.callback_secret(database.reader, 5) is None
    async with database.transaction() as tx:
        await servers.put_callback_secret(tx, 5, b"sealed", b"hash")
        await servers.put_callback_secret(tx, 6, b"sealed too", b"other hash")
        await servers.set_callback_heard(tx, 5, 1000)
    assert await servers.callback_secret(database.reader, 5) == b"sealed"
    assert await servers.callback_hashes(database.reader) == {b"hash": 5, b"other hash": 6}
    assert await servers.callback_heard_at(database.reader, 5) == 1000
    assert await servers.callback_heard_at(database.reader, 6) is None

    async with database.transaction() as tx:
        await servers.put_callback_secret(tx, 5, b"sealed anew", b"new hash")
    assert await servers.callback_hashes(database.reader) == {b"new hash": 5, b"other hash": 6}
    assert await servers.callback_heard_at(database.reader, 5) is None


async def test_an_address_leaves_what_else_is_kept_of_a_server_alone(database: Database) -> None:
    async with database.transaction() as tx:
        account = await accounts.put_token(tx, "user:1", b"x", "user:1", 0)
        await servers.set_account(tx, 5, account.id, 66)
        before = await servers.get(tx, 5)
        await servers.put_callback_secret(tx, 5, b"sealed", b"hash")
        assert await servers.get(tx, 5) == before


async def test_nothing_is_kept_of_a_server_that_is_forgotten(database: Database) -> None:
    async with database.transaction() as tx:
        await servers.put_callback_secret(tx, 5, b"sealed", b"hash")
        await deletion.forget_server(tx, 5)
        await servers.set_callback_heard(tx, 5, 1000)
    assert await servers.callback_hashes(database.reader) == {}
    assert await servers.get(database.reader, 5) is None
