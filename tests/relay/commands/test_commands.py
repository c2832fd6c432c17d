from __future__ import annotations

import asyncio

import pytest

from model import snapshots
from model.job import Job, JobState, Media, Outcome
from model.states import AccountState, DeliveryState
from pixverse import api_errors
from pixverse.api_errors import Unavailable
from pixverse.jobids import LooksLikeSecret, NotAJobId, OtherService
from relay.commands import refusals
from relay.commands.job_checks import Checked, CheckedBefore, NotChecked, Peek, Unchecked
from relay.commands.job_queries import JobDetails
from relay.commands.stop import Stopped, StoppedAll, TakenOff
from relay.commands.subscribe import Limits
from relay.commands.watch import AlreadyPosted, AlreadyWatched, ImmediatePost, NowWatching, PostingOutcome
from relay.commands.watch_many import EntryStatus, WatchEntry
from storage import deliveries, jobs
from storage.database import Database
from tests.idle import until_idle
from tests.relay.relay_fixture import ACCOUNT, CHANNEL, GUILD, OTHER_ACCOUNT, PERSON, RelayFixture
from ui.job_facts import facts
from ui.list_replies import autocomplete_choice

ANSWER = 8001
"""Discord's id of the answer in which a button was pressed."""
SECRET = "user:1234-" + "aBcDeFgHiJkLmNoPqRsTu"


async def _stored(world: RelayFixture) -> list[tuple[object, ...]]:
    tables = ("jobs", "subscriptions", "subscribers", "deliveries", "batches")
    return await world.rows(" UNION ALL ".join(f"SELECT '{table}', rowid FROM {table}" for table in tables))


# ---- status ---------------------------------------------------------------------------------------------------------


async def test_a_running_job_is_watched_with_a_card(world: RelayFixture) -> None:
    job = world.api.put("job-1", percent=40, prompt="a cat")
    result = await world.commands.watch.status(world.ask(), "  job-1 ", True, True)
    assert result == NowWatching(1, job, ImmediatePost(7001), mention=True, api_down=False)
    assert await world.rows("SELECT kind, state FROM deliveries") == [("card", "waiting")]
    assert await world.rows("SELECT user_id, mention, in_batch FROM subscribers") == [(PERSON, 1, 0)]
    assert await world.rows("SELECT spoiler, ended_at FROM subscriptions") == [(1, None)]
    assert len(world.api.asked) == 1


async def test_a_second_person_joins_and_is_sent_to_the_card(world: RelayFixture) -> None:
    await world.watch("job-1")
    result = await world.commands.watch.status(world.ask(person=2), "#1", False, False)
    assert isinstance(result, AlreadyWatched)
    assert (result.subscription_id, result.mention, result.on_hold) == (1, False, False)
    assert await world.rows("SELECT user_id, mention FROM subscribers ORDER BY 1") == [(2, 0), (PERSON, 1)]
    assert len(await world.rows("SELECT 1 FROM deliveries")) == 1


@pytest.mark.parametrize("followed", [False, True])
async def test_a_spoiler_that_anybody_requests_is_kept(world: RelayFixture, followed: bool) -> None:
    """The channel may already watch the job for somebody who asked for no spoiler, or because of a follow."""
    await world.watch("job-1")
    if followed:
        async with world.database.transaction() as tx:
            await tx.run("UPDATE subscriptions SET origin = 'followed'")
            await tx.run("DELETE FROM subscribers")
    await world.commands.watch.status(world.ask(person=2), "job-1", True, True)
    await world.commands.watch.status(world.ask(person=3), "job-1", True, False)
    assert await world.rows("SELECT spoiler FROM subscriptions") == [(1,)]


async def test_a_spoiler_for_a_posted_result_applies_when_it_is_posted_again(world: RelayFixture) -> None:
    world.api.put("job-1", JobState.COMPLETED, media=(Media("https://x/1.mp4"),))
    await world.commands.watch.status(world.ask(), "job-1", True, False)
    async with world.database.transaction() as tx:
        await tx.run("UPDATE deliveries SET state = 'posted', message_id = 9001")
    await world.commands.watch.status(world.ask(person=2), "job-1", True, True)
    assert await world.rows("SELECT spoiler FROM subscriptions") == [(1,)]


async def test_an_ended_job_is_posted_once_and_requested_once(world: RelayFixture) -> None:
    job = world.api.put("job-1", JobState.COMPLETED, media=(Media("https://x/1.mp4"),))
    first = await world.commands.watch.status(world.ask(), "job-1", True, False)
    assert first == PostingOutcome(job, Outcome.COMPLETED)
    assert world.recorded.deliveries
    second = await world.commands.watch.status(world.ask(), "job-1", True, False)
    assert second == AlreadyPosted(1, job, Outcome.COMPLETED, None, DeliveryState.WAITING)
    async with world.database.transaction() as tx:
        await tx.run("UPDATE deliveries SET state = 'posted', message_id = 77")
    third = await world.commands.watch.status(world.ask(person=5), "#1", True, False)
    assert third == AlreadyPosted(1, job, Outcome.COMPLETED, 77, DeliveryState.POSTED)
    async with world.database.transaction() as tx:
        await tx.run("UPDATE deliveries SET state = 'unsure', message_id = NULL")
    fourth = await world.commands.watch.status(world.ask(person=5), "#1", True, False)
    assert fourth == AlreadyPosted(1, job, Outcome.COMPLETED, None, DeliveryState.UNSURE)
    elsewhere = await world.commands.watch.status(world.ask(channel=CHANNEL + 1), "job-1", True, False)
    assert isinstance(elsewhere, PostingOutcome)
    assert await world.outcomes() == [("outcome", CHANNEL), ("outcome", CHANNEL + 1)]
    assert len(world.api.asked) == 1
    assert await world.rows("SELECT count(*) FROM subscriptions WHERE ended_at IS NULL") == [(0,)]


async def test_how_long_a_job_took_is_not_made_up_if_it_had_ended_when_it_was_first_seen(world: RelayFixture) -> None:
    world.api.put("v2-1", JobState.FAILED, created=world.clock.now() - 3 * 3_600_000)
    result = await world.commands.watch.status(world.ask(), "v2-1", True, False)
    assert isinstance(result, PostingOutcome)
    assert "took" not in facts(result.job)


async def test_an_end_that_a_command_sees_first_goes_to_every_channel(world: RelayFixture) -> None:
    await world.watch("job-1")
    world.clock.move_to(world.clock.monotonic() + 6)
    world.api.put("job-1", JobState.FAILED)
    result = await world.commands.watch.status(world.ask(channel=CHANNEL + 1), "job-1", True, False)
    assert isinstance(result, PostingOutcome)
    assert await world.outcomes() == [("outcome", CHANNEL), ("outcome", CHANNEL + 1)]
    assert await world.rows("SELECT count(*) FROM deliveries WHERE kind = 'card'") == [(0,)]


@pytest.mark.parametrize(
    ("trouble", "refusal"),
    [
        (api_errors.JobNotFound("404"), refusals.NotFound),
        (api_errors.JobExpired("410"), refusals.Expired),
        (api_errors.BadRequest("400"), refusals.IdRefused),
    ],
)
async def test_an_unknown_job_leaves_nothing_behind(
    world: RelayFixture, trouble: api_errors.PixVerseError, refusal: type[refusals.Refusal]
) -> None:
    world.api.everywhere = trouble
    with pytest.raises(refusal):
        await world.commands.watch.status(world.ask(), "job-1", True, False)
    assert await _stored(world) == []


