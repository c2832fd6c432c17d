from __future__ import annotations

from typing import Any

from cogs.message_menu import words_of
from pixverse.pasted import find_jobids

V1 = "job:20240827215841234-user:12345-channel:1275534999996000123-bot:pixverse"


def ids(n: int) -> str:
    return V1.replace("2024", f"202{n}", 1)


def test_text_embeds_components_and_forwarded_content_are_read() -> None:
    message: dict[str, Any] = {
        "author": {"username": ids(0)},
        "content": f"look: {ids(1)}",
        "embeds": [{"title": "t", "description": ids(2), "fields": [{"name": "id", "value": f"`{ids(3)}`"}]}],
        "components": [
            {
                "type": 17,
                "components": [
                    {"type": 10, "content": f"-# {ids(4)}"},
                    {"type": 9, "components": [{"type": 10, "content": ids(5)}], "accessory": {"label": ids(6)}},
                    {"type": 1, "components": [{"type": 2, "custom_id": ids(7), "label": "x", "disabled": False}]},
                ],
            }
        ],
        "message_snapshots": [{"message": {"content": ids(8), "embeds": [], "components": None}}],
    }
    assert find_jobids(words_of(message)) == [ids(n) for n in (1, 2, 3, 4, 5, 6, 8)]


def test_an_empty_message() -> None:
    assert words_of({}) == ""
    assert words_of({"content": None, "embeds": None, "message_snapshots": [{}]}) == ""


def test_endless_nesting_is_cut_off() -> None:
    nested: Any = V1
    for _ in range(500):
        nested = {"components": [nested]}
    assert words_of({"components": [nested]}) == ""
