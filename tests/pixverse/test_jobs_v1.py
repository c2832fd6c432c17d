from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from model.job import Embed, Job, JobState, Media, Upload
from pixverse.api import PixVerseApi
from pixverse.api_errors import JobNotFound, PixVerseError, Unavailable
from pixverse.jobs_v1 import percent_of, read_job

JOBID = "job:20261124101500123-user:4321-channel:1300000000000000001-bot:pixverse"
TOKEN = "user:4321-s3cretS3cretS3cret"
BASE: dict[str, Any] = {
    "jobid": JOBID,
    "verb": "pixverse-create_single",
    "created": "2026-11-24T10:15:00.123Z",
    "prompt": "paper boat in rain",
    "style": "Realistic",
    "aspect_ratio": "16:9",
    "discord": "ABC…secured…xyz",
    "server": "1200000000000000001",
    "channel": "1300000000000000001",
    "maxJobs": 3,
    "code": 200,
}
CDN = "https://cdn.discordapp.com/attachments/13/13/out.mp4?ex=6744&is=6743&hm=ab&"
ATTACHMENT = {
    "id": "1320000000000000001",
    "filename": "out.mp4",
    "content_type": "video/mp4",
    "size": 7204115,
    "width": 1024,
    "height": 576,
    "url": CDN,
    "proxy_url": "https://media.discordapp.net/x",
}
FIELDS = [
    *BASE,
    *("status", "updated", "negative_prompt", "motion", "seed_value", "image", "face", "button", "buttons"),
    *("character", "content", "timestamp", "attachments", "embeds", "error", "errorDetails", "parentJobId"),
    *("url", "type", "size", "width", "description", "content_type", "filename"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("https://a.example/v"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=8),
    max_leaves=25,
)


def job(**changes: Any) -> Job:
    return read_job({**BASE, "status": "progress", **changes}, JOBID)


def test_a_fresh_job() -> None:
    assert read_job({**BASE, "status": "created"}, JOBID) == Job(
        jobid=JOBID,
        state=JobState.CREATED,
        status="created",
        verb="pixverse-create_single",
        created=1795515300123,
        prompt="paper boat in rain",
        style="Realistic",
        aspect_ratio="16:9",
    )


def test_a_completed_job() -> None:
    done = job(
        status="completed",
        updated="2026-11-24T10:20:00+00:00",
        buttons=["U1", "V1", "ReDo", "", "🔄"],
        attachments=[ATTACHMENT, {"url": CDN}],
        embeds=[{"type": "rich", "description": "words", "image": {"url": "https://a.example/p.png", "width": 3}}],
    )
    assert done.state.ends
    assert done.updated == 1795515600000
    assert done.buttons == ("U1", "V1", "ReDo", "🔄")
    assert done.media == (Media(CDN, "video/mp4", "out.mp4", 7204115, 1024, 576), Media(CDN))
    assert done.embeds == (Embed("rich", "words", "https://a.example/p.png"),)


def test_every_other_field_of_the_model() -> None:
    full = job(
        negative_prompt="people",
        motion=5,
        seed_value=0,
        image={"size": 12, "type": "image/png"},
        face={"size": 13, "type": "image/jpeg"},
        parentJobId="job:parent",
        button="V2",
        character="nahida",
        error="bad",
        errorDetails="very bad",
    )
    assert (full.negative_prompt, full.motion, full.seed, full.character) == ("people", 5, 0, "nahida")
    assert (full.image, full.face) == (Upload(12, "image/png"), Upload(13, "image/jpeg"))
    assert (full.parent_jobid, full.button, full.error, full.error_details) == ("job:parent", "V2", "bad", "very bad")


def test_discord_s_form_of_a_time() -> None:
    assert job(created="2023-09-09T02:05:24.991999+00:00").created == 1694225124991


@pytest.mark.parametrize(
    "created", ["", "yesterday", 5, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1" * 99, None, []]
)
def test_absurd_times_are_left_out(created: object) -> None:
    assert job(created=created).created is None


@pytest.mark.parametrize("word", ["failed", "moderated", "cancelled", "completed", "created", "started", "progress"])
def test_every_documented_status(word: str) -> None:
    read = job(status=f" {word.upper()}\n")
    assert (read.status, read.state.value) == (word, word)
    assert read.state.ends == (word not in ("created", "started", "progress"))


def test_canceled_with_one_l_is_an_end_too() -> None:
    assert job(status="canceled").state is JobState.CANCELLED


def test_an_unknown_status_is_kept_bounded_and_is_not_an_end() -> None:
    read = job(status="Up\nscaling " + "x" * 99)
    assert read.state is JobState.UNKNOWN
    assert read.status.startswith("Up scaling xxx")
    assert len(read.status) == 40
    assert not read.state.ends


@pytest.mark.parametrize("status", [None, "", "  ", "\x00", 5, ["completed"]])
def test_a_record_without_a_status_is_an_error(status: object) -> None:
    with pytest.raises(Unavailable):
        job(status=status)


@pytest.mark.parametrize("record", [None, [], "completed", 7, {}])
def test_a_body_that_is_not_an_object_is_an_error(record: object) -> None:
    with pytest.raises(Unavailable):
        read_job(record, JOBID)


def test_another_job_s_record_is_an_error() -> None:
    with pytest.raises(Unavailable):
        read_job({**BASE, "status": "completed", "jobid": JOBID.replace("4321", "4322")}, JOBID)


def test_a_record_may_name_the_bot_that_the_requested_id_leaves_out() -> None:
    short = JOBID.removesuffix("-bot:pixverse")
    assert read_job({**BASE, "status": "created"}, short).jobid == short
    with pytest.raises(Unavailable):
        read_job({**BASE, "status": "created"}, short[:-1])


@pytest.mark.parametrize("jobid", [None, "", 7])
def test_a_record_without_a_usable_id_is_the_requested_job_s(jobid: object) -> None:
    assert job(jobid=jobid).jobid == JOBID


def test_a_record_without_an_id_is_the_requested_job_s() -> None:
    assert read_job({"status": "failed"}, JOBID) == Job(JOBID, JobState.FAILED, "failed")


@pytest.mark.parametrize(
    "url",
    [None, "", "ftp://a/b", "javascript:x", "https://", "https://[", "https://a:99999/v", "https://a\nb/", "//a/b", 5],
)
def test_an_attachment_needs_a_web_address(url: object) -> None:
    assert job(status="completed", attachments=[{**ATTACHMENT, "url": url, "proxy_url": url}]).media == ()


@pytest.mark.parametrize("url", [None, "", 5, "https://media.pixverse.ai/pixverse/mp4/media/default.mp4"])
def test_without_an_address_the_attachment_s_proxy_address_is_used(url: object) -> None:
    [media] = job(status="completed", attachments=[{**ATTACHMENT, "url": url}]).media
    assert media.url == ATTACHMENT["proxy_url"]


def test_an_address_is_percent_encoded_once() -> None:
    url = "https://cdn.example/b\u00f6 1%20.mp4?hm=%41"
    (media,) = job(status="completed", attachments=[{**ATTACHMENT, "url": url}]).media
    assert media.url == "https://cdn.example/b%C3%B6%201%20.mp4?hm=%41"


def test_a_signed_address_may_be_long() -> None:
    address = "https://media.pixverse.ai/a.mp4?X-Amz-Security-Token="
    for length, is_read in ((3000, True), (8000, True), (8001, False)):
        url = address.ljust(length, "x")
        media = job(status="completed", attachments=[{**ATTACHMENT, "url": url, "proxy_url": None}]).media
        assert [one.url for one in media] == [url] * is_read


def test_only_a_completed_job_s_attachments_count() -> None:
    assert job(status="failed", attachments=[ATTACHMENT]).media == ()
    assert job(status="progress", attachments=[ATTACHMENT]).media == ()


def test_texts_and_lists_are_bounded() -> None:
    read = job(
        status="completed", prompt="p" * 9999, buttons=["U1"] * 99, attachments=[ATTACHMENT] * 99, style="s" * 999
    )
    assert read.prompt is not None
    assert read.style is not None
    assert (len(read.prompt), len(read.style), len(read.buttons), len(read.media)) == (4000, 100, 25, 25)


def test_numbers_of_other_types_are_left_out() -> None:
    for value in (True, "5 or so", "5.5", 5.5, float("nan"), float("inf"), 10**30, [5]):
        assert job(seed_value=value).seed is None
    assert job(seed_value=5.0).seed == job(seed_value="5").seed == job(seed_value="5.0").seed == 5
    assert job(image={"size": -1}).image is None


# In pieces, so that no scanner of secrets takes it for a real one.
_DISCORD_TOKEN = ".".join(("MTIzNDU2Nzg5MDEyMzQ1Njc4", "Gabc12", "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789ab"))


@pytest.mark.parametrize("secret", ["user:9876-AbCdEfGhIjKlMnOp", _DISCORD_TOKEN], ids=["useapi", "Discord"])
@pytest.mark.parametrize("text", ["{}", "bad token {}!", "x" * 3990 + " {}", "x" * 90 + " {}"])
def test_no_token_is_in_what_is_kept(secret: str, text: str) -> None:
    leaky = text.format(secret)
    read = job(
        status="completed",
        attachments=[{**ATTACHMENT, "filename": leaky, "content_type": leaky}],
        embeds=[{"type": leaky, "description": leaky}],
        buttons=[leaky],
        image={"size": 1, "type": leaky},
        **dict.fromkeys(("prompt", "negative_prompt", "style", "content", "error", "errorDetails", "verb"), leaky),
        **dict.fromkeys(("button", "character", "parentJobId", "aspect_ratio"), leaky),
    )
    kept = repr(read)
    assert not any(secret[:length] in kept for length in range(12, len(secret)))


def test_text_that_only_slightly_resembles_a_token_is_kept() -> None:
    prompt = f"a ring bearer walking to {JOBID} and me@example.com"
    assert job(prompt=prompt, parentJobId=JOBID).prompt == prompt
    assert job(parentJobId=JOBID).parent_jobid == JOBID


def test_half_an_emoji_can_be_stored() -> None:
    prompt = job(prompt="boat \ud83d").prompt
    assert prompt == "boat ?"


@pytest.mark.parametrize(
    ("content", "percent"),
    [
        ("**boat** - <@1> (46%) (fast)", 46),
        ("(0%)", 0),
        ("(31 %)", 31),
        ("(15%) then (93%)", 93),
        ("(250%)", 100),
        ("100% cotton", None),
        ("(100% cotton)", None),
        ("(1234%)", None),
        ("(-5%)", None),
        ("(٤٦%)", None),
        ("(Waiting to start)", None),
        ("", None),
    ],
)
def test_percent(content: str, percent: int | None) -> None:
    assert percent_of(content) == percent


@given(st.text(alphabet="(%)0123456789 \n١", max_size=40))
def test_percent_is_always_within_limits(content: str) -> None:
    percent = percent_of(content)
    assert percent is None or 0 <= percent <= 100


def test_a_percentage_in_the_prompt_is_not_progress() -> None:
    prompt = "zoom in (50%)"
    assert job(prompt=prompt, content=f"<@1> (prompt: {prompt} style: Anime)").percent is None
    assert job(prompt=prompt, content=f"<@1> (prompt: {prompt}) (46%)").percent == 46


@pytest.mark.parametrize(
    ("prompt", "shown"),
    [
        ("half (50%)\noff", "half (50%) off"),
        ("half (50%) off, and much more", "half (50%) o…"),
        ("<x> (50%)", "&lt;x&gt; (50%)"),
        ("a (10%) b (50%)", "a (10%) b (50%)"),
    ],
)
def test_a_percentage_in_the_prompt_is_not_progress_however_the_message_writes_the_prompt(
    prompt: str, shown: str
) -> None:
    assert job(prompt=prompt, content=f"**{shown}** - <@1> (Waiting to start)").percent is None
    assert job(prompt=prompt, content=f"**{shown}** - <@1> (46%) (fast)").percent == 46


def test_progress_equal_to_a_percentage_in_the_prompt() -> None:
    assert job(prompt="half (50%)", content="**half (50%)** - (50%)").percent == 50


def test_an_ended_job_has_no_percentage() -> None:
    assert job(status="failed", content="(46%)").percent is None


def test_percent_is_found_after_a_truncated_text() -> None:
    assert job(content="x" * 5000 + " (46%)").percent == 46


@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=len(FIELDS)))
def test_any_json_is_a_job_or_unavailable(record: dict[str, object]) -> None:
    record["jobid"] = JOBID
    try:
        read = read_job(record, JOBID)
    except Unavailable:
        return
    assert read.status
    assert len(read.status) <= 40
    assert all(len(text) <= 4000 for text in (read.prompt or "", read.content or "", read.error or ""))
    assert repr(read).encode()


