"""JSON for the wire, from SimCord's payloads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from simcord.backend.cdn import CDN_BASE

Json = dict[str, Any]


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (tuple, set, frozenset)):
        return list(value)
    return str(value)


class Wire:
    """Writes JSON with the addresses of files pointing at this sandbox."""

    def __init__(self, files_url: str) -> None:
        self._files_url = files_url

    def dumps(self, value: object) -> str:
        """One JSON text."""
        return json.dumps(value, default=_plain, separators=(",", ":")).replace(CDN_BASE, self._files_url)

    def answer(self, value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
        """A REST answer: exactly `application/json`, without a charset, as Discord's; discord.py reads no other."""
        body = self.dumps(value).encode()
        return web.Response(body=body, status=status, headers={**(headers or {}), "Content-Type": "application/json"})
