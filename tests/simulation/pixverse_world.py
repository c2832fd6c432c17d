"""PixVerse, useapi.net and the media hosts in a simulated life, as useapi.net documents them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from urllib.parse import unquote

from tests.simulation.sample_texts import NO_TEXT, SampleText
from tests.simulation.serving import NEVER, PLAIN, Serving
from tests.simulation.still_images import IMAGE_KINDS, ImageKind
from tests.simulation.virtual_time import VirtualClock
from tests.simulation.wire import Reply, Request

ENDS = frozenset({"completed", "failed", "moderated", "cancelled"})
_DAY = 86_400.0
_KEPT = 31 * _DAY
_LINK_SECONDS = _DAY
_LAGS_SECONDS = 1800.0
_HOST_V1, _HOST_V2 = "cdn.discordapp.com", "media.pixverse.ai"
_PLACEHOLDER = "https://media.pixverse.ai/pixverse/mp4/media/default.mp4"
_NOBODYS = b"\0\0\0\x18ftypisom\0\0\x02\0isommp42\0\0\0\x08moov\0\0\0\x08mdat"
"""The file at the placeholder's address."""
_V2_NUMBERS = {"created": (5, "QUEUED"), "started": (10, "GENERATING"), "progress": (10, "GENERATING"),
               "completed": (1, "COMPLETED"), "moderated": (7, "MODERATED"), "failed": (8, "FAILED")}  # fmt: skip
_OF_IMAGES = {"video_id": "image_id", "video_status": "image_status", "video_status_name": "image_status_name",
              "video_status_final": "image_status_final", "url": "image_url", "output_width": "image_width",
              "output_height": "image_height"}  # fmt: skip
"""The fields of an image's record, by those of a video's."""
_JOBID = re.compile(r"/v2/pixverse/(?:videos|images)/(.+)")


@dataclass(slots=True, eq=False)
class Account:
    """A user of useapi.net. `tokens` are all it ever had, the newest last; all others are refused."""

    number: int
    tokens: list[str]
    paid: bool = True
    jobs: list[Job] = field(default_factory=list)
    listed: list[Job] = field(default_factory=list)
    """The jobs that its lists may name."""
    dead_at: dict[str, float] = field(default_factory=dict)
    """When a token began to be refused."""

    @property
    def token(self) -> str:
        return self.tokens[-1]

    @property
    def email(self) -> str:
        return f"owner{self.number}@mail.example"


@dataclass(slots=True, eq=False)
class Job:
    """A job and its course: (seconds after its creation, status, percent)."""

    account: Account
    number: int
    """Counted from 1, over all accounts."""
    jobid: str
    prompt: str
    created: float
    """Seconds from the life's start."""
    line: tuple[tuple[float, str, int | None], ...]
    files: int
    vanishes_after: float = _KEPT
    reply_url: str | None = None
    sample: SampleText = NO_TEXT
    """What else its prompt and its reason say."""
    serving: Serving = PLAIN

    @property
    def is_v2(self) -> bool:
        return self.jobid.startswith("user:")

    @property
    def image(self) -> ImageKind | None:
        """The format of its file if it is an image."""
        return IMAGE_KINDS[self.number % len(IMAGE_KINDS)] if "-image:" in self.jobid else None

    @property
    def shown_end(self) -> str:
        """What a list shows of the id: the end of it, and of a v1 id, all of which end alike, the end of its time."""
        varying = self.jobid if self.is_v2 else self.jobid.partition("-")[0]
        return varying[-8:]

    @property
    def ends_at(self) -> float:
        return self.created + self.line[-1][0]

    @property
    def end(self) -> str:
        return self.line[-1][1]

    def video(self, index: int) -> bytes:
        """A playable file with unique bytes (ISO/IEC 14496-12), or an image."""
        mark = f"{self.jobid}/{index}".encode() * 3
        if self.image is not None:
            return self.image.file_with(mark)
        return (
            b"\0\0\0\x18ftypisom\0\0\x02\0isommp42\0\0\0\x08moov" + (8 + len(mark)).to_bytes(4, "big") + b"mdat" + mark
        )

    @property
    def paths(self) -> list[str]:
        """The paths of its files at their host."""
        return [_path(self, index) for index in range(self.files)]

    @property
    def videos(self) -> tuple[bytes, ...]:
        comes = self.end == "completed" and self.serving.is_posted
        return tuple(self.video(index) for index in range(self.files)) if comes else ()

    @property
    def full_prompt(self) -> str:
        """Its prompt as the API has it."""
        return f"{self.prompt} {self.sample.text}".strip()

    @property
    def reason(self) -> str:
        return f"It {self.end} {self.sample.text}".strip()


