from __future__ import annotations

import pytest

from tests.scheduling import first_for

CARDS, CHAT, STARTS, FORM = (
    "tests/ui/test_cards.py",
    "tests/browser/test_chat.py",
    "tests/e2e/test_starts.py",
    "tests/sandbox/test_form.py",
)
CRASHES = "tests/relay/delivery/test_delivery_crashes.py"


@pytest.mark.parametrize(
    ("files", "computes", "first"),
    [
        ((STARTS, FORM, CHAT, CARDS), False, CHAT),
        ((STARTS, FORM, CARDS), False, FORM),
        ((STARTS, FORM, CHAT, CARDS), True, CARDS),
        ((CARDS, CRASHES, CHAT), True, CRASHES),
        ((CARDS,), False, CARDS),
        ((STARTS, CHAT), True, CHAT),
    ],
)
def test_each_worker_takes_its_own_kind_first_and_then_the_other(
    files: tuple[str, ...], computes: bool, first: str
) -> None:
    assert first_for(files, computes=computes) == first
