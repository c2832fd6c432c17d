from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from model.job import Job, JobState, Media, Outcome
from model.messages import (
    Address,
    BatchTally,
    CardPost,
    LateReason,
    LinkReason,
    NoResponse,
    NoticePost,
    Obstacle,
    OutcomePost,
    Post,
    Refused,
    SendResult,
    TooManyRequests,
    VideoFile,
    VideoLink,
)
from model.states import AccountState, DeliveryKind, NoticeKind
from relay.delivery import nonces, notice_json
from relay.delivery.attachments import Attacher, UploadBounds
from relay.delivery.fallbacks import Variant
from relay.delivery.verdicts import BLOCKED_FOR_AT_MOST
from storage import accounts, deliveries, delivery_queries, jobs, servers, subscriptions
from tests.relay.discord_channel import DEAD, LOST
from tests.relay.outbox_fixture import GUILD, OutboxFixture, completed

CHANNEL = 5
ALERTS = 6
NO_ACCESS = Refused(403, 50001)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[OutboxFixture]:
    made = OutboxFixture(tmp_path / "relay.db")
    await made.start()
    await made.account()
    yield made
    await made.stop()


def only(world: OutboxFixture, channel_id: int = CHANNEL) -> OutcomePost:
    posts = world.discord.outcomes(channel_id)
    assert len(posts) == 1
    return posts[0]


# ---- what is posted -------------------------------------------------------------------------------------------------


async def test_the_outcome_replies_to_the_card_and_pings_those_who_asked_for_it(world: OutboxFixture) -> None:
    subscription_id = await world.watch("job", CHANNEL, users=(9, 8), card=True)
    await world.pump()
    async with world.database.transaction() as tx:
        await subscriptions.set_mention(tx, subscription_id, 8, False)
    await world.end(completed("job", 2))
    await world.pump()

    card = await world.card_message(subscription_id)
    post = only(world)
    assert post.reply_to == card is not None
    assert post.mention == (9,)
    assert [file.index for file in post.files] == [1, 2]
    assert not post.silent
    assert world.videos.held == 0


async def test_a_spoiler_that_is_asked_for_while_the_video_is_fetched_counts(world: OutboxFixture) -> None:
    subscription_id = await world.watch("job", CHANNEL, users=(9,))
    await world.end(completed("job"))
    fetch = world.videos.fetch

    @asynccontextmanager
    async def fetch_slowly(job_id: int, job: Job) -> AsyncIterator[tuple[VideoFile | VideoLink, ...]]:
        async with world.database.transaction() as tx:
            await subscriptions.set_spoiler(tx, subscription_id)
        async with fetch(job_id, job) as found:
            yield found

    world.videos.fetch = fetch_slowly  # type: ignore[method-assign]
    await world.pump()
    assert only(world).spoiler


async def test_a_job_without_video_downloads_nothing(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL)
    await world.end(Job("job", JobState.FAILED, "failed", error="no"), Outcome.FAILED)
    await world.pump()

    assert only(world).outcome is Outcome.FAILED
    assert world.videos.fetched == []


async def test_the_first_jobs_of_a_batch_are_silent_and_the_last_pings_once(world: OutboxFixture) -> None:
    batch_id = await world.batch(CHANNEL, 9)
    first = await world.watch("one", CHANNEL, batch_id=batch_id, users=(9,))
    last = await world.watch("two", CHANNEL, batch_id=batch_id, users=(9,))
    assert first != last
    await world.end(completed("one"))
    await world.end(Job("two", JobState.MODERATED, "moderated"), Outcome.MODERATED, closes=(last,))
    await world.pump()

    one, two = world.discord.outcomes(CHANNEL)
    assert (one.silent, one.mention, one.batch) == (True, (), None)
    assert (two.silent, two.mention) == (False, ())
    assert two.batch == BatchTally(total=2, videos=1, images=0, links=0, failed=0, refused=1, other=0, mention=(9,))


async def test_a_stopped_job_is_not_counted_even_if_it_ended_for_another_channel(world: OutboxFixture) -> None:
    batch_id = await world.batch(CHANNEL, 9)
    stopped = await world.watch("one", CHANNEL, batch_id=batch_id)
    await world.watch("one", CHANNEL + 1)
    last = await world.watch("two", CHANNEL, batch_id=batch_id)
    async with world.database.transaction() as tx:
        await subscriptions.stop(tx, stopped, 9, world.clock.now())
    await world.end(completed("one"))
    await world.end(completed("two"), closes=(last,))
    await world.pump()

    (told,) = world.discord.outcomes(CHANNEL)
    assert told.batch is not None
    assert (told.batch.total, told.batch.videos) == (1, 1)


async def test_a_completed_job_without_video_is_not_counted_as_one_with_video(world: OutboxFixture) -> None:
    batch_id = await world.batch(CHANNEL, 9)
    last = await world.watch("one", CHANNEL, batch_id=batch_id)
    await world.end(completed("one", 0), closes=(last,))
    await world.pump()

    tally = only(world).batch
    assert tally is not None
    assert (tally.total, tally.videos, tally.other) == (1, 0, 1)


async def test_the_tally_counts_videos_images_and_links_separately(world: OutboxFixture) -> None:
    batch_id = await world.batch(CHANNEL, 9)
    names = ["two", "image", "link", "failed", "both"]
    *_, last = [await world.watch(name, CHANNEL, batch_id=batch_id) for name in names]
    link = VideoLink(1, "https://cdn.example/1.mp4", LinkReason.HOST_NOT_ALLOWED)
    picture = Media("https://cdn.example/1.png", image=True)
    await world.end(completed("two", 2))
    await world.pump()
    await world.end(replace(completed("image"), media=(picture,)))
    await world.pump()
    world.videos.answers = [(link,)]
    await world.end(completed("link"))
    await world.pump()
    await world.end(Job("failed", JobState.FAILED, "failed"), Outcome.FAILED)
    await world.pump()
    world.videos.answers = [(link, *world.videos._files(completed("both", 2))[1:])]
    await world.end(completed("both", 2), closes=(last,))
    await world.pump()

    tally = world.discord.outcomes(CHANNEL)[-1].batch
    assert tally == BatchTally(total=5, videos=3, images=1, links=2, failed=1, refused=0, other=0, mention=(9,))


