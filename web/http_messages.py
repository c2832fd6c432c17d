"""The requests that the handlers of the HTTP ports get, and the responses that they return."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

PLAIN_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request's first line, and those headers that are used here."""

    method: str
    path: str
    """As sent, without the query."""
    headers: Mapping[str, str]
    """By lower-case name; headers that were not sent are missing."""


@dataclass(frozen=True, slots=True)
class Response:
    """A response, after which the connection is closed."""

    body: bytes = b""
    status: HTTPStatus = HTTPStatus.OK
    content_type: str = PLAIN_TEXT
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_status(cls, status: HTTPStatus, **headers: str) -> Response:
        """A response with the status as its text. An underscore in a header's name stands for a hyphen."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(f"{status.value} {status.phrase}\n".encode(), status, headers=named)

    @classmethod
    def of_json(cls, value: object, status: HTTPStatus) -> Response:
        """A response with the value as JSON."""
        return cls(json.dumps(value).encode(), status, "application/json")


class RequestRefused(Exception):
    """The request is refused with `response`."""

    def __init__(self, status: HTTPStatus, **headers: str) -> None:
        super().__init__(status.phrase)
        self.response = Response.of_status(status, **headers)


class Request(Protocol):
    """A request whose body may still be on its way."""

    @property
    def head(self) -> RequestHead:
        """The first line and the headers."""

    async def read(self) -> bytes:
        """Waits for the whole body. Raises RequestRefused if it is too large, malformed, late or incomplete."""


Handler = Callable[[Request], Awaitable[Response]]
"""Returns the response to a request. May raise RequestRefused."""
