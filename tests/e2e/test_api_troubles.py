"""Faults of the PixVerse API: the poller continues and nothing is lost."""

from __future__ import annotations

import re

import pytest

from sandbox.discord_wire import Status as DiscordStatus
from sandbox.pixverse_api import faults
from sandbox.pixverse_api.fault_list import Fault
from sandbox.pixverse_api.faults import Action
from sandbox.pixverse_api.jobs import Job
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import POLL_SECONDS, Harness

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


async def test_nonsense_ends_no_job(server: GuildFixture) -> None:
    job = await server.watched()
    for action in _NONSENSE:
        fault = server.harness.pixverse.faults.add(action, job=job)
        await server.harness.pixverse.until(lambda fault=fault: fault.played == 1)  # type: ignore[misc]
        asked = server.harness.pixverse.asked(job)
        await server.harness.pixverse.until(lambda asked=asked: server.harness.pixverse.asked(job) > asked)  # type: ignore[misc]
    job.raw = {"jobid": 7, "status": ["completed"], "attachments": "none", "prompt": None, "percent": {}}
    asked = server.harness.pixverse.asked(job)
    await server.harness.pixverse.until(lambda: server.harness.pixverse.asked(job) > asked + 1)
    assert server.outcomes() == []
    job.raw = None
    job.complete()
    outcome = await server.outcome()
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
async def test_a_job_that_cannot_be_requested_is_watched_anyway(server: GuildFixture, action: Action) -> None:
    job = server.job()
    fault = server.harness.pixverse.faults.add(action, job=job, times=None)
    answer = await server.status(job)
    assert answer.text.startswith("**PixVerse's API isn't answering right now.** I'm watching, and will post")
    await server.card_says("**Watching.**", "**On hold: PixVerse's API isn't answering**")
    fault.left = 0
    job.complete()
    assert (await server.outcome()).text.startswith("**Your video is ready.**")


async def test_429_pauses_for_the_stated_time(server: GuildFixture) -> None:
    job = await server.watched()
    await _played(server.harness, server.harness.pixverse.faults.add(faults.Status(429, retry_after=1), job=job))
    job.complete()
    await server.outcome()
    assert 1.0 <= _rest(server.harness, job) < 4.0


async def test_429_without_a_time_pauses_too(server: GuildFixture) -> None:
    job = await server.watched()
    await _played(server.harness, server.harness.pixverse.faults.add(faults.Status(429), job=job))
    job.complete()
    await server.outcome()
    assert POLL_SECONDS <= _rest(server.harness, job) < 4.0


async def test_an_outage_of_the_whole_api(harness: Harness) -> None:
    servers = [await harness.server() for _ in range(3)]
    jobs = [await server.watched() for server in servers]
    harness.pixverse.off()
    await harness.pixverse.until(lambda: bool(harness.bot.said("API does not answer")))
    for job in jobs:
        job.complete()
    harness.pixverse.on()
    for server in servers:
        assert (await server.outcome()).text.startswith("**Your video is ready.**")


# ---- the job --------------------------------------------------------------------------------------------------------


async def test_an_unknown_id_can_be_looked_up_again(server: GuildFixture) -> None:
    jobid = server.an_id()
    answer = await server.status(jobid)
    assert answer.ephemeral
    assert answer.text.startswith("**I can't find this job.**")
    assert answer.labels == ["Look again"]
    assert server.posts() == []
    job = server.job(jobid=jobid)
    found = await server.member.click(answer, "Look again")
    assert found.text.startswith("**Watching.**")
    job.complete()
    assert (await server.outcome()).text.startswith("**Your video is ready.**")


@pytest.mark.parametrize("generation", ["v1"], indirect=True)
async def test_an_expired_id(server: GuildFixture) -> None:
    job = server.job()
    job.expire()
    answer = await server.status(job)
    assert answer.text.startswith("**This job has expired.**")
    assert server.posts() == []


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
async def test_text_that_is_not_a_job_id(server: GuildFixture, text: str, says: str) -> None:
    asked = len(server.harness.pixverse.requests)
    answer = await server.member.forge_slash(server.channel, "pixverse status", jobid=text)
    assert answer.text.startswith(says)
    assert server.harness.pixverse.requests[asked:] == []


async def test_a_request_that_the_api_refuses(server: GuildFixture) -> None:
    job = server.job()
    server.harness.pixverse.faults.add(faults.Status(400), job=job)
    assert (await server.status(job)).text.startswith("**That isn't a job id.**")
    assert server.posts() == []


# ---- the account ----------------------------------------------------------------------------------------------------


async def test_a_refused_token_is_reported_once_and_so_is_its_end(server: GuildFixture) -> None:
    job = await server.watched()
    server.account.refuse()
    notice = await server.notice("**PixVerse results are on hold.**")
    assert "refuses the API token" in notice.text
    assert "1 job waits" in notice.text
    assert notice.pinged == {server.admin.id}
    assert not notice.silent
    unseen = server.job()
    member = await server.status(unseen)
    assert member.text.startswith("**On hold: useapi.net refuses this server's API token.**")
    assert "I'll post the result here" in member.text
    many = await server.watch(server.job(), server.job())
    assert many.text.startswith("**Watching 2 jobs.**")
    assert "On hold: useapi.net refuses this server's API token." in many.text
    listed = await server.member.slash(server.channel, "pixverse list")
    assert listed.text.startswith(
        "**Watching 4 jobs here, 4 for you.** On hold: useapi.net refuses the API token.\n**On hold** · "
    )
    job.complete()
    assert server.outcomes() == []

    server.account.ok()
    flowing = await server.notice("**PixVerse results are back.**")
    assert not flowing.pinged
    assert "4 jobs resumed." in flowing.text
    assert (await server.outcome()).text.startswith("**Your video is ready.**")
    unseen.complete()
    await server.harness.discord.until(lambda: len(server.outcomes()) == 2)
    over = await server.notice("**Fixed: the API token works.**")
    assert (over.id, over.edited, over.pinged) == (notice.id, True, notice.pinged)
    assert re.search(r"\n-# useapi\.net refused it for .+, until <t:\d+:f>\.$", over.text)
    assert len(server.notices()) == 2


