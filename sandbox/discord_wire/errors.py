"""Errors of Discord's API that SimCord's catalogue lacks.

Codes: Discord API docs, topics/opcodes-and-status-codes.
"""

from __future__ import annotations

from typing import Any

from simcord.backend.errors import BackendError


def invalid_form(field: str, code: str, message: str) -> BackendError:
    """400, 50035: a field breaks a rule. `field` is its path, joined with dots."""
    tree: dict[str, Any] = {"_errors": [{"code": code, "message": message}]}
    for part in reversed(field.split(".")):
        tree = {part: tree}
    return BackendError(400, 50035, "Invalid Form Body", errors=tree)


def too_long(field: str, most: int) -> BackendError:
    """400, 50035: longer than allowed."""
    return invalid_form(field, "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {most} in length.")


def empty_message() -> BackendError:
    """An empty message."""
    return BackendError(400, 50006, "Cannot send an empty message")


def too_large() -> BackendError:
    """A file exceeds the server's limit."""
    return BackendError(413, 40005, "Request entity too large")


def too_many_files() -> BackendError:
    """A message has more than ten files."""
    return BackendError(400, 30015, "Maximum number of attachments in a message reached (10)")


def no_history_for_reply() -> BackendError:
    """The bot replies where it may not read the message history."""
    return BackendError(400, 160002, "Cannot reply without permission to read message history")


def unknown_reply_target() -> BackendError:
    """The message replied to no longer exists."""
    return invalid_form("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")


def thread_archived() -> BackendError:
    """The action isn't allowed in an archived thread."""
    return BackendError(400, 50083, "Thread is archived")


def token_expired() -> BackendError:
    """The interaction's token has expired after 15 minutes."""
    return BackendError(401, 50027, "Invalid Webhook Token")


def unknown_command() -> BackendError:
    """No application command has that id in that scope."""
    return BackendError(404, 10063, "Unknown application command")