@given(JSON)
def test_any_other_json_raises_only_our_errors(record: object) -> None:
    try:
        read_job(record, JOBID)
    except PixVerseError:
        return


async def test_a_job_over_the_wire(wire: Any) -> None:
    wire.says(200, json.dumps({**BASE, "status": "started"}))
    read = (await PixVerseApi(wire.client()).lazy_job(TOKEN, JOBID, None)).read()
    assert read.state is JobState.STARTED
    assert wire.asked[0].raw_path == f"/v1/pixverse/jobs/?jobid={JOBID}"


async def test_an_unusual_id_reaches_the_server_unchanged(wire: Any) -> None:
    wire.says(200, '{"status": "created"}')
    (await PixVerseApi(wire.client()).lazy_job(TOKEN, "a+b%2F@c&d=e/../f#g", None)).read()
    assert wire.asked[0].query["jobid"] == "a+b%2F@c&d=e/../f#g"
    assert wire.asked[0].path == "/v1/pixverse/jobs/"


async def test_an_unknown_job_over_the_wire(wire: Any) -> None:
    wire.says(404, json.dumps({"error": f"Unable to locate job {JOBID}", "code": 404}))
    with pytest.raises(JobNotFound, match=JOBID):
        (await PixVerseApi(wire.client()).lazy_job(TOKEN, JOBID, None)).read()


