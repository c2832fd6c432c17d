from __future__ import annotations

import json
from email.utils import formatdate
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from model.job import Job, JobState, Media
from pixverse.api import PixVerseApi
from pixverse.api_errors import (
    AccountBroken,
    BadRequest,
    JobNotFound,
    RateLimited,
    TokenRefused,
    Unavailable,
)
from pixverse.videos_v2 import VideosV2, read_record, read_scheduler
from tests.pixverse.conftest import NOW, Wire

TOKEN = "user:4321-s3cretS3cret"
ID = "user:4321-pixverse:me@example.com-video:112233445566"
IMAGE = ID.replace("video", "image")
URL = "https://media.pixverse.ai/a%2Fb.mp4"
DONE = {
    "video_id": ID,
    "video_status": 1,
    "video_status_name": "COMPLETED",
    "video_status_final": True,
    "url": URL,
    "output_width": 1280,
    "output_height": 720,
}


def record(**changed: Any) -> dict[str, Any]:
    return DONE | changed


def state_of(**changed: Any) -> JobState:
    return read_record({name: value for name, value in record(**changed).items() if value != "gone"}, ID).state


def test_a_finished_video() -> None:
    job = read_record(
        record(
            prompt="paper boat",
            created_at="2026-11-24T10:15:00Z",
            model="v5",
            quality="720p",
            video_duration=5,
            aspect_ratio="16:9",
            seed=7,
            sound_effect_switch=1,
            queue_data={"queue_count": 3},
        ),
        ID,
    )
    assert job == Job(
        ID,
        JobState.COMPLETED,
        "COMPLETED",
        created=1_795_515_300_000,
        prompt="paper boat",
        model="v5",
        quality="720p",
        duration=5,
        aspect_ratio="16:9",
        seed=7,
        sound=True,
        media=(Media(URL, "video/mp4", width=1280, height=720),),
    )


def test_an_image_is_read_the_same_way() -> None:
    url = "https://media.pixverse.ai/a.webp"
    said = {"image_id": IMAGE, "image_status": 1, "image_status_name": "COMPLETED", "image_url": url, "image_width": 9}
    job = read_record(said, IMAGE)
    assert (job.state, job.media) == (JobState.COMPLETED, (Media(url, "image/webp", width=9, image=True),))
    running = read_record(said | {"image_status": 10, "image_status_name": "PROCESSING"}, IMAGE)
    assert (running.state, running.media) == (JobState.PROGRESS, job.media)


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({}, JobState.COMPLETED),
        ({"video_status_name": "gone"}, JobState.COMPLETED),
        ({"video_status": "gone"}, JobState.COMPLETED),
        ({"video_status_final": "gone"}, JobState.COMPLETED),
        ({"output_width": 0}, JobState.PROGRESS),
        ({"output_width": "gone"}, JobState.PROGRESS),
        ({"url": ""}, JobState.PROGRESS),
        ({"video_status": 10, "video_status_name": "GENERATING"}, JobState.PROGRESS),
        ({"video_status": 9, "video_status_name": "gone"}, JobState.PROGRESS),
        ({"video_status": 5, "video_status_name": "QUEUED", "video_status_final": True}, JobState.CREATED),
        ({"video_status": 5, "video_status_name": "gone", "video_status_final": True}, JobState.CREATED),
        ({"video_status": 7, "video_status_name": "MODERATED"}, JobState.MODERATED),
        ({"video_status": 7, "video_status_name": "gone"}, JobState.MODERATED),
        ({"video_status": 8, "video_status_name": "failed"}, JobState.FAILED),
        ({"video_status": 8, "video_status_name": "FAILED", "video_status_final": False}, JobState.PROGRESS),
        ({"video_status": 3, "video_status_name": "gone"}, JobState.MODERATED),
        ({"video_status": 4, "video_status_name": "gone"}, JobState.FAILED),
        ({"video_status": -1, "video_status_name": ""}, JobState.FAILED),
        ({"video_status": 0, "video_status_name": "gone"}, JobState.PROGRESS),
        ({"video_status": 2, "video_status_name": None}, JobState.PROGRESS),
        ({"video_status": 3, "video_status_name": "FILTERING"}, JobState.UNKNOWN),
        ({"video_status": 12, "video_status_name": "CANCELLED"}, JobState.CANCELLED),
        ({"video_status": 12, "video_status_name": "canceled"}, JobState.CANCELLED),
        ({"video_status_name": "CANCELLED", "video_status": 12, "video_status_final": False}, JobState.PROGRESS),
        ({"video_status": 11, "video_status_name": "gone", "video_status_final": True}, JobState.UNKNOWN),
        ({"video_status": 8, "video_status_name": "DELAYED", "video_status_final": True}, JobState.UNKNOWN),
        ({"video_status": "1", "video_status_name": "gone", "output_width": "1280"}, JobState.COMPLETED),
        ({"video_status": "1.0", "output_width": "1280.0"}, JobState.COMPLETED),
        ({"video_status": "COMPLETED", "video_status_name": "gone"}, JobState.COMPLETED),
        ({"video_status": "failed", "video_status_name": None}, JobState.FAILED),
        ({"video_status": "8", "video_status_name": "gone", "video_status_final": "false"}, JobState.PROGRESS),
        ({"video_status": "10", "video_status_name": "gone"}, JobState.PROGRESS),
    ],
)
def test_what_a_status_means(changed: dict[str, Any], state: JobState) -> None:
    assert state_of(**changed) is state


