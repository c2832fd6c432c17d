from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from model.messages import ClaimedUser, NoticePost
from model.states import AccountState, DeliveryKind, NoticeKind
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
from relay.accounts.rechecks import Recheck
from relay.accounts.server_tokens import Dropped, TokenChanged, TokenOvertaken, TokenSetKind, TokenUntried
from relay.delivery import admin_notices as notices
from storage import accounts as account_rows
from storage import deliveries, delivery_queries, jobs, servers, subscriptions
from storage.vault import new_key
from tests.relay.account_house import House

GUILD, OTHER_GUILD, CHANNEL, ALERTS, ADMIN, OTHER_ADMIN, MEMBER = 100, 101, 200, 201, 300, 301, 302
OLD, NEW, OTHER = "user:1-old", "user:1-new", "user:2-other"
OPERATOR = "user:9-operator"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    opened = await House.open(tmp_path / "relay.db", new_key())
    opened.api.works(OLD, NEW, OTHER, OPERATOR)
    yield opened
    await opened.close()


async def _watch(house: House, guild: int, jobid: str, channel: int = CHANNEL) -> int:
    """An open subscription for a job of the account in force."""
    account = house.accounts.in_force(guild)
    assert account is not None
    async with house.database.transaction() as tx:
        job = await jobs.add(tx, account, jobid, None, house.clock.now())
        subscription = await subscriptions.add(
            tx, job_id=job.id, guild_id=guild, channel_id=channel, batch_id=None, spoiler=False, now=0
        )
        await deliveries.add_card(
            tx, subscription_id=subscription, guild_id=guild, channel_id=channel, base_nonce=f"{guild}{jobid}", now=0
        )
    return subscription


async def _account_of(house: House, subscription: int) -> int:
    (row,) = await house.database.reader.all(
        "SELECT account_id FROM jobs WHERE id = (SELECT job_id FROM subscriptions WHERE id = ?)", (subscription,)
    )
    return int(row[0])


async def _told(house: House) -> list[tuple[int, int, NoticePost]]:
    """The messages, without what takes the place of an earlier one."""
    return [one for one in await _notices(house) if one[2].ends is None]


async def _ended(house: House) -> list[tuple[int, int, NoticePost]]:
    return [one for one in await _notices(house) if one[2].ends is not None]


async def _notices(house: House) -> list[tuple[int, int, NoticePost]]:
    rows = await house.database.reader.all(
        "SELECT guild_id, channel_id, notice, base_nonce FROM deliveries WHERE kind = 'notice' ORDER BY id"
    )
    return [(row[0], row[1], notices.load(row[2], row[3])) for row in rows]


async def _kinds(house: House) -> list[tuple[int, NoticeKind]]:
    return [(guild, post.kind) for guild, _, post in await _told(house)]


async def _own(house: House, token: str = OLD, guild: int = GUILD) -> int:
    return (await house.tokens.set_token(guild, ADMIN, token)).account_id


# ---- setting --------------------------------------------------------------------------------------------------------


async def test_a_first_token_is_cleaned_tried_and_in_force(house: House) -> None:
    house.api.in_work[OLD] = ("a", "b")
    done = await house.tokens.set_token(GUILD, ADMIN, f'  "Bearer {OLD}" ')
    assert (done.kind, done.user, done.in_work) == (TokenSetKind.WORKS, ClaimedUser("1", confirmed=False), 2)
    assert house.accounts.in_force(GUILD) == done.account_id
    assert house.accounts.in_force(OTHER_GUILD) is None
    assert house.accounts.token_of(done.account_id) == OLD
    assert house.heard.accounts == [done.account_id]
    assert "old" not in repr(house.accounts.account(done.account_id))


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
    house: House, answer: PixVerseError, raised: type[Exception]
) -> None:
    before = await _own(house)
    house.api.answers[NEW] = answer
    with pytest.raises(raised):
        await house.tokens.set_token(GUILD, OTHER_ADMIN, NEW)
    assert house.accounts.token_of(before) == OLD
    await house.restart()
    assert house.accounts.token_of(before) == OLD
    assert house.accounts.state_of(before) is AccountState.OK