async def test_a_repost_pings_nobody(world: OutboxFixture) -> None:
    subscription_id = await world.watch("job", CHANNEL, users=(9,))
    await world.end(completed("job"))
    await world.pump()
    async with world.database.transaction() as tx:
        await deliveries.add_outcome(
            tx,
            subscription_id=subscription_id,
            kind=DeliveryKind.AGAIN,
            job_round=1,
            guild_id=GUILD,
            channel_id=CHANNEL,
            base_nonce=nonces.for_job("job", CHANNEL, DeliveryKind.AGAIN, 1),
            closes_batch=False,
            now=world.clock.now(),
        )
    await world.pump()

    first, again = world.discord.outcomes(CHANNEL)
    assert (first.mention, again.mention) == ((9,), ())
    assert first.button_nonce != again.button_nonce


async def test_a_superseded_outcome_is_not_posted(world: OutboxFixture) -> None:
    subscription_id = await world.watch("job", CHANNEL)
    delivery_id = (await world.end(Job("job", JobState.STARTED, "started"), Outcome.GIVEN_UP))[0]
    await _taken_up_again(world, subscription_id)
    await world.pump()

    assert world.discord.messages == []
    assert (await world.get(delivery_id)).reason == "not wanted"


async def test_a_card_is_not_posted_once_its_job_has_ended(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL, card=True)
    await world.end(completed("job"))
    await world.pump()

    assert len(world.discord.messages) == 1
    assert only(world).reply_to is None


async def test_a_card_whose_response_was_lost_is_found_even_if_the_job_has_ended(world: OutboxFixture) -> None:
    subscription_id = await world.watch("job", CHANNEL, card=True)
    world.discord.script = [LOST]
    await world.pump()
    await world.end(completed("job"))
    await world.pump_for(60_000)

    card = await world.card_message(subscription_id)
    assert card == world.discord.messages[0].id
    assert len(world.discord.messages) == 2


# ---- files and links ------------------------------------------------------------------------------------------------


async def test_too_large_files_become_links_largest_first_until_the_rest_fits(world: OutboxFixture) -> None:
    media = tuple(Media(f"https://cdn.example/{size}.mp4", size=size) for size in (300, 900, 500))
    await world.watch("job", CHANNEL)
    await world.end(Job("job", JobState.COMPLETED, "completed", media=media))
    world.discord.script = [Refused(413, 40005), Refused(413, 40005)]
    await world.pump()

    post = only(world)
    assert [file.index for file in post.files] == [1]
    assert [(link.index, link.reason) for link in post.links] == [
        (2, LinkReason.TOO_LARGE),
        (3, LinkReason.TOO_LARGE),
    ]
    assert [tried.nonce for tried in world.discord.tried] != [post.nonce] * 3
    assert await _limit(world) is None


async def _limit(world: OutboxFixture) -> int | None:
    server = await servers.get(world.database.reader, GUILD)
    return None if server is None else server.upload_limit


async def test_a_single_too_large_file_teaches_the_limit_and_the_next_is_a_link_at_once(world: OutboxFixture) -> None:
    await world.watch("one", CHANNEL)
    await world.watch("two", CHANNEL)
    world.discord.nominal = 400
    world.videos.size = 500
    big = (Media("https://cdn.example/a.mp4", size=500),)
    await world.end(Job("one", JobState.COMPLETED, "completed", media=big))
    world.discord.script = [Refused(413, 0)]
    await world.pump()
    assert await _limit(world) == 499

    await world.end(Job("two", JobState.COMPLETED, "completed", media=big))
    await world.pump()

    assert len(world.discord.tried) == 3
    assert [link.limit for post in world.discord.outcomes(CHANNEL) for link in post.links] == [400, 400]


async def test_a_learned_limit_is_tried_again_after_some_hours(world: OutboxFixture) -> None:
    big = (Media("https://cdn.example/a.mp4", size=500),)
    for jobid, hours, tried in (("one", 0, 2), ("two", 5, 1), ("three", 1, 2), ("four", 5, 1), ("five", 1, 1)):
        world.clock.advance(hours * 3600_000)
        await world.watch(jobid, CHANNEL)
        await world.end(Job(jobid, JobState.COMPLETED, "completed", media=big))
        world.discord.script = [Refused(413, 40005)] if tried == 2 else []
        before = len(world.discord.tried)
        await world.pump()
        assert len(world.discord.tried) - before == tried, jobid
    attached = [len(post.files) for post in world.discord.outcomes(CHANNEL)]
    assert attached == [0, 0, 0, 0, 1]


async def test_without_attach_files_links_are_posted_without_downloading(world: OutboxFixture) -> None:
    world.discord.attach = False
    await world.watch("job", CHANNEL)
    await world.end(completed("job", 2))
    await world.pump()

    assert [link.reason for link in only(world).links] == [LinkReason.MAY_NOT_ATTACH] * 2
    assert world.videos.fetched == []


async def test_an_expired_link_is_refreshed_before_the_download(world: OutboxFixture) -> None:
    past, later = (f"{world.clock.now() // 1000 + seconds:x}" for seconds in (-60, 3600))
    old = Job("job", JobState.COMPLETED, "completed", media=(Media(f"https://cdn.example/a.mp4?ex={past}&"),))
    fresh = replace(old, media=(Media(f"https://cdn.example/a.mp4?ex={later}&"),))
    world.fresh_job = fresh
    await world.watch("job", CHANNEL)
    await world.end(old)
    await world.pump()

    assert world.refreshes == [1]
    assert world.videos.fetched == [fresh]
    assert only(world).job == fresh


async def test_a_link_found_to_be_expired_is_refreshed_once(world: OutboxFixture) -> None:
    job = completed("job")
    dead = VideoLink(1, job.media[0].url, LinkReason.EXPIRED)
    world.fresh_job = replace(job, media=(Media("https://cdn.example/new.mp4"),))
    world.videos.answers = [(dead,), (dead,)]
    await world.watch("job", CHANNEL)
    await world.end(job)
    await world.pump()

    assert world.refreshes == [1]
    assert only(world).links == (dead,)


