"""Languages that aren't shipped, for testing what English and similar languages don't have."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from tests.pseudo_language import KEPT, has_words
from tools.translations import compiled
from ui import language

RUSSIAN = "ru"
"""Has three plural forms: for 1, 21, 31 …; for 2 to 4, 22 to 24 …; for all others."""
ARABIC = "ar"
"""Written from right to left, with six plural forms."""

Translations = Mapping[str | tuple[str, str], str | tuple[str, ...]]


def marked(mark: str) -> Callable[[str], str]:
    """Returns a translation that puts a mark in front of the text: `**ja: Watching.** …`. A text without a word isn't
    changed."""

    def translate(text: str) -> str:
        if not has_words(text):
            return text
        return f"**{mark}: {text.removeprefix('**')}" if text.startswith("**") else f"{mark}: {text}"

    return translate


def veiled(text: str) -> str:
    """`text` without its own Latin letters. Latin letters in the bot's output then come from something that isn't
    translated."""
    return "".join(part if KEPT.fullmatch(part) else re.sub("[A-Za-z]", "ж", part) for part in KEPT.split(text))


def mirrored(text: str) -> str:
    """`text` with its letters replaced by Arabic ones, for a language that is written from right to left."""
    return "".join(
        part if KEPT.fullmatch(part) else re.sub("[A-Za-z]", lambda letter: _arabic(letter[0]), part)
        for part in KEPT.split(text)
    )


def template() -> Catalog:
    """Every text of the bot, from the committed template."""
    return read_po(io.StringIO((language.FOLDER / f"{language.DOMAIN}.pot").read_text(encoding="utf-8")))


def translated(code: str, translate: Callable[[str], str]) -> bytes:
    """A compiled catalogue in which a function has translated every text of the bot."""
    catalogue = _empty(code)
    for message in template():
        if isinstance(message.id, str):
            if message.id:
                catalogue.add(message.id, translate(message.id), context=message.context)
        else:
            one, many = message.id
            forms = (translate(one), *(translate(many) for _ in range(catalogue.num_plurals - 1)))
            catalogue.add((one, many), forms)
    return compiled(catalogue)


def catalogue(code: str, translations: Translations) -> bytes:
    """A compiled catalogue of these translations, by the English text or its two forms."""
    made = _empty(code)
    for english, translation in translations.items():
        made.add(english, translation)
    return compiled(made)


def write(folder: Path, code: str, mo: bytes) -> None:
    """Writes a compiled catalogue to where the bot reads it, in a folder for tests."""
    path = folder / code / "LC_MESSAGES" / f"{language.DOMAIN}.mo"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(mo)


def install(program: Path, code: str, mo: bytes) -> None:
    """Adds a language to a copy of the bot as docs/translating.md describes: one line and one file."""
    module = program / "ui" / "language.py"
    first, *rest = module.read_text(encoding="utf-8").split("LANGUAGES = {\n")
    module.write_text(f'{first}LANGUAGES = {{\n    "{code}": "{code}",\n{"".join(rest)}', encoding="utf-8")
    write(program / "ui" / "locales", code, mo)


@contextmanager
def known(folder: Path) -> Iterator[None]:
    """Within the block, the bot's languages are English and those in `folder`."""
    codes = {path.name: path.name for path in folder.iterdir()}
    with (
        mock.patch.object(language, "FOLDER", folder),
        mock.patch.dict(language.LANGUAGES, codes),
        mock.patch.dict(language._catalogues, clear=True),
    ):
        yield


def _empty(code: str) -> Catalog:
    return Catalog(locale=code.replace("-", "_"), fuzzy=False, charset="utf-8")


def _arabic(letter: str) -> str:
    return "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"[(ord(letter.lower()) - ord("a")) % 28]
