"""`python -m sandbox.pictures`: the README's pictures, taken from the running page."""

from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path

from PIL import Image
from playwright.async_api import FloatRect, FrameLocator, Locator, Page

from sandbox.bot_process import BotFailure
from sandbox.chromium import MISSING, find_chromium, run_chromium
from sandbox.demo_setup import DemoSetup, open_setup
from sandbox.panel import Panel
from sandbox.panel.form import Form
from sandbox.pixverse_api.jobs import Job
from sandbox.token_form import fill_in_token

_FOLDER = Path(__file__).resolve().parents[1] / "docs" / "pictures"
_POLL_SECONDS = 0.5
_PATIENCE_MS = 60_000
_SHARP = 2
"""Points of a picture for each point of the page."""
_WIDEST = 690
"""Points of the page; the README shows as many, so that a word is as large there as here."""
_FRAME_MS = 200
_FILM_SIZE = (760, 560)
_LAST_FRAME_MS = 2500


async def take_pictures(chromium: str, folder: Path) -> None:
    """Plays the scenes and takes the pictures.

    Raises:
        BotFailure: the bot does not do what it should.
    """
    folder.mkdir(parents=True, exist_ok=True)
    async with open_setup(_POLL_SECONDS) as setup, Panel.open(setup) as panel, run_chromium(chromium) as browser:
        await setup.wait_for_bot()
        setup.expect(await fill_in_token(setup), "**Token works.**")
        await panel.state.show()
        page = await browser.new_page(viewport={"width": 1280, "height": 860}, device_scale_factor=_SHARP)
        page.set_default_timeout(_PATIENCE_MS)
        await page.goto(panel.url)
        photographer = _Photographer(panel, page, folder)
        await photographer.work()
        await page.set_viewport_size({"width": 1208, "height": 860})
        await _film(panel, page, folder / "demo.webp")
        await page.set_viewport_size({"width": 1120, "height": 1250})
        await photographer.show_languages()


async def _film(panel: Panel, page: Page, target: Path) -> None:
    """Films the chat while somebody asks for a job and its video arrives."""
    setup = panel.state.setup
    await panel.controls["person"](Form({"person": str(setup.alice.id)}))
    await _go_to_new_channel(panel, page, "lighthouses")
    job = setup.pixverse.add_job(setup.account, prompt="A lighthouse in the evening rain")
    chat = page.frame_locator("#chat-frame")
    await chat.get_by_label("Message", exact=True).click()
    box = await page.locator("#chat-frame").bounding_box()
    if box is None:
        raise BotFailure("The chat is not on the page.", setup.bot.last_log_lines)
    width, height = _FILM_SIZE
    height = min(height, int(box["height"]))
    film = _Film(page, FloatRect(x=box["x"], y=box["y"] + box["height"] - height, width=width, height=height))
    await page.keyboard.type("/pixverse st")
    await film.roll(4)
    await page.keyboard.press("Enter")
    await page.keyboard.insert_text(job.jobid)
    await film.roll(4)
    await page.keyboard.press("Enter")
    await film.roll(10)
    for percent in (15, 46, 93):
        job.set("progress", percent)
        await film.until(chat.locator(".channel-message").filter(has_text=f"In progress: {percent}%."))
    job.complete()
    await film.until(chat.locator("video[poster]"))
    await film.roll(8)
    film.save(target)
    print(f"{target.name}: {target.stat().st_size} bytes")


async def _go_to_new_channel(panel: Panel, page: Page, name: str) -> None:
    await panel.controls["channel-add"](Form({"name": name}))
    await page.wait_for_function("url => document.querySelector('iframe').src === url", arg=panel.chat.url)