@pytest.mark.parametrize(
    ("trouble", "hold"),
    [
        (api_errors.TokenRefused("401"), AccountState.REFUSED),
        (api_errors.SubscriptionUnpaid("402"), AccountState.UNPAID),
        (AccountState.REFUSED, AccountState.REFUSED),
        (AccountState.UNPAID, AccountState.UNPAID),
    ],
)
async def test_a_job_requested_while_the_token_is_refused_is_watched_and_posted_later(
    world: RelayFixture, trouble: api_errors.PixVerseError | AccountState, hold: AccountState
) -> None:
    if isinstance(trouble, AccountState):
        world.accounts.states[ACCOUNT] = trouble
    else:
        world.api.everywhere = trouble
    world.api.put("job-1", JobState.COMPLETED, media=(Media("https://x/1.mp4"),))
    world.api.put("job-2", JobState.FAILED)
    result = await world.commands.watch.status(world.ask(), "job-1", True, False)
    assert result == NowWatching(1, None, ImmediatePost(7001), mention=True, api_down=False, hold=hold)
    again = await world.commands.watch.status(world.ask(person=2), "job-1", True, False)
    assert isinstance(again, AlreadyWatched)
    assert again.hold is hold
    assert world.accounts.told == [GUILD, GUILD]
    both = await world.commands.many.watch(world.ask(channel=CHANNEL + 1), "job-1 job-2", True)
    assert world.accounts.told == [GUILD] * 3
    assert both.hold is hold
    assert [entry.status for entry in both.entries] == [EntryStatus.WATCHED] * 2

    world.accounts.states.clear()
    world.api.everywhere = None
    world.run()
    world.loader.account_changed(ACCOUNT)
    await world.advance(60)
    assert sorted(await world.outcomes()) == [("outcome", CHANNEL), ("outcome", CHANNEL + 1), ("outcome", CHANNEL + 1)]


@pytest.mark.parametrize("trouble", [api_errors.Unavailable("503"), api_errors.RateLimited("429", 60.0), "hangs"])
async def test_a_job_is_watched_even_while_the_api_is_down(world: RelayFixture, trouble: object) -> None:
    if isinstance(trouble, api_errors.PixVerseError):
        world.api.everywhere = trouble
    else:
        world.api.gate = asyncio.Event()
    result = await world.commands.watch.status(world.ask(), "job-1", True, False)
    assert result == NowWatching(1, None, ImmediatePost(7001), mention=True, api_down=True)
    again = await world.commands.watch.status(world.ask(), "job-1", True, False)
    assert isinstance(again, AlreadyWatched)
    assert again.api_down
    assert len(world.api.asked) == (2 if isinstance(trouble, api_errors.Unavailable) else 1)


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_person_who_asks_again_after_a_card_was_deleted_gets_a_new_one(
    world: RelayFixture, is_known: bool
) -> None:
    await world.watch("job-1")
    async with world.database.transaction() as tx:
        await tx.run("UPDATE deliveries SET state = 'posted', message_id = 77 WHERE kind = 'card'")
        if is_known:
            await tx.run("UPDATE deliveries SET message_id = NULL, reason = 'deleted' WHERE kind = 'card'")
        await tx.run("UPDATE subscriptions SET shown_at = 1")
    again = await world.commands.watch.status(world.ask(person=2), "job-1", True, False)
    assert isinstance(again, AlreadyWatched)
    assert again.card.message_id is not None
    state = await world.database.reader.value("SELECT state FROM deliveries WHERE kind = 'card'")
    assert state == ("waiting" if is_known else "posted")

    async with world.database.transaction() as tx:
        await deliveries.forget_message(tx, 1, reason="deleted")
        await deliveries.renew_card(tx, 1, world.clock.now())
    assert await world.database.reader.value("SELECT state FROM deliveries WHERE kind = 'card'") == "waiting"


async def test_two_manual_not_founds_end_a_known_job_only_after_a_minute(world: RelayFixture) -> None:
    await world.watch("job-1")
    del world.api.jobs["job-1"]
    for _ in range(5):
        world.clock.move_to(world.clock.monotonic() + 10)
        assert isinstance(await world.commands.watch.status(world.ask(), "job-1", True, False), AlreadyWatched)
    world.clock.move_to(world.clock.monotonic() + 30)
    result = await world.commands.watch.status(world.ask(), "job-1", True, False)
    assert isinstance(result, AlreadyPosted)
    assert result.outcome is Outcome.NOT_FOUND
    assert await world.outcomes() == [("outcome", CHANNEL)]


async def test_a_given_up_job_that_is_watched_again_gets_another_outcome(world: RelayFixture) -> None:
    number = await world.watch("job-1")
    await world.recorder.give_up(number)
    world.clock.move_to(world.clock.monotonic() + 100)
    result = await world.commands.watch.status(world.ask(person=2), f"#{number}", True, False)
    assert isinstance(result, NowWatching)
    assert await world.rows("SELECT round, ended_at, watched_since FROM jobs") == [(1, None, world.clock.now())]
    await world.recorder.record_response(number, world.api.put("job-1", JobState.COMPLETED), ACCOUNT)
    assert await world.outcomes() == [("outcome", CHANNEL), ("outcome-1", CHANNEL)]


@pytest.mark.parametrize(
    ("state", "goes_on"),
    [("waiting", True), ("sending", True), ("given_up", True), ("posted", False), ("unsure", False)],
)
@pytest.mark.parametrize("stopped", [False, True])
async def test_asking_again_costs_nobody_their_ping_whose_outcome_was_not_posted(
    world: RelayFixture, *, state: str, goes_on: bool, stopped: bool
) -> None:
    world.api.put("job-1")
    await world.commands.many.watch(world.ask(), "job-1", True)
    await world.recorder.give_up(1)
    async with world.database.transaction() as tx:
        await tx.run("UPDATE deliveries SET state = ? WHERE kind = 'outcome'", (state,))
        if stopped:
            await tx.run("UPDATE subscriptions SET stopped_by = ?", (PERSON + 9,))
    world.clock.move_to(world.clock.monotonic() + 100)
    await world.commands.watch.status(world.ask(person=2), "#1", True, False)
    before = [(PERSON, 1, 0)] if goes_on and not stopped else []
    assert await world.rows("SELECT user_id, mention, in_batch FROM subscribers ORDER BY asked_at") == [
        *before,
        (2, 1, 0),
    ]


@pytest.mark.parametrize("outcome", [Outcome.GIVEN_UP, Outcome.NOT_FOUND, Outcome.EXPIRED])
@pytest.mark.parametrize("ended", [False, True])
async def test_an_outcome_that_one_account_could_not_see_is_posted_under_another(
    world: RelayFixture, outcome: Outcome, ended: bool
) -> None:
    """The result is posted besides the message that nothing is known, even if another server got it first."""
    number = await world.watch("job-1")
    await _end_unseen(world, number, outcome)
    assert await world.outcomes() == [("outcome", CHANNEL)]
    world.accounts.used[GUILD] = world.accounts.used[GUILD + 1] = OTHER_ACCOUNT
    world.clock.move_to(world.clock.monotonic() + 100)
    other = await world.watch("job-1", guild=GUILD + 1, channel=CHANNEL + 1)
    assert other != number
    done = world.api.put("job-1", JobState.COMPLETED)
    if ended:
        await world.recorder.record_response(other, done, OTHER_ACCOUNT)
    world.clock.move_to(world.clock.monotonic() + 100)
    await world.commands.watch.status(world.ask(), "job-1", True, False)
    told = await world.rows("SELECT state FROM deliveries WHERE kind = 'outcome' AND channel_id = ?", CHANNEL)
    assert len(told) == 2
    answer = await world.commands.watch.status(world.ask(person=2), "job-1", True, False)
    assert isinstance(answer, AlreadyPosted | PostingOutcome)
    assert len(await world.outcomes()) == 3