_PLACEHOLDERS = [
    "https://media.pixverse.ai/pixverse/mp4/media/default.mp4",
    "https://media.pixverse.ai/pixverse-preview%2Fmp4%2Fmedia%2Fdefault.mp4",
    "https://media.pixverse.ai/pixverse-preview%252Fmp4%252Fmedia%252Fdefault.mp4",
    "https://media.pixverse.ai/pixverse/jpg/media/default.jpg?x-oss-process=style",
    "https://media.pixverse.ai/PIXVERSE/MP4/MEDIA/DEFAULT.MP4",
    "https://media.pixverse.ai/pixverse/webp/media/default.webp#x",
]


@pytest.mark.parametrize(("status", "name"), [(10, "GENERATING"), (5, "QUEUED"), (99, "NEW")])
def test_an_address_is_read_before_the_end(status: int, name: str) -> None:
    [media] = read_record(record(video_status=status, video_status_name=name, output_width=0), ID).media
    assert media.url == URL


@pytest.mark.parametrize("name", ["FAILED", "MODERATED"])
def test_a_refused_job_has_no_file(name: str) -> None:
    assert read_record(record(video_status=7, video_status_name=name), ID).media == ()


@pytest.mark.parametrize("url", _PLACEHOLDERS)
def test_a_placeholder_is_not_an_address(url: str) -> None:
    job = read_record(record(url=url), ID)
    assert (job.state, job.media, job.lacks_file) == (JobState.PROGRESS, (), True)
    image = {"image_id": IMAGE, "image_status": 1, "image_url": url, "image_width": 9}
    assert read_record(image, IMAGE).media == ()


@pytest.mark.parametrize(
    "path", ["mp4/media/web/ori/default.mp4", "mp4/media/default_1.mp4", "openapi/output/default.mp4"]
)
def test_an_address_that_only_resembles_a_placeholder(path: str) -> None:
    assert read_record(record(url=f"https://media.pixverse.ai/{path}"), ID).media != ()


@pytest.mark.parametrize("name", ["prompt", "negative_prompt", "style", "error", "errMsg", "video_status_name"])
def test_no_token_is_in_a_stored_record(name: str) -> None:
    said = read_record(record(**{"video_status": 8, name: "bad token user:9876-AbCdEfGhIjKlMnOp!"}), ID)
    assert "AbCdEfGh" not in repr(said)