class PixVerseWorld:
    """Responds to the bot's requests, and records them."""

    def __init__(self, clock: VirtualClock, random: Random) -> None:
        self._clock = clock
        self._random = random
        self.accounts: list[Account] = []
        self.jobs: dict[str, Job] = {}
        self.by_prompt: dict[str, Job] = {}
        self.files: dict[str, tuple[Job, int]] = {}
        self.requests: list[tuple[float, str, str]] = []
        """When, with which token, and for what: a job's id, or the path of a list."""
        self.lagging: Callable[[Job], bool] = lambda _job: False
        """Whether the lists are wrong about a job."""
        self.cdn_asked: Counter[str] = Counter()
        self.foreign_hosts: list[str] = []
        """Hosts from which a file was requested although that is forbidden."""
        self.reported_active: dict[tuple[str, str], list[float]] = defaultdict(list)
        """By job and token: when a record said that the job is active."""
        self.last_reported_active: dict[tuple[str, str], float] = {}
        """By job and token: when a record or a list last said that the job is active."""

    def account(self, number: int) -> Account:
        account = Account(number, [self.token(number)])
        self.accounts.append(account)
        return account

    def token(self, number: int) -> str:
        return f"user:{number}-{self._random.getrandbits(96):024x}"

    def renew(self, account: Account) -> None:
        """Gives an account a new token; the previous one is refused from now on."""
        account.dead_at[account.token] = self._clock.passed
        account.tokens.append(self.token(account.number))

    def by_token(self, token: str) -> Account | None:
        """The account that has or had this token."""
        return next((account for account in self.accounts if token in account.tokens), None)

    def new_job(
        self, account: Account, line: tuple[tuple[float, str, int | None], ...], *, v2: bool, files: int, prompt: str,
        sample: SampleText = NO_TEXT, serving: Serving = PLAIN, image: bool = False,
    ) -> Job:  # fmt: skip
        """A new job of an account. `image`: it makes an image, which only v2 does."""
        number = len(self.jobs) + 1
        now = self._clock.true_ms()
        if v2:
            kind = "image" if image else "video"
            jobid = f"user:{account.number}-pixverse:{account.email}-{kind}:{10**12 + number}"
        else:
            jobid = f"job:{now}{number:04d}-user:{account.number}-channel:99{account.number}-bot:pixverse"
        files = 1 if v2 else files
        job = Job(account, number, jobid, prompt, self._clock.passed, line, files, sample=sample, serving=serving)
        self.jobs[jobid] = self.by_prompt[prompt] = job
        account.jobs.append(job)
        account.listed.append(job)
        self.files |= {_path(job, index): (job, index) for index in range(job.files)}
        return job

    def status(self, job: Job) -> tuple[str, int | None, float]:
        """What a job's record says now: status, percent, and when that began."""
        passed = self._clock.passed - job.created
        status, percent, since = "created", None, 0.0
        for at, following, percentage in job.line:
            if at <= passed:
                status, percent, since = following, percentage, at
        return status, percent, job.created + since

    def is_active(self, job: Job) -> bool:
        return self._clock.passed < job.ends_at

    # ------------------------------------------------------------ the API

    def answer(self, request: Request) -> Reply:
        """Responds to one GET request to the API."""
        token, jobid = token_of(request), subject_of(request)
        self.requests.append((self._clock.passed, token, jobid))
        if request.method != "GET" or "cancel" in request.path:
            raise AssertionError(f"the bot is to read only, and did {request.method} {request.path}")
        account = self.by_token(token)
        if account is None or token != account.token:
            return _refusal(401, "Unauthorized")
        if not account.paid:
            return _refusal(402, "Account has no subscription or subscription expired")
        return self._told(account, request, jobid)

    def _told(self, account: Account, request: Request, jobid: str) -> Reply:
        match request.path:
            case "/v1/pixverse/jobs":
                return Reply(200, [job.jobid for job in self._listed(account) if not job.is_v2])
            case "/v1/pixverse/jobs/":
                return self._record_v1(account, jobid)
            case "/v2/pixverse/scheduler/":
                jobs = [job for job in self._listed(account) if job.is_v2]
                for job in jobs:
                    if self.is_active(job):
                        self.last_reported_active[(job.jobid, account.token)] = self._clock.passed
                return Reply(200, [{"id": job.jobid, "type": "image" if job.image else "video"} for job in jobs])
            case "/v2/pixverse/videos/" | "/v2/pixverse/images/":
                wants_images = "/images/" in request.path
                jobs = [job for job in reversed(account.jobs) if job.is_v2 and bool(job.image) == wants_images]
                offset, limit = int(request.query.get("offset", 0)), int(request.query.get("limit", 40))
                page: dict[str, object] = {
                    "data": [self._flat(job) for job in jobs[offset : offset + limit]],
                    "total": len(jobs),
                }
                if offset + limit < len(jobs):
                    # The page may say where the next page begins, or only that there is one.
                    page |= {"next_offset": offset + limit} if account.number % 2 else {"has_more": True}
                return Reply(200, page)
        return self._record_v2(account, jobid)

    def _listed(self, account: Account) -> list[Job]:
        """The jobs that the account's lists name. They are wrong only about jobs of the last hours."""
        account.listed = [job for job in account.listed if self._clock.passed < job.ends_at + _LAGS_SECONDS]
        there = [job for job in account.listed if not self._has_vanished(job)]
        return [job for job in there if (self._clock.passed < job.ends_at) != self.lagging(job)]

    def _has_vanished(self, job: Job) -> bool:
        return self._clock.passed - job.created > job.vanishes_after

    def _find(self, account: Account, jobid: str) -> Job | Reply:
        job = self.jobs.get(jobid)
        if job is None or job.account is not account:
            return _refusal(404, f"Unable to locate job {jobid}")
        if self._has_vanished(job):
            return _refusal(410, "Job has expired") if not job.is_v2 else _refusal(404, "Video not found")
        return job

    def _record_v1(self, account: Account, jobid: str) -> Reply:
        job = self._find(account, jobid)
        if isinstance(job, Reply):
            return job
        return Reply(200, self.record(job))

    def record(self, job: Job) -> dict[str, object]:
        """A record as in v1; callbacks contain the same."""
        if job.is_v2:
            return self._flat(job)
        status, percent, since = self.status(job)
        content = f"prompt: {job.full_prompt}" + (f" ({percent}%)" if percent is not None else "")
        record: dict[str, object] = {
            "jobid": job.jobid,
            "verb": "pixverse-create",
            "status": status,
            "created": self.iso(job.created),
            "updated": self.iso(since),
            "prompt": job.full_prompt,
            "content": content,
            "code": 200,
        }
        if status == "completed" and not self._lacks_file(job):
            record["attachments"] = [
                {"url": self._url(job, index), "size": self._size(job, index), "content_type": "video/mp4"}
                for index in range(job.files)
            ]
        elif status in ("failed", "moderated"):
            record["error"] = job.reason
        return _without_prompt(record) if job.serving.without_prompt else record

    def _record_v2(self, account: Account, jobid: str) -> Reply:
        job = self._find(account, jobid)
        if isinstance(job, Reply):
            return job
        if self.status(job)[0] in ("started", "progress") and job.image is None:
            return _refusal(404, "Video not found")
        if self.is_active(job):
            self.reported_active[(jobid, account.token)].append(self._clock.passed)
            self.last_reported_active[(jobid, account.token)] = self._clock.passed
        return Reply(200, self._flat(job))

    def _flat(self, job: Job) -> dict[str, object]:
        status, _, _ = self.status(job)
        status = "failed" if status == "cancelled" else status
        number, name = _V2_NUMBERS[status]
        record: dict[str, object] = {
            "video_id": job.jobid,
            "video_status": number,
            "video_status_name": name,
            "video_status_final": status in ENDS or status == "created",
            "created_at": self.iso(job.created),
            "prompt": job.full_prompt,
            "url": "",
            "output_width": 0,
        }
        record |= self._file_of(job, status)
        if status in ("failed", "moderated"):
            record |= {"errCode": 500044, "errMsg": job.reason}
        if job.serving.as_text:
            record |= {name: str(record[name]) for name in ("video_status", "output_width")}
        return record if job.image is None else {_OF_IMAGES.get(name, name): said for name, said in record.items()}

    def _file_of(self, job: Job, status: str) -> dict[str, object]:
        """What a record of v2 says about the job's file."""
        if status == "completed" and self._lacks_file(job):
            placeholder = job.number % 2 == 1 or job.serving is NEVER
            return {"url": _PLACEHOLDER if placeholder else self._url(job, 0), "output_width": int(placeholder)}
        if status == "completed":
            return {"url": self._url(job, 0), "output_width": 640, "output_height": 360}
        return {}

    def _lacks_file(self, job: Job) -> bool:
        return job.is_v2 and job.serving.record_late and self._clock.passed < job.ends_at + job.serving.recorded_after

    def _size(self, job: Job, index: int) -> int | str:
        size = round(len(job.video(index)) * job.serving.size)
        return str(size) if job.serving.as_text else size

    def _url(self, job: Job, index: int) -> str:
        host = job.serving.host or (_HOST_V2 if job.is_v2 else _HOST_V1)
        path = _path(job, index)
        if job.is_v2:
            return f"https://{host}{path}"
        expiry = self._clock_ms(self._clock.passed + _LINK_SECONDS) // 1000
        return f"https://{host}{path}?ex={expiry:x}&is=1&hm=0"

    def _clock_ms(self, passed: float) -> int:
        return self._clock.true_ms() + round((passed - self._clock.passed) * 1000)

    def iso(self, passed: float) -> str:
        moment = self._clock_ms(passed)
        return datetime.fromtimestamp(moment // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment % 1000:03d}Z"

    # ---------------------------------------------------- the media hosts

    def serve_file(self, request: Request) -> Reply:
        """Responds with a file of a job. A link to Discord's CDN expires after a day, and each record has fresh
        links."""
        if request.host not in (_HOST_V1, _HOST_V2):
            self.foreign_hosts.append(request.host)
            return Reply(404, b"no", content_type="text/plain")
        if " " in request.path:
            return Reply(400, b"no such request", content_type="text/plain")
        path = unquote(request.path)
        self.cdn_asked[path] += 1
        date = {"Date": datetime.fromtimestamp(self._clock.true_ms() / 1000, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")}
        if path not in self.files:
            return Reply(200, _NOBODYS, date, "video/mp4")
        job, index = self.files[path]
        dead = "ex" in request.query and self._clock.true_ms() > int(request.query["ex"], 16) * 1000
        if dead or self.is_active(job):
            return Reply(404, b"no", date, "text/plain")
        said = job.serving.answer(job.video(index), self._clock.passed - job.ends_at, self.cdn_asked[path])
        if job.image is not None and said.content_type == "video/mp4":
            said = replace(said, content_type=job.image.content_type)
        return replace(said, headers={**date, **said.headers})


def token_of(request: Request) -> str:
    """The token of a request to the API."""
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def subject_of(request: Request) -> str:
    """The id of the job that a request is for, or the path of a list."""
    found = _JOBID.fullmatch(unquote(request.path))
    return found[1] if found is not None else request.query.get("jobid") or request.path


def _without_prompt(record: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in record.items() if name not in ("prompt", "content")}


def _path(job: Job, index: int) -> str:
    blank = " of it" if job.serving.has_space else ""
    ending = ".mp4" if job.image is None else job.image.ending
    return f"/attachments/{job.account.number}/{job.number}/{index}{blank}{ending}"


def _refusal(status: int, error: str) -> Reply:
    return Reply(status, {"error": error, "code": status})
