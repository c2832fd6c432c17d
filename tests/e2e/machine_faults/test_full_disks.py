"""A full disk: nothing is lost or doubled, the log reports it in one line, and work continues once there is space."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Build
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness
from tests.e2e.machine_faults.disks import BoundOnFiles, Disk, SmallDisk, small_disk
from tests.e2e.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

_VIDEO = 3_000_000
_LEFT = 1_000_000


@pytest.fixture(params=["small disk", "bound on files"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """Must be requested before `build`, so that the bot ends before the disk is unmounted."""
    if request.param == "bound on files":
        yield BoundOnFiles()
        return
    with small_disk(tmp_path / "kept") as mounted:
        yield mounted


async def test_no_space_for_the_database_or_for_a_video(disk: Disk, build: Build) -> None:
    harness = await build()
    await harness.start()
    await _no_room_for_the_database(harness, disk)
    await _no_room_for_a_video(harness, disk)
    if isinstance(disk, SmallDisk):
        await _no_room_at_the_start(harness, disk)
    assert harness.bot.said("Traceback") == []


async def _no_room_for_the_database(harness: Harness, disk: Disk) -> None:
    server = await harness.server()
    job = await server.watched()
    disk.fill(harness.bot)
    job.complete()
    await until(lambda: harness.bot.said(r"ERROR .*(disk is full|disk I/O error)"), what="a line about the disk")
    answer = await server.status(server.job())
    assert answer.text.startswith("**I'm restarting.**")
    assert server.outcomes() == []

    disk.make_room(harness.bot)
    await _posted_once(server)
    await (await _another(server)).outcome()


async def _no_room_for_a_video(harness: Harness, disk: Disk) -> None:
    server = await harness.server()
    job = await server.watched()
    disk.fill(harness.bot, _LEFT)
    job.complete(size=_VIDEO)
    await until(lambda: harness.bot.said(r"ERROR .*(No space left|File too large)"), what="a line about the disk")
    assert server.outcomes() == []

    disk.make_room(harness.bot)
    await _posted_once(server)
    assert server.outcomes()[0].attachments[0].content == job.videos[0].content
    await until(lambda: not list(harness.ledger.path.parent.rglob("*.part")), what="no leftovers")


async def _no_room_at_the_start(harness: Harness, disk: SmallDisk) -> None:
    await harness.stop()
    disk.fill(harness.bot)
    finished = await harness.bot.run()
    disk.make_room(harness.bot)
    assert finished.code == 2
    assert finished.lines[-1].startswith(f"The disk that holds the database {harness.ledger.path} is full.")
    await harness.start()


async def _posted_once(server: GuildFixture) -> None:
    outcome = await server.outcome()
    assert outcome.text.startswith("**Your video is ready.**")
    assert len(outcome.attachments) == 1


async def _another(server: GuildFixture) -> GuildFixture:
    """Checks that an action which was refused before works now."""
    other = await server.harness.server()
    (await other.watched()).complete()
    return other
