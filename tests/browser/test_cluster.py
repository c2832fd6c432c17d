"""`make demo ARGS=--cluster`: processes are killed, stopped and added on the page, and the chat goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from sandbox.panel import Panel
from sandbox.stage import open_stage
from sandbox.token_form import fill_in_token
from tests.browser.look import Look

pytestmark = pytest.mark.asyncio(loop_scope="module")

_POLL_SECONDS = 0.2


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def panel(chromium: str) -> AsyncIterator[Panel]:
    """A page with three processes behind it."""
    async with open_stage(_POLL_SECONDS, cluster=True) as stage, Panel.open(stage) as opened:
        await stage.wait_for_bot()
        stage.expect(await fill_in_token(stage), "**Token works.**")
        yield opened


def _process(look: Look, name: str) -> Locator:
    return look.page.locator(".process").filter(has=look.page.get_by_text(f"Process {name}", exact=True))


async def test_a_process_is_killed_one_is_added_and_one_is_stopped(look: Look) -> None:
    stage = look.stage
    await look.open_tab("Bot")
    await expect(look.page.locator(".process")).to_have_count(3)
    await expect(look.page.get_by_role("button", name="Restart", exact=True)).to_be_hidden()

    dead = stage.serving(stage.guild)
    assert dead is not None
    await expect(_process(look, dead)).to_contain_text("serves this server")
    job = stage.pixverse.add_job(stage.account, prompt="Midway")
    await look.status(job)
    await _process(look, dead).get_by_role("button", name="Kill (-9)").click()
    await look.hears(f"Killed process {dead}.")
    job.complete()
    await expect(_process(look, dead)).to_contain_text("Holds nothing.")
    await expect(look.page.locator("#bot-chip")).to_contain_text("without a process")
    await expect(look.message("Your video is ready.").last).to_be_visible()
    heir = stage.serving(stage.guild)
    assert heir not in (None, dead)
    await expect(_process(look, str(heir))).to_contain_text("serves this server")
    results = [message for message in look.channel.messages(of_bot=True) if job.jobid in message.text]
    assert len(results) == 1

    await look.press("Add a process")
    await look.hears("Added process 4.")
    await expect(_process(look, "4")).to_contain_text("Shard")
    await stage.discord.until(lambda: stage.shards_of("4") != [], what="a shard for the new process")

    await _process(look, str(heir)).get_by_role("button", name="Stop").click()
    await look.hears("was told to stop")
    await expect(_process(look, str(heir))).to_contain_text("stopped")
    assert stage.shards_away == 0
    await look.status(stage.pixverse.add_job(stage.account, prompt="Afterwards"))


async def test_the_log_of_each_process_is_shown(look: Look) -> None:
    await look.open_tab("Bot")
    names = [name for name, process in look.stage.processes.items() if process.running]
    for name in names:
        await look.page.get_by_label("of process").select_option(name)
        await look.hears(f"Showing the log of process {name}.")
    await expect(look.page.locator("#log")).to_contain_text("works with the database")
