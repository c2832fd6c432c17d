from __future__ import annotations

import asyncio

import pytest

from model.job import JobState, Outcome
from model.messages import BatchTally, NoticePost
from model.states import AccountState, DeliveryState, NoticeKind
from pixverse import api_errors
from pixverse.jobids import NotAJobId
from relay.commands import refusals
from relay.commands.subscribe import Limits
from relay.commands.watch_many import EntryStatus
from relay.delivery import notice_json
from relay.delivery.batch_end import tally_of
from storage.database import Database
from tests.relay.relay_fixture import ACCOUNT, CHANNEL, GUILD, OTHER_ACCOUNT, PERSON, RelayFixture


async def _closing(world: RelayFixture) -> list[tuple[object, ...]]:
    return await world.rows(
        "SELECT j.jobid, d.closes_batch FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id"
        " JOIN jobs j ON j.id = s.job_id WHERE d.kind LIKE 'outcome%' ORDER BY d.id"
    )


async def test_a_list_becomes_one_batch_with_one_summary(world: RelayFixture) -> None:
    for jobid in ("job-1", "job-2", "job-3"):
        world.api.put(jobid)
    result = await world.commands.many.watch(world.ask(), "job-1, job-2\n job-3 job-1", True)
    assert [(one.text, one.status) for one in result.entries] == [
        ("job-1", EntryStatus.WATCHED),
        ("job-2", EntryStatus.WATCHED),
        ("job-3", EntryStatus.WATCHED),
    ]
    assert result.summary.message_id == 7001
    assert await world.rows("SELECT kind, batch_id FROM deliveries") == [("summary", 1)]
    assert await world.rows("SELECT user_id, mention, in_batch FROM subscribers") == [(PERSON, 1, 1)] * 3
    assert await world.rows("SELECT user_id, mention FROM batches") == [(PERSON, 1)]


async def test_the_last_job_to_end_closes_the_batch(world: RelayFixture) -> None:
    for jobid in ("job-1", "job-2"):
        world.api.put(jobid)
    await world.commands.many.watch(world.ask(), "job-1 job-2", True)
    await world.recorder.record_response(2, world.api.put("job-2", JobState.FAILED), ACCOUNT)
    assert await _closing(world) == [("job-2", 0)]
    assert await world.rows("SELECT ended_at FROM batches") == [(None,)]
    await world.recorder.record_response(1, world.api.put("job-1", JobState.COMPLETED), ACCOUNT)
    assert await _closing(world) == [("job-2", 0), ("job-1", 1)]
    assert await world.rows("SELECT ended_at FROM batches") == [(world.clock.now(),)]


async def test_an_ended_job_is_posted_and_counts(world: RelayFixture) -> None:
    world.api.put("job-1", JobState.COMPLETED)
    world.api.put("job-2")
    world.api.put("job-3", JobState.MODERATED)
    result = await world.commands.many.watch(world.ask(), "job-1 job-2 job-3", True)
    assert [one.status for one in result.entries] == [EntryStatus.POSTING, EntryStatus.WATCHED, EntryStatus.POSTING]
    assert await _closing(world) == [("job-1", 0), ("job-3", 0)]
    await world.recorder.record_response(2, world.api.put("job-2", JobState.CANCELLED), ACCOUNT)
    assert await _closing(world) == [("job-1", 0), ("job-3", 0), ("job-2", 1)]


async def test_a_given_up_outcome_closes_the_batch_that_requests_it_again(
    world: RelayFixture,
) -> None:
    world.api.put("job-1", JobState.COMPLETED)
    await world.commands.watch.status(world.ask(), "job-1", True, False)
    async with world.database.transaction() as tx:
        await tx.run("UPDATE deliveries SET state = 'given_up', settled_at = 1")
    world.clock.move_to(world.clock.monotonic() + 100)
    result = await world.commands.many.watch(world.ask(), "job-1", True)
    assert [one.status for one in result.entries] == [EntryStatus.POSTING]
    assert await _closing(world) == [("job-1", 1)]


async def test_an_outcome_requested_again_alone_closes_no_earlier_batch(world: RelayFixture) -> None:
    world.api.put("job-1", JobState.COMPLETED)
    await world.commands.many.watch(world.ask(), "job-1", True)
    async with world.database.transaction() as tx:
        await tx.run("UPDATE deliveries SET state = 'given_up', settled_at = 1")
    world.clock.move_to(world.clock.monotonic() + 100)
    await world.commands.watch.status(world.ask(), "job-1", True, False)
    assert await _closing(world) == [("job-1", 0)]


