"""Every setting: its variable, type and default. Also how the values in use are shown to the operator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from settings import readers
from settings.readers import DatabasePlace, LogFormat, LogLevel, MediaHost, PostgresUrl
from settings.secret_files import SECRET_FILES, readable_by_all

PUBLIC_API_HOST = "api.useapi.net"

_PUBLIC_API_MIN_POLL_MS = 10_000

_EXPOSED_ACCOUNT = (
    "USEAPI_TOKEN is set and DISCORD_GUILD_IDS is not: any server that invites this bot can read this account's jobs. "
    "Set DISCORD_GUILD_IDS, or make the bot private in Discord's developer portal."
)

_Count = Annotated[int, BeforeValidator(lambda text: readers.whole(text, 1_000_000))]


def without_blanks(values: Mapping[str, str]) -> dict[str, str]:
    """The variables that are not blank, stripped. A blank one counts as not set."""
    return {name: text.strip() for name, text in values.items() if text.strip()}


class StorageSettings(BaseSettings):
    """The checked settings of commands that need only the database. Paths are absolute."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", validate_default=False)

    database: Annotated[DatabasePlace, NoDecode, BeforeValidator(readers.database)] = Field(
        Path("data/relay.db"), alias="DATABASE_URL"
    )
    encryption_keys: Annotated[
        tuple[SecretStr, ...], NoDecode, BeforeValidator(lambda text: text and readers.encryption_keys(text))
    ] = Field((), alias="ENCRYPTION_KEY", validate_default=True)
    encryption_key_file: Path | None = Field(None, alias="ENCRYPTION_KEY_FILE")
    log_level: Annotated[LogLevel, BeforeValidator(readers.log_level)] = Field("INFO", alias="LOG_LEVEL")
    log_format: Annotated[LogFormat, BeforeValidator(readers.log_format)] = Field("text", alias="LOG_FORMAT")

    @field_validator("encryption_keys")
    @classmethod
    def _require_a_key(cls, keys: tuple[SecretStr, ...], info: ValidationInfo) -> tuple[SecretStr, ...]:
        if not keys and isinstance(info.data.get("database"), PostgresUrl):
            raise ValueError(f"is not set, and with PostgreSQL it must be; {readers.HOW_TO_MAKE_A_KEY}")
        return keys

    @model_validator(mode="before")
    @classmethod
    def _blank_is_not_set(cls, values: dict[str, str]) -> dict[str, str]:
        return without_blanks(values)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only the values that are passed in count."""
        return (init_settings,)


class Settings(StorageSettings):
    """All settings, checked. Times are in milliseconds, sizes in bytes, paths absolute."""

    discord_token: Annotated[SecretStr, BeforeValidator(readers.header_secret)] = Field(alias="DISCORD_TOKEN")
    discord_token_file: Path | None = Field(None, alias="DISCORD_TOKEN_FILE")
    discord_api_url: Annotated[str, BeforeValidator(readers.api_url)] = Field(
        "https://discord.com/api/v10", alias="DISCORD_API_URL"
    )
    discord_guild_ids: Annotated[tuple[int, ...], NoDecode, BeforeValidator(readers.guild_ids)] = Field(
        (), alias="DISCORD_GUILD_IDS"
    )
    shard_ids: Annotated[tuple[int, ...], NoDecode, BeforeValidator(readers.shard_ids)] = Field((), alias="SHARD_IDS")
    useapi_url: Annotated[str, BeforeValidator(readers.api_url)] = Field(
        f"https://{PUBLIC_API_HOST}", alias="USEAPI_URL"
    )
    useapi_token: Annotated[SecretStr | None, BeforeValidator(readers.header_secret)] = Field(
        None, alias="USEAPI_TOKEN"
    )
    useapi_token_file: Path | None = Field(None, alias="USEAPI_TOKEN_FILE")
    poll_interval_ms: Annotated[int, BeforeValidator(readers.poll_interval_ms)] = Field(20_000, alias="POLL_INTERVAL")
    job_max_age_ms: Annotated[int, BeforeValidator(readers.job_max_age_ms)] = Field(48 * 3_600_000, alias="JOB_MAX_AGE")
    media_hosts: Annotated[tuple[MediaHost, ...], NoDecode, BeforeValidator(readers.media_hosts)] = Field(
        (MediaHost("cdn.discordapp.com"), MediaHost("media.discordapp.net"), MediaHost("media.pixverse.ai")),
        alias="MEDIA_HOSTS",
    )
    media_max_bytes: Annotated[int, BeforeValidator(readers.media_max_bytes)] = Field(
        100 * 1024 * 1024, alias="MEDIA_MAX_MB"
    )
    media_parallel: _Count = Field(3, alias="MEDIA_PARALLEL")
    max_open_per_user: _Count = Field(50, alias="MAX_OPEN_PER_USER")
    max_open_per_server: _Count = Field(500, alias="MAX_OPEN_PER_SERVER")
    commands_per_minute: _Count = Field(30, alias="COMMANDS_PER_MINUTE")
    http_host: Annotated[str, BeforeValidator(readers.http_host)] = Field("127.0.0.1", alias="HTTP_HOST")
    http_port: Annotated[int | None, BeforeValidator(lambda text: readers.whole(text, 65_535))] = Field(
        None, alias="HTTP_PORT"
    )
    callback_host: Annotated[str, BeforeValidator(readers.http_host)] = Field("127.0.0.1", alias="CALLBACK_HOST")
    callback_port: Annotated[int | None, BeforeValidator(lambda text: readers.whole(text, 65_535))] = Field(
        None, alias="CALLBACK_PORT"
    )
    public_url: Annotated[str | None, BeforeValidator(lambda text: text and readers.public_url(text))] = Field(
        None, alias="PUBLIC_URL", validate_default=True
    )

    @field_validator("shard_ids")
    @classmethod
    def _shards_need_postgres(cls, shard_ids: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        if isinstance(info.data.get("database"), Path):
            raise ValueError("is set, and DATABASE_URL names an SQLite database, which has one process; leave it empty")
        return shard_ids

    @field_validator("poll_interval_ms")
    @classmethod
    def _spare_the_public_api(cls, interval: int, info: ValidationInfo) -> int:
        host = urlsplit(info.data.get("useapi_url", "")).hostname or ""
        if host.removesuffix(".") == PUBLIC_API_HOST and interval < _PUBLIC_API_MIN_POLL_MS:
            raise ValueError(f"is under 10 seconds, too often for {PUBLIC_API_HOST}; set it to 10 or more")
        return interval

    @field_validator("callback_port")
    @classmethod
    def _keep_ports_apart(cls, port: int | None, info: ValidationInfo) -> int | None:
        if port is not None and port == info.data.get("http_port"):
            raise ValueError(
                f"is {port}, as HTTP_PORT is; choose another, since health and metrics are not for the internet"
            )
        return port

    @field_validator("public_url")
    @classmethod
    def _match_callback_port(cls, url: str | None, info: ValidationInfo) -> str | None:
        if "callback_port" not in info.data:  # CALLBACK_PORT itself is wrong, which is reported already.
            return url
        port = info.data["callback_port"]
        if url is not None and port is None:
            raise ValueError(
                "is set and CALLBACK_PORT is not. Since 0.1 this has changed: HTTP_PORT now serves health and metrics "
                "alone, and callbacks have a port of their own. Set CALLBACK_PORT to a port that is not HTTP_PORT and "
                "have your proxy pass /callback/ on to it; or leave PUBLIC_URL empty"
            )
        if url is None and port is not None:
            raise ValueError(
                "is not set and CALLBACK_PORT is; set it to the address at which the internet reaches that port, like "
                "https://relay.example.org, or leave CALLBACK_PORT empty"
            )
        return url

    @property
    def operator_token(self) -> str | None:
        """The API token that servers without one of their own use; None if USEAPI_TOKEN is not set."""
        return None if self.useapi_token is None else self.useapi_token.get_secret_value()

    @property
    def exposes_account(self) -> bool:
        """Whether any server that invites the bot can read the jobs of USEAPI_TOKEN's account."""
        return self.useapi_token is not None and not self.discord_guild_ids

    @property
    def open_secret_files(self) -> tuple[Path, ...]:
        """The secret files that every user of this machine may read."""
        named = (self.discord_token_file, self.useapi_token_file, self.encryption_key_file)
        return tuple(path for path in named if path is not None and readable_by_all(path))

    @property
    def warnings(self) -> list[str]:
        """What the operator should know although the bot starts anyway, one or two sentences each."""
        exposed = [_EXPOSED_ACCOUNT] if self.exposes_account else []
        readable = [
            f"{path} contains a secret, and every user of this machine can read it. Run chmod 600 on it."
            for path in self.open_secret_files
        ]
        return exposed + readable


