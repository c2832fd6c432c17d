"""Injected refusals by Discord's codes: which calls, how often, and with which HTTP status.

Codes and messages: Discord API docs, topics/opcodes-and-status-codes; 400001 and 240000 as people report them.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from .faults import Fault, Faults, Status
from .recording import RecordedRequest

REFUSALS: dict[int, tuple[int, str]] = {
    10003: (404, "Unknown Channel"),
    10008: (404, "Unknown Message"),
    20009: (400, "Explicit content cannot be sent to the desired recipient(s)"),
    20016: (400, "This action cannot be performed due to slowmode rate limit"),
    20022: (400, "This message cannot be edited due to announcement rate limits"),
    20028: (400, "The channel you are writing has hit the write rate limit"),
    30046: (400, "Maximum number of edits to messages older than 1 hour reached. Try again later"),
    40004: (403, "Send messages has been temporarily disabled"),
    40005: (413, "Request entity too large"),
    40006: (403, "This feature has been temporarily disabled server-side"),
    50001: (403, "Missing Access"),
    50005: (403, "Cannot edit a message authored by another user"),
    50009: (403, "Channel verification level is too high for you to gain access"),
    50013: (403, "Missing Permissions"),
    50035: (400, "Invalid Form Body"),
    50045: (400, "File uploaded exceeds the maximum size"),
    50046: (400, "Invalid file uploaded"),
    50083: (400, "Thread is archived"),
    130000: (400, "API resource is currently overloaded. Try again a little later"),
    160002: (400, "Cannot reply without permission to read message history"),
    160005: (400, "Thread is locked"),
    160009: (400, "Cannot reference a message without permission to read message history"),
    160010: (400, "NSFW channel message reference not allowed"),
    200000: (400, "Message was blocked by automatic moderation"),
    240000: (400, "Message blocked by harmful links filter"),
    400001: (403, "Uploads are limited for this guild"),
}
"""By code: the usual HTTP status, and the message."""


class On(StrEnum):
    """The kind of call that is refused."""

    POST = "post"
    EDIT = "edit"
    HISTORY = "history"
    CHANNEL = "channel"
    """Every call for the channel."""


_CALLS = {
    On.POST: ("POST", "/messages"),
    On.EDIT: ("PATCH", "/messages/[0-9]+"),
    On.HISTORY: ("GET", "/messages"),
    On.CHANNEL: ("*", "(/.*)?"),
}


def refusal(code: int, status: int | None = None) -> Status:
    """Discord's response with this code; `status` overrides the usual one."""
    usual, message = REFUSALS.get(code, (400, "A code of tomorrow"))
    return Status(status or usual, code, message)


def refuse(
    faults: Faults,
    code: int,
    *,
    on: On = On.POST,
    channel_id: int | None = None,
    status: int | None = None,
    times: int | None = None,
    match: Callable[[RecordedRequest], bool] = lambda _: True,
) -> Fault:
    """Refuses the next `times` calls of this kind (None: all), in one channel or in all."""
    method, rest = _CALLS[on]
    path = f"/channels/{channel_id or '[0-9]+'}{rest}"
    return faults.add(method=method, path=path, action=refusal(code, status), times=times, match=match)


def has_files(request: RecordedRequest) -> bool:
    """Whether files are uploaded with it."""
    return bool(request.files)
