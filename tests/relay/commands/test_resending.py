from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from model.messages import CardPost, OutcomePost, Refused, SendResult
from model.states import CardStatus, NoticeKind, Reason
from relay.commands.ask import Ask
from relay.commands.lookups import Lookups
from relay.commands.refusals import NothingToDo
from relay.commands.resending import HOPELESS, Resending, SentAgain
from relay.commands.watch import ImmediatePosts
from relay.delivery import notice_json
from relay.delivery.verdicts import BLOCKED_FOR_AT_MOST
from storage import deliveries, delivery_queries, servers
from tests.relay.discord_channel import LOST
from tests.relay.outbox_fixture import GUILD, OutboxFixture, completed
from tests.relay.relay_fixture import post_at_once

CHANNEL, ALERTS, ADMIN = 5, 6, 99
NO_ACCESS = Refused(403, 50001)
AUTOMOD = Refused(403, 200000)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[OutboxFixture]:
    made = OutboxFixture(tmp_path / "relay.db")
    await made.start()
    await made.account()
    async with made.database.transaction() as tx:
        await servers.set_alerts_channel(tx, GUILD, ALERTS)
    yield made
    await made.stop()


class FreeLookups:
    """Looks nothing up, and counts nothing."""

    def prepay_for_server(self, ask: Ask) -> None:
        pass


async def press(world: OutboxFixture, delivery_id: int, *, guild: int = GUILD) -> SentAgain:
    immediate_posts = ImmediatePosts(world.database.reader, post_at_once)
    resending = Resending(world.database, cast("Lookups", FreeLookups()), immediate_posts, world.changes)
    now = world.clock.now()
    return await resending.send_again(Ask(guild, CHANNEL, ADMIN, at=now, sent_at=now), delivery_id)


async def given_up(world: OutboxFixture) -> int:
    """An outcome for which the permission was missing for three days."""
    await world.watch("job", CHANNEL, users=(9,), card=True)
    await world.pump()
    (delivery_id,) = await world.end(completed("job"))
    world.discord.missing[CHANNEL] = ("Send Messages",)
    world.discord.script = [NO_ACCESS]
    await world.pump_for(BLOCKED_FOR_AT_MOST + 3_600_000, 1_800_000)
    assert (await world.get(delivery_id)).state == "given_up"
    return delivery_id


async def unsure(world: OutboxFixture) -> int:
    """An outcome that Discord stored, but the response was lost and the history can't be read."""
    await world.watch("job", CHANNEL, users=(9,), card=True)
    await world.pump()
    (delivery_id,) = await world.end(completed("job"))
    world.discord.script = [LOST]
    world.discord.readable = False
    await world.pump()
    world.clock.advance(600_000)
    await world.pump()
    assert (await world.get(delivery_id)).state == "unsure"
    return delivery_id


async def shown_status(world: OutboxFixture, delivery_id: int) -> CardStatus:
    subscription_id = (await world.get(delivery_id)).subscription_id
    view = await world.posts.card(subscription_id or 0)
    assert view is not None
    assert isinstance(view.post, CardPost)
    return view.post.status


async def test_a_given_up_result_is_resent_and_pings_those_who_asked(world: OutboxFixture) -> None:
    delivery_id = await given_up(world)
    assert await shown_status(world, delivery_id) is CardStatus.NOT_POSTED
    world.discord.missing.clear()

    assert await press(world, delivery_id) == SentAgain(1, CHANNEL, fresh=True, posted=False)
    await world.pump()

    (post,) = world.discord.outcomes(CHANNEL)
    assert post.mention == (9,)
    assert await shown_status(world, delivery_id) is CardStatus.ENDED


async def test_two_clicks_resend_it_once(world: OutboxFixture) -> None:
    delivery_id = await given_up(world)
    world.discord.missing.clear()

    presses = await asyncio.gather(press(world, delivery_id), press(world, delivery_id))
    await world.pump()

    assert sorted(result.fresh for result in presses) == [False, True]
    assert len(world.discord.outcomes(CHANNEL)) == 1
    assert await press(world, delivery_id) == SentAgain(1, CHANNEL, fresh=False, posted=True)
    await world.pump()
    assert len(world.discord.outcomes(CHANNEL)) == 1


