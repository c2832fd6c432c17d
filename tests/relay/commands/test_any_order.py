"""Members, follows and ends in any order: subscriptions match a simple model, and the limits hold."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from model.job import JobState, Media
from relay.commands import refusals
from relay.commands.ask import Ask
from relay.commands.subscribe import Limits
from storage import follows
from storage.follows import FollowRow
from tests.relay.follow_fixture import FollowFixture
from tests.relay.relay_fixture import ACCOUNT, OTHER_ACCOUNT, open_database

_LIMITS = Limits(open_per_user=3, open_per_server=4)
_CHANNELS = {100: 10, 101: 10, 200: 20}
"""Each channel's server."""
_FOLLOWING = 200
"""The channel that follows an account: what it would have got unasked, it keeps."""

channels = st.sampled_from(sorted(_CHANNELS))
people = st.sampled_from((1, 2, 3))
jobids = st.sampled_from(("job-1", "job-2", "job-3"))


@dataclass
class _Waiting:
    """A channel that waits for a job."""

    people: set[int]
    account: int
    forgotten: bool = False
    """Somebody waits who asked to be forgotten."""


@dataclass
class _Model:
    """The expected state."""

    waiting: dict[tuple[int, str], _Waiting] = field(default_factory=dict)
    ever: set[tuple[int, str]] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    outcomes: Counter[tuple[int, str]] = field(default_factory=Counter)

    def open_of(self, person: int) -> int:
        return sum(person in one.people for one in self.waiting.values())

    def open_in(self, guild: int) -> int:
        return sum(_CHANNELS[channel] == guild for channel, _ in self.waiting)


