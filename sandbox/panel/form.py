"""What somebody filled into a form of the page, read with its bounds."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

T = TypeVar("T")

_LONGEST = 4000


class NotDone(Exception):
    """Nothing was done; the text says why, to the person at the page."""


class Form:
    """Fields by name, as the page sent them: texts, or lists of texts."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        self._fields = fields

    def text(self, name: str, *, otherwise: str | None = None) -> str:
        """A text without blanks around it.

        Raises:
            NotDone: it is missing (and there is no other), is no text, or is too long.
        """
        value = self._fields.get(name)
        if isinstance(value, str) and value.strip():
            if len(value) > _LONGEST:
                raise NotDone(f"{name} is longer than {_LONGEST} characters.")
            return value.strip()
        if otherwise is None:
            raise NotDone(f"{name} is missing.")
        return otherwise

    def texts(self, name: str) -> list[str]:
        """All values of a field that may be chosen several times."""
        value = self._fields.get(name, [])
        return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]

    def number(self, name: str, low: float, high: float) -> float:
        """A number within bounds, both included.

        Raises:
            NotDone: it is none, or lies outside.
        """
        try:
            value = float(self.text(name))
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise NotDone(f"{name} has to be a number from {low:g} to {high:g}.")
        return value

    def whole(self, name: str, low: int, high: int) -> int:
        """A whole number within bounds, both included.

        Raises:
            NotDone: it is none, or lies outside.
        """
        return int(self.number(name, low, high))

    def one_of(self, name: str, choices: Mapping[str, T]) -> T:
        """What the choice stands for.

        Raises:
            NotDone: there is no such choice.
        """
        value = self.text(name)
        if value not in choices:
            raise NotDone(f"{name} has no choice {value[:40]!r}.")
        return choices[value]

    def ticked(self, name: str) -> bool:
        """Whether a box is ticked."""
        return self._fields.get(name) == "on"


Control = Callable[[Form], Awaitable[str]]
"""One switch of the page: does something, and says what it did.

Raises:
    NotDone: nothing was done.
"""
