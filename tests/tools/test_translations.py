from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.translations import Catalogues, Unreadable, main

_CODE = """
from ui.language import N_, _, pgettext, plural

TABLE = {"a": N_("**Marked** in a table")}


def texts(n: int) -> list[str]:
    return [
        _("**Watching {job}.** More"),
        # Translators: between two of a list's parts
        pgettext("separator", ", "),
        plural("The job has ended.", "All {n} jobs have ended.", n),
        plural("{n} job", "{n} jobs", n),
    ]
"""


@pytest.fixture
def project(tmp_path: Path) -> Catalogues:
    (tmp_path / "ui").mkdir()
    (tmp_path / "ui/texts.py").write_text(_CODE)
    catalogues = Catalogues(tmp_path / "ui", tmp_path / "locales", ("en-US", "de", "ru", "ja"))
    catalogues.update()
    return catalogues


def po(tmp_path: Path, language: str = "de") -> Path:
    return tmp_path / "locales" / language / "LC_MESSAGES/relay.po"


def translate(path: Path, english: str, *translations: str) -> int:
    """Sets the translation of a text; returns the number of the line with its English text."""
    text = path.read_text()
    plural = r"(msgid_plural .*\n)" if len(translations) > 1 or "msgid_plural" in text.split(english)[1][:20] else "()"
    lines = (
        "".join(f'msgstr[{k}] "{form}"\n' for k, form in enumerate(translations))
        if plural != "()"
        else f'msgstr "{translations[0]}"\n'
    )
    pattern = re.compile(rf'msgid "{re.escape(english)}"\n{plural}(msgstr.*\n)+')
    found = pattern.search(text)
    assert found, english
    path.write_text(text[: found.start()] + f'msgid "{english}"\n{found[1]}{lines}' + text[found.end() :])
    return text[: found.start()].count("\n") + 1


