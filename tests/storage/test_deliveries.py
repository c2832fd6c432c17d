from __future__ import annotations

from dataclasses import dataclass

import pytest

from model.discord_ids import Shards
from model.states import CardStatus, DeliveryKind, Reason
from storage import batches, card_rows, deliveries, delivery_queries, jobs, servers, subscriptions
from storage.database import Database
from storage.deliveries import Delivery

GUILD, CHANNEL = 7, 70
NOW = 1_700_000_000_000


@dataclass
class Outbox:
    """The functions under test, each in a separate transaction."""

    database: Database

    async def account(self, key: str) -> int:
        async with self.database.transaction() as tx:
            return await tx.insert("accounts", account_key=key, state_since=0)

    async def subscription(self, account_id: int, jobid: str = "job", channel_id: int = CHANNEL) -> int:
        async with self.database.transaction() as tx:
            row = await jobs.add(tx, account_id, jobid, None, NOW)
            return await subscriptions.add(
                tx, job_id=row.id, guild_id=GUILD, channel_id=channel_id, batch_id=None, spoiler=False, now=NOW
            )

    async def outcome(
        self,
        subscription_id: int,
        nonce: str = "n",
        kind: DeliveryKind = DeliveryKind.OUTCOME,
        job_round: int = 0,
        channel_id: int = CHANNEL,
        now: int = NOW,
    ) -> int:
        async with self.database.transaction() as tx:
            return await deliveries.add_outcome(
                tx,
                subscription_id=subscription_id,
                kind=kind,
                job_round=job_round,
                guild_id=GUILD,
                channel_id=channel_id,
                base_nonce=nonce,
                closes_batch=False,
                now=now,
            )

    async def card(self, subscription_id: int, nonce: str = "c", channel_id: int = CHANNEL, now: int = NOW) -> int:
        async with self.database.transaction() as tx:
            return await deliveries.add_card(
                tx,
                subscription_id=subscription_id,
                guild_id=GUILD,
                channel_id=channel_id,
                base_nonce=nonce,
                now=now,
            )

    async def posted(self, delivery_id: int, message_id: int | None) -> None:
        async with self.database.transaction() as tx:
            await deliveries.settle_posted(tx, delivery_id, message_id=message_id, now=NOW)

    async def given_up(self, delivery_id: int) -> None:
        async with self.database.transaction() as tx:
            await deliveries.give_up(tx, delivery_id, reason="no permission", now=NOW)

    async def get(self, delivery_id: int) -> Delivery:
        found = await deliveries.get(self.database.reader, delivery_id)
        assert found is not None
        return found

    async def heads(self, now: int = NOW, **but: list[int]) -> list[int]:
        due = await delivery_queries.due_heads(
            self.database.reader,
            now,
            but=but.get("channels", []),
            not_ids=but.get("ids", []),
            limit=10,
        )
        return [delivery.id for delivery in due]


@pytest.fixture
async def outbox(database: Database) -> Outbox:
    made = Outbox(database)
    await made.account("user:1")
    return made


async def test_a_delivery_added_twice_is_there_once(outbox: Outbox) -> None:
    subscription_id = await outbox.subscription(1)

    assert await outbox.outcome(subscription_id) == await outbox.outcome(subscription_id)
    assert await outbox.card(subscription_id) == await outbox.card(subscription_id)
    assert len(await outbox.heads()) == 1


async def test_a_channel_with_many_waiting_deliveries_hides_no_other(outbox: Outbox) -> None:
    crowded = [
        await outbox.outcome(await outbox.subscription(1, f"job-{number}"), f"n-{number}") for number in range(120)
    ]
    others = [
        await outbox.card(await outbox.subscription(1, "job-0", channel), f"c-{channel}", channel)
        for channel in (71, 72)
    ]
    urgent = await outbox.outcome(await outbox.subscription(1, "job-1", 72), "urgent", channel_id=72)
    assert await outbox.heads() == [crowded[0], urgent, others[0]]
    assert await outbox.heads(channels=[CHANNEL]) == [urgent, others[0]]
    assert await outbox.heads(ids=[crowded[0], urgent]) == [crowded[1], others[0], others[1]]


