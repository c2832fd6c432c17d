from __future__ import annotations

from datetime import UTC, datetime

from model.snowflakes import made_at


def test_an_id_shows_when_it_was_created() -> None:
    # The example of Discord's documentation.
    made = datetime(2016, 4, 30, 11, 18, 25, 796_000, tzinfo=UTC)
    assert made_at(175928847299117063) == round(made.timestamp() * 1000)
