"""The command line: runs a command, stops it at a signal, and turns its end into an exit code."""

from __future__ import annotations

import argparse
import asyncio
import io
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from types import FrameType

import logs
import operator_commands
from app import serve
from discord_adapter.client import DiscordTokenRefused
from pixverse.token_text import clean_token
from relay.media.folder import FolderUnusable
from settings import (
    VERSION,
    SettingsError,
    StorageSettings,
    load_settings,
    load_storage_settings,
    read_database,
)
from storage.engines.copy_source_and_target import CopyRefused
from storage.engines.sqlite.backup import BackupFailed
from storage.errors import AlreadyRunning, DatabaseUnusable, StorageUnavailable
from web.watchdog import ServiceManager

log = logging.getLogger(__name__)

DONE, FAILED, MISCONFIGURED, TOKEN_REFUSED, ALREADY_RUNNING = 0, 1, 2, 3, 4

_SECONDS_TO_LEAVE = 9.0
"""Less than the ten seconds after which Docker kills the process."""
_SECONDS_TO_HAND_OVER = 28.0
"""On PostgreSQL, once other processes can take over this one's work."""

_DATABASE_FAILED = (
    "The database can't be used ({}). Nothing was left half done. Check DATABASE_URL, the server or the disk, then "
    "try again."
)
_TOKEN_REFUSED_LINE = (
    "DISCORD_TOKEN: Discord refuses this token. Reset it at https://discord.com/developers/applications "
    "(Bot, Reset Token) and put the new one into .env."
)


def run(arguments: Sequence[str], environ: Mapping[str, str], root: Path) -> int:
    """Runs a command and returns its exit code. Prints a line for each problem, never a traceback for a known one."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as standard error does: a path may hold any character
    options = _parser().parse_args(arguments)
    deadline = Deadline()
    try:
        settings, command = _command(options, environ, root, deadline)
    except SettingsError as error:
        return _complain(MISCONFIGURED, *error.problems)
    is_quiet = options.command == "check" and settings.log_level == "INFO"  # It prints what it finds.
    logs.set_up("WARNING" if is_quiet else settings.log_level, settings.log_format)
    code = _exit_code(command, deadline)
    lost = FAILED if _output_is_closed() else DONE
    return code or lost


class Deadline:
    """Ends the process in time even if something hangs. The database is consistent at every moment."""

    def __init__(self) -> None:
        self._begun_at = 0.0
        self._timer: threading.Timer | None = None

    def begin(self) -> None:
        """The process was told to stop."""
        self._begun_at = time.monotonic()
        self._end_after(_SECONDS_TO_LEAVE)

    def extend(self) -> None:
        """Others are taking over, for which the process may take longer. Does nothing before `begin`."""
        if self._timer is not None:
            self._timer.cancel()
            self._end_after(_SECONDS_TO_HAND_OVER)

    def _end_after(self, seconds: float) -> None:
        """Counted from `begin`."""
        left = self._begun_at + seconds - time.monotonic()
        self._timer = threading.Timer(max(0.0, left), os._exit, (DONE,))
        self._timer.daemon = True
        self._timer.start()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python bot.py", description="Without a command: run the bot.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"PixVerse Relay {VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="command")
    commands.add_parser("check", help="check settings, database, key and Discord login, and print the invite link")
    backup = commands.add_parser("backup", help="copy the database, also while the bot runs")
    backup.add_argument("path", metavar="PATH", type=Path, help="the new file")
    copy = commands.add_parser("copy-database", help="copy everything to PostgreSQL, or from there to an SQLite file")
    copy.add_argument("url", metavar="URL", help="the empty database, written like DATABASE_URL")
    commands.add_parser("rotate-key", help="encrypt every stored token with a new key; the bot must be stopped")
    return parser


def _command(
    options: argparse.Namespace, environ: Mapping[str, str], root: Path, deadline: Deadline
) -> tuple[StorageSettings, Coroutine[object, object, None]]:
    """The settings that a command needs, and the command. Only `check` and the bot itself need a Discord token."""
    if options.command in ("backup", "rotate-key", "copy-database"):
        storage = load_storage_settings(environ, root / ".env", root)
        if options.command == "backup":
            return storage, operator_commands.backup(storage, options.path)
        if options.command == "copy-database":
            return storage, operator_commands.copy_database(storage, read_database(options.url, root))
        return storage, operator_commands.rotate_key(storage)
    settings = load_settings(environ, root / ".env", root, clean_token)
    if options.command == "check":
        return settings, operator_commands.check(settings)
    return settings, serve(settings, ServiceManager.of_environment(environ), handing_over=deadline.extend)


def _exit_code(command: Coroutine[object, object, None], deadline: Deadline) -> int:
    try:
        asyncio.run(_until_told_to_stop(command, deadline))
    except SettingsError as error:
        return _complain(MISCONFIGURED, *error.problems)
    except (DatabaseUnusable, BackupFailed, CopyRefused, FolderUnusable, StorageUnavailable) as error:
        line = _DATABASE_FAILED.format(error) if isinstance(error, StorageUnavailable) else str(error)
        return _complain(MISCONFIGURED, line)
    except DiscordTokenRefused:
        return _complain(TOKEN_REFUSED, _TOKEN_REFUSED_LINE)
    except AlreadyRunning as error:
        return _complain(ALREADY_RUNNING, str(error))
    except Exception as error:
        if not isinstance(error, BrokenPipeError) or not _output_is_closed("\n"):
            # Logged here because the interpreter's own traceback would show secrets that the error holds.
            log.exception("the bot ended because of a bug")
        return FAILED
    return DONE


def _output_is_closed(text: str = "") -> bool:
    """Whether nobody reads the output any more, as in `bot.py check | head -1`. Writes this text and what is buffered;
    what can't be written is lost."""
    try:
        print(text, end="", flush=True)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # What is buffered is written again at the interpreter's end.
        os.close(nowhere)
        return True
    return False


async def _until_told_to_stop(command: Coroutine[object, object, None], deadline: Deadline) -> None:
    """Runs the command to its end. SIGTERM or Ctrl-C cancels it, and it cleans up."""
    work = asyncio.create_task(command)
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if stopped:
            return
        stopped = True
        log.info("stopping")
        deadline.begin()
        work.cancel()

    _on_signals(stop)
    try:
        await work
    except asyncio.CancelledError:
        if not stopped:
            raise


def _on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()

    def hear(_number: int, _frame: FrameType | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop)

    # Not the loop's own handlers: they end with the loop, and a second signal would then kill the process.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, hear)


def _complain(code: int, *problems: str) -> int:
    for problem in problems:
        print(problem, file=sys.stderr)
    return code
