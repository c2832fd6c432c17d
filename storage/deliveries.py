"""The outbox: every message that is to be posted exactly once, from its creation to the result of sending it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from model.states import DeliveryKind, DeliveryState
from storage.database import Queries, Transaction, columns
from storage.engines.interface import SqlValue

ASKED_AGAIN = -1
"""Stored in place of the time at which a card was last up to date, while the card is in doubt. It is in doubt once
somebody asks for its job again, until it is known whether the card is still there."""
IS_OPEN = f"state IN ('{DeliveryState.WAITING}', '{DeliveryState.SENDING}')"
IS_OUTCOME = f"kind IN ('{DeliveryKind.OUTCOME}', '{DeliveryKind.AGAIN}')"
NOT_POSTED = f"state IN ('{DeliveryState.GIVEN_UP}', '{DeliveryState.UNSURE}')"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row of the outbox. Times are milliseconds UTC. Fields without a comment are explained with the columns in
    storage/migrations/0004_rounds.sqlite.sql."""

    id: int
    kind: DeliveryKind
    round: int
    subscription_id: int | None
    batch_id: int | None
    notice: str | None
    guild_id: int
    channel_id: int
    base_nonce: str
    variant: str
    closes_batch: bool
    state: DeliveryState
    attempts: int
    unanswered_at: int | None
    look_first: bool
    blocked_since: int | None
    next_at: int
    message_id: int | None
    reason: str | None
    created_at: int
    settled_at: int | None
    owner: str | None
    """The process that is sending it; None if no process is, or if only one process works with the database."""
    claim_token: str
    """Changes whenever the delivery is claimed or taken over."""
    second_look_at: int | None
    """When the history is to be searched for a second message; None: it is not."""
    language: str
    """Discord's code of the language that the message is in, in every retry and edit too; empty: English."""


SELECT = f"SELECT {columns(Delivery)} FROM deliveries"


async def get(queries: Queries, delivery_id: int) -> Delivery | None:
    """The delivery with this id."""
    return await queries.one_as(Delivery, f"{SELECT} WHERE id = ?", (delivery_id,))


# ---- adding ---------------------------------------------------------------------------------------------------------
#
# The nonce identifies a message permanently: it is made from the job's id, the channel and the kind. So if a channel
# watches the same job id under two accounts, both have the same message: the row goes to the subscription that asked
# last, and nothing is posted twice.


async def add_outcome(
    tx: Transaction,
    *,
    subscription_id: int,
    kind: DeliveryKind = DeliveryKind.OUTCOME,
    job_round: int = 0,
    guild_id: int,
    channel_id: int,
    base_nonce: str,
    closes_batch: bool = False,
    now: int,
) -> int:
    """Adds a job's outcome, for the first time or (AGAIN) once more; returns the row's id.

    An outcome that is there already is not added twice; one that was given up is tried again.
    """
    adopted = await _adopt(tx, base_nonce, subscription_id)
    if adopted is not None:
        await retry_given_up(tx, adopted, now)
        if closes_batch:
            await tx.run(f"UPDATE deliveries SET closes_batch = TRUE WHERE id = ? AND {IS_OPEN}", (adopted,))
        return adopted
    return await _insert(
        tx,
        guild_id,
        channel_id,
        base_nonce,
        now,
        kind=kind,
        round=job_round,
        subscription_id=subscription_id,
        closes_batch=closes_batch,
    )


async def add_card(
    tx: Transaction, *, subscription_id: int, guild_id: int, channel_id: int, base_nonce: str, now: int
) -> int:
    """Adds a subscription's card; returns the row's id.

    A card that is there already is not added twice; one that was given up, or whose message was deleted, is posted
    again.
    """
    adopted = await _adopt(tx, base_nonce, subscription_id)
    if adopted is None:
        return await _insert(
            tx, guild_id, channel_id, base_nonce, now, kind=DeliveryKind.CARD, subscription_id=subscription_id
        )
    await retry_given_up(tx, adopted, now)
    await tx.run(
        f"""
        UPDATE deliveries SET {_AFRESH} WHERE id = ? AND state = '{DeliveryState.POSTED}' AND message_id IS NULL
        """,
        (now, _instead_of_a_deleted_one(now), adopted),
    )
    return adopted


