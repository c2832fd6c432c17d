"""What SimCord has read of a video is not read again for the next page."""

from __future__ import annotations

import base64

import pytest
from simcord.preview._media import MediaError

from sandbox.discord_wire.media import Read, RememberingMediaWorker

DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def test_what_one_page_has_read_the_next_one_knows() -> None:
    read: Read = {}
    first = RememberingMediaWorker(read)
    seen = await first.validate("a dot", DOT)
    await first.close()
    second = RememberingMediaWorker(read)
    assert await second.validate("a dot", b"", media_time=0) is seen
    with pytest.raises(MediaError):
        await second.validate("another", b"")
    await second.close()
    assert list(read) == [("a dot", 0.0)]


async def test_no_more_is_kept_than_a_page_can_show() -> None:
    worker = RememberingMediaWorker(read := {})
    seen = await worker.validate("a dot", DOT)
    read.update({(f"dot {number}", 0.0): seen for number in range(40)})
    await worker.validate("another dot", DOT)
    await worker.close()
    assert len(read) == 32
    assert list(read)[-1] == ("another dot", 0.0)
