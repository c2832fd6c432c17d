"""`/pixverse-admin check`, `alerts` and `language`: shows what works here, and sets where and in which language the bot
reports problems. The caller has checked that the asker is an admin."""

from __future__ import annotations

from discord_adapter.channel_check import ChannelCheck
from discord_adapter.command_registry import CommandRegistry
from model.messages import Address, Cause
from model.states import AccountState
from relay.accounts.rechecks import Recheck, Rechecks
from relay.allowances import Allowances
from relay.commands.ask import Ask
from relay.delivery.attachments import limit_in_force, limit_to_tell
from relay.delivery.fallbacks import Variant
from relay.polling.job_fetcher import JobFetcher
from relay.ports import Poster
from storage import delivery_queries, follows, overviews, servers
from storage.database import Database
from storage.follows import FollowRow
from ui import admin_replies
from ui.check_reply import ChannelAccess, CheckReport, Followed, check_reply
from ui.language import language_of
from ui.message import Reply

_REQUESTS_OF_A_TRIAL = 2
"""The lists of both generations, in case the first can't be fetched."""
_LIMIT_BELIEVED = 24 * 3600 * 1000
"""Milliseconds for which limited uploads are reported if no result has been posted since."""
_TROUBLES = {AccountState.REFUSED: Recheck.REFUSED, AccountState.UNPAID: Recheck.UNPAID}
_HELD_UP = 60_000
"""Milliseconds after which a waiting result counts as held up."""


class CheckService:
    """Checks a server, and sets its alerts channel and language. Raises StorageError if the database fails."""

    def __init__(
        self,
        database: Database,
        rechecks: Rechecks,
        poster: Poster,
        fetcher: JobFetcher,
        allowances: Allowances,
        registry: CommandRegistry,
    ) -> None:
        self._database = database
        self._accounts = rechecks.accounts
        self._rechecks = rechecks
        self._poster = poster
        self._fetcher = fetcher
        self._allowances = allowances
        self._registry = registry

    async def set_alerts(self, ask: Ask, channel_id: int) -> Reply:
        """Sets the alerts channel, unless the bot can't post there."""
        missing = self._missing_in(ask.guild_id, channel_id)
        if missing:
            return admin_replies.chosen_cannot_post_reply(channel_id, missing)
        async with self._database.transaction() as tx:
            await servers.set_alerts_channel(tx, ask.guild_id, channel_id)
        return admin_replies.alerts_set_reply(channel_id)

    async def set_language(self, ask: Ask, language: str | None) -> Reply:
        """Sets the language of posts; None stands for the language of the server's locale."""
        async with self._database.transaction() as tx:
            await servers.set_language(tx, ask.guild_id, language)
            server = await servers.get(tx, ask.guild_id)
        locale = None if server is None else server.locale
        return admin_replies.language_set_reply(language_of(language or locale), as_server=language is None)

    async def check(self, ask: Ask, here: ChannelCheck) -> Reply:
        """Tries the token and checks everything else. Raises TooFast."""
        token, account_id = await self._try_token(ask)
        account = None if account_id is None else self._accounts.account(account_id)
        reader = self._database.reader
        server = await servers.get(reader, ask.guild_id)
        watching = await overviews.watching_in_server(reader, ask.guild_id, account_id)
        counts = await delivery_queries.outcome_counts(reader, ask.guild_id)
        alerts = server.alerts_channel if server else None
        learned = limit_in_force(server.upload_limit, server.upload_limit_at, ask.at) if server else None
        report = CheckReport(
            token=token,
            account=account.user if account else None,
            operators_token=account_id is not None and self._accounts.own(ask.guild_id) is None,
            tried_at=account.tried_at if account else None,
            missing=here.missing,
            locked=here.locked,
            refused=await delivery_queries.is_channel_blocked(reader, ask.channel_id),
            upload_limit=limit_to_tell(learned, self._poster.nominal_upload_limit(ask.guild_id)),
            watching=watching.count,
            oldest=watching.oldest,
            on_hold=watching.of_other_accounts,
            waiting=counts.waiting,
            alerts_channel=alerts,
            channel_id=ask.channel_id,
            alerts_missing=() if alerts is None else self._missing_in(ask.guild_id, alerts),
            waiting_since=counts.waiting_since,
            held_up=counts.waiting_since is not None and ask.at - counts.waiting_since > _HELD_UP,
            needing=tuple(
                ChannelAccess(channel_id, self._missing_in(ask.guild_id, channel_id))
                for channel_id in await delivery_queries.blocked_channels(reader, ask.guild_id)
            ),
            not_posted=counts.not_posted,
            followed=tuple([self._followed(row) for row in await follows.of_guild(reader, ask.guild_id)]),
            uploads_limited=Variant.parse(
                await delivery_queries.latest_form(reader, ask.guild_id, ask.at - _LIMIT_BELIEVED)
            ).why
            is Cause.UPLOADS_LIMITED,
            callback_heard_at=await servers.callback_heard_at(reader, ask.guild_id),
            api_down_since=self._fetcher.down_since,
            trouble=_TROUBLES.get(account.state) if account and token is Recheck.NO_RESPONSE else None,
        )
        return check_reply(report, self._registry.mentions(ask.guild_id))

    def _followed(self, row: FollowRow) -> Followed:
        other_account = self._accounts.in_force(row.guild_id) != row.account_id
        return Followed(row.channel_id, self._missing_in(row.guild_id, row.channel_id), other_account)

    async def _try_token(self, ask: Ask) -> tuple[Recheck, int | None]:
        account_id = self._accounts.in_force(ask.guild_id)
        if account_id is None:
            return Recheck.NO_TOKEN, None
        self._allowances.take(account_id, ask.user_id, _REQUESTS_OF_A_TRIAL)
        return await self._rechecks.recheck_now(account_id), account_id

    def _missing_in(self, guild_id: int, channel_id: int) -> tuple[str, ...]:
        return self._poster.missing_permissions(Address(guild_id, channel_id)) or ()