async def test_active_jobs(wire: Any) -> None:
    wire.says(200, json.dumps([JOBID, "job:2222", JOBID, 5, None, "", "no id"]))
    assert await PixVerseApi(wire.client()).all_active_jobs(TOKEN) == (JOBID, "job:2222")
    assert wire.asked[0].raw_path == "/v1/pixverse/jobs"


async def test_active_jobs_are_bounded(wire: Any) -> None:
    wire.says(200, json.dumps([f"job:{n}" for n in range(5000)]))
    assert len(await PixVerseApi(wire.client()).all_active_jobs(TOKEN)) == 1000


@pytest.mark.parametrize("answer", [{}, {"jobs": []}, "job:1234"])
async def test_a_list_that_is_not_a_list_is_unavailable(wire: Any, answer: object) -> None:
    wire.says(200, json.dumps(answer))
    with pytest.raises(Unavailable):
        await PixVerseApi(wire.client()).all_active_jobs(TOKEN)


@pytest.mark.parametrize("status", [404, 410])
async def test_a_missing_list_makes_no_job_gone(wire: Any, status: int) -> None:
    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"error": "no such page", "code": status}, status=status)

    wire.answer = answer
    with pytest.raises(Unavailable):
        await PixVerseApi(wire.client()).all_active_jobs(TOKEN)
