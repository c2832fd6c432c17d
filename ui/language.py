"""The languages of the bot, and the translation of texts into the current one.

In the code, texts are in English, as whole sentences or messages with named placeholders: `_("Watching {job}.",
job=…)`. `make translations` collects them for the translators (docs/translating.md). Nothing can be translated while a
module is imported, because there is no current language then. So `N_` marks the texts of a table, and `_` translates
each one where it is used.
"""

from __future__ import annotations

import gettext
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

ENGLISH = "en-US"
LANGUAGES = {
    ENGLISH: "English",
    "de": "Deutsch",
    "es-ES": "Español",
    "fr": "Français",
    "id": "Bahasa Indonesia",
    "ja": "日本語",
    "ko": "한국어",
    "pt-BR": "Português do Brasil",
    "tr": "Türkçe",
    "zh-CN": "简体中文",
}
"""The languages' own names, by Discord's locale codes."""
_BY_FAMILY = {code.partition("-")[0]: code for code in LANGUAGES}

FOLDER = Path(__file__).with_name("locales")
DOMAIN = "relay"

_TRADITIONAL_CHINESE = ("zh-TW", "zh-HK", "zh-MO")
"""Locales written in other characters than zh-CN."""

Translations = gettext.NullTranslations

_log = logging.getLogger(__name__)
_current_language: ContextVar[str] = ContextVar("language", default=ENGLISH)
_catalogues: dict[str, Translations] = {}
_broken: set[tuple[str, str]] = set()
"""The translations that could not be filled in, by language and English text, so that each is logged only once."""


def language_of(locale: str | None) -> str:
    """The language for a Discord locale: the same language, the one that it is a regional variant of, or English."""
    if locale is None or locale in _TRADITIONAL_CHINESE:
        return ENGLISH
    if locale in LANGUAGES:
        return locale
    return _BY_FAMILY.get(locale.partition("-")[0], ENGLISH)


def current_language() -> str:
    """The current language of texts."""
    return _current_language.get()


def use_language(language: str) -> None:
    """Sets the language of texts for the rest of this task; English if it isn't one of `LANGUAGES`."""
    _current_language.set(language_of(language))


@contextmanager
def in_language(language: str) -> Iterator[None]:
    """Sets the language of texts within the block; English if it isn't one of `LANGUAGES`."""
    token = _current_language.set(language_of(language))
    try:
        yield
    finally:
        _current_language.reset(token)


def _(text: str, /, **values: object) -> str:
    """`text` in the current language, with its placeholders replaced by `values`."""
    return _filled(text, _catalogue().gettext(text), values)


def pgettext(context: str, text: str, /, **values: object) -> str:
    """Like `_`, for an English text that needs a different translation in this `context`."""
    return _filled(text, _catalogue().pgettext(context, text), values)


def plural(one: str, many: str, n: int, /, *, zero: str | None = None, **values: object) -> str:
    """The text for `n` things in the current language, with `{n}` and `values` filled in.

    English has two forms; other languages have as many as they need. `zero` is a separate text for 0, already
    translated.
    """
    if n == 0 and zero is not None:
        return zero
    english = one if n == 1 else many
    try:
        translation = _catalogue().ngettext(one, many, n)
    except ArithmeticError:  # The language's plural rule divides by zero for this number.
        translation = english
    return _filled(english, translation, {"n": number(n), **values})


def number(value: int) -> str:
    """A number such as `1,234`, with digits grouped as in the current language."""
    return f"{value:,}".replace(",", pgettext("thousands separator", ","))


def N_(text: str, /) -> str:  # noqa: N802 -- gettext's own name for it
    """Returns `text` unchanged, and marks it for the translators; `_` translates it where it is used."""
    return text


def NP_(one: str, many: str, /) -> tuple[str, str]:  # noqa: N802
    """Returns both forms of a text unchanged, and marks them for the translators; `plural(*forms, n)` translates them
    where they are used."""
    return one, many


def read_translations(language: str) -> Translations:
    """The translations into one of `LANGUAGES`; empty, which means English, if they can't be read."""
    if language == ENGLISH:
        return Translations()
    try:
        with (FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.mo").open("rb") as file:
            translations = gettext.GNUTranslations(file)
        translations.ngettext("", "", 1)  # Raises if the plural rule can't be computed.
    except Exception as error:  # A damaged file can raise nearly anything.
        _log.warning("translations into %s can't be read, its texts are in English: %s", language, error)
        return Translations()
    return translations


def says_something(text: str) -> bool:
    """Whether `text` has a letter or digit. Discord refuses blank labels, descriptions and messages."""
    return any(map(str.isalnum, text))


def _catalogue() -> Translations:
    """The translations into the current language, read when they are first needed."""
    language = _current_language.get()
    catalogue = _catalogues.get(language)
    if catalogue is None:
        catalogue = _catalogues[language] = read_translations(language)
    return catalogue


def _filled(english: str, translation: str, values: dict[str, object]) -> str:
    """`translation` with the values filled in; the English text if it is blank or has unknown placeholders."""
    if translation is not english and (says_something(translation) or not says_something(english)):
        try:
            return translation.format(**values)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            if (problem := (_current_language.get(), english)) not in _broken:
                _broken.add(problem)
                _log.warning("translation of %r into %s can't be filled in (%r)", english, problem[0], error)
    return english.format(**values)
