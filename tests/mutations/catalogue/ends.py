"""When a job has ended, and for whom."""

from __future__ import annotations

from tests.mutations.mutation import Edit, Mutation, mutation

MUTATIONS = (
    mutation(
        "a v2 record that writes the e-mail address in another letter case is another job's",
        "tests/pixverse/test_videos_v2.py::test_how_a_record_may_name_its_job",
        "pixverse.videos_v2._is_about",
        "named.lower() == jobid.lower()",
        "named == jobid",
    ),
    mutation(
        "a v2 record that names only the job's number is another job's",
        "tests/pixverse/test_videos_v2.py::test_how_a_record_may_name_its_job",
        "pixverse.videos_v2._is_about",
        'jobid.endswith(f":{named}")',
        "False",
    ),
    mutation(
        "a v1 record that names the bot is another job's than an id without it",
        "tests/pixverse/test_jobs_v1.py::test_a_record_may_name_the_bot_that_the_requested_id_leaves_out",
        "read_job",
        'not f"{named.strip()}-bot:".startswith(f"{asked}-bot:")',
        "named.strip() != asked",
    ),
    mutation(
        "a v2 record that names another job by a number is believed",
        "tests/pixverse/test_videos_v2.py::test_a_record_that_names_another_job",
        "pixverse.videos_v2._id",
        "if isinstance(value, int):",
        "if 0:",
    ),
    mutation(
        "an active v2 job is missing if a list writes its e-mail address in another letter case",
        "tests/pixverse/test_videos_v2.py::test_an_active_job_that_is_not_found_counts_as_running",
        "VideosV2._without_record",
        "if active.lower() == jobid.lower():",
        "if active == jobid:",
    ),
    mutation(
        "a v2 record of a job whose number ends alike is believed",
        "tests/pixverse/test_videos_v2.py::test_a_record_that_names_another_job",
        "pixverse.videos_v2._is_about",
        'jobid.endswith(f":{named}")',
        "jobid.endswith(named)",
    ),
    mutation(
        "a v2 job that was cancelled is polled for two days",
        "tests/pixverse/test_videos_v2.py::test_what_a_status_means",
        "pixverse.videos_v2._BY_NAME",
        '"CANCELLED": JobState.CANCELLED,\n',
        "",
    ),
    mutation(
        "requesting a list again pings for each of its jobs",
        "tests/relay/commands/test_watch_many.py::test_requesting_a_list_again_still_pings_once_for_all_of_it",
        "subscribe._join",
        "any(one.in_batch for one in waiting)",
        "False",
    ),
    mutation(
        "asking for a ping when a list is requested again has no effect",
        "tests/relay/commands/test_watch_many.py::test_requesting_a_list_again_still_pings_once_for_all_of_it",
        "subscribe.ping_at_end_of_batch",
        "await batches.ping(tx, here.batch_id, ask.user_id)",
        "pass",
    ),
    mutation(
        "declining pings for the jobs of one's own batch still pings at its end",
        "tests/relay/commands/test_watch_many.py::"
        "test_a_person_who_wants_no_ping_for_the_jobs_of_their_batch_gets_none",
        "subscribe._join",
        "await ping_at_end_of_batch(tx, ask, here, mention=request.mention)\n",
        "",
    ),
    mutation(
        "declining the ping with a button does not apply to the end of a batch",
        "tests/relay/commands/test_watch_many.py::"
        "test_a_person_who_wants_no_ping_for_the_jobs_of_their_batch_gets_none",
        "Watch.set_mention",
        "await ping_at_end_of_batch(tx, ask, here, mention=mention)\n",
        "",
    ),
    mutation(
        "a ping can't be declined while the result waits to be posted",
        "tests/relay/commands/test_commands.py::test_a_ping_can_be_declined_until_the_result_is_posted",
        "Watch.set_mention",
        "is_over = here.ended_at is not None and not any(one.state.is_open for one in outcomes)",
        "is_over = here.ended_at is not None",
    ),
    mutation(
        "declining the ping for one job of a batch loses the ping at its end",
        "tests/relay/commands/test_watch_many.py::"
        "test_a_person_who_wants_no_ping_for_the_jobs_of_their_batch_gets_none",
        "batches.leave",
        "AND p.mention",
        "AND NOT p.mention",
    ),
    mutation(
        "a batch whose last job is stopped by another person ends without its ping",
        "tests/relay/commands/test_watch_many.py::test_a_person_whose_last_job_is_stopped_by_another_is_pinged_once",
        "end_without_outcome",
        "if batch is None or tally is None or not tally.total:",
        "if True:",
    ),
    mutation(
        "stopping the last job of one's own batch pings",
        "tests/relay/commands/test_watch_many.py::test_a_person_who_needs_no_ping_at_the_end_of_a_batch_gets_none",
        "end_without_outcome",
        "batch.user_id in (None, stopped_by)",
        "batch.user_id is None",
    ),
    mutation(
        "stopping a whole batch still pings at its end",
        "tests/relay/commands/test_watch_many.py::"
        "test_a_person_told_that_they_are_not_pinged_is_not_even_if_the_batch_goes_on[True]",
        "stop._take_off",
        "if subscription.batch_id is not None:",
        "if False:",
    ),
    mutation(
        "stopping one job of a batch loses the ping at its end",
        "tests/relay/commands/test_watch_many.py::"
        "test_a_person_told_that_they_are_not_pinged_is_not_even_if_the_batch_goes_on[False]",
        "batches.leave",
        "AND p.user_id = batches.user_id",
        "AND FALSE",
    ),
    mutation(
        "a batch whose last job's end is reported to nobody stays open forever",
        "tests/relay/polling/test_job_recorder.py::test_a_batch_ends_with_a_job_whose_end_is_reported_to_nobody",
        "end_silently",
        "if subscription.batch_id is not None:",
        "if False:",
    ),
    mutation(
        "a batch's tally includes an end that only another account may see",
        "tests/relay/polling/test_job_recorder.py::test_a_batch_ends_with_a_job_whose_end_is_reported_to_nobody",
        "tally_of",
        "row.subscription_id in forms and ",
        "",
    ),
    mutation(
        "a batch whose last job moves to another subscription pings nobody",
        "tests/storage/test_moves.py::"
        "test_a_batch_whose_last_job_moves_to_another_subscription_still_pings[sqlite-False]",
        "moves._merge",
        'elif double["kept_batch"] is None:',
        "elif False:",
    ),
    mutation(
        "a batch that ends with a merger does not ping its subscribers",
        "tests/storage/test_moves.py::"
        "test_a_batch_whose_last_job_moves_to_another_subscription_still_pings[sqlite-True]",
        "moves._merge",
        "UPDATE subscribers SET in_batch = FALSE WHERE",
        "UPDATE subscribers SET in_batch = in_batch WHERE",
    ),
    mutation(
        "a job on hold for another account is kept forever",
        "tests/relay/polling/test_job_recorder.py::test_a_job_on_hold_for_another_account_is_given_up_once_it_is_old",
        "JobRecorder.give_up_on_hold",
        "for job_id in await jobs.open_since_before(self._database.reader, before):",
        "for job_id in ():",
    ),
    mutation(
        "a job on hold in one server is given up in all",
        "tests/relay/polling/test_job_recorder.py::test_a_job_on_hold_in_only_one_server_continues_in_the_other",
        "JobRecorder.give_up_on_hold",
        "if row is None or any(self._accounts.in_force(one.guild_id) == row.account_id for one in waiting):",
        "if row is None:",
    ),
    mutation(
        "a single not found is an end",
        "tests/relay/commands/test_commands.py::test_two_manual_not_founds_end_a_known_job_only_after_a_minute",
        "JobRecorder.record_missing",
        "if row.missing_since is None or row.missing_since > now:\n"
        "    await jobs.set_missing(tx, job_id, now)\n"
        "    return Recorded.NOTHING\n"
        "if not schedule.is_confirmed_missing(row.missing_since, now, self._interval):\n"
        "    return Recorded.NOTHING\n",
        "",
    ),
    mutation(
        "two not founds count however close they are",
        "tests/relay/polling/test_schedule.py::test_missing_is_believed_after_an_interval_and_a_minute",
        "is_confirmed_missing",
        "return now - missing_since >= second_404_after(interval) * 1000",
        "return now > missing_since",
    ),
    Mutation(
        "an end is not final",
        (
            Edit(
                "apply_response",
                'milliseconds UTC.\n"""\nif row.ended_at is not None:',
                'milliseconds UTC.\n"""\nif 0:',
            ),
            Edit(
                "_brings_news",
                "response: Job) -> bool:\n    if row.ended_at is not None:",
                "response: Job) -> bool:\n    if 0:",
            ),
            Edit(
                "jobs.end",
                "outcome = ? WHERE id = ? AND ended_at IS NULL",
                "outcome = ? WHERE id = ?",
            ),
        ),
        "tests/relay/polling/test_job_recorder.py::test_an_end_is_final_and_a_contradiction_is_only_logged",
    ),
    mutation(
        "a job ends in servers whose token no longer sees it",
        "tests/relay/polling/test_job_recorder.py::test_only_servers_that_use_the_account_are_served",
        "_end_subscriptions",
        "if accounts.in_force(subscription.guild_id) != row.account_id:\n    continue\n",
        "",
    ),
    mutation(
        "after a single not found a job is not polled for a minute",
        "tests/relay/polling/test_poller.py::test_a_single_not_found_delays_the_job_no_longer_than_an_interval",
        "JobQueue.missing",
        "min(believed_at, self._after_response(job, asked_at))",
        "believed_at",
    ),
    mutation(
        "a result posted here under another account is waited for again",
        "tests/relay/commands/test_commands.py::"
        "test_a_result_posted_here_under_another_account_is_not_waited_for_again",
        "find_target",
        "if posted is not None:",
        "if 0:",
    ),
    mutation(
        "a list calls a result that still waits in the outbox posted",
        "tests/relay/commands/test_watch_many.py::test_a_list_says_whether_a_result_is_posted_yet",
        "WatchMany._entry",
        "subscribed.message.message_id, posted=posted)",
        "subscribed.message.message_id)",
    ),
    mutation(
        "an end that a former account could not see counts as reported under another",
        "tests/relay/commands/test_commands.py::"
        "test_a_job_that_the_former_account_did_not_see_is_watched_under_this_one",
        "find_posted_here",
        "if row.outcome in OF_ONE_ACCOUNT:",
        "if 0:",
    ),
    mutation(
        "a list waits again for results posted here under another account",
        "tests/relay/commands/test_commands.py::"
        "test_a_result_posted_here_under_another_account_is_not_waited_for_again",
        "WatchMany._fill_in_posted",
        "if posted is not None and posted.row.account_id != account_id:",
        "if 0:",
    ),
    mutation(
        "a given-up job is never reported under another account",
        "tests/relay/commands/test_commands.py::test_an_outcome_that_one_account_could_not_see_is_posted_under_another",
        "_outcome_nonce",
        "while await delivery_queries.tells_of_another_account(tx, nonce, row.id):",
        "while 0:",
    ),
    mutation(
        "a given-up job is not reported under another account if others watched it again",
        "tests/relay/commands/test_commands.py::"
        "test_an_end_is_posted_under_another_account_even_if_others_watch_again_under_the_first",
        "tells_of_another_account",
        " OR d.round < j.round",
        "",
    ),
    mutation(
        "a job that is watched again posts two outcomes in a channel",
        "tests/relay/delivery/test_sender.py::test_a_job_watched_again_posts_its_outcome_once_per_channel",
        "MessageBuilder._outcome_to_tell",
        "or await delivery_queries.has_later_outcome(self._reader, delivery)",
        "",
    ),
    mutation(
        "a superseded outcome is posted",
        "tests/relay/delivery/test_sender.py::test_a_superseded_outcome_is_not_posted",
        "MessageBuilder._outcome_to_tell",
        "if row.ended_at is None or",
        "if",
    ),
    mutation(
        "watching a job again takes the outcome from other channels",
        "tests/relay/delivery/test_sender.py::test_watching_a_job_again_takes_no_message_from_other_channels",
        "MessageBuilder._outcome_to_tell",
        "return row.outcome or Outcome.GIVEN_UP",
        "return row.outcome",
    ),
    mutation(
        "an outcome given up earlier closes no batch",
        "tests/relay/commands/test_watch_many.py::test_a_given_up_outcome_closes_the_batch_that_requests_it_again",
        "deliveries.add_outcome",
        "if closes_batch:",
        "if 0:",
    ),
    mutation(
        "an outcome requested again closes the earlier batch",
        "tests/relay/commands/test_watch_many.py::test_an_outcome_requested_again_alone_closes_no_earlier_batch",
        "_AFRESH",
        "closes_batch = FALSE,",
        "",
    ),
    mutation(
        "a result that was refused once is never complete again",
        "tests/relay/delivery/test_sender.py::test_a_result_refused_in_every_form_is_complete_when_requested_again",
        "_AFRESH",
        "variant = ?,",
        "variant = coalesce(variant, ?),",
    ),
    mutation(
        "an old not found counts when a job is watched again",
        "tests/relay/commands/test_commands.py::test_an_old_not_found_does_not_count_once_a_job_is_watched_again",
        "jobs.restart_age",
        "watched_since = ?, missing_since = NULL",
        "watched_since = ?",
    ),
    mutation(
        "the request to enter a token again is lost if its channel was deleted",
        "tests/relay/test_guild_lifecycle.py::"
        "test_token_problems_are_reported_elsewhere_if_the_alerts_channel_was_deleted",
        "_OF_THE_TOKEN",
        "NoticeKind.TOKEN_MISSING,",
        "",
    ),
    mutation(
        "an earlier outcome of a channel counts for the job that moves to it",
        "tests/relay/commands/test_commands.py::test_a_given_up_job_that_continues_under_another_account_is_posted",
        "moves.to_job",
        "await tx.run(_CATCH_UP, here)\n",
        "",
    ),
    mutation(
        "outcomes under two accounts keep a channel from waiting again under the second",
        "tests/relay/commands/test_commands.py::test_results_of_two_accounts_in_one_channel_are_kept_apart",
        "moves._merge",
        "AND k.kind = deliveries.kind AND k.round = deliveries.round",
        "AND 1 = 0",
    ),
    mutation(
        "a result that is already posted is promised to a channel that waited under another account",
        "tests/relay/commands/test_commands.py::test_results_of_two_accounts_in_one_channel_are_kept_apart",
        "_subscribe_to_ended",
        "if here is not None and message is not None:",
        "if here is not None and message is not None and here.ended_at is not None:",
    ),
    mutation(
        "a channel keeps waiting for a job whose result is already posted there",
        "tests/relay/commands/test_commands.py::test_results_of_two_accounts_in_one_channel_are_kept_apart",
        "_subscribe_to_ended",
        "await end_silently(tx, here, ask.at)",
        "pass",
    ),
    mutation(
        "a job on a later page of its account's list is not found",
        "tests/pixverse/test_videos_v2.py::test_the_account_s_list_decides_about_jobs_unknown_to_the_scheduler",
        "VideosV2._listed",
        'if following is None and (fields.truth(page.get("has_more")) or total > offset + len(data)):',
        "if 0:",
    ),
    mutation(
        "a number written as text is ignored",
        "tests/pixverse/test_videos_v2.py::test_what_a_status_means",
        "whole_number",
        "if digits is not None:",
        "if 0:",
    ),
    mutation(
        "ids with full-width characters of an input method are not recognised",
        "tests/pixverse/test_pasted.py::test_how_ids_are_pasted",
        "_decoded",
        "line = one_line(text).translate(_AS_TYPED)",
        "line = one_line(text)",
    ),
    mutation(
        "an id broken by a line break is not recognised",
        "tests/pixverse/test_pasted.py::test_how_ids_are_pasted",
        "_rejoined",
        "if words and _are_halves(words[-1], word):",
        "if 0:",
    ),
    mutation(
        "whatever follows the beginning of an id is joined to it",
        "tests/pixverse/test_pasted.py::test_which_jobs_a_list_names",
        "_are_halves",
        "return _WHOLE_ID.fullmatch(unwrapped(first + second)) is not None",
        "return True",
    ),
    mutation(
        "a job that is watched again is posted with the end that it had",
        "tests/relay/polling/test_job_recorder.py::test_nothing_is_posted_of_a_job_that_is_watched_again_by_now",
        "JobRecorder.deliver_on_hold",
        "if row is None or row.ended_at is None:",
        "if row is None:",
    ),
)