VARIABLES: Mapping[str, str] = {
    str(field.alias): name
    for name, field in sorted(Settings.model_fields.items(), key=lambda item: item[0] in StorageSettings.model_fields)
}
"""Each variable with its field of Settings, in the order of `.env.example`."""

_UNITS = {
    "POLL_INTERVAL": (1_000, "seconds"),
    "JOB_MAX_AGE": (3_600_000, "hours"),
    "MEDIA_MAX_MB": (1024 * 1024, "MiB"),
}


def shown_settings(settings: Settings) -> list[tuple[str, str]]:
    """Each variable with the value in use, as the operator would write it. For secrets, it only says whether they are
    set."""
    shown = {variable: _shown(variable, getattr(settings, field)) for variable, field in VARIABLES.items()}
    for variable, plain in SECRET_FILES.items():
        if (path := getattr(settings, VARIABLES[variable])) is not None:
            shown[plain] = f"read from {path}, not shown"
    return list(shown.items())


def _shown(variable: str, value: object) -> str:
    if value is None or value == ():
        return "not set"
    if isinstance(value, SecretStr):
        return "set, not shown"
    if isinstance(value, tuple):
        return _shown_list(value)
    if variable == "DATABASE_URL" and isinstance(value, (Path, PostgresUrl)):
        return readers.database_url(value)
    if isinstance(value, int) and variable in _UNITS:
        size, unit = _UNITS[variable]
        return f"{value / size:g} {unit}"
    return str(value)


def _shown_list(values: tuple[object, ...]) -> str:
    if isinstance(values[0], SecretStr):
        return f"{len(values)} set, not shown"
    return ", ".join(str(value) for value in values)