async def test_what_cannot_be_a_token_is_never_sent(house: House) -> None:
    discord_token = "MTAwMDAwMDAwMDAwMDAwMDAw.GabcdE." + "a" * 38
    with pytest.raises(DiscordTokenGiven):
        await house.tokens.set_token(GUILD, ADMIN, discord_token)
    with pytest.raises(NotAToken):
        await house.tokens.set_token(GUILD, ADMIN, "two words")
    assert house.api.asked == []


async def test_a_renewed_token_is_the_same_account_and_its_jobs_go_on(house: House) -> None:
    account = await _own(house)
    await _watch(house, GUILD, "j1")
    await house.accounts.answered(account, TokenRefused("no"))
    done = await house.tokens.set_token(GUILD, OTHER_ADMIN, NEW)
    assert (done.kind, done.waiting, done.held) == (TokenSetKind.SAME_ACCOUNT, 1, 0)
    assert house.accounts.state_of(done.account_id) is AccountState.OK
    assert house.accounts.token_of(account) is None
    assert await _kinds(house) == [(GUILD, NoticeKind.TOKEN_REFUSED), (GUILD, NoticeKind.FLOWING_AGAIN)]


async def test_a_token_is_replaced_in_the_server_that_entered_it_alone(house: House) -> None:
    account = await _own(house)
    assert await _own(house, OLD, OTHER_GUILD) == account
    here, there = await _watch(house, GUILD, "j1"), await _watch(house, OTHER_GUILD, "j1", CHANNEL + 1)
    new = await _own(house, NEW)
    assert (house.accounts.token_of(new), house.accounts.token_of(account)) == (NEW, OLD)
    assert (house.accounts.in_force(GUILD), house.accounts.in_force(OTHER_GUILD)) == (new, account)
    assert [await _account_of(house, number) for number in (here, there)] == [new, account]
    assert await _told(house) == []
    await house.accounts.tried(account, OLD, TokenRefused("no"))
    assert house.accounts.state_of(new) is AccountState.OK
    assert await _kinds(house) == [(OTHER_GUILD, NoticeKind.TOKEN_REFUSED)]


async def test_a_token_that_only_claims_an_account_takes_nothing_over(house: House) -> None:
    account = await _own(house)
    await _watch(house, GUILD, "j1")
    forged = await _own(house, NEW, OTHER_GUILD)
    assert forged != account
    assert house.accounts.token_of(account) == OLD
    assert await house.tokens.preview_removal(OTHER_GUILD) is not None
    await house.tokens.remove_token(OTHER_GUILD, forged, ADMIN)
    assert (house.accounts.token_of(account), house.accounts.token_of(forged)) == (OLD, None)
    known = house.accounts.account(account)
    assert known is not None
    assert known.user == ClaimedUser("1", confirmed=False)


@pytest.mark.parametrize(
    "jobid", ["job:20261124-user:1-channel:2-bot:pixverse", "user:1-pixverse:a@example.org-video:3"]
)
async def test_the_claimed_user_is_confirmed_by_an_id_that_the_api_told(house: House, jobid: str) -> None:
    house.api.in_work[OLD] = ("job:20261124-user:12-channel:1-bot:pixverse",)
    account = await _own(house)
    await house.accounts.answered(account, JobNotFound("no"), jobid)
    for _ in range(2):
        known = house.accounts.account(account)
        assert known is not None
        assert known.user == ClaimedUser("1", confirmed=False)
        await house.restart()
    await house.accounts.answered(account, None, jobid)
    for _ in range(2):
        known = house.accounts.account(account)
        assert known is not None
        assert known.user == ClaimedUser("1", confirmed=True)
        await house.restart()
    house.api.in_work[OTHER] = (jobid.replace("user:1-", "user:2-"),)
    done = await house.tokens.set_token(OTHER_GUILD, ADMIN, OTHER)
    assert done.user == ClaimedUser("2", confirmed=True)


