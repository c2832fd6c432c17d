"""Every switch of the panel, and what the channel then shows."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from sandbox.pixverse_api import timelines
from sandbox.pixverse_api.jobs import Job
from sandbox.token_form import fill_in_token
from tests.browser.demo_page import WIDE, DemoPage

pytestmark = pytest.mark.asyncio(loop_scope="module")

_MADE_BY_SCRIPT = {
    "job-change", "job-ask", "callback-send", "token-show", "process-kill", "process-stop", "process-start",
}  # fmt: skip


def _job(demo: DemoPage, prompt: str, *steps: timelines.Step) -> Job:
    return demo.setup.pixverse.add_job(demo.setup.account, steps, prompt=prompt)


async def _ask(demo: DemoPage, prompt: str) -> None:
    async with demo.page.expect_response("**/do/job-ask"):
        await demo.row(prompt).get_by_role("button", name="Ask in the chat").click()
    await demo.hears("Alice has asked.")


async def test_every_switch_is_on_the_page(demo: DemoPage) -> None:
    names = await demo.page.evaluate(
        "[...document.querySelectorAll('[data-do], [data-press], select[data-live]')]"
        ".map(node => node.dataset.do ?? node.dataset.press ?? node.dataset.live)"
    )
    assert set(names) | _MADE_BY_SCRIPT == set(demo.panel.controls)


async def test_a_job_is_started_copied_requested_and_sped_up(demo: DemoPage) -> None:
    form = demo.page.locator("form[data-do='job-start']")
    await form.get_by_role("textbox", name="Prompt").fill("Two swans")
    await demo.choose("What", "v1 create")
    await form.get_by_role("spinbutton", name="Seconds").fill("600")
    await form.get_by_role("spinbutton", name="Files (v1)").fill("2")
    await form.get_by_role("checkbox", name="Hold it until someone asks").check()
    await demo.press("Start without watching")
    await demo.hears("when someone asks for it")
    (job,) = [job for job in demo.setup.pixverse.jobs if job.shown["prompt"] == "Two swans"]
    await demo.row("Two swans").get_by_role("button", name="Copy id").click()
    assert await demo.page.evaluate("navigator.clipboard.readText()") == job.jobid
    await _ask(demo, "Two swans")
    await expect(demo.message("Watching.").last).to_be_visible()
    await expect(demo.row("Two swans").locator(".state")).to_contain_text("next: started in")
    for speed in ("20×", "1×", "20×"):
        await demo.choose("Speed", speed)
        await demo.hears(f"at {speed}")
    assert job.coming[-1].at - job.created < 60_000
    job.hurry(1000)
    await expect(demo.message("Your 2 videos are ready.").last).to_be_visible()
    await expect(demo.row("Two swans").locator("strong")).to_have_text("completed")


async def test_a_long_list_of_jobs_is_folded(demo: DemoPage) -> None:
    _job(demo, "Still in work")
    for number in range(6):
        _job(demo, f"One of many, {number}").complete()
    await expect(demo.row("One of many, 5")).to_be_visible()
    await expect(demo.row("One of many, 1")).to_be_hidden()
    await expect(demo.row("Still in work")).to_be_visible()
    await demo.page.get_by_role("button", name="Show all").click()
    await expect(demo.row("One of many, 0")).to_be_visible()
    await demo.press("Hide ended jobs")
    await expect(demo.row("One of many, 1")).to_be_hidden()


async def test_a_job_is_changed_manually(demo: DemoPage) -> None:
    _job(demo, "By hand")
    await _ask(demo, "By hand")
    row = demo.row("By hand")
    await row.locator("summary").click()
    await row.get_by_role("combobox", name="Change to").select_option("failed")
    await row.get_by_role("button", name="Apply").click()
    await demo.hears("The API now says: failed.")
    await expect(demo.message("The job failed.").last).to_be_visible()
    await expect(row.locator(".line li").last).to_contain_text("failed")


async def test_responses_break_and_recover(demo: DemoPage) -> None:
    _job(demo, "Broken answers")
    form = demo.page.locator("form[data-do='api-faults']")
    await form.get_by_role("spinbutton", name="The next").fill("500")
    await form.get_by_role("combobox", name="Fault").select_option("502, a page of HTML")
    await form.get_by_role("button", name="Apply").click()
    await expect(form.locator("#api-faults-left")).to_contain_text("left")
    await expect(demo.page.locator("#api-chip")).to_have_text("PixVerse has problems")
    await _ask(demo, "Broken answers")
    await expect(demo.message("PixVerse's API isn't answering right now.").last).to_be_visible()
    await form.get_by_role("button", name="Clear").click()
    await expect(form.locator("#api-faults-left")).to_have_text("")


async def test_the_api_is_switched_off_and_on(demo: DemoPage) -> None:
    for state, sentence in (("can't be reached", "Nothing listens"), ("responds with 503", "answers 503")):
        _job(demo, state)
        await demo.choose("The API", state)
        await demo.hears(sentence)
        await _ask(demo, state)
        await expect(demo.message("PixVerse's API isn't answering right now.").last).to_be_visible()
    await demo.choose("The API", "responds")
    await demo.hears("The API answers.")
    _job(demo, "At home again")
    await _ask(demo, "At home again")
    await expect(demo.message("Watching.").last).to_be_visible()


async def test_the_token_is_refused_and_changed(demo: DemoPage) -> None:
    _job(demo, "Tokens")
    await demo.choose("The account", "token refused")
    await demo.hears("The API now refuses the account's token.")
    await expect(demo.page.locator("#api-chip")).to_have_text("The token is refused")
    await _ask(demo, "Tokens")
    await expect(demo.message("On hold: useapi.net refuses this server's API token.").first).to_be_visible()
    await demo.choose("The account", "works")
    await demo.hears("The account works.")
    await demo.press("Change the token")
    await demo.hears("Changed")
    try:
        await demo.press("Copy token")
        await demo.hears("Copied: token.")
        assert await demo.page.evaluate("navigator.clipboard.readText()") == demo.setup.account.token
        await demo.press("Copy a different account's token")
        await demo.hears("Copied: a different account's token.")
        assert await demo.page.evaluate("navigator.clipboard.readText()") == demo.panel.state.other_account.token
    finally:
        demo.setup.expect(await fill_in_token(demo.setup), "**Token works.**")
    await _ask(demo, "Tokens")


async def test_callbacks_are_sent(demo: DemoPage) -> None:
    answer = await demo.setup.ada.slash(demo.channel, "pixverse-admin callback")
    _job(demo, "Told at once")
    await _ask(demo, "Told at once")
    row = demo.row("Told at once")
    await row.locator("summary").click()
    await row.get_by_role("button", name="Send its callback").click()
    await demo.hears("There is no address yet")
    await demo.page.get_by_role("textbox", name="replyUrl").fill(answer.text.split("`")[3])
    await demo.page.locator("form[data-do='callback-address'] button").click()
    await demo.hears("send their callbacks there")
    await row.get_by_role("button", name="Send its callback").click()
    await demo.hears("answered with 2")
    await demo.choose("Sent", "every change")
    await demo.hears("every change")
    await expect(demo.page.locator("#callbacks")).to_contain_text("sent; the latest")


async def test_permissions_are_taken_and_given_back(demo: DemoPage) -> None:
    await demo.open_tab("Discord")
    await demo.page.get_by_label("Attach Files").uncheck()
    await demo.hears("the bot lacks: Attach Files.")
    demo.panel.state.play(_job(demo, "No files here"), timelines.completed(0))
    await demo.open_tab("PixVerse")
    await _ask(demo, "No files here")
    await expect(demo.message("can allow Attach Files here").last).to_be_visible()
    await demo.open_tab("Discord")
    await demo.page.get_by_label("Attach Files").check()
    await demo.hears("The bot has every permission here.")


async def test_files_above_the_limit_come_as_links(demo: DemoPage) -> None:
    demo.panel.state.play(_job(demo, "Too large"), timelines.completed(0))
    await demo.open_tab("Discord")
    await demo.choose("Largest file", "10 MiB")
    await demo.hears("up to 10 MiB")
    await demo.choose("Largest file", "50 KiB")
    await demo.hears("up to 50 KiB")
    await demo.open_tab("PixVerse")
    await _ask(demo, "Too large")
    await expect(demo.message("Your video is ready, as a link.").last).to_contain_text("just over this server's limit")


async def test_languages_of_person_and_server(demo: DemoPage) -> None:
    world = demo.setup.discord.world
    root = next(command for command in world.backend.commands[None].values() if command["name"] == "pixverse")
    status = next(option for option in root["options"] if option["name"] == "status")
    status["description_localizations"] = {"ja": "ジョブを表示"}
    await demo.choose("Your language", "日本語 (ja)")
    await demo.hears("Alice uses Discord in 日本語 (ja).")
    await demo.is_shown()
    await demo.chat.get_by_label("Message", exact=True).click()
    await demo.page.keyboard.type("/pixverse status")
    await expect(demo.suggestion("ジョブを表示")).to_be_visible()
    await demo.open_tab("Discord")
    await demo.choose("Language", "Português do Brasil (pt-BR)")
    await demo.hears("The language of Paper Boat Studio is Português do Brasil (pt-BR).")
    assert (demo.setup.alice.locale, demo.setup.guild.preferred_locale) == ("ja", "pt-BR")


async def test_channels_threads_and_servers(demo: DemoPage) -> None:
    await demo.open_tab("Discord")
    side = demo.page.locator("#discord")
    await side.locator("form[data-do='thread-add'] button").click()
    await demo.hears("The thread Scene 2 is there.")
    await demo.is_shown()
    await demo.press("Delete this channel")
    await demo.hears("#Scene 2 is deleted.")
    await side.get_by_role("textbox", name="New channel").fill("kept")
    await side.locator("form[data-do='channel-add'] button").click()
    await demo.hears("#kept is there.")
    await demo.choose("Channel", "#talk")
    await demo.hears("#talk")
    await demo.is_shown()
    await demo.choose("Server", "Kite Club")
    await demo.hears("Showing Kite Club.")
    await demo.is_shown()
    await demo.open_tab("PixVerse")
    _job(demo, "Not set up")
    await _ask(demo, "Not set up")
    await expect(demo.message("This server isn't set up yet").last).to_contain_text(
        "has to run /pixverse-admin token set"
    )


async def test_the_bot_is_removed_and_added_again(demo: DemoPage) -> None:
    await demo.open_tab("Discord")
    await demo.press("Remove the bot")
    await demo.hears("not in Paper Boat Studio any more")
    await expect(demo.page.locator("#chat-note")).to_contain_text("Invite it again")
    await demo.press("Invite it again")
    await demo.hears("is in Paper Boat Studio again")
    await demo.is_shown()


async def test_the_chat_is_reopened(demo: DemoPage) -> None:
    await demo.setup.discord.close_preview()  # as its own button does
    await expect(demo.page.locator("#chat-note")).to_contain_text("The chat is closed.")
    await demo.press("Open the chat")
    await demo.hears("The chat is open.")
    await demo.is_shown()


async def test_the_gateway_breaks_and_comes_back(demo: DemoPage) -> None:
    gateway = demo.setup.discord.gateway
    resumed, identified = gateway.resumed, gateway.identified
    await demo.open_tab("Discord")
    await demo.press("Request reconnect")
    await demo.hears("reconnect")
    await demo.press("Cut")
    await demo.setup.discord.until(lambda: gateway.resumed > resumed)
    await demo.press("Invalidate session")
    await demo.hears("log in again")
    await demo.press("Close")
    await expect(demo.page.locator("#bot-chip")).to_have_text("The gateway is closed")
    await expect(demo.page.get_by_role("button", name="Cut")).to_be_disabled()
    await demo.press("Open")
    await demo.setup.discord.until(lambda: gateway.identified > identified and demo.setup.discord.bot_connected)
    await expect(demo.page.locator("#bot-chip")).to_have_text("The bot is online")


async def test_posts_break_before_and_after_and_nothing_is_duplicated(demo: DemoPage) -> None:
    job = _job(demo, "Broken posts")
    await demo.status(job)
    await demo.open_tab("Discord")
    form = demo.page.locator("form[data-do='post-faults']")
    await form.get_by_role("combobox", name="When").select_option("after")
    await form.get_by_role("combobox", name="Fault").select_option("403, no permission")
    await form.get_by_role("button", name="Apply").click()
    await demo.hears("Discord refuses before it stores")
    await form.get_by_role("combobox", name="Fault").select_option("500")
    for when in ("before Discord stores them", "after Discord stores them"):
        await form.get_by_role("combobox", name="When").select_option(label=when)
        await form.get_by_role("button", name="Apply").click()
        await demo.hears(when.split()[0])
    await expect(form.locator("#post-faults-left")).to_have_text("2 left")
    job.fail("Broken on purpose.")
    await expect(form.locator("#post-faults-left")).to_have_text("")
    await expect(
        demo.message("Failed. Jump to the result").filter(has_text="Broken posts").last
    ).to_be_visible()  # the card, after the outcome
    await expect(demo.message("The job failed.")).to_have_count(1)
    await form.get_by_role("button", name="Clear").click()
    await demo.hears("Posts work again.")


async def test_the_bot_is_killed_and_nothing_is_lost(demo: DemoPage) -> None:
    job = _job(demo, "Survives")
    await demo.status(job)
    await demo.open_tab("Bot")
    await demo.press("Kill (-9)")
    await expect(demo.page.locator("#bot-chip")).to_have_text("The bot isn't running")
    await expect(demo.page.locator("#bot-state")).to_have_text("Ended by signal 9.")
    log = demo.page.locator("#log")
    assert await log.evaluate("log => log.scrollHeight - log.scrollTop - log.clientHeight < 8")
    await demo.command("pixverse list")
    await expect(demo.chat.locator("#trouble")).to_have_text("The bot did not answer.")
    job.fail("Meanwhile.")
    await demo.press("Start")
    await expect(demo.page.locator("#bot-chip")).to_have_text("The bot is online")
    await expect(demo.page.locator("#log")).to_contain_text("jobs are polled")
    await expect(demo.chat.locator("#trouble")).to_be_visible()  # still, whatever was posted meanwhile
    await expect(demo.message("Failed. Jump to the result").filter(has_text="Survives").last).to_be_visible()
    await expect(demo.message("The job failed.")).to_have_count(1)
    await demo.open_tab("Traffic")
    await expect(demo.page.locator("#requests tr").first).to_be_visible()
    text = await demo.page.locator("#traffic").inner_text()
    assert demo.setup.account.token not in text
    assert demo.setup.account.email not in text
    assert demo.setup.discord.bot_token not in text


async def test_one_click_starts_a_job_and_watches_it(demo: DemoPage) -> None:
    await demo.page.locator("form[data-do='job-start']").get_by_role("textbox", name="Prompt").fill("One press")
    await demo.press("Start and watch")
    await demo.hears("Alice has asked.")
    await expect(demo.message("One press").last).to_be_visible()


async def test_a_narrow_screen_shows_the_chat_once_somebody_asks(demo: DemoPage) -> None:
    _job(demo, "Narrow")
    await demo.page.set_viewport_size({"width": 360, "height": 740})
    try:
        await demo.open_tab("PixVerse")
        await _ask(demo, "Narrow")
        await expect(demo.page.get_by_role("tab", name="Chat")).to_have_attribute("aria-selected", "true")
        await expect(demo.message("Narrow").last).to_be_visible()
    finally:
        await demo.page.set_viewport_size(WIDE)


async def test_polling_is_hidden_on_request(demo: DemoPage) -> None:
    job = _job(demo, "Polled")
    await demo.status(job)
    await demo.open_tab("Traffic")
    polls = demo.page.locator("#requests tr", has_text="/pixverse/jobs")
    await expect(polls.first).to_be_visible()
    await demo.page.get_by_label("Hide polling").check()
    await expect(polls.first).to_be_hidden()
    await expect(demo.page.locator("#requests tr:visible").first).to_be_visible()
    await demo.page.get_by_label("Hide polling").uncheck()


async def test_the_message_menu_watches_the_jobs_in_a_message(demo: DemoPage) -> None:
    job = _job(demo, "In a message")
    await demo.chat.get_by_label("Message", exact=True).click()
    await demo.page.keyboard.insert_text(f"DemoPage at {job.jobid}")
    await demo.page.keyboard.press("Enter")
    asked = demo.message("DemoPage at").last
    await asked.hover()
    await asked.get_by_role("button", name="Apps: Watch PixVerse jobs").click()
    await expect(demo.message("In a message").filter(has_text="Watching 1 job").last).to_be_visible()


async def test_what_can_be_tried(demo: DemoPage) -> None:
    demo.panel.state.speed = 4.0  # slow enough for a busy machine to see each sentence
    await demo.page.get_by_role("button", name="Watch a job").click()
    await demo.was_explained("Watch the card")
    await demo.is_shown()
    await expect(demo.message("A lighthouse in the evening rain").first).to_be_visible()
    await demo.is_explained("Done: the result was posted")
    await demo.page.get_by_role("button", name="Deny file uploads").click()
    await demo.was_explained("The video comes as a link")
    await demo.is_shown()
    await expect(demo.message("Your video is ready, as a link.").last).to_be_visible()
    await demo.is_explained("In Discord the link plays as a video.")


async def test_another_server_ends_the_explanation(demo: DemoPage) -> None:
    await demo.page.get_by_role("button", name="Ask without a token").click()
    await demo.is_explained("Alice is told what is missing.")
    await demo.be("Ada, admin")
    await demo.is_explained("Alice is told what is missing.")
    await demo.choose("Server", demo.setup.guild.name)
    await demo.is_explained("Press one of the four.")
    await expect(demo.page.locator("#scene-token")).to_be_hidden()


async def test_a_server_without_a_token_is_set_up_as_the_page_says(demo: DemoPage) -> None:
    demo.panel.state.speed = 20.0
    without_token = demo.page.get_by_role("button", name="Ask without a token")
    await without_token.click()
    await demo.is_explained("Alice is told what is missing.")
    await demo.is_shown()
    await expect(demo.message("This server isn't set up yet").last).to_be_visible()
    await demo.be("Ada, admin")
    await demo.press("Copy the token")
    await demo.hears("Copied")
    await without_token.click()
    await demo.message("has no API token yet").get_by_role("button", name="/pixverse-admin token set").click()
    await expect(demo.chat.get_by_label("Message", exact=True)).to_have_value("/pixverse-admin token set")
    await expect(demo.suggestion("pixverse-admin token set").first).to_be_visible()
    await demo.page.keyboard.press("Enter")
    await demo.page.keyboard.press("Enter")
    form = demo.chat.get_by_role("dialog", name="PixVerse API token")
    await expect(form.get_by_label("API token from useapi.net")).to_be_focused()
    await demo.page.keyboard.press("Control+V")
    await form.get_by_role("button", name="Submit").click()
    await expect(demo.message("Token works.").last).to_be_visible()
    await without_token.click()
    await demo.is_explained("Kite Club has its token now")
    await expect(demo.message("Your video is ready.").last).to_be_visible()


async def test_the_bot_is_killed_midway_and_the_result_comes_once(demo: DemoPage) -> None:
    demo.panel.state.speed = 4.0
    dead = demo.page.locator("#bot-is-dead")
    await expect(dead).to_be_hidden()
    await demo.page.get_by_role("button", name="Kill the bot midway").click()
    await demo.was_explained("the bot is killed")
    await demo.page.get_by_role("button", name="Kill the bot midway").click()
    await demo.hears("Kill the bot midway isn't over yet.")
    await demo.page.get_by_role("button", name="Deny file uploads").click()
    await demo.hears("Kill the bot midway isn't over yet.")
    await demo.was_explained("Killed. The job ends while the bot is dead")
    await expect(dead).to_be_visible()
    await demo.is_explained("Done: the job ended while the bot was dead, and its result was posted once.")
    await expect(dead).to_be_hidden()
    await demo.is_shown()
    outcome = demo.message("Your video is ready.").filter(has_text="Fireflies over a midnight pond")
    await expect(outcome).to_have_count(1)


async def test_nothing_scrolls_sideways_on_a_phone(demo: DemoPage) -> None:
    _job(demo, "Pocket").complete()
    await demo.page.set_viewport_size({"width": 360, "height": 740})
    try:
        await demo.open_tab("PixVerse")
        await demo.press("Start and watch")
        await expect(demo.page.get_by_role("tab", name="Chat")).to_have_attribute("aria-selected", "true")
        await expect(demo.message("Watching.").last).to_be_visible()
        await demo.choose_command("pixverse status")
        send = await demo.chat.get_by_role("button", name="Send", exact=True).bounding_box()
        assert send is not None
        assert send["x"] + send["width"] <= 360
        for _ in range(20):
            await demo.page.keyboard.press("Shift+Tab")
        assert await demo.chat.locator("#preview-stage").evaluate("stage => stage.scrollLeft") == 0
        assert not await demo.page.evaluate(
            "document.documentElement.scrollHeight > innerHeight || document.documentElement.scrollWidth > innerWidth"
        )
    finally:
        await demo.page.set_viewport_size(WIDE)


async def test_a_tall_result_shows_its_top_and_leaves_the_focus_in_the_box(demo: DemoPage) -> None:
    await demo.page.set_viewport_size({"width": 1280, "height": 520})
    try:
        job = _job(demo, "Tall")
        job.complete()
        await demo.choose_command("pixverse status")
        await demo.suggestion("Tall").wait_for(state="hidden")  # nobody has asked for it here: nothing is offered
        await demo.page.keyboard.insert_text(job.jobid)
        await demo.page.keyboard.press("Enter")
        await expect(demo.message("Your video is ready.")).to_have_count(1)
        await expect(demo.message("Your video is ready.").get_by_text("Your video is ready.")).to_be_in_viewport()
        await expect(demo.chat.get_by_label("Message", exact=True)).to_be_focused()
        await demo.choose_command("pixverse status")
        await expect(demo.suggestion("Tall").first).to_be_visible()  # before a letter is typed
    finally:
        await demo.page.set_viewport_size(WIDE)
