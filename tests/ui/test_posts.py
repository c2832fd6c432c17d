from __future__ import annotations

import pytest

from model.job import Outcome
from model.messages import Address, CardPost, NoticePost, OutcomePost, SummaryPost
from model.states import CardStatus, NoticeKind
from ui import posts
from ui.command_texts import CommandMentions
from ui.language import ENGLISH, current_language, in_language
from ui.message import Message
from ui.posts import message_of

HERE = Address(1, 2)
MENTIONS = CommandMentions()


async def test_cards_and_summaries_are_silent_and_ping_nobody() -> None:
    card = message_of(CardPost(5, 7, CardStatus.CREATED, None, "n", asker=42), HERE, MENTIONS)
    summary = message_of(SummaryPost(6, 42, True, (), "n", done=0, open=True), HERE, MENTIONS)
    for message in (card, summary):
        assert message.silent
        assert message.mention == ()
        assert message.content is None
    assert (card.known_by, summary.known_by) == ("card:stop:5", "batch:stop:6")


async def test_an_outcome_is_as_silent_as_requested() -> None:
    for silent in (True, False):
        post = OutcomePost(7, "a", Outcome.FAILED, None, "n", "b" * 25, silent=silent)
        assert message_of(post, HERE, MENTIONS).silent is silent


async def test_a_notice_is_not_silent() -> None:
    message = message_of(NoticePost(NoticeKind.TOKEN_REFUSED, "n", (42,), 1), HERE, MENTIONS)
    assert not message.silent
    assert message.mention == (42,)


@pytest.mark.parametrize("language", ["ja", "", "xx"])
async def test_a_post_is_in_its_own_language_whatever_the_current_one(
    language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def notice_message(post: NoticePost, _mentions: CommandMentions) -> Message:
        return Message(current_language())

    monkeypatch.setattr(posts, "notice_message", notice_message)
    post = NoticePost(NoticeKind.TOKEN_REFUSED, "n", language=language)
    with in_language("de"):
        assert message_of(post, HERE, MENTIONS).content == ("ja" if language == "ja" else ENGLISH)
        assert current_language() == "de"