async def test_an_alert_shows_its_end_even_if_nothing_waits_any_more(server: GuildFixture) -> None:
    job = await server.watched()
    server.account.refuse()
    alert = await server.notice("**PixVerse results are on hold.**")
    await server.use("pixverse unwatch", jobid=job.jobid)
    server.account.ok()
    await server.admin.slash(server.channel, "pixverse-admin check")
    over = await server.notice("**Fixed: the API token works.**")
    assert over.id == alert.id
    assert "resumed" not in over.text
    assert len(server.notices()) == 1


async def test_an_alert_about_a_removed_token_asks_for_nothing_any_more(server: GuildFixture) -> None:
    await server.watched()
    server.account.refuse()
    alert = await server.notice("**PixVerse results are on hold.**")
    asked = await server.admin.slash(server.channel, "pixverse-admin token remove")
    await server.admin.click(asked, "Remove the token")
    over = await server.notice("**Settled: this server's API token was removed.**")
    assert over.id == alert.id
    assert "1 job is no longer watched." in over.text


async def test_an_alert_whose_problem_ended_while_discord_did_not_respond(own_harness: Harness) -> None:
    """The edit is refused for a while, and the bot is killed meanwhile."""
    harness = own_harness
    server = await harness.server()
    await server.watched()
    server.account.refuse()
    alert = await server.notice("**PixVerse results are on hold.**")
    fault = harness.discord.faults.add(
        method="PATCH", path=f".*/messages/{alert.id}", action=DiscordStatus(503), times=None
    )
    server.account.ok()
    await server.notice("**PixVerse results are back.**")
    await harness.discord.until(lambda: fault.hits >= 1)
    await harness.kill()
    harness.discord.faults.remove(fault)
    await harness.start()
    over = await server.notice("**Fixed: the API token works.**")
    assert over.id == alert.id
    assert len(server.notices()) == 2


async def test_a_deleted_alert_is_not_posted_again(server: GuildFixture) -> None:
    job = await server.watched()
    server.account.refuse()
    alert = await server.notice("**PixVerse results are on hold.**")
    server.channel.delete_message(alert)
    server.account.ok()
    await server.notice("**PixVerse results are back.**")
    job.complete()
    await server.outcome()
    assert len(server.notices()) == 1


async def test_an_unpaid_account_is_reported_in_the_alerts_channel(server: GuildFixture) -> None:
    alerts = server.guild.add_text_channel("alerts")
    answer = await server.admin.slash(server.channel, "pixverse-admin alerts", channel=alerts)
    assert answer.text.startswith("**Alerts go to <#")
    job = await server.watched()
    server.account.unpaid()
    notice = await server.notice("**PixVerse results are on hold.**", alerts)
    assert "subscription has expired" in notice.text
    assert notice.pinged == {server.admin.id}
    assert (await server.status(server.job())).text.startswith(
        "**On hold: this server's useapi.net subscription has expired"
    )
    server.account.ok()
    await server.notice("**PixVerse results are back.**", alerts)
    job.complete()
    await server.outcome()
    assert server.notices() == []
    assert len(server.notices(alerts)) == 2


async def test_without_an_alerts_channel_it_is_reported_where_somebody_waits(server: GuildFixture) -> None:
    alerts = server.guild.add_text_channel("alerts")
    await server.admin.slash(server.channel, "pixverse-admin alerts", channel=alerts)
    await server.watched()
    alerts.delete()
    server.account.unpaid()
    notice = await server.notice("**PixVerse results are on hold.**")
    assert notice.pinged == {server.admin.id}
    check = await server.admin.slash(server.channel, "pixverse-admin check")
    assert "alerts go to the job's own channel" in check.text


async def test_check_names_a_refused_token_while_the_api_is_down(server: GuildFixture) -> None:
    await server.watched()
    server.account.refuse()
    await server.notice("**PixVerse results are on hold.**")
    outage = server.harness.pixverse.faults.add(faults.Status(503), account=server.account, times=None)
    check = await server.admin.slash(server.channel, "pixverse-admin check")
    outage.left = 0
    assert check.text.startswith("**1 problem.**\n- useapi.net refuses this server's API token. 1 job is on hold.")
    assert "so I couldn't test the token" in check.text


async def test_one_account_s_problem_does_not_affect_another(harness: Harness, server: GuildFixture) -> None:
    other = await harness.server()
    await server.watched()
    job = await other.watched()
    server.account.refuse()
    await server.notice("**PixVerse results are on hold.**")
    job.complete()
    await other.outcome()
    assert other.notices() == []


async def _played(harness: Harness, fault: Fault) -> None:
    await harness.pixverse.until(lambda: fault.played == 1)


def _rest(harness: Harness, job: Job) -> float:
    """Seconds between the 429 and the next request."""
    seen = [entry for entry in harness.pixverse.requests if entry.jobid == job.jobid]
    (refused,) = [k for k, entry in enumerate(seen) if entry.status == 429]
    return (seen[refused + 1].at - seen[refused].at) / 1000
