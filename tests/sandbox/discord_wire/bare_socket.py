"""A bare WebSocket at the gateway."""

from __future__ import annotations

import json
from typing import Any

import aiohttp

from sandbox.discord_wire import DiscordSandbox

GUILDS = 1


class Socket:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def read(self) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(await self.socket.receive_str())
        return frame

    async def read_until(self, event: str) -> list[dict[str, Any]]:
        frames = [await self.read()]
        while frames[-1]["t"] != event:
            frames.append(await self.read())
        return frames

    async def closed_with(self) -> int | None:
        message = await self.socket.receive()
        assert message.type == aiohttp.WSMsgType.CLOSE
        return self.socket.close_code

    async def identify(self, sandbox: DiscordSandbox, **changes: Any) -> None:
        data = {"token": sandbox.bot_token, "intents": GUILDS, "properties": {}, "shard": [0, 1], **changes}
        await self.socket.send_json({"op": 2, "d": data})


async def open_socket(session: aiohttp.ClientSession, sandbox: DiscordSandbox) -> Socket:
    socket = Socket(await session.ws_connect(f"{sandbox.gateway_url}?v=10&encoding=json"))
    assert (await socket.read())["op"] == 10
    return socket