@pytest.mark.parametrize("outcome", [Outcome.GIVEN_UP, Outcome.NOT_FOUND])
async def test_a_job_that_two_accounts_could_not_see_is_reported_for_each(
    world: RelayFixture, outcome: Outcome
) -> None:
    """A person who asks with the second account is also promised a result."""
    await _end_unseen(world, await world.watch("job-1"), outcome)
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    world.clock.move_to(world.clock.monotonic() + 100)
    await _end_unseen(world, await world.watch("job-1"), outcome)
    assert await world.outcomes() == [("outcome", CHANNEL)] * 2


@pytest.mark.parametrize("ended", [False, True])
async def test_a_given_up_job_that_continues_under_another_account_is_posted(world: RelayFixture, ended: bool) -> None:
    """The channel's earlier outcome and its subscription move to the other account's job."""
    number = await world.watch("job-1")
    await _end_unseen(world, number, Outcome.GIVEN_UP)
    world.clock.move_to(world.clock.monotonic() + 100)
    assert await world.watch("job-1") == number
    world.accounts.used[GUILD] = world.accounts.used[GUILD + 1] = OTHER_ACCOUNT
    await world.watch("job-1", guild=GUILD + 1, channel=CHANNEL + 1)
    world.clock.move_to(world.clock.monotonic() + 100)
    if ended:
        world.api.put("job-1", JobState.COMPLETED)
    again = await world.commands.watch.status(world.ask(), "job-1", True, False)
    assert isinstance(again, AlreadyPosted if ended else AlreadyWatched)
    [(other,)] = await world.rows("SELECT max(id) FROM jobs")
    assert other != number
    await world.recorder.record_response(int(str(other)), world.api.put("job-1", JobState.COMPLETED), OTHER_ACCOUNT)
    told = await world.rows("SELECT state FROM deliveries WHERE kind = 'outcome' AND channel_id = ?", CHANNEL)
    assert len(told) == 2


async def test_results_of_two_accounts_in_one_channel_are_kept_apart(world: RelayFixture) -> None:
    """The channel watches again with the first account, then returns to the second. A person who asks sees the second
    account's outcome.
    """
    number = await world.watch("job-1")
    await _end_unseen(world, number, Outcome.GIVEN_UP)
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    world.clock.move_to(world.clock.monotonic() + 100)
    other = await world.watch("job-1")
    await world.recorder.record_response(other, world.api.put("job-1", JobState.COMPLETED), OTHER_ACCOUNT)
    del world.accounts.used[GUILD]
    world.api.put("job-1")
    world.clock.move_to(world.clock.monotonic() + 100)
    assert isinstance(await world.commands.watch.watch_again(world.ask(), 1), NowWatching)
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    world.clock.move_to(world.clock.monotonic() + 100)
    answer = await world.commands.watch.status(world.ask(), "job-1", True, False)
    assert isinstance(answer, AlreadyPosted)
    assert await world.outcomes() == [("outcome", CHANNEL)] * 2
    assert await world.rows("SELECT id FROM subscriptions WHERE ended_at IS NULL") == []


async def _end_unseen(world: RelayFixture, number: int, outcome: Outcome) -> None:
    """Ends a job without a response that says how it ended."""
    [(account,)] = await world.rows("SELECT account_id FROM jobs WHERE id = ?", number)
    assert isinstance(account, int)
    match outcome:
        case Outcome.GIVEN_UP:
            await world.recorder.give_up(number)
        case Outcome.EXPIRED:
            await world.recorder.record_expired(number, account)
        case _:
            for _ in range(2):
                await world.recorder.record_missing(number, account)
                world.clock.move_to(world.clock.monotonic() + 100)


async def test_an_end_is_posted_under_another_account_even_if_others_watch_again_under_the_first(
    world: RelayFixture,
) -> None:
    number = await world.watch("job-1")
    await world.recorder.give_up(number)
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    world.clock.move_to(world.clock.monotonic() + 100)
    await world.watch("job-1", guild=GUILD + 1, channel=CHANNEL + 1)
    world.clock.move_to(world.clock.monotonic() + 100)
    world.api.put("job-1", JobState.COMPLETED)
    await world.commands.watch.status(world.ask(), "job-1", True, False)
    told = await world.rows("SELECT state FROM deliveries WHERE kind = 'outcome' AND channel_id = ?", CHANNEL)
    assert len(told) == 2


async def test_an_old_not_found_does_not_count_once_a_job_is_watched_again(world: RelayFixture) -> None:
    number = await world.watch("job-1")
    await world.recorder.record_missing(number, ACCOUNT)
    await world.commands.stop.unwatch(world.ask(), "job-1", True)
    world.clock.move_to(world.clock.monotonic() + 10_000)
    world.api.trouble["job-1"] = Unavailable("503")
    await world.watch("job-1")
    await world.recorder.record_missing(number, ACCOUNT)
    assert await world.outcomes() == []
    world.clock.move_to(world.clock.monotonic() + 100)
    await world.recorder.record_missing(number, ACCOUNT)
    assert await world.outcomes() == [("outcome", CHANNEL)]


async def test_the_same_end_under_two_accounts_is_one_message(world: RelayFixture) -> None:
    number = await world.watch("job-1")
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    world.clock.move_to(world.clock.monotonic() + 100)
    del world.accounts.used[GUILD]
    await world.recorder.record_response(number, world.api.put("job-1", JobState.COMPLETED), ACCOUNT)
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    world.clock.move_to(world.clock.monotonic() + 100)
    assert isinstance(await world.commands.watch.status(world.ask(), "job-1", True, False), AlreadyPosted)
    assert await world.outcomes() == [("outcome", CHANNEL)]


async def test_a_given_up_job_that_has_ended_since_is_posted(world: RelayFixture) -> None:
    number = await world.watch("job-1")
    await world.recorder.give_up(number)
    world.clock.move_to(world.clock.monotonic() + 100)
    world.api.put("job-1", JobState.CANCELLED)
    result = await world.commands.watch.status(world.ask(), "job-1", True, False)
    assert isinstance(result, PostingOutcome)
    assert result.outcome is Outcome.CANCELLED
    assert await world.outcomes() == [("outcome", CHANNEL), ("outcome-1", CHANNEL)]


async def test_a_given_up_job_that_is_gone_stays_as_it_is(world: RelayFixture) -> None:
    number = await world.watch("job-1")
    await world.recorder.give_up(number)
    world.clock.move_to(world.clock.monotonic() + 100)
    del world.api.jobs["job-1"]
    with pytest.raises(refusals.NotFound):
        await world.commands.watch.status(world.ask(), "job-1", True, False)
    assert await world.rows("SELECT round, outcome FROM jobs") == [(0, "given up")]


async def test_simultaneous_commands_make_one_request(world: RelayFixture) -> None:
    world.api.put("job-1")
    world.api.gate = asyncio.Event()
    asks = [
        asyncio.create_task(world.commands.watch.status(world.ask(person=number, channel=number), "job-1", True, False))
        for number in range(10)
    ]
    await until_idle()
    world.api.gate.set()
    done = await asyncio.gather(*asks)
    assert all(isinstance(one, NowWatching) for one in done)
    assert len(world.api.asked) == 1
    assert await world.rows("SELECT count(*) FROM jobs") == [(1,)]


