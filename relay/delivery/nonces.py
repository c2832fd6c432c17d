"""Nonces: names by which Discord, and this bot itself, know a message again.

Nothing local (no number of a row) is in them, so that a second process or a restored database doubles nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from model.states import DeliveryKind, NoticeKind

LENGTH = 25
"""Discord takes no longer nonce (Discord developer docs, Create Message)."""


def for_job(jobid: str, channel_id: int, kind: DeliveryKind, job_round: int = 0) -> str:
    """The nonce of a card or an outcome; a job that was taken up again after having been given up has another one."""
    return _digest(jobid, str(channel_id), kind if job_round == 0 else f"{kind}-{job_round}")


def for_summary(jobids: Iterable[str], channel_id: int, created_at: int) -> str:
    """The nonce of a batch's summary, whatever the jobs' order; `created_at` tells a later batch of the same jobs."""
    return _digest(*sorted(jobids), str(channel_id), DeliveryKind.SUMMARY, str(created_at))


def for_notice(account_key: str, guild_id: int, channel_id: int, kind: NoticeKind, at: int) -> str:
    """The nonce of a word to the admins about a change at this time; `account_key` may be empty."""
    return _digest(account_key, str(guild_id), str(channel_id), kind, str(at))


def for_variant(base_nonce: str, variant: str) -> str:
    """The nonce of a message that is made up in another way; the base nonce itself where it is not."""
    return base_nonce if not variant else _digest(base_nonce, variant)


def _digest(*parts: str) -> str:
    # The length before each part keeps "ab", "c" apart from "a", "bc".
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:LENGTH]