async def add_summary(
    tx: Transaction, *, batch_id: int, guild_id: int, channel_id: int, base_nonce: str, now: int
) -> int:
    """Adds a batch's summary; returns the row's id. Adding it again changes nothing."""
    return await _by_nonce(tx, base_nonce) or await _insert(
        tx, guild_id, channel_id, base_nonce, now, kind=DeliveryKind.SUMMARY, batch_id=batch_id
    )


async def add_notice(
    tx: Transaction, *, guild_id: int, channel_id: int, base_nonce: str, notice_json: str, now: int
) -> int:
    """Adds a notice to the admins; returns the row's id. Adding it again changes nothing."""
    return await _by_nonce(tx, base_nonce) or await _insert(
        tx, guild_id, channel_id, base_nonce, now, kind=DeliveryKind.NOTICE, notice=notice_json
    )


async def _insert(
    tx: Transaction, guild_id: int, channel_id: int, base_nonce: str, now: int, **values: SqlValue
) -> int:
    return await tx.insert(
        "deliveries",
        guild_id=guild_id,
        channel_id=channel_id,
        base_nonce=base_nonce,
        language=await _language(tx, guild_id),
        next_at=now,
        created_at=now,
        **values,
    )


async def _language(tx: Transaction, guild_id: int) -> str:
    """The language of what is posted in the server from now on."""
    return await tx.value("SELECT coalesce(language, locale, '') FROM servers WHERE guild_id = ?", (guild_id,)) or ""


async def _adopt(tx: Transaction, base_nonce: str, subscription_id: int) -> int | None:
    """Gives the delivery with this nonce to the subscription; returns the row's id, or None if there is none yet."""
    sql = "UPDATE deliveries SET subscription_id = ? WHERE base_nonce = ? RETURNING id"
    return await tx.value(sql, (subscription_id, base_nonce))


async def _by_nonce(tx: Transaction, base_nonce: str) -> int | None:
    return await tx.value("SELECT id FROM deliveries WHERE base_nonce = ?", (base_nonce,))


# ---- dropping, and sending again ------------------------------------------------------------------------------------

_LANGUAGE = "coalesce((SELECT coalesce(language, locale) FROM servers WHERE guild_id = deliveries.guild_id), '')"
"""A message that somebody asks for again is in the server's current language."""
_AFRESH = f"""
state = '{DeliveryState.WAITING}', attempts = 0, blocked_since = NULL, reason = NULL, settled_at = NULL,
message_id = NULL, next_at = ?, language = {_LANGUAGE}, variant = ?, closes_batch = FALSE,
look_first = unanswered_at IS NOT NULL
"""
"""Has the complete message sent again, because Discord may now accept what it refused before. If an attempt got no
response, the history is searched first, because that attempt may have had another nonce."""
_NEVER_SENT = f"state = '{DeliveryState.WAITING}' AND unanswered_at IS NULL"


async def drop_waiting_cards(tx: Transaction, job_id: int) -> None:
    """Drops the cards of a job that were never sent."""
    await tx.run(
        f"""
        DELETE FROM deliveries WHERE kind = '{DeliveryKind.CARD}' AND {_NEVER_SENT}
        AND subscription_id IN (SELECT id FROM subscriptions WHERE job_id = ?)
        """,
        (job_id,),
    )


async def drop_waiting_card(tx: Transaction, subscription_id: int) -> None:
    """Drops a subscription's card if it was never sent."""
    await tx.run(
        f"DELETE FROM deliveries WHERE subscription_id = ? AND kind = '{DeliveryKind.CARD}' AND {_NEVER_SENT}",
        (subscription_id,),
    )


async def drop(tx: Transaction, delivery_id: int) -> None:
    """Drops a message that is no longer wanted, if it was never sent."""
    await tx.run(f"DELETE FROM deliveries WHERE id = ? AND {_NEVER_SENT}", (delivery_id,))


