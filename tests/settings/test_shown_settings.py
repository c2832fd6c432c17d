"""What `bot.py check` shows of the settings."""

from __future__ import annotations

from pathlib import Path

from cryptography.fernet import Fernet

from settings import VARIABLES, load_settings, shown_settings


def test_every_variable_is_shown_but_no_secret() -> None:
    keys = [Fernet.generate_key().decode(), Fernet.generate_key().decode()]
    environ = {
        "DISCORD_TOKEN": "MTA.abc.def",
        "USEAPI_TOKEN": "user:1-abc",
        "ENCRYPTION_KEY": ",".join(keys),
        "MEDIA_HOSTS": "*.example.org, http://[::1]:9000",
        "POLL_INTERVAL": "12.5",
        "DATABASE_URL": "sqlite:////srv/relay.db",
    }
    shown = dict(shown_settings(load_settings(environ, None, Path("/srv"))))
    assert list(shown) == list(VARIABLES)
    assert shown["DISCORD_TOKEN"] == "set, not shown"
    assert shown["USEAPI_TOKEN"] == "set, not shown"
    assert shown["ENCRYPTION_KEY"] == "2 set, not shown"
    assert shown["MEDIA_HOSTS"] == "*.example.org, http://[::1]:9000"
    assert shown["POLL_INTERVAL"] == "12.5 seconds"
    assert shown["JOB_MAX_AGE"] == "48 hours"
    assert shown["MEDIA_MAX_MB"] == "100 MiB"
    assert shown["DATABASE_URL"] == "sqlite:////srv/relay.db"
    assert shown["DISCORD_GUILD_IDS"] == "not set"
    for secret in ("MTA.abc.def", "user:1-abc", *keys):
        assert all(secret not in value for value in shown.values())