async def test_a_response_is_reused_for_five_seconds(world: RelayFixture) -> None:
    await world.watch("job-1")
    world.clock.move_to(world.clock.monotonic() + 4.9)
    await world.watch("job-1", channel=CHANNEL + 1)
    assert len(world.api.asked) == 1
    world.clock.move_to(world.clock.monotonic() + 0.2)
    await world.watch("job-1", channel=CHANNEL + 2)
    assert len(world.api.asked) == 2


async def test_a_stopped_subscription_comes_back_with_its_card(world: RelayFixture) -> None:
    number = await world.watch("job-1")
    async with world.database.transaction() as tx:
        await tx.run("UPDATE deliveries SET state = 'posted', message_id = 55")
    await world.commands.stop.unwatch(world.ask(), f"#{number}", False)
    world.clock.move_to(world.clock.monotonic() + 50)
    result = await world.commands.watch.watch_again(world.ask(person=3), 1)
    assert isinstance(result, NowWatching)
    assert await world.rows("SELECT count(*) FROM subscriptions") == [(1,)]
    assert await world.rows("SELECT message_id FROM deliveries") == [(55,)]
    assert await world.rows("SELECT ended_at, stopped_by FROM subscriptions") == [(None, None)]
    assert await world.rows("SELECT watched_since FROM jobs") == [(world.clock.now(),)]


# ---- order of checks, bounds ----------------------------------------------------------------------------------------


async def test_secrets_are_recognised_first_and_go_nowhere(database: Database) -> None:
    world = RelayFixture(database)
    for call in (
        world.commands.watch.status(world.ask(), SECRET, True, False),
        world.commands.job_checks.peek(world.ask(), SECRET),
        world.commands.many.watch(world.ask(), f"{SECRET}, '{SECRET.upper()}'", True),
        world.commands.stop.unwatch(world.ask(), SECRET, True),
    ):
        with pytest.raises(LooksLikeSecret):
            await call
    assert await world.commands.queries.choices(world.ask(), SECRET) == ()
    assert world.api.asked == []


async def test_text_that_is_not_a_job_id_causes_no_request(world: RelayFixture) -> None:
    with pytest.raises(NotAJobId):
        await world.commands.watch.status(world.ask(), "two words", True, False)
    with pytest.raises(OtherService):
        await world.commands.watch.status(world.ask(), "user:1234-minimax:a@b.de-video:123", True, False)
    with pytest.raises(refusals.NumberUnknown):
        await world.commands.watch.status(world.ask(), "#99", True, False)
    assert world.api.asked == []


async def test_nothing_is_requested_without_a_usable_token(world: RelayFixture) -> None:
    world.accounts.states[ACCOUNT] = AccountState.REFUSED
    with pytest.raises(refusals.AccountInTrouble, match="refused"):
        await world.commands.job_checks.peek(world.ask(), "job-1")
    world.accounts.states[ACCOUNT] = AccountState.UNPAID
    with pytest.raises(refusals.AccountInTrouble, match="unpaid"):
        await world.commands.job_checks.peek(world.ask(), "job-1")
    world.accounts.used[GUILD] = None
    with pytest.raises(refusals.NoToken):
        await world.commands.watch.status(world.ask(), "job-1", True, False)
    with pytest.raises(refusals.NoToken):
        await world.commands.many.watch(world.ask(), "job-1 job-2", True)
    assert await _stored(world) == []
    assert world.api.asked == []


async def test_limits_hold_exactly_under_load(database: Database) -> None:
    world = RelayFixture(database, limits=Limits(open_per_user=3, open_per_server=7))
    for number in range(20):
        world.api.put(f"job-{number}")

    async def one(person: int, number: int) -> str:
        try:
            await world.commands.watch.status(world.ask(person=person), f"job-{number}", True, False)
        except refusals.PersonLimit:
            return "person"
        except refusals.ServerLimit:
            return "server"
        return "watched"

    alone = await asyncio.gather(*(one(1, number) for number in range(10)))
    assert sorted(alone) == ["person"] * 7 + ["watched"] * 3
    crowd = await asyncio.gather(*(one(100 + number, number) for number in range(10, 20)))
    assert sorted(crowd) == ["server"] * 6 + ["watched"] * 4
    assert await world.rows("SELECT count(*) FROM subscriptions") == [(7,)]
    assert await world.rows("SELECT count(*) FROM jobs") == [(7,)]
    world.api.put("ended-1", JobState.FAILED)
    ended = await world.commands.watch.status(world.ask(person=1), "ended-1", True, False)
    assert isinstance(ended, PostingOutcome)
    await world.close()


async def test_a_person_at_the_limit_may_still_ask_for_what_they_watch(database: Database) -> None:
    world = RelayFixture(database, limits=Limits(open_per_user=1, open_per_server=1))
    await world.watch("job-1")
    assert isinstance(await world.commands.watch.status(world.ask(), "job-1", False, False), AlreadyWatched)
    assert isinstance(await world.commands.watch.status(world.ask(person=2), "job-1", True, False), AlreadyWatched)
    world.api.put("job-2")
    with pytest.raises(refusals.PersonLimit):
        await world.commands.watch.status(world.ask(), "job-2", True, False)
    with pytest.raises(refusals.ServerLimit):
        await world.commands.watch.status(world.ask(person=3), "job-2", True, False)
    await world.commands.stop.unwatch(world.ask(person=2), "#1", True)
    assert isinstance(await world.commands.watch.status(world.ask(), "job-2", True, False), NowWatching)
    await world.close()


async def test_a_person_at_the_limit_cannot_join_an_ended_job_that_is_on_hold(database: Database) -> None:
    world = RelayFixture(database, limits=Limits(open_per_user=1, open_per_server=9))
    job_id = await world.watch("job-1")
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    world.api.put("job-1", JobState.FAILED)
    await world.recorder.record_response(job_id, world.api.jobs["job-1"], ACCOUNT)
    await world.watch("job-2", person=2)
    with pytest.raises(refusals.PersonLimit):
        await world.commands.watch.status(world.ask(person=2), f"#{job_id}", True, False)
    again = await world.commands.watch.status(world.ask(), f"#{job_id}", True, False)
    assert isinstance(again, AlreadyWatched)
    assert again.on_hold
    assert await world.rows("SELECT user_id FROM subscribers ORDER BY subscription_id") == [(PERSON,), (2,)]
    await world.close()


# ---- servers know nothing of each other -----------------------------------------------------------------------------


async def test_a_number_and_a_button_do_not_work_elsewhere(world: RelayFixture) -> None:
    number = await world.watch("job-1")
    await world.recorder.record_response(number, world.api.put("job-1", JobState.FAILED), ACCOUNT)
    await world.watch("job-2")
    [(nonce,)] = await world.rows("SELECT base_nonce FROM deliveries WHERE kind = 'outcome'")
    abroad = world.ask(guild=GUILD + 1)
    with pytest.raises(refusals.NumberUnknown):
        await world.commands.watch.status(abroad, f"#{number}", True, False)
    with pytest.raises(refusals.NumberUnknown):
        await world.commands.job_checks.peek(abroad, "#2")
    with pytest.raises(refusals.NotWatchedHere):
        await world.commands.stop.unwatch(abroad, "#2", True)
    assert await world.commands.queries.choices(abroad, "") == ()
    assert await world.commands.queries.list(abroad) == ()
    for ask in (abroad, world.ask(channel=CHANNEL + 1)):
        for call in (
            world.commands.job_checks.check_now(ask, 2),
            world.commands.stop.stop(ask, 2, True),
            world.commands.watch.set_mention(ask, 2, False),
            world.commands.watch.watch_again(ask, 2),
            world.commands.resending.post_again(ask, 1, ANSWER),
            world.commands.queries.details(ask, str(nonce)),
            world.commands.stop.stop_all(ask, 1, True),
        ):
            with pytest.raises(refusals.NothingToDo):
                await call
    assert await world.rows("SELECT count(*) FROM subscriptions WHERE ended_at IS NULL") == [(1,)]
    assert await world.rows("SELECT mention FROM subscribers WHERE subscription_id = 2") == [(1,)]


