"""Turns the relay's posts into messages."""

from __future__ import annotations

from model.messages import Address, CardPost, OutcomePost, Post, SummaryPost
from ui.buttons import Action, number_custom_id
from ui.cards import card_view, summary_view
from ui.command_texts import CommandMentions
from ui.language import in_language
from ui.message import Message
from ui.notices import notice_message
from ui.outcomes import outcome_message


def message_of(post: Post, address: Address, mentions: CommandMentions) -> Message:
    """The message for `post` at `address`, in the post's own language, whatever the current one is."""
    with in_language(post.language):
        match post:
            case OutcomePost():
                return outcome_message(post, mentions)
            case CardPost():
                known_by = number_custom_id(Action.STOP_WATCHING, post.subscription_id)
                return Message(view=card_view(post, address), silent=True, known_by=known_by)
            case SummaryPost():
                known_by = number_custom_id(Action.STOP_BATCH, post.batch_id)
                return Message(view=summary_view(post, address), silent=True, known_by=known_by)
            case _:
                return notice_message(post, mentions)
