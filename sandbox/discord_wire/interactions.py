"""Sends interactions to the bot and waits for its answers over REST."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from simcord import interactions as simcord_interactions
from simcord.backend import serializers
from simcord.backend.models import Interaction, ResponseKind
from simcord.backend.models import Message as StoredMessage

from .answers import Answer, NotAnswered
from .virtual_discord import VirtualDiscord

_SUBCOMMANDS = (1, 2)
COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5
_FIRST_ANSWER_S = 3.5  # Discord's three seconds, and some time for a slow machine


class Interactions:
    """Sends interactions and waits for the first and the final answer."""

    def __init__(self, world: VirtualDiscord) -> None:
        self._world = world
        world.backend.subscribers.append(self._name_in_full)

    def _name_in_full(self, event: str, payload: Mapping[str, Any]) -> None:
        """Include subcommands in the name, as Discord does above an answer ("used /pixverse status")."""
        if event == "INTERACTION_CREATE" and payload.get("type") == COMMAND:
            record = self._world.backend.interactions[int(payload["id"])]
            record.command_name = " ".join(_command_path(payload["data"]))

    def tell(
        self,
        kind: int,
        *,
        user_id: int,
        guild_id: int | None,
        channel_id: int,
        data: dict[str, Any],
        source: StoredMessage | None = None,
    ) -> Interaction:
        """Send INTERACTION_CREATE to the bot."""
        backend = self._world.backend
        record, payload = simcord_interactions.base_payload(
            backend, type=kind, channel_id=channel_id, guild_id=guild_id, user_id=user_id, data=data
        )
        if source is not None:
            record.source_message_id = source.id
            payload["message"] = dict(serializers.message_payload(backend, source))
        self._world.emit("INTERACTION_CREATE", payload)
        return record

    async def first_answer(self, record: Interaction) -> None:
        """Wait for the callback.

        Raises:
            NotAnswered: no answer came within three seconds.
        """
        await self._until(record, lambda: record.responded, _FIRST_ANSWER_S, "no answer within 3 s")

    async def final_answer(self, record: Interaction, timeout_s: float) -> Answer:
        """Wait until a deferred answer was edited, or a deferred update had an effect.

        Raises:
            NotAnswered: it didn't happen in time.
        """
        await self.first_answer(record)
        if record.response_kind == ResponseKind.DEFERRED_UPDATE:
            await self._until(
                record, lambda: self._did_something(record), timeout_s, "deferred its update, then did nothing"
            )
        await self._until(
            record, lambda: not self._thinks(record), timeout_s, 'deferred its answer, then left it "thinking"'
        )
        return Answer(self._world, record)

    def _source(self, record: Interaction) -> StoredMessage | None:
        if record.source_message_id is None:
            return None
        return self._world.backend.messages.get(record.channel_id, {}).get(record.source_message_id)

    def _did_something(self, record: Interaction) -> bool:
        return bool(record.followup_ids) or self._source(record) is None or self._edited_by(record)

    def _edited_by(self, record: Interaction) -> bool:
        """Whether a PATCH with this interaction's token was carried out."""
        return any(
            call.method == "PATCH" and record.token in call.segments and call.done
            for call in reversed(self._world.requests)
        )

    def _thinks(self, record: Interaction) -> bool:
        there = record.message_id in self._world.backend.messages.get(record.channel_id, {})
        return record.loading and there

    async def _until(self, record: Interaction, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        def told() -> str:
            calls = [f"{call.method} {call.path} → {call.status}" for call in self._world.requests[-6:]]
            return f"{record.command_name or record.type}: {what}; last calls: {calls}"

        try:
            await self._world.changes.until(condition, timeout_s=timeout_s, what=told)
        except TimeoutError as error:
            raise NotAnswered(str(error)) from None


def _command_path(command: Mapping[str, Any]) -> Iterator[str]:
    yield command["name"]
    for option in command.get("options") or []:
        if option["type"] in _SUBCOMMANDS:
            yield from _command_path(option)
