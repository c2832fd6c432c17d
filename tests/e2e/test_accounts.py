"""Servers with tokens of their own, and what becomes of waiting jobs when a token changes."""

from __future__ import annotations

import pytest

from tests.e2e.stage import Stage
from tests.e2e.town import Town

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("generation")]


async def test_each_server_sees_only_what_its_own_token_sees(stage: Stage) -> None:
    here, there = await stage.town(), await stage.town()
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
    assert {entry.account for entry in stage.pixverse.requests if entry.jobid == job.jobid} == {
        here.account.number,
        there.account.number,
    }


async def test_one_account_in_two_servers_is_asked_once(stage: Stage) -> None:
    here = await stage.town()
    there = Town(stage, here.account)
    await there.set_token()
    job = await here.watched()
    before = stage.pixverse.asked(job)
    await there.status(job)
    alone = await here.watched()
    await stage.pixverse.until(lambda: stage.pixverse.asked(alone) > 10)
    assert stage.pixverse.asked(job) - before <= stage.pixverse.asked(alone) + 3
    job.complete()
    for town in (here, there):
        assert (await town.outcome()).text.startswith("**Your video is ready.**")
    assert stage.pixverse.cdn.asked(job.videos[0].path) == 1


async def test_a_renewed_token_lets_everything_go_on(stage: Stage) -> None:
    town = await stage.town()
    job = await town.watched()
    stage.renew_token(town.account)
    notice = await town.notice("**PixVerse results are on hold.**")
    assert notice.pinged == {town.admin.id}
    job.complete()
    answer = await town.set_token()
    assert answer.text.startswith("**Token works.** I'm watching 1 job with it.")
    assert (await town.outcome()).text.startswith("**Your video is ready.**")


async def test_a_token_of_another_account_keeps_the_jobs_on_hold(stage: Stage) -> None:
    town = await stage.town()
    job = await town.watched()
    old, town.account = town.account, stage.account()
    answer = await town.set_token()
    assert answer.text.startswith(
        "**This token works, but belongs to a different account.** I use it from now on, but it can't see 1 waiting job"
    )
    assert answer.labels == ["Keep the old jobs waiting", "Drop the old jobs"]
    kept = await town.admin.click(answer, "Keep the old jobs waiting")
    assert kept.text.startswith("**1 job stays on hold.**")

    asked = stage.pixverse.asked(job)
    other = await town.watched()
    await stage.pixverse.until(lambda: stage.pixverse.asked(other) > 3)
    assert stage.pixverse.asked(job) <= asked + 1
    job.complete()
    other.fail("Generation failed")
    assert (await town.outcome()).text.startswith("**The job failed.**")
    listed = await town.member.slash(town.channel, "pixverse list")
    assert listed.text.startswith("**Watching 1 job")

    back = await town.set_token(old.token)
    assert back.text.startswith("**Token works.**")
    await stage.discord.until(lambda: len(town.outcomes()) == 2)
    assert town.outcomes()[-1].text.startswith("**Your video is ready.**")


async def test_the_old_account_s_jobs_can_be_dropped(stage: Stage) -> None:
    town = await stage.town()
    job = await town.watched()
    old, town.account = town.account, stage.account()
    answer = await town.set_token()
    dropped = await town.admin.click(answer, "Drop the old jobs")
    assert dropped.text.startswith("**Dropped.** 1 job is no longer watched.")
    await town.card_says("**Stopped watching")
    job.complete()
    town.account = old
    await town.set_token()
    other = await town.watched()
    await stage.pixverse.until(lambda: stage.pixverse.asked(other) > 3)
    assert town.outcomes() == []


async def test_kept_jobs_of_the_old_account_are_named_and_asked_about_again(stage: Stage) -> None:
    town = await stage.town()
    await town.watched()
    follow = await town.admin.slash(town.channel, "pixverse-admin follow", channel=town.channel)
    await town.admin.click(follow, "Follow the account")
    town.account = stage.account()
    answer = await town.set_token()
    kept = await town.admin.click(answer, "Keep the old jobs waiting")
    assert kept.text.startswith("**1 job stays on hold.** So does 1 followed channel.")
    check = (await town.admin.slash(town.channel, "pixverse-admin check")).text
    assert "1 job of a different account is on hold." in check
    assert "watching" not in check
    again = await town.set_token()
    assert again.text.startswith("**This token works, but belongs to a different account.**")
    dropped = await town.admin.click(again, "Drop the old jobs")
    assert dropped.text.startswith(
        f"**Dropped.** 1 job is no longer watched. {town.channel.mention} is no longer followed."
    )
    assert (await town.set_token()).text.startswith("**Token works.**")


async def test_removing_the_token_is_asked_first_and_stops_the_jobs(stage: Stage) -> None:
    town = await stage.town()
    job = await town.watched()
    question = await town.admin.slash(town.channel, "pixverse-admin token remove")
    assert question.ephemeral
    assert question.text.startswith("**Remove this server's token?** I'll stop watching 1 job.")
    kept = await town.admin.click(question, "Keep the token")
    assert kept.text.startswith("**Kept.**")
    question = await town.admin.slash(town.channel, "pixverse-admin token remove")
    removed = await town.admin.click(question, "Remove the token")
    assert removed.text.startswith("**Removed.** 1 job is no longer watched.")
    await town.card_says("**Stopped watching")
    assert (await town.status(job)).text.startswith("**This server isn't set up yet.**")
    assert not any(
        row["token"]
        for row in stage.ledger.rows("SELECT token FROM accounts WHERE account_key = ?", f"user:{town.account.number}")
    )


async def test_without_an_address_for_the_internet_there_are_no_callbacks(stage: Stage) -> None:
    town = await stage.town()
    answer = await town.admin.slash(town.channel, "pixverse-admin callback")
    assert answer.text.startswith("**Callbacks are off for this bot.**")