class _Film:
    """Frames of one part of the page, a fifth of a second each; long still parts are shortened."""

    _LONGEST_STILL = 8

    def __init__(self, page: Page, part: FloatRect) -> None:
        self._page = page
        self._part = part
        self._frames: list[Image.Image] = []
        self._still = 0

    async def roll(self, frames: int) -> None:
        """Takes this many frames."""
        for _ in range(frames):
            await self._take()

    async def until(self, what: Locator) -> None:
        """Takes frames until this is visible, and a few more."""
        async with asyncio.timeout(_PATIENCE_MS / 1000):
            while not await what.first.is_visible():
                await self._take()
        await self.roll(4)

    async def _take(self) -> None:
        shot = await self._page.screenshot(clip=self._part, animations="disabled", scale="css")
        frame = Image.open(io.BytesIO(shot)).convert("RGB")
        self._still = self._still + 1 if self._frames and frame == self._frames[-1] else 0
        if self._still < self._LONGEST_STILL:
            self._frames.append(frame)
        await asyncio.sleep(_FRAME_MS / 1000)

    def save(self, target: Path) -> None:
        """Writes an animated WebP that loops after a pause."""
        first, *others = self._frames
        times = [_FRAME_MS] * len(others) + [_LAST_FRAME_MS]
        first.save(target, save_all=True, append_images=others, duration=times, loop=0, quality=82, method=4)


class _Photographer:
    """Takes one picture after the other."""

    def __init__(self, panel: Panel, page: Page, folder: Path) -> None:
        self._panel = panel
        self._setup: DemoSetup = panel.state.setup
        self._page = page
        self._chat: FrameLocator = page.frame_locator("#chat-frame")
        self._folder = folder

    async def work(self) -> None:
        boat = self._job("A paper boat sails down a gutter in the rain")
        boat.set("progress", 46)
        await self._ask(boat)
        await self._take("card", self._message("In progress: 46%."))
        boat.complete()
        await self._video()
        await self._take("outcome", self._message("Your video is ready."))
        self._job("The same boat in a storm").set("progress", 15)
        await self._page.get_by_role("strong").filter(has_text="progress, 15%").wait_for()
        await self._page.screenshot(path=self._folder / "panel.png")
        print("panel.png")

    async def show_languages(self) -> None:
        """A Japanese member watches a job in a Brazilian server: the reply, the card and the video."""
        for switch, language in (("person", "日本語 (ja)"), ("server", "Português do Brasil (pt-BR)")):
            await self._panel.controls[f"{switch}-language"](Form({"language": language}))
        await _go_to_new_channel(self._panel, self._page, "vídeos")
        job = self._job("Um barquinho de papel na chuva")
        await self._setup.alice.slash(self._panel.state.here(), "pixverse status", jobid=job.jobid)
        job.complete()
        await self._video()
        said = self._chat.locator(".channel-message")
        first, last = await said.first.bounding_box(), await said.last.bounding_box()
        if first is None or last is None:
            raise BotFailure("The languages are not on the page.", self._setup.bot.last_log_lines)
        part = FloatRect(
            x=first["x"],
            y=first["y"],
            width=min(_WIDEST, first["width"]),
            height=last["y"] + last["height"] - first["y"],
        )
        shot = await self._page.screenshot(clip=part, animations="disabled")
        target = self._folder / "languages.webp"
        Image.open(io.BytesIO(shot)).convert("RGB").save(target, quality=80, method=6)
        print(f"{target.name}: {target.stat().st_size} bytes")

    def _job(self, prompt: str) -> Job:
        return self._setup.pixverse.add_job(self._setup.account, prompt=prompt)

    async def _ask(self, job: Job) -> None:
        answer = await self._setup.alice.slash(self._setup.channel, "pixverse status", jobid=job.jobid)
        self._setup.expect(answer, "**Watching.**")

    async def _video(self) -> None:
        """Waits until its first picture is shown."""
        video = self._chat.locator("video[poster]")
        await video.evaluate("video => new Promise(done => video.readyState > 1 ? done() : video.onloadeddata = done)")

    def _message(self, words: str) -> Locator:
        return self._chat.locator(".channel-message").filter(has_text=words).last

    async def _take(self, name: str, what: Locator) -> None:
        await what.wait_for()
        box = await what.bounding_box()
        if box is None:
            raise BotFailure(f"{name} is not on the page.", self._setup.bot.last_log_lines)
        part = FloatRect(x=box["x"], y=box["y"], width=min(_WIDEST, box["width"]), height=box["height"])
        await self._page.screenshot(path=self._folder / f"{name}.png", clip=part, animations="disabled")
        print(f"{name}.png")


def main() -> int:
    """Returns the exit code."""
    chromium = find_chromium()
    if chromium is None:
        print(MISSING, file=sys.stderr)
        return 1
    try:
        asyncio.run(take_pictures(chromium, _FOLDER))
    except BotFailure as problem:
        print(problem, *problem.last_log_lines, sep="\n  ", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
