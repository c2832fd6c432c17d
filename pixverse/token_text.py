"""Recognises tokens and other secrets, reads the API token that somebody pasted, and hides secrets in texts."""

from __future__ import annotations

import re

from pixverse.patterns import (
    BOT_ID,
    BOT_ID_START,
    DISCORD_TOKEN,
    EMAIL,
    PIXVERSE_V2_START,
    USEAPI_TOKEN,
    USER_ID,
)

_WRAPPING = " \t\r\n\f\v\u00a0\u200b\u200e\u200f\u2060\ufeff\"'`“”‘’«»<>[]{},;"
_SCHEME = re.compile(r"(?:authorization\s*[:=]\s*)?(?:bearer|bot)\s+", re.IGNORECASE)
_BEARER = re.compile(r"(?:authorization\s*[:=]\s*)?bearer\s+\S", re.IGNORECASE)
_SECOND_USER = re.compile(r"user(?::|%3A)[0-9]", re.IGNORECASE)
_USER_NUMBER = re.compile(r"user:([0-9]{1,12})-\S")
_LONGEST_TOKEN = 512
_SHORTEST_TOKEN = 8

_AUTHORIZATION = re.compile(
    r"(?P<name>authorization[\"']?\s*+[:=]\s*+[\"']?)(?P<scheme>(?:bearer|bot|basic)\s++[\"']?)?[^\s\"',;]++",
    re.IGNORECASE,
)
_BEARER_VALUE = re.compile(r"(?P<scheme>\bbearer\s++)[A-Za-z0-9._~+/=:%-]{8,}+", re.IGNORECASE)
_DISCORD_URL = re.compile(r"(?P<path>\b(?:webhooks|interactions)/[0-9]{1,20}/)[A-Za-z0-9._-]{20,}+")
_CALLBACK_PATH = re.compile(r"(?P<path>/callback/)[^\s\"'`<>?#]+")

_NEVER_ESCAPED = re.compile(r"(?:user:)?[A-Za-z0-9._~-]+")

_HIDDEN = "***"


class DiscordTokenGiven(ValueError):
    """The text is a Discord bot's or user's token. It must not be sent, kept or shown."""


class NotAToken(ValueError):
    """The text cannot be an API token of useapi.net."""


def unwrapped(text: str) -> str:
    """`text` without the blanks, quotes, brackets and commas around it that copying brings along."""
    return text.strip(_WRAPPING)


def clean_token(text: str) -> str:
    """The API token in what somebody pasted: without `Bearer`, quotes and blanks.

    A token looks like `user:<number>-<random>` (useapi.net, start-here page), but any other printable text of 8 to 512
    characters is accepted too. Raises DiscordTokenGiven, or NotAToken for anything else, such as a job id; neither
    message contains any of the text.
    """
    token = _without_scheme(text)
    if DISCORD_TOKEN.search(token):
        raise DiscordTokenGiven("that is a Discord token, not one of useapi.net")
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise NotAToken("a token is one word of printable ASCII characters")
    if not _SHORTEST_TOKEN <= len(token) <= _LONGEST_TOKEN:
        raise NotAToken(f"a token has {_SHORTEST_TOKEN} to {_LONGEST_TOKEN} characters")
    if BOT_ID_START.match(token) or BOT_ID.fullmatch(token) or _is_service_id(token):
        raise NotAToken("that is a job id, not a token")
    return token


def useapi_user(token: str) -> int | None:
    """The useapi.net user's number in a token `user:<number>-<random>`; None for a token of another form."""
    match = _USER_NUMBER.match(token)
    return int(match.group(1)) if match else None


def looks_like_useapi_token(text: str) -> bool:
    """Whether `text` holds a useapi.net token, alone or among other words. Job ids of any service don't count as
    tokens."""
    return any(not _is_service_id(match.group()) for match in USEAPI_TOKEN.finditer(text))


def looks_like_discord_token(text: str) -> bool:
    """Whether `text` holds a Discord bot's or user's token, alone or among other words."""
    return DISCORD_TOKEN.search(text) is not None


def looks_like_secret(text: str) -> bool:
    """Whether `text` holds a token of useapi.net or Discord, or is a `Bearer …` value of any form."""
    if looks_like_discord_token(text) or looks_like_useapi_token(text):
        return True
    return _BEARER.match(unwrapped(text)) is not None


def redact(text: str) -> str:
    """`text` with every token, Authorization value, callback address and e-mail address replaced, for logs and errors.

    It takes time linear in the length of the text; a second time changes nothing. Job ids stay readable, except for the
    e-mail address in some of them.
    """
    text = _AUTHORIZATION.sub(_hide_value, text)
    text = _BEARER_VALUE.sub(_hide_value, text)
    for path_with_secret in (_DISCORD_URL, _CALLBACK_PATH):
        text = path_with_secret.sub(rf"\g<path>{_HIDDEN}", text)
    return EMAIL.sub(_HIDDEN, without_tokens(text))


def without_token(content: bytes, token: str) -> bytes:
    """A response's bytes with this token replaced, also where JSON or percent-encoding escapes some of its characters.

    Tokens whose characters are never escaped are only looked for as they are; `without_tokens` finds `user%3A…` too.
    """
    content = content.replace(token.encode(), _HIDDEN.encode())
    if _NEVER_ESCAPED.fullmatch(token) or (b"\\" not in content and b"%" not in content):
        return content
    return re.sub(b"".join(map(_in_any_spelling, token.encode())), _HIDDEN.encode(), content)


def _in_any_spelling(byte: int) -> bytes:
    """A pattern for a character of a token, written as it is, as JSON or percent-encoded."""
    character = re.escape(bytes([byte]))
    in_json = rb"\\%b|(?i:\\u%04x)" % (character, byte)
    return rb"(?:%b|%b|(?i:%%%02x))" % (in_json, character, byte)


def names_user(jobid: str, number: str) -> bool:
    """Whether a job id holds this useapi.net user's number, as every id of that user does."""
    return re.search(rf"(?<![0-9A-Za-z])user:{re.escape(number)}(?![0-9])", jobid) is not None


def without_tokens(text: str) -> str:
    """`text` with every token replaced and nothing else changed, for texts that are stored and shown."""
    return USEAPI_TOKEN.sub(_hide_unless_id, DISCORD_TOKEN.sub(_HIDDEN, text))


def _without_scheme(text: str) -> str:
    text = unwrapped(text)
    scheme = _SCHEME.match(text)
    return unwrapped(text[scheme.end() :]) if scheme else text


def _hide_value(match: re.Match[str]) -> str:
    groups = match.groupdict(default="")
    return groups.get("name", "") + groups["scheme"] + _HIDDEN


def _hide_unless_id(match: re.Match[str]) -> str:
    return match.group() if _is_service_id(match.group()) else _HIDDEN


def _is_service_id(word: str) -> bool:
    """Whether a word that starts like a token is a job id, perhaps with the full stop of a sentence behind it."""
    if _SECOND_USER.search(word, 1):
        return False
    word = word.lower()
    if PIXVERSE_V2_START.match(word):
        return True
    return USER_ID.fullmatch(word.rstrip(".:!?")) is not None
