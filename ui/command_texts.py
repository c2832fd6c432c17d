"""The commands as people read them: what Discord shows while one is typed, and how a message links to one."""

from __future__ import annotations

from collections.abc import Mapping

PIXVERSE = "PixVerse jobs and their results"
STATUS = "Show a PixVerse job and, while it runs, post its result here"
STATUS_JOBID = "Job id, #number, or pick one of your jobs or this channel's"
STATUS_MENTION = "Ping me when it ends (default: yes)"
STATUS_PRIVATE = "Only show it to me, post nothing (default: no)"
STATUS_SPOILER = "Hide the video behind a click (default: no)"
WATCH = "Post the results of several jobs here"
WATCH_JOBIDS = "Up to 25 job ids, separated by spaces, commas or line breaks"
WATCH_MENTION = "Ping me once, when the last one ends (default: yes)"
UNWATCH = "Stop watching a job here; the job keeps running"
UNWATCH_JOBID = "Job id, #number, or pick a job watched here"
LIST = "What I'm watching in this channel (only you see the reply)"
WATCH_MENU = "Watch PixVerse jobs"
"""In a message's menu, under Apps."""
FORGET_ME = "Delete what this bot keeps about you"

PIXVERSE_ADMIN = "Set up this bot on this server"
TOKEN = "This server's useapi.net token"
TOKEN_SET = "Set this server's useapi.net token (opens a private form)"
TOKEN_REMOVE = "Remove this server's useapi.net token"
CHECK = "What works here, what doesn't, and how to fix it"
DELIVERIES = "Latest results: posted, waiting or not posted; resend one"
CALLBACK = "The address that lets useapi.net notify me at once"
FOLLOW = "Post every job of this server's account in a channel"
FOLLOW_CHANNEL = "Where every job is posted"
FOLLOW_PROGRESS = "Also show a card while a job runs (default: no)"
UNFOLLOW = "Stop posting every job in a channel"
UNFOLLOW_CHANNEL = "One of the channels where every job is posted"
ALERTS = "Choose where I tell admins about token and permission problems"
ALERTS_CHANNEL = "The channel for these messages"


class _Mention:
    """A command by its full name, linked as `CommandMentions` does."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, mentions: CommandMentions, owner: type[CommandMentions]) -> str:
        return mentions(self._name)


class CommandMentions:
    """Knows the ids that Discord gave the commands; until they are known, a command is named in plain text.

    One object serves the whole bot, so that texts made later use the ids as soon as they are known.
    """

    status = _Mention("pixverse status")
    watch = _Mention("pixverse watch")
    list = _Mention("pixverse list")
    token_set = _Mention("pixverse-admin token set")
    check = _Mention("pixverse-admin check")
    deliveries = _Mention("pixverse-admin deliveries")
    follow = _Mention("pixverse-admin follow")
    unfollow = _Mention("pixverse-admin unfollow")
    alerts = _Mention("pixverse-admin alerts")

    def __init__(self, ids: Mapping[str, int] | None = None) -> None:
        self._ids: dict[str, int] = dict(ids or {})

    def learn(self, ids: Mapping[str, int]) -> None:
        """Takes the ids of the root commands (`pixverse`, `pixverse-admin`)."""
        self._ids.update(ids)

    def __call__(self, name: str) -> str:
        """`pixverse status` as `</pixverse status:ID>`, or as `/pixverse status` where the id is not known."""
        known = self._ids.get(name.split(" ", 1)[0])
        return f"/{name}" if known is None else f"</{name}:{known}>"
