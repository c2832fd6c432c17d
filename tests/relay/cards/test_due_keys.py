from __future__ import annotations

import asyncio
import time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from model.states import DeliveryKind
from relay.cards.card_edits import Finished, Key, Later
from relay.cards.card_loop import CardLoop, DueKeys
from tests.clock import ManualClock
from tests.relay.relay_fixture import open_database

_STEP = st.tuples(st.sampled_from(["add", "take", "free"]), st.integers(0, 5), st.integers(0, 100))


@given(st.lists(_STEP, max_size=80))
def test_it_behaves_like_a_list_sorted_by_time(steps: list[tuple[str, int, int]]) -> None:
    due, plain, taken = DueKeys(), dict[Key, float](), set[Key]()
    for step, number, time_of in steps:
        key = Key(DeliveryKind.CARD, number)
        if step == "add":
            due.add(key, time_of)
            plain[key] = min(time_of, plain.get(key, time_of))
        elif step == "free":
            due.free(key)
            taken.discard(key)
        else:
            free = [(at, one) for one, at in plain.items() if one not in taken]
            expected = min(free, default=(101, None))
            one = due.take(time_of)
            assert one == (expected[1] if expected[0] <= time_of else None)
            if one is not None:
                taken.add(one)
                del plain[one]
        assert len(due) == len(plain)
        assert due.next_at() == min((at for one, at in plain.items() if one not in taken), default=None)


def test_a_key_that_is_taken_is_due_once_it_is_free() -> None:
    due, key = DueKeys(), Key(DeliveryKind.CARD, 1)
    due.add(key, 5)
    assert due.take(5) == key
    due.add(key, 6)
    assert (due.next_at(), due.take(7)) == (None, None)
    due.free(key)
    assert (due.next_at(), due.take(7)) == (6, key)


def test_moving_keys_does_not_grow_the_heap() -> None:
    due = DueKeys()
    for turn in range(1000):
        for number in range(10):
            due.add(Key(DeliveryKind.CARD, number), -turn)
    assert len(due._heap) <= 20


def test_taking_keys_removes_their_other_times() -> None:
    due = DueKeys()
    due.add(Key(DeliveryKind.CARD, 0), 3600)
    for number in range(1, 1000):
        due.add(Key(DeliveryKind.CARD, number), 7200)
        due.add(Key(DeliveryKind.CARD, number), 0)
    while due.take(0) is not None:
        pass
    assert (len(due), due.next_at()) == (1, 3600)
    assert len(due._heap) <= 2


class _Edits:
    """Edits nothing, or never comes to an end."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.began = asyncio.Event()
        self._hangs = hangs

    async def show(self, key: Key) -> Later | Finished:
        self.began.set()
        if self._hangs:
            await asyncio.Event().wait()
        return Finished()

    async def becoming_slow(self) -> list[tuple[int, float]]:
        return []


async def _turn_seconds(folder: Path, cards: int) -> float:
    folder.mkdir()
    database = await open_database(folder)
    loop = CardLoop(database, _Edits(), ManualClock(), parallel=1)  # type: ignore[arg-type]
    loop._mark_cards(range(cards))
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(50):
            loop._start_due()
            loop._until_next()
            await asyncio.sleep(0)
        best = min(best, time.process_time() - began)
    await database.close()
    return best / 50


async def test_a_turn_costs_about_the_same_with_a_thousand_or_a_hundred_thousand_due_cards(
    tmp_path: Path,
) -> None:
    few, many = await _turn_seconds(tmp_path / "few", 1_000), await _turn_seconds(tmp_path / "many", 100_000)
    assert many < 5 * few, f"{1000 * few:.3f} ms and {1000 * many:.3f} ms"


async def test_an_interrupted_loop_resumes_with_the_card_it_was_editing(tmp_path: Path) -> None:
    database = await open_database(tmp_path)
    clock, edits = ManualClock(), _Edits(hangs=True)
    loop = CardLoop(database, edits, clock, parallel=1)  # type: ignore[arg-type]
    for _ in range(2):
        loop.subscription_changed(7)
        running = asyncio.create_task(loop.run())
        async with asyncio.timeout(5):
            await edits.began.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert loop._due.next_at() is not None
        edits.began.clear()
    await database.close()
