"""Texts about commands: what Discord shows while a command is typed, and mentions of commands in messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from discord.app_commands import locale_str

PIXVERSE = locale_str("PixVerse jobs and their results")
STATUS = locale_str("Watch a PixVerse job and post its result here, at once if it has ended")
STATUS_JOBID = locale_str("Job id, #number, or pick one of your jobs or this channel's")
STATUS_MENTION = locale_str("Ping me when it ends (default: yes)")
STATUS_PRIVATE = locale_str("Only show it to me, post nothing (default: no)")
STATUS_SPOILER = locale_str("Hide the video behind a click (default: no)")
WATCH = locale_str("Post the results of several jobs here")
WATCH_JOBIDS = locale_str("Up to 25 job ids, separated by spaces, commas or line breaks")
WATCH_MENTION = locale_str("Ping me once, when the last one ends (default: yes)")
UNWATCH = locale_str("Stop watching a job here; the job keeps running")
UNWATCH_JOBID = locale_str("Job id, #number, or pick a job watched here")
LIST = locale_str("What I'm watching in this channel (only you see the reply)")
WATCH_MENU = "Watch PixVerse jobs"
"""In a message's menu, under Apps. Like all command names, it is not translated."""
FORGET_ME = locale_str("Delete what this bot keeps about you")

PIXVERSE_ADMIN = locale_str("Set up this bot on this server")
TOKEN = locale_str("This server's useapi.net token")
TOKEN_SET = locale_str("Set this server's useapi.net token (opens a private form)")
TOKEN_REMOVE = locale_str("Remove this server's useapi.net token")
CHECK = locale_str("What works here, what doesn't, and how to fix it")
DELIVERIES = locale_str("Latest results: posted, waiting or not posted; resend one")
CALLBACK = locale_str("The address that lets useapi.net notify me at once")
FOLLOW = locale_str("Post every job of this server's account in a channel")
FOLLOW_CHANNEL = locale_str("Where every job is posted")
FOLLOW_PROGRESS = locale_str("Also show a card while a job runs (default: no)")
UNFOLLOW = locale_str("Stop posting every job in a channel")
UNFOLLOW_CHANNEL = locale_str("One of the channels where every job is posted")
ALERTS = locale_str("Choose where I tell admins about token and permission problems")
ALERTS_CHANNEL = locale_str("The channel for these messages")
LANGUAGE = locale_str("Choose the language of cards, results and notices on this server")
LANGUAGE_LANGUAGE = locale_str("Replies only you see are always in your own language")
AS_SERVER = locale_str("As the server")
"""The first choice. The others are the languages, by their own names."""


_MENTIONED = {
    "status": "pixverse status",
    "watch": "pixverse watch",
    "list": "pixverse list",
    "token_set": "pixverse-admin token set",
    "check": "pixverse-admin check",
    "deliveries": "pixverse-admin deliveries",
    "follow": "pixverse-admin follow",
    "unfollow": "pixverse-admin unfollow",
    "alerts": "pixverse-admin alerts",
}


class CommandMentions:
    """Clickable mentions of commands, for texts such as `_("… {token_set} sets one.", **mentions)`.

    Until the ids that Discord gave the commands are known, commands are named in plain text. The object is shared, so
    that later texts use the ids as soon as they are known.
    """

    def __init__(self, ids: Mapping[str, int] | None = None) -> None:
        self._ids: dict[str, int] = dict(ids or {})

    def learn(self, ids: Mapping[str, int]) -> None:
        """Sets the ids of the root commands (`pixverse`, `pixverse-admin`)."""
        self._ids.update(ids)

    def keys(self) -> Iterable[str]:
        return _MENTIONED

    def __getitem__(self, name: str) -> str:
        command = _MENTIONED[name]
        known = self._ids.get(command.partition(" ")[0])
        return f"/{command}" if known is None else f"</{command}:{known}>"
