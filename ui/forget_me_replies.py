"""Replies to `/pixverse forget-me`."""

from __future__ import annotations

from ui.buttons import Action
from ui.language import N_, _
from ui.message import Reply, reply, saying

_PRESSER = 0
"""The number of buttons that concern whoever presses them."""


def forget_question() -> Reply:
    """Asks before a person's data is deleted."""
    return reply(
        _(
            "**Delete what I keep about you?** That's which jobs you asked for and whether to ping you. "
            "I'll still post their results, without a ping. Old messages stay."
        ),
        (Action.DELETE_MY_DATA, _PRESSER),
        (Action.KEEP_MY_DATA, _PRESSER),
    )


forgotten_reply = saying(N_("**Deleted.** I keep nothing about you now."))
"""The person's data was deleted."""
kept_reply = saying(N_("**Kept.** Nothing has changed."))
"""The person pressed *Keep my data*."""
