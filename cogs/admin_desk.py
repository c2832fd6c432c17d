"""What a server's admins ask for, as answers. Whether the asker is one has been checked before."""

from __future__ import annotations

from collections.abc import Callable

from discord_adapter.channel_check import ChannelCheck
from discord_adapter.command_registry import CommandRegistry
from model.messages import Address, Cause
from pixverse.errors import SubscriptionUnpaid, TokenRefused
from pixverse.tokens import DiscordTokenGiven, NotAToken
from relay.allowances import Allowances
from relay.commands.results import Ask
from relay.delivery import upload_limits
from relay.delivery.fallbacks import Variant
from relay.ports import Health, Poster
from relay.tokens.accounts import Accounts
from relay.tokens.rechecks import Recheck, Rechecks
from relay.tokens.tokens import TokenChanged, TokenOvertaken, Tokens, TokenSet, TokenSetKind, TokenUntried
from storage import deliveries, follows, outcome_records, overviews, servers
from storage.database import Database
from storage.follows import FollowRow
from ui import admin_answers
from ui.answer import Answer
from ui.check_report import CheckReport, Followed, NeedsPermission, TokenState, check_answer

_TOKEN_STATES = {
    Recheck.WORKS: TokenState.WORKS,
    Recheck.REFUSED: TokenState.REFUSED,
    Recheck.UNPAID: TokenState.UNPAID,
    Recheck.NO_ANSWER: TokenState.UNTRIED,
    Recheck.NO_TOKEN: TokenState.MISSING,
    Recheck.TOKEN_MISSING: TokenState.ENTER_AGAIN,
}


_REQUESTS_OF_A_TRIAL = 2
"""A list of each generation, where the first one's can't be had."""

_NOT_STORED: dict[type[Exception], Callable[[bool], Answer]] = {
    DiscordTokenGiven: admin_answers.discord_token_answer,
    NotAToken: admin_answers.not_a_token_answer,
    TokenRefused: admin_answers.token_refused_answer,
    SubscriptionUnpaid: admin_answers.token_unpaid_answer,
    TokenUntried: admin_answers.token_untried_answer,
}
_LIMIT_BELIEVED = 24 * 3600 * 1000
"""Milliseconds for which Discord's word that uploads are limited is told, where no result has been posted since."""
_HELD_UP = 60_000
"""Milliseconds after which a result that waits is held up by something."""


class AdminDesk:
    """Answers each request; raises StorageError as the database does."""

    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        tokens: Tokens,
        rechecks: Rechecks,
        poster: Poster,
        health: Health,
        allowances: Allowances,
        book: CommandRegistry,
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._tokens = tokens
        self._rechecks = rechecks
        self._poster = poster
        self._health = health
        self._allowances = allowances
        self._book = book

    # ---- token ------------------------------------------------------------------------------------------------------

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

    # ---- alerts and check -------------------------------------------------------------------------------------------

    async def set_alerts(self, ask: Ask, channel_id: int) -> Answer:
        """Tells admins of troubles in this channel; says where it can't."""
        missing = self._missing_in(ask.guild_id, channel_id)
        if missing:
            return admin_answers.alerts_cannot_post_answer(Address(ask.guild_id, channel_id), missing)
        async with self._database.transaction() as tx:
            await servers.set_alerts_channel(tx, ask.guild_id, channel_id)
        return admin_answers.alerts_set_answer(channel_id)

    async def check(self, ask: Ask, here: ChannelCheck) -> Answer:
        """Tries the token and looks at everything else. Raises AllowanceUsedUp."""
        token, account_id = await self._try_token(ask)
        account = None if account_id is None else self._accounts.account(account_id)
        reader = self._database.reader
        server = await servers.get(reader, ask.guild_id)
        watching = await overviews.watching_in_server(reader, ask.guild_id, account_id)
        counts = await outcome_records.counts(reader, ask.guild_id)
        alerts = server.alerts_channel if server else None
        learned = upload_limits.in_force(server.upload_limit, server.upload_limit_at, ask.at) if server else None
        report = CheckReport(
            token=token,
            account=account.user if account else None,
            operators_token=account_id is not None and self._accounts.own(ask.guild_id) is None,
            tried_at=account.tried_at if account else None,
            missing=here.missing,
            locked=here.locked,
            refused=await deliveries.is_channel_blocked(reader, ask.channel_id),
            upload_limit=upload_limits.told(learned, self._poster.nominal_upload_limit(ask.guild_id)),
            watching=watching.count,
            oldest=watching.oldest,
            on_hold=watching.of_other_accounts,
            waiting=counts.waiting,
            alerts_channel=alerts,
            alerts_missing=() if alerts is None else self._missing_in(ask.guild_id, alerts),
            waiting_since=counts.waiting_since,
            held_up=counts.waiting_since is not None and ask.at - counts.waiting_since > _HELD_UP,
            needing=tuple(
                NeedsPermission(channel_id, self._missing_in(ask.guild_id, channel_id))
                for channel_id in await outcome_records.blocked_channels(reader, ask.guild_id)
            ),
            not_posted=counts.not_posted,
            followed=tuple([self._followed(row) for row in await follows.of_guild(reader, ask.guild_id)]),
            uploads_limited=Variant.parse(
                await outcome_records.latest_form(reader, ask.guild_id, ask.at - _LIMIT_BELIEVED)
            ).why
            is Cause.UPLOADS_LIMITED,
            callback_heard_at=await servers.callback_heard_at(reader, ask.guild_id),
            api_down_since=self._health.api.down_since,
        )
        return check_answer(report, self._book.mentions(ask.guild_id))

    def _followed(self, row: FollowRow) -> Followed:
        other_account = self._accounts.in_force(row.guild_id) != row.account_id
        return Followed(row.channel_id, self._missing_in(row.guild_id, row.channel_id), other_account)

    async def _try_token(self, ask: Ask) -> tuple[TokenState, int | None]:
        account_id = self._accounts.in_force(ask.guild_id)
        if account_id is None:
            return TokenState.MISSING, None
        self._allowances.take(account_id, ask.user_id, _REQUESTS_OF_A_TRIAL)
        return _TOKEN_STATES[await self._rechecks.recheck_now(account_id)], account_id

    def _missing_in(self, guild_id: int, channel_id: int) -> tuple[str, ...]:
        return self._poster.missing_permissions(Address(guild_id, channel_id)) or ()
