"""The colours of cards and summaries: blue at work, green done, red failed or refused, amber on hold."""

from __future__ import annotations

from discord import Colour

from relay.outcomes import Face, Outcome

RUNNING = Colour(0x3A57D6)
DONE = Colour(0x1C7A46)
FAILED = Colour(0xB3261E)
ON_HOLD = Colour(0xC98A00)
STOPPED = Colour(0x6B7280)

OF_FACE = {
    Face.API_DOWN: ON_HOLD,
    Face.TOKEN_REFUSED: ON_HOLD,
    Face.UNPAID: ON_HOLD,
    Face.OTHER_ACCOUNT: ON_HOLD,
    Face.PAUSED: ON_HOLD,
    Face.CANNOT_POST: ON_HOLD,
    Face.UNSURE: ON_HOLD,
    Face.NOT_POSTED: FAILED,
    Face.STOPPED: STOPPED,
}
"""Every other face is of a job at work."""

OF_OUTCOME = {
    Outcome.COMPLETED: DONE,
    Outcome.MODERATED: FAILED,
    Outcome.FAILED: FAILED,
    Outcome.CANCELLED: STOPPED,
    Outcome.EXPIRED: STOPPED,
    Outcome.NOT_FOUND: STOPPED,
    Outcome.GIVEN_UP: STOPPED,
}
