"""The bot's REST requests, kept for tests."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

_UNSAFE_IN_NAME = re.compile(r"[^A-Za-z0-9_.-]")


@dataclass(slots=True)
class Upload:
    """One file of a multipart request, in the shape that SimCord's routes read."""

    filename: str
    content: bytes
    description: str | None = None
    spoiler: bool = False
    fp: io.BytesIO = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.fp = io.BytesIO(self.content)


@dataclass(slots=True)
class RecordedRequest:
    """One REST call of the bot; the token is never kept.

    `path` counts from the API's base (`/channels/1/messages`). `status` is None before the response, or if the
    connection was cut. `time` is in seconds since 1970.
    """

    method: str
    path: str
    query: dict[str, str]
    json: Any
    files: list[Upload]
    authorization: str = field(repr=False)
    time: float
    caller: str = ""
    """The bot that sent the request, if each bot was given its own address."""
    reason: str | None = None
    status: int | None = None
    answer: Any = None
    done: bool = False
    """Whether the request was carried out; its response may still be lost."""

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object that was sent; empty if there was none."""
        return self.json if isinstance(self.json, dict) else {}

    @property
    def segments(self) -> list[str]:
        """The path's parts."""
        return self.path.strip("/").split("/")


async def read_request(request: web.Request, *, now: float) -> RecordedRequest:
    """Read a whole request, multipart or not.

    Raises:
        ValueError: the body is no JSON.
    """
    body: Any = None
    files: list[tuple[str, str, bytes]] = []
    if request.content_type == "multipart/form-data":
        body, files = await _read_multipart(request)
    elif request.can_read_body:
        raw = await request.read()
        body = json.loads(raw) if raw else None
    return RecordedRequest(
        method=request.method,
        path="/" + request.match_info["path"],
        query=dict(request.query),
        json=body,
        files=_uploads(body, files),
        authorization=request.headers.get("Authorization", ""),
        time=now,
        caller=request.match_info.get("caller", ""),
        reason=request.headers.get("X-Audit-Log-Reason"),
    )


async def _read_multipart(request: web.Request) -> tuple[Any, list[tuple[str, str, bytes]]]:
    body: Any = None
    files: list[tuple[str, str, bytes]] = []
    async for part in await request.multipart():
        if part.name == "payload_json":  # type: ignore[union-attr] # Discord takes no nested multipart
            body = json.loads(await part.text())  # type: ignore[union-attr]
        else:
            files.append((part.name or "", part.filename or "file", bytes(await part.read())))  # type: ignore[union-attr]
    return body, files


def _uploads(body: object, files: list[tuple[str, str, bytes]]) -> list[Upload]:
    said = _said_of_attachments(body)
    uploads = []
    for name, filename, content in files:
        about = said.get(name.removeprefix("files[").removesuffix("]"), {})
        kept = stored_name(about.get("filename") or filename)
        uploads.append(Upload(kept, content, description=about.get("description"), spoiler=kept.startswith("SPOILER_")))
    return uploads


def _said_of_attachments(body: object) -> dict[str, dict[str, Any]]:
    if not isinstance(body, dict):
        return {}
    message = body.get("data") if isinstance(body.get("data"), dict) else body
    attachments = (message or {}).get("attachments") or []
    return {str(item.get("id")): item for item in attachments if isinstance(item, dict)}


def stored_name(filename: str) -> str:
    """The name under which Discord stores an uploaded file: spaces become `_`, other unusual characters are removed."""
    return _UNSAFE_IN_NAME.sub("", filename.replace(" ", "_")) or "file"
