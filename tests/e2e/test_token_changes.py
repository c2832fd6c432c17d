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
from tests.e2e.harness import Harness

pytestmark = pytest.mark.asyncio(loop_scope="module")

_CHANGED = "**The token has changed since I asked.** Nothing was done"


async def _twins(harness: Harness) -> tuple[GuildFixture, GuildFixture]:
    """Two servers with the same token."""
    here = await harness.server()
    there = GuildFixture(harness, here.account)
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


def _tokens(harness: Harness, job: Job, since: int = 0) -> set[str | None]:
    return {one.credential for one in harness.pixverse.requests[since:] if one.jobid == job.jobid}


def _waiting(server: GuildFixture) -> list[int]:
    rows = server.harness.ledger.rows(
        "SELECT job_id FROM subscriptions WHERE guild_id = ? AND ended_at IS NULL", server.guild.id
    )
    return [row["job_id"] for row in rows]


def _is_asked(harness: Harness, job: Job) -> bool:
    return harness.pixverse.asked(job) > 1


@pytest.mark.parametrize("command", ["status", "watch"])
async def test_a_job_on_hold_that_the_operator_s_token_sees_is_watched_once(build: Build, command: str) -> None:
    harness = await build()
    account = harness.account()
    harness.bot.settings["USEAPI_TOKEN"] = account.token
    await harness.start()
    server = GuildFixture(harness, account)
    await server.set_token()
    job = await server.watched()
    await server.set_token(harness.account().token)
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
async def test_a_job_on_hold_stays_with_its_account_while_the_api_is_silent(own_harness: Harness, command: str) -> None:
    """With the other account, the job would be reported as not found, and its real end never."""
    harness = own_harness
    server = await harness.server()
    job = await server.watched()
    await server.set_token(harness.account().token)
    harness.pixverse.faults.add(faults.Status(500), times=None)
    assert "already watched" in (await _ask(server, job, command)).text.lower()
    harness.pixverse.faults.clear()
    assert len(_waiting(server)) == 1
    assert "On hold" in (await server.use("pixverse list")).text
    job.complete()
    await server.set_token()
    assert (await server.outcome()).text.startswith("**Your video is ready.**")
    assert _waiting(server) == []


async def test_buttons_from_before_a_token_change_do_nothing(own_harness: Harness) -> None:
    harness = own_harness
    here, there = await _twins(harness)
    job = await here.watched()
    removing = await here.admin.slash(here.channel, "pixverse-admin token remove")
    following = await here.admin.slash(here.channel, "pixverse-admin follow", channel=here.channel)
    harness.renew_token(here.account)
    await here.set_token()
    assert (await here.admin.click(removing, "Remove the token")).text.startswith(_CHANGED)
    assert (await here.admin.click(following, "Follow the account")).text.startswith(_CHANGED)
    choosing = await here.set_token(harness.account().token)
    (drop,) = [button.custom_id for button in choosing.buttons if button.label == "Drop the old jobs"]
    assert drop is not None
    await there.admin.forge_click(there.channel, drop)
    harness.renew_token(here.account)
    await here.set_token()
    assert (await here.admin.forge_click(here.channel, drop)).text.startswith(_CHANGED)
    job.complete()
    await here.outcome()
    assert harness.ledger.rows("SELECT * FROM follows") == []


@pytest.mark.parametrize("command", ["status", "watch"])
@pytest.mark.parametrize("change", ["renewed", "other", "removed"])
async def test_a_running_command_writes_nothing_under_the_previous_token(
    harness: Harness, server: GuildFixture, command: str, change: str
) -> None:
    job, gate = server.job(), asyncio.Event()
    held = harness.pixverse.faults.add(faults.AfterHandling(faults.Hold(gate)), job=job)
    asking = asyncio.create_task(_ask(server, job, command))
    await harness.pixverse.until(lambda: held.played > 0)
    match change:
        case "renewed":
            harness.renew_token(server.account)
            await server.set_token()
        case "other":
            await server.set_token(harness.account().token)
        case _:
            await _remove(server)
    gate.set()
    assert (await asking).text.startswith("**This server's API token just changed.** Nothing was done;")
    assert _waiting(server) == []


async def test_a_server_renews_its_token_during_a_shared_request(own_harness: Harness) -> None:
    harness = own_harness
    here, there = await _twins(harness)
    job, gate = await here.watched(), asyncio.Event()
    await there.status(job)
    held = harness.pixverse.faults.add(faults.AfterHandling(faults.Hold(gate)), job=job)
    job.complete()
    await harness.pixverse.until(lambda: held.played > 0)
    harness.renew_token(here.account)
    await here.set_token()
    gate.set()
    for server in (here, there):
        assert (await server.outcome()).text.startswith("**Your video is ready.**")


