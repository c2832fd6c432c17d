"""Checks what the channels show: cards progress and end, notices are withdrawn, nothing is said twice."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from tests.pseudo_language import PSEUDO, english, is_pseudo
from tests.simulation.discord_world import ENGLISH, Channel, Refusal, buttons_of, labelled_in, text_of, written_in
from tests.ui.twice import said_twice

_PERCENT = re.compile(r"\*\*In progress: (\d+)%\.\*\*")
_IN_WORK = re.compile(r"\*\*(?:Waiting to start|Started|In progress|Taking longer|Watching\.|No word)")
_ENDED = re.compile(r"\*\*(?:Done|Failed|Refused by|Cancelled|No result|Expired|Finished|Ended)")
_ON_HOLD = "**PixVerse results are on hold."
_LONGEST_NONCE = 25
_MISSING_PERMISSIONS = 50013
_OF_REPLIES = (160002, 160009, 160010)
"""Refusals that concern only the reply to another message."""
_YOUNG, _OLD = 60.0, 3660.0
_YOUNG_EDITS, _EDITS, _OLD_EDITS = 5.0, 10.0, 295.0
"""The least seconds between two edits of a card, by its age in seconds at the earlier edit."""
_OWN_WORDS = re.compile(
    r"^(?:PixVerse says: |Prompt: |prompt: |content: |error: |attachment \d+: ).*$|says: .*$|boat-\d+-sails[^·\n]*",
    re.MULTILINE,
)
"""Text from the API, which may be anything."""
_SHARED = re.compile(r"\(https://discord\.com/channels/[\d/]+\)|<t:\d+:\w>")
"""What several jobs may have in common: the link to their batch's message, and a timestamp."""
_FOREIGN = re.compile(r"boat-\d+-sails|\bIt (?:failed|moderated)\b|`[^`]*`|<?https?://\S+")
"""Text from the API within a line, and code."""
_FILES = re.compile(r"\bNumbers? \d+(?:(?:, \d+)*,? (?:and|to) \d+)?:")
"""The files that a reason is about; each reason names its own."""


