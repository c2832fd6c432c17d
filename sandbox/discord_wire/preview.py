"""SimCord's page that looks like Discord's chat, refreshed after every change."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import discord
from simcord.backend.errors import SetupError
from simcord.preview import Preview
from simcord.preview._dependencies import _DependencyRead

from .changes import Changes
from .guilds_and_channels import Channel
from .localizing import localized
from .media import Read, RememberingMediaWorker
from .members import Member
from .virtual_discord import DEFAULT_LOCALE, VirtualDiscord

_log = logging.getLogger(__name__)

_TOGETHER_S = 0.1  # changes within this time are shown in one go
_FIRST_ANSWER_S = 3.5


_may_see = _DependencyRead.entity


def _may_see_or_read(read: _DependencyRead, kind: str, identity: object) -> bool:
    """Show a command's name even to people who may not use it, as Discord does; SimCord writes "unavailable"."""
    return kind == "command" or _may_see(read, kind, identity)


_DependencyRead.entity = _may_see_or_read  # type: ignore[method-assign, assignment]


class Proxy(discord.Client):
    """Stands in for the bot inside SimCord, so that the page knows when the real one has answered an action."""

    def __init__(self, changes: Changes) -> None:
        super().__init__(intents=discord.Intents.all())
        self.changes = changes
        self.world: VirtualDiscord | None = None

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Wait until the real bot's callback came in over REST."""
        if self.world is None:
            return
        record = self.world.backend.interactions[interaction.id]
        with contextlib.suppress(TimeoutError):
            await self.changes.until(lambda: record.responded, timeout_s=_FIRST_ANSWER_S, what=str)


class PreviewPage:
    """One page for one channel at a time."""

    def __init__(self, world: VirtualDiscord) -> None:
        self._world = world
        self._page: Preview | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._turn = asyncio.Lock()
        self._read: Read = {}
        self._speak_to_each(world)
        self.url: str | None = None

    def _speak_to_each(self, world: VirtualDiscord) -> None:
        """Let the page offer commands in the viewer's language."""
        visible = world.backend.visible_commands

        def visible_in_language(*, user_id: int, channel_id: int, **kind: int) -> list[dict[str, Any]]:
            commands = visible(user_id=user_id, channel_id=channel_id, **kind)
            return [localized(command, world.locale(user_id)) for command in commands]

        world.backend.visible_commands = visible_in_language  # type: ignore[method-assign]

    async def open(self, channel: Channel, viewers: Sequence[Member], *, port: int | None = None) -> str:
        """Show a channel to these people and return the page's address, which is a secret.

        The previous page is closed. Times are in the first person's language.
        """
        await self.close()
        env = self._world.env
        if not env._started:
            await env.start()
        self._page = env.preview(
            channel.handle,
            viewers=[viewer.handle for viewer in viewers],
            layout="channel",
            locale=_locale_of_page(viewers),
            port=port,
        )
        self._page._media_worker = RememberingMediaWorker(self._read)
        self._take_turns(self._page)
        await self._page.__aenter__()
        self.url = self._page.url
        self._world.backend.subscribers.append(self._hear)
        self._refreshing = asyncio.get_running_loop().create_task(self._refresh())
        return self.url

    def _take_turns(self, page: Preview) -> None:
        """Let actions on the page wait for a refresh, and accept them although the page has changed since.

        SimCord answers an action during a refresh with 400, which locks the page for good. It also refuses actions in
        the half second before the page has fetched a change.
        """
        act = page._action

        async def act_in_turn(context_id: str | None, body: Mapping[str, Any]) -> dict[str, Any]:
            async with self._turn:
                shown = page._pages.get(context_id or "")
                if shown is not None and "published_revision" in body:
                    body = {**body, "published_revision": shown.revision}
                return await act(context_id, body)

        page._action = act_in_turn  # type: ignore[method-assign]

    def _hear(self, _: str, __: object) -> None:
        self._changed.set()

    def tell(self) -> None:
        """Report a change without an event, such as an ephemeral answer."""
        self._changed.set()

    async def _refresh(self) -> None:
        while True:
            await self._changed.wait()
            await asyncio.sleep(_TOGETHER_S)
            self._changed.clear()
            page = self._page
            if page is None or page._closed:
                return
            try:
                async with self._turn:
                    await page.refresh()
            except SetupError:  # closed meanwhile
                return
            except Exception:
                _log.exception("the page could not be brought up to date")

    async def ended(self) -> None:
        """Wait until the page is closed, by `close` or by its own button."""
        if self._page is not None:
            await self._page.wait_closed()

    async def close(self) -> None:
        """Close the page, if there is one."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            self._refreshing = None
        if self._hear in self._world.backend.subscribers:
            self._world.backend.subscribers.remove(self._hear)
        if self._page is not None:
            if self._page._media_worker is not None:  # a closing page waits for its videos to be converted
                await self._page._media_worker.close()
            await self._page.close()
            self._page = None
            self.url = None

    async def shut_down(self) -> None:
        """Close the page and end SimCord's own run."""
        await self.close()
        if self._world.env._started:
            await self._world.env.shutdown()


def _locale_of_page(viewers: Sequence[Member]) -> str:
    locale = viewers[0].locale
    return locale if locale is not None and locale in Preview._LOCALES else DEFAULT_LOCALE
