"""Starting and ending follows, with the real account registry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from model.messages import ClaimedUser
from pixverse import api_errors
from relay.commands.ask import Ask
from relay.commands.refusals import AccountInTrouble, NoOwnToken, NotFollowed, NoToken, TokenChanged
from relay.follow.follow_commands import FollowCommands
from storage import follows, servers
from storage.secret_store import new_key
from tests.relay.accounts_fixture import AccountsFixture

GUILD, CHANNEL, ADMIN = 77, 770, 7
TOKEN, OTHER = "user:1-aaaaaaaaaaaaaaaa", "user:2-bbbbbbbbbbbbbbbb"
ASK = Ask(GUILD, 5, ADMIN, at=1000, sent_at=1000)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[AccountsFixture]:
    opened = await AccountsFixture.open(tmp_path / "relay.db", new_key())
    opened.api.works(TOKEN, OTHER)
    yield opened
    await opened.close()


def _following(world: AccountsFixture) -> FollowCommands:
    return FollowCommands(world.database, world.accounts, world.changes)


async def test_only_the_server_s_own_token_can_be_followed(world: AccountsFixture) -> None:
    with pytest.raises(NoToken):
        _following(world).followable(GUILD)
    await world.restart(operator_token=TOKEN)
    with pytest.raises(NoOwnToken):
        _following(world).followable(GUILD)
    await world.tokens.set_token(GUILD, ADMIN, TOKEN)  # The operator's account, but the server's own token.
    assert _following(world).followable(GUILD).user == ClaimedUser("1", confirmed=False)
    account_id = world.accounts.in_force(GUILD)
    assert account_id is not None
    await world.accounts.note_trial(account_id, TOKEN, api_errors.TokenRefused("401"))
    with pytest.raises(AccountInTrouble):
        _following(world).followable(GUILD)


async def test_no_follow_starts_for_a_token_that_another_process_has_just_removed(world: AccountsFixture) -> None:
    account_id = (await world.tokens.set_token(GUILD, ADMIN, TOKEN)).account_id
    async with world.database.transaction() as tx:
        await servers.clear_account(tx, GUILD)
    with pytest.raises(TokenChanged):
        await _following(world).follow(ASK, CHANNEL, account_id, progress=True)
    assert await follows.every(world.database.reader) == []


async def test_a_follow_starts_for_the_confirmed_account_and_ends_once(world: AccountsFixture) -> None:
    await world.tokens.set_token(GUILD, ADMIN, TOKEN)
    following = _following(world)
    asked = following.followable(GUILD).account_id
    await following.follow(ASK, CHANNEL, asked, progress=True)
    (row,) = await follows.every(world.database.reader)
    assert (row.guild_id, row.channel_id, row.account_id, row.progress, row.followed_by) == (
        GUILD, CHANNEL, asked, True, ADMIN,
    )  # fmt: skip
    await world.tokens.set_token(GUILD, ADMIN, OTHER)
    with pytest.raises(TokenChanged):
        await following.follow(ASK, CHANNEL + 1, asked, progress=False)
    assert await following.channels(GUILD) == [CHANNEL]
    assert await following.unfollow(ASK, CHANNEL) == 0
    with pytest.raises(NotFollowed):
        await following.unfollow(ASK, CHANNEL)
    assert world.recorded.follows == 2


@pytest.mark.parametrize(("at", "sent_at"), [(3_600_000, 1000), (1000, 3_600_000)])
async def test_a_follow_begins_by_discord_s_clock_or_the_local_one_whichever_is_behind(
    world: AccountsFixture, at: int, sent_at: int
) -> None:
    """With the later time, jobs that ended just after the beginning would not be relayed."""
    asked = (await world.tokens.set_token(GUILD, ADMIN, TOKEN)).account_id
    await _following(world).follow(Ask(GUILD, 5, ADMIN, at=at, sent_at=sent_at), CHANNEL, asked, progress=False)
    (row,) = await follows.every(world.database.reader)
    assert row.created_at == 1000


async def test_removing_the_token_at_the_same_moment_leaves_no_follow(world: AccountsFixture) -> None:
    await world.tokens.set_token(GUILD, ADMIN, TOKEN)
    following = _following(world)
    own = following.followable(GUILD).account_id
    async with world.database.transaction():
        removed = asyncio.create_task(world.tokens.remove_token(GUILD, own, ADMIN))
        await _has_begun()
        followed = asyncio.create_task(following.follow(ASK, CHANNEL, own, progress=False))
        await _has_begun()
    await removed
    with pytest.raises(NoToken):
        await followed
    assert await follows.every(world.database.reader) == []


async def _has_begun() -> None:
    """A task that was just made has come as far as the transaction that is open."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_removing_a_token_ends_its_follows_and_another_account_s_token_keeps_them(world: AccountsFixture) -> None:
    await world.tokens.set_token(GUILD, ADMIN, TOKEN)
    following = _following(world)
    old = following.followable(GUILD).account_id
    await following.follow(ASK, CHANNEL, old, progress=False)
    await following.follow(ASK, CHANNEL + 1, old, progress=False)
    changed = await world.tokens.set_token(GUILD, ADMIN, OTHER)
    assert (changed.kind, changed.held, changed.held_channels) == ("other account", 0, 2)
    assert len(await following.channels(GUILD)) == 2
    await world.tokens.set_token(GUILD, ADMIN, TOKEN)
    removal = await world.tokens.preview_removal(GUILD)
    assert removal is not None
    assert removal.channels == 2
    assert removal.account_id != old
    await world.tokens.remove_token(GUILD, removal.account_id, ADMIN)
    assert await following.channels(GUILD) == []

    old = (await world.tokens.set_token(GUILD, ADMIN, TOKEN)).account_id
    await following.follow(ASK, CHANNEL, old, progress=False)
    await world.tokens.set_token(GUILD, ADMIN, OTHER)
    await world.tokens.drop_old_jobs(GUILD, old, ADMIN)
    assert await following.channels(GUILD) == []


async def test_following_servers_are_told_of_token_problems_even_without_running_jobs(world: AccountsFixture) -> None:
    await world.tokens.set_token(GUILD, ADMIN, TOKEN)
    following = _following(world)
    account_id = following.followable(GUILD).account_id
    await following.follow(ASK, CHANNEL, account_id, progress=False)
    await world.accounts.note_trial(account_id, TOKEN, api_errors.TokenRefused("401"))
    rows = await world.database.reader.all("SELECT channel_id, notice FROM deliveries WHERE kind = 'notice'")
    assert [(row["channel_id"], "token refused" in row["notice"]) for row in rows] == [(CHANNEL, True)]
