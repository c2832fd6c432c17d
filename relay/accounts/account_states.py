"""Whether the API accepts an account's token, and the notices about it to the servers that wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from model.messages import ClaimedUser, NoticePost
from model.states import AccountState, NoticeKind
from pixverse.api_errors import JobExpired, JobNotFound, PixVerseError, SubscriptionUnpaid, TokenRefused
from relay.delivery import notice_json
from storage import accounts, delivery_queries, servers, subscriptions
from storage.database import Transaction
from storage.subscriptions import WaitingServer


@dataclass(frozen=True, slots=True)
class Account:
    """An API token with what belongs to it. Another token is another account. Times are milliseconds UTC."""

    id: int
    key: str
    state: AccountState
    token: str | None = field(repr=False)
    """None if no server uses the account, or if the token has to be entered again."""
    tried_at: int | None
    """When the API last responded to the token."""
    confirmed: bool = False
    """Whether the API has named the user that the token's text claims."""

    @property
    def user(self) -> ClaimedUser | None:
        """The useapi.net user that the token's text claims, if it claims one."""
        kind, _, number = self.key.partition(":")
        return ClaimedUser(number, self.confirmed) if kind == "user" else None


_NOTICES = {
    AccountState.OK: NoticeKind.FLOWING_AGAIN,
    AccountState.REFUSED: NoticeKind.TOKEN_REFUSED,
    AccountState.UNPAID: NoticeKind.UNPAID,
    AccountState.MISSING: NoticeKind.TOKEN_MISSING,
}


_ALERTS = (NoticeKind.TOKEN_REFUSED, NoticeKind.UNPAID, NoticeKind.TOKEN_MISSING)
_ENDS = (NoticeKind.FIXED, NoticeKind.TOKEN_REMOVED, NoticeKind.FLOWING_AGAIN)
"""Notices that end the alerts before them."""


def state_shown_by(error: PixVerseError | None) -> AccountState | None:
    """What a response shows about the token that was sent; None if it shows nothing.

    Args:
        error: None for a response that describes a job.
    """
    match error:
        case None | JobNotFound() | JobExpired():
            return AccountState.OK
        case TokenRefused():
            return AccountState.REFUSED
        case SubscriptionUnpaid():
            return AccountState.UNPAID
        case _:
            return None


async def change(
    tx: Transaction, account: Account, state: AccountState, *, operator_id: int | None, recheck: int, now: int
) -> bool:
    """Writes a state, and a notice for each server that waits for jobs of the account; returns whether it is new.

    Servers that wait for nothing are told of trouble too, in their alerts channel. `recheck` is the time between two
    trials of a token that does not work, in milliseconds.
    """
    if not await accounts.set_state(tx, account.id, state, now):
        return False
    idle_too = state is not AccountState.OK
    waiting = await subscriptions.waiting_servers(tx, account.id, operator_id, with_alerts_channel=idle_too)
    if state is AccountState.OK:
        jobs = dict.fromkeys(await _servers_using(tx, account.id, operator_id), 0)
        await end_alerts(tx, jobs | {server.guild_id: server.jobs for server in waiting}, NoticeKind.FIXED, now)
    for server in waiting:
        await _notify(tx, account, server, _NOTICES[state], recheck=recheck, now=now)
    return True


async def _servers_using(tx: Transaction, account_id: int, operator_id: int | None) -> list[int]:
    """The servers that use the account and may have an alert about it."""
    if account_id == operator_id:
        return await servers.notified_without_own_account(tx)
    return await servers.using(tx, account_id)


async def tell_trouble(
    tx: Transaction, account: Account, guild_id: int, *, operator_id: int | None, recheck: int, now: int
) -> None:
    """Writes a notice to a server that uses the account and now waits, if the account is in trouble and the server was
    not told: because it waited for nothing when the trouble began, or had removed the bot."""
    if account.state is AccountState.OK:
        return
    kind = _NOTICES[account.state]
    if await delivery_queries.alerts_not_over(tx, [guild_id], [kind], _ENDS):
        return
    for server in await subscriptions.waiting_servers(tx, account.id, operator_id):
        if server.guild_id == guild_id:
            await _notify(tx, account, server, kind, recheck=recheck, now=now)


async def notify_resumed(
    tx: Transaction, account: Account, guild_id: int, *, operator_id: int | None, now: int
) -> None:
    """Writes a notice to a server that uses the account again: its jobs that were on hold continue."""
    here = [
        one
        for one in await subscriptions.waiting_servers(tx, account.id, operator_id)
        if one.guild_id == guild_id and one.jobs
    ]
    await end_alerts(tx, {guild_id: sum(server.jobs for server in here)}, NoticeKind.FIXED, now)
    for server in here:
        await _notify(tx, account, server, NoticeKind.FLOWING_AGAIN, recheck=0, now=now)


async def end_alerts(
    tx: Transaction, jobs: Mapping[int, int], kind: NoticeKind, now: int, *, replaced: bool = False
) -> None:
    """Writes notices that replace earlier alerts about the token. `jobs` maps each server to the number of its affected
    jobs."""
    for alert in await delivery_queries.alerts_not_over(tx, jobs, _ALERTS, _ENDS):
        notice = replace(notice_json.replacing(alert, kind, now, jobs=jobs[alert.guild_id]), replaced=replaced)
        key, at = alert.base_nonce, alert.created_at
        await notice_json.add(tx, alert.guild_id, alert.channel_id, notice, now, at=at, key=key)


async def _notify(
    tx: Transaction, account: Account, server: WaitingServer, kind: NoticeKind, *, recheck: int, now: int
) -> None:
    notice = NoticePost(kind, "", jobs=server.jobs)
    if kind is not NoticeKind.FLOWING_AGAIN:
        mention = () if server.token_set_by is None else (server.token_set_by,)
        notice = replace(notice, mention=mention, interval=recheck)
    await notice_json.add(tx, server.guild_id, server.channel_id, notice, now, at=now, key=account.key)
