"""Walks every text and view of `ui/` against Discord's bounds and the project's own rules for texts."""

from __future__ import annotations

import asyncio
import inspect
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import discord
import pytest

from tests.ui import bounds, samples
from tests.ui.samples import components_of, nasty, plain
from tests.ui.twice import said_twice
from tests.ui.walk import Sample, all_samples
from ui import command_texts
from ui import discord_limits as limits
from ui.discord_limits import units
from ui.token_modal import TokenModal

FORBIDDEN = re.compile(
    r"\b(errors?|exceptions?|subscriptions?|poll(?:s|ed|ing)?|deliver(?:y|ies)|payloads?)\b", re.IGNORECASE
)
ALLOWED = ("useapi.net subscription", "the subscription has expired", "no paid subscription")
"""The word for what a server's owner pays for."""
COMMAND = re.compile(r"</[a-z -]+:\d+>")
API_FIELD = re.compile(r"^(error|errorDetails): ", re.MULTILINE)
ACTION_ROW = 1
LIVE_MENTION = re.compile(r"<@&?\d+>|@everyone|@here")


@pytest.fixture(scope="module")
def plainly() -> list[Sample]:
    return asyncio.run(_collected(plain))


@pytest.fixture(scope="module")
def every(plainly: list[Sample]) -> list[Sample]:
    return [*plainly, *asyncio.run(_collected(nasty))]


async def _collected(words: samples.Words) -> list[Sample]:  # views want a running loop
    return all_samples(words)


def state_of(text: str) -> str:
    """The bold words at the start, timestamps and mentions as wide as they are shown at least."""
    match = re.match(r"\*\*((?:\\.|.)+?)\*\*", text)
    assert match, text
    return re.sub(r"<[^>]+>", "somewhere", match[1])


def test_the_samples_are_many(every: list[Sample]) -> None:
    assert len(every) > 1000


def test_every_text_starts_with_its_state(every: list[Sample]) -> None:
    for sample in every:
        if not is_later_page(sample.text):
            assert units(state_of(sample.text)) <= bounds.STATE, sample


def is_later_page(text: str) -> bool:
    """Further messages of `list` and `Details` go on where the one before ended."""
    return re.match(r"`|\w[\w \u00a0\u202f]*(: |：)|-# ", text) is not None


def test_no_state_contains_a_time_except_that_of_a_check_just_made(every: list[Sample]) -> None:
    for sample in every:
        bold = re.match(r"\*\*(.+?)\*\*", sample.text)
        assert bold is None or "<t:" not in bold[1] or bold[1].startswith("Checked <t:"), sample


def test_every_text_fits_discord_s_limits(every: list[Sample]) -> None:
    for sample in every:
        is_layout = isinstance(sample.view, discord.ui.LayoutView)
        assert units(sample.text) <= (limits.TEXT_DISPLAYS if is_layout else limits.MESSAGE), sample


def test_words_that_mean_nothing_to_members_are_not_used(every: list[Sample]) -> None:
    for sample in every:
        text = API_FIELD.sub("", sample.text)
        text = COMMAND.sub("", text)
        for phrase in ALLOWED:
            text = text.replace(phrase, "")
        assert not FORBIDDEN.search(text), sample


def test_no_emoji_and_no_drawn_progress_bar(every: list[Sample]) -> None:
    for sample in every:
        assert not any(
            unicodedata.category(character) == "So" or character in "█░▓" for character in set(sample.text)
        ), sample


def test_nothing_from_the_api_is_a_live_link_or_mention(every: list[Sample]) -> None:
    for sample in every:
        escapes_out = re.sub(r"`[^`\n]*`", "", re.sub(r"\\[^0-9A-Za-z\s]", "", sample.text))
        assert "https://evil.example" not in escapes_out, sample
        assert "[a](" not in escapes_out, sample
        assert set(LIVE_MENTION.findall(escapes_out)) <= {
            f"<@{person}>" for person in range(samples.PERSON - 50, samples.PERSON + 1)
        }, sample
        assert "\u202e" not in sample.text, sample


def test_an_e_mail_address_in_an_id_is_never_shown(every: list[Sample]) -> None:
    for sample in every:
        assert "me@example.com" not in sample.text, sample


