"""Translates commands for their registration: descriptions and choices in every language. Names stay English, because
people tell each other which command to use."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from discord import Locale, app_commands
from discord.app_commands import TranslationContextLocation, locale_str

from discord_adapter.command_sync import Payload
from ui.discord_limits import CHOICE, COMMAND_DESCRIPTION, units
from ui.language import LANGUAGES, Translations, language_of, read_translations, says_something

log = logging.getLogger(__name__)

_TRANSLATED = {
    TranslationContextLocation.command_description: COMMAND_DESCRIPTION,
    TranslationContextLocation.group_description: COMMAND_DESCRIPTION,
    TranslationContextLocation.parameter_description: COMMAND_DESCRIPTION,
    TranslationContextLocation.choice_name: CHOICE,
}
"""What is translated, and the length that Discord allows."""


class CommandTranslator(app_commands.Translator):
    """Translates the given texts. It reads the catalogues one at a time, and keeps only these texts."""

    def __init__(self, texts: Iterable[str]) -> None:
        wanted = frozenset(texts)
        self._translations = {code: _some_of(read_translations(code), wanted) for code in LANGUAGES}

    async def translate(
        self, string: locale_str, locale: Locale, context: app_commands.TranslationContextTypes
    ) -> str | None:
        """The text in the locale's language; None if Discord is to show the English text."""
        limit = _TRANSLATED.get(context.location)
        if limit is None:
            return None
        text = self._translations[language_of(locale.value)].get(string.message)
        if text is not None and units(text) > limit:
            log.warning("translation of %r into %s is too long for Discord: it stays English", string.message, locale)
            return None
        return text


async def translated(tree: app_commands.CommandTree[Any]) -> Sequence[Payload]:
    """Every command of the tree with its translations, in the form that Discord accepts."""
    commands = tree.get_commands()
    translator = CommandTranslator(text for command in commands for text in _texts(command.to_dict(tree)))
    return [await command.get_translated_payload(tree, translator) for command in commands]


def _some_of(translations: Translations, texts: Iterable[str]) -> Mapping[str, str]:
    """The translations of these texts, except empty ones and those that equal the English text."""
    found = {text: translations.gettext(text) for text in texts if text}
    return {text: words for text, words in found.items() if words != text and says_something(words)}


def _texts(part: Payload) -> Iterator[str]:
    """The names and descriptions of a command, its options and their choices."""
    yield from (part[field] for field in ("name", "description") if field in part)
    for inner in (*part.get("options", ()), *part.get("choices", ())):
        yield from _texts(inner)
