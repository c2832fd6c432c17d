"""Every switch of the panel, and what the channel then shows."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from sandbox.pixverse_api import timelines
from sandbox.pixverse_api.jobs import Job
from sandbox.token_form import fill_in_token
from tests.browser.look import WIDE, Look

pytestmark = pytest.mark.asyncio(loop_scope="module")

_MADE_BY_SCRIPT = {
    "job-change", "job-ask", "callback-send", "token-show", "process-kill", "process-stop", "process-start",
}  # fmt: skip


def _job(look: Look, prompt: str, *steps: timelines.Step) -> Job:
    return look.stage.pixverse.add_job(look.stage.account, steps, prompt=prompt)


async def _ask(look: Look, prompt: str) -> None:
    async with look.page.expect_response("**/do/job-ask"):
        await look.row(prompt).get_by_role("button", name="Ask in the chat").click()
    await look.hears("Alice has asked.")


async def test_every_switch_is_on_the_page(look: Look) -> None:
    names = await look.page.evaluate(
        "[...document.querySelectorAll('[data-do], [data-press], select[data-live]')]"
        ".map(node => node.dataset.do ?? node.dataset.press ?? node.dataset.live)"
    )
    assert set(names) | _MADE_BY_SCRIPT == set(look.panel.controls)


async def test_a_job_is_started_copied_asked_for_and_sped_up(look: Look) -> None:
    form = look.page.locator("form[data-do='job-start']")
    await form.get_by_role("textbox", name="Prompt").fill("Two swans")
    await look.choose("What", "v1 create")
    await form.get_by_role("spinbutton", name="Seconds").fill("600")
    await form.get_by_role("spinbutton", name="Files (v1)").fill("2")
    await form.get_by_role("checkbox", name="Hold it until someone asks").check()
    await look.press("Start without watching")
    await look.hears("when someone asks for it")
    (job,) = [job for job in look.stage.pixverse.jobs if job.shown["prompt"] == "Two swans"]
    await look.row("Two swans").get_by_role("button", name="Copy id").click()
    assert await look.page.evaluate("navigator.clipboard.readText()") == job.jobid
    await _ask(look, "Two swans")
    await expect(look.message("Watching.").last).to_be_visible()
    await expect(look.row("Two swans").locator(".state")).to_contain_text("next: started in")
    for speed in ("20×", "1×", "20×"):
        await look.choose("Speed", speed)
        await look.hears(f"at {speed}")
    assert job.coming[-1].at - job.created < 60_000
    job.hurry(1000)
    await expect(look.message("Your 2 videos are ready.").last).to_be_visible()
    await expect(look.row("Two swans").locator("strong")).to_have_text("completed")


async def test_a_long_list_of_jobs_is_folded(look: Look) -> None:
    _job(look, "Still in work")
    for number in range(6):
        _job(look, f"One of many, {number}").complete()
    await expect(look.row("One of many, 5")).to_be_visible()
    await expect(look.row("One of many, 1")).to_be_hidden()
    await expect(look.row("Still in work")).to_be_visible()
    await look.page.get_by_role("button", name="Show all").click()
    await expect(look.row("One of many, 0")).to_be_visible()
    await look.press("Hide ended jobs")
    await expect(look.row("One of many, 1")).to_be_hidden()


async def test_a_job_is_changed_by_hand(look: Look) -> None:
    _job(look, "By hand")
    await _ask(look, "By hand")
    row = look.row("By hand")
    await row.locator("summary").click()
    await row.get_by_role("combobox", name="Change to").select_option("failed")
    await row.get_by_role("button", name="Apply").click()
    await look.hears("The API now says: failed.")
    await expect(look.message("The job failed.").last).to_be_visible()
    await expect(row.locator(".line li").last).to_contain_text("failed")


async def test_answers_break_and_are_mended(look: Look) -> None:
    _job(look, "Broken answers")
    form = look.page.locator("form[data-do='api-faults']")
    await form.get_by_role("spinbutton", name="The next").fill("500")
    await form.get_by_role("combobox", name="Fault").select_option("502, a page of HTML")
    await form.get_by_role("button", name="Apply").click()
    await expect(form.locator("#api-faults-left")).to_contain_text("left")
    await expect(look.page.locator("#api-chip")).to_have_text("PixVerse has problems")
    await _ask(look, "Broken answers")
    await expect(look.message("PixVerse's API isn't answering right now.").last).to_be_visible()
    await form.get_by_role("button", name="Clear").click()
    await expect(form.locator("#api-faults-left")).to_have_text("")


async def test_the_api_is_switched_off_and_on(look: Look) -> None:
    for state, sentence in (("can't be reached", "Nothing listens"), ("responds with 503", "answers 503")):
        _job(look, state)
        await look.choose("The API", state)
        await look.hears(sentence)
        await _ask(look, state)
        await expect(look.message("PixVerse's API isn't answering right now.").last).to_be_visible()
    await look.choose("The API", "responds")
    await look.hears("The API answers.")
    _job(look, "At home again")
    await _ask(look, "At home again")
    await expect(look.message("Watching.").last).to_be_visible()


async def test_the_token_is_refused_and_changed(look: Look) -> None:
    _job(look, "Tokens")
    await look.choose("The account", "token refused")
    await look.hears("The API now refuses the account's token.")
    await expect(look.page.locator("#api-chip")).to_have_text("The token is refused")
    await _ask(look, "Tokens")
    await expect(look.message("On hold: useapi.net refuses this server's API token.").first).to_be_visible()
    await look.choose("The account", "works")
    await look.hears("The account works.")
    await look.press("Change the token")
    await look.hears("Changed")
    try:
        await look.press("Copy token")
        await look.hears("Copied: token.")
        assert await look.page.evaluate("navigator.clipboard.readText()") == look.stage.account.token
        await look.press("Copy a different account's token")
        await look.hears("Copied: a different account's token.")
        assert await look.page.evaluate("navigator.clipboard.readText()") == look.panel.state.other_account.token
    finally:
        look.stage.expect(await fill_in_token(look.stage), "**Token works.**")
    await _ask(look, "Tokens")


async def test_callbacks_are_sent(look: Look) -> None:
    answer = await look.stage.ada.slash(look.channel, "pixverse-admin callback")
    _job(look, "Told at once")
    await _ask(look, "Told at once")
    row = look.row("Told at once")
    await row.locator("summary").click()
    await row.get_by_role("button", name="Send its callback").click()
    await look.hears("There is no address yet")
    await look.page.get_by_role("textbox", name="replyUrl").fill(answer.text.split("`")[3])
    await look.page.locator("form[data-do='callback-address'] button").click()
    await look.hears("told there")
    await row.get_by_role("button", name="Send its callback").click()
    await look.hears("answered with 2")
    await look.choose("Sent", "every change")
    await look.hears("every change")
    await expect(look.page.locator("#callbacks")).to_contain_text("sent; the latest")


async def test_permissions_are_taken_and_given_back(look: Look) -> None:
    await look.open_tab("Discord")
    await look.page.get_by_label("Attach Files").uncheck()
    await look.hears("the bot lacks: Attach Files.")
    look.panel.state.play(_job(look, "No files here"), timelines.completed(0))
    await look.open_tab("PixVerse")
    await _ask(look, "No files here")
    await expect(look.message("can allow Attach Files here").last).to_be_visible()
    await look.open_tab("Discord")
    await look.page.get_by_label("Attach Files").check()
    await look.hears("The bot has every permission here.")


async def test_files_above_the_limit_come_as_links(look: Look) -> None:
    look.panel.state.play(_job(look, "Too large"), timelines.completed(0))
    await look.open_tab("Discord")
    await look.choose("Largest file", "10 MiB")
    await look.hears("up to 10 MiB")
    await look.choose("Largest file", "50 KiB")
    await look.hears("up to 50 KiB")
    await look.open_tab("PixVerse")
    await _ask(look, "Too large")
    await expect(look.message("Your video is ready, as a link.").last).to_contain_text("just over this server's limit")


async def test_languages_of_person_and_server(look: Look) -> None:
    world = look.stage.discord.world
    root = next(command for command in world.backend.commands[None].values() if command["name"] == "pixverse")
    status = next(option for option in root["options"] if option["name"] == "status")
    status["description_localizations"] = {"ja": "ジョブを表示"}
    await look.choose("Your language", "日本語 (ja)")
    await look.hears("Alice uses Discord in 日本語 (ja).")
    await look.is_shown()
    await look.chat.get_by_label("Message", exact=True).click()
    await look.page.keyboard.type("/pixverse status")
    await expect(look.suggestion("ジョブを表示")).to_be_visible()
    await look.open_tab("Discord")
    await look.choose("Language", "Português do Brasil (pt-BR)")
    await look.hears("The language of Paper Boat Studio is Português do Brasil (pt-BR).")
    assert (look.stage.alice.locale, look.stage.guild.preferred_locale) == ("ja", "pt-BR")


async def test_channels_threads_and_servers(look: Look) -> None:
    await look.open_tab("Discord")
    side = look.page.locator("#discord")
    await side.locator("form[data-do='thread-add'] button").click()
    await look.hears("The thread Scene 2 is there.")
    await look.is_shown()
    await look.press("Delete this channel")
    await look.hears("#Scene 2 is deleted.")
    await side.get_by_role("textbox", name="New channel").fill("kept")
    await side.locator("form[data-do='channel-add'] button").click()
    await look.hears("#kept is there.")
    await look.choose("Channel", "#talk")
    await look.hears("#talk")
    await look.is_shown()
    await look.choose("Server", "Kite Club")
    await look.hears("Showing Kite Club.")
    await look.is_shown()
    await look.open_tab("PixVerse")
    _job(look, "Not set up")
    await _ask(look, "Not set up")
    await expect(look.message("This server isn't set up yet").last).to_contain_text(
        "has to run /pixverse-admin token set"
    )


async def test_the_bot_is_removed_and_added_again(look: Look) -> None:
    await look.open_tab("Discord")
    await look.press("Remove the bot")
    await look.hears("not in Paper Boat Studio any more")
    await expect(look.page.locator("#chat-note")).to_contain_text("Invite it again")
    await look.press("Invite it again")
    await look.hears("is in Paper Boat Studio again")
    await look.is_shown()


async def test_the_chat_is_opened_again(look: Look) -> None:
    await look.stage.discord.close_preview()  # as its own button does
    await expect(look.page.locator("#chat-note")).to_contain_text("The chat is closed.")
    await look.press("Open the chat")
    await look.hears("The chat is open.")
    await look.is_shown()


async def test_the_gateway_breaks_and_comes_back(look: Look) -> None:
    gateway = look.stage.discord.gateway
    resumed, identified = gateway.resumed, gateway.identified
    await look.open_tab("Discord")
    await look.press("Request reconnect")
    await look.hears("reconnect")
    await look.press("Cut")
    await look.stage.discord.until(lambda: gateway.resumed > resumed)
    await look.press("Invalidate session")
    await look.hears("log in again")
    await look.press("Close")
    await expect(look.page.locator("#bot-chip")).to_have_text("The gateway is closed")
    await expect(look.page.get_by_role("button", name="Cut")).to_be_disabled()
    await look.press("Open")
    await look.stage.discord.until(lambda: gateway.identified > identified and look.stage.discord.bot_connected)
    await expect(look.page.locator("#bot-chip")).to_have_text("The bot is online")


async def test_posts_break_before_and_after_and_nothing_is_doubled(look: Look) -> None:
    job = _job(look, "Broken posts")
    await look.status(job)
    await look.open_tab("Discord")
    form = look.page.locator("form[data-do='post-faults']")
    await form.get_by_role("combobox", name="When").select_option("after")
    await form.get_by_role("combobox", name="Fault").select_option("403, no permission")
    await form.get_by_role("button", name="Apply").click()
    await look.hears("Discord refuses before it stores")
    await form.get_by_role("combobox", name="Fault").select_option("500")
    for when in ("before Discord stores them", "after Discord stores them"):
        await form.get_by_role("combobox", name="When").select_option(label=when)
        await form.get_by_role("button", name="Apply").click()
        await look.hears(when.split()[0])
    await expect(form.locator("#post-faults-left")).to_have_text("2 left")
    job.fail("Broken on purpose.")
    await expect(form.locator("#post-faults-left")).to_have_text("")
    await expect(
        look.message("Failed. Jump to the result").filter(has_text="Broken posts").last
    ).to_be_visible()  # the card, after the outcome
    await expect(look.message("The job failed.")).to_have_count(1)
    await form.get_by_role("button", name="Clear").click()
    await look.hears("Posts work again.")


async def test_the_bot_is_killed_and_nothing_is_lost(look: Look) -> None:
    job = _job(look, "Survives")
    await look.status(job)
    await look.open_tab("Bot")
    await look.press("Kill (-9)")
    await expect(look.page.locator("#bot-chip")).to_have_text("The bot isn't running")
    await expect(look.page.locator("#bot-state")).to_have_text("Ended by signal 9.")
    log = look.page.locator("#log")
    assert await log.evaluate("log => log.scrollHeight - log.scrollTop - log.clientHeight < 8")
    await look.command("pixverse list")
    await expect(look.chat.locator("#trouble")).to_have_text("The bot did not answer.")
    job.fail("Meanwhile.")
    await look.press("Start")
    await expect(look.page.locator("#bot-chip")).to_have_text("The bot is online")
    await expect(look.page.locator("#log")).to_contain_text("jobs are polled")
    await expect(look.chat.locator("#trouble")).to_be_visible()  # still, whatever was posted meanwhile
    await expect(look.message("Failed. Jump to the result").filter(has_text="Survives").last).to_be_visible()
    await expect(look.message("The job failed.")).to_have_count(1)
    await look.open_tab("Traffic")
    await expect(look.page.locator("#requests tr").first).to_be_visible()
    text = await look.page.locator("#traffic").inner_text()
    assert look.stage.account.token not in text
    assert look.stage.account.email not in text
    assert look.stage.discord.bot_token not in text


async def test_one_press_starts_a_job_and_watches_it(look: Look) -> None:
    await look.page.locator("form[data-do='job-start']").get_by_role("textbox", name="Prompt").fill("One press")
    await look.press("Start and watch")
    await look.hears("Alice has asked.")
    await expect(look.message("One press").last).to_be_visible()


async def test_a_narrow_screen_shows_the_chat_once_somebody_asks(look: Look) -> None:
    _job(look, "Narrow")
    await look.page.set_viewport_size({"width": 360, "height": 740})
    try:
        await look.open_tab("PixVerse")
        await _ask(look, "Narrow")
        await expect(look.page.get_by_role("tab", name="Chat")).to_have_attribute("aria-selected", "true")
        await expect(look.message("Narrow").last).to_be_visible()
    finally:
        await look.page.set_viewport_size(WIDE)


async def test_polling_is_hidden_on_request(look: Look) -> None:
    job = _job(look, "Polled")
    await look.status(job)
    await look.open_tab("Traffic")
    polls = look.page.locator("#requests tr", has_text="/pixverse/jobs")
    await expect(polls.first).to_be_visible()
    await look.page.get_by_label("Hide polling").check()
    await expect(polls.first).to_be_hidden()
    await expect(look.page.locator("#requests tr:visible").first).to_be_visible()
    await look.page.get_by_label("Hide polling").uncheck()


async def test_the_message_menu_watches_the_jobs_in_a_message(look: Look) -> None:
    job = _job(look, "In a message")
    await look.chat.get_by_label("Message", exact=True).click()
    await look.page.keyboard.insert_text(f"Look at {job.jobid}")
    await look.page.keyboard.press("Enter")
    asked = look.message("Look at").last
    await asked.hover()
    await asked.get_by_role("button", name="Apps: Watch PixVerse jobs").click()
    await expect(look.message("In a message").filter(has_text="Watching 1 job").last).to_be_visible()


async def test_what_there_is_to_try(look: Look) -> None:
    look.panel.state.speed = 4.0  # slow enough for a busy machine to see each sentence
    await look.page.get_by_role("button", name="Watch a job").click()
    await look.was_explained("Watch the card")
    await look.is_shown()
    await expect(look.message("A lighthouse in the evening rain").first).to_be_visible()
    await look.is_explained("Done: the result was posted")
    await look.page.get_by_role("button", name="Deny file uploads").click()
    await look.was_explained("The video comes as a link")
    await look.is_shown()
    await expect(look.message("Your video is ready, as a link.").last).to_be_visible()
    await look.is_explained("In Discord the link plays as a video.")


async def test_another_server_ends_what_is_explained(look: Look) -> None:
    await look.page.get_by_role("button", name="Ask without a token").click()
    await look.is_explained("Alice is told what is missing.")
    await look.be("Ada, admin")
    await look.is_explained("Alice is told what is missing.")
    await look.choose("Server", look.stage.guild.name)
    await look.is_explained("Press one of the four.")
    await expect(look.page.locator("#scene-token")).to_be_hidden()


async def test_a_server_without_a_token_is_set_up_as_the_page_says(look: Look) -> None:
    look.panel.state.speed = 20.0
    without_token = look.page.get_by_role("button", name="Ask without a token")
    await without_token.click()
    await look.is_explained("Alice is told what is missing.")
    await look.is_shown()
    await expect(look.message("This server isn't set up yet").last).to_be_visible()
    await look.be("Ada, admin")
    await look.press("Copy the token")
    await look.hears("Copied")
    await without_token.click()
    await look.message("has no API token yet").get_by_role("button", name="/pixverse-admin token set").click()
    await expect(look.chat.get_by_label("Message", exact=True)).to_have_value("/pixverse-admin token set")
    await expect(look.suggestion("pixverse-admin token set").first).to_be_visible()
    await look.page.keyboard.press("Enter")
    await look.page.keyboard.press("Enter")
    form = look.chat.get_by_role("dialog", name="PixVerse API token")
    await expect(form.get_by_label("API token from useapi.net")).to_be_focused()
    await look.page.keyboard.press("Control+V")
    await form.get_by_role("button", name="Submit").click()
    await expect(look.message("Token works.").last).to_be_visible()
    await without_token.click()
    await look.is_explained("Kite Club has its token now")
    await expect(look.message("Your video is ready.").last).to_be_visible()


async def test_the_bot_is_killed_midway_and_the_result_comes_once(look: Look) -> None:
    look.panel.state.speed = 4.0
    dead = look.page.locator("#bot-is-dead")
    await expect(dead).to_be_hidden()
    await look.page.get_by_role("button", name="Kill the bot midway").click()
    await look.was_explained("the bot is killed")
    await look.page.get_by_role("button", name="Kill the bot midway").click()
    await look.hears("Kill the bot midway isn't over yet.")
    await look.page.get_by_role("button", name="Deny file uploads").click()
    await look.hears("Kill the bot midway isn't over yet.")
    await look.was_explained("Killed. The job ends while the bot is dead")
    await expect(dead).to_be_visible()
    await look.is_explained("Done: the job ended while the bot was dead, and its result was posted once.")
    await expect(dead).to_be_hidden()
    await look.is_shown()
    outcome = look.message("Your video is ready.").filter(has_text="Fireflies over a midnight pond")
    await expect(outcome).to_have_count(1)


async def test_nothing_moves_sideways_on_a_phone(look: Look) -> None:
    _job(look, "Pocket").complete()
    await look.page.set_viewport_size({"width": 360, "height": 740})
    try:
        await look.open_tab("PixVerse")
        await look.press("Start and watch")
        await expect(look.page.get_by_role("tab", name="Chat")).to_have_attribute("aria-selected", "true")
        await expect(look.message("Watching.").last).to_be_visible()
        await look.choose_command("pixverse status")
        send = await look.chat.get_by_role("button", name="Send", exact=True).bounding_box()
        assert send is not None
        assert send["x"] + send["width"] <= 360
        for _ in range(20):
            await look.page.keyboard.press("Shift+Tab")
        assert await look.chat.locator("#preview-stage").evaluate("stage => stage.scrollLeft") == 0
        assert not await look.page.evaluate(
            "document.documentElement.scrollHeight > innerHeight || document.documentElement.scrollWidth > innerWidth"
        )
    finally:
        await look.page.set_viewport_size(WIDE)


async def test_a_tall_result_shows_its_head_and_leaves_the_keyboard_in_the_box(look: Look) -> None:
    await look.page.set_viewport_size({"width": 1280, "height": 520})
    try:
        job = _job(look, "Tall")
        job.complete()
        await look.choose_command("pixverse status")
        await look.suggestion("Tall").wait_for(state="hidden")  # nobody has asked for it here: nothing is offered
        await look.page.keyboard.insert_text(job.jobid)
        await look.page.keyboard.press("Enter")
        await expect(look.message("Your video is ready.")).to_have_count(1)
        await expect(look.message("Your video is ready.").get_by_text("Your video is ready.")).to_be_in_viewport()
        await expect(look.chat.get_by_label("Message", exact=True)).to_be_focused()
        await look.choose_command("pixverse status")
        await expect(look.suggestion("Tall").first).to_be_visible()  # before a letter is typed
    finally:
        await look.page.set_viewport_size(WIDE)