async def test_a_number_does_not_work_in_another_channel(world: RelayFixture) -> None:
    number = await world.watch("job-1")
    await world.recorder.record_response(
        number, world.api.put("job-1", JobState.FAILED, prompt="a secret lighthouse"), ACCOUNT
    )
    await world.watch("job-2")
    before, asked = await _stored(world), len(world.api.asked)
    passer_by = world.ask(channel=CHANNEL + 1, person=2)
    for typed in (f"#{number}", "#2", "#99"):
        for call in (
            world.commands.watch.status(passer_by, typed, True, False),
            world.commands.job_checks.peek(passer_by, typed),
        ):
            with pytest.raises(refusals.NumberUnknown) as caught:
                await call
            assert str(caught.value) == ""
        with pytest.raises(refusals.NotWatchedHere):
            await world.commands.stop.unwatch(passer_by, typed, True)
    listed = await world.commands.many.watch(passer_by, f"#{number} #2 #99", True)
    assert [one.status for one in listed.entries] == [EntryStatus.NOT_FOUND] * 3
    assert await world.commands.queries.choices(passer_by, "") == ()
    assert (await _stored(world), len(world.api.asked)) == (before, asked)


async def test_a_number_works_for_the_person_who_asked_and_where_they_asked(world: RelayFixture) -> None:
    await world.watch("job-1")
    assert (await world.commands.job_checks.peek(world.ask(person=2), "#1")).jobid == "job-1"
    assert (await world.commands.job_checks.peek(world.ask(channel=CHANNEL + 1), "#1")).jobid == "job-1"
    await world.commands.stop.unwatch(world.ask(), "#1", False)
    assert (await world.commands.job_checks.peek(world.ask(person=2), "#1")).jobid == "job-1"
    with pytest.raises(refusals.NumberUnknown):
        await world.commands.job_checks.peek(world.ask(channel=CHANNEL + 1), "#1")


async def test_a_number_of_another_server_s_row_means_this_channel_s_row(world: RelayFixture) -> None:
    abroad = {"guild": GUILD + 1, "channel": 5}
    world.accounts.used[GUILD + 1] = OTHER_ACCOUNT
    assert await world.watch("job-1", **abroad) == 1
    assert await world.watch("job-1") == 2
    assert (await world.commands.job_checks.peek(world.ask(person=2), "#1")).jobid == "job-1"
    with pytest.raises(refusals.NumberUnknown):
        await world.commands.job_checks.peek(world.ask(person=2, channel=CHANNEL + 1), "#1")
    assert await world.commands.stop.unwatch(world.ask(), "#1", False) == Stopped()
    assert await world.rows("SELECT job_id FROM subscriptions WHERE ended_at IS NULL") == [(1,)]


async def test_a_job_of_another_account_cannot_be_used_under_this_one(world: RelayFixture) -> None:
    await world.watch("job-1")
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    held = await world.commands.watch.status(world.ask(person=2), "#1", True, False)
    assert isinstance(held, AlreadyWatched)
    assert held.on_hold
    with pytest.raises(refusals.NotFound):
        await world.commands.watch.status(world.ask(channel=CHANNEL + 1), "#1", True, False)
    assert (await world.commands.queries.list(world.ask()))[0].on_hold
    assert isinstance(await world.commands.job_checks.check_now(world.ask(), 1), NotChecked)
    assert [token for _, token, _ in world.api.asked] == ["token-1"]


@pytest.mark.parametrize("as_list", [False, True])
async def test_a_job_on_hold_is_not_watched_anew_if_somebody_stops_it_meanwhile(
    world: RelayFixture, as_list: bool
) -> None:
    await world.watch("job-1")
    await world.watch("job-1", guild=GUILD + 1, channel=5)
    world.accounts.used[GUILD] = OTHER_ACCOUNT

    async def asked_again() -> list[EntryStatus]:
        if as_list:
            return [one.status for one in (await world.commands.many.watch(world.ask(person=2), "#1", True)).entries]
        with pytest.raises(refusals.NotFound):
            await world.commands.watch.status(world.ask(person=2), "#1", True, False)
        return [EntryStatus.NOT_FOUND]

    async with world.database.transaction():
        stopping = asyncio.create_task(world.commands.stop.unwatch(world.ask(), "#1", False))
        await until_idle()
        asking = asyncio.create_task(asked_again())
        await until_idle()
    assert await stopping == Stopped()
    assert await asking == [EntryStatus.NOT_FOUND]
    assert await world.rows("SELECT channel_id FROM subscriptions WHERE ended_at IS NULL") == [(5,)]
    assert await world.rows("SELECT id FROM batches") == []


async def test_a_job_on_hold_that_ended_for_others_does_not_say_so(world: RelayFixture) -> None:
    """The server waits for it in one channel and has stopped in another."""
    number = await world.watch("job-1")
    await world.watch("job-1", channel=CHANNEL + 1)
    await world.watch("job-1", guild=GUILD + 1, channel=5)
    await world.commands.stop.unwatch(world.ask(channel=CHANNEL + 1), "job-1", False)
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    world.api.put("job-1", JobState.FAILED, prompt="boat", error="no")
    await world.recorder.record_response(number, world.api.jobs["job-1"], ACCOUNT)
    assert await world.outcomes() == [("outcome", 5)]
    ask = world.ask()
    held = await world.commands.watch.status(ask, "#1", True, False)
    assert isinstance(held, AlreadyWatched)
    assert held.on_hold
    assert await world.commands.job_checks.check_now(ask, 1) == NotChecked(None, Unchecked.OTHER_ACCOUNT)
    for offered in (world.commands.queries.choices(ask, ""), world.commands.queries.watched_choices(ask, "boat")):
        (choice,) = await offered
        job = snapshots.load(choice.snapshot)
        assert choice.outcome is None
        assert job == Job("job-1", JobState.STARTED, "started", prompt="boat")
    shown = await world.commands.job_checks.peek(ask, "#1")
    assert shown == Peek("job-1", Job("job-1", JobState.STARTED, "started", prompt="boat"), None, False, on_hold=True)
    for channel in (CHANNEL + 1, CHANNEL + 2):
        with pytest.raises(refusals.NotFound):
            await world.commands.watch.status(world.ask(channel=channel), "#1", True, False)
        with pytest.raises(refusals.NotFound):
            await world.commands.job_checks.peek(world.ask(channel=channel), "#1")
    with pytest.raises(refusals.NotFound):
        await world.commands.watch.watch_again(world.ask(channel=CHANNEL + 1), 2)
    assert await world.outcomes() == [("outcome", 5)]
    world.accounts.used[GUILD] = ACCOUNT
    assert (await world.commands.job_checks.peek(ask, "#1")).outcome is Outcome.FAILED


