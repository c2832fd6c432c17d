"""What ids and tokens look like. Each pattern is defined once and takes time linear in the length of the text."""

from __future__ import annotations

import re

LONGEST_ID = 300
ANY_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9:._@+%-]{{3,{LONGEST_ID - 1}}}")
"""What any job id looks like. useapi.net promises no form for v1, so this only rules out what can't be an id."""

BOT_ID = re.compile(r"(?:job:|j)[A-Za-z0-9:._@+%-]{1,280}-bot:(?P<service>[A-Za-z0-9_]{1,32})")
"""Ids of the APIs that drive a bot: `job:<time>-user:<n>-channel:<id>-bot:<service>` (seen with midjourney), and
the newer `j<time>-u<n>-…-bot:<service>` (useapi.net Midjourney v3 and Muse v1 pages)."""

BOT_ID_START = re.compile(r"job:[0-9]{1,20}-user:[0-9]{1,12}-")

USER_ID = re.compile(
    r"user:[0-9]{1,12}-(?:(?P<service>[A-Za-z0-9_.+-]{1,64}):)?[^\s<>\"'`|,;&(){}\[\]]{1,280}"
    r"-(?P<kind>video|image|music|audio|speech|file|asset|task|job):[0-9A-Za-z-]{1,64}"
)
"""Ids of the APIs that drive a web account: `user:<n>-<service>:<account>-<kind>:<number>` (useapi.net PixVerse v2,
MiniMax and Runway pages), and `user:<n>-<e-mail>-job:<uuid>` (Google Vids page)."""

PIXVERSE_V2_ID = re.compile(
    r"user:[0-9]{1,12}-pixverse:(?P<email>(?:[A-Za-z0-9_+-]|\.(?!\.)){1,64}"
    r"@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24})"
    r"-(?P<kind>video|image):[0-9]{1,20}"
)
"""Ids of useapi.net PixVerse v2 (get-pixverse-videos) that may go into a path as they are: no `%`, `/`, `\\` or `..`.
`EMAIL` finds the address in each of them."""

BOT_SERVICE = r"-bot:[A-Za-z0-9_]{0,31}[A-Za-z0-9]"
JOB_ID_FORMS = tuple(
    re.compile(rf"(?<![A-Za-z0-9])(?={start})(?:{form})(?![A-Za-z0-9]|/\.)", re.IGNORECASE)
    for start, form in (
        (r"j(?:ob:)?[0-9]", rf"(?:job:|j)[A-Za-z0-9:._@+-]{{1,280}}?{BOT_SERVICE}"),
        (r"job:[0-9]", rf"job:[0-9]{{14,17}}-user:[0-9]{{1,12}}-channel:[0-9]{{15,20}}(?:{BOT_SERVICE})?"),
        ("user:", PIXVERSE_V2_ID.pattern),
        ("user:", USER_ID.pattern),
    )
)
"""The forms of ids that are recognised in a longer text. An id of any other form has to stand alone."""

PIXVERSE_V2_START = re.compile(r"user:[0-9]{1,12}-pixverse:")

USEAPI_TOKEN = re.compile(
    r"user(?::|%3A)[0-9]{1,12}-(?!channel(?::|%3A))[^\s<>\"'`|,;&(){}\[\]]+",
    re.IGNORECASE,
)
"""`user:<n>-<secret>` (useapi.net, start-here page). The `user:<n>-channel:<id>` in an id of v1 does not match. Ids of
`USER_ID` match as well, so those have to be looked for first."""

DISCORD_TOKEN = re.compile(r"[MNO][A-Za-z0-9_-]{17,39}\.[A-Za-z0-9_-]{5,8}\.[A-Za-z0-9_-]{25,}|mfa\.[A-Za-z0-9_-]{20,}")
"""A bot's or user's token: base64 of a snowflake (so it starts with M, N or O), a time, a signature."""

_OF_ADDRESS = r"(?:[\w.+-]|%2[Bb])"
"""A character of an address as a web address may write it, in which `%2B` is a plus sign."""

EMAIL = re.compile(
    rf"(?<![\w.+-])(?<!%(?=2[Bb]))(?P<first>{_OF_ADDRESS}){_OF_ADDRESS}*+(?:@|%40)"
    r"(?=[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.[^\W\d_]{2})"
    rf"(?:(?!-(?:video|image|music|audio|speech|file|asset|task|job):){_OF_ADDRESS})+"
)
"""An e-mail address, up to the `-video:` behind it in a job id. It includes every character that could start another
address, so that no address is left once the matches are replaced. A match does not begin within an address.

The last repetition is not possessive: Python 3.11.2, which Debian 12 has, ignores a lookahead in a possessive group."""
