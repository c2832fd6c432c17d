"""Old databases in which servers shared an account's row, unreadable tokens, and the remains of replaced tokens."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from model.states import AccountState, NoticeKind
from pixverse.api_errors import TokenRefused
from relay.accounts.rechecks import Recheck
from relay.delivery import notice_json
from storage import accounts, servers
from storage.database import Database
from storage.engines import migrations
from storage.engines.sqlite import migrate
from storage.secret_store import SecretStore, new_key
from tests.relay.accounts_fixture import AccountsFixture

ALONE, FIRST, SECOND, TRACED, OPERATED, PLAIN = 101, 102, 103, 104, 105, 106
ADMIN = 7
OPERATOR = "user:9-operator"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "relay.db"


@pytest.fixture
def key() -> str:
    return new_key()


@pytest.fixture
async def world(path: Path, key: str) -> AsyncIterator[AccountsFixture]:
    """With a database of the version before: accounts 1 of one server, 2 of two servers, 3 of one server beside
    another's trace, 4 the operator's and of a server; each server waits for a job and has an outcome to be posted."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate.migrate(path, connection, migrations.load("sqlite")[:2])
    await _fill(path, key)
    opened = await AccountsFixture.open(path, key, operator_token=OPERATOR)
    opened.api.works(*(f"user:{number}-new" for number in (1, 2, 3, 9)))
    yield opened
    await opened.close()


async def _fill(path: Path, key: str) -> None:
    """The key's own values come from a new database, because they are the same in all versions."""
    fresh = await Database.open(path.with_name("fresh.db"))
    secret_store = await SecretStore.open(fresh, [key])
    known = [tuple(row) for row in await fresh.reader.all("SELECT name, value FROM meta")]
    await fresh.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany("INSERT INTO meta VALUES (?, ?)", known)
        connection.execute("INSERT INTO meta VALUES ('operator_account', x'34')")
        for number, name in ((1, "user:1"), (2, "user:2"), (3, "user:3"), (4, "user:9"), (5, "user:5")):
            token = secret_store.encrypt(f"{name}-shared")
            connection.execute(
                "INSERT INTO accounts (id, account_key, token, state_since) VALUES (?, ?, ?, 0)",
                (
                    number,
                    name,
                    token,
                ),
            )
            connection.execute(
                "INSERT INTO jobs (id, account_id, jobid, watched_since, changed_at) VALUES (?, ?, ?, 0, 0)",
                (number, number, f"job-{number}"),
            )
        for guild, account in ((ALONE, 1), (FIRST, 2), (SECOND, 2), (TRACED, 3), (OPERATED, 4), (107, 5), (108, 5)):
            connection.execute(
                "INSERT INTO servers (guild_id, account_id, token_set_by) VALUES (?, ?, ?)", (guild, account, ADMIN)
            )
        for guild, job in ((ALONE, 1), (FIRST, 2), (SECOND, 2), (TRACED, 3), (PLAIN, 3), (OPERATED, 4), (PLAIN, 4)):
            connection.execute(
                "INSERT INTO subscriptions (job_id, guild_id, channel_id, created_at) VALUES (?, ?, ?, 0)",
                (job, guild, guild * 10 + job),
            )
            connection.execute(
                "INSERT INTO deliveries (kind, subscription_id, guild_id, channel_id, base_nonce, next_at, created_at)"
                " VALUES ('card', (SELECT max(id) FROM subscriptions), ?, ?, ?, 0, 0)",
                (guild, guild * 10 + job, f"{guild}-{job}"),
            )
        connection.execute(
            "INSERT INTO follows (guild_id, channel_id, account_id, created_at) VALUES (?, 1, 4, 0)", (OPERATED,)
        )


async def _asked_again(world: AccountsFixture) -> list[tuple[int, int, tuple[int, ...]]]:
    rows = await world.database.reader.all(
        "SELECT guild_id, notice, base_nonce FROM deliveries WHERE kind = 'notice' ORDER BY guild_id"
    )
    posts = [(row[0], notice_json.load(row[1], row[2])) for row in rows]
    assert {post.kind for _, post in posts} <= {NoticeKind.TOKEN_MISSING}
    return [(guild, post.jobs, post.mention) for guild, post in posts]


