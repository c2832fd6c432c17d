from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.messages import NoAnswer, Posted, RateLimited, Refused, VideoFile
from relay.outcomes import Reason
from relay.posting.variants import Variant
from relay.posting.verdicts import (
    PATIENCE,
    Again,
    Attempt,
    Blocked,
    Change,
    Done,
    GiveUp,
    StopSending,
    judge,
    retry_delay,
)

NOW = 1_700_000_000_000


def video(index: int, size: int) -> VideoFile:
    return VideoFile(index, Path("x"), ".mp4", size)


TWO = (video(1, 500), video(2, 900))
ATTEMPT = Attempt(
    variant=Variant(),
    files=TWO,
    is_outcome=True,
    is_reply=True,
    attempts=1,
    blocked_since=None,
    missing=(),
    now=NOW,
)


def test_posted() -> None:
    assert judge(Posted(5), ATTEMPT) == Done(5)


def test_posted_before_and_deleted_since() -> None:
    assert judge(Refused(404, 10008), ATTEMPT) == Done(None, Reason.DELETED)


def test_the_bots_own_token_is_refused() -> None:
    assert judge(Refused(401, 0), ATTEMPT) == StopSending()


def test_a_rate_limit_is_a_definite_answer() -> None:
    assert judge(RateLimited(2.5), ATTEMPT) == Again(2500, answered=True, reason=Reason.RATE_LIMITED)
    assert judge(Refused(429, 0), ATTEMPT) == Again(1000, answered=True, reason=Reason.RATE_LIMITED)


@pytest.mark.parametrize("answer", [NoAnswer("broken off"), Refused(503, 0), Refused(408, 0)])
def test_no_answer_is_not_definite(answer: NoAnswer | Refused) -> None:
    verdict = judge(answer, ATTEMPT)

    assert isinstance(verdict, Again)
    assert not verdict.answered


def test_attempts_come_less_and_less_often() -> None:
    delays = [retry_delay(attempts) for attempts in range(1, 40)]

    assert delays == sorted(delays)
    assert delays[0] <= 2000
    assert delays[-1] == 300_000


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (403, 50001, Reason.NO_PERMISSION),
        (403, 0, Reason.NO_PERMISSION),
        (400, 50083, Reason.NO_PERMISSION),
        (400, 160005, Reason.NO_PERMISSION),
        (404, 10003, Reason.UNKNOWN_CHANNEL),
        (404, 10004, Reason.UNKNOWN_CHANNEL),
    ],
)
def test_a_closed_channel_is_waited_for(status: int, code: int, reason: Reason) -> None:
    assert judge(Refused(status, code), ATTEMPT) == Blocked(60_000, NOW, reason)


def test_after_three_days_it_is_given_up() -> None:
    waited = replace(ATTEMPT, blocked_since=NOW - PATIENCE + 1)
    too_long = replace(ATTEMPT, blocked_since=NOW - PATIENCE)

    assert judge(Refused(403, 50001), waited) == Blocked(1, NOW - PATIENCE + 1, Reason.NO_PERMISSION)
    assert judge(Refused(403, 50001), too_long) == GiveUp(Reason.NO_PERMISSION)


def test_files_that_nothing_else_explains_are_left_out() -> None:
    assert judge(Refused(403, 50013), ATTEMPT) == Change(Variant(no_files=True))


def test_a_missing_permission_explains_the_refusal() -> None:
    attempt = replace(ATTEMPT, missing=("Send Messages",))

    assert isinstance(judge(Refused(403, 50013), attempt), Blocked)


def test_without_files_a_missing_permission_is_waited_for() -> None:
    assert isinstance(judge(Refused(403, 50013), replace(ATTEMPT, files=())), Blocked)


def test_the_largest_of_several_files_becomes_a_link_and_teaches_nothing() -> None:
    assert judge(Refused(413, 40005), ATTEMPT) == Change(Variant(frozenset({2})), too_large=None)


def test_a_single_file_tells_the_servers_limit() -> None:
    attempt = replace(ATTEMPT, files=(video(1, 500),), variant=Variant(frozenset({2})))

    assert judge(Refused(413, 0), attempt) == Change(Variant(frozenset({1, 2})), too_large=500)


@pytest.mark.parametrize("status_code", [(403, 200000), (400, 20009), (400, 50035), (405, 0)])
def test_refused_words_are_left_out_then_files_then_all(status_code: tuple[int, int]) -> None:
    refused = Refused(*status_code)
    wordless = Variant(wordless=True)

    assert judge(refused, ATTEMPT) == Change(wordless)
    assert judge(refused, replace(ATTEMPT, variant=wordless)) == Change(replace(wordless, no_files=True))
    assert judge(refused, replace(ATTEMPT, variant=wordless, files=())) == GiveUp(Reason.REFUSED)


def test_a_card_has_no_other_form() -> None:
    assert judge(Refused(400, 50035), replace(ATTEMPT, is_outcome=False, files=())) == GiveUp(Reason.REFUSED)


def test_a_reply_that_is_not_allowed_becomes_none() -> None:
    assert judge(Refused(400, 160002), ATTEMPT) == Change(Variant(no_reply=True))


answers = st.builds(
    Refused,
    st.sampled_from([400, 403, 404, 405, 413]),
    st.sampled_from([0, 10003, 20009, 40005, 50001, 50013, 50035, 50083, 160002, 160005, 200000]),
)


@given(st.lists(answers, min_size=40, max_size=40), st.integers(0, 10))
def test_changes_come_to_an_end(refusals: list[Refused], videos: int) -> None:
    """Each one leaves out more, so that no chain of refusals goes round in a circle."""
    files = tuple(video(index, index * 100) for index in range(1, videos + 1))
    variant = Variant()
    changes = 0
    for refused in refusals:
        sent = () if variant.no_files else tuple(file for file in files if file.index not in variant.links)
        attempt = replace(ATTEMPT, variant=variant, files=sent, is_reply=not variant.no_reply)
        verdict = judge(refused, attempt)
        if isinstance(verdict, Change):
            assert verdict.variant != variant
            variant = verdict.variant
            changes += 1
    assert changes <= videos + 3
