"""What people read in the browser, in languages that only the tests have.

A program made them from every text of the bot, and they are put into the copy of the bot that runs here. In the pseudo-
language each word has accents, so that a word without them is one that nobody can translate.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import expect

from sandbox.demo_setup import DemoSetup, empty_setup
from sandbox.discord_wire import Answer, Member, Message
from sandbox.panel import Panel
from sandbox.panel.form import Form
from sandbox.pixverse_api import timelines
from sandbox.pixverse_api.jobs import Job
from sandbox.token_form import fill_in_token
from tests.browser.demo_page import PATIENCE_MS, DemoPage
from tests.languages import ARABIC, install, mirrored, translated
from tests.pseudo_language import PSEUDO, english, pseudo
from ui import language as languages

pytestmark = pytest.mark.asyncio(loop_scope="module")

_OF_THE_PAGE = """header, time, code, .mention, .message-interaction-header, .message-ephemeral-note,
.message-gutter-time, .message-edited-compact, .message-reply, .message-context-actions, .message-loading,
.media-player, .attachment-media-actions"""
"""What SimCord itself writes around a message, and what is the same in every language."""
_SAID = """(list, [ids, ofThePage]) => [...list.querySelectorAll(".channel-message")]
  .filter(message => ids.includes(message.dataset.messageId))
  .map(message => {
    const copy = message.cloneNode(true);
    for (const node of copy.querySelectorAll(ofThePage)) node.remove();
    const words = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
    const said = [];
    while (words.nextNode()) said.push(words.currentNode.data);
    return said.join("\\n");
  })"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def panel(chromium: str) -> AsyncIterator[Panel]:
    """A page of a bot that speaks both languages."""
    async with empty_setup(0.2) as setup:
        for code, translate in ((PSEUDO, pseudo), (ARABIC, mirrored)):
            install(setup.folder / "bot", code, translated(code, translate))
        await setup.bot.start()
        try:
            async with Panel.open(setup) as opened:
                await setup.wait_for_bot()
                setup.expect(await fill_in_token(setup), "**Token works.**")
                yield opened
        finally:
            await setup.bot.stop()


class Walk:
    """Goes from screen to screen, and keeps what was said in English there."""

    def __init__(self, demo: DemoPage) -> None:
        self.demo = demo
        self.setup: DemoSetup = demo.setup
        self._english: set[str] = set()

    def note(self, text: str) -> None:
        """Something was said."""
        if words := english(text):
            self._english.add(f"{' '.join(words)}   IN   {' '.join(text.split())}")

    def is_over(self) -> None:
        """No word was in English."""
        if self._english:
            pytest.fail("\n".join(["in English:", *sorted(self._english)]), pytrace=False)

    async def read(self) -> None:
        """Reads everything that the bot has said in the channel to the person who looks at the page."""
        person = self.demo.panel.state.person
        said = [str(message.id) for message in self.demo.channel.messages(of_bot=True, seen_by=person)]
        shown = self.demo.chat.locator("#channel-message-list")
        await expect(shown.locator(f"[data-message-id='{said[-1]}']")).to_have_count(1)
        for text in await shown.evaluate(_SAID, [said, _OF_THE_PAGE]):
            self.note(text)

    async def ask(self, person: Member, name: str, **options: Any) -> Answer:
        """Uses a command in the channel that the page shows."""
        return await person.slash(self.demo.channel, name, **options)

    def job(self, timeline: timelines.Timeline = ()) -> Job:
        """A job whose own words are of no language that is looked for."""
        return self.setup.pixverse.add_job(self.setup.account, timeline, prompt="Лодка", style="Живо")

    async def ended(self, timeline: timelines.Timeline) -> Message:
        """Watches a job that ends so; returns its outcome."""
        before = len(self.outcomes())
        await self.ask(self.setup.alice, "pixverse status", jobid=self.job(timeline).jobid)
        return await self.next_outcome(before)

    async def next_outcome(self, before: int) -> Message:
        """Waits for one more post that is no card than there were."""
        await self.until(lambda: len(self.outcomes()) > before, "an outcome or a notice")
        return self.outcomes()[-1]

    def posts(self) -> list[Message]:
        """What the bot has posted for everybody."""
        return self.demo.channel.messages(of_bot=True)

    def outcomes(self) -> list[Message]:
        """Posts that are no cards."""
        return [message for message in self.posts() if not message.components_v2]

    async def until(self, condition: Callable[[], object], what: str) -> None:
        """Waits as long as a busy machine may need."""
        await self.setup.discord.until(condition, PATIENCE_MS / 1000, what)

    async def posted(self, count: int) -> None:
        """Waits for so many posts."""
        await self.until(lambda: len(self.posts()) >= count, f"{count} posts")


