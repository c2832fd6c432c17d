"""SimCord's reading of videos, remembered from one page to the next."""

from __future__ import annotations

import asyncio
import hashlib

from simcord.preview._media import MediaInfo, MediaWorker

_MOST = 32
_HEADER = 8
Read = dict[tuple[str, float], MediaInfo]
"""What was read, by the digest of what is shown and the moment of which a picture was wanted; the oldest first."""


class RememberingMediaWorker(MediaWorker):
    """Makes WebM of each video once, in a process that takes seconds for each.

    Every channel and every person is a new page, for which all videos would be made again, one after the other, while
    whatever is typed waits behind them. Files that show the same, as many jobs of the sandbox have, are made once too,
    and more than SimCord lets wait at a time are asked for in turn.
    """

    def __init__(self, read: Read) -> None:
        super().__init__()
        self._read = read
        self._turn = asyncio.Lock()

    async def validate(self, key: str, blob: bytes, *, media_time: float | None = None) -> MediaInfo:
        """SimCord's own, except for what was read before."""
        moment = (hashlib.sha256(_shown(blob)).hexdigest(), media_time or 0.0)
        async with self._turn:
            known = self._read.get(moment)
            if known is None:
                known = self._read[moment] = await super().validate(key, blob, media_time=media_time)
                while len(self._read) > _MOST:
                    del self._read[next(iter(self._read))]
        return known


def _shown(blob: bytes) -> bytes:
    """An MP4 file without its `free` boxes, which no player looks at (ISO/IEC 14496-12, 8.1.2); any other as it is."""
    boxes, place = [], 0
    while place + _HEADER <= len(blob):
        size, kind = int.from_bytes(blob[place : place + 4], "big"), blob[place + 4 : place + _HEADER]
        if size < _HEADER or (place == 0 and kind != b"ftyp"):
            return blob
        if kind != b"free":
            boxes.append(blob[place : place + size])
        place += size
    return b"".join(boxes)