async def test_the_id_of_a_job_on_hold_here_means_that_job_if_the_account_in_force_cannot_see_it(
    world: RelayFixture,
) -> None:
    job = world.api.put("job-1")
    await world.watch("job-1")
    await world.watch("job-1", channel=CHANNEL + 1)
    await world.commands.stop.unwatch(world.ask(channel=CHANNEL + 1), "job-1", False)
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    for missing in (api_errors.JobNotFound("404"), api_errors.JobExpired("410"), api_errors.BadRequest("400")):
        world.api.trouble["job-1"] = world.api.trouble["job-9"] = missing
        world.clock.move_to(world.clock.monotonic() + 100)
        held = await world.commands.watch.status(world.ask(person=2), "job-1", True, False)
        assert isinstance(held, AlreadyWatched)
        assert held.on_hold
        assert await world.commands.job_checks.peek(world.ask(), "job-1") == Peek(
            "job-1", job, None, False, on_hold=True
        )
        listed = await world.commands.many.watch(world.ask(person=3), "job-1 job-9", True)
        assert (listed.entries[0].status, listed.entries[0].on_hold) == (EntryStatus.ALREADY_WATCHED, True)
        assert listed.entries[1].status is not EntryStatus.ALREADY_WATCHED
        for channel in (CHANNEL + 1, CHANNEL + 2):  # It was stopped in one, and nobody asked for it in the other.
            for look in (
                world.commands.watch.status(world.ask(channel=channel), "job-1", True, False),
                world.commands.job_checks.peek(world.ask(channel=channel), "job-1"),
            ):
                with pytest.raises((refusals.NotFound, refusals.Expired, refusals.IdRefused)):
                    await look
            elsewhere = await world.commands.many.watch(world.ask(channel=channel), "job-1", True)
            assert elsewhere.entries[0].status is listed.entries[1].status
    people = (
        "SELECT user_id FROM subscribers p JOIN subscriptions s ON s.id = p.subscription_id WHERE s.ended_at IS NULL"
    )
    assert await world.rows(f"{people} ORDER BY user_id") == [(2,), (3,), (PERSON,)]
    assert await world.rows("SELECT count(*) FROM jobs") == [(1,)]
    assert await world.rows("SELECT id FROM batches") == []


@pytest.mark.parametrize("state", [AccountState.OK, AccountState.REFUSED])
async def test_a_private_status_of_a_result_posted_here_under_another_account_shows_the_end(
    world: RelayFixture, state: AccountState
) -> None:
    world.api.put("job-1", JobState.FAILED)
    await world.commands.watch.status(world.ask(), "job-1", True, False)
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    world.accounts.states[OTHER_ACCOUNT] = state
    shown = await world.commands.job_checks.peek(world.ask(), "#1")
    assert (shown.outcome, shown.on_hold) == (Outcome.FAILED, False)


async def test_a_private_status_of_a_running_job_on_hold_says_so(world: RelayFixture) -> None:
    job = world.api.put("job-1")
    await world.watch("job-1")
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    assert await world.commands.job_checks.peek(world.ask(), "#1") == Peek("job-1", job, None, False, on_hold=True)


@pytest.mark.parametrize("state", [AccountState.OK, AccountState.REFUSED])
async def test_a_result_posted_here_under_another_account_is_not_waited_for_again(
    world: RelayFixture, state: AccountState
) -> None:
    world.api.put("job-1", JobState.COMPLETED)
    await world.commands.watch.status(world.ask(), "job-1", True, False)
    async with world.database.transaction() as tx:
        await tx.run("UPDATE deliveries SET state = 'posted', message_id = 77")
    del world.api.jobs["job-1"]
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    world.accounts.states[OTHER_ACCOUNT] = state
    world.clock.move_to(world.clock.monotonic() + 100)
    found = await world.commands.watch.status(world.ask(person=2), "job-1", True, False)
    assert isinstance(found, AlreadyPosted)
    assert found.message_id == 77
    listed = await world.commands.many.watch(world.ask(person=2), "job-1 job-2", True)
    assert listed.entries[0] == WatchEntry("job-1", EntryStatus.ALREADY_POSTED, message_id=77, posted=found)
    assert await world.rows("SELECT count(*) FROM jobs WHERE jobid = 'job-1'") == [(1,)]
    if state is AccountState.OK:
        with pytest.raises(refusals.NotFound):
            await world.commands.watch.status(world.ask(channel=CHANNEL + 1), "job-1", True, False)


async def test_a_job_that_the_former_account_did_not_see_is_watched_under_this_one(world: RelayFixture) -> None:
    number = await world.watch("job-1")
    for _ in range(2):
        await world.recorder.record_missing(number, ACCOUNT)
        world.clock.move_to(world.clock.monotonic() + 100)
    assert await world.outcomes() == [("outcome", CHANNEL)]
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    assert isinstance(await world.commands.watch.status(world.ask(), "job-1", True, False), NowWatching)


async def test_a_job_on_hold_continues_under_a_row_known_only_from_a_list(world: RelayFixture) -> None:
    """The current account's row has no description yet; this command's own lookup fetches one."""
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    await world.watch("job-1")
    world.accounts.used[GUILD] = ACCOUNT
    async with world.database.transaction() as tx:
        await jobs.add(tx, ACCOUNT, "job-1", None, world.clock.now())
    again = await world.commands.watch.status(world.ask(), "job-1", True, False)
    assert isinstance(again, AlreadyWatched)
    assert not again.on_hold
    rows = await world.rows(
        "SELECT j.account_id FROM subscriptions s JOIN jobs j ON j.id = s.job_id WHERE s.ended_at IS NULL"
    )
    assert rows == [(ACCOUNT,)]


# ---- peek -----------------------------------------------------------------------------------------------------------


async def test_a_private_status_changes_nothing(world: RelayFixture) -> None:
    job = world.api.put("job-1", percent=30)
    assert await world.commands.job_checks.peek(world.ask(), "job-1") == Peek("job-1", job, None, api_down=False)
    assert await _stored(world) == []
    with pytest.raises(refusals.NotFound):
        await world.commands.job_checks.peek(world.ask(), "nowhere-1")
    world.api.everywhere = api_errors.Unavailable("503")
    with pytest.raises(refusals.ApiDown):
        await world.commands.job_checks.peek(world.ask(), "else-1")


async def test_a_private_status_of_a_known_job(world: RelayFixture) -> None:
    await world.watch("job-1")
    world.clock.move_to(world.clock.monotonic() + 10)
    world.api.everywhere = api_errors.Unavailable("503")
    peek = await world.commands.job_checks.peek(world.ask(), "#1")
    assert (peek.api_down, peek.job) == (True, world.api.jobs["job-1"])
    with pytest.raises(refusals.ApiDown):  # Nothing is revealed about another server's job.
        await world.commands.job_checks.peek(world.ask(guild=GUILD + 1, channel=5), "job-1")
    world.api.everywhere = None
    ended = world.api.put("job-1", JobState.MODERATED)
    peek = await world.commands.job_checks.peek(world.ask(), "job-1")
    assert peek == Peek("job-1", ended, Outcome.MODERATED, api_down=False)
    assert await world.outcomes() == [("outcome", CHANNEL)]


# ---- buttons --------------------------------------------------------------------------------------------------------