@pytest_asyncio.fixture(loop_scope="module")
async def walk(demo: DemoPage) -> Walk:
    """Somebody who begins to walk in a channel of their own, in the pseudo-language."""
    await _speak(demo, PSEUDO)
    return Walk(demo)


async def _speak(demo: DemoPage, language: str) -> None:
    setup = demo.setup
    setup.guild.preferred_locale = language
    for person in (setup.alice, setup.ben, setup.ada):
        person.locale = language
    await demo.panel.state.show()
    await demo.is_shown()


def _texts(item: Mapping[str, Any]) -> Iterator[str]:
    """What a client shows of a command while one is typed, but names of commands and options."""
    yield item.get("description", item["name"])
    for key in ("options", "choices"):
        for part in item.get(key) or []:
            yield from _texts(part)


async def test_no_english_is_left_in_the_commands(walk: Walk) -> None:
    demo, setup = walk.demo, walk.setup
    await demo.be("Ada, admin")
    await demo.chat.get_by_label("Message", exact=True).click()
    await demo.page.keyboard.type("/pixverse")
    await expect(demo.suggestion("pixverse status").first).to_be_visible()
    for offered in await demo.chat.get_by_role("option").all_inner_texts():
        walk.note(offered.replace("optional", "").removesuffix("PixVerse Relay"))
    endonyms = {PSEUDO, ARABIC, *languages.LANGUAGES.values()}
    for command in setup.discord.world.backend.visible_commands(user_id=setup.ada.id, channel_id=demo.channel.id):
        for text in _texts(command):
            if text not in endonyms:
                walk.note(text)
    walk.is_over()


async def test_no_english_is_left_where_members_look(walk: Walk) -> None:
    demo, alice, ben = walk.demo, walk.setup.alice, walk.setup.ben
    await walk.ask(alice, "pixverse list")
    kept = await walk.ask(alice, "pixverse forget-me")
    await walk.read()
    await alice.click(kept, kept.labels[1])
    boat = walk.job()
    await demo.command("pixverse status", boat.jobid)
    await walk.posted(1)
    await walk.read()
    boat.set("progress", 46)
    await walk.until(lambda: "46" in walk.posts()[0].text, "an edit of the card")
    await alice.click(walk.posts()[0], walk.posts()[0].labels[0])
    await walk.ask(ben, "pixverse status", jobid=boat.jobid)
    await walk.ask(alice, "pixverse status", jobid=boat.jobid)
    await walk.ask(alice, "pixverse status", jobid=walk.job().jobid, private=True)
    await walk.ask(alice, "pixverse list")
    for name, _ in await alice.autocomplete(demo.channel, "pixverse unwatch", option="jobid", typed=""):
        walk.note(name)
    await walk.ask(alice, "pixverse unwatch", jobid=boat.jobid)
    await walk.read()
    boat.complete()
    await walk.posted(2)
    await alice.click(walk.posts()[-1], walk.posts()[-1].labels[0])
    await walk.ask(alice, "pixverse status", jobid=boat.jobid)
    await walk.read()
    for answered in ("none", "user:1234-abcdefghijklmnop", walk.job().jobid.replace("user:", "user:9")):
        await walk.ask(alice, "pixverse status", jobid=answered)
    await alice.message_menu(walk.posts()[0], "Watch PixVerse jobs")
    await walk.read()
    walk.is_over()


