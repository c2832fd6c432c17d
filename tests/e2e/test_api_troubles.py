"""Whatever the PixVerse API does, the poller goes on and nothing is lost."""

from __future__ import annotations

import re

import pytest

from sandbox.discord_wire import Status as DiscordStatus
from sandbox.pixverse_api import faults
from sandbox.pixverse_api.fault_list import Fault
from sandbox.pixverse_api.faults import Action
from sandbox.pixverse_api.jobs import Job
from tests.e2e.stage import POLL_SECONDS, Stage
from tests.e2e.town import Town

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("generation")]

_FIVE_MEGABYTES = b'{"status": "failed", "error": "' + b"x" * 5_000_000 + b'"}'
_NONSENSE: tuple[Action, ...] = (
    faults.Status(500),
    faults.Status(502, faults.HTML),
    faults.Status(596),
    faults.Status(200, faults.HTML),
    faults.Status(400),
    faults.Status(200, b"[]", content_type="application/json"),
    faults.Status(200, _FIVE_MEGABYTES, content_type="application/json"),
    faults.Code200(500),
    faults.HalfBody(),
    faults.Truncated(),
    faults.Empty(),
    faults.Cut(),
)


async def test_nonsense_ends_no_job(town: Town) -> None:
    job = await town.watched()
    for action in _NONSENSE:
        fault = town.stage.pixverse.faults.add(action, job=job)
        await town.stage.pixverse.until(lambda fault=fault: fault.played == 1)  # type: ignore[misc]
        asked = town.stage.pixverse.asked(job)
        await town.stage.pixverse.until(lambda asked=asked: town.stage.pixverse.asked(job) > asked)  # type: ignore[misc]
    job.raw = {"jobid": 7, "status": ["completed"], "attachments": "none", "prompt": None, "percent": {}}
    asked = town.stage.pixverse.asked(job)
    await town.stage.pixverse.until(lambda: town.stage.pixverse.asked(job) > asked + 1)
    assert town.outcomes() == []
    job.raw = None
    job.complete()
    outcome = await town.outcome()
    assert outcome.text.startswith("**Your video is ready.**")
    assert [file.content for file in outcome.attachments] == [job.videos[0].content]


@pytest.mark.parametrize(
    "action",
    [
        faults.Status(403),
        faults.Status(502, faults.HTML),
        faults.Status(429),
        faults.Status(429, retry_after=1),
        faults.Cut(),
    ],
    ids=["403", "502", "429", "429 with Retry-After", "cut"],
)
async def test_a_job_that_cannot_be_asked_about_is_watched_all_the_same(town: Town, action: Action) -> None:
    job = town.job()
    fault = town.stage.pixverse.faults.add(action, job=job, times=None)
    answer = await town.status(job)
    assert answer.text.startswith("**PixVerse's API isn't answering right now.** I'm watching, and will post")
    await town.card_says("**Watching.**", "**On hold: PixVerse's API isn't answering**")
    fault.left = 0
    job.complete()
    assert (await town.outcome()).text.startswith("**Your video is ready.**")


async def test_429_rests_for_as_long_as_it_says(town: Town) -> None:
    job = await town.watched()
    await _played(town.stage, town.stage.pixverse.faults.add(faults.Status(429, retry_after=1), job=job))
    job.complete()
    await town.outcome()
    assert 1.0 <= _rest(town.stage, job) < 4.0


async def test_429_without_a_time_rests_too(town: Town) -> None:
    job = await town.watched()
    await _played(town.stage, town.stage.pixverse.faults.add(faults.Status(429), job=job))
    job.complete()
    await town.outcome()
    assert POLL_SECONDS <= _rest(town.stage, job) < 4.0


async def test_an_outage_of_the_whole_api(stage: Stage) -> None:
    towns = [await stage.town() for _ in range(3)]
    jobs = [await town.watched() for town in towns]
    stage.pixverse.off()
    await stage.pixverse.until(lambda: bool(stage.bot.said("API does not answer")))
    for job in jobs:
        job.complete()
    stage.pixverse.on()
    for town in towns:
        assert (await town.outcome()).text.startswith("**Your video is ready.**")


