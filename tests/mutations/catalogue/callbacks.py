"""A callback is a hint, bounded in everything, and its address a secret."""

from __future__ import annotations

from tests.mutations.mutation import mutation

_ADDRESSES = "tests/relay/callbacks/test_callback_addresses.py"
_CLAIMS = "tests/relay/polling/test_reported_ends.py"
_HINTS = "tests/relay/callbacks/test_callback_processor.py"
_QUEUE = "tests/relay/polling/test_job_queue.py"

MUTATIONS = (
    mutation(
        "a replaced address still works",
        f"{_ADDRESSES}::test_a_replaced_address_is_void_and_is_replaced_once",
        "CallbackAddresses._keep",
        "self.forget(guild_id)\n",
        "",
    ),
    mutation(
        "an address is stored in plain text",
        f"{_ADDRESSES}::test_the_secret_is_encrypted_and_in_no_repr",
        "CallbackAddresses._keep",
        "self._secret_store.encrypt(secret)",
        "secret.encode()",
    ),
    mutation(
        "an address is logged",
        "tests/test_logs.py::test_no_secret_is_in_a_line[text]",
        "redact",
        "in (_DISCORD_URL, _CALLBACK_PATH):",
        "in (_DISCORD_URL,):",
    ),
    mutation(
        "rotate-key leaves addresses with the old key",
        "tests/storage/test_key_rotation.py::test_the_key_file_gets_a_new_key_and_nothing_is_lost",
        "reencrypt",
        '(("accounts", "id", "token"), ("servers", "guild_id", "callback_secret")):',
        '(("accounts", "id", "token"),):',
    ),
    mutation(
        "a callback reaches jobs of an account that is not the server's own",
        f"{_HINTS}::test_a_server_reaches_only_the_jobs_of_its_own_account",
        "CallbackProcessor._used",
        "account_id = self._accounts.own(guild_id)",
        "account_id = self._accounts.in_force(guild_id)",
    ),
    mutation(
        "reported progress causes an early request",
        f"{_HINTS}::test_reported_progress_causes_no_request",
        "CallbackProcessor._used",
        "if not callback.reports_end:",
        "if 0:",
    ),
    mutation(
        "reports cause requests without limit",
        f"{_CLAIMS}::test_a_flood_of_reports_causes_at_most_three_requests_an_interval",
        "early_look",
        "at >= reported_at or now - at < interval",
        "at >= reported_at",
    ),
    mutation(
        "a report has a job requested without end while each request takes long",
        f"{_QUEUE}::test_one_report_causes_three_requests_whatever_their_result_or_duration",
        "early_look",
        "at >= reported_at or now - at < interval",
        "now - at < interval",
    ),
    mutation(
        "a report makes a job wait longer if the requests fail",
        f"{_QUEUE}::test_a_report_makes_no_job_wait_longer",
        "JobQueue.failed",
        "due = self._early_look(job)",
        "due, job.failures = self._early_look(job), job.failures + 1",
    ),
    mutation(
        "an overage job with a reported end is given up again and again at once",
        f"{_QUEUE}::test_an_overage_job_that_cannot_be_given_up_is_not_retried_at_once",
        "JobQueue._early_look",
        "if not self.is_over_age(job):",
        "if True:",
    ),
    mutation(
        "a report counts again with each read of the changes",
        f"{_CLAIMS}::test_a_report_counts_once_even_if_more_has_to_be_read",
        "JobLoader.load",
        "self._reported_ends = {job_id for job_id in self._reported_ends if not self._queue.report_end(job_id)}",
        "for job_id in self._reported_ends:\n    self._queue.report_end(job_id)",
    ),
    mutation(
        "a reported end is checked only once",
        f"{_CLAIMS}::test_a_record_that_is_not_final_yet_is_requested_again",
        "JobQueue.still_running",
        "self._wait_or_look_early(job, ",
        "self._wait(job, ",
    ),
    mutation(
        "a response from before a report is used again",
        f"{_CLAIMS}::test_a_reported_end_is_seen_at_once_even_after_a_recent_response",
        "Poller._fetch",
        "0.0 if job.end_reported else self._interval / 2",
        "self._interval / 2",
    ),
    mutation(
        "a job that only a callback knows is relayed",
        f"{_HINTS}::test_a_job_unknown_to_the_api_or_long_ended_is_not_relayed",
        "UnknownJobs._ask",
        "if not isinstance(content, Job) or await self._ended_long_ago(account_id, content, came_at):",
        "if False:",
    ),
    mutation(
        "an unknown job is forgotten if the API gives no answer",
        f"{_HINTS}::test_an_unknown_job_is_requested_again_if_the_api_gave_no_answer",
        "UnknownJobs._ask",
        'log.info("no response about a job that a callback named: %s", error)\nreturn _Answer.NONE',
        'log.info("no response about a job that a callback named: %s", error)\nreturn _Answer.SETTLED',
    ),
    mutation(
        "one 404 is believed about a job that only a callback knows",
        f"{_HINTS}::test_a_job_whose_record_appears_after_its_callback_is_relayed",
        "UnknownJobs._ask_until_answered",
        "was_missing = not callback.reports_end",
        "was_missing = True",
    ),
    mutation(
        "a callback is lost while the database fails",
        f"{_HINTS}::test_a_callback_is_acted_on_once_the_database_works_again",
        "CallbackProcessor._process",
        "self._queue.add(guild_id, callback)",
        "pass",
    ),
    mutation(
        "an unknown job is lost if it cannot be stored",
        f"{_HINTS}::test_a_job_that_cannot_be_stored_now_is_relayed_later",
        "UnknownJobs._ask",
        'log_failure(log, error, "a job that a callback named is relayed later")\nreturn _Answer.NONE',
        "return _Answer.SETTLED",
    ),
    mutation(
        "a job that nobody watches any more is not relayed to those who follow",
        f"{_HINTS}::test_a_job_that_nobody_watches_any_more_counts_as_unknown",
        "CallbackProcessor._used",
        "if row is None or not await self._is_watched(row):",
        "if row is None:",
    ),
    mutation(
        "an unknown job is forgotten while the account backs off",
        f"{_HINTS}::test_an_account_in_backoff_is_left_alone",
        "UnknownJobs.consider",
        "if has_to_wait and sum(waiting == account_id for waiting, _ in self._under_way) >= MOST_WAITING:",
        "if has_to_wait:",
    ),
    mutation(
        "any number of unknown jobs waits",
        f"{_HINTS}::test_only_so_many_unknown_jobs_of_an_account_wait",
        "UnknownJobs.consider",
        "if has_to_wait and sum(waiting == account_id for waiting, _ in self._under_way) >= MOST_WAITING:",
        "if False:",
    ),
    mutation(
        "a job made off-peak is not relayed",
        f"{_HINTS}::test_a_job_that_no_list_names_is_relayed_hours_after_it_was_made",
        "UnknownJobs._ended_long_ago",
        "return all(follow.created_at > job.created for follow in following)",
        "return True",
    ),
    mutation(
        "a job that may have ended before the follow began is relayed",
        f"{_HINTS}::test_a_job_that_no_list_names_is_relayed_hours_after_it_was_made",
        "UnknownJobs._ended_long_ago",
        "return all(follow.created_at > job.created for follow in following)",
        "return False",
    ),
    mutation(
        "made-up ids cause requests without limit",
        f"{_HINTS}::test_a_flood_of_unknown_ids_causes_few_requests",
        "UnknownJobs._may_ask",
        "if len(asked) == REQUESTS_PER_INTERVAL and",
        "if 0 and",
    ),
    mutation(
        "one server's callbacks take all space",
        f"{_HINTS}::test_a_flood_about_many_jobs_is_bounded",
        "FairQueue.add",
        " or len(waiting) >= self._max_of_one_server:",
        ":",
    ),
    mutation(
        "each callback is stored",
        f"{_HINTS}::test_when_a_server_was_last_heard_is_written_once_a_minute",
        "CallbackProcessor.received",
        "if guild_id not in self._came_at:",
        "if True:",
    ),
    mutation(
        "an address accepts any number of callbacks",
        "tests/web/test_callbacks.py::test_a_flood_to_one_address_is_cut_off_and_affects_no_other",
        "Callbacks.answer",
        "if self._by_server.wait(guild_id) > 0:",
        "if 0:",
    ),
    mutation(
        "a body of any type is read",
        "tests/web/test_callbacks.py::test_a_body_that_is_not_json_is_refused",
        "Callbacks.answer",
        "if not _is_json(request.head):",
        "if 0:",
    ),
    mutation(
        "a replaced address returns from an older read of all addresses",
        "tests/relay/callbacks/test_callback_addresses.py"
        "::test_a_void_address_stays_void_while_other_changes_are_read[None]",
        "CallbackAddresses.read_all",
        "self._undisturbed(lambda: servers.callback_hashes(self._database.reader))",
        "servers.callback_hashes(self._database.reader)",
    ),
    mutation(
        "a replaced address returns from an older read of its server",
        "tests/relay/callbacks/test_callback_addresses.py"
        "::test_a_void_address_stays_void_while_other_changes_are_read[of1]",
        "CallbackAddresses.read_again",
        "self._undisturbed(read)",
        "read()",
    ),
)
