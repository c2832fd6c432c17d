"""`/pixverse-admin callback`: shows a server's callback address. The caller has checked that the asker is an admin."""

from __future__ import annotations

from discord_adapter.command_registry import CommandRegistry
from relay.accounts.account_registry import AccountRegistry
from relay.callbacks.callback_addresses import CallbackAddress, CallbackAddresses
from relay.commands.ask import Ask
from ui.admin_replies import (
    callback_address_reply,
    callbacks_need_token_reply,
    callbacks_off_reply,
    replace_address_question,
)
from ui.message import Reply


class CallbackService:
    """Shows and replaces a server's callback address, for admins of that server. Raises StorageError if the database
    fails.

    `public_url` is the callback port's public URL, or None if callbacks are switched off. `interval` is POLL_INTERVAL
    in milliseconds.
    """

    def __init__(
        self,
        addresses: CallbackAddresses,
        accounts: AccountRegistry,
        registry: CommandRegistry,
        *,
        public_url: str | None,
        interval: int,
    ) -> None:
        self._addresses = addresses
        self._accounts = accounts
        self._registry = registry
        self._public_url = public_url
        self._interval = interval

    async def show(self, ask: Ask) -> Reply:
        """Shows the server's address."""
        return self._obstacle(ask) or self._shown(await self._addresses.of_server(ask.guild_id))

    async def ask_to_replace(self, ask: Ask, number: int) -> Reply:
        """Asks whether to replace the address with this number. If the server has another one by now, shows that."""
        if obstacle := self._obstacle(ask):
            return obstacle
        address = await self._addresses.of_server(ask.guild_id)
        return replace_address_question(number) if address.number == number else self._shown(address)

    async def replace(self, ask: Ask, number: int) -> Reply:
        """Replaces the address with this number. If the server has another one by now, shows that."""
        if obstacle := self._obstacle(ask):
            return obstacle
        before = await self._addresses.of_server(ask.guild_id)
        address = await self._addresses.replace(ask.guild_id, number)
        return self._shown(address, replaced=address != before)

    def _obstacle(self, ask: Ask) -> Reply | None:
        """The reply to a server that can have no address; None if it can."""
        if self._public_url is None:
            return callbacks_off_reply(self._interval)
        if self._accounts.own(ask.guild_id) is None:
            return callbacks_need_token_reply(self._registry.mentions(ask.guild_id))
        return None

    def _shown(self, address: CallbackAddress, *, replaced: bool = False) -> Reply:
        url = f"{self._public_url}/callback/{address.secret}"
        return callback_address_reply(url, address.number, replaced=replaced)
