"""The bot's requests to both servers, without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from operator import itemgetter
from typing import Any
from urllib.parse import unquote

from sandbox.discord_wire import RecordedRequest
from sandbox.pixverse_api.requests_log import LoggedRequest

SHOWN = 80
_EMAIL = re.compile(r"([\w.+])[\w.+-]*@[\w-]+(?:\.[\w-]+?)+(?=-(?:video|image)\b|[^\w.-]|$)")
_SECRETS = (
    (re.compile(r"(/interactions/\d+/)[^/?]+"), r"\1…"),
    (re.compile(r"(/webhooks/\d+/)[^/?]+"), r"\1…"),
    (re.compile(r"(/callback/)[^/?]+"), r"\1…"),
    (re.compile(r"(user:\d+-)[A-Za-z0-9]{16,}"), r"\1…"),
    (re.compile(r"\b(hm=)[0-9a-f]+"), r"\1…"),
)
_LONGEST = 300
_JOB = re.compile(r"(jobid=job:\d+)-user:\d+-channel:\d+-bot:pixverse")
_LONG_NUMBER = re.compile(r"\d{11,}(?=\d{4})")


@lru_cache(maxsize=1000)
def masked(path: str) -> str:
    """A path without tokens, e-mail addresses, signatures and unprintable characters."""
    shown = unquote(path)
    for secret, mask in _SECRETS:
        shown = secret.sub(mask, shown)
    shown = _EMAIL.sub(r"\1…@…", shown)
    shown = "".join(letter if letter.isprintable() else "�" for letter in shown)
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


@lru_cache(maxsize=1000)
def short(path: str) -> str:
    """A masked path, shortened: long numbers keep their last four digits."""
    return _LONG_NUMBER.sub("…", _JOB.sub(r"\1…", path))


def latest(
    discord: Iterable[RecordedRequest], pixverse: Iterable[LoggedRequest], files: Iterable[LoggedRequest]
) -> list[dict[str, Any]]:
    """The latest requests to all three servers, newest first; each argument's own are oldest first.

    `at` is in milliseconds UTC, `shown` the path made short; no `status` means that there was no answer (yet).
    """
    lines = [
        *(_line("Discord", int(call.time * 1000), call.method, call.path, call.status) for call in discord),
        *(_line("PixVerse", entry.at, entry.method, entry.path, entry.status) for entry in pixverse),
        *(_line("Files", entry.at, entry.method, entry.path, entry.status) for entry in files),
    ]
    lines.sort(key=itemgetter("at"), reverse=True)
    return lines[:SHOWN]


def _line(to: str, at: int, method: str, path: str, status: int | None) -> dict[str, Any]:
    whole = masked(path)
    return {"at": at, "to": to, "method": method, "path": whole, "shown": short(whole), "status": status}