def test_the_committed_catalogues_are_valid(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0, capsys.readouterr().out


def test_every_text_of_the_code_is_collected(project: Catalogues, tmp_path: Path) -> None:
    pot = (tmp_path / "locales/relay.pot").read_text()
    for words in ("**Marked** in a table", "**Watching {job}.** More", "All {n} jobs have ended.", "separator"):
        assert words in pot
    assert "#. between two of a list's parts" in pot
    assert list(project.problems()) == []
    assert list(project.untranslated()) == [("de", 5, 0, 5), ("ru", 5, 0, 5), ("ja", 5, 0, 5)]


def test_updating_twice_changes_nothing(project: Catalogues, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in tmp_path.rglob("relay.*")}
    project.update()
    assert {path: path.read_bytes() for path in tmp_path.rglob("relay.*")} == before


def test_a_translation_survives_an_update_and_is_fuzzy_if_its_text_changed(project: Catalogues, tmp_path: Path) -> None:
    translate(po(tmp_path), "**Watching {job}.** More", "**{job} wird beobachtet.** Mehr")
    translate(po(tmp_path), "**Marked** in a table", "**Markiert** in einer Tabelle")
    (tmp_path / "ui/texts.py").write_text(_CODE.replace(".** More", ".** More."))
    project.update()
    text = po(tmp_path).read_text()
    assert "**Markiert** in einer Tabelle" in text
    assert re.search(r'#, fuzzy.*\n#\| msgid "\*\*Watching {job}\.\*\* More"', text)
    assert next(project.untranslated()) == ("de", 3, 1, 5)
    assert list(project.problems()) == []
    assert b"beobachtet" not in po(tmp_path).with_suffix(".mo").read_bytes()


@pytest.mark.parametrize(
    ("english", "translations", "problem"),
    [
        ("**Watching {job}.** More", ["**Es wird beobachtet.** Mehr"], "the placeholder {job} is missing"),
        ("**Watching {job}.** More", ["**{job} von {wem}.** Mehr"], "the English text has no placeholder {wem}"),
        ("**Watching {job}.** More", ["**{job.** Mehr"], "its braces can't be read"),
        ("**Watching {job}.** More", ["**{job} wird beobachtet.** *Mehr*"], "has 6 of *, and the English text 4"),
        ("**Watching {job}.** More", ["**{job} wird beobachtet.**\\n-# Mehr"], "has 1 of -# , and the English text 0"),
        ("**Watching {job}.** More", ["{job} wird beobachtet."], "has 0 of *, and the English text 4"),
        ("**Watching {job}.** More", ["**{job:>99999} wird beobachtet.** Mehr"], "no placeholder {job:>99999}"),
        ("**Watching {job}.** More", ["**{job!r} wird beobachtet.** Mehr"], "no placeholder {job!r}"),
        ("**Watching {job}.** More", ["**{} wird beobachtet.** {job}"], "no placeholder {}"),
        ("**Watching {job}.** More", ["**{job} wird beobachtet.** Mehr "], "begin and end with the same space"),
        ("**Watching {job}.** More", ["**{job} wird beobachtet.** {{Mehr}}"], "has 1 of {{, and the English text 0"),
        ("**Watching {job}.** More", ["**{job} wird beobachtet.** #Mehr"], "has 1 of #, and the English text 0"),
        ("**Watching {job}.** More", ["**{job} wird beobachtet.** @everyone"], "has 1 of @, and the English text 0"),
        ("**Watching {job}.** More", ["**{job}.** https://mehr.example"], "has 1 of ://, and the English text 0"),
        (
            "**Watching {job}.** More",
            ["**{job} wird beobachtet.** M\x00ehr"],
            "has a character that nobody sees: U+0000",
        ),
        ("**Watching {job}.** More", ["**{job} wird beobachtet.** M\u202eehr"], "that nobody sees: U+202E"),
        ("**Marked** in a table", ["**\u200b** …"], "has no words"),
        ("{n} job", ["{n} Auftrag", ""], "plural form 1 of 2 is missing"),
        ("{n} job", ["{n} Auftrag", "Aufträge"], "the placeholder {n} is missing"),
    ],
)
def test_an_invalid_translation_is_reported_with_its_line(
    project: Catalogues, tmp_path: Path, english: str, translations: list[str], problem: str
) -> None:
    line = translate(po(tmp_path), english, *translations)
    project.update()
    found = list(project.problems())
    assert {one.partition(": ")[0] for one in found} == {f"{po(tmp_path)}:{line}"}
    assert problem in "\n".join(found)


@pytest.mark.parametrize(
    ("language", "forms", "problems"),
    [
        ("de", ["Der Auftrag ist zu Ende.", "Alle {n} Aufträge sind zu Ende."], 0),
        ("ja", ["{n}件がすべて終わりました。"], 0),
        ("ja", ["すべて終わりました。"], 1),
        ("ru", ["Задача завершена.", "{n} задачи завершены.", "{n} задач завершены."], 1),
    ],
)
def test_only_a_form_for_a_single_number_may_omit_it(
    project: Catalogues, tmp_path: Path, language: str, forms: list[str], problems: int
) -> None:
    translate(po(tmp_path, language), "The job has ended.", *forms)
    project.update()
    assert len(list(project.problems())) == problems


@pytest.mark.parametrize(
    "broken",
    ['msgstr "ohne Ende', "msgstr ohne Zeichen", 'mgstr "verschrieben"', 'msgstr "ein " darin"', "<<<<<<< HEAD"],
)
def test_invalid_syntax_is_reported_with_its_line(project: Catalogues, tmp_path: Path, broken: str) -> None:
    lines = po(tmp_path).read_text().splitlines()
    place = lines.index('msgid "**Watching {job}.** More"') + 1
    po(tmp_path).write_text("\n".join([*lines[:place], broken, *lines[place + 1 :]]) + "\n")
    assert [problem.split(": ")[0] for problem in project.problems()] == [f"{po(tmp_path)}:{place + 1}"]


def test_a_lost_translation_line_and_a_duplicate_text_are_reported_with_their_lines(
    project: Catalogues, tmp_path: Path
) -> None:
    text = po(tmp_path).read_text()
    lines = text.splitlines()
    place = lines.index('msgid "**Watching {job}.** More"')
    po(tmp_path).write_text("\n".join([*lines[: place + 1], *lines[place + 2 :]]) + "\n")
    assert [problem.split(": ")[0] for problem in project.problems()] == [f"{po(tmp_path)}:{place + 1}"]
    po(tmp_path).write_text(text + '\nmsgid "**Watching {job}.** More"\nmsgstr "**{job}.**"\n')
    assert f"{po(tmp_path)}:{len(lines) + 2}: is there a second time" in list(project.problems())


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("nplurals=many; plural=0;", "can't be read"),
        ("nplurals=30; plural=(n != 1);", "can't be read"),
        ("nplurals=3; plural=(n != 1);", "gives the forms [0, 1], and nplurals is 3"),
        ("nplurals=2; plural=(n % 0);", "can't be computed"),
        ("nplurals=2; plural=(import);", "can't be computed"),
    ],
)
def test_a_wrong_plural_rule_is_reported_with_its_line(
    project: Catalogues, tmp_path: Path, rule: str, problem: str
) -> None:
    text = po(tmp_path).read_text()
    po(tmp_path).write_text(re.sub(r"Plural-Forms: [^\\]*", f"Plural-Forms: {rule}", text))
    found = list(project.problems())
    line = next(n for n, words in enumerate(text.splitlines(), 1) if "Plural-Forms" in words)
    assert len(found) == 1
    assert found[0].startswith(f"{po(tmp_path)}:{line}: ")
    assert problem in found[0]


def test_a_catalogue_older_than_its_source_is_reported(project: Catalogues, tmp_path: Path) -> None:
    translate(po(tmp_path), "{n} job", "{n} Auftrag", "{n} Aufträge")
    assert list(project.problems()) == [
        f"{po(tmp_path).with_suffix('.mo')}:1: is older than relay.po; run make translations"
    ]
    po(tmp_path).with_suffix(".mo").write_bytes(b"damaged")
    assert len(list(project.problems())) == 1
    project.update()
    (tmp_path / "ui/texts.py").write_text(_CODE.replace("Marked", "Set apart"))
    names = [problem.split(": ")[0] for problem in project.problems()]
    pot = tmp_path / "locales/relay.pot"
    assert names == [f"{pot}:1", *(f"{po(tmp_path, language)}:1" for language in ("de", "ru", "ja"))]