async def test_if_all_jobs_have_ended_the_last_closes_the_batch(world: RelayFixture) -> None:
    for jobid in ("job-1", "job-2", "job-3"):
        world.api.put(jobid, JobState.FAILED)
    await world.commands.many.watch(world.ask(), "job-1 job-2 job-3", True)
    assert await _closing(world) == [("job-1", 0), ("job-2", 0), ("job-3", 1)]


async def test_jobs_that_are_not_watched_say_why(world: RelayFixture) -> None:
    for jobid in ("job-1", "known-1", "known-2"):
        world.api.put(jobid)
    await world.watch("known-1")
    await world.watch("known-2")
    await world.recorder.record_response(2, world.api.put("known-2", JobState.FAILED), ACCOUNT)
    world.api.trouble["expired-1"] = api_errors.JobExpired("410")
    text = "job-1 #1 known-2 nowhere-1 expired-1 x #77 user:1234-minimax:a@b.de-video:123"
    result = await world.commands.many.watch(world.ask(person=2), text, True)
    assert [one.status for one in result.entries] == [
        EntryStatus.WATCHED,
        EntryStatus.ALREADY_WATCHED,
        EntryStatus.ALREADY_POSTED,
        EntryStatus.NOT_FOUND,
        EntryStatus.EXPIRED,
        EntryStatus.NOT_A_JOB_ID,
        EntryStatus.NOT_FOUND,
        EntryStatus.OTHER_SERVICE,
    ]
    assert await world.rows("SELECT count(*) FROM jobs") == [(3,)]
    in_batch = await world.rows("SELECT in_batch FROM subscribers WHERE user_id = 2 ORDER BY subscription_id")
    assert in_batch == [(0,), (0,), (1,)]  # known-2 is still to be posted, so that they can be pinged too


@pytest.mark.parametrize("state", [DeliveryState.WAITING, DeliveryState.UNSURE, DeliveryState.POSTED])
@pytest.mark.parametrize("other_account", [False, True])
async def test_a_list_says_whether_a_result_is_posted_yet(
    world: RelayFixture, state: DeliveryState, other_account: bool
) -> None:
    world.api.put("job-1", JobState.COMPLETED)
    await world.commands.watch.status(world.ask(), "job-1", True, False)
    async with world.database.transaction() as tx:
        await tx.run("UPDATE deliveries SET state = ?", (state,))
    if other_account:
        world.accounts.used[GUILD] = OTHER_ACCOUNT
    (entry,) = (await world.commands.many.watch(world.ask(person=2), "job-1", True)).entries
    assert entry.status is EntryStatus.ALREADY_POSTED
    assert entry.posted is not None
    assert (entry.posted.outcome, entry.posted.state) == (Outcome.COMPLETED, state)
    assert entry.posted == await world.commands.watch.status(world.ask(person=2), "job-1", True, False)


async def test_only_the_token_is_refused(world: RelayFixture) -> None:
    token = "user:1234-aBcDeFgHiJkLmNoPqRsTu"
    for jobid in ("job-1", "job-2"):
        world.api.put(jobid)
    result = await world.commands.many.watch(
        world.ask(), f"job-1 {token} USER%3A1234-aBcDeFgHiJkLmNoPqRsTu job-2", True
    )
    assert [(one.text, one.status) for one in result.entries] == [
        ("job-1", EntryStatus.WATCHED),
        ("", EntryStatus.SECRET),
        ("job-2", EntryStatus.WATCHED),
    ]
    assert {jobid for _, _, jobid in world.api.asked} == {"job-1", "job-2"}


async def test_a_sentence_with_two_ids_watches_those_two(world: RelayFixture) -> None:
    ids = [f"job:2026112410150012{number}-user:4321-channel:1300000000000000001-bot:pixverse" for number in (1, 2)]
    for jobid in ids:
        world.api.put(jobid)
    result = await world.commands.many.watch(world.ask(), f"please watch {ids[0]} and, at 16:9, {ids[1]}!", True)
    assert [(one.text, one.status) for one in result.entries] == [(jobid, EntryStatus.WATCHED) for jobid in ids]
    result = await world.commands.many.watch(world.ask(), "hello please", True)
    assert {one.status for one in result.entries} == {EntryStatus.NOT_A_JOB_ID}
    assert {jobid for _, _, jobid in world.api.asked} == set(ids)