@pytest.mark.parametrize("is_ahead", [True, False])
@pytest.mark.parametrize("told_by_host", [True, False])
async def test_freshly_refreshed_links_are_not_requested_at_each_try(
    world: OutboxFixture, is_ahead: bool, told_by_host: bool
) -> None:
    """Discord takes nothing for minutes. To a clock that is ahead the new links look dead, too."""
    past, later = (f"{world.clock.now() // 1000 + seconds:x}" for seconds in (-60, 86_400))
    old = Job("job", JobState.COMPLETED, "completed", media=(Media(f"https://cdn.example/a.mp4?ex={past}&"),))
    if told_by_host:
        old = completed("job")
    fresh = replace(old, media=(Media(f"https://cdn.example/b.mp4?ex={past if is_ahead else later}&"),))
    dead = VideoLink(1, old.media[0].url, LinkReason.EXPIRED)
    world.videos.on_fetch = lambda: setattr(
        world.videos, "answers", [(dead,)] if world.videos.fetched[-1].media == old.media else []
    )
    world.fresh_job = fresh
    await world.watch("job", CHANNEL)
    await world.end(old)
    world.discord.script = [TooManyRequests(40.0)] * 8
    for _ in range(6):
        await world.pump()
        world.clock.advance(40_100)
    assert world.refreshes == [1]
    for _ in range(4):
        await world.pump()
        world.clock.advance(40_100)
    assert world.refreshes == [1, 1]
    assert only(world).job == fresh


async def test_fresh_links_that_are_dead_too_are_not_requested_at_each_try(world: OutboxFixture) -> None:
    job = completed("job")
    dead = VideoLink(1, job.media[0].url, LinkReason.EXPIRED)
    world.videos.on_fetch = lambda: setattr(world.videos, "answers", [(dead,)])
    world.fresh_job = replace(job, media=(Media("https://cdn.example/new.mp4"),))
    await world.watch("job", CHANNEL)
    await world.end(job)
    world.discord.script = [TooManyRequests(40.0)] * 5
    for _ in range(6):
        await world.pump()
        world.clock.advance(40_100)
    assert world.refreshes == [1]
    assert only(world).links == (dead,)


async def test_fresh_links_of_one_server_do_not_serve_another(world: OutboxFixture) -> None:
    """The other one may have another token by now."""
    past = f"{world.clock.now() // 1000 - 60:x}"
    old = Job("job", JobState.COMPLETED, "completed", media=(Media(f"https://cdn.example/a.mp4?ex={past}&"),))
    attacher = Attacher(world.videos, world.refresh_links, world.clock)
    got = []
    for guild_id, fresh in ((GUILD, replace(old, media=(Media("https://cdn.example/b.mp4"),))), (GUILD + 1, None)):
        world.fresh_job = fresh
        bounds = UploadBounds(guild_id=guild_id, may_attach=True, learned=None, nominal=None)
        async with attacher.attachments(1, old, Variant(), bounds) as found:
            got.append(found.job.media[0].url)
    assert got == ["https://cdn.example/b.mp4", old.media[0].url]


async def test_links_refreshed_since_replace_those_of_an_earlier_try(world: OutboxFixture) -> None:
    past = f"{world.clock.now() // 1000 - 60:x}"
    old, fresh, newer = (
        Job("job", JobState.COMPLETED, "completed", media=(Media(f"https://cdn.example/{name}.mp4?ex={past}&"),))
        for name in "abc"
    )
    world.fresh_job = fresh
    await world.watch("job", CHANNEL)
    await world.end(old)
    world.discord.script = [TooManyRequests(40.0)]
    await world.pump()
    world.fresh_job = newer
    await world.answer(newer)
    world.clock.advance(40_100)
    await world.pump()
    assert only(world).job == newer


_WORKS_LATER = {
    "no file yet": VideoLink(1, completed("job").media[0].url, LinkReason.NOT_THERE),
    "a server error": VideoLink(1, completed("job").media[0].url, LinkReason.FETCH_FAILED, may_pass=True),
}


@pytest.mark.parametrize("appears", [5, 30, 90])
@pytest.mark.parametrize("why", _WORKS_LATER)
async def test_a_link_that_works_a_little_later(world: OutboxFixture, appears: int, why: str) -> None:
    job = completed("job")
    absent, there = _WORKS_LATER[why], VideoFile(1, Path("video"), ".mp4", 9)
    started = world.clock.monotonic()

    def look() -> None:
        world.videos.answers = [(there,) if world.clock.monotonic() - started >= appears else (absent,)]

    world.videos.on_fetch = look
    await world.watch("job", CHANNEL)
    await world.end(job)
    await world.pump()
    assert world.discord.outcomes(CHANNEL) == []
    for _ in range(30):
        world.clock.advance(5_000)
        await world.pump()
    assert only(world).files == (there,)
    assert len(world.videos.fetched) <= 6


async def test_a_link_that_does_not_work_for_over_a_minute(world: OutboxFixture) -> None:
    job = completed("job")
    absent = VideoLink(1, job.media[0].url, LinkReason.NOT_THERE)
    world.videos.on_fetch = lambda: setattr(world.videos, "answers", [(absent,)])
    world.fresh_job = job
    await world.watch("job", CHANNEL)
    await world.end(job)
    for _ in range(12):
        await world.pump()
        assert world.discord.outcomes(CHANNEL) == []
        world.clock.advance(5_000)
    for _ in range(12):
        world.clock.advance(5_000)
        await world.pump()
    assert only(world).links == (absent,)
    assert len(world.refreshes) == 2


async def test_a_host_with_errors_for_over_a_minute_is_not_waited_for(world: OutboxFixture) -> None:
    broken = _WORKS_LATER["a server error"]
    world.videos.on_fetch = lambda: setattr(world.videos, "answers", [(broken,)])
    await world.watch("job", CHANNEL)
    await world.end(completed("job"))
    await world.pump_for(90_000)
    assert world.discord.outcomes(CHANNEL) == []
    await world.pump_for(30_000)
    assert only(world).links == (broken,)
    assert world.refreshes == []


@pytest.mark.parametrize(("jobs", "seconds"), [(1, 700), (2, 250)])
async def test_a_host_whose_errors_take_minutes_is_not_waited_for_forever(
    world: OutboxFixture, jobs: int, seconds: int
) -> None:
    """Many downloads may have to wait for each other, and each may fail only after minutes."""
    broken = _WORKS_LATER["a server error"]

    def fail() -> None:
        world.videos.answers = [(broken,)]
        world.clock.advance(seconds * 1000)

    world.videos.on_fetch = fail
    for number in range(jobs):
        await world.watch(f"job-{number}", CHANNEL + number)
        await world.end(completed(f"job-{number}"))
    await world.pump_for(3_000_000)
    assert only(world).links == (broken,)
    assert len(world.videos.fetched) <= 3 * jobs


