"""The reply to `/pixverse-admin check`: a line for everything that has to work, each problem with its fix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from model.messages import Cause, ClaimedUser, Obstacle
from ui import formatting
from ui.card_views import missing_permissions
from ui.command_texts import CommandMentions
from ui.link_reasons import because
from ui.message import Reply

_CHANNELS = 5


class TokenState(StrEnum):
    """What useapi.net says to the token that this server uses."""

    WORKS = "works"
    MISSING = "missing"
    REFUSED = "refused"
    UNPAID = "unpaid"
    ENTER_AGAIN = "enter again"
    """A token was set, but is no longer stored."""
    UNTRIED = "untried"
    """useapi.net did not answer."""


@dataclass(frozen=True, slots=True)
class Followed:
    """A channel in which every job of the server's account is posted."""

    channel_id: int
    missing: tuple[str, ...]
    """Permissions without which nothing can be posted there."""
    other_account: bool
    """It follows another account than the one in use."""


@dataclass(frozen=True, slots=True)
class NeedsPermission:
    """A channel in which results wait for a permission."""

    channel_id: int
    missing: tuple[str, ...]
    """Empty if Discord refuses messages for an unknown reason."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What the check found. Times are in milliseconds UTC, sizes in bytes."""

    token: TokenState
    account: ClaimedUser | None
    """The useapi.net user, if the token's text claims one."""
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
    """Since when the oldest job is watched."""
    waiting: int
    """Outcomes that are not posted yet."""
    alerts_channel: int | None
    alerts_missing: tuple[str, ...] = ()
    waiting_since: int | None = None
    """Since when the oldest outcome that is not posted waits."""
    held_up: bool = False
    """The oldest outcome has waited longer than posting takes."""
    needing: tuple[NeedsPermission, ...] = ()
    """Channels in which outcomes wait for a permission."""
    not_posted: int = 0
    """Outcomes that were given up, or that may or may not have been posted."""
    followed: tuple[Followed, ...] = ()
    on_hold: int = 0
    """Watched jobs that belong to another account than the one in use."""
    refused: bool = False
    """A message waits because Discord refuses it in this channel."""
    uploads_limited: bool = False
    """Discord accepted the latest result only without its file, because it limits uploads in this server."""
    callback_heard_at: int | None = None
    api_down_since: int | None = None


class _Kind(Enum):
    PROBLEM = auto()
    """Somebody here can fix it; the text says how."""
    WAITS = auto()
    """It passes by itself."""
    WORKS = auto()


@dataclass(frozen=True, slots=True)
class _Line:
    kind: _Kind
    text: str


def check_reply(report: CheckReport, mentions: CommandMentions) -> Reply:
    """The report: problems first, each with its fix, then what waits, then in one line what works."""
    found = (
        _token(report, mentions) if report.token is not TokenState.UNTRIED or report.api_down_since is None else None,
        _api(report),
        _channel(report),
        _files(report),
        _watching(report),
        _results(report, mentions),
        _followed(report, mentions),
        _alerts(report, mentions),
        _callback(report),
    )
    by_kind = {kind: [line.text for line in found if line and line.kind is kind] for kind in _Kind}
    problems = by_kind[_Kind.PROBLEM]
    head = formatting.plural(
        len(problems),
        "**{number} problem.**",
        "**{number} problems.**",
        zero="**Nothing to fix here.**" if by_kind[_Kind.WAITS] else "**Everything works here.**",
    )
    held = _of_other_account(report, mentions)
    lost = f"{_lost(report)}: see {mentions.deliveries}." if report.not_posted and not report.waiting else ""
    if lost and not problems:
        head, lost = f"**{_lost(report)}.** {mentions.deliveries} shows why.", ""
    elif held and not problems:
        head, held = held, ""
    fixes = [f"- {text}" for text in problems]
    works = by_kind[_Kind.WORKS]
    return Reply(
        formatting.lines(
            head, *fixes, lost, held, *by_kind[_Kind.WAITS], f"-# Works: {' · '.join(works)}" if works else ""
        )
    )


