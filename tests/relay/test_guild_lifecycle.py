"""Servers that removed the bot, and their data."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from model.messages import NoticePost
from model.states import NoticeKind
from pixverse.api_errors import TokenRefused
from relay.delivery import notice_json
from relay.guild_lifecycle import GRACE, GuildLifecycle
from storage import deletion, deliveries, jobs, servers, subscriptions
from storage.secret_store import new_key
from tests.idle import until_idle
from tests.relay.accounts_fixture import AccountsFixture

GUILD, BACK = 77, 78


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[AccountsFixture]:
    opened = await AccountsFixture.open(tmp_path / "relay.db", new_key())
    yield opened
    await opened.close()


@asynccontextmanager
async def _running(guilds: GuildLifecycle) -> AsyncIterator[None]:
    task = asyncio.create_task(guilds.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_nothing_is_deleted_before_the_servers_are_compared(world: AccountsFixture) -> None:
    """The gateway may take long to report which servers are back."""
    async with world.database.transaction() as tx:
        for guild_id in (GUILD, BACK):
            await servers.set_gone(tx, guild_id, world.clock.now() - GRACE)
    world.accounts.suspend_server(GUILD)
    world.accounts.suspend_server(BACK)
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock)
    async with _running(guilds):
        await world.pass_time(3600)
        assert await servers.known(world.database.reader) == {GUILD, BACK}
        await guilds.finish_reconciliation({BACK})
        await world.pass_time(0)
        assert await servers.known(world.database.reader) == {BACK}
        assert world.recorded.forgotten == [GUILD]


async def test_a_server_no_longer_served_is_suspended_until_it_is_served_again(world: AccountsFixture) -> None:
    async with world.database.transaction() as tx:
        for guild_id in (GUILD, BACK):
            await servers.set_alerts_channel(tx, guild_id, 5)
    served = {GUILD, BACK}
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock, served.__contains__)
    await guilds.suspend_unserved()
    assert guilds.suspended() == set()
    served.remove(GUILD)
    await guilds.suspend_unserved()
    assert guilds.suspended() == await servers.gone(world.database.reader) == {GUILD}
    since = world.clock.now()
    await world.pass_time(60)
    await guilds.suspend_unserved()
    await guilds.server_back(GUILD)
    await guilds.finish_reconciliation({GUILD, BACK})
    assert await servers.gone_before(world.database.reader, since) == [GUILD]
    served.add(GUILD)
    await guilds.finish_reconciliation({GUILD, BACK})
    assert guilds.suspended() == await servers.gone(world.database.reader) == set()


async def test_a_server_that_a_process_with_earlier_settings_resumes_is_suspended_again(world: AccountsFixture) -> None:
    """While the settings are changed in one process after the other, an earlier one still serves the server."""
    async with world.database.transaction() as tx:
        await servers.set_alerts_channel(tx, GUILD, 5)
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock, lambda _: False)
    await guilds.suspend_unserved()
    await guilds.finish_reconciliation(())
    async with _running(guilds):
        await world.pass_time(0)
        await GuildLifecycle(world.database, world.accounts, world.changes, world.clock).server_back(GUILD)
        await world.pass_time(3600)
        assert guilds.suspended() == await servers.gone(world.database.reader) == {GUILD}
        for _ in range(2):
            await world.pass_time(GRACE / 1000)
            assert await servers.known(world.database.reader) == set()


async def test_a_server_that_only_processes_with_later_settings_serve_is_not_suspended(world: AccountsFixture) -> None:
    """While the settings are changed in one process after the other, an earlier one does not serve the server yet."""
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock, lambda _: False)
    await guilds.suspend_unserved()
    await guilds.finish_reconciliation(())
    async with _running(guilds):
        await world.pass_time(0)
        async with world.database.transaction() as tx:
            await servers.set_alerts_channel(tx, GUILD, 5)
        await world.pass_time(3600)
        assert guilds.suspended() == await servers.gone(world.database.reader) == set()


async def test_a_returning_server_is_told_of_a_problem_that_began_without_it(world: AccountsFixture) -> None:
    world.api.works("user:1-token")
    account_id = (await world.tokens.set_token(GUILD, 300, "user:1-token")).account_id
    async with world.database.transaction() as tx:
        job = await jobs.add(tx, account_id, "j1", None, 0)
        await subscriptions.add(tx, job_id=job.id, guild_id=GUILD, channel_id=5, batch_id=None, spoiler=False, now=0)
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock)
    await guilds.server_gone(GUILD)
    await world.accounts.note_response(account_id, TokenRefused("no"))
    notices = "SELECT notice FROM deliveries WHERE kind = 'notice'"
    assert await world.database.reader.values(notices) == []
    await guilds.server_back(GUILD)
    (told,) = await world.database.reader.values(notices)
    notice = notice_json.load(told, "")
    assert (notice.kind, notice.mention) == (NoticeKind.TOKEN_REFUSED, (300,))


async def test_a_job_watched_just_before_its_channel_is_deleted_is_no_longer_polled(world: AccountsFixture) -> None:
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock)
    async with world.database.transaction() as tx:
        account_id = await tx.insert("accounts", account_key="user:1", state_since=0)
        deleting = asyncio.create_task(guilds.channel_gone(GUILD, 5))
        await _turns()
        job = await jobs.add(tx, account_id, "j1", None, 0)
        await subscriptions.add(tx, job_id=job.id, guild_id=GUILD, channel_id=5, batch_id=None, spoiler=False, now=0)
    await deleting
    assert await subscriptions.open_of_job(world.database.reader, job.id) == []
    assert world.recorded.unwatched == [job.id]
    world.recorded.unwatched.clear()


@pytest.mark.parametrize("days", [-30, 2])
async def test_a_server_has_its_week_though_the_clock_was_wrong_when_it_removed_the_bot(
    world: AccountsFixture, days: int
) -> None:
    async with world.database.transaction() as tx:
        await servers.set_alerts_channel(tx, GUILD, 5)
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock)
    removed_at = world.clock.now()
    world.clock.jump(days * 86_400_000)
    await guilds.server_gone(GUILD)
    world.clock.jump(-days * 86_400_000)
    await guilds.finish_reconciliation(())
    async with _running(guilds):
        await world.pass_time(0)
        assert await servers.gone_before(world.database.reader, removed_at) == [GUILD]
        assert await servers.gone_before(world.database.reader, removed_at - 1) == []
        await world.pass_time(GRACE / 1000 + 3600)
        assert await servers.known(world.database.reader) == set()


@pytest.mark.parametrize("kind", [NoticeKind.TOKEN_REFUSED, NoticeKind.UNPAID, NoticeKind.TOKEN_MISSING])
async def test_token_problems_are_reported_elsewhere_if_the_alerts_channel_was_deleted(
    world: AccountsFixture, kind: NoticeKind
) -> None:
    """As when a start finds a token unreadable, and the alerts channel was deleted while the bot was off."""
    now = world.clock.now()
    async with world.database.transaction() as tx:
        account_id = await tx.insert("accounts", account_key="user:1", state_since=now)
        job = await jobs.add(tx, account_id, "job", None, now)
        await subscriptions.add(tx, job_id=job.id, guild_id=GUILD, channel_id=5, batch_id=None, spoiler=False, now=now)
        notice = notice_json.dump(NoticePost(kind, "", jobs=1))
        await deliveries.add_notice(tx, guild_id=GUILD, channel_id=6, base_nonce="n" * 25, notice_json=notice, now=now)
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock)
    await guilds.channel_gone(GUILD, 6)
    rows = await world.database.reader.all("SELECT channel_id, state FROM deliveries WHERE base_nonce = ?", ("n" * 25,))
    assert [tuple(row) for row in rows] == [(5, "waiting")]
    world.recorded.unwatched.clear()


async def test_the_times_that_tell_why_a_server_s_results_are_late_are_stored(world: AccountsFixture) -> None:
    world.api.works("user:1-token")
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock)

    async def times() -> list[int | None]:
        rows = await world.database.reader.all(
            "SELECT account_since, back_at FROM servers WHERE guild_id = ?", (GUILD,)
        )
        return list(rows[0])

    first = world.clock.now()
    account_id = (await world.tokens.set_token(GUILD, 300, "user:1-token")).account_id
    world.clock.jump(60_000)
    await world.tokens.set_token(GUILD, 300, "user:1-token")
    assert await times() == [first, None]
    await guilds.server_gone(GUILD)
    world.clock.jump(60_000)
    back = world.clock.now()
    await guilds.server_back(GUILD)
    assert await times() == [first, back]
    world.clock.jump(60_000)
    await world.tokens.remove_token(GUILD, account_id, 300)
    assert await times() == [world.clock.now(), back]


async def test_a_server_that_returns_at_the_last_moment_is_not_deleted(world: AccountsFixture) -> None:
    async with world.database.transaction() as tx:
        await servers.set_gone(tx, GUILD, world.clock.now() - GRACE)
    world.accounts.suspend_server(GUILD)
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock)
    await guilds.finish_reconciliation([])
    async with world.database.transaction():
        back = asyncio.create_task(guilds.server_back(GUILD))
        await _turns()
        forgetting = asyncio.create_task(guilds.run())
        await _turns()
    try:
        await back
        await world.pass_time(0)
        assert await servers.known(world.database.reader) == {GUILD}
    finally:
        forgetting.cancel()
        await asyncio.gather(forgetting, return_exceptions=True)


async def test_a_server_that_returns_before_its_removal_is_stored_is_not_suspended(world: AccountsFixture) -> None:
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock)
    async with world.database.transaction():  # Somebody else writes meanwhile.
        gone = asyncio.create_task(guilds.server_gone(GUILD))
        await _turns()
        back = asyncio.create_task(guilds.server_back(GUILD))
        await _turns()
    await asyncio.gather(gone, back)
    assert GUILD not in world.accounts.suspended
    assert await servers.gone(world.database.reader) == set()


async def _turns() -> None:
    """Lets every task run until it waits for the database's lock."""
    for _ in range(20):
        await asyncio.sleep(0)