async def test_if_nothing_is_watched_there_is_no_batch(world: RelayFixture) -> None:
    result = await world.commands.many.watch(world.ask(), "nowhere-1", True)
    assert result.summary.message_id is None
    assert await world.rows("SELECT count(*) FROM batches") == [(0,)]
    assert await world.rows("SELECT count(*) FROM deliveries") == [(0,)]


async def test_a_job_named_twice_counts_once(world: RelayFixture) -> None:
    await world.watch("job-1")
    result = await world.commands.many.watch(world.ask(person=2), "job-1 #1", True)
    assert [one.text for one in result.entries] == ["job-1"]


async def test_no_id_and_too_many_ids(world: RelayFixture) -> None:
    with pytest.raises(NotAJobId):
        await world.commands.many.watch(world.ask(), " ,, ", True)
    with pytest.raises(refusals.TooManyJobs) as refusal:
        await world.commands.many.watch(world.ask(), " ".join(f"job-{n}" for n in range(26)), True)
    assert (refusal.value.count, refusal.value.limit) == (26, 25)
    assert world.api.asked == []


async def test_limits_hold_exactly_within_and_between_lists(database: Database) -> None:
    world = RelayFixture(database, limits=Limits(open_per_user=4, open_per_server=6))
    for number in range(20):
        world.api.put(f"job-{number}")
    lists = [
        world.commands.many.watch(world.ask(person=person), " ".join(f"job-{person * 5 + n}" for n in range(5)), True)
        for person in range(3)
    ]
    results = await asyncio.gather(*lists)
    taken = [one.status for result in results for one in result.entries]
    assert taken.count(EntryStatus.WATCHED) == 6
    assert taken.count(EntryStatus.PERSON_LIMIT) + taken.count(EntryStatus.SERVER_LIMIT) == 9
    assert await world.rows("SELECT count(*) FROM subscriptions WHERE ended_at IS NULL") == [(6,)]
    assert await world.rows("SELECT max(n) FROM (SELECT count(*) AS n FROM subscribers GROUP BY user_id)") == [(4,)]
    assert await world.rows("SELECT count(*) FROM jobs") == [(6,)]
    await world.close()


async def test_an_unresponsive_api_is_waited_for_once_for_all(world: RelayFixture) -> None:
    world.api.gate = asyncio.Event()
    began = asyncio.get_running_loop().time()
    result = await world.commands.many.watch(world.ask(), " ".join(f"job-{n}" for n in range(25)), True)
    assert asyncio.get_running_loop().time() - began < 1
    assert all(one.status is EntryStatus.WATCHED and one.api_down for one in result.entries)
    assert world.api.most_under_way["all"] <= 8


async def test_a_token_refused_at_one_id_puts_the_whole_list_on_hold(world: RelayFixture) -> None:
    world.api.put("job-1")
    world.api.trouble["job-2"] = api_errors.TokenRefused("401")
    result = await world.commands.many.watch(world.ask(), "job-1 job-2", True)
    assert result.hold is AccountState.REFUSED
    assert await world.rows("SELECT count(*) FROM subscriptions WHERE ended_at IS NULL") == [(2,)]


@pytest.mark.parametrize("ended", [False, True])
async def test_the_number_of_a_job_on_hold_here_adds_the_asker(world: RelayFixture, ended: bool) -> None:
    number = await world.watch("job-1")
    await world.watch("job-1", guild=GUILD + 1, channel=5)
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    if ended:
        await world.recorder.record_response(number, world.api.put("job-1", JobState.FAILED), ACCOUNT)
    asked = len(world.api.asked)
    result = await world.commands.many.watch(world.ask(person=2), "#1", True)
    assert [(one.status, one.on_hold) for one in result.entries] == [(EntryStatus.ALREADY_WATCHED, True)]
    assert len(world.api.asked) == asked
    assert await world.rows(
        "SELECT user_id FROM subscribers p JOIN subscriptions s ON s.id = p.subscription_id WHERE channel_id = ?"
        " ORDER BY user_id",
        CHANNEL,
    ) == [(2,), (PERSON,)]
    assert await world.rows("SELECT id FROM batches") == []
    elsewhere = await world.commands.many.watch(world.ask(channel=CHANNEL + 1), "#1", True)
    assert [one.status for one in elsewhere.entries] == [EntryStatus.NOT_FOUND]


