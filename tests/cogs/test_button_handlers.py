"""Every button that lives on after a restart has a handler."""

from __future__ import annotations

from typing import Any, cast
from unittest.mock import MagicMock

from cogs.button_handlers import button_handlers
from ui.buttons import Action


def test_every_action_has_a_handler() -> None:
    anything = cast("Any", MagicMock())
    assert set(button_handlers(anything, anything, anything, anything).numbered) == set(Action)
