from __future__ import annotations

import asyncio
import gettext
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from tests import languages
from ui import language
from ui.language import ENGLISH, N_, _, current_language, in_language, language_of, number, pgettext, plural

_JOBS: languages.Translations = {
    "Watching {job}.": "Смотрю {job}.",
    "Not {translated}.": "Не {переведено}.",
    "Unclosed {job}.": "Незакрыто {job.",
    ("{n} job of {account}", "{n} jobs of {account}"): (
        "{n} задача {account}",
        "{n} задачи {account}",
        "{n} задач {account}",
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    languages.write(tmp_path, languages.RUSSIAN, languages.catalogue(languages.RUSSIAN, _JOBS))
    languages.write(tmp_path, "fr", b"no catalogue")
    with languages.known(tmp_path):
        yield tmp_path


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("de", "de"),
        ("de-AT", "de"),
        ("es-ES", "es-ES"),
        ("es-419", "es-ES"),
        ("pt-BR", "pt-BR"),
        ("pt-PT", "pt-BR"),
        ("zh-CN", "zh-CN"),
        ("zh-SG", "zh-CN"),
        ("zh-TW", ENGLISH),
        ("en-US", ENGLISH),
        ("en-GB", ENGLISH),
        ("pl", ENGLISH),
        ("", ENGLISH),
        ("../../etc", ENGLISH),
        (None, ENGLISH),
    ],
)
def test_the_language_for_a_locale(locale: str | None, expected: str) -> None:
    assert language_of(locale) == expected


def test_texts_are_english_unless_another_language_is_set(folder: Path) -> None:
    assert (current_language(), _("Watching {job}.", job="a")) == (ENGLISH, "Watching a.")
    with in_language("ru"):
        assert (current_language(), _("Watching {job}.", job="a")) == ("ru", "Смотрю a.")
        with in_language(ENGLISH):
            assert _("Watching {job}.", job="a") == "Watching a."
        assert _("Nobody translated {job}.", job="a") == "Nobody translated a."
    assert current_language() == ENGLISH


def test_each_task_has_its_own_language(folder: Path) -> None:
    async def ask(code: str, other_has_begun: asyncio.Event, begun: asyncio.Event) -> str:
        with in_language(code):
            begun.set()
            await other_has_begun.wait()
            return _("Watching {job}.", job="a")

    async def both() -> list[str]:
        one, two = asyncio.Event(), asyncio.Event()
        return list(await asyncio.gather(ask("ru", one, two), ask(ENGLISH, two, one)))

    assert asyncio.run(both()) == ["Смотрю a.", "Watching a."]


@pytest.mark.parametrize(
    ("n", "expected"),
    [(1, "1 задача x"), (2, "2 задачи x"), (5, "5 задач x"), (11, "11 задач x"), (21, "21 задача x"), (0, "0 задач x")],
)
def test_plurals_follow_the_language_s_own_rule(folder: Path, n: int, expected: str) -> None:
    with in_language("ru"):
        assert plural("{n} job of {account}", "{n} jobs of {account}", n, account="x") == expected


def test_plurals_in_english() -> None:
    assert [plural("{n} job", "{n} jobs", n) for n in (0, 1, 2, 1234)] == ["0 jobs", "1 job", "2 jobs", "1,234 jobs"]
    assert plural("{n} job", "{n} jobs", 0, zero="nothing") == "nothing"


def test_digits_are_grouped_as_the_language_does() -> None:
    assert (number(999), number(1_234_567)) == ("999", "1,234,567")


def test_a_text_with_a_context_has_its_own_translation() -> None:
    assert pgettext("somewhere", "{a}.", a=1) == "1."


def test_a_marked_text_is_translated_when_it_is_used(folder: Path) -> None:
    table = {"key": N_("Watching {job}.")}
    with in_language("ru"):
        assert (table["key"], _(table["key"], job="a")) == ("Watching {job}.", "Смотрю a.")


@pytest.mark.parametrize("text", ["Not {translated}.", "Unclosed {job}."])
def test_a_translation_that_cannot_be_filled_in_is_english_and_logged_once(
    folder: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    with in_language("ru"), caplog.at_level(logging.WARNING, "ui.language"):
        shown = {_(text, translated="a", job="b") for _attempt in range(3)}
    assert shown == {text.format(translated="a", job="b")}
    assert len(caplog.records) <= 1


def test_a_damaged_or_missing_catalogue_is_english_and_logged_once(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "ko").mkdir()
    with languages.known(folder), caplog.at_level(logging.WARNING, "ui.language"):
        for code in ("fr", "ko", "fr", "ko"):
            with in_language(code):
                assert _("Watching {job}.", job="a") == "Watching a."
    assert len(caplog.records) == 2


def test_a_plural_rule_that_fails_for_a_number_falls_back_to_english(tmp_path: Path) -> None:
    whole = languages.catalogue(languages.RUSSIAN, _JOBS)
    rule = b"plural=n % 10 == 1"
    assert rule in whole
    languages.write(tmp_path, languages.RUSSIAN, whole.replace(rule, b"plural=10 % n == 1"))
    with languages.known(tmp_path), in_language(languages.RUSSIAN):
        shown = [plural("{n} job of {account}", "{n} jobs of {account}", n, account="a") for n in (0, 1)]
        assert (shown[0], _("Watching {job}.", job="b")) == ("0 jobs of a", "Смотрю b.")


@pytest.mark.parametrize("blank", [" ", "\n", "\u3000", "\u200b", "…"])
def test_a_blank_translation_is_english(tmp_path: Path, blank: str) -> None:
    """Discord refuses a message, and a button's label, in which nothing is seen."""
    languages.write(tmp_path, "ja", languages.catalogue("ja", {"Details": blank}))
    with languages.known(tmp_path), in_language("ja"):
        assert _("Details") == "Details"


def test_an_empty_translation_is_english(tmp_path: Path) -> None:
    """No tool makes such a file, but a fault of the disk may."""
    languages.write(tmp_path, "ja", languages.catalogue("ja", {"Details": "詳細"}))
    empty = mock.patch.object(gettext.GNUTranslations, "gettext", return_value="")
    with languages.known(tmp_path), in_language("ja"), empty:
        assert _("Details") == "Details"


def test_every_shipped_language_can_be_read_and_has_a_code_discord_knows() -> None:
    from discord import Locale

    for code in language.LANGUAGES:
        assert code in {locale.value for locale in Locale}
        if code != ENGLISH:
            with (language.FOLDER / code / "LC_MESSAGES/relay.mo").open("rb") as file:
                gettext.GNUTranslations(file)


def test_no_catalogue_is_read_before_it_is_needed() -> None:
    """Idle memory and the start pay for English only."""
    program = "import ui.posts, ui.check_reply, ui.language; print(sorted(ui.language._catalogues))"
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"
