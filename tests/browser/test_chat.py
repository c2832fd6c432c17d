"""The main path as a person does it, typed, clicked and read in the browser; on a narrow screen and with keys alone."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Route, expect

from sandbox.panel.choices import FAILURE, REFUSAL
from sandbox.pixverse_api import timelines
from tests.browser.demo_page import WIDE, DemoPage

HOSTILE = (
    '<img src=x onerror="alert(1)"><script>alert(2)</script><h1>big</h1> @everyone @here <@&1> **bold** *slanted* '
    "[a name](https://evil.example) https://evil.example \u202e " + "very long " * 300
)

_NAMELESS = """[...document.querySelectorAll('button, input, select, iframe, [role=region]')].filter(node =>
    node.type !== 'hidden' && !node.labels?.length && !node.getAttribute('aria-label') && !node.title
    && !node.textContent.trim()).map(node => node.outerHTML)"""
_TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_job_is_requested_and_its_video_plays(demo: DemoPage) -> None:
    job = demo.setup.pixverse.add_job(demo.setup.account, prompt="A boat for Alice")
    job.set("progress", 46)  # at once: a fresh card is edited after ten seconds
    await demo.status(job)
    await expect(demo.message("In progress: 46%.").last).to_contain_text("A boat for Alice")
    job.complete()
    outcome = demo.message("Your video is ready.").last
    await expect(outcome).to_contain_text("@Alice")
    await expect(demo.message("Done.")).to_have_count(1)
    video = outcome.locator("video")
    await expect(video).to_have_attribute("src", re.compile("^blob:"))  # SimCord makes WebM of it first
    await video.evaluate("video => new Promise(done => video.readyState ? done() : video.onloadedmetadata = done)")
    assert await video.evaluate("video => video.duration") == pytest.approx(3, abs=0.1)
    await outcome.get_by_role("button", name="Details").click()
    await expect(demo.message("Only you can see this").filter(has_text="Style: Realistic").last).to_be_visible()


async def test_failed_jobs_say_why(demo: DemoPage) -> None:
    pixverse, account = demo.setup.pixverse, demo.setup.account
    storm = pixverse.add_video(account, timelines.failed(0, *FAILURE), prompt="A storm", model="v5")
    pirates = pixverse.add_job(account, timelines.moderated(0, *REFUSAL), prompt="Pirates")
    await demo.command("pixverse status", storm.jobid)
    await expect(demo.message("The job failed.").last).to_contain_text(FAILURE[0])
    await demo.command("pixverse status", pirates.jobid)
    refused = demo.message("Refused by PixVerse's content rules.").last
    await expect(refused).to_contain_text(REFUSAL[0])
    await expect(refused.locator(".markdown-spoiler")).to_have_count(1)


async def test_jobs_are_offered_by_their_prompts(demo: DemoPage) -> None:
    job = demo.setup.pixverse.add_job(demo.setup.account, prompt="Seventeen herons")
    await demo.status(job)
    await demo.choose_command("pixverse unwatch")
    await demo.page.keyboard.type("heron")
    await demo.suggestion("Seventeen herons").click()
    # Not Enter: where the list comes once more, late, that chooses from it again.
    await demo.chat.get_by_role("button", name="Send", exact=True).click()
    await expect(demo.message("Stopped watching.").first).to_be_visible()


async def test_enter_sends_a_whole_id_even_if_it_is_suggested(demo: DemoPage) -> None:
    job = demo.setup.pixverse.add_job(demo.setup.account, prompt="A whole id")
    await demo.choose_command("pixverse status")
    await demo.page.keyboard.insert_text(job.jobid)
    await expect(demo.suggestion(job.jobid)).to_be_visible()
    await demo.page.keyboard.press("Enter")
    await expect(demo.message("Watching.").last).to_be_visible()


async def test_a_command_sent_while_choices_load_is_not_lost(demo: DemoPage) -> None:
    asked, goes_on = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        if "autocomplete_command" in (route.request.post_data or ""):
            asked.set()
            await goes_on.wait()
        await route.continue_()

    job = demo.setup.pixverse.add_job(demo.setup.account, prompt="Typed fast")
    await demo.page.route("**/api/action*", hold)
    try:
        await demo.choose_command("pixverse status")
        await asyncio.wait_for(asked.wait(), 10)
        await demo.page.keyboard.insert_text(job.jobid)
        await demo.page.keyboard.press("Enter")
        goes_on.set()
        await expect(demo.message("Watching.").last).to_be_visible()
    finally:
        goes_on.set()
        await demo.page.unroute("**/api/action*")


async def test_enter_accepts_the_highlighted_choice(demo: DemoPage) -> None:
    pixverse, account = demo.setup.pixverse, demo.setup.account
    jobs = [pixverse.add_job(account, prompt=f"Gone to, {number}") for number in range(2)]
    answer = await demo.setup.alice.slash(demo.channel, "pixverse watch", jobids=" ".join(job.jobid for job in jobs))
    assert answer.text.startswith("**Watching 2 jobs.**")
    await demo.choose_command("pixverse unwatch")
    await demo.page.keyboard.type("gone")
    await expect(demo.suggestion("Gone to")).to_have_count(2)
    await demo.page.keyboard.press("ArrowDown")
    second = await demo.chat.locator("[role=option]").nth(1).get_attribute("data-value")
    await demo.page.keyboard.press("Enter")
    await expect(demo.chat.get_by_label("jobid")).to_have_value(second or "")
    await demo.page.keyboard.press("Enter")
    await expect(demo.message("Stopped watching.").first).to_be_visible()


@pytest.mark.parametrize("hand", ["mouse", "keys"])
async def test_enter_sends_a_chosen_channel(demo: DemoPage, hand: str) -> None:
    await demo.be("Ada, admin")
    await demo.choose_command("pixverse-admin alerts")
    await demo.page.keyboard.type(demo.channel.name)
    await expect(demo.chat.get_by_role("option")).to_have_text([f"#{demo.channel.name}"])
    if hand == "mouse":
        await demo.suggestion(demo.channel.name).click()
    else:
        await demo.page.keyboard.press("Enter")
    chosen = demo.chat.get_by_role("button", name=f"channel: #{demo.channel.name}; edit")
    await expect(chosen).to_be_focused()
    job = demo.setup.pixverse.add_job(demo.setup.account, prompt="Meanwhile")
    await demo.setup.alice.slash(demo.channel, "pixverse status", jobid=job.jobid)
    await expect(demo.message("Meanwhile").first).to_be_visible()
    await expect(chosen).to_be_focused()
    await demo.page.keyboard.press("Enter")
    await expect(demo.message(f"Alerts go to #{demo.channel.name}.").last).to_be_visible()


@pytest.mark.parametrize("hand", ["mouse", "keys"])
async def test_enter_sends_a_chosen_yes_or_no(demo: DemoPage, hand: str) -> None:
    job = demo.setup.pixverse.add_job(demo.setup.account, prompt="Without a ping")
    await demo.choose_command("pixverse status")
    await demo.page.keyboard.insert_text(job.jobid)
    await expect(demo.suggestion(job.jobid)).to_be_visible()
    await demo.chat.get_by_role("button", name="+3 more").click()
    await demo.suggestion("mention").click()
    no = demo.suggestion("False")
    if hand == "mouse":
        await no.click()
    else:
        await demo.page.keyboard.press("ArrowDown")
        await expect(no).to_have_attribute("aria-selected", "true")
        await demo.page.keyboard.press("Enter")
    await expect(demo.chat.get_by_label("mention", exact=True)).to_have_value("False")
    await expect(demo.chat.get_by_label("mention", exact=True)).to_be_focused()
    await demo.page.keyboard.press("Enter")
    await expect(demo.message("I'll post the result here.").last).to_be_visible()


async def test_an_admin_sets_the_token_in_a_form_that_members_do_not_have(demo: DemoPage) -> None:
    await demo.chat.get_by_label("Message", exact=True).click()
    await demo.page.keyboard.type("/pixverse")
    await expect(demo.suggestion("pixverse status").first).to_be_visible()
    await expect(demo.suggestion("pixverse-admin")).to_have_count(0)
    await demo.be("Ada, admin")
    await demo.command("pixverse-admin token set")
    form = demo.chat.get_by_role("dialog", name="PixVerse API token")
    await form.get_by_label("API token from useapi.net").fill(demo.setup.account.token)
    await form.get_by_role("button", name="Submit").click()
    await expect(demo.message("Token works.").last).to_be_visible()


async def test_a_reply_for_one_person_is_not_shown_to_another(demo: DemoPage) -> None:
    job = demo.setup.pixverse.add_job(demo.setup.account, prompt="For Alice's eyes")
    await demo.status(job)
    await demo.be("Ben")
    await expect(demo.message("For Alice's eyes")).to_have_count(1)  # the card
    await expect(demo.message("Watching.")).to_have_count(0)
    await demo.be("Alice")
    await expect(demo.message("Watching.")).to_have_count(1)


async def test_buttons_work_after_a_restart(demo: DemoPage) -> None:
    job = demo.setup.pixverse.add_job(demo.setup.account, prompt="Pressed later")
    await demo.status(job)
    card = demo.message("Waiting to start.").last
    await expect(card).to_be_visible()
    await demo.open_tab("Bot")
    await demo.press("Restart")
    await expect(demo.page.locator("#bot-state")).to_contain_text("2 times")
    await expect(demo.page.locator("#bot-chip")).to_have_text("The bot is online")
    await card.get_by_role("button", name="Stop watching").click()
    await expect(demo.message("Stopped watching").filter(has_text="@").last).to_be_visible()


async def test_the_person_who_asks_sees_the_reply_however_far_up_they_scrolled(demo: DemoPage) -> None:
    for _ in range(8):
        await demo.setup.alice.slash(demo.channel, "pixverse list")
    await expect(demo.message("Nothing is being watched here.")).to_have_count(8)
    await _scroll_up(demo)
    await demo.command("pixverse unwatch", "nonsense")
    await expect(demo.message("That isn't a job id.").last).to_be_in_viewport()
    await _scroll_up(demo)
    await demo.open_tab("Discord")
    await demo.press("Watch the jobs in the newest message")
    await expect(demo.message("There is no PixVerse job id in that message.").last).to_be_in_viewport()


async def _scroll_up(demo: DemoPage) -> None:
    await demo.message("Nothing is being watched here.").last.hover()
    await demo.page.mouse.wheel(0, -5000)
    await expect(demo.message("Nothing is being watched here.").first).to_be_in_viewport()
    await expect(demo.message("Nothing is being watched here.").last).not_to_be_in_viewport()


async def test_hostile_words_are_shown_as_text(demo: DemoPage) -> None:
    job = demo.setup.pixverse.add_job(demo.setup.account, timelines.failed(0, HOSTILE), prompt=HOSTILE)
    await demo.command("pixverse status", job.jobid)
    outcome = demo.message("The job failed.").last
    await expect(outcome).to_contain_text('<img src=x onerror="alert(1)"><script>alert(2)</script>')
    content = outcome.locator(".message-content")
    for not_text in ("img", "script", "h1", "em", "a", ".mention:not(:text('@Alice'))"):
        await expect(content.locator(not_text)).to_have_count(0)
    await expect(content.locator("strong")).to_have_text(["The job failed."])
    row = demo.row("<script>alert(2)</script>")
    await expect(row.locator(".prompt")).to_have_text(HOSTILE.strip())
    assert await row.locator(".prompt").evaluate("node => node.childElementCount") == 0
    assert await demo.page.evaluate("document.documentElement.scrollWidth") <= 1280


async def test_the_keyboard_alone_is_enough(demo: DemoPage) -> None:
    keys = demo.page.keyboard
    job = demo.setup.pixverse.add_job(demo.setup.account, prompt="By keys alone")
    await demo.page.get_by_role("link", name="Skip to the switches").focus()
    await keys.press("Enter")
    reached = ""
    for _ in range(14):
        await keys.press("Tab")
        reached = await demo.page.evaluate("document.activeElement.textContent.trim()")
        if reached == "Start without watching":
            break
    assert reached == "Start without watching"
    before = len(demo.setup.pixverse.jobs)
    await keys.press("Enter")
    await demo.hears("Started.")
    assert len(demo.setup.pixverse.jobs) == before + 1
    await demo.page.get_by_role("link", name="Skip to the message box").focus()
    await keys.press("Enter")
    await expect(demo.chat.get_by_label("Message", exact=True)).to_be_focused()
    await keys.type("/pixverse status")
    await expect(demo.suggestion("pixverse status").first).to_be_visible()
    await keys.press("Enter")
    await keys.type(job.jobid)
    await keys.press("Enter")
    await expect(demo.message("Watching.").last).to_be_visible()


async def test_the_focus_returns_to_the_message_box_once_the_buttons_are_gone(demo: DemoPage) -> None:
    await demo.command("pixverse forget-me")
    await demo.chat.get_by_role("button", name="Keep my data").press("Enter")
    await expect(demo.message("Kept.").last).to_be_visible()
    await expect(demo.chat.get_by_role("button", name="Keep my data")).to_have_count(0)
    await expect(demo.chat.get_by_label("Message", exact=True)).to_be_focused()


async def test_on_a_narrow_screen_each_part_fills_it(demo: DemoPage) -> None:
    demo.setup.pixverse.add_video(demo.setup.account, prompt="W" * 300)
    await demo.page.set_viewport_size({"width": 360, "height": 740})
    try:
        for part in ("Chat", "PixVerse", "Discord", "Traffic", "Bot"):
            await demo.open_tab(part)
            await expect(demo.page.locator(f"#{part.lower()}")).to_be_visible()
            await expect(demo.page.locator("main > section.chosen, .side > section.chosen")).to_have_count(1)
            assert not await demo.page.evaluate(_TOO_WIDE), part
        await demo.open_tab("Chat")
        await expect(demo.chat.get_by_label("Message", exact=True)).to_be_visible()
    finally:
        await demo.page.set_viewport_size(WIDE)
    await expect(demo.page.get_by_role("tab", name="PixVerse")).to_have_attribute("aria-selected", "true")


async def test_arrow_keys_move_between_tabs(demo: DemoPage) -> None:
    await demo.page.get_by_role("tab", name="PixVerse").focus()
    for key, name in (("ArrowRight", "Discord"), ("End", "Bot"), ("ArrowRight", "PixVerse"), ("ArrowLeft", "Bot")):
        await demo.page.keyboard.press(key)
        await expect(demo.page.get_by_role("tab", name=name)).to_be_focused()
        await expect(demo.page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
        await expect(demo.page.locator(f"#{name.lower()}")).to_be_visible()


async def test_everything_has_an_accessible_name(demo: DemoPage) -> None:
    demo.setup.pixverse.add_job(demo.setup.account, prompt="With a name")
    await expect(demo.row("With a name")).to_be_visible()
    assert await demo.page.evaluate(_NAMELESS) == []
