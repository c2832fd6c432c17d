"""Numbers, sizes, times, lists and links as every text writes them, and Discord's markup around them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from model.messages import Address, ClaimedUser
from ui.escape import code

_SECOND = 1000

_MINUTE = 60 * _SECOND

_HOUR = 60 * _MINUTE

_DAY = 24 * _HOUR

_MAX_CHANNELS = 5


def sentence(words: str) -> str:
    """`words` with a capital letter."""
    return words[:1].upper() + words[1:]


def size(number_of_bytes: int) -> str:
    """`12.3 MB`, in Discord's megabytes of 1024 × 1024 bytes."""
    if number_of_bytes < 1024 * 1024:
        return f"{max(1, round(number_of_bytes / 1024))} KB"
    return f"{number_of_bytes / (1024 * 1024):.1f}".removesuffix(".0") + " MB"


def duration(milliseconds: int) -> str:
    """`2 min 14 s`: the two largest units that are not zero."""
    left = max(0, milliseconds)
    parts: list[str] = []
    for unit, one, many in (
        (_DAY, "{number} day", "{number} days"),
        (_HOUR, "{number} h", "{number} h"),
        (_MINUTE, "{number} min", "{number} min"),
        (_SECOND, "{number} s", "{number} s"),
    ):
        number, left = divmod(left, unit)
        if number:
            parts.append(plural(number, one, many))
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"


def age(milliseconds: int) -> str:
    """`3 min ago`, for autocomplete, where timestamps are not shown."""
    for unit, one, many in (
        (_DAY, "{number} day ago", "{number} days ago"),
        (_HOUR, "{number} h ago", "{number} h ago"),
        (_MINUTE, "{number} min ago", "{number} min ago"),
    ):
        if milliseconds >= unit:
            return plural(milliseconds // unit, one, many)
    return "just now"


def count(number: int, one: str, many: str) -> str:
    """`1 job` or `4 jobs`."""
    return f"{number} {one if number == 1 else many}"


def plural(number: int, one: str, many: str, *, zero: str | None = None, **values: object) -> str:
    """The sentence for this number, with `{number}` and the named values filled in; `many` serves for 0 as well, if
    there is no `zero`."""
    if number == 0 and zero is not None:
        return zero.format(**values)
    return (one if number == 1 else many).format(number=number, **values)


def times(number: int) -> str:
    """`once` or `3 times`."""
    return "once" if number == 1 else f"{number} times"


def enumeration(parts: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    known = [part for part in parts if part]
    if len(known) < 2:
        return "".join(known)
    return f"{', '.join(known[:-1])} and {known[-1]}"


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


def channels(channel_ids: Sequence[int]) -> str:
    """The first five channels, and how many more there are."""
    more = len(channel_ids) - _MAX_CHANNELS
    names = (f"<#{channel_id}>" for channel_id in channel_ids[:_MAX_CHANNELS])
    return enumeration((*names, f"{more} more" if more > 0 else ""))


def user(user_id: int) -> str:
    """A person's mention."""
    return f"<@{user_id}>"


def joined(parts: Iterable[str], separator: str = " · ") -> str:
    """The parts that are known, each with its separator."""
    return separator.join(part for part in parts if part)


def paragraph(*sentences: str) -> str:
    """The sentences that are not empty, with a space between them."""
    return joined(sentences, " ")


def lines(*parts: str) -> str:
    """The lines that are known."""
    return "\n".join(part for part in parts if part)


def quoted(words: str) -> str:
    """`words` as a quote; empty where there are none."""
    return f"> {words}" if words else ""


def spoiler(words: str) -> str:
    """Escaped `words` behind a click."""
    # A closing `||` right after a pipe would be taken for the spoiler's end one character too early.
    return f"||{words}{' ' if words.endswith('|') else ''}||"


def small(*parts: str) -> str:
    """The parts as one line of small print; empty where there are none."""
    text = joined(parts)
    return f"-# {text}" if text else ""


def account(user: ClaimedUser) -> str:
    """A useapi.net account by its user's number, which is the token's own claim until the API has named it."""
    return f"account {code(user.number, 40)}" + ("" if user.confirmed else " (not confirmed by useapi.net yet)")
