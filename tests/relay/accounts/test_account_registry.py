from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from unittest.mock import Mock

import pytest

from model.job import Outcome
from model.messages import ClaimedUser, NoticePost
from model.states import AccountState, CardStatus, DeliveryKind, NoticeKind
from pixverse.api_errors import (
    AccountBroken,
    BadRequest,
    JobNotFound,
    PixVerseError,
    RateLimited,
    SubscriptionUnpaid,
    TokenRefused,
    Unavailable,
)
from pixverse.token_text import DiscordTokenGiven, NotAToken
from relay.accounts.rechecks import Recheck, Rechecks
from relay.accounts.server_tokens import Dropped, TokenOvertaken, TokenSetKind, TokenUntried
from relay.commands.refusals import TokenChanged
from relay.delivery import notice_json
from relay.polling.job_recorder import post_outcome
from storage import accounts as account_rows
from storage import batches, card_rows, deletion, deliveries, delivery_queries, jobs, servers, subscriptions
from storage.engines.interface import Row, SqlValue
from storage.secret_store import new_key
from tests.e2e.waiting import until
from tests.idle import until_idle
from tests.relay.accounts_fixture import AccountsFixture

GUILD, OTHER_GUILD, CHANNEL, ALERTS, ADMIN, OTHER_ADMIN, MEMBER = 100, 101, 200, 201, 300, 301, 302
OLD, NEW, OTHER = "user:1-old", "user:1-new", "user:2-other"
OPERATOR = "user:9-operator"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[AccountsFixture]:
    opened = await AccountsFixture.open(tmp_path / "relay.db", new_key())
    opened.api.works(OLD, NEW, OTHER, OPERATOR)
    yield opened
    await opened.close()


async def _watch(world: AccountsFixture, guild: int, jobid: str, channel: int = CHANNEL) -> int:
    """An open subscription for a job of the account in force."""
    account = world.accounts.in_force(guild)
    assert account is not None
    async with world.database.transaction() as tx:
        job = await jobs.add(tx, account, jobid, None, world.clock.now())
        subscription = await subscriptions.add(
            tx, job_id=job.id, guild_id=guild, channel_id=channel, batch_id=None, spoiler=False, now=0
        )
        await deliveries.add_card(
            tx, subscription_id=subscription, guild_id=guild, channel_id=channel, base_nonce=f"{guild}{jobid}", now=0
        )
    return subscription


async def _account_of(world: AccountsFixture, subscription: int) -> int:
    (row,) = await world.database.reader.all(
        "SELECT account_id FROM jobs WHERE id = (SELECT job_id FROM subscriptions WHERE id = ?)", (subscription,)
    )
    return int(row[0])


async def _told(world: AccountsFixture) -> list[tuple[int, int, NoticePost]]:
    """The notices, except those that end an earlier alert."""
    return [one for one in await _notices(world) if one[2].ends is None]


async def _ended(world: AccountsFixture) -> list[tuple[int, int, NoticePost]]:
    return [one for one in await _notices(world) if one[2].ends is not None]


async def _notices(world: AccountsFixture) -> list[tuple[int, int, NoticePost]]:
    rows = await world.database.reader.all(
        "SELECT guild_id, channel_id, notice, base_nonce FROM deliveries WHERE kind = 'notice' ORDER BY id"
    )
    return [(row[0], row[1], notice_json.load(row[2], row[3])) for row in rows]


async def _kinds(world: AccountsFixture) -> list[tuple[int, NoticeKind]]:
    return [(guild, post.kind) for guild, _, post in await _told(world)]


async def _own(world: AccountsFixture, token: str = OLD, guild: int = GUILD) -> int:
    return (await world.tokens.set_token(guild, ADMIN, token)).account_id


# ---- setting --------------------------------------------------------------------------------------------------------


async def test_a_first_token_is_cleaned_up_tried_and_used(world: AccountsFixture) -> None:
    world.api.in_work[OLD] = ("a", "b")
    done = await world.tokens.set_token(GUILD, ADMIN, f'  "Bearer {OLD}" ')
    assert (done.kind, done.user, done.in_work) == (TokenSetKind.WORKS, ClaimedUser("1", confirmed=False), 2)
    assert world.accounts.in_force(GUILD) == done.account_id
    assert world.accounts.in_force(OTHER_GUILD) is None
    assert world.accounts.token_of(done.account_id) == OLD
    assert world.recorded.accounts == [done.account_id]
    assert "old" not in repr(world.accounts.account(done.account_id))


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (TokenRefused("no"), TokenRefused),
        (SubscriptionUnpaid("no"), SubscriptionUnpaid),
        (Unavailable("no"), TokenUntried),
        (RateLimited("no", 5), TokenUntried),
        (AccountBroken("no"), TokenUntried),
        (BadRequest("no"), TokenUntried),
    ],
)
async def test_a_token_that_does_not_work_is_not_stored(
    world: AccountsFixture, answer: PixVerseError, raised: type[Exception]
) -> None:
    before = await _own(world)
    world.api.answers[NEW] = answer
    with pytest.raises(raised):
        await world.tokens.set_token(GUILD, OTHER_ADMIN, NEW)
    assert world.accounts.token_of(before) == OLD
    await world.restart()
    assert world.accounts.token_of(before) == OLD
    assert world.accounts.state_of(before) is AccountState.OK


async def test_text_that_cannot_be_a_token_is_never_sent(world: AccountsFixture) -> None:
    discord_token = "MTAwMDAwMDAwMDAwMDAwMDAw.GabcdE." + "a" * 38
    with pytest.raises(DiscordTokenGiven):
        await world.tokens.set_token(GUILD, ADMIN, discord_token)
    with pytest.raises(NotAToken):
        await world.tokens.set_token(GUILD, ADMIN, "two words")
    assert world.api.asked == []


