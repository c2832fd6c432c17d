"""Everything that a server's admins ask for, with commands and with buttons."""

from __future__ import annotations

from dataclasses import dataclass

from cogs.callback_service import CallbackService
from cogs.check_service import CheckService
from cogs.follow_service import FollowService
from cogs.outcome_service import OutcomeService
from cogs.token_service import TokenService


@dataclass(frozen=True, slots=True)
class AdminServices:
    """What the commands and buttons of admins call."""

    tokens: TokenService
    checks: CheckService
    follows: FollowService
    outcomes: OutcomeService
    callbacks: CallbackService
