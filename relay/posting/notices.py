"""Words to the admins, as they are kept in the outbox."""

from __future__ import annotations

from dataclasses import replace

from pydantic import TypeAdapter

from relay.messages import NoticePost

_NOTICE: TypeAdapter[NoticePost] = TypeAdapter(NoticePost)


def dump(notice: NoticePost) -> str:
    """The notice as JSON; its nonce is kept elsewhere and may be empty."""
    return _NOTICE.dump_json(replace(notice, nonce=""), exclude_defaults=True).decode()


def load(text: str, nonce: str) -> NoticePost:
    """The notice that `dump` wrote. Raises pydantic.ValidationError (a ValueError) for anything else."""
    return replace(_NOTICE.validate_json(text), nonce=nonce)