async def test_an_unsure_result_is_resent_as_another_message_and_pings_nobody(world: OutboxFixture) -> None:
    delivery_id = await unsure(world)
    assert await shown_status(world, delivery_id) is CardStatus.UNSURE

    await press(world, delivery_id)
    await world.pump()

    first, second = world.discord.outcomes(CHANNEL)
    assert first.mention == (9,)
    assert second.mention == ()
    assert first.nonce != second.nonce
    assert first.button_nonce == second.button_nonce
    assert (await world.get(delivery_id)).state == "posted"


async def test_an_unsure_result_is_found_if_the_history_is_readable_by_then(world: OutboxFixture) -> None:
    delivery_id = await unsure(world)
    world.discord.readable = True

    await press(world, delivery_id)
    await world.pump()

    assert len(world.discord.outcomes(CHANNEL)) == 1
    assert (await world.get(delivery_id)).state == "posted"
    assert await shown_status(world, delivery_id) is CardStatus.ENDED


async def test_after_the_requested_attempt_it_is_not_resent_on_a_guess(world: OutboxFixture) -> None:
    delivery_id = await unsure(world)
    await press(world, delivery_id)
    world.discord.script = [LOST]
    await world.pump()
    await world.restart()
    world.discord.readable = False
    world.clock.advance(600_000)
    await world.pump()

    assert len(world.discord.outcomes(CHANNEL)) == 2
    assert (await world.get(delivery_id)).state == "unsure"


async def test_a_resent_result_is_as_safe_as_the_first_time(world: OutboxFixture) -> None:
    delivery_id = await unsure(world)
    world.discord.readable = True
    world.discord.messages.clear()
    await press(world, delivery_id)
    world.discord.script = [LOST]
    await world.pump_for(600_000)

    assert len(world.discord.outcomes(CHANNEL)) == 1
    assert (await world.get(delivery_id)).state == "posted"


async def test_a_resent_result_says_that_access_was_missing(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL)
    (delivery_id,) = await world.end(completed("job", updated=world.clock.now() + 1))
    world.discord.missing[CHANNEL] = ("Send Messages",)
    world.discord.script = [NO_ACCESS]
    await world.pump_for(BLOCKED_FOR_AT_MOST + 3_600_000, 1_800_000)
    world.discord.missing.clear()
    await press(world, delivery_id)
    await world.pump()

    (post,) = world.discord.outcomes(CHANNEL)
    assert post.late == "no access"


async def test_another_server_s_result_cannot_be_resent(world: OutboxFixture) -> None:
    delivery_id = await given_up(world)
    with pytest.raises(NothingToDo):
        await press(world, delivery_id, guild=GUILD + 1)
    assert (await world.get(delivery_id)).state == "given_up"


async def test_nothing_is_resent_to_a_deleted_channel(world: OutboxFixture) -> None:
    delivery_id = await given_up(world)
    async with world.database.transaction() as tx:
        await tx.run("UPDATE deliveries SET reason = ? WHERE id = ?", (Reason.CHANNEL_GONE, delivery_id))
    with pytest.raises(NothingToDo):
        await press(world, delivery_id)


async def test_admins_are_told_if_discord_accepts_no_form_of_a_result(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL, card=True)
    await world.pump()
    (delivery_id,) = await world.end(completed("job"))
    world.discord.script = [AUTOMOD, AUTOMOD, AUTOMOD]
    await world.pump()

    assert (await world.get(delivery_id)).reason == Reason.REFUSED
    assert await shown_status(world, delivery_id) is CardStatus.NOT_POSTED
    rows = await world.database.reader.all("SELECT notice FROM deliveries WHERE kind = 'notice'")
    told = [notice_json.load(row["notice"], "") for row in rows]
    assert [(one.kind, one.channel_id) for one in told] == [(NoticeKind.REFUSED, CHANNEL)]

    await press(world, delivery_id)
    await world.pump()
    (post,) = world.discord.outcomes(CHANNEL)
    assert isinstance(post, OutcomePost)
    assert not post.without_api_text