def test_times_are_read_from_each_field() -> None:
    at = "2026-11-24T10:15:00Z"
    assert read_record(record(updated_at=at), ID).updated == 1_795_515_300_000
    assert read_record(record(queue_data={"processing_start_time": at}), ID).created == 1_795_515_300_000
    for written in (1_795_515_300, "1795515300", 1_795_515_300_000, 1_795_515_300.25, at.lower(), at[:-1]):
        assert read_record(record(updated_at=written), ID).updated == 1_795_515_300_000
    for nonsense in (-1, 1e30, float("nan"), "1795", True, 1_795_515_300_000_000):
        assert read_record(record(updated_at=nonsense), ID).updated is None
    assert read_record(record(updated_at=5, created_at=[], queue_data="x"), ID).updated is None


@pytest.mark.parametrize("nothing", [None, ""])
def test_an_image_s_record_may_have_a_video_s_fields_without_values(nothing: object) -> None:
    of_video = ("video_id", "video_status", "video_status_name", "video_status_final", "output_width")
    said = {name.replace("video_", "image_").replace("output_", "image_"): value for name, value in DONE.items()}
    job = read_record(said | {"image_id": IMAGE} | dict.fromkeys(of_video, nothing), IMAGE)
    assert (job.state, job.status, [media.width for media in job.media]) == (JobState.COMPLETED, "COMPLETED", [1280])
    with pytest.raises(Unavailable):
        read_record(said | {"image_id": IMAGE, "video_id": nothing}, ID)


@pytest.mark.parametrize("named", [ID.replace("me@example", "Me@Example"), "112233445566", 112233445566, f" {ID} "])
def test_how_a_record_may_name_its_job(named: object) -> None:
    job = read_record(record(video_id=named), ID)
    assert (job.jobid, job.state) == (ID, JobState.COMPLETED)


@pytest.mark.parametrize("named", ["12233445566", "33445566", 33445566, "x", ID.replace("112", "113"), IMAGE])
def test_a_record_that_names_another_job(named: object) -> None:
    with pytest.raises(Unavailable):
        read_record(record(video_id=named), ID)


def test_a_place_in_the_queue_is_shown_while_the_job_waits() -> None:
    said = record(video_status=5, video_status_name="QUEUED", queue_data={"queue_time": 90, "queue_count": 3})
    assert read_record(said, ID).queue_place == 3


def test_why_a_job_failed() -> None:
    job = read_record(record(video_status=8, video_status_name="FAILED", errCode=500, errMsg="broken"), ID)
    assert (job.error, job.error_details, job.media) == ("broken", "500", ())


@pytest.mark.parametrize("said", [None, [], "x", {}, {"video_id": ID}, record(video_id=IMAGE)])
def test_bodies_that_are_not_this_video_s_record(said: object) -> None:
    with pytest.raises(Unavailable):
        read_record(said, ID)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*DONE, "prompt", "seed", "queue_data", "errCode", "created_at"]), _VALUES))
def test_any_record_raises_only_our_errors(said: dict[str, object]) -> None:
    try:
        job = read_record(said, ID)
    except Unavailable:
        return
    assert job.state is not JobState.COMPLETED or job.media


def test_the_scheduler_s_list_in_all_its_forms() -> None:
    said = [
        {"id": ID, "type": "video", "elapsed": "02:14"},
        {"video_id": IMAGE, "elapsed": "1:00:00"},
        {"id": "", "video_id": None, "videoId": "user:4321-pixverse:me@example.com-video:2", "elapsed": 5},
        {"id": 7},
        "x",
    ]
    assert read_scheduler(said) == {ID: 134, IMAGE: 3600, "user:4321-pixverse:me@example.com-video:2": None}
    with pytest.raises(Unavailable):
        read_scheduler({"executing": []})


# ---- the requests ---------------------------------------------------------------------------------------------------


