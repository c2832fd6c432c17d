"""Loops, queues and what they keep in memory."""

from __future__ import annotations

from tests.mutations.mutation import Edit, Mutation, mutation

_LOST = "tests/relay/polling/test_no_job_is_lost.py"
_QUEUE = "tests/relay/polling/test_job_queue.py"

MUTATIONS = (
    mutation(
        "a trial that fails by a fault of this machine is not counted",
        "tests/relay/accounts/test_account_registry.py::test_a_failing_database_does_not_end_the_loop",
        "Rechecks._try_in_turn",
        "self.failures += 1",
        "self.failures += 0",
    ),
    mutation(
        "a job that a callback named and that cannot be relayed is not counted",
        "tests/relay/callbacks/test_callback_processor.py::test_an_unknown_job_that_cannot_be_stored_is_counted",
        "CallbackProcessor.failures",
        "self._failures + self._unknown.failures",
        "self._failures",
    ),
    mutation(
        "a look for second messages that fails is not counted",
        "tests/relay/delivery/test_taken_over.py::test_who_took_it_over_looks_again_ten_minutes_later",
        "SecondMessages.look_again",
        "self.failures += 1",
        "self.failures += 0",
    ),
    mutation(
        "a fault of discord.py at the gateway is not counted",
        "tests/discord_adapter/test_shard_manager.py::"
        "test_what_nothing_at_discord_explains_is_counted_and_the_gateway_is_tried_again",
        "gateway._read",
        "shards.failures += 1",
        "shards.failures += 0",
    ),
    mutation(
        "an interaction that fails by a fault of the bot is not counted",
        "tests/discord_adapter/test_interactions.py::"
        "test_a_fault_of_the_bot_s_own_is_logged_and_counted_under_a_number",
        "Responder._own_fault",
        "self.failures += 1",
        "self.failures += 0",
    ),
    mutation(
        "an interaction that fails by a fault of the bot is not answered",
        "tests/discord_adapter/test_interactions.py::"
        "test_a_fault_of_the_bot_s_own_is_logged_and_counted_under_a_number",
        "Responder._replies_to",
        "or self._own_fault(error)]",
        "or self._own_fault(error)][:0]",
    ),
    mutation(
        "a job that is removed while it is in flight comes back",
        f"{_QUEUE}::test_a_job_that_was_removed_in_flight_is_gone_when_its_request_is_over",
        "JobQueue._wait",
        "if not self.holds(job):\n    self._land(job)\n    return\n",
        "self._jobs[job.id] = job\n",
    ),
    mutation(
        "a job of a new token stays in the old one's queue as well",
        f"{_QUEUE}::test_a_job_that_goes_over_to_another_account_counts_there_alone",
        "JobQueue._updated",
        "self.remove(row.id)\n",
        "",
    ),
    mutation(
        "a job's record is requested again within an interval",
        f"{_QUEUE}::test_whatever_makes_a_job_due_at_once_its_record_is_requested_an_interval_after_the_last_time",
        "JobQueue._wait",
        "due = max(due, job.record_requested_at + self._interval)\n",
        "due += 0.0\n",
    ),
    mutation(
        "a job whose account is left alone is never looked at again",
        f"{_QUEUE}::test_a_job_whose_account_is_left_alone_for_ever_is_due_when_it_has_to_be_given_up",
        "JobQueue._wait",
        "due = min(due, self._latest(job, due))\n",
        "",
    ),
    mutation(
        "an account that has room again is not looked at",
        f"{_QUEUE}::test_a_job_that_is_gone_makes_room_for_the_next_of_its_account",
        "JobQueue._land",
        "self._announce(job.account_id, account)\n",
        "",
    ),
    Mutation(
        "what is in flight when the poll loop breaks off is never asked about again",
        (
            Edit(
                "Poller._work_on",
                "if job.in_flight:\n    self._queue.release(job)\n",
                "",
            ),
            Edit("JobQueue.release_all", "for job in self.in_flight:", "for job in ():"),
        ),
        f"{_LOST}::test_a_loop_that_is_ended_and_begun_again_asks_about_what_was_in_flight",
    ),
    mutation(
        "a probe that a crash of the poll loop kept from beginning is waited for until the next start",
        f"{_LOST}::test_a_loop_that_crashes_before_its_probe_could_begin_probes_the_api_all_the_same",
        "Poller._end_tasks",
        "for job in self._queue.in_flight:\n",
        "for job in ():\n",
    ),
    mutation(
        "an account whose reading breaks off is not read again",
        f"{_LOST}::test_the_loop_may_break_off_while_an_account_is_being_read",
        "JobLoader._load_accounts",
        "except BaseException:  # A",
        "except ValueError:  # A",
    ),
    mutation(
        "a change that cannot be read at once is lost",
        f"{_LOST}::test_a_job_that_cannot_be_read_when_it_is_watched_is_read_later",
        "JobLoader._load_changes",
        "self._changed_jobs |= changed\n",
        "",
    ),
    mutation(
        "a change that comes while the one before is read is lost",
        f"{_LOST}::test_a_job_that_changes_while_the_change_before_is_being_read_is_read_again",
        "JobLoader._load_changes",
        "found = self._found_jobs & changed\n",
        "self._changed_jobs -= changed\nfound = self._found_jobs & changed\n",
    ),
    mutation(
        "a job that is watched again is asked about at once",
        f"{_LOST}::test_a_job_that_is_watched_again_is_asked_about_no_sooner_than_its_interval_allows",
        "JobQueue._taken_up",
        "job.record_requested_at = before.record_requested_at\n",
        "",
    ),
    mutation(
        "who listens to a poll is cancelled with it",
        f"{_LOST}::test_who_listens_to_a_question_of_a_loop_that_ends_is_told_that_there_is_no_answer",
        "JobFetcher.poll",
        "except Exception as error:\n    result = error\n",
        "except BaseException as error:\n    result = error  # type: ignore[assignment]\n",
    ),
    mutation(
        "a loop that crashes is restarted at once",
        "tests/cogs/test_background.py",
        "Background._keep",
        "await self._clock.sleep(seconds)",
        "await self._clock.sleep(1)",
    ),
    mutation(
        "each crash of a series writes its traceback",
        "tests/cogs/test_background.py::"
        "test_a_loop_that_crashes_at_each_start_is_restarted_at_most_once_a_minute_with_one_traceback",
        "FailureSeries.failed",
        "if kind in self._known:",
        "if 0:",
    ),
    mutation(
        "a loop that crashes again and again passes for one that turns",
        "tests/web/test_health.py::test_a_loop_that_crashes_again_and_again_stands_though_it_turns",
        "Heartbeats._well_at",
        "return turned_at if crashing_since is None else",
        "return turned_at if 1 else",
    ),
    mutation(
        "of a delivery that ended unsure something is kept",
        "tests/relay/delivery/test_what_is_remembered.py",
        "Sender._record",
        "if verdict is None or isinstance(verdict, Done | GiveUp):",
        "if 0:",
    ),
    mutation(
        "a command sends something while the bot ends",
        "tests/relay/delivery/test_delivery_loop.py::test_nothing_is_sent_ahead_of_a_loop_that_has_ended",
        "DeliveryLoop._deliver_now",
        "if self._stopping or self._sender.token_dead",
        "if self._sender.token_dead",
    ),
    mutation(
        "a command waits for a message though the bot's token is refused",
        "tests/relay/delivery/test_delivery_loop.py::test_nothing_is_waited_for_once_the_bot_s_token_is_refused",
        "DeliveryLoop._deliver_now",
        "if self._stopping or self._sender.token_dead",
        "if self._stopping",
    ),
    mutation(
        "of a delivery that ended with its channel something is kept",
        "tests/relay/delivery/test_delivery_loop.py::test_of_a_delivery_that_ends_with_its_channel_nothing_is_kept",
        "DeliveryLoop._forget_ended",
        "self._sender.forget(delivery_id)",
        "pass",
    ),
    mutation(
        "a card that is being edited is begun a second time",
        "tests/relay/cards/test_due_keys.py::test_it_is_a_list_sorted_by_time",
        "DueKeys.next_at",
        "if self._at.get(key) == at and key not in self._taken:",
        "if self._at.get(key) == at:",
    ),
    mutation(
        "cards that were due at other times before are remembered until those",
        "tests/relay/cards/test_due_keys.py::test_once_the_keys_are_taken_nothing_is_left_of_their_other_times",
        "DueKeys.take",
        "self._tidy()\n",
        "",
    ),
    mutation(
        "of a card that ends with its channel something is kept",
        "tests/relay/cards/test_card_loop.py::"
        "test_of_cards_and_summaries_that_end_with_their_channel_or_server_nothing_is_kept",
        "CardLoop._turn",
        "self._note(_Change.NOT_EDITED)\n",
        "",
    ),
    mutation(
        "every card is forgotten from time to time",
        "tests/relay/cards/test_card_loop.py::test_an_open_card_and_summary_are_remembered_for_long",
        "CardEdits.forget_ended",
        "set(some) - await still_edited(self._database.reader, some, shards)",
        "some",
    ),
    mutation(
        "a summary is forgotten before the last outcome is posted",
        "tests/relay/cards/test_card_loop.py::test_a_summary_is_remembered_until_its_last_outcome_is_posted",
        "cards.not_final_batches_among",
        "d.{IS_OPEN}",
        "FALSE",
    ),
    mutation(
        "a card that moves back is believed to look as before it moved",
        "tests/relay/cards/test_card_loop.py::test_what_moves_to_another_process_is_forgotten_at_once",
        "CardLoop.servers_moved",
        "self._note(_Change.NOT_EDITED)\n",
        "",
    ),
    mutation(
        "jobs that are watched no more are kept with their account's list",
        "tests/relay/polling/test_job_list.py::test_of_jobs_that_are_watched_no_more_nothing_is_kept",
        "Poller.__init__",
        "queue.gone.listen(job_lists.job_gone)\n",
        "",
    ),
    mutation(
        "a job that leaves while its account's list is requested is kept with it",
        "tests/relay/polling/test_job_list.py::"
        "test_of_jobs_that_are_watched_no_more_once_their_list_is_there_nothing_is_kept",
        "JobQueue._land",
        "self.gone(job)\n",
        "",
    ),
    mutation(
        "the jobs that left last are kept until another one leaves",
        f"{_QUEUE}::test_of_a_job_that_left_an_interval_ago_nothing_is_kept",
        "JobQueue.next_due",
        "self._forget_gone(self._clock.monotonic())\n",
        "",
    ),
    mutation(
        "a card that is being edited when the loop breaks off is forgotten",
        "tests/relay/cards/test_due_keys.py::test_a_loop_that_is_broken_off_goes_on_with_the_card_that_it_was_editing",
        "CardLoop._show",
        "self._end_task(key, again=True)  # A loop",
        "self._end_task(key, again=False)  # A loop",
    ),
    mutation(
        "a request that is given up in a global limit shuts out all others",
        "tests/discord_adapter/test_global_rate_limit.py::test_a_request_that_is_given_up_in_a_global_limit_shuts_out_no_other",
        "GlobalLimit._over",
        "self._http()._global_over.set()",
        "pass",
    ),
    mutation(
        "a later global limit is cut short by the end of an earlier one",
        "tests/discord_adapter/test_global_rate_limit.py::test_the_longest_of_several_limits_counts",
        "GlobalLimit._over",
        "if asyncio.get_running_loop().time() >= self._ends_at:",
        "if 1:",
    ),
    mutation(
        "what is asked for while the token is refused is not watched",
        "tests/relay/commands/test_commands.py::"
        "test_what_is_asked_for_with_a_token_in_trouble_is_watched_and_comes_once_it_works",
        "Watch._look_up",
        "return None, trouble.state",
        "raise",
    ),
    mutation(
        "a list that is asked for while the token is refused is not watched",
        "tests/relay/commands/test_watch_many.py::"
        "test_a_token_that_is_refused_at_one_id_of_the_list_has_all_of_them_watched_on_hold",
        "WatchMany._look_up",
        "return trouble.state",
        "raise",
    ),
    mutation(
        "Check now says that the API is away where it asks to wait",
        "tests/relay/commands/test_commands.py::test_check_now_says_what_it_did",
        "Check._why",
        "Unchecked.HAS_TO_WAIT if self._lookups.must_wait(account_id) else Unchecked.NO_RESPONSE",
        "Unchecked.NO_RESPONSE",
    ),
    mutation(
        "a job that the API has never told of is called lost",
        "tests/ui/test_outcomes.py::test_a_job_that_was_never_seen_is_told_as_never_found",
        "outcome_states.outcome_state",
        "case Outcome.NOT_FOUND if post.job is None:",
        "case Outcome.NOT_FOUND if 0:",
    ),
    mutation(
        "a batch counts what went as a link among the videos",
        "tests/relay/delivery/test_sender.py::test_the_last_of_a_batch_counts_videos_images_and_links_as_what_they_are",
        "ResultRecorder._write",
        "reason=reason, variant=result.posted_as",
        "reason=reason",
    ),
)