# ---- the job --------------------------------------------------------------------------------------------------------


async def test_an_id_that_nobody_knows_is_looked_for_again(town: Town) -> None:
    jobid = town.an_id()
    answer = await town.status(jobid)
    assert answer.ephemeral
    assert answer.text.startswith("**I can't find this job.**")
    assert answer.labels == ["Look again"]
    assert town.posts() == []
    job = town.job(jobid=jobid)
    found = await town.member.click(answer, "Look again")
    assert found.text.startswith("**Watching.**")
    job.complete()
    assert (await town.outcome()).text.startswith("**Your video is ready.**")


@pytest.mark.parametrize("generation", ["v1"], indirect=True)
async def test_an_id_that_has_expired(town: Town) -> None:
    job = town.job()
    job.expire()
    answer = await town.status(job)
    assert answer.text.startswith("**This job has expired.**")
    assert town.posts() == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hello world", "**That isn't a job id.**"),
        ("../../etc/passwd", "**That isn't a job id.**"),
        ("", "**That isn't a job id.**"),
        ("#99999", "**I don't know that number here.**"),
        ("user:4321-minimax:me@example.com-video:112233", "**That looks like a MiniMax job.**"),
        ("user:4321-pixverse:me@example.com-video:1/../2", "**That isn't a job id.**"),
        ("job:20261124101500123-user:4321-channel:1300000000000000001-bot:midjourney", "**That looks like a Midjour"),
    ],
)
async def test_what_is_no_job_id(town: Town, text: str, says: str) -> None:
    asked = len(town.stage.pixverse.requests)
    answer = await town.member.forge_slash(town.channel, "pixverse status", jobid=text)
    assert answer.text.startswith(says)
    assert town.stage.pixverse.requests[asked:] == []


async def test_a_question_that_the_api_refuses(town: Town) -> None:
    job = town.job()
    town.stage.pixverse.faults.add(faults.Status(400), job=job)
    assert (await town.status(job)).text.startswith("**That isn't a job id.**")
    assert town.posts() == []


# ---- the account ----------------------------------------------------------------------------------------------------


async def test_a_refused_token_is_told_once_and_its_end_too(town: Town) -> None:
    job = await town.watched()
    town.account.refuse()
    notice = await town.notice("**PixVerse results are on hold.**")
    assert "refuses the API token" in notice.text
    assert "1 job waits" in notice.text
    assert notice.pinged == {town.admin.id}
    assert not notice.silent
    unseen = town.job()
    member = await town.status(unseen)
    assert member.text.startswith("**On hold: useapi.net refuses this server's API token.**")
    assert "I'll post the result here" in member.text
    many = await town.watch(town.job(), town.job())
    assert many.text.startswith("**Watching 2 jobs.**")
    assert "On hold: useapi.net refuses this server's API token." in many.text
    listed = await town.member.slash(town.channel, "pixverse list")
    assert listed.text.startswith(
        "**Watching 4 jobs here, 4 for you.** On hold: useapi.net refuses the API token.\n**On hold** · "
    )
    job.complete()
    assert town.outcomes() == []

    town.account.ok()
    flowing = await town.notice("**PixVerse results are back.**")
    assert not flowing.pinged
    assert (await town.outcome()).text.startswith("**Your video is ready.**")
    unseen.complete()
    await town.stage.discord.until(lambda: len(town.outcomes()) == 2)
    over = await town.notice("**Fixed: the API token works.**")
    assert (over.id, over.edited, over.pinged) == (notice.id, True, notice.pinged)
    assert "4 jobs resumed." in over.text
    assert re.search(r"\n-# useapi\.net refused it for .+, until <t:\d+:f>\.$", over.text)
    assert len(town.notices()) == 2


async def test_an_alert_tells_its_end_where_nothing_waits_any_more(town: Town) -> None:
    job = await town.watched()
    town.account.refuse()
    alert = await town.notice("**PixVerse results are on hold.**")
    await town.use("pixverse unwatch", jobid=job.jobid)
    town.account.ok()
    await town.admin.slash(town.channel, "pixverse-admin check")
    over = await town.notice("**Fixed: the API token works.**")
    assert over.id == alert.id
    assert "resumed" not in over.text
    assert len(town.notices()) == 1


