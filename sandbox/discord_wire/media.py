"""A cache for SimCord's video conversion, shared by all pages."""

from __future__ import annotations

import asyncio
import hashlib

from simcord.preview._media import MediaInfo, MediaWorker

_MOST = 32
_HEADER = 8
Read = dict[tuple[str, float], MediaInfo]
"""What was read, by the file's digest and the time of the wanted frame, oldest first."""


class RememberingMediaWorker(MediaWorker):
    """Converts each video to WebM only once; SimCord takes seconds for each.

    SimCord would convert all videos again for every page, and each channel and person is a new page. Files that differ
    only in padding are converted once. Conversions run one at a time, because SimCord limits how many may wait.
    """

    def __init__(self, read: Read) -> None:
        super().__init__()
        self._read = read
        self._turn = asyncio.Lock()

    async def validate(self, key: str, blob: bytes, *, media_time: float | None = None) -> MediaInfo:
        """Return the cached result, or let SimCord convert the file."""
        moment = (hashlib.sha256(_shown(blob)).hexdigest(), media_time or 0.0)
        async with self._turn:
            known = self._read.get(moment)
            if known is None:
                known = self._read[moment] = await super().validate(key, blob, media_time=media_time)
                while len(self._read) > _MOST:
                    del self._read[next(iter(self._read))]
        return known


def _shown(blob: bytes) -> bytes:
    """Remove an MP4 file's `free` boxes, which players skip (ISO/IEC 14496-12, 8.1.2); return other files unchanged."""
    boxes, place = [], 0
    while place + _HEADER <= len(blob):
        size, kind = int.from_bytes(blob[place : place + 4], "big"), blob[place + 4 : place + _HEADER]
        if size < _HEADER or (place == 0 and kind != b"ftyp"):
            return blob
        if kind != b"free":
            boxes.append(blob[place : place + size])
        place += size
    return b"".join(boxes)
