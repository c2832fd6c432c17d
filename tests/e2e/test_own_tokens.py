"""A token belongs to one server: attacks with another server, an old copy of the token, or a made-up token."""

from __future__ import annotations

import asyncio
import random
from functools import partial

import pytest

from sandbox.pixverse_api import faults
from sandbox.pixverse_api.jobs import Job
from sandbox.pixverse_api.requests_log import credential
from tests.e2e.conftest import Build
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness

pytestmark = pytest.mark.asyncio(loop_scope="module")


def _asked_often(harness: Harness, job: Job) -> bool:
    return harness.pixverse.asked(job) > 3


async def test_a_new_token_stays_with_the_server_that_entered_it(harness: Harness) -> None:
    victim = await harness.server()
    thief = GuildFixture(harness, victim.account)
    await thief.set_token()
    old = await victim.watched(prompt="from before")
    await thief.status(old)
    harness.renew_token(victim.account)
    notice = await victim.notice("**PixVerse results are on hold.**")
    assert notice.pinged == {victim.admin.id}
    assert (await victim.set_token()).text.startswith("**Token works.** I'm watching 1 job with it.")

    private = await victim.watched(prompt="after the leak")
    refused = await thief.status(private)
    assert "after the leak" not in refused.text
    old.complete()
    private.complete()
    await harness.discord.until(lambda: len(victim.outcomes()) == 2, what="both outcomes")
    check = await thief.admin.slash(thief.channel, "pixverse-admin check")
    assert "useapi.net refuses this server's API token" in check.text
    assert thief.outcomes() == []
    used = {entry.credential for entry in harness.pixverse.requests if entry.jobid == private.jobid}
    assert used == {credential(victim.account.token)}

    question = await victim.admin.slash(victim.channel, "pixverse-admin token remove")
    await victim.admin.click(question, "Remove the token")
    assert (
        "useapi.net refuses this server's API token"
        in (await thief.admin.slash(thief.channel, "pixverse-admin check")).text
    )


async def test_a_made_up_token_replaces_nothing(harness: Harness) -> None:
    """The API answers this token with empty lists."""
    victim, forger = await harness.server(), harness.empty_server()
    job = await victim.watched()
    forger.account.token = f"user:{victim.account.number}-{'f' * 24}"
    answer = await forger.set_token()
    assert answer.text.startswith(
        f"**Token works.** useapi.net account `{victim.account.number}` (not confirmed by useapi.net yet) "
        "has 0 running jobs."
    ), answer.text
    assert (await forger.status(job)).text.startswith("**I can't find this job.**")
    job.complete()
    assert (await victim.outcome()).text.startswith("**Your video is ready.**")
    assert forger.outcomes() == []
    used = {entry.credential for entry in harness.pixverse.requests if entry.jobid == job.jobid}
    assert used == {credential(victim.account.token), credential(forger.account.token)}
    check = await victim.admin.slash(victim.channel, "pixverse-admin check")
    assert f"account `{victim.account.number}`" in check.text
    assert "not confirmed" not in check.text


async def test_the_later_command_wins(harness: Harness) -> None:
    server = harness.empty_server()
    slow, gate = harness.account(), asyncio.Event()
    harness.pixverse.faults.add(faults.Hold(gate), account=slow)
    earlier = asyncio.create_task(server.set_token(slow.token))
    await harness.pixverse.until(lambda: any(entry.account == slow.number for entry in harness.pixverse.requests))
    later = await server.set_token()
    assert later.text.startswith("**Token works.**")
    gate.set()
    assert (await earlier).text.startswith("**Not stored: a later command changed the token.**")
    check = await server.admin.slash(server.channel, "pixverse-admin check")
    assert f"account `{server.account.number}`" in check.text


async def test_no_byte_of_a_replaced_token_is_left(harness: Harness) -> None:
    server = await harness.server()
    rows = harness.ledger.rows("SELECT token FROM accounts WHERE account_key = ?", f"user:{server.account.number}")
    (before,) = [row["token"] for row in rows]
    harness.renew_token(server.account)
    await server.set_token()
    assert not [name for name, content in harness.ledger.files().items() if before[30:60] in content]


async def test_a_new_operator_s_token_is_used_at_once(build: Build) -> None:
    harness = await build()
    account = harness.account()
    harness.bot.settings["USEAPI_TOKEN"] = account.token
    await harness.start()
    plain, stranger = GuildFixture(harness, account), GuildFixture(harness, account)
    await stranger.set_token()
    job = await plain.watched()
    await harness.stop()
    harness.bot.settings["USEAPI_TOKEN"] = harness.renew_token(account)
    await harness.start()
    job.complete()
    assert (await plain.outcome()).text.startswith("**Your video is ready.**")
    check = await stranger.admin.slash(stranger.channel, "pixverse-admin check")
    assert "useapi.net refuses this server's API token" in check.text


async def test_an_undecryptable_token_is_entered_again(own_harness: Harness) -> None:
    harness = own_harness
    server, other = await harness.server(), await harness.server()
    job, well = await server.watched(), await other.watched()
    await harness.stop()
    key = f"user:{server.account.number}"
    assert harness.ledger.change("UPDATE accounts SET token = x'00' WHERE account_key = ?", key) == 1
    await harness.start()
    notice = await server.notice("**Please enter this server's API token again.**")
    assert notice.pinged == {server.admin.id}
    await server.card_says("**On hold: this server's API token has to be entered again.**")
    well.complete()
    assert (await other.outcome()).text.startswith("**Your video is ready.**")
    check = await server.admin.slash(server.channel, "pixverse-admin check")
    assert "I no longer have the API token that was set." in check.text
    job.complete()
    await server.set_token()
    assert (await server.outcome()).text.startswith("**Your video is ready.**")


@pytest.mark.parametrize("seed", [1, 2])
async def test_any_order_of_setting_rotating_removing_and_crashing(own_harness: Harness, seed: int) -> None:
    """The bot never requests a server's job with a token that this server has not entered."""
    harness, rng = own_harness, random.Random(seed)
    account = harness.account()
    servers = [GuildFixture(harness, account), GuildFixture(harness, account)]
    entered: list[set[str]] = [set(), set()]
    jobs: list[set[str]] = [set(), set()]
    first = [(0, "set"), (1, "set"), (0, "rotate"), (0, "set")]
    kinds = ("set", "set", "rotate", "remove", "restart", "kill")
    for which, what in [*first, *((rng.randrange(2), rng.choice(kinds)) for _ in range(6))]:
        server = servers[which]
        match what:
            case "set":
                await server.set_token()
                entered[which].add(account.token)
                job = server.job()
                await server.status(job)
                jobs[which].add(job.jobid)
                await harness.pixverse.until(partial(_asked_often, harness, job))
            case "rotate":
                harness.renew_token(account)
            case "remove":
                question = await server.admin.slash(server.channel, "pixverse-admin token remove")
                if "Remove the token" in question.labels:
                    await server.admin.click(question, "Remove the token")
            case "restart":
                await harness.restart()
            case _:
                await harness.kill()
                await harness.start()
        for number in range(2):
            used = {entry.credential for entry in harness.pixverse.requests if entry.jobid in jobs[number]}
            assert used <= {credential(token) for token in entered[number]}
