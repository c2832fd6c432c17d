"""Whole accounts: a channel in which every job of the server's account is posted."""

from __future__ import annotations

import json

import pytest

from sandbox.discord_wire import Answer, Channel
from sandbox.pixverse_api import faults
from tests.e2e.stage import Stage
from tests.e2e.town import Town

_V1 = "/v1/pixverse/jobs"

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _follow(town: Town, channel: Channel, **options: bool) -> Answer:
    asked = await town.admin.slash(town.channel, "pixverse-admin follow", channel=channel, **options)
    assert asked.text.startswith(f"**Post every job of account `{town.account.number}` in <#{channel.id}>?**"), asked
    return await town.admin.click(asked, "Follow the account")


@pytest.mark.usefixtures("generation")
async def test_every_job_of_the_account_is_posted_and_pings_nobody(town: Town) -> None:
    before = town.job(prompt="paper boat")
    ended = town.job()
    ended.complete()
    films = town.guild.add_text_channel("films")
    answer = await _follow(town, films)
    assert answer.text.startswith(f"**Following.** Every job of account `{town.account.number}` is posted in")

    later = town.job(prompt="lighthouse")
    await town.stage.pixverse.until(lambda: town.stage.pixverse.asked(later) > 0)
    later.complete()
    before.fail("Generation failed")
    await town.stage.discord.until(lambda: len(town.outcomes(films)) == 2, 10)
    await town.settled(films)
    video, failed = sorted(town.outcomes(films), key=lambda message: message.text)
    assert video.text.startswith("**New video.**\n> lighthouse")
    assert [file.content for file in video.attachments] == [video.content for video in later.videos]
    assert failed.text.startswith("**The job failed.** You can start it again.")
    assert not video.pinged | failed.pinged
    assert town.cards(films) == []
    assert town.posts() == []


async def test_cards_are_shown_and_a_member_may_ask_too(town: Town) -> None:
    await _follow(town, town.channel, progress=True)
    job = town.job(prompt="paper boat")
    card = await town.card_says("**Waiting to start.**")
    assert "asked by" not in card.text
    stopping = await town.member.click(card, "Stop watching")
    assert stopping.text.startswith("**This isn't yours to stop.**")
    answer = await town.status(job)
    assert answer.text.startswith("**Already watched here.**")
    job.complete()
    outcome = await town.outcome()
    assert outcome.text.startswith("**Your video is ready.**")
    assert outcome.pinged == {town.member.id}
    await town.card_says("**Done.**")


async def test_a_list_that_tells_how_long_to_wait_rests_the_whole_account(town: Town) -> None:
    await _follow(town, town.channel)
    job = await town.watched()
    fault = town.stage.pixverse.faults.add(faults.Status(429, retry_after=2), path=_V1, account=town.account)
    await town.stage.pixverse.until(lambda: fault.played == 1)

    def waits() -> list[int]:
        """Milliseconds from the refusal to each request that was not on its way then."""
        seen = [entry for entry in town.stage.pixverse.requests if entry.account == town.account.number]
        (refused,) = [entry.at for entry in seen if entry.status == 429]
        return [entry.at - refused for entry in seen if entry.at - refused > 500]

    await town.stage.pixverse.until(lambda: bool(waits()))
    assert waits()[0] >= 2000
    job.complete()
    await town.outcome()


async def test_unfollow_takes_no_more_and_posts_what_runs(town: Town) -> None:
    await _follow(town, town.channel)
    running = town.job()
    await town.stage.pixverse.until(lambda: town.stage.pixverse.asked(running) > 0)
    ((name, choice),) = await town.admin.autocomplete(
        town.channel, "pixverse-admin unfollow", option="channel", typed="vid"
    )
    assert name == "#videos"
    answer = await town.admin.slash(town.channel, "pixverse-admin unfollow", channel=choice)
    assert answer.text == f"**No longer following in {town.channel.mention}.** 1 running job is still posted."
    again = await town.admin.slash(town.channel, "pixverse-admin unfollow", channel=choice)
    assert again.text.startswith("**That channel isn't followed.**")
    strange = await town.admin.slash(town.channel, "pixverse-admin unfollow", channel="9" * 20)
    assert strange.text.startswith("**That channel isn't followed.**")
    later = town.job()
    running.complete()
    await town.outcome()
    later.complete()
    await town.settled()
    assert len(town.outcomes()) == 1


