from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from model import snapshots
from model.job import Job, JobState, Media
from model.states import DeliveryKind, NoticeKind
from relay.delivery import nonces, notice_json
from relay.polling.job_recorder import Recorded, apply_response
from storage import jobs, subscriptions
from storage.database import Database, Queries
from tests.relay.relay_fixture import ACCOUNT, CHANNEL, GUILD, OTHER_ACCOUNT, PERSON, RelayFixture


async def test_an_end_is_final_and_a_contradiction_is_only_logged(
    world: RelayFixture, caplog: pytest.LogCaptureFixture
) -> None:
    number = await world.watch("somebody@example.org-job")
    done = Job("job", JobState.COMPLETED, "completed")
    assert await world.recorder.record_response(number, done, ACCOUNT) is Recorded.ENDED
    woken = world.recorded.deliveries
    before = await world.rows("SELECT * FROM jobs")
    with caplog.at_level(logging.INFO):
        assert await world.recorder.record_response(number, done, ACCOUNT) is Recorded.NOTHING
        assert caplog.records == []
        for state in (JobState.FAILED, JobState.PROGRESS):
            answer = Job("job", state, state.value)
            assert await world.recorder.record_response(number, answer, ACCOUNT) is Recorded.NOTHING
        assert await world.recorder.record_missing(number, ACCOUNT) is Recorded.NOTHING
        assert await world.recorder.record_expired(number, ACCOUNT) is Recorded.NOTHING
        assert await world.recorder.give_up(number) is Recorded.NOTHING
    assert len(caplog.records) == 2
    assert "example.org" not in caplog.text
    assert await world.rows("SELECT * FROM jobs") == before
    assert await world.outcomes() == [("outcome", CHANNEL)]
    assert world.recorded.deliveries == woken


async def test_the_outcome_s_nonce_contains_nothing_local(world: RelayFixture) -> None:
    number = await world.watch("job-1")
    await world.recorder.record_expired(number, ACCOUNT)
    nonce = nonces.for_job("job-1", CHANNEL, DeliveryKind.OUTCOME)
    assert await world.rows("SELECT base_nonce FROM deliveries WHERE kind = 'outcome'") == [(nonce,)]


async def test_only_servers_that_use_the_account_are_served(world: RelayFixture) -> None:
    number = await world.watch("job-1")
    await world.watch("job-1", guild=GUILD + 1, channel=CHANNEL + 1)
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    await world.recorder.record_response(number, Job("job-1", JobState.FAILED, "failed"), ACCOUNT)
    assert await world.outcomes() == [("outcome", CHANNEL + 1)]
    assert await world.rows("SELECT guild_id FROM subscriptions WHERE ended_at IS NULL") == [(GUILD,)]
    await world.recorder.deliver_on_hold(1)
    assert len(await world.outcomes()) == 1
    del world.accounts.used[GUILD]
    await world.recorder.deliver_on_hold(1)
    await world.recorder.deliver_on_hold(1)
    assert await world.outcomes() == [("outcome", CHANNEL + 1), ("outcome", CHANNEL)]


async def test_an_unsent_card_is_dropped_at_the_end(world: RelayFixture) -> None:
    number = await world.watch("job-1")
    await world.watch("job-1", channel=CHANNEL + 1)
    async with world.database.transaction() as tx:
        await tx.run("UPDATE deliveries SET state = 'posted', message_id = 5 WHERE channel_id = ?", (CHANNEL + 1,))
    await world.recorder.record_response(number, Job("job-1", JobState.FAILED, "failed"), ACCOUNT)
    assert await world.rows("SELECT channel_id FROM deliveries WHERE kind = 'card'") == [(CHANNEL + 1,)]


async def test_cards_are_notified_only_of_changes(world: RelayFixture) -> None:
    number = await world.watch("job-1")
    world.recorded.news.clear()
    same = world.api.jobs["job-1"]
    assert await world.recorder.record_response(number, same, ACCOUNT) is Recorded.NOTHING
    assert world.recorded.news == []
    assert await world.recorder.record_response(number, world.api.put("job-1", percent=3), ACCOUNT) is Recorded.NEWS
    assert world.recorded.news == [number]
    assert (
        await world.recorder.record_response(number, Job("job-1", JobState.CREATED, "created"), ACCOUNT)
        is Recorded.NOTHING
    )