async def test_a_renewed_token_keeps_the_account_and_its_jobs_continue(world: AccountsFixture) -> None:
    account = await _own(world)
    await _watch(world, GUILD, "j1")
    await world.accounts.note_response(account, TokenRefused("no"))
    done = await world.tokens.set_token(GUILD, OTHER_ADMIN, NEW)
    assert (done.kind, done.waiting, done.held) == (TokenSetKind.SAME_ACCOUNT, 1, 0)
    assert world.accounts.state_of(done.account_id) is AccountState.OK
    assert world.accounts.token_of(account) is None
    assert await _kinds(world) == [(GUILD, NoticeKind.TOKEN_REFUSED), (GUILD, NoticeKind.FLOWING_AGAIN)]


async def test_a_token_is_replaced_only_in_the_server_that_entered_it(world: AccountsFixture) -> None:
    account = await _own(world)
    assert await _own(world, OLD, OTHER_GUILD) == account
    here, there = await _watch(world, GUILD, "j1"), await _watch(world, OTHER_GUILD, "j1", CHANNEL + 1)
    new = await _own(world, NEW)
    assert (world.accounts.token_of(new), world.accounts.token_of(account)) == (NEW, OLD)
    assert (world.accounts.in_force(GUILD), world.accounts.in_force(OTHER_GUILD)) == (new, account)
    assert [await _account_of(world, number) for number in (here, there)] == [new, account]
    assert await _told(world) == []
    await world.accounts.note_trial(account, OLD, TokenRefused("no"))
    assert world.accounts.state_of(new) is AccountState.OK
    assert await _kinds(world) == [(OTHER_GUILD, NoticeKind.TOKEN_REFUSED)]


async def test_a_token_that_only_claims_an_account_takes_nothing_over(world: AccountsFixture) -> None:
    account = await _own(world)
    await _watch(world, GUILD, "j1")
    forged = await _own(world, NEW, OTHER_GUILD)
    assert forged != account
    assert world.accounts.token_of(account) == OLD
    assert await world.tokens.preview_removal(OTHER_GUILD) is not None
    await world.tokens.remove_token(OTHER_GUILD, forged, ADMIN)
    assert (world.accounts.token_of(account), world.accounts.token_of(forged)) == (OLD, None)
    known = world.accounts.account(account)
    assert known is not None
    assert known.user == ClaimedUser("1", confirmed=False)


@pytest.mark.parametrize(
    "jobid", ["job:20261124-user:1-channel:2-bot:pixverse", "user:1-pixverse:a@example.org-video:3"]
)
async def test_the_claimed_user_is_confirmed_by_an_id_from_the_api(world: AccountsFixture, jobid: str) -> None:
    world.api.in_work[OLD] = ("job:20261124-user:12-channel:1-bot:pixverse",)
    account = await _own(world)
    await world.accounts.note_response(account, JobNotFound("no"), jobid)
    for _ in range(2):
        known = world.accounts.account(account)
        assert known is not None
        assert known.user == ClaimedUser("1", confirmed=False)
        await world.restart()
    await world.accounts.note_response(account, None, jobid)
    for _ in range(2):
        known = world.accounts.account(account)
        assert known is not None
        assert known.user == ClaimedUser("1", confirmed=True)
        await world.restart()
    world.api.in_work[OTHER] = (jobid.replace("user:1-", "user:2-"),)
    done = await world.tokens.set_token(OTHER_GUILD, ADMIN, OTHER)
    assert done.user == ClaimedUser("2", confirmed=True)


async def test_the_later_command_wins_not_the_later_response(world: AccountsFixture) -> None:
    gate = world.api.holds(OLD)
    slow = asyncio.create_task(world.tokens.set_token(GUILD, ADMIN, OLD))
    await world.pass_time(0)
    newer = await _own(world, NEW)
    gate.set()
    with pytest.raises(TokenOvertaken):
        await slow
    assert world.accounts.in_force(GUILD) == newer
    assert {account.token for account in world.accounts.every()} == {NEW}
    assert not world.tokens._changed_by, "of the servers nothing is kept"


async def test_the_later_command_wins_even_if_it_enters_the_token_in_use_again(world: AccountsFixture) -> None:
    """The stored token then does not show that there was a later command."""
    account_id = await _own(world, NEW)
    gate = world.api.holds(OLD)
    slow = asyncio.create_task(world.tokens.set_token(GUILD, ADMIN, OLD))
    await world.pass_time(0)
    assert await _own(world, NEW) == account_id
    gate.set()
    with pytest.raises(TokenOvertaken):
        await slow
    assert world.accounts.in_force(GUILD) == account_id


async def test_an_earlier_command_is_stored_if_the_later_one_was_not(world: AccountsFixture) -> None:
    gate = world.api.holds(OLD)
    slow = asyncio.create_task(world.tokens.set_token(GUILD, ADMIN, OLD))
    await world.pass_time(0)
    world.api.answers[NEW] = TokenRefused("no")
    with pytest.raises(TokenRefused):
        await world.tokens.set_token(GUILD, ADMIN, NEW)
    gate.set()
    done = await slow
    assert world.accounts.in_force(GUILD) == done.account_id


async def test_a_token_removed_while_another_was_tried_stays_removed(world: AccountsFixture) -> None:
    account = await _own(world)
    gate = world.api.holds(NEW)
    slow = asyncio.create_task(world.tokens.set_token(GUILD, ADMIN, NEW))
    await world.pass_time(0)
    await world.tokens.remove_token(GUILD, account, ADMIN)
    gate.set()
    with pytest.raises(TokenOvertaken):
        await slow
    assert world.accounts.in_force(GUILD) is None
    assert {one.token for one in world.accounts.every()} == {None}


async def test_a_token_removed_by_another_process_while_another_was_tried_stays_removed(
    world: AccountsFixture,
) -> None:
    """The trial may take long, or its process may be halted in it; by then another process receives the commands."""
    await _own(world)
    gate = world.api.holds(NEW)
    slow = asyncio.create_task(world.tokens.set_token(GUILD, ADMIN, NEW))
    await world.pass_time(0)
    async with world.database.transaction() as tx:
        await servers.clear_account(tx, GUILD)
    gate.set()
    with pytest.raises(TokenOvertaken):
        await slow
    assert await servers.with_own_account(world.database.reader) == {}


