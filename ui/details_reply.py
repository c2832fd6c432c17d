"""The reply to *Details*: everything that the API says about a job."""

from __future__ import annotations

from collections.abc import Iterator

from model.job import Embed, Job, Media, Upload
from relay.commands.job_queries import JobDetails
from ui import formatting, job_facts, job_states
from ui.discord_limits import MESSAGE, units
from ui.escape import bare_link, escaped, job_id
from ui.language import _
from ui.message import Reply

_LONG = 900
_SHORT = 200
_PAGE = MESSAGE - 300
"""Characters for the lines of one message. The state and the id take the rest."""
_LINK = _PAGE - 50
"""Characters of the longest link: outcomes say that a link that is too long for them is shown here."""


def details_replies(details: JobDetails) -> list[Reply]:
    """One or more messages, each within Discord's limit. The first begins with the state, the last ends with the id."""
    state = formatting.headline(job_states.ended_or_running(details.job, details.outcome))
    pages = list(_pages(_lines(details)))
    pages[0] = formatting.lines(state, pages[0])
    pages[-1] = formatting.lines(pages[-1], formatting.small(f"#{details.number}", job_id(details.jobid)))
    return [Reply(page) for page in pages]


def _pages(lines: Iterator[str]) -> Iterator[str]:
    """The lines, divided into pages; at least one page."""
    page: list[str] = []
    for line in lines:
        if page and units("\n".join((*page, line))) > _PAGE:
            yield "\n".join(page)
            page = []
        page.append(line)
    yield "\n".join(page)


def _lines(details: JobDetails) -> Iterator[str]:
    """A line for each known field, in the API's order."""
    if details.job is not None:
        for name, value in _fields(details.job):
            if value:
                yield f"{name}: {value}"
    yield _("watched since: {when}", when=formatting.moment(details.watched_since))
    if details.ended_at is not None:
        yield _("end seen: {when}", when=formatting.moment(details.ended_at))


def _fields(job: Job) -> Iterator[tuple[str, str]]:
    """Each field under the API's own name (useapi.net PixVerse v1, get-pixverse-jobid, Model), and its text."""
    yield "parentJobId", job_id(job.parent_jobid or "")
    yield "verb", escaped(job.verb or "", _SHORT)
    yield "status", escaped(job.status, _SHORT)
    yield "created", formatting.moment(job.created) if job.created is not None else ""
    yield "updated", formatting.moment(job.updated) if job.updated is not None else ""
    yield "prompt", _words(job.prompt, job)
    yield "negative_prompt", _words(job.negative_prompt, job)
    yield "motion", str(job.motion) if job.motion is not None else ""
    yield "seed_value", str(job.seed) if job.seed is not None else ""
    yield "image", _upload(job.image)
    yield "face", _upload(job.face)
    yield "model", escaped(job.model or "", _SHORT)
    yield "quality", escaped(job.quality or "", _SHORT)
    yield "duration", formatting.seconds(job.duration) if job.duration else ""
    yield "sound", "" if job.sound is None else (_("yes") if job.sound else _("no"))
    yield "button", escaped(job.button or "", _SHORT)
    yield "buttons", formatting.listing(escaped(button, 20) for button in job.buttons[:20])
    yield "style", escaped(job.style or "", _SHORT)
    yield "aspect_ratio", escaped(job.aspect_ratio or "", _SHORT)
    yield "character", escaped(job.character or "", _SHORT)
    yield "content", _words(job.content, job)
    for number, media in enumerate(job.media, 1):
        yield _("attachment {number}", number=number), _media(media)
    for number, embed in enumerate(job.embeds, 1):
        yield _("embed {number}", number=number), _hidden(_embed(embed), job)
    yield "error", escaped(job.error or "", _LONG)
    yield "errorDetails", escaped(job.error_details or "", _LONG)


def _words(text: str | None, job: Job) -> str:
    """A text that somebody wrote for the job, escaped."""
    return _hidden(escaped(text or "", _LONG), job)


def _hidden(text: str, job: Job) -> str:
    """`text`, as a spoiler if the job was refused for its content."""
    return formatting.spoiler(text) if text and job_facts.is_refused(job) else text


def _upload(upload: Upload | None) -> str:
    return formatting.joined((_size(upload.size), escaped(upload.type or "", _SHORT))) if upload else ""


def _media(media: Media) -> str:
    """The attachment's fields and its link; only the link if it is too long for both."""
    fields = (
        escaped(media.filename or "", 100),
        escaped(media.content_type or "", 80),
        _size(media.size),
        f"{media.width} × {media.height}" if media.width and media.height else "",
    )
    link = _link(media.url, _LINK)
    line = formatting.joined((*fields, link))
    return line if units(line) <= _LINK else link


def _embed(embed: Embed) -> str:
    description = escaped(embed.description or "", 500)
    return formatting.joined((escaped(embed.type or "", 40), description, _link(embed.image_url or "", 1000)))


def _size(size: int | None) -> str:
    return formatting.size(size) if size is not None else ""


def _link(url: str, limit: int) -> str:
    link = bare_link(url, limit)
    return f"<{link}>" if link else ""
