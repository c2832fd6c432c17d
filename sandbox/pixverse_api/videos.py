"""Playable videos of any size and pictures, each with bytes of its own."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

WIDTH, HEIGHT = 640, 360
_BOX_HEADER = 8
_PNG_END = 12
"""Bytes of the IEND chunk, the last of every PNG."""


@dataclass(frozen=True, slots=True)
class File:
    """A file as it lies on the CDN."""

    content: bytes
    filename: str = "out.mp4"
    content_type: str = "video/mp4"
    width: int = WIDTH
    height: int = HEIGHT


_SCENES = {"lighthouse": "lighthouse", "firefl": "fireflies"}
"""What a prompt mentions, and the scene that shows it; a paper boat stands for every other prompt."""


@cache
def _drawn(name: str) -> bytes:
    """A file that `media/draw.py` wrote: an MP4 of 3 s (H.264, up to 60 kB) or a PNG of 640 x 360."""
    return (Path(__file__).parent / "media" / name).read_bytes()


def _scene(prompt: str) -> str:
    return next((scene for word, scene in _SCENES.items() if word in prompt.lower()), "paper_boat")


def video(label: str, size: int | None = None, *, prompt: str = "") -> bytes:
    """A playable video of what the prompt mentions, with other bytes for each `label`, padded to exactly `size` bytes
    where one is given.

    The padding is a `free` box, which players skip (ISO/IEC 14496-12, 8.1.2), so the video plays at any size.

    Raises:
        ValueError: `size` is too small for the video and the label.
    """
    clip = _drawn(f"{_scene(prompt)}.mp4")
    mark = label.encode()
    room = 0 if size is None else size - len(clip) - _BOX_HEADER - len(mark)
    if room < 0:
        raise ValueError(f"the video needs at least {size - room if size is not None else 0} bytes")
    pattern = hashlib.sha256(mark).digest()
    padding = (pattern * (room // len(pattern) + 1))[:room]
    box = _BOX_HEADER + len(mark) + room
    return clip + box.to_bytes(4, "big") + b"free" + mark + padding


def image_file(label: str, *, prompt: str = "") -> File:
    """A picture (PNG) of what the prompt mentions, with other bytes for each `label`."""
    drawn = _drawn(f"{_scene(prompt)}.png")
    mark = _chunk(b"tEXt", b"Comment\0" + label.encode("ascii", "replace"))
    return File(drawn[:-_PNG_END] + mark + drawn[-_PNG_END:], "out.png", "image/png")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def video_file(label: str, size: int | None = None, *, prompt: str = "") -> File:
    """`video(label, size, prompt=prompt)` as a file named as PixVerse names its results."""
    return File(video(label, size, prompt=prompt))
