"""Notices: messages that the bot sends unasked, mostly to admins."""

from __future__ import annotations

from model.messages import Cause, NoticePost
from model.states import NoticeKind
from ui import formatting, job_states, on_hold
from ui.cannot_post import because, missing_permissions
from ui.command_texts import CommandMentions
from ui.escape import escaped
from ui.language import N_, _, plural
from ui.message import Message
from ui.outcomes import batch_tally

_SILENT = (NoticeKind.FLOWING_AGAIN, NoticeKind.FIXED, NoticeKind.TOKEN_REMOVED, NoticeKind.POSTING_AGAIN)
_PINGING = (NoticeKind.TOKEN_REFUSED, NoticeKind.UNPAID, NoticeKind.TOKEN_MISSING, NoticeKind.BATCH_ENDED)

_REMEDIES = {
    Cause.UPLOADS_LIMITED: N_("Only Discord can lift that; until then results come as links."),
    Cause.WORDS: N_("Check its rules."),
    Cause.UNKNOWN: N_("Check your AutoMod rules."),
    Cause.EXPLICIT: N_("Check the server's safety settings."),
}
_LASTED = {
    NoticeKind.POSTING_AGAIN: N_("I couldn't for {time}, until {when}."),
    NoticeKind.UNPAID: N_("The useapi.net subscription had expired for {time}, until {when}."),
    NoticeKind.TOKEN_MISSING: N_("I didn't have it for {time}, until {when}."),
}


def notice_message(post: NoticePost, mentions: CommandMentions) -> Message:
    """The notice as a message. The same post always gives the same text, by which the message is recognised later."""
    pinged = post.mention if post.kind in _PINGING else ()
    return Message(content=_text(post, mentions), mention=pinged, suppress_embeds=True, silent=post.kind in _SILENT)


def _text(post: NoticePost, mentions: CommandMentions) -> str:
    match post.kind:
        case NoticeKind.FLOWING_AGAIN:
            text = formatting.paragraph(_("**PixVerse results are back.**"), _resumed(post))
        case NoticeKind.FIXED | NoticeKind.TOKEN_REMOVED:
            text = _token_trouble_over(post)
        case NoticeKind.CANNOT_POST:
            state = _("**I can't post in {channel}.**", channel=_channel(post))
            text = formatting.paragraph(state, missing_permissions(post.missing), _held(post))
        case NoticeKind.POSTING_AGAIN:
            state = _("**I can post in {channel} again.**", channel=_channel(post))
            results = plural("{n} result was posted there.", "{n} results were posted there.", post.jobs)
            text = formatting.lines(formatting.paragraph(state, results), _lasted(post))
        case NoticeKind.GIVEN_UP:
            text = _given_up(post, mentions)
        case NoticeKind.REFUSED | NoticeKind.REDUCED:
            text = _refused(post, mentions)
        case NoticeKind.CHANNEL_GONE:
            text = _channel_gone(post, mentions)
        case NoticeKind.BATCH_ENDED if post.tally is not None:
            text = batch_tally(post.tally, post.mention)
        case NoticeKind.NO_ROOM:
            text = _no_room(post)
        case _:
            text = _token_trouble(post, mentions)
    return text


def _token_trouble(post: NoticePost, mentions: CommandMentions) -> str:
    who = formatting.users(post.mention)
    waiting = plural("{n} job waits; nothing is lost.", "{n} jobs wait; nothing is lost.", post.jobs, zero="")
    match post.kind:
        case NoticeKind.TOKEN_MISSING:
            state = _("**Please enter this server's API token again.**")
            remedy = _("Set it with {token_set}, and I'll resume.", **mentions)
            return formatting.paragraph(state, who, _("I no longer have it."), waiting, remedy)
        case NoticeKind.UNPAID:
            state, why = (
                N_("**The useapi.net subscription has expired.**"),
                on_hold.SUBSCRIPTION_EXPIRED,
            )
            remedy = _("I'll resume once it's renewed; {check} checks right away.", **mentions)
            if post.interval is not None:
                time = formatting.duration(post.interval)
                remedy = _("I'll resume within {time} of renewal; {check} checks right away.", time=time, **mentions)
        case _:
            state, why = N_("**useapi.net refuses this server's API token.**"), N_("useapi.net refuses the API token.")
            remedy = _(on_hold.SET_A_NEW_TOKEN, **mentions)
    if not post.jobs:
        return formatting.paragraph(_(state), who, remedy)
    return formatting.paragraph(_("**PixVerse results are on hold.**"), who, _(why), waiting, remedy)


def _token_trouble_over(post: NoticePost) -> str:
    """The text that replaces an alert about the token."""
    if post.kind is NoticeKind.FIXED:
        state = _("**Fixed: the API token works.**")
    elif post.replaced:
        state = _("**Settled: this server now uses another API token.**")
    else:
        dropped = job_states.no_longer_watched(post.jobs) if post.jobs else ""
        state = formatting.paragraph(_("**Settled: this server's API token was removed.**"), dropped)
    return formatting.lines(state, _lasted(post))


def _resumed(post: NoticePost) -> str:
    return plural("{n} job resumed.", "{n} jobs resumed.", post.jobs, zero="")


def _lasted(post: NoticePost) -> str:
    """How long the problem lasted, in small print."""
    if post.lasted is None or post.until is None:
        return ""
    kind = post.kind if post.kind is NoticeKind.POSTING_AGAIN else post.alert or post.kind
    text = _LASTED.get(kind, N_("useapi.net refused it for {time}, until {when}."))
    return formatting.small(_(text, time=formatting.duration(post.lasted), when=formatting.moment(post.until)))


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


def _refused(post: NoticePost, mentions: CommandMentions) -> str:
    resend = ""
    if post.kind is NoticeKind.REFUSED:
        state = _("**A result was not posted in {channel}.**", channel=_channel(post))
        resend = _("{deliveries} can resend it.", **mentions)
    elif post.without_files:
        state = _("**A result was posted as a link in {channel}.**", channel=_channel(post))
    else:
        state = _("**A result was posted without its prompt in {channel}.**", channel=_channel(post))
    remedy = _(_REMEDIES[post.cause]) if post.cause in _REMEDIES else ""
    return formatting.paragraph(state, because(post.cause), remedy, resend)


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
    """Says that the account has more active jobs than the server may wait for."""
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
