"""The commands as they are registered: descriptions and choices in every language; names in English, since people tell
each other commands."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from discord import Locale, app_commands
from discord.app_commands import TranslationContextLocation, locale_str

from discord_adapter.command_sync import Payload
from ui.discord_limits import CHOICE, COMMAND_DESCRIPTION, units
from ui.language import LANGUAGES, Translations, language_of, read_translations

log = logging.getLogger(__name__)

_TRANSLATED = {
    TranslationContextLocation.command_description: COMMAND_DESCRIPTION,
    TranslationContextLocation.group_description: COMMAND_DESCRIPTION,
    TranslationContextLocation.parameter_description: COMMAND_DESCRIPTION,
    TranslationContextLocation.choice_name: CHOICE,
}
"""What is translated, and how long Discord lets it be."""


class CommandTranslator(app_commands.Translator):
    """Reads every catalogue for itself, so that their content is gone from memory with it."""

    def __init__(self) -> None:
        self._translations: dict[str, Translations] = {code: read_translations(code) for code in LANGUAGES}

    async def translate(
        self, string: locale_str, locale: Locale, context: app_commands.TranslationContextTypes
    ) -> str | None:
        """The text in the locale's language; None where Discord shows the English one."""
        limit = _TRANSLATED.get(context.location)
        if limit is None:
            return None
        english = string.message
        text = self._translations[language_of(locale.value)].gettext(english)
        if units(text) > limit:
            log.warning("translation of %r into %s is too long for Discord, so it stays in English", english, locale)
            return None
        return None if text == english else text


async def translated(tree: app_commands.CommandTree[Any]) -> Sequence[Payload]:
    """Every command of the tree with its translations, as Discord takes it."""
    translator = CommandTranslator()
    return [await command.get_translated_payload(tree, translator) for command in tree.get_commands()]
