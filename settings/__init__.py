"""Every setting of the bot: read from the environment and `.env`, and checked once, with all problems reported."""

from settings.loading import SettingsError, load_settings, load_storage_settings, read_database
from settings.model import PUBLIC_API_HOST, VARIABLES, Settings, StorageSettings, shown_settings
from settings.readers import DatabasePlace, LogFormat, LogLevel, MediaHost, PostgresUrl, database_url

__all__ = [
    "PUBLIC_API_HOST",
    "VARIABLES",
    "VERSION",
    "DatabasePlace",
    "LogFormat",
    "LogLevel",
    "MediaHost",
    "PostgresUrl",
    "Settings",
    "SettingsError",
    "StorageSettings",
    "database_url",
    "load_settings",
    "load_storage_settings",
    "read_database",
    "shown_settings",
]

VERSION = "1.0.0"
"""A semantic version of what commands, settings, database and exit codes promise. A release changes it here and in
pyproject.toml; see docs/releasing.md."""
