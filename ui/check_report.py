"""The answer to `/pixverse-admin check`: a line for everything that has to work, each fault with its remedy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ui import wording
from ui.answer import Answer
from ui.escape import code
from ui.mentions import CommandMentions


class TokenState(StrEnum):
    """How useapi.net took the token that is in force here."""

    WORKS = "works"
    MISSING = "missing"
    REFUSED = "refused"
    UNPAID = "unpaid"
    UNTRIED = "untried"
    """useapi.net did not answer."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was found. Times are milliseconds UTC, sizes bytes."""

    token: TokenState
    account: str | None
    """The useapi user number, where the token shows it."""
    operators_token: bool
    """The server has none of its own and uses the operator's."""
    tried_at: int | None
    missing: tuple[str, ...]
    """Permissions that are missing in this channel, as Discord's settings name them."""
    locked: bool
    """This is a locked thread."""
    upload_limit: int | None
    watching: int
    oldest: int | None
    """Since when the oldest open job is watched."""
    waiting: int
    """Outcomes that could not be posted yet."""
    alerts_channel: int | None
    alerts_missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Line:
    well: bool
    text: str


def check_answer(report: CheckReport, mentions: CommandMentions) -> Answer:
    """The report; what has to be mended comes first."""
    found = (
        _token(report, mentions),
        _channel(report),
        _files(report),
        _watching(report),
        _results(report),
        _alerts(report, mentions),
    )
    faults = [f"**Fix:** {line.text}" for line in found if line and not line.well]
    well = [f"OK: {line.text}" for line in found if line and line.well]
    head = f"**{wording.count(len(faults), 'thing', 'things')} to mend.**" if faults else "**Everything works here.**"
    return Answer("\n".join((head, *faults, *well)))


def _token(report: CheckReport, mentions: CommandMentions) -> _Line:
    match report.token:
        case TokenState.WORKS:
            account = f"account {code(report.account, 40)}" if report.account else ""
            tried = f"tried {wording.relative(report.tried_at)}" if report.tried_at is not None else ""
            own = "the operator's account" if report.operators_token else ""
            return _Line(True, f"Token: {wording.joined(('works', account, own, tried), ', ')}.")
        case TokenState.MISSING:
            return _Line(False, f"Token: none is set. Set it with {mentions.token_set}; you find it at useapi.net.")
        case TokenState.REFUSED:
            return _Line(False, f"Token: {_refused(report, mentions)}")
        case TokenState.UNPAID:
            return _Line(
                False,
                "Token: the useapi.net subscription has run out. Renew it there; I go on by myself.",
            )
        case TokenState.UNTRIED:
            return _Line(False, "Token: useapi.net isn't answering. Try again in a few minutes; nothing is lost.")


def _refused(report: CheckReport, mentions: CommandMentions) -> str:
    if report.operators_token:
        return (
            "useapi.net refuses the operator's token. Only the bot's operator can replace it, "
            f"or set one of this server's own with {mentions.token_set}."
        )
    return f"useapi.net refuses it. Set the new one with {mentions.token_set}."


def _channel(report: CheckReport) -> _Line:
    if report.locked:
        return _Line(False, "This channel: the thread is locked. Unlock it, or use another channel.")
    if report.missing:
        names = wording.enumeration(f"*{name}*" for name in report.missing)
        return _Line(
            False, f"This channel: I'm missing {names}. Allow it in the channel's settings, under Permissions."
        )
    return _Line(True, "This channel: I can post, attach, reply.")


def _files(report: CheckReport) -> _Line | None:
    if report.upload_limit is None:
        return None
    return _Line(True, f"Files: up to {wording.size(report.upload_limit)}; larger ones come as links.")


def _watching(report: CheckReport) -> _Line:
    oldest = f", oldest {wording.relative(report.oldest)}" if report.watching and report.oldest is not None else ""
    return _Line(True, f"Watching: {wording.count(report.watching, 'job', 'jobs')}{oldest}.")


def _results(report: CheckReport) -> _Line:
    if not report.waiting:
        return _Line(True, "Results waiting: none.")
    return _Line(
        False,
        f"Results waiting: {report.waiting}. Allow me to post in the channels whose cards say what is missing; "
        "results then come by themselves.",
    )


def _alerts(report: CheckReport, mentions: CommandMentions) -> _Line:
    if report.alerts_channel is None:
        return _Line(True, f"Alerts go to a channel that waits for a job; {mentions.alerts} chooses another.")
    if report.alerts_missing:
        names = wording.enumeration(f"*{name}*" for name in report.alerts_missing)
        return _Line(
            False,
            f"Alerts: I'm missing {names} in <#{report.alerts_channel}>. Allow it there, "
            f"or choose another channel with {mentions.alerts}.",
        )
    return _Line(True, f"Alerts go to <#{report.alerts_channel}>.")