async def _locale(world: AccountsFixture) -> str | None:
    server = await servers.get(world.database.reader, GUILD)
    return None if server is None else server.locale


async def test_a_server_s_language_is_stored_from_its_first_command_and_follows_changes(
    world: AccountsFixture,
) -> None:
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock)
    await guilds.locale_reported(GUILD, "ja")
    assert await servers.get(world.database.reader, GUILD) is None
    await guilds.locale_seen(GUILD, "ja")
    assert await _locale(world) == "ja"
    await guilds.locale_reported(GUILD, "de")
    await guilds.locale_seen(GUILD, "de")
    assert await _locale(world) == "de"

    again = GuildLifecycle(world.database, world.accounts, world.changes, world.clock)
    await again.locale_seen(GUILD, "ja")
    await again.locale_seen(GUILD, "de")
    assert await _locale(world) == "de"


async def test_a_server_that_is_posted_to_has_its_language_without_a_command(
    world: AccountsFixture,
) -> None:
    """As after an update from a version that stored no language."""
    async with world.database.transaction() as tx:
        await deliveries.add_notice(tx, guild_id=GUILD, channel_id=5, base_nonce="n", notice_json="{}", now=0)
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock)
    await guilds.locale_reported(GUILD, "ja")
    assert await _locale(world) == "ja"


