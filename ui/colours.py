"""The colours of cards and summaries: blue at work, green done, red failed or refused, amber on hold."""

from __future__ import annotations

from discord import Colour

from model.job import Outcome
from model.states import CardStatus

RUNNING = Colour(0x3A57D6)
DONE = Colour(0x1C7A46)
FAILED = Colour(0xB3261E)
ON_HOLD = Colour(0xC98A00)
STOPPED = Colour(0x6B7280)

OF_STATUS = {
    CardStatus.API_DOWN: ON_HOLD,
    CardStatus.TOKEN_REFUSED: ON_HOLD,
    CardStatus.UNPAID: ON_HOLD,
    CardStatus.OTHER_ACCOUNT: ON_HOLD,
    CardStatus.PAUSED: ON_HOLD,
    CardStatus.CANNOT_POST: ON_HOLD,
    CardStatus.UNSURE: ON_HOLD,
    CardStatus.NOT_POSTED: FAILED,
    CardStatus.STOPPED: STOPPED,
}
"""Every other status is of a job at work."""

OF_OUTCOME = {
    Outcome.COMPLETED: DONE,
    Outcome.MODERATED: FAILED,
    Outcome.FAILED: FAILED,
    Outcome.CANCELLED: STOPPED,
    Outcome.EXPIRED: STOPPED,
    Outcome.NOT_FOUND: STOPPED,
    Outcome.GIVEN_UP: STOPPED,
}
