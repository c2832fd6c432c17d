from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.e2e.cluster.crowd import Crowd
from tests.e2e.forking import ForkServer


@pytest_asyncio.fixture(loop_scope="module")
async def crowd(program: Path, fork_server: ForkServer | None, tmp_path: Path) -> AsyncIterator[Crowd]:
    """The test's own Discord and PixVerse, without a bot."""
    made = await Crowd.build(program, tmp_path, fork_server)
    try:
        yield made
    finally:
        await made.close()
