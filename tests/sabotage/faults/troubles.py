"""The API's troubles."""

from __future__ import annotations

from tests.sabotage.fault import fault

FAULTS = (
    fault(
        "an outage ends as a stampede",
        "tests/relay/test_schedule.py::test_back_off_grows_and_differs",
        "relay/schedule.py",
        "return asked_at + max(interval, longest * random.uniform(2 / 3, 1))",
        "return asked_at + longest",
    ),
    fault(
        "Retry-After is not heeded",
        "tests/relay/test_poller.py::test_retry_after_rests_the_account_and_not_the_world",
        "relay/questions.py",
        "rest.until = max(rest.until, until)",
        "rest.until = now",
    ),
    fault(
        "a late refusal of the old token is held against the new one",
        "tests/relay/test_accounts.py::test_a_late_refusal_of_the_token_before_is_not_believed",
        "relay/accounts.py",
        "elif state is AccountState.OK or self._was_just_replaced(account):",
        "elif state is AccountState.OK:",
    ),
)
