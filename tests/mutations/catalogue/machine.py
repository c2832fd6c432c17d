"""What the machine does to the bot: disks, files, locks, clocks, and the process's end."""

from __future__ import annotations

from tests.mutations.mutation import mutation

_OPENING = "tests/storage/engines/test_sqlite_preparation.py"
_OUTBOX = "tests/relay/delivery/test_delivery_loop.py"
_DELIVERY = "tests/relay/delivery/test_sender.py"
_ROTATION = "tests/storage/test_key_rotation.py"

MUTATIONS = (
    mutation(
        "a command whose buffered output nobody reads ends with the interpreter's own error",
        "tests/e2e/test_operator_commands.py::test_output_that_nobody_reads_any_more",
        "cli.run",
        "lost = FAILED if _output_is_closed() else DONE",
        "lost = DONE",
    ),
    mutation(
        "output that the terminal's encoding cannot show ends a command with a traceback",
        "tests/e2e/test_operator_commands.py::test_output_that_the_terminal_s_encoding_cannot_show",
        "cli.run",
        'sys.stdout.reconfigure(errors="backslashreplace")',
        "pass",
    ),
    mutation(
        "a command whose output nobody reads to its end shows a traceback",
        "tests/e2e/test_operator_commands.py::test_output_that_nobody_reads_any_more",
        "cli._exit_code",
        'if not isinstance(error, BrokenPipeError) or not _output_is_closed("\\n"):',
        "if True:",
    ),
    mutation(
        "a server that removed the bot by a slow clock is forgotten at once",
        "tests/relay/test_guild_lifecycle.py"
        "::test_a_server_has_its_week_though_the_clock_was_wrong_when_it_removed_the_bot[-30]",
        "GuildLifecycle._forget_departed",
        "await self._correct_times()\n",
        "",
    ),
    mutation(
        "a summary edited by a fast clock never shows the end",
        "tests/relay/cards/test_card_loop.py::test_cards_edited_by_a_fast_clock_keep_up_after_a_restart[False]",
        "CardEdits._says_so_already",
        " or message.shown_at > now",
        "",
    ),
    mutation(
        "a card edited by a fast clock is not edited after a restart",
        "tests/relay/cards/test_card_loop.py::test_cards_edited_by_a_fast_clock_keep_up_after_a_restart[False]",
        "CardEdits._show_card",
        "view.news_at <= row.shown_at <= view.at",
        "view.news_at <= row.shown_at",
    ),
    mutation(
        "a stopped card is edited once more if its job ends meanwhile",
        "tests/relay/cards/test_card_loop.py::test_a_stopped_card_is_left_alone_when_its_job_ends_for_others",
        "CardEdits._show_card",
        "is_current = is_stopped or",
        "is_current =",
    ),
    mutation(
        "cards edited by a fast clock are not checked after a start",
        "tests/relay/cards/test_card_loop.py::test_cards_edited_by_a_fast_clock_keep_up_after_a_restart[True]",
        "card_rows.outdated",
        " OR s.shown_at > ?",
        " OR s.shown_at < ? - 2e15",
    ),
    mutation(
        "summaries edited by a fast clock are not checked after a start",
        "tests/relay/cards/test_card_loop.py::test_cards_edited_by_a_fast_clock_keep_up_after_a_restart[True]",
        "card_rows.outdated_batches",
        "OR b.shown_at > ?",
        "OR b.shown_at < ? - 2e15",
    ),
    mutation(
        "an alert that was posted before its person was forgotten is posted again",
        "tests/discord_adapter/test_history.py::"
        "test_a_notice_is_found_even_if_the_person_in_it_was_forgotten_since[token refused]",
        "history._without_ids",
        '_PING.sub("", content)',
        "content",
    ),
    mutation(
        "a key file is written even though its key belongs to another database",
        f"{_ROTATION}::test_with_another_key_in_the_key_file_nothing_is_changed",
        "storage.rotate_key",
        "await _require_keys(place, configured)",
        "pass",
    ),
    mutation(
        "a key file that others can read stays readable",
        "tests/storage/test_secret_store.py::test_a_key_file_that_others_can_read_is_made_private",
        "read_key_file",
        "make_private(file)\n",
        "",
    ),
    mutation(
        "a damaged page is not noticed",
        f"{_OPENING}::test_a_database_with_an_overwritten_page",
        "_quick_check",
        'if found != "ok":',
        "if 0:",
    ),
    mutation(
        "a newer database is opened",
        f"{_OPENING}::test_a_database_of_a_newer_bot",
        "refuse_newer",
        "if tables > known and oldest_code > known:",
        "if 0:",
    ),
    mutation(
        "another program's lock is not waited for",
        f"{_OPENING}::test_a_lock_is_waited_for_only_for_the_given_time",
        "_patiently",
        "if not is_locked(error) or",
        "if True or",
    ),
    mutation(
        "no copy is made before a migration",
        "tests/storage/engines/test_sqlite_migrate.py::test_a_private_copy_is_made_before_a_migration",
        "migrate.migrate",
        "copy_beside(path, connection)\n",
        "pass\n",
    ),
    mutation(
        "the old key is discarded before everything is encrypted again",
        f"{_ROTATION}::test_a_crash_at_any_statement_leaves_a_database_that_opens_with_the_keys_at_hand",
        "to_fresh_key",
        "write_key_file(file, (fresh, *old))",
        "write_key_file(file, (fresh,))",
    ),
    mutation(
        "the key is changed under a running bot",
        f"{_ROTATION}::test_a_running_bot_is_left_alone",
        "storage.rotate_key",
        "with instance_lock(place):",
        "if place:",
    ),
    mutation(
        "leftovers of videos are kept",
        "tests/relay/media/test_media_store.py::test_leftovers_are_swept",
        "folder.sweep",
        "for path in leftovers:\n    path.unlink(missing_ok=True)\n",
        "",
    ),
    mutation(
        "a clock set back defers everything",
        f"{_OUTBOX}::test_a_clock_set_back_defers_nothing",
        "ClockWatch._was_set_back",
        "return offset < self._offset - _SET_BACK",
        "return False",
    ),
    mutation(
        "only the wall clock shows how long a response has been waited for",
        "tests/relay/delivery/test_delivery_crashes.py::test_a_clock_set_back_just_before_the_next_attempt",
        "Sender._nonce_may_be_forgotten",
        " or waited >= NONCE_REMEMBERED",
        "",
    ),
    mutation(
        "videos that took longer than Discord remembers the nonce are sent without a search",
        f"{_DELIVERY}::test_a_download_that_outlasts_the_nonce_is_followed_by_a_search",
        "Sender._send_with_videos",
        "if not search.is_absent and self._nonce_may_be_forgotten(draft.delivery):",
        "if 0:",
    ),
    mutation(
        "a hanging channel delays the others",
        f"{_OUTBOX}::test_a_hanging_channel_delays_no_other",
        "DeliveryLoop._start_due",
        "room = self._parallel - len(busy)",
        "room = 1 - len(busy)",
    ),
    mutation(
        "a download blocks its channel",
        f"{_OUTBOX}::test_a_message_without_files_waits_for_no_download",
        "DeliveryLoop._yield_channel",
        "async with unlocked(lock, held):\n",
        "if True:\n",
    ),
    mutation(
        "a channel may download all of its videos at once",
        f"{_OUTBOX}::test_a_slow_video_lets_the_next_one_pass_and_no_channel_uses_every_slot",
        "DeliveryLoop._due",
        "no_videos_in=self._full_of_videos(),",
        "no_videos_in=(),",
    ),
    mutation(
        "a server may download as many videos as all servers together",
        f"{_OUTBOX}::test_slow_videos_of_one_server_delay_no_video_of_another",
        "DeliveryLoop._due",
        "no_videos_for=self._servers_full_of_videos(),",
        "no_videos_for=(),",
    ),
    mutation(
        "a server with many waiting channels delays the others",
        f"{_OUTBOX}::test_a_server_with_many_waiting_channels_delays_no_other_server",
        "DeliveryLoop._due",
        "if len(due) < room:",
        "if True:",
    ),
    mutation(
        "cards of idle servers delay the outcomes of a busy one",
        f"{_OUTBOX}::test_an_outcome_of_a_busy_server_precedes_the_cards_of_others",
        "DeliveryLoop._due",
        "return sorted([*of_idle_servers, *due], key=lambda delivery: delivery.kind.urgency)",
        "return [*of_idle_servers, *due]",
    ),
    mutation(
        "an unexpected error blocks an outcome forever",
        f"{_OUTBOX}::test_after_our_own_error_the_simplest_form_is_tried",
        "Sender.deliver",
        "if in_hand.faults >= _FAULTS_BORNE:",
        "if 0:",
    ),
    mutation(
        "an unreadable database ends the outbox",
        f"{_OUTBOX}::test_an_unreadable_database_is_read_again",
        "DeliveryLoop._turn",
        "except Exception as error:",
        "except ValueError as error:",
    ),
    mutation(
        "a failing database ends the polling of a job",
        "tests/relay/polling/test_poller.py::test_a_failing_database_loses_nothing",
        "Poller._work_on",
        "self._queue.failed(job)",
        "self._queue.ended(job)",
    ),
    mutation(
        "a hanging post prevents shutdown",
        f"{_OUTBOX}::test_at_shutdown_a_hanging_post_is_left_to_the_next_start",
        "DeliveryLoop._let_end",
        "await asyncio.wait(tasks, timeout=self._grace)",
        "await asyncio.wait(tasks)",
    ),
)
