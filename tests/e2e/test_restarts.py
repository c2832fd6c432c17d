"""Whatever was under way goes on after a restart. What would take too long is made older in the stopped database."""

from __future__ import annotations

import pytest

from sandbox.pixverse_api.jobs import Job
from tests.e2e.ledger import HOUR, MINUTE
from tests.e2e.stage import Stage
from tests.e2e.town import Town

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("generation")]

of_v1 = pytest.mark.parametrize("generation", ["v1"], indirect=True)
"""For what v2 does not have."""


async def test_a_restart_in_the_middle_of_a_job(stage: Stage, town: Town) -> None:
    job = await town.watched()
    (card,) = town.cards()
    await stage.stop()
    job.set("progress", percent=46)
    await stage.start()

    moved = await town.card_says("**In progress: 46%.**", "**In progress.**")
    assert moved.id == card.id
    checked = await town.member.click(moved, "Check now")
    assert checked.text.startswith("**Checked")
    job.complete()
    outcome = await town.outcome()
    assert outcome.reference_id == card.id
    assert outcome.pinged == {town.member.id}
    assert len(town.posts()) == 2


@pytest.mark.parametrize(
    ("generation", "words"),
    [("v1", ("completed", "failed", "expired")), ("v2", ("completed", "failed"))],
    indirect=["generation"],
)
async def test_jobs_that_ended_while_the_bot_was_down(stage: Stage, town: Town, words: tuple[str, ...]) -> None:
    starts = {"completed": "**Your video is ready.**", "failed": "**The job failed.**", "expired": "**The job has exp"}
    ends = {word: starts[word] for word in words}
    places = {word: town.guild.add_text_channel(word) for word in ends}
    jobs = {word: town.job() for word in ends}
    for word in ends:
        await town.status(jobs[word], channel=places[word])
    await stage.stop()
    jobs["completed"].complete()
    jobs["failed"].fail("Generation failed")
    if "expired" in jobs:
        jobs["expired"].expire()
    await stage.start()
    for word, start in ends.items():
        outcome = await town.outcome(places[word])
        assert outcome.text.startswith(start)
        assert outcome.pinged == {town.member.id}


async def test_a_batch_outlives_a_restart(stage: Stage, town: Town) -> None:
    jobs = [town.job(), town.job()]
    await town.watch(*jobs)
    jobs[0].complete()
    await town.stage.discord.until(lambda: len(town.outcomes()) == 1)
    await stage.restart()
    jobs[1].complete()
    await town.stage.discord.until(lambda: len(town.outcomes()) == 2)
    await town.settled()
    assert [len(outcome.pinged) for outcome in town.outcomes()] == [0, 1]
    assert "**All 2 jobs have ended:** 2 with video." in town.outcomes()[1].text
    assert (await town.card_says("**All 2 jobs have ended.**")).labels == []


async def test_buttons_live_on(stage: Stage, town: Town) -> None:
    job = await town.watched(style="Anime")
    job.complete()
    outcome = await town.outcome()
    await stage.restart()
    details = await town.member.click(outcome, "Details")
    assert details.ephemeral
    assert "Anime" in details.text
    assert (await town.status(job)).text.startswith("**Already posted here.**")
    assert town.outcomes() == [outcome]


async def test_not_found_once_is_no_end(stage: Stage, town: Town) -> None:
    job = await town.watched()
    await _stop_at_not_found(stage, job)
    stage.ledger.change("UPDATE jobs SET missing_since = missing_since - ? WHERE jobid = ?", 2 * MINUTE, job.jobid)
    job.come_back()
    await stage.start()
    await stage.pixverse.until(lambda: _missing_since(stage, job) is None)
    job.complete()
    assert (await town.outcome()).text.startswith("**Your video is ready.**")


