"""Whatever was under way goes on after a restart. What would take too long is made older in the stopped database."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sandbox.pixverse_api.jobs import Job
from tests.e2e.ledger import HOUR, MINUTE
from tests.e2e.stage import Stage
from tests.e2e.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="module")


def _fail(job: Job) -> None:
    job.fail("Generation failed")


_ENDINGS: dict[Callable[[Job], None], str] = {
    Job.complete: "**Your video is ready.**",
    _fail: "**The job failed.**",
    Job.expire: "**The job has exp",
}
"""What may happen to a job, and how its outcome begins; v2 knows no 410."""


async def test_a_restart_in_the_middle_of_a_job(stage: Stage, towns: list[Town]) -> None:
    jobs = [await town.watched() for town in towns]
    cards = [town.cards()[0] for town in towns]
    await stage.stop()
    for job in jobs:
        job.set("progress", percent=46)
    await stage.start()

    for town, job, card in zip(towns, jobs, cards, strict=True):
        moved = await town.card_says("**In progress: 46%.**", "**In progress.**")
        assert moved.id == card.id
        checked = await town.member.click(moved, "Check now")
        assert "Checked" in checked.text or "Nothing new" in checked.text
        job.complete()
        outcome = await town.outcome()
        assert outcome.reference_id == card.id
        assert outcome.pinged == {town.member.id}
        assert len(town.posts()) == 2


async def test_jobs_that_ended_while_the_bot_was_down(stage: Stage, towns: list[Town]) -> None:
    endings = [
        (town, end, start)
        for town in towns
        for end, start in _ENDINGS.items()
        if (town.generation, end) != ("v2", Job.expire)
    ]
    places = [town.guild.add_text_channel("videos") for town, _, _ in endings]
    jobs = [town.job() for town, _, _ in endings]
    for (town, _, _), job, place in zip(endings, jobs, places, strict=True):
        await town.status(job, channel=place)
    await stage.stop()
    for (_, end, _), job in zip(endings, jobs, strict=True):
        end(job)
    await stage.start()
    for (town, _, start), place in zip(endings, places, strict=True):
        outcome = await town.outcome(place)
        assert outcome.text.startswith(start)
        assert outcome.pinged == {town.member.id}


async def test_a_batch_outlives_a_restart(stage: Stage, towns: list[Town]) -> None:
    batches = [[town.job(), town.job()] for town in towns]
    for town, (first, second) in zip(towns, batches, strict=True):
        await town.watch(first, second)
        first.complete()
    await stage.discord.until(lambda: all(len(town.outcomes()) == 1 for town in towns))
    await stage.restart()
    for _, second in batches:
        second.complete()
    await stage.discord.until(lambda: all(len(town.outcomes()) == 2 for town in towns))
    for town in towns:
        await town.settled()
        assert [len(outcome.pinged) for outcome in town.outcomes()] == [0, 1]
        assert "**All 2 jobs have ended:** 2 videos." in town.outcomes()[1].text
        assert (await town.card_says("**All 2 jobs have ended.**")).labels == []


async def test_buttons_and_forms_live_on(stage: Stage, towns: list[Town]) -> None:
    jobs = [await town.watched(style="Anime") for town in towns]
    for job in jobs:
        job.complete()
    outcomes = [await town.outcome() for town in towns]
    opened = await towns[0].admin.slash(towns[0].channel, "pixverse-admin token set")
    assert opened.modal is not None
    await stage.restart()

    for town, job, outcome in zip(towns, jobs, outcomes, strict=True):
        details = await town.member.click(outcome, "Details")
        assert details.ephemeral
        assert "Anime" in details.text
        assert (await town.status(job)).text.startswith("**Already posted here.**")
        assert town.outcomes() == [outcome]
    answer = await towns[0].admin.forge_submit(towns[0].channel, opened.modal, towns[0].account.token)
    assert answer.ephemeral
    assert answer.text.startswith("**Token works.**")


async def test_not_found(stage: Stage, towns: list[Town]) -> None:
    """Once is no end, nor is twice within a minute; twice a minute apart is."""
    back = towns
    soon = [await stage.town(town.generation) for town in towns]
    gone = [await stage.town(town.generation) for town in towns]
    jobs = {town: await town.watched(prompt="paper boat") for town in [*back, *soon, *gone]}
    for job in jobs.values():
        job.vanish()
    await stage.pixverse.until(lambda: all(_missing_since(stage, job) is not None for job in jobs.values()))
    await stage.stop()
    for town in back:
        jobs[town].come_back()
    older = "UPDATE jobs SET missing_since = missing_since - ? WHERE jobid = ?"
    for town in [*back, *gone]:
        stage.ledger.change(older, 2 * MINUTE if town in back else MINUTE, jobs[town].jobid)
    asked = {town: stage.pixverse.asked(jobs[town]) for town in soon}
    await stage.start()

    for town in back:
        job = jobs[town]
        await _found_again(stage, job)
        job.complete()
        assert (await town.outcome()).text.startswith("**Your video is ready.**")
    for town in gone:
        outcome = await town.outcome()
        assert outcome.text.startswith(f"**useapi.net no longer has this job.** {town.member.mention}")
        assert f"-# not found · {town.number(jobs[town])} · {town.shown(jobs[town])}" in outcome.text
        await town.card_says("**No result.**")
    await stage.pixverse.until(lambda: all(stage.pixverse.asked(jobs[town]) > asked[town] + 3 for town in soon))
    assert [town.outcomes() for town in soon] == [[], []]


async def test_jobs_that_grew_old(stage: Stage, towns: list[Town]) -> None:
    """Too old: given up, and can be watched again. Old: said to take long."""
    slow = [await stage.town(town.generation) for town in towns]
    stage.pixverse.v2.records_of_running = True
    endless = [await town.watched() for town in towns]
    jobs = [await town.watched() for town in slow]
    for job in jobs:
        job.set("progress", percent=31)
    await stage.pixverse.until(lambda: all('"progress"' in str(_job_row(stage, job)["snapshot"]) for job in jobs))
    await stage.stop()
    older = "UPDATE jobs SET watched_since = watched_since - ? WHERE jobid = ?"
    for job in endless:
        stage.ledger.change(older, 49 * HOUR, job.jobid)
    for job in jobs:
        stage.ledger.change(older, 20 * MINUTE, job.jobid)
        job.set(created="2026-01-01T00:00:00.000Z")
    await stage.start()

    for town, job in zip(towns, endless, strict=True):
        outcome = await town.outcome()
        assert outcome.text.startswith("**I stopped watching after 2 days")
        assert f"given up · {town.number(job)}" in outcome.text
        answer = await town.status(job)
        assert answer.text.startswith("**Watching.**")
        job.complete()
        await _two_outcomes(town)
        assert town.outcomes()[1].text.startswith("**Your video is ready.**")
    for town in slow:
        await town.card_says("**Taking longer than usual.**")
    stage.pixverse.v2.records_of_running = False


async def test_an_outcome_that_waited_for_permission_comes_after_a_restart(stage: Stage, towns: list[Town]) -> None:
    jobs = [await town.watched() for town in towns]
    for town, job in zip(towns, jobs, strict=True):
        town.channel.deny_bot(send_messages=True)
        job.complete()
    states = stage.ledger.outcome_states
    await stage.pixverse.until(lambda: all(states(town.channel.id) == ["waiting"] for town in towns))
    await stage.stop()
    for town in towns:
        town.channel.allow_bot(send_messages=True)
    await stage.start()
    for town in towns:
        assert len((await town.outcome()).attachments) == 1


async def test_commands_are_registered_only_where_something_differs(stage: Stage, town: Town) -> None:
    await stage.restart()
    written = [call for call in stage.discord.requests if call.method == "PUT" and "/commands" in call.path]
    assert len(written) == 1


async def _found_again(stage: Stage, job: Job) -> None:
    await stage.pixverse.until(lambda: _missing_since(stage, job) is None)


async def _two_outcomes(town: Town) -> None:
    await town.stage.discord.until(lambda: len(town.outcomes()) == 2)


def _missing_since(stage: Stage, job: Job) -> object:
    return _job_row(stage, job)["missing_since"]


def _job_row(stage: Stage, job: Job) -> dict[str, object]:
    (row,) = stage.ledger.rows("SELECT * FROM jobs WHERE jobid = ?", job.jobid)
    return row


async def test_a_button_of_an_answer_from_before_a_restart(stage: Stage, town: Town) -> None:
    answer = await town.status("job:1-user:1-channel:1-bot:pixverse")
    assert answer.labels == ["Look again"]
    await stage.restart()
    pressed = await town.member.click(answer, "Look again")
    assert pressed.text == "**This button no longer does anything.** Run the command again."
