"""Callbacks, with polls so far apart that only a callback can cause an outcome within seconds."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from sandbox.discord_wire import Answer
from sandbox.pixverse_api.callbacks import CallbackPolicy, CallbackTiming
from sandbox.ports import free_port
from tests.e2e.conftest import Build
from tests.e2e.forking import ForkServer
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("generation")]

_BEFORE_THE_POLL = 10.0
_ADDRESS = re.compile(r"`(http://127\.0\.0\.1:\d+/callback/([A-Za-z0-9_-]{43}))`")
_NAME = "pixverse-admin callback"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def harness(
    program: Path, fork_server: ForkServer | None, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Harness]:
    port = free_port()
    settings = {"POLL_INTERVAL": "20", "CALLBACK_PORT": str(port), "PUBLIC_URL": f"http://127.0.0.1:{port}"}
    shared = await Harness.build(program, tmp_path_factory.mktemp("harness"), settings, fork_server)
    try:
        await shared.start()
        yield shared
    finally:
        await shared.close()


async def _called(server: GuildFixture) -> str:
    """Sets the server's account to call back to the address that its admin is shown."""
    answer = await server.admin.slash(server.channel, _NAME)
    assert answer.ephemeral
    assert answer.text.startswith("**Give useapi.net this address as `replyUrl`:**"), answer
    found = _ADDRESS.search(answer.text)
    assert found is not None
    server.harness.for_one_alone.append(found[2])
    server.account.reply_url = found[1]
    return found[1]


async def _post(url: str, body: bytes = b"{}") -> int:
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=_JSON) as answer:
        return answer.status


_JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "policy",
    [
        CallbackPolicy(),
        CallbackPolicy(CallbackTiming.EVERY_CHANGE, times=2),
        CallbackPolicy(CallbackTiming.OUT_OF_ORDER),
    ],
    ids=lambda policy: policy.when.value,
)
async def test_the_outcome_comes_with_the_callback_and_once(
    harness: Harness, server: GuildFixture, policy: CallbackPolicy
) -> None:
    harness.pixverse.callbacks.policy = policy
    await _called(server)
    job = await server.watched()
    asked = harness.pixverse.asked(job)
    job.set("progress")
    job.complete()
    outcome = await server.outcome(timeout=_BEFORE_THE_POLL)
    assert outcome.text.startswith("**Your video is ready.**")
    sent = [one for one in harness.pixverse.callbacks.sent if one.jobid == job.jobid]
    await harness.pixverse.until(lambda: all(one.status == 200 for one in sent))
    assert harness.pixverse.asked(job) <= asked + 3
    assert server.outcomes() == [outcome]


async def test_a_callback_before_the_record_is_final(harness: Harness, server: GuildFixture) -> None:
    harness.pixverse.callbacks.policy = CallbackPolicy(CallbackTiming.NEVER)
    url = await _called(server)
    job = await server.watched()
    asked = harness.pixverse.asked(job)
    claim = '{"%s": "%s", "status": "completed", "video_status": 1}'
    name = "video_id" if harness.generation == "v2" else "jobid"
    assert await _post(url, (claim % (name, job.jobid)).encode()) == 200
    await harness.pixverse.until(lambda: harness.pixverse.asked(job) > asked)
    assert server.outcomes() == []
    job.complete()
    await server.outcome(timeout=2 * _BEFORE_THE_POLL)


async def test_a_forged_callback_changes_nothing(harness: Harness, server: GuildFixture) -> None:
    url, other = await _called(server), await harness.server()
    job, theirs = await server.watched(), await other.watched()
    start = url.removesuffix(url.rpartition("/")[2])
    requests = len(harness.pixverse.requests)
    assert await _post(start + "A" * 43) == 404
    bodies = [
        b"",
        b"null",
        b"[" * 60_000,
        b'{"jobid":' * 5000,
        b'{"jobid":7}',
        b"\xff",
        b'{"jobid":"nobody-s","status":1}',
    ]
    for record in (theirs, server.an_id()):
        jobid = record if isinstance(record, str) else record.jobid
        bodies.append(f'{{"jobid":"{jobid}","status":"failed","error":"forged"}}'.encode())
    bodies.append(f'{{"jobid":"{job.jobid}","status":"progress","video_status":10}}'.encode())
    assert [await _post(url, body) for body in bodies] == [200] * len(bodies)
    assert await _post(url, b"x" * 70_000) == 413
    forged_end = f'{{"jobid":"{job.jobid}","status":"failed","video_status":8,"error":"forged"}}'
    assert await _post(url, forged_end.encode()) == 200
    await harness.pixverse.until(lambda: len(harness.pixverse.requests) > requests)
    assert {entry.jobid for entry in harness.pixverse.requests[requests:]} <= {job.jobid, None}
    assert server.outcomes() == []
    assert other.outcomes() == []
    assert "forged" not in "".join(card.text for card in server.cards())


