"""Checks by its structure whether a downloaded file is complete.

MP4 and QuickTime: ISO/IEC 14496-12, 4.2. Matroska and WebM: RFC 8794. PNG: W3C PNG, 5. JPEG: ITU-T T.81, B.1. WebP and
AVI: RIFF. GIF: GIF89a, 17 to 27.
"""

from __future__ import annotations

import mmap
import re
from enum import Enum, auto
from pathlib import Path
from typing import BinaryIO

from relay.media.file_kind import BOX_TYPES, is_boxes

_EBML_UNKNOWN = {1: 0x7F, 2: 0x3FFF, 3: 0x1FFFFF, 4: 0xFFFFFFF, 5: 2**35 - 1, 6: 2**42 - 1, 7: 2**49 - 1, 8: 2**56 - 1}
_EBML_SEGMENT = 0x18538067
_LONGEST_EBML_HEADER = 4096
_LONGEST_RIFF = 2**29
"""No download is this large, so a longer length is not a real one."""
_MOST_PARTS = 100_000
"""How many parts of a file are followed: enough for hours of video, and still fast. A file with more parts has an
unknown end."""
_JPEG_MARKER = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")
"""A marker that begins a segment or ends the file. Other markers stand alone within the picture's data."""


class Wholeness(Enum):
    """What a file's structure says about its end."""

    WHOLE = auto()
    TRUNCATED = auto()
    """The file announces bytes that are missing."""
    UNTERMINATED = auto()
    """The file does not end where it should, though nothing that it announces is missing."""
    UNKNOWN = auto()


def is_whole(path: Path, size: int, *, framed: bool, claimed: int | None) -> bool:
    """Whether the file is complete, by its own structure, then by how it was sent, then by the API's record.

    `framed` tells whether HTTP itself marks the end of the file (by a length or chunks). `claimed` is the size in the
    API's record. It may be wrong, so it counts only if nothing else is known, or if the file does not end where it
    should.
    """
    with path.open("rb") as file:
        structure = _structure(file, size)
    match structure:
        case Wholeness.WHOLE:
            return True
        case Wholeness.TRUNCATED:
            return False
        case Wholeness.UNTERMINATED:
            return framed and (claimed is None or size >= claimed)
        case Wholeness.UNKNOWN:
            return framed or claimed is None or size >= claimed


def _structure(file: BinaryIO, size: int) -> Wholeness:
    head = file.read(16)
    if is_boxes(head):
        return _boxes(file, size)
    for start, judge in _BY_START:
        if head.startswith(start):
            file.seek(0)
            return judge(file, size)
    return Wholeness.UNKNOWN


def _boxes(file: BinaryIO, size: int) -> Wholeness:
    at, seen = 0, set[bytes]()
    for _ in range(_MOST_PARTS):
        if at >= size:
            break
        box = _box(file, at)
        if box is None or box[0] not in BOX_TYPES:
            # Anything may follow the last box.
            return Wholeness.UNKNOWN if box is not None and _can_play(seen) else Wholeness.UNTERMINATED
        kind, length = box
        seen.add(kind)
        if length < 8:
            # The box extends to the end of the file, wherever that is.
            return Wholeness.UNKNOWN if _can_play(seen) else Wholeness.UNTERMINATED
        at += length
    if at > size:
        return Wholeness.TRUNCATED
    if not _can_play(seen):
        return Wholeness.UNTERMINATED
    # A fragmented file does not tell how many fragments it has.
    return Wholeness.UNKNOWN if at < size or b"moof" in seen else Wholeness.WHOLE


def _box(file: BinaryIO, at: int) -> tuple[bytes, int] | None:
    """Type and length of the box at `at`; None if its header is cut off."""
    file.seek(at)
    header = file.read(16)
    length = int.from_bytes(header[:4], "big")
    if len(header) < 8 or (length == 1 and len(header) < 16):
        return None
    return header[4:8], int.from_bytes(header[8:16], "big") if length == 1 else length


def _can_play(seen: set[bytes]) -> bool:
    """Whether the file has both a description and data. A still picture may have its data in `meta`."""
    return b"meta" in seen or (b"mdat" in seen and (b"moov" in seen or b"moof" in seen))


