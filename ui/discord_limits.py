"""Discord's limits on messages (Discord developer documentation: Message, Components, Modals, Commands).

Lengths of text are in UTF-16 units, which never count less than Discord does.
"""

from __future__ import annotations

MESSAGE = 2000
"""Length of a plain message's content."""
TEXT_DISPLAYS = 4000
"""Total length of all texts of a Components V2 message."""
ALT_TEXT = 1024
COMMAND_DESCRIPTION = 100
CHOICE = 100
"""Length of an autocomplete choice's name, and of its value."""
CHOICES = 25
MODAL_INPUT = 4000
FILES = 10

PROMPT = 180
SHORT_PROMPT = 60
REASON = 300
"""Length of `error`, and of `errorDetails`."""
JOB_ID = 80
ALT_PROMPT = 900


def units(text: str) -> int:
    """The length of `text` in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
