"""What people see in the browser, and who may talk to the sandbox's page."""

from __future__ import annotations

from tests.mutations.mutation import fault

_CHAT = "tests/browser/test_chat.py"
_SERVER = "tests/sandbox/panel/test_server.py"
_SWITCHES = "tests/browser/test_switches.py"

FAULTS = (
    fault(
        "the outcome comes without its files",
        f"{_CHAT}::test_a_job_is_asked_for_and_its_video_plays",
        "discord_adapter/poster.py",
        "    if message.files:\n",
        "    if message.files and message.content.isspace():\n",
    ),
    fault(
        "the token form does not open",
        f"{_CHAT}::test_an_admin_sets_the_token_in_a_form_that_members_do_not_have",
        "cogs/pixverse_admin.py",
        "        await self._answering.open_form(interaction, TokenModal())\n",
        "        await interaction.response.defer(ephemeral=True)\n",
    ),
    fault(
        "the panel takes what a job sent for HTML",
        f"{_CHAT}::test_hostile_words_are_text",
        "sandbox/panel/page/dom.js",
        "node.textContent = text;",
        "node.innerHTML = text;",
    ),
    fault(
        "a demo that is killed leaves its bot behind",
        "tests/sandbox/test_bot_process.py::test_it_ends_with_whoever_started_it",
        "sandbox/tied_bot.py",
        "    threading.Thread(target=_end_with_the_other, daemon=True).start()\n",
        "",
    ),
    fault(
        "the panel answers under any name",
        f"{_SERVER}::test_another_host_is_refused",
        "sandbox/panel/guard.py",
        "request.host not in own_hosts(port())",
        "not request.host",
    ),
    fault(
        "any page may press the panel's switches",
        f"{_SERVER}::test_another_page_changes_nothing",
        "sandbox/panel/guard.py",
        '        return origin == f"http://{request.host}"\n',
        "        return True\n",
    ),
    fault(
        "any page may show the chat",
        f"{_SERVER}::test_only_the_panel_may_show_the_chat",
        "sandbox/panel/chat.py",
        'f"frame-ancestors {panel}"',
        '"frame-ancestors *"',
    ),
    fault(
        "interaction tokens stand in the panel's traffic",
        "tests/sandbox/panel/test_traffic.py::test_nothing_secret_is_shown",
        "sandbox/panel/traffic.py",
        '    (re.compile(r"(/webhooks/\\d+/)[^/?]+"), r"\\1…"),\n',
        "",
    ),
    fault(
        "a chat that was left is refused, which the browser's console tells",
        f"{_SERVER}::test_a_chat_that_was_left_is_told_nothing_and_refused_nothing",
        "sandbox/panel/chat.py",
        "        if asker is not None and not (",
        "        if 0 and not (",
    ),
    fault(
        "the chat is refused while its channel changes",
        f"{_SERVER}::test_what_is_asked_while_the_channel_changes_is_answered_afterwards",
        "sandbox/panel/chat.py",
        "        async with self._turn:  # not while",
        "        if 1:  # not while",
    ),
    fault(
        "Enter takes an id that is offered, and does not send what was written",
        f"{_CHAT}::test_enter_sends_a_whole_id_though_it_is_offered",
        "sandbox/panel/page/chat.js",
        'event.key !== "Enter" || event.isComposing',
        "event.isComposing || true",
    ),
    fault(
        "a command that is sent while choices are fetched is lost",
        f"{_CHAT}::test_a_command_sent_while_choices_are_fetched_is_not_lost",
        "sandbox/panel/page/chat.js",
        "disabled) form.requestSubmit();",
        "disabled) clearInterval(sending);",
    ),
    fault(
        "the chat's message box is wider than a phone",
        f"{_SWITCHES}::test_nothing_moves_sideways_on_a_phone",
        "sandbox/panel/page/chat.css",
        ".channel-composer { grid-template-columns: minmax(0, 1fr); }",
        "",
    ),
    fault(
        "a phone does not show the chat after Start and watch",
        f"{_SWITCHES}::test_nothing_moves_sideways_on_a_phone",
        "sandbox/panel/page/switches.js",
        '(control === "job-start" && fields.watch === "on")',
        "false",
    ),
    fault(
        "the kill scene does not say what came of it",
        f"{_SWITCHES}::test_the_bot_is_killed_midway_and_the_result_comes_once",
        "sandbox/panel/tryouts.py",
        "        await asyncio.sleep(_SECONDS_FOR_A_SECOND_ONE)",
        "        return",
    ),
)