@pytest.mark.parametrize(
    ("refusals", "kind"),
    [([AUTOMOD], NoticeKind.REDUCED), ([AUTOMOD] * 3, NoticeKind.REFUSED), ([NO_ACCESS], None)],
    ids=["reduced", "refused", "closed"],
)
async def test_alerts_about_the_alerts_channel_itself(
    world: OutboxFixture, refusals: list[SendResult], kind: NoticeKind | None
) -> None:
    """Why Discord refuses a result can be told there; that the channel is closed can't."""
    async with world.database.transaction() as tx:
        await servers.set_alerts_channel(tx, GUILD, CHANNEL)
    await world.watch("job", CHANNEL)
    await world.end(completed("job"))
    world.discord.script = list(refusals)
    await world.pump()
    rows = await world.database.reader.all("SELECT notice, channel_id FROM deliveries WHERE kind = 'notice'")
    told = [(notice_json.load(row["notice"], "").kind, row["channel_id"]) for row in rows]
    assert told == ([] if kind is None else [(kind, CHANNEL)])


async def test_pages_start_with_what_an_admin_can_fix(world: OutboxFixture) -> None:
    ids = []
    for number in range(9):
        await world.watch(f"job-{number}", CHANNEL)
        ids += await world.end(completed(f"job-{number}"))
    now = world.clock.now()
    async with world.database.transaction() as tx:
        await deliveries.give_up(tx, ids[0], reason=Reason.REFUSED, now=now)
        await deliveries.mark_unsure(tx, ids[2], reason=Reason.CANNOT_LOOK, now=now)
        await deliveries.give_up(tx, ids[3], reason=Reason.CHANNEL_GONE, now=now)
        await deliveries.retry_at(tx, ids[1], next_at=now, unanswered_at=None, blocked_since=now)
    reader = world.database.reader

    pages = [
        await delivery_queries.outcome_page(reader, GUILD, skip=skip, size=4, hopeless=HOPELESS)
        for skip in (0, 4, 8, 12)
    ]
    shown = [record.delivery_id for page in pages for record in page.records]
    assert shown == [ids[2], ids[0], ids[1], *ids[:3:-1], ids[3]]
    assert [len(page.records) for page in pages] == [4, 4, 1, 0]
    assert [page.more for page in pages] == [True, True, False, False]
    assert (await delivery_queries.outcome_page(reader, GUILD + 1, skip=0, size=4, hopeless=())).records == ()
    counts = await delivery_queries.outcome_counts(reader, GUILD)
    assert (counts.not_posted, counts.waiting, counts.waiting_since) == (3, 6, now)


async def test_which_channels_have_outcomes_waiting_for_a_permission(world: OutboxFixture) -> None:
    ids = {}
    for channel_id in (CHANNEL, CHANNEL + 1, CHANNEL + 2, CHANNEL + 3):
        await world.watch(f"job-{channel_id}", channel_id)
        (ids[channel_id],) = await world.end(completed(f"job-{channel_id}"))
    now = world.clock.now()
    async with world.database.transaction() as tx:
        for channel_id, since in ((CHANNEL, now), (CHANNEL + 1, now - 1), (CHANNEL + 2, now - 2)):
            await deliveries.retry_at(tx, ids[channel_id], next_at=now, unanswered_at=None, blocked_since=since)
        await deliveries.give_up(tx, ids[CHANNEL + 2], reason=Reason.NO_PERMISSION, now=now)
    reader = world.database.reader

    assert await delivery_queries.blocked_channels(reader, GUILD) == [CHANNEL + 1, CHANNEL]
    assert await delivery_queries.blocked_channels(reader, GUILD + 1) == []