def _in_files(path: Path, stored: bytes) -> list[str]:
    return [
        file.name for file in path.parent.iterdir() if file.name.startswith(path.name) and stored in file.read_bytes()
    ]


async def test_an_update_leaves_a_token_to_the_one_server_that_used_it(world: AccountsFixture) -> None:
    book = world.accounts
    tokens = {guild: book.token_of(book.in_force(guild) or 0) for guild in (ALONE, FIRST, SECOND, TRACED, OPERATED)}
    assert tokens == {ALONE: "user:1-shared", FIRST: None, SECOND: None, TRACED: None, OPERATED: None}
    assert book.token_of(book.in_force(PLAIN) or 0) == OPERATOR
    assert [book.token_of(book.in_force(idle) or 0) for idle in (107, 108)] == [None, None]
    assert book.operator_id == 4
    states = {guild: book.state_of(book.in_force(guild) or 0) for guild in tokens}
    assert states == {guild: AccountState.OK if guild == ALONE else AccountState.MISSING for guild in tokens}
    assert await _asked_again(world) == [(guild, 1, (ADMIN,)) for guild in (FIRST, SECOND, TRACED, OPERATED)]
    row = await world.database.reader.one("SELECT count(*) FROM deliveries WHERE kind = 'card' AND state = 'waiting'")
    assert row is not None
    assert row[0] == 7
    assert await world.rechecks.recheck_now(book.in_force(FIRST) or 0) is Recheck.TOKEN_MISSING
    (follow,) = await world.database.reader.all("SELECT account_id FROM follows")
    assert follow[0] == book.in_force(OPERATED)


async def test_admins_are_asked_once(world: AccountsFixture) -> None:
    before = await _asked_again(world)
    await world.restart(operator_token=OPERATOR)
    assert await _asked_again(world) == before


async def test_each_server_resumes_with_the_token_it_enters_then(world: AccountsFixture) -> None:
    done = await world.tokens.set_token(FIRST, ADMIN, "user:2-new")
    assert (done.waiting, done.held) == (1, 0)
    assert world.accounts.state_of(world.accounts.in_force(SECOND) or 0) is AccountState.MISSING
    assert world.accounts.token_of(world.accounts.in_force(SECOND) or 0) is None
    entered = await world.tokens.set_token(OPERATED, ADMIN, "user:9-new")
    assert (entered.waiting, entered.held) == (1, 0)
    assert world.accounts.token_of(world.accounts.operator_id or 0) == OPERATOR
    rows = await world.database.reader.all(
        "SELECT s.guild_id, j.account_id FROM subscriptions s JOIN jobs j ON j.id = s.job_id WHERE j.jobid = 'job-4'"
    )
    assert {(row[0], row[1]) for row in rows} == {(OPERATED, entered.account_id), (PLAIN, world.accounts.operator_id)}


async def test_nothing_is_left_of_deleted_tokens_and_the_earlier_copy_has_none(path: Path, key: str) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate.migrate(path, connection, migrations.load("sqlite")[:2])
    await _fill(path, key)
    with closing(sqlite3.connect(path)) as connection:
        tokens = [row[0] for row in connection.execute("SELECT token FROM accounts ORDER BY id")]
    world = await AccountsFixture.open(path, key, operator_token=OPERATOR)
    try:
        found = [_in_files(path, token[30:60]) for token in tokens]
    finally:
        await world.close()
    assert found == [[found[0][0]], [], [], [], []]
    assert ".before-" not in found[0][0]
    with closing(sqlite3.connect(path.with_name("relay.db.before-3"))) as connection:
        assert connection.execute("SELECT count(*), count(token) FROM accounts").fetchone() == (len(tokens), 0)


