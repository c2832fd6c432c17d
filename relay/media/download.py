"""Downloads one video into a temporary file, with limits on hosts, bytes and time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from model.job import Media
from model.messages import LinkReason, VideoFile, VideoLink
from pixverse.fields import http_date, percent_encoded
from relay.media.allowed_hosts import AddressRefused, AllowedHosts, GuardedResolver
from relay.media.file_kind import HEAD_BYTES, ending_of
from relay.media.wholeness import is_whole

TRIES = 3
REFUSALS = 2
"""How often a host has to say that a file does not exist before it is believed."""
MAX_REDIRECTS = 5
_CHUNK = 256 * 1024
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "PixVerse-Relay"}
_DEAD = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_NOT_YET = frozenset({HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT, HTTPStatus.TOO_EARLY})
_HOST_BUSY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_EXPIRY = re.compile(r"^[0-9a-f]{1,12}$")


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of one download."""

    max_bytes: int
    seconds: float = 240.0
    """Time limit for all tries together."""
    step_seconds: float = 30.0
    """Time limit for connecting and the response's headers, and then for each step of the file."""
    step_bytes: int = 256 * 1024
    """The size of a step. A host that sends less in `step_seconds`, under 9 kB/s, counts as silent: at that rate,
    `seconds` would not suffice for more than 2 MiB anyway."""


class _Unusable(Exception):
    """The file cannot be attached, and another try would not help."""

    def __init__(self, reason: LinkReason, *, size: int | None = None, content_type: str | None = None) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.size = size
        self.content_type = content_type


class _BrokeOff(Exception):
    """The download failed, but another try may succeed."""


class _HostFailed(_BrokeOff):
    """The host answered with an error of its own."""


class _Part(_BrokeOff):
    """The host sent only a part of the file as if it were the whole."""

    def __init__(self, size: int) -> None:
        super().__init__("a part of the file")
        self.size = size


class _NotThere(Exception):
    """The host does not have the file, or not all of it: not yet, or no longer."""

    def __init__(self, host_time: int | None = None) -> None:
        super().__init__("no such file")
        self.host_time = host_time
        """The time by the host's own clock, in milliseconds UTC."""


class _Failed(Exception):
    """No try or no time is left."""

    def __init__(self, tries: int, *, may_pass: bool = False) -> None:
        super().__init__(f"broken off {tries} times")
        self.tries = tries
        self.may_pass = may_pass
        """Whether the host may soon work again."""


_BREAKS = (_BrokeOff, _NotThere, TimeoutError, ConnectionError, aiohttp.ClientError, HttpProcessingError, ValueError)
"""Errors that end a try. aiohttp and yarl raise the last two for responses that are not HTTP."""
_MAY_PASS = (_HostFailed, aiohttp.ClientConnectorError)
"""Errors of a host that may soon be over. A silent host is not among them: each fetch from it takes minutes."""


class _Tries:
    """The tries of one download."""

    def __init__(self) -> None:
        self.number = 0
        self._refusals = 0
        self._part = 0

    def broke_off(self, error: Exception) -> None:
        """Notes why a try ended. Raises _NotThere or _Failed if there will be no other."""
        if isinstance(error, _NotThere):
            self._refusals += 1
            if self._refusals == REFUSALS:
                raise error
        if isinstance(error, _Part):
            if 0 < self._part < error.size:
                # The file is still being written.
                raise _NotThere from error
            self._part = error.size
        if self.number == TRIES:
            raise _Failed(self.number, may_pass=isinstance(error, _MAY_PASS)) from error


def media_session(hosts: AllowedHosts, names: AbstractResolver | None = None) -> aiohttp.ClientSession:
    """A session that reaches only public addresses and the operator's trusted hosts.

    `names` resolves host names; the default is this machine's resolver.
    """
    guard = GuardedResolver(names or ThreadedResolver(), hosts)
    connector = aiohttp.TCPConnector(resolver=guard, use_dns_cache=False)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), headers=_HEADERS)


def expiry_of(url: str) -> int | None:
    """When a signed link of Discord's CDN expires, in milliseconds UTC; None for any other link.

    The parameter `ex` is hexadecimal Unix time (Discord developer docs, "Signed Attachment CDN URLs").
    """
    try:
        expiry = URL(url, encoded=True).query.get("ex", "")
    except ValueError:
        return None
    if not _EXPIRY.match(expiry):
        return None
    return int(expiry, 16) * 1000


