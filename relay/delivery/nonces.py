"""Nonces, by which Discord and the bot itself recognise a message.

They contain nothing local, such as row numbers, so a second process or a restored database produces the same ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from model.states import DeliveryKind, NoticeKind

LENGTH = 25
"""The longest nonce that Discord accepts (Discord developer docs, Create Message)."""


def for_job(jobid: str, channel_id: int, kind: DeliveryKind, job_round: int = 0, after: int = 0) -> str:
    """The nonce of a card or an outcome. Each round of a job that is watched again after its end has another nonce.

    `after` counts the outcomes for the same job id that were posted in the channel before and only tell what another
    account could not see.
    """
    which = kind if job_round == 0 else f"{kind}-{job_round}"
    return _digest(jobid, str(channel_id), which if after == 0 else f"{which}+{after}")


def for_summary(jobids: Iterable[str], channel_id: int, created_at: int) -> str:
    """The nonce of a batch's summary. The order of the jobs does not matter; `created_at` distinguishes a later batch
    of the same jobs."""
    return _digest(*sorted(jobids), str(channel_id), DeliveryKind.SUMMARY, str(created_at))


def for_notice(account_key: str, guild_id: int, channel_id: int, kind: NoticeKind, at: int) -> str:
    """The nonce of a notice to the admins about a change at the time `at`; `account_key` may be empty."""
    return _digest(account_key, str(guild_id), str(channel_id), kind, str(at))


def for_variant(base_nonce: str, variant: str) -> str:
    """The nonce of a message in a reduced form; `base_nonce` if `variant` is empty."""
    return base_nonce if not variant else _digest(base_nonce, variant)


def _digest(*parts: str) -> str:
    # The length prefixes distinguish "ab", "c" from "a", "bc".
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:LENGTH]