def test_a_missing_catalogue_and_one_in_another_encoding_are_reported(project: Catalogues, tmp_path: Path) -> None:
    po(tmp_path, "ja").unlink()
    po(tmp_path, "ru").write_bytes('msgid ""\nmsgstr "ä"\n'.encode("latin-1"))
    assert [problem.split(" ")[0] for problem in project.problems()] == [
        f"{po(tmp_path, language)}:1:" for language in ("ru", "ja")
    ]


def test_a_rule_with_too_few_plural_forms_is_reported(project: Catalogues, tmp_path: Path) -> None:
    text = po(tmp_path).read_text().replace('msgstr[1] ""\n', "")
    po(tmp_path).write_text(re.sub(r"Plural-Forms: [^\\]*", "Plural-Forms: nplurals=1; plural=0;", text))
    (problem,) = project.problems()
    assert problem.endswith("the rule for plural forms has too few forms for de")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("text = f\"{n} {_('words')}\"", "inside an f-string"),
        ("text = f\"{n} {pgettext('separator', '.')}\"", "inside an f-string"),
        ('text = _(f"{n} words")', "must be written out"),
        ('text = plural("{n} word", f"{n} words", n)', "must be written out"),
        ('text = _("words" + n)', "must be written out"),
    ],
)
def test_a_text_that_cannot_be_collected_is_reported_with_its_line(
    project: Catalogues, tmp_path: Path, line: str, problem: str
) -> None:
    path = tmp_path / "ui/texts.py"
    path.write_text(f"{_CODE}{line}\n")
    (found,) = (one for one in project.problems() if one.startswith(f"{path}:"))
    assert found.startswith(f"{path}:{len(_CODE.splitlines()) + 1}: ")
    assert problem in found


def test_another_charset_is_reported_with_its_line(project: Catalogues, tmp_path: Path) -> None:
    text = po(tmp_path).read_text()
    po(tmp_path).write_text(text.replace("charset=utf-8", "charset=iso-8859-1"))
    line = next(n for n, words in enumerate(text.splitlines(), 1) if "charset" in words)
    assert list(project.problems()) == [f"{po(tmp_path)}:{line}: the charset must be utf-8"]


def test_another_charset_is_reported_whatever_a_comment_says(project: Catalogues, tmp_path: Path) -> None:
    text = po(tmp_path).read_text()
    po(tmp_path).write_text("# charset=utf-8\n" + text.replace("charset=utf-8", "charset=klingon"))
    line = next(n for n, words in enumerate(text.splitlines(), 2) if "charset" in words)
    assert list(project.problems()) == [f"{po(tmp_path)}:{line}: the charset must be utf-8"]


def test_a_file_with_a_byte_order_mark_is_read(project: Catalogues, tmp_path: Path) -> None:
    """As Windows' own editor writes it."""
    text = po(tmp_path).read_text()
    po(tmp_path).write_bytes(text.replace("\n", "\r\n").encode("utf-8-sig"))
    assert list(project.problems()) == []
    project.update()
    assert po(tmp_path).read_bytes() == text.encode()


@pytest.mark.parametrize("doubled", ['msgid_plural "{n} jobs"', 'msgstr[1] ""', 'msgstr ""'])
def test_a_line_that_is_twice_in_a_text_is_reported(project: Catalogues, tmp_path: Path, doubled: str) -> None:
    """As a merge leaves it behind; only one of them would count."""
    lines = po(tmp_path).read_text().splitlines()
    place = len(lines) - lines[::-1].index(doubled)
    po(tmp_path).write_text("\n".join([*lines[:place], doubled, *lines[place:]]) + "\n")
    assert f"{po(tmp_path)}:{place + 1}: is there a second time" in list(project.problems())


def test_a_broken_file_is_reported_before_anything_is_written(project: Catalogues, tmp_path: Path) -> None:
    po(tmp_path, "ru").write_text("msgid broken\n")
    (tmp_path / "ui/texts.py").write_text(_CODE.replace("Marked", "Set apart"))
    before = {path: path.read_bytes() for path in tmp_path.rglob("relay.*")}
    with pytest.raises(Unreadable, match=re.escape(f"{po(tmp_path, 'ru')}:1: ")):
        project.update()
    assert {path: path.read_bytes() for path in tmp_path.rglob("relay.*")} == before


def test_a_folder_that_is_not_a_language_is_reported(project: Catalogues, tmp_path: Path) -> None:
    (tmp_path / "locales/it").mkdir()
    (problem,) = project.problems()
    assert problem.startswith(f"{tmp_path / 'locales/it'}:1: isn't among LANGUAGES")
