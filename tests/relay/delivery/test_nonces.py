from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from model.states import DeliveryKind, NoticeKind
from relay.delivery import nonces

texts = st.text(max_size=30)
ids = st.integers(0, 2**63 - 1)


kinds = st.sampled_from(DeliveryKind)
messages = st.tuples(texts, ids, kinds, ids)


@given(texts, ids, kinds, ids)
def test_a_nonce_fits_discord_and_never_changes(
    jobid: str, channel_id: int, kind: DeliveryKind, job_round: int
) -> None:
    nonce = nonces.for_job(jobid, channel_id, kind, job_round)

    assert len(nonce) == 25
    assert set(nonce) <= set("0123456789abcdef")
    assert nonce == nonces.for_job(jobid, channel_id, kind, job_round)


@given(messages, messages)
def test_different_messages_have_different_nonces(
    one: tuple[str, int, DeliveryKind, int], other: tuple[str, int, DeliveryKind, int]
) -> None:
    assert (nonces.for_job(*one) == nonces.for_job(*other)) is (one == other)


def test_nonces_are_the_same_in_every_release() -> None:
    """A bot that is updated between sending and recording must recognise the message."""
    digest = hashlib.sha256(b"3:job1:57:outcome").hexdigest()

    assert nonces.for_job("job", 5, DeliveryKind.OUTCOME) == digest[:25]


def test_a_summary_has_the_same_nonce_in_any_order_of_its_jobs() -> None:
    assert nonces.for_summary(["a", "b"], 5, 1) == nonces.for_summary(["b", "a"], 5, 1)
    assert nonces.for_summary(["a", "b"], 5, 1) != nonces.for_summary(["a", "b"], 5, 2)


def test_a_notice_belongs_to_one_change() -> None:
    one = nonces.for_notice("user:1", 7, 5, NoticeKind.UNPAID, 1)

    assert one != nonces.for_notice("user:1", 7, 5, NoticeKind.UNPAID, 2)
    assert one != nonces.for_notice("user:1", 7, 5, NoticeKind.TOKEN_REFUSED, 1)


def test_a_round_is_named_after_its_kind() -> None:
    def digest(kind: str) -> str:
        parts = ("job", "5", kind)
        return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()[:25]

    found = [
        nonces.for_job("job", 5, kind, job_round)
        for kind, job_round in ((DeliveryKind.OUTCOME, 0), (DeliveryKind.OUTCOME, 2), (DeliveryKind.AGAIN, 9))
    ]
    assert found == [digest("outcome"), digest("outcome-2"), digest("again-9")]
