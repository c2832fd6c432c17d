"""SimCord's reading of videos, remembered from one page to the next."""

from __future__ import annotations

from simcord.preview._media import MediaInfo, MediaWorker

_MOST = 32
Read = dict[tuple[str, float], MediaInfo]
"""What was read, by the file's digest and the moment of which a picture was wanted; the oldest first."""


class RememberingMediaWorker(MediaWorker):
    """Makes WebM of each video once, in a process that takes seconds for each.

    Every channel and every person is a new page, which would have all its videos made anew, one after the other, while
    whatever is typed waits behind them.
    """

    def __init__(self, read: Read) -> None:
        super().__init__()
        self._read = read

    async def validate(self, key: str, blob: bytes, *, media_time: float | None = None) -> MediaInfo:
        """SimCord's own, but for what was read before."""
        moment = (key, media_time or 0.0)
        known = self._read.get(moment)
        if known is None:
            known = self._read[moment] = await super().validate(key, blob, media_time=media_time)
            while len(self._read) > _MOST:
                del self._read[next(iter(self._read))]
        return known