async def test_check_now_shows_news_once_and_requests_once_in_five_seconds(world: RelayFixture) -> None:
    await world.watch("job-1")
    world.clock.move_to(world.clock.monotonic() + 10)
    world.api.put("job-1", percent=70)
    first = await world.commands.job_checks.check_now(world.ask(), 1)
    assert isinstance(first, Checked)
    assert first.news
    assert first.job is not None
    assert first.job.percent == 70
    second = await world.commands.job_checks.check_now(world.ask(), 1)
    assert isinstance(second, CheckedBefore)
    assert second.job is not None
    assert second.job.percent == 70
    world.clock.move_to(world.clock.monotonic() + 5)
    third = await world.commands.job_checks.check_now(world.ask(), 1)
    assert isinstance(third, Checked)
    assert not third.news
    world.clock.move_to(world.clock.monotonic() + 5)
    world.api.everywhere = api_errors.Unavailable("503")
    assert isinstance(await world.commands.job_checks.check_now(world.ask(), 1), NotChecked)
    world.api.everywhere = None
    world.api.put("job-1", JobState.COMPLETED)
    last = await world.commands.job_checks.check_now(world.ask(), 1)
    assert isinstance(last, Checked)
    assert last.outcome is Outcome.COMPLETED
    assert await world.outcomes() == [("outcome", CHANNEL)]
    assert await world.commands.job_checks.check_now(world.ask(), 1) == AlreadyPosted(
        1, last.job, Outcome.COMPLETED, None, DeliveryState.WAITING
    )
    assert await world.outcomes() == [("outcome", CHANNEL)]


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        (api_errors.Unavailable("503"), Unchecked.NO_RESPONSE),
        (api_errors.RateLimited("429", 60.0), Unchecked.HAS_TO_WAIT),
        (api_errors.JobNotFound("404"), Unchecked.NOT_KNOWN),
        (api_errors.BadRequest("400"), Unchecked.ID_REFUSED),
    ],
)
async def test_check_now_says_what_it_did(
    world: RelayFixture, trouble: api_errors.PixVerseError, why: Unchecked
) -> None:
    await world.watch("job-1")
    world.clock.move_to(world.clock.monotonic() + 10)
    world.api.everywhere = trouble
    checked = await world.commands.job_checks.check_now(world.ask(), 1)
    assert isinstance(checked, NotChecked)
    assert checked.why is why


async def test_check_now_of_a_stopped_job_does_nothing(world: RelayFixture) -> None:
    await world.watch("job-1")
    await world.commands.stop.unwatch(world.ask(), "job-1", False)
    with pytest.raises(refusals.NothingToDo):
        await world.commands.job_checks.check_now(world.ask(), 1)


async def test_set_mention_works_only_for_subscribers(world: RelayFixture) -> None:
    await world.watch("job-1")
    await world.commands.watch.set_mention(world.ask(), 1, False)
    assert await world.rows("SELECT mention FROM subscribers") == [(0,)]
    with pytest.raises(refusals.NothingToDo):
        await world.commands.watch.set_mention(world.ask(person=2), 1, True)


async def test_a_ping_can_be_declined_until_the_result_is_posted(world: RelayFixture) -> None:
    await world.watch("job-1")
    world.api.put("job-1", JobState.COMPLETED, media=(Media("https://x/1.mp4"),))
    world.clock.move_to(world.clock.monotonic() + 100)
    await world.commands.job_checks.check_now(world.ask(), 1)
    assert await world.outcomes() == [("outcome", CHANNEL)]
    await world.commands.watch.set_mention(world.ask(), 1, False)
    assert await world.rows("SELECT mention FROM subscribers") == [(0,)]
    async with world.database.transaction() as tx:
        await tx.run("UPDATE deliveries SET state = 'posted', message_id = 9001")
    with pytest.raises(refusals.NothingToDo):
        await world.commands.watch.set_mention(world.ask(), 1, True)


async def test_post_again_works_once_per_reply_with_fresh_links(world: RelayFixture) -> None:
    world.api.put("job-1", JobState.COMPLETED, media=(Media("https://x/old.mp4"),))
    await world.commands.watch.status(world.ask(), "job-1", True, False)
    world.clock.move_to(world.clock.monotonic() + 100)
    world.api.put("job-1", JobState.COMPLETED, media=(Media("https://x/new.mp4"),))
    first, second = await asyncio.gather(
        world.commands.resending.post_again(world.ask(), 1, ANSWER),
        world.commands.resending.post_again(world.ask(), 1, ANSWER),
    )
    assert first == second == 1
    assert await world.outcomes() == [("outcome", CHANNEL), (f"again-{ANSWER}", CHANNEL)]
    [(snapshot,)] = await world.rows("SELECT snapshot FROM jobs")
    assert "new.mp4" in str(snapshot)
    world.clock.move_to(world.clock.monotonic() + 100)
    world.api.everywhere = api_errors.TokenRefused("401")
    await world.commands.resending.post_again(world.ask(), 1, ANSWER + 1)
    assert len(await world.outcomes()) == 3
    [(after,)] = await world.rows("SELECT snapshot FROM jobs")
    assert after == snapshot


async def test_post_again_posts_nothing_of_a_job_that_is_on_hold_here(world: RelayFixture) -> None:
    """The job may have ended only for servers that still use its account."""
    world.api.put("job-1")
    await world.commands.watch.status(world.ask(), "job-1", True, False)
    await world.commands.watch.status(world.ask(guild=GUILD + 1, channel=CHANNEL + 1), "job-1", True, False)
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    await world.recorder.record_response(1, world.api.put("job-1", JobState.COMPLETED), ACCOUNT)
    with pytest.raises(refusals.NothingToDo):
        await world.commands.resending.post_again(world.ask(), 1, ANSWER)
    assert await world.outcomes() == [("outcome", CHANNEL + 1)]


async def test_post_again_ignores_a_contradicting_response(world: RelayFixture) -> None:
    world.api.put("job-1", JobState.COMPLETED, media=(Media("https://x/old.mp4"),))
    await world.commands.watch.status(world.ask(), "job-1", True, False)
    for state in (JobState.FAILED, JobState.PROGRESS):
        world.clock.move_to(world.clock.monotonic() + 100)
        world.api.put("job-1", state, media=(Media("https://x/other.mp4"),))
        await world.commands.resending.post_again(world.ask(), 1, ANSWER)
    [(snapshot, outcome)] = await world.rows("SELECT snapshot, outcome FROM jobs")
    assert "old.mp4" in str(snapshot)
    assert outcome == "completed"


async def test_details_are_found_by_the_nonce_of_the_outcome(world: RelayFixture) -> None:
    job = world.api.put("job-1", JobState.FAILED, error="boom")
    await world.commands.watch.status(world.ask(), "job-1", True, False)
    [(nonce,)] = await world.rows("SELECT base_nonce FROM deliveries")
    at = world.clock.now()
    expected = JobDetails(1, "job-1", job, Outcome.FAILED, at, at)
    assert await world.commands.queries.details(world.ask(), str(nonce)) == expected
    with pytest.raises(refusals.NothingToDo):
        await world.commands.queries.details(world.ask(), "0" * 25)


async def test_details_tell_nothing_of_other_servers(world: RelayFixture) -> None:
    """Two servers without a token of their own share the operator's account, and so the job."""
    world.api.put("job-1", JobState.PROGRESS)
    await world.commands.watch.status(world.ask(guild=9, channel=9), "job-1", True, False)
    world.clock.forward(3600)
    world.api.put("job-1", JobState.COMPLETED)
    await world.commands.watch.status(world.ask(), "job-1", True, False)
    outcome = "SELECT base_nonce FROM deliveries WHERE kind = 'outcome' AND channel_id = ?"
    [(nonce,)] = await world.rows(outcome, CHANNEL)
    details = await world.commands.queries.details(world.ask(), str(nonce))
    assert details.watched_since == world.clock.now()


