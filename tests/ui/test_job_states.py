from __future__ import annotations

import pytest

from model.job import JobState, Outcome
from model.states import CardStatus
from tests.ui.test_job_facts import job
from ui import job_states


def test_states() -> None:
    assert job_states.state(job(percent=46)) == "In progress: 46%"
    assert job_states.state(job(percent=None)) == "In progress"
    assert job_states.state(job(state=JobState.UNKNOWN, status="*odd*")) == r'"\*odd\*"'
    assert job_states.state(None) == "Not known yet"
    assert job_states.state_of(CardStatus.ENDED, job(), Outcome.GIVEN_UP) == "Given up"
    assert job_states.state_of(CardStatus.PAUSED, job()) == "On hold"


@pytest.mark.parametrize("status", CardStatus)
@pytest.mark.parametrize("outcome", [None, *Outcome])
def test_every_status_and_outcome_has_words(status: CardStatus, outcome: Outcome | None) -> None:
    assert job_states.state_of(status, job(), outcome)
