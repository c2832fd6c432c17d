from __future__ import annotations

import asyncio

import pytest

from pixverse.api_errors import BadRequest
from pixverse.recent_lists import LookupTerms, RecentLists


class Lists:
    """A client that counts what it is asked, and the clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.asked: list[tuple[str, str]] = []
        self.spent = 0
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.recent = RecentLists(self, lambda: self.now)  # type: ignore[arg-type]

    async def get_json(self, path: str, token: str) -> object:
        self.asked.append((path, token))
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return len(self.asked)

    def spend(self) -> None:
        self.spent += 1

    async def get(self, path: str = "/list", token: str = "token", fresh: float = 5.0) -> object:
        return await self.recent.get_json(path, token, LookupTerms(self.spend, fresh))


async def test_a_list_is_fetched_once_and_shared_for_five_seconds() -> None:
    lists = Lists()
    assert await lists.get() == await lists.get() == 1
    lists.now += 4.9
    assert await lists.get() == 1
    lists.now += 0.2
    assert await lists.get() == 2
    assert lists.spent == 2


async def test_a_caller_can_ask_for_a_fresher_list() -> None:
    lists = Lists()
    assert await lists.get() == 1
    assert await lists.get(fresh=0.0) == await lists.get() == 2


async def test_simultaneous_callers_share_one_request_and_can_give_up() -> None:
    lists = Lists()
    lists.gate.clear()
    first, second, third = (asyncio.create_task(lists.get(fresh=0.0)) for _ in range(3))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    lists.gate.set()
    assert await second == await third == 1
    assert lists.spent == 1


async def test_a_slow_request_is_shared_for_as_long_as_it_takes() -> None:
    lists = Lists()
    lists.gate.clear()
    first = asyncio.create_task(lists.get())
    await asyncio.sleep(0)
    lists.now += 10
    second = asyncio.create_task(lists.get())
    await asyncio.sleep(0)
    lists.gate.set()
    assert await first == await second == 1


async def test_a_refusal_is_shared_too() -> None:
    lists = Lists()
    lists.error = BadRequest("400")
    for _ in range(3):
        with pytest.raises(BadRequest):
            await lists.get()
    assert lists.spent == 1


async def test_tokens_share_nothing() -> None:
    lists = Lists()
    await lists.get(token="one")
    await lists.get(token="two")
    assert lists.asked == [("/list", "one"), ("/list", "two")]


async def test_a_request_without_allowance_is_not_made() -> None:
    lists = Lists()

    def refuse() -> None:
        raise PermissionError

    with pytest.raises(PermissionError):
        await lists.recent.get_json("/list", "token", LookupTerms(refuse))
    assert lists.asked == []
    assert await lists.get() == 1


async def test_old_lists_are_forgotten() -> None:
    lists = Lists()
    for number in range(100):
        await lists.get(f"/{number}")
        lists.now += 1
    assert len(lists.recent._fetched) <= 6
