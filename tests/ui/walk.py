"""All samples as somebody would see them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import discord

from tests.ui.sample_replies import all_answers
from tests.ui.samples import HERE, MENTIONS, Words, components_of, posts, text_of
from ui.language import current_language
from ui.posts import message_of


@dataclass(frozen=True)
class Sample:
    """One text as somebody would see it."""

    name: str
    text: str
    view: discord.ui.View | discord.ui.LayoutView | None


def all_samples(words: Words) -> list[Sample]:
    """In the current language; without those that look alike: other words in a field that isn't shown, for one."""
    samples = []
    for post in posts(words):
        message = message_of(replace(post, language=current_language()), HERE, MENTIONS)
        if message.content is not None:
            text = message.content
        else:
            assert isinstance(message.view, discord.ui.LayoutView)
            text = text_of(message.view)
        samples.append(Sample(f"{type(post).__name__} {text[:40]}", text, message.view))
    samples.extend(
        Sample(f"answer {answer.content[:40]}", answer.content, answer.view) for answer in all_answers(words)
    )
    seen = {(sample.name, sample.text, _shape(sample.view)): sample for sample in samples}
    return list(seen.values())


def _shape(view: discord.ui.View | discord.ui.LayoutView | None) -> str:
    return "" if view is None else repr(components_of(view))