def _ebml(file: BinaryIO, size: int) -> Wholeness:
    at, within_segment = 0, False
    for _ in range(_MOST_PARTS):
        if at >= size:
            break
        file.seek(at)
        header = file.read(12)
        found = _ebml_element(header)
        if found is None:
            return Wholeness.UNTERMINATED
        element, length, begins = found
        if at == 0 and (length is None or length > _LONGEST_EBML_HEADER):
            return Wholeness.UNKNOWN
        if length is None:
            if element != _EBML_SEGMENT or within_segment:
                return Wholeness.UNKNOWN
            # A live recording; its parts can still be followed.
            within_segment, at = True, at + begins
            continue
        at += begins + length
        if at > size:
            return Wholeness.TRUNCATED
    return Wholeness.UNKNOWN if within_segment or at < size else Wholeness.WHOLE


def _ebml_element(header: bytes) -> tuple[int, int | None, int] | None:
    """The element's id, its length (None if it is not given), and where its content begins."""
    id_width = _ebml_width(header[:1])
    length_width = _ebml_width(header[id_width : id_width + 1]) if id_width else 0
    begins = id_width + length_width
    if not id_width or id_width > 4 or not length_width or len(header) < begins:
        return None
    length = int.from_bytes(header[id_width:begins], "big") & ((1 << (7 * length_width)) - 1)
    known = length != _EBML_UNKNOWN[length_width]
    return int.from_bytes(header[:id_width], "big"), length if known else None, begins


def _ebml_width(first: bytes) -> int:
    return 9 - first[0].bit_length() if first and first[0] else 0


def _png(file: BinaryIO, size: int) -> Wholeness:
    at = 8
    for _ in range(_MOST_PARTS):
        file.seek(at)
        header = file.read(8)
        if len(header) < 8:
            return Wholeness.TRUNCATED
        if at == 8 and header[4:] != b"IHDR":
            return Wholeness.UNKNOWN
        at += 12 + int.from_bytes(header[:4], "big")
        if header[4:] == b"IEND":
            return Wholeness.WHOLE if at <= size else Wholeness.TRUNCATED
    return Wholeness.UNKNOWN


def _mapped(file: BinaryIO) -> mmap.mmap:
    """The file's bytes, without reading them into memory."""
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _jpeg(file: BinaryIO, _size: int) -> Wholeness:
    data, at = _mapped(file), 2
    for _ in range(_MOST_PARTS):
        found = _JPEG_MARKER.search(data, at)
        if found is None:
            return Wholeness.TRUNCATED
        marker, at = data[found.end() - 1], found.end()
        if marker == 0xD9:
            return Wholeness.WHOLE
        if marker < 0xC0:
            return Wholeness.UNKNOWN
        at += int.from_bytes(data[at : at + 2], "big")
    return Wholeness.UNKNOWN


def _riff(file: BinaryIO, size: int) -> Wholeness:
    head = file.read(12)
    length = int.from_bytes(head[4:8], "little")
    if not 0 < length < _LONGEST_RIFF:
        return Wholeness.UNKNOWN
    if length + 8 > size:
        return Wholeness.TRUNCATED
    # An AVI file larger than one GiB continues in further lists.
    return Wholeness.WHOLE if head[8:12] == b"WEBP" else Wholeness.UNKNOWN


def _gif(file: BinaryIO, _size: int) -> Wholeness:
    data = _mapped(file)
    if len(data) < 13:
        return Wholeness.TRUNCATED
    at, within_blocks = 13 + _colours(data[10]), False
    for _ in range(_MOST_PARTS):
        if at >= len(data):
            return Wholeness.TRUNCATED
        kind = data[at]
        if within_blocks:
            # Each block begins with its length; an empty block is the last.
            within_blocks = kind > 0
            at += 1 + kind
            continue
        if kind == 0x3B:
            return Wholeness.WHOLE
        if kind == 0x21:
            at += 2
        elif kind == 0x2C and at + 9 < len(data):
            at += 11 + _colours(data[at + 9])
        else:
            return Wholeness.TRUNCATED if kind == 0x2C else Wholeness.UNKNOWN
        within_blocks = True
    return Wholeness.UNKNOWN


def _colours(flags: int) -> int:
    """Size in bytes of the colour table that these flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


_BY_START = (
    (b"\x1aE\xdf\xa3", _ebml),
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8\xff", _jpeg),
    (b"RIFF", _riff),
    (b"GIF87a", _gif),
    (b"GIF89a", _gif),
)