async def test_a_later_command_is_stored_though_an_earlier_one_changed_the_token_meanwhile(
    world: AccountsFixture,
) -> None:
    gates = [world.api.holds(token) for token in (OLD, NEW)]
    earlier = asyncio.create_task(world.tokens.set_token(GUILD, ADMIN, OLD))
    await world.pass_time(0)
    later = asyncio.create_task(world.tokens.set_token(GUILD, ADMIN, NEW))
    await world.pass_time(0)
    gates[0].set()
    await earlier
    gates[1].set()
    done = await later
    assert (world.accounts.in_force(GUILD), world.accounts.token_of(done.account_id)) == (done.account_id, NEW)


async def test_an_earlier_removal_that_had_to_wait_does_not_overtake_a_token(world: AccountsFixture) -> None:
    account = await _own(world)
    gate = world.api.holds(NEW)
    async with world.database.transaction():
        removal = asyncio.create_task(world.tokens.remove_token(GUILD, account, ADMIN))
        await asyncio.sleep(0)
        later = asyncio.create_task(world.tokens.set_token(GUILD, ADMIN, NEW))
        await until(lambda: world.api.asked[-1] == NEW)
    await removal
    gate.set()
    assert world.accounts.token_of((await later).account_id) == NEW


async def test_a_token_of_another_account_puts_the_waiting_jobs_on_hold(world: AccountsFixture) -> None:
    old = await _own(world)
    subscription = await _watch(world, GUILD, "j1")
    done = await world.tokens.set_token(GUILD, ADMIN, OTHER)
    assert (done.kind, done.held, done.old_account_id, done.old_user) == (
        TokenSetKind.OTHER_ACCOUNT,
        1,
        old,
        ClaimedUser("1", confirmed=False),
    )
    assert world.accounts.token_of(old) is None
    row = await subscriptions.by_id(world.database.reader, subscription)
    assert row is not None
    assert row.ended_at is None
    assert set(world.recorded.accounts) >= {old, done.account_id}
    assert await _told(world) == []
    back = await world.tokens.set_token(GUILD, ADMIN, NEW)
    assert (back.kind, back.waiting) == (TokenSetKind.SAME_ACCOUNT, 1)
    ((guild, channel, notice),) = await _told(world)
    assert (guild, channel, notice.kind, notice.jobs, notice.mention) == (
        GUILD,
        CHANNEL,
        NoticeKind.FLOWING_AGAIN,
        1,
        (),
    )


async def test_old_jobs_are_dropped_on_request_and_only_those_of_this_server(
    world: AccountsFixture,
) -> None:
    old = await _own(world)
    await _own(world, OLD, OTHER_GUILD)
    dropped = await _watch(world, GUILD, "j1")
    elsewhere = await _watch(world, OTHER_GUILD, "j1", CHANNEL + 1)
    new = await _own(world, OTHER)
    kept = await _watch(world, GUILD, "j2")
    assert await world.tokens.held(GUILD, old) == (1, 0)
    assert await world.tokens.drop_old_jobs(GUILD, old, ADMIN) == Dropped(1, ())
    rows = [await subscriptions.by_id(world.database.reader, number) for number in (dropped, elsewhere, kept)]
    assert [row.stopped_by for row in rows if row is not None] == [ADMIN, None, None]
    assert [
        await delivery_queries.of_subscription(world.database.reader, number, DeliveryKind.CARD) is None
        for number in (1, 2, 3)
    ] == [
        True,
        False,
        False,
    ]
    assert world.recorded.subscriptions == [dropped]
    with pytest.raises(TokenChanged):
        await world.tokens.drop_old_jobs(GUILD, new, ADMIN)


async def test_a_person_whose_batch_ends_with_the_token_is_pinged_once(world: AccountsFixture) -> None:
    account_id = await _own(world)
    ended, waiting = await _watch(world, GUILD, "j1"), await _watch(world, GUILD, "j2")
    async with world.database.transaction() as tx:
        batch = await batches.add(tx, guild_id=GUILD, channel_id=CHANNEL, user_id=MEMBER, mention=True, now=0)
        await tx.run("UPDATE subscriptions SET batch_id = ?", (batch,))
        row, one = await jobs.by_id(tx, 1), await subscriptions.by_id(tx, ended)
        assert row is not None
        assert one is not None
        await jobs.end(tx, row.id, Outcome.FAILED, 0)
        await post_outcome(tx, row, one, 0)
    await world.tokens.remove_token(GUILD, account_id, ADMIN)
    stopped = await subscriptions.by_id(world.database.reader, waiting)
    assert stopped is not None
    assert stopped.stopped_by == ADMIN
    rows = await world.database.reader.all("SELECT notice FROM deliveries WHERE kind = 'notice' ORDER BY id")
    told = [notice_json.load(row["notice"], "") for row in rows]
    assert [(one.kind, one.mention) for one in told] == [(NoticeKind.BATCH_ENDED, (MEMBER,))]


async def test_two_admins_at_once_end_with_one_of_their_tokens_everywhere(world: AccountsFixture) -> None:
    first, second = await asyncio.gather(
        world.tokens.set_token(GUILD, ADMIN, OLD), world.tokens.set_token(GUILD, OTHER_ADMIN, OTHER)
    )
    in_force = world.accounts.in_force(GUILD)
    row = await servers.get(world.database.reader, GUILD)
    assert row is not None
    assert in_force == row.account_id
    assert (in_force, row.token_set_by) in {(first.account_id, ADMIN), (second.account_id, OTHER_ADMIN)}
    tokens = {account.id: account.token for account in world.accounts.every()}
    assert sum(token is not None for token in tokens.values()) == 1


async def test_an_account_without_a_visible_user_is_recognised_by_its_token(world: AccountsFixture) -> None:
    world.api.works("some-opaque-token", "other-opaque-token")
    first = await _own(world, "some-opaque-token")
    assert await _own(world, "other-opaque-token", OTHER_GUILD) != first
    await world.restart()
    assert await _own(world, "some-opaque-token", 102) == first
    account = world.accounts.account(first)
    assert account is not None
    assert account.user is None
    assert "opaque" not in account.key