async def test_one_job_id_under_two_accounts_is_one_message_and_belongs_to_the_latest_request(outbox: Outbox) -> None:
    other = await outbox.account("user:2")
    first, second = await outbox.subscription(1), await outbox.subscription(other)
    delivery_id = await outbox.outcome(first)
    await outbox.posted(delivery_id, 99)

    assert await outbox.outcome(second) == delivery_id
    outcomes = await delivery_queries.outcomes_of(outbox.database.reader, [first, second])
    assert [(one.subscription_id, one.message_id) for one in outcomes] == [(second, 99)]
    assert await outbox.heads() == []


async def test_a_given_up_delivery_is_tried_again_when_it_is_requested(outbox: Outbox) -> None:
    subscription_id = await outbox.subscription(1)
    delivery_id = await outbox.outcome(subscription_id)
    await outbox.given_up(delivery_id)
    assert await outbox.heads() == []

    assert await outbox.outcome(subscription_id, now=NOW + 5) == delivery_id
    again = await outbox.get(delivery_id)
    assert (again.state, again.reason, again.settled_at, again.next_at) == ("waiting", None, None, NOW + 5)


async def test_an_unsure_delivery_is_not_tried_again(outbox: Outbox) -> None:
    subscription_id = await outbox.subscription(1)
    delivery_id = await outbox.outcome(subscription_id)
    async with outbox.database.transaction() as tx:
        await deliveries.mark_unsure(tx, delivery_id, reason="cannot look", now=NOW)
    await outbox.outcome(subscription_id)

    assert (await outbox.get(delivery_id)).state == "unsure"


@pytest.mark.parametrize(("message_id", "state"), [(5, "posted"), (None, "waiting")])
async def test_a_card_is_posted_again_only_if_it_was_deleted(
    outbox: Outbox, message_id: int | None, state: str
) -> None:
    subscription_id = await outbox.subscription(1)
    card_id = await outbox.card(subscription_id)
    await outbox.posted(card_id, message_id)
    await outbox.card(subscription_id)

    assert (await outbox.get(card_id)).state == state


async def test_a_given_up_card_is_tried_again_when_it_is_requested(outbox: Outbox) -> None:
    subscription_id = await outbox.subscription(1)
    card_id = await outbox.card(subscription_id)
    await outbox.given_up(card_id)

    assert await outbox.card(subscription_id) == card_id
    assert (await outbox.get(card_id)).state == "waiting"


async def test_only_unsent_cards_are_dropped(outbox: Outbox) -> None:
    never, maybe = await outbox.subscription(1), await outbox.subscription(1, channel_id=71)
    dropped, kept = await outbox.card(never, "a"), await outbox.card(maybe, "b", 71)
    async with outbox.database.transaction() as tx:
        await deliveries.claim(tx, await outbox.get(kept), NOW, None, "t")
        await deliveries.retry_at(tx, kept, next_at=NOW, unanswered_at=NOW)
        await deliveries.drop_waiting_cards(tx, 1)
        await deliveries.drop(tx, kept)
        await deliveries.drop_waiting_card(tx, maybe)

    assert await deliveries.get(outbox.database.reader, dropped) is None
    assert (await outbox.get(kept)).unanswered_at == NOW


async def test_each_channel_offers_its_most_urgent_delivery(outbox: Outbox) -> None:
    subscription_id = await outbox.subscription(1)
    elsewhere = await outbox.subscription(1, channel_id=71)
    card_id = await outbox.card(subscription_id)
    async with outbox.database.transaction() as tx:
        notice_id = await deliveries.add_notice(
            tx, guild_id=GUILD, channel_id=CHANNEL, base_nonce="x", notice_json="{}", now=NOW
        )
    outcome_id = await outbox.outcome(subscription_id)
    other_id = await outbox.card(elsewhere, "d", 71)

    assert await outbox.heads() == [outcome_id, other_id]
    assert await outbox.heads(ids=[outcome_id]) == [notice_id, other_id]
    assert await outbox.heads(ids=[outcome_id, notice_id]) == [card_id, other_id]
    assert await outbox.heads(channels=[CHANNEL]) == [other_id]
    assert await outbox.heads(now=NOW - 1) == []
    assert await delivery_queries.next_due(outbox.database.reader, NOW - 1) == NOW
    assert await delivery_queries.next_due(outbox.database.reader, NOW) is None