def answers(wire: Wire, **by_place: tuple[int, object]) -> None:
    """What is answered for `record`, `scheduler`, `listed`, `second_page` and `v1`."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        status, body = by_place[_place(request)]
        return web.Response(status=status, body=json.dumps(body), content_type="application/json")

    wire.answer = answer


def _place(request: web.BaseRequest) -> str:
    if request.path.startswith("/v1/"):
        return "v1"
    if request.path == "/v2/pixverse/scheduler/":
        return "scheduler"
    if request.path in ("/v2/pixverse/videos/", "/v2/pixverse/images/"):
        return "second_page" if request.query["offset"] != "0" else "listed"
    return "record"


GONE = (404, {"error": "Not found", "code": 404})
NOBODY: tuple[int, object] = (200, [])


async def test_the_id_goes_into_the_path_unencoded(wire: Wire) -> None:
    answers(wire, record=(200, DONE))
    assert (await PixVerseApi(wire.client()).lazy_job(TOKEN, ID, None)).read().state is JobState.COMPLETED
    (request,) = wire.asked
    assert request.raw_path == f"/v2/pixverse/videos/{ID}"


async def test_an_image_is_requested_as_an_image(wire: Wire) -> None:
    answers(wire, record=(404, {"error": "deleted"}), scheduler=NOBODY, listed=(200, {"data": []}))
    with pytest.raises(JobNotFound):
        await VideosV2(wire.client()).job(TOKEN, IMAGE)
    assert [request.path for request in wire.asked] == [
        f"/v2/pixverse/images/{IMAGE}",
        "/v2/pixverse/scheduler/",
        "/v2/pixverse/images/",
    ]


async def test_an_id_of_another_form_is_not_requested(wire: Wire) -> None:
    with pytest.raises(BadRequest):
        await VideosV2(wire.client()).job(TOKEN, ID + "/../x")
    assert wire.asked == []


@pytest.mark.parametrize("named", [ID, ID.replace("me@example", "Me@Example")])
async def test_an_active_job_that_is_not_found_counts_as_running(wire: Wire, named: str) -> None:
    answers(wire, record=GONE, scheduler=(200, [{"id": named, "elapsed": "01:44"}]))
    job = await VideosV2(wire.client()).job(TOKEN, ID)
    assert (job.state, job.elapsed) == (JobState.PROGRESS, 90)


@pytest.mark.parametrize(("place", "requests"), [("record", 1), ("scheduler", 2), ("listed", 3)])
async def test_a_lookup_ends_where_another_response_asks_to_wait(wire: Wire, place: str, requests: int) -> None:
    client = wire.client(monotonic=lambda: 100.0)
    replies = {"record": GONE, "scheduler": NOBODY, "listed": (200, {"data": [], "next_offset": 40})}

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if _place(request) == place:
            client.retry_times.note(TOKEN, 40.0)
        status, body = replies[_place(request)]
        return web.Response(status=status, body=json.dumps(body), content_type="application/json")

    wire.answer = answer
    with pytest.raises(RateLimited) as refusal:
        await VideosV2(client).job(TOKEN, ID)
    assert (len(wire.asked), refusal.value.retry_after) == (requests, 40.0)


@pytest.mark.parametrize(
    "more", [{"next_offset": 40}, {"has_more": True}, {"has_more": "true", "next_offset": None}, {"total": 2}]
)
async def test_the_account_s_list_decides_about_jobs_unknown_to_the_scheduler(
    wire: Wire, more: dict[str, object]
) -> None:
    """A page may tell where the next one begins, that there is one, or how many records there are in all. It may be
    shorter than what was asked."""
    page = {"data": [record(video_id=IMAGE)], **more}
    found = record(video_id=112233445566)
    answers(wire, record=GONE, scheduler=NOBODY, listed=(200, page), second_page=(200, {"data": [found]}))
    assert (await VideosV2(wire.client()).job(TOKEN, ID)).state is JobState.COMPLETED
    assert wire.asked[2].query["email"] == "me@example.com"


@pytest.mark.parametrize("listed", [(200, {"data": []}), (400, {"error": "unknown email", "code": 400})])
async def test_a_job_that_no_list_names_is_gone(wire: Wire, listed: tuple[int, object]) -> None:
    answers(wire, record=GONE, scheduler=NOBODY, listed=listed)
    with pytest.raises(JobNotFound) as caught:
        await VideosV2(wire.client()).job(TOKEN, ID)
    assert "example" not in str(caught.value)


@pytest.mark.parametrize(
    "silent",
    [
        {"record": GONE, "scheduler": (503, {})},
        {"record": GONE, "scheduler": GONE},
        {"record": GONE, "scheduler": NOBODY, "listed": (503, {})},
        {"record": GONE, "scheduler": NOBODY, "listed": GONE},
        {"record": GONE, "scheduler": NOBODY, "listed": (403, {"error": "no", "code": 403})},
        {"record": GONE, "scheduler": NOBODY, "listed": (200, [])},
        {"record": (404, "<html>")},
    ],
)
async def test_a_missing_response_proves_nothing(wire: Wire, silent: dict[str, tuple[int, object]]) -> None:
    answers(wire, **silent)
    with pytest.raises(Unavailable):
        await VideosV2(wire.client()).job(TOKEN, ID)


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, TokenRefused), (412, BadRequest), (422, BadRequest), (429, RateLimited), (596, AccountBroken)],
)
async def test_refusals(wire: Wire, status: int, error: type[Exception]) -> None:
    answers(wire, record=(status, {"error": "no", "code": status}))
    with pytest.raises(error):
        await VideosV2(wire.client()).job(TOKEN, ID)


async def test_retry_after_in_the_body(wire: Wire) -> None:
    body = json.dumps({"error": "x", "code": 429, "retryAfter": "2027-01-15T08:00:30Z"})
    wire.says(429, body, Date=formatdate(NOW, usegmt=True))
    with pytest.raises(RateLimited) as caught:
        await VideosV2(wire.client()).job(TOKEN, ID)
    assert caught.value.retry_after == 30


async def test_a_record_s_own_error_is_not_a_refusal(wire: Wire) -> None:
    answers(wire, record=(200, record(video_status=8, video_status_name="FAILED", error="no", code=500)))
    assert (await VideosV2(wire.client()).job(TOKEN, ID)).error == "no"


# ---- the trial of a token -------------------------------------------------------------------------------------------


async def test_only_v1_is_requested_if_it_responds(wire: Wire) -> None:
    answers(wire, v1=(200, ["job-1"]))
    assert await PixVerseApi(wire.client()).all_active_jobs(TOKEN) == ("job-1",)


@pytest.mark.parametrize("status", [404, 410, 429, 500, 503, 596])
async def test_v2_is_enough_if_v1_is_switched_off(wire: Wire, status: int) -> None:
    answers(wire, v1=(status, {"error": "x", "code": status}), scheduler=(200, [{"id": ID}]))
    assert await PixVerseApi(wire.client()).all_active_jobs(TOKEN) == (ID,)


@pytest.mark.parametrize("status", [429, 503])
async def test_v2_is_not_requested_if_v1_asks_to_wait(wire: Wire, status: int) -> None:
    answers(
        wire,
        v1=(status, {"error": "x", "code": status, "retryAfter": "2099-01-01T00:00:00Z"}),
        scheduler=(200, [{"id": ID}]),
    )
    with pytest.raises((RateLimited, Unavailable)):
        await PixVerseApi(wire.client()).all_active_jobs(TOKEN)
    assert len(wire.asked) == 1


async def test_v1_s_refusal_of_the_token_is_believed(wire: Wire) -> None:
    answers(wire, v1=(401, {"error": "x", "code": 401}))
    with pytest.raises(TokenRefused):
        await PixVerseApi(wire.client()).all_active_jobs(TOKEN)
    assert len(wire.asked) == 1


async def test_v2_may_refuse_the_token_too(wire: Wire) -> None:
    answers(wire, v1=(503, {}), scheduler=(401, {"error": "x", "code": 401}))
    with pytest.raises(TokenRefused):
        await PixVerseApi(wire.client()).all_active_jobs(TOKEN)


async def test_without_either_v1_s_reason_is_reported(wire: Wire) -> None:
    answers(wire, v1=(429, {"error": "x", "code": 429}), scheduler=(503, {}))
    with pytest.raises(RateLimited):
        await PixVerseApi(wire.client()).all_active_jobs(TOKEN)
