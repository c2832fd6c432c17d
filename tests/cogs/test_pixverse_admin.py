from __future__ import annotations

from discord import ChannelType

from cogs.pixverse_admin import PostableChannel


def test_channels_that_hold_no_messages_cannot_be_chosen() -> None:
    """A forum and its like take posts, not messages; in a category stands nothing."""
    no_messages = {
        ChannelType.forum,
        ChannelType.media,
        ChannelType.category,
        ChannelType.private,
        ChannelType.group,
    }
    assert set(PostableChannel().channel_types) == set(ChannelType) - no_messages
