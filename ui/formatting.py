"""Formats numbers, sizes, times, lists and links for texts, and adds Discord's markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce

from model.messages import Address, ClaimedUser
from ui.escape import code
from ui.language import N_, _, number, pgettext, plural

_SECOND = 1000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_MAX_CHANNELS = 5


def size(number_of_bytes: int) -> str:
    """A size such as `12.3 MB`, in Discord's megabytes of 1024 × 1024 bytes."""
    if number_of_bytes < 1024 * 1024:
        return _("{n} KB", n=number(max(1, round(number_of_bytes / 1024))))
    whole, tenth = divmod(round(number_of_bytes * 10 / (1024 * 1024)), 10)
    shown = number(whole) + pgettext("decimal separator", ".") + str(tenth) if tenth else number(whole)
    return _("{n} MB", n=shown)


def duration(milliseconds: int) -> str:
    """A duration such as `2 min 14 s`, in the two largest units that are not zero."""
    whole = max(0, milliseconds) // _SECOND
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    parts = (
        plural("{n} day", "{n} days", days) if days else "",
        _("{n} h", n=hours % 24) if hours % 24 else "",
        _("{n} min", n=minutes % 60) if minutes % 60 else "",
        seconds(whole % 60) if whole % 60 else "",
    )
    first = next((place for place, part in enumerate(parts) if part), 3)
    return paragraph(*parts[first : first + 2]) or seconds(0)


def age(milliseconds: int) -> str:
    """An age such as `3 min ago`, for autocomplete, which shows no timestamps."""
    if milliseconds >= _DAY:
        return plural("{n} day ago", "{n} days ago", milliseconds // _DAY)
    if milliseconds >= _HOUR:
        return _("{n} h ago", n=milliseconds // _HOUR)
    if milliseconds >= _MINUTE:
        return _("{n} min ago", n=milliseconds // _MINUTE)
    return _("just now")


def seconds(count: int) -> str:
    """A number of seconds, such as `5 s`, never in larger units."""
    return _("{n} s", n=count)


def listing(parts: Iterable[str]) -> str:
    """A list such as `a, b, c`, without empty parts."""
    # Translators: a list, as in "a, b, c": this puts the next item behind those before it.
    known = [part for part in parts if part] or [""]
    return reduce(lambda items, item: _("{items}, {item}", items=items, item=item), known)


def enumeration(parts: Iterable[str]) -> str:
    """A list such as `a, b and c`, without empty parts."""
    known = [part for part in parts if part]
    if len(known) < 2:
        return "".join(known)
    # Translators: the end of a list, as in "a, b and c".
    return _("{items} and {last}", items=listing(known[:-1]), last=known[-1])


def headline(state: str) -> str:
    """A state in bold, as the first sentence of a text."""
    # Translators: change no more than the full stop.
    return _("**{state}.**", state=state)


def relative(milliseconds: int) -> str:
    """A Discord timestamp such as "3 minutes ago"."""
    return f"<t:{milliseconds // _SECOND}:R>"


def moment(milliseconds: int) -> str:
    """A Discord timestamp with day and time."""
    return f"<t:{milliseconds // _SECOND}:f>"


def jump(where: Address, message_id: int | None, words: str) -> str:
    """A link with `words` to a message; empty without a message."""
    if message_id is None:
        return ""
    return f"[{words}](https://discord.com/channels/{where.guild_id}/{where.channel_id}/{message_id})"


def result_link(where: Address, message_id: int | None, *, in_list: bool = False) -> str:
    """A link to a job's result; empty without a message."""
    # Translators: a link to the message with a job's result.
    return jump(where, message_id, _("Result") if in_list else _("Jump to the result"))


def card_link(where: Address, message_id: int | None, *, in_list: bool = False) -> str:
    """A link to a job's card, or to the summary of its group; empty without a message."""
    # Translators: a link to the message that shows a job's progress.
    return jump(where, message_id, _("Card") if in_list else _("Jump to the card"))


def channel(channel_id: int) -> str:
    """A link to a channel."""
    return f"<#{channel_id}>"


def channels(channel_ids: Sequence[int]) -> str:
    """A list of the first five channels, with the number of further ones."""
    names = map(channel, channel_ids[:_MAX_CHANNELS])
    return enumeration((*names, more(len(channel_ids) - _MAX_CHANNELS)))


def more(count: int) -> str:
    """Says how many items were left out at the end of a list; empty if none were."""
    # Translators: channels or jobs, at the end of a list of them.
    return plural("{n} more", "{n} more", count) if count > 0 else ""


def user(user_id: int) -> str:
    """A person's mention."""
    return f"<@{user_id}>"


def users(user_ids: Iterable[int]) -> str:
    """Mentions of people who are pinged; empty without any."""
    return " ".join(map(user, user_ids))


def joined(parts: Iterable[str]) -> str:
    """The non-empty parts, joined as in `a · b`."""
    return " · ".join(part for part in parts if part)


def paragraph(*sentences: str) -> str:
    """The non-empty sentences, joined."""
    known = [sentence for sentence in sentences if sentence] or [""]
    # Translators: two sentences, or two units of time. Without the space if your language writes none between them.
    return reduce(lambda text, following: _("{text} {following}", text=text, following=following), known)


def lines(*parts: str) -> str:
    """The non-empty lines, joined."""
    return "\n".join(part for part in parts if part)


def quoted(words: str) -> str:
    """`words` as a quote; empty without any."""
    return f"> {words}" if words else ""


def spoiler(words: str) -> str:
    """Escaped `words` as a spoiler."""
    # With `||` right after a pipe, Discord would end the spoiler one character too early.
    return f"||{words}{' ' if words.endswith('|') else ''}||"


def small(*parts: str) -> str:
    """The parts as one line of small print; empty without any."""
    text = joined(parts)
    return f"-# {text}" if text else ""


def account(user: ClaimedUser) -> str:
    """A useapi.net account by its user's number. The number is only the token's claim until the API confirms it."""
    text = N_("account {number}") if user.confirmed else N_("account {number} (not confirmed by useapi.net yet)")
    return _(text, number=code(user.number, 40))
