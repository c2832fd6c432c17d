"""The orders that a harness sends to a Discord in its own process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.discord_wire import Answer, Channel, Cut, DiscordSandbox, Guild, Member, Message, RateLimit, Status
from sandbox.standalone.orders import Order

Json = dict[str, Any]


class DiscordOrders:
    """Keeps the servers, channels and people that were made, by their ids."""

    def __init__(self, discord: DiscordSandbox) -> None:
        self._discord = discord
        self._guilds: dict[int, Guild] = {}
        self._channels: dict[int, Channel] = {}
        self._members: dict[int, Member] = {}

    def orders(self) -> Mapping[str, Order]:
        """Every order by its name."""
        return {
            "address": self.address,
            "server": self.server,
            "channel": self.channel,
            "command": self.command,
            "form": self.form,
            "press": self.press,
            "messages": self.messages,
            "sessions": self.sessions,
            "settings": self.settings,
            "gateway": self.gateway,
            "fault": self.fault,
            "faults_end": self.faults_end,
            "forget_nonces": self.forget_nonces,
            "ready": self.ready,
            "unsupported": self.unsupported,
        }

    async def address(self, caller: str) -> str:
        """The API's address for a bot of this name."""
        return self._discord.api_url_of(caller)

    async def server(self, name: str = "Studio", shard: int | None = None, shard_count: int = 1) -> Json:
        """A server with a channel, an admin and a member; of one shard, if that is given."""
        guild = self._discord.add_guild(name, shard=None if shard is None else (shard, shard_count))
        admin = guild.add_member("ada", permissions=self._discord.Permissions(manage_guild=True, manage_messages=True))
        member = guild.add_member("alice")
        self._guilds[guild.id] = guild
        self._members |= {admin.id: admin, member.id: member}
        channel = await self.channel(guild.id)
        return {"guild": guild.id, "channel": channel, "admin": admin.id, "member": member.id}

    async def channel(self, guild: int, name: str = "videos") -> int:
        """One more channel of a server."""
        made = self._guilds[guild].add_text_channel(name)
        self._channels[made.id] = made
        return made.id

    async def command(
        self, member: int, channel: int, name: str, options: Json | None = None, timeout_s: float = 30.0
    ) -> Json:
        """A person uses a slash command. Fails with NotAnswered if the bot doesn't answer."""
        answer = await self._members[member].slash(self._channels[channel], name, timeout_s, **(options or {}))
        return _answer(answer)

    async def form(self, member: int, channel: int, name: str, text: str) -> Json:
        """A person uses a slash command that opens a form with one field, and hands it in."""
        person = self._members[member]
        opened = await person.slash(self._channels[channel], name)
        return _answer(await person.submit(opened, text))

    async def press(self, member: int, channel: int, message: int, label: str) -> Json:
        """A person presses a button of a message."""
        shown = self._channels[channel].message(message)
        if shown is None:
            raise LookupError(f"no message {message}")
        return _answer(await self._members[member].click(shown, label))

    async def messages(self, channel: int) -> list[Json]:
        """What the bot has posted in a channel for everybody, oldest first."""
        return [_message(message) for message in self._channels[channel].messages(of_bot=True)]

    async def sessions(self) -> list[Json]:
        """The gateway's sessions that are connected."""
        return [
            {"session": session.id, "caller": session.caller, "shard": session.shard[0], "count": session.shard[1]}
            for session in self._discord.gateway.connected
        ]

    async def settings(
        self,
        shards: int | None = None,
        max_concurrency: int | None = None,
        session_starts: int | None = None,
        enforce_session_starts: bool | None = None,
        rate_limits: bool | None = None,
        nonce_window_s: float | None = None,
    ) -> None:
        """Changes those of Discord's limits that are given."""
        discord = self._discord
        if shards is not None:
            discord.gateway.shards = shards
        if max_concurrency is not None:
            discord.starts.max_concurrency = max_concurrency
        if session_starts is not None:
            discord.starts.total = session_starts
        if enforce_session_starts is not None:
            discord.starts.enforced = enforce_session_starts
        if rate_limits is not None:
            discord.limits.enabled = rate_limits
        if nonce_window_s is not None:
            discord.nonce_window_s = nonce_window_s

    async def gateway(self, fault: str, code: int = 4000) -> None:
        """Lets the gateway `cut`, `close` (with a code), `reconnect`, `invalidate`, go `away` or come `back`."""
        gateway = self._discord.gateway
        if fault == "close":
            await gateway.close(code)
        elif fault in ("away", "back"):
            gateway.closed = fault == "away"
        else:
            {"cut": gateway.cut, "reconnect": gateway.ask_to_reconnect, "invalidate": gateway.invalidate}[fault]()

    async def fault(
        self,
        method: str = "*",
        path: str = ".*",
        after: bool = False,
        status: int | None = None,
        code: int = 0,
        global_limit_s: float | None = None,
        times: int | None = 1,
    ) -> None:
        """Lets the next requests that fit meet a status, a global rate limit, or else a cut.

        `after`: what they ask for is done, and only the answer suffers.
        """
        action: Status | RateLimit | Cut = Cut() if status is None else Status(status, code)
        if global_limit_s is not None:
            action = RateLimit(global_limit_s, "global")
        when = "after" if after else "before"
        self._discord.faults.add(method=method, path=path, when=when, action=action, times=times)  # type: ignore[arg-type]

    async def faults_end(self) -> None:
        """Ends all faults."""
        self._discord.faults.clear()

    async def forget_nonces(self) -> None:
        """Forgets all nonces, as Discord does after a while."""
        self._discord.forget_nonces()

    async def ready(self, sessions: int = 1, timeout_s: float = 30.0) -> None:
        """Waits until so many sessions are connected and commands are registered."""
        await self._discord.until(
            lambda: (
                len(self._discord.gateway.connected) >= sessions and any(self._discord.world.backend.commands.values())
            ),
            timeout_s,
            f"{sessions} sessions, and commands",
        )

    async def unsupported(self) -> list[str]:
        """Calls that the sandbox does not know."""
        return self._discord.unsupported


def _answer(answer: Answer) -> Json:
    return {"text": answer.text, "ephemeral": answer.ephemeral, "labels": answer.labels}


def _message(message: Message) -> Json:
    return {
        "id": message.id,
        "text": message.text,
        "card": message.components_v2,
        "nonce": message.nonce,
        "labels": message.labels,
        "files": [attachment.filename for attachment in message.attachments],
        "pinged": sorted(message.pinged),
    }
