"""`/pixverse-admin token`: sets and removes a server's API token. The caller has checked that the asker is an admin."""

from __future__ import annotations

from discord_adapter.command_registry import CommandRegistry
from relay.accounts.account_registry import AccountRegistry
from relay.accounts.server_tokens import (
    ServerTokens,
    TokenOvertaken,
    TokenSet,
    TokenSetKind,
)
from relay.allowances import Allowances
from relay.commands.ask import Ask
from relay.commands.refusals import TokenChanged
from ui import admin_replies
from ui.member_replies import kept_reply
from ui.message import Reply


class TokenService:
    """Sets and removes a server's token.

    Raises TokenChanged if an admin answers a question about a token that is no longer the server's, and StorageError if
    the database fails.
    """

    def __init__(
        self, accounts: AccountRegistry, tokens: ServerTokens, allowances: Allowances, registry: CommandRegistry
    ) -> None:
        self._accounts = accounts
        self._tokens = tokens
        self._allowances = allowances
        self._registry = registry

    async def set_token(self, ask: Ask, raw: str) -> Reply:
        """Tries and stores the token that was entered. Raises TooFast."""
        self._allowances.take_token_trial(ask.guild_id, ask.user_id)
        try:
            done = await self._tokens.set_token(ask.guild_id, ask.user_id, raw)
        except tuple(admin_replies.NOT_STORED) as error:
            has_token = self._accounts.own(ask.guild_id) is not None
            return admin_replies.not_stored_reply(type(error), has_token=has_token)
        except TokenOvertaken:
            return admin_replies.token_overtaken_reply(self._registry.mentions(ask.guild_id))
        return self._token_set(ask, done)

    def _token_set(self, ask: Ask, done: TokenSet) -> Reply:
        if done.kind is TokenSetKind.OTHER_ACCOUNT and done.old_account_id is not None:
            return admin_replies.token_of_other_account_reply(
                done.held, done.held_channels, done.old_user, done.old_account_id
            )
        if done.kind is TokenSetKind.SAME_ACCOUNT:
            return admin_replies.token_renewed_reply(done.waiting)
        return admin_replies.token_works_reply(done.user, done.in_work, self._registry.mentions(ask.guild_id))

    async def keep_old_jobs(self, ask: Ask, account_id: int) -> Reply:
        """Keeps the old account's jobs on hold."""
        jobs, channels = await self._tokens.held(ask.guild_id, account_id)
        return admin_replies.old_jobs_kept_reply(jobs, channels, account_id)

    async def drop_old_jobs(self, ask: Ask, account_id: int) -> Reply:
        """Stops watching the old account's jobs."""
        dropped = await self._tokens.drop_old_jobs(ask.guild_id, account_id, ask.user_id)
        return admin_replies.old_jobs_dropped_reply(
            dropped.jobs, dropped.channels, self._registry.mentions(ask.guild_id)
        )

    async def ask_removal(self, ask: Ask) -> Reply:
        """Asks whether to remove the token, and says what that would do."""
        removal = await self._tokens.preview_removal(ask.guild_id)
        if removal is None:
            return admin_replies.no_own_token_reply(self._registry.mentions(ask.guild_id))
        return admin_replies.token_remove_question(
            removal.waiting, removal.channels, removal.account_id, operators_token=removal.operators_token
        )

    async def remove_token(self, ask: Ask, account_id: int) -> Reply:
        """Removes the token, and stops watching its jobs."""
        dropped = await self._tokens.remove_token(ask.guild_id, account_id, ask.user_id)
        return admin_replies.token_removed_reply(dropped.jobs, dropped.channels, self._registry.mentions(ask.guild_id))

    async def keep_token(self, ask: Ask, account_id: int) -> Reply:
        """Confirms that the token stays."""
        if self._accounts.own(ask.guild_id) != account_id:
            raise TokenChanged
        return kept_reply()
