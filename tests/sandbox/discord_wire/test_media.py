"""What SimCord has read of a video is not read again for the next page."""

from __future__ import annotations

import asyncio
import base64

import pytest
from simcord.preview._media import MediaError

from sandbox.discord_wire.media import Read, RememberingMediaWorker
from sandbox.pixverse_api.videos import video

DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def test_what_one_page_has_read_the_next_one_knows() -> None:
    read: Read = {}
    first = RememberingMediaWorker(read)
    seen = await first.validate("a dot", DOT)
    await first.close()
    second = RememberingMediaWorker(read)
    assert await second.validate("the same dot", DOT, media_time=0) is seen
    with pytest.raises(MediaError):
        await second.validate("another", b"")
    await second.close()
    assert len(read) == 1


async def test_videos_that_show_the_same_are_read_once_and_none_is_turned_away() -> None:
    read: Read = {}
    worker = RememberingMediaWorker(read)
    files = [video(f"job {number}", prompt="A lighthouse") for number in range(12)]
    seen = await asyncio.gather(*(worker.validate(str(number), file) for number, file in enumerate(files)))
    assert {id(one) for one in seen} == {id(seen[0])}
    assert await worker.validate("a boat", video("job", prompt="A paper boat")) is not seen[0]
    await worker.close()
    assert len(read) == 2


async def test_no_more_is_kept_than_a_page_can_show() -> None:
    worker = RememberingMediaWorker(read := {})
    seen = await worker.validate("a dot", DOT)
    read.update({(f"dot {number}", 0.0): seen for number in range(40)})
    await worker.validate("at another moment", DOT, media_time=1)
    await worker.close()
    assert len(read) == 32
