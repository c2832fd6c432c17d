"""Keeps the commands that are registered with Discord in step with the bot's, and knows their ids for mentions."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from itertools import count

import discord
from discord.ext.commands import AutoShardedBot

from discord_adapter.command_sync import Payload, RegisteredCommands, Scope, sync_scope
from discord_adapter.command_translations import translated
from discord_adapter.request_trace import DiscordAway, ask_discord
from relay.cluster.ownership import Ownership
from relay.failures import backoff
from relay.ports import Sleep
from storage.database import Database, get_meta, put_meta
from ui.command_texts import CommandMentions

log = logging.getLogger(__name__)

_SCOPES = "command_scopes"
_REGISTERING = "commands"
"""The name of the lease under which a process registers the commands."""
_REGISTERING_AGAIN_SECONDS = 2.0
_Entry = tuple[Scope, Sequence[Payload]]
_LONGEST_WAIT = 300.0
_SECONDS = 60.0


class CommandRegistry:
    """The bot's commands, and the scopes in which they are registered: each served guild, or else the global scope."""

    def __init__(self, database: Database, guild_ids: Sequence[int]) -> None:
        self._database = database
        self._wanted: tuple[Scope, ...] = tuple(guild_ids) or (None,)
        self._mentions: dict[Scope, CommandMentions] = {scope: CommandMentions() for scope in self._wanted}

    def serves(self, guild_id: int | None) -> bool:
        """Whether the operator lets the bot serve this guild."""
        return guild_id is not None and (self._wanted == (None,) or guild_id in self._wanted)

    def mentions(self, guild_id: int) -> CommandMentions:
        """The clickable mentions of the commands in this guild."""
        return self._mentions.get(guild_id) or self._mentions.get(None) or CommandMentions()

    async def register(self, client: AutoShardedBot, ownership: Ownership, sleep: Sleep) -> None:
        """Registers the commands of the client's tree. Raises StorageError."""
        wanted = await translated(client.tree)
        await self.sync(RegisteredCommands(client, client.application_id or 0), wanted, ownership, sleep)

    async def sync(
        self, registered: RegisteredCommands, commands: Sequence[Payload], ownership: Ownership, sleep: Sleep
    ) -> None:
        """Registers the commands in the wanted scopes and removes them from all others; retries until that is done.

        Processes do this one at a time, so that none undoes another's work. A process that has to retry lets the others
        go first, because it may be the only one that cannot reach Discord. Raises StorageError.
        """
        before = await self._known_scopes()
        pending: list[_Entry] = [(scope, commands) for scope in self._wanted]
        pending += [(scope, ()) for scope in before if scope not in self._wanted]
        for failures in count(1):
            while not await ownership.take_named_lease(_REGISTERING):
                await sleep(_REGISTERING_AGAIN_SECONDS)
            try:
                # Before the first attempt: this may not get done before a start with other scopes.
                await self._remember_scopes((*await self._known_scopes(), *self._wanted))
                pending = await self._try_all(registered, pending)
                if not pending:
                    await self._remember_scopes(self._wanted)
            except Exception:
                await ownership.release_named_lease(_REGISTERING)
                raise
            await ownership.release_named_lease(_REGISTERING)
            if not pending:
                return
            await sleep(backoff(2.0, failures, _LONGEST_WAIT))

    async def _try_all(self, registered: RegisteredCommands, pending: Sequence[_Entry]) -> list[_Entry]:
        """Registers the pending entries, and returns those that are left to do."""
        left: list[_Entry] = []
        for place, entry in enumerate(pending):
            try:
                if not await self._try(registered, *entry):
                    left.append(entry)
            except DiscordAway as error:
                log.warning("the commands can't be registered right now (%s)", error)
                return [*left, *pending[place:]]
        return left

    async def _try(self, registered: RegisteredCommands, scope: Scope, commands: Sequence[Payload]) -> bool:
        """Registers the commands of a scope; returns whether nothing is left to do for it. Raises DiscordAway."""
        where = "the global commands" if scope is None else f"the commands of server {scope}"
        try:
            ids = await ask_discord(sync_scope(registered, scope, commands), _SECONDS)
        except discord.Forbidden as refusal:
            if commands:
                why = f"Discord refuses it ({refusal})" if scope is None else "the bot isn't in that server (yet)"
                log.warning("%s can't be registered: %s", where, why)
            return not commands
        except discord.HTTPException as error:
            log.warning("%s can't be registered right now (%s)", where, error)
            return False
        if scope in self._mentions:
            self._mentions[scope].learn(ids)
        return True

    async def _known_scopes(self) -> list[Scope]:
        """The scopes in which commands may be registered."""
        kept = await get_meta(self._database.reader, _SCOPES)
        return [] if kept is None else list(json.loads(kept))

    async def _remember_scopes(self, scopes: Iterable[Scope]) -> None:
        wanted = list(dict.fromkeys(scopes))
        if set(await self._known_scopes()) == set(wanted):
            return
        async with self._database.transaction() as tx:
            await put_meta(tx, _SCOPES, json.dumps(wanted).encode())