async def test_an_earlier_outcome_is_shown_and_resent_without_any_token(own_harness: Harness) -> None:
    harness = own_harness
    here, there = await _twins(harness)
    job = await here.watched()
    await there.status(job)
    job.complete()
    outcome = await here.outcome()
    again = await here.status(job)
    await _remove(here)
    since = len(harness.pixverse.requests)
    assert (await here.member.click(outcome, "Details")).text.startswith("**Done.**")
    assert (await here.member.click(again, "Post it again")).text.startswith("**Posting ")
    await harness.discord.until(lambda: len(here.outcomes()) == 2)
    for text in (job.jobid, here.number(job)):
        assert (await here.status(text)).text.startswith("**This server isn't set up yet.**")
    assert _tokens(harness, job, since) == set()


@pytest.mark.parametrize("change", ["renewed", "other", "removed"])
async def test_a_result_that_waits_for_a_permission_survives_the_token(own_harness: Harness, change: str) -> None:
    harness = own_harness
    here, there = await _twins(harness)
    job = await here.watched()
    await there.status(job)
    here.channel.deny_bot(send_messages=True)
    job.complete()
    await there.outcome()
    blocked = "SELECT 1 FROM deliveries WHERE channel_id = ? AND kind = 'outcome' AND blocked_since IS NOT NULL"
    await harness.pixverse.until(lambda: harness.ledger.rows(blocked, here.channel.id) != [])
    match change:
        case "renewed":
            harness.renew_token(here.account)
            await here.set_token()
        case "other":
            await here.set_token(harness.account().token)
        case _:
            await _remove(here)
    await harness.kill()
    await harness.start()
    since = len(harness.pixverse.requests)
    here.channel.allow_bot(send_messages=True)
    assert (await here.outcome()).text.startswith("**Your video is ready.**")
    assert _tokens(harness, job, since) == set()


async def test_follows_of_the_same_token_separate_with_it(own_harness: Harness) -> None:
    harness = own_harness
    here, there = await _twins(harness)
    for server in (here, there):
        await _follow(server, server.channel)
    shared = here.job(prompt="of both")
    await harness.pixverse.until(partial(_is_asked, harness, shared))
    harness.renew_token(here.account)
    await here.set_token()
    own = here.job(prompt="of one")
    await harness.pixverse.until(partial(_is_asked, harness, own))
    for job in (shared, own):
        job.complete()
    await harness.discord.until(lambda: len(here.outcomes()) == 2)
    await there.notice("**PixVerse results are on hold.**")
    assert there.outcomes() == []
    assert _tokens(harness, own) == {credential(here.account.token)}
    await there.set_token()
    assert "of both" in (await there.outcome()).text


async def test_a_server_without_the_bot_has_its_token_suspended(own_harness: Harness) -> None:
    """Also a token in trouble, which would otherwise be tried again and again."""
    harness = own_harness
    gone, other = await harness.server(), await harness.server()
    for server in (gone, other):
        await server.watched()
        server.account.refuse()
        await server.notice("**PixVerse results are on hold.**")
    gone.guild.remove_bot()
    left = "SELECT 1 FROM servers WHERE guild_id = ? AND gone_since IS NOT NULL"
    await harness.pixverse.until(lambda: harness.ledger.rows(left, gone.guild.id) != [])
    since = len(harness.pixverse.requests)

    def tried(server: GuildFixture) -> int:
        return sum(one.account == server.account.number for one in harness.pixverse.requests[since:])

    await harness.pixverse.until(lambda: tried(other) >= 3)
    assert tried(gone) == 0
    gone.account.ok()
    gone.guild.add_bot()
    await gone.notice("**PixVerse results are back.**")


@pytest.mark.parametrize("seed", [1, 2])
async def test_killed_while_tokens_are_stored(own_harness: Harness, seed: int) -> None:
    harness, rng = own_harness, random.Random(seed)
    here, there = await _twins(harness)
    job = await here.watched()
    await there.status(job)
    for server in (here, there, here):
        harness.renew_token(server.account)
        opened = await server.admin.slash(server.channel, "pixverse-admin token set")
        server.admin.begin_submit(opened.modal, {opened.modal.fields[0].custom_id: server.account.token})
        await asyncio.sleep(rng.random() * 0.06)
        await harness.kill()
        await harness.start()
    harness.renew_token(here.account)
    await here.set_token()
    own = await here.watched()
    for one in (job, own):
        one.complete()
    await harness.discord.until(lambda: len(here.outcomes()) == 2)
    await here.settled()
    assert there.outcomes() == []
    assert _tokens(harness, own) == {credential(here.account.token)}
    await there.set_token()
    await there.outcome()
    assert len(here.outcomes()) == 2
