"""`make demo ARGS=--cluster`: processes are killed, stopped and added on the page, and the chat goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from sandbox.demo_setup import open_setup
from sandbox.panel import Panel
from sandbox.token_form import fill_in_token
from tests.browser.demo_page import DemoPage

pytestmark = pytest.mark.asyncio(loop_scope="module")

_POLL_SECONDS = 0.2


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def panel(chromium: str) -> AsyncIterator[Panel]:
    """A page with three processes behind it."""
    async with open_setup(_POLL_SECONDS, cluster=True) as setup, Panel.open(setup) as opened:
        await setup.wait_for_bot()
        setup.expect(await fill_in_token(setup), "**Token works.**")
        yield opened


def _process(demo: DemoPage, name: str) -> Locator:
    return demo.page.locator(".process").filter(has=demo.page.get_by_text(f"Process {name}", exact=True))


async def test_a_process_is_killed_one_is_added_and_one_is_stopped(demo: DemoPage) -> None:
    setup = demo.setup
    await demo.open_tab("Bot")
    await expect(demo.page.locator(".process")).to_have_count(3)
    await expect(demo.page.get_by_role("button", name="Restart", exact=True)).to_be_hidden()

    dead = setup.serving(setup.guild)
    assert dead is not None
    await expect(_process(demo, dead)).to_contain_text("serves this server")
    job = setup.pixverse.add_job(setup.account, prompt="Midway")
    await demo.status(job)
    await _process(demo, dead).get_by_role("button", name="Kill (-9)").click()
    await demo.hears(f"Killed process {dead}.")
    job.complete()
    await expect(_process(demo, dead)).to_contain_text("Holds nothing.")
    await expect(demo.page.locator("#bot-chip")).to_contain_text("without a process")
    await expect(demo.message("Your video is ready.").last).to_be_visible()
    heir = setup.serving(setup.guild)
    assert heir not in (None, dead)
    await expect(_process(demo, str(heir))).to_contain_text("serves this server")
    results = [message for message in demo.channel.messages(of_bot=True) if job.jobid in message.text]
    assert len(results) == 1

    await demo.press("Add a process")
    await demo.hears("Added process 4.")
    await expect(_process(demo, "4")).to_contain_text("Shard")
    await setup.discord.until(lambda: setup.shards_of("4") != [], what="a shard for the new process")

    await _process(demo, str(heir)).get_by_role("button", name="Stop").click()
    await demo.hears("was told to stop")
    await expect(_process(demo, str(heir))).to_contain_text("stopped")
    assert setup.shards_away == 0
    await demo.status(setup.pixverse.add_job(setup.account, prompt="Afterwards"))


async def test_the_log_of_each_process_is_shown(demo: DemoPage) -> None:
    await demo.open_tab("Bot")
    names = [name for name, process in demo.setup.processes.items() if process.running]
    for name in names:
        await demo.page.get_by_label("of process").select_option(name)
        await demo.hears(f"Showing the log of process {name}.")
    await expect(demo.page.locator("#log")).to_contain_text("works with the database")
