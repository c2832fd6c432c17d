"""`.env.example` is what operators copy: it lists every setting, with the default that is in force."""

from __future__ import annotations

from pathlib import Path

import pytest
from dotenv import dotenv_values

from settings import VARIABLES, load_settings
from settings.secret_files import SECRET_FILES

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / ".env.example"


def test_it_lists_every_setting_in_order() -> None:
    assert list(dotenv_values(EXAMPLE)) == list(VARIABLES)


@pytest.mark.parametrize("variable", [name for name in VARIABLES if name != "DISCORD_TOKEN"])
def test_each_value_is_the_default(variable: str) -> None:
    token = {"DISCORD_TOKEN": "MTA.abc.def"}
    value = dotenv_values(EXAMPLE)[variable]
    assert value is not None
    assert load_settings({**token, variable: value}, None, ROOT) == load_settings(token, None, ROOT)


def test_a_value_is_blank_only_if_there_is_no_default() -> None:
    blank = {name for name, value in dotenv_values(EXAMPLE).items() if not value}
    optional = {
        "DISCORD_GUILD_IDS",
        "SHARD_IDS",
        "USEAPI_TOKEN",
        "ENCRYPTION_KEY",
        "HTTP_PORT",
        "CALLBACK_PORT",
        "PUBLIC_URL",
    }
    assert blank == {"DISCORD_TOKEN", *SECRET_FILES, *optional}


def test_each_setting_is_explained() -> None:
    lines = EXAMPLE.read_text().splitlines()
    explained = False
    for line in lines:
        if "=" in line and not line.startswith("#"):
            assert explained, line
        else:
            explained = line.startswith("#")