async def test_a_clock_set_back_makes_no_job_missing(world: RelayFixture) -> None:
    number = await world.watch("job-1")
    world.clock.jumped = 3_600_000
    await world.recorder.record_missing(number, ACCOUNT)
    world.clock.jumped = 0
    assert await world.recorder.record_missing(number, ACCOUNT) is Recorded.NOTHING
    world.clock.move_to(world.clock.monotonic() + 59)
    assert await world.recorder.record_missing(number, ACCOUNT) is Recorded.NOTHING
    world.clock.move_to(world.clock.monotonic() + 1)
    assert await world.recorder.record_missing(number, ACCOUNT) is Recorded.ENDED


async def test_two_not_founds_are_at_least_a_long_interval_apart(database: Database) -> None:
    world = RelayFixture(database, interval=300)
    number = await world.watch("job-1")
    await world.recorder.record_missing(number, ACCOUNT)
    world.clock.move_to(world.clock.monotonic() + 299)
    assert await world.recorder.record_missing(number, ACCOUNT) is Recorded.NOTHING
    world.clock.move_to(world.clock.monotonic() + 1)
    assert await world.recorder.record_missing(number, ACCOUNT) is Recorded.ENDED
    await world.close()


async def test_a_job_unknown_here_is_no_problem(world: RelayFixture) -> None:
    assert await world.recorder.record_response(99, Job("j", JobState.FAILED, "failed"), ACCOUNT) is Recorded.NOTHING
    assert await world.recorder.record_missing(99, ACCOUNT) is Recorded.NOTHING
    assert await world.recorder.give_up(99) is Recorded.NOTHING


_URL = Media("https://media.example/a.mp4")
_LACKING = Job("user:4321-pixverse:me@example.com-video:1", JobState.PROGRESS, "COMPLETED", lacks_file=True)


@pytest.mark.parametrize("media", [(), (_URL,)])
async def test_a_complete_job_without_a_file_is_requested_for_minutes(
    world: RelayFixture, media: tuple[Media, ...]
) -> None:
    number = await world.watch(_LACKING.jobid)
    lacking = replace(_LACKING, media=media)
    assert await world.recorder.record_response(number, lacking, ACCOUNT) is Recorded.NEWS
    world.clock.move_to(world.clock.monotonic() + 240)
    assert await world.recorder.record_response(number, lacking, ACCOUNT) is Recorded.NOTHING
    world.clock.move_to(world.clock.monotonic() + 60)
    assert await world.recorder.record_response(number, lacking, ACCOUNT) is Recorded.ENDED
    assert await world.outcomes() == [("outcome", CHANNEL)]
    row = await jobs.by_id(world.database.reader, number)
    job = snapshots.load(row.snapshot) if row is not None else None
    assert job is not None
    assert (job.state, job.media) == (JobState.COMPLETED, media)


async def test_a_complete_job_without_a_file_ends_even_if_each_response_differs(world: RelayFixture) -> None:
    number = await world.watch(_LACKING.jobid)
    for seconds in range(0, 300, 20):
        link = Media(f"https://media.example/a.mp4?signature={seconds}")
        lacking = replace(_LACKING, media=(link,), updated=world.clock.now())
        assert await world.recorder.record_response(number, lacking, ACCOUNT) is Recorded.NEWS
        world.clock.move_to(world.clock.monotonic() + 20)
    assert await world.recorder.record_response(number, _LACKING, ACCOUNT) is Recorded.ENDED
    assert await world.outcomes() == [("outcome", CHANNEL)]


async def test_a_clock_set_back_makes_no_job_wait_longer_for_its_file(world: RelayFixture) -> None:
    number = await world.watch(_LACKING.jobid)
    world.clock.jumped = 3_600_000
    await world.recorder.record_response(number, _LACKING, ACCOUNT)
    world.clock.jumped = 0
    assert await world.recorder.record_response(number, _LACKING, ACCOUNT) is Recorded.NEWS
    world.clock.move_to(world.clock.monotonic() + 300)
    assert await world.recorder.record_response(number, _LACKING, ACCOUNT) is Recorded.ENDED


async def test_a_job_that_runs_again_waits_for_its_file_anew(world: RelayFixture) -> None:
    number = await world.watch(_LACKING.jobid)
    await world.recorder.record_response(number, _LACKING, ACCOUNT)
    world.clock.move_to(world.clock.monotonic() + 200)
    await world.recorder.record_response(number, Job(_LACKING.jobid, JobState.PROGRESS, "GENERATING"), ACCOUNT)
    await world.recorder.record_response(number, _LACKING, ACCOUNT)
    world.clock.move_to(world.clock.monotonic() + 200)
    assert await world.recorder.record_response(number, _LACKING, ACCOUNT) is Recorded.NOTHING


