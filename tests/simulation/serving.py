"""How a job's record and files arrive: seldom as simply as the API's documentation says.

Each way is documented by useapi.net or was seen in use. `is_posted` says whether the job's files are posted or
remain links.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.simulation.wire import Reply

_PLAIN = 0.55
"""The share of jobs that are served without surprises."""
SOON = 45.0
"""Seconds after a job's end until its file is complete at the host."""
_BEGINNING = 40
_EVIL = "http://10.0.0.1/metadata"
_NOT_ALLOWED, _NO_VIDEO = "may not fetch it", "isn't (?:a video|an image)"
_NO_PORT = "https://media.pixverse.ai:99999/"

Answer = Callable[[bytes, float, int], Reply]
"""Takes the file, the seconds since the job's end, and how often it was requested."""


def _video(file: bytes, **more: object) -> Reply:
    return Reply(200, file, content_type="video/mp4", **more)  # type: ignore[arg-type]


_NO = Reply(404, b"no", content_type="text/plain")
_PAGE = Reply(200, b"<!doctype html><html><body>Please log in</body></html>", content_type="text/html")
_TEXT = Reply(200, b"This is no video but a long text, which somebody has put there. " * 30, content_type="video/mp4")
_ARCHIVE = Reply(200, b"PK\x03\x04" + bytes(700), content_type="video/mp4", chunk=3)


def _grown(size: int, since: float) -> int:
    """The number of bytes that exist so far. A file begins with its header; the data follow at an even pace."""
    return round(_BEGINNING + (size - _BEGINNING) * min(1.0, since / SOON))


@dataclass(frozen=True, slots=True)
class Serving:
    """One way of serving a job."""

    name: str
    answer: Answer = lambda file, _since, _times: _video(file)
    is_posted: bool = True
    """Whether the files are posted."""
    why: str = ""
    """A pattern of what the result says about it."""
    size: float = 1.0
    """The file size that the record gives, as a multiple of the true size."""
    host: str | None = None
    """The host to use in place of the usual one."""
    has_space: bool = False
    """Whether the address contains a space."""
    record_late: bool = False
    """In v2, the record says that the job is complete some time before it shows a file."""
    recorded_after: float = SOON
    as_text: bool = False
    """Whether numbers are written as strings."""
    without_prompt: bool = False
    """Whether the record lacks the prompt."""


PLAIN = Serving("plainly")
REFUSED_ONCE = Serving("refused once", lambda file, _, times: _NO if times == 1 else _video(file))
WITHOUT_PROMPT = Serving("without a prompt", without_prompt=True)
NEVER = Serving("never", record_late=True, recorded_after=math.inf, is_posted=False)
ALL = (
    Serving("empty at first", lambda file, since, _: _video(file if since > SOON else b"")),
    Serving("refused at first", lambda file, since, _: _video(file) if since > SOON else _NO),
    Serving("growing", lambda file, since, _: _video(file[: _grown(len(file), since)])),
    REFUSED_ONCE,
    Serving("broken off once", lambda file, _, times: _video(file, cut_at=20 if times == 1 else None)),
    Serving("half once", lambda file, _, times: _video(file[: len(file) // 2] if times == 1 else file, framed=False)),
    Serving("in small pieces", lambda file, _since, _times: _video(file, chunk=3)),
    Serving("claimed larger", size=9.0),
    Serving("claimed smaller", size=0.5),
    Serving("moved", lambda file, _, times: Reply(302, b"", {"Location": "?again"}) if times % 2 else _video(file)),
    Serving("with a blank", has_space=True),
    Serving("recorded late", record_late=True),
    Serving("numbers as texts", as_text=True),
    Serving("a page", lambda *_: _PAGE, is_posted=False, why=_NO_VIDEO),
    Serving("an archive", lambda *_: _ARCHIVE, is_posted=False, why=_NO_VIDEO),
    Serving("a text", lambda *_: _TEXT, is_posted=False, why=_NO_VIDEO),
    Serving("moved into the house", lambda *_: Reply(302, b"", {"Location": _EVIL}), is_posted=False, why=_NOT_ALLOWED),
    Serving("moved to no port", lambda *_: Reply(302, b"", {"Location": _NO_PORT}), is_posted=False, why=_NOT_ALLOWED),
    Serving("from a stranger", host="media.pixverse.ai.evil.example", is_posted=False, why=_NOT_ALLOWED),
    Serving("with a name", host="relay:secret@media.pixverse.ai", is_posted=False, why=_NOT_ALLOWED),
    Serving("of no host", host="%00.cdn.pixverse.ai", is_posted=False, why=_NOT_ALLOWED),
)  # fmt: skip


def draw(random: Random) -> Serving:
    return PLAIN if random.random() < _PLAIN else random.choice(ALL)