class Downloader:
    """Downloads one file for each call. Calls may run concurrently."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        hosts: AllowedHosts,
        bounds: Bounds,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._session = session
        self._hosts = hosts
        self._bounds = bounds
        self._sleep = sleep

    async def fetch(self, index: int, media: Media, path: Path) -> VideoFile | VideoLink:
        """Writes the video to `path`, or returns a link with the reason. Raises OSError only for the local disk.

        A link counts as dead only if the host refuses it twice. The reason is EXPIRED if the link has expired by the
        host's own clock. Otherwise it is NOT_THERE, because the API may name a file's address before the file exists.
        """
        link = VideoLink(index, media.url, LinkReason.FETCH_FAILED, expires_at=expiry_of(media.url))
        try:
            extension, size = await self._try_until_saved(self._hosts.check(media.url), media, path)
        except AddressRefused as refusal:
            return replace(link, reason=LinkReason.HOST_NOT_ALLOWED, host=refusal.host)
        except _Unusable as unusable:
            return replace(
                link,
                reason=unusable.reason,
                size=unusable.size,
                limit=self._bounds.max_bytes if unusable.reason is LinkReason.TOO_LARGE else None,
                content_type=unusable.content_type,
            )
        except _NotThere as refusal:
            host_time, expires_at = refusal.host_time, link.expires_at
            expired = host_time is not None and expires_at is not None and expires_at <= host_time
            return replace(link, reason=LinkReason.EXPIRED if expired else LinkReason.NOT_THERE, size=media.size)
        except _Failed as failed:
            return replace(link, size=media.size, tries=failed.tries, may_pass=failed.may_pass)
        return VideoFile(index, path, extension, size)

    async def _try_until_saved(self, url: URL, media: Media, path: Path) -> tuple[str, int]:
        """Returns the file's extension and its size. Each step of a try has a time limit, and so have all tries
        together."""
        tries = _Tries()
        try:
            async with asyncio.timeout(self._bounds.seconds):
                while True:
                    tries.number += 1
                    try:
                        async with asyncio.timeout(self._bounds.step_seconds) as step:
                            return await self._once(url, media, path, step)
                    except _BREAKS as error:
                        tries.broke_off(error)
                    await self._sleep(float(tries.number))
        except TimeoutError as error:
            raise _Failed(tries.number) from error

    async def _once(self, url: URL, media: Media, path: Path, step: asyncio.Timeout) -> tuple[str, int]:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=15)
        for _ in range(MAX_REDIRECTS + 1):
            async with self._session.get(url, allow_redirects=False, timeout=timeout) as response:
                target = response.headers.get("Location")
                if response.status in {301, 302, 303, 307, 308} and target:
                    url = self._hosts.check(_join(url, target))
                    continue
                return await self._save(response, media, path, step)
        raise _BrokeOff("too many redirects")

    async def _save(
        self, response: aiohttp.ClientResponse, media: Media, path: Path, step: asyncio.Timeout
    ) -> tuple[str, int]:
        if response.status in _DEAD:
            raise _NotThere(_host_time(response))
        if response.status in _NOT_YET:
            raise _NotThere
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status in _HOST_BUSY:
            raise _HostFailed(f"HTTP {response.status}")
        if response.status != HTTPStatus.OK:
            raise _BrokeOff(f"HTTP {response.status}")
        length = response.content_length
        if length is not None and length > self._bounds.max_bytes:
            raise _Unusable(LinkReason.TOO_LARGE, size=length)
        extension, size = await self._write(response, media, path, step)
        framed = length is not None or "chunked" in response.headers.get("Transfer-Encoding", "").lower()
        if not await asyncio.to_thread(is_whole, path, size, framed=framed, claimed=media.size):
            raise _Part(size)
        return extension, size

    async def _write(
        self, response: aiohttp.ClientResponse, media: Media, path: Path, step: asyncio.Timeout
    ) -> tuple[str, int]:
        """Writes the body to `path`; returns the file's extension and its size."""
        head = b""
        extension: str | None = None
        size = next_step = 0
        with path.open("wb") as file:
            async for chunk in response.content.iter_chunked(_CHUNK):
                if extension is None:
                    head += chunk[:HEAD_BYTES]
                    if len(head) >= HEAD_BYTES:
                        extension = _extension(head, response, media)
                size += len(chunk)
                if size > self._bounds.max_bytes:
                    raise _Unusable(LinkReason.TOO_LARGE)
                if size >= next_step:
                    next_step = size + self._bounds.step_bytes
                    step.reschedule(asyncio.get_running_loop().time() + self._bounds.step_seconds)
                file.write(chunk)
        if not size:
            raise _NotThere
        return extension or _extension(head, response, media), size


def _extension(head: bytes, response: aiohttp.ClientResponse, media: Media) -> str:
    extension = ending_of(head, response.content_type, media)
    if extension is None:
        raise _Unusable(LinkReason.NOT_A_VIDEO, content_type=response.content_type)
    return extension


def _host_time(response: aiohttp.ClientResponse) -> int | None:
    """The time in the host's `Date` header, in milliseconds UTC."""
    seconds = http_date(response.headers.get("Date"))
    return None if seconds is None else int(seconds * 1000)


def _join(base: URL, target: str) -> URL:
    try:
        return base.join(URL(percent_encoded(target), encoded=True))
    except ValueError as error:
        raise AddressRefused("(unreadable address)") from error