@pytest.mark.parametrize("between", [None, Job(_LACKING.jobid, JobState.PROGRESS, "in work")])
@pytest.mark.parametrize("end", [_LACKING, Job(_LACKING.jobid, JobState.COMPLETED, "COMPLETED")])
async def test_an_address_from_before_the_end_is_kept(world: RelayFixture, between: Job | None, end: Job) -> None:
    """PixVerse may name the address while the video is made, and blank it afterwards."""
    number = await world.watch(_LACKING.jobid)
    running = Job(_LACKING.jobid, JobState.PROGRESS, "GENERATING", media=(_URL,))
    assert await world.recorder.record_response(number, running, ACCOUNT) is Recorded.NEWS
    other = replace(running, media=(Media("https://media.example/b.mp4"),))
    assert await world.recorder.record_response(number, other, ACCOUNT) is Recorded.NOTHING
    if between is not None:
        await world.recorder.record_response(number, between, ACCOUNT)
    await world.recorder.record_response(number, end, ACCOUNT)
    world.clock.move_to(world.clock.monotonic() + 300)
    await world.recorder.record_response(number, end, ACCOUNT)
    row = await jobs.by_id(world.database.reader, number)
    job = snapshots.load(row.snapshot) if row is not None else None
    assert job is not None
    assert (job.state, job.media) == (JobState.COMPLETED, (_URL,))


async def test_a_failed_job_has_no_address(world: RelayFixture) -> None:
    number = await world.watch(_LACKING.jobid)
    for state in (JobState.PROGRESS, JobState.FAILED):
        media = (_URL,) if state is JobState.PROGRESS else ()
        await world.recorder.record_response(number, Job(_LACKING.jobid, state, "word", media=media), ACCOUNT)
    row = await jobs.by_id(world.database.reader, number)
    job = snapshots.load(row.snapshot) if row is not None else None
    assert job is not None
    assert (job.state, job.media) == (JobState.FAILED, ())


async def test_a_later_response_removes_no_address(world: RelayFixture) -> None:
    number = await world.watch(_LACKING.jobid)
    both = (_URL, Media("https://media.example/b.mp4"))
    done = Job(_LACKING.jobid, JobState.COMPLETED, "COMPLETED", media=both)
    await world.recorder.record_response(number, done, ACCOUNT)
    fresh, other = Media("https://media.example/a.mp4?new"), Media("https://media.example/c.mp4")
    for media, kept in (((other,), both), ((fresh,), (fresh, both[1])), ((fresh, fresh), (fresh, fresh))):
        await world.recorder.refresh_ended(number, replace(done, media=media))
        row = await jobs.by_id(world.database.reader, number)
        job = snapshots.load(row.snapshot) if row is not None else None
        assert job is not None
        assert job.media == kept


@pytest.mark.parametrize("updated", [None, 5])
async def test_what_the_bot_saw_of_an_end_without_a_time(world: RelayFixture, updated: int | None) -> None:
    number = await world.watch(_LACKING.jobid)
    running = Job(_LACKING.jobid, JobState.PROGRESS, "GENERATING")
    await world.recorder.record_response(number, running, ACCOUNT)
    world.clock.move_to(world.clock.monotonic() + 1_000)
    seen = world.clock.now()
    assert await world.recorder.record_response(number, running, ACCOUNT) is Recorded.NOTHING
    world.clock.move_to(world.clock.monotonic() + 20)
    done = Job(_LACKING.jobid, JobState.COMPLETED, "COMPLETED", updated=updated, media=(_URL,))
    await world.recorder.record_response(number, done, ACCOUNT, seen)
    await world.recorder.refresh_ended(number, done)
    row = await jobs.by_id(world.database.reader, number)
    job = snapshots.load(row.snapshot) if row is not None else None
    assert job is not None
    assert (job.ran_until, job.ended_by) == ((seen, seen + 20_000) if updated is None else (None, None))


async def test_after_a_restart_the_last_change_shows_when_a_job_was_running(world: RelayFixture) -> None:
    number = await world.watch(_LACKING.jobid)
    await world.recorder.record_response(number, Job(_LACKING.jobid, JobState.PROGRESS, "GENERATING"), ACCOUNT)
    seen = world.clock.now()
    world.clock.move_to(world.clock.monotonic() + 1_800)
    row = await jobs.by_id(world.database.reader, number)
    assert row is not None
    done = Job(_LACKING.jobid, JobState.COMPLETED, "COMPLETED", media=(_URL,))
    async with world.database.transaction() as tx:
        await apply_response(tx, world.accounts, row, done, world.clock.now(), discord_now=world.clock.now())
        ended = await jobs.by_id(tx, row.id)
    assert ended is not None
    job = snapshots.load(ended.snapshot)
    assert job is not None
    assert (job.ran_until, job.ended_by) == (seen, world.clock.now())


