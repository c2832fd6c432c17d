"""What SimCord has read of a video is not read again for the next page."""

from __future__ import annotations

import asyncio
import base64
import io

import av
import pytest
from PIL import Image
from simcord.preview._media import MediaError

from sandbox.discord_wire.media import Read, RememberingMediaWorker

DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def test_later_pages_know_what_an_earlier_page_read() -> None:
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


def _clip(colour: str) -> bytes:
    """Two frames of one colour: SimCord takes seconds to read one of the sandbox's own videos."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 36, "yuv420p"
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame.from_image(Image.new("RGB", (64, 36), colour))))  # type: ignore[no-untyped-call]
        container.mux(stream.encode(None))
    return file.getvalue()


def _padded(clip: bytes, label: str) -> bytes:
    """The clip with a `free` box, as the sandbox's videos have one."""
    return clip + (8 + len(label)).to_bytes(4, "big") + b"free" + label.encode()


async def test_identical_videos_are_read_once_and_none_is_refused() -> None:
    read: Read = {}
    worker = RememberingMediaWorker(read)
    grey, red = _clip("grey"), _clip("red")
    files = [_padded(grey, f"job {number}") for number in range(12)]
    seen = await asyncio.gather(*(worker.validate(str(number), file) for number, file in enumerate(files)))
    assert {id(one) for one in seen} == {id(seen[0])}
    assert await worker.validate("another", _padded(red, "job 0")) is not seen[0]
    await worker.close()
    assert len(read) == 2


async def test_no_more_is_kept_than_a_page_can_show() -> None:
    worker = RememberingMediaWorker(read := {})
    seen = await worker.validate("a dot", DOT)
    read.update({(f"dot {number}", 0.0): seen for number in range(40)})
    await worker.validate("at another moment", DOT, media_time=1)
    await worker.close()
    assert len(read) == 32
