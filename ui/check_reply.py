"""The reply to `/pixverse-admin check`: every problem with its fix, and what works."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from model.messages import Cause, ClaimedUser, Obstacle
from relay.accounts.rechecks import Recheck
from ui import formatting, on_hold
from ui.cannot_post import because, is_beyond_permissions, missing_permissions, permissions
from ui.command_texts import CommandMentions
from ui.discord_limits import MESSAGE, units
from ui.language import N_, NP_, _, plural
from ui.message import Reply

_CHANNELS = (5, 3, 1)
"""How many channels with missing permissions are named. The first number with which the reply fits into a message is
used."""


@dataclass(frozen=True, slots=True)
class ChannelAccess:
    """The bot's permissions in a channel in which it has to post."""

    channel_id: int
    missing: tuple[str, ...]
    """Missing permissions that keep the bot from posting there; empty if none are known to be missing."""


@dataclass(frozen=True, slots=True)
class Followed(ChannelAccess):
    """A channel in which every job of the server's account is posted."""

    other_account: bool
    """Whether the channel follows an account other than the one in use."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What the check found. Times are in milliseconds UTC, sizes in bytes."""

    token: Recheck
    """The result for the token that this server uses."""
    account: ClaimedUser | None
    """The useapi.net user, if the token's text claims one."""
    operators_token: bool
    """Whether the server has no token of its own and uses the operator's."""
    tried_at: int | None
    missing: tuple[str, ...]
    """Permissions that the bot lacks in the channel of the command, as Discord's settings name them."""
    locked: bool
    """Whether this is a locked thread."""
    upload_limit: int | None
    watching: int
    oldest: int | None
    """Since when the oldest job has been watched."""
    waiting: int
    """Number of outcomes that are not posted yet."""
    alerts_channel: int | None
    alerts_missing: tuple[str, ...] = ()
    channel_id: int | None = None
    """The channel of the command."""
    waiting_since: int | None = None
    """Since when the oldest unposted outcome has been waiting."""
    held_up: bool = False
    """Whether the oldest outcome has waited longer than posting normally takes."""
    needing: tuple[ChannelAccess, ...] = ()
    """Channels in which outcomes wait for a permission."""
    not_posted: int = 0
    """Number of outcomes that were given up, or that may or may not have been posted."""
    followed: tuple[Followed, ...] = ()
    on_hold: int = 0
    """Number of watched jobs that belong to an account other than the one in use."""
    refused: bool = False
    """Whether a message waits because Discord refuses it in this channel."""
    uploads_limited: bool = False
    """Whether Discord accepted the latest result only without its file, because it limits uploads in this server."""
    callback_heard_at: int | None = None
    api_down_since: int | None = None
    trouble: Recheck | None = None
    """What was wrong with the token before, if the API does not respond now."""

    @property
    def last_known(self) -> Recheck:
        """The latest result for the token that the API has given, or else that it gave none."""
        return self.trouble or self.token


class _Kind(Enum):
    PROBLEM = auto()
    """Somebody in the server can fix it; the text says how."""
    WAITS = auto()
    """It resolves itself."""
    WORKS = auto()


_Found = tuple[_Kind, str]
"""The finding about one thing that has to work."""


def check_reply(report: CheckReport, mentions: CommandMentions) -> Reply:
    """Shows the report: problems first, each with its fix, then what waits, then one line about what works."""
    for channels in _CHANNELS:
        text = _text(report, mentions, channels)
        if units(text) <= MESSAGE:
            return Reply(text)
    raise AssertionError("there is always room for one channel")


def _text(report: CheckReport, mentions: CommandMentions, channels: int) -> str:
    found = (
        _token(report, mentions),
        _api(report),
        None if _is_said_elsewhere(report) else _channel(report),
        _files(report),
        _watching(report),
        _results(report, mentions, channels),
        _followed(report, mentions, channels),
        _alerts(report, mentions),
        _callback(report),
    )
    problems, waits, works = ([text for kind, text in filter(None, found) if kind is wanted] for wanted in _Kind)
    works_here = _("**Nothing to fix here.**") if waits else _("**Everything works here.**")
    head = plural("**{n} problem.**", "**{n} problems.**", len(problems), zero=works_here)
    held = _of_other_account(report, mentions)
    lost = _lost(report, mentions, alone=not problems) if report.not_posted and not report.waiting else ""
    if lost and not problems:
        head, lost = lost, ""
    elif held and not problems:
        head, held = held, ""
    fixes = [f"- {text}" for text in problems]
    # Translators: a list of what works: "token (account 1, tested 3 minutes ago) · files up to 10 MB".
    small = formatting.small(_("Works: {things}", things=formatting.joined(works))) if works else ""
    return formatting.lines(head, *fixes, lost, held, *waits, small)


