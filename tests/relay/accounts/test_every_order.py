"""Two servers and the operator use one account, in every order: nobody acts with a token that they did not enter.

The storage is real; a kill is a copy of its files, taken at any moment of a command.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from model.states import AccountState
from pixverse.api_errors import TokenRefused
from relay.accounts.server_tokens import TokenOvertaken
from storage import accounts, deliveries, follows, jobs, subscriptions
from storage.follows import FollowRow
from storage.secret_store import SecretStore, new_key
from tests.relay.accounts_fixture import AccountsFixture

_A, _B = 100, 200
_TOKENS = ("user:1-first", "user:1-second", "user:1-third", "user:2-other")
_OPERATOR = ("user:1-first", "user:1-fourth")
_KEY = new_key()

servers = st.sampled_from((_A, _B))
tokens = st.sampled_from(_TOKENS)
jobids = st.sampled_from(("j1", "j2", "j3"))


def _user(token: str) -> str:
    return token.partition("-")[0]


class EveryOrder(RuleBasedStateMachine):
    """The token that each server entered last, and the jobs it watches by account."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._folder = Path(tempfile.mkdtemp())
        self._copies = 0
        self._operator: str | None = None
        self.entered: dict[int, str] = {}
        self.refused: set[str] = set()
        self.waiting: set[tuple[int, str, str]] = set()
        """Server, user, job."""
        self._open(self._folder / "0")

    def _open(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.world = self._runner.run(AccountsFixture.open(folder / "relay.db", _KEY, operator_token=self._operator))
        for token in (*_TOKENS, *_OPERATOR):
            self.world.api.answers[token] = TokenRefused("401") if token in self.refused else None

    def teardown(self) -> None:
        self._runner.run(self.world.close())
        self._runner.close()
        shutil.rmtree(self._folder)

    # ---- what happens -----------------------------------------------------------------------------------------------

    @rule(server=servers, token=tokens)
    def set_token(self, server: int, token: str) -> None:
        async def done() -> bool:
            try:
                await self.world.tokens.set_token(server, 1, token)
            except TokenRefused:
                return False
            return True

        if self._runner.run(done()):
            self.entered[server] = token
        assert (self.entered.get(server) == token) or token in self.refused

    @rule(server=servers, first=tokens, second=tokens)
    def set_two_at_once_and_the_first_is_answered_last(self, server: int, first: str, second: str) -> None:
        if first == second or self.refused & {first, second}:
            return

        async def both() -> None:
            gate = self.world.api.holds(first)
            slow = asyncio.create_task(self.world.tokens.set_token(server, 1, first))
            await self.world.pass_time(0)
            await self.world.tokens.set_token(server, 2, second)
            gate.set()
            (overtaken,) = await asyncio.gather(slow, return_exceptions=True)
            assert isinstance(overtaken, TokenOvertaken)

        self._runner.run(both())
        self.entered[server] = second

    @rule(server=servers)
    def remove(self, server: int) -> None:
        own = self.world.accounts.own(server)
        assert (own is None) == (server not in self.entered)
        if own is None:
            return
        self._runner.run(self.world.tokens.remove_token(server, own, 1))
        user = _user(self.entered.pop(server))
        self.waiting = {one for one in self.waiting if one[:2] != (server, user)}

    @rule(token=tokens, well=st.booleans())
    def the_api_takes_or_refuses(self, token: str, well: bool) -> None:
        async def answered() -> None:
            for account in self.world.accounts.every():
                if account.token == token:
                    await self.world.accounts.note_trial(account.id, token, None if well else TokenRefused("401"))

        self.refused -= {token}
        if not well:
            self.refused |= {token}
        self.world.api.answers[token] = None if well else TokenRefused("401")
        self._runner.run(answered())

    @rule(server=servers, jobid=jobids, followed=st.booleans())
    def watch(self, server: int, jobid: str, followed: bool) -> None:
        account = self.world.accounts.in_force(server)
        if account is not None:
            self._runner.run(self._watch(server, account, jobid, followed=followed))
            self.waiting.add((server, _user(self.world.accounts.token_of(account) or ""), jobid))

    async def _watch(self, server: int, account: int, jobid: str, *, followed: bool) -> None:
        async with self.world.database.transaction() as tx:
            job = await jobs.add(tx, account, jobid, None, 0)
            here = await subscriptions.in_channel(tx, job.id, server + 1)
            number = (
                here.id
                if here is not None
                else await subscriptions.add(
                    tx, job_id=job.id, guild_id=server, channel_id=server + 1, batch_id=None, spoiler=False, now=0
                )
            )
            if here is not None and here.ended_at is not None:
                await subscriptions.reopen(tx, number, batch_id=None, spoiler=False, now=0)
            nonce = f"{server}-{jobid}"
            await deliveries.add_card(
                tx, subscription_id=number, guild_id=server, channel_id=server + 1, base_nonce=nonce, now=0
            )
            if followed and self.world.accounts.own(server) == account:
                await follows.put(tx, FollowRow(server, server + 1, account, False, 1, 0))

    @rule(operator=st.sampled_from((None, *_OPERATOR)))
    def restart(self, operator: str | None) -> None:
        self._operator = operator
        self._runner.run(self.world.restart(operator_token=operator))

    @rule(server=servers, token=tokens, steps=st.integers(0, 60))
    def kill_in_a_set(self, server: int, token: str, steps: int) -> None:
        """The token was either stored or not; the killed process has replied to nobody."""
        self._copies += 1
        target = self._folder / str(self._copies)

        async def cut() -> None:
            setting = asyncio.create_task(self.world.tokens.set_token(server, 1, token))
            for _ in range(steps):
                await asyncio.sleep(0.0002)
                if setting.done():
                    break
            shutil.copytree(self.world.database.path.parent, target)
            await asyncio.gather(setting, return_exceptions=True)
            await self.world.close()

        self._runner.run(cut())
        self._open(target)
        own = self.world.accounts.own(server)
        found = None if own is None else self.world.accounts.token_of(own)
        assert found in {self.entered.get(server), token}
        if found is not None:
            self.entered[server] = found

    # ---- what must be true at any time ------------------------------------------------------------------------------

    @invariant()
    def each_server_acts_with_what_it_entered_last(self) -> None:
        book = self.world.accounts
        for server in (_A, _B):
            account = book.in_force(server)
            token = None if account is None else book.token_of(account)
            assert token == self.entered.get(server, self._operator)
            if account is not None and server in self.entered:
                assert account != book.operator_id
                in_trouble = book.state_of(account) is not AccountState.OK
                assert not in_trouble or token in self.refused

    @invariant()
    def no_other_token_is_kept(self) -> None:
        kept = {account.token for account in self.world.accounts.every()} - {None}
        assert kept == {*self.entered.values(), self._operator} - {None}
        assert self._runner.run(self._decrypted()) == kept

    async def _decrypted(self) -> set[str]:
        secret_store = await SecretStore.open(self.world.database, [_KEY])
        rows = await accounts.every(self.world.database.reader)
        return {secret_store.decrypt(row.token) for row in rows if row.token is not None}

    @invariant()
    def nothing_that_waits_is_lost_or_left_behind(self) -> None:
        rows = self._runner.run(
            self.world.database.reader.all(
                "SELECT s.guild_id, a.account_key, j.jobid, j.account_id FROM subscriptions s"
                " JOIN jobs j ON j.id = s.job_id JOIN accounts a ON a.id = j.account_id WHERE s.ended_at IS NULL"
            )
        )
        found = [(row[0], row[1], row[2]) for row in rows]
        assert set(found) == self.waiting
        for server, key, _, account in rows:
            token = self.entered.get(server)
            if token is not None and _user(token) == key:
                assert account == self.world.accounts.in_force(server)

    @invariant()
    def follows_are_of_the_server_s_own_token(self) -> None:
        rows = self._runner.run(
            self.world.database.reader.all(
                "SELECT f.guild_id, f.account_id, a.account_key, a.of_operator FROM follows f"
                " JOIN accounts a ON a.id = f.account_id"
            )
        )
        for server, account, key, of_operator in rows:
            assert not of_operator
            if server in self.entered and _user(self.entered[server]) == key:
                assert account == self.world.accounts.own(server)


TestEveryOrder = EveryOrder.TestCase
TestEveryOrder.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