async def test_the_later_command_wins_not_the_later_answer(house: House) -> None:
    gate = house.api.holds(OLD)
    slow = asyncio.create_task(house.tokens.set_token(GUILD, ADMIN, OLD))
    await house.pass_time(0)
    newer = await _own(house, NEW)
    gate.set()
    with pytest.raises(TokenOvertaken):
        await slow
    assert house.accounts.in_force(GUILD) == newer
    assert {account.token for account in house.accounts.every()} == {NEW}


async def test_an_earlier_command_is_stored_where_the_later_one_was_not(house: House) -> None:
    gate = house.api.holds(OLD)
    slow = asyncio.create_task(house.tokens.set_token(GUILD, ADMIN, OLD))
    await house.pass_time(0)
    house.api.answers[NEW] = TokenRefused("no")
    with pytest.raises(TokenRefused):
        await house.tokens.set_token(GUILD, ADMIN, NEW)
    gate.set()
    done = await slow
    assert house.accounts.in_force(GUILD) == done.account_id


async def test_a_token_that_was_removed_while_another_was_tried_stays_removed(house: House) -> None:
    account = await _own(house)
    gate = house.api.holds(NEW)
    slow = asyncio.create_task(house.tokens.set_token(GUILD, ADMIN, NEW))
    await house.pass_time(0)
    await house.tokens.remove_token(GUILD, account, ADMIN)
    gate.set()
    with pytest.raises(TokenOvertaken):
        await slow
    assert house.accounts.in_force(GUILD) is None
    assert {one.token for one in house.accounts.every()} == {None}


async def test_a_token_of_another_account_leaves_the_waiting_jobs_on_hold(house: House) -> None:
    old = await _own(house)
    subscription = await _watch(house, GUILD, "j1")
    done = await house.tokens.set_token(GUILD, ADMIN, OTHER)
    assert (done.kind, done.held, done.old_account_id, done.old_user) == (
        TokenSetKind.OTHER_ACCOUNT,
        1,
        old,
        ClaimedUser("1", confirmed=False),
    )
    assert house.accounts.token_of(old) is None
    row = await subscriptions.by_id(house.database.reader, subscription)
    assert row is not None
    assert row.ended_at is None
    assert set(house.heard.accounts) >= {old, done.account_id}
    assert await _told(house) == []
    back = await house.tokens.set_token(GUILD, ADMIN, NEW)
    assert (back.kind, back.waiting) == (TokenSetKind.SAME_ACCOUNT, 1)
    ((guild, channel, notice),) = await _told(house)
    assert (guild, channel, notice.kind, notice.jobs, notice.mention) == (
        GUILD,
        CHANNEL,
        NoticeKind.FLOWING_AGAIN,
        1,
        (),
    )


async def test_old_jobs_are_dropped_when_the_admin_says_so_and_only_those_of_this_server(house: House) -> None:
    old = await _own(house)
    await _own(house, OLD, OTHER_GUILD)
    dropped = await _watch(house, GUILD, "j1")
    elsewhere = await _watch(house, OTHER_GUILD, "j1", CHANNEL + 1)
    new = await _own(house, OTHER)
    kept = await _watch(house, GUILD, "j2")
    assert await house.tokens.held(GUILD, old) == (1, 0)
    assert await house.tokens.drop_old_jobs(GUILD, old, ADMIN) == Dropped(1, ())
    rows = [await subscriptions.by_id(house.database.reader, number) for number in (dropped, elsewhere, kept)]
    assert [row.stopped_by for row in rows if row is not None] == [ADMIN, None, None]
    assert [
        await delivery_queries.of_subscription(house.database.reader, number, DeliveryKind.CARD) is None
        for number in (1, 2, 3)
    ] == [
        True,
        False,
        False,
    ]
    assert house.heard.subscriptions == [dropped]
    with pytest.raises(TokenChanged):
        await house.tokens.drop_old_jobs(GUILD, new, ADMIN)