async def test_no_english_is_left_in_outcomes(walk: Walk) -> None:
    reason = ("Не удалось.", "Нет ответа.")
    for timeline in (
        timelines.failed(0, *reason),
        timelines.failed(0, "", None),
        timelines.moderated(0, *reason),
        timelines.cancelled(0),
        timelines.no_attachments(0),
        timelines.expired_link(0),
    ):
        outcome = await walk.ended(timeline)
        await walk.setup.alice.click(outcome, outcome.labels[0])
        await walk.read()
    walk.demo.channel.deny_bot(attach_files=True)
    await walk.ended(timelines.completed(0))
    await walk.read()
    walk.is_over()


async def test_no_english_is_left_in_a_batch(walk: Walk) -> None:
    alice, jobs = walk.setup.alice, [walk.job() for _ in range(3)]
    answer = await walk.ask(alice, "pixverse watch", jobids=" ".join(["none", *(job.jobid for job in jobs)]))
    assert answer.text
    await walk.posted(1)
    await walk.read()
    jobs[0].complete(2)
    jobs[1].fail("Не удалось.", None)
    await walk.posted(3)
    await alice.click(walk.posts()[0], walk.posts()[0].labels[0])
    await walk.read()
    walk.is_over()


async def test_no_english_is_left_where_admins_look(walk: Walk) -> None:
    demo, ada = walk.demo, walk.setup.ada
    await demo.be("Ada, admin")
    await walk.ended(timelines.completed(0))
    await walk.ask(ada, "pixverse-admin check")
    await walk.ask(ada, "pixverse-admin deliveries")
    await walk.ask(ada, "pixverse-admin alerts", channel=demo.channel)
    await walk.ask(ada, "pixverse-admin callback")
    await walk.ask(ada, "pixverse-admin language", language=PSEUDO)
    await walk.ask(ada, "pixverse-admin language", language="server")
    await walk.read()
    asked = await walk.ask(ada, "pixverse-admin follow", channel=demo.channel)
    await walk.read()
    await ada.click(asked, asked.labels[0])
    await walk.ask(ada, "pixverse-admin check")
    walk.job(timelines.completed(0))
    ((name, value),) = await ada.autocomplete(demo.channel, "pixverse-admin unfollow", option="channel", typed="")
    walk.note(name.replace(demo.channel.name, ""))
    await walk.read()
    await walk.ask(ada, "pixverse-admin unfollow", channel=value)
    kept = await walk.ask(ada, "pixverse-admin token remove")
    await walk.read()
    await ada.click(kept, kept.labels[1])
    await demo.command("pixverse-admin token set")
    form = demo.chat.get_by_role("dialog")
    field = form.get_by_role("textbox")
    await expect(field).to_be_visible()
    for text in await form.locator(".modal-title, .control-label, .field-description").all_inner_texts():
        walk.note(text)
    walk.note(str(await field.get_attribute("placeholder")))
    await field.fill("user:1234-nothing")
    await field.press("Enter")
    await walk.read()
    walk.is_over()


async def test_no_english_is_left_in_errors(walk: Walk) -> None:
    demo, setup = walk.demo, walk.setup
    await demo.be("Ada, admin")
    await walk.ask(setup.ada, "pixverse-admin alerts", channel=demo.channel)
    waiting = walk.job()
    await walk.ask(setup.alice, "pixverse status", jobid=waiting.jobid)
    for standing in ("refused", "ok", "unpaid", "ok"):
        before = len(walk.outcomes())
        await demo.panel.controls["account"](Form({"account": standing}))
        await walk.ask(setup.ada, "pixverse-admin check")
        await walk.next_outcome(before)
        await walk.ask(setup.ada, "pixverse status", jobid=waiting.jobid)
        await walk.read()
    closed = setup.guild.add_text_channel("closed")
    await setup.alice.slash(closed, "pixverse status", jobid=waiting.jobid)
    closed.deny_bot(send_messages=True)
    before = len(walk.outcomes())
    waiting.complete()
    await walk.next_outcome(before)
    await walk.until(lambda: len(walk.outcomes()) == before + 2, "an outcome here, a notice of the other")
    await walk.ask(setup.ada, "pixverse-admin deliveries")
    await walk.ask(setup.ada, "pixverse-admin check")
    await walk.read()
    walk.is_over()


