from __future__ import annotations

from discord import ChannelType

from cogs.pixverse_admin import PostableChannel


def test_channels_that_hold_no_messages_cannot_be_chosen() -> None:
    """Forums and similar channels hold posts, not messages; a category holds nothing."""
    no_messages = {
        ChannelType.forum,
        ChannelType.media,
        ChannelType.category,
        ChannelType.private,
        ChannelType.group,
    }
    assert set(PostableChannel().channel_types) == set(ChannelType) - no_messages
