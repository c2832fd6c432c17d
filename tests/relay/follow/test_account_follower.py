"""Follows: which jobs are found, where they are posted, and which API requests that takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from model.job import Job, JobState, Media
from pixverse.api_errors import NoList, TokenRefused, Unavailable
from relay.commands.stop import TakenOff
from relay.commands.subscribe import Limits
from storage import follows, jobs, servers, subscriptions
from storage.database import Database
from storage.follows import FollowRow
from tests.clock import START
from tests.relay.follow_fixture import ADMIN, FollowFixture
from tests.relay.relay_fixture import ACCOUNT, CHANNEL, GUILD, HOUR, OTHER_ACCOUNT, PERSON, BrokenReader, Some

VIDEO = (Media("https://x/1.mp4"),)


@pytest.fixture
async def world(database: Database) -> AsyncIterator[FollowFixture]:
    made = FollowFixture(database)
    yield made
    await made.close()


async def _subscriptions(world: FollowFixture) -> list[tuple[object, ...]]:
    return await world.rows(
        "SELECT j.jobid, s.channel_id, s.origin, s.ended_at IS NULL FROM subscriptions s"
        " JOIN jobs j ON j.id = s.job_id ORDER BY s.id"
    )


@pytest.mark.parametrize("kind", ["v1", "v2"])
async def test_a_job_that_nobody_requested_is_relayed_once(world: FollowFixture, kind: str) -> None:
    await world.follow()
    world.run()
    await world.advance(60)
    assert await _subscriptions(world) == []

    world.api.put(f"{kind}-new")
    await world.advance(23)
    assert await _subscriptions(world) == [(f"{kind}-new", CHANNEL, "followed", 1)]
    assert world.api.times(f"{kind}-new"), "it is asked about as soon as it is found"
    world.api.put(f"{kind}-new", JobState.COMPLETED, media=VIDEO)
    await world.advance(23)
    assert await world.outcomes() == [("outcome", CHANNEL)]
    await world.advance(600)
    assert await world.outcomes() == [("outcome", CHANNEL)]
    assert await world.rows("SELECT * FROM deliveries WHERE kind = 'card'") == []


async def test_a_job_seen_running_is_relayed_even_if_the_local_clock_is_ahead(
    world: FollowFixture,
) -> None:
    await world.follow()
    world.run()
    world.api.put("v1-new")
    await world.advance(23)
    world.api.put("v1-new", JobState.COMPLETED, media=VIDEO, updated=world.clock.now() - 30 * HOUR)
    await world.advance(23)
    assert await world.outcomes() == [("outcome", CHANNEL)]


async def test_running_jobs_are_imported_and_ended_ones_are_not(world: FollowFixture) -> None:
    world.api.put("v1-running")
    world.api.put("v1-ended", JobState.COMPLETED, media=VIDEO)
    world.run()
    await world.follow(progress=True)
    await world.advance(1)
    assert await _subscriptions(world) == [("v1-running", CHANNEL, "followed with card", 1)]
    assert len(await world.rows("SELECT * FROM deliveries WHERE kind = 'card'")) == 1


async def test_each_following_channel_gets_its_own_result_and_all_share_one_list(world: FollowFixture) -> None:
    await world.follow()
    await world.follow(channel=CHANNEL + 1, progress=True)
    await world.follow(guild=GUILD + 1, channel=CHANNEL + 2)
    world.run()
    world.api.put("v2-new")
    await world.advance(100)
    assert {row[1] for row in await _subscriptions(world)} == {CHANNEL, CHANNEL + 1, CHANNEL + 2}
    for kind in ("v1", "v2"):
        times = [at for at, of in world.api.list_requests if of == kind]
        assert 5 <= len(times) <= 6
        assert min(later - earlier for earlier, later in pairwise(times)) >= 20
    world.api.put("v2-new", JobState.FAILED)
    await world.advance(23)
    assert len(await world.outcomes()) == 3


async def test_another_channel_does_not_wait_for_the_next_list(world: FollowFixture) -> None:
    await world.follow()
    world.api.put("v1-new")
    world.run()
    await world.advance(5)
    asked = len(world.api.list_requests)
    await world.follow(channel=CHANNEL + 1)
    await world.advance(1)
    assert [row[1] for row in await _subscriptions(world)] == [CHANNEL, CHANNEL + 1]
    assert len(world.api.list_requests) == asked


async def test_a_channel_that_follows_during_a_long_import_gets_all_of_it(world: FollowFixture) -> None:
    jobids = [f"v1-{number}" for number in range(250)]
    for jobid in jobids:
        world.api.put(jobid)
    await world.follow()

    async def follow_amid() -> None:
        async with asyncio.timeout(10):
            while not await _subscriptions(world):
                continue
        await world.follow(channel=CHANNEL + 1)

    amid = asyncio.create_task(follow_amid())
    world.run()
    await world.advance(60)
    await amid
    found = {(row[0], row[1]) for row in await _subscriptions(world)}
    assert found == {(jobid, channel) for jobid in jobids for channel in (CHANNEL, CHANNEL + 1)}


async def test_only_the_server_s_own_current_account_is_followed(world: FollowFixture) -> None:
    await world.follow()
    await world.follow(guild=GUILD + 1, channel=CHANNEL + 1)
    world.accounts.operators.add(GUILD)  # The server uses the operator's token now, which is of the same account.
    world.accounts.used[GUILD + 1] = OTHER_ACCOUNT
    world.api.put("v1-new")
    world.run()
    await world.advance(60)
    assert await _subscriptions(world) == []
    assert world.api.list_requests == []

    world.accounts.used.pop(GUILD + 1)
    world.follows.changed()
    await world.advance(1)
    assert await _subscriptions(world) == [("v1-new", CHANNEL + 1, "followed", 1)]


async def test_jobs_that_members_watch_stopped_or_received_are_left_alone(world: FollowFixture) -> None:
    numbers = {jobid: await world.watch(jobid) for jobid in ("v1-asked", "v1-stopped", "v1-ended")}
    world.run()
    await world.commands.stop.unwatch(world.ask(), f"#{numbers['v1-stopped']}", True)
    world.api.put("v1-ended", JobState.FAILED)
    await world.advance(25)
    world.api.lagging = {"v1-ended"}
    before = await _subscriptions(world)
    await world.follow()
    await world.advance(100)
    assert await _subscriptions(world) == before
    assert await world.outcomes() == [("outcome", CHANNEL)]


async def test_a_member_can_join_and_leave_a_followed_job_and_a_moderator_can_stop_it(world: FollowFixture) -> None:
    await world.follow()
    world.api.put("v1-new")
    world.run()
    await world.advance(1)
    number = await world.watch("v1-new")
    assert [row[2:] for row in await _subscriptions(world)] == [("followed with card", 1)]
    assert await world.rows("SELECT user_id, mention FROM subscribers") == [(PERSON, 1)]
    assert len(await world.rows("SELECT * FROM deliveries WHERE kind = 'card'")) == 1
    left = await world.commands.stop.unwatch(world.ask(), f"#{number}", False)
    assert getattr(left, "others", None) == 0
    assert [row[3] for row in await _subscriptions(world)] == [1]
    await world.commands.stop.unwatch(world.ask(person=ADMIN), f"#{number}", True)
    await world.advance(60)
    assert [row[3] for row in await _subscriptions(world)] == [0]


@pytest.mark.parametrize("now", ["followed", "not followed", "another account's"])
async def test_a_member_who_leaves_is_told_of_the_follow_only_while_it_lasts(world: FollowFixture, now: str) -> None:
    await world.follow()
    world.api.put("v1-new")
    world.run()
    await world.advance(1)
    number = await world.watch("v1-new")
    async with world.database.transaction() as tx:
        if now == "not followed":
            await follows.remove(tx, GUILD, CHANNEL)
        elif now == "another account's":
            await tx.run("UPDATE follows SET account_id = ?", (OTHER_ACCOUNT,))
    left = await world.commands.stop.unwatch(world.ask(), f"#{number}", False)
    assert left == TakenOff(0, followed=now == "followed")
    world.api.put("v1-new", JobState.COMPLETED)
    await world.advance(60)
    assert await world.outcomes() == [("outcome", CHANNEL)]


@pytest.mark.parametrize("first", ["follow", "watch"])
@pytest.mark.parametrize("batch", [True, False])
async def test_a_person_who_asked_before_the_follow_takes_the_job_from_nobody(
    world: FollowFixture, *, first: str, batch: bool
) -> None:
    if first == "follow":
        await world.follow()
    world.api.put("v1-new")
    if batch:
        await world.commands.many.watch(world.ask(), "v1-new", True)
    else:
        await world.watch("v1-new")
    if first == "watch":
        await world.follow()
    world.run()
    await world.advance(25)
    if batch:
        result = await world.commands.stop.stop_all(world.ask(), 1, False)
        assert (result.stopped, result.kept) == (0, 1)
    else:
        left = await world.commands.stop.unwatch(world.ask(), "v1-new", False)
        assert getattr(left, "others", None) == 0
    assert [row[2:] for row in await _subscriptions(world)] == [("followed with card", 1)]
    world.api.put("v1-new", JobState.FAILED)
    await world.advance(60)
    assert await world.outcomes() == [("outcome", CHANNEL)]


async def test_a_job_of_another_account_ends_with_its_last_subscriber(world: FollowFixture) -> None:
    await world.follow(account=OTHER_ACCOUNT)
    await world.watch("v1-new")
    await world.follow(channel=CHANNEL + 1)
    await world.commands.stop.unwatch(world.ask(), "v1-new", False)
    assert await _subscriptions(world) == [("v1-new", CHANNEL, "asked", 0)]


async def test_the_server_s_limit_applies_is_reported_once_and_free_space_is_used(database: Database) -> None:
    world = FollowFixture(database, limits=Limits(500, 3))
    async with database.transaction() as tx:
        await servers.set_alerts_channel(tx, GUILD, CHANNEL + 9)
    await world.watch("v1-mine")
    jobs = [f"v1-{number}" for number in range(4)]
    for jobid in jobs:
        world.api.put(jobid)
    await world.follow()
    world.run()
    await world.advance(100)
    notices = await world.rows("SELECT channel_id, notice FROM deliveries WHERE kind = 'notice'")
    assert [channel for channel, _ in notices] == [CHANNEL + 9]
    assert '"jobs":2' in str(notices[0][1])
    result = {str(row[0]) for row in await _subscriptions(world)}
    assert len(result) == 3
    assert "v1-mine" in result

    world.api.put("v1-mine", JobState.FAILED)
    await world.advance(50)
    assert len(await _subscriptions(world)) == 4
    assert len(await world.rows("SELECT * FROM subscriptions WHERE ended_at IS NULL")) == 3
    assert len(await world.rows("SELECT * FROM deliveries WHERE kind = 'notice'")) == 1
    assert (
        await world.rows("SELECT * FROM jobs j WHERE NOT EXISTS (SELECT 1 FROM subscriptions WHERE job_id = j.id)")
        == []
    )
    await world.close()


async def test_nothing_is_taken_while_a_server_is_over_a_limit_that_was_lowered(database: Database) -> None:
    world = FollowFixture(database, limits=Limits(500, 1))
    async with database.transaction() as tx:
        for number in range(3):
            world.api.put(f"v1-mine-{number}")
            job = await jobs.add(tx, ACCOUNT, f"v1-mine-{number}", None, world.clock.now())
            await subscriptions.add(
                tx, job_id=job.id, guild_id=GUILD, channel_id=CHANNEL, batch_id=None, spoiler=False, now=START
            )
    for number in range(4):
        world.api.put(f"v1-{number}")
    await world.follow()
    world.run()
    await world.advance(50)
    assert len(await world.rows("SELECT * FROM jobs")) == 3
    [(notice,)] = await world.rows("SELECT notice FROM deliveries WHERE kind = 'notice'")
    assert '"jobs":4' in str(notice)
    await world.close()


async def test_nothing_is_kept_of_servers_and_accounts_that_no_longer_follow(database: Database) -> None:
    world = FollowFixture(database, limits=Limits(500, 0))
    world.api.strange = {"a b"}
    world.api.put("v1-job")
    await world.follow()
    world.run()
    await world.advance(50)
    importer = world.follows._importer
    assert (importer._reported_full, set(importer._foreign_ids)) == ({GUILD}, {ACCOUNT})
    async with database.transaction() as tx:
        await follows.remove(tx, GUILD, CHANNEL)
    world.follows.changed()
    await world.advance(50)
    assert (importer._reported_full, set(importer._foreign_ids)) == (set(), set())
    await world.close()


async def test_ids_of_another_form_are_skipped_with_one_log_line(
    world: FollowFixture, caplog: pytest.LogCaptureFixture
) -> None:
    pika = "job:20261124101500123-user:1-channel:1300000000000000001-bot:pika"
    world.api.strange = {"user:1-secret-token-of-somebody", pika, "a b", ""}
    world.api.put("v1-good")
    await world.follow()
    world.run()
    await world.advance(200)
    assert [row[0] for row in await _subscriptions(world)] == ["v1-good"]
    lines = [record.message for record in caplog.records if "that are not PixVerse's" in record.message]
    assert len(lines) == 1
    assert "secret" not in caplog.text


@pytest.mark.parametrize("interval", [20, 60, 61, 90])
async def test_a_job_that_is_not_found_while_a_list_names_it_is_relayed(database: Database, interval: int) -> None:
    world = FollowFixture(database, interval=interval)
    world.api.lagging = {"v1-slow"}
    await world.follow()
    world.run()
    await world.advance(600)
    world.api.lagging = set()
    world.api.put("v1-slow", JobState.COMPLETED, media=VIDEO)
    await world.advance(1.2 * interval)
    assert await world.outcomes() == [("outcome", CHANNEL)]
    await world.close()


async def test_a_job_known_only_from_a_list_ends_silently(world: FollowFixture) -> None:
    world.api.lagging = {"v1-ghost"}
    await world.follow()
    world.run()
    await world.advance(100)
    world.api.lagging = set()
    await world.advance(130)
    assert await world.outcomes() == []
    assert [row[3] for row in await _subscriptions(world)] == [0]


async def test_a_job_whose_requester_was_forgotten_ends_with_a_message(world: FollowFixture) -> None:
    world.api.lagging = {"v1-ghost"}
    await world.follow()
    world.run()
    await world.advance(1)
    await world.commands.watch.status(world.ask(), "v1-ghost", True, False)
    await world.commands.forgetting.forget(PERSON)
    world.api.lagging = set()
    await world.advance(300)
    assert await world.outcomes() == [("outcome", CHANNEL)]


async def test_a_job_that_ended_before_the_follow_is_not_posted_even_if_a_list_names_it(
    world: FollowFixture,
) -> None:
    world.api.put("v1-old", JobState.COMPLETED, media=VIDEO, updated=START - HOUR)
    world.api.put("v1-just", JobState.COMPLETED, media=VIDEO, updated=START - 1000)
    world.api.lagging = {"v1-old", "v1-just"}
    await world.follow()
    world.run()
    await world.advance(60)
    assert [row[:2] for row in await _subscriptions(world)] == [("v1-just", CHANNEL), ("v1-old", CHANNEL)]
    (outcome,) = await world.rows(
        "SELECT j.jobid FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id"
        " JOIN jobs j ON j.id = s.job_id"
    )
    assert outcome == ("v1-just",)


@pytest.mark.parametrize("trouble", [NoList("404"), Unavailable("503"), TokenRefused("401")])
async def test_a_failing_list_is_requested_less_and_less_often(world: FollowFixture, trouble: Exception) -> None:
    assert isinstance(trouble, NoList | Unavailable | TokenRefused)
    world.api.list_trouble = trouble
    await world.follow()
    world.run()
    await world.advance(1200)
    most = 8 if type(trouble) is Unavailable else 3
    assert len([1 for _, kind in world.api.list_requests if kind == "v1"]) <= most
    assert bool(world.accounts.doubted) is isinstance(trouble, TokenRefused)
    world.api.list_trouble = None
    world.api.put("v1-new")
    await world.advance(620)
    assert len(await _subscriptions(world)) == 1


async def test_a_start_with_many_followed_accounts_causes_no_rush(world: FollowFixture) -> None:
    for account in range(10, 40):
        world.accounts.tokens[account] = f"token-{account}"
        world.accounts.used[account] = account
        async with world.database.transaction() as tx:
            await tx.run(
                "INSERT INTO accounts (id, account_key, state_since) VALUES (?, ?, 0)", (account, str(account))
            )
        await world.follow(guild=account, channel=account, account=account)
    world.run()
    await world.advance(2)
    assert len(world.api.list_requests) <= 20
    await world.advance(19)
    assert 60 <= len(world.api.list_requests) <= 70


async def test_even_a_single_job_uses_a_list_that_is_requested_anyway(world: FollowFixture) -> None:
    await world.follow()
    world.run()
    world.api.put("v1-alone")
    await world.advance(60)
    world.api.asked.clear()
    await world.advance(400)
    assert len(world.api.times("v1-alone")) <= 6


@pytest.mark.parametrize("progress", [True, False], ids=["cards", "no cards"])
async def test_a_young_job_with_a_visible_card_is_requested_at_each_interval(
    world: FollowFixture, progress: bool
) -> None:
    await world.follow(progress=progress)
    world.run()
    jobids = [f"v1-{number}" for number in range(3)]
    for jobid in jobids:
        world.api.put(jobid)
    await world.advance(30)
    world.api.asked.clear()
    await world.advance(120)
    for jobid in jobids:
        assert (len(world.api.times(jobid)) >= 5) is progress


async def test_few_remaining_jobs_are_polled_by_record_even_if_the_list_continues(
    world: FollowFixture,
) -> None:
    await world.follow(progress=True)
    world.run()
    jobids = [f"v1-{number}" for number in range(9)]
    for jobid in jobids:
        world.api.put(jobid)
    await world.advance(30)
    world.api.put(jobids[0], JobState.FAILED)
    await world.advance(23)
    world.api.asked.clear()
    world.api.list_requests.clear()
    await world.advance(61.5)
    assert len([1 for _, kind in world.api.list_requests if kind == "v1"]) >= 3
    assert all(len(world.api.times(jobid)) in (2, 3, 4) for jobid in jobids[1:])


async def test_a_callback_can_bring_jobs_too(world: FollowFixture) -> None:
    await world.follow()
    world.run()
    await world.advance(30)
    world.api.put("v1-called")
    (number,) = (await world.importer.import_jobs(ACCOUNT, ["v1-called"])).found
    assert await world.rows("SELECT id FROM jobs WHERE jobid = 'v1-called'") == [(number,)]
    assert (await world.importer.import_jobs(ACCOUNT, ["v1-called"])).found == []
    assert (await world.importer.import_jobs(OTHER_ACCOUNT, ["v1-other"])).found == []
    await world.advance(0.5)
    assert len(world.api.times("v1-called")) == 1


@pytest.mark.parametrize("kind", ["v1", "v2"])
@pytest.mark.parametrize("seen_active", [True, False])
async def test_a_job_that_ends_before_a_list_names_it_is_relayed_if_somebody_asked_for_it_elsewhere(
    world: FollowFixture, kind: str, seen_active: bool
) -> None:
    jobid = f"{kind}-quick"
    await world.follow()
    world.run()
    await world.advance(21)
    world.api.unlisted.add(jobid)
    times = {"created": world.clock.now(), "updated": world.clock.now() if kind == "v1" else None}
    if seen_active:
        world.api.put(jobid)
        await world.watch(jobid, channel=CHANNEL + 1)
        await world.advance(5)
    world.api.put(jobid, JobState.MODERATED, **times)
    await world.watch(jobid, channel=CHANNEL + 1)
    await world.advance(60)
    assert sorted(await world.outcomes()) == [("outcome", CHANNEL), ("outcome", CHANNEL + 1)]
    await world.watch(jobid, channel=CHANNEL + 2)
    await world.advance(60)
    assert len(await world.outcomes()) == 3


@pytest.mark.parametrize("asked_now", [True, False])
@pytest.mark.parametrize(("hours", "minutes", "relayed"), [(1, 1, True), (-1, 60, False)])
async def test_whether_a_job_ended_long_ago_is_not_decided_by_a_wrong_clock(
    world: FollowFixture, asked_now: bool, hours: int, minutes: int, relayed: bool
) -> None:
    await world.follow()
    async with world.database.transaction() as tx:
        job = await jobs.add(tx, ACCOUNT, "v1-quick", None, world.clock.now())
    world.clock.move_to(world.clock.monotonic() + 7200)
    world.clock.jump(hours * 3_600_000)
    ended = world.api.put("v1-quick", JobState.FAILED, updated=world.discord_now() - minutes * 60_000)
    if asked_now:
        await world.watch("v1-quick", channel=CHANNEL + 1)
    else:
        await world.recorder.record_response(job.id, ended, ACCOUNT)
    assert (("outcome", CHANNEL) in await world.outcomes()) is relayed


async def test_a_job_that_another_process_saw_running_after_the_follow_began_is_relayed(world: FollowFixture) -> None:
    world.api.put("v2-long")
    number = await world.watch("v2-long", channel=CHANNEL + 1)
    world.clock.move_to(world.clock.monotonic() + 60)
    await world.follow()
    world.clock.move_to(world.clock.monotonic() + 240)
    await world.recorder.note_active(number, world.clock.now())
    await world.recorder.record_response(number, Job("v2-long", JobState.FAILED, "FAILED"), ACCOUNT)
    assert sorted(await world.outcomes()) == [("outcome", CHANNEL), ("outcome", CHANNEL + 1)]


async def test_asking_for_an_ended_job_in_the_following_channel_pings(world: FollowFixture) -> None:
    await world.follow()
    world.run()
    await world.advance(21)
    world.api.put("v1-quick", JobState.FAILED, updated=world.clock.now())
    await world.watch("v1-quick")
    assert await world.outcomes() == [("outcome", CHANNEL)]
    assert await world.rows("SELECT user_id, mention FROM subscribers") == [(PERSON, 1)]
    assert [row[2] for row in await _subscriptions(world)] == ["asked"]


async def test_an_old_job_requested_elsewhere_is_not_posted_in_a_following_channel(world: FollowFixture) -> None:
    """Neither what ended long ago or before the follow, nor what its channel had before, nor for a paused follow."""
    had = await world.watch("v1-had")
    await world.commands.stop.unwatch(world.ask(), f"#{had}", True)
    world.api.put("v1-before", JobState.FAILED, updated=world.clock.now() - 400_000)
    world.api.put("v2-before", JobState.FAILED, created=world.clock.now() - 400_000)
    world.api.put("v1-long-ago", JobState.FAILED, updated=world.clock.now() + 60_000)
    await world.follow()
    await world.follow(guild=GUILD + 1, channel=CHANNEL + 5)
    world.accounts.operators.add(GUILD + 1)
    world.run()
    await world.advance(60)
    world.api.put("v1-had", JobState.FAILED, updated=world.clock.now())
    for jobid in ("v1-had", "v1-before", "v2-before"):
        await world.watch(jobid, channel=CHANNEL + 1)
    await world.advance(700)
    await world.watch("v1-long-ago", channel=CHANNEL + 1)
    await world.advance(60)
    assert await world.outcomes() == [("outcome", CHANNEL + 1)] * 4


async def test_a_database_error_is_retried(world: FollowFixture) -> None:
    await world.follow()
    world.run()
    await world.advance(1)
    async with world.database.transaction() as tx:
        await tx.run("ALTER TABLE follows RENAME TO elsewhere")
    world.api.put("v1-new")
    await world.advance(25)
    assert world.follows.failures > 0
    assert await _subscriptions(world) == []
    async with world.database.transaction() as tx:
        await tx.run("ALTER TABLE elsewhere RENAME TO follows")
    await world.advance(25)
    assert len(await _subscriptions(world)) == 1


async def test_a_job_that_a_list_named_during_a_database_failure_is_relayed_even_if_it_ended(
    world: FollowFixture,
) -> None:
    await world.follow()
    world.run()
    await world.advance(50)
    async with world.database.transaction() as tx:
        await tx.run("ALTER TABLE follows RENAME TO elsewhere")
    world.api.put("v1-first")
    await world.advance(22)
    world.api.put("v1-first", JobState.COMPLETED, media=VIDEO)
    world.api.put("v1-second")
    await world.advance(100)
    assert await _subscriptions(world) == []
    async with world.database.transaction() as tx:
        await tx.run("ALTER TABLE elsewhere RENAME TO follows")
    await world.advance(90)
    assert {row[0] for row in await _subscriptions(world)} == {"v1-first", "v1-second"}
    assert await world.outcomes() == [("outcome", CHANNEL)]


async def test_following_again_keeps_pending_jobs(world: FollowFixture) -> None:
    await world.follow()
    world.run()
    world.api.put("v1-first")
    await world.advance(1)
    world.api.everywhere = Unavailable("503")
    await world.advance(3600)
    await world.follow(progress=True)
    world.api.everywhere = None
    world.api.put("v1-first", JobState.FAILED, updated=world.clock.now() - HOUR // 2)
    await world.advance(400)
    assert await world.outcomes() == [("outcome", CHANNEL)]


async def test_an_ended_follow_imports_nothing_more(world: FollowFixture) -> None:
    await world.follow()
    world.run()
    world.api.put("v1-first")
    await world.advance(1)
    async with world.database.transaction() as tx:
        await follows.remove(tx, GUILD, CHANNEL)
    world.follows.changed()
    world.api.put("v1-second")
    world.api.put("v1-first", JobState.FAILED)
    await world.advance(60)
    assert [row[0] for row in await _subscriptions(world)] == ["v1-first"]
    assert await world.outcomes() == [("outcome", CHANNEL)]


async def test_an_interrupted_import_leaves_no_job_unpolled(world: FollowFixture) -> None:
    """Ending the follow of an account cancels its import, perhaps just after a commit."""
    async with world.database.transaction() as tx:
        await follows.put(tx, FollowRow(GUILD, CHANNEL, ACCOUNT, False, ADMIN, START))
    world.poll()
    await world.quiet()
    jobids = [f"job-{steps}" for steps in range(80)]
    for steps, jobid in enumerate(jobids):
        world.api.put(jobid)
        importing = asyncio.create_task(world.importer.import_jobs(ACCOUNT, [jobid]))
        for _ in range(steps):
            await asyncio.sleep(0)
        importing.cancel()
        await asyncio.gather(importing, return_exceptions=True)
    imported = [jobid for jobid, *_ in await _subscriptions(world)]
    assert 0 < len(imported) < len(jobids), "some were broken off in time, and some too late"
    await world.advance(25)
    assert {jobid for _, _, jobid in world.api.asked} == set(imported)


async def test_a_lost_account_s_lists_are_left_alone_even_without_the_database(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account may be lost because of that."""
    mine = Some()
    mine.accounts = {ACCOUNT}
    world = FollowFixture(database, ownership=mine)
    await world.follow()
    world.run()
    await world.advance(100)
    asked = len(world.api.list_requests)
    assert asked >= 5

    monkeypatch.setattr(world.database, "reader", BrokenReader())
    mine.accounts = set()
    await world.advance(100)
    assert len(world.api.list_requests) == asked
    await world.close()