async def retry_given_up(tx: Transaction, delivery_id: int, now: int) -> None:
    """Sends a message again if it was given up, as if it were new."""
    await tx.run(
        f"UPDATE deliveries SET {_AFRESH} WHERE id = ? AND state = '{DeliveryState.GIVEN_UP}'", (now, "", delivery_id)
    )


async def resend_outcome(tx: Transaction, delivery_id: int, *, variant: str, now: int) -> bool:
    """Sends an outcome again, in this form, if it was given up or is unsure; returns whether it was.

    If it is unsure, the history is searched for it first. Its reason stays until there is another one.
    """
    subscription_id = await tx.value(
        f"""
        UPDATE deliveries SET state = '{DeliveryState.WAITING}', attempts = 0, blocked_since = NULL, settled_at = NULL,
          message_id = NULL, variant = ?, next_at = ?, language = {_LANGUAGE},
          look_first = (state = '{DeliveryState.UNSURE}' OR unanswered_at IS NOT NULL)
        WHERE id = ? AND {NOT_POSTED} RETURNING subscription_id
        """,
        (variant, now, delivery_id),
    )
    if subscription_id is None:
        return False
    await tx.run("UPDATE subscriptions SET card_final = FALSE WHERE id = ?", (subscription_id,))
    return True


# ---- becoming due ---------------------------------------------------------------------------------------------------


async def make_blocked_due(tx: Transaction, now: int, *, guild_id: int, channel_id: int | None = None) -> int:
    """Makes the messages due now that wait for a permission, in one channel or the whole server; returns how many."""
    where = "state = ? AND blocked_since IS NOT NULL AND guild_id = ?"
    values: tuple[SqlValue, ...] = (now, DeliveryState.WAITING, guild_id)
    if channel_id is not None:
        where, values = f"{where} AND channel_id = ?", (*values, channel_id)
    return await tx.run(f"UPDATE deliveries SET next_at = ? WHERE {where}", values)


async def resume_in_server(tx: Transaction, guild_id: int, now: int) -> None:
    """Makes everything due now that is to be posted in a server that is back. A delivery that waited for a permission
    now waits from the beginning: the time without the bot does not count, and the admins are told when the channel is
    open."""
    await tx.run(
        f"""
        UPDATE deliveries SET next_at = ?1, blocked_since = CASE WHEN blocked_since IS NULL THEN NULL ELSE ?1 END
        WHERE guild_id = ?2 AND {IS_OPEN}
        """,
        (now, guild_id),
    )


async def clock_set_back(tx: Transaction, now: int) -> None:
    """Makes everything due that was deferred before the clock was set back. If a message waits for a permission since a
    time that is now in the future, its wait begins now.

    It is unknown how long ago an attempt without a response was, so its message is looked for in the history.
    """
    await tx.run(
        f"""
        UPDATE deliveries SET next_at = CASE WHEN next_at > ?1 THEN ?1 ELSE next_at END,
          blocked_since = CASE WHEN blocked_since > ?1 THEN ?1 ELSE blocked_since END,
          look_first = (look_first OR unanswered_at IS NOT NULL)
        WHERE {IS_OPEN} AND (next_at > ?1 OR blocked_since > ?1 OR unanswered_at IS NOT NULL)
        """,
        (now,),
    )


# ---- sending, and recording its result ------------------------------------------------------------------------------


async def claim(
    tx: Transaction, delivery: Delivery, unanswered_at: int, owner: str | None, token: str
) -> Delivery | None:
    """Marks a delivery as being sent, with the start of the first attempt that may have gone through unnoticed.

    Commit this before the request goes out. Returns the current row, whose new token is needed to record the attempt's
    result; None if the delivery was settled, dropped or claimed since it was read.
    """
    return await tx.one_as(
        Delivery,
        f"""
        UPDATE deliveries SET state = ?, attempts = attempts + 1, unanswered_at = ?, look_first = FALSE,
          owner = ?, claim_token = ?
        WHERE id = ? AND claim_token = ? AND {IS_OPEN} RETURNING {columns(Delivery)}
        """,
        (DeliveryState.SENDING, unanswered_at, owner, token, delivery.id, delivery.claim_token),
    )


