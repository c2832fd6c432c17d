"""Notices to admins as JSON, as the outbox stores them."""

from __future__ import annotations

from dataclasses import replace

from pydantic import TypeAdapter

from model.messages import NoticePost
from model.states import NoticeKind
from storage.deliveries import Delivery

_NOTICE: TypeAdapter[NoticePost] = TypeAdapter(NoticePost)


def dump(notice: NoticePost) -> str:
    """The notice as JSON, without its nonce and language, which are stored separately."""
    return _NOTICE.dump_json(replace(notice, nonce="", language=""), exclude_defaults=True).decode()


def replacing(alert: Delivery, kind: NoticeKind, now: int, *, jobs: int, channel_id: int | None = None) -> NoticePost:
    """The notice that replaces `alert` once the problem is over."""
    text = alert.notice or ""
    return NoticePost(
        kind,
        "",
        jobs=jobs,
        channel_id=channel_id,
        until=now,
        ends=alert.id,
        alert=load(text, "").kind,
        lasted=max(0, now - alert.created_at),
    )


def load(text: str, nonce: str, language: str = "") -> NoticePost:
    """The notice that `dump` wrote. Raises pydantic.ValidationError (a ValueError) for any other text."""
    return replace(_NOTICE.validate_json(text), nonce=nonce, language=language)
