"""Token changes while there are jobs on hold, running requests and commands, old buttons, and waiting results."""

from __future__ import annotations

import asyncio
import random
from functools import partial

import pytest

from sandbox.discord_wire import Answer, Channel
from sandbox.pixverse_api import faults
from sandbox.pixverse_api.jobs import Job
from sandbox.pixverse_api.requests_log import credential
from tests.e2e.conftest import Build
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

_CHANGED = "**The token has changed since I asked.** Nothing was done"


async def _twins(stage: Stage) -> tuple[GuildFixture, GuildFixture]:
    """Two servers with the same token."""
    here = await stage.server()
    there = GuildFixture(stage, here.account)
    await there.set_token()
    return here, there


async def _remove(server: GuildFixture) -> None:
    question = await server.admin.slash(server.channel, "pixverse-admin token remove")
    assert (await server.admin.click(question, "Remove the token")).text.startswith("**Removed.**")


async def _follow(server: GuildFixture, channel: Channel) -> Answer:
    question = await server.admin.slash(server.channel, "pixverse-admin follow", channel=channel)
    return await server.admin.click(question, "Follow the account")


async def _ask(server: GuildFixture, job: Job, command: str) -> Answer:
    return await (server.status(job) if command == "status" else server.watch(job))


def _tokens(stage: Stage, job: Job, since: int = 0) -> set[str | None]:
    return {one.credential for one in stage.pixverse.requests[since:] if one.jobid == job.jobid}


def _waiting(server: GuildFixture) -> list[int]:
    rows = server.stage.ledger.rows(
        "SELECT job_id FROM subscriptions WHERE guild_id = ? AND ended_at IS NULL", server.guild.id
    )
    return [row["job_id"] for row in rows]


def _is_asked(stage: Stage, job: Job) -> bool:
    return stage.pixverse.asked(job) > 1


@pytest.mark.parametrize("command", ["status", "watch"])
async def test_a_job_on_hold_that_the_operator_s_token_sees_is_watched_once(build: Build, command: str) -> None:
    stage = await build()
    account = stage.account()
    stage.bot.settings["USEAPI_TOKEN"] = account.token
    await stage.start()
    server = GuildFixture(stage, account)
    await server.set_token()
    job = await server.watched()
    await server.set_token(stage.account().token)
    await _remove(server)
    assert "already watched" in (await _ask(server, job, command)).text.lower()
    listed = await server.use("pixverse list")
    assert listed.text.startswith("**Watching 1 job here, 1 for you.**")
    assert "On hold" not in listed.text
    job.complete()
    assert (await server.outcome()).text.startswith("**Your video is ready.**")
    await server.card_says("**Done.**")
    assert _waiting(server) == []


@pytest.mark.parametrize("command", ["status", "watch"])
async def test_a_job_on_hold_stays_with_its_account_while_the_api_is_silent(own_stage: Stage, command: str) -> None:
    """With the other account, the job would be reported as not found, and its real end never."""
    stage = own_stage
    server = await stage.server()
    job = await server.watched()
    await server.set_token(stage.account().token)
    stage.pixverse.faults.add(faults.Status(500), times=None)
    assert "already watched" in (await _ask(server, job, command)).text.lower()
    stage.pixverse.faults.clear()
    assert len(_waiting(server)) == 1
    assert "On hold" in (await server.use("pixverse list")).text
    job.complete()
    await server.set_token()
    assert (await server.outcome()).text.startswith("**Your video is ready.**")
    assert _waiting(server) == []


async def test_buttons_from_before_a_token_change_do_nothing(own_stage: Stage) -> None:
    stage = own_stage
    here, there = await _twins(stage)
    job = await here.watched()
    removing = await here.admin.slash(here.channel, "pixverse-admin token remove")
    following = await here.admin.slash(here.channel, "pixverse-admin follow", channel=here.channel)
    stage.renew_token(here.account)
    await here.set_token()
    assert (await here.admin.click(removing, "Remove the token")).text.startswith(_CHANGED)
    assert (await here.admin.click(following, "Follow the account")).text.startswith(_CHANGED)
    choosing = await here.set_token(stage.account().token)
    (drop,) = [button.custom_id for button in choosing.buttons if button.label == "Drop the old jobs"]
    assert drop is not None
    await there.admin.forge_click(there.channel, drop)
    stage.renew_token(here.account)
    await here.set_token()
    assert (await here.admin.forge_click(here.channel, drop)).text.startswith(_CHANGED)
    job.complete()
    await here.outcome()
    assert stage.ledger.rows("SELECT * FROM follows") == []


@pytest.mark.parametrize("command", ["status", "watch"])
@pytest.mark.parametrize("change", ["renewed", "other", "removed"])
async def test_a_running_command_writes_nothing_under_the_previous_token(
    stage: Stage, server: GuildFixture, command: str, change: str
) -> None:
    job, gate = server.job(), asyncio.Event()
    held = stage.pixverse.faults.add(faults.AfterHandling(faults.Hold(gate)), job=job)
    asking = asyncio.create_task(_ask(server, job, command))
    await stage.pixverse.until(lambda: held.played > 0)
    match change:
        case "renewed":
            stage.renew_token(server.account)
            await server.set_token()
        case "other":
            await server.set_token(stage.account().token)
        case _:
            await _remove(server)
    gate.set()
    assert (await asking).text.startswith("**This server's API token just changed.** Nothing was done;")
    assert _waiting(server) == []