async def test_a_deleted_server_s_language_is_stored_again_once_it_is_back(world: AccountsFixture) -> None:
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock)
    await guilds.locale_seen(GUILD, "ja")
    async with world.database.transaction() as tx:
        await servers.set_gone(tx, GUILD, world.clock.now() - GRACE)
    await guilds.finish_reconciliation([])
    async with _running(guilds):
        await world.pass_time(0)
        assert await servers.get(world.database.reader, GUILD) is None
        await guilds.locale_seen(GUILD, "ja")
        assert await _locale(world) == "ja"


async def test_a_language_that_another_process_deleted_is_stored_again(world: AccountsFixture) -> None:
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock)
    await guilds.locale_seen(GUILD, "ja")
    await guilds.server_gone(GUILD)
    async with world.database.transaction() as tx:
        await deletion.forget_server(tx, GUILD)
    await guilds.locale_seen(GUILD, "ja")
    assert await _locale(world) == "ja"


async def test_of_two_simultaneous_languages_the_later_one_is_stored(world: AccountsFixture) -> None:
    async with world.database.transaction() as tx:
        await servers.set_locale(tx, GUILD, "de")
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock)
    await asyncio.gather(guilds.locale_seen(GUILD, "ja"), guilds.locale_seen(GUILD, "de"))
    assert await _locale(world) == "de"


async def test_of_two_languages_one_of_them_known_the_later_one_is_stored_too(world: AccountsFixture) -> None:
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock)
    await guilds.locale_seen(GUILD, "de")
    await asyncio.gather(guilds.locale_seen(GUILD, "ja"), guilds.locale_seen(GUILD, "de"))
    assert await _locale(world) == "de"


async def test_a_known_language_does_not_wait_for_another_server_s_removal(world: AccountsFixture) -> None:
    """Every command reports the language, and a person waits for the reply."""
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock)
    await guilds.locale_seen(GUILD, "ja")
    async with world.database.transaction():  # Nobody else can write meanwhile.
        removal = asyncio.create_task(guilds.server_gone(GUILD + 1))
        await until_idle()
        assert not removal.done()
        async with asyncio.timeout(1):
            await guilds.locale_seen(GUILD, "ja")
    await removal
