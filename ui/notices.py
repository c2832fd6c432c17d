"""Notices: what the bot tells admins unasked."""

from __future__ import annotations

from model.messages import Cause, NoticePost
from model.states import NoticeKind
from ui import formatting
from ui.command_texts import CommandMentions
from ui.escape import escaped
from ui.language import N_, _, plural
from ui.link_reasons import because
from ui.message import Message
from ui.permissions import missing_permissions

_ON_HOLD = N_("**PixVerse results are on hold.**")
_SILENT = (NoticeKind.FLOWING_AGAIN, NoticeKind.FIXED, NoticeKind.TOKEN_REMOVED, NoticeKind.POSTING_AGAIN)
_PINGING = (NoticeKind.TOKEN_REFUSED, NoticeKind.UNPAID, NoticeKind.TOKEN_MISSING)


def notice_message(post: NoticePost, mentions: CommandMentions) -> Message:
    """The notice as a message. The same post always gives the same text, by which the message is found again."""
    return Message(
        content=_text(post, mentions), mention=_pinged(post), suppress_embeds=True, silent=post.kind in _SILENT
    )


def _text(post: NoticePost, mentions: CommandMentions) -> str:
    match post.kind:
        case NoticeKind.TOKEN_REFUSED | NoticeKind.UNPAID | NoticeKind.TOKEN_MISSING:
            return _of_the_token(post, mentions)
        case NoticeKind.FIXED | NoticeKind.TOKEN_REMOVED:
            return _over(post)
        case NoticeKind.FLOWING_AGAIN:
            return formatting.paragraph(_("**PixVerse results are back.**"), _resumed(post))
        case NoticeKind.CANNOT_POST:
            state = _("**I can't post in {channel}.**", channel=_channel(post))
            return formatting.paragraph(state, missing_permissions(post.missing), _held(post))
        case NoticeKind.GIVEN_UP | NoticeKind.REFUSED | NoticeKind.REDUCED:
            return _not_as_it_is(post, mentions)
        case _:
            return _of_a_channel(post, mentions)


def _of_the_token(post: NoticePost, mentions: CommandMentions) -> str:
    if post.kind is NoticeKind.UNPAID:
        return _unpaid(post, mentions)
    return _missing(post, mentions) if post.kind is NoticeKind.TOKEN_MISSING else _refused(post, mentions)


def _of_a_channel(post: NoticePost, mentions: CommandMentions) -> str:
    if post.kind is NoticeKind.POSTING_AGAIN:
        results = plural("{n} result was posted there.", "{n} results were posted there.", post.jobs)
        state = _("**I can post in {channel} again.**", channel=_channel(post))
        return formatting.lines(formatting.paragraph(state, results), _lasted(post))
    return _no_room(post) if post.kind is NoticeKind.NO_ROOM else _channel_gone(post, mentions)


def _resumed(post: NoticePost) -> str:
    return plural("{n} job resumed.", "{n} jobs resumed.", post.jobs, zero="")


def _pinged(post: NoticePost) -> tuple[int, ...]:
    return post.mention if post.kind in _PINGING else ()


def _who(post: NoticePost) -> str:
    return " ".join(formatting.user(person) for person in _pinged(post))


def _over(post: NoticePost) -> str:
    """What an alert is replaced with when its trouble is over."""
    if post.kind is NoticeKind.FIXED:
        state = formatting.paragraph(_("**Fixed: the API token works.**"), _resumed(post))
    else:
        dropped = plural("{n} job is no longer watched.", "{n} jobs are no longer watched.", post.jobs, zero="")
        state = formatting.paragraph(_("**Settled: this server's API token was removed.**"), dropped)
    return formatting.lines(state, _lasted(post))


_LASTED = {
    NoticeKind.POSTING_AGAIN: N_("I couldn't for {time}, until {when}."),
    NoticeKind.UNPAID: N_("The useapi.net subscription had expired for {time}, until {when}."),
    NoticeKind.TOKEN_MISSING: N_("I didn't have it for {time}, until {when}."),
}


def _lasted(post: NoticePost) -> str:
    """How long the trouble that is over lasted, in small print."""
    if post.lasted is None or post.until is None:
        return ""
    kind = post.kind if post.kind is NoticeKind.POSTING_AGAIN else post.alert or post.kind
    text = _LASTED.get(kind, N_("useapi.net refused it for {time}, until {when}."))
    return formatting.small(_(text, time=formatting.duration(post.lasted), when=formatting.moment(post.until)))


def _refused(post: NoticePost, mentions: CommandMentions) -> str:
    remedy = _("Set a new one with {token_set}.", **mentions)
    if not post.jobs:
        return formatting.paragraph(_("**useapi.net refuses this server's API token.**"), _who(post), remedy)
    why = _("useapi.net refuses the API token.")
    return formatting.paragraph(_(_ON_HOLD), _who(post), why, _waiting(post), remedy)


