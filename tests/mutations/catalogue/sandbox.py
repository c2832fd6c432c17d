"""What people see in the browser, and who may talk to the sandbox's page."""

from __future__ import annotations

from tests.mutations.mutation import mutation

_CHAT = "tests/browser/test_chat.py"
_CLUSTER = "tests/sandbox/test_cluster.py"
_LOCALES = "tests/sandbox/discord_wire/test_locales.py"
_SERVER = "tests/sandbox/panel/test_server.py"
_SWITCHES = "tests/browser/test_switches.py"

MUTATIONS = (
    mutation(
        "the outcome comes without its files",
        f"{_CHAT}::test_a_job_is_requested_and_its_video_plays",
        "_send_arguments",
        "if message.files:\n",
        "if message.files and message.content.isspace():\n",
    ),
    mutation(
        "the token form does not open",
        f"{_CHAT}::test_an_admin_sets_the_token_in_a_form_that_members_do_not_have",
        "PixVerseAdmin.token_set",
        "await self._responder.open_form(interaction, TokenModal())\n",
        "await interaction.response.defer(ephemeral=True)\n",
    ),
    mutation(
        "the panel treats what a job sent as HTML",
        f"{_CHAT}::test_hostile_words_are_shown_as_text",
        "sandbox/panel/page/dom.js",
        "node.textContent = text;",
        "node.innerHTML = text;",
    ),
    mutation(
        "a killed demo leaves its bot running",
        "tests/sandbox/test_bot_process.py::test_it_ends_with_its_parent",
        "tied_bot.main",
        "threading.Thread(target=_end_with_the_other, daemon=True).start()\n",
        "",
    ),
    mutation(
        "the panel responds to any host name",
        f"{_SERVER}::test_another_host_is_refused",
        "only_own_page",
        "request.host not in own_hosts(port())",
        "not request.host",
    ),
    mutation(
        "any page can click the panel's switches",
        f"{_SERVER}::test_another_page_can_change_nothing",
        "_from_own_page",
        'return origin == f"http://{request.host}"\n',
        "return True\n",
    ),
    mutation(
        "any page can show the chat",
        f"{_SERVER}::test_only_the_panel_can_frame_the_chat",
        "Chat._for_the_panel",
        'f"frame-ancestors {panel}"',
        '"frame-ancestors *"',
    ),
    mutation(
        "interaction tokens are shown in the panel's traffic",
        "tests/sandbox/panel/test_traffic.py::test_nothing_secret_is_shown",
        "_SECRETS",
        '(re.compile(r"(/webhooks/\\d+/)[^/?]+"), r"\\1…"),\n',
        "",
    ),
    mutation(
        "an abandoned chat gets refusals, which the browser's console shows",
        f"{_SERVER}::test_an_abandoned_chat_gets_no_updates_and_no_refusals",
        "Chat._pass_on",
        "if asker is not None and not (",
        "if 0 and not (",
    ),
    mutation(
        "the chat is refused while its channel changes",
        f"{_SERVER}::test_requests_during_a_channel_change_are_answered_afterwards",
        "Chat._pass_on",
        "async with self._turn:  # not while",
        "if 1:  # not while",
    ),
    mutation(
        "Enter accepts a suggested id instead of sending the message",
        f"{_CHAT}::test_enter_sends_a_whole_id_even_if_it_is_suggested",
        "sandbox/panel/page/chat.js",
        'event.key !== "Enter" || event.isComposing',
        "event.isComposing || true",
    ),
    mutation(
        "a command sent while choices load is lost",
        f"{_CHAT}::test_a_command_sent_while_choices_load_is_not_lost",
        "sandbox/panel/page/chat.js",
        "disabled) form.requestSubmit();",
        "disabled) clearInterval(sending);",
    ),
    mutation(
        "the chat's message box is wider than a phone",
        f"{_SWITCHES}::test_nothing_scrolls_sideways_on_a_phone",
        "sandbox/panel/page/chat.css",
        ".channel-composer { grid-template-columns: minmax(0, 1fr); }",
        "",
    ),
    mutation(
        'a phone does not show the chat after "Start and watch"',
        f"{_SWITCHES}::test_nothing_scrolls_sideways_on_a_phone",
        "sandbox/panel/page/switches.js",
        '(control === "job-start" && fields.watch === "on")',
        "false",
    ),
    mutation(
        "the kill scene does not show its result",
        f"{_SWITCHES}::test_the_bot_is_killed_midway_and_the_result_comes_once",
        "Tryouts._die_and_come_back",
        'tell(f"Done: the job ended while the bot was dead, and its result was posted {await self._times_told(job)}.")',
        "return",
    ),
    mutation(
        "a killed demo leaves PostgreSQL running",
        f"{_CLUSTER}::test_postgres_ends_with_its_parent",
        "tied_postgres.main",
        "threading.Thread(target=_end_with_the_other, args=[server], daemon=True).start()\n",
        "",
    ),
    mutation(
        "callbacks are lost while one process is dead",
        f"{_CLUSTER}::test_callbacks_rotate_over_processes_and_skip_one_that_is_gone",
        "Balancer._pass_on",
        "continue",
        "break",
    ),
    mutation(
        "the demo's list does not show that a process has ended",
        "tests/sandbox/panel/test_process_controls.py::test_processes_are_started_stopped_killed_and_added_by_name",
        "views._state",
        "if process.running:",
        "if process.starts:",
    ),
    mutation(
        "only the English text of a command counts towards limits",
        f"{_LOCALES}::test_the_longest_language_of_each_text_counts",
        "command_rules._characters",
        "max(len(text) for text in texts)",
        "len(texts[0])",
    ),
    mutation(
        "a command can be translated into a language unknown to Discord",
        f"{_LOCALES}::test_broken_translations_are_refused",
        "command_rules._texts",
        "if locale not in _LOCALES:",
        "if locale is None:",
    ),
    mutation(
        "everybody uses Discord in English",
        f"{_LOCALES}::test_an_interaction_carries_both_languages",
        "VirtualDiscord.locale",
        "self.locales.get(user_id, DEFAULT_LOCALE)",
        "DEFAULT_LOCALE",
    ),
    mutation(
        "a server's language is sent to the bot only when it connects",
        f"{_LOCALES}::test_an_interaction_carries_both_languages",
        "sandbox/discord_wire/guilds_and_channels.py",
        'self._world.backend.edit_guild(self.id, {"preferred_locale": locale or ""})',
        'self.handle._guild.preferred_locale = locale or ""',
    ),
    mutation(
        "a language is sent where Discord sends none",
        f"{_LOCALES}::test_languages_that_discord_does_not_send",
        "shaping._put",
        "if value:\n",
        "if value is not Ellipsis:\n",
    ),
    mutation(
        "the page shows everybody the same commands",
        f"{_LOCALES}::test_the_page_shows_commands_in_the_viewer_s_language",
        "PreviewPage._speak_to_each",
        "localized(command, world.locale(user_id))",
        "command",
    ),
)
