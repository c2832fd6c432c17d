"""The admins' actions on follows: begin, end and list them."""

from __future__ import annotations

from dataclasses import dataclass

from model.messages import ClaimedUser
from relay.accounts.account_registry import AccountRegistry
from relay.changes import Changes
from relay.commands.ask import Ask, account_of, require_ok
from relay.commands.refusals import NoOwnToken, NotFollowed, TokenChanged
from storage import follows, servers
from storage.database import Database
from storage.follows import FollowRow


@dataclass(frozen=True, slots=True)
class Followable:
    """The account that a server can follow."""

    account_id: int
    user: ClaimedUser | None
    """The useapi.net user that the token's text claims, if it claims one."""


class FollowCommands:
    """Begins, ends and lists follows. Every call raises StorageError if the database fails; nothing is changed then."""

    def __init__(self, database: Database, accounts: AccountRegistry, changes: Changes) -> None:
        self._database = database
        self._accounts = accounts
        self._changes = changes

    def followable(self, guild_id: int) -> Followable:
        """Returns the server's own account. Following the operator's account would show other servers' jobs.

        Raises NoToken, AccountInTrouble or NoOwnToken.
        """
        account_id = account_of(self._accounts, guild_id)
        require_ok(self._accounts, account_id)
        if self._accounts.own(guild_id) != account_id:
            raise NoOwnToken
        account = self._accounts.account(account_id)
        return Followable(account_id, account.user if account is not None else None)

    async def follow(self, ask: Ask, channel_id: int, account_id: int, *, progress: bool) -> Followable:
        """Relays the account's jobs to the channel from now on, with cards if `progress`.

        Raises what `followable` raises, and TokenChanged if the server's account is no longer this one.
        """
        async with self._database.transaction() as tx:
            followable = self.followable(ask.guild_id)
            server = await servers.get(tx, ask.guild_id)  # Another process may have just changed it.
            if followable.account_id != account_id or server is None or server.account_id != account_id:
                raise TokenChanged
            # The API says by its own clock when a job ended. If this machine's clock is ahead, a later job would look
            # older than the follow.
            begins_at = min(ask.at, ask.sent_at)
            await follows.put(tx, FollowRow(ask.guild_id, channel_id, account_id, progress, ask.user_id, begins_at))
        self._changes.follows_changed()
        return followable

    async def unfollow(self, ask: Ask, channel_id: int) -> int:
        """Ends a follow; returns how many of its jobs the channel still waits for. Raises NotFollowed."""
        async with self._database.transaction() as tx:
            if not await follows.remove(tx, ask.guild_id, channel_id):
                raise NotFollowed
            running = await follows.running_in(tx, ask.guild_id, channel_id)
        self._changes.follows_changed()
        return running

    async def channels(self, guild_id: int) -> list[int]:
        """The server's followed channels, oldest follow first."""
        return [row.channel_id for row in await follows.of_guild(self._database.reader, guild_id)]
