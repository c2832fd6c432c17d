from __future__ import annotations

from typing import Any, cast
from unittest.mock import AsyncMock, MagicMock, call

from discord import Locale

from discord_adapter.guild_events import GuildEvents


async def test_a_server_that_invites_the_bot_again_tells_its_language_before_it_goes_on() -> None:
    """It may have changed while nobody heard of it."""
    guilds = AsyncMock()
    events = GuildEvents(cast("Any", MagicMock()), guilds, cast("Any", MagicMock()))
    await events.on_guild_join(MagicMock(id=7, preferred_locale=Locale.latin_american_spanish))
    assert guilds.mock_calls == [call.locale_told(7, "es-ES"), call.server_back(7)]