async def test_a_channel_that_is_deleted_ends_it_with_word_to_the_alerts_channel(town: Town) -> None:
    films = town.guild.add_text_channel("films")
    await town.admin.slash(town.channel, "pixverse-admin alerts", channel=town.channel)
    await _follow(town, films)
    films.delete()
    notice = await town.notice("**#films is gone.**")
    assert "Choose another channel with" in notice.text
    assert town.stage.ledger.rows("SELECT * FROM follows WHERE channel_id = ?", films.id) == []


async def test_without_the_server_s_own_token_or_permission_it_is_refused(stage: Stage, town: Town) -> None:
    bare = stage.empty_town()
    answer = await bare.admin.slash(bare.channel, "pixverse-admin follow", channel=bare.channel)
    assert answer.text.startswith("**This server has no API token yet.**")
    member = await town.member.forge_slash(town.channel, "pixverse-admin follow", channel=str(town.channel.id))
    assert member.text == "**Only someone with *Manage Server* can do this.**"


async def test_another_account_rests_the_follow_and_the_old_one_goes_on(town: Town) -> None:
    await _follow(town, town.channel)
    old, new = town.account, town.stage.account()
    answer = await town.set_token(new.token)
    assert "it can't see 1 followed channel of the old one" in answer.text
    unseen = town.stage.pixverse.add_job(new)
    kept = await town.admin.click(answer, "Keep the old jobs waiting")
    assert kept.text.startswith("**1 followed channel stays on hold.**")
    await town.set_token(old.token)
    job = town.job()
    await town.stage.pixverse.until(lambda: town.stage.pixverse.asked(job) > 0)
    assert town.stage.pixverse.asked(unseen) == 0

    removing = await town.admin.slash(town.channel, "pixverse-admin token remove")
    assert removing.text.startswith(
        "**Remove this server's token?** I'll stop watching 1 job. I'll stop following 1 channel."
    )
    await town.admin.click(removing, "Remove the token")
    assert town.stage.ledger.rows("SELECT * FROM follows WHERE guild_id = ?", town.guild.id) == []


async def test_a_channel_that_was_deleted_while_the_bot_was_off_ends_it_too(stage: Stage, town: Town) -> None:
    films = town.guild.add_text_channel("films")
    await town.admin.slash(town.channel, "pixverse-admin alerts", channel=town.channel)
    await _follow(town, films)
    await stage.stop()
    films.delete()
    await stage.start()
    notice = await town.notice("**A channel is gone.**")
    assert "Choose another channel with" in notice.text


async def test_a_list_that_is_huge_or_strange_brings_nothing_but_its_jobs(stage: Stage, town: Town) -> None:
    strange = [None, 7, {"id": "x"}, ["y"], "user:1-secret", "a b", "", "../../etc", "x" * 400]
    real = [town.job().jobid for _ in range(3)]
    huge = [f"job:{number:017}-user:1-channel:1300000000000000001-bot:pixverse" for number in range(100_000)]
    for body in ([*strange, *real], huge):
        answer = faults.Status(200, json.dumps(body), content_type="application/json")
        stage.pixverse.faults.add(answer, path=_V1, account=town.account)
    await _follow(town, town.channel)
    await stage.pixverse.until(lambda: stage.pixverse.faults.waiting == 0)
    later = town.job()
    await stage.pixverse.until(lambda: stage.pixverse.asked(later) > 0, 20)
    kept = stage.ledger.rows(
        "SELECT j.jobid FROM subscriptions s JOIN jobs j ON j.id = s.job_id WHERE s.guild_id = ?", town.guild.id
    )
    assert {str(row["jobid"]) for row in kept} == {*real, later.jobid}
