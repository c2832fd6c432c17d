"""Notices to admins: adds them to the outbox, which stores them as JSON."""

from __future__ import annotations

from dataclasses import replace

from pydantic import TypeAdapter

from model.messages import NoticePost
from model.states import NoticeKind
from relay.delivery import nonces
from storage import deliveries
from storage.database import Transaction
from storage.deliveries import Delivery

_NOTICE: TypeAdapter[NoticePost] = TypeAdapter(NoticePost)


async def add(
    tx: Transaction,
    guild_id: int,
    channel_id: int,
    notice: NoticePost,
    now: int,
    *,
    at: int,
    key: str = "",
    about: int | None = None,
) -> None:
    """Adds a notice for this channel. It is added once for the same time `at`, channel `about` (by default the same
    channel) and `key`, which tells apart what else a notice of its kind may be about."""
    about = channel_id if about is None else about
    await deliveries.add_notice(
        tx,
        guild_id=guild_id,
        channel_id=channel_id,
        base_nonce=nonces.for_notice(key, guild_id, about, notice.kind, at),
        notice_json=dump(notice),
        now=now,
    )


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