async def test_not_found_twice_within_a_minute_is_no_end(stage: Stage, town: Town) -> None:
    job = await town.watched()
    await _stop_at_not_found(stage, job)
    asked = stage.pixverse.asked(job)
    await stage.start()
    other = await town.watched()
    await stage.pixverse.until(lambda: stage.pixverse.asked(other) > 5)
    assert stage.pixverse.asked(job) <= asked + 2
    assert town.outcomes() == []


async def test_not_found_twice_a_minute_apart_is_the_end(stage: Stage, town: Town) -> None:
    job = await town.watched(prompt="paper boat")
    await _stop_at_not_found(stage, job)
    stage.ledger.change("UPDATE jobs SET missing_since = missing_since - ? WHERE jobid = ?", MINUTE, job.jobid)
    await stage.start()
    outcome = await town.outcome()
    assert outcome.text.startswith(f"**The job can't be found any more.** {town.member.mention}")
    assert f"-# not found · {town.number(job)} · {town.shown(job)}" in outcome.text
    await town.card_says("**No result.**")


async def test_a_job_that_does_not_end_is_given_up_and_can_be_watched_again(stage: Stage, town: Town) -> None:
    job = await town.watched()
    await stage.stop()
    stage.ledger.change("UPDATE jobs SET watched_since = watched_since - ? WHERE jobid = ?", 49 * HOUR, job.jobid)
    await stage.start()
    outcome = await town.outcome()
    assert outcome.text.startswith("**I stopped watching after 2 days")
    assert f"given up · {town.number(job)}" in outcome.text

    answer = await town.status(job)
    assert answer.text.startswith("**Watching.**")
    job.complete()
    await stage.discord.until(lambda: len(town.outcomes()) == 2)
    assert town.outcomes()[1].text.startswith("**Your video is ready.**")


async def test_a_job_that_takes_long_is_said_to(stage: Stage, town: Town) -> None:
    stage.pixverse.v2.records_of_running = True
    job = await town.watched()
    job.set("progress", percent=31)
    await stage.pixverse.until(lambda: '"progress"' in str(_job_row(stage, job)["snapshot"]))
    await stage.stop()
    stage.ledger.change("UPDATE jobs SET watched_since = watched_since - ? WHERE jobid = ?", 20 * MINUTE, job.jobid)
    created = "2026-01-01T00:00:00.000Z"
    job.set(created=created)
    await stage.start()
    await town.card_says("**Still in progress, longer than usual.**", timeout=20)


async def test_an_outcome_that_waited_for_permission_comes_after_a_restart(stage: Stage, town: Town) -> None:
    job = await town.watched()
    town.channel.deny_bot(send_messages=True)
    job.complete()
    await stage.pixverse.until(lambda: stage.ledger.outcome_states(town.channel.id) == ["waiting"])
    await stage.stop()
    town.channel.allow_bot(send_messages=True)
    await stage.start()
    assert len((await town.outcome()).attachments) == 1


@of_v1
async def test_commands_are_registered_only_where_something_differs(stage: Stage) -> None:
    await stage.restart()
    written = [call for call in stage.discord.requests if call.method == "PUT" and "/commands" in call.path]
    assert len(written) == 1


async def _stop_at_not_found(stage: Stage, job: Job) -> None:
    """Stops the bot after it was told once that there is no such job."""
    job.vanish()
    await stage.pixverse.until(lambda: _missing_since(stage, job) is not None)
    await stage.stop()


def _missing_since(stage: Stage, job: Job) -> object:
    return _job_row(stage, job)["missing_since"]


def _job_row(stage: Stage, job: Job) -> dict[str, object]:
    (row,) = stage.ledger.rows("SELECT * FROM jobs WHERE jobid = ?", job.jobid)
    return row


async def test_a_form_that_was_open_over_a_restart(stage: Stage, town: Town) -> None:
    opened = await town.admin.slash(town.channel, "pixverse-admin token set")
    assert opened.modal is not None
    await stage.restart()
    answer = await town.admin.forge_submit(town.channel, opened.modal, town.account.token)
    assert answer.ephemeral
    assert answer.text.startswith("**Token works.**")
