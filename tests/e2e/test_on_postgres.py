"""The bot on PostgreSQL: the most important scenarios again, and faults that only a database server has."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
import pytest_asyncio

from sandbox.ports import free_port
from settings import PostgresUrl
from storage.database import Database
from storage.secret_store import new_key
from tests.e2e.conftest import Build
from tests.e2e.forking import ForkServer
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness
from tests.e2e.ledger import PostgresLedger
from tests.e2e.test_deliveries import test_a_result_that_was_not_posted_is_resent_once
from tests.e2e.test_follow import (
    test_another_account_pauses_the_follow_and_the_old_one_resumes_it,
    test_cards_are_shown_and_a_member_can_join,
    test_every_job_of_the_account_is_posted_and_pings_nobody,
)
from tests.e2e.test_forget_me import test_nothing_is_kept_and_the_result_comes_without_a_ping
from tests.e2e.test_kills import (
    test_killed_after_discord_forgot_the_nonce,
    test_killed_during_a_command,
    test_killed_during_the_download,
    test_killed_twice,
    test_killed_while_discord_remembers_the_nonce,
)
from tests.e2e.test_main_path import (
    test_a_job_from_its_command_to_its_video,
    test_already_watched_already_posted_and_posted_again,
    test_the_buttons_of_a_card,
)
from tests.e2e.test_own_tokens import test_a_new_token_stays_with_the_server_that_entered_it
from tests.e2e.test_restarts import (
    test_a_batch_survives_a_restart,
    test_a_restart_during_a_job,
    test_jobs_that_ended_while_the_bot_was_off,
)
from tests.postgres_server import PostgresServer, name_of
from tests.tcp_proxy import TcpProxy

__all__ = [
    "test_a_batch_survives_a_restart",
    "test_a_job_from_its_command_to_its_video",
    "test_a_new_token_stays_with_the_server_that_entered_it",
    "test_a_restart_during_a_job",
    "test_a_result_that_was_not_posted_is_resent_once",
    "test_already_watched_already_posted_and_posted_again",
    "test_another_account_pauses_the_follow_and_the_old_one_resumes_it",
    "test_cards_are_shown_and_a_member_can_join",
    "test_every_job_of_the_account_is_posted_and_pings_nobody",
    "test_jobs_that_ended_while_the_bot_was_off",
    "test_killed_after_discord_forgot_the_nonce",
    "test_killed_during_a_command",
    "test_killed_during_the_download",
    "test_killed_twice",
    "test_killed_while_discord_remembers_the_nonce",
    "test_nothing_is_kept_and_the_result_comes_without_a_ping",
    "test_the_buttons_of_a_card",
]

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "a-password/of@the#bot's"


@pytest.fixture(scope="module")
def postgres_server() -> object:
    """This module's own server, because tests kill it."""
    with PostgresServer() as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def harness(
    program: Path,
    fork_server: ForkServer | None,
    postgres_server: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Harness]:
    """The module's harness, whose bot starts with an empty PostgreSQL database."""
    url = postgres_server.with_password(postgres_server.new_database(tables=False), PASSWORD)
    key = new_key()
    settings = {"DATABASE_URL": url.secret.get_secret_value(), "ENCRYPTION_KEY": key}
    shared = await Harness.build(
        program, tmp_path_factory.mktemp("harness"), settings, fork_server, PostgresLedger(url)
    )
    shared.secrets += [key, PASSWORD]
    try:
        await shared.start()
        yield shared
    finally:
        await shared.close()


async def test_the_operator_s_commands(harness: Harness) -> None:
    checked = await harness.bot.run("check")
    assert checked.code == 0
    assert any(line.startswith("Database postgresql://") and "usable, tables of" in line for line in checked.lines)
    url = harness.bot.settings["DATABASE_URL"]
    copied = await harness.bot.run("backup", "my copy", changed={"DATABASE_URL": f"{url}?sslmode=prefer&port=5432"})
    assert copied.code == 2
    _, _, command = copied.lines[-1].partition("pg_dump: ")
    assert shlex.split(command)[1:3] == ["--format=custom", "--file=my copy"]
    assert command.endswith("?sslmode=prefer&port=5432'")
    rotated = await harness.bot.run("rotate-key")
    assert rotated.code == 4


