"""The parameters of the generating POSTs and their bounds.

useapi.net PixVerse v1: post-pixverse-create, -create_single, -animate, -meme_face, -button. The wording of the 400
bodies is ours, since the pages could not be read to their ends.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from sandbox.pixverse_api.bodies import Answer, refusal

Check = Callable[[str, object], object]
_TEXT, _URL, _SEED = 512, 1024, 2_147_483_647
CHARACTERS = (
    "eula", "ganyu", "hutao", "kamisatoayaka", "keqing", "klee", "nahida", "ningguang", "raidenshogun",
    "xiangling", "yaemiko",
)  # fmt: skip


class BadParameter(Exception):
    """A parameter is missing or out of bounds; `answer` is what the API says to it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.answer: Answer = refusal(400, text)


def text(limit: int) -> Check:
    """A text of at most `limit` characters."""

    def check(name: str, value: object) -> object:
        if not isinstance(value, str) or len(value) > limit:
            raise BadParameter(f"Parameter {name} must be a text of at most {limit} characters")
        return value

    return check


def one_of(*values: str) -> Check:
    """One word out of a list."""

    def check(name: str, value: object) -> object:
        if value not in values:
            raise BadParameter(f"Parameter {name} must be one of {', '.join(values)}")
        return value

    return check


def whole(low: int, high: int) -> Check:
    """A whole number within bounds, which a form sends as text."""

    def check(name: str, value: object) -> object:
        number = str(value)
        if not number.isdecimal() or not low <= int(number) <= high:
            raise BadParameter(f"Parameter {name} must be a number from {low} to {high}")
        return int(number)

    return check


def picture(name: str, value: object) -> object:
    """An uploaded file, of which a job's record shows only size and type."""
    if not isinstance(value, web.FileField):
        raise BadParameter(f"Parameter {name} must be a file")
    if value.content_type not in ("image/jpeg", "image/png"):
        raise BadParameter(f"Parameter {name} must be a jpg or png")
    return {"size": len(value.file.read()), "type": value.content_type}


_RATIO = one_of("16:9", "9:16", "1:1", "4:3", "3:4")
_COMMON: dict[str, Check] = {
    "discord": text(200),
    "server": text(20),
    "channel": text(20),
    "maxJobs": whole(1, 10),
    "replyUrl": text(_URL),
    "replyRef": text(_URL),
}
_CREATE: dict[str, Check] = {
    "prompt": text(_TEXT),
    "style": one_of("Realistic", "Anime", "3D Animation"),
    "negative_prompt": text(_TEXT),
    "aspect_ratio": _RATIO,
    "character": one_of(*CHARACTERS),
}


@dataclass(frozen=True, slots=True)
class Form:
    """What one verb takes."""

    verb: str
    required: tuple[str, ...]
    checks: Mapping[str, Check]
    multipart_only: bool = False


CREATE = Form("pixverse-create", ("prompt", "style"), _COMMON | _CREATE)
CREATE_SINGLE = Form("pixverse-create_single", ("prompt", "style"), _COMMON | _CREATE | {"seed_value": whole(0, _SEED)})
ANIMATE = Form(
    "pixverse-animate",
    ("image",),
    _COMMON
    | {
        "image": picture,
        "prompt": text(_TEXT),
        "motion": whole(1, 10),
        "seed_value": whole(0, _SEED),
        "hd_quality": one_of("Yes", "No"),
    },
    multipart_only=True,
)
MEME_FACE = Form(
    "pixverse-meme_face",
    ("face", "prompt"),
    _COMMON
    | {
        "face": picture,
        "prompt": text(_TEXT),
        "negative_prompt": text(_TEXT),
        "seed_value": whole(0, _SEED),
        "aspect_ratio": _RATIO,
    },
    multipart_only=True,
)
BUTTON = Form(
    "pixverse-button",
    ("jobid", "button"),
    {
        "jobid": text(300),
        "button": text(20),
        "prompt": text(_TEXT),
        **{name: check for name, check in _COMMON.items() if name not in ("server", "channel")},
    },
)


async def read(request: web.Request, form: Form) -> dict[str, object]:
    """The checked parameters of a POST, multipart or JSON; those that the verb does not know are dropped.

    Raises:
        BadParameter: one is missing or out of bounds, or the body is neither.
    """
    given = await _given(request, form)
    for name in form.required:
        if given.get(name) in (None, ""):
            raise BadParameter(f"Parameter {name} is required")
    return {name: form.checks[name](name, value) for name, value in given.items() if name in form.checks}


async def _given(request: web.Request, form: Form) -> Mapping[str, object]:
    if request.content_type == "multipart/form-data":
        return dict(await request.post())
    if form.multipart_only or request.content_type != "application/json":
        raise BadParameter("Content-Type must be multipart/form-data")
    try:
        body = await request.json()
    except json.JSONDecodeError:
        raise BadParameter("Body is not JSON") from None
    if not isinstance(body, dict):
        raise BadParameter("Body is not an object")
    return {str(name): value for name, value in body.items() if value is not None}
