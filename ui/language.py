"""The languages that people read, and every text's translation into the one that is spoken at the moment.

A text stands in the code in English, as a whole sentence or message with named placeholders: `_("Watching {job}.",
job=…)`. `make translations` collects these texts for the translators (docs/translating.md). Nothing is translated while
a module is imported, since nobody is spoken to then: `N_` marks the texts of a table, and `_` translates each where it
is used.
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
"""Each language by Discord's code for it, with its own name for itself."""

FOLDER = Path(__file__).with_name("locales")
DOMAIN = "relay"

_TRADITIONAL_CHINESE = ("zh-TW", "zh-HK", "zh-MO")
"""Written in other characters than zh-CN."""

Translations = gettext.NullTranslations

_log = logging.getLogger(__name__)
_spoken: ContextVar[str] = ContextVar("language", default=ENGLISH)
_catalogues: dict[str, Translations] = {}
_broken: set[tuple[str, str]] = set()
"""The translations that could not be filled in, by language and English text: each is logged once."""


def language_of(locale: str | None) -> str:
    """The language for a locale of Discord's: itself, the language that it is a regional variant of, or English."""
    if locale is None or locale in _TRADITIONAL_CHINESE:
        return ENGLISH
    if locale in LANGUAGES:
        return locale
    family = locale.partition("-")[0]
    return next((code for code in LANGUAGES if code.partition("-")[0] == family), ENGLISH)


def spoken() -> str:
    """The language that texts are in at the moment."""
    return _spoken.get()


def speak(language: str) -> None:
    """Texts are in `language` for the rest of this task; in English if it isn't one of `LANGUAGES`."""
    _spoken.set(language_of(language))


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Texts are in `language` within the block; in English if it isn't one of `LANGUAGES`."""
    token = _spoken.set(language_of(language))
    try:
        yield
    finally:
        _spoken.reset(token)


def _(text: str, /, **values: object) -> str:
    """`text` in the spoken language, with `values` in the place of its placeholders."""
    return _filled(text, _catalogue().gettext(text), values)


def pgettext(context: str, text: str, /, **values: object) -> str:
    """`text` like `_`; for an English text that needs another translation in this `context` than elsewhere."""
    return _filled(text, _catalogue().pgettext(context, text), values)


def plural(one: str, many: str, n: int, /, *, zero: str | None = None, **values: object) -> str:
    """The text for `n` things in the spoken language, with `{n}` and `values` filled in.

    English has two forms, other languages have as many as they need. `zero` is a text of its own for 0, already
    translated.
    """
    if n == 0 and zero is not None:
        return zero
    english = one if n == 1 else many
    try:
        translation = _catalogue().ngettext(one, many, n)
    except ArithmeticError:  # the language's rule divides by zero for this number
        translation = english
    return _filled(english, translation, {"n": number(n), **values})


def number(value: int) -> str:
    """`1,234`, as the spoken language groups digits."""
    return f"{value:,}".replace(",", pgettext("thousands separator", ","))


def N_(text: str, /) -> str:  # noqa: N802 -- gettext's own name for it
    """`text` as it is, marked for the translators; `_` translates it where it is used."""
    return text


def NP_(one: str, many: str, /) -> tuple[str, str]:  # noqa: N802
    """Both forms of a text, marked for the translators; `plural(*forms, n)` translates them where they are used."""
    return one, many


def read_translations(language: str) -> Translations:
    """The translations into one of `LANGUAGES`; none, which means English, if they can't be read."""
    if language == ENGLISH:
        return Translations()
    try:
        with (FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.mo").open("rb") as file:
            translations = gettext.GNUTranslations(file)
        translations.ngettext("", "", 1)  # whether its rule for plural forms can be computed
    except Exception as error:  # a damaged file raises nearly anything
        _log.warning("translations into %s can't be read, its texts are in English: %s", language, error)
        return Translations()
    return translations


def says_something(text: str) -> bool:
    """Whether there is a letter or a digit in it. Discord refuses a label, a description or a message that is blank."""
    return any(map(str.isalnum, text))


def _catalogue() -> Translations:
    """The translations into the spoken language, read when they are first needed."""
    language = _spoken.get()
    catalogue = _catalogues.get(language)
    if catalogue is None:
        catalogue = _catalogues[language] = read_translations(language)
    return catalogue


def _filled(english: str, translation: str, values: dict[str, object]) -> str:
    """`translation` with the values, or the English text if it says nothing or has placeholders that nobody knows."""
    if translation is not english and (says_something(translation) or not says_something(english)):
        try:
            return translation.format(**values)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            if (problem := (_spoken.get(), english)) not in _broken:
                _broken.add(problem)
                _log.warning("translation of %r into %s can't be filled in (%r)", english, problem[0], error)
    return english.format(**values)
