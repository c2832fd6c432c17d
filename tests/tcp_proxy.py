"""A connection between a client and a server that can be watched, held and cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Self

_Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class TcpProxy:
    """Forwards connections from `port` of this machine to another port of it."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.passes = asyncio.Event()
        """While cleared, clients can connect, but nothing is forwarded."""
        self.passes.set()
        self.before: Callable[[bytes], bool] = lambda _data: True
        """Called with what a client sends; if it returns False, the connection is cut before the data is forwarded."""
        self.after: Callable[[bytes], bool] = lambda _data: True
        """Called with what a client sent; if it returns False, the connection is cut once the server has responded."""
        self.keeps: Callable[[bytes], bool] = lambda _data: False
        """Called with what a client sends; if it returns True, the connection stays open, but nothing from the client
        is forwarded."""
        self.changed: Callable[[bytes], bytes] = lambda data: data
        """Maps the server's data to what is forwarded."""
        self._target = target
        self._lines: set[asyncio.StreamWriter] = set()

    @classmethod
    @asynccontextmanager
    async def to(cls, target: int) -> AsyncIterator[Self]:
        """Listens until the block ends."""
        proxy = cls(target)
        server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
        proxy.port = server.sockets[0].getsockname()[1]
        try:
            yield proxy
        finally:
            server.close()
            proxy.cut()
            await server.wait_closed()

    @property
    def ports(self) -> list[int]:
        """The ports from which this proxy has connected to the server, as the server sees them."""
        return [line.get_extra_info("sockname")[1] for line in self._lines if not line.is_closing()]

    def cut(self) -> None:
        """Ends every connection."""
        for line in list(self._lines):
            line.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:  # nobody listens there now
            writer.transport.abort()
        else:
            await self._pass_on((reader, writer), there)

    async def _lets_through(self, data: bytes) -> bool:
        await self.passes.wait()
        if self.keeps(data):
            await asyncio.Event().wait()
        return self.before(data)

    async def _pass_on(self, here: _Line, there: _Line) -> None:
        (reader, writer), (there_reader, there_writer) = here, there
        self._lines |= {writer, there_writer}
        cut_answer = asyncio.Event()

        async def forth() -> None:
            while data := await reader.read(65536):
                if not await self._lets_through(data):
                    return
                if not self.after(data):
                    cut_answer.set()
                there_writer.write(data)

        async def back() -> None:
            while data := await there_reader.read(65536):
                await self.passes.wait()
                if cut_answer.is_set():
                    return
                writer.write(self.changed(data))

        tasks = [asyncio.create_task(forth()), asyncio.create_task(back())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            with suppress(OSError):
                await asyncio.gather(*tasks, return_exceptions=True)
            for line in (writer, there_writer):
                line.transport.abort()
            self._lines -= {writer, there_writer}
