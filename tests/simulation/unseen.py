"""Which mutations no simulated life can show, and why. All others of the rooms that `power` names concern behaviour."""

from __future__ import annotations

UNSEEN: dict[str, tuple[str, ...]] = {
    "the process's start, its settings and the operator's commands": (
        "two bots may hold one database",
        "an error of the engine leaves storage",
        "check leaves companions of the database behind",
        "a stranger's database is taken over",
        "a wrong key is not told",
        "the old key is thrown away before everything is encrypted anew",
        "the key is changed under a running bot",
        "rotate-key leaves addresses with the old key",
        "one token that cannot be decrypted keeps the bot from starting",
        "a damaged page is not looked for",
        "a newer database is opened",
        "another program's lock is not waited for",
        "no copy is made before a migration",
        "the database is readable for everybody",
        "a device in the database's place is opened, and its mode changed",
        "check believes a folder's mode",
        "a migration is no transaction",
        "the copy that an update makes keeps the tokens",
        "what hangs at the end keeps the bot from ending",
    ),
    "bytes on the disk and its flushing": (
        "a commit does not wait for the disk",
        "forgotten secrets stay in the file's free pages",
        "a replaced token stays in the write-ahead log",
        "a replaced address for callbacks stays in the write-ahead log",
        "nobody notices that the write-ahead log was not emptied",
        "the disk's budget believes the size that the API names",
        "room on the disk is given back while its files are there",
        "small jobs pass a large one that waits for room on the disk",
        "room on the disk is lost with those who had it",
    ),
    "sockets, names and the HTTP reader, which are played": (
        "private networks of IPv6 that Python does not know are public",
        "private addresses are fetched from",
        "names that resolve to private addresses are fetched from",
        "an address in disguise is not judged like the address",
        "a host may drip for as long as it likes",
        "an answer of the API has no end",
        "the API's redirects are followed, with the token",
    ),
    "how log lines are written": (
        "an address is logged",
        "a token is logged",
    ),
    "how much work something takes": (
        "a file that lies is followed through countless parts",
        "each letter that is typed has every snapshot read",
        "thousands of joined emoji are one sign that can't be cut",
        "each callback is written down",
    ),
    "monitoring": (
        "cards that are due late make their loop seem to stand",
        "a gateway that is tried again in vain seems to be there",
    ),
    "more than one process": ("a command is done though another process has answered it",),
}
"""By what they are about."""