class MessageLaws:
    """Checks each message, and follows every card from the post to its last edit."""

    def __init__(self, fail: Callable[[str], None]) -> None:
        self._fail = fail
        self._refused: dict[tuple[int, str], tuple[int, bool]] = {}
        """By channel and nonce, what was refused last: the number of files, and whether the message had words of the
        API's."""
        self._last_edit: dict[str, tuple[int, float]] = {}
        """The process that last posted or edited a card, and when."""
        self._posted_at: dict[str, float] = {}
        self._progress: dict[str, float] = {}
        """How far a card has progressed, in percent; infinite once it shows the end."""
        self._ever_edited: set[str] = set()
        """Cards that the bot knows for certain: the response to a post may be lost for good."""

    def on_send(self, channel: Channel, body: dict[str, Any], files: int) -> None:
        """Checks the nonce of a message that the bot sends.

        A message that Discord refused for its contents gets another nonce once something is left out of it. A message
        that got no response keeps its nonce, even if its files are missing by then.
        """
        nonce = str(body.get("nonce") or "")
        if not nonce or len(nonce) > _LONGEST_NONCE or body.get("enforce_nonce") is not True:
            self._fail(f"a message is sent without a nonce that holds: {nonce!r}, {body.get('enforce_nonce')!r}")
        form, before = _form(body, files), self._refused.pop((channel.id, nonce), None)
        if before is not None and (form[0] < before[0] or form[1] < before[1]):
            self._fail(f"a reduced message has the same nonce: {before} and {form}")

    def on_refusal(self, channel: Channel, body: dict[str, Any], files: int, refusal: Refusal) -> None:
        """Discord refuses a message, for its contents or for a missing permission."""
        is_about_reply = refusal.code in _OF_REPLIES or "message_reference" in (refusal.errors or {})
        if refusal.code != _MISSING_PERMISSIONS and not is_about_reply:
            self._refused[(channel.id, str(body.get("nonce")))] = _form(body, files)

    def check_edit_rate(self, message: dict[str, Any], life: int, now: float) -> None:
        """Checks that a card isn't edited more often than the bot promises; its last edit may come at any time."""
        number = str(message["id"])
        edited_in, before = self._last_edit.get(number, (0, -math.inf))
        age = before - self._posted_at.get(number, -math.inf)
        self._last_edit[number] = (life, now)
        least = _YOUNG_EDITS if age < _YOUNG else _EDITS if age < _OLD else _OLD_EDITS
        ends = _ENDED.match(text_of(message)) is not None or "Stopped watching" in text_of(message)
        if edited_in == life and now - before < least - 0.1 and not ends:
            self._fail(f"a card of {age:.0f} s is edited again after {now - before:.1f} s: {text_of(message)!r}")

    def check_card(self, message: dict[str, Any], channel: Channel, now: float, locale: str) -> None:
        """Checks a card that was posted or edited."""
        text, number = text_of(message), str(message["id"])
        self._posted_at.setdefault(number, now)
        self.check_repetition(text, [label for label, _ in buttons_of(message)], locale)
        if number in self._progress:
            self._ever_edited.add(number)
        before = self._progress.setdefault(number, 0.0)
        if text.startswith("**On hold") or "watching" in text.lower():
            return
        percent = _PERCENT.search(text)
        reached = math.inf if _ENDED.match(text) else float(percent[1]) if percent is not None else 0.0
        if (before == math.inf and _IN_WORK.match(text)) or (percent is not None and reached < before):
            self._fail(f"a card goes back in {channel.name}: {text!r}")
        self._progress[number] = max(before, reached)

    def restart(self, number: str) -> None:
        """The job of a card is waited for again, so the card may go back from the end to progress."""
        self._progress[number] = 0.0

    def check_repetition(self, text: str, labels: list[str], locale: str) -> None:
        """Checks that a text of the bot's says nothing twice. Only in English and in the tests' own language: in
        others, the words without a meaning of their own aren't known."""
        if locale not in (ENGLISH, PSEUDO):
            return
        twice = said_twice(_SHARED.sub("", _FILES.sub("", _OWN_WORDS.sub("", text))), labels)
        if twice:
            self._fail(f"{twice} stands twice in {text!r} {labels}")

    def check_language(self, message: dict[str, Any], locale: str) -> None:
        """Checks that a message is in its readers' language."""
        written = "\n".join([written_in(message), *(label for label, _ in labelled_in(message))])
        if locale == PSEUDO:
            words = english(_FOREIGN.sub("", written))
            if words:
                self._fail(f"English words {words} in {written!r}")
        elif is_pseudo(written):
            self._fail(f"not in the language of its readers: {written!r}")

    def check_form_language(self, form: dict[str, Any], locale: str) -> None:
        """Checks that a form is in the language of the person who fills it in."""
        self.check_language({"content": "\n".join(_texts_of_form(form))}, locale)

    def check_at_end(
        self, message: dict[str, Any], channel: Channel, *, ended: bool, token_works: bool, unsure: bool
    ) -> None:
        """Checks a message once everything is quiet: the card of a job with a result shows the end, and no notice
        reports a problem that is over, unless the bot couldn't know that the notice was posted or has forgotten it
        (`unsure`)."""
        text = text_of(message)
        known = str(message["id"]) in self._ever_edited
        if ended and known and (_IN_WORK.match(text) or text.startswith("**On hold")):
            self._fail(f"a card in {channel.name} does not show the end of its job: {text!r}")
        if token_works and not unsure and text.startswith(_ON_HOLD):
            self._fail(f"a notice in {channel.name} still reports a problem that is over: {text!r}")


def _texts_of_form(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for entry in value:
            yield from _texts_of_form(entry)
    elif isinstance(value, dict):
        yield from (str(value[name]) for name in ("title", "label", "description", "placeholder") if value.get(name))
        for name in ("components", "component"):
            yield from _texts_of_form(value.get(name))


def _form(body: dict[str, Any], files: int) -> tuple[int, bool]:
    return files, "boat-" in str(body)