async def test_requesting_a_list_again_still_pings_once_for_all_of_it(world: RelayFixture) -> None:
    """As with two clicks on the command in the message menu."""
    for jobid in ("job-1", "job-2"):
        world.api.put(jobid)
    await world.commands.many.watch(world.ask(), "job-1 job-2", False)
    for mention in (False, True):
        result = await world.commands.many.watch(world.ask(), "job-1 job-2", mention)
        assert [one.status for one in result.entries] == [EntryStatus.ALREADY_WATCHED] * 2
    assert await world.rows("SELECT user_id, in_batch FROM subscribers") == [(PERSON, 1)] * 2
    assert await world.rows("SELECT id, mention FROM batches") == [(1, 1)]
    await world.commands.watch.status(world.ask(), "job-2", True, False)
    await world.commands.many.watch(world.ask(person=2), "job-1", True)
    assert await world.rows("SELECT user_id, in_batch FROM subscribers ORDER BY subscription_id, user_id") == [
        (2, 0),
        (PERSON, 1),
        (PERSON, 0),
    ]


# ---- watching no more -----------------------------------------------------------------------------------------------


async def test_the_last_subscriber_ends_the_subscription_but_nobody_else(world: RelayFixture) -> None:
    await world.watch("job-1")
    world.clock.move_to(world.clock.monotonic() + 1)
    await world.watch("job-1", person=2)
    with pytest.raises(refusals.NotYours) as refusal:
        await world.commands.stop.unwatch(world.ask(person=3), "job-1", False)
    assert refusal.value.askers == (PERSON, 2)
    first = await world.commands.stop.unwatch(world.ask(), "job-1", False)
    assert getattr(first, "others", None) == 1
    assert await world.rows("SELECT user_id FROM subscribers") == [(2,)]
    assert await world.rows("SELECT ended_at FROM subscriptions") == [(None,)]
    last = await world.commands.stop.stop(world.ask(person=2), 1, False)
    assert not hasattr(last, "others")
    assert await world.rows("SELECT ended_at, stopped_by FROM subscriptions") == [(world.clock.now(), 2)]
    assert world.recorded.subscriptions == [1, 1]
    assert await world.rows("SELECT count(*) FROM deliveries") == [(0,)]
    with pytest.raises(refusals.NotWatchedHere):
        await world.commands.stop.unwatch(world.ask(), "job-1", True)
    with pytest.raises(refusals.NothingToDo):
        await world.commands.stop.stop(world.ask(), 1, True)


async def test_somebody_with_manage_messages_ends_it_for_everyone(world: RelayFixture) -> None:
    await world.watch("job-1")
    await world.watch("job-1", person=2)
    result = await world.commands.stop.unwatch(world.ask(person=9), "#1", True)
    assert not hasattr(result, "others")
    assert await world.rows("SELECT stopped_by FROM subscriptions") == [(9,)]


async def test_stopping_a_batch_keeps_what_others_wait_for(world: RelayFixture) -> None:
    for jobid in ("job-1", "job-2", "job-3"):
        world.api.put(jobid)
    await world.commands.many.watch(world.ask(), "job-1 job-2 job-3", True)
    await world.recorder.record_response(3, world.api.put("job-3", JobState.FAILED), ACCOUNT)
    await world.watch("job-2", person=2)
    with pytest.raises(refusals.NotYours):
        await world.commands.stop.stop_all(world.ask(person=2), 1, False)
    result = await world.commands.stop.stop_all(world.ask(), 1, False)
    assert (result.stopped, result.kept) == (1, 1)
    assert await world.rows("SELECT id FROM subscriptions WHERE ended_at IS NULL") == [(2,)]
    manager = await world.commands.stop.stop_all(world.ask(person=9), 1, True)
    assert (manager.stopped, manager.kept) == (1, 0)
    assert await world.rows("SELECT ended_at IS NULL FROM batches") == [(0,)]
    with pytest.raises(refusals.NothingToDo):
        await world.commands.stop.stop_all(world.ask(), 1, True)


async def _pings(world: RelayFixture) -> list[NoticePost]:
    rows = await world.rows("SELECT notice FROM deliveries WHERE kind = 'notice' ORDER BY id")
    return [notice_json.load(str(notice), "") for (notice,) in rows]


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_person_whose_last_job_is_stopped_by_another_is_pinged_once(
    world: RelayFixture, *, at_once: bool
) -> None:
    for jobid in ("job-1", "job-2", "job-3"):
        world.api.put(jobid)
    await world.commands.many.watch(world.ask(), "job-1 job-2 job-3", True)
    await world.recorder.record_response(2, world.api.put("job-2", JobState.FAILED), ACCOUNT)
    woken = world.recorded.deliveries
    manager = world.ask(person=9)
    if at_once:
        await world.commands.stop.stop_all(manager, 1, True)
    else:
        await world.commands.stop.unwatch(manager, "job-1", True)
        assert await _pings(world) == []
        await world.commands.stop.unwatch(manager, "job-3", True)
    (told,) = await _pings(world)
    assert (told.kind, told.mention) == (NoticeKind.BATCH_ENDED, (PERSON,))
    assert told.tally == BatchTally(total=1, videos=0, images=0, links=0, failed=1, refused=0, other=0, mention=())
    assert await world.rows("SELECT channel_id FROM deliveries WHERE kind = 'notice'") == [(CHANNEL,)]
    assert world.recorded.deliveries > woken