async def take_over(
    tx: Transaction, delivery: Delivery, owner: str, token: str, second_look_at: int
) -> Delivery | None:
    """Takes over an attempt that another process began and has not recorded. If that process was only halted, it can no
    longer record anything. Returns the current row; None if it was claimed, taken over or settled since it was read."""
    return await tx.one_as(
        Delivery,
        f"""
        UPDATE deliveries SET owner = ?, claim_token = ?, second_look_at = ?
        WHERE id = ? AND claim_token = ? AND {IS_OPEN} RETURNING {columns(Delivery)}
        """,
        (owner, token, second_look_at, delivery.id, delivery.claim_token),
    )


async def schedule_second_message_search(tx: Transaction, delivery_id: int, at: int) -> None:
    """Has the history searched for a second message at this time."""
    await tx.run("UPDATE deliveries SET second_look_at = ? WHERE id = ?", (at, delivery_id))


async def reschedule_second_message_search(tx: Transaction, delivery: Delivery, at: int | None) -> None:
    """Has the history searched at another time (None: no longer), unless another process has changed the time since the
    row was read."""
    sql = "UPDATE deliveries SET second_look_at = ? WHERE id = ? AND second_look_at = ?"
    await tx.run(sql, (at, delivery.id, delivery.second_look_at))


async def lock_unchanged(tx: Transaction, delivery: Delivery) -> bool:
    """Locks the row until the transaction ends; False if the delivery was claimed or taken over since it was read.

    The result of an attempt, or of a search of the history, is recorded only under this lock.
    """
    sql = f"SELECT claim_token FROM deliveries WHERE id = ? {tx.dialect.for_update()}"
    return await tx.value(sql, (delivery.id,)) == delivery.claim_token


async def settle_posted(
    tx: Transaction,
    delivery_id: int,
    *,
    message_id: int | None,
    now: int,
    reason: str | None = None,
    variant: str | None = None,
) -> None:
    """Records that the message was posted. `message_id` is None if it was deleted since; `variant` is None if nobody
    knows in which form it was posted."""
    await tx.run(
        """
        UPDATE deliveries SET state = ?, message_id = ?, reason = ?, settled_at = ?, unanswered_at = NULL,
          look_first = FALSE, blocked_since = NULL, variant = coalesce(?, variant), owner = NULL
        WHERE id = ?
        """,
        (DeliveryState.POSTED, message_id, reason, now, variant, delivery_id),
    )


async def retry_at(
    tx: Transaction,
    delivery_id: int,
    *,
    next_at: int,
    unanswered_at: int | None,
    reason: str | None = None,
    blocked_since: int | None = None,
) -> None:
    """Defers the delivery until `next_at`. `blocked_since` is set if a permission is missing."""
    await tx.run(
        f"""
        UPDATE deliveries SET state = ?, next_at = ?, unanswered_at = ?, reason = ?, blocked_since = ?, owner = NULL
        WHERE id = ? AND {IS_OPEN}
        """,
        (DeliveryState.WAITING, next_at, unanswered_at, reason, blocked_since, delivery_id),
    )


async def change_variant(
    tx: Transaction,
    delivery_id: int,
    *,
    variant: str,
    unanswered_at: int | None,
    look_first: bool,
    now: int,
    blocked_since: int | None = None,
) -> None:
    """Has the message sent at once in another form. `blocked_since` is set if it still waits for a permission."""
    await tx.run(
        f"""
        UPDATE deliveries SET state = ?, variant = ?, unanswered_at = ?, look_first = ?, next_at = ?, blocked_since = ?,
          owner = NULL
        WHERE id = ? AND {IS_OPEN}
        """,
        (DeliveryState.WAITING, variant, unanswered_at, look_first, now, blocked_since, delivery_id),
    )


async def give_up(tx: Transaction, delivery_id: int, *, reason: str, now: int) -> None:
    """Records that the delivery is no longer tried, and why."""
    await _give_up(tx, "id = ?", (delivery_id,), DeliveryState.GIVEN_UP, reason, now)