async def test_a_server_renews_its_token_during_a_shared_request(own_stage: Stage) -> None:
    stage = own_stage
    here, there = await _twins(stage)
    job, gate = await here.watched(), asyncio.Event()
    await there.status(job)
    held = stage.pixverse.faults.add(faults.AfterHandling(faults.Hold(gate)), job=job)
    job.complete()
    await stage.pixverse.until(lambda: held.played > 0)
    stage.renew_token(here.account)
    await here.set_token()
    gate.set()
    for server in (here, there):
        assert (await server.outcome()).text.startswith("**Your video is ready.**")


async def test_an_earlier_outcome_is_shown_and_resent_without_any_token(own_stage: Stage) -> None:
    stage = own_stage
    here, there = await _twins(stage)
    job = await here.watched()
    await there.status(job)
    job.complete()
    outcome = await here.outcome()
    again = await here.status(job)
    await _remove(here)
    since = len(stage.pixverse.requests)
    assert (await here.member.click(outcome, "Details")).text.startswith("**Done.**")
    assert (await here.member.click(again, "Post it again")).text.startswith("**Posting ")
    await stage.discord.until(lambda: len(here.outcomes()) == 2)
    for text in (job.jobid, here.number(job)):
        assert (await here.status(text)).text.startswith("**This server isn't set up yet.**")
    assert _tokens(stage, job, since) == set()


@pytest.mark.parametrize("change", ["renewed", "other", "removed"])
async def test_a_result_that_waits_for_a_permission_survives_the_token(own_stage: Stage, change: str) -> None:
    stage = own_stage
    here, there = await _twins(stage)
    job = await here.watched()
    await there.status(job)
    here.channel.deny_bot(send_messages=True)
    job.complete()
    await there.outcome()
    blocked = "SELECT 1 FROM deliveries WHERE channel_id = ? AND kind = 'outcome' AND blocked_since IS NOT NULL"
    await stage.pixverse.until(lambda: stage.ledger.rows(blocked, here.channel.id) != [])
    match change:
        case "renewed":
            stage.renew_token(here.account)
            await here.set_token()
        case "other":
            await here.set_token(stage.account().token)
        case _:
            await _remove(here)
    await stage.kill()
    await stage.start()
    since = len(stage.pixverse.requests)
    here.channel.allow_bot(send_messages=True)
    assert (await here.outcome()).text.startswith("**Your video is ready.**")
    assert _tokens(stage, job, since) == set()


async def test_follows_of_the_same_token_separate_with_it(own_stage: Stage) -> None:
    stage = own_stage
    here, there = await _twins(stage)
    for server in (here, there):
        await _follow(server, server.channel)
    shared = here.job(prompt="of both")
    await stage.pixverse.until(partial(_is_asked, stage, shared))
    stage.renew_token(here.account)
    await here.set_token()
    own = here.job(prompt="of one")
    await stage.pixverse.until(partial(_is_asked, stage, own))
    for job in (shared, own):
        job.complete()
    await stage.discord.until(lambda: len(here.outcomes()) == 2)
    await there.notice("**PixVerse results are on hold.**")
    assert there.outcomes() == []
    assert _tokens(stage, own) == {credential(here.account.token)}
    await there.set_token()
    assert "of both" in (await there.outcome()).text


async def test_a_server_without_the_bot_has_its_token_suspended(own_stage: Stage) -> None:
    """Also a token in trouble, which would otherwise be tried again and again."""
    stage = own_stage
    gone, other = await stage.server(), await stage.server()
    for server in (gone, other):
        await server.watched()
        server.account.refuse()
        await server.notice("**PixVerse results are on hold.**")
    gone.guild.remove_bot()
    left = "SELECT 1 FROM servers WHERE guild_id = ? AND gone_since IS NOT NULL"
    await stage.pixverse.until(lambda: stage.ledger.rows(left, gone.guild.id) != [])
    since = len(stage.pixverse.requests)

    def tried(server: GuildFixture) -> int:
        return sum(one.account == server.account.number for one in stage.pixverse.requests[since:])

    await stage.pixverse.until(lambda: tried(other) >= 3)
    assert tried(gone) == 0
    gone.account.ok()
    gone.guild.add_bot()
    await gone.notice("**PixVerse results are back.**")


@pytest.mark.parametrize("seed", [1, 2])
async def test_killed_while_tokens_are_stored(own_stage: Stage, seed: int) -> None:
    stage, rng = own_stage, random.Random(seed)
    here, there = await _twins(stage)
    job = await here.watched()
    await there.status(job)
    for server in (here, there, here):
        stage.renew_token(server.account)
        opened = await server.admin.slash(server.channel, "pixverse-admin token set")
        server.admin.begin_submit(opened.modal, {opened.modal.fields[0].custom_id: server.account.token})
        await asyncio.sleep(rng.random() * 0.06)
        await stage.kill()
        await stage.start()
    stage.renew_token(here.account)
    await here.set_token()
    own = await here.watched()
    for one in (job, own):
        one.complete()
    await stage.discord.until(lambda: len(here.outcomes()) == 2)
    await here.settled()
    assert there.outcomes() == []
    assert _tokens(stage, own) == {credential(here.account.token)}
    await there.set_token()
    await there.outcome()
    assert len(here.outcomes()) == 2