async def test_a_person_who_needs_no_ping_at_the_end_of_a_batch_gets_none(world: RelayFixture) -> None:
    for number in range(1, 9):
        world.api.put(f"job-{number}")
    manager = world.ask(person=9)
    await world.commands.many.watch(world.ask(), "job-1 job-2", True)  # Stopped by the person who asked.
    await world.commands.many.watch(world.ask(), "job-3 job-4", False)  # By whoever wants no ping.
    await world.commands.many.watch(world.ask(), "job-5 job-6", True)  # Without a single end.
    await world.commands.many.watch(manager, "job-7 job-8", True)  # By its asker, who may stop everybody's.
    for number in (1, 3, 7):
        await world.recorder.record_response(number, world.api.put(f"job-{number}", JobState.FAILED), ACCOUNT)
    await world.commands.stop.stop_all(world.ask(), 1, False)
    await world.commands.stop.stop_all(manager, 2, True)
    await world.commands.stop.stop_all(manager, 3, True)
    await world.commands.stop.stop_all(manager, 4, True)
    assert await world.rows("SELECT id FROM batches WHERE ended_at IS NULL") == []
    assert await _pings(world) == []


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_person_told_that_they_are_not_pinged_is_not_even_if_the_batch_goes_on(
    world: RelayFixture, *, at_once: bool
) -> None:
    for jobid in ("job-1", "job-2"):
        world.api.put(jobid)
    await world.commands.many.watch(world.ask(), "job-1 job-2", True)
    await world.watch("job-1", person=2)
    await world.watch("job-2", person=2)
    if at_once:
        await world.commands.stop.stop_all(world.ask(), 1, False)
    else:
        await world.commands.stop.unwatch(world.ask(), "job-1", False)
        assert await world.rows("SELECT mention FROM batches") == [(1,)]
        await world.commands.stop.unwatch(world.ask(), "job-2", False)
    for number in (1, 2):
        await world.recorder.record_response(number, world.api.put(f"job-{number}", JobState.FAILED), ACCOUNT)
    assert await _closing(world) == [("job-1", 0), ("job-2", 1)]
    tally = await tally_of(world.database.reader, 1, ping=True)
    assert tally is not None
    assert tally.mention == ()


@pytest.mark.parametrize("how", ["list", "status", "button"])
async def test_a_person_who_wants_no_ping_for_the_jobs_of_their_batch_gets_none(world: RelayFixture, how: str) -> None:
    async def ask(jobid: str, *, mention: bool) -> None:
        match how:
            case "list":
                await world.commands.many.watch(world.ask(), jobid, mention)
            case "status":
                await world.commands.watch.status(world.ask(), jobid, mention, False)
            case _:
                await world.commands.watch.set_mention(world.ask(), int(jobid.removeprefix("job-")), mention)

    async def pings() -> list[tuple[object, ...]]:
        return await world.rows("SELECT mention FROM batches")

    for jobid in ("job-1", "job-2"):
        world.api.put(jobid)
    await world.commands.many.watch(world.ask(), "job-1 job-2", True)
    await ask("job-1", mention=False)
    assert await pings() == [(1,)]
    await ask("job-2", mention=False)
    assert await pings() == [(0,)]
    await ask("job-1", mention=True)
    assert await pings() == [(int(how != "status"),)]
    assert world.recorded.subscriptions == ([1, 2, 1] if how == "button" else [])


async def test_a_batch_ends_with_its_last_stopped_job(world: RelayFixture) -> None:
    for jobid in ("job-1", "job-2"):
        world.api.put(jobid)
    await world.commands.many.watch(world.ask(), "job-1 job-2", True)
    await world.commands.stop.unwatch(world.ask(), "job-1", False)
    await world.recorder.record_response(2, world.api.put("job-2", JobState.COMPLETED), ACCOUNT)
    assert await _closing(world) == [("job-2", 1)]
