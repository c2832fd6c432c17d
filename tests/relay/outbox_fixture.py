"""The outbox with a real database and a small Discord, and points where the process can die."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from model import snapshots
from model.job import Job, JobState, Media, Outcome
from model.messages import VideoFile, VideoLink
from model.states import DeliveryKind
from relay.cards.card_posts import CardPosts
from relay.changes import Changes
from relay.cluster.ownership import Alone
from relay.delivery import nonces
from relay.delivery.attachments import Attacher
from relay.delivery.delivery_loop import ClockWatch
from relay.delivery.delivery_results import ResultRecorder
from relay.delivery.message_builder import MessageBuilder
from relay.delivery.sender import Sender
from relay.media.media_store import MediaStore
from settings import DatabasePlace
from storage import batches, deliveries, delivery_queries, jobs, subscriptions
from storage.database import Database, Transaction
from storage.errors import StorageUnavailable
from tests.clock import ManualClock, SleeplessClock
from tests.inline_database import connect_inline
from tests.new_database import lay_database
from tests.relay.discord_channel import FIRST_DAY, Discord
from tests.relay.recorded_changes import RecordedChanges

GUILD = 77
MAX_AGE = 48 * 3600_000


class Killed(BaseException):
    """The process ends here."""


class Points:
    """Counts the places where the process could die, and dies at the chosen one."""

    def __init__(self, at: int | None = None, error: Callable[[], BaseException] = Killed) -> None:
        self.at = at
        self.error = error
        self.passed = 0

    def __call__(self) -> None:
        self.passed += 1
        if self.passed == self.at:
            raise self.error()


class MortalDatabase(Database):
    """A Database that can die before, within and after each transaction."""

    point: Callable[[], None]

    @asynccontextmanager
    async def transaction(self, *, locks_rows: bool = False) -> AsyncIterator[Transaction]:
        self.point()
        async with super().transaction(locks_rows=locks_rows) as tx:
            yield tx
            self.point()
        self.point()


def disk_full() -> BaseException:
    return StorageUnavailable("database or disk is full")


class Files(MediaStore):
    """Videos that are available at once."""

    def __init__(self, size: int = 1000) -> None:
        self.size = size
        self.fetched: list[Job] = []
        self.held = 0
        self.answers: list[tuple[VideoFile | VideoLink, ...]] = []
        self.on_fetch: Callable[[], None] = lambda: None
        self.gates: dict[str, asyncio.Event] = {}
        """Jobs whose videos come once the gate is opened."""

    @asynccontextmanager
    async def fetch(self, job_id: int, job: Job) -> AsyncIterator[tuple[VideoFile | VideoLink, ...]]:
        self.fetched.append(job)
        self.on_fetch()
        if job.jobid in self.gates:
            await self.gates[job.jobid].wait()
        self.held += 1
        try:
            yield self.answers.pop(0) if self.answers else self._files(job)
        finally:
            self.held -= 1

    def _files(self, job: Job) -> tuple[VideoFile, ...]:
        return tuple(
            VideoFile(index, Path(f"{index}.part"), ".mp4", media.size or self.size)
            for index, media in enumerate(job.media, start=1)
        )


def completed(jobid: str, videos: int = 1, **changes: object) -> Job:
    media = tuple(Media(f"https://cdn.example/{index}.mp4", size=1000 + index) for index in range(videos))
    return Job(jobid, JobState.COMPLETED, "completed", prompt="a cat", media=media, **changes)  # type: ignore[arg-type]


class Another(Alone):
    """The Ownership of a process that is one of several."""

    process_id = "another"


@dataclass
class OutboxFixture:
    """One process over one database; `restart` makes another one over the same."""

    place: DatabasePlace
    clock: ManualClock = field(default_factory=lambda: SleeplessClock(FIRST_DAY, 0.0))
    videos: Files = field(default_factory=Files)
    api_down_since: int | None = None
    paused: bool = False
    in_force: int | None = 1

    def __post_init__(self) -> None:
        self.discord = Discord(self.clock)
        self.recorded = RecordedChanges()
        self.refreshes: list[int] = []
        self.fresh_job: Job | None = None

    async def start(self, points: Points | None = None) -> None:
        point = points or Points()
        if isinstance(self.place, Path):
            await lay_database(self.place)
        self.database = await MortalDatabase.open(self.place, connect=connect_inline)
        self.database.point = point
        self.discord.point = point
        self.renew()

    def renew(self) -> None:
        """Creates new objects, as after a restart."""
        self.changes = Changes()
        self.recorded.listen(self.changes)
        self.posts = CardPosts(
            reader=self.database.reader,
            poster=self.discord,
            clock=self.clock,
            in_force=lambda _: self.in_force,
            api_down_since=lambda _: self.api_down_since,
            paused=lambda: self.paused,
            max_age=MAX_AGE,
        )
        self.working_since = self.clock.now()
        builder = MessageBuilder(
            reader=self.database.reader,
            poster=self.discord,
            attacher=Attacher(self.videos, self.refresh_links, self.clock),
            card_posts=self.posts,
            clock=self.clock,
            working_since=lambda: self.working_since,
        )
        recorder = ResultRecorder(self.database, self.changes, self.clock)
        self.clock_watch = ClockWatch(self.database, self.clock)
        self.sender = Sender(self.database, self.discord, builder, recorder, self.clock)
        self.another_sender = Sender(self.database, self.discord, builder, recorder, self.clock, Another())
        """Of another process."""

    async def begin_again(self) -> None:
        """Resets everything to the state after `start` and `account`. The database is reused, because opening one is
        slow.
        """
        self.live_on()
        async with self.database.transaction() as tx:
            for table in ("deliveries", "subscribers", "subscriptions", "batches", "jobs", "servers"):
                await tx.run(f"DELETE FROM {table}")
        self.clock, self.videos = SleeplessClock(FIRST_DAY, 0.0), Files()
        self.__post_init__()
        self.renew()

    async def restart(self, points: Points | None = None) -> None:
        await self.stop()
        await self.start(points)

    async def stop(self) -> None:
        await self.database.close()

    def live_on(self) -> None:
        """Turns off all points where the process can die."""
        self.database.point = lambda: None
        self.discord.point = lambda: None

    async def refresh_links(self, job_id: int, _guild_id: int) -> Job | None:
        self.refreshes.append(job_id)
        return self.fresh_job

    # ---- what is in the database ------------------------------------------------------------------------------------

    async def account(self) -> int:
        async with self.database.transaction() as tx:
            return await tx.insert("accounts", account_key="user:1", state_since=self.clock.now())

    async def watch(
        self,
        jobid: str,
        channel_id: int,
        *,
        batch_id: int | None = None,
        users: tuple[int, ...] = (),
        card: bool = False,
        guild_id: int = GUILD,
    ) -> int:
        """A subscription of the channel for an open job."""
        now = self.clock.now()
        async with self.database.transaction() as tx:
            row = await jobs.add(tx, 1, jobid, None, now)
            subscription_id = await subscriptions.add(
                tx,
                job_id=row.id,
                guild_id=guild_id,
                channel_id=channel_id,
                batch_id=batch_id,
                spoiler=False,
                now=now,
            )
            for user in users:
                in_batch = batch_id is not None
                await subscriptions.put_subscriber(tx, subscription_id, user, mention=True, in_batch=in_batch, now=now)
            if card:
                await deliveries.add_card(
                    tx,
                    subscription_id=subscription_id,
                    guild_id=guild_id,
                    channel_id=channel_id,
                    base_nonce=nonces.for_job(jobid, channel_id, DeliveryKind.CARD),
                    now=now,
                )
        return subscription_id

    async def batch(self, channel_id: int, user: int) -> int:
        async with self.database.transaction() as tx:
            return await batches.add(
                tx, guild_id=GUILD, channel_id=channel_id, user_id=user, mention=True, now=self.clock.now()
            )

    async def answer(self, job: Job) -> None:
        """Stores a response with something new."""
        async with self.database.transaction() as tx:
            row = await jobs.by_jobid(tx, 1, job.jobid)
            assert row is not None
            await jobs.change(tx, row.id, snapshots.dump(job), self.clock.now())

    async def end(self, job: Job, outcome: Outcome = Outcome.COMPLETED, *, closes: tuple[int, ...] = ()) -> list[int]:
        """The job ends: its open subscriptions end, their outcomes are put into the outbox."""
        now = self.clock.now()
        added = []
        async with self.database.transaction() as tx:
            row = await jobs.by_jobid(tx, 1, job.jobid)
            assert row is not None
            await jobs.change(tx, row.id, snapshots.dump(job), now)
            await jobs.end(tx, row.id, outcome, now)
            for one in await subscriptions.open_of_job(tx, row.id):
                await subscriptions.end(tx, one.id, now)
                delivery_id = await deliveries.add_outcome(
                    tx,
                    subscription_id=one.id,
                    job_round=row.round,
                    guild_id=one.guild_id,
                    channel_id=one.channel_id,
                    base_nonce=nonces.for_job(job.jobid, one.channel_id, DeliveryKind.OUTCOME, row.round),
                    closes_batch=one.id in closes,
                    now=now,
                )
                added.append(delivery_id)
        return added

    # ---- what is done -----------------------------------------------------------------------------------------------

    async def pump(self) -> None:
        """Sends due deliveries until none is due."""
        await self.clock_watch.look()
        for _ in range(200):
            due = await delivery_queries.due_heads(self.database.reader, self.clock.now(), limit=10)
            if not due or self.sender.token_dead:
                return
            for delivery in due:
                await self.sender.deliver(delivery.id)
        raise AssertionError("the outbox never comes to rest")

    async def pump_for(self, ms: int, step: int = 5_000) -> None:
        """Advances the clock by `ms` and sends what becomes due; an empty outbox takes one step."""
        end = self.clock.now() + ms
        while self.clock.now() < end:
            await self.pump()
            self.clock.advance(step if await self.unsettled() else end - self.clock.now())
        await self.pump()

    async def unsettled(self) -> bool:
        """Whether anything is left in the outbox."""
        query = "SELECT 1 FROM deliveries WHERE state IN ('waiting', 'sending') LIMIT 1"
        return bool(await self.database.reader.all(query))

    async def card_message(self, subscription_id: int) -> int | None:
        """The stored message id of the subscription's card."""
        card = await delivery_queries.of_subscription(self.database.reader, subscription_id, DeliveryKind.CARD)
        return None if card is None else card.message_id

    async def get(self, delivery_id: int) -> deliveries.Delivery:
        found = await deliveries.get(self.database.reader, delivery_id)
        assert found is not None
        return found
