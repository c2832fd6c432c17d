"""Nonces: names by which Discord, and the bot itself, recognise a message.

They contain nothing local (no number of a row), so that a second process or a restored database doubles nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from model.states import DeliveryKind, NoticeKind

LENGTH = 25
"""The longest nonce that Discord accepts (Discord developer docs, Create Message)."""


def for_job(jobid: str, channel_id: int, kind: DeliveryKind, job_round: int = 0, after: int = 0) -> str:
    """The nonce of a card or an outcome; each round of a job, which was watched again after its end, has another one.

    `after`: how many outcomes with the same job id the channel has already that only say what another account could
    not see.
    """
    which = kind if job_round == 0 else f"{kind}-{job_round}"
    return _digest(jobid, str(channel_id), which if after == 0 else f"{which}+{after}")


def for_summary(jobids: Iterable[str], channel_id: int, created_at: int) -> str:
    """The nonce of a batch's summary, whatever the order of its jobs. `created_at` distinguishes a later batch of the
    same jobs."""
    return _digest(*sorted(jobids), str(channel_id), DeliveryKind.SUMMARY, str(created_at))


def for_notice(account_key: str, guild_id: int, channel_id: int, kind: NoticeKind, at: int) -> str:
    """The nonce of a notice to the admins about a change at this time; `account_key` may be empty."""
    return _digest(account_key, str(guild_id), str(channel_id), kind, str(at))


def for_variant(base_nonce: str, variant: str) -> str:
    """The nonce of a message in another form; the base nonce itself for the whole message."""
    return base_nonce if not variant else _digest(base_nonce, variant)


def _digest(*parts: str) -> str:
    # The length before each part keeps "ab", "c" apart from "a", "bc".
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:LENGTH]