def _token(report: CheckReport, mentions: CommandMentions) -> _Line:
    match report.token:
        case TokenState.WORKS:
            account = formatting.account(report.account) if report.account else ""
            tried = f"tested {formatting.relative(report.tried_at)}" if report.tried_at is not None else ""
            own = "the operator's" if report.operators_token else ""
            known = formatting.joined((account, own, tried), ", ")
            return _Line(_Kind.WORKS, f"token ({known})" if known else "token")
        case TokenState.MISSING:
            return _Line(
                _Kind.PROBLEM, f"No API token is set. Enter the one from useapi.net with {mentions.token_set}."
            )
        case TokenState.ENTER_AGAIN:
            text = f"I no longer have the API token that was set. {_held(report)}"
            return _Line(_Kind.PROBLEM, f"{text}Enter it again with {mentions.token_set}.")
        case TokenState.REFUSED:
            return _Line(_Kind.PROBLEM, _refused(report, mentions))
        case TokenState.UNPAID:
            return _Line(
                _Kind.PROBLEM,
                f"The useapi.net subscription has expired. {_held(report)}Renew it there, and I'll resume.",
            )
        case TokenState.UNTRIED:
            return _Line(_Kind.WAITS, "useapi.net isn't answering, so I couldn't test the token.")


def _refused(report: CheckReport, mentions: CommandMentions) -> str:
    if report.operators_token:
        return (
            f"useapi.net refuses the operator's token. {_held(report)}Only the bot's operator can replace it; "
            f"or set this server's own with {mentions.token_set}."
        )
    return f"useapi.net refuses this server's API token. {_held(report)}Set a new one with {mentions.token_set}."


def _is_on_hold(report: CheckReport) -> bool:
    """Whether everything is on hold because of the token."""
    return report.token in (TokenState.MISSING, TokenState.ENTER_AGAIN, TokenState.REFUSED, TokenState.UNPAID)


def _held(report: CheckReport) -> str:
    """How much is on hold because of the token, as a sentence with a space behind it."""
    jobs = formatting.count(report.watching, "job", "jobs") if report.watching else ""
    resting = [one for one in report.followed if not one.missing and not one.other_account]
    followed = _channels_of(resting)
    verb = "is" if report.watching + len(resting) == 1 else "are"
    held = formatting.joined((jobs, followed), " and ")
    return f"{held} {verb} on hold. " if held else ""


def _channels_of(followed: Iterable[Followed]) -> str:
    return formatting.channels([one.channel_id for one in followed])


def _api(report: CheckReport) -> _Line | None:
    if report.api_down_since is None:
        return None
    since = formatting.relative(report.api_down_since)
    if report.token in (TokenState.WORKS, TokenState.REFUSED, TokenState.UNPAID):
        return _Line(_Kind.WAITS, f"PixVerse's API went down {since}, but answered just now.")
    untested = ", so I couldn't test the token" if report.token is TokenState.UNTRIED else ""
    return _Line(_Kind.WAITS, f"PixVerse's API went down {since}{untested}. I'll keep trying.")


def _channel(report: CheckReport) -> _Line:
    if report.locked:
        return _Line(_Kind.PROBLEM, "This thread is locked. Unlock it, or use another channel.")
    if report.missing:
        names = formatting.enumeration(f"*{name}*" for name in report.missing)
        if set(report.missing) & set(Obstacle):
            return _Line(_Kind.PROBLEM, f"I can't post here.{missing_permissions(report.missing)}")
        return _Line(_Kind.PROBLEM, f"I need {names} in this channel. Allow it in the channel's permissions.")
    if report.refused:
        return _Line(_Kind.PROBLEM, "Discord refuses my messages in this channel. Check my permissions in it.")
    works = "posting and replies" if report.uploads_limited else "posting, files and replies"
    return _Line(_Kind.WORKS, f"{works} in this channel")


def _files(report: CheckReport) -> _Line | None:
    if report.uploads_limited:
        return _Line(_Kind.WAITS, f"{because(Cause.UPLOADS_LIMITED)} Results come as links until that ends.")
    if report.upload_limit is None:
        return None
    return _Line(_Kind.WORKS, f"files up to {formatting.size(report.upload_limit)}")


def _of_other_account(report: CheckReport, mentions: CommandMentions) -> str:
    if _is_on_hold(report) or not report.on_hold:
        return ""
    return formatting.plural(
        report.on_hold,
        "**{number} job of a different account is on hold.** {token_set} with that account's token resumes it.",
        "**{number} jobs of a different account are on hold.** {token_set} with that account's token resumes them.",
        token_set=mentions.token_set,
    )


