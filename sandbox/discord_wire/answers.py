"""The bot's answer to a person: messages, or a form to fill in."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from simcord.backend.models import Interaction, ResponseKind
from simcord.backend.models import Message as StoredMessage
from simcord.components import walk_components

from .messages import Button, Message, view
from .virtual_discord import VirtualDiscord

_TEXT_INPUT = 4
_LABEL = 18
_TEXT_DISPLAY = 10


class NotAnswered(AssertionError):
    """The bot gave no answer, or no final answer, in time. Discord would show "The application did not respond"."""


class NotPossible(AssertionError):
    """A person couldn't do this in Discord, e.g. because there is no such button or the channel is hidden."""


@dataclass(frozen=True, slots=True)
class Field:
    """One control of a form."""

    custom_id: str
    label: str
    description: str | None
    placeholder: str | None
    required: bool
    min_length: int | None
    max_length: int | None
    value: str | None
    kind: int
    raw: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Modal:
    """A form that the bot opened. `texts` are its text displays."""

    title: str
    custom_id: str
    fields: list[Field]
    texts: list[str]
    raw: dict[str, Any]
    interaction: Interaction


def read_modal(interaction: Interaction) -> Modal:
    """Returns the form that an interaction was answered with.

    Raises:
        NotPossible: the answer was not a form.
    """
    raw = interaction.modal
    if raw is None:
        raise NotPossible(f"the bot opened no form, it answered with {interaction.response_kind}")
    fields: list[Field] = []
    for part in raw["components"]:
        inner = part.get("component") or next(iter(part.get("components") or []), None)
        if inner is not None:
            fields.append(_field(part, inner))
    texts = [str(part["content"]) for part in walk_components(raw["components"]) if part.get("type") == _TEXT_DISPLAY]
    return Modal(raw["title"], raw["custom_id"], fields, texts, raw, interaction)


def _field(wrapper: dict[str, Any], control: dict[str, Any]) -> Field:
    labelled = wrapper if wrapper.get("type") == _LABEL else control
    return Field(
        custom_id=control["custom_id"],
        label=labelled.get("label") or "",
        description=wrapper.get("description"),
        placeholder=control.get("placeholder"),
        required=bool(control.get("required", True)),
        min_length=control.get("min_length"),
        max_length=control.get("max_length"),
        value=control.get("value"),
        kind=control.get("type", _TEXT_INPUT),
        raw=control,
    )


class Answer:
    """The bot's answer to one interaction. Properties read the current state, so later edits show.

    After a click, `updated` is the message with the button if the bot edited it instead of sending another one.
    """

    def __init__(self, world: VirtualDiscord, interaction: Interaction) -> None:
        self._world = world
        self.interaction = interaction

    def _stored(self, message_id: int | None) -> StoredMessage | None:
        if message_id is None:
            return None
        return self._world.backend.messages.get(self.interaction.channel_id, {}).get(message_id)

    @property
    def messages(self) -> list[Message]:
        """The first response and its follow-ups in order, without deleted messages."""
        record = self.interaction
        first = None if record.message_id == record.source_message_id else record.message_id
        stored = [self._stored(message_id) for message_id in (first, *record.followup_ids)]
        return [view(self._world, message) for message in stored if message is not None]

    @property
    def message(self) -> Message:
        """The first message.

        Raises:
            NotAnswered: nothing was written, or every message was deleted.
        """
        messages = self.messages
        if not messages:
            raise NotAnswered(f"the bot wrote nothing; it answered with {self.interaction.response_kind}")
        return messages[0]

    @property
    def updated(self) -> Message | None:
        """The message with the button, if the bot answered by updating it."""
        if self.interaction.response_kind not in (ResponseKind.UPDATE, ResponseKind.DEFERRED_UPDATE):
            return None
        stored = self._stored(self.interaction.source_message_id)
        return None if stored is None else view(self._world, stored)

    @property
    def text(self) -> str:
        """All text of the answer, or of the updated message if the bot sent no other message."""
        shown = self.messages or ([self.updated] if self.updated is not None else [])
        return "\n".join(message.text for message in shown)

    @property
    def ephemeral(self) -> bool:
        """Whether only the person who asked sees every message."""
        messages = self.messages
        return bool(messages) and all(message.ephemeral for message in messages)

    @property
    def buttons(self) -> list[Button]:
        """All buttons of the answer, or of the updated message if the bot sent no other message."""
        shown = self.messages or ([self.updated] if self.updated is not None else [])
        return [button for message in shown for button in message.buttons]

    @property
    def labels(self) -> list[str]:
        """The buttons' labels."""
        return [button.label for button in self.buttons]

    @property
    def pings(self) -> Set[int]:
        """The ids of everyone whom the answer pinged."""
        return frozenset[int]().union(*(message.pinged for message in self.messages))

    @property
    def opened_modal(self) -> bool:
        """Whether the answer is a form."""
        return self.interaction.modal is not None

    @property
    def modal(self) -> Modal:
        """The form.

        Raises:
            NotPossible: the answer is not a form.
        """
        return read_modal(self.interaction)

    def __repr__(self) -> str:
        return f"<Answer {self.interaction.response_kind} {self.text!r} {self.labels}>"
