"""Watching many jobs at once, stopping, listing, choosing, and what an admin can look at."""

from __future__ import annotations

import asyncio

import pytest

from tests.e2e.stage import Stage
from tests.e2e.town import Town

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("generation")]


async def test_a_batch_has_one_summary_and_one_ping(town: Town) -> None:
    jobs = [town.job(prompt=f"boat {k}") for k in range(3)]
    answer = await town.watch(*jobs)
    assert answer.ephemeral
    assert answer.text.startswith("**Watching 3 jobs.**")
    summary = await town.card_says("**Watching 3 jobs.**")
    assert summary.silent
    assert not summary.pinged
    assert summary.labels == ["Stop watching all"]
    assert f"/{summary.id}" in answer.text

    jobs[0].complete()
    await town.stage.discord.until(lambda: len(town.outcomes()) == 1)
    jobs[1].fail("Generation failed")
    await town.stage.discord.until(lambda: len(town.outcomes()) == 2)
    assert all(outcome.silent and not outcome.pinged for outcome in town.outcomes())
    jobs[2].fail("Moderated", status="moderated")
    await town.stage.discord.until(lambda: len(town.outcomes()) == 3)
    await town.settled()

    last = town.outcomes()[-1]
    assert f"**All 3 jobs have ended:** 1 video, 1 failed, 1 refused. {town.member.mention}" in last.text
    assert last.pinged == {town.member.id}
    assert not last.silent
    assert last.reference_id == summary.id
    final = await town.card_says("**All 3 jobs have ended.**")
    assert final.id == summary.id
    assert final.labels == []
    assert all(f"/{outcome.id}" in final.text for outcome in town.outcomes())


async def test_a_batch_says_what_it_left_out_and_why(town: Town) -> None:
    watched = await town.watched()
    ended = town.job()
    ended.complete()
    fresh = town.job()
    answer = await town.watch(watched, ended, "gibberish-that-nobody-knows", "???", fresh)
    lines = answer.text.splitlines()
    assert lines[0].startswith("**Watching 2 jobs, 3 left out.**")
    assert "already watched" in lines[1]
    assert "not found" in lines[2]
    assert "not a job id" in lines[3]
    outcome = await town.outcome()
    assert [file.content for file in outcome.attachments] == [ended.videos[0].content]
    fresh.complete()
    await town.stage.discord.until(lambda: len(town.outcomes()) == 2)
    assert "**All 2 jobs have ended:** 2 videos." in town.outcomes()[-1].text


async def test_more_than_25_ids_are_too_many(town: Town) -> None:
    jobs = [town.job() for _ in range(26)]
    answer = await town.watch(*jobs)
    assert answer.text.startswith("**That's too many at once.**")
    assert town.posts() == []
    assert (await town.watch(*jobs[:25])).text.startswith("**Watching 25 jobs.**")


async def test_unwatch_takes_off_the_asker_and_the_last_one_ends_it(town: Town) -> None:
    job = await town.watched()
    bob = town.guild.add_member("bob")
    carol = town.guild.add_member("carol")
    await town.status(job, by=bob)
    off = await bob.slash(town.channel, "pixverse unwatch", jobid=job.jobid)
    assert off.text.startswith("**You won't be pinged.** Someone else is watching it")
    refused = await carol.slash(town.channel, "pixverse unwatch", jobid=job.jobid)
    assert refused.text.startswith("**This isn't yours to stop.**")
    stopped = await town.member.slash(town.channel, "pixverse unwatch", jobid=town.number(job))
    assert stopped.text.startswith("**Stopped watching.**")
    await town.card_says("**Stopped watching**")
    asked = town.stage.pixverse.asked(job)
    other = await town.watched()
    await town.stage.pixverse.until(lambda: town.stage.pixverse.asked(other) > 3)
    assert town.stage.pixverse.asked(job) <= asked + 1


async def test_a_moderator_ends_what_others_wait_for(town: Town) -> None:
    job = await town.watched()
    moderator = town.guild.add_member("mod", permissions=town.stage.discord.Permissions(manage_messages=True))
    stopped = await moderator.slash(town.channel, "pixverse unwatch", jobid=job.jobid)
    assert stopped.text.startswith("**Stopped watching.**")
    assert moderator.mention in (await town.card_says("**Stopped watching**")).text