def _waiting(post: NoticePost) -> str:
    return plural("{n} job waits; nothing is lost.", "{n} jobs wait; nothing is lost.", post.jobs, zero="")


def _missing(post: NoticePost, mentions: CommandMentions) -> str:
    return formatting.paragraph(
        _("**Please enter this server's API token again.**"),
        _who(post),
        _("I no longer have it."),
        _waiting(post),
        _("Set it with {token_set}, and I'll resume.", **mentions),
    )


def _unpaid(post: NoticePost, mentions: CommandMentions) -> str:
    if post.interval is None:
        remedy = _("I'll resume once it's renewed; {check} checks right away.", **mentions)
    else:
        remedy = _(
            "I'll resume within {time} of renewal; {check} checks right away.",
            time=formatting.duration(post.interval),
            **mentions,
        )
    if not post.jobs:
        return formatting.paragraph(_("**The useapi.net subscription has expired.**"), _who(post), remedy)
    why = _("The useapi.net subscription has expired.")
    return formatting.paragraph(_(_ON_HOLD), _who(post), why, _waiting(post), remedy)


def _held(post: NoticePost) -> str:
    if post.until is None:
        return plural(
            "{n} result waits there and will be posted once I'm allowed to.",
            "{n} results wait there and will be posted once I'm allowed to.",
            post.jobs,
            zero=_("Results wait there and will be posted once I'm allowed to."),
        )
    when = formatting.moment(post.until)
    return plural(
        "{n} result waits there until {when} and will be posted once I'm allowed to.",
        "{n} results wait there until {when} and will be posted once I'm allowed to.",
        post.jobs,
        zero=_("Results wait there until {when} and will be posted once I'm allowed to.", when=when),
        when=when,
    )


def _not_as_it_is(post: NoticePost, mentions: CommandMentions) -> str:
    if post.kind is NoticeKind.REFUSED:
        return formatting.paragraph(
            _("**A result was not posted in {channel}.**", channel=_channel(post)),
            because(post.cause),
            _remedy(post.cause),
            _("{deliveries} can resend it.", **mentions),
        )
    if post.kind is NoticeKind.REDUCED:
        state = N_("**A result was posted without its prompt in {channel}.**")
        if post.without_files:
            state = N_("**A result was posted as a link in {channel}.**")
        return formatting.paragraph(_(state, channel=_channel(post)), because(post.cause), _remedy(post.cause))
    return _given_up(post, mentions)


def _remedy(cause: Cause | None) -> str:
    match cause:
        case Cause.UPLOADS_LIMITED:
            return _("Only Discord can lift that; until then results come as links.")
        case Cause.WORDS:
            return _("Check its rules.")
        case Cause.UNKNOWN:
            return _("Check your AutoMod rules.")
        case Cause.EXPLICIT:
            return _("Check the server's safety settings.")
        case _:
            return ""


def _given_up(post: NoticePost, mentions: CommandMentions) -> str:
    state = plural(
        "**{n} result was not posted in {channel}.**",
        "**{n} results were not posted in {channel}.**",
        post.jobs,
        zero=_("**Results were not posted in {channel}.**", channel=_channel(post)),
        channel=_channel(post),
    )
    why = _("I had no permission.")
    if post.waited is not None:
        why = _("I had no permission for {time}.", time=formatting.duration(post.waited))
    resend = plural("{deliveries} can resend it.", "{deliveries} can resend them.", post.jobs, **mentions)
    return formatting.paragraph(state, why, resend)


def _channel_gone(post: NoticePost, mentions: CommandMentions) -> str:
    name = escaped(post.channel_name or "", 34)
    state = _("**#{channel} is gone.**", channel=name) if name else _("**A channel is gone.**")
    stopped = plural(
        "I've stopped watching {n} job there.", "I've stopped watching {n} jobs there.", post.jobs, zero=""
    )
    another = _("Choose another channel with {follow}.", **mentions) if post.followed else ""
    return formatting.paragraph(state, stopped, another)


def _no_room(post: NoticePost) -> str:
    """The account has more jobs in work than the server may wait for."""
    state = plural(
        "**This server is at its limit of {n} job.**",
        "**This server is at its limit of {n} jobs.**",
        post.limit or 0,
        zero=_("**This server is at its limit.**"),
    )
    left_out = plural(
        "{n} job of the account isn't watched in {channel} for now; I'll add those still running when others end.",
        "{n} jobs of the account aren't watched in {channel} for now; I'll add those still running when others end.",
        post.jobs,
        channel=_channel(post),
    )
    return formatting.paragraph(state, left_out)


def _channel(post: NoticePost) -> str:
    if post.channel_id is not None:
        return formatting.channel(post.channel_id)
    # Translators: always behind "in".
    return f"#{escaped(post.channel_name, 30)}" if post.channel_name else _("this channel")