def _watching(report: CheckReport) -> _Line | None:
    watching = report.watching - report.on_hold
    if _is_on_hold(report) or not watching:
        return None
    if report.on_hold or report.oldest is None:
        return _Line(_Kind.WORKS, formatting.plural(watching, "watching {number} job", "watching {number} jobs"))
    with_age = "watching {number} job, added {since}", "watching {number} jobs, oldest {since}"
    return _Line(_Kind.WORKS, formatting.plural(watching, *with_age, since=formatting.relative(report.oldest)))


def _results(report: CheckReport, mentions: CommandMentions) -> _Line | None:
    if not report.waiting:
        return None
    oldest = f" (oldest: {formatting.relative(report.waiting_since)})" if report.waiting_since is not None else ""
    waiting = formatting.plural(
        report.waiting,
        "{number} result is waiting to be posted{oldest}.",
        "{number} results are waiting to be posted{oldest}.",
        oldest=oldest,
    )
    if report.needing:
        channels = [(one.channel_id, one.missing) for one in report.needing]
        troubles = " ".join(_cannot_post_in(channels))
        allow = "Allow it there, and I'll post it.", "Allow it there, and I'll post them."
        return _Line(_Kind.PROBLEM, f"{waiting} {troubles} {formatting.plural(report.waiting, *allow)}")
    if not report.held_up:
        return _Line(_Kind.WAITS, waiting)
    return _Line(_Kind.PROBLEM, f"{waiting} {mentions.deliveries} shows why.")


def _lost(report: CheckReport) -> str:
    return formatting.plural(report.not_posted, "{number} result was not posted", "{number} results were not posted")


def _followed(report: CheckReport, mentions: CommandMentions) -> _Line | None:
    if not report.followed:
        return None
    troubles = [*_without_permission(report.followed), *_paused(report.followed, mentions)]
    if troubles:
        return _Line(_Kind.PROBLEM, " ".join(troubles))
    if _is_on_hold(report):
        return None
    return _Line(_Kind.WORKS, f"following into {_channels_of(report.followed)}")


def _without_permission(followed: Sequence[Followed]) -> Iterator[str]:
    broken = [(one.channel_id, one.missing) for one in followed if one.missing]
    yield from _cannot_post_in(broken)
    if broken:
        yield "Allow it there."


def _cannot_post_in(channels: Sequence[tuple[int, tuple[str, ...]]]) -> Iterator[str]:
    """A sentence for each set of missing permissions, with the channels in which they are missing."""
    alike: dict[tuple[str, ...], list[int]] = {}
    for channel_id, missing in channels[:_CHANNELS]:
        alike.setdefault(missing, []).append(channel_id)
    for missing, found in alike.items():
        where = formatting.enumeration(f"<#{channel_id}>" for channel_id in found)
        if missing and not set(missing) & set(Obstacle):
            yield f"I need {formatting.enumeration(f'*{name}*' for name in missing)} in {where}."
        else:
            yield f"I can't post in {where}.{missing_permissions(missing)}"
    if len(channels) > _CHANNELS:
        yield formatting.plural(
            len(channels) - _CHANNELS, "{number} more is like that.", "{number} more are like that."
        )


def _paused(followed: Sequence[Followed], mentions: CommandMentions) -> Iterator[str]:
    paused = [one for one in followed if one.other_account and not one.missing]
    if paused:
        yield formatting.plural(
            len(paused),
            "{channels} is paused: the token belongs to a different account. Run {follow} again.",
            "{channels} are paused: the token belongs to a different account. Run {follow} again.",
            channels=_channels_of(paused),
            follow=mentions.follow,
        )


def _callback(report: CheckReport) -> _Line | None:
    if report.callback_heard_at is None:
        return None
    return _Line(_Kind.WORKS, f"callbacks (last one {formatting.relative(report.callback_heard_at)})")


def _alerts(report: CheckReport, mentions: CommandMentions) -> _Line:
    if report.alerts_channel is None:
        return _Line(_Kind.WORKS, f"alerts go to the job's own channel ({mentions.alerts} changes that)")
    if report.alerts_missing:
        names = formatting.enumeration(f"*{name}*" for name in report.alerts_missing)
        return _Line(
            _Kind.PROBLEM,
            f"I need {names} in the alerts channel <#{report.alerts_channel}>. Allow it there, "
            f"or choose another channel with {mentions.alerts}.",
        )
    return _Line(_Kind.WORKS, f"alerts go to <#{report.alerts_channel}>")
