"""Keeps the translations in `ui/locales/` in step with the texts in `ui/`.

    .venv/bin/python -m tools.translations update    (make translations)
    .venv/bin/python -m tools.translations check     (part of make check)

`update` collects the texts into `relay.pot`, brings each language's `relay.po` up to date with it, and compiles that
into `relay.mo`. `check` changes nothing; it names what is wrong by file and line, and counts what isn't translated yet.
"""

# ruff: noqa: T201
from __future__ import annotations

import ast
import gettext
import io
import re
import string
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from babel import Locale
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.plurals import get_plural
from babel.messages.pofile import PoFileError, read_po, write_po

from ui.language import DOMAIN, ENGLISH, FOLDER, LANGUAGES, says_something

ROOT = Path(__file__).resolve().parent.parent
KEYWORDS: Mapping[str, tuple[int | tuple[int, str], ...] | None] = {
    "_": None,
    "N_": None,
    "NP_": (1, 2),
    "locale_str": None,
    "plural": (1, 2),
    "pgettext": ((1, "c"), 2),
}
_COMMENT = "Translators:"
"""A code comment that begins with this is shown to the translators beside the text."""
_LINE = re.compile(r'((msgctxt|msgid|msgid_plural|msgstr|msgstr\[\d\]) )?"([^"\\]|\\[nt"\\])*"')
_CHANGING_HEADERS = re.compile(
    r'^"(Project-Id-Version|Report-Msgid-Bugs-To|POT-Creation-Date|PO-Revision-Date|Language-Team|Generated-By): .*\n',
    re.MULTILINE,
)
"""Headers that would change with every run, or that say nothing here."""
_NUMBERS = range(1000)
"""The numbers for which the plural rule is checked."""
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)
"""The date in the compiled files, so that they don't depend on when they are made."""
_A_MILLION = 1_000_000
"""Has a plural form of its own in some languages."""
_MARKUP = ("*", "_", "~~", "`", "||", "\n", "-# ", "#", "<", "](", "@", "://", "{{", "}}")
"""A translation must contain each of these as often as the English text."""
_UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]")
"""Control characters other than line breaks, and characters that change the direction of the text after them."""


class Unreadable(Exception):
    """A `.po` file can't be read. `problems` has line numbers, each with what is wrong there."""

    def __init__(self, path: Path, *problems: tuple[int, str]) -> None:
        super().__init__(*(f"{_name(path)}:{line}: {problem}" for line, problem in problems))


class Catalogues:
    """The catalogues of one project, in a folder."""

    def __init__(
        self, sources: Path = ROOT / "ui", folder: Path = FOLDER, languages: Iterable[str] = LANGUAGES
    ) -> None:
        self._sources = sources
        self._folder = folder
        self._languages = [language for language in languages if language != ENGLISH]
        self._pot = folder / f"{DOMAIN}.pot"

    def update(self) -> None:
        """Writes the template, and each language's `.po` and `.mo`. Raises Unreadable, before it writes anything."""
        template = self.template()
        catalogues = {}
        for language in self._languages:
            po = self._po(language)
            catalogues[po] = _read(po, language) if po.exists() else _new(language)
        _write(self._pot, _text(template))
        for po, catalogue in catalogues.items():
            catalogue.update(template, update_creation_date=False)
            catalogue.obsolete.clear()
            for message in catalogue:
                if message.fuzzy and not any(_forms(message)):
                    message.flags.discard("fuzzy")
            _write(po, _text(catalogue))
            if _compiled_differs(po, catalogue):
                _write(po.with_suffix(".mo"), compiled(catalogue))

    def problems(self) -> Iterator[str]:
        """What is wrong, one line each, beginning with the file and the line."""
        template = self.template()
        if not self._pot.exists() or self._pot.read_text(encoding="utf-8") != _text(template):
            yield f"{_name(self._pot)}:1: is older than the texts in the code; run make translations"
        for path in sorted(self._sources.rglob("*.py")):
            yield from (f"{_name(path)}:{line}: {problem}" for line, problem in _uncollected(path))
        for language in self._languages:
            try:
                yield from self._problems_of(language, template)
            except Unreadable as unreadable:
                yield from unreadable.args
        for folder in sorted(path for path in self._folder.iterdir() if path.is_dir()):
            if folder.name not in self._languages:
                yield f"{_name(folder)}:1: isn't among LANGUAGES in ui/language.py, so nobody reads it"

    def untranslated(self) -> Iterator[tuple[str, int, int, int]]:
        """For each language: how many texts are missing, how many are fuzzy, and how many there are."""
        for language in self._languages:
            catalogue = _read(self._po(language), language)
            messages = [message for message in catalogue if message.id]
            fuzzy = sum(message.fuzzy for message in messages)
            yield language, sum(not all(_forms(message)) for message in messages), fuzzy, len(messages)

    def template(self) -> Catalog:
        """Every text in the code, in the order of the files."""
        template = Catalog(charset="utf-8", fuzzy=False)
        template.header_comment = (
            "# Every text of the bot, collected from the code by make translations. See docs/translating.md."
        )
        for path in sorted(self._sources.rglob("*.py")):
            name = path.relative_to(self._sources.parent).as_posix()
            for line, text, comments, context in extract_from_file(
                "python", path, KEYWORDS, (_COMMENT,), strip_comment_tags=True
            ):
                template.add(text, None, [(name, line)], auto_comments=comments, context=context)
        return template

    def _problems_of(self, language: str, template: Catalog) -> Iterator[str]:
        path = self._po(language)
        name = _name(path)
        if not path.exists():
            yield f"{name}:1: is missing; run make translations"
            return
        catalogue = _read(path, language)
        text = _source(path)
        if problem := _plural_rule_problem(catalogue, language):
            yield f"{name}:{_line_of(text, 'Plural-Forms')}: {problem}"
            return
        yield from (f"{name}:{line}: is there a second time" for line in _doubled(text, catalogue))
        for message in catalogue:
            if message.id and not message.fuzzy:
                yield from (f"{name}:{message.lineno}: {problem}" for problem in _problems(message, catalogue))
        if {_key(message) for message in catalogue} != {_key(message) for message in template}:
            yield f"{name}:1: doesn't have the texts that are in the code; run make translations"
        elif _compiled_differs(path, catalogue):
            yield f"{_name(path.with_suffix('.mo'))}:1: is older than {path.name}; run make translations"

    def _po(self, language: str) -> Path:
        return self._folder / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def _compiled_differs(po: Path, catalogue: Catalog) -> bool:
    try:
        return _meaning(po.with_suffix(".mo").read_bytes()) != _meaning(compiled(catalogue))
    except Exception:  # a damaged file raises nearly anything
        return True


