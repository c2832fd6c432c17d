"""Walks every text in every language: the shipped ones, and some that show what a translation must not break."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import languages
from tests.pseudo_language import PSEUDO, pseudo
from tests.ui import bounds
from tests.ui import test_rules as rules
from tests.ui.samples import Words, components_of, nasty, plain
from tests.ui.walk import Sample, all_samples
from ui import discord_limits as limits
from ui.buttons import is_generated
from ui.discord_limits import units
from ui.language import ENGLISH, LANGUAGES, in_language
from ui.token_modal import TokenModal

_SHIPPED = [code for code in LANGUAGES if code != ENGLISH]
_TRANSLATORS = {
    PSEUDO: pseudo,
    languages.ARABIC: languages.mirrored,
    languages.RUSSIAN: pseudo,
}
_RULES = (
    rules.test_the_samples_are_many,
    rules.test_every_text_starts_with_its_state,
    rules.test_every_text_fits_discord_s_limits,
    rules.test_no_emoji_and_no_drawn_progress_bar,
    rules.test_nothing_from_the_api_is_a_live_link_or_mention,
    rules.test_an_e_mail_address_in_an_id_is_never_shown,
    rules.test_a_missing_part_leaves_no_separator,
    rules.test_buttons_fit_the_limits_and_rules,
    rules.test_links_to_messages_have_words,
)
"""The rules that hold whatever the language."""

_LATIN = re.compile(r"[A-Za-z][A-Za-z']+")
_CODE = re.compile(r"</?[^>]*>|`[^`]*`|https?://\S+")
_NOT_OURS = re.compile(
    # The API's fields and words; names; what the samples have in them.
    r"\b(parentJobId|verb|status|created|updated|(negative_)?prompt|motion|seed_value|image|face|buttons?|style|"
    r"aspect_ratio|character|content|error(Details)?|completed|progress|moderated|failed|cancelled|expired|given up|"
    r"not found|PixVerse music|日本more|"
    r"rich|webp|pixverse|user|video|job|bot|Fox\d* in snow\d*)\b"
)


def _walked(code: str, words: Words) -> list[Sample]:
    async def walk() -> list[Sample]:  # views want a running loop
        with in_language(code):
            return all_samples(words)

    return asyncio.run(walk())


@pytest.fixture(scope="module", params=_SHIPPED)
def shipped(request: pytest.FixtureRequest) -> list[Sample]:
    return _walked(request.param, nasty)


@pytest.fixture(scope="module", params=list(_TRANSLATORS))
def tried(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    folder = tmp_path_factory.mktemp("locales")
    code: str = request.param
    languages.write(folder, code, languages.translated(code, _TRANSLATORS[code]))
    with languages.known(folder):
        return _walked(code, nasty)


def test_every_rule_holds_in_every_shipped_language(shipped: list[Sample]) -> None:
    for rule in _RULES:
        rule(shipped)


@pytest.fixture(scope="module")
def english() -> set[tuple[str, ...]]:
    return _buttons(_walked(ENGLISH, nasty))


def _buttons(samples: list[Sample]) -> set[tuple[str, ...]]:
    """The custom ids in each row of buttons."""
    rows = (row for sample in samples if sample.view for row in rules.rows_in(components_of(sample.view)))
    ids = (tuple(button["custom_id"] for button in row["components"]) for row in rows)
    return {tuple("generated" if is_generated(one) else one for one in row) for row in ids}


def test_every_shipped_language_has_the_same_buttons(shipped: list[Sample], english: set[tuple[str, ...]]) -> None:
    assert _buttons(shipped) == english


def test_a_translation_that_does_not_fit_is_found(tmp_path: Path) -> None:
    long: languages.Translations = {
        "Check now": "x" * (bounds.BUTTON_LABEL + 1),
        "**Started.**": f"**{'x' * (bounds.STATE + 1)}**",
        "**Kept.** Nothing has changed.": f"**Kept.** {'x' * limits.MESSAGE}",
    }
    languages.write(tmp_path, languages.RUSSIAN, languages.catalogue(languages.RUSSIAN, long))
    with languages.known(tmp_path):
        samples = _walked(languages.RUSSIAN, plain)
    for rule in (
        rules.test_buttons_fit_the_limits_and_rules,
        rules.test_every_text_starts_with_its_state,
        rules.test_every_text_fits_discord_s_limits,
    ):
        with pytest.raises(AssertionError):
            rule(samples)


def test_every_rule_holds_in_languages_unlike_english(tried: list[Sample]) -> None:
    for rule in _RULES:
        if rule is not rules.test_every_text_starts_with_its_state:  # they are longer than a translator may be
            rule(tried)


@pytest.fixture
def veiled(tmp_path: Path) -> Iterator[list[Sample]]:
    languages.write(tmp_path, languages.RUSSIAN, languages.translated(languages.RUSSIAN, languages.veiled))
    with languages.known(tmp_path):
        yield _walked(languages.RUSSIAN, lambda _field: "日本")


def test_no_word_of_the_bot_is_untranslatable(veiled: list[Sample]) -> None:
    for sample in veiled:
        text = _NOT_OURS.sub("", _CODE.sub("", sample.text))
        for name in LANGUAGES.values():
            text = text.replace(name, "")
        assert not _LATIN.search(text), sample
        for label in rules.labels(sample.view):
            assert not _LATIN.search(label), sample


@pytest.mark.parametrize("code", _SHIPPED)
async def test_the_token_form_fits(code: str) -> None:
    with in_language(code):
        form = TokenModal().to_dict()
    label = form["components"][0]
    assert units(form["title"]) <= bounds.MODAL_TITLE
    assert units(label["label"]) <= bounds.MODAL_LABEL
    assert units(label["description"]) <= bounds.MODAL_DESCRIPTION
    assert units(label["component"]["placeholder"]) <= bounds.MODAL_PLACEHOLDER
