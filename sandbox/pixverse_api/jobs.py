"""One job: what Discord knows of it, what the API has seen of it, and its record as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from sandbox.pixverse_api.accounts import Account, Channel
from sandbox.pixverse_api.cdn_links import StoredFile
from sandbox.pixverse_api.stamps import discord_iso, iso
from sandbox.pixverse_api.timelines import BUTTONS, Change, Results, Timeline
from sandbox.pixverse_api.videos import File, video_file

Record = dict[str, object]
ENDS = frozenset({"completed", "moderated", "failed", "cancelled"})
_SHOWN_IN_CONTENT = (("style", "style"), ("aspect_ratio", "aspect-ratio"))


class RecordState(Enum):
    """Whether the API still has the job's record."""

    PRESENT = "present"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class JobListener(Protocol):
    """Hears what becomes of jobs; a `Job` that is not `added` yet does not concern it."""

    def added(self, job: Job, /) -> None:
        """A job was accepted."""

    def happened(self, job: Job, /) -> None:
        """Something happened to a job that its record may not show yet."""

    def seen(self, job: Job, /) -> None:
        """A job's record has changed."""


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a job needs from the world around it."""

    clock: Callable[[], int]
    snowflake: Callable[[], str]
    catch_up: Callable[[], None]
    """Carries out the sweeps that are due."""
    store: Callable[[File, str, int, float], StoredFile]
    """Puts a file on the CDN: file, channel, milliseconds of issue, seconds until its link dies."""
    listener: JobListener


@dataclass(frozen=True, slots=True)
class Moment:
    """What a job's record said from `at` (milliseconds) on, or will say if its time line goes on."""

    at: int
    status: str
    percent: int | None = None


