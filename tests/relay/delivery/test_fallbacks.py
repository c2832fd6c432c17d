from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from model.messages import Cause
from relay.delivery.fallbacks import Variant

variants = st.builds(
    Variant,
    st.frozensets(st.integers(1, 20), max_size=10),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(0),
    st.none() | st.sampled_from(Cause),
)


@given(variants)
def test_a_stored_variant_is_read_back(variant: Variant) -> None:
    assert Variant.parse(variant.format()) == variant


@given(st.text(alphabet="links=,;0123456789wordlessnofilesnoreplynopingnoeditanew²", max_size=60))
def test_an_unknown_stored_text_raises_nothing(text: str) -> None:
    Variant.parse(text)


@given(variants, variants)
def test_another_variant_has_another_nonce_but_dropping_the_reply_keeps_it(one: Variant, other: Variant) -> None:
    same = replace(one, no_reply=False, why=None) == replace(other, no_reply=False, why=None)

    assert (one.nonce("abc") == other.nonce("abc")) is same


def test_the_full_message_has_the_base_nonce() -> None:
    assert Variant().nonce("abc") == "abc"
    assert Variant(no_reply=True).nonce("abc") == "abc"
