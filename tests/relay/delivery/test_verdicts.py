from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.messages import Cause, NoResponse, Posted, Refused, TooManyRequests, VideoFile
from model.states import Reason
from relay.delivery.fallbacks import Variant
from relay.delivery.verdicts import (
    BLOCKED_FOR_AT_MOST,
    Again,
    Attempt,
    Blocked,
    Change,
    Done,
    GiveUp,
    StopSending,
    Verdict,
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


def test_the_bot_token_is_refused() -> None:
    assert judge(Refused(401, 0), ATTEMPT) == StopSending()


@pytest.mark.parametrize("code", [40001, 50014])
def test_a_token_error_code_counts_whatever_the_status(code: int) -> None:
    assert judge(Refused(403, code), ATTEMPT) == StopSending()


def test_a_rate_limit_is_a_definite_response() -> None:
    assert judge(TooManyRequests(2.5), ATTEMPT) == Again(2500, answered=True, reason=Reason.RATE_LIMITED)


@pytest.mark.parametrize("answer", [NoResponse(), Refused(408, 0)])
def test_no_response_is_not_definite(answer: NoResponse | Refused) -> None:
    verdict = judge(answer, ATTEMPT)

    assert isinstance(verdict, Again)
    assert not verdict.answered


def test_attempts_become_less_frequent() -> None:
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


def test_after_three_days_a_closed_channel_is_given_up() -> None:
    waited = replace(ATTEMPT, blocked_since=NOW - BLOCKED_FOR_AT_MOST + 1)
    too_long = replace(ATTEMPT, blocked_since=NOW - BLOCKED_FOR_AT_MOST)

    assert judge(Refused(403, 50001), waited) == Blocked(1, NOW - BLOCKED_FOR_AT_MOST + 1, Reason.NO_PERMISSION)
    assert judge(Refused(403, 50001), too_long) == GiveUp(Reason.NO_PERMISSION)


def test_a_temporary_refusal_costs_no_file() -> None:
    first, second = (judge(Refused(403, 50013), replace(ATTEMPT, attempts=9, unexplained=before)) for before in (0, 1))

    assert first == Again(1000, answered=True, reason=Reason.NO_PERMISSION)
    assert second == Again(2000, answered=True, reason=Reason.NO_PERMISSION)


@pytest.mark.parametrize(("missing", "why"), [((), Cause.FILE), (None, None)])
def test_files_are_left_out_if_nothing_else_explains_the_refusal(
    missing: tuple[str, ...] | None, why: Cause | None
) -> None:
    third = replace(ATTEMPT, unexplained=2, missing=missing)

    assert judge(Refused(403, 50013), third) == Change(Variant(no_files=True, why=why))


@pytest.mark.parametrize("code", [50001, 50013, 50083, 10003])
def test_what_was_left_out_comes_back_once_the_channel_is_open(code: int) -> None:
    reduced = Variant(frozenset({1}), without_api_text=True, no_files=True, no_ping=True, why=Cause.FILE)
    verdict = judge(Refused(403, code), replace(ATTEMPT, variant=reduced, files=()))

    assert isinstance(verdict, Blocked)
    assert verdict.variant == Variant(frozenset({1}), no_ping=True)


def test_a_missing_permission_explains_the_refusal() -> None:
    attempt = replace(ATTEMPT, missing=("Send Messages",))

    assert isinstance(judge(Refused(403, 50013), attempt), Blocked)


def test_without_files_a_missing_permission_is_waited_for() -> None:
    assert isinstance(judge(Refused(403, 50013), replace(ATTEMPT, files=())), Blocked)


def test_the_largest_of_several_files_becomes_a_link_and_teaches_nothing() -> None:
    assert judge(Refused(413, 40005), ATTEMPT) == Change(Variant(frozenset({2})), too_large=None)


def test_a_single_file_teaches_the_server_s_limit() -> None:
    attempt = replace(ATTEMPT, files=(video(1, 500),), variant=Variant(frozenset({2})))

    assert judge(Refused(413, 0), attempt) == Change(Variant(frozenset({1, 2})), too_large=500)


def forms(attempt: Attempt, *refusals: Refused) -> list[Verdict]:
    """What follows from one refusal after the other."""
    verdicts: list[Verdict] = []
    for refused in refusals:
        verdict = judge(refused, attempt)
        verdicts.append(verdict)
        if isinstance(verdict, Change):
            attempt = replace(attempt, variant=verdict.variant, files=() if verdict.variant.no_files else TWO)
    return verdicts


@pytest.mark.parametrize("status", [400, 403, 404, 422])
@pytest.mark.parametrize(
    ("code", "cause"),
    [(200000, Cause.WORDS), (200001, Cause.WORDS), (240000, Cause.LINKS), (50035, Cause.UNKNOWN)],
)
def test_refused_words_are_left_out_then_files_then_both(status: int, code: int, cause: Cause) -> None:
    assert forms(ATTEMPT, *[Refused(status, code)] * 3) == [
        Change(Variant(without_api_text=True, why=cause)),
        Change(Variant(without_api_text=True, no_files=True, why=cause)),
        GiveUp(Reason.REFUSED, cause),
    ]


@pytest.mark.parametrize("status", [400, 403, 404, 405])
@pytest.mark.parametrize(
    ("code", "cause"),
    [(50046, Cause.FILE), (20009, Cause.EXPLICIT), (999_999, Cause.UNKNOWN), (241_001, Cause.UNKNOWN)],
)
def test_refused_files_are_left_out_and_come_back_if_not_to_blame(status: int, code: int, cause: Cause) -> None:
    assert forms(ATTEMPT, *[Refused(status, code)] * 4) == [
        Change(Variant(no_files=True, why=cause)),
        Change(Variant(without_api_text=True, why=cause)),
        Change(Variant(without_api_text=True, no_files=True, why=cause)),
        GiveUp(Reason.REFUSED, cause),
    ]


@pytest.mark.parametrize("status", [400, 403, 404])
def test_if_uploads_are_limited_no_file_is_tried_again(status: int) -> None:
    limited, blocked_words = Refused(status, 400001), Refused(400, 200000)

    assert forms(ATTEMPT, limited, blocked_words, blocked_words) == [
        Change(Variant(no_files=True, why=Cause.UPLOADS_LIMITED)),
        Change(Variant(no_files=True, without_api_text=True, why=Cause.UPLOADS_LIMITED)),
        GiveUp(Reason.REFUSED, Cause.WORDS),
    ]


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (20016, Reason.SLOW_MODE),
        (20022, Reason.RATE_LIMITED),
        (20028, Reason.RATE_LIMITED),
        (40004, Reason.SWITCHED_OFF),
        (40006, Reason.SWITCHED_OFF),
        (130000, Reason.SWITCHED_OFF),
    ],
)
def test_a_temporary_refusal_is_retried_in_the_same_form(status: int, code: int, reason: Reason) -> None:
    assert judge(Refused(status, code), ATTEMPT) == Again(2000, answered=True, reason=reason)