async def test_two_admins_at_once_end_with_one_of_the_two_tokens_everywhere(house: House) -> None:
    first, second = await asyncio.gather(
        house.tokens.set_token(GUILD, ADMIN, OLD), house.tokens.set_token(GUILD, OTHER_ADMIN, OTHER)
    )
    in_force = house.accounts.in_force(GUILD)
    row = await servers.get(house.database.reader, GUILD)
    assert row is not None
    assert in_force == row.account_id
    assert (in_force, row.token_set_by) in {(first.account_id, ADMIN), (second.account_id, OTHER_ADMIN)}
    tokens = {account.id: account.token for account in house.accounts.every()}
    assert sum(token is not None for token in tokens.values()) == 1


async def test_an_account_without_a_visible_user_is_known_again_by_its_token(house: House) -> None:
    house.api.works("some-opaque-token", "other-opaque-token")
    first = await _own(house, "some-opaque-token")
    assert await _own(house, "other-opaque-token", OTHER_GUILD) != first
    await house.restart()
    assert await _own(house, "some-opaque-token", 102) == first
    account = house.accounts.account(first)
    assert account is not None
    assert account.user is None
    assert "opaque" not in account.key


async def test_who_is_cancelled_while_storing_leaves_memory_and_database_agreeing(house: House) -> None:
    for steps in range(0, 40, 2):
        task = asyncio.create_task(house.tokens.set_token(GUILD, ADMIN, (OLD, OTHER)[steps // 2 % 2]))
        for _ in range(steps):
            await asyncio.sleep(0.0001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with house.database.transaction() as tx:
            row = await servers.get(tx, GUILD)
        assert house.accounts.own(GUILD) == (None if row is None else row.account_id)


# ---- removing -------------------------------------------------------------------------------------------------------


async def test_removing_drops_the_waiting_jobs_and_forgets_the_token(house: House) -> None:
    account = await _own(house)
    subscription = await _watch(house, GUILD, "j1")
    preview = await house.tokens.preview_removal(GUILD)
    assert preview is not None
    assert (preview.account_id, preview.waiting, preview.operators_token) == (account, 1, False)
    assert await house.tokens.remove_token(GUILD, account, ADMIN) == Dropped(1, ())
    assert house.accounts.in_force(GUILD) is None
    assert house.accounts.token_of(account) is None
    row = await account_rows.by_id(house.database.reader, account)
    assert row is not None
    assert row.token is None
    stopped = await subscriptions.by_id(house.database.reader, subscription)
    assert stopped is not None
    assert stopped.stopped_by == ADMIN
    assert await house.tokens.preview_removal(GUILD) is None


async def test_a_token_that_another_server_uses_is_kept(house: House) -> None:
    account = await _own(house)
    await _own(house, OLD, OTHER_GUILD)
    await house.tokens.remove_token(GUILD, account, ADMIN)
    assert house.accounts.token_of(account) == OLD
    assert house.accounts.in_force(OTHER_GUILD) == account


async def test_a_question_that_is_outdated_removes_nothing(house: House) -> None:
    old = await _own(house)
    new = await _own(house, OTHER)
    with pytest.raises(TokenChanged):
        await house.tokens.remove_token(GUILD, old, ADMIN)
    assert house.accounts.in_force(GUILD) == new


# ---- the operator's account -----------------------------------------------------------------------------------------


async def test_the_operators_account_serves_servers_without_their_own(house: House) -> None:
    await house.restart(operator_token=OPERATOR)
    operator = house.accounts.operator_id
    assert operator is not None
    assert house.accounts.in_force(GUILD) == operator
    own = await _own(house)
    assert house.accounts.in_force(GUILD) == own
    preview = await house.tokens.preview_removal(GUILD)
    assert preview is not None
    assert preview.operators_token
    await house.tokens.remove_token(GUILD, own, ADMIN)
    assert house.accounts.in_force(GUILD) == operator


async def test_the_operators_token_is_forgotten_when_it_is_taken_away(house: House) -> None:
    await house.restart(operator_token=OPERATOR)
    operator = house.accounts.operator_id
    assert operator is not None
    await house.restart(operator_token=None)
    assert house.accounts.in_force(GUILD) is None
    assert house.accounts.token_of(operator) is None


@pytest.mark.parametrize("token", [OLD, NEW])
async def test_a_servers_own_token_is_never_the_operators(house: House, token: str) -> None:
    """Not even where the bytes are the same."""
    await house.restart(operator_token=OLD)
    operator = house.accounts.operator_id
    own = await _own(house, token)
    assert own != operator
    await _own(house, token, OTHER_GUILD)
    await house.restart(operator_token=OLD)
    assert (house.accounts.operator_id, house.accounts.own(GUILD)) == (operator, own)
    assert (house.accounts.token_of(operator or 0), house.accounts.token_of(own)) == (OLD, token)
    await house.restart(operator_token=None)
    assert (house.accounts.token_of(operator or 0), house.accounts.token_of(own)) == (None, token)


async def test_a_new_operators_token_is_the_operators_at_once_and_its_jobs_go_on(house: House) -> None:
    await house.restart(operator_token=OLD)
    account = house.accounts.operator_id
    assert account is not None
    own = await _own(house, OLD, OTHER_GUILD)
    watched = await _watch(house, GUILD, "j1")
    await house.restart(operator_token=NEW)
    assert house.accounts.in_force(GUILD) == account
    assert house.accounts.token_of(account) == NEW
    assert house.accounts.state_of(account) is AccountState.OK
    assert await _account_of(house, watched) == account
    assert (house.accounts.in_force(OTHER_GUILD), house.accounts.token_of(own)) == (own, OLD)
    await house.restart(operator_token=OTHER)
    assert house.accounts.token_of(account) is None
    assert house.accounts.in_force(GUILD) != account


async def test_a_new_operators_token_after_one_in_trouble_is_tried_and_its_servers_are_told_when_it_works(
    house: House,
) -> None:
    await house.restart(operator_token=OLD)
    account = house.accounts.operator_id
    assert account is not None
    await _watch(house, GUILD, "j1")
    await house.accounts.answered(account, TokenRefused("no"))
    house.api.answers[OLD] = TokenRefused("no")
    await house.restart(operator_token=NEW)
    assert house.accounts.token_of(account) == NEW
    assert house.accounts.state_of(account) is AccountState.REFUSED
    assert await house.rechecks.recheck_now(account) is Recheck.WORKS
    assert await _kinds(house) == [(GUILD, NoticeKind.TOKEN_REFUSED), (GUILD, NoticeKind.FLOWING_AGAIN)]
    assert [post.mention for _, _, post in await _told(house)] == [(), ()]


# ---- states and notices ---------------------------------------------------------------------------------------------


async def test_each_change_is_told_once_in_each_server_that_waits(house: House) -> None:
    account = await _own(house)
    await _own(house, OLD, OTHER_GUILD)
    await _own(house, OLD, 102)
    await _watch(house, GUILD, "j1")
    await _watch(house, GUILD, "j2", CHANNEL + 7)
    await _watch(house, OTHER_GUILD, "j1", CHANNEL + 1)
    async with house.database.transaction() as tx:
        await servers.set_alerts_channel(tx, OTHER_GUILD, ALERTS)
    await asyncio.gather(*(house.accounts.answered(account, TokenRefused("no")) for _ in range(5)))
    told = await _told(house)
    assert [(guild, channel, post.kind, post.mention, post.jobs) for guild, channel, post in told] == [
        (GUILD, CHANNEL + 7, NoticeKind.TOKEN_REFUSED, (ADMIN,), 2),
        (OTHER_GUILD, ALERTS, NoticeKind.TOKEN_REFUSED, (ADMIN,), 1),
    ]
    await house.accounts.answered(account, SubscriptionUnpaid("no"))
    unpaid = (await _told(house))[2:]
    assert [post.kind for _, _, post in unpaid] == [NoticeKind.UNPAID] * 2
    assert unpaid[0][2].interval == 300_000
    await house.restart()
    await house.accounts.answered(account, SubscriptionUnpaid("no"))
    assert len(await _told(house)) == 4
    assert len(house.heard.accounts) >= 2


async def test_good_news_in_trouble_is_believed_only_of_a_trial(house: House) -> None:
    account = await _own(house)
    await _watch(house, GUILD, "j1")
    await house.accounts.answered(account, TokenRefused("no"))
    await house.accounts.answered(account, JobNotFound("an answer that was on its way"))
    assert house.accounts.state_of(account) is AccountState.REFUSED
    assert await house.rechecks.recheck_now(account) is Recheck.WORKS
    assert house.accounts.state_of(account) is AccountState.OK
    told = await _told(house)
    assert [post.kind for _, _, post in told] == [NoticeKind.TOKEN_REFUSED, NoticeKind.FLOWING_AGAIN]
    assert told[1][2].mention == ()
    assert told[1][2].jobs == 1


async def test_every_alert_of_a_trouble_is_ended_once_with_it(house: House) -> None:
    account = await _own(house)
    await _watch(house, GUILD, "j1")
    await house.accounts.answered(account, TokenRefused("no"))
    await house.accounts.answered(account, SubscriptionUnpaid("no"))
    for _ in range(2):
        assert await house.rechecks.recheck_now(account) is Recheck.WORKS
    ended = [(post.kind, post.alert, post.jobs) for _, _, post in await _ended(house)]
    assert ended == [
        (NoticeKind.FIXED, NoticeKind.TOKEN_REFUSED, 1),
        (NoticeKind.FIXED, NoticeKind.UNPAID, 1),
    ]
    await house.pass_time(60)
    await house.accounts.answered(account, TokenRefused("no"))
    assert await house.rechecks.recheck_now(account) is Recheck.WORKS
    assert len(await _ended(house)) == 3


@pytest.mark.parametrize("token", [NEW, OTHER])
async def test_a_token_that_works_ends_the_alert_about_the_one_before(house: House, token: str) -> None:
    """Whether it is of the same account or of another one, and whether anything waits."""
    account = await _own(house)
    subscription = await _watch(house, GUILD, "j1")
    await house.accounts.answered(account, TokenRefused("no"))
    async with house.database.transaction() as tx:
        await subscriptions.stop(tx, subscription, ADMIN, house.clock.now())
    await _own(house, token)
    assert [(guild, channel, post.jobs) for guild, channel, post in await _ended(house)] == [(GUILD, CHANNEL, 0)]
    assert await _kinds(house) == [(GUILD, NoticeKind.TOKEN_REFUSED)]


async def test_a_token_that_is_removed_ends_its_alert(house: House) -> None:
    account = await _own(house)
    await _watch(house, GUILD, "j1")
    await house.accounts.answered(account, TokenRefused("no"))
    await house.tokens.remove_token(GUILD, account, ADMIN)
    assert [(post.kind, post.jobs) for _, _, post in await _ended(house)] == [(NoticeKind.TOKEN_REMOVED, 1)]


async def test_a_late_refusal_of_the_token_before_is_not_believed(house: House) -> None:
    account = await _own(house)
    new = await _own(house, NEW)
    await house.accounts.answered(account, TokenRefused("about the old one"))
    await house.accounts.tried(account, OLD, TokenRefused("about the old one"))
    assert house.accounts.state_of(account) is AccountState.OK
    assert house.accounts.state_of(new) is AccountState.OK
    await house.accounts.answered(new, TokenRefused("no"))
    assert house.accounts.state_of(new) is AccountState.REFUSED


@pytest.mark.parametrize("error", [RateLimited("no", 1), AccountBroken("no"), Unavailable("no"), BadRequest("no")])
async def test_other_troubles_say_nothing_of_the_token(house: House, error: PixVerseError) -> None:
    account = await _own(house)
    await _watch(house, GUILD, "j1")
    await house.accounts.answered(account, error)
    house.api.answers[OLD] = error
    assert await house.rechecks.recheck_now(account) is Recheck.NO_ANSWER
    assert house.accounts.state_of(account) is AccountState.OK
    assert await _told(house) == []


async def test_answers_that_change_nothing_write_nothing(house: House) -> None:
    account = await _own(house)
    before = await house.data_version()
    for _ in range(3):
        house.clock.advance(1)
        await house.accounts.answered(account, None)
    assert await house.data_version() == before
    known = house.accounts.account(account)
    assert known is not None
    assert known.tried_at == house.clock.now()


async def test_held_jobs_of_another_account_are_not_counted_in_a_notice(house: House) -> None:
    old = await _own(house)
    await _own(house, OLD, OTHER_GUILD)
    await _watch(house, GUILD, "j1")
    await _own(house, OTHER)
    house.clock.advance(120)
    await house.accounts.answered(old, TokenRefused("no"))
    assert await _told(house) == []


# ---- the slow re-check ----------------------------------------------------------------------------------------------


async def test_trouble_is_looked_at_again_slowly_until_it_is_over(house: House) -> None:
    account = await _own(house)
    await _watch(house, GUILD, "j1")
    house.api.answers[OLD] = SubscriptionUnpaid("no")
    async with house.running():
        house.clock.advance(100)
        await house.accounts.answered(account, SubscriptionUnpaid("no"))
        asked = len(house.api.asked)
        await house.pass_time(299)
        assert len(house.api.asked) == asked
        await house.pass_time(2)
        assert len(house.api.asked) == asked + 1
        await house.pass_time(299)
        assert len(house.api.asked) == asked + 1
        house.api.works(OLD)
        await house.pass_time(2)
        assert house.accounts.state_of(account) is AccountState.OK
        await house.pass_time(2000)
        assert len(house.api.asked) == asked + 2
    assert await _kinds(house) == [(GUILD, NoticeKind.UNPAID), (GUILD, NoticeKind.FLOWING_AGAIN)]


async def test_trouble_is_looked_at_at_the_start(house: House) -> None:
    account = await _own(house)
    await house.accounts.tried(account, OLD, TokenRefused("no"))
    await house.restart()
    async with house.running():
        await house.pass_time(0)
        assert house.accounts.state_of(account) is AccountState.OK


async def test_doubt_is_settled_at_once(house: House) -> None:
    account = await _own(house)
    await house.accounts.tried(account, OLD, TokenRefused("no"))
    async with house.running():
        await house.pass_time(1)
        house.api.works(OLD)
        await house.accounts.answered(account, None)
        await house.pass_time(0)
        assert house.accounts.state_of(account) is AccountState.OK


async def test_retry_after_is_kept_to(house: House) -> None:
    account = await _own(house)
    house.api.answers[OLD] = RateLimited("no", 5000)
    await house.accounts.tried(account, OLD, TokenRefused("no"))
    async with house.running():
        await house.pass_time(301)
        asked = len(house.api.asked)
        await house.pass_time(4900)
        assert len(house.api.asked) == asked
        await house.pass_time(200)
        assert len(house.api.asked) == asked + 1


async def test_a_failing_database_does_not_end_the_loop(house: House) -> None:
    account = await _own(house)
    await house.accounts.tried(account, OLD, TokenRefused("no"))
    async with house.running():
        await house.pass_time(1)
        async with house.locked_by_another_program():
            await house.pass_time(301)
        assert house.accounts.state_of(account) is AccountState.REFUSED
        await house.pass_time(301)
        assert house.accounts.state_of(account) is AccountState.OK


async def test_an_account_without_a_token_is_not_tried(house: House) -> None:
    account = await _own(house)
    await house.tokens.remove_token(GUILD, account, ADMIN)
    asked = len(house.api.asked)
    assert await house.rechecks.recheck_now(account) is Recheck.NO_TOKEN
    assert len(house.api.asked) == asked
