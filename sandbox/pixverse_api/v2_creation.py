"""The POSTs of v2 that make something: videos, images and uploaded files (useapi.net PixVerse v2).

Of the answers of videos/create and images/create only the ids are known, and of the bounds those of videos/create-v3.
"""

from __future__ import annotations

from aiohttp import web

from sandbox.pixverse_api.accounts import Account
from sandbox.pixverse_api.bodies import Answer, refusal
from sandbox.pixverse_api.jobs import Record
from sandbox.pixverse_api.parameters import BadParameter, Check, Form, one_of, read, text, whole
from sandbox.pixverse_api.service import Service

MOST_ACTIVE = 8
_CREDITS = 45
_PROMPT, _SEED = 2048, 2_147_483_647
_IMAGE_TYPES = {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
_OTHER_TYPES = {"video/mp4": "mp4", "video/quicktime": "mov", "video/webm": "webm", "audio/mpeg": "mp3"}
_NOT_IN_RECORD = frozenset({"email", "maxJobs", "create_count"})
_COMMON: dict[str, Check] = {
    "email": text(320),
    "prompt": text(_PROMPT),
    "model": text(40),
    "seed": whole(0, _SEED),
    "replyUrl": text(1024),
    "replyRef": text(1024),
    "maxJobs": whole(1, MOST_ACTIVE),
}
VIDEO = Form(
    "video",
    ("prompt",),
    _COMMON
    | {
        "negative_prompt": text(_PROMPT),
        "duration": whole(1, 30),
        "quality": one_of("360p", "540p", "720p", "1080p"),
        "aspect_ratio": one_of("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9"),
        "style": one_of("anime", "3d_animation", "comic", "cyberpunk", "clay"),
        "first_frame_path": text(1024),
    },
)
IMAGE = Form(
    "image", ("prompt",), _COMMON | {"quality": text(10), "aspect_ratio": text(10), "create_count": whole(1, 4)}
)


class CreationEndpoints:
    """The endpoints that create jobs."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._files = 0

    async def video(self, request: web.Request, account: Account) -> Answer:
        """post-pixverse-videos-create, -create-v3, -create-v4."""
        made = await self._make(request, account, VIDEO)
        return made if isinstance(made, Answer) else Answer(200, {"video_id": made[0], "cost_credits": _CREDITS})

    async def image(self, request: web.Request, account: Account) -> Answer:
        """post-pixverse-images-create."""
        made = await self._make(request, account, IMAGE)
        return made if isinstance(made, Answer) else Answer(200, {"success_ids": made, "cost_credits": _CREDITS})

    async def file(self, request: web.Request, account: Account) -> Answer:
        """post-pixverse-files: the raw bytes of a picture, a video or a sound, of which nothing is kept."""
        if request.query.get("email", account.email) != account.email:
            return no_such_account()
        content = await request.read()
        ending = (_IMAGE_TYPES | _OTHER_TYPES).get(request.content_type)
        if ending is None or not content:
            return refusal(400, "Content-Type is not supported" if ending is None else "Body is empty")
        self._files += 1
        path = f"upload/{account.number}-{self._files}.{ending}"
        place: Record = {"path": path, "url": f"https://media.pixverse.ai/{path.replace('/', '%2F')}"}
        if request.content_type not in _IMAGE_TYPES:
            return Answer(200, place)
        more = {"size": len(content), "name": path.rpartition("/")[2], "category": 0, "err_msg": ""}
        return Answer(200, {"result": [{"id": self._files, **place, **more}]})

    async def _make(self, request: web.Request, account: Account, form: Form) -> list[str] | Answer:
        """The ids of what is made now, or why there are none."""
        try:
            given = await read(request, form)
        except BadParameter as bad:
            return bad.answer
        if given.get("email", account.email) != account.email:
            return no_such_account()
        wanted = int(str(given.get("create_count", 1)))
        in_work = sum(job.in_work for job in self._service.of_account_v2(account))
        if in_work + wanted > int(str(given.get("maxJobs", MOST_ACTIVE))):
            return refusal(429, "All accounts are at their maximum of jobs")
        fields = {name: value for name, value in given.items() if name not in _NOT_IN_RECORD}
        made = [self._service.generate_v2(account, form.verb, fields) for _ in range(wanted)]
        ids = [job.jobid for job in made if job is not None]
        return ids or refusal(422, "The prompt was refused by PixVerse's content rules")


def no_such_account() -> Answer:
    """400 for an e-mail address that is not configured; the wording is ours."""
    return refusal(400, "No such account is configured")