async def test_a_flood_to_one_address_causes_three_requests_and_affects_nobody_else(harness: Harness) -> None:
    harness.pixverse.callbacks.policy = CallbackPolicy()
    flooded, quiet = await harness.server(), await harness.server()
    url = await _called(flooded)
    await _called(quiet)
    job, theirs = await flooded.watched(), await quiet.watched()
    asked = harness.pixverse.asked(job)
    name = "video_id" if harness.generation == "v2" else "jobid"
    body = f'{{"{name}":"{job.jobid}","status":"completed","video_status":1}}'.encode()

    async def pour() -> list[int]:
        return [await _post(url, body) for _ in range(50)]

    pouring = [asyncio.create_task(pour()) for _ in range(20)]
    theirs.complete()
    await quiet.outcome(timeout=_BEFORE_THE_POLL)
    answers = [status for one in await asyncio.gather(*pouring) for status in one]
    assert set(answers) == {200, 429}
    assert harness.pixverse.asked(job) <= asked + (12 if harness.generation == "v2" else 4)
    assert flooded.outcomes() == []


async def test_a_job_that_nobody_requested_is_posted_only_where_its_account_is_followed(
    harness: Harness, server: GuildFixture
) -> None:
    harness.pixverse.callbacks.policy = CallbackPolicy()
    await _called(server)
    server.job().complete()
    asked_for = await server.watched()
    asked_for.complete()
    outcome = await server.outcome(timeout=_BEFORE_THE_POLL)  # callbacks are followed in their order
    films = server.guild.add_text_channel("films")
    question = await server.admin.slash(server.channel, "pixverse-admin follow", channel=films)
    await server.admin.click(question, "Follow the account")
    server.job(prompt="lighthouse").complete()
    followed = await server.outcome(films, timeout=_BEFORE_THE_POLL)
    assert followed.text.startswith("**New video.**\n> lighthouse")
    assert server.outcomes() == [outcome]


async def test_a_replaced_address_is_void_at_once(server: GuildFixture) -> None:
    old = await _called(server)
    shown = await server.admin.slash(server.channel, _NAME)
    assert old in shown.text
    first = _replace_button(shown)
    question = await server.admin.click(shown, "Replace the address")
    assert question.text.startswith("**Make a new address?**")
    kept = await server.admin.click(question, "Keep the address")
    assert old in kept.text
    question = await server.admin.click(kept, "Replace the address")
    replaced = await server.admin.click(question, "Replace the address")
    assert replaced.text.startswith("**Replaced. Give useapi.net this address")
    new = _ADDRESS.search(replaced.text)
    assert new is not None
    assert await _post(old) == 404
    assert await _post(new[1]) == 200
    stale = await server.admin.forge_click(server.channel, first)
    assert new[1] in stale.text
    forged = await server.member.forge_click(server.channel, _replace_button(replaced))
    assert forged.text.startswith("**Only someone with *Manage Server* can do this.**")
    assert await _post(new[1]) == 200


def _replace_button(answer: Answer) -> str:
    (found,) = [button.custom_id for button in answer.buttons if button.label == "Replace the address"]
    assert found is not None
    return found


async def test_a_server_without_its_own_token_has_no_address(harness: Harness) -> None:
    server = harness.empty_server()
    answer = await server.admin.slash(server.channel, _NAME)
    assert answer.text.startswith("**Callbacks need this server's own API token.**")


async def test_no_secret_leaves_the_reply(harness: Harness, server: GuildFixture) -> None:
    """Not even where the API repeats the address in a job's record."""
    harness.pixverse.callbacks.policy = CallbackPolicy()
    url = await _called(server)
    assert await _post(url) == 200
    job = await server.watched(replyUrl=url, replyRef=url)
    job.fail("no video")
    outcome = await server.outcome(timeout=_BEFORE_THE_POLL)
    assert server.harness.for_one_alone[-1] not in (await server.member.click(outcome, "Details")).text
    await harness.listen_to_port()
    assert harness.leaks() == []


@pytest.mark.parametrize("generation", ["v1"], indirect=True)
async def test_polls_continue(build: Build) -> None:
    """Callbacks, job list and polls together post each outcome once; without callbacks, polls do."""
    port = free_port()
    quick = await build(POLL_INTERVAL="0.4", CALLBACK_PORT=str(port), PUBLIC_URL=f"http://127.0.0.1:{port}")
    await quick.start()
    server = await quick.server()
    await _called(server)
    quick.pixverse.callbacks.policy = CallbackPolicy(CallbackTiming.EVERY_CHANGE, times=2)
    question = await server.admin.slash(server.channel, "pixverse-admin follow", channel=server.channel)
    await server.admin.click(question, "Follow the account")
    jobs = [await server.watched() for _ in range(5)]
    for job in jobs:
        job.complete()
    await quick.discord.until(lambda: len(server.outcomes()) >= len(jobs))
    told = [one for one in quick.pixverse.callbacks.sent if one.status == 200]
    assert len(told) >= len(jobs)

    quick.pixverse.callbacks.policy = CallbackPolicy(CallbackTiming.NEVER)
    last = await server.watched()
    last.complete()
    await quick.discord.until(lambda: len(server.outcomes()) > len(jobs))
    await server.settled()
    assert len(server.outcomes()) == len(jobs) + 1
