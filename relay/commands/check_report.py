"""What `/pixverse-admin check` finds."""

from __future__ import annotations

from dataclasses import dataclass

from model.messages import ClaimedUser
from relay.accounts.rechecks import Recheck


@dataclass(frozen=True, slots=True)
class ChannelAccess:
    """What the bot may do in a channel in which it has to post."""

    channel_id: int
    missing: tuple[str, ...]
    """Permissions without which nothing can be posted there; empty if none is missing, or none that is known."""


@dataclass(frozen=True, slots=True)
class Followed(ChannelAccess):
    """A channel in which every job of the server's account is posted."""

    other_account: bool
    """It follows another account than the one in use."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What the check found. Times are in milliseconds UTC, sizes in bytes."""

    token: Recheck
    """Of the token that this server uses."""
    account: ClaimedUser | None
    """The useapi.net user, if the token's text claims one."""
    operators_token: bool
    """The server has none of its own and uses the operator's."""
    tried_at: int | None
    missing: tuple[str, ...]
    """Permissions that are missing in this channel, as Discord's settings name them."""
    locked: bool
    """This is a locked thread."""
    upload_limit: int | None
    watching: int
    oldest: int | None
    """Since when the oldest job is watched."""
    waiting: int
    """Outcomes that are not posted yet."""
    alerts_channel: int | None
    alerts_missing: tuple[str, ...] = ()
    waiting_since: int | None = None
    """Since when the oldest outcome that is not posted waits."""
    held_up: bool = False
    """The oldest outcome has waited longer than posting takes."""
    needing: tuple[ChannelAccess, ...] = ()
    """Channels in which outcomes wait for a permission."""
    not_posted: int = 0
    """Outcomes that were given up, or that may or may not have been posted."""
    followed: tuple[Followed, ...] = ()
    on_hold: int = 0
    """Watched jobs that belong to another account than the one in use."""
    refused: bool = False
    """A message waits because Discord refuses it in this channel."""
    uploads_limited: bool = False
    """Discord accepted the latest result only without its file, because it limits uploads in this server."""
    callback_heard_at: int | None = None
    api_down_since: int | None = None
