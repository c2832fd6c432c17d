"""What stands in the channels: cards that go forward and end, notices that are taken back, nothing said twice."""

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
_ENDED = re.compile(r"\*\*(?:Done|Failed|Refused by|Cancelled|No result|Expired|Finished)")
_ON_HOLD = "**PixVerse results are on hold."
_LONGEST_NONCE = 25
_MISSING_PERMISSIONS = 50013
_OF_REPLIES = (160002, 160009, 160010)
"""Refusals of no more than that a message is a reply."""
_YOUNG, _OLD = 60.0, 3660.0
_YOUNG_EDITS, _EDITS, _OLD_EDITS = 5.0, 10.0, 295.0
"""Seconds until the next edit of a card that was as old as that at the last one."""
_OWN_WORDS = re.compile(
    r"^(?:PixVerse says: |Prompt: |prompt: |content: |error: |attachment \d+: ).*$|says: .*$|boat-\d+-sails[^·\n]*",
    re.MULTILINE,
)
"""What the API says, which may be what it likes."""
_SHARED = re.compile(r"\(https://discord\.com/channels/[\d/]+\)|<t:\d+:\w>")
"""What several jobs may have in common: the message of their group, a second."""
_FOREIGN = re.compile(r"boat-\d+-sails|\bIt (?:failed|moderated)\b|`[^`]*`|<?https?://\S+")
"""The API's words where they stand within a line, and what is code."""
_FILES = re.compile(r"\bNumbers? \d+(?:(?:, \d+)*,? (?:and|to) \d+)?:")
"""Which files a reason is about: each reason names its own."""


class Looks:
    """Follows every card from its first form to its last."""

    def __init__(self, fail: Callable[[str], None]) -> None:
        self._fail = fail
        self._refused: dict[tuple[int, str], tuple[int, bool]] = {}
        """What of a message was refused last under a nonce in a channel: number of files, whether words of the
        API's."""
        self._last_edit: dict[str, tuple[int, float]] = {}
        """In which process a card was posted or edited last, and when."""
        self._posted_at: dict[str, float] = {}
        self._reached: dict[str, float] = {}
        """How far a card has come, in percent; infinite where it has told the end."""
        self._edited: set[str] = set()
        """Cards that the bot surely knows of: the answer to a post may be lost for good."""

    def sent(self, channel: Channel, body: dict[str, Any], files: int) -> None:
        """The bot asks for a message to be posted. What Discord has refused for what it holds goes under another nonce
        when something is left out of it; what nobody answered goes under the same one, whatever became of its files."""
        nonce = str(body.get("nonce") or "")
        if not nonce or len(nonce) > _LONGEST_NONCE or body.get("enforce_nonce") is not True:
            self._fail(f"a message is sent without a nonce that holds: {nonce!r}, {body.get('enforce_nonce')!r}")
        form, before = _form(body, files), self._refused.pop((channel.id, nonce), None)
        if before is not None and (form[0] < before[0] or form[1] < before[1]):
            self._fail(f"a message in a lesser form bears the same nonce: {before} and {form}")

    def refused(self, channel: Channel, body: dict[str, Any], files: int, refusal: Refusal) -> None:
        """Discord takes no such message, for what it holds or for no permission."""
        a_reply = refusal.code in _OF_REPLIES or "message_reference" in (refusal.errors or {})
        if refusal.code != _MISSING_PERMISSIONS and not a_reply:
            self._refused[(channel.id, str(body.get("nonce")))] = _form(body, files)

    def paced(self, message: dict[str, Any], life: int, now: float) -> None:
        """A card is edited: not more often than the contract lets it, but for its end."""
        number = str(message["id"])
        edited_in, before = self._last_edit.get(number, (0, -math.inf))
        age = before - self._posted_at.get(number, -math.inf)
        self._last_edit[number] = (life, now)
        least = _YOUNG_EDITS if age < _YOUNG else _EDITS if age < _OLD else _OLD_EDITS
        ends = _ENDED.match(text_of(message)) is not None or "Stopped watching" in text_of(message)
        if edited_in == life and now - before < least - 0.1 and not ends:
            self._fail(f"a card of {age:.0f} s is edited again after {now - before:.1f} s: {text_of(message)!r}")

    def shown(self, message: dict[str, Any], channel: Channel, now: float, locale: str) -> None:
        """A card is posted or edited."""
        text, number = text_of(message), str(message["id"])
        self._posted_at.setdefault(number, now)
        self.said(text, [label for label, _ in buttons_of(message)], locale)
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

    def begins_anew(self, number: str) -> None:
        """The job of a card is waited for again: it is taken up, and may go on from the end that it told."""
        self._reached[number] = 0.0

    def said(self, text: str, labels: list[str], locale: str) -> None:
        """A text that the bot has made. In other languages, words that mean nothing by themselves are not known."""
        if locale not in (ENGLISH, PSEUDO):
            return
        twice = said_twice(_SHARED.sub("", _FILES.sub("", _OWN_WORDS.sub("", text))), labels)
        if twice:
            self._fail(f"{twice} is said twice in {text!r} {labels}")

    def speaks(self, message: dict[str, Any], locale: str) -> None:
        """A message is in the language that it is read in."""
        written = "\n".join([written_in(message), *(label for label, _ in labelled_in(message))])
        if locale == PSEUDO:
            words = english(_FOREIGN.sub("", written))
            if words:
                self._fail(f"{words} stand in English in {written!r}")
        elif is_pseudo(written):
            self._fail(f"another language than that of its readers is spoken in {written!r}")

    def form_speaks(self, form: dict[str, Any], locale: str) -> None:
        """A form is in the language of whoever fills it in."""
        self.speaks({"content": "\n".join(_texts_of_form(form))}, locale)

    def at_rest(
        self, message: dict[str, Any], channel: Channel, *, ended: bool, token_works: bool, unsure: bool
    ) -> None:
        """All is quiet: a card of a job whose result is there has told so, and no notice tells of a trouble that is
        over, but one of which the bot could not know that it stands there (`unsure`)."""
        text = text_of(message)
        known = str(message["id"]) in self._edited
        if ended and known and (_IN_WORK.match(text) or text.startswith("**On hold")):
            self._fail(f"a card in {channel.name} has not told the end of its job: {text!r}")
        if token_works and not unsure and text.startswith(_ON_HOLD):
            self._fail(f"a notice in {channel.name} goes on telling of a trouble that is over: {text!r}")


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
