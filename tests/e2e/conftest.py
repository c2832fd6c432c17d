"""One event loop for each module, in which its sandboxes live: every module marks its tests so."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.forking import ForkServer
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.process import NO_CERTIFICATES, copy_program
from tests.e2e.stage import Stage

_LAST_LINES = 40


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows with every failure what the bot said last."""
    report = yield
    stages = [value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Stage)]
    if report.failed and stages:
        report.sections.append(("The bot's last lines", "\n".join(stages[0].bot.lines[-_LAST_LINES:])))
    return report


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the bot."""
    return copy_program(tmp_path_factory.mktemp("program") / "bot")


@pytest.fixture(scope="session")
def fork_server(program: Path) -> Generator[ForkServer | None]:
    """Forks the bots, but those that a test starts in earnest (`forked=False`)."""
    if sys.platform != "linux":
        yield None
        return
    with closing(ForkServer(program, NO_CERTIFICATES)) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(
    program: Path, fork_server: ForkServer | None, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    """The stage of a module whose tests share one bot."""
    shared = await Stage.build(program, tmp_path_factory.mktemp("stage"), {}, fork_server)
    try:
        await shared.start()
        yield shared
    finally:
        await shared.close()


@pytest.fixture(params=["v1", "v2"])
def generation(request: pytest.FixtureRequest, stage: Stage) -> Generator[str]:
    """The generation of the PixVerse API whose jobs the test plays with; a module whose tests hold for both uses it."""
    stage.generation = str(request.param)
    yield stage.generation
    stage.generation = "v1"
    stage.pixverse.v2.records_of_running = False


@pytest_asyncio.fixture(loop_scope="module")
async def server(stage: Stage) -> GuildFixture:
    """A server of the test's own on the shared stage, set up; the bot runs, whatever a test before has done to it."""
    if not stage.bot.running:
        await stage.start()
    return await stage.server()


@pytest_asyncio.fixture(loop_scope="module")
async def servers(stage: Stage) -> list[GuildFixture]:
    """A server for the jobs of each generation of the API, so that a restart or a kill is played once for both."""
    if not stage.bot.running:
        await stage.start()
    return [await stage.server(generation) for generation in ("v1", "v2")]


Build = Callable[..., Awaitable[Stage]]


@pytest_asyncio.fixture(loop_scope="module")
async def build(program: Path, fork_server: ForkServer | None, tmp_path: Path) -> AsyncIterator[Build]:
    """Makes a stage of the test's own, with settings as keywords; the bot is not started."""
    async with AsyncExitStack() as stack:

        async def make(**settings: str) -> Stage:
            own = await Stage.build(program, tmp_path, settings, fork_server)
            stack.push_async_callback(own.close)
            return own

        yield make


@pytest_asyncio.fixture(loop_scope="module")
async def own_stage(build: Build) -> Stage:
    """A stage of the test's own with the bot started, for tests that stop or kill it."""
    own = await build()
    await own.start()
    return own
