"""What somebody is told who wants to be forgotten."""

from __future__ import annotations

from ui.actions import Action
from ui.answer import Answer, answer

_PRESSER = 0
"""The buttons are about whoever presses them, so their number says nothing."""


def forget_question() -> Answer:
    """Asks first."""
    return answer(
        "**Delete what I keep about you?** That's which jobs you asked for and whether to ping you. "
        "I'll still post their results, without a ping. Old messages stay.",
        (Action.DELETE_MY_DATA, _PRESSER),
        (Action.KEEP_MY_DATA, _PRESSER),
    )


def forgotten_answer() -> Answer:
    """It is done."""
    return Answer("**Deleted.** I keep nothing about you now.")


def kept_answer() -> Answer:
    """They thought better of it."""
    return Answer("**Kept.** Nothing has changed.")