class AnyOrder(RuleBasedStateMachine):
    """The real commands and importer, one call after another."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._folder = Path(tempfile.mkdtemp())
        self.model = _Model()
        self._runner.run(self._open())

    async def _open(self) -> None:
        self.world = FollowFixture(await open_database(self._folder), limits=_LIMITS)
        for number in (1, 2, 3):
            self.world.api.put(f"job-{number}")
        async with self.world.database.transaction() as tx:
            await follows.put(
                tx, FollowRow(_CHANNELS[_FOLLOWING], _FOLLOWING, ACCOUNT, False, 1, self.world.clock.now())
            )

    def teardown(self) -> None:
        async def close() -> None:
            await self.world.close()
            await self.world.database.close()

        self._runner.run(close())
        self._runner.close()
        shutil.rmtree(self._folder)

    def _ask(self, channel: int, person: int) -> Ask:
        self.world.clock.forward(10.0)
        return self.world.ask(guild=_CHANNELS[channel], channel=channel, person=person)

    # ---- what happens ------------------------------------------------------------------------------------------------

    @rule(channel=channels, person=people, jobid=jobids, as_list=st.booleans())
    def watch(self, channel: int, person: int, jobid: str, as_list: bool) -> None:
        model, key = self.model, (channel, jobid)
        if jobid in model.ended:
            expected = "ended"
        elif person not in self._people(key) and model.open_of(person) >= _LIMITS.open_per_user:
            expected = "person"
        elif key not in model.waiting and model.open_in(_CHANNELS[channel]) >= _LIMITS.open_per_server:
            expected = "server"
        else:
            expected = "watched"
        assert self._runner.run(self._watch(self._ask(channel, person), jobid, as_list=as_list)) == expected
        if expected == "watched":
            waiting = model.waiting.setdefault(key, _Waiting(set(), ACCOUNT))
            waiting.people.add(person)
            waiting.account = self._in_force(channel)
            model.ever.add(key)
        elif expected == "ended":
            model.waiting.pop(key, None)  # It was on hold.
            model.outcomes[key] = 1
            model.ever.add(key)

    async def _watch(self, ask: Ask, jobid: str, *, as_list: bool) -> str:
        if as_list:
            (entry,) = (await self.world.commands.many.watch(ask, jobid, True)).entries
            named = {"person limit": "person", "server limit": "server", "posting": "ended", "already posted": "ended"}
            return named.get(entry.status, "watched")
        try:
            result = await self.world.commands.watch.status(ask, jobid, True, False)
        except refusals.PersonLimit:
            return "person"
        except refusals.ServerLimit:
            return "server"
        return "watched" if type(result).__name__ in ("NowWatching", "AlreadyWatched") else "ended"

    def _in_force(self, channel: int) -> int:
        return self.world.accounts.in_force(_CHANNELS[channel]) or 0

    def _people(self, key: tuple[int, str]) -> set[int]:
        return self.model.waiting[key].people if key in self.model.waiting else set()

    @rule(channel=channels, person=people, jobid=jobids, may_stop_others=st.booleans())
    def unwatch(self, channel: int, person: int, jobid: str, may_stop_others: bool) -> None:
        waiting = self.model.waiting.get((channel, jobid))
        if waiting is None:
            expected = "NotWatchedHere"
        elif may_stop_others:
            expected = "Stopped"
        elif person not in waiting.people:
            expected = "NotYours"
        else:
            waiting.people.discard(person)
            goes_on = waiting.people or waiting.forgotten or channel == _FOLLOWING
            expected = "TakenOff" if goes_on else "Stopped"
        assert self._runner.run(self._unwatch(self._ask(channel, person), jobid, may_stop_others)) == expected
        if expected == "Stopped":
            del self.model.waiting[channel, jobid]

    async def _unwatch(self, ask: Ask, jobid: str, may_stop_others: bool) -> str:
        try:
            return type(await self.world.commands.stop.unwatch(ask, jobid, may_stop_others)).__name__
        except refusals.Refusal as refusal:
            return type(refusal).__name__

    @rule(person=people)
    def forget(self, person: int) -> None:
        self._runner.run(self.world.commands.forgetting.forget(person))
        for waiting in self.model.waiting.values():
            if person in waiting.people:
                waiting.people.discard(person)
                waiting.forgotten = True

    @rule(listed=st.sets(jobids, min_size=1))
    def a_list_names_jobs(self, listed: set[str]) -> None:
        listed = listed - self.model.ended
        for jobid in sorted(listed):
            key = (_FOLLOWING, jobid)
            if key not in self.model.ever and self.model.open_in(_CHANNELS[_FOLLOWING]) < _LIMITS.open_per_server:
                self.model.waiting[key] = _Waiting(set(), ACCOUNT)
                self.model.ever.add(key)
        self._runner.run(self.world.importer.import_jobs(ACCOUNT, sorted(listed)))

    @rule(jobid=jobids)
    def end(self, jobid: str) -> None:
        if jobid in self.model.ended:
            return
        self.world.clock.forward(10.0)
        job = self.world.api.put(jobid, JobState.COMPLETED, media=(Media("https://x/1.mp4"),))
        known = self._runner.run(
            self.world.rows("SELECT 1 FROM jobs WHERE jobid = ? AND account_id = ?", jobid, ACCOUNT)
        )
        if known and (_FOLLOWING, jobid) not in self.model.ever and self._in_force(_FOLLOWING) == ACCOUNT:
            # No list has named it, but somebody asked for it elsewhere.
            self.model.ever.add((_FOLLOWING, jobid))
            self.model.outcomes[_FOLLOWING, jobid] = 1
        self._runner.run(self._end(jobid))
        assert job.state.ends
        if any(known == jobid for _, known in self.model.ever):
            self.model.ended.add(jobid)
        self._post_ended()
        if jobid not in self.model.ended:
            self.world.api.put(jobid)

    async def _end(self, jobid: str) -> None:
        for number, account in await self.world.rows("SELECT id, account_id FROM jobs WHERE jobid = ?", jobid):
            await self.world.recorder.record_response(int(str(number)), self.world.api.jobs[jobid], int(str(account)))

    def _post_ended(self) -> None:
        """Removes the jobs that have ended and are not on hold, whose outcomes are posted."""
        for (channel, jobid), waiting in list(self.model.waiting.items()):
            if jobid in self.model.ended and waiting.account == self._in_force(channel):
                del self.model.waiting[channel, jobid]
                self.model.outcomes[channel, jobid] = 1

    @rule(account=st.sampled_from((ACCOUNT, OTHER_ACCOUNT)))
    def a_server_uses_another_account(self, account: int) -> None:
        """The server's jobs are on hold until it uses the previous account again, or somebody asks for them again."""
        self.world.accounts.used[10] = account
        self._runner.run(self.world.recorder.deliver_on_hold(account))
        self._post_ended()

    # ---- what must be true at any time -------------------------------------------------------------------------------

    @invariant()
    def who_waits_is_who_ought_to(self) -> None:
        rows = self._runner.run(
            self.world.rows(
                "SELECT s.channel_id, j.jobid, s.id FROM subscriptions s JOIN jobs j ON j.id = s.job_id"
                " WHERE s.ended_at IS NULL"
            )
        )
        assert sorted(row[:2] for row in rows) == sorted(self.model.waiting)
        for channel, jobid, number in rows:
            found = self._runner.run(
                self.world.rows("SELECT user_id FROM subscribers WHERE subscription_id = ?", int(str(number)))
            )
            waiting = self.model.waiting[int(str(channel)), str(jobid)]
            assert {user for (user,) in found} == waiting.people | ({0} if waiting.forgotten else set())

    @invariant()
    def each_end_is_posted_once_where_somebody_waited(self) -> None:
        rows = self._runner.run(
            self.world.rows(
                "SELECT s.channel_id, j.jobid FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id"
                " JOIN jobs j ON j.id = s.job_id WHERE d.kind = 'outcome'"
            )
        )
        assert Counter(rows) == self.model.outcomes


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