async def test_a_download_that_failed_for_good_is_posted_as_a_link_at_once(world: OutboxFixture) -> None:
    broken = VideoLink(1, completed("job").media[0].url, LinkReason.FETCH_FAILED)
    world.videos.answers = [(broken,)]
    await world.watch("job", CHANNEL)
    await world.end(completed("job"))
    await world.pump()
    assert only(world).links == (broken,)


async def test_a_download_that_outlasts_the_nonce_is_followed_by_a_search(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL)
    await world.end(completed("job"))
    world.discord.script = [LOST]
    await world.pump()
    world.clock.advance(100_000)
    world.videos.on_fetch = lambda: world.clock.advance(200_000)
    await world.pump()

    only(world)
    assert len(world.discord.tried) == 1


# ---- refusals -------------------------------------------------------------------------------------------------------


async def test_blocked_words_are_left_out_with_a_new_nonce_and_the_same_button(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL)
    await world.end(completed("job"))
    world.discord.script = [Refused(403, 200000)]
    await world.pump()

    first, second = world.discord.tried
    assert isinstance(first, OutcomePost)
    assert isinstance(second, OutcomePost)
    assert (first.without_api_text, second.without_api_text) == (False, True)
    assert first.nonce != second.nonce
    assert first.button_nonce == second.button_nonce


async def test_a_refused_reply_is_sent_as_a_plain_message_with_the_same_nonce(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL, card=True)
    await world.pump()
    await world.end(completed("job"))
    world.discord.script = [Refused(400, 160002)]
    await world.pump()

    refused, taken = world.discord.tried[1:]
    assert refused.nonce == taken.nonce
    assert only(world).reply_to is None


def _answer_no_upload(world: OutboxFixture, monkeypatch: pytest.MonkeyPatch) -> list[OutcomePost]:
    """Discord's proxy cuts off every message with a file, and stores none of them."""
    taken, uploads = world.discord.post, []

    async def post(address: Address, message: Post) -> SendResult:
        if isinstance(message, OutcomePost) and message.files:
            uploads.append(message)
            return NoResponse()
        return await taken(address, message)

    monkeypatch.setattr(world.discord, "post", post)
    return uploads


