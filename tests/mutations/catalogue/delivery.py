"""Exactly one outcome, whatever breaks."""

from __future__ import annotations

from tests.mutations.mutation import Edit, Mutation, mutation

_CRASHES = "tests/relay/delivery/test_delivery_crashes.py"
_KILLED = f"{_CRASHES}::test_killed_at_any_point_the_message_is_posted_once"
_E2E_KILLS = "tests/e2e/test_kills.py"

MUTATIONS = (
    mutation(
        "a spoiler that is asked for during a download is ignored",
        "tests/relay/delivery/test_sender.py::test_a_spoiler_that_is_asked_for_while_the_video_is_fetched_counts",
        "MessageBuilder.with_wishes_of_now",
        ", spoiler=now.post.spoiler",
        "",
    ),
    mutation(
        "the card of a resent result is not edited",
        "tests/storage/test_deliveries.py::test_the_card_of_a_resent_outcome_is_edited_again",
        "resend_outcome",
        "SET card_final = FALSE",
        "SET card_final = card_final",
    ),
    mutation(
        "a permission in one server makes another server's messages due",
        "tests/storage/test_deliveries.py"
        "::test_a_returning_server_gets_its_open_deliveries_at_once_and_nothing_else_changes",
        "deliveries.make_blocked_due",
        "AND guild_id = ?",
        "AND guild_id <> ?",
    ),
    mutation(
        "time that the bot was away counts towards the wait for a permission",
        "tests/storage/test_deliveries.py"
        "::test_a_returning_server_gets_its_open_deliveries_at_once_and_nothing_else_changes",
        "resume_in_server",
        "blocked_since = CASE WHEN blocked_since IS NULL THEN NULL ELSE ?1 END",
        "blocked_since = blocked_since",
    ),
    mutation(
        "an alert from before the bot's removal never ends",
        "tests/relay/delivery/test_sender.py"
        "::test_a_reopened_channel_is_reported_once_even_if_the_bot_was_removed_in_between",
        "resume_in_server",
        "CASE WHEN blocked_since IS NULL THEN NULL ELSE ?1 END",
        "NULL",
    ),
    mutation(
        "after the clock was set back an attempt is repeated without a search",
        "tests/storage/test_deliveries.py::"
        "test_after_the_clock_was_set_back_an_attempt_without_response_is_searched_for",
        "clock_set_back",
        "look_first = (look_first OR unanswered_at IS NOT NULL)",
        "look_first = look_first",
    ),
    mutation(
        "what a fast clock deferred stays deferred after a restart",
        "tests/relay/delivery/test_delivery_crashes.py::"
        "test_what_a_fast_clock_deferred_is_due_after_a_restart[sqlite-rate limited]",
        "has_future_times",
        " OR next_at > ?2",
        " OR next_at > ?2 * 10",
    ),
    mutation(
        "the wait for a channel starts in the future",
        "tests/relay/delivery/test_delivery_crashes.py::"
        "test_waiting_for_a_channel_is_counted_by_the_correct_clock[sqlite]",
        "clock_set_back",
        "blocked_since = CASE WHEN blocked_since > ?1 THEN ?1 ELSE blocked_since END,",
        "",
    ),
    mutation(
        "nothing waits until a channel can be searched",
        "tests/relay/delivery/test_delivery_crashes.py"
        "::test_an_unreachable_channel_is_searched_once_it_is_reachable[sqlite-stored]",
        "Sender._search",
        "verdict = self._until_in_reach(draft, closed)\n",
        "verdict = Unsure()\n",
    ),
    mutation(
        "a channel that only Discord calls closed is not waited for",
        "tests/relay/delivery/test_delivery_crashes.py"
        "::test_a_channel_that_only_discord_says_is_closed_is_looked_into_once_it_is_open[sqlite-no permission]",
        "Sender._until_in_reach",
        "(closed or missing or was_closed)",
        "(missing or was_closed)",
    ),
    mutation(
        "two quick clicks post an outcome twice",
        "tests/e2e/test_main_path.py::test_already_watched_already_posted_and_posted_again[v1]",
        "MemberButtons._post_again",
        "post_again(ask, subscription_id, interaction.message.id)",
        "post_again(ask, subscription_id, interaction.id)",
    ),
    mutation(
        "a delivery that an admin resent is sent again on a guess",
        "tests/relay/commands/test_resending.py::test_after_the_requested_attempt_it_is_not_resent_on_a_guess",
        "_was_requested_by_admin",
        "return draft.variant.no_ping and draft.delivery.look_first and draft.delivery.attempts == 0",
        "return draft.variant.no_ping",
    ),
    mutation(
        "a file size that was refused once is never retried",
        "tests/relay/delivery/test_sender.py::test_a_learned_limit_is_tried_again_after_some_hours",
        "limit_in_force",
        "learned_at is None or abs(now - learned_at) >= LIMIT_TRUSTED_MS",
        "learned_at is None",
    ),
    mutation(
        "the upload limit of a command is ignored",
        "tests/e2e/discord_faults/test_refused_contents.py::test_a_command_shows_that_the_server_accepts_more",
        "GuildLifecycle.may_take_larger_files",
        "server.upload_limit < limit:",
        "server.upload_limit > limit:",
    ),
    mutation(
        "a result that waits for a permission counts as good news",
        "tests/e2e/discord_faults/test_permissions.py::test_taken_away_while_somebody_waits_and_given_back",
        "ui._results",
        "if report.needing:\n",
        "if False:\n",
    ),
    mutation(
        "a card that was stored before counts as showing the latest state",
        "tests/relay/delivery/test_sender.py::test_a_card_stored_by_an_earlier_attempt_shows_what_was_known_then",
        "Sender._send",
        "shown=draft if earlier is None else None",
        "shown=draft",
    ),
    mutation(
        "a reposted outcome is called late",
        "tests/relay/delivery/test_sender.py::test_a_requested_repost_is_not_late",
        "MessageBuilder._why_late",
        "delivery.kind is DeliveryKind.AGAIN or ",
        "",
    ),
    mutation(
        "an outcome that an admin resends after a refusal is called late",
        "tests/relay/delivery/test_sender.py::test_a_refused_result_that_an_admin_resends_is_not_late",
        "MessageBuilder._why_late",
        " or delivery.reason in _SENT_AGAIN",
        "",
    ),
    mutation(
        "an ended summary is edited at every occasion",
        "tests/relay/cards/test_card_loop.py::test_a_summary_follows_its_jobs",
        "CardEdits._says_so_already",
        "return not await",
        "return False and not await",
    ),
    mutation(
        "an outcome is sent again at every click",
        "tests/relay/commands/test_resending.py::test_two_clicks_resend_it_once",
        "resend_outcome",
        "WHERE id = ? AND {NOT_POSTED} RETURNING",
        "WHERE id = ? RETURNING",
    ),
    mutation(
        "a message that may have pinged already pings again",
        "tests/relay/commands/test_resending.py::test_an_unsure_result_is_resent_as_another_message_and_pings_nobody",
        "MessageBuilder._outcome",
        "again or variant.no_ping else",
        "again else",
    ),
    mutation(
        "no nonce is sent",
        f"{_E2E_KILLS}::test_killed_while_discord_remembers_the_nonce",
        "_send_arguments",
        '"nonce": nonce,\n',
        "",
    ),
    mutation(
        "the nonce differs each time",
        "tests/relay/polling/test_job_recorder.py::test_the_outcome_s_nonce_contains_nothing_local",
        "delivery._digest",
        'text = "".join(',
        'parts += (__import__("secrets").token_hex(8),)\ntext = "".join(',
    ),
    mutation(
        "a reduced message has the same nonce",
        "tests/relay/delivery/test_fallbacks.py::"
        "test_another_variant_has_another_nonce_but_dropping_the_reply_keeps_it",
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
        "this process's own earlier attempt makes another one's look recent",
        "tests/relay/delivery/test_taken_over.py"
        "::test_another_process_s_attempt_is_searched_for_even_after_own_attempts",
        "Sender._record",
        "in_hand.first_sent = None",
        "pass",
    ),
    mutation(
        "the history is never searched",
        f"{_CRASHES}::test_if_it_cannot_be_known_nothing_is_sent_again[sqlite-taken]",
        "Sender._nonce_may_be_forgotten",
        "return delivery.look_first or not 0 <= age < NONCE_REMEMBERED",
        "return False",
    ),
    mutation(
        "the history is searched from the time of a fast clock",
        f"{_CRASHES}::test_with_a_clock_two_days_ahead_at_the_send_the_message_is_found",
        "Sender._search",
        "since = min(delivery.unanswered_at or delivery.created_at, now)",
        "since = delivery.unanswered_at or delivery.created_at",
    ),
    mutation(
        "an unresponsive history is searched all the time",
        f"{_CRASHES}::test_an_unresponsive_history_is_searched_less_and_less_often",
        "Sender._search",
        "max(verdicts.retry_delay(delivery.attempts), (now - since) // 8)",
        "verdicts.retry_delay(delivery.attempts)",
    ),
    mutation(
        "an earlier process's attempt is as recent as it looks",
        f"{_CRASHES}::test_an_earlier_attempt_that_looks_recent_is_searched_for",
        "Sender._needs_search",
        "return begun_before or not draft.wanted or self._nonce_may_be_forgotten(delivery)",
        "return not draft.wanted or self._nonce_may_be_forgotten(delivery)",
    ),
    mutation(
        "the history is searched from the attempt on, whatever the clocks say",
        f"{_CRASHES}::test_with_a_clock_an_hour_ahead_the_message_is_found",
        "SEARCH_MARGIN",
        "SEARCH_MARGIN = 65 * 60_000",
        "SEARCH_MARGIN = 0",
    ),
    mutation(
        "the last attempt without response counts, not the first",
        f"{_CRASHES}::test_the_nonce_is_not_trusted_if_the_first_attempt_is_old",
        "Sender._send",
        "now if earlier is None else earlier",
        "now",
    ),
    Mutation(
        "an empty history without permission to read it proves absence",
        (
            Edit("find_message", "if readable is False:\n    return HistoryUnreadable()\n", ""),
            Edit(
                "_search_newest",
                "return Absent() if certain or page else HistoryUnreadable()",
                "return Absent()",
            ),
        ),
        f"{_E2E_KILLS}::test_killed_after_discord_forgot_the_nonce",
    ),
    mutation(
        "a sent message is forgotten if it cannot be recorded",
        f"{_CRASHES}::test_a_sent_message_is_recorded_without_resending_once_there_is_space",
        "Sender._record",
        "in_hand.unrecorded = None if isinstance(verdict, Unsure) else result\n",
        "",
    ),
    mutation(
        "an unsure delivery is recorded as unsure even if the history is readable by then",
        f"{_CRASHES}::test_an_unsure_result_that_could_not_be_stored_is_checked_again",
        "Sender._record",
        "None if isinstance(verdict, Unsure) else result",
        "result",
    ),
    mutation(
        "a message that was stored and deleted is sent again",
        "tests/relay/delivery/test_verdicts.py::test_posted_before_and_deleted_since",
        "_judge_refusal",
        "return Done(None, Reason.DELETED)",
        "return Again(retry_delay(attempt.attempts), answered=True, reason=Reason.DELETED)",
    ),
    mutation(
        "a missing response counts as a refusal",
        "tests/relay/delivery/test_verdicts.py::test_no_response_is_not_definite",
        "judge",
        "case NoResponse():\n    return Again(retry_delay(attempt.attempts), answered=False,",
        "case NoResponse():\n    return Again(retry_delay(attempt.attempts), answered=True,",
    ),
    mutation(
        "a refusal after an earlier try that may have succeeded is believed",
        "tests/e2e/test_lost_responses.py::test_a_refusal_after_a_lost_response_duplicates_nothing[blocked by AutoMod]",
        "is_ambiguous",
        "return any(status >= HTTPStatus.INTERNAL_SERVER_ERROR for status in statuses[:-1])",
        "return False",
    ),
    mutation(
        "a proxy's page counts as a refusal by Discord",
        "tests/e2e/test_lost_responses.py::test_a_proxy_page_instead_of_a_response_duplicates_nothing[499]",
        "read_refusal",
        "in _BEFORE_ANY_ACTION or is_of_discord(refusal):",
        "< 500:",
    ),
    mutation(
        "a proxy's empty page counts as an empty channel",
        "tests/discord_adapter/test_history.py::test_a_response_that_is_not_a_history_proves_nothing",
        "discord_adapter._page",
        "raise TypeError(page)\n",
        "return list(page or ())\n",
    ),
    mutation(
        "a reply needs its card",
        "tests/e2e/test_endings.py::test_a_deleted_card_does_not_prevent_the_outcome",
        "_send_arguments",
        "fail_if_not_exists=False",
        "fail_if_not_exists=True",
    ),
    mutation(
        "two bots can hold one database",
        "tests/e2e/test_starts.py::test_a_second_bot_with_the_same_database",
        "_open_storage",
        "stack.enter_context(instance_lock(settings.database))",
        "instance_lock(settings.database)",
    ),
    mutation(
        "a file that is still being written is given up",
        "tests/relay/media/test_media_store.py::test_a_growing_file_is_not_there_yet",
        "_Tries.broke_off",
        "if 0 < self._part < error.size:",
        "if 0:",
    ),
    mutation(
        "an empty file is given up like a broken one",
        "tests/relay/media/test_media_store.py::test_an_empty_or_promised_file_is_not_there_yet",
        "Downloader._write",
        "if not size:\n    raise _NotThere\n",
        "if not size:\n    raise _BrokeOff\n",
    ),
    mutation(
        "a late result without a known reason blames the bot",
        "tests/relay/delivery/test_sender.py::test_an_outcome_that_discord_took_late_does_not_blame_the_bot",
        "why_late",
        "return LateReason.POSTING if seen_in_time",
        "return LateReason.OFFLINE if seen_in_time",
    ),
    mutation(
        "the API is blamed for a result of a server that had removed the bot",
        "tests/relay/delivery/test_sender.py::test_an_outcome_of_a_server_that_had_removed_the_bot_says_so",
        "why_late",
        "if delay.blocked or delay.server_back > delay.ended:",
        "if delay.blocked:",
    ),
    mutation(
        "the API is blamed for a result of a server that had used another account",
        "tests/relay/delivery/test_sender.py::test_an_outcome_of_a_server_that_used_another_account_meanwhile_says_so",
        "MessageBuilder._why_late",
        "(row.account_since, row.server_account_since)",
        "(row.account_since,)",
    ),
    mutation(
        "a result is given up as unsure where Discord has just refused to post it",
        "tests/relay/delivery/test_delivery_crashes.py"
        "::test_a_place_where_discord_just_refused_to_post_is_searched_once_it_is_open",
        "Sender._until_in_reach",
        "closed or missing or was_closed",
        "closed or missing",
    ),
    mutation(
        "the API is blamed for a result whose end could not be stored",
        "tests/relay/test_write_availability.py::test_cards_are_notified_at_the_start_and_at_the_end",
        "WriteAvailability._set",
        "self.resumed_at = self._clock.now()\n",
        "",
    ),
    mutation(
        "a token that changed after the end was seen is blamed for a late result",
        "tests/relay/delivery/test_sender.py"
        "::test_a_token_that_changes_after_the_end_was_seen_is_not_why_the_outcome_is_late",
        "why_late",
        "token_changed = any(delay.ended < changed <= delay.seen for changed in delay.account_changes)",
        "token_changed, seen_in_time = any(delay.ended < changed for changed in delay.account_changes), False",
    ),
    mutation(
        "it is not stored when a server began to use another account",
        "tests/relay/test_guild_lifecycle.py::test_the_times_that_tell_why_a_server_s_results_are_late_are_stored",
        "ServerTokens._store",
        "await servers.note_account_changed(tx, guild_id, now)\n",
        "",
    ),
)
