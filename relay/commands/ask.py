"""Finds out who asks, with which account, and which job or subscription they mean."""

from __future__ import annotations

from dataclasses import dataclass

from model.job import OF_ONE_ACCOUNT
from model.messages import Address
from model.states import AccountState
from relay.commands.refusals import AccountInTrouble, NothingToDo, NoToken, NumberUnknown
from relay.polling.job_fetcher import Accounts
from storage import delivery_queries, jobs, subscriptions
from storage.database import Queries
from storage.delivery_queries import OutcomeMessage
from storage.jobs import JobRow
from storage.subscriptions import SubscriptionRow


@dataclass(frozen=True, slots=True)
class Ask:
    """Who asks, where, and when. In a thread, `channel_id` is the thread's id."""

    guild_id: int
    channel_id: int
    user_id: int
    at: int
    """Milliseconds UTC by this machine's clock, which may be wrong."""
    sent_at: int
    """Milliseconds UTC by Discord's clock."""

    @property
    def where(self) -> Address:
        """The channel, as an address."""
        return Address(self.guild_id, self.channel_id)


@dataclass(frozen=True, slots=True)
class Target:
    """The job that an asker means."""

    account_id: int
    jobid: str
    row: JobRow | None
    """None if the job is not stored for this account yet."""
    other_account: bool = False
    """Whether the job was watched in this server with an account other than the one in force."""

    @classmethod
    def of_row(cls, row: JobRow, account_id: int) -> Target:
        """The target for a stored job, in a server that uses this account."""
        return cls(row.account_id, row.jobid, row, other_account=row.account_id != account_id)


def account_of(accounts: Accounts, guild_id: int) -> int:
    """The server's account, whether or not the API accepts its token. Raises NoToken."""
    account_id = accounts.in_force(guild_id)
    if account_id is None:
        raise NoToken
    if accounts.token_of(account_id) is None and accounts.state_of(account_id) is not AccountState.MISSING:
        raise NoToken
    return account_id


def require_ok(accounts: Accounts, account_id: int) -> None:
    """Raises AccountInTrouble if the API does not accept the account's token."""
    state = accounts.state_of(account_id)
    if state is not AccountState.OK:
        raise AccountInTrouble(state)


async def find_target(queries: Queries, ask: Ask, job: int | str, account_id: int) -> Target:
    """The job with this number or id. An id means the job of the account in force, unless the outcome of another
    account's job with that id was posted in this channel. Raises NumberUnknown."""
    if isinstance(job, int):
        return Target.of_row(await find_by_number(queries, ask, job), account_id)
    posted = await find_posted_here(queries, ask, job)
    if posted is not None:
        return Target.of_row(posted.row, account_id)
    return Target(account_id, job, await jobs.by_jobid(queries, account_id, job))


@dataclass(frozen=True, slots=True)
class PostedHere:
    """A job whose outcome was posted in the asker's channel, or is about to be."""

    row: JobRow
    subscription_id: int
    message: OutcomeMessage


async def find_posted_here(queries: Queries, ask: Ask, jobid: str) -> PostedHere | None:
    """The job with this id, of any account; None if the channel waits for it or never got its outcome."""
    here = await subscriptions.in_channel_by_jobid(queries, ask.guild_id, ask.channel_id, jobid)
    for one in here:
        row = None if one.ended_at is None else await jobs.by_id(queries, one.job_id)
        if row is None or row.ended_at is None:
            return None
        if row.outcome in OF_ONE_ACCOUNT:
            continue
        message = await delivery_queries.outcome_message(queries, one.id, row.round)
        if message is not None:
            return PostedHere(row, one.id, message)
    return None


async def find_on_hold_here(queries: Queries, ask: Ask, jobid: str, account_id: int) -> JobRow | None:
    """The job with this id for which the channel waits under an account other than the one in force.

    If the account in force can't see a job with this id, the asker means this one.
    """
    for one in await subscriptions.in_channel_by_jobid(queries, ask.guild_id, ask.channel_id, jobid):
        row = await jobs.by_id(queries, one.job_id) if one.ended_at is None else None
        if row is not None and row.account_id != account_id:
            return row
    return None


async def find_by_number(queries: Queries, ask: Ask, number: int) -> JobRow:
    """The job with this number, if it is one of this channel's or the asker asked for it.

    Raises NumberUnknown, both for other people's jobs and for numbers that don't exist. Numbers are consecutive, so
    trying them one by one would otherwise show what other channels wait for.
    """
    row = await jobs.by_number(queries, number, guild_id=ask.guild_id, channel_id=ask.channel_id, user_id=ask.user_id)
    if row is None:
        raise NumberUnknown
    return row


async def waits_here(queries: Queries, ask: Ask, job_id: int) -> bool:
    """Whether the asker's channel waits for the job."""
    here = await subscriptions.in_channel(queries, job_id, ask.channel_id)
    return here is not None and here.ended_at is None


def require_here(ask: Ask, subscription: SubscriptionRow | None) -> SubscriptionRow:
    """Returns the subscription if it belongs to the asker's channel. Raises NothingToDo."""
    if subscription is None or (subscription.guild_id, subscription.channel_id) != (ask.guild_id, ask.channel_id):
        raise NothingToDo
    return subscription
