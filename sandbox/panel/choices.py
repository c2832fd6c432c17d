"""What the page's lists offer: how jobs end, what can be made of them, and what can go wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sandbox.discord_wire import faults as discord_faults
from sandbox.discord_wire.refusals import REFUSALS, refusal
from sandbox.pixverse_api import faults, timelines
from sandbox.pixverse_api.callbacks import CallbackTiming
from sandbox.pixverse_api.jobs import Job
from sandbox.pixverse_api.timelines import Results, Timeline

FAILURE = ("The video could not be made.", "The renderer did not answer in time.")
REFUSAL = ("Prompt moderated.", "Violence is not allowed.")
"""`error` and `errorDetails`; the documentation gives no examples."""


V2_VIDEO, V2_IMAGE = "v2 video", "v2 image"
KINDS: Mapping[str, str] = {
    "v1 create_single": "pixverse-create_single",
    "v1 create": "pixverse-create",
    "v1 animate": "pixverse-animate",
    "v1 meme_face": "pixverse-meme_face",
    "v1 button": "pixverse-button",
    V2_VIDEO: V2_VIDEO,
    V2_IMAGE: V2_IMAGE,
}
"""v1's verbs, and what v2 makes."""

ENDINGS: Mapping[str, Callable[[float], Timeline]] = {
    "completed": timelines.completed,
    "failed": lambda seconds: timelines.failed(seconds, *FAILURE),
    "failed, no reason given": lambda seconds: timelines.failed(seconds, "", None),
    "moderated": lambda seconds: timelines.moderated(seconds, *REFUSAL),
    "cancelled": timelines.cancelled,
    "completed, no video": timelines.no_attachments,
    "completed, link already dead": timelines.expired_link,
    "completed, hardly a field": timelines.missing_fields,
    "completed, strange fields": timelines.extra_fields,
    "completed straight away": timelines.skipped_states,
    "percentage goes back": timelines.percentage_goes_back,
    "a status nobody knows": timelines.unknown_status,
    "stuck, never ends": lambda _seconds: timelines.never_ends(),
}

MB = 1_000_000
SIZES: Mapping[str, int | None] = {
    "about 60 kB": None,
    "1 MB": MB,
    "9 MB": 9 * MB,
    "12 MB": 12 * MB,
    "40 MB": 40 * MB,
}

TRANSITIONS: Mapping[str, Callable[[Job], None]] = {
    "created": lambda job: job.set("created"),
    "started": lambda job: job.set("started"),
    "progress, 31%": lambda job: job.set("progress", 31),
    "progress, 85%": lambda job: job.set("progress", 85),
    "completed": lambda job: job.complete(),
    "completed, 4 videos": lambda job: job.complete(4),
    "failed": lambda job: job.fail(*FAILURE),
    "moderated": lambda job: job.fail(*REFUSAL, status="moderated"),
    "cancelled": lambda job: job.set("cancelled"),
    "an unknown word": lambda job: job.set("upscaling"),
    "gone (404)": Job.vanish,
    "expired (410)": Job.expire,
    "there again": Job.come_back,
}

API_FAULTS: Mapping[str, faults.Action] = {
    "401, token refused": faults.Status(401),
    "402, not paid": faults.Status(402),
    "403": faults.Status(403),
    "404, no such job": faults.Status(404),
    "410, expired": faults.Status(410),
    "429, wait 5 s": faults.Status(429, retry_after=5),
    "429, without a wait": faults.Status(429),
    "500": faults.Status(500),
    "502, a page of HTML": faults.Status(502, faults.HTML),
    "503, wait 5 s": faults.Status(503, retry_after=5),
    "200 around code 500": faults.Code200(500),
    "200, no body": faults.Empty(),
    "200, half a body": faults.HalfBody(),
    "200, called HTML": faults.OtherType(),
    "connection cut": faults.Cut(),
    "cut amid the body": faults.Truncated(),
    "5 s late": faults.Slow(5),
    "drop by drop": faults.Dripping(0.2, 64),
    "without an end": faults.Endless(),
    "redirect elsewhere": faults.Redirect("http://169.254.169.254/"),
    "redirects in a ring": faults.RedirectChain(50),
}

