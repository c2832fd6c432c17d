"""Loops, queues and what they keep in memory."""

from __future__ import annotations

from tests.sabotage.fault import Edit, Fault, fault

_LOST = "tests/relay/polling/test_no_job_is_lost.py"
_QUEUE = "tests/relay/polling/test_job_queue.py"

FAULTS = (
    fault(
        "an account that has room again is not looked at",
        f"{_QUEUE}::test_the_queue_is_a_list_sorted_by_time_of_the_jobs_whose_account_has_room",
        "relay/polling/job_queue.py",
        "        account.in_flight -= 1\n        self._announce(job.account_id, account)\n",
        "        account.in_flight -= 1\n",
    ),
    Fault(
        "what is in flight when the poll loop breaks off is never asked about again",
        (
            Edit(
                "relay/polling/poller.py",
                "            finally:\n                self._settle(job, due)",
                "            except ValueError:\n                raise\n            self._settle(job, due)",
            ),
            Edit("relay/polling/poller.py", "        for job in self._queue.in_flight:", "        for job in ():"),
        ),
        f"{_LOST}::test_a_loop_that_is_ended_and_begun_again_asks_about_what_was_in_flight",
    ),
    fault(
        "an account whose reading breaks off is not read again",
        f"{_LOST}::test_the_loop_may_break_off_while_an_account_is_being_read",
        "relay/polling/intake.py",
        "            except BaseException:  # A",
        "            except ValueError:  # A",
    ),
    fault(
        "a change that comes while the one before is read is lost",
        f"{_LOST}::test_a_job_that_changes_while_the_change_before_is_being_read_is_read_again",
        "relay/polling/intake.py",
        "        self._look_at_found(self.found_jobs.intersection(changed))",
        "        self.changed_jobs -= changed\n        self._look_at_found(self.found_jobs.intersection(changed))",
    ),
    fault(
        "a job that is watched again is asked about at once",
        f"{_LOST}::test_a_job_that_is_watched_again_is_asked_about_no_sooner_than_its_interval_allows",
        "relay/polling/job_queue.py",
        "        job.requested_at = before.requested_at\n",
        "",
    ),
    fault(
        "who listens to a poll is cancelled with it",
        f"{_LOST}::test_who_listens_to_a_question_of_a_loop_that_ends_is_told_that_there_is_no_answer",
        "relay/polling/questions.py",
        "told = error if isinstance(error, Exception) else",
        "told = error if 1 else",
    ),
)
