from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from discord_adapter.command_sync import Payload, RegisteredCommands, Scope, sync_scope

WANTED: dict[str, Any] = {
    "type": 1,
    "name": "pixverse",
    "description": "PixVerse jobs",
    "options": [
        {"type": 3, "name": "jobid", "description": "The job", "required": True, "options": []},
        {"type": 5, "name": "mention", "description": "Ping me", "required": False},
    ],
    "nsfw": False,
    "dm_permission": True,
    "default_member_permissions": 32,
    "contexts": [0],
    "integration_types": [0],
}
ANSWERED: dict[str, Any] = {
    "id": "11",
    "application_id": "5",
    "version": "12",
    "type": 1,
    "name": "pixverse",
    "name_localizations": None,
    "description": "PixVerse jobs",
    "options": [
        {"type": 3, "name": "jobid", "description": "The job", "required": True},
        {"type": 5, "name": "mention", "description": "Ping me"},
    ],
    "nsfw": False,
    "dm_permission": False,
    "default_member_permissions": "32",
    "contexts": [0],
    "integration_types": [0],
}
"""As Discord answers: defaults added or left out, numbers as text, and `dm_permission` after `contexts`."""


class Registry(RegisteredCommands):
    def __init__(self, existing: Sequence[Payload]) -> None:
        self._existing = existing
        self.written: list[Sequence[Payload]] = []

    async def read(self, scope: Scope) -> Sequence[Payload]:
        return self._existing

    async def write(self, scope: Scope, commands: Sequence[Payload]) -> Sequence[Payload]:
        self.written.append(commands)
        return [{**command, "id": "21"} for command in commands]


async def test_nothing_is_written_without_a_difference() -> None:
    registry = Registry([ANSWERED])
    assert await sync_scope(registry, None, [WANTED]) == {"pixverse": 11}
    assert registry.written == []


@pytest.mark.parametrize(
    "left_out", [("dm_permission", "contexts"), ("dm_permission", "contexts", "integration_types")]
)
async def test_fields_of_global_commands_are_no_difference_in_a_guild(left_out: tuple[str, ...]) -> None:
    registry = Registry([{field: value for field, value in ANSWERED.items() if field not in left_out}])
    assert await sync_scope(registry, 2000, [WANTED]) == {"pixverse": 11}
    assert registry.written == []


@pytest.mark.parametrize(
    "existing",
    [
        [],
        [ANSWERED, {**ANSWERED, "name": "old"}],
        [{**ANSWERED, "description": "Other"}],
        [{**ANSWERED, "default_member_permissions": None}],
        [{**ANSWERED, "contexts": None}],
        [{**ANSWERED, "integration_types": [0, 1]}],
        [{**ANSWERED, "options": ANSWERED["options"][::-1]}],
        [{**ANSWERED, "options": [{**ANSWERED["options"][0], "required": False}, ANSWERED["options"][1]]}],
        [{**ANSWERED, "options": [{**ANSWERED["options"][0], "autocomplete": True}, ANSWERED["options"][1]]}],
    ],
)
async def test_a_difference_is_written(existing: list[dict[str, Any]]) -> None:
    registry = Registry(existing)
    wanted = {**WANTED, "options": [{**WANTED["options"][0], "autocomplete": False}, WANTED["options"][1]]}
    assert await sync_scope(registry, None, [wanted]) == {"pixverse": 21}
    assert registry.written == [[wanted]]


@pytest.mark.parametrize("registered", [{"de": "Aufträge", "fr": "Tâches"}, {"fr": "Travaux"}, {}, None])
async def test_translations_are_the_current_ones(registered: dict[str, str] | None) -> None:
    """Also after a translation was removed: it is missing or fuzzy now, or its language is no longer shipped."""
    now = {"fr": "Tâches"}
    same = Registry([{**ANSWERED, "description_localizations": now}])
    await sync_scope(same, None, [{**WANTED, "description_localizations": now}])
    assert same.written == []
    registry = Registry([{**ANSWERED, "description_localizations": registered}])
    wanted = {**WANTED, "description_localizations": now}
    await sync_scope(registry, None, [wanted])
    assert registry.written == [[wanted]]


async def test_an_unused_scope_is_emptied_once() -> None:
    registry = Registry([ANSWERED])
    await sync_scope(registry, None, [])
    assert registry.written == [[]]
    empty = Registry([])
    await sync_scope(empty, None, [])
    assert empty.written == []
