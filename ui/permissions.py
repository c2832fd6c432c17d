"""What keeps the bot from posting: permissions by their names in Discord's settings, and other obstacles."""

from __future__ import annotations

from collections.abc import Iterable

from model.messages import Obstacle
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
"""The names of all permissions that the bot ever asks for, by those of the API."""

_OBSTACLES: dict[str, str] = {
    Obstacle.TIMED_OUT: N_("I'm timed out; a moderator can end that."),
    Obstacle.LOCKED: N_("The thread is locked; unlock it."),
    Obstacle.NOT_IN_THREAD: N_("I'm not in this private thread: mention me in it, or add me."),
}


def permissions(names: Iterable[str]) -> str:
    """A list of permissions, each as Discord's settings name it."""
    return formatting.enumeration(f"*{_(name)}*" for name in names)


def missing_permissions(names: tuple[str, ...]) -> str:
    """Names what is missing; empty if nothing is named."""
    needed = permissions(name for name in names if name not in _OBSTACLES)
    need = _("I need: {permissions}.", permissions=needed) if needed else ""
    return formatting.paragraph(*(_(text) for obstacle, text in _OBSTACLES.items() if obstacle in names), need)
