from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast
from unittest.mock import MagicMock

import pytest
from discord.ext import commands

from cogs.message_menu import watch_menu
from cogs.pixverse import PixVerse
from cogs.pixverse_admin import PixVerseAdmin
from discord_adapter.client import RelayClient
from discord_adapter.command_sync import Payload
from discord_adapter.command_translations import translated
from relay.ports import NoMeters
from tests import languages
from tests.pseudo_language import pseudo
from ui.language import ENGLISH, LANGUAGES

_MOST_CHARACTERS = 8000
"""Of a command and all in it, the longest translation counted (Discord developer docs, Application Commands)."""


async def registered() -> Sequence[Payload]:
    anything = cast("Any", MagicMock())
    client = RelayClient(NoMeters())
    cogs: list[commands.Cog] = [
        PixVerse(anything, anything, anything, anything),
        PixVerseAdmin(anything, anything, anything, anything),
    ]
    for cog in cogs:
        await client.add_cog(cog)
    client.tree.add_command(watch_menu(anything, anything))
    return await translated(client.tree)


def parts(payload: Payload) -> Iterator[Payload]:
    """The command, its options and their choices, at every depth."""
    yield payload
    for part in (*payload.get("options", ()), *payload.get("choices", ())):
        yield from parts(part)


def characters(part: Payload) -> int:
    own = sum(
        max(len(text) for text in (str(part.get(field, "")), *part.get(f"{field}_localizations", {}).values()))
        for field in ("name", "description")
    )
    return (
        own
        + len(str(part.get("value", "")))
        + sum(map(characters, (*part.get("options", ()), *part.get("choices", ()))))
    )


async def test_descriptions_and_choices_are_translated_but_names_are_not(tmp_path: Path) -> None:
    languages.write(tmp_path, "de", languages.translated("de", pseudo))
    languages.write(tmp_path, "es-ES", languages.translated("es-ES", pseudo))
    with languages.known(tmp_path):
        every = [part for command in await registered() for part in parts(command)]
    described = [part for part in every if "description" in part]
    assert len(described) > 25
    for part in described:
        assert not part.get("name_localizations")
        if part["description"]:
            marked = pseudo(part["description"])
            assert part["description_localizations"] == {"de": marked, "es-ES": marked, "es-419": marked}
    (as_server,) = (part for part in every if part.get("value") == "server")
    assert as_server["name_localizations"]["de"] == pseudo("As the server")
    assert [part["name"] for part in every if part.get("value") in LANGUAGES] == list(LANGUAGES.values())


async def test_every_command_fits_discord_s_limits_in_every_language() -> None:
    every = await registered()
    for command in every:
        assert characters(command) <= _MOST_CHARACTERS, command["name"]
        for part in parts(command):
            for field in ("description", "name"):
                for text in part.get(f"{field}_localizations", {}).values():
                    assert 1 <= len(text) <= 100, text


@pytest.mark.parametrize("translation", ["{text}" + "~" * 100, "", " ", "\u200b"])
async def test_a_translation_that_discord_would_refuse_stays_in_english(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, translation: str
) -> None:
    languages.write(tmp_path, "de", languages.translated("de", lambda text: translation.replace("{text}", text)))
    with languages.known(tmp_path), caplog.at_level(logging.WARNING):
        every = [part for command in await registered() for part in parts(command)]
    assert not any("de" in part.get("description_localizations", {}) for part in every)
    assert not any("de" in part.get("name_localizations", {}) for part in every)


async def test_without_catalogues_every_command_is_in_english(tmp_path: Path) -> None:
    with languages.known(tmp_path):
        every = [part for command in await registered() for part in parts(command)]
    assert not any(part.get("description_localizations") for part in every)
    assert ENGLISH in LANGUAGES
