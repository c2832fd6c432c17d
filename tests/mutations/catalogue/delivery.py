"""Exactly one outcome, whatever breaks."""

from __future__ import annotations

from tests.mutations.mutation import Edit, Mutation, mutation

_CRASHES = "tests/relay/delivery/test_delivery_crashes.py"
_KILLED = f"{_CRASHES}::test_killed_at_every_point_it_is_posted_once"
_E2E_KILLS = "tests/e2e/test_kills.py"

MUTATIONS = (
    mutation(
        "the card of a result that is resent stays as it is",
        "tests/storage/test_deliveries.py::test_the_card_of_an_outcome_that_is_resent_is_edited_again",
        "resend_outcome",
        "SET card_final = FALSE",
        "SET card_final = card_final",
    ),
    mutation(
        "a permission in one server makes another one's messages due",
        "tests/storage/test_deliveries.py"
        "::test_a_server_that_is_back_gets_what_is_open_at_once_and_nothing_else_changes",
        "deliveries.make_blocked_due",
        "AND guild_id = ?",
        "AND guild_id <> ?",
    ),
    mutation(
        "the time that the bot was away counts for what waits for a permission",
        "tests/storage/test_deliveries.py"
        "::test_a_server_that_is_back_gets_what_is_open_at_once_and_nothing_else_changes",
        "resume_in_server",
        "blocked_since = CASE WHEN blocked_since IS NULL THEN NULL ELSE ?1 END",
        "blocked_since = blocked_since",
    ),
    mutation(
        "an alert of before the bot's removal never ends",
        "tests/relay/delivery/test_sender.py"
        "::test_that_a_channel_is_open_again_is_told_once_though_the_bot_was_removed_meanwhile",
        "resume_in_server",
        "CASE WHEN blocked_since IS NULL THEN NULL ELSE ?1 END",
        "NULL",
    ),
    mutation(
        "after the clock was set back an unanswered attempt is repeated unseen",
        "tests/storage/test_deliveries.py::test_after_the_clock_was_set_back_an_unanswered_attempt_is_looked_for",
        "clock_set_back",
        "look_first = (look_first OR unanswered_at IS NOT NULL)",
        "look_first = look_first",
    ),
    mutation(
        "what a clock that was ahead put off stays put off after a restart",
        "tests/relay/delivery/test_delivery_crashes.py::"
        "test_what_was_put_off_by_a_clock_that_was_ahead_is_not_put_off_after_a_restart[sqlite-rate limited]",
        "is_of_the_future",
        " OR next_at > ?2",
        "",
    ),
    mutation(
        "the patience with a channel begins in the future",
        "tests/relay/delivery/test_delivery_crashes.py::"
        "test_the_patience_with_a_channel_is_counted_by_the_clock_that_is_right[sqlite]",
        "clock_set_back",
        "blocked_since = CASE WHEN blocked_since > ?1 THEN ?1 ELSE blocked_since END,",
        "",
    ),
    mutation(
        "nobody waits until a channel can be looked into",
        "tests/relay/delivery/test_delivery_crashes.py"
        "::test_a_channel_that_is_out_of_reach_for_a_while_is_looked_into_once_it_is_back[sqlite-stored]",
        "Sender._look",
        "verdict = self._until_in_reach(draft)\n",
        "verdict = None\n",
    ),
    mutation(
        "two quick presses post an outcome twice",
        "tests/e2e/test_main_path.py::test_already_watched_already_posted_and_posted_again[v1]",
        "MemberButtons._post_again",
        "post_again(ask, subscription_id, interaction.message.id)",
        "post_again(ask, subscription_id, interaction.id)",
    ),
    mutation(
        "what an admin had sent again is sent once more on a guess",
        "tests/relay/commands/test_resending.py::test_after_the_attempt_that_was_wanted_it_is_not_sent_again_on_a_guess",
        "_is_wanted_all_the_same",
        "return draft.variant.no_ping and draft.delivery.look_first and draft.delivery.attempts == 0",
        "return draft.variant.no_ping",
    ),
    mutation(
        "a file size that was refused once is never tried again",
        "tests/relay/delivery/test_sender.py::test_a_learned_limit_is_tried_again_after_some_hours",
        "limit_in_force",
        "learned_at is None or abs(now - learned_at) >= BELIEVED",
        "learned_at is None",
    ),
    mutation(
        "what a command tells of the largest file is not heard",
        "tests/e2e/discord_faults/test_refused_contents.py::test_a_command_tells_that_the_server_takes_more",
        "GuildLifecycle.may_take_larger_files",
        "server.upload_limit < limit:",
        "server.upload_limit > limit:",
    ),
    mutation(
        "a result that waits for a permission is good news",
        "tests/e2e/discord_faults/test_permissions.py::test_taken_away_while_somebody_waits_and_given_back",
        "ui._results",
        "if report.needing:\n",
        "if False:\n",
    ),
    mutation(
        "a card that was stored before is taken for one that shows the news",
        "tests/relay/delivery/test_sender.py::test_a_card_that_an_earlier_attempt_stored_shows_what_was_known_then",
        "Sender._send",
        "shown=draft if earlier is None else None",
        "shown=draft",
    ),
    mutation(
        "an outcome that is posted once more is late",
        "tests/relay/delivery/test_sender.py::test_what_somebody_wanted_once_more_is_not_late",
        "MessageBuilder._outcome",
        "if not again and ended_after",
        "if ended_after",
    ),
    mutation(
        "an outcome that an admin wanted after a refusal is late",
        "tests/relay/delivery/test_sender.py::test_what_was_refused_until_an_admin_wanted_it_is_not_late",
        "MessageBuilder._outcome",
        "is not None and delivery.reason not in _SENT_AGAIN:",
        "is not None:",
    ),
    mutation(
        "a summary that is over is edited at every occasion",
        "tests/relay/cards/test_card_loop.py::test_a_summary_follows_its_jobs",
        "CardEdits._says_so_already",
        "return not await",
        "return False and not await",
    ),
    mutation(
        "an outcome is sent again at every press",
        "tests/relay/commands/test_resending.py::test_two_presses_send_it_once",
        "resend_outcome",
        "WHERE id = ? AND {NOT_POSTED} RETURNING",
        "WHERE id = ? RETURNING",
    ),
    mutation(
        "what may have pinged already pings again",
        "tests/relay/commands/test_resending.py::test_one_of_which_nobody_knows_is_sent_as_another_message_and_pings_nobody",
        "MessageBuilder._outcome",
        "again or variant.no_ping else",
        "again else",
    ),
    mutation(
        "no nonce is sent",
        f"{_E2E_KILLS}::test_killed_with_discord_remembering",
        "_send_arguments",
        '"nonce": nonce,\n',
        "",
    ),
    mutation(
        "the nonce is another one each time",
        "tests/relay/polling/test_job_recorder.py::test_the_outcome_carries_a_nonce_without_anything_local",
        "delivery._digest",
        'text = "".join(',
        'parts += (__import__("secrets").token_hex(8),)\ntext = "".join(',
    ),
    mutation(
        "a message in another form bears the same nonce",
        "tests/relay/delivery/test_fallbacks.py::test_another_form_has_another_nonce_but_a_reply_has_the_same",
        "for_variant",
        "return base_nonce if not variant else _digest(base_nonce, variant)",
        "return base_nonce",
    ),
    mutation(
        "the claim is not committed before the send",
        f"{_KILLED}[sqlite-taken-nonce forgotten]",
        "Sender._send",
        "claimed = await deliveries.claim(tx, delivery, since, self._ownership.process_id, uuid4().hex)\n",
        "claimed = delivery\n",
    ),
    mutation(
        "the outcome is recorded before it is sent",
        f"{_KILLED}[sqlite-never arrived-nonce remembered]",
        "claim",
        "(DeliveryState.SENDING, unanswered_at",
        "(DeliveryState.POSTED, unanswered_at",
    ),
    mutation(
        "what this process sent long ago makes another one's attempt young",
        "tests/relay/delivery/test_taken_over.py"
        "::test_an_attempt_of_another_process_is_searched_for_though_this_one_made_some_before",
        "Sender._record",
        "in_hand.first_sent = None",
        "pass",
    ),
    mutation(
        "the history is never looked into",
        f"{_CRASHES}::test_where_nobody_can_know_nothing_is_sent_again[sqlite-taken]",
        "Sender._must_look",
        "return delivery.look_first or not 0 <= age < NONCE_REMEMBERED",
        "return False",
    ),
    mutation(
        "the history is searched from the time of a clock that was ahead",
        f"{_CRASHES}::test_a_clock_that_was_two_days_ahead_while_it_was_sent_finds_it_in_the_history",
        "Sender._look",
        "since = min(delivery.unanswered_at or delivery.created_at, now)",
        "since = delivery.unanswered_at or delivery.created_at",
    ),
    mutation(
        "a history that does not answer is searched all the time",
        f"{_CRASHES}::test_a_history_that_does_not_answer_is_searched_less_and_less_often",
        "Sender._look",
        "max(verdicts.retry_delay(delivery.attempts), (now - since) // 8)",
        "verdicts.retry_delay(delivery.attempts)",
    ),
    mutation(
        "an attempt of an earlier process is as young as it looks",
        f"{_CRASHES}::test_an_attempt_of_an_earlier_process_that_looks_young_is_looked_for",
        "Sender._should_look",
        "return begun_before or not draft.wanted or self._must_look(delivery)",
        "return not draft.wanted or self._must_look(delivery)",
    ),
    mutation(
        "the history is looked into from the attempt on, whatever the clocks say",
        f"{_CRASHES}::test_a_clock_that_is_an_hour_ahead_finds_it_in_the_history",
        "LOOK_BACK",
        "LOOK_BACK = 65 * 60_000",
        "LOOK_BACK = 0",
    ),
    mutation(
        "what counts is the last unanswered attempt, not the first",
        f"{_CRASHES}::test_a_nonce_outlives_nothing_where_the_first_attempt_is_old",
        "Sender._send",
        "now if earlier is None else earlier",
        "now",
    ),
    Mutation(
        "an empty history without the right to read it proves that nothing is there",
        (
            Edit("find_message", "if readable is False:\n    return CannotLook()\n", ""),
            Edit(
                "_search_newest",
                "return Absent() if certain or page else CannotLook()",
                "return Absent()",
            ),
        ),
        f"{_E2E_KILLS}::test_killed_with_discord_having_forgotten",
    ),
    mutation(
        "what was sent is forgotten where it cannot be recorded",
        f"{_CRASHES}::test_what_was_sent_is_recorded_when_the_disk_has_room_again_without_sending",
        "Sender._record",
        "in_hand.unrecorded = result\n",
        "",
    ),
    mutation(
        "a message that was stored and deleted is sent again",
        "tests/relay/delivery/test_verdicts.py::test_posted_before_and_deleted_since",
        "_judge_refusal",
        "return Done(None, Reason.DELETED)",
        "return Again(retry_delay(attempt.attempts), answered=True, reason=Reason.DELETED)",
    ),
    mutation(
        "silence is taken for a refusal",
        "tests/relay/delivery/test_verdicts.py::test_no_answer_is_not_definite",
        "judge",
        "case NoResponse():\n    return Again(retry_delay(attempt.attempts), answered=False,",
        "case NoResponse():\n    return Again(retry_delay(attempt.attempts), answered=True,",
    ),
    mutation(
        "a refusal after an earlier try that may have been stored is believed",
        "tests/e2e/test_lost_answers.py::test_a_refusal_after_a_lost_answer_doubles_nothing[may not attach]",
        "is_ambiguous",
        "return any(status >= HTTPStatus.INTERNAL_SERVER_ERROR for status in statuses[:-1])",
        "return False",
    ),
    mutation(
        "a proxy's page is believed like a refusal of Discord's",
        "tests/e2e/test_lost_answers.py::test_a_page_of_a_proxy_in_the_place_of_the_answer_doubles_nothing[499]",
        "read_refusal",
        "in _BEFORE_ANY_ACTION or is_of_discord(refusal):",
        "< 500:",
    ),
    mutation(
        "an empty page of a proxy's is an empty channel",
        "tests/discord_adapter/test_history.py::test_what_is_no_history_says_nothing_of_it",
        "discord_adapter._page",
        "raise TypeError(page)\n",
        "return list(page or ())\n",
    ),
    mutation(
        "a reply needs its card",
        "tests/e2e/test_endings.py::test_a_deleted_card_is_no_obstacle",
        "_send_arguments",
        "fail_if_not_exists=False",
        "fail_if_not_exists=True",
    ),
    mutation(
        "two bots may hold one database",
        "tests/e2e/test_starts.py::test_a_second_bot_with_the_same_database",
        "_open_storage",
        "stack.enter_context(instance_lock(settings.database))",
        "instance_lock(settings.database)",
    ),
    mutation(
        "a file that is still being written is given up",
        "tests/relay/media/test_media_store.py::test_a_file_that_grows_is_not_there_yet",
        "_Tries.broke_off",
        "if 0 < self._part < error.size:",
        "if 0:",
    ),
    mutation(
        "an empty file is given up like a broken one",
        "tests/relay/media/test_media_store.py::test_a_file_that_is_empty_or_promised_is_not_there_yet",
        "Downloader._write",
        "if not size:\n    raise _NotThere\n",
        "if not size:\n    raise _BrokeOff\n",
    ),
)
