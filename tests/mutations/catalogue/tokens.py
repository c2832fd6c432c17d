"""A token is one server's."""

from __future__ import annotations

from tests.mutations.mutation import mutation

_ACCOUNTS = "tests/relay/accounts/test_account_registry.py"
_MOVES = "tests/storage/test_moves.py"
_CHANGES = "tests/e2e/test_token_changes.py"
_SHARED = "tests/relay/accounts/test_shared_accounts.py"

MUTATIONS = (
    mutation(
        "an alert about the operator's token goes on where nothing waits any more",
        f"{_ACCOUNTS}::test_alerts_about_the_operator_s_token_end_even_in_servers_that_wait_for_nothing",
        "account_states._servers_using",
        "if account_id == operator_id:",
        "if False:",
    ),
    mutation(
        "an alert about the operator's token goes on once it is taken away",
        f"{_ACCOUNTS}::test_alerts_about_the_operator_s_token_end_even_in_servers_that_wait_for_nothing",
        "AccountRegistry._settle_operator",
        "await account_states.end_alerts(tx, told, NoticeKind.TOKEN_REMOVED, self._clock.now())\n",
        "",
    ),
    mutation(
        "an idle server is not told of a refused token in its alerts channel",
        f"{_ACCOUNTS}::test_an_idle_server_gets_alerts_only_in_its_alerts_channel",
        "account_states.change",
        "idle_too = state is not AccountState.OK",
        "idle_too = state is AccountState.MISSING",
    ),
    mutation(
        "a server that begins to wait while its token is refused is not told",
        "tests/relay/commands/test_commands.py"
        "::test_a_job_requested_while_the_token_is_refused_is_watched_and_posted_later",
        "Watch._watch",
        "if hold is not None:\n            await accounts.tell_trouble(tx, ask.guild_id, ask.at)\n",
        "",
    ),
    mutation(
        "a server that begins to watch a list while its token is refused is not told",
        "tests/relay/commands/test_commands.py"
        "::test_a_job_requested_while_the_token_is_refused_is_watched_and_posted_later",
        "WatchMany._write",
        "if hold is not None:\n            await self._lookups.accounts.tell_trouble(tx, ask.guild_id, ask.at)\n",
        "",
    ),
    mutation(
        "a server is told of a refused token whenever it asks",
        f"{_ACCOUNTS}::test_a_server_that_begins_to_wait_during_a_problem_is_told_once",
        "account_states.tell_trouble",
        "if await delivery_queries.alerts_not_over(tx, [guild_id], [kind], _ENDS):\n        return\n",
        "",
    ),
    mutation(
        "a server that is back is not told of a token that was refused meanwhile",
        "tests/relay/test_guild_lifecycle.py::test_a_server_that_is_back_is_told_of_a_problem_that_began_without_it",
        "GuildLifecycle.server_back",
        "await self._accounts.tell_trouble(tx, guild_id, self._clock.now())\n",
        "",
    ),
    mutation(
        "a token that is replaced after its server removed the bot is kept",
        f"{_ACCOUNTS}::test_of_a_token_replaced_while_its_server_removed_the_bot_no_copy_is_left",
        "ServerTokens._store",
        "own = self._accounts.own(guild_id)",
        "own = before",
    ),
    mutation(
        "a start keeps a token that nobody uses",
        f"{_ACCOUNTS}::test_a_start_forgets_a_token_that_nobody_uses",
        "AccountRegistry.start",
        "await accounts.forget_unused_tokens(tx)\n",
        "",
    ),
    mutation(
        "a response to the operator's old token puts the new one of another process on hold",
        "tests/relay/accounts/test_account_registry.py::"
        "test_a_response_to_a_replaced_operator_s_token_says_nothing_about_the_new_one",
        "AccountRegistry._change_state",
        "account = None if row is None else self.decrypt_row(row)",
        "account = self._known.get(account_id)",
    ),
    mutation(
        "cards do not tell that the operator's token was taken away",
        "tests/relay/accounts/test_account_registry.py::"
        "test_cards_show_that_the_operator_s_token_was_removed_and_is_back",
        "AccountRegistry._settle_operator",
        "await cards.account_changed(tx, now_id)\n",
        "",
    ),
    mutation(
        "cards do not tell of another token after a kill",
        "tests/relay/accounts/test_account_registry.py::"
        "test_after_a_kill_at_a_token_change_cards_show_it_at_the_next_start",
        "ServerTokens._store",
        "await cards.account_changed(tx, row.id, guild_id=guild_id)",
        "pass",
    ),
    mutation(
        "cards do not tell of a removed token after a kill",
        "tests/relay/accounts/test_account_registry.py::"
        "test_after_a_kill_at_a_token_change_cards_show_it_at_the_next_start",
        "ServerTokens._remove",
        "await cards.account_changed(tx, self._accounts.operator_id, guild_id=guild_id)\n",
        "",
    ),
    mutation(
        "another token of the operator is believed as the one before was",
        "tests/storage/test_servers.py::test_another_token_of_the_operator_must_be_confirmed_again",
        "put_operator_token",
        "confirmed = confirmed AND coalesce(token_hash = ?2, FALSE)",
        "confirmed = confirmed",
    ),
    mutation(
        "a job that is moved to one that nobody waited for counts as old",
        "tests/storage/test_moves.py"
        "::test_a_job_that_nobody_watched_is_as_old_as_the_one_that_moves_to_it[sqlite-False-1500]",
        "moves.to_account",
        "(_REPOINT, _COPY, _REOPEN, rewatch, _MOVE_OPEN)",
        "(_REPOINT, _COPY, _REOPEN, _MOVE_OPEN)",
    ),
    mutation(
        "a batch whose last job goes on in another subscription stays open",
        "tests/storage/test_moves.py::test_a_batch_ends_if_its_last_job_moves_to_another_batch",
        "moves._merge",
        'if double["batch_id"] is not None:',
        "if False:",
    ),
    mutation(
        "two subscriptions of a channel are moved to one job",
        "tests/storage/test_moves.py::test_of_several_former_rows_one_subscription_of_a_channel_continues",
        "moves._MOVE",
        "WHERE id = moved.source AND moved.place = 1\n",
        "WHERE id = moved.source\n",
    ),
    mutation(
        "a job that others wait for gets young by what is moved to it",
        "tests/storage/test_moves.py"
        "::test_a_job_that_nobody_watched_is_as_old_as_the_one_that_moves_to_it[sqlite-True-1000]",
        "moves._REWATCH",
        "AND NOT EXISTS (SELECT 1 FROM subscriptions o WHERE o.job_id = jobs.id AND o.ended_at IS NULL)\n",
        "",
    ),
    mutation(
        "the copy that an update makes keeps the tokens",
        "tests/relay/accounts/test_shared_accounts.py"
        "::test_nothing_is_left_of_deleted_tokens_and_the_earlier_copy_has_none",
        "copy_beside",
        "with_tokens=False",
        "with_tokens=True",
    ),
    mutation(
        "a token that claims a server's account is stored in the place of that server's own",
        f"{_ACCOUNTS}::test_a_token_that_only_claims_an_account_takes_nothing_over",
        "ServerTokens._store",
        "digest = self._vault.keyed_hash(token)\nrow",
        "digest = self._vault.keyed_hash(key)\nrow",
    ),
    mutation(
        "a server's token is the operator's where the bytes are the same",
        f"{_ACCOUNTS}::test_a_server_s_own_token_is_never_the_operator_s[user:1-old]",
        "put_token",
        "INSERT INTO accounts (account_key, token, token_hash, state_since) VALUES (?, ?, ?, ?)",
        "INSERT INTO accounts (account_key, token, token_hash, state_since, of_operator) VALUES (?, ?, ?, ?, 1)",
    ),
    mutation(
        "a late trial overwrites a newer token",
        f"{_ACCOUNTS}::test_the_later_command_wins_not_the_later_response",
        "ServerTokens._store",
        "if self._changed_by.get(guild_id, 0) > command:",
        "if 0:",
    ),
    mutation(
        "a token that is being tried is stored though the server's was removed meanwhile",
        f"{_ACCOUNTS}::test_a_token_removed_while_another_was_tried_stays_removed",
        "ServerTokens._remove",
        "self._changed_by[guild_id] = command\n",
        "",
    ),
    mutation(
        "what a token's text claims passes for confirmed",
        f"{_ACCOUNTS}::test_a_token_that_only_claims_an_account_takes_nothing_over",
        "Account.user",
        "return ClaimedUser(number, self.confirmed)",
        "return ClaimedUser(number, True)",
    ),
    mutation(
        "a user's number is confirmed by a longer one",
        "tests/relay/accounts/test_account_registry.py::test_the_claimed_user_is_confirmed_by_an_id_from_the_api",
        "names_user",
        '(?![0-9])", jobid)',
        '", jobid)',
    ),
    mutation(
        "a new token takes other servers' subscriptions along",
        f"{_MOVES}::test_a_job_that_others_wait_for_is_split",
        "_MOVE",
        "s.job_id = m.id AND +s.guild_id = ?2",
        "s.job_id = m.id AND ?2",
    ),
    mutation(
        "a job that other servers wait for is moved instead of copied",
        f"{_MOVES}::test_a_job_that_others_wait_for_is_split",
        "_REPOINT",
        "AND NOT EXISTS (SELECT 1 FROM subscriptions s WHERE s.job_id = jobs.id AND s.guild_id <> ?2)",
        "AND ?2",
    ),
    mutation(
        "an end that the API did not tell is told to who still waits",
        f"{_MOVES}::test_an_end_that_the_api_did_not_report_does_not_count_for_those_who_still_wait",
        "to_account",
        "for statement in (_REPOINT, _COPY, _REOPEN, rewatch, _MOVE_OPEN):",
        "for statement in (_REPOINT, _COPY, rewatch, _MOVE_OPEN):",
    ),
    mutation(
        "an answer to a replaced token makes a job gone",
        "tests/relay/polling/test_job_recorder.py::test_a_response_to_a_replaced_token_changes_nothing",
        "JobRecorder.record_missing",
        "if row is None or row.ended_at is not None or row.account_id != account_id:",
        "if row is None or row.ended_at is not None:",
    ),
    mutation(
        "links are read again with a token that is not the server's",
        "tests/relay/delivery/test_link_refresh.py::test_a_job_of_another_token_is_not_requested",
        "LinkRefresher.refresh",
        "if row is None or self._in_force(guild_id) != row.account_id:",
        "if row is None:",
    ),
    mutation(
        "an update leaves a token to every server that used it",
        f"{_SHARED}::test_an_update_leaves_a_token_to_the_one_server_that_used_it",
        "storage/migrations/0003_tokens.sqlite.sql",
        "AND (SELECT count(*) FROM servers v WHERE v.account_id = b.id) = 1\n",
        "",
    ),
    mutation(
        "an update leaves a token that another server may have entered",
        f"{_SHARED}::test_an_update_leaves_a_token_to_the_one_server_that_used_it",
        "storage/migrations/0003_tokens.sqlite.sql",
        "AND s.guild_id <> (SELECT",
        "AND 0 AND s.guild_id <> (SELECT",
    ),
    mutation(
        "one token that cannot be decrypted keeps the bot from starting",
        f"{_SHARED}::test_an_undecryptable_token_is_asked_for_and_returns_with_its_key",
        "AccountRegistry.decrypt_row",
        "except WrongKey:\n    token = None\n",
        "except ZeroDivisionError:\n    token = None\n",
    ),
    mutation(
        "a replaced token stays in the write-ahead log",
        f"{_SHARED}::test_no_byte_of_a_replaced_secret_stays_in_a_file",
        "ServerTokens._store",
        "(changed.id for changed in rows))))\nawait self._database.flush()\n",
        """(changed.id for changed in rows))))
""",
    ),
    mutation(
        "a replaced address for callbacks stays in the write-ahead log",
        "tests/relay/callbacks/test_callback_addresses.py::test_no_byte_of_a_replaced_address_stays_in_a_file",
        "CallbackAddresses._keep",
        "await self._database.flush()\n",
        "",
    ),
    mutation(
        "nobody notices that the write-ahead log was not emptied",
        "tests/storage/test_database.py::test_a_log_that_is_being_read_is_emptied_later",
        "SqliteEngine.flush",
        "return not blocked\n",
        "return True\n",
    ),
    mutation(
        "a channel waits twice for a job that was on hold",
        f"{_CHANGES}::test_a_job_on_hold_that_the_operators_token_sees_is_waited_for_once[status]",
        "subscribe._bring_up_to_date",
        "await moves.to_job(tx, row.id, ask.guild_id, ask.channel_id, ask.at)\n",
        "pass\n",
    ),
    mutation(
        "a job on hold goes over to an account that may not see it",
        f"{_CHANGES}::test_a_job_on_hold_stays_with_its_account_while_the_api_is_silent[status]",
        "subscribe.subscribe",
        "if waiting is not None and unseen and",
        "if 0 and",
    ),
    mutation(
        "what other servers and channels wait for goes over too",
        f"{_MOVES}::test_a_subscription_elsewhere_moves_to_the_job_that_can_be_seen",
        "_ELSEWHERE",
        "s.channel_id = ?2 AND s.guild_id = ?3 AND s.ended_at IS NULL",
        "?2 AND ?3 AND s.ended_at IS NULL",
    ),
    mutation(
        "an old button drops the jobs of an account whose token was entered again",
        f"{_CHANGES}::test_buttons_from_before_a_change_of_the_token_do_nothing",
        "ServerTokens._check_not_in_force",
        "if entered_again or",
        "if",
    ),
    mutation(
        "a token is tried before the time that a response to it named",
        "tests/relay/accounts/test_account_registry.py"
        "::test_a_token_is_not_tried_before_the_retry_time_of_any_response_to_it",
        "Rechecks._try_in_turn",
        "None if token is None else self._api.retry_at(token)",
        "None",
    ),
    mutation(
        "the token of a server without the bot is tried again and again",
        f"{_CHANGES}::test_a_server_without_the_bot_has_its_token_rest",
        "Rechecks._try_in_turn",
        "if not self.accounts.is_in_force(account_id):",
        "if 0:",
    ),
    mutation(
        "servers with the same token ask each for itself",
        "tests/e2e/test_accounts.py::test_one_account_in_two_servers_is_asked_once[v1]",
        "ServerTokens._store",
        "digest = self._vault.keyed_hash(token)\nrow",
        'digest = self._vault.keyed_hash(f"{guild_id} {token}")\nrow',
    ),
    mutation(
        "what is on hold stays so where only a list knew the job under the account in force",
        "tests/relay/commands/test_commands.py::test_a_job_on_hold_continues_under_a_row_known_only_from_a_list",
        "subscribe._bring_up_to_date",
        "request.job is not None or row.snapshot is not None",
        "row.snapshot is not None",
    ),
    mutation(
        "what other processes have changed overwrites what this one has just stored",
        f"{_ACCOUNTS}::test_a_token_stored_while_other_changes_are_read_is_not_overwritten[False]",
        "AccountRegistry.read_again",
        "if writes == self._writes:\n    break",
        "if True:\n    break",
    ),
    mutation(
        "a read of all accounts overwrites what this process has just stored",
        f"{_ACCOUNTS}::test_a_token_stored_while_other_changes_are_read_is_not_overwritten[True]",
        "AccountRegistry.read_all",
        "if writes == self._writes:\n    break",
        "if True:\n    break",
    ),
    mutation(
        "a state that another process has written is never taken over",
        f"{_ACCOUNTS}::test_a_state_written_by_another_process_is_adopted",
        "AccountRegistry._change_state",
        "await self.change_state(tx, account, state, now)\n",
        "if not await self.change_state(tx, account, state, now):\n    return\n",
    ),
    mutation(
        "a process keeps the operator's account that another one has replaced",
        "tests/relay/accounts/test_account_registry.py::test_the_operator_s_token_of_a_later_process_counts_in_all",
        "AccountRegistry.read_again",
        "self._operator_id = operator_id",
        "pass",
    ),
)
