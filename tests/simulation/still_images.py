"""Images of each format, as small as the formats allow, with bytes by which each one is recognised."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageKind:
    """A format: the ending of its files' names, their type, and what makes a file that contains some bytes."""

    ending: str
    content_type: str
    file_with: Callable[[bytes], bytes]


def _png(mark: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    header = chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0")
    return (
        b"\x89PNG\r\n\x1a\n"
        + header
        + chunk(b"tEXt", mark)
        + chunk(b"IDAT", zlib.compress(b"\0\0"))
        + chunk(b"IEND", b"")
    )


def _jpeg(mark: bytes) -> bytes:
    def segment(kind: int, content: bytes) -> bytes:
        return bytes((0xFF, kind)) + (2 + len(content)).to_bytes(2, "big") + content

    return b"\xff\xd8" + segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0") + segment(0xFE, mark) + b"\xff\xd9"


def _webp(mark: bytes) -> bytes:
    content = mark + b"\0" * (len(mark) % 2)
    body = b"WEBP" + b"VP8L" + len(content).to_bytes(4, "little") + content
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _gif(mark: bytes) -> bytes:
    blocks = b"".join(bytes((len(part),)) + part for part in (mark[at : at + 255] for at in range(0, len(mark), 255)))
    picture = b"\x2c\0\0\0\0\1\0\1\0\0" + b"\2" + b"\2D\1\0"
    return b"GIF89a\1\0\1\0\0\0\0" + b"\x21\xfe" + blocks + b"\0" + picture + b"\x3b"


IMAGE_KINDS = (
    ImageKind(".png", "image/png", _png),
    ImageKind(".jpg", "image/jpeg", _jpeg),
    ImageKind(".webp", "image/webp", _webp),
    ImageKind(".gif", "image/gif", _gif),
)
