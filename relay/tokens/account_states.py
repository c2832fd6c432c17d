"""How the API takes an account's token, and word of each change to the admins who wait."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pixverse.errors import JobExpired, JobNotFound, PixVerseError, SubscriptionUnpaid, TokenRefused
from relay.messages import ClaimedUser, NoticePost
from relay.outcomes import NoticeKind
from relay.posting import nonces, notices
from storage import accounts, deliveries, waiting
from storage.database import Transaction
from storage.waiting import WaitingServer


class AccountState(StrEnum):
    """The values stand in the database."""

    OK = "ok"
    REFUSED = "refused"
    UNPAID = "unpaid"
    MISSING = "missing"
    """The token is not kept (any more): it has to be entered again."""


@dataclass(frozen=True, slots=True)
class Account:
    """A token as it is kept in memory; another token is another account. Times in milliseconds UTC."""

    id: int
    key: str
    state: AccountState
    state_since: int
    token: str | None = field(repr=False)
    """None once nobody uses it, or where it has to be entered again."""
    tried_at: int | None
    """When the API last answered its token."""
    confirmed: bool = False
    """Whether the API named the user that the token's text claims."""

    @property
    def user(self) -> ClaimedUser | None:
        """The useapi.net user, where the token's text claims one."""
        kind, _, number = self.key.partition(":")
        return ClaimedUser(number, self.confirmed) if kind == "user" else None


_NOTICES = {
    AccountState.OK: NoticeKind.FLOWING_AGAIN,
    AccountState.REFUSED: NoticeKind.TOKEN_REFUSED,
    AccountState.UNPAID: NoticeKind.UNPAID,
    AccountState.MISSING: NoticeKind.TOKEN_MISSING,
}


def state_told(error: PixVerseError | None) -> AccountState | None:
    """What an answer says of the token that was asked with; None where it says nothing of it."""
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
    """Keeps a new state and puts the word of it into the outbox, once for each server that waits; whether it is new.

    That a token has to be entered again is told to servers with an alerts channel too where nothing waits.

    `recheck`: milliseconds between two looks at a token in trouble.
    """
    if not await accounts.set_state(tx, account.id, state.value, now):
        return False
    idle_too = state is AccountState.MISSING
    for server in await waiting.servers_of(tx, account.id, operator_id, with_alerts_channel=idle_too):
        await _tell(tx, account, server, _NOTICES[state], recheck=recheck, now=now)
    return True


async def tell_back(tx: Transaction, account: Account, guild_id: int, *, operator_id: int | None, now: int) -> None:
    """Puts word into the outbox to a server that uses the account again: its jobs that were on hold go on."""
    for server in await waiting.servers_of(tx, account.id, operator_id):
        if server.guild_id == guild_id:
            await _tell(tx, account, server, NoticeKind.FLOWING_AGAIN, recheck=0, now=now)


async def _tell(
    tx: Transaction, account: Account, server: WaitingServer, kind: NoticeKind, *, recheck: int, now: int
) -> None:
    await deliveries.add_notice(
        tx,
        guild_id=server.guild_id,
        channel_id=server.channel_id,
        base_nonce=nonces.for_notice(account.key, server.guild_id, server.channel_id, kind, now),
        notice_json=notices.dump(_notice(kind, server, recheck)),
        now=now,
    )


def _notice(kind: NoticeKind, server: WaitingServer, recheck: int) -> NoticePost:
    if kind is NoticeKind.FLOWING_AGAIN:
        return NoticePost(kind, "", jobs=server.jobs)
    mention = () if server.token_set_by is None else (server.token_set_by,)
    return NoticePost(kind, "", mention=mention, jobs=server.jobs, interval=recheck)
