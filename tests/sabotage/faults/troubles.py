"""The API's troubles."""

from __future__ import annotations

from tests.sabotage.fault import fault

FAULTS = (
    fault(
        "cards do not say that nothing can be written down",
        "tests/relay/cards/test_pauses.py::test_cards_are_told_at_the_beginning_and_at_the_end",
        "relay/cards/pauses.py",
        "        self._health.paused = paused\n        self._cards.api_changed()\n",
        "        self._health.paused = paused\n",
    ),
    fault(
        "nobody is told that the old account's jobs go on",
        "tests/relay/tokens/test_accounts.py::test_a_token_of_another_account_leaves_the_waiting_jobs_on_hold",
        "relay/tokens/tokens.py",
        "if before != row.id and jobs and not told:",
        "if 0:",
    ),
    fault(
        "a start with very many jobs asks about all of them within an interval",
        "tests/relay/polling/test_schedule.py::test_a_hundred_thousand_old_jobs_come_no_faster_than_their_schedule",
        "relay/polling/schedule.py",
        "    window = max(interval, min(gap, jobs / CATCH_UP_RATE))\n",
        "    window = max(interval, 0 * gap * jobs)\n",
    ),
    fault(
        "an error with the bytes of an earlier answer passes for it",
        "tests/pixverse/test_told.py::test_the_same_bytes_with_another_status_are_no_answer",
        "pixverse/client.py",
        "if status == _OK and answer.fingerprint == known:",
        "if answer.fingerprint == known:",
    ),
    fault(
        "what is being polled is asked for once more",
        "tests/relay/polling/test_questions.py::test_who_asks_what_is_being_polled_has_the_poll_s_answer",
        "relay/polling/questions.py",
        "        self._polling.add(key)\n",
        "        self._polling.discard(key)\n",
    ),
    fault(
        "an outage ends as a stampede",
        "tests/relay/polling/test_schedule.py::test_back_off_grows_and_differs",
        "relay/polling/schedule.py",
        "return asked_at + max(interval, longest * random.uniform(2 / 3, 1))",
        "return asked_at + longest",
    ),
    fault(
        "a slow failure speaks against an API that has answered since",
        "tests/relay/polling/test_breaker.py::test_a_failure_that_was_asked_before_an_answer_came_says_nothing",
        "relay/polling/breaker.py",
        "        if asked < self._answered_at:\n            return False\n",
        "",
    ),
    fault(
        "an API that fails some questions counts as down many times a minute",
        "tests/relay/polling/test_poller.py::test_an_api_that_fails_most_questions_is_not_down_and_starves_nobody",
        "relay/polling/breaker.py",
        "if self.down_since is not None or not enough or asked - self._first_asked < self._patience:",
        "if self.down_since is not None or not enough:",
    ),
    fault(
        "fresh links are taken from the answer that told the end",
        "tests/relay/posting/test_rereading.py::test_the_answer_that_told_the_end_is_not_used_again",
        "relay/posting/rereading.py",
        "fresh = 0.0 if recent is not None and _told_the_end(recent, row) else FRESH_SECONDS",
        "fresh = FRESH_SECONDS",
    ),
    fault(
        "Retry-After is not heeded",
        "tests/relay/polling/test_poller.py::test_retry_after_rests_the_account_and_not_the_world",
        "relay/polling/questions.py",
        "rest.until = max(rest.until, until)",
        "rest.until = now",
    ),
    fault(
        "a late refusal of the old token is held against the new one",
        "tests/relay/tokens/test_accounts.py::test_a_late_refusal_of_the_token_before_is_not_believed",
        "relay/tokens/accounts.py",
        "elif state is AccountState.OK or self._was_just_replaced(account):",
        "elif state is AccountState.OK:",
    ),
    fault(
        "a proxy's 404 says that a job is gone",
        "tests/pixverse/test_refusals.py::test_a_proxys_4xx_proves_nothing",
        "pixverse/refusals.py",
        "    return code == status or (code is None and status not in _ABOUT_A_JOB)",
        "    return True",
    ),
    fault(
        "a refused token is asked with on and on",
        "tests/relay/polling/test_poller.py::test_a_refused_token_rests_its_jobs_until_the_account_is_well",
        "relay/polling/asking.py",
        'if self._accounts.state_of(job.account_id) != "ok" or self._accounts.token_of(job.account_id) is None:',
        "if self._accounts.token_of(job.account_id) is None:",
    ),
    fault(
        "while the API is down every job asks whether it is back",
        "tests/relay/polling/test_poller.py::test_an_outage_is_probed_by_one_job_at_a_time_and_ends_without_a_stampede",
        "relay/polling/poller.py",
        "elif self._questions.down_since is None or self._probes.take(job.id, now):",
        "elif 1:",
    ),
    fault(
        "one job's trouble puts off the others",
        "tests/relay/polling/test_poller.py::test_a_broken_job_backs_off_and_holds_up_no_other",
        "relay/polling/asking.py",
        "        job.failures += 1",
        "        job.failures += 0",
    ),
    fault(
        "a link that has run out is not asked for anew",
        "tests/relay/posting/test_delivery.py::test_a_link_that_turns_out_to_have_run_out_is_read_again_once",
        "relay/posting/attachments.py",
        " if fresh is job and _has_expired(items) else fresh",
        " if 0 else fresh",
    ),
    fault(
        "a download that breaks off is not tried again",
        "tests/relay/videos/test_media.py::test_truncated_then_whole",
        "relay/videos/download.py",
        "                if attempt == TRIES:",
        "                if 1:",
    ),
    fault(
        "a page in a video's place is posted as one",
        "tests/relay/videos/test_media.py::test_not_a_video",
        "relay/videos/download.py",
        """    if not kind.startswith("video/") or head.lstrip()[:1] == b"<":""",
        "    if 0:",
    ),
)