async def test_a_response_to_a_replaced_token_changes_nothing(world: RelayFixture) -> None:
    """The job moved to the new token during a request with the old one."""
    number = await world.watch("job-1")
    async with world.database.transaction() as tx:
        await tx.run("UPDATE jobs SET account_id = ?", (OTHER_ACCOUNT,))
    before = await world.rows("SELECT * FROM jobs")
    for _ in range(2):
        assert await world.recorder.record_missing(number, ACCOUNT) is Recorded.NOTHING
        world.clock.move_to(world.clock.monotonic() + 600)
    assert await world.recorder.record_expired(number, ACCOUNT) is Recorded.NOTHING
    done = Job("job-1", JobState.COMPLETED, "completed")
    assert await world.recorder.record_response(number, done, ACCOUNT) is Recorded.NOTHING
    assert await world.rows("SELECT * FROM jobs") == before


async def test_a_job_on_hold_for_another_account_is_given_up_once_it_is_old(world: RelayFixture) -> None:
    """Nobody decided about the job, and it can't be requested. Otherwise it would count against the person's limit for
    ever.
    """
    number = await world.watch("job-1")
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    before = world.clock.now()
    await world.recorder.give_up_on_hold(before - 1)
    assert await world.outcomes() == []
    await world.recorder.give_up_on_hold(before)
    assert await world.rows("SELECT outcome FROM jobs WHERE id = ?", number) == [("given up",)]
    assert await world.outcomes() == [("outcome", CHANNEL)]
    assert await world.rows("SELECT id FROM subscriptions WHERE ended_at IS NULL") == []


async def test_a_job_on_hold_in_only_one_server_continues_in_the_other(world: RelayFixture) -> None:
    number = await world.watch("job-1")
    await world.watch("job-1", guild=GUILD + 1, channel=CHANNEL + 1)
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    await world.recorder.give_up_on_hold(world.clock.now())
    assert await world.rows("SELECT ended_at FROM jobs WHERE id = ?", number) == [(None,)]
    assert await world.rows("SELECT guild_id FROM subscriptions WHERE ended_at IS NULL") == [(GUILD,), (GUILD + 1,)]


async def test_a_batch_ends_with_a_job_whose_end_is_reported_to_nobody(world: RelayFixture) -> None:
    for jobid in ("job-1", "job-2"):
        world.api.put(jobid)
    await world.commands.many.watch(world.ask(), "job-1 job-2", True)
    await world.watch("job-2", guild=GUILD + 1, channel=CHANNEL + 1)
    await world.recorder.record_response(1, Job("job-1", JobState.FAILED, "failed"), ACCOUNT)
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    await world.recorder.record_response(2, Job("job-2", JobState.MODERATED, "moderated"), ACCOUNT)
    assert await world.rows("SELECT id FROM batches WHERE ended_at IS NULL") == [(1,)]
    await world.recorder.give_up_on_hold(world.clock.now())
    assert await world.rows("SELECT id FROM batches WHERE ended_at IS NULL") == []
    ((notice,),) = await world.rows("SELECT notice FROM deliveries WHERE kind = 'notice'")
    told = notice_json.load(str(notice), "")
    assert (told.kind, told.mention) == (NoticeKind.BATCH_ENDED, (PERSON,))
    assert told.tally is not None
    assert (told.tally.total, told.tally.failed, told.tally.refused) == (1, 1, 0)


async def test_nothing_is_posted_of_a_job_that_is_watched_again_by_now(
    world: RelayFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def before(_queries: Queries, _account_id: int) -> list[int]:
        return [number]

    world.api.put("job-1")
    number = await world.watch("job-1")
    monkeypatch.setattr(subscriptions, "ended_jobs_with_open", before)
    await world.recorder.deliver_on_hold(ACCOUNT)
    assert await world.outcomes() == []


async def test_an_end_that_a_server_s_account_never_saw_is_not_posted(world: RelayFixture) -> None:
    number = await world.watch("job-1")
    await world.watch("job-1", guild=GUILD + 1, channel=CHANNEL + 1)
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    await world.recorder.record_response(number, Job("job-1", JobState.FAILED, "failed"), ACCOUNT)
    await world.recorder.give_up_on_hold(world.clock.now())
    assert await world.outcomes() == [("outcome", CHANNEL + 1)]
    assert await world.rows("SELECT id FROM subscriptions WHERE ended_at IS NULL") == []
