"""What pressing the buttons does, as the buttons see it: the client carries it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, cast

import discord

Press = discord.Interaction[Any]


@dataclass(frozen=True, slots=True)
class FollowWish:
    """What an admin wants to follow, and where; Discord's id of the channel, the local number of the account."""

    channel_id: int
    account_id: int
    progress: bool


@dataclass(frozen=True, slots=True)
class ResendWish:
    """Which outcome an admin wants to be sent again, and the page of outcomes that it was pressed on."""

    delivery_id: int
    place: int
    skip: int = 0
    only_failed: bool = False


class ButtonHandlers(Protocol):
    """What the buttons do. Numbers are local ones; whether the presser may, and in this server, is checked there."""

    async def lets_in(self, interaction: Press) -> bool:
        """Counts the press; False where there were too many, and then the presser has been told."""

    async def check_now(self, interaction: Press, subscription_id: int) -> None:
        """Looks at once and says what it saw."""

    async def stop_watching(self, interaction: Press, subscription_id: int) -> None:
        """Takes the presser off, or stops."""

    async def watch_again(self, interaction: Press, subscription_id: int) -> None:
        """Takes a stopped subscription up again."""

    async def ping_me(self, interaction: Press, subscription_id: int) -> None:
        """The presser is pinged at the end."""

    async def do_not_ping_me(self, interaction: Press, subscription_id: int) -> None:
        """The presser is not pinged at the end."""

    async def post_again(self, interaction: Press, subscription_id: int) -> None:
        """Posts the outcome once more."""

    async def stop_batch(self, interaction: Press, batch_id: int) -> None:
        """Stops what of a batch has not ended."""

    async def keep_old_jobs(self, interaction: Press, account_id: int) -> None:
        """Jobs of the former account stay on hold."""

    async def drop_old_jobs(self, interaction: Press, account_id: int) -> None:
        """Jobs of the former account are dropped."""

    async def remove_token(self, interaction: Press, account_id: int) -> None:
        """Removes the server's token."""

    async def keep_token(self, interaction: Press, account_id: int) -> None:
        """Leaves everything as it is."""

    async def show_details(self, interaction: Press, nonce: str) -> None:
        """Tells the presser all of the job."""

    async def delete_my_data(self, interaction: Press, number: int) -> None:
        """Deletes what is kept about the presser."""

    async def keep_my_data(self, interaction: Press, number: int) -> None:
        """Leaves everything as it is."""

    async def ask_to_replace_address(self, interaction: Press, number: int) -> None:
        """Asks before the address for callbacks with this number is replaced."""

    async def keep_address(self, interaction: Press, number: int) -> None:
        """Shows the address in force."""

    async def replace_address(self, interaction: Press, number: int) -> None:
        """Puts a new address for callbacks in the place of the one with this number."""

    async def follow(self, interaction: Press, wish: FollowWish) -> None:
        """Posts every job of the server's account in a channel from now on."""

    async def do_not_follow(self, interaction: Press, account_id: int) -> None:
        """Leaves everything as it is."""

    async def show_results(self, interaction: Press, skip: int) -> None:
        """Shows an admin the outcomes after the first `skip`."""

    async def show_failed_results(self, interaction: Press, skip: int) -> None:
        """Shows an admin the outcomes that were not posted, after the first `skip`."""

    async def send_again(self, interaction: Press, wish: ResendWish) -> None:
        """Sends an outcome that was not posted."""


class HasButtonHandlers(Protocol):
    """What a client with our buttons has."""

    button_handlers: ButtonHandlers


def handlers_of(interaction: Press) -> ButtonHandlers:
    """What the client does that a button of ours was pressed at."""
    return cast("HasButtonHandlers", interaction.client).button_handlers
