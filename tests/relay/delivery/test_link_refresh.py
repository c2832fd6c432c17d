"""Fresh links for a job that has ended."""

from __future__ import annotations

from model.job import JobState, Media
from pixverse.api_errors import Unavailable
from relay.delivery.link_refresh import LinkRefresher
from tests.relay.relay_fixture import GUILD, OTHER_ACCOUNT, RelayFixture

DEAD, FRESH = (Media("https://cdn.example/1.mp4?ex=1"),), (Media("https://cdn.example/1.mp4?ex=ffffffff"),)


def _refresher(world: RelayFixture) -> LinkRefresher:
    return LinkRefresher(world.database.reader, world.fetcher, world.accounts.in_force)


async def _ended_by_the_poller(world: RelayFixture) -> int:
    number = await world.watch("job-1")
    world.api.put("job-1", JobState.COMPLETED, media=DEAD)
    world.run()
    while not await world.outcomes():
        await world.advance(1)
    await world.stop()
    return number


async def test_the_response_that_reported_the_end_is_not_reused(world: RelayFixture) -> None:
    number = await _ended_by_the_poller(world)
    asked = len(world.api.asked)
    job = world.api.put("job-1", JobState.COMPLETED, media=FRESH)
    assert await _refresher(world).refresh(number, GUILD) == job
    assert len(world.api.asked) == asked + 1


async def test_a_response_fetched_by_a_command_is_not_reused_either(world: RelayFixture) -> None:
    world.api.put("job-1", JobState.COMPLETED, media=DEAD)
    number = await world.watch("job-1")
    job = world.api.put("job-1", JobState.COMPLETED, media=FRESH)
    assert await _refresher(world).refresh(number, GUILD) == job


async def test_one_refresh_serves_every_channel(world: RelayFixture) -> None:
    number = await _ended_by_the_poller(world)
    job = world.api.put("job-1", JobState.COMPLETED, media=FRESH)
    asked = len(world.api.asked)
    assert [await _refresher(world).refresh(number, GUILD) for _ in range(5)] == [job] * 5
    assert len(world.api.asked) == asked + 1


async def test_an_unresponsive_api_gives_no_links(world: RelayFixture) -> None:
    number = await _ended_by_the_poller(world)
    world.api.everywhere = Unavailable("503")
    assert await _refresher(world).refresh(number, GUILD) is None
    assert await _refresher(world).refresh(number + 1, GUILD) is None


async def test_a_job_of_another_token_is_not_requested(world: RelayFixture) -> None:
    """The server has replaced its token; another server may still use the old one."""
    number = await _ended_by_the_poller(world)
    asked = len(world.api.asked)
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    assert await _refresher(world).refresh(number, GUILD) is None
    assert len(world.api.asked) == asked
