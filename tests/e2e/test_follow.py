"""Whole accounts: a channel in which every job of the server's account is posted."""

from __future__ import annotations

import json

import pytest

from sandbox.discord_wire import Answer, Channel
from sandbox.pixverse_api import faults
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness

_V1 = "/v1/pixverse/jobs"

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _follow(server: GuildFixture, channel: Channel, **options: bool) -> Answer:
    asked = await server.admin.slash(server.channel, "pixverse-admin follow", channel=channel, **options)
    assert asked.text.startswith(f"**Post every job of account `{server.account.number}` in <#{channel.id}>?**"), asked
    return await server.admin.click(asked, "Follow the account")


@pytest.mark.usefixtures("generation")
async def test_every_job_of_the_account_is_posted_and_pings_nobody(server: GuildFixture) -> None:
    before = server.job(prompt="paper boat")
    ended = server.job()
    ended.complete()
    films = server.guild.add_text_channel("films")
    answer = await _follow(server, films)
    assert answer.text.startswith(f"**Following.** Every job of account `{server.account.number}` is posted in")

    later = server.job(prompt="lighthouse")
    await server.harness.pixverse.until(lambda: server.harness.pixverse.asked(later) > 0)
    later.complete()
    before.fail("Generation failed")
    await server.harness.discord.until(lambda: len(server.outcomes(films)) == 2, 10)
    await server.settled(films)
    video, failed = sorted(server.outcomes(films), key=lambda message: message.text)
    assert video.text.startswith("**New video.**\n> lighthouse")
    assert [file.content for file in video.attachments] == [video.content for video in later.videos]
    assert failed.text.startswith("**The job failed.** You can start it again.")
    assert not video.pinged | failed.pinged
    assert server.cards(films) == []
    assert server.posts() == []


async def test_cards_are_shown_and_a_member_can_join(server: GuildFixture) -> None:
    await _follow(server, server.channel, progress=True)
    job = server.job(prompt="paper boat")
    card = await server.card_says("**Waiting to start.**")
    assert "asked by" not in card.text
    stopping = await server.member.click(card, "Stop watching")
    assert stopping.text.startswith("**This isn't yours to stop.**")
    answer = await server.status(job)
    assert answer.text.startswith("**Already watched here.**")
    job.complete()
    outcome = await server.outcome()
    assert outcome.text.startswith("**Your video is ready.**")
    assert outcome.pinged == {server.member.id}
    await server.card_says("**Done.**")


async def test_a_list_s_retry_time_pauses_the_whole_account(server: GuildFixture) -> None:
    await _follow(server, server.channel)
    job = await server.watched()
    fault = server.harness.pixverse.faults.add(faults.Status(429, retry_after=2), path=_V1, account=server.account)
    await server.harness.pixverse.until(lambda: fault.played == 1)

    def waits() -> list[int]:
        """Milliseconds from the refusal to each later request, except those already in flight."""
        seen = [entry for entry in server.harness.pixverse.requests if entry.account == server.account.number]
        (refused,) = [entry.at for entry in seen if entry.status == 429]
        return [entry.at - refused for entry in seen if entry.at - refused > 500]

    await server.harness.pixverse.until(lambda: bool(waits()))
    assert waits()[0] >= 2000
    job.complete()
    await server.outcome()


async def test_unfollow_imports_nothing_more_and_posts_running_jobs(server: GuildFixture) -> None:
    await _follow(server, server.channel)
    running = server.job()
    await server.harness.pixverse.until(lambda: server.harness.pixverse.asked(running) > 0)
    ((name, choice),) = await server.admin.autocomplete(
        server.channel, "pixverse-admin unfollow", option="channel", typed="vid"
    )
    assert name == "#videos"
    answer = await server.admin.slash(server.channel, "pixverse-admin unfollow", channel=choice)
    assert answer.text == f"**No longer following in {server.channel.mention}.** 1 running job is still posted."
    again = await server.admin.slash(server.channel, "pixverse-admin unfollow", channel=choice)
    assert again.text.startswith("**That channel isn't followed.**")
    strange = await server.admin.slash(server.channel, "pixverse-admin unfollow", channel="9" * 20)
    assert strange.text.startswith("**That channel isn't followed.**")
    later = server.job()
    running.complete()
    await server.outcome()
    later.complete()
    await server.settled()
    assert len(server.outcomes()) == 1


