"""HTTP routes of the second generation of the PixVerse API (useapi.net PixVerse v2), with the quirks of the real one.

A v2 job is simulated like a v1 job; only its record differs. A running video may have no record, QUEUED is marked as
final, records of running videos have an address but no width, and an encoded id is answered with 400.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from sandbox.pixverse_api.accounts import Account
from sandbox.pixverse_api.bodies import Answer, refusal
from sandbox.pixverse_api.jobs import ENDS, Job, Record
from sandbox.pixverse_api.service import Service
from sandbox.pixverse_api.stamps import iso
from sandbox.pixverse_api.v1 import Call, paid, raw, response
from sandbox.pixverse_api.v2_creation import MOST_ACTIVE, CreationEndpoints, no_such_account

ROOT = "/v2/pixverse"
_LIMIT = 40
_STATUSES = {
    "created": (5, "QUEUED"),
    "started": (10, "GENERATING"),
    "progress": (10, "GENERATING"),
    "completed": (1, "COMPLETED"),
    "moderated": (7, "MODERATED"),
    "failed": (8, "FAILED"),
}
_OF_IMAGES = _STATUSES | {"started": (9, "GENERATING"), "progress": (10, "PROCESSING")}
_STRANGE = 11
"""The status number of every status that is not listed."""
_AS_THEY_ARE = (
    "prompt", "negative_prompt", "model", "quality", "aspect_ratio", "style", "queue_data", "sound_effect_switch",
)  # fmt: skip


class V2:
    """The endpoints of v2, with switches for their quirks."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._creation = CreationEndpoints(service)
        self.records_of_running = False
        """Whether a video that is being made has a record, in place of 404 as documented."""
        self.scheduler_names_ids = "id"
        """The field of an entry of the scheduler that holds the id: `video_id` until 2026."""

    def routes(self) -> list[web.RouteDef]:
        """Every endpoint that is served."""
        calls = {
            "/scheduler/": self._scheduler,
            "/scheduler/available": self._available,
            "/videos/": self._videos,
            "/images/": self._images,
            "/accounts": self._accounts,
            "/videos/{jobid:.+}": self._record,
            "/images/{jobid:.+}": self._record,
        }
        posts = {
            "/videos/create": self._creation.video,
            "/videos/create-v3": self._creation.video,
            "/videos/create-v4": self._creation.video,
            "/images/create": self._creation.image,
            "/files": self._creation.file,
            "/files/": self._creation.file,
        }
        return [
            *(web.get(ROOT + path, paid(self._service, call), allow_head=False) for path, call in calls.items()),
            *(web.post(ROOT + path, paid(self._service, _answering(make))) for path, make in posts.items()),
            web.delete(f"{ROOT}/scheduler/{{jobid:.+}}", paid(self._service, self._untrack)),
        ]

    # ---- one job ----------------------------------------------------------------------------------------------------

    async def _record(self, request: web.Request, account: Account) -> web.Response:
        """One record: get-pixverse-videos-video_id, get-pixverse-images-image_id."""
        jobid = request.match_info["jobid"]
        if "%" in request.rel_url.raw_path:
            return response(refusal(400, "Incorrect id"))
        kind = _kind_of(request)
        job = self._find(account, jobid)
        if job is None or f"-{kind}:" not in jobid:
            return response(_unknown(kind))
        if job.raw is not None:
            return raw(job.raw)
        if kind == "video" and job.status in ("started", "progress") and not self.records_of_running:
            return response(_unknown(kind))
        return web.json_response(record_of(job))

    async def _untrack(self, request: web.Request, account: Account) -> web.Response:
        """Stops the tracking, not the work: del-pixverse-scheduler-video_id."""
        jobid = request.match_info["jobid"]
        job = self._find(account, jobid)
        lists = self._service.lists
        if job is None or not job.in_work or jobid in lists.unlisted:
            return response(refusal(404, "Not running"))
        lists.unlisted.add(jobid)
        return web.Response(status=204)

    def _find(self, account: Account, jobid: str) -> Job | None:
        return next((job for job in self._service.of_account_v2(account) if job.jobid == jobid), None)

    # ---- many -------------------------------------------------------------------------------------------------------

    async def _scheduler(self, _request: web.Request, account: Account) -> web.Response:
        """The active jobs: get-pixverse-scheduler."""
        return web.json_response(self._in_work(account))

    async def _available(self, _request: web.Request, account: Account) -> web.Response:
        """The active jobs and the free places: get-pixverse-scheduler-available."""
        busy = self._in_work(account)
        slots = {"maxJobs": MOST_ACTIVE, "executing": len(busy), "available": max(0, MOST_ACTIVE - len(busy))}
        return web.json_response({"executing": busy, "available": [{"email": account.email, **slots}]})

    def _in_work(self, account: Account) -> list[Record]:
        jobs = [job for job in self._service.of_account_v2(account) if self._service.lists.name(job)]
        return [self._entry(job) for job in jobs]

    def _entry(self, job: Job) -> Record:
        seconds = (self._service.clock() - job.created) // 1000
        return {
            self.scheduler_names_ids: job.jobid,
            "type": _kind(job),
            "started": iso(job.created),
            "elapsed": f"{seconds // 60:02d}:{seconds % 60:02d}",
            **{name: job.shown[name] for name in ("replyUrl", "replyRef") if name in job.shown},
        }

    async def _videos(self, request: web.Request, account: Account) -> web.Response:
        """The account's videos, newest first, including active ones: get-pixverse-videos."""
        return response(self._page(request, account, "video"))

    async def _images(self, request: web.Request, account: Account) -> web.Response:
        """The account's images, newest first: get-pixverse-images."""
        return response(self._page(request, account, "image"))

    def _page(self, request: web.Request, account: Account, kind: str) -> Answer:
        if request.query.get("email", account.email) != account.email:
            return no_such_account()
        jobs = [job for job in reversed(self._service.of_account_v2(account)) if _kind(job) == kind]
        limit, offset = _number(request, "limit", _LIMIT), _number(request, "offset", 0)
        body: Record = {"data": [record_of(job) for job in jobs[offset : offset + limit]], "total": len(jobs)}
        if offset + limit < len(jobs):
            body["next_offset"] = offset + limit
        return Answer(200, body)

    async def _accounts(self, _request: web.Request, account: Account) -> web.Response:
        """The PixVerse accounts by their addresses: get-pixverse-accounts."""
        one = {"email": account.email, "password": "…secured…", "maxJobs": MOST_ACTIVE}
        return web.json_response({account.email: one})


