from __future__ import annotations

import pytest

from ui.token_modal import entered_text


@pytest.mark.parametrize(
    ("components", "text"),
    [
        (
            [{"type": 18, "component": {"type": 4, "custom_id": "a", "value": " Bearer user:1-abc "}}],
            " Bearer user:1-abc ",
        ),
        ([{"type": 1, "components": [{"type": 4, "custom_id": "a", "value": "user:1-abc"}]}], "user:1-abc"),
        ([{"type": 10, "content": "words"}, {"type": 18, "component": {"type": 4, "value": "x"}}], "x"),
        ([{"type": 18, "component": {"type": 4}}], ""),
        ([{"type": 18}], ""),
        ([], ""),
    ],
)
def test_the_entered_text_is_found_in_the_form(components: list[dict[str, object]], text: str) -> None:
    assert entered_text(components) == text