async def test_a_finished_delivery_cannot_be_claimed(outbox: Outbox) -> None:
    delivery_id = await outbox.outcome(await outbox.subscription(1))
    async with outbox.database.transaction() as tx:
        claimed = await deliveries.claim(tx, await outbox.get(delivery_id), NOW + 1, None, "t")
    assert claimed is not None
    assert (claimed.state, claimed.attempts, claimed.unanswered_at) == ("sending", 1, NOW + 1)

    await outbox.given_up(delivery_id)
    async with outbox.database.transaction() as tx:
        assert await deliveries.claim(tx, await outbox.get(delivery_id), NOW, None, "u") is None


async def test_a_late_refusal_does_not_revive_a_delivery_given_up_meanwhile(outbox: Outbox) -> None:
    subscription_id = await outbox.subscription(1)
    delivery_id = await outbox.outcome(subscription_id)
    async with outbox.database.transaction() as tx:
        assert await deliveries.give_up_channel(tx, CHANNEL, reason="channel gone", now=NOW) == [subscription_id]
        await deliveries.retry_at(tx, delivery_id, next_at=NOW, unanswered_at=None)
        await deliveries.change_variant(
            tx, delivery_id, variant="wordless", unanswered_at=None, look_first=False, now=NOW
        )

    after = await outbox.get(delivery_id)
    assert (after.state, after.variant, after.reason) == ("given_up", "", "channel gone")


async def test_how_many_outcomes_wait_in_a_channel(outbox: Outbox) -> None:
    subscription_id = await outbox.subscription(1)
    elsewhere = await outbox.subscription(1, channel_id=71)
    await outbox.card(subscription_id)
    first = await outbox.outcome(subscription_id)
    await outbox.outcome(elsewhere, "m", channel_id=71)
    await outbox.outcome(subscription_id, "again", kind=DeliveryKind.AGAIN, job_round=5)
    await outbox.posted(first, 1)
    reader = outbox.database.reader

    assert await delivery_queries.outcomes_waiting(reader, CHANNEL) == 1
    assert await delivery_queries.outcomes_waiting(reader, 71) == 1
    assert await delivery_queries.outcomes_waiting(reader, 72) == 0


async def test_a_deleted_channel_ends_its_open_deliveries(outbox: Outbox) -> None:
    here, elsewhere = await outbox.subscription(1), await outbox.subscription(1, channel_id=71)
    async with outbox.database.transaction() as tx:
        assert await subscriptions.end_in_channel(tx, CHANNEL, NOW) == [here]
        assert await subscriptions.end_in_channel(tx, CHANNEL, NOW) == []
    assert await card_rows.all_open(outbox.database.reader) == [elsewhere]


async def test_cards_of_other_shards_are_left_to_their_processes(outbox: Outbox) -> None:
    subscription_id = await outbox.subscription(1)
    card = await outbox.card(subscription_id)
    await outbox.posted(card, 1)
    reader = outbox.database.reader
    async with outbox.database.transaction() as tx:
        account_id = await tx.value("SELECT account_id FROM jobs WHERE id = 1")
        await tx.run("UPDATE jobs SET changed_at = ? WHERE id = 1", (NOW + 1_000_000,))
    of_shard = (GUILD >> 22) % 4
    for held, found in (((of_shard,), [subscription_id]), (((of_shard + 1) % 4,), []), ((), [])):
        shards = Shards(4, held)
        assert await card_rows.of_job(reader, 1, shards) == found
        assert await card_rows.of_account(reader, account_id or 0, shards) == found
        assert await card_rows.all_open(reader, shards) == found
        assert await card_rows.outdated(reader, NOW, shards) == found
    assert await card_rows.of_job(reader, 1) == await card_rows.outdated(reader, NOW) == [subscription_id]