def _uncollected(path: Path) -> Iterator[tuple[int, str]]:
    """Texts that Babel misses, at least with some versions of Python: it reads tokens, and an f-string may be a single
    token."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        for call in _calls(node) if isinstance(node, ast.JoinedStr) else ():
            if any(isinstance(argument, ast.Constant) for argument in call.args):
                yield call.lineno, "a text inside an f-string isn't collected"
    for call in _calls(tree):
        if any(isinstance(argument, ast.JoinedStr | ast.BinOp) for argument in call.args[:2]):
            yield call.lineno, "a text must be written out, with named placeholders"


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KEYWORDS:
            yield node


def compiled(catalogue: Catalog) -> bytes:
    """The catalogue as the bot reads it, without entries that are fuzzy or lack a plural form."""
    file = io.BytesIO()
    whole = Catalog(catalogue.locale, charset="utf-8", fuzzy=False, creation_date=_SOME_DAY)
    whole.mime_headers = catalogue.mime_headers
    for message in catalogue:
        if message.id and not message.fuzzy and all(_forms(message)):
            whole.add(message.id, message.string, context=message.context)
    write_mo(file, whole)
    return file.getvalue()


def _new(language: str) -> Catalog:
    catalogue = Catalog(locale=_locale(language), charset="utf-8", fuzzy=False)
    catalogue.header_comment = f"# {LANGUAGES.get(language, language)}. How to translate: docs/translating.md."
    return catalogue


def _read(path: Path, language: str) -> Catalog:
    """Raises Unreadable."""
    try:
        text = _source(path)
    except UnicodeDecodeError as error:
        raise Unreadable(path, (1, f"isn't in UTF-8: {error}")) from error
    if broken := list(_broken_lines(text)):
        raise Unreadable(path, *broken)
    if not re.search(r'^"Plural-Forms: nplurals=\d; plural=.', text, re.MULTILINE):
        raise Unreadable(path, (_line_of(text, "Plural-Forms"), "the rule for plural forms can't be read"))
    if not re.search(r'^"Content-Type: [^"]*charset=utf-8\b', text, re.MULTILINE | re.IGNORECASE):
        raise Unreadable(path, (_line_of(text, '"Content-Type'), "the charset must be utf-8"))
    try:
        return read_po(io.StringIO(text), locale=_locale(language), ignore_obsolete=True, abort_invalid=True)
    except PoFileError as error:
        problem = str(error).removesuffix(f" on {error.lineno}")
        raise Unreadable(path, (error.lineno + 1, problem)) from error


def _source(path: Path) -> str:
    """The text of a `.po` file, without the byte order mark that some editors add."""
    return path.read_text(encoding="utf-8-sig")


def _locale(language: str) -> Locale:
    return Locale.parse(language, sep="-")


def _text(catalogue: Catalog) -> str:
    """The text of a `.po` or `.pot` file. It doesn't depend on who writes it, or when."""
    file = io.BytesIO()
    write_po(file, catalogue, width=0, include_previous=True, include_lineno=False)
    return _CHANGING_HEADERS.sub("", file.getvalue().decode()).rstrip("\n") + "\n"


def _write(path: Path, content: str | bytes) -> None:
    data = content.encode() if isinstance(content, str) else content
    if not path.exists() or path.read_bytes() != data:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _meaning(mo: bytes) -> tuple[object, ...]:
    """What the bot reads from a compiled catalogue."""
    read = gettext.GNUTranslations(io.BytesIO(mo))
    texts = {key: value for key, value in vars(read)["_catalog"].items() if key}
    return texts, read.info().get("plural-forms")


