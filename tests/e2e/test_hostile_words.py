"""Hostile texts from the API and from people: Discord refuses nothing, nobody is pinged, every command is answered."""

from __future__ import annotations

from itertools import cycle

import pytest

from sandbox.pixverse_api.jobs import Job
from sandbox.pixverse_api.service import is_v2
from sandbox.pixverse_api.v2 import record_of
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness

pytestmark = pytest.mark.asyncio(loop_scope="module")

_WORDS = {
    "pings": "@everyone @here <@1> <@&2> <#3> " * 20,
    "markup": "**a __b ~~c ||d ```e `f > g\n# h\n-# i [x](https://evil.example) \\" * 20,
    "direction": "\u202e\u2066abc\u0000\u001b[31m\u200b\u2028d" * 20,
    "long": "w" * 5000,
    "wide": "😀" * 1000,
    "joined": "👨\u200d👩\u200d👧 می\u200cخواهم " * 40,
    "chained": "👨\u200d" * 300 + "👨",
    "nothing": "\u200b\u3164\u2800 ",
}
_TEXTS = (
    "prompt", "negative_prompt", "style", "aspect_ratio", "character", "verb", "button", "content", "error",
    "errorDetails", "parentJobId",
)  # fmt: skip
_TEXTS_V2 = ("prompt", "negative_prompt", "model", "quality", "aspect_ratio", "style")


def _hostile(job: Job, status: str, word: str) -> dict[str, object]:
    attachment = job.videos[0].attachment() | {"filename": word, "content_type": word, "size": -1, "width": word}
    return {
        "jobid": job.jobid,
        "status": status,
        "created": word,
        "updated": [word],
        "seed_value": 10**400,
        "buttons": [word] * 30,
        "attachments": [attachment, {"url": word}, {"url": f"https://{word[:300]}/a"}, word],
        "embeds": [{"type": word, "description": word, "image": {"url": word}}] * 12,
        "image": {"size": word, "type": word},
        **dict.fromkeys(_TEXTS, word),
    }


def _hostile_v2(job: Job, word: str) -> dict[str, object]:
    odd = {"queue_data": {"queue_count": word, "queue_time": [word]}, "seed": 10**400, "video_duration": word}
    told = {"errCode": word, "errMsg": word, "created_at": word, "first_frame": word, "sound_effect_switch": word}
    return record_of(job) | dict.fromkeys(_TEXTS_V2, word) | odd | told


def _made_of(job: Job, status: str, word: str) -> dict[str, object]:
    return _hostile_v2(job, word) if is_v2(job.jobid) else _hostile(job, status, word)


def _running(job: Job, word: str) -> dict[str, object]:
    if is_v2(job.jobid):
        return _hostile_v2(job, word) | {"video_status": 23, "video_status_name": word}
    return {"status": word[:60], "prompt": word, "content": word}


def _end(job: Job, status: str) -> None:
    if status == "completed":
        job.complete()
    else:
        job.fail("no", status=status)


_V1 = [("v1", name, status) for name in _WORDS for status in ("completed", "failed", "moderated")]
_V2 = [("v2", name, status) for name, status in zip(_WORDS, cycle(("completed", "failed")), strict=False)]


@pytest.mark.parametrize(("generation", "name", "status"), _V1 + _V2, indirect=["generation"])
async def test_a_job_full_of_hostile_words(
    harness: Harness, server: GuildFixture, generation: str, name: str, status: str
) -> None:
    word = _WORDS[name]
    job = await server.watched()
    job.raw = _running(job, word)
    asked = harness.pixverse.asked(job)
    await harness.pixverse.until(lambda: harness.pixverse.asked(job) > asked + 1)
    offered = await server.member.autocomplete(server.channel, "pixverse status", option="jobid", typed="")
    assert [value for _, value in offered] == [server.number(job)]
    listed = await server.use("pixverse list")
    assert listed.text.startswith("**Watching 1 job here")
    _end(job, "completed" if generation == "v1" else status)
    job.raw = _made_of(job, status, word)
    outcome = await server.outcome()
    assert f"{status} · {server.number(job)}" in outcome.text
    assert len(outcome.attachments) == (1 if status == "completed" else 0)
    assert all(file.filename == f"pixverse-{server.number(job)[1:]}-1.mp4" for file in outcome.attachments)
    details = await server.member.click(outcome, "Details")
    assert all(message.ephemeral for message in details.messages)
    for message in server.posts():
        assert message.pinged <= {server.member.id}
        assert not message.pinged_everyone
        assert not message.pinged_roles
        assert not any(sign in message.text for sign in "\u202e\u2066\u0000\u001b\u200b")
    refused = [call for call in harness.discord.requests if call.status in {400, 413}]
    assert refused == []


@pytest.mark.parametrize("name", _WORDS)
async def test_hostile_words_in_every_option(harness: Harness, server: GuildFixture, name: str) -> None:
    word = _WORDS[name]
    for command, option in (("status", "jobid"), ("unwatch", "jobid"), ("watch", "jobids")):
        for typed in (word, word.replace(" ", ""), f"#{word}", f"job:{word}"):
            answer = await server.member.forge_slash(server.channel, f"pixverse {command}", 15, **{option: typed})
            assert "Something went wrong" not in answer.text, (command, typed)
            assert not answer.pings
            assert answer.ephemeral
    await server.member.autocomplete(server.channel, "pixverse status", option="jobid", typed=word[:100])
    answer = await harness.empty_server().set_token(word[:4000])
    assert answer.text.startswith("**Not stored")
    assert harness.bot.said("Traceback") == []
    assert server.posts() == []


_WRITTEN = (
    "👨\u200d👩\u200d👧 👩🏽\u200d🚀 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f "
    "می\u200cخواهم \U0001faff ශ\u0dca\u200dරී"
)


async def test_what_people_write_is_shown_unchanged(server: GuildFixture) -> None:
    job = await server.watched(prompt=f"{_WRITTEN} " * 20)
    (card,) = server.cards()
    job.complete()
    outcome = await server.outcome()
    for text in (card.text, outcome.text):
        (quote,) = [line.removeprefix("> ") for line in text.splitlines() if line.startswith("> ")]
        assert quote.startswith(f"{_WRITTEN} ")
        assert quote.endswith("…")
        assert set(quote.removesuffix("…").split()) <= set(_WRITTEN.split())
    assert _WRITTEN in (outcome.attachments[0].description or "")


@pytest.mark.parametrize("prompt", ["👨\u200d👩\u200d👧" * 4000, "👨\u200d" * 4000 + "👨"], ids=["families", "chain"])
async def test_a_prompt_of_thousands_of_joined_emoji(server: GuildFixture, prompt: str) -> None:
    job = await server.watched(prompt=prompt)
    job.complete()
    outcome = await server.outcome()
    (quote,) = [line for line in outcome.text.splitlines() if line.startswith("> ")]
    assert quote.endswith(("👧…", "👨…"))
    assert len(quote) > 50