async def test_deleting_the_channel_ends_the_follow_and_is_reported(server: GuildFixture) -> None:
    films = server.guild.add_text_channel("films")
    await server.admin.slash(server.channel, "pixverse-admin alerts", channel=server.channel)
    await _follow(server, films)
    films.delete()
    notice = await server.notice("**#films is gone.**")
    assert "Choose another channel with" in notice.text
    assert server.harness.ledger.rows("SELECT * FROM follows WHERE channel_id = ?", films.id) == []


async def test_without_an_own_token_or_permission_it_is_refused(harness: Harness, server: GuildFixture) -> None:
    bare = harness.empty_server()
    answer = await bare.admin.slash(bare.channel, "pixverse-admin follow", channel=bare.channel)
    assert answer.text.startswith("**This server has no API token yet.**")
    member = await server.member.forge_slash(server.channel, "pixverse-admin follow", channel=str(server.channel.id))
    assert member.text == "**Only someone with *Manage Server* can do this.**"


async def test_another_account_pauses_the_follow_and_the_old_one_resumes_it(server: GuildFixture) -> None:
    await _follow(server, server.channel)
    old, new = server.account, server.harness.account()
    answer = await server.set_token(new.token)
    assert "it can't see 1 followed channel of the old one" in answer.text
    unseen = server.harness.pixverse.add_job(new)
    kept = await server.admin.click(answer, "Keep the old jobs waiting")
    assert kept.text.startswith("**1 followed channel stays on hold.**")
    await server.set_token(old.token)
    job = server.job()
    await server.harness.pixverse.until(lambda: server.harness.pixverse.asked(job) > 0)
    assert server.harness.pixverse.asked(unseen) == 0

    removing = await server.admin.slash(server.channel, "pixverse-admin token remove")
    assert removing.text.startswith(
        "**Remove this server's token?** I'll stop watching 1 job. I'll stop following 1 channel."
    )
    await server.admin.click(removing, "Remove the token")
    assert server.harness.ledger.rows("SELECT * FROM follows WHERE guild_id = ?", server.guild.id) == []


async def test_a_channel_deleted_while_the_bot_was_off_ends_the_follow_too(
    harness: Harness, server: GuildFixture
) -> None:
    films = server.guild.add_text_channel("films")
    await server.admin.slash(server.channel, "pixverse-admin alerts", channel=server.channel)
    await _follow(server, films)
    await harness.stop()
    films.delete()
    await harness.start()
    notice = await server.notice("**A channel is gone.**")
    assert "Choose another channel with" in notice.text


async def test_a_huge_or_strange_list_imports_only_its_jobs(harness: Harness, server: GuildFixture) -> None:
    strange = [None, 7, {"id": "x"}, ["y"], "user:1-secret", "a b", "", "../../etc", "x" * 400]
    real = [server.job().jobid for _ in range(3)]
    huge = [f"job:{number:017}-user:1-channel:1300000000000000001-bot:pixverse" for number in range(100_000)]
    for body in ([*strange, *real], huge):
        answer = faults.Status(200, json.dumps(body), content_type="application/json")
        harness.pixverse.faults.add(answer, path=_V1, account=server.account)
    await _follow(server, server.channel)
    await harness.pixverse.until(lambda: harness.pixverse.faults.waiting == 0)
    later = server.job()
    await harness.pixverse.until(lambda: harness.pixverse.asked(later) > 0, 20)
    kept = harness.ledger.rows(
        "SELECT j.jobid FROM subscriptions s JOIN jobs j ON j.id = s.job_id WHERE s.guild_id = ?", server.guild.id
    )
    assert {str(row["jobid"]) for row in kept} == {*real, later.jobid}
