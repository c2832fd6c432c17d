"""The languages of people and servers, as the panel chooses them."""

from __future__ import annotations

import discord
import pytest

from sandbox.demo_setup import DemoSetup
from sandbox.panel import Panel, choices, views
from sandbox.panel.form import Form, NotDone


def test_every_language_of_discord_is_offered_once() -> None:
    assert sorted(choices.LANGUAGES.values()) == sorted(locale.value for locale in discord.Locale)


async def test_person_and_server_get_a_language(setup: DemoSetup) -> None:
    told: list[object] = []
    setup.discord.world.backend.subscribers.append(
        lambda event, payload: told.append(payload["preferred_locale"]) if event == "GUILD_UPDATE" else None
    )
    async with Panel.open(setup) as panel:
        said = await panel.controls["person-language"](Form({"language": "日本語 (ja)"}))
        assert said == "Alice uses Discord in 日本語 (ja)."
        said = await panel.controls["server-language"](Form({"language": "Português do Brasil (pt-BR)"}))
        assert said == "The language of Paper Boat Studio is Português do Brasil (pt-BR)."
        assert (setup.alice.locale, setup.ben.locale, setup.guild.preferred_locale) == ("ja", "en-US", "pt-BR")
        assert told == ["pt-BR"]
        shown = views.sections(panel.state)["places"]
        assert isinstance(shown, dict)
        assert shown["personLanguage"] == "日本語 (ja)"
        assert shown["serverLanguage"] == "Português do Brasil (pt-BR)"
        for switch in ("person-language", "server-language"):
            with pytest.raises(NotDone):
                await panel.controls[switch](Form({"language": "Klingon"}))


async def test_an_unknown_or_missing_language_is_shown_as_none(setup: DemoSetup) -> None:
    setup.alice.locale, setup.guild.preferred_locale = "tlh", None
    async with Panel.open(setup) as panel:
        shown = views.sections(panel.state)["places"]
        assert isinstance(shown, dict)
        assert (shown["personLanguage"], shown["serverLanguage"]) == ("", "")
        await panel.controls["bot-remove"](Form({}))
        views.sections(panel.state)
        with pytest.raises(NotDone):
            await panel.controls["server-language"](Form({"language": "Deutsch (de)"}))
