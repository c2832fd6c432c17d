"""Texts that say why watched jobs are on hold, for lists, cards and replies."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from model.states import AccountState, CardStatus
from relay.cards.card_status import HOLDS
from relay.commands.job_queries import Listed
from relay.commands.watch import AlreadyWatched
from ui import formatting
from ui.language import N_, _

REASONS = {
    # Translators: this and the next ones stand behind "On hold: ", several of them with "; " in between.
    CardStatus.API_DOWN: N_("PixVerse's API isn't answering"),
    CardStatus.TOKEN_REFUSED: N_("useapi.net refuses the API token"),
    CardStatus.UNPAID: N_("the useapi.net subscription has expired"),
    CardStatus.TOKEN_MISSING: N_("the API token has to be entered again"),
    CardStatus.OTHER_ACCOUNT: N_("the new API token is for a different account"),
    CardStatus.PAUSED: N_("this bot is paused"),
}
"""The reasons as lists show them."""

CARDS = {
    CardStatus.TOKEN_REFUSED: N_(
        "**On hold: useapi.net refuses this server's API token.** I'll resume once an admin sets a new one."
    ),
    CardStatus.TOKEN_MISSING: N_(
        "**On hold: this server's API token has to be entered again.** I'll resume once an admin does that."
    ),
    CardStatus.UNPAID: N_(
        "**On hold: this server's useapi.net subscription has expired.** I'll resume once it's renewed."
    ),
    CardStatus.OTHER_ACCOUNT: N_(
        "**On hold: the new API token is for a different account.** An admin has to decide about this job."
    ),
    CardStatus.PAUSED: N_(
        "**On hold: this bot is paused.** The job keeps running; I'll post the result when I'm back."
    ),
}
"""The reasons as cards show them. The text for API_DOWN says since when."""
_ASKED_FOR = {
    AccountState.REFUSED: (
        N_("**On hold: useapi.net refuses this server's API token.**"),
        N_("I'll post the result here once someone with *Manage Server* sets a new one."),
        N_("I'll post the result here and ping you once someone with *Manage Server* sets a new one."),
    ),
    AccountState.MISSING: (
        N_("**On hold: this server's API token has to be entered again.**"),
        N_("I'll post the result here once someone with *Manage Server* does that."),
        N_("I'll post the result here and ping you once someone with *Manage Server* does that."),
    ),
    AccountState.UNPAID: (
        N_("**On hold: this server's useapi.net subscription has expired.**"),
        N_("I'll post the result here once it's renewed."),
        N_("I'll post the result here and ping you once it's renewed."),
    ),
}
"""For a person who begins to watch a job: the reason, and what happens next, without and with a ping."""
_WATCHED = {
    CardStatus.TOKEN_REFUSED: N_(
        "On hold: useapi.net refuses this server's API token. "
        "I'll resume once someone with *Manage Server* sets a new one."
    ),
    CardStatus.TOKEN_MISSING: N_(
        "On hold: this server's API token has to be entered again. "
        "I'll resume once someone with *Manage Server* does that."
    ),
    CardStatus.UNPAID: N_("On hold: this server's useapi.net subscription has expired. I'll resume once it's renewed."),
    CardStatus.OTHER_ACCOUNT: N_(
        "It's on hold: the new API token is for a different account. An admin has to decide about it."
    ),
}
"""For a person whose jobs are already watched."""


SUBSCRIPTION_EXPIRED = N_("The useapi.net subscription has expired.")
SET_A_NEW_TOKEN = N_("Set a new one with {token_set}.")
"""For admins: what is wrong with the account, and what to do about its token."""


def why_on_hold(statuses: Iterable[CardStatus | None]) -> str:
    """Why jobs with these statuses are on hold, in one sentence; empty if none are."""
    reasons = dict.fromkeys(_(REASONS[status]) for status in statuses if status in REASONS)
    listed = reduce(lambda items, item: _("{items}; {item}", items=items, item=item), reasons or [""])
    return _("On hold: {reasons}.", reasons=listed) if listed else ""


def hold_of(job: Listed | AlreadyWatched) -> CardStatus | None:
    """Why a watched job is on hold; None if it isn't."""
    if job.on_hold:
        return CardStatus.OTHER_ACCOUNT
    return HOLDS[job.hold] if job.hold is not None else None


def asked_for(hold: AccountState, *, mention: bool) -> str:
    """Why a newly watched job is on hold, and what happens next."""
    why, comes, comes_with_ping = _ASKED_FOR[hold]
    return formatting.paragraph(_(why), _(comes_with_ping if mention else comes))


def watched(hold: CardStatus) -> str:
    """Why already watched jobs are on hold, and until when."""
    return _(_WATCHED[hold])