async def test_an_upload_that_never_succeeds_becomes_a_link(
    world: OutboxFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.watch("job", CHANNEL)
    await world.end(completed("job"))
    uploads = _answer_no_upload(world, monkeypatch)
    await world.pump_for(240_000)
    assert world.discord.outcomes(CHANNEL) == [], "not after a few minutes: it may pass"

    await world.pump_for(1_800_000)
    assert only(world).files == ()
    assert only(world).links[0].reason is LinkReason.FILE_REFUSED
    assert len({upload.nonce for upload in uploads}) == 1
    assert world.sender.remembered == set()


async def test_files_that_were_not_to_blame_come_back(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL)
    await world.end(completed("job"))
    world.discord.script = [DEAD] * 25
    await world.pump_for(4 * 3_600_000, step=60_000)
    forms = [bool(post.files) for post in world.discord.tried if isinstance(post, OutcomePost)]
    assert True in forms[forms.index(False) :], "the form without files was not taken either"
    only(world)


async def test_another_refusal_in_between_restarts_the_wait_for_a_permission(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL)
    await world.end(completed("job"))
    unexplained = Refused(403, 50013)
    world.discord.script = [unexplained, unexplained, Refused(403, 200000), unexplained]
    await world.pump_for(60_000, 1_000)

    assert only(world).without_api_text
    assert only(world).files != ()


async def test_a_message_deleted_before_it_is_recorded_is_done(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL)
    delivery_id = (await world.end(completed("job")))[0]
    world.discord.script = [LOST]
    await world.pump()
    world.discord.messages[0].deleted = True
    await world.pump_for(20_000)

    delivery = await world.get(delivery_id)
    assert (delivery.state, delivery.message_id, delivery.reason) == ("posted", None, "deleted")
    assert len(world.discord.messages) == 1


async def test_a_refused_bot_token_stops_everything_and_loses_nothing(world: OutboxFixture) -> None:
    await world.watch("one", CHANNEL)
    await world.watch("two", CHANNEL + 1)
    await world.end(completed("one"))
    await world.end(completed("two"))
    world.discord.script = [Refused(401, 0)]
    await world.pump()
    assert world.sender.token_dead
    assert len(world.discord.tried) == 1

    world.renew()
    await world.pump()
    only(world)
    only(world, CHANNEL + 1)


async def test_a_rate_limit_is_waited_out_without_a_search(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL)
    await world.end(completed("job"))
    world.discord.script = [TooManyRequests(300.0)]
    await world.pump_for(290_000)
    assert len(world.discord.tried) == 1
    await world.pump_for(20_000)

    only(world)
    assert world.discord.looks == []


# ---- permissions ----------------------------------------------------------------------------------------------------


async def _set_alerts(world: OutboxFixture, channel_id: int | None) -> None:
    async with world.database.transaction() as tx:
        await servers.set_alerts_channel(tx, GUILD, channel_id)


def _notices(world: OutboxFixture) -> list[NoticePost]:
    return [message.post for message in world.discord.messages if isinstance(message.post, NoticePost)]


async def test_an_unknown_channel_is_not_a_missing_permission(world: OutboxFixture) -> None:
    """The bot reports a deleted channel only once it is certain: by a gateway event, or by a check after the next
    login.
    """
    await _set_alerts(world, ALERTS)
    await world.watch("one", CHANNEL)
    delivery_id = (await world.end(completed("one")))[0]
    world.discord.script = [Refused(404, 10003)]
    await world.pump()
    assert (await world.get(delivery_id)).reason == "unknown channel"
    assert _notices(world) == []


async def test_admins_are_told_once_per_channel_and_results_come_when_it_opens(world: OutboxFixture) -> None:
    await _set_alerts(world, ALERTS)
    await world.watch("one", CHANNEL)
    await world.watch("two", CHANNEL)
    world.discord.missing[CHANNEL] = ("Send Messages",)
    await world.end(completed("one"))
    await world.end(completed("two"))
    world.discord.script = [NO_ACCESS, NO_ACCESS]
    for _ in range(10):
        await world.pump()
        world.clock.advance(60_000)

    told = _notices(world)
    assert [(notice.kind, notice.missing, notice.channel_id) for notice in told] == [
        (NoticeKind.CANNOT_POST, ("Send Messages",), CHANNEL)
    ]
    assert told[0].jobs == 2
    # The bot doesn't send a request if the gateway shows that the permission is missing.
    assert sum(isinstance(post, OutcomePost) for post in world.discord.tried) == 2

    world.discord.missing.clear()
    async with world.database.transaction() as tx:
        assert await deliveries.make_blocked_due(tx, world.clock.now(), guild_id=GUILD, channel_id=CHANNEL) == 2
    await world.pump()
    assert len(world.discord.outcomes(CHANNEL)) == 2


async def test_nothing_is_uploaded_to_a_hidden_channel(world: OutboxFixture) -> None:
    """Nothing reports that a role lets the bot in again, so Discord is asked about the channel."""
    await world.watch("one", CHANNEL)
    hidden = Refused(403, 50001)
    world.discord.hidden[CHANNEL], world.discord.script = hidden, [hidden]
    await world.end(completed("one"))
    for _ in range(10):
        await world.pump()
        world.clock.advance(60_000)
    assert sum(isinstance(post, OutcomePost) for post in world.discord.tried) == 1
    world.discord.hidden.clear()
    for _ in range(10):
        await world.pump()
        world.clock.advance(60_000)
    assert len(world.discord.outcomes(CHANNEL)) == 1


async def test_nothing_is_uploaded_while_the_bot_is_timed_out(world: OutboxFixture) -> None:
    """Nothing reports the end of a timeout, so whether it is over is looked at again and again."""
    await world.watch("one", CHANNEL)
    world.discord.missing[CHANNEL] = (Obstacle.TIMED_OUT,)
    await world.end(completed("one"))
    world.discord.script = [Refused(403, 50013)]
    for _ in range(10):
        await world.pump()
        world.clock.advance(60_000)
    assert sum(isinstance(post, OutcomePost) for post in world.discord.tried) == 1
    world.discord.missing.clear()
    for _ in range(10):
        await world.pump()
        world.clock.advance(60_000)
    assert len(world.discord.outcomes(CHANNEL)) == 1


@pytest.mark.parametrize("refused", [Refused(413, 40005), Refused(403, 200000)], ids=["too large", "a filter of words"])
async def test_a_reopened_channel_is_reported_even_if_discord_takes_only_a_reduced_result(
    world: OutboxFixture, refused: Refused
) -> None:
    await _set_alerts(world, ALERTS)
    await world.watch("job", CHANNEL)
    await world.end(completed("job"))
    world.discord.missing[CHANNEL] = ("Send Messages",)
    world.discord.script = [NO_ACCESS]
    await world.pump()
    world.clock.advance(120_000)
    world.discord.missing.clear()
    world.discord.script = [refused]
    await world.pump()
    assert len(world.discord.outcomes(CHANNEL)) == 1
    rows = await world.database.reader.all("SELECT notice FROM deliveries WHERE kind = 'notice' ORDER BY id")
    kinds = [notice_json.load(row["notice"], "", "").kind for row in rows]
    assert NoticeKind.POSTING_AGAIN in kinds


async def test_a_reopened_channel_is_reported_once_even_if_the_bot_was_removed_in_between(world: OutboxFixture) -> None:
    await _set_alerts(world, ALERTS)
    await world.watch("job", CHANNEL)
    await world.end(completed("job"))
    world.discord.missing[CHANNEL] = ("Send Messages",)
    world.discord.script = [NO_ACCESS]
    await world.pump()
    world.clock.advance(120_000)
    async with world.database.transaction() as tx:
        await deliveries.resume_in_server(tx, GUILD, world.clock.now())
    await world.pump()  # It is as closed as before.
    world.discord.missing.clear()
    async with world.database.transaction() as tx:
        await deliveries.make_blocked_due(tx, world.clock.now(), guild_id=GUILD)
    await world.pump()
    assert len(world.discord.outcomes(CHANNEL)) == 1
    rows = await world.database.reader.all("SELECT notice FROM deliveries WHERE kind = 'notice' ORDER BY id")
    kinds = [notice_json.load(row["notice"], "", "").kind for row in rows]
    assert kinds == [NoticeKind.CANNOT_POST, NoticeKind.POSTING_AGAIN]


async def test_admins_are_told_once_about_a_result_that_is_refused_repeatedly(world: OutboxFixture) -> None:
    await _set_alerts(world, ALERTS)
    await world.watch("job", CHANNEL)
    await world.end(completed("job"))
    world.discord.missing[CHANNEL] = ("Send Messages",)
    world.discord.script = [NO_ACCESS]
    await world.pump_for(300_000, 10_000)
    assert [notice.kind for notice in _notices(world)] == [NoticeKind.CANNOT_POST]


async def test_an_unexplained_refusal_is_also_given_up_after_three_days(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL)
    (delivery_id,) = await world.end(completed("job"))
    world.discord.script = [Refused(403, 50013)] * 2_000
    await world.pump_for(BLOCKED_FOR_AT_MOST + 7_200_000, 1_200_000)
    assert (await world.get(delivery_id)).state == "given_up"


async def test_a_later_block_waits_for_its_own_three_days(world: OutboxFixture) -> None:
    world.discord.missing[CHANNEL] = ("Send Messages",)
    ids = []
    for jobid in ("one", "two"):
        await world.watch(jobid, CHANNEL)
        ids += await world.end(completed(jobid))
        world.discord.script = [NO_ACCESS]
        await world.pump_for(BLOCKED_FOR_AT_MOST // 2, 1_800_000)
    await world.pump_for(3_600_000, 1_800_000)
    assert [(await world.get(one)).state for one in ids] == ["given_up", "waiting"]


async def test_nobody_is_told_if_the_alerts_channel_is_the_closed_one(world: OutboxFixture) -> None:
    await _set_alerts(world, CHANNEL)
    await world.watch("job", CHANNEL)
    await world.end(completed("job"))
    world.discord.script = [NO_ACCESS]
    await world.pump()

    row = await world.database.reader.one("SELECT count(*) AS n FROM deliveries WHERE kind = 'notice'")
    assert row is not None
    assert row["n"] == 0


async def test_after_three_days_both_are_given_up_reported_once_and_can_be_resent(world: OutboxFixture) -> None:
    await _set_alerts(world, ALERTS)
    ids = []
    for jobid in ("one", "two"):
        await world.watch(jobid, CHANNEL)
        ids += await world.end(completed(jobid))
    world.discord.missing[CHANNEL] = ("Send Messages",)
    world.discord.script = [NO_ACCESS, NO_ACCESS]
    await world.pump_for(BLOCKED_FOR_AT_MOST + 3_600_000, 1_800_000)

    assert [(await world.get(one)).state for one in ids] == ["given_up", "given_up"]
    assert [(notice.kind, notice.jobs) for notice in _notices(world)] == [
        (NoticeKind.CANNOT_POST, 2),
        (NoticeKind.GIVEN_UP, 2),
    ]
    world.discord.missing.clear()
    async with world.database.transaction() as tx:
        await deliveries.retry_given_up(tx, ids[0], world.clock.now())
    await world.pump()
    assert len(world.discord.outcomes(CHANNEL)) == 1


async def _taken_up_again(world: OutboxFixture, subscription_id: int) -> None:
    """Somebody watches the job again that was given up, in the subscription's channel."""
    now = world.clock.now()
    async with world.database.transaction() as tx:
        row = await jobs.by_jobid(tx, 1, "job")
        assert row is not None
        await jobs.reopen(tx, row.id, now)
        await subscriptions.reopen(tx, subscription_id, batch_id=None, spoiler=False, now=now)


async def test_a_job_watched_again_posts_its_outcome_once_per_channel(world: OutboxFixture) -> None:
    subscription_id = await world.watch("job", CHANNEL, users=(9,))
    (before,) = await world.end(Job("job", JobState.PROGRESS, "progress"), Outcome.GIVEN_UP)
    await _taken_up_again(world, subscription_id)
    await world.end(completed("job"))
    await world.pump()

    assert only(world).outcome is Outcome.COMPLETED
    async with world.database.transaction() as tx:
        await deliveries.resend_outcome(tx, before, variant="", now=world.clock.now())
    await world.pump()
    assert only(world).outcome is Outcome.COMPLETED


async def test_watching_a_job_again_takes_no_message_from_other_channels(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL, users=(9,))
    elsewhere = await world.watch("job", CHANNEL + 1)
    await world.end(Job("job", JobState.PROGRESS, "progress"), Outcome.GIVEN_UP)
    await _taken_up_again(world, elsewhere)
    await world.pump()

    post = only(world)
    assert (post.outcome, post.mention) == (Outcome.GIVEN_UP, (9,))
    assert world.discord.outcomes(CHANNEL + 1) == []


async def test_a_result_refused_in_every_form_is_complete_when_requested_again(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL)
    (delivery_id,) = await world.end(completed("job"))
    world.discord.script = [Refused(403, 200000)] * 3
    await world.pump()
    assert (await world.get(delivery_id)).state == "given_up"
    async with world.database.transaction() as tx:
        await deliveries.retry_given_up(tx, delivery_id, world.clock.now())
    await world.pump()

    post = only(world)
    assert (len(post.files), post.without_api_text) == (1, False)


async def test_a_notice_is_posted_as_it_was_stored(world: OutboxFixture) -> None:
    notice = NoticePost(kind=NoticeKind.UNPAID, nonce="", mention=(1, 2), jobs=3, interval=300_000)
    async with world.database.transaction() as tx:
        for _ in range(2):
            await deliveries.add_notice(
                tx,
                guild_id=GUILD,
                channel_id=ALERTS,
                base_nonce="n" * 25,
                notice_json=notice_json.dump(notice),
                now=world.clock.now(),
            )
    await world.pump()

    assert _notices(world) == [replace(notice, nonce="n" * 25)]


async def test_a_notice_that_is_refused_for_a_channel_s_name_is_posted_without_it(world: OutboxFixture) -> None:
    await _put(world, NoticePost(NoticeKind.CHANNEL_GONE, "", jobs=3, channel_name="bad-word"), "a" * 25)
    world.discord.script = [Refused(403, 200000)]
    await world.pump()
    assert [(notice.channel_name, notice.jobs) for notice in _notices(world)] == [(None, 3)]


async def _alert_and_its_end(world: OutboxFixture, end: NoticeKind) -> int:
    """The message of an alert that was posted, whose end is in the outbox."""
    await _put(world, NoticePost(kind=NoticeKind.TOKEN_REFUSED, nonce="", mention=(1,), jobs=3), "a" * 25)
    await world.pump()
    await _end_alert(world, end)
    (alert,) = world.discord.messages
    return alert.id


async def _end_alert(world: OutboxFixture, end: NoticeKind) -> None:
    (alert,) = await delivery_queries.alerts_not_over(world.database.reader, [GUILD], [NoticeKind.TOKEN_REFUSED], [end])
    world.clock.advance(60_000)
    await _put(world, notice_json.replacing(alert, end, world.clock.now(), jobs=3), "e" * 25)


async def _put(world: OutboxFixture, notice: NoticePost, nonce: str) -> None:
    async with world.database.transaction() as tx:
        await deliveries.add_notice(
            tx,
            guild_id=GUILD,
            channel_id=ALERTS,
            base_nonce=nonce,
            notice_json=notice_json.dump(notice),
            now=world.clock.now(),
        )


async def test_the_end_of_a_problem_replaces_its_alert(world: OutboxFixture) -> None:
    alert = await _alert_and_its_end(world, NoticeKind.FIXED)
    await world.pump()
    ((edited, post),) = world.discord.edits
    assert edited == alert
    assert isinstance(post, NoticePost)
    assert (post.kind, post.alert, post.lasted) == (NoticeKind.FIXED, NoticeKind.TOKEN_REFUSED, 60_000)
    assert len(_notices(world)) == 1
    assert (
        await delivery_queries.alerts_not_over(
            world.database.reader, [GUILD], [NoticeKind.TOKEN_REFUSED], [NoticeKind.FIXED]
        )
        == []
    )


@pytest.mark.parametrize(("deleted", "language"), [(False, "ja"), (True, "de")])
async def test_the_end_of_a_problem_is_in_the_language_of_its_alert(
    world: OutboxFixture, deleted: bool, language: str
) -> None:
    """The server's language has changed since the alert."""
    await _speak(world, "ja")
    await _put(world, NoticePost(kind=NoticeKind.TOKEN_REFUSED, nonce="", jobs=3), "a" * 25)
    await world.pump()
    await _speak(world, "de")
    await _end_alert(world, NoticeKind.FLOWING_AGAIN)
    if deleted:
        world.discord.edit_script = [Refused(404, 10008)]
    await world.pump()
    await world.pump()
    shown = _notices(world)[1:] if deleted else [post for _, post in world.discord.edits]
    assert [post.language for post in shown] == [language]


async def _speak(world: OutboxFixture, language: str) -> None:
    async with world.database.transaction() as tx:
        await servers.set_locale(tx, GUILD, language)


@pytest.mark.parametrize("answer", [LOST, TooManyRequests(3)])
async def test_a_failed_edit_is_tried_again_after_a_restart(world: OutboxFixture, answer: SendResult) -> None:
    alert = await _alert_and_its_end(world, NoticeKind.FIXED)
    world.discord.edit_script = [answer]
    await world.pump()
    assert world.discord.edits == []
    await world.restart()
    world.clock.advance(20_000)
    await world.pump()
    assert [edited for edited, _ in world.discord.edits] == [alert]
    assert len(_notices(world)) == 1


_PASSES = [
    NO_ACCESS,
    Refused(403, 50013),
    Refused(404, 10003),
    Refused(400, 30046),
    Refused(400, 20016),
    Refused(403, 40006),
    Refused(400, 20028),
]


@pytest.mark.parametrize(
    ("end", "refused"),
    [
        *((end, refused) for end in (NoticeKind.FIXED, NoticeKind.FLOWING_AGAIN) for refused in _PASSES),
        (NoticeKind.FIXED, Refused(400, 50083)),
    ],
)
async def test_an_alert_whose_edit_is_refused_for_a_while_is_edited_later(
    world: OutboxFixture, end: NoticeKind, refused: Refused
) -> None:
    alert = await _alert_and_its_end(world, end)
    world.discord.edit_script = [refused]
    await world.pump()
    assert world.discord.edits == []
    world.clock.advance(60_000)
    await world.pump()
    assert [edited for edited, _ in world.discord.edits] == [alert]
    assert len(_notices(world)) == 1


async def test_the_end_of_a_problem_opens_an_archived_thread(world: OutboxFixture) -> None:
    """A message opens the thread; an edit doesn't."""
    await _alert_and_its_end(world, NoticeKind.FLOWING_AGAIN)
    world.discord.edit_script = [Refused(400, 50083)]
    await world.pump()
    await world.pump()
    assert len(_notices(world)) == 2


@pytest.mark.parametrize(("end", "messages"), [(NoticeKind.FIXED, 1), (NoticeKind.POSTING_AGAIN, 2)])
async def test_if_the_alert_was_deleted_the_end_is_a_new_message_or_nothing(
    world: OutboxFixture, end: NoticeKind, messages: int
) -> None:
    """The end is not posted twice if another message reports it anyway."""
    await _alert_and_its_end(world, end)
    world.discord.edit_script = [Refused(404, 10008)]
    await world.pump()
    await world.pump()
    assert len(_notices(world)) == messages
    assert world.discord.edits == []


async def test_the_end_of_an_alert_that_is_being_sent_waits_at_least_a_second(world: OutboxFixture) -> None:
    await _put(world, NoticePost(kind=NoticeKind.TOKEN_REFUSED, nonce="", jobs=3), "a" * 25)
    await _end_alert(world, NoticeKind.FIXED)
    await world.sender.deliver(2)
    assert (await world.get(2)).next_at == world.clock.now() + 1_000


async def test_the_end_waits_for_an_alert_without_a_response(world: OutboxFixture) -> None:
    await _put(world, NoticePost(kind=NoticeKind.TOKEN_REFUSED, nonce="", jobs=3), "a" * 25)
    world.discord.script = [LOST, LOST]
    await world.pump()
    await _end_alert(world, NoticeKind.FIXED)
    for _ in range(3):
        await world.pump()
        world.clock.advance(20_000)
    (alert,) = world.discord.messages
    assert [edited for edited, _ in world.discord.edits] == [alert.id]


# ---- late -----------------------------------------------------------------------------------------------------------


async def test_an_outcome_is_late_if_the_job_ended_while_the_bot_was_off(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL)
    world.clock.advance(60_000)
    ended = world.clock.now()
    world.clock.advance(3_600_000)
    world.renew()
    await world.end(completed("job", updated=ended))
    await world.pump()

    post = only(world)
    assert (post.late, post.ended_at) == (LateReason.OFFLINE, ended)


@pytest.mark.parametrize(("at_first", "then"), [(-1, 0), (1, 0), (0, 1)])
@pytest.mark.parametrize("minutes", [1, 20])
async def test_whether_an_outcome_is_late_is_not_decided_by_a_wrong_clock(
    world: OutboxFixture, at_first: int, then: int, minutes: int
) -> None:
    """The API says by a correct clock when a job ended. The clock is off by some hours at first, or only then."""
    ended = world.clock.now() + 1_000
    world.clock.jump(at_first * 3_600_000)
    world.working_since = world.clock.now()
    await world.watch("job", CHANNEL)
    world.clock.advance(minutes * 60_000)
    world.clock.jump(then * 3_600_000)
    await world.end(completed("job", updated=ended))
    await world.pump()
    late = LateReason.API_DOWN if minutes > 10 else None
    assert (only(world).late, only(world).ended_at) == (late, ended if late else only(world).ended_at)


@pytest.mark.parametrize("hours", [-1, 0, 48])
async def test_the_time_at_which_the_bot_saw_an_end_is_told_by_a_right_clock(world: OutboxFixture, hours: int) -> None:
    seen_at = world.clock.now()
    world.clock.jump(hours * 3_600_000)
    await world.watch("job", CHANNEL)
    await world.end(completed("job"))
    await world.pump()
    assert (only(world).clock_ahead, only(world).ended_at) == (hours * 3_600_000, seen_at)


async def test_an_outcome_is_late_if_the_job_ended_while_nothing_could_be_stored(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL)
    world.clock.advance(60_000)
    ended = world.clock.now()
    world.clock.advance(3_600_000)
    world.working_since = world.clock.now()
    await world.end(completed("job", updated=ended))
    await world.pump()

    assert only(world).late is LateReason.OFFLINE


async def test_a_late_job_without_an_end_time_shows_what_the_bot_saw(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL)
    ran_until = world.clock.now()
    world.clock.advance(1_800_000)
    world.renew()
    now = world.clock.now()
    await world.end(completed("job", ran_until=ran_until, ended_by=now))
    await world.pump()

    post = only(world)
    assert (post.late, post.ended_at) == (LateReason.OFFLINE, None)


async def test_an_outcome_that_discord_took_late_does_not_blame_the_bot(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL)
    world.clock.advance(60_000)
    ended = world.clock.now()
    await world.end(completed("job", updated=ended))
    world.discord.script = [DEAD] * 8
    await world.pump_for(3_600_000, 60_000)

    post = only(world)
    assert (post.late, post.ended_at) == (LateReason.POSTING, ended)


async def test_a_token_that_changes_after_the_end_was_seen_is_not_why_the_outcome_is_late(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL)
    world.clock.advance(60_000)
    await world.end(completed("job", updated=world.clock.now()))
    world.discord.script = [DEAD] * 8
    await world.pump_for(600_000, 60_000)
    async with world.database.transaction() as tx:
        await servers.note_account_changed(tx, GUILD, world.clock.now())
        await accounts.set_state(tx, 1, AccountState.REFUSED, world.clock.now())
    await world.pump_for(3_000_000, 60_000)

    assert only(world).late is LateReason.POSTING


async def test_an_outcome_that_waited_for_a_permission_says_so(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL)
    world.clock.advance(60_000)
    await world.end(completed("job", updated=world.clock.now()))
    world.discord.script = [NO_ACCESS] * 8
    await world.pump_for(3_600_000, 60_000)

    assert only(world).late is LateReason.NO_ACCESS


async def test_an_outcome_of_a_server_that_had_removed_the_bot_says_so(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL)
    world.clock.advance(60_000)
    ended = world.clock.now()
    async with world.database.transaction() as tx:
        await servers.set_gone(tx, GUILD, ended)
        world.clock.advance(3_600_000)
        await servers.set_back(tx, GUILD, world.clock.now())
    await world.end(completed("job", updated=ended))
    await world.pump()

    assert only(world).late is LateReason.NO_ACCESS


async def test_a_change_of_accounts_after_the_end_was_seen_hides_no_earlier_repair(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL)
    world.clock.advance(60_000)
    ended = world.clock.now()
    world.clock.advance(3_600_000)
    async with world.database.transaction() as tx:
        await accounts.set_state(tx, 1, AccountState.REFUSED, world.clock.now())
    world.clock.advance(1)
    await world.end(completed("job", updated=ended))
    world.clock.advance(1)
    async with world.database.transaction() as tx:
        await servers.set_alerts_channel(tx, GUILD, ALERTS)
        await servers.note_account_changed(tx, GUILD, world.clock.now())
    await world.pump()

    assert only(world).late is LateReason.TOKEN


async def test_an_outcome_of_a_server_that_used_another_account_meanwhile_says_so(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL)
    world.clock.advance(60_000)
    ended = world.clock.now()
    world.clock.advance(3_600_000)
    async with world.database.transaction() as tx:
        account = await accounts.put_token(tx, "user:1", b"x", "user:1", 0)
        await servers.set_account(tx, GUILD, account.id, 9)
        await servers.note_account_changed(tx, GUILD, world.clock.now())
    await world.end(completed("job", updated=ended))
    await world.pump()

    assert only(world).late is LateReason.TOKEN


async def test_a_requested_repost_is_not_late(world: OutboxFixture) -> None:
    subscription_id = await world.watch("job", CHANNEL)
    world.clock.advance(60_000)
    await world.end(completed("job", updated=world.clock.now()))
    await world.pump()
    world.clock.advance(3_600_000)
    async with world.database.transaction() as tx:
        await deliveries.add_outcome(
            tx,
            subscription_id=subscription_id,
            kind=DeliveryKind.AGAIN,
            job_round=1,
            guild_id=GUILD,
            channel_id=CHANNEL,
            base_nonce=nonces.for_job("job", CHANNEL, DeliveryKind.AGAIN, 1),
            now=world.clock.now(),
        )
    await world.pump()
    assert [post.late for post in world.discord.outcomes(CHANNEL)] == [None, None]


async def test_a_refused_result_that_an_admin_resends_is_not_late(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL)
    world.clock.advance(60_000)
    (delivery_id,) = await world.end(completed("job", updated=world.clock.now()))
    world.discord.script = [Refused(400, 50035)] * 3
    await world.pump()
    assert (await world.get(delivery_id)).state == "given_up"
    world.clock.advance(3_600_000)
    async with world.database.transaction() as tx:
        assert await deliveries.resend_outcome(tx, delivery_id, variant="", now=world.clock.now())
    await world.pump()
    assert only(world).late is None


async def test_a_job_requested_after_its_end_is_not_late(world: OutboxFixture) -> None:
    ended = world.clock.now() - 3_600_000
    await world.watch("job", CHANNEL)
    await world.end(completed("job", updated=ended))
    await world.pump()

    assert only(world).late is None


# ---- what the cards learn -------------------------------------------------------------------------------------------


async def test_a_card_stored_by_an_earlier_attempt_shows_what_was_known_then(world: OutboxFixture) -> None:
    world.discord.script = [LOST]
    subscription_id = await world.watch("job", CHANNEL, card=True)
    await world.pump()
    await world.answer(Job("job", JobState.PROGRESS, "progress", percent=50))
    world.clock.advance(10_000)
    await world.pump()

    assert await world.card_message(subscription_id) == world.discord.messages[0].id
    assert world.recorded.posts == []


async def test_a_posted_card_is_shown_and_its_message_id_kept(world: OutboxFixture) -> None:
    subscription_id = await world.watch("job", CHANNEL, card=True)
    await world.pump()

    assert [type(post) for post in world.recorded.posts] == [CardPost]
    row = await world.database.reader.one("SELECT shown, shown_at FROM subscriptions WHERE id = ?", (subscription_id,))
    assert row is not None
    assert tuple(row) == ("no answer yet", world.clock.now())


# ---- its language ---------------------------------------------------------------------------------------------------


async def _speaks(world: OutboxFixture, language: str) -> None:
    async with world.database.transaction() as tx:
        await servers.set_language(tx, GUILD, language)


async def test_every_attempt_and_search_uses_the_language_the_message_was_stored_with(
    world: OutboxFixture,
) -> None:
    await _speaks(world, "pt-BR")
    subscription_id = await world.watch("job", CHANNEL, card=True)
    await _put(world, NoticePost(kind=NoticeKind.UNPAID, nonce="", jobs=3), "a" * 25)
    await world.pump()
    world.discord.script = [DEAD]
    await world.end(completed("job"))
    await _speaks(world, "ja")
    await world.pump()
    await world.restart()
    world.clock.advance(BLOCKED_FOR_AT_MOST // 2)
    await world.pump()

    assert await world.card_message(subscription_id) is not None
    assert len(world.discord.tried) > len(world.discord.messages) == 3
    assert {post.language for post in world.discord.tried} == {"pt-BR"}
