"""Outcomes and `check` report the same upload limit."""

from __future__ import annotations

import pytest

from relay.delivery.attachments import LIMIT_TRUSTED_MS, UploadBounds, limit_in_force, limit_to_tell

_MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("learned", "nominal", "expected"),
    [(None, None, None), (None, 10, 10), (14, None, 14), (14, 10, 10), (8, 10, 8)],
)
def test_no_limit_above_the_known_one_is_promised(
    learned: int | None, nominal: int | None, expected: int | None
) -> None:
    assert limit_to_tell(learned, nominal) == expected


@pytest.mark.parametrize("learned_at", [0, 2 * LIMIT_TRUSTED_MS], ids=["long ago", "by a clock that was ahead"])
def test_a_learned_limit_is_trusted_for_some_hours_only(learned_at: int) -> None:
    assert limit_in_force(_MIB, LIMIT_TRUSTED_MS - 1, LIMIT_TRUSTED_MS) == _MIB
    assert limit_in_force(_MIB, learned_at, LIMIT_TRUSTED_MS) is None


@pytest.mark.parametrize("learned", [15 * _MIB - 1, 8 * _MIB])
def test_an_outcome_shows_the_same_limit_as_check(learned: int) -> None:
    bounds = UploadBounds(guild_id=1, may_attach=True, learned=learned, nominal=10 * _MIB)
    assert bounds.shown_limit(15 * _MIB) == limit_to_tell(learned, 10 * _MIB)


def test_a_limit_that_does_not_explain_the_refusal_is_not_shown() -> None:
    assert UploadBounds(guild_id=1, may_attach=True, learned=None, nominal=10 * _MIB).shown_limit(9 * _MIB) is None
