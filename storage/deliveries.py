"""The outbox: every message that is to be posted exactly once, from being put in to what became of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from model.states import DeliveryKind, DeliveryState
from storage.database import Queries, Transaction, columns
from storage.engines.interface import SqlValue

IS_OPEN = f"state IN ('{DeliveryState.WAITING}', '{DeliveryState.SENDING}')"
IS_OUTCOME = f"kind IN ('{DeliveryKind.OUTCOME}', '{DeliveryKind.AGAIN}')"
NOT_POSTED = f"state IN ('{DeliveryState.GIVEN_UP}', '{DeliveryState.UNSURE}')"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row of the outbox; see storage/migrations for what each field means. Times are milliseconds UTC."""

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
    """The process that is sending it; None where one process works with the database."""
    claim_token: str
    """Changes with each claim, and when it is taken over."""
    second_look_at: int | None
    """When the history is to be searched for a second message; None: it is not."""
    language: str
    """Discord's code of the language in which it is made, for good; empty: English."""


SELECT = f"SELECT {columns(Delivery)} FROM deliveries"


async def get(queries: Queries, delivery_id: int) -> Delivery | None:
    """The delivery with this id."""
    return await queries.one_as(Delivery, f"{SELECT} WHERE id = ?", (delivery_id,))


# ---- putting in -----------------------------------------------------------------------------------------------------
#
# The nonce names the message for all time: the job's id, the channel and the kind are in it. So where the same job id
# is watched under two accounts in one channel, both mean the same message: the row then goes over to the subscription
# that asked last, and nothing is posted twice.


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
    """Puts a job's end into the outbox, for the first time or (AGAIN) once more; returns the row's id.

    One that is there already is not added again; one that was given up is tried once more.
    """
    adopted = await _adopt(tx, base_nonce, subscription_id)
    if adopted is not None:
        await send_again(tx, adopted, now)
        return adopted
    return await tx.insert(
        "deliveries",
        kind=kind,
        round=job_round,
        subscription_id=subscription_id,
        closes_batch=closes_batch,
        **await _common(tx, guild_id, channel_id, base_nonce, now),
    )


async def add_card(
    tx: Transaction, *, subscription_id: int, guild_id: int, channel_id: int, base_nonce: str, now: int
) -> int:
    """Puts a subscription's card into the outbox; returns the row's id.

    One that is there already is not added again; one that was given up, or whose message was deleted, is posted again.
    """
    adopted = await _adopt(tx, base_nonce, subscription_id)
    if adopted is None:
        common = await _common(tx, guild_id, channel_id, base_nonce, now)
        return await tx.insert("deliveries", kind=DeliveryKind.CARD, subscription_id=subscription_id, **common)
    await send_again(tx, adopted, now)
    await tx.run(
        f"""
        UPDATE deliveries SET {_AFRESH}, language = ?
        WHERE id = ? AND state = '{DeliveryState.POSTED}' AND message_id IS NULL
        """,
        (now, await _language(tx, guild_id), adopted),
    )
    return adopted


async def add_summary(
    tx: Transaction, *, batch_id: int, guild_id: int, channel_id: int, base_nonce: str, now: int
) -> int:
    """Puts a batch's summary into the outbox; returns the row's id. Done again, it changes nothing."""
    common = await _common(tx, guild_id, channel_id, base_nonce, now)
    return await _by_nonce(tx, base_nonce) or await tx.insert(
        "deliveries", kind=DeliveryKind.SUMMARY, batch_id=batch_id, **common
    )


async def add_notice(
    tx: Transaction, *, guild_id: int, channel_id: int, base_nonce: str, notice_json: str, now: int
) -> int:
    """Puts a word to the admins into the outbox; returns the row's id. Done again, it changes nothing."""
    common = await _common(tx, guild_id, channel_id, base_nonce, now)
    return await _by_nonce(tx, base_nonce) or await tx.insert(
        "deliveries", kind=DeliveryKind.NOTICE, notice=notice_json, **common
    )


_NEVER_SENT = f"state = '{DeliveryState.WAITING}' AND unanswered_at IS NULL"


async def drop_waiting_cards(tx: Transaction, job_id: int) -> int:
    """Takes the cards of a job that were never sent out of the outbox; returns how many those were."""
    return await tx.run(
        f"""
        DELETE FROM deliveries WHERE kind = '{DeliveryKind.CARD}' AND {_NEVER_SENT}
        AND subscription_id IN (SELECT id FROM subscriptions WHERE job_id = ?)
        """,
        (job_id,),
    )


