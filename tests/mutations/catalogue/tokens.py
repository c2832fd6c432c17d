"""A token is one server's."""

from __future__ import annotations

from tests.mutations.mutation import fault

_ACCOUNTS = "tests/relay/tokens/test_accounts.py"
_MOVES = "tests/storage/test_moves.py"
_CHANGES = "tests/e2e/test_token_changes.py"
_SHARED = "tests/relay/tokens/test_shared_accounts.py"

FAULTS = (
    fault(
        "the copy that an update makes keeps the tokens",
        "tests/relay/tokens/test_shared_accounts.py"
        "::test_of_deleted_tokens_nothing_is_left_and_the_copy_of_before_holds_none",
        "storage/migrate.py",
        "with_tokens=False",
        "with_tokens=True",
    ),
    fault(
        "a token that claims a server's account is stored in the place of that server's own",
        f"{_ACCOUNTS}::test_a_token_that_only_claims_an_account_takes_nothing_over",
        "relay/tokens/tokens.py",
        "digest = self._vault.keyed_hash(token)\n            row",
        "digest = self._vault.keyed_hash(key)\n            row",
    ),
    fault(
        "a server's token is the operator's where the bytes are the same",
        f"{_ACCOUNTS}::test_a_servers_own_token_is_never_the_operators[user:1-old]",
        "storage/accounts.py",
        '"token_hash = ? AND NOT of_operator"',
        '"token_hash = ? ORDER BY of_operator DESC"',
    ),
    fault(
        "a late trial overwrites a newer token",
        f"{_ACCOUNTS}::test_the_later_command_wins_not_the_later_answer",
        "relay/tokens/tokens.py",
        "if self._changed_by.get(guild_id, 0) > command:",
        "if 0:",
    ),
    fault(
        "a token that is being tried is stored though the server's was removed meanwhile",
        f"{_ACCOUNTS}::test_a_token_that_was_removed_while_another_was_tried_stays_removed",
        "relay/tokens/tokens.py",
        """        self._changed_by[guild_id] = command
        for changed in rows:
            self._accounts.keep(changed)
        self._accounts.keep_own(guild_id, None)""",
        """        for changed in rows:
            self._accounts.keep(changed)
        self._accounts.keep_own(guild_id, None)""",
    ),
    fault(
        "what a token's text claims passes for confirmed",
        f"{_ACCOUNTS}::test_a_token_that_only_claims_an_account_takes_nothing_over",
        "relay/tokens/account_states.py",
        "return ClaimedUser(number, self.confirmed)",
        "return ClaimedUser(number, True)",
    ),
    fault(
        "a user's number is confirmed by a longer one",
        "tests/relay/tokens/test_accounts.py::test_the_claimed_user_is_confirmed_by_an_id_that_the_api_told",
        "pixverse/tokens.py",
        '(?![0-9])", jobid)',
        '", jobid)',
    ),
    fault(
        "a new token takes other servers' subscriptions along",
        f"{_MOVES}::test_a_job_that_others_wait_for_is_split",
        "storage/moves.py",
        'WHERE job_id = found.source AND guild_id = ?2 AND {open}"',
        'WHERE job_id = found.source AND ?2 AND {open}"',
    ),
    fault(
        "a job that other servers wait for is moved instead of copied",
        f"{_MOVES}::test_a_job_that_others_wait_for_is_split",
        "storage/moves.py",
        '" AND NOT EXISTS (SELECT 1 FROM subscriptions s WHERE s.job_id = jobs.id AND s.guild_id <> ?2)"',
        '" AND ?2"',
    ),
    fault(
        "an end that the API did not tell is told to who still waits",
        f"{_MOVES}::test_an_end_that_the_api_did_not_tell_does_not_count_for_who_still_waits",
        "storage/moves.py",
        "for statement in (_REPOINT, _COPY, _REOPEN, _REWATCH, _MOVE_OPEN):",
        "for statement in (_REPOINT, _COPY, _REWATCH, _MOVE_OPEN):",
    ),
    fault(
        "an answer to a replaced token makes a job gone",
        "tests/relay/polling/test_answers.py::test_an_answer_to_a_replaced_token_changes_nothing",
        "relay/polling/answers.py",
        "if row is None or row.ended_at is not None or row.account_id != account_id:",
        "if row is None or row.ended_at is not None:",
    ),
    fault(
        "links are read again with a token that is not the server's",
        "tests/relay/delivery/test_link_refresh.py::test_a_job_of_another_token_is_not_asked_about",
        "relay/delivery/link_refresh.py",
        "if row is None or self._in_force(guild_id) != row.account_id:",
        "if row is None:",
    ),
    fault(
        "an update leaves a token to every server that used it",
        f"{_SHARED}::test_an_update_leaves_a_token_to_the_one_server_that_used_it",
        "storage/migrations/0003_tokens.sql",
        "        AND (SELECT count(*) FROM servers v WHERE v.account_id = b.id) = 1\n",
        "",
    ),
    fault(
        "an update leaves a token that another server may have entered",
        f"{_SHARED}::test_an_update_leaves_a_token_to_the_one_server_that_used_it",
        "storage/migrations/0003_tokens.sql",
        "            AND s.guild_id <> (SELECT",
        "            AND 0 AND s.guild_id <> (SELECT",
    ),
    fault(
        "one token that cannot be decrypted keeps the bot from starting",
        f"{_SHARED}::test_a_token_that_cannot_be_decrypted_is_asked_for_and_comes_back_with_its_key",
        "relay/tokens/accounts.py",
        "        except WrongKey:\n            token = None\n",
        "        except ZeroDivisionError:\n            token = None\n",
    ),
    fault(
        "a replaced token stays in the write-ahead log",
        f"{_SHARED}::test_no_byte_of_a_replaced_secret_stays_in_a_file",
        "relay/tokens/tokens.py",
        """(changed.id for changed in rows))))
        await self._database.flush()
""",
        """(changed.id for changed in rows))))
""",
    ),
    fault(
        "a replaced address for callbacks stays in the write-ahead log",
        "tests/relay/callbacks/test_callback_addresses.py::test_no_byte_of_a_replaced_address_stays_in_a_file",
        "relay/callbacks/callback_addresses.py",
        "        await self._database.flush()\n",
        "",
    ),
    fault(
        "nobody notices that the write-ahead log was not emptied",
        "tests/storage/test_database.py::test_a_log_that_is_being_read_is_emptied_later",
        "storage/database.py",
        "return not rows[0][0]\n",
        "return True\n",
    ),
    fault(
        "a channel waits twice for a job that was on hold",
        f"{_CHANGES}::test_a_job_on_hold_that_the_operators_token_sees_is_waited_for_once[status]",
        "relay/commands/subscribe.py",
        "        await moves.to_job(tx, row.id, ask.guild_id, ask.channel_id, ask.at)\n",
        "        pass\n",
    ),
    fault(
        "a job on hold goes over to an account that may not see it",
        f"{_CHANGES}::test_a_job_on_hold_stays_with_its_account_while_the_api_is_silent[status]",
        "relay/commands/subscribe.py",
        "if waiting is not None and unseen and",
        "if 0 and",
    ),
    fault(
        "what other servers and channels wait for goes over too",
        f"{_MOVES}::test_what_a_channel_waits_for_elsewhere_goes_over_to_the_job_that_can_be_seen",
        "storage/moves.py",
        "s.channel_id = ?2 AND s.guild_id = ?3 AND s.ended_at IS NULL",
        "?2 AND ?3 AND s.ended_at IS NULL",
    ),
    fault(
        "an old button drops the jobs of an account whose token was entered again",
        f"{_CHANGES}::test_buttons_from_before_a_change_of_the_token_do_nothing",
        "relay/tokens/tokens.py",
        "if entered_again or",
        "if",
    ),
    fault(
        "the token of a server without the bot is tried again and again",
        f"{_CHANGES}::test_a_server_without_the_bot_has_its_token_rest",
        "relay/tokens/rechecks.py",
        "if not self._accounts.is_in_force(account_id):",
        "if 0:",
    ),
    fault(
        "servers with the same token ask each for itself",
        "tests/e2e/test_accounts.py::test_one_account_in_two_servers_is_asked_once[v1]",
        "relay/tokens/tokens.py",
        "digest = self._vault.keyed_hash(token)\n            row",
        'digest = self._vault.keyed_hash(f"{guild_id} {token}")\n            row',
    ),
)