POST_FAULTS: Mapping[str, discord_faults.Action] = {
    "500": discord_faults.Status(500),
    "502": discord_faults.Status(502),
    "connection cut": discord_faults.Cut(),
    "429, wait 2 s": discord_faults.RateLimit(2.0),
    "429 of Cloudflare": discord_faults.RateLimit(2.0, "cloudflare"),
    "403, no permission": discord_faults.Status(403, 50013, "Missing Permissions"),
    "400, AutoMod": discord_faults.Status(400, 200000, "Message was blocked by automatic moderation"),
    "413, too large": discord_faults.Status(413, 40005, "Request entity too large"),
    **{f"{code}: {message}": refusal(code) for code, (_, message) in REFUSALS.items()},
    "999999: a code of tomorrow": refusal(999999),
}

MIB = 1024 * 1024
UPLOAD_LIMITS: Mapping[str, int] = {
    "50 KiB": 50 * 1024,
    "8 MiB": 8 * MIB,
    "10 MiB": 10 * MIB,
    "50 MiB": 50 * MIB,
    "100 MiB": 100 * MIB,
}

LANGUAGES: Mapping[str, str] = {
    f"{name} ({code})": code
    for code, name in (
        ("en-US", "English, US"),
        ("en-GB", "English, UK"),
        ("bg", "български"),
        ("cs", "Čeština"),
        ("da", "Dansk"),
        ("de", "Deutsch"),
        ("el", "Ελληνικά"),
        ("es-ES", "Español"),
        ("es-419", "Español, LATAM"),
        ("fi", "Suomi"),
        ("fr", "Français"),
        ("hi", "हिन्दी"),
        ("hr", "Hrvatski"),
        ("hu", "Magyar"),
        ("id", "Bahasa Indonesia"),
        ("it", "Italiano"),
        ("ja", "日本語"),
        ("ko", "한국어"),
        ("lt", "Lietuviškai"),
        ("nl", "Nederlands"),
        ("no", "Norsk"),
        ("pl", "Polski"),
        ("pt-BR", "Português do Brasil"),
        ("ro", "Română"),
        ("ru", "Русский"),
        ("sv-SE", "Svenska"),
        ("th", "ไทย"),
        ("tr", "Türkçe"),
        ("uk", "Українська"),
        ("vi", "Tiếng Việt"),
        ("zh-CN", "中文"),
        ("zh-TW", "繁體中文"),
    )
}
"""Discord's, as its documentation names them."""

PERMISSIONS: Mapping[str, str] = {
    "View Channel": "view_channel",
    "Send Messages": "send_messages",
    "Send Messages in Threads": "send_messages_in_threads",
    "Attach Files": "attach_files",
    "Embed Links": "embed_links",
    "Read Message History": "read_message_history",
}

CALLBACK_MOMENTS: Mapping[str, CallbackTiming] = {
    when.value: when for when in (CallbackTiming.AT_THE_END, *CallbackTiming)
}

SPEEDS: Mapping[str, float] = {"1×": 1, "4×": 4, "20×": 20}


def with_results(timeline: Timeline, results: Results) -> Timeline:
    """The same way to other files; a time line that does not end in files stays as it is."""
    *way, last = timeline
    if last.change.results is None or last.change.results.count == 0:
        return timeline
    results = replace(results, link_seconds=last.change.results.link_seconds)
    return *way, replace(last, change=replace(last.change, results=results))


def is_refusal(action: discord_faults.Action) -> bool:
    """Whether this response of Discord means that it did nothing."""
    return isinstance(action, discord_faults.RateLimit) or (
        isinstance(action, discord_faults.Status) and action.status < 500
    )


def offered() -> dict[str, list[str]]:
    """Every list, as the page shows it."""
    lists: dict[str, Mapping[str, object]] = {
        "kinds": KINDS,
        "endings": ENDINGS,
        "sizes": SIZES,
        "transitions": TRANSITIONS,
        "api-faults": API_FAULTS,
        "post-faults": POST_FAULTS,
        "upload-limits": UPLOAD_LIMITS,
        "languages": LANGUAGES,
        "permissions": PERMISSIONS,
        "speeds": SPEEDS,
        "callback-moments": CALLBACK_MOMENTS,
    }
    return {name: list(choices) for name, choices in lists.items()}
