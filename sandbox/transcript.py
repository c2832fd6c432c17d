"""Prints a channel to the terminal as messages arrive."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from datetime import datetime

from sandbox.discord_wire import Answer, Channel, DiscordSandbox, Member, Message

_BOT = "Relay"
_INDENT = " " * 9
_USER = re.compile(r"<@!?(\d+)>")
_COMMAND = re.compile(r"</([^:>]+):\d+>")
_TIME = re.compile(r"<t:(\d+)(?::\w)?>")
_JUMP = re.compile(r"https://discord\.com/channels/\d+/\d+/\d+")
_SMALL_PRINT = re.compile(r"^-# ", re.MULTILINE)


def readable(text: str, people: Mapping[int, str]) -> str:
    """Discord's markup as a person reads it, with names, command names and times in place of their codes."""
    text = _USER.sub(lambda found: "@" + people.get(int(found[1]), found[1]), text)
    text = _COMMAND.sub(r"/\1", text)
    text = _TIME.sub(lambda found: datetime.fromtimestamp(int(found[1])).strftime("%H:%M:%S"), text)  # noqa: DTZ006
    text = _JUMP.sub("(link to the message)", text)
    return _SMALL_PRINT.sub("", text).replace("**", "")


class Transcript:
    """Prints what people do and what the bot posts, with the seconds since it was made."""

    def __init__(self, channel: Channel, people: Mapping[int, str]) -> None:
        self._channel = channel
        self._people = people
        self._began = time.monotonic()
        self._seen: dict[int, str] = {}

    async def follow(self, discord: DiscordSandbox) -> None:
        """Prints every post and every change of one in the channel, until cancelled."""
        while True:
            await discord.until(self._print_news, timeout=math.inf)

    def does(self, member: Member, what: str) -> None:
        """Somebody does something."""
        print(f"\n{self._now()}{member.name}: {what}")

    def sees(self, member: Member, answer: Answer) -> None:
        """The bot's answer to that."""
        who = f"only {member.name} sees" if answer.ephemeral else "everybody sees"
        buttons = "".join(f" [{label}]" for label in answer.labels)
        self._say(f"({who}) {answer.text}{buttons}")

    def note(self, text: str) -> None:
        """Something else worth a line."""
        self._say(text)

    def _print_news(self) -> bool:
        for message in self._channel.messages(of_bot=True):
            before = self._seen.get(message.id)
            if before == message.text:
                continue
            self._seen[message.id] = message.text
            if before is None:
                self._print_post(message)
            else:
                self._print_change(message)
        return False

    def _print_post(self, message: Message) -> None:
        kind = " silently" if message.silent else ""
        reply = " as a reply" if message.reference_id else ""
        print(f"\n{self._now()}{_BOT} posts{kind}{reply}:")
        self._say(message.text, "| ")
        for attachment in message.attachments:
            self._say(f"[file {attachment.filename}, {len(attachment.content):,} bytes]", "| ")
        self._say("".join(f"[{label}] " for label in message.labels), "| ")
        pinged = ", ".join(self._people.get(user, str(user)) for user in message.pinged)
        self._say(f"pings {pinged or 'nobody'}")

    def _print_change(self, message: Message) -> None:
        state = readable(message.text, self._people).splitlines()[0]
        print(f"\n{self._now()}{_BOT} edits its card: {state}")

    def _say(self, text: str, mark: str = "") -> None:
        for line in readable(text, self._people).splitlines():
            print(f"{_INDENT}{mark}{line}".rstrip())

    def _now(self) -> str:
        return f"{time.monotonic() - self._began:5.1f} s  "