def test_a_missing_part_leaves_no_separator(every: list[Sample]) -> None:
    for sample in every:
        for line in sample.text.split("\n"):
            assert "  " not in line, sample
            assert not re.search(r"· ·|^-# ·|·$| \.( |$)|\(\)", line), sample
            assert line.strip() not in ("", ">", "-#"), sample


def test_buttons_fit_the_limits_and_rules(every: list[Sample]) -> None:
    for sample in every:
        if sample.view is None:
            continue
        for row in rows_in(components_of(sample.view)):
            buttons = row["components"]
            assert 1 <= len(buttons) <= 2, sample
            for button in buttons:
                assert button["label"] not in ("Stop", "Yes", "No", "OK", "Cancel")
                assert len(button["label"]) <= bounds.BUTTON_LABEL
                assert len(button["custom_id"]) <= bounds.CUSTOM_ID
                assert samples.JOBID not in button["custom_id"]
        assert len(list(sample.view.walk_children())) <= bounds.COMPONENTS


def rows_in(components: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows of buttons, also those within a card's container."""
    for component in components:
        if component["type"] == ACTION_ROW:
            yield component
        yield from rows_in(component.get("components", []))


def test_command_descriptions_fit() -> None:
    texts = [str(text) for name, text in inspect.getmembers(command_texts) if name[0].isalpha() and name.isupper()]
    assert len(texts) > 15
    assert all(1 <= len(text) <= limits.COMMAND_DESCRIPTION for text in texts)


async def test_the_token_form_fits() -> None:
    form = TokenModal().to_dict()
    label = form["components"][0]
    assert form["title"] == "PixVerse API token"
    assert len(form["title"]) <= bounds.MODAL_TITLE
    assert len(label["label"]) <= bounds.MODAL_LABEL
    assert len(label["description"]) <= bounds.MODAL_DESCRIPTION
    assert len(label["component"]["placeholder"]) <= bounds.MODAL_PLACEHOLDER
    assert label["component"]["max_length"] <= limits.MODAL_INPUT


def test_no_card_and_no_summary_shows_an_id(every: list[Sample]) -> None:
    shown = [sample for sample in every if sample.name.startswith(("CardPost", "SummaryPost"))]
    assert len(shown) > 300
    for sample in shown:
        plain_text = sample.text.replace("\\", "")
        assert "112233445566" not in plain_text, sample
        assert "a-job" not in plain_text, sample


def test_prompts_are_not_shown_as_code(every: list[Sample]) -> None:
    for sample in every:
        if sample.name.startswith(("CardPost", "SummaryPost", "OutcomePost")):
            codes = re.findall(r"(?<!\\)`[^`\n]*(?<!\\)`", sample.text)
            assert not any("everyone" in code and "on `" not in sample.text for code in codes), sample


def test_links_to_messages_have_words(every: list[Sample]) -> None:
    for sample in every:
        for match in re.finditer(r"https://discord\.com/channels/", sample.text):
            assert sample.text[: match.start()].endswith("]("), sample


STIFF = (
    "waits for this job",
    "goes on at PixVerse",
    "comes in this channel",
    "run out",
    "by itself",
    "to mend",
    "went on.",
    "of another account",
    "sets it up anew",
    "took it in no form",
    "Send number",
    "by a fault of my own",
    "There was nothing left",
    "Copy the whole value",
    "Not watched any more",
    "The one job",
)


def test_no_stiff_words(every: list[Sample]) -> None:
    for sample in every:
        assert not any(words in sample.text for words in STIFF), sample


def labels(view: discord.ui.View | discord.ui.LayoutView | None) -> list[str]:
    return [label for component in components_of(view) for label in labels_in(component)] if view else []


def labels_in(component: dict[str, Any]) -> list[str]:
    inner = [label for child in component.get("components", ()) for label in labels_in(child)]
    return [component["label"], *inner] if "label" in component else inner


def test_nothing_is_said_twice(plainly: list[Sample]) -> None:
    for sample in plainly:
        assert said_twice(sample.text, labels(sample.view)) == [], sample
