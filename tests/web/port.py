"""The HTTP ports as clients see them: bytes in, bytes out."""

from __future__ import annotations

import asyncio

from web.http_messages import RequestHead
from web.server import Port


def port_at(number: int, host: str = "127.0.0.1", max_connections: int = 200) -> Port:
    """A port to listen at."""
    return Port("HTTP", host, number, max_connections, "choose others")


class FakeRequest:
    """A request as a handler gets it."""

    head = RequestHead("GET", "/", {})

    async def read(self) -> bytes:
        return b""


async def ask(port: int, request: str, body: bytes = b"") -> tuple[int, bytes]:
    """Sends a request (its lines, without the blank one) and gives status and body; status 0: cut off unanswered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write("\r\n".join([*request.split("\n"), "", ""]).encode() + body)
        await writer.drain()
        answer = await reader.read()
    except ConnectionError:
        return 0, b""
    finally:
        writer.close()
    head, _, rest = answer.partition(b"\r\n\r\n")
    return (int(head.split()[1]) if head else 0), rest