async def test_a_job_that_was_given_up_has_no_end(world: RelayFixture) -> None:
    await world.recorder.give_up(await world.watch("job-1"))
    [(nonce,)] = await world.rows("SELECT base_nonce FROM deliveries WHERE kind = 'outcome'")
    assert (await world.commands.queries.details(world.ask(), str(nonce))).ended_at is None
    await world.commands.watch.status(world.ask(), "job-1", True, False)
    assert (await world.commands.queries.details(world.ask(), str(nonce))).ended_at is None


async def test_details_are_shown_only_in_the_outcome_s_channel(world: RelayFixture) -> None:
    world.api.put("job-1", JobState.FAILED)
    await world.commands.watch.status(world.ask(), "job-1", True, False)
    [(nonce,)] = await world.rows("SELECT base_nonce FROM deliveries")
    for elsewhere in (world.ask(channel=9), world.ask(guild=9)):
        with pytest.raises(refusals.NothingToDo):
            await world.commands.queries.details(elsewhere, str(nonce))


# ---- what is known --------------------------------------------------------------------------------------------------


async def test_the_list_shows_only_this_channel(world: RelayFixture) -> None:
    await world.watch("job-1")
    await world.watch("job-2", person=2)
    await world.watch("job-3", channel=CHANNEL + 1)
    listing = await world.commands.queries.list(world.ask())
    assert [(one.number, one.mine) for one in listing] == [(1, True), (2, False)]


async def test_choices_are_one_s_own_and_this_channel_s_by_prompt_newest_first(world: RelayFixture) -> None:
    prompts = {
        "mine-elsewhere-1": "Red cat",
        "theirs-here-1": "blue CAT",
        "theirs-elsewhere-1": "green cat",
        "a-dog-1": "a dog",
    }
    for jobid, prompt in prompts.items():
        world.api.put(jobid, prompt=prompt, created=5)
    await world.watch("mine-elsewhere-1", channel=CHANNEL + 1)
    await world.watch("theirs-here-1", person=2)
    await world.watch("theirs-elsewhere-1", person=2, channel=CHANNEL + 1)
    await world.watch("a-dog-1")
    asked = len(world.api.asked)
    found = await world.commands.queries.choices(world.ask(), "cat")
    assert [one.job_id for one in found] == [2, 1]
    assert [one.job_id for one in await world.commands.queries.choices(world.ask(), "")] == [4, 2, 1]
    assert [one.job_id for one in await world.commands.queries.choices(world.ask(), "#4")] == [4]
    assert len(world.api.asked) == asked


async def test_choices_tell_nothing_of_other_servers(world: RelayFixture) -> None:
    """Two servers without a token of their own share the operator's account, and so the job."""
    world.api.put("job-1", JobState.PROGRESS)
    await world.commands.watch.status(world.ask(guild=9, channel=9), "job-1", True, False)
    world.clock.forward(3600)
    await world.watch("job-1")
    for find in (world.commands.queries.choices, world.commands.queries.watched_choices):
        [offered] = await find(world.ask(), "")
        assert offered.watched_since == world.clock.now()


@pytest.mark.parametrize("typed", ["", "boat"])
async def test_no_more_snapshots_are_read_than_choices_shown(
    world: RelayFixture, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        world.api.put(f"job-{number}", prompt=f"paper {'boat' if number % 2 else 'hat'} {number}")
        await world.watch(f"job-{number}")
    loaded: list[str | None] = []
    load = snapshots.load

    def counting(snapshot: str | None) -> Job | None:
        loaded.append(snapshot)
        return load(snapshot)

    monkeypatch.setattr(snapshots, "load", counting)
    for find in (world.commands.queries.choices, world.commands.queries.watched_choices):
        loaded.clear()
        shown = [autocomplete_choice(row, world.clock.now()) for row in await find(world.ask(), typed)]
        assert len(loaded) == len(shown) <= 25


async def test_choices_for_unwatch_are_this_channel_s_jobs(world: RelayFixture) -> None:
    for jobid in ("cat-1", "cat-2", "dog-3"):
        world.api.put(jobid, prompt=f"a {jobid}", created=5)
        await world.watch(jobid)
    await world.watch("cat-elsewhere-1", channel=CHANNEL + 1)
    await world.commands.stop.unwatch(world.ask(), "#1", may_stop_others=True)
    found = await world.commands.queries.watched_choices(world.ask(), "CAT")
    assert [one.job_id for one in found] == [2]
    assert [one.job_id for one in await world.commands.queries.watched_choices(world.ask(), "")] == [3, 2]
    assert await world.commands.queries.watched_choices(world.ask(), SECRET) == ()


async def test_choices_are_at_most_twenty_five(world: RelayFixture) -> None:
    for number in range(30):
        await world.watch(f"job-{number}")
    found = await world.commands.queries.choices(world.ask(), "")
    assert [one.job_id for one in found] == list(range(30, 5, -1))


async def test_an_unreadable_snapshot_breaks_nothing(world: RelayFixture) -> None:
    await world.watch("job-1")
    async with world.database.transaction() as tx:
        await tx.run("UPDATE jobs SET snapshot = 'not json'")
    assert (await world.commands.queries.list(world.ask()))[0].job is None
    world.clock.move_to(world.clock.monotonic() + 10)
    await world.commands.job_checks.check_now(world.ask(), 1)
    job = (await world.commands.queries.list(world.ask()))[0].job
    assert job == Job("job-1", JobState.PROGRESS, "progress")


# ---- who asked to be forgotten ---------------------------------------------------------------------------------------


async def test_a_passer_by_cannot_stop_what_a_forgotten_person_waits_for(world: RelayFixture) -> None:
    """If somebody else joins and leaves again, the result is still posted."""
    job_id = await world.watch("job-1")
    await world.commands.forgetting.forget(PERSON)
    await world.commands.watch.status(world.ask(person=2), "job-1", True, False)
    assert await world.commands.stop.unwatch(world.ask(person=2), f"#{job_id}", False) == TakenOff(1)
    with pytest.raises(refusals.NotYours) as refused:
        await world.commands.stop.unwatch(world.ask(person=2), f"#{job_id}", False)
    assert refused.value.askers == ()
    assert await world.rows("SELECT ended_at FROM subscriptions") == [(None,)]
    assert await world.commands.stop.unwatch(world.ask(person=3), f"#{job_id}", True) == Stopped()


async def test_a_batch_s_owner_cannot_stop_what_a_forgotten_person_waits_for(world: RelayFixture) -> None:
    for jobid in ("job-1", "job-2"):
        world.api.put(jobid)
    await world.commands.many.watch(world.ask(), "job-1 job-2", True)
    await world.commands.watch.status(world.ask(person=2), "job-1", True, False)
    await world.commands.forgetting.forget(2)
    ((batch_id,),) = await world.rows("SELECT id FROM batches")
    assert await world.commands.stop.stop_all(world.ask(), int(str(batch_id)), False) == StoppedAll(1, 1)


async def test_a_person_forgotten_while_others_wait_is_named_nowhere(world: RelayFixture) -> None:
    job_id = await world.watch("job-1")
    await world.commands.watch.status(world.ask(person=2), "job-1", True, False)
    await world.commands.forgetting.forget(PERSON)
    with pytest.raises(refusals.NotYours) as refused:
        await world.commands.stop.unwatch(world.ask(person=3), f"#{job_id}", False)
    assert refused.value.askers == (2,)
    assert await world.rows("SELECT user_id FROM subscribers WHERE user_id = 1000") == []
