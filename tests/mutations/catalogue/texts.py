"""What people read."""

from __future__ import annotations

from tests.mutations.mutation import fault

_TWICE = "tests/ui/test_rules.py::test_nothing_is_said_twice"

FAULTS = (
    fault(
        "an outcome counts its videos in the state and in the small print",
        _TWICE,
        "ui/outcomes.py",
        "wording.facts(post.job, with_what=with_what) if",
        "wording.facts(post.job) if",
    ),
    fault(
        "a card without a prompt says twice what is made",
        _TWICE,
        "ui/cards.py",
        "            wording.facts(job, with_what=bool(wording.prompt_text(job))),",
        "            wording.facts(job),",
    ),
    fault(
        "each line of a group says why jobs are on hold",
        _TWICE,
        "ui/wording.py",
        '    return "on hold" if face in _HOLDS else',
        '    return f"on hold, {_HOLDS[face]}" if face in _HOLDS else',
    ),
    fault(
        "each result tells the same remedy",
        _TWICE,
        "ui/results.py",
        'yield _line(place, record, "" if len(places[reason]) > 1 else reason, limit)',
        "yield _line(place, record, reason, limit)",
    ),
    fault(
        "whoever asked for a job and for its group is mentioned twice",
        _TWICE,
        "ui/outcomes.py",
        "tuple(person for person in rest if person not in first)",
        "tuple(person for person in rest)",
    ),
    fault(
        "the list hides that the token is refused",
        "tests/e2e/test_api_troubles.py::test_a_refused_token_is_told_once_and_its_end_too",
        "relay/commands/job_queries.py",
        "hold=_HOLDS.get(self._accounts.state_of(row.account_id)),",
        "hold=None,",
    ),
    fault(
        "a question and its button are the same words",
        _TWICE,
        "ui/callback_answers.py",
        '"**Make a new address?**',
        '"**Replace the address?**',
    ),
)
