"""The answer to `/pixverse-admin check`: a line for everything that has to work, each fault with its remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ui import wording
from ui.answer import Answer
from ui.escape import code
from ui.mentions import CommandMentions

_CHANNELS = 5


class TokenState(StrEnum):
    """How useapi.net took the token that is in force here."""

    WORKS = "works"
    MISSING = "missing"
    REFUSED = "refused"
    UNPAID = "unpaid"
    UNTRIED = "untried"
    """useapi.net did not answer."""


@dataclass(frozen=True, slots=True)
class Followed:
    """A channel to which every job of the server's account is relayed."""

    channel_id: int
    missing: tuple[str, ...]
    """Permissions without which nothing can be posted there."""
    other_account: bool
    """It was set up with another account than the one in force."""


@dataclass(frozen=True, slots=True)
class NeedsPermission:
    """A channel in which results wait for a permission."""

    channel_id: int
    missing: tuple[str, ...]
    """Empty where Discord refuses and nobody can tell why."""


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
    waiting_since: int | None = None
    """Since when the oldest of them waits."""
    held_up: bool = False
    """It waits for longer than posting takes."""
    needing: tuple[NeedsPermission, ...] = ()
    """Where some of them wait for a permission."""
    not_posted: int = 0
    """Outcomes that were given up, or of which nobody knows."""
    followed: tuple[Followed, ...] = ()
    callback_heard_at: int | None = None
    api_down_since: int | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    well: bool
    text: str


def check_answer(report: CheckReport, mentions: CommandMentions) -> Answer:
    """The report; what has to be mended comes first."""
    found = (
        _token(report, mentions),
        _api(report),
        _channel(report),
        _files(report),
        _watching(report),
        _results(report, mentions),
        _followed(report, mentions),
        _alerts(report, mentions),
        _callback(report),
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


def _api(report: CheckReport) -> _Line | None:
    if report.api_down_since is None:
        return None
    since = wording.relative(report.api_down_since)
    return _Line(False, f"PixVerse's API: not answering since {since}. I keep trying and nothing is lost; just wait.")


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
    return _Line(True, f"Files: up to {wording.size(report.upload_limit)}; larger ones may come as links.")


def _watching(report: CheckReport) -> _Line:
    oldest = f", oldest {wording.relative(report.oldest)}" if report.watching and report.oldest is not None else ""
    return _Line(True, f"Watching: {wording.count(report.watching, 'job', 'jobs')}{oldest}.")


def _results(report: CheckReport, mentions: CommandMentions) -> _Line:
    if not report.waiting:
        lost = f"; {wording.count(report.not_posted, 'was', 'were')} not posted, see {mentions.deliveries}"
        return _Line(True, f"Results waiting: none{lost if report.not_posted else ''}.")
    oldest = f", oldest {wording.relative(report.waiting_since)}" if report.waiting_since is not None else ""
    waiting = f"Results waiting: {report.waiting}{oldest}."
    if report.needing:
        channels = [(one.channel_id, one.missing) for one in report.needing]
        troubles = " ".join(_cannot_post_in(channels))
        return _Line(False, f"{waiting} {troubles} Allow it there; what waits then comes by itself.")
    if not report.held_up:
        return _Line(True, waiting)
    return _Line(False, f"{waiting} {mentions.deliveries} says what each waits for.")


def _followed(report: CheckReport, mentions: CommandMentions) -> _Line | None:
    if not report.followed:
        return None
    troubles = [*_without_permission(report.followed), *_resting(report.followed, mentions)]
    if troubles:
        return _Line(False, f"Followed: {' '.join(troubles)}")
    shown = [f"<#{one.channel_id}>" for one in report.followed[:_CHANNELS]]
    more = len(report.followed) - len(shown)
    return _Line(True, f"Followed: {wording.enumeration((*shown, f'{more} more' if more else ''))}.")


def _without_permission(followed: Sequence[Followed]) -> Iterator[str]:
    broken = [(one.channel_id, one.missing) for one in followed if one.missing]
    yield from _cannot_post_in(broken)
    if broken:
        yield "Allow it there."


def _cannot_post_in(channels: Sequence[tuple[int, tuple[str, ...]]]) -> Iterator[str]:
    for channel_id, missing in channels[:_CHANNELS]:
        names = wording.enumeration(f"*{name}*" for name in missing)
        yield f"I'm missing {names} in <#{channel_id}>." if missing else f"I can't post in <#{channel_id}>."
    if len(channels) > _CHANNELS:
        yield f"{wording.count(len(channels) - _CHANNELS, 'more is', 'more are')} like that."


def _resting(followed: Sequence[Followed], mentions: CommandMentions) -> Iterator[str]:
    resting = [f"<#{one.channel_id}>" for one in followed if one.other_account and not one.missing]
    if not resting:
        return
    more = len(resting) - _CHANNELS
    names = wording.enumeration((*resting[:_CHANNELS], f"{more} more" if more > 0 else ""))
    verb = "rests" if len(resting) == 1 else "rest"
    yield f"{names} {verb}, since the API token is of another account. {mentions.follow} sets it up anew."


def _callback(report: CheckReport) -> _Line:
    if report.callback_heard_at is None:
        return _Line(True, "Callback: not used.")
    return _Line(True, f"Callback: last heard {wording.relative(report.callback_heard_at)}.")


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
