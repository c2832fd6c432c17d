"""Nonces: names by which Discord, and this bot itself, know a message again.

Nothing local (no number of a row) is in them, so that a second process or a restored database doubles nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from model.states import NoticeKind

LENGTH = 25
"""Discord takes no longer nonce (Discord developer docs, Create Message)."""


def outcome_kind(job_round: int) -> str:
    """The kind of a job's outcome; a job that was taken up again after having been given up has another one."""
    return "outcome" if job_round == 0 else f"outcome-{job_round}"


def again_kind(answer_id: int) -> str:
    """The kind of an outcome that is posted once more because somebody pressed the button in this answer."""
    return f"again-{answer_id}"


def for_job(jobid: str, channel_id: int, kind: str) -> str:
    """The nonce of a card or an outcome."""
    return _digest(jobid, str(channel_id), kind)


def for_summary(jobids: Iterable[str], channel_id: int, created_at: int) -> str:
    """The nonce of a batch's summary, whatever the jobs' order; `created_at` tells a later batch of the same jobs."""
    return _digest(*sorted(jobids), str(channel_id), "summary", str(created_at))


def for_notice(account_key: str, guild_id: int, channel_id: int, kind: NoticeKind, at: int) -> str:
    """The nonce of a word to the admins about a change at this time; `account_key` may be empty."""
    return _digest(account_key, str(guild_id), str(channel_id), kind.value, str(at))


def for_variant(base_nonce: str, variant: str) -> str:
    """The nonce of a message that is made up in another way; the base nonce itself where it is not."""
    return base_nonce if not variant else _digest(base_nonce, variant)


def _digest(*parts: str) -> str:
    # The length before each part keeps "ab", "c" apart from "a", "bc".
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:LENGTH]