@pytest.mark.parametrize("guild_id", [GUILD, None])
async def test_a_card_is_outdated_if_it_shows_another_account_than_the_server_s(
    outbox: Outbox, guild_id: int | None
) -> None:
    subscription_id = await outbox.subscription(1)
    await outbox.posted(await outbox.card(subscription_id), 1)
    reader = outbox.database.reader
    account_id = await reader.value("SELECT account_id FROM jobs WHERE id = 1")
    for shown, in_force, found in (
        (CardStatus.PROGRESS, account_id, []),
        (CardStatus.PROGRESS, None, [subscription_id]),
        (CardStatus.OTHER_ACCOUNT, None, []),
        (CardStatus.OTHER_ACCOUNT, account_id, [subscription_id]),
    ):
        async with outbox.database.transaction() as tx:
            await card_rows.mark_shown(tx, subscription_id, at=NOW + 1_000_000, shown=shown, final=False)
            await card_rows.account_changed(tx, in_force, guild_id=guild_id)
        assert await card_rows.outdated(reader, NOW + 1_000_000) == found


@pytest.mark.parametrize(("channel_id", "hurried"), [(CHANNEL, [0]), (None, [0, 1])])
async def test_a_permission_change_makes_deliveries_due_in_the_channel_or_server(
    outbox: Outbox, channel_id: int | None, hurried: list[int]
) -> None:
    waiting = []
    for channel in (CHANNEL, CHANNEL + 1):
        subscription_id = await outbox.subscription(1, f"job-{channel}", channel)
        waiting.append(await outbox.outcome(subscription_id, f"n-{channel}", channel_id=channel))
    async with outbox.database.transaction() as tx:
        for delivery_id in waiting:
            await deliveries.retry_at(tx, delivery_id, next_at=NOW + 9, unanswered_at=None, blocked_since=NOW)
        assert await deliveries.make_blocked_due(tx, NOW, guild_id=GUILD, channel_id=channel_id) == len(hurried)
    assert await outbox.heads() == [waiting[place] for place in hurried]


async def test_a_returning_server_gets_its_open_deliveries_at_once_and_nothing_else_changes(outbox: Outbox) -> None:
    subscription_id = await outbox.subscription(1)
    waiting, done = await outbox.outcome(subscription_id), await outbox.card(subscription_id)
    await outbox.posted(done, 5)
    async with outbox.database.transaction() as tx:
        other = await deliveries.add_notice(
            tx, guild_id=GUILD + 1, channel_id=1, base_nonce="other", notice_json="{}", now=NOW
        )
        for delivery_id in (waiting, other):
            await deliveries.retry_at(tx, delivery_id, next_at=NOW + 9, unanswered_at=None, blocked_since=NOW)
        assert await deliveries.make_blocked_due(tx, NOW + 1, guild_id=GUILD + 2) == 0
        before = [await deliveries.get(tx, delivery_id) for delivery_id in (done, other)]
        await deliveries.resume_in_server(tx, GUILD, NOW + 1)
        assert [await deliveries.get(tx, delivery_id) for delivery_id in (done, other)] == before
    resumed = await outbox.get(waiting)
    assert (resumed.next_at, resumed.blocked_since) == (NOW + 1, NOW + 1)


async def test_after_the_clock_was_set_back_an_attempt_without_response_is_searched_for(outbox: Outbox) -> None:
    first, second = await outbox.subscription(1), await outbox.subscription(1, "other")
    deferred, unanswered = await outbox.outcome(first), await outbox.outcome(second, "m")
    async with outbox.database.transaction() as tx:
        await deliveries.retry_at(tx, deferred, next_at=NOW + 9, unanswered_at=None)
        await deliveries.retry_at(tx, unanswered, next_at=NOW - 9, unanswered_at=NOW + 5)
        await deliveries.clock_set_back(tx, NOW)
    after = [await outbox.get(delivery_id) for delivery_id in (deferred, unanswered)]
    assert [(delivery.next_at, delivery.look_first) for delivery in after] == [(NOW, False), (NOW - 9, True)]


async def _languages(outbox: Outbox, *ids: int) -> list[str]:
    return [(await outbox.get(delivery_id)).language for delivery_id in ids]


async def _every_kind(outbox: Outbox, name: str) -> list[int]:
    subscription_id = await outbox.subscription(1, jobid=name)
    async with outbox.database.transaction() as tx:
        batch_id = await batches.add(tx, guild_id=GUILD, channel_id=CHANNEL, user_id=9, mention=False, now=NOW)
        common = {"guild_id": GUILD, "channel_id": CHANNEL, "now": NOW}
        summary = await deliveries.add_summary(tx, batch_id=batch_id, base_nonce=f"s{name}", **common)
        notice = await deliveries.add_notice(tx, base_nonce=f"n{name}", notice_json="{}", **common)
    return [
        await outbox.card(subscription_id, f"c{name}"),
        await outbox.outcome(subscription_id, name),
        summary,
        notice,
    ]


