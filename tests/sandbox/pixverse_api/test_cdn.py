from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from sandbox.pixverse_api import faults, timelines
from sandbox.pixverse_api.jobs import Job
from sandbox.pixverse_api.videos import File
from tests.sandbox.pixverse_api.conftest import ApiFixture

GONE = (404, "text/plain", b"This content is no longer available.")


async def fetch(world: ApiFixture, url: str) -> tuple[int, str, bytes]:
    async with world.http.get(url) as answer:
        return answer.status, answer.content_type, await answer.read()


def done(world: ApiFixture, **how: int) -> Job:
    job = world.api.add_job(world.account)
    job.complete(**how)
    return job


async def test_attachments_lead_to_their_bytes_in_order(world: ApiFixture) -> None:
    job = world.api.add_job(world.account, timelines.completed(30, videos=4, size=100_000))
    world.clock.forward(31)
    attachments = (await world.job(job.jobid))["attachments"]
    assert isinstance(attachments, list)
    bodies = [await fetch(world, attachment["url"]) for attachment in attachments]
    assert bodies == [(200, "video/mp4", stored.content) for stored in job.videos]
    assert len({body for _, _, body in bodies}) == 4
    assert {attachment["size"] for attachment in attachments} == {100_000}
    keys = {"id", "content_type", "filename", "url", "proxy_url", "size", "width", "height"}
    assert all(attachment.keys() == keys for attachment in attachments)


async def test_links_have_discord_s_form_and_last_a_day(world: ApiFixture) -> None:
    (stored,) = done(world).videos
    parts = urlsplit(stored.url)
    query = parse_qs(parts.query)
    assert parts.query.endswith("&")
    assert parts.path.split("/")[1] == "attachments"
    assert int(query["ex"][0], 16) - int(query["is"][0], 16) == 86_400
    assert len(bytes.fromhex(query["hm"][0])) == 32
    world.clock.forward(86_390)
    assert (await fetch(world, stored.url))[0] == 200
    world.clock.forward(10)
    assert await fetch(world, stored.url) == GONE


async def test_altered_links_are_dead(world: ApiFixture) -> None:
    (stored,) = done(world).videos
    bare = stored.url.partition("?")[0]
    longer = stored.url.replace("ex=", "ex=f")
    for url in (bare, longer, stored.url.replace("out.mp4", "in.mp4"), f"{bare}?ex=zz&is=1&hm=ü"):
        assert await fetch(world, url) == GONE


async def test_an_expired_link_and_a_custom_file(world: ApiFixture) -> None:
    job = world.api.add_job(world.account, timelines.expired_link(30))
    job.follow(world.clock() + 31_000)
    assert await fetch(world, job.videos[0].url) == GONE
    job = world.api.add_job(world.account)
    job.complete([File(b"<p>", "page.html", "text/html")])
    assert await fetch(world, job.videos[0].url) == (200, "text/html", b"<p>")


async def test_refusals_and_other_types(world: ApiFixture) -> None:
    (stored,) = done(world).videos
    world.api.cdn.faults.add(faults.Status(403, "no", content_type="text/plain"), path=stored.path)
    assert await fetch(world, stored.url) == (403, "text/plain", b"no")
    world.api.cdn.faults.add(faults.OtherType("text/html"))
    assert await fetch(world, stored.url) == (200, "text/html", stored.content)
    world.api.cdn.faults.add(faults.Dripping(0, piece=20_000))
    assert await fetch(world, stored.url) == (200, "video/mp4", stored.content)
    world.api.cdn.off()
    assert (await fetch(world, stored.url))[0] == 503
    world.api.cdn.on()
    assert world.api.cdn.asked(stored.path) == 4
    assert world.api.requests == []


async def test_fewer_and_more_bytes_than_announced(world: ApiFixture) -> None:
    (stored,) = done(world).videos
    world.api.cdn.faults.add(faults.Truncated(0.9))
    with pytest.raises(aiohttp.ClientPayloadError):
        await fetch(world, stored.url)
    world.api.cdn.faults.add(faults.Endless())
    async with world.http.get(stored.url) as answer:
        assert answer.content_length is None
        assert len(await answer.content.readexactly(3 * len(stored.content))) == 3 * len(stored.content)
    await world.api.cdn.stop()


async def test_redirects(world: ApiFixture) -> None:
    (stored,) = done(world).videos
    world.api.cdn.faults.add(faults.Redirect("http://10.0.0.1/x", 307))
    async with world.http.get(stored.url, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (307, "http://10.0.0.1/x")
    world.api.cdn.faults.add(faults.RedirectChain(3), times=None)
    assert await fetch(world, stored.url) == (200, "video/mp4", stored.content)
    assert len(world.api.cdn.requests) == 5
    world.api.cdn.faults.clear()
    world.api.cdn.faults.add(faults.RedirectChain(100), times=None)
    with pytest.raises(aiohttp.TooManyRedirects):
        await fetch(world, stored.url)
