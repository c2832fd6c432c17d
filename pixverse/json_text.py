"""JSON as other programs write it."""

from __future__ import annotations

import json

_MOST_DIGITS = 40


def parsed_json(body: bytes) -> object:
    """The JSON value in `body`, or None where there is none, or it is nested too deeply.

    The standard library's reader is used, because it lets through what JavaScript's writer may send: half a surrogate
    pair in a text that was cut, and NaN. Either must not make a whole answer unreadable.
    """
    try:
        value: object = json.loads(body.decode("utf-8-sig"), parse_int=_integer)
    except (ValueError, RecursionError):
        return None
    return value


def _integer(digits: str) -> int | float:
    """Python refuses to read integers of thousands of digits; as a float such a one is merely infinite."""
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)
