"""Messages as a person sees them, for tests."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Any

from simcord.backend.models import Message as StoredMessage
from simcord.components import walk_components

from .posting import SUPPRESS_NOTIFICATIONS, pings_of, sent_at
from .virtual_discord import PostFacts, VirtualDiscord

_BUTTON = 2
_SELECTS = (3, 5, 6, 7, 8)
_TEXT_DISPLAY = 10
_LINK_STYLE = 5
_SPOILER = "SPOILER_"


@dataclass(frozen=True, slots=True)
class Attachment:
    """An uploaded file. `description` is its alt text."""

    filename: str
    content: bytes
    description: str | None
    spoiler: bool


@dataclass(frozen=True, slots=True)
class Button:
    """A button; a link has a `url` in place of a `custom_id`."""

    label: str
    custom_id: str | None
    style: int
    disabled: bool
    url: str | None
    emoji: str | None


@dataclass(frozen=True, slots=True)
class Message:
    """A snapshot of a message.

    `text` is everything that can be read: content, embeds and text displays, joined with line breaks. `pinged` are the
    ids of the people who were notified when it was sent; empty for a silent message. `time` is in seconds since 1970.
    """

    id: int
    channel_id: int
    author_id: int
    author_is_bot: bool
    text: str
    content: str
    embeds: list[dict[str, Any]]
    components: list[dict[str, Any]]
    buttons: list[Button]
    attachments: list[Attachment]
    flags: int
    silent: bool
    ephemeral: bool
    components_v2: bool
    pinged: Set[int]
    pinged_roles: Set[int]
    pinged_everyone: bool
    reference_id: int | None
    nonce: str | int | None
    edited: bool
    time: float

    @property
    def labels(self) -> list[str]:
        """The buttons' labels, in order."""
        return [button.label for button in self.buttons]

    @property
    def galleries(self) -> list[str]:
        """Addresses of all pictures and videos in galleries, in order."""
        items = [item for part in walk_components(self.components) for item in part.get("items") or []]
        return [item["media"]["url"] for item in items]


def view(world: VirtualDiscord, stored: StoredMessage) -> Message:
    """A stored message as a person sees it."""
    facts = world.posts.get(stored.id) or PostFacts(None, pings_of(stored))
    reference = stored.reference or {}
    return Message(
        id=stored.id,
        channel_id=stored.channel_id,
        author_id=stored.author_id,
        author_is_bot=stored.author_id == world.backend.bot_user.id,
        text="\n".join(_texts(stored)),
        content=stored.content,
        embeds=list(stored.embeds),
        components=list(stored.components),
        buttons=[_button(part) for part in walk_components(stored.components) if part.get("type") == _BUTTON],
        attachments=[_attachment(world, item) for item in stored.attachments],
        flags=stored.flags,
        silent=bool(stored.flags & SUPPRESS_NOTIFICATIONS),
        ephemeral=stored.is_ephemeral,
        components_v2=bool(stored.flags & (1 << 15)),
        pinged=facts.pings.users,
        pinged_roles=facts.pings.roles,
        pinged_everyone=facts.pings.everyone,
        reference_id=int(reference["message_id"]) if "message_id" in reference else None,
        nonce=facts.nonce,
        edited=stored.edited_timestamp is not None,
        time=sent_at(stored),
    )


def _texts(stored: StoredMessage) -> Iterator[str]:
    if stored.content:
        yield stored.content
    for embed in stored.embeds:
        pieces = [embed.get("title"), embed.get("description")]
        for field in embed.get("fields") or []:
            pieces += [field.get("name"), field.get("value")]
        pieces.append((embed.get("footer") or {}).get("text"))
        yield from (str(piece) for piece in pieces if piece)
    for part in walk_components(stored.components):
        if part.get("type") == _TEXT_DISPLAY:
            yield str(part.get("content", ""))


def _button(part: dict[str, Any]) -> Button:
    return Button(
        label=part.get("label") or "",
        custom_id=part.get("custom_id"),
        style=part["style"],
        disabled=bool(part.get("disabled")),
        url=part.get("url") if part["style"] == _LINK_STYLE else None,
        emoji=(part.get("emoji") or {}).get("name"),
    )


def _attachment(world: VirtualDiscord, item: dict[str, Any]) -> Attachment:
    filename = str(item["filename"])
    content = world.backend.cdn.get(item["url"]) or b""
    return Attachment(filename, content, item.get("description"), filename.startswith(_SPOILER))


def find_selects(stored: StoredMessage) -> list[dict[str, Any]]:
    """The select menus of a message, raw."""
    return [part for part in walk_components(stored.components) if part.get("type") in _SELECTS]
