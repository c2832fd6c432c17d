"""`/pixverse-admin token`: what a server's API token is and becomes. Whether the asker is an admin has been checked."""

from __future__ import annotations

from collections.abc import Callable

from discord_adapter.command_registry import CommandRegistry
from pixverse.errors import SubscriptionUnpaid, TokenRefused
from pixverse.token_text import DiscordTokenGiven, NotAToken
from relay.allowances import Allowances
from relay.commands.results import Ask
from relay.tokens.accounts import Accounts
from relay.tokens.tokens import TokenChanged, TokenOvertaken, Tokens, TokenSet, TokenSetKind, TokenUntried
from ui import admin_replies as admin_answers
from ui.reply import Answer

_NOT_STORED: dict[type[Exception], Callable[[bool], Answer]] = {
    DiscordTokenGiven: admin_answers.discord_token_answer,
    NotAToken: admin_answers.not_a_token_answer,
    TokenRefused: admin_answers.token_refused_answer,
    SubscriptionUnpaid: admin_answers.token_unpaid_answer,
    TokenUntried: admin_answers.token_untried_answer,
}


class TokenService:
    """Answers each request; raises StorageError as the database does."""

    def __init__(self, accounts: Accounts, tokens: Tokens, allowances: Allowances, book: CommandRegistry) -> None:
        self._accounts = accounts
        self._tokens = tokens
        self._allowances = allowances
        self._book = book

    async def set_token(self, ask: Ask, raw: str) -> Answer:
        """Tries and stores what was entered. Raises AllowanceUsedUp."""
        self._allowances.take_token_trial(ask.guild_id, ask.user_id)
        try:
            done = await self._tokens.set_token(ask.guild_id, ask.user_id, raw)
        except tuple(_NOT_STORED) as error:
            return _NOT_STORED[type(error)](self._accounts.own(ask.guild_id) is not None)
        except TokenOvertaken:
            return admin_answers.token_overtaken_answer(self._book.mentions(ask.guild_id))
        return self._token_set(ask, done)

    def _token_set(self, ask: Ask, done: TokenSet) -> Answer:
        if done.kind is TokenSetKind.OTHER_ACCOUNT and done.old_account_id is not None:
            return admin_answers.token_of_other_account_answer(
                done.held, done.held_channels, done.old_user, done.old_account_id
            )
        if done.kind is TokenSetKind.SAME_ACCOUNT:
            return admin_answers.token_renewed_answer(done.waiting)
        return admin_answers.token_works_answer(done.user, done.in_work, self._book.mentions(ask.guild_id))

    async def keep_old_jobs(self, ask: Ask, account_id: int) -> Answer:
        """Leaves the old account's jobs on hold."""
        try:
            jobs, channels = await self._tokens.held(ask.guild_id, account_id)
        except TokenChanged:
            return self._outdated(ask)
        return admin_answers.old_jobs_kept_answer(jobs, channels, account_id)

    async def drop_old_jobs(self, ask: Ask, account_id: int) -> Answer:
        """Stops watching the old account's jobs."""
        try:
            dropped = await self._tokens.drop_old_jobs(ask.guild_id, account_id, ask.user_id)
        except TokenChanged:
            return self._outdated(ask)
        return admin_answers.old_jobs_dropped_answer(dropped.jobs, dropped.channels, self._book.mentions(ask.guild_id))

    async def ask_removal(self, ask: Ask) -> Answer:
        """Says what removing the token would do."""
        removal = await self._tokens.preview_removal(ask.guild_id)
        if removal is None:
            return admin_answers.no_own_token_answer(self._book.mentions(ask.guild_id))
        return admin_answers.token_remove_question(
            removal.waiting, removal.channels, removal.account_id, operators_token=removal.operators_token
        )

    async def remove_token(self, ask: Ask, account_id: int) -> Answer:
        """Removes it and drops its waiting jobs."""
        try:
            dropped = await self._tokens.remove_token(ask.guild_id, account_id, ask.user_id)
        except TokenChanged:
            return self._outdated(ask)
        return admin_answers.token_removed_answer(dropped.jobs, dropped.channels, self._book.mentions(ask.guild_id))

    async def keep_token(self, ask: Ask, account_id: int) -> Answer:
        """Does nothing, and says so."""
        if self._accounts.own(ask.guild_id) != account_id:
            return self._outdated(ask)
        return admin_answers.token_kept_answer()

    def _outdated(self, ask: Ask) -> Answer:
        return admin_answers.question_outdated_answer(self._book.mentions(ask.guild_id))
