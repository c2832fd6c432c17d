"""Playable videos of any size, each with bytes of its own."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

WIDTH, HEIGHT = 640, 360
_BOX_HEADER = 8


@dataclass(frozen=True, slots=True)
class File:
    """A file as it lies on the CDN."""

    content: bytes
    filename: str = "out.mp4"
    content_type: str = "video/mp4"
    width: int = WIDTH
    height: int = HEIGHT


@cache
def paper_boat() -> bytes:
    """The video that `media/make_video.py` drew: 3 s of H.264, about 60 kB."""
    return (Path(__file__).parent / "media" / "paper_boat.mp4").read_bytes()


def video(label: str, size: int | None = None) -> bytes:
    """The same playable video with other bytes for each `label`, padded to exactly `size` bytes where one is given.

    The padding is a `free` box, which players skip (ISO/IEC 14496-12, 8.1.2), so the video plays at any size.

    Raises:
        ValueError: `size` is too small for the video and the label.
    """
    mark = label.encode()
    room = 0 if size is None else size - len(paper_boat()) - _BOX_HEADER - len(mark)
    if room < 0:
        raise ValueError(f"the video needs at least {size - room if size is not None else 0} bytes")
    pattern = hashlib.sha256(mark).digest()
    padding = (pattern * (room // len(pattern) + 1))[:room]
    box = _BOX_HEADER + len(mark) + room
    return paper_boat() + box.to_bytes(4, "big") + b"free" + mark + padding


def image_file(label: str) -> File:
    """A picture (PNG) of an evening sky, in a colour of its own for each `label`."""
    colour = hashlib.sha256(label.encode()).digest()[:3]
    rows = b"".join(b"\0" + bytes(part * row // HEIGHT for part in colour) * WIDTH for row in range(HEIGHT))
    head = WIDTH.to_bytes(4, "big") + HEIGHT.to_bytes(4, "big") + bytes((8, 2, 0, 0, 0))
    content = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")
    return File(content, "out.png", "image/png")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def video_file(label: str, size: int | None = None) -> File:
    """`video(label, size)` as a file named as PixVerse names its results."""
    return File(video(label, size))
