from __future__ import annotations

from model.states import AccountState
from storage import accounts, deletion, servers
from storage.database import Database
from storage.servers import ServerRow


async def test_each_setting_leaves_the_others_alone(database: Database) -> None:
    async with database.transaction() as tx:
        account = await accounts.put_token(tx, "user:1", b"x", "user:1", 0)
        await servers.set_upload_limit(tx, 5, 1000, 7)
        await servers.set_alerts_channel(tx, 5, 77)
        await servers.set_account(tx, 5, account.id, 66)
        await servers.set_gone(tx, 5, 10)
        await servers.set_gone(tx, 5, 20)
        await servers.set_language(tx, 5, "ja")
        await servers.set_locale(tx, 5, "pt-BR")
    assert await servers.get(database.reader, 5) == ServerRow(account.id, 66, 77, 1000, 7, 10, "ja", "pt-BR")
    assert await servers.with_own_account(database.reader) == {5: account.id}
    assert await servers.using(database.reader, account.id) == [5]
    async with database.transaction() as tx:
        await servers.set_back(tx, 5, 30)
        await servers.clear_account(tx, 5)
        await servers.set_alerts_channel(tx, 5, None)
        await servers.set_language(tx, 5, None)
    assert await servers.get(database.reader, 5) == ServerRow(None, None, None, 1000, 7, None, None, "pt-BR")
    async with database.transaction() as tx:
        await servers.forget_upload_limit(tx, 5)
    assert await servers.get(database.reader, 5) == ServerRow(None, None, None, None, None, None, None, "pt-BR")
    assert await servers.with_own_account(database.reader) == {}


async def test_nothing_is_stored_about_a_server_before_something_is_set(database: Database) -> None:
    async with database.transaction() as tx:
        await servers.set_back(tx, 5, 30)
        await servers.clear_account(tx, 5)
    assert await servers.get(database.reader, 5) is None


async def test_another_token_of_the_operator_must_be_confirmed_again(database: Database) -> None:
    async with database.transaction() as tx:
        first = await accounts.put_operator_token(tx, "user:1", b"x", "hash x", 0)
        await accounts.set_confirmed(tx, first.id)
        again = await accounts.put_operator_token(tx, "user:1", b"x", "hash x", 0)
        other = await accounts.put_operator_token(tx, "user:1", b"y", "hash y", 0)
    assert (first.id, first.confirmed) == (again.id, False)
    assert (again.confirmed, other.id, other.confirmed) == (True, first.id, False)


async def test_a_state_is_written_only_when_it_changes(database: Database) -> None:
    async with database.transaction() as tx:
        account = await accounts.put_token(tx, "user:1", b"x", "user:1", 1)
        assert not await accounts.set_state(tx, account.id, AccountState.OK, 5)
        assert await accounts.set_state(tx, account.id, AccountState.REFUSED, 6)
        assert not await accounts.set_state(tx, account.id, AccountState.REFUSED, 7)
    row = await accounts.by_id(database.reader, account.id)
    assert row is not None
    assert (row.state, row.state_since, row.tried_at) == ("refused", 6, 6)
    assert "b'x'" not in repr(row)


async def test_the_grace_period_counts_from_the_removal(database: Database) -> None:
    async with database.transaction() as tx:
        await servers.set_gone(tx, 5, 1000)
        await servers.set_gone(tx, 6, 2000)
        assert await servers.gone(tx) == {5, 6}
        assert await servers.gone_before(tx, 999) == []
        assert await servers.gone_before(tx, 1000) == [5]
        await servers.set_back(tx, 5, 30)
        assert await servers.gone(tx) == {6}


async def test_an_address_is_found_by_its_hash_and_a_new_one_voids_it(database: Database) -> None:
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


async def test_changing_an_address_leaves_a_server_s_other_data_alone(database: Database) -> None:
    async with database.transaction() as tx:
        account = await accounts.put_token(tx, "user:1", b"x", "user:1", 0)
        await servers.set_account(tx, 5, account.id, 66)
        before = await servers.get(tx, 5)
        await servers.put_callback_secret(tx, 5, b"sealed", b"hash")
        assert await servers.get(tx, 5) == before


async def test_nothing_is_kept_of_a_deleted_server(database: Database) -> None:
    async with database.transaction() as tx:
        await servers.put_callback_secret(tx, 5, b"sealed", b"hash")
        await deletion.forget_server(tx, 5)
        await servers.set_callback_heard(tx, 5, 1000)
    assert await servers.callback_hashes(database.reader) == {}
    assert await servers.get(database.reader, 5) is None
