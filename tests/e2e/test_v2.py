"""What only v2 of the PixVerse API has."""

from __future__ import annotations

import time

import pytest

from sandbox.pixverse_api import faults
from sandbox.pixverse_api.jobs import Job
from sandbox.pixverse_api.v2 import record_of
from sandbox.pixverse_api.videos import image_file
from tests.e2e.stage import Stage
from tests.e2e.town import Town

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("generation"),
    pytest.mark.parametrize("generation", ["v2"], indirect=True),
]


async def test_the_card_tells_place_model_and_seed_and_no_address(town: Town) -> None:
    job = town.job(prompt="paper boat", queue_data={"queue_count": 3}, model="v5", quality="720p", seed=7)
    await town.status(job)
    card = await town.card_says("**In the queue, place 3.**")
    assert "v5 · 720p · 5 s · 16:9 · seed 7" in card.text
    assert town.account.email not in card.text
    assert card.text.endswith(f" · {town.number(job)}")
    assert town.shown(job) not in card.text

    job.complete()
    outcome = await town.outcome()
    assert town.account.email not in outcome.text
    assert "%2F" in job.videos[0].url
    details = await town.member.click(outcome, "Details")
    assert "model: v5" in details.text
    assert town.stage.leaks() == []


async def test_an_image(town: Town) -> None:
    job = town.stage.pixverse.add_video(town.account, kind="image", prompt="paper boat")
    await town.status(job)
    picture = image_file("paper boat")
    job.complete([picture])
    outcome = await town.outcome()
    assert outcome.text.startswith("**Your image is ready.**")
    (file,) = outcome.attachments
    assert (file.content, file.filename) == (picture.content, f"pixverse-{town.number(job)[1:]}-1.png")


@pytest.mark.parametrize(
    "changes",
    [
        {"video_status": 5, "video_status_name": "QUEUED", "video_status_final": True},
        {"output_width": 0},
        {"url": ""},
        {"url": "https://media.pixverse.ai/pixverse/mp4/media/default.mp4"},
        {"url": "https://media.pixverse.ai/pixverse-preview%2Fmp4%2Fmedia%2Fdefault.mp4"},
        {"video_status": 23, "video_status_name": None, "video_status_final": True},
    ],
    ids=["queued and final", "no width", "no address", "placeholder", "encoded placeholder", "unknown number"],
)
async def test_what_only_looks_like_an_end_is_none(town: Town, changes: dict[str, object]) -> None:
    job = await town.watched()
    job.complete()
    job.raw = record_of(job) | changes
    await _asked_again(town, job)
    assert town.outcomes() == []
    job.raw = None
    assert (await town.outcome()).text.startswith("**Your video is ready.**")


async def test_a_record_whose_numbers_are_texts_ends_the_job(town: Town) -> None:
    job = await town.watched()
    job.complete()
    texts = {"video_status": "1", "video_status_name": None, "output_width": "1280", "updated_at": int(time.time())}
    job.raw = record_of(job) | texts
    outcome = await town.outcome()
    assert [file.content for file in outcome.attachments] == [job.videos[0].content]


async def test_a_record_that_goes_back_from_its_end(town: Town) -> None:
    job = await town.watched()
    job.complete()
    outcome = await town.outcome()
    job.set("progress")
    assert (await town.status(job)).text.startswith("**Already posted here.**")
    assert town.outcomes() == [outcome]


async def test_a_job_that_nobody_tracks_any_more_is_found_in_the_list(town: Town) -> None:
    job = await town.watched()
    job.set("progress")
    town.stage.pixverse.lists.unlisted.add(job.jobid)
    pixverse = town.stage.pixverse
    before = len(pixverse.requests)
    await pixverse.until(lambda: any("/videos/?email=" in entry.path for entry in pixverse.requests[before:]))
    assert town.outcomes() == []
    job.complete()
    assert (await town.outcome()).text.startswith("**Your video is ready.**")


async def test_an_id_of_an_account_that_is_not_this_token_s(stage: Stage, town: Town) -> None:
    other = await stage.town()
    answer = await town.status(other.job())
    assert answer.text.startswith("**I can't find this job.**")
    strange = f"user:{town.account.number}-pixverse:nobody@example.com-video:5"
    assert (await town.status(strange)).text.startswith("**I can't find this job.**")


async def test_a_token_is_taken_where_v1_is_switched_off(stage: Stage) -> None:
    town = stage.empty_town()
    stage.pixverse.faults.add(faults.Status(404, faults.HTML), path="/v1/pixverse/jobs", times=None)
    try:
        assert (await town.set_token()).text.startswith("**Token works.**")
        town.account.refuse()
        assert (await town.set_token()).text.startswith("**Not stored: useapi.net refuses this token.**")
    finally:
        town.account.ok()
        stage.pixverse.faults.clear()


async def test_autocomplete_shows_the_prompt_and_no_address(town: Town) -> None:
    job = await town.watched(prompt="paper boat")
    ((name, value),) = await town.member.autocomplete(town.channel, "pixverse status", option="jobid", typed="boat")
    assert name.startswith("paper boat · ")
    assert value == town.number(job)
    assert await town.member.autocomplete(town.channel, "pixverse status", option="jobid", typed=job.jobid) == [
        (town.shown(job), job.jobid)
    ]


async def test_the_search_for_addresses_finds_what_is_there(town: Town) -> None:
    """Else the search at every stage's end would prove nothing."""
    job = await town.watched(prompt="a very*particular@prompt")
    job.complete()
    await town.outcome()
    known = town.stage.addresses
    try:
        town.stage.addresses = ["a very*particular@prompt"]
        found = town.stage.leaks()
        town.stage.addresses = ["relay.db"]
        names = town.stage.leaks()
    finally:
        town.stage.addresses = known
    assert {"messages (e-mail)", "calls of Discord (e-mail)"} <= set(found)
    assert any(name.startswith("relay.db") for name in names)
    assert town.account.email in known
    assert town.stage.leaks() == []


async def _asked_again(town: Town, job: Job) -> None:
    asked = town.stage.pixverse.asked(job)
    await town.stage.pixverse.until(lambda: town.stage.pixverse.asked(job) > asked + 1)
