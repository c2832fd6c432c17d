"""Lists of jobs in work, and whole accounts."""

from __future__ import annotations

from tests.mutations.mutation import mutation

_OLD_BY_ANOTHER_CLOCK = (
    "tests/relay/follow/test_account_follower.py::test_whether_a_job_ended_long_ago_is_not_decided_by_a_wrong_clock"
)

MUTATIONS = (
    mutation(
        "a member who leaves a job is told of a follow that has ended",
        "tests/relay/follow/test_account_follower.py"
        "::test_a_member_who_leaves_is_told_of_the_follow_only_while_it_lasts",
        "Stop.stop",
        "followed = goes_on and await follows.is_followed(tx, subscription.id)",
        "followed = goes_on",
    ),
    mutation(
        "asking before a follow finds the job takes it from the channel when the person leaves",
        "tests/relay/follow/test_account_follower.py::"
        "test_a_person_who_asked_before_the_follow_takes_the_job_from_nobody[False-follow]",
        "follows.keep_open_if_followed",
        "OR EXISTS (SELECT 1 FROM",
        "OR FALSE AND EXISTS (SELECT 1 FROM",
    ),
    mutation(
        "stopping a whole batch takes its jobs from a channel that follows",
        "tests/relay/follow/test_account_follower.py::"
        "test_a_person_who_asked_before_the_follow_takes_the_job_from_nobody[True-follow]",
        "Stop.stop_all",
        "not await follows.keep_open_if_followed(tx, subscription.id)",
        "True",
    ),
    mutation(
        "a job of an account that the channel does not follow outlives its last subscriber",
        "tests/relay/follow/test_account_follower.py::test_a_job_of_another_account_ends_with_its_last_subscriber",
        "follows.keep_open_if_followed",
        "JOIN jobs j ON j.account_id = f.account_id",
        "JOIN jobs j ON TRUE",
    ),
    mutation(
        "a job that a list named during a database failure is never relayed",
        "tests/relay/follow/test_account_follower.py"
        "::test_a_job_that_a_list_named_during_a_database_failure_is_relayed_even_if_it_ended",
        "AccountFollower._request_lists",
        "followed.add_list(kind, listed)",
        "pass",
    ),
    mutation(
        "the local clock decides whether a job that was seen running is relayed",
        "tests/relay/follow/test_account_follower.py"
        "::test_a_job_seen_running_is_relayed_even_if_the_local_clock_is_ahead",
        "_end_subscriptions",
        "was_active or await _is_owed",
        "await _is_owed",
    ),
    mutation(
        "a follow begins by the local clock alone",
        "tests/relay/follow/test_follow_commands.py"
        "::test_a_follow_begins_by_discord_s_clock_or_the_local_one_whichever_is_behind",
        "FollowCommands.follow",
        "begins_at = min(ask.at, ask.sent_at)",
        "begins_at = ask.at",
    ),
    mutation(
        "a list keeps the card of a young job out of date",
        "tests/relay/follow/test_account_follower.py"
        "::test_a_young_job_with_a_visible_card_is_requested_at_each_interval",
        "Poller._list_may_do",
        "self._queue.needs_record(job) or ",
        "",
    ),
    mutation(
        "the summary of young jobs is out of date",
        "tests/storage/test_jobs.py::test_a_job_has_a_card_only_where_it_was_requested_and_a_batch_shows_it_too",
        "_open_jobs",
        "THEN 2 ELSE 1 END",
        "THEN 2 ELSE 0 END",
    ),
    mutation(
        "the list of a followed account delays the last few young jobs",
        "tests/relay/follow/test_account_follower.py"
        "::test_few_remaining_jobs_are_polled_by_record_even_if_the_list_continues",
        "JobQueue.list_refreshed",
        "if not self.needs_record(job):",
        "if True:",
    ),
    mutation(
        "very many young jobs are each requested at every interval",
        "tests/relay/polling/test_job_list.py::test_many_young_jobs_use_the_list_until_they_are_few",
        "JobQueue.needs_record",
        " and self.live_of_account(job.account_id) <= schedule.LIVE_JOBS",
        "",
    ),
    mutation(
        "young jobs count towards the number that makes a list worthwhile",
        "tests/relay/polling/test_job_list.py::test_no_list_is_requested_for_two_old_jobs_beside_young_ones",
        "Poller._list_may_do",
        "jobs - live if live",
        "jobs if live",
    ),
    mutation(
        "ended jobs count as live",
        "tests/relay/polling/test_job_queue.py::test_live_jobs_are_counted_by_account_until_they_are_old_or_leave",
        "JobQueue.remove",
        "account.live -= job.is_live\n",
        "",
    ),
    mutation(
        "a list is trusted for a whole interval, however old it was",
        "tests/relay/polling/test_job_list.py::test_a_list_is_trusted_no_longer_than_a_record",
        "Poller._poll",
        "self._queue.named_by_list(job, listed_at)",
        "self._queue.named_by_list(job, self._clock.monotonic())",
    ),
    mutation(
        "a hanging list is waited for",
        "tests/relay/polling/test_job_list.py::test_a_hanging_list_makes_no_outcome_late",
        "JobLists._wait_a_little",
        "min(_LIST_AWAITED_SECONDS, self._interval / 4), answered",
        "600.0, answered",
    ),
    mutation(
        "a refused list is requested at each interval",
        "tests/relay/follow/test_account_follower.py::test_a_failing_list_is_requested_less_and_less_often",
        "JobLists._backoff_after",
        "return self._interval * _REFUSED_INTERVALS",
        "return self._interval",
    ),
    mutation(
        "a refused list's retry time does not apply to its account",
        "tests/relay/polling/test_job_list.py::test_after_a_list_with_a_retry_time_nothing_is_requested_before_it",
        "JobFetcher.backoff_until",
        "until = None if token is None else self._retry_at(token)",
        "until: float | None = None",
    ),
    mutation(
        "a record is requested right after a list was refused with a retry time",
        "tests/relay/polling/test_job_list.py::test_after_a_list_with_a_retry_time_nothing_is_requested_before_it",
        "Poller._poll",
        "if backoff_until is not None:  # The list",
        "if False:  # The list",
    ),
    mutation(
        "a list is requested even though its account is in backoff",
        "tests/relay/polling/test_job_list.py::test_after_a_record_with_a_retry_time_no_list_is_requested_before_it",
        "JobLists._requested",
        " or self._account_backoff_until(key[0]) is not None:",
        ":",
    ),
    mutation(
        "a list that is always refused with a retry time blocks the records forever",
        "tests/relay/polling/test_job_list.py::test_after_a_list_with_a_retry_time_nothing_is_requested_before_it",
        "JobLists._backoff_after",
        "return (asked or 0.0) + backoff(",
        "return asked or backoff(",
    ),
    mutation(
        "a shorter retry time replaces a longer one",
        "tests/pixverse/test_api_client.py::test_the_longest_retry_time_of_any_request_with_a_token_is_kept",
        "RetryTimes.note",
        "max(now + seconds, self._until.get(hash(token), now))",
        "now + seconds",
    ),
    mutation(
        "the operator's account is followed",
        "tests/relay/follow/test_account_follower.py::test_only_the_server_s_own_current_account_is_followed",
        "is_in_effect",
        "return accounts.own(follow.guild_id) == accounts.in_force(follow.guild_id) == follow.account_id",
        "return accounts.in_force(follow.guild_id) == follow.account_id",
    ),
    mutation(
        "a job that ends before a list names it is not relayed to followers",
        "tests/relay/follow/test_account_follower.py"
        "::test_a_job_that_ends_before_a_list_names_it_is_relayed_if_somebody_asked_for_it_elsewhere",
        "apply_response",
        "if seen_at is not None or not is_old_end(job, discord_now):",
        "if False:",
    ),
    mutation(
        "what another process saw of a running job counts for nothing at its end",
        "tests/relay/follow/test_account_follower.py"
        "::test_a_job_that_another_process_saw_running_after_the_follow_began_is_relayed",
        "_last_active",
        "known.ran_until or 0, ",
        "",
    ),
    mutation(
        "a job that had ended when it was first seen counts as seen running",
        "tests/relay/commands/test_commands.py"
        "::test_how_long_a_job_took_is_not_made_up_if_it_had_ended_when_it_was_first_seen",
        "_last_active",
        "if known is None or known.state.ends:",
        "if known is None:",
    ),
    mutation(
        "a job requested long after its end is relayed to followers",
        "tests/relay/follow/test_account_follower.py"
        "::test_an_old_job_requested_elsewhere_is_not_posted_in_a_following_channel",
        "apply_response",
        "if seen_at is not None or not is_old_end(job, discord_now):",
        "if True:",
    ),
    mutation(
        "a wrong clock decides whether a job that somebody asks for had ended long ago",
        f"{_OLD_BY_ANOTHER_CLOCK}[1-1-True-True]",
        "_bring_up_to_date",
        "discord_now=ask.sent_at",
        "discord_now=ask.at",
    ),
    mutation(
        "a wrong clock decides whether a polled job had ended long ago",
        f"{_OLD_BY_ANOTHER_CLOCK}[1-1-True-False]",
        "JobRecorder.record_response",
        "self._discord_now()",
        "self._clock.now()",
    ),
    mutation(
        "a wrong clock decides whether a job that only a callback knows had ended long ago",
        "tests/relay/callbacks/test_callback_processor.py::test_whether_an_end_is_old_is_not_decided_by_a_wrong_clock[1]",
        "UnknownJobs.consider",
        "self._discord_now()",
        "self._clock.now()",
    ),
    mutation(
        "a requested job is relayed to followers though it ended before the follow",
        "tests/relay/follow/test_account_follower.py"
        "::test_an_old_job_requested_elsewhere_is_not_posted_in_a_following_channel",
        "_subscribe_followers",
        " or follow.created_at > last",
        "",
    ),
    mutation(
        "asking for an ended job in a following channel does not ping",
        "tests/relay/follow/test_account_follower.py::test_asking_for_an_ended_job_in_the_following_channel_pings",
        "_subscribe_followers",
        "follow.channel_id == but or ",
        "",
    ),
    mutation(
        "a follow takes more jobs than the server may have",
        "tests/relay/follow/test_account_follower.py::"
        "test_the_server_s_limit_applies_is_reported_once_and_free_space_is_used",
        "JobImporter._subscribe_batch",
        "for jobid in wanted[:room]:",
        "for jobid in wanted:",
    ),
    mutation(
        "anything that a list names counts as an id",
        "tests/relay/follow/test_account_follower.py::test_ids_of_another_form_are_skipped_with_one_log_line",
        "JobImporter.import_jobs",
        "usable = [jobid for jobid in jobids if is_jobid(jobid)]",
        "usable = list(jobids)",
    ),
    mutation(
        "jobs that ended before the follow, or never existed, are posted",
        "tests/relay/follow/test_account_follower.py::test_a_job_known_only_from_a_list_ends_silently",
        "_end_subscriptions",
        "if was_active or await _is_owed(tx, row.id, subscription):",
        "if True:",
    ),
    mutation(
        "a follow watches again what a moderator stopped",
        "tests/storage/test_follows.py::test_jobs_watched_there_before_or_ended_are_not_imported",
        "not_yet_in",
        "(SELECT 1 FROM subscriptions s WHERE s.job_id = j.id AND s.channel_id = ?))",
        "(SELECT 1 FROM subscriptions s WHERE s.job_id = j.id AND s.channel_id = ? AND s.ended_at IS NULL))",
    ),
    mutation(
        "a followed job ends with the member who joined",
        "tests/relay/follow/test_account_follower.py::"
        "test_a_member_can_join_and_leave_a_followed_job_and_a_moderator_can_stop_it",
        "Stop.stop",
        "(not may_stop_others and await follows.keep_open_if_followed(tx, subscription.id))",
        "False",
    ),
    mutation(
        "a long list being imported counts as imported for a follow that started meanwhile",
        "tests/relay/follow/test_account_follower.py::test_a_channel_that_follows_during_a_long_import_gets_all_of_it",
        "AccountFollower.changed",
        "followed.settled = {}",
        "followed.settled.clear()",
    ),
    mutation(
        "an interrupted import leaves the jobs that it committed unpolled",
        "tests/relay/follow/test_account_follower.py::test_an_interrupted_import_leaves_no_job_unpolled",
        "JobImporter.import_jobs",
        "run_to_completion(self._import_batch(account_id, batch, result))",
        "self._import_batch(account_id, batch, result)",
    ),
    mutation(
        "a followed job whose requester was forgotten is not posted",
        "tests/relay/follow/test_account_follower.py::test_a_job_whose_requester_was_forgotten_ends_with_a_message",
        "_is_owed",
        "await subscriptions.count_subscribers(tx, subscription.id)",
        "await subscriptions.subscribers(tx, subscription.id)",
    ),
)
