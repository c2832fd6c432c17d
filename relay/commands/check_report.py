"""The result of `/pixverse-admin check`."""

from __future__ import annotations

from dataclasses import dataclass

from model.messages import ClaimedUser
from relay.accounts.rechecks import Recheck


@dataclass(frozen=True, slots=True)
class ChannelAccess:
    """The bot's permissions in a channel in which it has to post."""

    channel_id: int
    missing: tuple[str, ...]
    """Missing permissions that keep the bot from posting there; empty if none are known to be missing."""


@dataclass(frozen=True, slots=True)
class Followed(ChannelAccess):
    """A channel in which every job of the server's account is posted."""

    other_account: bool
    """Whether the channel follows an account other than the one in use."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What the check found. Times are in milliseconds UTC, sizes in bytes."""

    token: Recheck
    """The result for the token that this server uses."""
    account: ClaimedUser | None
    """The useapi.net user, if the token's text claims one."""
    operators_token: bool
    """Whether the server has no token of its own and uses the operator's."""
    tried_at: int | None
    missing: tuple[str, ...]
    """Permissions that the bot lacks in this channel, as Discord's settings name them."""
    locked: bool
    """Whether this is a locked thread."""
    upload_limit: int | None
    watching: int
    oldest: int | None
    """Since when the oldest job has been watched."""
    waiting: int
    """Number of outcomes that are not posted yet."""
    alerts_channel: int | None
    alerts_missing: tuple[str, ...] = ()
    waiting_since: int | None = None
    """Since when the oldest unposted outcome has been waiting."""
    held_up: bool = False
    """Whether the oldest outcome has waited longer than posting normally takes."""
    needing: tuple[ChannelAccess, ...] = ()
    """Channels in which outcomes wait for a permission."""
    not_posted: int = 0
    """Number of outcomes that were given up, or that may or may not have been posted."""
    followed: tuple[Followed, ...] = ()
    on_hold: int = 0
    """Number of watched jobs that belong to an account other than the one in use."""
    refused: bool = False
    """Whether a message waits because Discord refuses it in this channel."""
    uploads_limited: bool = False
    """Whether Discord accepted the latest result only without its file, because it limits uploads in this server."""
    callback_heard_at: int | None = None
    api_down_since: int | None = None