async def test_stop_watching_all(town: Town) -> None:
    await town.watch(town.job(), town.job())
    summary = await town.card_says("**Watching 2 jobs.**")
    stopped = await town.member.click(summary, "Stop watching all")
    assert stopped.text.startswith("**Stopped watching 2 jobs.**")
    assert (await town.card_says("**Stopped watching.**")).labels == []


async def test_list_shows_this_channel_s_open_jobs(town: Town) -> None:
    empty = await town.member.slash(town.channel, "pixverse list")
    assert empty.text.startswith("**Nothing is being watched here.**")
    await town.watched(prompt="paper boat")
    bob = town.guild.add_member("bob")
    await town.status(town.job(prompt="red balloon"), by=bob)
    elsewhere = town.guild.add_text_channel("elsewhere")
    await town.status(town.job(prompt="blue whale"), channel=elsewhere)
    listed = await town.member.slash(town.channel, "pixverse list")
    assert listed.ephemeral
    assert listed.text.startswith("**Watching 2 jobs here, 1 for you.**")
    assert "paper boat" in listed.text
    assert "red balloon" in listed.text
    assert "blue whale" not in listed.text


async def test_autocomplete_offers_numbers_and_never_ids(town: Town) -> None:
    job = await town.watched(prompt="paper boat")
    other = await town.watched(prompt="red balloon")
    offered = await town.member.autocomplete(town.channel, "pixverse status", option="jobid", typed="")
    assert {value for _, value in offered} == {town.number(job), town.number(other)}
    assert all(candidate.jobid not in name for name, _ in offered for candidate in (job, other))
    ((name, value),) = await town.member.autocomplete(town.channel, "pixverse unwatch", option="jobid", typed="balloon")
    assert name.startswith("red balloon · ")
    stopped = await town.member.slash(town.channel, "pixverse unwatch", jobid=value)
    assert stopped.text.startswith("**Stopped watching.**")


async def test_the_ping_can_be_switched_in_the_answer(town: Town) -> None:
    job = town.job()
    answer = await town.status(job)
    assert answer.labels == ["Don't ping me", "Stop watching"]
    quiet = await town.member.click(answer, "Don't ping me")
    assert quiet.text.startswith("**You won't be pinged.**")
    job.complete()
    assert not (await town.outcome()).pinged


async def test_check_says_what_works_and_what_does_not(town: Town) -> None:
    well = await town.admin.slash(town.channel, "pixverse-admin check")
    assert well.ephemeral
    assert well.text.startswith("**Everything works here.**")
    assert f"account `{town.account.number}`" in well.text
    town.channel.deny_bot(attach_files=True)
    town.account.refuse()
    ill = await town.admin.slash(town.channel, "pixverse-admin check")
    assert ill.text.startswith("**2 problems.**")
    assert "*Attach Files*" in ill.text
    assert "useapi.net refuses this server's API token" in ill.text


async def test_a_server_without_a_token_says_who_can_do_what(stage: Stage) -> None:
    town = stage.empty_town()
    job = town.job()
    assert (await town.status(job)).text.startswith("**This server isn't set up yet.**")
    assert (await town.status(job, by=town.admin)).text.startswith("**This server has no API token yet.**")
    assert (await town.admin.slash(town.channel, "pixverse-admin check")).text.startswith("**1 problem.**")
    assert stage.pixverse.asked(job) == 0


async def test_many_people_at_once(town: Town) -> None:
    people = [town.guild.add_member(f"person {k}") for k in range(8)]
    job = town.job()
    answers = await asyncio.gather(*(town.status(job, by=person) for person in people))
    assert sum(answer.text.startswith("**Watching.**") for answer in answers) == 1
    assert sum(answer.text.startswith("**Already watched here.**") for answer in answers) == 7
    job.complete()
    assert (await town.outcome()).pinged == {person.id for person in people}
    assert len(town.cards()) == 1
