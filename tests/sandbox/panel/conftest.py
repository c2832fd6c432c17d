"""A stage whose bot is never started."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sandbox.stage import Stage, empty_stage


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with empty_stage(1.0) as made:
        yield made
