"""What a hostile API could send and a hostile member could type, for property tests."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

_UNSEEN_KINDS = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
"""A flag such as England's: the only place where tag characters are visible."""


_SEEN = "\u200c\u200d\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
"""Joiners, which shape the visible text around them, and Arabic signs that are visible although their category is
"format"."""


def unseen(text: str) -> list[str]:
    """The characters in `text` that are invisible or change the direction of others."""
    return [
        character
        for character in _FLAG.sub("", text)
        if unicodedata.category(character) in _UNSEEN_KINDS and character not in _SEEN
    ]


JOBID = "job:20261124101500123-user:4321-channel:1300000000000000001-bot:pixverse"

_PIECES = (
    "@everyone", "@here", "<@1>", "<@!1>", "<@&1>", "<#1>", "</pixverse status:1>", "<t:1:R>", "<:a:1>", "<id:guide>",
    "**", "*", "__", "_", "~~", "||", "|", "```", "`", "> ", ">>> ", "# ", "-# ", "- ", "1. ", "\\", "\\\\",
    "[x](https://evil.example)", "https://evil.example/a_b", "http://evil.example", "discord.gg/abc", "evil.example/x",
    "mailto:a@b.example", "steam://run", "\n", "\r\n", "\t", "\u2028", "\u202e", "\u2066", "\u200b", "\u200d", "\ufeff",
    "\u0000", "\u001b[31m", "\ud83d", "\udc00", "e\u0301\u0301\u0301\u0301\u0301\u0301", "😀", "👩‍👩‍👧", "ﷺ",
    "\U000e0041", "%", "(46%)", "a", "word", " ", "\ufe0f", "\u200c", "👩🏽\u200d🚀",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "\u0645\u06cc\u200c\u062e",
)  # fmt: skip

words = st.one_of(
    st.lists(st.sampled_from(_PIECES), max_size=25).map("".join),
    st.text(max_size=60),
    st.sampled_from(_PIECES).map(lambda piece: piece * 700),
)
"""Texts, including lone surrogates."""

junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
"""Any JSON value in place of the expected one."""

addresses = st.one_of(
    words,
    words.map(lambda text: f"https://media.pixverse.ai/{text}"),
    words.map(lambda text: f"https://{text}"),
    words.map(lambda text: f"https://{text}@media.pixverse.ai/a.mp4"),
    st.just("https://media.pixverse.ai/" + "a_*" * 660),
)

_TEXTS = (
    "verb", "prompt", "negative_prompt", "style", "aspect_ratio", "character", "parentJobId", "button", "content",
    "error", "errorDetails",
)  # fmt: skip
STATUSES = ("created", "started", "progress", "completed", "moderated", "failed", "cancelled")


def records(word: Callable[[str], st.SearchStrategy[Any]] = lambda _: words) -> st.SearchStrategy[dict[str, Any]]:
    """Job records whose texts are `word(field)` and which are otherwise valid."""
    upload = st.fixed_dictionaries({"size": st.integers(0, 10**8), "type": word("type")})
    attachment = st.fixed_dictionaries(
        {
            "url": addresses,
            "filename": word("filename"),
            "content_type": word("content_type"),
            "size": st.integers(0, 10**9),
            "width": st.integers(0, 5000),
            "height": st.integers(0, 5000),
        }
    )
    embed = st.fixed_dictionaries({"type": word("embed"), "description": word("description"), "image": st.none()})
    return st.fixed_dictionaries(
        {
            "status": st.sampled_from(STATUSES) | word("status"),
            "created": st.just("2026-11-24T10:15:00.123Z"),
            "updated": st.just("2026-11-24T10:20:00.123Z"),
            "seed_value": st.integers(0, 2**31 - 1),
            "motion": st.integers(1, 10),
            "image": upload,
            "face": upload,
            "buttons": st.lists(word("label"), max_size=12),
            "attachments": st.lists(attachment, max_size=12),
            "embeds": st.lists(embed, max_size=3),
            **{name: word(name) for name in _TEXTS},
        }
    )


wild_records = records(lambda _: words | junk) | st.dictionaries(words, junk, max_size=5)
"""Records in which any value may have the wrong type."""

jobids = st.one_of(
    st.just(JOBID),
    st.just("user:4321-pixverse:me@example.com-video:112233445566"),
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9:._@+%-]{3,299}", fullmatch=True),
)