async def test_an_alert_about_a_token_that_is_removed_asks_for_nothing_any_more(town: Town) -> None:
    await town.watched()
    town.account.refuse()
    alert = await town.notice("**PixVerse results are on hold.**")
    asked = await town.admin.slash(town.channel, "pixverse-admin token remove")
    await town.admin.click(asked, "Remove the token")
    over = await town.notice("**Settled: this server's API token was removed.**")
    assert over.id == alert.id
    assert "1 job is no longer watched." in over.text


async def test_an_alert_whose_trouble_ended_while_discord_answered_nothing(own_stage: Stage) -> None:
    """The edit is refused for a while, and the bot is killed meanwhile."""
    stage = own_stage
    town = await stage.town()
    await town.watched()
    town.account.refuse()
    alert = await town.notice("**PixVerse results are on hold.**")
    fault = stage.discord.faults.add(
        method="PATCH", path=f".*/messages/{alert.id}", action=DiscordStatus(503), times=None
    )
    town.account.ok()
    await town.notice("**PixVerse results are back.**")
    await stage.discord.until(lambda: fault.hits >= 1)
    await stage.kill()
    stage.discord.faults.remove(fault)
    await stage.start()
    over = await town.notice("**Fixed: the API token works.**")
    assert over.id == alert.id
    assert len(town.notices()) == 2


async def test_an_alert_that_was_deleted_is_not_told_again(town: Town) -> None:
    job = await town.watched()
    town.account.refuse()
    alert = await town.notice("**PixVerse results are on hold.**")
    town.channel.delete_message(alert)
    town.account.ok()
    await town.notice("**PixVerse results are back.**")
    job.complete()
    await town.outcome()
    assert len(town.notices()) == 1


async def test_an_unpaid_account_is_told_in_the_alerts_channel(town: Town) -> None:
    alerts = town.guild.add_text_channel("alerts")
    answer = await town.admin.slash(town.channel, "pixverse-admin alerts", channel=alerts)
    assert answer.text.startswith("**Alerts go to <#")
    job = await town.watched()
    town.account.unpaid()
    notice = await town.notice("**PixVerse results are on hold.**", alerts)
    assert "subscription has expired" in notice.text
    assert notice.pinged == {town.admin.id}
    assert (await town.status(town.job())).text.startswith(
        "**On hold: this server's useapi.net subscription has expired"
    )
    town.account.ok()
    await town.notice("**PixVerse results are back.**", alerts)
    job.complete()
    await town.outcome()
    assert town.notices() == []
    assert len(town.notices(alerts)) == 2


async def test_without_its_alerts_channel_it_is_told_where_somebody_waits(town: Town) -> None:
    alerts = town.guild.add_text_channel("alerts")
    await town.admin.slash(town.channel, "pixverse-admin alerts", channel=alerts)
    await town.watched()
    alerts.delete()
    town.account.unpaid()
    notice = await town.notice("**PixVerse results are on hold.**")
    assert notice.pinged == {town.admin.id}
    check = await town.admin.slash(town.channel, "pixverse-admin check")
    assert "alerts go to the job's own channel" in check.text


async def test_one_account_s_trouble_is_not_another_s(stage: Stage, town: Town) -> None:
    other = await stage.town()
    await town.watched()
    job = await other.watched()
    town.account.refuse()
    await town.notice("**PixVerse results are on hold.**")
    job.complete()
    await other.outcome()
    assert other.notices() == []


async def _played(stage: Stage, fault: Fault) -> None:
    await stage.pixverse.until(lambda: fault.played == 1)


def _rest(stage: Stage, job: Job) -> float:
    """Seconds between the 429 and the next question."""
    seen = [entry for entry in stage.pixverse.requests if entry.jobid == job.jobid]
    (refused,) = [k for k, entry in enumerate(seen) if entry.status == 429]
    return (seen[refused + 1].at - seen[refused].at) / 1000
