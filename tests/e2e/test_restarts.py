"""All work continues after a restart. To save time, tests make data older in the stopped database."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sandbox.pixverse_api.jobs import Job
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness
from tests.e2e.ledger import HOUR, MINUTE

pytestmark = pytest.mark.asyncio(loop_scope="module")


def _fail(job: Job) -> None:
    job.fail("Generation failed")


_ENDINGS: dict[Callable[[Job], None], str] = {
    Job.complete: "**Your video is ready.**",
    _fail: "**The job failed.**",
    Job.expire: "**The job has exp",
}
"""What may happen to a job, and how its outcome begins; v2 knows no 410."""


async def test_a_restart_during_a_job(harness: Harness, servers: list[GuildFixture]) -> None:
    jobs = [await server.watched() for server in servers]
    cards = [server.cards()[0] for server in servers]
    await harness.stop()
    for job in jobs:
        job.set("progress", percent=46)
    await harness.start()

    for server, job, card in zip(servers, jobs, cards, strict=True):
        moved = await server.card_says("**In progress: 46%.**", "**In progress.**")
        assert moved.id == card.id
        checked = await server.member.click(moved, "Check now")
        assert "Checked" in checked.text or "Nothing new" in checked.text
        job.complete()
        outcome = await server.outcome()
        assert outcome.reference_id == card.id
        assert outcome.pinged == {server.member.id}
        assert len(server.posts()) == 2


async def test_jobs_that_ended_while_the_bot_was_off(harness: Harness, servers: list[GuildFixture]) -> None:
    endings = [
        (server, end, start)
        for server in servers
        for end, start in _ENDINGS.items()
        if (server.generation, end) != ("v2", Job.expire)
    ]
    places = [server.guild.add_text_channel("videos") for server, _, _ in endings]
    jobs = [server.job() for server, _, _ in endings]
    for (server, _, _), job, place in zip(endings, jobs, places, strict=True):
        await server.status(job, channel=place)
    await harness.stop()
    for (_, end, _), job in zip(endings, jobs, strict=True):
        end(job)
    await harness.start()
    for (server, _, start), place in zip(endings, places, strict=True):
        outcome = await server.outcome(place)
        assert outcome.text.startswith(start)
        assert outcome.pinged == {server.member.id}


async def test_a_batch_survives_a_restart(harness: Harness, servers: list[GuildFixture]) -> None:
    batches = [[server.job(), server.job()] for server in servers]
    for server, (first, second) in zip(servers, batches, strict=True):
        await server.watch(first, second)
        first.complete()
    await harness.discord.until(lambda: all(len(server.outcomes()) == 1 for server in servers))
    await harness.restart()
    for _, second in batches:
        second.complete()
    await harness.discord.until(lambda: all(len(server.outcomes()) == 2 for server in servers))
    for server in servers:
        await server.settled()
        assert [len(outcome.pinged) for outcome in server.outcomes()] == [0, 1]
        assert "**All 2 jobs have ended:** 2 videos." in server.outcomes()[1].text
        assert (await server.card_says("**All 2 jobs have ended.**")).labels == []


async def test_buttons_and_forms_survive_a_restart(harness: Harness, servers: list[GuildFixture]) -> None:
    jobs = [await server.watched(style="Anime") for server in servers]
    for job in jobs:
        job.complete()
    outcomes = [await server.outcome() for server in servers]
    opened = await servers[0].admin.slash(servers[0].channel, "pixverse-admin token set")
    assert opened.modal is not None
    await harness.restart()

    for server, job, outcome in zip(servers, jobs, outcomes, strict=True):
        details = await server.member.click(outcome, "Details")
        assert details.ephemeral
        assert "Anime" in details.text
        assert (await server.status(job)).text.startswith("**Already posted here.**")
        assert server.outcomes() == [outcome]
    answer = await servers[0].admin.forge_submit(servers[0].channel, opened.modal, servers[0].account.token)
    assert answer.ephemeral
    assert answer.text.startswith("**Token works.**")


async def test_not_found(harness: Harness, servers: list[GuildFixture]) -> None:
    """One "not found" is no end, nor are two within a minute; two a minute apart are."""
    back = servers
    soon = [await harness.server(server.generation) for server in servers]
    gone = [await harness.server(server.generation) for server in servers]
    jobs = {server: await server.watched(prompt="paper boat") for server in [*back, *soon, *gone]}
    for job in jobs.values():
        job.vanish()
    await harness.pixverse.until(lambda: all(_missing_since(harness, job) is not None for job in jobs.values()))
    await harness.stop()
    for server in back:
        jobs[server].come_back()
    older = "UPDATE jobs SET missing_since = missing_since - ? WHERE jobid = ?"
    for server in [*back, *gone]:
        harness.ledger.change(older, 2 * MINUTE if server in back else MINUTE, jobs[server].jobid)
    asked = {server: harness.pixverse.asked(jobs[server]) for server in soon}
    await harness.start()

    for server in back:
        job = jobs[server]
        await _found_again(harness, job)
        job.complete()
        assert (await server.outcome()).text.startswith("**Your video is ready.**")
    for server in gone:
        outcome = await server.outcome()
        assert outcome.text.startswith(f"**useapi.net no longer has this job.** {server.member.mention}")
        assert f"-# not found · {server.number(jobs[server])} · {server.shown(jobs[server])}" in outcome.text
        await server.card_says("**No result.**")
    await harness.pixverse.until(
        lambda: all(harness.pixverse.asked(jobs[server]) > asked[server] + 3 for server in soon)
    )
    assert [server.outcomes() for server in soon] == [[], []]


async def test_jobs_that_became_too_old(harness: Harness, servers: list[GuildFixture]) -> None:
    """Too old: given up, and can be watched again. Old: said to take long."""
    slow = [await harness.server(server.generation) for server in servers]
    harness.pixverse.v2.records_of_running = True
    endless = [await server.watched() for server in servers]
    jobs = [await server.watched() for server in slow]
    for job in jobs:
        job.set("progress", percent=31)
    await harness.pixverse.until(lambda: all('"progress"' in str(_job_row(harness, job)["snapshot"]) for job in jobs))
    await harness.stop()
    older = "UPDATE jobs SET watched_since = watched_since - ? WHERE jobid = ?"
    for job in endless:
        harness.ledger.change(older, 49 * HOUR, job.jobid)
    for job in jobs:
        harness.ledger.change(older, 20 * MINUTE, job.jobid)
        job.set(created="2026-01-01T00:00:00.000Z")
    await harness.start()

    for server, job in zip(servers, endless, strict=True):
        outcome = await server.outcome()
        assert outcome.text.startswith("**I stopped watching after 2 days")
        assert f"given up · {server.number(job)}" in outcome.text
        answer = await server.status(job)
        assert answer.text.startswith("**Watching.**")
        job.complete()
        await _two_outcomes(server)
        assert server.outcomes()[1].text.startswith("**Your video is ready.**")
    for server in slow:
        await server.card_says("**Taking longer than usual.**")
    harness.pixverse.v2.records_of_running = False


async def test_an_outcome_that_waited_for_a_permission_comes_after_a_restart(
    harness: Harness, servers: list[GuildFixture]
) -> None:
    jobs = [await server.watched() for server in servers]
    for server, job in zip(servers, jobs, strict=True):
        server.channel.deny_bot(send_messages=True)
        job.complete()
    states = harness.ledger.outcome_states
    await harness.pixverse.until(lambda: all(states(server.channel.id) == ["waiting"] for server in servers))
    await harness.stop()
    for server in servers:
        server.channel.allow_bot(send_messages=True)
    await harness.start()
    for server in servers:
        assert len((await server.outcome()).attachments) == 1


async def test_commands_are_registered_only_if_something_differs(harness: Harness, server: GuildFixture) -> None:
    await harness.restart()
    written = [call for call in harness.discord.requests if call.method == "PUT" and "/commands" in call.path]
    assert len(written) == 1


async def _found_again(harness: Harness, job: Job) -> None:
    await harness.pixverse.until(lambda: _missing_since(harness, job) is None)


async def _two_outcomes(server: GuildFixture) -> None:
    await server.harness.discord.until(lambda: len(server.outcomes()) == 2)


def _missing_since(harness: Harness, job: Job) -> object:
    return _job_row(harness, job)["missing_since"]


def _job_row(harness: Harness, job: Job) -> dict[str, object]:
    (row,) = harness.ledger.rows("SELECT * FROM jobs WHERE jobid = ?", job.jobid)
    return row


async def test_a_button_on_a_reply_from_before_a_restart(harness: Harness, server: GuildFixture) -> None:
    answer = await server.status("job:1-user:1-channel:1-bot:pixverse")
    assert answer.labels == ["Look again"]
    await harness.restart()
    pressed = await server.member.click(answer, "Look again")
    assert pressed.text == "**This button no longer does anything.** Run the command again."
