"""Texts about what keeps the bot from posting: missing permissions, other obstacles, and Discord's refusals."""

from __future__ import annotations

from collections.abc import Iterable

from model.messages import Cause, Obstacle
from ui import formatting
from ui.language import N_, _

PERMISSIONS = {
    # Translators: this and the next five as Discord's own settings name these permissions in your language.
    "view_channel": N_("View Channel"),
    "send_messages": N_("Send Messages"),
    "send_messages_in_threads": N_("Send Messages in Threads"),
    "attach_files": N_("Attach Files"),
    "embed_links": N_("Embed Links"),
    "read_message_history": N_("Read Message History"),
}
"""The displayed names of all permissions that the bot asks for, by their API names."""

_OBSTACLES: dict[str, str] = {
    Obstacle.TIMED_OUT: N_("I'm timed out; a moderator can end that."),
    Obstacle.LOCKED: N_("The thread is locked; unlock it."),
    Obstacle.NOT_IN_THREAD: N_("I'm not in this private thread: mention me in it, or add me."),
}

_CAUSES = {
    Cause.UPLOADS_LIMITED: N_("Discord is limiting uploads on this server right now."),
    Cause.FILE: N_("Discord didn't accept the file."),
    Cause.EXPLICIT: N_("Discord's explicit-content filter blocked it."),
    Cause.WORDS: N_("AutoMod blocked its text."),
    Cause.LINKS: N_("Discord's harmful-link filter blocked it."),
    Cause.UNKNOWN: N_("Discord rejected it for no known reason."),
}


def permissions(names: Iterable[str]) -> str:
    """A list of permissions, named as in Discord's settings."""
    return formatting.enumeration(f"*{_(name)}*" for name in names)


def missing_permissions(names: tuple[str, ...]) -> str:
    """Says which permissions are missing or which obstacles there are; empty if `names` is."""
    needed = permissions(name for name in names if name not in _OBSTACLES)
    need = _("I need: {permissions}.", permissions=needed) if needed else ""
    return formatting.paragraph(*(_(text) for obstacle, text in _OBSTACLES.items() if obstacle in names), need)


def with_remedy(names: tuple[str, ...], remedy: str) -> str:
    """Says what is missing, then the remedy; without it if there are only obstacles, which no permission removes."""
    return formatting.paragraph(missing_permissions(names), "" if is_beyond_permissions(names) else remedy)


def is_beyond_permissions(names: tuple[str, ...]) -> bool:
    """Whether there are only obstacles, so that nothing has to be allowed."""
    return bool(names) and _OBSTACLES.keys() >= set(names)


def because(cause: Cause | None) -> str:
    """Why Discord refused a message, in a sentence."""
    return _(_CAUSES[cause or Cause.UNKNOWN])


def cannot_post_yet(obstacles: tuple[str, ...]) -> str:
    """Says that nothing can be posted here, and what to do about it."""
    remedy = missing_permissions(obstacles) or _("Discord refuses it; check my permissions here.")
    return formatting.paragraph(_("**I can't post here yet.**"), remedy)