async def test_the_server_is_killed_and_comes_back(
    harness: Harness, postgres_server: PostgresServer, server: GuildFixture
) -> None:
    job = await server.watched()
    await asyncio.to_thread(postgres_server.kill)
    answer = await server.status(server.job())
    assert answer.text.startswith("**I'm restarting.**"), answer
    job.complete()
    await asyncio.to_thread(postgres_server.start)
    outcome = await server.outcome()
    assert outcome.pinged == {server.member.id}
    assert len(server.outcomes()) == 1


async def test_what_a_failover_lost_is_not_posted_again(
    harness: Harness, postgres_server: PostgresServer, server: GuildFixture
) -> None:
    """The database has lost an end that was posted, and Discord no longer remembers the nonce."""
    job = await server.watched()
    job.complete()
    outcome = await server.outcome()
    await server.settled()
    await harness.bot.kill()
    lost = harness.ledger.change(
        "UPDATE deliveries SET state = 'waiting', attempts = 0, message_id = NULL, settled_at = NULL, owner = NULL "
        "WHERE message_id = ?",
        outcome.id,
    )
    assert lost == 1
    await asyncio.to_thread(postgres_server.kill)
    await asyncio.to_thread(postgres_server.start)
    harness.discord.forget_nonces()
    await harness.start()
    await server.settled()
    assert [message.id for message in server.outcomes()] == [outcome.id]


async def test_its_connections_are_ended_repeatedly(
    harness: Harness, postgres_server: PostgresServer, server: GuildFixture
) -> None:
    jobs = [await server.watched() for _ in range(4)]
    url = harness.ledger.place
    assert isinstance(url, PostgresUrl)
    for job in jobs:
        postgres_server.end_connections(url)
        job.complete()
    await harness.discord.until(lambda: len(server.outcomes()) == len(jobs), 20)
    assert name_of(url) in str(url)


async def test_a_new_key(harness: Harness, server: GuildFixture) -> None:
    job = await server.watched()
    await harness.stop()
    old, new = harness.bot.settings["ENCRYPTION_KEY"], new_key()
    harness.secrets.append(new)
    harness.bot.settings["ENCRYPTION_KEY"] = f"{new},{old}"
    rotated = await harness.bot.run("rotate-key")
    assert rotated.code == 0
    harness.bot.settings["ENCRYPTION_KEY"] = old
    refused = await harness.bot.run()
    assert (refused.code, "ENCRYPTION_KEY is not the key of this database" in refused.lines[-1]) == (2, True)
    harness.bot.settings["ENCRYPTION_KEY"] = new
    await harness.start()
    job.complete()
    await server.outcome()


async def test_another_key_does_not_even_migrate_the_tables(harness: Harness, postgres_server: PostgresServer) -> None:
    """Otherwise a process that can't start would shut out processes of the previous version."""
    await harness.stop()
    place = harness.ledger.place
    assert isinstance(place, PostgresUrl)
    with closing(postgres_server.admin(name_of(place))) as connection:
        connection.execute(
            "ALTER TABLE processes DROP COLUMN api_down_since, DROP COLUMN bot_since;"
            "UPDATE pixverse_relay SET tables = 8, oldest_code = 5"
        )
        refused = await harness.bot.run(changed={"ENCRYPTION_KEY": new_key()})
        assert (refused.code, "is not the key of this database" in refused.lines[-1]) == (2, True)
        assert connection.execute("SELECT tables FROM pixverse_relay").fetchone() == (8,)
        await harness.start()
        assert connection.execute("SELECT tables FROM pixverse_relay").fetchone() == (9,)


