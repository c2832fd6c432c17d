"""What stands in the channels: cards that go forward and end, notices that are taken back, nothing said twice."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from tests.simulation.discord_world import Channel, buttons_of, text_of
from tests.ui.twice import said_twice

_PERCENT = re.compile(r"\*\*In progress: (\d+)%\.\*\*")
_IN_WORK = re.compile(r"\*\*(?:Waiting to start|Started|In progress|Taking longer|Watching\.|No word)")
_ENDED = re.compile(r"\*\*(?:Done|Failed|Refused by|Cancelled|No result|Expired|Finished)")
_ON_HOLD = "**PixVerse results are on hold."
_OWN_WORDS = re.compile(r"^(?:> |PixVerse says: |Prompt: ).*$|says: .*$", re.MULTILINE)
"""Lines of the API's, which may say what they like."""


class Looks:
    """Follows every card from its first form to its last."""

    def __init__(self, fail: Callable[[str], None]) -> None:
        self._fail = fail
        self._reached: dict[str, float] = {}
        """How far a card has come, in percent; infinite where it has told the end."""
        self._edited: set[str] = set()
        """Cards that the bot surely knows of: the answer to a post may be lost for good."""

    def shown(self, message: dict[str, Any], channel: Channel) -> None:
        """A card is posted or edited."""
        text, number = text_of(message), str(message["id"])
        self.said(text, [label for label, _ in buttons_of(message)])
        if number in self._reached:
            self._edited.add(number)
        before = self._reached.setdefault(number, 0.0)
        if text.startswith("**On hold") or "watching" in text.lower():
            return
        percent = _PERCENT.search(text)
        reached = math.inf if _ENDED.match(text) else float(percent[1]) if percent is not None else 0.0
        if (before == math.inf and _IN_WORK.match(text)) or (percent is not None and reached < before):
            self._fail(f"a card goes back in {channel.name}: {text!r}")
        self._reached[number] = max(before, reached)

    def said(self, text: str, labels: list[str]) -> None:
        """A text that the bot has made."""
        twice = said_twice(_OWN_WORDS.sub("", text), labels)
        if twice:
            self._fail(f"{twice} is said twice in {text!r} {labels}")

    def at_rest(self, message: dict[str, Any], channel: Channel, *, ended: bool, token_works: bool) -> None:
        """All is quiet: a card of a job whose result is there has told so, and no notice tells of a trouble that is
        over."""
        text = text_of(message)
        known = str(message["id"]) in self._edited
        if ended and known and (_IN_WORK.match(text) or text.startswith("**On hold")):
            self._fail(f"a card in {channel.name} has not told the end of its job: {text!r}")
        if token_works and text.startswith(_ON_HOLD):
            self._fail(f"a notice in {channel.name} goes on telling of a trouble that is over: {text!r}")
