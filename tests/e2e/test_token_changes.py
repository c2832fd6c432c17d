"""What goes on while a token changes: jobs on hold, questions and commands under way, old buttons, waiting results."""

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
from tests.e2e.stage import Stage
from tests.e2e.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="module")

_CHANGED = "**The token has changed since I asked.** Nothing was done"


async def _twins(stage: Stage) -> tuple[Town, Town]:
    """Two servers with the same token."""
    here = await stage.town()
    there = Town(stage, here.account)
    await there.set_token()
    return here, there


async def _remove(town: Town) -> None:
    question = await town.admin.slash(town.channel, "pixverse-admin token remove")
    assert (await town.admin.click(question, "Remove the token")).text.startswith("**Removed.**")


async def _follow(town: Town, channel: Channel) -> Answer:
    question = await town.admin.slash(town.channel, "pixverse-admin follow", channel=channel)
    return await town.admin.click(question, "Follow the account")


async def _ask(town: Town, job: Job, command: str) -> Answer:
    return await (town.status(job) if command == "status" else town.watch(job))


def _tokens(stage: Stage, job: Job, since: int = 0) -> set[str | None]:
    return {one.credential for one in stage.pixverse.requests[since:] if one.jobid == job.jobid}


def _waiting(town: Town) -> list[int]:
    rows = town.stage.ledger.rows(
        "SELECT job_id FROM subscriptions WHERE guild_id = ? AND ended_at IS NULL", town.guild.id
    )
    return [row["job_id"] for row in rows]


def _is_asked(stage: Stage, job: Job) -> bool:
    return stage.pixverse.asked(job) > 1


@pytest.mark.parametrize("command", ["status", "watch"])
async def test_a_job_on_hold_that_the_operators_token_sees_is_waited_for_once(build: Build, command: str) -> None:
    stage = await build()
    account = stage.account()
    stage.bot.settings["USEAPI_TOKEN"] = account.token
    await stage.start()
    town = Town(stage, account)
    await town.set_token()
    job = await town.watched()
    await town.set_token(stage.account().token)
    await _remove(town)
    assert "already watched" in (await _ask(town, job, command)).text.lower()
    listed = await town.use("pixverse list")
    assert listed.text.startswith("**Watching 1 job here, 1 for you.**")
    assert "On hold" not in listed.text
    job.complete()
    assert (await town.outcome()).text.startswith("**Your video is ready.**")
    await town.card_says("**Done.**")
    assert _waiting(town) == []


@pytest.mark.parametrize("command", ["status", "watch"])
async def test_a_job_on_hold_stays_with_its_account_while_the_api_is_silent(own_stage: Stage, command: str) -> None:
    """Under the other account it would be told as not found, and its true end never."""
    stage = own_stage
    town = await stage.town()
    job = await town.watched()
    await town.set_token(stage.account().token)
    stage.pixverse.faults.add(faults.Status(500), times=None)
    assert "already watched" in (await _ask(town, job, command)).text.lower()
    stage.pixverse.faults.clear()
    assert len(_waiting(town)) == 1
    assert "On hold" in (await town.use("pixverse list")).text
    job.complete()
    await town.set_token()
    assert (await town.outcome()).text.startswith("**Your video is ready.**")
    assert _waiting(town) == []


async def test_buttons_from_before_a_change_of_the_token_do_nothing(own_stage: Stage) -> None:
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
async def test_a_command_under_way_writes_nothing_under_the_token_before(
    stage: Stage, town: Town, command: str, change: str
) -> None:
    job, gate = town.job(), asyncio.Event()
    held = stage.pixverse.faults.add(faults.AfterDeed(faults.Hold(gate)), job=job)
    asking = asyncio.create_task(_ask(town, job, command))
    await stage.pixverse.until(lambda: held.played > 0)
    match change:
        case "renewed":
            stage.renew_token(town.account)
            await town.set_token()
        case "other":
            await town.set_token(stage.account().token)
        case _:
            await _remove(town)
    gate.set()
    assert (await asking).text.startswith("**This server's API token just changed.** Nothing was done;")
    assert _waiting(town) == []


async def test_one_server_renews_the_token_while_a_shared_question_is_under_way(own_stage: Stage) -> None:
    stage = own_stage
    here, there = await _twins(stage)
    job, gate = await here.watched(), asyncio.Event()
    await there.status(job)
    held = stage.pixverse.faults.add(faults.AfterDeed(faults.Hold(gate)), job=job)
    job.complete()
    await stage.pixverse.until(lambda: held.played > 0)
    stage.renew_token(here.account)
    await here.set_token()
    gate.set()
    for town in (here, there):
        assert (await town.outcome()).text.startswith("**Your video is ready.**")


async def test_an_outcome_of_before_is_told_without_anybodys_token(own_stage: Stage) -> None:
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
async def test_a_result_that_waits_for_a_permission_outlives_the_token(own_stage: Stage, change: str) -> None:
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


async def test_follows_of_the_same_token_part_with_it(own_stage: Stage) -> None:
    stage = own_stage
    here, there = await _twins(stage)
    for town in (here, there):
        await _follow(town, town.channel)
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


async def test_a_server_without_the_bot_has_its_token_rest(own_stage: Stage) -> None:
    """One in trouble too, which is tried again and again elsewhere."""
    stage = own_stage
    gone, other = await stage.town(), await stage.town()
    for town in (gone, other):
        await town.watched()
        town.account.refuse()
        await town.notice("**PixVerse results are on hold.**")
    gone.guild.remove_bot()
    left = "SELECT 1 FROM servers WHERE guild_id = ? AND gone_since IS NOT NULL"
    await stage.pixverse.until(lambda: stage.ledger.rows(left, gone.guild.id) != [])
    since = len(stage.pixverse.requests)

    def tried(town: Town) -> int:
        return sum(one.account == town.account.number for one in stage.pixverse.requests[since:])

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
    for town in (here, there, here):
        stage.renew_token(town.account)
        opened = await town.admin.slash(town.channel, "pixverse-admin token set")
        town.admin.begin_submit(opened.modal, {opened.modal.fields[0].custom_id: town.account.token})
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