def _token(report: CheckReport, mentions: CommandMentions) -> _Found | None:
    match report.last_known:
        case Recheck.WORKS:
            return _Kind.WORKS, _working_token(report)
        case Recheck.NO_TOKEN:
            return _Kind.PROBLEM, _("No API token is set. Enter the one from useapi.net with {token_set}.", **mentions)
        case Recheck.TOKEN_MISSING:
            gone = _("I no longer have the API token that was set.")
            again = _("Enter it again with {token_set}.", **mentions)
            return _Kind.PROBLEM, formatting.paragraph(gone, _held(report), again)
        case Recheck.REFUSED:
            state, fix = N_("useapi.net refuses this server's API token."), on_hold.SET_A_NEW_TOKEN
            if report.operators_token:
                state = N_("useapi.net refuses the operator's token.")
                fix = N_("Only the bot's operator can replace it; or set this server's own with {token_set}.")
            return _Kind.PROBLEM, formatting.paragraph(_(state), _held(report), _(fix, **mentions))
        case Recheck.UNPAID:
            expired = _(on_hold.SUBSCRIPTION_EXPIRED)
            renew = _("Renew it there, and I'll resume.")
            return _Kind.PROBLEM, formatting.paragraph(expired, _held(report), renew)
        case Recheck.NO_RESPONSE:
            return None


def _working_token(report: CheckReport) -> str:
    account = formatting.account(report.account) if report.account else ""
    # Translators: whose token is in use, in brackets.
    own = _("the operator's") if report.operators_token else ""
    tried = _("tested {when}", when=formatting.relative(report.tried_at)) if report.tried_at is not None else ""
    known = formatting.listing((account, own, tried))
    return _("token ({about})", about=known) if known else _("token")


def _is_on_hold(report: CheckReport) -> bool:
    """Whether everything is on hold because of the token."""
    return report.last_known in (Recheck.NO_TOKEN, Recheck.TOKEN_MISSING, Recheck.REFUSED, Recheck.UNPAID)


def _held(report: CheckReport) -> str:
    """Says how much is on hold because of the token; empty if nothing is."""
    resting = [one for one in report.followed if not one.missing and not one.other_account]
    channels = _channels_of(resting)
    if report.watching and channels:
        return plural(
            "{n} job is on hold, as well as {channels}.",
            "{n} jobs are on hold, as well as {channels}.",
            report.watching,
            channels=channels,
        )
    if report.watching:
        return plural("{n} job is on hold.", "{n} jobs are on hold.", report.watching)
    return plural("{channels} is on hold.", "{channels} are on hold.", len(resting), zero="", channels=channels)


def _channels_of(followed: Iterable[Followed]) -> str:
    return formatting.channels([one.channel_id for one in followed])


def _api(report: CheckReport) -> _Found | None:
    if report.api_down_since is None:
        untested = _("useapi.net isn't answering, so I couldn't test the token.")
        return (_Kind.WAITS, untested) if report.token is Recheck.NO_RESPONSE else None
    when = formatting.relative(report.api_down_since)
    text = _("PixVerse's API went down {when}. I'll keep trying.", when=when)
    if report.token in (Recheck.WORKS, Recheck.REFUSED, Recheck.UNPAID):
        text = _("PixVerse's API went down {when}, but answered just now.", when=when)
    elif report.token is Recheck.NO_RESPONSE:
        text = _("PixVerse's API went down {when}, so I couldn't test the token. I'll keep trying.", when=when)
    return _Kind.WAITS, text


def _is_said_elsewhere(report: CheckReport) -> bool:
    """Whether the findings about results and follows say what is missing in the channel of the command."""
    return bool(report.missing) and any(
        one.channel_id == report.channel_id and set(report.missing) <= set(one.missing)
        for one in (*report.needing, *report.followed)
    )


def _channel(report: CheckReport) -> _Found:
    if report.locked:
        return _Kind.PROBLEM, _("This thread is locked. Unlock it, or use another channel.")
    if set(report.missing) & set(Obstacle):
        return _Kind.PROBLEM, formatting.paragraph(_("I can't post here."), missing_permissions(report.missing))
    if report.missing:
        names = permissions(report.missing)
        allow = N_("I need {permissions} in this channel. Allow it in the channel's permissions.")
        return _Kind.PROBLEM, _(allow, permissions=names)
    if report.refused:
        return _Kind.PROBLEM, _("Discord refuses my messages in this channel. Check my permissions in it.")
    if report.uploads_limited:
        return _Kind.WORKS, _("posting and replies in this channel")
    return _Kind.WORKS, _("posting, files and replies in this channel")


def _files(report: CheckReport) -> _Found | None:
    if report.uploads_limited:
        until = _("Results come as links until that ends.")
        return _Kind.WAITS, formatting.paragraph(because(Cause.UPLOADS_LIMITED), until)
    if report.upload_limit is None:
        return None
    return _Kind.WORKS, _("files up to {size}", size=formatting.size(report.upload_limit))


def _of_other_account(report: CheckReport, mentions: CommandMentions) -> str:
    if _is_on_hold(report) or not report.on_hold:
        return ""
    return plural(
        "**{n} job of a different account is on hold.** {token_set} with that account's token resumes it.",
        "**{n} jobs of a different account are on hold.** {token_set} with that account's token resumes them.",
        report.on_hold,
        **mentions,
    )