def record_of(job: Job) -> Record:
    """The flat record of a job (get-pixverse-videos-video_id; an image's begins its names with `image_`)."""
    return flat_record(job, job.shown)


def flat_record(job: Job, shown: Record) -> Record:
    """The flat record of a job of which `shown` is known."""
    kind = _kind(job)
    status = str(shown["status"])
    number, name = (_STATUSES if kind == "video" else _OF_IMAGES).get(status, (_STRANGE, status.upper()))
    record: Record = {
        f"{kind}_id": job.jobid,
        f"{kind}_status": number,
        f"{kind}_status_name": name,
        f"{kind}_status_final": status in ENDS or (kind == "video" and status == "created"),
        "account_id": 1,
        "created_at": f"{str(shown.get('created', '')).partition('.')[0]}Z",
        "url": "",
        "output_width": 0,
        "output_height": 0,
        **{field: shown[field] for field in _AS_THEY_ARE if field in shown},
        **{field: shown[field] for field in ("replyRef", "seed") if field in shown},
    }
    if "seed_value" in shown:
        record["seed"] = shown["seed_value"]
    if kind == "video":
        record["video_duration"] = shown.get("duration", 5)
    if status in ("started", "progress"):
        record["url"] = f"https://media.pixverse.ai/pixverse%2Fsoon_{number}.mp4"
    if status == "completed" and job.videos:
        file = job.videos[0]
        sizes = {"output_width": file.file.width, "output_height": file.file.height}
        record |= {"url": file.url, "first_frame": f"{file.url}.jpg", **sizes}
    if "error" in shown:
        record |= {
            "errCode": 500044,
            "errMsg": " ".join(str(shown[n]) for n in ("error", "errorDetails") if n in shown),
        }
    return record


def _answering(make: Callable[[web.Request, Account], Awaitable[Answer]]) -> Call:
    async def call(request: web.Request, account: Account) -> web.Response:
        return response(await make(request, account))

    return call


def _kind(job: Job) -> str:
    return "image" if "-image:" in job.jobid else "video"


def _kind_of(request: web.Request) -> str:
    return "image" if request.path.startswith(f"{ROOT}/images/") else "video"


def _unknown(kind: str) -> Answer:
    """404. The image's body has no `code` (get-pixverse-images-image_id)."""
    return refusal(404, "Video not found") if kind == "video" else Answer(404, {"error": "Image not found"})


def _number(request: web.Request, name: str, usual: int) -> int:
    text = request.query.get(name, "")
    return int(text) if text.isdecimal() else usual
