"""Watching many jobs at once, stopping, listing and choosing, and what admins can see."""

from __future__ import annotations

import asyncio

import pytest

from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("generation")]


async def test_a_batch_has_one_summary_and_one_ping(server: GuildFixture) -> None:
    jobs = [server.job(prompt=f"boat {k}") for k in range(3)]
    answer = await server.watch(*jobs)
    assert answer.ephemeral
    assert answer.text.startswith("**Watching 3 jobs.**")
    summary = await server.card_says("**Watching 3 jobs.**")
    assert summary.silent
    assert not summary.pinged
    assert summary.labels == ["Stop watching all"]
    assert f"/{summary.id}" in answer.text

    jobs[0].complete()
    await server.harness.discord.until(lambda: len(server.outcomes()) == 1)
    jobs[1].fail("Generation failed")
    await server.harness.discord.until(lambda: len(server.outcomes()) == 2)
    assert all(outcome.silent and not outcome.pinged for outcome in server.outcomes())
    jobs[2].fail("Moderated", status="moderated")
    await server.harness.discord.until(lambda: len(server.outcomes()) == 3)
    await server.settled()

    last = server.outcomes()[-1]
    assert f"**All 3 jobs have ended:** 1 video, 1 failed, 1 refused. {server.member.mention}" in last.text
    assert last.pinged == {server.member.id}
    assert not last.silent
    assert last.reference_id == summary.id
    final = await server.card_says("**All 3 jobs have ended.**")
    assert final.id == summary.id
    assert final.labels == []
    assert all(f"/{outcome.id}" in final.text for outcome in server.outcomes())


async def test_a_batch_says_what_was_not_watched_and_why(server: GuildFixture) -> None:
    watched = await server.watched()
    ended = server.job()
    ended.complete()
    fresh = server.job()
    answer = await server.watch(watched, ended, "gibberish-that-nobody-knows", "???", fresh)
    lines = answer.text.splitlines()
    assert lines[0].startswith("**Watching 2 jobs, 3 left out.**")
    assert "already watched" in lines[1]
    assert "not found" in lines[2]
    assert "not a job id" in lines[3]
    outcome = await server.outcome()
    assert [file.content for file in outcome.attachments] == [ended.videos[0].content]
    fresh.complete()
    await server.harness.discord.until(lambda: len(server.outcomes()) == 2)
    assert "**All 2 jobs have ended:** 2 videos." in server.outcomes()[-1].text


async def test_more_than_25_ids_are_too_many(server: GuildFixture) -> None:
    jobs = [server.job() for _ in range(26)]
    answer = await server.watch(*jobs)
    assert answer.text.startswith("**That's too many at once.**")
    assert server.posts() == []
    assert (await server.watch(*jobs[:25])).text.startswith("**Watching 25 jobs.**")


async def test_unwatch_removes_the_person_and_the_last_one_ends_it(server: GuildFixture) -> None:
    job = await server.watched()
    bob = server.guild.add_member("bob")
    carol = server.guild.add_member("carol")
    await server.status(job, by=bob)
    off = await bob.slash(server.channel, "pixverse unwatch", jobid=job.jobid)
    assert off.text.startswith("**You won't be pinged.** Someone else is watching it")
    refused = await carol.slash(server.channel, "pixverse unwatch", jobid=job.jobid)
    assert refused.text.startswith("**This isn't yours to stop.**")
    stopped = await server.member.slash(server.channel, "pixverse unwatch", jobid=server.number(job))
    assert stopped.text.startswith("**Stopped watching.**")
    await server.card_says("**Stopped watching**")
    asked = server.harness.pixverse.asked(job)
    other = await server.watched()
    await server.harness.pixverse.until(lambda: server.harness.pixverse.asked(other) > 3)
    assert server.harness.pixverse.asked(job) <= asked + 1


async def test_a_moderator_ends_what_others_watch(server: GuildFixture) -> None:
    job = await server.watched()
    moderator = server.guild.add_member("mod", permissions=server.harness.discord.Permissions(manage_messages=True))
    stopped = await moderator.slash(server.channel, "pixverse unwatch", jobid=job.jobid)
    assert stopped.text.startswith("**Stopped watching.**")
    assert moderator.mention in (await server.card_says("**Stopped watching**")).text