def _forms(message: Message) -> tuple[str, ...]:
    string = message.string
    return (string or "",) if isinstance(string, str | None) else tuple(string)


def _key(message: Message) -> tuple[object, ...]:
    return message.context, *([message.id] if isinstance(message.id, str) else message.id)


def _broken_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that are neither empty, nor a comment, nor a complete quoted text. Babel accepts most of them."""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#") and not _LINE.fullmatch(stripped):
            yield number, "isn't a whole line: a keyword such as msgstr, a space, and a text in double quotes"


def _doubled(text: str, catalogue: Catalog) -> Iterator[int]:
    """The lines of texts that occur earlier in the file too, and of keywords that a text has twice. Babel keeps only
    one."""
    kept = {message.lineno for message in catalogue}
    there = [number for number, line in enumerate(text.splitlines(), 1) if line.startswith("msgid ")]
    yield from (number for number in there[1:] if number not in kept)
    had: set[str] = set()
    for number, line in enumerate(text.splitlines(), 1):
        keyword = line.partition(" ")[0]
        if keyword == "msgid":
            had.clear()
        elif keyword.startswith("msg"):
            if keyword in had:
                yield number
            had.add(keyword)


def _line_of(text: str, words: str) -> int:
    return next((number for number, line in enumerate(text.splitlines(), 1) if words in line), 1)


def _plural_rule_problem(catalogue: Catalog, language: str) -> str | None:
    """What is wrong with the header `Plural-Forms`."""
    known = gettext.c2py(get_plural(_locale(language)).plural_expr)
    try:
        rule = gettext.c2py(catalogue.plural_expr)
        forms = [rule(number) for number in _NUMBERS]
        used = {*forms, rule(_A_MILLION)}
    except (ValueError, ArithmeticError) as error:
        return f"the rule for plural forms can't be computed: {error}"
    if used != set(range(catalogue.num_plurals)):
        return f"the rule for plural forms gives the forms {sorted(used)}, and nplurals is {catalogue.num_plurals}"
    if len({(form, known(number)) for form, number in zip(forms, _NUMBERS, strict=True)}) != len(set(forms)):
        return f"the rule for plural forms has too few forms for {language}"
    return None


def _problems(message: Message, catalogue: Catalog) -> Iterator[str]:
    """What is wrong with a translation; nothing if the text isn't translated."""
    forms = _forms(message)
    if not any(forms):
        return
    english = (message.id,) if isinstance(message.id, str) else tuple(message.id)
    if isinstance(message.id, str):
        yield from _differences(english[0], forms[0], may_lack=frozenset())
        return
    rule = gettext.c2py(catalogue.plural_expr)
    for place, form in enumerate(forms):
        if not form:
            yield f"plural form {place} of {catalogue.num_plurals} is missing"
            continue
        counts = sum(rule(number) == place for number in _NUMBERS)
        # "The job has ended." needs no number; "1 or 21 jobs" does.
        may_lack = frozenset({"n"}) if counts == 1 else frozenset()
        yield from _differences(english[1], form, may_lack=may_lack)


def _differences(english: str, translation: str, *, may_lack: frozenset[str]) -> Iterator[str]:
    try:
        there = _placeholders(translation)
    except ValueError as error:
        yield f"its braces can't be read: {error}"
        return
    wanted = _placeholders(english)
    for name in sorted(wanted - there - may_lack):
        yield f"the placeholder {{{name}}} is missing"
    for name in sorted(there - wanted):
        yield f"the English text has no placeholder {{{name}}}"
    for sign in _MARKUP:
        if english.count(sign) != translation.count(sign):
            shown = sign.replace("\n", "\\n")
            yield f"has {translation.count(sign)} of {shown}, and the English text {english.count(sign)}"
    yield from (f"has a character that nobody sees: U+{ord(sign):04X}" for sign in _UNSEEN.findall(translation))
    has_words = says_something(english)  # unlike a separator, which is a space in some languages
    if has_words and not says_something(translation):
        yield "has no words"
    if (has_words or english.strip() != english) and (english[:1].isspace(), english[-1:].isspace()) != (
        translation[:1].isspace(),
        translation[-1:].isspace(),
    ):
        yield "doesn't begin and end with the same space as the English text"


def _placeholders(text: str) -> set[str]:
    """What is between the braces, including conversions and format specs."""
    return {
        name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
        for _, name, spec, conversion in string.Formatter().parse(text)
        if name is not None
    }


def main(arguments: list[str]) -> int:
    """Runs `update` or `check`; returns the exit code."""
    catalogues = Catalogues()
    if arguments == ["update"]:
        try:
            catalogues.update()
        except Unreadable as unreadable:
            print("\n".join(unreadable.args))
            return 1
        return 0
    if arguments != ["check"]:
        print(__doc__)
        return 2
    problems = list(catalogues.problems())
    for problem in problems:
        print(problem)
    if not problems:
        for language, missing, fuzzy, total in catalogues.untranslated():
            if missing or fuzzy:
                print(f"{language}: {missing} of {total} texts not translated, {fuzzy} fuzzy; these are in English")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
