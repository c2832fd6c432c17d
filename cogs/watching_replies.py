"""The answers to whoever has begun to watch: with the link to the card or summary as soon as that stands."""

from __future__ import annotations

from dataclasses import replace

from discord_adapter.channel_check import obstacles_here
from discord_adapter.interactions import Interaction
from relay.commands.ask import Ask
from relay.commands.watch import NowWatching, StatusResult, Watch
from relay.commands.watch_many import WatchMany, WatchResult
from ui.job_replies import status_reply
from ui.message import Reply
from ui.watch_list_replies import watch_menu_reply, watch_reply


async def one_watched(watch: Watch, interaction: Interaction, ask: Ask, result: StatusResult) -> Reply:
    """Of one job."""
    refused = isinstance(result, NowWatching) and result.refused
    told = status_reply(result, ask.where, await obstacles_here(interaction, refused=refused))
    if not isinstance(result, NowWatching) or result.card_on_its_way is None:
        return told

    async def later() -> Reply:
        return await one_watched(watch, interaction, ask, await watch.with_card(result))

    return replace(told, later=later)


async def several_watched(
    watch_many: WatchMany, interaction: Interaction, ask: Ask, result: WatchResult, *, found: int | None = None
) -> Reply:
    """Of a list of ids; `found`: how many stood in the message that it was taken from."""
    obstacles = await obstacles_here(interaction, refused=result.refused)
    if found is None:
        told = watch_reply(result, ask.where, obstacles)
    else:
        told = watch_menu_reply(result, ask.where, found, obstacles)
    if result.summary_on_its_way is None:
        return told

    async def later() -> Reply:
        return await several_watched(watch_many, interaction, ask, await watch_many.with_summary(result), found=found)

    return replace(told, later=later)
