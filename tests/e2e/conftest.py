"""Fixtures for end-to-end tests. Each module marks its tests to share one event loop, in which its sandboxes run."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.forking import ForkServer
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness
from tests.e2e.process import NO_CERTIFICATES, copy_program

_LAST_LINES = 40


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds the bot's last log lines to every failure."""
    report = yield
    harnesses = [value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Harness)]
    if report.failed and harnesses:
        report.sections.append(("The bot's last lines", "\n".join(harnesses[0].bot.lines[-_LAST_LINES:])))
    return report


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the bot."""
    return copy_program(tmp_path_factory.mktemp("program") / "bot")


@pytest.fixture(scope="session")
def fork_server(program: Path) -> Generator[ForkServer | None]:
    """Forks the bots, except those that a test starts with `forked=False`."""
    if sys.platform != "linux":
        yield None
        return
    with closing(ForkServer(program, NO_CERTIFICATES)) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def harness(
    program: Path, fork_server: ForkServer | None, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Harness]:
    """The harness of a module whose tests share one bot."""
    shared = await Harness.build(program, tmp_path_factory.mktemp("harness"), {}, fork_server)
    try:
        await shared.start()
        yield shared
    finally:
        await shared.close()


@pytest.fixture(params=["v1", "v2"])
def generation(request: pytest.FixtureRequest, harness: Harness) -> Generator[str]:
    """The generation of the API whose jobs the test uses. Modules whose tests hold for both generations use it."""
    harness.generation = str(request.param)
    yield harness.generation
    harness.generation = "v1"
    harness.pixverse.v2.records_of_running = False


@pytest_asyncio.fixture(loop_scope="module")
async def server(harness: Harness) -> GuildFixture:
    """The test's own server on the shared harness, set up. The bot is started if an earlier test stopped it."""
    if not harness.bot.running:
        await harness.start()
    return await harness.server()


@pytest_asyncio.fixture(loop_scope="module")
async def servers(harness: Harness) -> list[GuildFixture]:
    """One server for each generation of the API, so that one restart or kill tests both."""
    if not harness.bot.running:
        await harness.start()
    return [await harness.server(generation) for generation in ("v1", "v2")]


Build = Callable[..., Awaitable[Harness]]


@pytest_asyncio.fixture(loop_scope="module")
async def build(program: Path, fork_server: ForkServer | None, tmp_path: Path) -> AsyncIterator[Build]:
    """Builds the test's own harness, with settings as keywords. The bot is not started."""
    async with AsyncExitStack() as stack:

        async def make(**settings: str) -> Harness:
            own = await Harness.build(program, tmp_path, settings, fork_server)
            stack.push_async_callback(own.close)
            return own

        yield make


@pytest_asyncio.fixture(loop_scope="module")
async def own_harness(build: Build) -> Harness:
    """The test's own harness with a running bot, for tests that stop or kill it."""
    own = await build()
    await own.start()
    return own
