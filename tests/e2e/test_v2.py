"""Features that only v2 of the PixVerse API has."""

from __future__ import annotations

import time

import pytest

from sandbox.pixverse_api import faults
from sandbox.pixverse_api.jobs import Job
from sandbox.pixverse_api.v2 import record_of
from sandbox.pixverse_api.videos import image_file
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("generation"),
    pytest.mark.parametrize("generation", ["v2"], indirect=True),
]


async def test_the_card_shows_place_model_and_seed_and_no_address(server: GuildFixture) -> None:
    job = server.job(prompt="paper boat", queue_data={"queue_count": 3}, model="v5", quality="720p", seed=7)
    await server.status(job)
    card = await server.card_says("**In the queue, place 3.**")
    assert "v5 · 720p · 5 s · 16:9 · seed 7" in card.text
    assert server.account.email not in card.text
    assert card.text.endswith(f" · {server.number(job)}")
    assert server.shown(job) not in card.text

    job.complete()
    outcome = await server.outcome()
    assert server.account.email not in outcome.text
    assert "%2F" in job.videos[0].url
    details = await server.member.click(outcome, "Details")
    assert "model: v5" in details.text
    assert server.harness.leaks() == []


async def test_an_image(server: GuildFixture) -> None:
    job = server.harness.pixverse.add_video(server.account, kind="image", prompt="paper boat")
    await server.status(job)
    picture = image_file("paper boat")
    job.complete([picture])
    outcome = await server.outcome()
    assert outcome.text.startswith("**Your image is ready.**")
    (file,) = outcome.attachments
    assert (file.content, file.filename) == (picture.content, f"pixverse-{server.number(job)[1:]}-1.png")


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
async def test_what_only_looks_like_an_end_is_not_one(server: GuildFixture, changes: dict[str, object]) -> None:
    job = await server.watched()
    job.complete()
    job.raw = record_of(job) | changes
    await _asked_again(server, job)
    assert server.outcomes() == []
    job.raw = None
    assert (await server.outcome()).text.startswith("**Your video is ready.**")


async def test_a_record_with_numbers_as_text_ends_the_job(server: GuildFixture) -> None:
    job = await server.watched()
    job.complete()
    texts = {"video_status": "1", "video_status_name": None, "output_width": "1280", "updated_at": int(time.time())}
    job.raw = record_of(job) | texts
    outcome = await server.outcome()
    assert [file.content for file in outcome.attachments] == [job.videos[0].content]


async def test_a_record_that_goes_back_from_its_end(server: GuildFixture) -> None:
    job = await server.watched()
    job.complete()
    outcome = await server.outcome()
    job.set("progress")
    assert (await server.status(job)).text.startswith("**Already posted here.**")
    assert server.outcomes() == [outcome]


async def test_a_job_that_is_no_longer_tracked_is_found_in_the_list(server: GuildFixture) -> None:
    job = await server.watched()
    job.set("progress")
    server.harness.pixverse.lists.unlisted.add(job.jobid)
    pixverse = server.harness.pixverse
    before = len(pixverse.requests)
    await pixverse.until(lambda: any("/videos/?email=" in entry.path for entry in pixverse.requests[before:]))
    assert server.outcomes() == []
    job.complete()
    assert (await server.outcome()).text.startswith("**Your video is ready.**")


async def test_an_id_of_another_account_than_the_token_s(harness: Harness, server: GuildFixture) -> None:
    other = await harness.server()
    answer = await server.status(other.job())
    assert answer.text.startswith("**I can't find this job.**")
    strange = f"user:{server.account.number}-pixverse:nobody@example.com-video:5"
    assert (await server.status(strange)).text.startswith("**I can't find this job.**")


async def test_a_token_is_accepted_if_v1_is_switched_off(harness: Harness) -> None:
    server = harness.empty_server()
    harness.pixverse.faults.add(faults.Status(404, faults.HTML), path="/v1/pixverse/jobs", times=None)
    try:
        assert (await server.set_token()).text.startswith("**Token works.**")
        server.account.refuse()
        assert (await server.set_token()).text.startswith("**Not stored: useapi.net refuses this token.**")
    finally:
        server.account.ok()
        harness.pixverse.faults.clear()


async def test_autocomplete_shows_the_prompt_and_no_address(server: GuildFixture) -> None:
    job = await server.watched(prompt="paper boat")
    ((name, value),) = await server.member.autocomplete(server.channel, "pixverse status", option="jobid", typed="boat")
    assert name.startswith("paper boat · ")
    assert value == server.number(job)
    assert await server.member.autocomplete(server.channel, "pixverse status", option="jobid", typed=job.jobid) == [
        (server.shown(job), job.jobid)
    ]


async def test_the_search_for_addresses_finds_what_is_there(server: GuildFixture) -> None:
    """Otherwise the search at the end of every harness would prove nothing."""
    job = await server.watched(prompt="a very*particular@prompt")
    job.complete()
    await server.outcome()
    known = server.harness.addresses
    try:
        server.harness.addresses = ["a very*particular@prompt"]
        found = server.harness.leaks()
        server.harness.addresses = ["relay.db"]
        names = server.harness.leaks()
    finally:
        server.harness.addresses = known
    assert {"messages (e-mail)", "calls of Discord (e-mail)"} <= set(found)
    assert any(name.startswith("relay.db") for name in names)
    assert server.account.email in known
    assert server.harness.leaks() == []


async def _asked_again(server: GuildFixture, job: Job) -> None:
    asked = server.harness.pixverse.asked(job)
    await server.harness.pixverse.until(lambda: server.harness.pixverse.asked(job) > asked + 1)