async def test_an_unusable_server_is_one_line_and_code_2(build: Build, postgres_server: PostgresServer) -> None:
    """For wrong settings and wrong databases. The line contains no password, whatever the driver says."""
    harness = await build(ENCRYPTION_KEY=new_key(), LOG_LEVEL="DEBUG")
    url = postgres_server.with_password(postgres_server.new_database(tables=False), PASSWORD)
    address = url.secret.get_secret_value()
    quoted = quote(PASSWORD, safe="")
    assert quoted in address
    with closing(postgres_server.admin(name_of(url))) as connection:
        connection.execute("CREATE TABLE orders (id BIGINT)")
    cases = {
        address.replace(quoted, quote(f"{PASSWORD}-wrong", safe="")): "refuses the user or the password",
        address.replace(quoted, PASSWORD): "is not the address of a PostgreSQL database",
        f"{address}?sslmode=require": "cannot agree on TLS",
        f"{address}?sslmod=require": "is not the address of a PostgreSQL database",
        address.replace(f":{postgres_server.port}/", f":{free_port()}/"): "cannot be reached",
        address.replace("127.0.0.1", "host.invalid"): "cannot be reached",
        address: "another program's",
    }
    for wrong, said in cases.items():
        for command in ((), ("check",)):
            finished = await harness.bot.run(*command, changed={"DATABASE_URL": wrong})
            assert finished.code == 2, finished.text
            assert "Traceback" not in finished.text
            told = [line for line in finished.lines if " = " not in line and not line.startswith("PixVerse Relay ")]
            assert len(told) == 1, finished.text
            assert said in told[0]
            for secret in (PASSWORD, quoted, "a-password", "the#bot"):
                assert secret not in finished.text
    finished = await harness.bot.run(changed={"DATABASE_URL": address, "ENCRYPTION_KEY": ""})
    assert (finished.code, len(finished.lines)) == (2, 1)
    assert finished.lines[0].startswith("ENCRYPTION_KEY is not set, and with PostgreSQL it must be")
    with closing(postgres_server.admin(name_of(url))) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert tables == [("orders",)]


async def test_a_signal_while_the_database_does_not_respond(build: Build, postgres_server: PostgresServer) -> None:
    """Nobody can take over then, so the process ends as soon as one that works alone."""
    async with TcpProxy.to(postgres_server.port) as proxy:
        url = postgres_server.url(name_of(postgres_server.new_database()), port=proxy.port)
        harness = await build(DATABASE_URL=url.secret.get_secret_value(), ENCRYPTION_KEY=new_key())
        await harness.start()
        proxy.passes.clear()
        started = time.monotonic()
        assert await harness.bot.stop() == 0
        assert time.monotonic() - started < 12


async def test_moving_a_database_that_has_no_key_yet(build: Build, postgres_server: PostgresServer) -> None:
    harness = await build()
    harness.ledger.path.parent.mkdir()
    await (await Database.open(harness.ledger.path)).close()
    target = postgres_server.new_database(tables=False)
    copied = await harness.bot.run("copy-database", target.secret.get_secret_value())
    assert copied.code == 0, copied.text
    assert copied.lines[-1].startswith("Set ENCRYPTION_KEY to a new key; make one with /")


async def test_moving_from_sqlite_and_back(build: Build, postgres_server: PostgresServer) -> None:
    """A watched job moves with its card, and its result is posted from the other database."""
    harness = await build()
    await harness.start()
    server = await harness.server()
    jobs = [await server.watched(), await server.watched()]
    url = postgres_server.with_password(postgres_server.new_database(tables=False), PASSWORD).secret.get_secret_value()
    refused = await harness.bot.run("copy-database", url)
    assert (refused.code, "Another relay bot is running" in refused.text) == (2, True)
    await harness.stop()
    file = harness.ledger.path
    before = file.read_bytes()

    copied = await harness.bot.run("copy-database", url)
    assert copied.code == 0, copied.text
    assert file.read_bytes() == before
    assert copied.lines[-1] == f"Set ENCRYPTION_KEY_FILE={file}.key, or ENCRYPTION_KEY to the key in it."
    key = Path(f"{file}.key").read_text().strip()
    harness.secrets.append(PASSWORD)
    again = await harness.bot.run("copy-database", url)
    assert (again.code, "is not empty" in again.text) == (2, True)

    lite = harness.bot.settings["DATABASE_URL"]
    harness.bot.settings |= {"DATABASE_URL": url, "ENCRYPTION_KEY_FILE": f"{file}.key"}
    await harness.start()
    jobs[0].complete()
    await server.outcome()
    await harness.stop()

    assert (await harness.bot.run("copy-database", lite)).code == 2
    back = file.with_name("back.db")
    moved = await harness.bot.run("copy-database", f"sqlite:///{back}")
    assert moved.code == 0, moved.text
    assert moved.lines[-2] == f"To use the copy, set DATABASE_URL to what you named: sqlite:///{back}."
    assert moved.lines[-1] == "Leave ENCRYPTION_KEY as it is."
    harness.bot.settings |= {"DATABASE_URL": f"sqlite:///{back}"}
    await harness.start()
    jobs[1].complete()
    await harness.discord.until(lambda: len(server.outcomes()) == 2)
    assert all(secret not in "\n".join(harness.bot.lines) for secret in (key, PASSWORD))