@pytest.mark.parametrize("code", [50001, 50008, 50009, 50024, 40058, 160005, 160006])
def test_a_closed_place_is_waited_for_whatever_the_status(code: int) -> None:
    for status in (400, 403, 404):
        assert judge(Refused(status, code), ATTEMPT) == Blocked(60_000, NOW, Reason.NO_PERMISSION)


def test_a_too_large_file_is_recognised_by_its_code_too() -> None:
    for status, code in ((400, 50045), (413, 40005), (403, 40005), (413, 0)):
        assert judge(Refused(status, code), ATTEMPT) == Change(Variant(frozenset({2})))


def test_a_message_without_files_has_one_fallback() -> None:
    card = replace(ATTEMPT, files=(), is_reply=False)
    wordless = Variant(without_api_text=True, why=Cause.UNKNOWN)
    given_up = GiveUp(Reason.REFUSED, Cause.UNKNOWN)
    assert judge(Refused(400, 50035), card) == Change(wordless)
    assert judge(Refused(400, 50035), replace(card, variant=wordless)) == given_up


def test_a_reply_that_is_not_allowed_becomes_a_plain_message() -> None:
    assert judge(Refused(400, 160002), ATTEMPT) == Change(Variant(no_reply=True))


answers = st.builds(
    Refused,
    st.sampled_from([400, 403, 404, 405, 413]),
    st.sampled_from(
        [0, 10003, 20009, 240000, 400001, 999999, 40005, 50001, 50013, 50035, 50083, 160002, 160005, 200000]
    ),
)


@given(st.lists(answers, min_size=40, max_size=40), st.integers(0, 10))
def test_a_chain_of_refusals_ends(refusals: list[Refused], videos: int) -> None:
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
    assert changes <= videos + 4


@pytest.mark.parametrize("code", [160002, 160009, 160010])
def test_a_reply_that_is_not_allowed_costs_neither_file_nor_words(code: int) -> None:
    assert judge(Refused(400, code), ATTEMPT) == Change(Variant(no_reply=True))


def _form(*fields: str) -> Refused:
    return Refused(400, 50035, "\n".join(["Invalid Form Body", *(f"In {field}: no" for field in fields)]))


def test_an_invalid_form_costs_what_discord_names() -> None:
    without_files = Change(Variant(no_files=True, why=Cause.FILE))
    without_words = Change(Variant(without_api_text=True, why=Cause.UNKNOWN))

    assert judge(_form("attachments.0.description"), ATTEMPT) == without_files
    assert judge(_form("attachments.0", "attachments.1"), ATTEMPT) == without_files
    assert judge(_form("message_reference"), ATTEMPT) == Change(Variant(no_reply=True))
    assert judge(_form("content"), ATTEMPT) == without_words
    assert judge(_form("content", "attachments.0"), ATTEMPT) == without_words
    assert judge(_form(), ATTEMPT) == without_words
