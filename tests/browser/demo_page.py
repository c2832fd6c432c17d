"""What a person does at the page, with keys and clicks, and where things are on it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from playwright.async_api import Browser, ConsoleMessage, Error, Locator, Page, ViewportSize, expect

from sandbox.demo_setup import DemoSetup
from sandbox.discord_wire import Channel
from sandbox.panel import Panel
from sandbox.panel.form import Form
from sandbox.pixverse_api.jobs import Job

WIDE = ViewportSize(width=1280, height=800)
PATIENCE_MS = 60_000
"""Long, for a machine on which every core has other tests to run."""
_numbers = count(1)
expect.set_options(timeout=PATIENCE_MS)
_REMEMBER_EXPLANATIONS = """
addEventListener("DOMContentLoaded", () => {
  const scene = document.getElementById("scene");
  if (!scene) return;
  const remember = () => { document.documentElement.dataset.explained += ` ${scene.textContent}`; };
  document.documentElement.dataset.explained = scene.textContent;
  new MutationObserver(remember).observe(scene, { childList: true, characterData: true, subtree: true });
});
"""
"""Some stand for a second only: on a busy machine nobody looks in time."""


class DemoPage:
    """The demo's page in a browser."""

    def __init__(self, panel: Panel, page: Page) -> None:
        self.panel = panel
        self.page = page
        self.chat = page.frame_locator("#chat-frame")
        self.said = page.locator("#said")
        self.complaints: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", self._record_console)
        page.on("pageerror", self._record_error)

    @classmethod
    @asynccontextmanager
    async def at(cls, panel: Panel, browser: Browser) -> AsyncIterator[DemoPage]:
        """Opens the page."""
        context = await browser.new_context(viewport=WIDE, reduced_motion="reduce")
        await context.grant_permissions(["clipboard-read", "clipboard-write"], origin=panel.url)
        await context.add_init_script(_REMEMBER_EXPLANATIONS)
        demo = cls(panel, await context.new_page())
        try:
            await demo.page.goto(panel.url)
            await expect(demo.page.locator("html")).to_have_attribute("data-ready", "true")
            yield demo
        finally:
            await context.close()

    async def begin(self) -> None:
        """Looks at a new channel, as Alice, with everything in order."""
        state = self.panel.state
        state.server, state.person = state.servers[0], state.setup.alice
        state.person.locale = state.setup.guild.preferred_locale = "en-US"
        for name, value in (("api", "on"), ("account", "ok"), ("speed", "1×")):
            await self.panel.controls[name](Form({name: value}))
        state.setup.pixverse.faults.clear()
        state.setup.discord.faults.clear()
        state.setup.guild.upload_limit = 10 * 1024 * 1024
        await self.panel.controls["channel-add"](Form({"name": f"demo-{next(_numbers)}"}))
        await self.is_shown()
        await self.page.locator("html").evaluate("html => { html.dataset.explained = ''; }")
        await self.open_tab("PixVerse")

    async def is_shown(self) -> None:
        """The chat shows the chosen channel, on the page that was opened last: the one before may look the same."""
        shown = self.panel.chat.url
        await expect(self.page.locator("#chat-frame")).to_have_attribute("src", shown)
        frame = await (await self.page.locator("#chat-frame").element_handle()).content_frame()
        assert frame is not None
        await frame.wait_for_url(lambda url: url == shown)
        await expect(self.chat.locator("#channel-name")).to_have_text(self.channel.name)
        await expect(self.chat.locator("#preview-app")).to_have_attribute("aria-busy", "false")

    @property
    def setup(self) -> DemoSetup:
        """What is behind the page."""
        return self.panel.state.setup

    @property
    def channel(self) -> Channel:
        """The chosen channel."""
        return self.panel.state.here()

    def _record_console(self, message: ConsoleMessage) -> None:
        """SimCord's own scripts may say what they like, but what they ask for has to be there.

        Only an asset may be gone: SimCord's page asks for those of the state before while a newer one arrives.
        """
        is_refusal = message.text.startswith("Failed to load resource: the server responded")
        if is_refusal and "/api/assets/" in message.location["url"]:
            return
        if message.type == "error" and (is_refusal or message.location["url"].startswith(self.panel.url)):
            self.complaints.append(f"{message.text} {message.location['url']}")

    def _record_error(self, error: Error) -> None:
        self.complaints.append(str(error))

    # ------------------------------------------------------------------ chat

    def message(self, text: str) -> Locator:
        """The messages in which this is to be read: often two, a card and the answer that only its asker sees."""
        return self.chat.locator(".channel-message").filter(has_text=text)

    def suggestion(self, text: str) -> Locator:
        """What the composer offers."""
        return self.chat.get_by_role("option").filter(has_text=text)

    async def choose_command(self, name: str) -> None:
        """Types a command's name and takes it from the list."""
        await self.chat.get_by_label("Message", exact=True).click()
        await self.page.keyboard.type(f"/{name}")
        await expect(self.suggestion(name).first).to_be_visible()
        await self.page.keyboard.press("Enter")
        await expect(self.chat.locator(".command-chip")).to_have_text(f"/{name}")

    async def command(self, name: str, *values: str) -> None:
        """Types a command with its required options, and sends it."""
        await self.choose_command(name)
        for value in values:
            await self.page.keyboard.insert_text(value)
        await self.page.keyboard.press("Enter")

    async def status(self, job: Job) -> None:
        """`/pixverse status` of this job, which is then watched."""
        await self.command("pixverse status", job.jobid)
        await expect(self.message("Watching.").last).to_be_visible()

    # ----------------------------------------------------------------- panel

    async def open_tab(self, name: str) -> None:
        """Chooses a part of the page."""
        await self.page.get_by_role("tab", name=name).click()

    async def press(self, name: str) -> None:
        """Presses the panel's button with exactly this on it."""
        await self.page.get_by_role("button", name=name, exact=True).click()

    async def choose(self, label: str, option: str) -> None:
        """Chooses in one of the panel's lists."""
        await self.page.get_by_role("combobox", name=label, exact=True).select_option(label=option)

    async def hears(self, sentence: str) -> None:
        """The page says so."""
        await expect(self.said).to_contain_text(sentence)

    async def is_explained(self, sentence: str) -> None:
        """The line under the four scenes says so."""
        await expect(self.page.locator("#scene")).to_contain_text(sentence)

    async def was_explained(self, sentence: str) -> None:
        """The line under the four scenes says so, or has said so since the page was opened."""
        said = re.compile(re.escape(sentence))
        await expect(self.page.locator("html")).to_have_attribute("data-explained", said)

    async def be(self, name: str) -> None:
        """Is somebody else from now on."""
        async with self.page.expect_response("**/do/person"):  # the page may still say so of the last time
            await self.choose("You are", name)
        await self.hears(f"You are {name.partition(',')[0]}.")
        await self.is_shown()

    def row(self, prompt: str) -> Locator:
        """A job in the panel's list."""
        return self.page.locator(".job").filter(has=self.page.locator(".prompt", has_text=prompt))