async def drop_waiting_card(tx: Transaction, subscription_id: int) -> None:
    """Takes a subscription's card that was never sent out of the outbox."""
    await tx.run(
        f"DELETE FROM deliveries WHERE subscription_id = ? AND kind = '{DeliveryKind.CARD}' AND {_NEVER_SENT}",
        (subscription_id,),
    )


async def drop(tx: Transaction, delivery_id: int) -> None:
    """Takes a message that was never sent, and is not wanted any more, out of the outbox."""
    await tx.run(f"DELETE FROM deliveries WHERE id = ? AND {_NEVER_SENT}", (delivery_id,))


async def send_again(tx: Transaction, delivery_id: int, now: int) -> bool:
    """Takes up one that was given up, as if it were new; returns whether it was."""
    return (
        await tx.run(
            f"UPDATE deliveries SET {_AFRESH} WHERE id = ? AND state = '{DeliveryState.GIVEN_UP}'", (now, delivery_id)
        )
        > 0
    )


_AFRESH = f"""
state = '{DeliveryState.WAITING}', attempts = 0, blocked_since = NULL, reason = NULL, settled_at = NULL,
message_id = NULL, next_at = ?
"""


async def take_up(tx: Transaction, delivery_id: int, *, variant: str, now: int) -> bool:
    """Sends an outcome again that was given up or is unsure, in this form; returns whether it was one of those.

    What nobody knows of is to be looked for first. The reason stays until there is another one.
    """
    subscription_id = await tx.value(
        f"""
        UPDATE deliveries SET state = '{DeliveryState.WAITING}', attempts = 0, blocked_since = NULL, settled_at = NULL,
          message_id = NULL, variant = ?, next_at = ?, look_first = (state = '{DeliveryState.UNSURE}')
        WHERE id = ? AND {NOT_POSTED} RETURNING subscription_id
        """,
        (variant, now, delivery_id),
    )
    if subscription_id is None:
        return False
    await tx.run("UPDATE subscriptions SET card_final = FALSE WHERE id = ?", (subscription_id,))
    return True


async def _common(tx: Transaction, guild_id: int, channel_id: int, base_nonce: str, now: int) -> dict[str, SqlValue]:
    return {
        "language": await _language(tx, guild_id),
        "guild_id": guild_id,
        "channel_id": channel_id,
        "base_nonce": base_nonce,
        "next_at": now,
        "created_at": now,
    }


async def _language(tx: Transaction, guild_id: int) -> str:
    """What is posted in the server from now on is in this language."""
    return await tx.value("SELECT coalesce(language, locale, '') FROM servers WHERE guild_id = ?", (guild_id,)) or ""


async def _adopt(tx: Transaction, base_nonce: str, subscription_id: int) -> int | None:
    sql = "UPDATE deliveries SET subscription_id = ? WHERE base_nonce = ? RETURNING id"
    return await tx.value(sql, (subscription_id, base_nonce))


async def _by_nonce(tx: Transaction, base_nonce: str) -> int | None:
    return await tx.value("SELECT id FROM deliveries WHERE base_nonce = ?", (base_nonce,))


# ---- when it is due -------------------------------------------------------------------------------------------------


async def hurry(tx: Transaction, now: int, *, guild_id: int, channel_id: int | None = None) -> int:
    """Makes what waits for a permission due now: in one channel, or in the whole server; returns how many."""
    where = "state = ? AND blocked_since IS NOT NULL AND guild_id = ?"
    values: tuple[SqlValue, ...] = (now, DeliveryState.WAITING, guild_id)
    if channel_id is not None:
        where, values = f"{where} AND channel_id = ?", (*values, channel_id)
    return await tx.run(f"UPDATE deliveries SET next_at = ? WHERE {where}", values)


async def clock_went_back(tx: Transaction, now: int) -> int:
    """Makes everything due that was put off by a clock that has been set back since; returns how many.

    How long ago an unanswered attempt was is not known any more, so its message is to be looked for.
    """
    return await tx.run(
        f"""
        UPDATE deliveries SET next_at = CASE WHEN next_at > ?1 THEN ?1 ELSE next_at END,
          look_first = (look_first OR unanswered_at IS NOT NULL)
        WHERE {IS_OPEN} AND (next_at > ?1 OR unanswered_at IS NOT NULL)
        """,
        (now,),
    )


# ---- sending, and what came of it -----------------------------------------------------------------------------------


