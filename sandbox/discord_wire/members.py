"""People in a server, and what they can do there in a Discord client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from simcord import _modal as simcord_modal
from simcord import interactions as simcord_interactions
from simcord.actors import MemberActor
from simcord.backend import serializers
from simcord.backend.command_access import command_access
from simcord.backend.models import Interaction
from simcord.backend.models import Message as StoredMessage
from simcord.builders import UserHandle
from simcord.components import walk_components

from .answers import Answer, Modal, NotPossible, read_modal
from .interactions import AUTOCOMPLETE, COMMAND, COMPONENT, MODAL, Interactions
from .messages import Message, find_selects, view
from .virtual_discord import VirtualDiscord

if TYPE_CHECKING:
    from .guilds_and_channels import Channel, Guild

_TIMEOUT_S = 40.0
_BUTTON = 2


class Member:
    """One person in one server. Methods allow what Discord's client allows, and wait for the bot's answer."""

    def __init__(self, world: VirtualDiscord, guild: Guild, user: UserHandle) -> None:
        self._world = world
        self._interactions = Interactions(world)
        self.guild = guild
        self.handle = MemberActor(world.env, guild.handle, user)
        self.id = user.id
        self.name = user.name

    @property
    def mention(self) -> str:
        """As it is written in a message."""
        return f"<@{self.id}>"

    @property
    def locale(self) -> str | None:
        """The language in which this person uses Discord, in every server; sent with each interaction, unless None."""
        return self._world.locale(self.id)

    @locale.setter
    def locale(self, locale: str | None) -> None:
        self._world.locales[self.id] = locale

    # ---------------------------------------------------------------- commands

    def commands(self, channel: Channel) -> list[str]:
        """The slash commands that this person sees here, e.g. `pixverse status`."""
        shown = self._world.backend.visible_commands(user_id=self.id, channel_id=channel.id)
        return [" ".join(path) for command in shown for path, _ in simcord_interactions.command_leaves(command)]

    async def slash(self, channel: Channel, name: str, /, timeout_s: float = _TIMEOUT_S, **options: object) -> Answer:
        """Use a slash command and wait for the final answer.

        Options are plain values; members and channels of this sandbox where the command wants them.

        Raises:
            NotPossible: the command is not offered to this person here.
            NotAnswered: no final answer in time.
        """
        return await self._finish(self.begin_slash(channel, name, **options), timeout_s)

    def begin_slash(self, channel: Channel, name: str, /, **options: object) -> Interaction:
        """Use a slash command and wait for nothing (for tests that kill the bot meanwhile)."""
        root = self._offered(channel, name.split(maxsplit=1)[0], 1)
        leaf, nesting = simcord_interactions.walk_to_subcommand(root, name.split()[1:])
        values = {key: getattr(value, "handle", value) for key, value in options.items()}
        built, resolved = simcord_interactions.build_options(self.handle, name, leaf, values, channel_id=channel.id)
        return self._tell(COMMAND, channel, _command_data(root, nesting, built, resolved))

    async def message_menu(
        self, message: Message, name: str, /, *, channel: Channel | None = None, timeout_s: float = _TIMEOUT_S
    ) -> Answer:
        """Use a command of a message's menu (Apps)."""
        stored = self._stored(message)
        here = channel or self.guild.channel(stored.channel_id)
        root = self._offered(here, name, 3)
        payload = dict(serializers.message_payload(self._world.backend, stored))
        data = {
            **_command_data(root, [], [], {"messages": {str(stored.id): payload}}),
            "target_id": str(stored.id),
        }
        return await self._finish(self._tell(COMMAND, here, data), timeout_s)

    async def autocomplete(
        self, channel: Channel, name: str, /, *, option: str, typed: str, **filled: object
    ) -> list[tuple[str, Any]]:
        """Type into an option and get what is offered, as (name, value)."""
        root = self._offered(channel, name.split(maxsplit=1)[0], 1)
        leaf, nesting = simcord_interactions.walk_to_subcommand(root, name.split()[1:])
        declared = next((item for item in leaf.get("options") or [] if item["name"] == option), None)
        if declared is None or not declared.get("autocomplete"):
            raise NotPossible(f"/{name} has no option {option!r} with autocomplete")
        built, _ = simcord_interactions.build_options(
            self.handle, name, leaf, filled, partial=True, channel_id=channel.id
        )
        built.append({"name": option, "type": declared["type"], "value": typed, "focused": True})
        record = self._tell(AUTOCOMPLETE, channel, _command_data(root, nesting, built, {}))
        await self._interactions.first_answer(record)
        return [(choice["name"], choice["value"]) for choice in record.autocomplete_choices or []]

    def _offered(self, channel: Channel, name: str, kind: int) -> dict[str, Any]:
        root = self._world.backend.find_command(name, self.guild.id, type=kind)
        if root is None:
            raise NotPossible(f"no command {name!r} is registered here")
        access = command_access(self._world.backend, root, user_id=self.id, channel_id=channel.id)
        if not access.allowed:
            raise NotPossible(f"{name!r} is not offered to {self.name} in {channel.name}: {access.reason}")
        return root

    # -------------------------------------------------------------- components

    async def click(self, shown: Answer | Message, label: str, /, *, timeout_s: float = _TIMEOUT_S) -> Answer:
        """Press the button with this label and wait for the final answer; an update shows in `updated`.

        Raises:
            NotPossible: no such button, switched off, or not to be seen by this person.
            NotAnswered: no final answer in time.
        """
        return await self._finish(self.begin_click(shown, label), timeout_s)

    def begin_click(self, shown: Answer | Message, label: str, /) -> Interaction:
        """Press a button and wait for nothing."""
        stored, button = self._button(shown, label)
        data = {"custom_id": button["custom_id"], "component_type": _BUTTON, "id": button.get("id", 0)}
        return self._tell(COMPONENT, self.guild.channel(stored.channel_id), data, source=stored)

    async def select(
        self, shown: Answer | Message, *values: str, timeout_s: float = _TIMEOUT_S, custom_id: str | None = None
    ) -> Answer:
        """Choose in the message's (only) select menu of texts."""
        for stored in self._all_stored(shown):
            for menu in find_selects(stored):
                if custom_id in (None, menu["custom_id"]) and not menu.get("disabled"):
                    data = {"custom_id": menu["custom_id"], "component_type": menu["type"], "values": list(values)}
                    channel = self.guild.channel(stored.channel_id)
                    return await self._finish(self._tell(COMPONENT, channel, data, source=stored), timeout_s)
        raise NotPossible("no such select menu")

    def _button(self, shown: Answer | Message, label: str) -> tuple[StoredMessage, dict[str, Any]]:
        seen: list[str] = []
        for stored in self._all_stored(shown):
            for part in walk_components(stored.components):
                if part.get("type") != _BUTTON:
                    continue
                seen.append(str(part.get("label")))
                if part.get("label") == label and part.get("custom_id") and not part.get("disabled"):
                    return stored, part
        raise NotPossible(f"no button {label!r} that could be pressed, only {seen}")

    def _all_stored(self, shown: Answer | Message) -> list[StoredMessage]:
        if isinstance(shown, Message):
            return [self._stored(shown)]
        messages = shown.messages + ([shown.updated] if shown.updated is not None else [])
        return [self._stored(message) for message in messages]

    def _stored(self, message: Message) -> StoredMessage:
        stored = self._world.backend.messages.get(message.channel_id, {}).get(message.id)
        if stored is None:
            raise NotPossible("that message is deleted")
        if not stored.visible_to(self.id):
            raise NotPossible(f"{self.name} does not see that message")
        return stored

    # ------------------------------------------------------------------- forms

    async def submit(
        self, shown: Answer | Modal, /, *values: object, timeout_s: float = _TIMEOUT_S, **by_id: object
    ) -> Answer:
        """Fill in a form, its fields in order (or by custom id), send it, and wait for the final answer."""
        modal = shown.modal if isinstance(shown, Answer) else shown
        given = {field.custom_id: value for field, value in zip(modal.fields, values, strict=False)}
        record = self.begin_submit(modal, {**given, **by_id})
        return await self._finish(record, timeout_s)

    def begin_submit(self, modal: Modal, values: Mapping[str, Any]) -> Interaction:
        """Send a form and wait for nothing."""
        opened = modal.interaction
        resolved: dict[str, dict[str, Any]] = {}
        uploads: list[tuple[dict[str, Any], str, bytes]] = []
        nodes = simcord_modal._modal_submit_nodes(
            modal.raw["components"], self.handle, dict(values), resolved, opened.channel_id, uploads
        )
        data: dict[str, Any] = {"custom_id": modal.custom_id, "components": nodes, "resolved": resolved}
        source = self._world.backend.messages.get(opened.channel_id, {}).get(opened.source_message_id or 0)
        return self._tell(MODAL, self.guild.channel(opened.channel_id), data, source=source)

    # ----------------------------------------------------------------- writing

    def send(self, channel: Channel, content: str) -> Message:
        """Write a message."""
        self._world.backend.require_permissions(self.guild.id, self.id, channel.id, "send_messages")
        return view(self._world, self._world.backend.create_message(channel.id, self.id, content))

    # ----------------------------------------------------------------- forging

    async def forge_click(
        self, channel: Channel, custom_id: str, /, *, message: Message | None = None, timeout_s: float = _TIMEOUT_S
    ) -> Answer:
        """Send a click on a button that need not exist, without the client's checks.

        Without `message`, a message of the bot's with only that button is made up in this channel.
        """
        backend = self._world.backend
        if message is None:
            button = {"type": _BUTTON, "style": 2, "label": "forged", "custom_id": custom_id}
            row = [{"type": 1, "components": [button]}]
            source = backend.create_message(channel.id, backend.bot_user.id, "forged", components=row, broadcast=False)
        else:
            source = backend.get_message(message.channel_id, message.id)
        data = {"custom_id": custom_id, "component_type": _BUTTON}
        return await self._finish(self._tell(COMPONENT, channel, data, source=source), timeout_s)

    async def forge_slash(
        self, channel: Channel, name: str, /, timeout_s: float = _TIMEOUT_S, **options: object
    ) -> Answer:
        """Use a command that this person doesn't see, with option values that a client would refuse."""
        return await self._finish(self._forge(channel, name, options, {}), timeout_s)

    async def forge_choice(
        self, channel: Channel, name: str, /, *, option: str, chosen: Channel, timeout_s: float = _TIMEOUT_S
    ) -> Answer:
        """Use a command with a channel that a client doesn't offer, such as one of another server."""
        payload = serializers.channel_payload(self._world.backend, self._world.backend.get_channel(chosen.id))
        resolved = {"channels": {str(chosen.id): {**payload, "permissions": "0"}}}
        return await self._finish(self._forge(channel, name, {option: str(chosen.id)}, resolved), timeout_s)

    def _forge(
        self, channel: Channel, name: str, options: Mapping[str, object], resolved: dict[str, Any]
    ) -> Interaction:
        parts = name.split()
        root = self._world.backend.find_command(parts[0], self.guild.id)
        if root is None:
            raise NotPossible(f"no command {parts[0]!r} is registered here")
        leaf, nesting = simcord_interactions.walk_to_subcommand(root, parts[1:])
        kinds = {option["name"]: option["type"] for option in leaf.get("options") or []}
        built = [{"name": key, "type": kinds[key], "value": value} for key, value in options.items()]
        return self._tell(COMMAND, channel, _command_data(root, nesting, built, resolved))

    async def forge_submit(
        self, channel: Channel, modal: Modal, /, *values: str, timeout_s: float = _TIMEOUT_S
    ) -> Answer:
        """Send somebody else's form, from any channel."""
        given = {field.custom_id: value for field, value in zip(modal.fields, values, strict=False)}
        nodes = simcord_modal._modal_submit_nodes(modal.raw["components"], self.handle, given, {}, channel.id, [])
        data: dict[str, Any] = {"custom_id": modal.custom_id, "components": nodes}
        return await self._finish(self._tell(MODAL, channel, data), timeout_s)

    # ----------------------------------------------------------------- the way

    def _tell(
        self, kind: int, channel: Channel, data: dict[str, Any], *, source: StoredMessage | None = None
    ) -> Interaction:
        return self._interactions.tell(
            kind, user_id=self.id, guild_id=self.guild.id, channel_id=channel.id, data=data, source=source
        )

    async def _finish(self, record: Interaction, timeout_s: float) -> Answer:
        return await self._interactions.final_answer(record, timeout_s)

    async def finish(self, record: Interaction, timeout_s: float = _TIMEOUT_S) -> Answer:
        """Wait for the final answer to something started with `begin_…`."""
        return await self._finish(record, timeout_s)

    def modal_of(self, record: Interaction) -> Modal:
        """The form with which the bot answered."""
        return read_modal(record)


def _command_data(
    root: dict[str, Any], nesting: list[str], options: list[dict[str, Any]], resolved: dict[str, Any]
) -> dict[str, Any]:
    data: dict[str, Any] = {
        "id": root["id"],
        "name": root["name"],
        "type": root.get("type", 1),
        "options": simcord_interactions.nest_options(root, nesting, options),
    }
    if resolved:
        data["resolved"] = resolved
    if root.get("guild_id"):
        data["guild_id"] = root["guild_id"]
    return data