async def test_a_message_keeps_the_language_in_which_it_was_created(outbox: Outbox) -> None:
    before = await _every_kind(outbox, "before")
    async with outbox.database.transaction() as tx:
        await servers.set_locale(tx, GUILD, "pt-BR")
        await servers.set_locale(tx, GUILD + 1, "ko")
    as_server = await _every_kind(outbox, "as server")
    async with outbox.database.transaction() as tx:
        await servers.set_language(tx, GUILD, "ja")
    chosen = await _every_kind(outbox, "chosen")
    async with outbox.database.transaction() as tx:
        await servers.set_locale(tx, GUILD, "de")
    assert await _languages(outbox, *before, *as_server, *chosen) == [""] * 4 + ["pt-BR"] * 4 + ["ja"] * 4

    card_id, outcome_id = as_server[:2]
    subscription_id = (await outbox.get(card_id)).subscription_id
    assert subscription_id is not None
    assert await outbox.card(subscription_id, "cas server") == card_id
    assert await outbox.outcome(subscription_id, "as server") == outcome_id
    assert await _languages(outbox, card_id, outcome_id) == ["pt-BR"] * 2


async def test_a_card_posted_again_after_its_deletion_is_in_the_current_language(outbox: Outbox) -> None:
    subscription_id = await outbox.subscription(1)
    card_id = await outbox.card(subscription_id)
    await outbox.posted(card_id, None)
    async with outbox.database.transaction() as tx:
        await servers.set_locale(tx, GUILD, "pt-BR")
    assert await outbox.card(subscription_id) == card_id
    assert await _languages(outbox, card_id) == ["pt-BR"]


async def test_a_given_up_delivery_requested_again_is_in_the_current_language(outbox: Outbox) -> None:
    card_id, outcome_id, *_ = await _every_kind(outbox, "one")
    _, resent_id, *_ = await _every_kind(outbox, "two")
    subscription_id = (await outbox.get(card_id)).subscription_id
    assert subscription_id is not None
    async with outbox.database.transaction() as tx:
        for delivery_id in (card_id, outcome_id, resent_id):
            await deliveries.give_up(tx, delivery_id, reason=Reason.NO_PERMISSION, now=NOW)
        await servers.set_language(tx, GUILD, "ja")
        assert await deliveries.resend_outcome(tx, resent_id, variant="", now=NOW)
    assert await outbox.card(subscription_id, "cone") == card_id
    assert await outbox.outcome(subscription_id, "one") == outcome_id
    assert await _languages(outbox, card_id, outcome_id, resent_id) == ["ja"] * 3


async def test_the_card_of_a_resent_outcome_is_edited_again(outbox: Outbox) -> None:
    _, outcome_id, *_ = await _every_kind(outbox, "one")
    async with outbox.database.transaction() as tx:
        await deliveries.give_up(tx, outcome_id, reason=Reason.NO_PERMISSION, now=NOW)
        await tx.run("UPDATE subscriptions SET card_final = TRUE")
        assert await deliveries.resend_outcome(tx, outcome_id, variant="", now=NOW)
        assert await tx.values("SELECT DISTINCT card_final FROM subscriptions") == [False]


async def test_cards_and_summaries_know_the_language_they_were_posted_in(outbox: Outbox) -> None:
    async with outbox.database.transaction() as tx:
        await servers.set_language(tx, GUILD, "ja")
    card_id, _, summary_id, _ = await _every_kind(outbox, "job")
    await outbox.posted(card_id, 1)
    await outbox.posted(summary_id, 2)
    async with outbox.database.transaction() as tx:
        await servers.set_language(tx, GUILD, "de")
    subscription_id, batch_id = (await outbox.get(card_id)).subscription_id, (await outbox.get(summary_id)).batch_id
    assert subscription_id is not None
    assert batch_id is not None
    row = await card_rows.of_subscription(outbox.database.reader, subscription_id)
    message = await card_rows.batch_message(outbox.database.reader, batch_id)
    assert row is not None
    assert message is not None
    assert (row.card_language, message.language) == ("ja", "ja")