async def claim(
    tx: Transaction, delivery: Delivery, unanswered_at: int, owner: str | None, token: str
) -> Delivery | None:
    """Marks it as being sent, with the start of the first attempt that may have gone through unnoticed.

    To be committed before the request goes out. None where it is settled already, or dropped, or has been claimed since
    it was read: whoever records what came of the attempt has to name the new token.
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
    """Makes an attempt this process's that another one began and has not recorded: if that one was only halted, it can
    record nothing any more. None where the row has been claimed, taken over or settled since it was read."""
    return await tx.one_as(
        Delivery,
        f"""
        UPDATE deliveries SET owner = ?, claim_token = ?, second_look_at = ?
        WHERE id = ? AND claim_token = ? AND owner IS NULL AND {IS_OPEN} RETURNING {columns(Delivery)}
        """,
        (owner, token, second_look_at, delivery.id, delivery.claim_token),
    )


async def look_again_at(tx: Transaction, delivery_id: int, at: int) -> None:
    """The history is to be searched for a second message then."""
    await tx.run("UPDATE deliveries SET second_look_at = ? WHERE id = ?", (at, delivery_id))


async def put_off_second_look(tx: Transaction, delivery: Delivery, at: int | None) -> bool:
    """Has the history searched later (None: not any more); False where somebody has changed that since the row was
    read."""
    sql = "UPDATE deliveries SET second_look_at = ? WHERE id = ? AND second_look_at = ?"
    return await tx.run(sql, (at, delivery.id, delivery.second_look_at)) > 0


async def hold(tx: Transaction, delivery: Delivery) -> bool:
    """Keeps everybody else from changing it before the transaction ends; False where it was claimed since it was read.

    What came of an attempt, or of a look, is recorded only then.
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
    """The message stands in the channel; `message_id` is None where it was deleted there since, `variant` where nobody
    knows in which form."""
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
    """It is to be tried again from `next_at` on; `blocked_since` where a permission is missing."""
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
    """It is to be sent at once, made up in another way; `blocked_since` where it still waits for a permission."""
    await tx.run(
        f"""
        UPDATE deliveries SET state = ?, variant = ?, unanswered_at = ?, look_first = ?, next_at = ?, blocked_since = ?,
          owner = NULL
        WHERE id = ? AND {IS_OPEN}
        """,
        (DeliveryState.WAITING, variant, unanswered_at, look_first, now, blocked_since, delivery_id),
    )


async def give_up(tx: Transaction, delivery_id: int, *, reason: str, now: int) -> None:
    """It is not sent any more, for this reason."""
    await _give_up(tx, "id = ?", (delivery_id,), DeliveryState.GIVEN_UP, reason, now)


async def unsure(tx: Transaction, delivery_id: int, *, reason: str, now: int) -> None:
    """Nobody can know whether it was posted, so it is not sent again."""
    await _give_up(tx, "id = ?", (delivery_id,), DeliveryState.UNSURE, reason, now)


async def give_up_channel(tx: Transaction, channel_id: int, *, reason: str, now: int) -> list[int]:
    """Gives up everything that was to go to this channel; returns the subscriptions whose outcomes were among it."""
    return await _give_up(tx, "channel_id = ?", (channel_id,), DeliveryState.GIVEN_UP, reason, now)


async def give_up_blocked(tx: Transaction, channel_id: int, *, before: int, reason: str, now: int) -> list[int]:
    """Gives up the channel's outcomes that have waited for a permission since `before` or longer; returns the
    subscriptions whose outcomes those were."""
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


async def lead_notices_elsewhere(tx: Transaction, channel_id: int, kinds: Collection[str], now: int) -> int:
    """Sends the notices of these kinds that wait for this channel to the one in their server that asked last, unless
    an attempt may have been stored; returns how many."""
    elsewhere = """
        SELECT channel_id FROM subscriptions s WHERE s.guild_id = deliveries.guild_id AND s.ended_at IS NULL
        AND s.channel_id <> ?1 ORDER BY s.id DESC LIMIT 1
    """
    return await tx.run(
        f"""
        UPDATE deliveries SET channel_id = ({elsewhere}), blocked_since = NULL, next_at = ?2
        WHERE channel_id = ?1 AND kind = '{DeliveryKind.NOTICE}' AND {IS_OPEN} AND unanswered_at IS NULL
        AND {tx.dialect.among(tx.dialect.json_text("notice", "kind"), "?3")} AND ({elsewhere}) IS NOT NULL
        """,
        (channel_id, now, tx.dialect.list_of(kinds)),
    )


async def set_message(tx: Transaction, delivery_id: int, message_id: int) -> None:
    """Two messages stood in the channel, and this one has stayed."""
    await tx.run(
        f"UPDATE deliveries SET message_id = ? WHERE id = ? AND state = '{DeliveryState.POSTED}'",
        (message_id, delivery_id),
    )


async def forget_message(tx: Transaction, delivery_id: int, *, reason: str) -> None:
    """The message was deleted in Discord."""
    await tx.run("UPDATE deliveries SET message_id = NULL, reason = ? WHERE id = ?", (reason, delivery_id))
