"""Notices: what the bot tells admins unasked."""

from __future__ import annotations

from model.messages import Cause, NoticePost
from model.states import NoticeKind
from ui import formatting
from ui.card_views import missing_permissions
from ui.command_texts import CommandMentions
from ui.escape import escaped
from ui.link_reasons import because
from ui.message import Message

_ON_HOLD = "**PixVerse results are on hold.**"
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
            return formatting.paragraph("**PixVerse results are back.**", _resumed(post))
        case NoticeKind.CANNOT_POST:
            state = f"**I can't post in {_channel(post)}.**{missing_permissions(post.missing)}"
            return formatting.paragraph(state, _held(post))
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
        results = formatting.plural(
            post.jobs, "{number} result was posted there.", "{number} results were posted there."
        )
        return formatting.lines(f"**I can post in {_channel(post)} again.** {results}", _lasted(post, "I couldn't"))
    return _no_room(post) if post.kind is NoticeKind.NO_ROOM else _channel_gone(post, mentions)


def _resumed(post: NoticePost) -> str:
    return formatting.plural(post.jobs, "{number} job resumed.", "{number} jobs resumed.", zero="")


def _pinged(post: NoticePost) -> tuple[int, ...]:
    return post.mention if post.kind in _PINGING else ()


def _who(post: NoticePost) -> str:
    return " ".join(formatting.user(person) for person in _pinged(post))


def _over(post: NoticePost) -> str:
    """What an alert is replaced with when its trouble is over."""
    if post.kind is NoticeKind.FIXED:
        state = formatting.paragraph("**Fixed: the API token works.**", _resumed(post))
    else:
        dropped = formatting.plural(
            post.jobs, "{number} job is no longer watched.", "{number} jobs are no longer watched.", zero=""
        )
        state = formatting.paragraph("**Settled: this server's API token was removed.**", dropped)
    what = {NoticeKind.UNPAID: "The useapi.net subscription had expired", NoticeKind.TOKEN_MISSING: "I didn't have it"}
    return formatting.lines(state, _lasted(post, what.get(post.alert or post.kind, "useapi.net refused it")))


def _lasted(post: NoticePost, what: str) -> str:
    if post.lasted is None or post.until is None:
        return ""
    return f"-# {what} for {formatting.duration(post.lasted)}, until {formatting.moment(post.until)}."


def _refused(post: NoticePost, mentions: CommandMentions) -> str:
    remedy = f"Set a new one with {mentions.token_set}."
    if not post.jobs:
        return formatting.paragraph("**useapi.net refuses this server's API token.**", _who(post), remedy)
    return formatting.paragraph(_ON_HOLD, _who(post), "useapi.net refuses the API token.", _waiting(post), remedy)


def _waiting(post: NoticePost) -> str:
    return formatting.plural(
        post.jobs, "{number} job waits; nothing is lost.", "{number} jobs wait; nothing is lost.", zero=""
    )


def _missing(post: NoticePost, mentions: CommandMentions) -> str:
    return formatting.paragraph(
        "**Please enter this server's API token again.**",
        _who(post),
        "I no longer have it.",
        _waiting(post),
        f"Set it with {mentions.token_set}, and I'll resume.",
    )


def _unpaid(post: NoticePost, mentions: CommandMentions) -> str:
    within = (
        f"within {formatting.duration(post.interval)} of renewal" if post.interval is not None else "once it's renewed"
    )
    remedy = f"I'll resume {within}; {mentions.check} checks right away."
    if not post.jobs:
        return formatting.paragraph("**The useapi.net subscription has expired.**", _who(post), remedy)
    return formatting.paragraph(
        _ON_HOLD, _who(post), "The useapi.net subscription has expired.", _waiting(post), remedy
    )


def _held(post: NoticePost) -> str:
    return formatting.plural(
        post.jobs,
        "{number} result waits there{until} and will be posted once I'm allowed to.",
        "{number} results wait there{until} and will be posted once I'm allowed to.",
        zero="Results wait there{until} and will be posted once I'm allowed to.",
        until=f" until {formatting.moment(post.until)}" if post.until is not None else "",
    )


def _not_as_it_is(post: NoticePost, mentions: CommandMentions) -> str:
    if post.kind is NoticeKind.REFUSED:
        return formatting.paragraph(
            f"**A result was not posted in {_channel(post)}.**",
            because(post.cause),
            _remedy(post.cause),
            f"{mentions.deliveries} can resend it.",
        )
    if post.kind is NoticeKind.REDUCED:
        what = "as a link" if post.without_files else "without its prompt"
        return formatting.paragraph(
            f"**A result was posted {what} in {_channel(post)}.**", because(post.cause), _remedy(post.cause)
        )
    return _given_up(post, mentions)


def _remedy(cause: Cause | None) -> str:
    match cause:
        case Cause.UPLOADS_LIMITED:
            return "Only Discord can lift that; until then results come as links."
        case Cause.WORDS:
            return "Check its rules."
        case Cause.UNKNOWN:
            return "Check your AutoMod rules."
        case Cause.EXPLICIT:
            return "Check the server's safety settings."
        case _:
            return ""


def _given_up(post: NoticePost, mentions: CommandMentions) -> str:
    state = formatting.plural(
        post.jobs,
        "**{number} result was not posted in {channel}.**",
        "**{number} results were not posted in {channel}.**",
        zero="**Results were not posted in {channel}.**",
        channel=_channel(post),
    )
    waited = f" for {formatting.duration(post.waited)}" if post.waited is not None else ""
    resend = "{deliveries} can resend it.", "{deliveries} can resend them."
    return formatting.paragraph(
        state,
        f"I had no permission{waited}.",
        formatting.plural(post.jobs, *resend, deliveries=mentions.deliveries),
    )


def _channel_gone(post: NoticePost, mentions: CommandMentions) -> str:
    name = escaped(post.channel_name or "", 40)
    state = f"#{name} is gone." if name else "A channel is gone."
    stopped = formatting.plural(
        post.jobs, "I've stopped watching {number} job there.", "I've stopped watching {number} jobs there.", zero=""
    )
    another = f"Choose another channel with {mentions.follow}." if post.followed else ""
    return formatting.paragraph(f"**{state}**", stopped, another)


def _no_room(post: NoticePost) -> str:
    """The account has more jobs in work than the server may wait for."""
    state = formatting.plural(
        post.limit or 0,
        "**This server is at its limit of {number} job.**",
        "**This server is at its limit of {number} jobs.**",
        zero="**This server is at its limit.**",
    )
    left_out = formatting.plural(
        post.jobs,
        "{number} job of the account isn't watched in {channel} for now; I'll add those still running when others end.",
        "{number} jobs of the account aren't watched in {channel} for now; "
        "I'll add those still running when others end.",
        channel=_channel(post),
    )
    return formatting.paragraph(state, left_out)


def _channel(post: NoticePost) -> str:
    if post.channel_id is not None:
        return f"<#{post.channel_id}>"
    return f"#{escaped(post.channel_name, 30)}" if post.channel_name else "this channel"
