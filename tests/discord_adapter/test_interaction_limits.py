from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from discord import InteractionType

from discord_adapter.interaction_limits import LOOKING, TYPING, InteractionLimiter
from discord_adapter.interactions import Responder
from relay.allowances import CommandRate
from tests.clock import ManualClock
from ui.buttons import Action, details_custom_id, number_custom_id
from ui.language import current_language
from ui.message import Reply

PER_MINUTE = 5


class Told:
    """The replies to people who were over the limit."""

    def __init__(self) -> None:
        self.nothing = 0
        self.words: list[str] = []

    async def offer_nothing(self, _interaction: object) -> None:
        self.nothing += 1

    async def say_at_once(self, _interaction: object, answer: Reply) -> None:
        self.words.append(answer.content)


class Visits:
    """A limiter, and people who come to it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.told = Told()
        self.limiter = InteractionLimiter(cast("Responder", self.told), CommandRate(self.clock, PER_MINUTE), self.clock)

    async def come(
        self, kind: InteractionType, custom_id: str | None = None, person: int = 1, locale: str = "en-US"
    ) -> bool:
        data = {} if custom_id is None else {"custom_id": custom_id}
        interaction = SimpleNamespace(
            type=kind, data=data, user=SimpleNamespace(id=person), locale=SimpleNamespace(value=locale)
        )
        return await self.limiter.lets_in(cast("Any", interaction))

    async def let_in(self, times: int, kind: InteractionType, custom_id: str | None = None, person: int = 1) -> int:
        return sum([await self.come(kind, custom_id, person) for _ in range(times)])


@pytest.fixture
def visits() -> Visits:
    return Visits()


_NONCE = "0" * 25
_KINDS = [
    (InteractionType.application_command, None, PER_MINUTE),
    (InteractionType.autocomplete, None, TYPING.burst),
    (InteractionType.modal_submit, "token:form", LOOKING.burst),
    (InteractionType.component, details_custom_id(_NONCE), LOOKING.burst),
    (InteractionType.component, number_custom_id(Action.MORE_RESULTS, 5), LOOKING.burst),
    (InteractionType.component, number_custom_id(Action.KEEP_TOKEN, 5), LOOKING.burst),
    (InteractionType.component, number_custom_id(Action.CHECK_NOW, 5), PER_MINUTE),
    (InteractionType.component, number_custom_id(Action.REMOVE_TOKEN, 5), PER_MINUTE),
    (InteractionType.component, "results:send:1:5", PER_MINUTE),
    (InteractionType.component, "follow:quiet:1:5", PER_MINUTE),
    (InteractionType.component, "5f0c1d6b2a", PER_MINUTE),
    (InteractionType.component, "", PER_MINUTE),
]


@pytest.mark.parametrize(("kind", "custom_id", "most"), _KINDS)
async def test_every_kind_is_counted(visits: Visits, kind: InteractionType, custom_id: str | None, most: int) -> None:
    assert await visits.let_in(most + 20, kind, custom_id) == most
    assert await visits.come(kind, custom_id, person=2)
    visits.clock.move_to(visits.clock.monotonic() + 60)
    assert await visits.come(kind, custom_id)
    if kind is InteractionType.autocomplete:
        assert (visits.told.nothing, visits.told.words) == (20, [])
    else:
        assert len(visits.told.words) == 20
        assert all(words.startswith("**One moment.** You can ask again <t:") for words in visits.told.words)


async def test_typing_and_looking_use_up_no_commands(visits: Visits) -> None:
    await visits.let_in(100, InteractionType.autocomplete)
    await visits.let_in(100, InteractionType.component, details_custom_id(_NONCE))
    assert await visits.let_in(10, InteractionType.application_command) == PER_MINUTE


async def test_what_is_remembered_of_people_is_bounded(visits: Visits) -> None:
    for person in range(12_000):
        await visits.come(InteractionType.autocomplete, person=person)
        await visits.come(InteractionType.component, details_custom_id(_NONCE), person=person)
        await visits.come(InteractionType.application_command, person=person)
    limiter = visits.limiter
    assert max(len(limiter._typing), len(limiter._looking), len(limiter._rate._used)) <= 10_001


@pytest.mark.parametrize("kind", [kind for kind, _, _ in _KINDS])
@pytest.mark.parametrize(
    ("locale", "language"), [("ja", "ja"), ("es-419", "es-ES"), ("en-GB", "en-US"), ("xx", "en-US")]
)
async def test_replies_from_here_on_are_in_the_sender_s_language(
    visits: Visits, kind: InteractionType, locale: str, language: str
) -> None:
    assert await asyncio.create_task(_language_after(visits, kind, locale)) == language
    assert current_language() == "en-US"


async def _language_after(visits: Visits, kind: InteractionType, locale: str) -> str:
    await visits.come(kind, locale=locale)
    return current_language()
