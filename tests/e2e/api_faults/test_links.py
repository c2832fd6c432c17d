"""Video links that are expired, forbidden, truncated, endless, slow, redirected, of another type, or many."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from sandbox.discord_wire import Hold
from sandbox.pixverse_api import faults
from sandbox.pixverse_api.faults import Action
from sandbox.pixverse_api.jobs import Job
from sandbox.pixverse_api.videos import File, video_file
from tests.e2e.api_faults.held import HeldThen
from tests.e2e.forking import ForkServer
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness
from tests.e2e.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

_READY = "**Your video is ready.**"
_AS_A_LINK = "**Your video is ready, as a link.**"
_RAN_OUT = "**Your video's link has expired.**"
_NO_VIDEO = "**Finished, but the file isn't a video"
_MAY_NOT = "**Your video is ready, but I may not fetch it.**"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def harness(
    program: Path, fork_server: ForkServer | None, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Harness]:
    """One bot that downloads at most a MiB."""
    small = await Harness.build(program, tmp_path_factory.mktemp("harness"), {"MEDIA_MAX_MB": "1"}, fork_server)
    try:
        await small.start()
        yield small
        assert small.bot.said("Traceback") == []
        await until(lambda: not list(small.ledger.path.parent.rglob("*.part")), what="no leftovers")
    finally:
        await small.close()


async def _ended_with(server: GuildFixture, action: Action, times: int | None = None) -> Job:
    """A job whose only video is served with this fault."""
    job = await server.watched()
    server.harness.pixverse.cdn.faults.add(action, times=times)
    job.complete()
    return job


@pytest.fixture(autouse=True)
def _no_faults_left(harness: Harness) -> Iterator[None]:
    yield
    harness.pixverse.cdn.faults.clear()


@pytest.mark.parametrize(
    ("action", "times"),
    [
        (faults.Truncated(), 1),
        (faults.Cut(), 1),
        (faults.Status(503), 1),
        (faults.Status(200, b"", content_type="video/mp4"), 1),
        (faults.Dripping(0.01, 16_384), None),
        (faults.Slow(0.5), None),
        (faults.OtherType("text/html"), None),
        (faults.OtherType("application/octet-stream"), None),
        (faults.OtherType(""), None),
        (faults.OtherType("binary/octet-stream"), None),
        (faults.Status(404), 1),
        (faults.Status(403), 3),
        (faults.HangsUpHalfway(), 1),
        (faults.RedirectChain(5), None),
    ],
    ids=[
        "truncated",
        "cut",
        "503",
        "empty",
        "drips",
        "slow",
        "HTML type",
        "no type",
        "empty type",
        "S3 type",
        "404 once",
        "403 for a while",
        "half once",
        "redirects",
    ],
)
async def test_faults_that_the_video_survives(server: GuildFixture, action: Action, times: int | None) -> None:
    job = await _ended_with(server, action, times)
    outcome = await server.outcome()
    assert outcome.text.startswith(_READY)
    assert [file.content for file in outcome.attachments] == [job.videos[0].content]


@pytest.mark.parametrize(
    ("action", "starts", "why"),
    [
        (faults.HalfBody(), _AS_A_LINK, "failed 3 times"),
        (faults.HangsUpHalfway(), _AS_A_LINK, "failed 3 times"),
        (faults.Status(200, b'{"error":"x"}', content_type="video/mp4"), _NO_VIDEO, "calls it video/mp4."),
        (faults.Status(200, b"AccessDenied: no", content_type="video/mp4"), _NO_VIDEO, "calls it video/mp4."),
        (faults.Endless(), _AS_A_LINK, "too large"),
        (faults.Truncated(), _AS_A_LINK, "failed 3 times"),
        (faults.RedirectChain(6), _AS_A_LINK, "failed 3 times"),
        (faults.Status(200, faults.HTML), _NO_VIDEO, "calls it text/html."),
        (
            faults.Status(200, b"<svg onload=x>", content_type="video/mp4"),
            "**Finished, but the file isn't a video",
            "",
        ),
        (faults.Redirect("http://127.0.0.1:9/out.mp4"), _MAY_NOT, "`127.0.0.1`"),
        (faults.Redirect("http://[::1]/out.mp4"), _MAY_NOT, "`::1`"),
        (faults.Redirect("https://169.254.169.254/latest/meta-data"), _MAY_NOT, "`169.254.169.254`"),
        (faults.Redirect("http://2130706433/"), _MAY_NOT, "`2130706433`"),
        (faults.Redirect("file:///etc/passwd"), _MAY_NOT, ""),
        (faults.Redirect("//metadata.google.internal/"), _MAY_NOT, "`metadata.google.internal`"),
    ],
    ids=[
        "half, with a length that fits",
        "half, without a length",
        "JSON",
        "plain words",
        "endless",
        "truncated",
        "too many redirects",
        "HTML",
        "SVG",
        "another port",
        "IPv6",
        "metadata",
        "a number",
        "a file",
        "another host",
    ],
)
async def test_what_becomes_a_link(server: GuildFixture, action: Action, starts: str, why: str) -> None:
    job = await _ended_with(server, action)
    outcome = await server.outcome()
    assert outcome.text.startswith(starts)
    assert why in outcome.text
    assert outcome.attachments == []
    assert job.videos[0].url.rstrip("&") in outcome.text


async def test_credentials_in_a_redirect_to_an_allowed_host(server: GuildFixture) -> None:
    base = server.harness.pixverse.cdn.base.replace("http://", "http://user:secret@")
    await _ended_with(server, faults.Redirect(f"{base}/out.mp4"))
    outcome = await server.outcome()
    assert outcome.text.startswith(_MAY_NOT)
    assert "secret" not in outcome.text


async def test_an_expired_link_is_refreshed_once(server: GuildFixture) -> None:
    job = await server.watched()
    ended = HeldThen(faults.Slow(0))
    server.harness.pixverse.faults.add(ended, job=job)
    await ended.reached.wait()
    asked = server.harness.pixverse.asked(job)
    job.complete(link_seconds=-60)
    ended.release.set()
    outcome = await server.outcome()
    assert outcome.text.startswith(_RAN_OUT)
    assert server.harness.pixverse.asked(job) == asked + 1
    assert server.harness.pixverse.cdn.asked(job.videos[0].path) == 2


async def test_a_job_first_seen_with_an_expired_link(server: GuildFixture) -> None:
    job = server.job()
    job.complete(link_seconds=-60)
    await server.status(job)
    assert (await server.outcome()).text.startswith(_RAN_OUT)
    assert server.harness.pixverse.asked(job) == 2


async def test_more_videos_than_a_message_holds(server: GuildFixture) -> None:
    job = await server.watched()
    files: tuple[File, ...] = tuple(video_file(f"video {number}") for number in range(12))
    job.complete(videos=files)
    outcome = await server.outcome()
    assert [file.content for file in outcome.attachments] == [file.content for file in files[:10]]
    assert outcome.text.startswith("**Your 12 videos are ready, numbers 11 and 12 as links.**")
    assert "One message takes 10 files." in outcome.text
    assert all(stored.url.rstrip("&") in outcome.text for stored in job.videos[10:])


@dataclass
class _LateBehindARedirect:
    """A redirect to a file that is missing for the first few requests."""

    absent: int
    asked: int = 0

    async def play(self, request: web.Request, carry_out: faults.CarryOut) -> web.StreamResponse:
        answer = await faults.RedirectChain(1).play(request, carry_out)
        if answer.status == 302:
            return answer
        self.asked += 1
        return await faults.Status(404).play(request, carry_out) if self.asked <= self.absent else answer


async def test_a_file_that_appears_late_behind_a_redirect(server: GuildFixture) -> None:
    late = _LateBehindARedirect(3)
    job = await _ended_with(server, late)
    outcome = await server.outcome()
    assert outcome.text.startswith(_READY)
    assert [file.content for file in outcome.attachments] == [job.videos[0].content]
    assert late.asked == 4


@dataclass
class _EndsAtALogin:
    """Two redirects that end at a login page."""

    async def play(self, request: web.Request, carry_out: faults.CarryOut) -> web.StreamResponse:
        answer = await faults.RedirectChain(2).play(request, carry_out)
        return answer if answer.status == 302 else web.Response(text="<form>Log in", content_type="text/html")


async def test_a_redirect_that_ends_at_a_login(server: GuildFixture) -> None:
    job = await server.watched()
    server.harness.pixverse.cdn.faults.add(_EndsAtALogin(), times=None)
    job.complete()
    outcome = await server.outcome()
    assert outcome.attachments == []
    assert outcome.text.startswith(_NO_VIDEO)


async def test_a_restart_while_a_file_is_waited_for(harness: Harness, server: GuildFixture) -> None:
    job = await _ended_with(server, faults.Status(404))
    cdn = harness.pixverse.cdn
    await harness.pixverse.until(lambda: cdn.asked(job.videos[0].path) >= 2)
    await until(lambda: harness.bot.said("again, not there"))
    await harness.restart()
    assert server.outcomes() == []
    cdn.faults.clear()
    outcome = await server.outcome()
    assert [file.content for file in outcome.attachments] == [job.videos[0].content]


@dataclass
class _Grows:
    """Serves the part of the file that is written so far, as if it were complete."""

    asked: int = 0

    async def play(self, request: web.Request, carry_out: faults.CarryOut) -> web.StreamResponse:
        self.asked += 1
        return await faults.HalfBody(min(self.asked / 5, 1)).play(request, carry_out)


async def test_a_growing_file(server: GuildFixture) -> None:
    job = await _ended_with(server, _Grows())
    outcome = await server.outcome()
    assert outcome.text.startswith(_READY)
    assert [file.content for file in outcome.attachments] == [job.videos[0].content]


_BUDGET = 12 * 1024 * 1024
"""MEDIA_MAX_MB times four for each of MEDIA_PARALLEL."""


async def test_records_with_false_sizes_use_no_more_disk_than_the_budget(
    harness: Harness, server: GuildFixture
) -> None:
    polled = await (await harness.server()).watched()
    jobs = {server.guild.add_text_channel(f"videos-{number}"): server.job() for number in range(16)}
    for channel, job in jobs.items():
        await server.status(job, channel=channel)
    await harness.discord.until(lambda: all(map(server.cards, jobs)), what="the cards")
    hold = Hold()
    posts = harness.discord.faults.add(method="POST", path="/channels/[0-9]+/messages", action=hold, times=None)
    for job in jobs.values():
        job.complete(size=1_000_000)
        job.raw = job.shown | {"attachments": [job.videos[0].attachment() | {"size": 1}]}
    most = 0

    def files() -> list[Path]:
        return list(harness.ledger.path.parent.rglob("*.part"))

    def measured(done: bool) -> bool:
        nonlocal most
        with suppress(FileNotFoundError):  # a file may be deleted meanwhile
            most = max(most, sum(file.stat().st_size for file in files()))
        return done

    try:
        await until(lambda: measured(all(harness.ledger.outcome_states(channel.id) for channel in jobs)))
        await until(lambda: measured(posts.hits >= 12), what="as many posts as there is room for")
        asked = harness.pixverse.asked(polled)
        await until(lambda: measured(harness.pixverse.asked(polled) > asked + 10), what="ten more polls")
        assert most <= _BUDGET
        assert posts.hits == 12
    finally:
        harness.discord.faults.remove(posts)
        hold.release.set()
    await until(lambda: measured(all(map(server.outcomes, jobs))), what="every outcome")
    for channel, job in jobs.items():
        outcome = await server.outcome(channel)
        assert [file.content for file in outcome.attachments] == [job.videos[0].content]
    assert most <= _BUDGET
    await until(lambda: not files(), what="no leftovers")
