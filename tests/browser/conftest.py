"""A browser before the sandbox's page, and the real bot behind it: one of each for the tests of a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from sandbox.chromium import MISSING, find_chromium, run_chromium
from sandbox.demo_setup import open_setup
from sandbox.panel import Panel
from sandbox.token_form import fill_in_token
from tests.browser.demo_page import DemoPage

_POLL_SECONDS = 0.2


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows with every failure what the bot said last, and what everybody sees in the channel."""
    report = yield
    demo = getattr(item, "funcargs", {}).get("demo")
    if report.failed and isinstance(demo, DemoPage):
        report.sections.append(("The bot's last lines", "\n".join(demo.setup.bot.last_log_lines)))
        texts = [message.text for message in demo.channel.messages()] if demo.panel.chat.open else []
        report.sections.append(("The channel", "\n".join(texts)))
    return report


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where the browser is."""
    found = find_chromium()
    if found is None:
        pytest.skip(MISSING)
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def panel(chromium: str) -> AsyncIterator[Panel]:
    """A page whose server has its token, with the chat open."""
    async with open_setup(_POLL_SECONDS) as setup, Panel.open(setup) as opened:
        await setup.wait_for_bot()
        setup.expect(await fill_in_token(setup), "**Token works.**")
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    async with run_chromium(chromium) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(panel: Panel, browser: Browser) -> AsyncIterator[DemoPage]:
    """The page, once for all tests of a file: it has to bear that anyway."""
    async with DemoPage.at(panel, browser) as looking:
        yield looking


@pytest_asyncio.fixture(loop_scope="module")
async def demo(opened: DemoPage) -> AsyncIterator[DemoPage]:
    """Somebody at the page, in a channel of the test's own, as Alice. No part of our page may have complained."""
    await opened.begin()
    opened.complaints.clear()
    yield opened
    assert opened.complaints == []