def _watching(report: CheckReport) -> _Found | None:
    watching = report.watching - report.on_hold
    if _is_on_hold(report) or not watching:
        return None
    if report.on_hold or report.oldest is None:
        return _Kind.WORKS, plural("watching {n} other job", "watching {n} other jobs", watching)
    since = formatting.relative(report.oldest)
    text = plural("watching {n} job, added {when}", "watching {n} jobs, oldest {when}", watching, when=since)
    return _Kind.WORKS, text


def _results(report: CheckReport, mentions: CommandMentions, most: int) -> _Found | None:
    if not report.waiting:
        return None
    if report.waiting_since is None:
        waiting = plural("{n} result is waiting to be posted.", "{n} results are waiting to be posted.", report.waiting)
    else:
        waiting = plural(
            "{n} result is waiting to be posted (oldest: {when}).",
            "{n} results are waiting to be posted (oldest: {when}).",
            report.waiting,
            when=formatting.relative(report.waiting_since),
        )
    if report.needing:
        allow = plural("Allow it there, and I'll post it.", "Allow it there, and I'll post them.", report.waiting)
        if _are_beyond_permissions(report.needing):
            allow = ""
        return _Kind.PROBLEM, formatting.paragraph(waiting, *_cannot_post_in(report, report.needing, most), allow)
    if report.held_up:
        return _Kind.PROBLEM, formatting.paragraph(waiting, _("{deliveries} shows why.", **mentions))
    return _Kind.WAITS, waiting


def _lost(report: CheckReport, mentions: CommandMentions, *, alone: bool) -> str:
    """Says how many results were not posted. If `alone`, this is the reply's first line."""
    forms = NP_("{n} result was not posted: see {deliveries}.", "{n} results were not posted: see {deliveries}.")
    if alone:
        forms = NP_(
            "**{n} result was not posted.** {deliveries} shows why.",
            "**{n} results were not posted.** {deliveries} shows why.",
        )
    return plural(*forms, report.not_posted, **mentions)


def _followed(report: CheckReport, mentions: CommandMentions, most: int) -> _Found | None:
    if not report.followed:
        return None
    waiting = {one.channel_id for one in report.needing}
    broken = [one for one in report.followed if one.missing and one.channel_id not in waiting]
    paused = [one for one in report.followed if one.other_account and not one.missing]
    if broken or paused:
        set_up_again = plural(
            "{channels} is paused: the token belongs to a different account. Run {follow} again.",
            "{channels} are paused: the token belongs to a different account. Run {follow} again.",
            len(paused),
            zero="",
            channels=_channels_of(paused),
            **mentions,
        )
        allow = "" if _are_beyond_permissions(broken) else _("Allow it there.")
        return _Kind.PROBLEM, formatting.paragraph(*_cannot_post_in(report, broken, most), allow, set_up_again)
    works = [one for one in report.followed if not one.missing]
    if _is_on_hold(report) or not works:
        return None
    return _Kind.WORKS, _("following into {channels}", channels=_channels_of(works))


def _are_beyond_permissions(channels: Iterable[ChannelAccess]) -> bool:
    return all(is_beyond_permissions(one.missing) for one in channels)


def _cannot_post_in(report: CheckReport, channels: Sequence[ChannelAccess], most: int) -> Iterator[str]:
    """A sentence for each set of missing permissions, with the affected channels. At most `most` channels are named,
    the channel of the command first."""
    alike: dict[tuple[str, ...], list[int]] = {}
    for one in sorted(channels, key=lambda one: one.channel_id != report.channel_id)[:most]:
        alike.setdefault(one.missing, []).append(one.channel_id)
    for missing, found in alike.items():
        where = formatting.enumeration(formatting.channel(channel_id) for channel_id in found)
        if missing and not set(missing) & set(Obstacle):
            yield _("I need {permissions} in {channels}.", permissions=permissions(missing), channels=where)
        else:
            yield formatting.paragraph(_("I can't post in {channel}.", channel=where), missing_permissions(missing))
    if len(channels) > most:
        yield plural("{n} more is like that.", "{n} more are like that.", len(channels) - most)


def _callback(report: CheckReport) -> _Found | None:
    if report.callback_heard_at is None:
        return None
    return _Kind.WORKS, _("callbacks (last one {when})", when=formatting.relative(report.callback_heard_at))


def _alerts(report: CheckReport, mentions: CommandMentions) -> _Found:
    if report.alerts_channel is None:
        return _Kind.WORKS, _("alerts go to the job's own channel ({alerts} changes that)", **mentions)
    channel = formatting.channel(report.alerts_channel)
    if is_beyond_permissions(report.alerts_missing):
        state = _("I can't post in {channel}.", channel=channel)
        return _Kind.PROBLEM, formatting.paragraph(state, missing_permissions(report.alerts_missing))
    if report.alerts_missing:
        text = _(
            "I need {permissions} in the alerts channel {channel}. Allow it there, or choose another channel with "
            "{alerts}.",
            permissions=permissions(report.alerts_missing),
            channel=channel,
            **mentions,
        )
        return _Kind.PROBLEM, text
    return _Kind.WORKS, _("alerts go to {channel}", channel=channel)
