"""Servers with their own tokens, and what happens to waiting jobs when a token changes."""

from __future__ import annotations

import pytest

from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("generation")]


async def test_each_server_sees_only_what_its_own_token_sees(harness: Harness) -> None:
    here, there = await harness.server(), await harness.server()
    job = await here.watched(prompt="ours alone")
    number = here.number(job)

    by_id = await there.status(job)
    assert by_id.text.startswith("**I can't find this job.**")
    by_number = await there.status(number)
    assert by_number.text.startswith("**I don't know that number here.**")
    (card,) = here.cards()
    (button, *_) = card.buttons
    assert button.custom_id is not None
    forged = await there.member.forge_click(there.channel, button.custom_id)
    assert forged.text.startswith("**This button no longer does anything.**")
    offered = await there.member.autocomplete(there.channel, "pixverse status", option="jobid", typed="")
    assert offered == []

    job.complete()
    outcome = await here.outcome()
    details = outcome.buttons[0].custom_id
    assert details is not None
    stolen = await there.member.forge_click(there.channel, details)
    assert stolen.text.startswith("**This button no longer does anything.**")
    assert there.cards() == []
    assert there.outcomes() == []
    assert {entry.account for entry in harness.pixverse.requests if entry.jobid == job.jobid} == {
        here.account.number,
        there.account.number,
    }


async def test_one_account_in_two_servers_is_requested_once(harness: Harness) -> None:
    here = await harness.server()
    there = GuildFixture(harness, here.account)
    await there.set_token()
    job = await here.watched()
    before = harness.pixverse.asked(job)
    await there.status(job)
    alone = await here.watched()
    await harness.pixverse.until(lambda: harness.pixverse.asked(alone) > 10)
    assert harness.pixverse.asked(job) - before <= harness.pixverse.asked(alone) + 3
    job.complete()
    for server in (here, there):
        assert (await server.outcome()).text.startswith("**Your video is ready.**")
    assert harness.pixverse.cdn.asked(job.videos[0].path) == 1


async def test_a_renewed_token_resumes_everything(harness: Harness) -> None:
    server = await harness.server()
    job = await server.watched()
    harness.renew_token(server.account)
    notice = await server.notice("**PixVerse results are on hold.**")
    assert notice.pinged == {server.admin.id}
    job.complete()
    answer = await server.set_token()
    assert answer.text.startswith("**Token works.** I'm watching 1 job with it.")
    assert (await server.outcome()).text.startswith("**Your video is ready.**")


async def test_a_token_of_another_account_puts_the_jobs_on_hold(harness: Harness) -> None:
    server = await harness.server()
    job = await server.watched()
    old, server.account = server.account, harness.account()
    answer = await server.set_token()
    assert answer.text.startswith(
        "**This token works, but belongs to a different account.** I use it from now on, but it can't see 1 waiting job"
    )
    assert answer.labels == ["Keep the old jobs waiting", "Drop the old jobs"]
    kept = await server.admin.click(answer, "Keep the old jobs waiting")
    assert kept.text.startswith("**1 job stays on hold.**")

    asked = harness.pixverse.asked(job)
    other = await server.watched()
    await harness.pixverse.until(lambda: harness.pixverse.asked(other) > 3)
    assert harness.pixverse.asked(job) <= asked + 1
    job.complete()
    other.fail("Generation failed")
    assert (await server.outcome()).text.startswith("**The job failed.**")
    listed = await server.member.slash(server.channel, "pixverse list")
    assert listed.text.startswith("**Watching 1 job")

    back = await server.set_token(old.token)
    assert back.text.startswith("**Token works.**")
    await harness.discord.until(lambda: len(server.outcomes()) == 2)
    assert server.outcomes()[-1].text.startswith("**Your video is ready.**")


async def test_the_old_account_s_jobs_can_be_dropped(harness: Harness) -> None:
    server = await harness.server()
    job = await server.watched()
    old, server.account = server.account, harness.account()
    answer = await server.set_token()
    dropped = await server.admin.click(answer, "Drop the old jobs")
    assert dropped.text.startswith("**Dropped.** 1 job is no longer watched.")
    await server.card_says("**Stopped watching")
    job.complete()
    server.account = old
    await server.set_token()
    other = await server.watched()
    await harness.pixverse.until(lambda: harness.pixverse.asked(other) > 3)
    assert server.outcomes() == []


async def test_kept_jobs_of_the_old_account_are_named_and_asked_about_again(harness: Harness) -> None:
    server = await harness.server()
    await server.watched()
    follow = await server.admin.slash(server.channel, "pixverse-admin follow", channel=server.channel)
    await server.admin.click(follow, "Follow the account")
    server.account = harness.account()
    answer = await server.set_token()
    kept = await server.admin.click(answer, "Keep the old jobs waiting")
    assert kept.text.startswith("**1 job stays on hold.** So does 1 followed channel.")
    check = (await server.admin.slash(server.channel, "pixverse-admin check")).text
    assert "1 job of a different account is on hold." in check
    assert "watching" not in check
    again = await server.set_token()
    assert again.text.startswith("**This token works, but belongs to a different account.**")
    dropped = await server.admin.click(again, "Drop the old jobs")
    assert dropped.text.startswith(
        f"**Dropped.** 1 job is no longer watched. {server.channel.mention} is no longer followed."
    )
    assert (await server.set_token()).text.startswith("**Token works.**")


async def test_removing_the_token_asks_first_and_stops_the_jobs(harness: Harness) -> None:
    server = await harness.server()
    job = await server.watched()
    question = await server.admin.slash(server.channel, "pixverse-admin token remove")
    assert question.ephemeral
    assert question.text.startswith("**Remove this server's token?** I'll stop watching 1 job.")
    kept = await server.admin.click(question, "Keep the token")
    assert kept.text.startswith("**Kept.**")
    question = await server.admin.slash(server.channel, "pixverse-admin token remove")
    removed = await server.admin.click(question, "Remove the token")
    assert removed.text.startswith("**Removed.** 1 job is no longer watched.")
    await server.card_says("**Stopped watching")
    assert (await server.status(job)).text.startswith("**This server isn't set up yet.**")
    assert not any(
        row["token"]
        for row in harness.ledger.rows(
            "SELECT token FROM accounts WHERE account_key = ?", f"user:{server.account.number}"
        )
    )


async def test_without_a_public_address_there_are_no_callbacks(harness: Harness) -> None:
    server = await harness.server()
    answer = await server.admin.slash(server.channel, "pixverse-admin callback")
    assert answer.text.startswith("**Callbacks are off for this bot.**")