async def test_cancelling_while_storing_leaves_memory_and_database_consistent(world: AccountsFixture) -> None:
    for steps in range(0, 40, 2):
        task = asyncio.create_task(world.tokens.set_token(GUILD, ADMIN, (OLD, OTHER)[steps // 2 % 2]))
        for _ in range(steps):
            await asyncio.sleep(0.0001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with world.database.transaction() as tx:
            row = await servers.get(tx, GUILD)
        assert world.accounts.own(GUILD) == (None if row is None else row.account_id)


# ---- removing -------------------------------------------------------------------------------------------------------


async def test_removing_a_token_drops_the_waiting_jobs_and_deletes_it(world: AccountsFixture) -> None:
    account = await _own(world)
    subscription = await _watch(world, GUILD, "j1")
    preview = await world.tokens.preview_removal(GUILD)
    assert preview is not None
    assert (preview.account_id, preview.waiting, preview.operators_token) == (account, 1, False)
    assert await world.tokens.remove_token(GUILD, account, ADMIN) == Dropped(1, ())
    assert world.accounts.in_force(GUILD) is None
    assert world.accounts.token_of(account) is None
    row = await account_rows.by_id(world.database.reader, account)
    assert row is not None
    assert row.token is None
    stopped = await subscriptions.by_id(world.database.reader, subscription)
    assert stopped is not None
    assert stopped.stopped_by == ADMIN
    assert await world.tokens.preview_removal(GUILD) is None


async def test_no_copy_is_left_of_a_token_replaced_while_its_server_removed_the_bot(world: AccountsFixture) -> None:
    account_id = await _own(world)
    tried = world.api.holds(OTHER)
    setting = asyncio.create_task(world.tokens.set_token(GUILD, ADMIN, OTHER))
    await until_idle()
    async with world.database.transaction() as tx:
        await servers.set_gone(tx, GUILD, world.clock.now())
    world.accounts.suspend_server(GUILD)
    tried.set()
    await setting
    assert world.accounts.token_of(account_id) is None
    replaced = await account_rows.by_id(world.database.reader, account_id)
    assert replaced is not None
    assert (replaced.token, replaced.token_hash) == (None, None)


async def test_a_start_forgets_a_token_that_nobody_uses(world: AccountsFixture) -> None:
    """As versions left one in the database when a server removed the bot while its token was being replaced."""
    account_id = await _own(world)
    async with world.database.transaction() as tx:
        await servers.clear_account(tx, GUILD)
    await world.restart()
    assert world.accounts.token_of(account_id) is None


async def test_a_token_that_another_server_uses_is_kept(world: AccountsFixture) -> None:
    account = await _own(world)
    await _own(world, OLD, OTHER_GUILD)
    await world.tokens.remove_token(GUILD, account, ADMIN)
    assert world.accounts.token_of(account) == OLD
    assert world.accounts.in_force(OTHER_GUILD) == account


async def test_an_outdated_removal_removes_nothing(world: AccountsFixture) -> None:
    old = await _own(world)
    new = await _own(world, OTHER)
    with pytest.raises(TokenChanged):
        await world.tokens.remove_token(GUILD, old, ADMIN)
    assert world.accounts.in_force(GUILD) == new


async def _set_elsewhere(world: AccountsFixture, token: str) -> int:
    """Another process has stored a token for the server just now, and this one hasn't read it yet."""
    async with world.database.transaction() as tx:
        digest = world.accounts._secret_store.keyed_hash(token)
        row = await account_rows.put_token(
            tx, world.accounts.key_of(token), world.accounts._secret_store.encrypt(token), digest, 0
        )
        await servers.set_account(tx, GUILD, row.id, OTHER_ADMIN)
    return row.id


async def test_no_copy_is_left_of_a_replaced_token_that_another_process_has_just_set(world: AccountsFixture) -> None:
    await _own(world)
    elsewhere = await _set_elsewhere(world, OTHER)
    new = await _own(world, NEW)
    rows = {row.id: row.token is not None for row in await account_rows.every(world.database.reader)}
    assert rows[elsewhere] is False
    assert rows[new] is True
    assert world.accounts.token_of(elsewhere) is None


async def test_a_removal_leaves_a_token_alone_that_another_process_has_just_set(world: AccountsFixture) -> None:
    old = await _own(world)
    elsewhere = await _set_elsewhere(world, OTHER)
    with pytest.raises(TokenChanged):
        await world.tokens.remove_token(GUILD, old, ADMIN)
    server = await servers.get(world.database.reader, GUILD)
    assert server is not None
    assert server.account_id == elsewhere


async def test_a_question_about_an_account_that_is_gone_is_outdated(world: AccountsFixture) -> None:
    old = await _own(world)
    await _own(world, OTHER)
    async with world.database.transaction() as tx:
        assert await deletion.delete_unused_accounts(tx) == [old]
    with pytest.raises(TokenChanged):
        await world.tokens.held(GUILD, old)
    with pytest.raises(TokenChanged):
        await world.tokens.drop_old_jobs(GUILD, old, ADMIN)


async def test_jobs_of_a_token_that_another_process_has_just_set_are_not_dropped(world: AccountsFixture) -> None:
    old = await _own(world)
    await _own(world, OTHER)
    await _set_elsewhere(world, OLD)
    with pytest.raises(TokenChanged):
        await world.tokens.drop_old_jobs(GUILD, old, ADMIN)


# ---- the operator's account -----------------------------------------------------------------------------------------


async def test_the_operator_s_account_serves_servers_without_their_own(world: AccountsFixture) -> None:
    await world.restart(operator_token=OPERATOR)
    operator = world.accounts.operator_id
    assert operator is not None
    assert world.accounts.in_force(GUILD) == operator
    own = await _own(world)
    assert world.accounts.in_force(GUILD) == own
    preview = await world.tokens.preview_removal(GUILD)
    assert preview is not None
    assert preview.operators_token
    await world.tokens.remove_token(GUILD, own, ADMIN)
    assert world.accounts.in_force(GUILD) == operator


async def test_the_operator_s_token_is_deleted_once_it_is_not_set(world: AccountsFixture) -> None:
    await world.restart(operator_token=OPERATOR)
    operator = world.accounts.operator_id
    assert operator is not None
    await world.restart(operator_token=None)
    assert world.accounts.in_force(GUILD) is None
    assert world.accounts.token_of(operator) is None


async def _show(world: AccountsFixture, subscription: int, status: CardStatus) -> None:
    """Marks the subscription's card, and its batch's summary if any, as posted and up to date."""
    world.clock.forward(10)
    async with world.database.transaction() as tx:
        await tx.run(
            "UPDATE deliveries SET state = 'posted', message_id = 5 WHERE subscription_id = ?", (subscription,)
        )
        await card_rows.mark_shown(tx, subscription, at=world.clock.now(), shown=status, final=False)
        await tx.run("UPDATE batches SET shown_at = ?", (world.clock.now(),))
    assert await _outdated(world) == ([], [])


async def _outdated(world: AccountsFixture) -> tuple[list[int], list[int]]:
    """The cards and summaries that are looked at after a start."""
    reader, now = world.database.reader, world.clock.now()
    return await card_rows.outdated(reader, now), await card_rows.outdated_batches(reader, now)


async def _in_batch(world: AccountsFixture, guild: int, jobid: str) -> int:
    """An open batch of one job."""
    subscription = await _watch(world, guild, jobid)
    async with world.database.transaction() as tx:
        batch = await batches.add(tx, guild_id=guild, channel_id=CHANNEL, user_id=MEMBER, mention=True, now=0)
        await tx.run("UPDATE subscriptions SET batch_id = ? WHERE id = ?", (batch, subscription))
    return batch


async def test_cards_show_that_the_operator_s_token_was_removed_and_is_back(world: AccountsFixture) -> None:
    await world.restart(operator_token=OPERATOR)
    await _own(world, OLD, OTHER_GUILD)
    waiting, batch = await _watch(world, GUILD, "j1"), await _in_batch(world, GUILD, "j2")
    await _show(world, await _watch(world, OTHER_GUILD, "j3"), CardStatus.PROGRESS)
    await _show(world, waiting, CardStatus.PROGRESS)
    await world.restart(operator_token=OPERATOR)
    assert await _outdated(world) == ([], [])
    await world.restart(operator_token=None)
    assert await _outdated(world) == ([waiting], [batch])
    await _show(world, waiting, CardStatus.OTHER_ACCOUNT)
    await world.restart(operator_token=OPERATOR)
    assert await _outdated(world) == ([waiting], [batch])


async def test_after_a_kill_at_a_token_change_cards_show_it_at_the_next_start(world: AccountsFixture) -> None:
    await world.restart(operator_token=OPERATOR)
    of_operator, batch = await _watch(world, GUILD, "j1"), await _in_batch(world, GUILD, "j2")
    await _show(world, of_operator, CardStatus.PROGRESS)
    own = await _own(world)
    assert await _outdated(world) == ([of_operator], [batch])
    await _show(world, of_operator, CardStatus.OTHER_ACCOUNT)
    mine = await _watch(world, GUILD, "j3")
    await _show(world, mine, CardStatus.PROGRESS)
    renewed = await _own(world, NEW)
    assert (await _outdated(world))[0] == []
    assert renewed != own
    await world.tokens.remove_token(GUILD, renewed, ADMIN)
    assert of_operator in (await _outdated(world))[0]


@pytest.mark.parametrize("token", [OLD, NEW])
async def test_a_server_s_own_token_is_never_the_operator_s(world: AccountsFixture, token: str) -> None:
    """Not even if the bytes are the same."""
    await world.restart(operator_token=OLD)
    operator = world.accounts.operator_id
    own = await _own(world, token)
    assert own != operator
    await _own(world, token, OTHER_GUILD)
    await world.restart(operator_token=OLD)
    assert (world.accounts.operator_id, world.accounts.own(GUILD)) == (operator, own)
    assert (world.accounts.token_of(operator or 0), world.accounts.token_of(own)) == (OLD, token)
    await world.restart(operator_token=None)
    assert (world.accounts.token_of(operator or 0), world.accounts.token_of(own)) == (None, token)


async def test_a_new_operator_s_token_is_used_at_once_and_its_jobs_continue(world: AccountsFixture) -> None:
    await world.restart(operator_token=OLD)
    account = world.accounts.operator_id
    assert account is not None
    own = await _own(world, OLD, OTHER_GUILD)
    watched = await _watch(world, GUILD, "j1")
    await world.restart(operator_token=NEW)
    assert world.accounts.in_force(GUILD) == account
    assert world.accounts.token_of(account) == NEW
    assert world.accounts.state_of(account) is AccountState.OK
    assert await _account_of(world, watched) == account
    assert (world.accounts.in_force(OTHER_GUILD), world.accounts.token_of(own)) == (own, OLD)
    await world.restart(operator_token=OTHER)
    assert world.accounts.token_of(account) is None
    assert world.accounts.in_force(GUILD) != account


async def test_a_new_operator_s_token_is_tried_and_its_servers_hear_when_it_works(
    world: AccountsFixture,
) -> None:
    await world.restart(operator_token=OLD)
    account = world.accounts.operator_id
    assert account is not None
    await _watch(world, GUILD, "j1")
    await world.accounts.note_response(account, TokenRefused("no"))
    world.api.answers[OLD] = TokenRefused("no")
    await world.restart(operator_token=NEW)
    assert world.accounts.token_of(account) == NEW
    assert world.accounts.state_of(account) is AccountState.REFUSED
    assert await world.rechecks.recheck_now(account) is Recheck.WORKS
    assert await _kinds(world) == [(GUILD, NoticeKind.TOKEN_REFUSED), (GUILD, NoticeKind.FLOWING_AGAIN)]
    assert [post.mention for _, _, post in await _told(world)] == [(), ()]


@pytest.mark.parametrize(
    ("token", "kind", "replaced"),
    [
        (NEW, NoticeKind.FIXED, False),
        (OTHER, NoticeKind.TOKEN_REMOVED, True),
        (None, NoticeKind.TOKEN_REMOVED, False),
    ],
)
async def test_alerts_about_the_operator_s_token_end_even_in_servers_that_wait_for_nothing(
    world: AccountsFixture, token: str | None, kind: NoticeKind, replaced: bool
) -> None:
    await world.restart(operator_token=OLD)
    account = world.accounts.operator_id
    assert account is not None
    own = await _own(world, OLD, OTHER_GUILD)
    watched = await _watch(world, GUILD, "j1")
    await _watch(world, OTHER_GUILD, "j1")
    for refused in (account, own):
        await world.accounts.note_response(refused, TokenRefused("no"))
    async with world.database.transaction() as tx:
        await subscriptions.end(tx, watched, world.clock.now())
    await world.restart(operator_token=token)
    if token == NEW:
        assert await world.rechecks.recheck_now(account) is Recheck.WORKS
    await world.restart(operator_token=token)
    assert [(guild, post.kind, post.jobs, post.replaced) for guild, _, post in await _ended(world)] == [
        (GUILD, kind, 0, replaced)
    ]


# ---- states and notices ---------------------------------------------------------------------------------------------


async def test_each_change_is_reported_once_in_each_waiting_server(world: AccountsFixture) -> None:
    account = await _own(world)
    await _own(world, OLD, OTHER_GUILD)
    await _own(world, OLD, 102)
    await _watch(world, GUILD, "j1")
    await _watch(world, GUILD, "j2", CHANNEL + 7)
    await _watch(world, OTHER_GUILD, "j1", CHANNEL + 1)
    async with world.database.transaction() as tx:
        await servers.set_alerts_channel(tx, OTHER_GUILD, ALERTS)
    await asyncio.gather(*(world.accounts.note_response(account, TokenRefused("no")) for _ in range(5)))
    told = await _told(world)
    assert [(guild, channel, post.kind, post.mention, post.jobs) for guild, channel, post in told] == [
        (GUILD, CHANNEL + 7, NoticeKind.TOKEN_REFUSED, (ADMIN,), 2),
        (OTHER_GUILD, ALERTS, NoticeKind.TOKEN_REFUSED, (ADMIN,), 1),
    ]
    await world.accounts.note_response(account, SubscriptionUnpaid("no"))
    unpaid = (await _told(world))[2:]
    assert [post.kind for _, _, post in unpaid] == [NoticeKind.UNPAID] * 2
    assert unpaid[0][2].interval == 300_000
    await world.restart()
    await world.accounts.note_response(account, SubscriptionUnpaid("no"))
    assert len(await _told(world)) == 4
    assert len(world.recorded.accounts) >= 2


async def test_an_idle_server_gets_alerts_only_in_its_alerts_channel(world: AccountsFixture) -> None:
    account = await _own(world)
    await _own(world, OLD, OTHER_GUILD)
    async with world.database.transaction() as tx:
        await servers.set_alerts_channel(tx, OTHER_GUILD, ALERTS)
    await world.accounts.note_response(account, TokenRefused("no"))
    (told,) = await _told(world)
    assert (told[0], told[1], told[2].kind, told[2].mention) == (
        OTHER_GUILD,
        ALERTS,
        NoticeKind.TOKEN_REFUSED,
        (ADMIN,),
    )
    assert await world.rechecks.recheck_now(account) is Recheck.WORKS
    assert [(guild, post.kind) for guild, _, post in await _ended(world)] == [(OTHER_GUILD, NoticeKind.FIXED)]
    assert len(await _told(world)) == 1


async def test_a_server_that_starts_to_wait_during_a_problem_is_told_once(world: AccountsFixture) -> None:
    account = await _own(world)
    await world.accounts.note_response(account, TokenRefused("no"))
    for jobid in ("j1", "j2"):
        await _watch(world, GUILD, jobid)
        async with world.database.transaction() as tx:
            await world.accounts.tell_trouble(tx, GUILD, world.clock.now())
        await world.pass_time(60)
    assert [(channel, post.kind, post.mention, post.jobs) for _, channel, post in await _told(world)] == [
        (CHANNEL, NoticeKind.TOKEN_REFUSED, (ADMIN,), 1)
    ]
    assert await world.rechecks.recheck_now(account) is Recheck.WORKS
    async with world.database.transaction() as tx:
        await world.accounts.tell_trouble(tx, GUILD, world.clock.now())
    assert [kind for _, kind in await _kinds(world)] == [NoticeKind.TOKEN_REFUSED, NoticeKind.FLOWING_AGAIN]


async def test_a_problem_that_another_process_has_seen_end_is_not_reported(world: AccountsFixture) -> None:
    account = await _own(world)
    await world.accounts.note_response(account, TokenRefused("no"))
    async with world.database.transaction() as tx:
        await account_rows.set_state(tx, account, AccountState.OK, world.clock.now())
    await _watch(world, GUILD, "j1")
    async with world.database.transaction() as tx:
        await world.accounts.tell_trouble(tx, GUILD, world.clock.now())
    assert await _told(world) == []


async def test_only_a_trial_shows_that_a_token_works_again(world: AccountsFixture) -> None:
    account = await _own(world)
    await _watch(world, GUILD, "j1")
    await world.accounts.note_response(account, TokenRefused("no"))
    await world.accounts.note_response(account, JobNotFound("an answer that was on its way"))
    assert world.accounts.state_of(account) is AccountState.REFUSED
    assert await world.rechecks.recheck_now(account) is Recheck.WORKS
    assert world.accounts.state_of(account) is AccountState.OK
    told = await _told(world)
    assert [post.kind for _, _, post in told] == [NoticeKind.TOKEN_REFUSED, NoticeKind.FLOWING_AGAIN]
    assert told[1][2].mention == ()
    assert told[1][2].jobs == 1


async def test_every_alert_about_a_problem_is_ended_once_with_it(world: AccountsFixture) -> None:
    account = await _own(world)
    await _watch(world, GUILD, "j1")
    await world.accounts.note_response(account, TokenRefused("no"))
    await world.accounts.note_response(account, SubscriptionUnpaid("no"))
    for _ in range(2):
        assert await world.rechecks.recheck_now(account) is Recheck.WORKS
    ended = [(post.kind, post.alert, post.jobs) for _, _, post in await _ended(world)]
    assert ended == [
        (NoticeKind.FIXED, NoticeKind.TOKEN_REFUSED, 1),
        (NoticeKind.FIXED, NoticeKind.UNPAID, 1),
    ]
    await world.pass_time(60)
    await world.accounts.note_response(account, TokenRefused("no"))
    assert await world.rechecks.recheck_now(account) is Recheck.WORKS
    assert len(await _ended(world)) == 3


@pytest.mark.parametrize("token", [NEW, OTHER])
async def test_a_working_token_ends_the_alert_about_the_previous_one(world: AccountsFixture, token: str) -> None:
    """Whether the token is of the same account or another, and whether jobs wait or not."""
    account = await _own(world)
    subscription = await _watch(world, GUILD, "j1")
    await world.accounts.note_response(account, TokenRefused("no"))
    async with world.database.transaction() as tx:
        await subscriptions.stop(tx, subscription, ADMIN, world.clock.now())
    await _own(world, token)
    assert [(guild, channel, post.jobs) for guild, channel, post in await _ended(world)] == [(GUILD, CHANNEL, 0)]
    assert await _kinds(world) == [(GUILD, NoticeKind.TOKEN_REFUSED)]


async def test_removing_a_token_ends_its_alert(world: AccountsFixture) -> None:
    account = await _own(world)
    await _watch(world, GUILD, "j1")
    await world.accounts.note_response(account, TokenRefused("no"))
    await world.tokens.remove_token(GUILD, account, ADMIN)
    assert [(post.kind, post.jobs) for _, _, post in await _ended(world)] == [(NoticeKind.TOKEN_REMOVED, 1)]


async def test_removing_a_token_tells_of_trouble_with_the_operators(world: AccountsFixture) -> None:
    await world.restart(operator_token=OLD)
    operators = world.accounts.operator_id
    assert operators is not None
    await _watch(world, GUILD, "j1")
    own = await _own(world, OTHER)
    await world.accounts.note_response(operators, TokenRefused("no"))
    assert await _told(world) == []
    await world.tokens.remove_token(GUILD, own, ADMIN)
    assert [(guild, post.kind, post.jobs) for guild, _, post in await _told(world)] == [
        (GUILD, NoticeKind.TOKEN_REFUSED, 1)
    ]


async def test_a_late_refusal_of_the_previous_token_is_ignored(world: AccountsFixture) -> None:
    account = await _own(world)
    new = await _own(world, NEW)
    await world.accounts.note_response(account, TokenRefused("about the old one"))
    await world.accounts.note_trial(account, OLD, TokenRefused("about the old one"))
    assert world.accounts.state_of(account) is AccountState.OK
    assert world.accounts.state_of(new) is AccountState.OK
    await world.accounts.note_response(new, TokenRefused("no"))
    assert world.accounts.state_of(new) is AccountState.REFUSED


@pytest.mark.parametrize("error", [RateLimited("no", 1), AccountBroken("no"), Unavailable("no"), BadRequest("no")])
async def test_other_errors_say_nothing_about_the_token(world: AccountsFixture, error: PixVerseError) -> None:
    account = await _own(world)
    await _watch(world, GUILD, "j1")
    await world.accounts.note_response(account, error)
    world.api.answers[OLD] = error
    assert await world.rechecks.recheck_now(account) is Recheck.NO_RESPONSE
    assert world.accounts.state_of(account) is AccountState.OK
    assert await _told(world) == []


async def test_responses_that_change_nothing_write_nothing(world: AccountsFixture) -> None:
    account = await _own(world)
    before = await world.data_version()
    for _ in range(3):
        world.clock.forward(1)
        await world.accounts.note_response(account, None)
    assert await world.data_version() == before
    known = world.accounts.account(account)
    assert known is not None
    assert known.tried_at == world.clock.now()


async def test_jobs_on_hold_of_another_account_are_not_counted_in_a_notice(world: AccountsFixture) -> None:
    old = await _own(world)
    await _own(world, OLD, OTHER_GUILD)
    await _watch(world, GUILD, "j1")
    await _own(world, OTHER)
    world.clock.forward(120)
    await world.accounts.note_response(old, TokenRefused("no"))
    assert await _told(world) == []


# ---- the slow re-check ----------------------------------------------------------------------------------------------


async def test_a_process_that_does_not_poll_the_account_tries_its_token_only_on_request(
    world: AccountsFixture,
) -> None:
    """The process that polls it goes on trying."""
    account = await _own(world)
    await world.accounts.note_response(account, TokenRefused("no"))
    world.api.answers[OLD] = TokenRefused("no")
    elsewhere = Mock(owns_account=Mock(return_value=False))
    world.rechecks = Rechecks(world.accounts, world.api, world.clock, recheck_seconds=300, ownership=elsewhere)
    async with world.running():
        asked = len(world.api.asked)
        assert await world.rechecks.recheck_now(account) is Recheck.REFUSED
        world.rechecks.try_soon(account)
        await world.pass_time(0)
        assert len(world.api.asked) == asked + 2
        await world.pass_time(1000)
        assert len(world.api.asked) == asked + 2


async def test_a_token_problem_is_rechecked_slowly_until_it_is_over(world: AccountsFixture) -> None:
    account = await _own(world)
    await _watch(world, GUILD, "j1")
    world.api.answers[OLD] = SubscriptionUnpaid("no")
    async with world.running():
        world.clock.forward(100)
        await world.accounts.note_response(account, SubscriptionUnpaid("no"))
        asked = len(world.api.asked)
        await world.pass_time(299)
        assert len(world.api.asked) == asked
        await world.pass_time(2)
        assert len(world.api.asked) == asked + 1
        await world.pass_time(299)
        assert len(world.api.asked) == asked + 1
        world.api.works(OLD)
        await world.pass_time(2)
        assert world.accounts.state_of(account) is AccountState.OK
        await world.pass_time(2000)
        assert len(world.api.asked) == asked + 2
    assert await _kinds(world) == [(GUILD, NoticeKind.UNPAID), (GUILD, NoticeKind.FLOWING_AGAIN)]


async def test_token_problems_are_rechecked_at_the_start(world: AccountsFixture) -> None:
    account = await _own(world)
    await world.accounts.note_trial(account, OLD, TokenRefused("no"))
    await world.restart()
    async with world.running():
        await world.pass_time(0)
        assert world.accounts.state_of(account) is AccountState.OK


async def test_a_doubtful_token_is_tried_at_once(world: AccountsFixture) -> None:
    account = await _own(world)
    await world.accounts.note_trial(account, OLD, TokenRefused("no"))
    async with world.running():
        await world.pass_time(1)
        world.api.works(OLD)
        await world.accounts.note_response(account, None)
        await world.pass_time(0)
        assert world.accounts.state_of(account) is AccountState.OK


async def test_retry_after_is_respected(world: AccountsFixture) -> None:
    account = await _own(world)
    world.api.answers[OLD] = RateLimited("no", 5000)
    await world.accounts.note_trial(account, OLD, TokenRefused("no"))
    async with world.running():
        await world.pass_time(301)
        asked = len(world.api.asked)
        await world.pass_time(4900)
        assert len(world.api.asked) == asked
        await world.pass_time(200)
        assert len(world.api.asked) == asked + 1


async def test_a_token_is_not_tried_before_the_retry_time_of_any_response_to_it(world: AccountsFixture) -> None:
    account = await _own(world)
    await world.accounts.note_trial(account, OLD, TokenRefused("no"))
    async with world.running():
        await world.pass_time(200)
        asked = len(world.api.asked)
        world.api.retry_times.note(OLD, 500)
        await world.accounts.note_response(account, None)
        await world.pass_time(499)
        assert len(world.api.asked) == asked
        await world.pass_time(2)
        assert len(world.api.asked) == asked + 1
        assert world.accounts.state_of(account) is AccountState.OK


async def test_an_admin_can_have_a_token_tried_before_its_retry_time(world: AccountsFixture) -> None:
    account = await _own(world)
    world.api.retry_times.note(OLD, 500)
    assert await world.rechecks.recheck_now(account) is Recheck.WORKS


async def test_a_failing_database_does_not_end_the_loop(world: AccountsFixture) -> None:
    account = await _own(world)
    await world.accounts.note_trial(account, OLD, TokenRefused("no"))
    async with world.running():
        await world.pass_time(1)
        async with world.locked_by_another_program():
            await world.pass_time(301)
        assert world.accounts.state_of(account) is AccountState.REFUSED
        assert world.rechecks.failures == 1
        await world.pass_time(301)
        assert world.accounts.state_of(account) is AccountState.OK
        assert world.rechecks.failures == 1


async def test_an_account_without_a_token_is_not_tried(world: AccountsFixture) -> None:
    account = await _own(world)
    await world.tokens.remove_token(GUILD, account, ADMIN)
    asked = len(world.api.asked)
    assert await world.rechecks.recheck_now(account) is Recheck.NO_TOKEN
    assert len(world.api.asked) == asked


# ---- several processes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("everything", [False, True])
async def test_a_token_stored_while_other_changes_are_read_is_not_overwritten(
    world: AccountsFixture, everything: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await _own(world)
    reader, gate, waiting = world.database.reader, asyncio.Event(), asyncio.Event()
    read = reader.all

    async def late(sql: str, parameters: Sequence[SqlValue] = ()) -> Sequence[Row]:
        rows = await read(sql, parameters)
        if asyncio.current_task() is reading:
            waiting.set()
            await gate.wait()
        return rows

    monkeypatch.setattr(reader, "all", late)
    reading = asyncio.create_task(
        world.accounts.read_all() if everything else world.accounts.read_again({before}, {GUILD})
    )
    await waiting.wait()
    done = await world.tokens.set_token(GUILD, ADMIN, NEW)
    gate.set()
    await reading
    assert world.accounts.in_force(GUILD) == done.account_id
    assert world.accounts.token_of(done.account_id) == NEW
    assert world.accounts.token_of(before) is None


@pytest.mark.parametrize("everything", [False, True])
async def test_the_operator_s_token_of_a_later_process_counts_in_all(tmp_path: Path, everything: bool) -> None:
    """As when processes are replaced one after another with a new token."""
    path, key = tmp_path / "relay.db", new_key()
    world = await AccountsFixture.open(path, key, operator_token=OLD)
    before = world.accounts.operator_id
    assert before is not None
    later = await AccountsFixture.open(path, key, operator_token=OTHER)
    now = later.accounts.operator_id
    assert now is not None
    assert now != before
    await (world.accounts.read_all() if everything else world.accounts.read_again({before, now}, ()))
    assert world.accounts.in_force(GUILD) == now
    assert world.accounts.token_of(world.accounts.in_force(GUILD) or 0) == OTHER
    await later.close()
    await world.close()


async def test_a_response_to_a_replaced_operator_s_token_says_nothing_about_the_new_one(
    tmp_path: Path,
) -> None:
    """As when the old token is revoked while processes are replaced one after another."""
    path, key = tmp_path / "relay.db", new_key()
    world = await AccountsFixture.open(path, key, operator_token=OLD)
    account = world.accounts.operator_id
    assert account is not None
    later = await AccountsFixture.open(path, key, operator_token=NEW)
    assert later.accounts.operator_id == account
    await world.accounts.note_response(account, TokenRefused("no"))
    await later.accounts.read_all()
    assert later.accounts.state_of(account) is AccountState.OK
    await world.accounts.read_all()
    await world.accounts.note_response(account, TokenRefused("no"))
    await later.accounts.read_all()
    assert later.accounts.state_of(account) is AccountState.REFUSED
    await later.close()
    await world.close()


async def test_a_state_written_by_another_process_is_adopted(world: AccountsFixture) -> None:
    account = await _own(world)
    await world.accounts.note_response(account, TokenRefused("no"))
    async with world.database.transaction() as tx:
        await tx.run("UPDATE accounts SET state = 'ok' WHERE id = ?", (account,))
    await world.accounts.note_trial(account, OLD, None)
    assert world.accounts.state_of(account) is AccountState.OK
    assert world.recorded.accounts[-1] == account
