"""Discord's bounds on what a message may hold (Discord developer documentation: Message, Components, Modals, Commands).

Lengths of text are counted in UTF-16 units, which is never less than what Discord counts.
"""

from __future__ import annotations

MESSAGE = 2000
"""Characters of a plain message's content."""
TEXT_DISPLAYS = 4000
"""Characters of all texts of a Components V2 message together."""
ALT_TEXT = 1024
COMMAND_DESCRIPTION = 100
CHOICE = 100
"""Characters of an autocomplete choice's name, and of its value."""
CHOICES = 25
MODAL_INPUT = 4000
FILES = 10

PROMPT = 180
SHORT_PROMPT = 60
REASON = 300
"""Characters of `error`, and of `errorDetails`."""
JOB_ID = 80
ALT_PROMPT = 900


def units(text: str) -> int:
    """The length of `text` in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
