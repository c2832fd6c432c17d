"""From the token to the video."""

from __future__ import annotations

import asyncio
import re

import pytest

from sandbox.discord_wire import NotPossible
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import POLL_SECONDS, Harness

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("generation")]

of_v1 = pytest.mark.parametrize("generation", ["v1"], indirect=True)
"""For what v2 does not have."""


@of_v1
async def test_an_admin_sets_the_token_in_a_form(harness: Harness) -> None:
    server = harness.empty_server()
    opened = await server.admin.slash(server.channel, "pixverse-admin token set")
    (field,) = opened.modal.fields
    assert (opened.modal.title, field.label) == ("PixVerse API token", "API token from useapi.net")

    answer = await server.admin.submit(opened, f'  "Bearer {server.account.token}" ')

    assert answer.ephemeral
    assert answer.text.startswith(f"**Token works.** useapi.net account `{server.account.number}`")
    assert server.posts() == []


async def test_a_job_from_its_command_to_its_video(server: GuildFixture) -> None:
    job = server.job(prompt="paper boat in rain")
    answer = await server.status(job)
    assert answer.ephemeral
    assert answer.text.startswith("**Watching.**")
    card = await server.card_says("**Waiting to start.**")
    assert f"/{server.channel.id}/{card.id}" in answer.text
    assert card.silent
    assert not card.pinged
    assert re.fullmatch(r"[0-9a-f]{25}", str(card.nonce))
    assert card.labels == ["Check now", "Stop watching"]
    assert card.text.splitlines()[-1].endswith(f" · {server.number(job)}")
    assert job.jobid not in card.text

    job.set("progress", percent=46)
    job.complete()
    outcome = await server.outcome()

    number = server.number(job)
    assert outcome.text.startswith(f"**Your video is ready.** {server.member.mention}\n> paper boat in rain\n")
    assert outcome.text.splitlines()[-1].endswith(f" · completed · {number} · {server.shown(job)}")
    assert not outcome.components_v2
    assert not outcome.silent
    assert outcome.reference_id == card.id
    assert outcome.pinged == {server.member.id}
    (file,) = outcome.attachments
    assert file.content == job.videos[0].content
    assert file.filename == f"pixverse-{number[1:]}-1.mp4"
    assert file.description == "Video 1 of 1, made by PixVerse. Prompt: paper boat in rain"

    last = await server.card_says("**Done.**")
    assert last.id == card.id
    assert f"/{server.channel.id}/{outcome.id}" in last.text
    assert last.labels == []
    assert len(last.text.splitlines()) == 2


async def test_details_are_shown_only_to_the_person_who_clicks(server: GuildFixture) -> None:
    job = await server.watched(style="Anime", seed_value=12345, negative_prompt="no fog")
    job.complete()
    outcome = await server.outcome()
    bob = server.guild.add_member("bob")

    answer = await bob.click(outcome, "Details")

    await server.harness.discord.until(lambda: answer.text.endswith(server.shown(job)), what="the last page")
    assert answer.ephemeral
    for part in ("Anime", "12345", "no fog"):
        assert part in answer.text
    assert answer.message not in server.channel.messages(seen_by=server.member)
    assert len(server.posts()) == 2


@of_v1
async def test_several_videos_in_the_api_s_order(server: GuildFixture) -> None:
    job = await server.watched(verb="pixverse-create")
    job.complete(videos=4)
    outcome = await server.outcome()
    number = server.number(job)[1:]
    assert outcome.text.startswith("**Your 4 videos are ready.**")
    assert [file.content for file in outcome.attachments] == [video.content for video in job.videos]
    assert [file.filename for file in outcome.attachments] == [f"pixverse-{number}-{k}.mp4" for k in (1, 2, 3, 4)]


async def test_only_people_who_asked_for_a_ping_are_pinged(server: GuildFixture) -> None:
    quiet = server.guild.add_member("quiet")
    prompt = f"@everyone @here {quiet.mention} <@&{server.guild.add_role('all', mentionable=True)}>"
    job = server.job(prompt=prompt)
    await server.status(job)
    await server.status(job, by=quiet, mention=False)
    job.complete()
    outcome = await server.outcome()
    assert outcome.pinged == {server.member.id}
    assert not outcome.pinged_roles
    assert not outcome.pinged_everyone
    (sent,) = [call for call in server.harness.discord.requests if str(call.body.get("nonce")) == str(outcome.nonce)]
    assert sent.body["allowed_mentions"] == {"parse": [], "users": [server.member.id]}