async def test_nothing_breaks_from_right_to_left(demo: DemoPage) -> None:
    await _speak(demo, ARABIC)
    setup, shown = demo.setup, demo.chat.locator("#channel-message-list")
    prompt = "**boat** <@1> [name](https://evil.example) \u202e `code`"
    job = setup.pixverse.add_job(setup.account, prompt=prompt)
    await demo.command("pixverse status", job.jobid)
    answer = shown.locator(".channel-message").filter(has_text="Only you can see this").last
    await expect(answer.locator("strong").filter(has_text=mirrored("Watching"))).to_have_count(1)
    await answer.get_by_role("link").click(trial=True)
    card = shown.locator(".component-container")
    await expect(card.locator("blockquote")).to_contain_text("**boat** <@1> [name](https://evil.example)")
    await expect(card.get_by_role("button")).to_have_count(2)
    await card.get_by_role("button").first.click()
    await expect(shown.locator(".message-ephemeral-note")).to_have_count(2)
    job.complete(2)
    details = demo.chat.get_by_role("button", name=mirrored("Details"), exact=True)
    await expect(details).to_be_visible()
    outcome = shown.locator(".channel-message").filter(has=details)
    await expect(outcome.locator(".mention")).to_have_text("@Alice")
    await expect(outcome.locator("blockquote")).to_contain_text(prompt.replace("\u202e", "").split(" [")[0])
    await expect(outcome).to_contain_text(re.compile(rf"completed · #\d+ · {job.jobid}"))
    await expect(card.get_by_role("link")).to_have_attribute("href", re.compile(r"^https://discord\.com/channels/"))
    await details.click()
    await expect(shown.locator(".message-ephemeral-note")).to_have_count(3)
    for text in await shown.locator(".message-content, .message-components").all_inner_texts():
        assert not re.search(r"<t:|</|\{|\}|\]\(http(?!s://evil)", text), text
    await demo.be("Ada, admin")
    await demo.command("pixverse-admin token set")
    form = demo.chat.get_by_role("dialog")
    await form.get_by_role("textbox").fill(setup.account.token)
    await form.get_by_role("button", name="Submit").click()
    await expect(shown.locator("strong").filter(has_text=mirrored("Token works"))).to_be_visible()


def _said_in(language: str, text: str) -> str:
    """The text as it is shown: translated (this test would show nothing otherwise), without its markup."""
    with languages.in_language(language):
        translation = languages._(text)
    assert translation != text, f"{language} has no translation of {text!r}"
    return translation.replace("**", "")


async def test_a_japanese_member_in_a_brazilian_server(demo: DemoPage) -> None:
    await demo.choose("Your language", "日本語 (ja)")
    await demo.open_tab("Discord")
    await demo.choose("Language", "Português do Brasil (pt-BR)")
    await demo.hears("The language of Paper Boat Studio is Português do Brasil (pt-BR).")
    await demo.is_shown()
    await demo.choose_command("pixverse status")
    job = demo.setup.pixverse.add_job(demo.setup.account, prompt="Um barquinho")
    await demo.page.keyboard.insert_text(job.jobid)
    await demo.page.keyboard.press("Enter")
    await expect(demo.message(_said_in("ja", "**Watching.** I'll post the result here and ping you."))).to_have_count(1)
    await expect(demo.message(_said_in("pt-BR", "Waiting to start")).filter(has_text="Um barquinho")).to_have_count(1)
    job.complete()
    outcome = demo.message(_said_in("pt-BR", "Your video is ready."))
    await expect(outcome).to_contain_text("@Alice")
    await outcome.get_by_role("button", name=_said_in("pt-BR", "Details")).click()
    details = demo.message("pixverse-create_single").filter(has_text=_said_in("ja", "Done"))
    await expect(details).to_contain_text("Only you can see this")
