"""`python -m sandbox.standalone discord|pixverse`: serves until standard input ends, and takes orders over HTTP.

Standard input is a pipe to whoever started this; it ends with that process, however that was killed. The first line of
standard output is a JSON object with the addresses.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from sandbox.discord_wire import DiscordSandbox
from sandbox.pixverse_api import PixverseApi
from sandbox.standalone.discord_orders import DiscordOrders
from sandbox.standalone.orders import serve_orders
from sandbox.standalone.pixverse_orders import PixverseOrders


async def _serve(what: str, log_path: Path) -> None:
    async with AsyncExitStack() as stack:
        if what == "discord":
            discord = await DiscordSandbox.start(log_path=log_path)
            stack.push_async_callback(discord.stop, strict=False)
            told = {"bot_token": discord.bot_token}
            orders = DiscordOrders(discord).orders()
        else:
            pixverse = PixverseApi(sweep_seconds=0, log_path=log_path)
            await pixverse.start()
            stack.push_async_callback(pixverse.stop)
            told = {"files": pixverse.cdn.base}
            orders = PixverseOrders(pixverse).orders()
        told["orders"] = await serve_orders(orders, stack)
        print(json.dumps(told), flush=True)
        await _input_ended()


async def _input_ended() -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


def main() -> None:
    """Serves one of the two."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.standalone", description=__doc__)
    parser.add_argument("what", choices=("discord", "pixverse"))
    parser.add_argument("--log", type=Path, required=True, help="the file to which every event is added")
    options = parser.parse_args()
    # aiohttp's server logs an error for each client that is killed while connecting.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    asyncio.run(_serve(options.what, options.log))


if __name__ == "__main__":
    main()
