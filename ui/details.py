"""The reply to *Details*: everything that the API says about a job, for whoever pressed the button."""

from __future__ import annotations

from collections.abc import Iterator

from model.job import Embed, Job, Media, Upload
from model.states import CardStatus
from pixverse.jobids import mask_email
from relay.commands.job_queries import JobDetails
from ui import formatting, job_text
from ui.discord_limits import MESSAGE, units
from ui.escape import bare_link, escaped, job_id
from ui.language import _
from ui.message import Reply

_LONG = 900
_SHORT = 200
_PAGE = MESSAGE - 300
"""Space for the lines of one message; state and id take the rest."""


def details_replies(details: JobDetails) -> list[Reply]:
    """One or more messages, each within Discord's limit. The first begins with the state, the last ends with the id."""
    state = formatting.headline(job_text.state_of(CardStatus.ENDED, details.job, details.outcome))
    pages = list(_pages(_lines(details)))
    pages[0] = formatting.lines(state, pages[0])
    pages[-1] = formatting.lines(pages[-1], formatting.small(f"#{details.number}", job_id(details.jobid)))
    return [Reply(page) for page in pages]


def _pages(lines: Iterator[str]) -> Iterator[str]:
    """The lines in pages; at least one."""
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
    yield _("end seen: {when}", when=formatting.moment(details.ended_at))


def _fields(job: Job) -> Iterator[tuple[str, str]]:
    """Each field under the API's own name (useapi.net PixVerse v1, get-pixverse-jobid, Model), and its text."""
    yield "parentJobId", job_id(job.parent_jobid or "")
    yield "verb", escaped(job.verb or "", _SHORT)
    yield "status", escaped(job.status, _SHORT)
    yield "created", _moment(job.created)
    yield "updated", _moment(job.updated)
    yield "prompt", _prompt(job)
    yield "negative_prompt", _hidden(escaped(mask_email(job.negative_prompt or ""), _LONG), job)
    yield "motion", _number(job.motion)
    yield "seed_value", _number(job.seed)
    yield "image", _upload(job.image)
    yield "face", _upload(job.face)
    yield "model", escaped(job.model or "", _SHORT)
    yield "quality", escaped(job.quality or "", _SHORT)
    yield "duration", _("{n} s", n=job.duration) if job.duration else ""
    yield "sound", "" if job.sound is None else (_("yes") if job.sound else _("no"))
    yield "button", escaped(job.button or "", _SHORT)
    yield "buttons", formatting.listing(escaped(button, 20) for button in job.buttons[:20])
    yield "style", escaped(job.style or "", _SHORT)
    yield "aspect_ratio", escaped(job.aspect_ratio or "", _SHORT)
    yield "character", escaped(job.character or "", _SHORT)
    yield "content", _hidden(escaped(mask_email(job.content or ""), _LONG), job)
    for number, media in enumerate(job.media, 1):
        yield _("attachment {number}", number=number), _media(media)
    for number, embed in enumerate(job.embeds, 1):
        yield _("embed {number}", number=number), _hidden(_embed(embed), job)
    yield "error", escaped(mask_email(job.error or ""), _LONG)
    yield "errorDetails", escaped(mask_email(job.error_details or ""), _LONG)


def _prompt(job: Job) -> str:
    return _hidden(escaped(job_text.prompt_text(job), _LONG), job)


def _hidden(text: str, job: Job) -> str:
    """`text` behind a click where the job was refused for its content."""
    return formatting.spoiler(text) if text and job_text.is_refused(job) else text


def _moment(time: int | None) -> str:
    return formatting.moment(time) if time is not None else ""


def _number(number: int | None) -> str:
    return str(number) if number is not None else ""


def _upload(upload: Upload | None) -> str:
    if upload is None:
        return ""
    return formatting.joined(
        (formatting.size(upload.size) if upload.size is not None else "", escaped(upload.type or "", _SHORT))
    )


def _media(media: Media) -> str:
    link = bare_link(media.url, 1300)
    dimensions = f"{media.width} × {media.height}" if media.width and media.height else ""
    return formatting.joined(
        (
            escaped(media.filename or "", 100),
            escaped(media.content_type or "", 80),
            formatting.size(media.size) if media.size is not None else "",
            dimensions,
            f"<{link}>" if link else "",
        )
    )


def _embed(embed: Embed) -> str:
    link = bare_link(embed.image_url or "", 1000)
    return formatting.joined(
        (escaped(embed.type or "", 40), escaped(mask_email(embed.description or ""), 500), f"<{link}>" if link else "")
    )
