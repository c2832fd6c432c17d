"""A demo whose bot is never started."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sandbox.demo_setup import DemoSetup, empty_setup


@pytest.fixture
async def setup() -> AsyncIterator[DemoSetup]:
    async with empty_setup(1.0) as made:
        yield made