async def mark_unsure(tx: Transaction, delivery_id: int, *, reason: str, now: int) -> None:
    """Records that nobody can know whether the message was posted, so it is not sent again."""
    await _give_up(tx, "id = ?", (delivery_id,), DeliveryState.UNSURE, reason, now)


async def give_up_channel(tx: Transaction, channel_id: int, *, reason: str, now: int) -> list[int]:
    """Gives up everything that was to be posted in this channel; returns the subscriptions whose outcomes that were."""
    return await _give_up(tx, "channel_id = ?", (channel_id,), DeliveryState.GIVEN_UP, reason, now)


async def give_up_blocked(tx: Transaction, channel_id: int, *, before: int, reason: str, now: int) -> list[int]:
    """Gives up the channel's outcomes that have waited for a permission since `before` or longer; returns their
    subscriptions."""
    which = f"channel_id = ? AND {IS_OUTCOME} AND blocked_since <= ?"
    return await _give_up(tx, which, (channel_id, before), DeliveryState.GIVEN_UP, reason, now)


async def _give_up(
    tx: Transaction, which: str, parameters: tuple[SqlValue, ...], state: DeliveryState, reason: str, now: int
) -> list[int]:
    rows = await tx.all(
        f"""
        UPDATE deliveries SET state = ?, reason = ?, settled_at = ?, owner = NULL WHERE {which} AND {IS_OPEN}
        RETURNING subscription_id, {IS_OUTCOME} AS outcome
        """,
        (state, reason, now, *parameters),
    )
    return [row["subscription_id"] for row in rows if row["outcome"]]


async def redirect_notices(tx: Transaction, channel_id: int, kinds: Collection[str], now: int) -> None:
    """Redirects the notices of these kinds that wait for this channel to the channel of their server that asked last,
    unless Discord may have stored an attempt."""
    elsewhere = """
        SELECT channel_id FROM subscriptions s WHERE s.guild_id = deliveries.guild_id AND s.ended_at IS NULL
        AND s.channel_id <> ?1 ORDER BY s.id DESC LIMIT 1
    """
    await tx.run(
        f"""
        UPDATE deliveries SET channel_id = ({elsewhere}), blocked_since = NULL, next_at = ?2
        WHERE channel_id = ?1 AND kind = '{DeliveryKind.NOTICE}' AND {IS_OPEN} AND unanswered_at IS NULL
        AND {tx.dialect.among(tx.dialect.json_text("notice", "kind"), "?3")} AND ({elsewhere}) IS NOT NULL
        """,
        (channel_id, now, tx.dialect.list_of(kinds)),
    )


async def set_message(tx: Transaction, delivery_id: int, message_id: int) -> None:
    """Records which of two messages in the channel stays."""
    await tx.run(
        f"UPDATE deliveries SET message_id = ? WHERE id = ? AND state = '{DeliveryState.POSTED}'",
        (message_id, delivery_id),
    )


async def set_variant(tx: Transaction, delivery_id: int, variant: str) -> None:
    """Records the form in which a posted message is edited from now on."""
    await tx.run("UPDATE deliveries SET variant = ? WHERE id = ?", (variant, delivery_id))


async def forget_message(tx: Transaction, delivery_id: int, *, reason: str) -> None:
    """Records that the message was deleted in Discord."""
    await tx.run("UPDATE deliveries SET message_id = NULL, reason = ? WHERE id = ?", (reason, delivery_id))


def _instead_of_a_deleted_one(now: int) -> str:
    """The form of a card that is posted again (`relay.delivery.fallbacks.Variant`)."""
    return f"reposted={now}"


async def renew_card(tx: Transaction, delivery_id: int, now: int) -> None:
    """Posts a deleted card once more if its job was asked for since the card was last shown."""
    await tx.run(
        f"""
        UPDATE deliveries SET {_AFRESH} WHERE id = ? AND kind = '{DeliveryKind.CARD}' AND message_id IS NULL
        AND EXISTS (SELECT 1 FROM subscriptions s WHERE s.id = deliveries.subscription_id
          AND s.shown_at = {ASKED_AGAIN} AND s.ended_at IS NULL AND s.batch_id IS NULL)
        """,
        (now, _instead_of_a_deleted_one(now), delivery_id),
    )