async def test_a_spoiler_and_a_job_that_has_already_ended(server: GuildFixture) -> None:
    job = server.job()
    job.complete()
    await server.status(job, spoiler=True)
    outcome = await server.outcome()
    assert [file.spoiler for file in outcome.attachments] == [True]
    assert outcome.reference_id is None
    assert server.cards() == []


async def test_private_shows_the_state_and_posts_nothing(server: GuildFixture) -> None:
    job = server.job()
    job.set("progress", percent=46)
    answer = await server.status(job, private=True)
    assert answer.ephemeral
    assert answer.text.startswith(("**In progress: 46%.** Only you see this.", "**In progress.** Only you see this."))
    assert server.harness.ledger.rows("SELECT * FROM subscriptions WHERE channel_id = ?", server.channel.id) == []

    watching = await server.member.click(answer, "Watch it here")
    assert watching.text.startswith("**Watching.**")
    job.complete()
    assert (await server.outcome()).pinged == {server.member.id}


async def test_already_watched_already_posted_and_posted_again(server: GuildFixture) -> None:
    job = await server.watched()
    bob = server.guild.add_member("bob")
    (card,) = server.cards()
    already = await server.status(job, by=bob)
    assert already.text.startswith("**Already watched here.**")
    assert f"/{card.id}" in already.text

    job.complete()
    outcome = await server.outcome()
    assert outcome.pinged == {server.member.id, bob.id}

    posted = await server.status(job, by=bob)
    assert posted.text.startswith("**Already posted here.**")
    assert f"/{outcome.id}" in posted.text
    assert server.outcomes() == [outcome]
    again, _ = await asyncio.gather(bob.click(posted, "Post it again"), bob.click(posted, "Post it again"))
    assert again.text.startswith("**Posting #")
    await server.harness.discord.until(lambda: len(server.outcomes()) == 2)
    await server.settled()
    first, second = server.outcomes()
    assert [file.content for file in second.attachments] == [file.content for file in first.attachments]


async def test_each_channel_has_its_own_outcome(server: GuildFixture) -> None:
    other = server.guild.add_text_channel("other")
    thread = server.channel.add_thread("thread")
    job = server.job()
    for channel in (server.channel, other, thread):
        assert (await server.status(job, channel=channel)).text.startswith("**Watching.**")
    job.complete()
    for channel in (server.channel, other, thread):
        outcome = await server.outcome(channel)
        assert [file.content for file in outcome.attachments] == [job.videos[0].content]
    assert server.harness.pixverse.cdn.asked(job.videos[0].path) == 1


async def test_one_request_an_interval_serves_everybody(server: GuildFixture) -> None:
    job = await server.watched()
    other = GuildFixture(server.harness, server.account)
    await other.set_token()
    await other.status(job)
    await server.status(job, channel=server.guild.add_text_channel("other"))
    pixverse = server.harness.pixverse
    begun = len(pixverse.requests)
    await pixverse.until(lambda: sum(entry.jobid == job.jobid for entry in pixverse.requests[begun:]) > 5)
    times = [entry.at for entry in pixverse.requests[begun:] if entry.jobid == job.jobid]
    # Response times may differ.
    assert len(times) <= (times[-1] - times[0]) / (POLL_SECONDS * 1000) + 2


async def test_the_buttons_of_a_card(server: GuildFixture) -> None:
    job = await server.watched()
    (card,) = server.cards()
    bob = server.guild.add_member("bob")
    checked = await bob.click(card, "Check now")
    assert checked.ephemeral
    assert "Checked" in checked.text or "Nothing new" in checked.text
    refused = await bob.click(card, "Stop watching")
    assert refused.text.startswith("**This isn't yours to stop.**")
    assert server.member.mention in refused.text

    stopped = await server.member.click(card, "Stop watching")
    assert stopped.text.startswith("**Stopped watching.**")
    after = await server.card_says("**Stopped watching**")
    assert after.id == card.id
    assert after.labels == ["Watch again"]
    await bob.click(after, "Watch again")
    await server.card_says("**Waiting to start.**")
    job.complete()
    assert (await server.outcome()).pinged == {bob.id}


@of_v1
async def test_commands_are_offered_to_those_they_are_for(server: GuildFixture) -> None:
    everybody = {f"pixverse {name}" for name in ("status", "watch", "unwatch", "list")}
    admins = {f"pixverse-admin {name}" for name in ("token set", "token remove", "check", "alerts")}
    assert everybody <= set(server.member.commands(server.channel))
    assert not admins & set(server.member.commands(server.channel))
    assert everybody | admins <= set(server.admin.commands(server.channel))
    with pytest.raises(NotPossible):
        await server.member.slash(server.channel, "pixverse-admin check")
