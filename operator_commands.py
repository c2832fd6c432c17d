"""`python bot.py check | backup PATH | rotate-key | copy-database URL`: what operators do besides running the bot."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import discord

from discord_adapter.channels import INVITE_PERMISSIONS
from discord_adapter.client import DiscordTokenRefused, RelayClient, use_discord_at
from discord_adapter.request_trace import UNREACHABLE, reason_of
from relay.media.folder import check_folder, folder_beside
from relay.ports import NoMeters
from settings import VERSION, DatabasePlace, PostgresUrl, Settings, StorageSettings, database_url, shown_settings
from settings.readers import HOW_TO_MAKE_A_KEY
from storage import copying, key_rotation, servers
from storage.database import open_reader
from storage.engines.copy_source_and_target import CopyRefused
from storage.engines.opening import is_in_use
from storage.engines.sqlite import backup as backups
from storage.inspection import Inspection, Sharing, inspect
from storage.secret_store import key_file
from web.server import Port, PortTaken, callback_port, monitoring_port, try_port

_DISCORD_SECONDS = 30.0
_PROGRESS_SECONDS = 1.0


async def check(settings: Settings) -> None:
    """Prints version, settings (secrets masked), database, key, Discord login, invite link. The bot may run meanwhile.

    Raises what a start would raise. If Discord can't be reached it only says so, because a start would wait for it.
    """
    print(f"PixVerse Relay {VERSION}")
    for name, value in shown_settings(settings):
        print(f"{name} = {value}")
    for warning in settings.warnings:
        print(warning)
    found = await inspect(settings.database, _keys(settings))
    for line in _database_lines(settings.database, found):
        print(line)
    if found.sharing is not None:
        for line in _process_lines(found.sharing):
            print(line)
    check_folder(folder_beside(settings.database))
    for port in (monitoring_port(settings), callback_port(settings)):
        if port is not None:
            print(await _port_line(port, settings.database))
    print(await _discord_line(settings, found.tables))


async def backup(settings: StorageSettings, target: Path) -> None:
    """Copies the database to `target`, also while the bot runs. Raises BackupFailed or a class of DatabaseUnusable."""
    if isinstance(settings.database, PostgresUrl):
        command = shlex.join(["pg_dump", "--format=custom", f"--file={target}", str(settings.database)])
        raise backups.BackupFailed(
            f"DATABASE_URL names a PostgreSQL database, and those are copied by PostgreSQL's own pg_dump: {command}"
        )
    await backups.backup(settings.database, target)
    print(f"Backup written: {target}")
    print(_key_to_keep(settings, settings.database))


async def rotate_key(settings: StorageSettings) -> None:
    """Encrypts every stored secret with a new key. Raises AlreadyRunning if the bot runs, or a DatabaseUnusable."""
    rotated = await key_rotation.rotate_key(settings.database, _keys(settings))
    print(f"Secrets encrypted with the new key: {rotated.secrets}.")
    if rotated.file is None:
        print("ENCRYPTION_KEY: only the first key is used now; remove the others.")
    else:
        print(f"The new key is in {rotated.file}: keep a copy of it. Earlier backups need the old key.")


async def copy_database(settings: StorageSettings, target: DatabasePlace) -> None:
    """Copies everything into an empty database of the other kind, and says what to set to use it.

    Raises CopyRefused if the bot runs or the target is not empty, and classes of DatabaseUnusable.
    """
    source = settings.database
    if isinstance(source, Path) == isinstance(target, Path):
        raise CopyRefused(
            "copy-database copies between SQLite and PostgreSQL; DATABASE_URL and the database you named are of the "
            "same kind."
        )
    print(f"Copying {source} to {target}.")
    copied = await copying.copy_database(source, target, _keys(settings), _Progress())
    print(f"Copied and compared: {copied.rows:,} rows in {copied.tables} tables. Nothing was changed in {source}.")
    password = "" if isinstance(target, Path) else ", with the password"
    print(f"To use the copy, set DATABASE_URL to what you named: {database_url(target)}{password}.")
    if not isinstance(source, Path) or settings.encryption_keys:
        print("Leave ENCRYPTION_KEY as it is.")
    elif key_file(source).exists():
        print(f"Set ENCRYPTION_KEY_FILE={key_file(source)}, or ENCRYPTION_KEY to the key in it.")
    else:
        print(f"Set ENCRYPTION_KEY to a new key; {HOW_TO_MAKE_A_KEY}.")


class _Progress:
    """Prints how far the copy is, a line a second at most, and one when a table is done."""

    def __init__(self) -> None:
        self._printed_at = time.monotonic()

    def __call__(self, table: str, copied: int, count: int) -> None:
        now = time.monotonic()
        if copied >= count or now - self._printed_at >= _PROGRESS_SECONDS:
            self._printed_at = now
            print(f"{table}: {copied:,} of {count:,}", flush=True)


def _keys(settings: StorageSettings) -> Sequence[str]:
    return [key.get_secret_value() for key in settings.encryption_keys]


def _database_lines(place: DatabasePlace, found: Inspection) -> list[str]:
    if not found.exists:
        state = "not there yet; the first start creates it"
    elif not found.tables:
        state = "empty; the first start creates its tables"
    elif found.tables < found.newest:
        state = f"usable; the next start brings its tables from version {found.tables} to {found.newest}"
    else:
        state = f"usable, tables of version {found.tables}"
    return [f"Database {place}: {state}.", f"Key: {_key_state(found.key_file)}."]


def _process_lines(sharing: Sharing) -> list[str]:
    """The running processes, oldest first, and the shards that no process holds."""
    lines = [f"Processes: {len(sharing.processes) or 'none runs'}."]
    for process in sharing.processes:
        shards = ", ".join(map(str, process.shards)) or "none"
        state = "stopping" if process.draining else "running"
        age = timedelta(seconds=int(process.seconds))
        lines.append(
            f"Process {process.id}: version {process.version}, {state}, for {age}; "
            f"shards: {shards}; accounts: {process.accounts}."
        )
    if sharing.processes and sharing.free_shards:
        numbers = ", ".join(map(str, sharing.free_shards))
        lines.append(f"Shards without a process, of {sharing.shards}: {numbers}. Commands of their servers fail now.")
    return lines


def _key_state(file: Path | None) -> str:
    if file is None:
        return "in ENCRYPTION_KEY"
    return f"in {file}" if file.exists() else f"none yet; the first start creates {file}"


def _key_to_keep(settings: StorageSettings, database: Path) -> str:
    if settings.encryption_keys:
        return "Keep the present ENCRYPTION_KEY with it: without that key its tokens can't be read."
    file = key_file(database)
    if not file.exists():
        return (
            f"There is no key file {file}. If the bot runs with an ENCRYPTION_KEY, keep that key with it: without that "
            "key its tokens can't be read."
        )
    return f"Keep a copy of {file} with it, but in another place: without that key its tokens can't be read."


async def _port_line(port: Port, database: DatabasePlace) -> str:
    place = f"{port.name} port: {port.host}, port {port.number}"
    try:
        await try_port(port)
    except PortTaken:
        if not await is_in_use(database):
            raise
        return f"{place}: in use; a bot is running with this database."
    return f"{place}: free."


async def _discord_line(settings: Settings, tables: int) -> str:
    use_discord_at(settings.discord_api_url)
    client = RelayClient(NoMeters())
    try:
        async with asyncio.timeout(_DISCORD_SECONDS):
            await client.login(settings.discord_token.get_secret_value())
    except discord.LoginFailure as error:
        raise DiscordTokenRefused from error
    except UNREACHABLE as error:
        return (
            f"Discord: can't be reached at {settings.discord_api_url} ({reason_of(error)}); a start would wait for it."
        )
    finally:
        await client.http.close()
    application_id = client.application_id or 0
    if tables:
        async with open_reader(settings.database) as reader:
            await servers.check_application(reader, settings.database, application_id)
    link = discord.utils.oauth_url(
        application_id, permissions=INVITE_PERMISSIONS, scopes=("bot", "applications.commands")
    )
    return f"Discord: logged in as {client.user}.\nInvite link: {link}"