class Job:
    """A job of one account. Its time line plays until one of the methods below takes over.

    A change becomes visible at the next sweep, and `updated` is the time of that sweep.
    """

    def __init__(
        self,
        account: Account,
        channel: Channel,
        record: Record,
        *,
        created: int,
        timeline: Timeline,
        context: JobContext,
    ) -> None:
        self.account = account
        self.channel = channel
        self.created = created
        self.videos: list[StoredFile] = []
        """The job's files on the CDN, in the order of its attachments."""
        self.raw: object | None = None
        """If set, the response to every request for this job: bytes as they are, anything else as JSON."""
        self.pressed: dict[str, str] = {}
        self.record_state = RecordState.PRESENT
        self.history = [Moment(created, str(record["status"]))]
        """What its record has said so far, oldest first."""
        self._context = context
        self._timeline = timeline
        self._author = context.snowflake()
        self._real = record
        self._shown: Record = dict(record)
        self._gone: set[str] = set()
        self._changed = False
        self._percent: int | None = None
        self.jobid = str(record["jobid"])
        given = record.get("replyUrl") or account.reply_url
        self.reply_url = given if isinstance(given, str) and given else None
        """Where its callbacks go: its own address, or that which its account had when it was made."""

    @property
    def ahead(self) -> Record:
        """The record as the next sweep will show it."""
        return self._visible()

    @property
    def shown(self) -> Record:
        """The record as a GET answers it."""
        return dict(self._shown)

    @property
    def status(self) -> str:
        """The status as a GET answers it."""
        return str(self._shown.get("status", ""))

    @property
    def in_work(self) -> bool:
        """Whether the API counts the job as executing."""
        return self.record_state is RecordState.PRESENT and self.status not in ENDS

    def set(
        self, status: str | None = None, percent: int | None = None, without: Sequence[str] = (), **fields: object
    ) -> None:
        """Change the record by hand, from the next sweep on; the rest of the time line is dropped."""
        self._take_over(Change(status, percent, None, fields, tuple(without)))

    def play(self, timeline: Timeline) -> None:
        """Start this time line now; it replaces the one that is playing."""
        passed = (self._context.clock() - self.created) / 1000
        self._context.catch_up()
        self._timeline = tuple(replace(step, after=step.after + passed) for step in timeline)

    def hurry(self, factor: float) -> None:
        """Play the rest of the time line `factor` times faster (below 1: slower)."""
        self._context.catch_up()
        passed = (self._context.clock() - self.created) / 1000
        self._timeline = tuple(replace(step, after=passed + (step.after - passed) / factor) for step in self._timeline)

    @property
    def coming(self) -> list[Moment]:
        """What the rest of its time line will bring, soonest first."""
        ahead: list[Moment] = []
        status = str(self._real["status"])
        for step in self._timeline:
            status = step.change.status or status
            ahead.append(Moment(self.created + int(step.after * 1000), status, step.change.percent))
        return ahead

    def complete(
        self,
        videos: int | Sequence[File] = 1,
        *,
        size: int | None = None,
        link_seconds: float = 86_400,
        **fields: object,
    ) -> None:
        """Complete with so many videos of `size` bytes, or with the very files given."""
        files = None if isinstance(videos, int) else tuple(videos)
        count = videos if isinstance(videos, int) else len(videos)
        results = Results(count, size, link_seconds, files)
        self._take_over(Change("completed", None, results, {"buttons": list(BUTTONS), **fields}))

    def fail(self, error: str, details: str | None = None, status: str = "failed") -> None:
        """End with an error; `status` may be `moderated`."""
        more = {} if details is None else {"errorDetails": details}
        self._take_over(Change(status, None, None, {"error": error, **more}))

    def cancel(self) -> None:
        """Cancel by the API's own call, which is seen at once; without effect on a job that has ended."""
        if not self.in_work:
            return
        self._take_over(Change("cancelled"))
        self.look(self._context.clock())

    def expire(self) -> None:
        """Answer 410 from now on."""
        self.record_state = RecordState.EXPIRED

    def vanish(self) -> None:
        """Answer 404 from now on."""
        self.record_state = RecordState.UNKNOWN

    def come_back(self) -> None:
        """Undo `expire` and `vanish`."""
        self.record_state = RecordState.PRESENT

    def show_as_new(self) -> None:
        """Show what happened at creation as the response to a POST does, without `updated`."""
        self._play(self.created)
        self._real.pop("updated", None)
        self._shown = self._visible()
        self._changed = False

    def happen(self, until: int) -> None:
        """Carry out the time line until `until` (milliseconds), without a sweep that shows it."""
        self._play(until)

    def look(self, at: int) -> None:
        """A sweep at `at` (milliseconds): everything that happened until then becomes visible, as of `at`."""
        self._play(at)
        self._publish(at)

    def follow(self, until: int) -> None:
        """Everything that happened until then becomes visible, each change as of its own time."""
        while (due := self._next_due(until)) is not None:
            self._play(due)
            self._publish(due)
        self._publish(until)

    def _next_due(self, until: int) -> int | None:
        if not self._timeline:
            return None
        due = self.created + int(self._timeline[0].after * 1000)
        return due if due <= until else None

    def _play(self, until: int) -> None:
        while (due := self._next_due(until)) is not None:
            first, *rest = self._timeline
            self._timeline = tuple(rest)
            self._apply(first.change, due)

    def _publish(self, at: int) -> None:
        if not self._changed:
            return
        self._changed = False
        self._real["updated"] = iso(at)
        self._shown = self._visible()
        self.history.append(Moment(at, self.status, self._percent))
        self._context.listener.seen(self)

    def _take_over(self, change: Change) -> None:
        now = self._context.clock()
        self._context.catch_up()
        self._play(now)
        self._timeline = ()
        self._apply(change, now)
        self._context.catch_up()

    def _apply(self, change: Change, at: int) -> None:
        self._changed = True
        self._percent = change.percent
        if change.status is not None:
            self._real["status"] = change.status
        if self._real["status"] != "created":
            self._real.setdefault("messageId", self._context.snowflake())
            self._real.setdefault("timestamp", discord_iso(at))
            self._real["content"] = self._content(change.percent)
        if change.results is not None:
            self._real["attachments"] = self._attach(change.results, at)
        self._real |= change.fields
        self._gone = (self._gone - change.fields.keys()) | set(change.without)
        self._context.listener.happened(self)

    def _visible(self) -> Record:
        return {name: value for name, value in self._real.items() if name not in self._gone}

    def _attach(self, results: Results, at: int) -> list[dict[str, object]]:
        files = results.files
        if files is None:
            prompt = str(self._real.get("prompt", ""))
            files = tuple(video_file(f"{self.jobid}/{k}", results.size, prompt=prompt) for k in range(results.count))
        channel = self.channel.channel
        self.videos = [self._context.store(file, channel, at, results.link_seconds) for file in files]
        return [stored.attachment() for stored in self.videos]

    def _content(self, percent: int | None) -> str:
        """PixVerse's message. Its form once finished is documented; the percentage is written as Midjourney does."""
        parts = [f"prompt: {self._real.get('prompt', '')}"]
        parts += [f"{label}: {self._real[name]}" for name, label in _SHOWN_IN_CONTENT if name in self._real]
        text = f"<@{self._author}> ({' '.join(parts)})"
        if percent is not None:
            return f"{text} ({percent}%)"
        return f"{text} Author: <@{self._author}>)" if self._real["status"] == "completed" else text