async def test_a_crash_at_any_statement_leaves_the_old_state_or_the_new_one(path: Path, key: str) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate.migrate(path, connection, migrations.load("sqlite")[:2])
    await _fill(path, key)
    steps = migrations.load("sqlite")
    statements = steps[2].statements
    for left in range(len(statements)):
        broken = migrations.Migration(3, (*statements[:left], "SELECT * FROM nowhere"), 3)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA foreign_keys = ON")
            before = list(connection.iterdump())
            with pytest.raises(sqlite3.OperationalError):
                migrate.migrate(path, connection, [*steps[:2], broken])
            assert list(connection.iterdump()) == before
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        migrate.migrate(path, connection, steps)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


async def test_an_undecryptable_token_is_asked_for_and_returns_with_its_key(
    path: Path, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = await AccountsFixture.open(path, key)
    world.api.works("user:1-a", "user:2-b")
    broken = (await world.tokens.set_token(FIRST, ADMIN, "user:1-a")).account_id
    await world.tokens.set_token(SECOND, ADMIN, "user:2-b")
    async with world.database.transaction() as tx:
        row = await accounts.by_id(tx, broken)
        assert row is not None
        await servers.set_alerts_channel(tx, FIRST, 5)
        await tx.run("UPDATE accounts SET token = x'00' WHERE id = ?", (broken,))
    await world.restart()
    assert world.accounts.state_of(broken) is AccountState.MISSING
    assert world.accounts.token_of(world.accounts.in_force(SECOND) or 0) == "user:2-b"
    assert await _asked_again(world) == [(FIRST, 0, (ADMIN,))]
    assert "cannot be decrypted" in caplog.text
    async with world.database.transaction() as tx:
        await tx.run("UPDATE accounts SET token = ? WHERE id = ?", (row.token, broken))
    await world.restart()
    assert (world.accounts.state_of(broken), world.accounts.token_of(broken)) == (AccountState.OK, "user:1-a")
    async with world.database.transaction() as tx:
        await tx.run("UPDATE accounts SET token = x'00' WHERE id = ?", (broken,))
    await world.restart()
    entered = await world.tokens.set_token(FIRST, ADMIN, "user:1-a")
    assert world.accounts.token_of(entered.account_id) == "user:1-a"
    await world.close()


async def test_an_undecryptable_operator_s_token_is_read_from_the_settings(path: Path, key: str) -> None:
    world = await AccountsFixture.open(path, key, operator_token=OPERATOR)
    async with world.database.transaction() as tx:
        await tx.run("UPDATE accounts SET token = x'00'")
    await world.restart(operator_token=OPERATOR)
    assert world.accounts.token_of(world.accounts.operator_id or 0) == OPERATOR
    await world.close()


@pytest.mark.parametrize("replaced", ["set over set", "other account", "removed", "operator", "same bytes again"])
async def test_no_byte_of_a_replaced_secret_stays_in_a_file(path: Path, key: str, replaced: str) -> None:
    world = await AccountsFixture.open(path, key, operator_token="user:9-a" if replaced == "operator" else None)
    world.api.works("user:1-a", "user:1-b", "user:2-c")
    account = 0
    if replaced != "operator":
        account = (await world.tokens.set_token(FIRST, ADMIN, "user:1-a")).account_id
    (row,) = [one for one in await accounts.every(world.database.reader) if one.token is not None]
    assert row.token is not None
    match replaced:
        case "set over set":
            await world.tokens.set_token(FIRST, ADMIN, "user:1-b")
        case "other account":
            await world.tokens.set_token(FIRST, ADMIN, "user:2-c")
        case "removed":
            await world.tokens.remove_token(FIRST, account, ADMIN)
        case "operator":
            await world.restart(operator_token="user:9-b")
        case _:
            await world.tokens.set_token(FIRST, ADMIN, "user:1-a")
    assert _in_files(path, row.token[30:60]) == []
    await world.close()


async def test_a_refused_token_is_refused_only_for_those_who_entered_it(path: Path, key: str) -> None:
    world = await AccountsFixture.open(path, key)
    world.api.works("user:1-a", "user:1-b")
    first = (await world.tokens.set_token(FIRST, ADMIN, "user:1-a")).account_id
    second = (await world.tokens.set_token(SECOND, ADMIN, "user:1-b")).account_id
    await world.accounts.note_response(first, TokenRefused("no"))
    assert world.accounts.state_of(second) is AccountState.OK
    await world.close()
