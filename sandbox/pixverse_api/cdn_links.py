"""Files with signed, expiring links in Discord's form.

A real one: `https://cdn.discordapp.com/attachments/<channel>/<attachment>/<name>?ex=<hex>&is=<hex>&hm=<64 hex>&`, with
`ex` and `is` in seconds of Unix time, 86,400 apart (Discord, reference, signed attachment URLs).
"""

from __future__ import annotations

import hashlib
import hmac
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.pixverse_api.videos import File


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file on the CDN with the link that was given out for it."""

    id: str
    file: File
    url: str
    proxy_url: str
    path: str
    """The path of `url`, without the query."""

    @property
    def content(self) -> bytes:
        """The bytes served."""
        return self.file.content

    @property
    def filename(self) -> str:
        """The last part of the path."""
        return self.file.filename

    def attachment(self) -> dict[str, object]:
        """As it stands in a job's `attachments`."""
        return {
            "url": self.url,
            "proxy_url": self.proxy_url,
            "width": self.file.width,
            "height": self.file.height,
            "content_type": self.file.content_type,
            "id": self.id,
            "filename": self.file.filename,
            "size": len(self.file.content),
        }


class CdnFiles:
    """The stored files; decides whether a link is valid."""

    def __init__(self, rng: random.Random, snowflake: Callable[[], str]) -> None:
        self._secret = rng.randbytes(32)
        self._snowflake = snowflake
        self._files: dict[str, StoredFile] = {}
        self._open: dict[str, File] = {}
        self.base = ""
        self.proxy_base = ""

    def store(self, file: File, channel: str, at: int, link_seconds: float) -> StoredFile:
        """Keep a file; its link is issued at `at` (milliseconds) and dies `link_seconds` later."""
        number = self._snowflake()
        path = f"/attachments/{channel}/{number}/{file.filename}"
        issued, expires = f"{at // 1000:x}", f"{int(at / 1000 + link_seconds):x}"
        query = f"ex={expires}&is={issued}&hm={self._signature(path, expires, issued)}&"
        stored = StoredFile(number, file, f"{self.base}{path}?{query}", f"{self.proxy_base}{path}?{query}", path)
        self._files[path] = stored
        return stored

    def store_open(self, file: File, channel: str, at: int, link_seconds: float) -> StoredFile:
        """Keep a file like media.pixverse.ai: under a link without a signature, with an encoded slash in its path.

        If `link_seconds` have passed at `at`, the link never works.
        """
        del at
        name, dot, ending = file.filename.rpartition(".")
        number = self._snowflake()
        path = f"/pixverse/mp4%2Fmedia%2Fweb%2F{channel}%2F{name or 'out'}_{number}{dot}{ending}"
        stored = StoredFile(number, file, f"{self.base}{path}", f"{self.proxy_base}{path}", path)
        if link_seconds > 0:
            self._open[path] = file
        return stored

    def find(self, path: str, query: Mapping[str, str], now: int) -> File | None:
        """The file behind a link, or None if the link is unknown, altered or dead at `now` (milliseconds).

        `path` is the raw one, in which `%2F` is no slash.
        """
        if path in self._open:
            return self._open[path]
        stored = self._files.get(path)
        expires, issued = query.get("ex", ""), query.get("is", "")
        if stored is None or query.get("hm") != self._signature(path, expires, issued):
            return None
        return stored.file if int(expires, 16) * 1000 > now else None

    def _signature(self, path: str, expires: str, issued: str) -> str:
        return hmac.new(self._secret, f"{path} {expires} {issued}".encode(), hashlib.sha256).hexdigest()
