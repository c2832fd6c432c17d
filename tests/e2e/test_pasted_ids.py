"""Ids as people paste them: encoded, in addresses, in JSON, in sentences, beside a token."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.e2e.guild_fixture import GuildFixture

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("generation")]


@pytest.mark.parametrize(
    "wrapping",
    [
        "https://api.useapi.net/v1/pixverse/jobs/?jobid={}&x=1",
        "https://api.useapi.net/v2/pixverse/videos/{}?y=2",
        '{{"jobid":"{}","code":200,"status":"started"}}',
        "my job (`{}`) hangs!",
    ],
)
async def test_the_only_id_in_a_text_is_watched(server: GuildFixture, wrapping: str) -> None:
    job = server.job()
    text = wrapping.format(quote(job.jobid, safe=""))
    assert (await server.status(text)).text.startswith("**Watching.**")
    stopped = await server.use("pixverse unwatch", jobid=wrapping.format(job.jobid))
    assert stopped.text.startswith("**Stopped watching.**")


async def test_a_sentence_with_two_ids(server: GuildFixture) -> None:
    one, two = server.job(), server.job()
    sentence = f"please watch {one.jobid} and {two.jobid}, thanks!"
    assert (await server.status(sentence)).text.startswith("**That's more than one job id.**")
    answer = await server.watch(sentence)
    assert answer.text.startswith("**Watching 2 jobs.**")
    assert len(answer.text.splitlines()) == 1


async def test_only_the_token_is_refused_and_it_goes_nowhere(server: GuildFixture) -> None:
    one, two = server.job(), server.job()
    token = f"user:{server.account.number}-" + "s3cretS3cretS3cret"
    for written in (token, token.upper(), quote(token, safe="")):
        answer = await server.watch(one.jobid, written, two.jobid)
        assert "s3cret" not in answer.text.lower()
        assert "I haven't sent or kept the secret token." in answer.text
    assert not [entry for entry in server.harness.pixverse.requests if "s3cret" in (entry.jobid or "").lower()]


@pytest.mark.parametrize("word", ["hello", "please"])
async def test_text_that_resembles_no_id_is_not_sent(server: GuildFixture, word: str) -> None:
    assert (await server.status(word)).text.startswith("**That isn't a job id.**")
    assert not [entry for entry in server.harness.pixverse.requests if entry.jobid == word]


async def test_a_pasted_id_is_offered_as_itself(server: GuildFixture) -> None:
    jobid = server.job().jobid
    for command in ("status", "unwatch"):
        offered = await server.member.autocomplete(
            server.channel, f"pixverse {command}", option="jobid", typed=quote(jobid, safe="")
        )
        assert [value for _, value in offered] == [jobid]
        assert server.account.email not in offered[0][0]