async def test_stop_watching_all(server: GuildFixture) -> None:
    await server.watch(server.job(), server.job())
    summary = await server.card_says("**Watching 2 jobs.**")
    stopped = await server.member.click(summary, "Stop watching all")
    assert stopped.text.startswith("**Stopped watching 2 jobs.**")
    assert (await server.card_says("**Stopped watching.**")).labels == []


async def test_list_shows_this_channel_s_open_jobs(server: GuildFixture) -> None:
    empty = await server.member.slash(server.channel, "pixverse list")
    assert empty.text.startswith("**Nothing is being watched here.**")
    await server.watched(prompt="paper boat")
    bob = server.guild.add_member("bob")
    await server.status(server.job(prompt="red balloon"), by=bob)
    elsewhere = server.guild.add_text_channel("elsewhere")
    await server.status(server.job(prompt="blue whale"), channel=elsewhere)
    listed = await server.member.slash(server.channel, "pixverse list")
    assert listed.ephemeral
    assert listed.text.startswith("**Watching 2 jobs here, 1 for you.**")
    assert "paper boat" in listed.text
    assert "red balloon" in listed.text
    assert "blue whale" not in listed.text


async def test_autocomplete_offers_numbers_and_never_ids(server: GuildFixture) -> None:
    job = await server.watched(prompt="paper boat")
    other = await server.watched(prompt="red balloon")
    offered = await server.member.autocomplete(server.channel, "pixverse status", option="jobid", typed="")
    assert {value for _, value in offered} == {server.number(job), server.number(other)}
    assert all(candidate.jobid not in name for name, _ in offered for candidate in (job, other))
    ((name, value),) = await server.member.autocomplete(
        server.channel, "pixverse unwatch", option="jobid", typed="balloon"
    )
    assert name.startswith("red balloon · ")
    stopped = await server.member.slash(server.channel, "pixverse unwatch", jobid=value)
    assert stopped.text.startswith("**Stopped watching.**")


async def test_the_ping_can_be_switched_in_the_reply(server: GuildFixture) -> None:
    job = server.job()
    answer = await server.status(job)
    assert answer.labels == ["Don't ping me", "Stop watching"]
    quiet = await server.member.click(answer, "Don't ping me")
    assert quiet.text.startswith("**You won't be pinged.**")
    job.complete()
    assert not (await server.outcome()).pinged


async def test_check_says_what_works_and_what_does_not(server: GuildFixture) -> None:
    well = await server.admin.slash(server.channel, "pixverse-admin check")
    assert well.ephemeral
    assert well.text.startswith("**Everything works here.**")
    assert f"account `{server.account.number}`" in well.text
    server.channel.deny_bot(attach_files=True)
    server.account.refuse()
    ill = await server.admin.slash(server.channel, "pixverse-admin check")
    assert ill.text.startswith("**2 problems.**")
    assert "*Attach Files*" in ill.text
    assert "useapi.net refuses this server's API token" in ill.text


async def test_a_server_without_a_token_says_who_can_do_what(harness: Harness) -> None:
    server = harness.empty_server()
    job = server.job()
    assert (await server.status(job)).text.startswith("**This server isn't set up yet.**")
    assert (await server.status(job, by=server.admin)).text.startswith("**This server has no API token yet.**")
    assert (await server.admin.slash(server.channel, "pixverse-admin check")).text.startswith("**1 problem.**")
    assert harness.pixverse.asked(job) == 0


async def test_many_people_at_once(server: GuildFixture) -> None:
    people = [server.guild.add_member(f"person {k}") for k in range(8)]
    job = server.job()
    answers = await asyncio.gather(*(server.status(job, by=person) for person in people))
    assert sum(answer.text.startswith("**Watching.**") for answer in answers) == 1
    assert sum(answer.text.startswith("**Already watched here.**") for answer in answers) == 7
    job.complete()
    assert (await server.outcome()).pinged == {person.id for person in people}
    assert len(server.cards()) == 1
