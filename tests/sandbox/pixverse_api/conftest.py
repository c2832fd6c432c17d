from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from sandbox.pixverse_api import PixverseApi
from sandbox.pixverse_api.accounts import Account

NOON = 1_795_000_000_123


@dataclass
class HandClock:
    """A clock that advances only when it is moved."""

    now: int = NOON

    def __call__(self) -> int:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += int(seconds * 1000)


@dataclass
class ApiFixture:
    api: PixverseApi
    clock: HandClock
    http: aiohttp.ClientSession
    account: Account = field(init=False)

    def __post_init__(self) -> None:
        self.account = self.api.add_account()

    async def get(self, path: str, token: str | None = None, **query: str) -> tuple[int, object]:
        return await self.ask("GET", path, token, params=query)

    async def post(self, name: str, token: str | None = None, **given: Any) -> tuple[int, Any]:
        return await self.ask("POST", f"/v1/pixverse/{name}", token, **given)

    async def ask(self, method: str, path: str, token: str | None = None, **given: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.account.token if token is None else token}"}
        async with self.http.request(method, self.api.base + path, headers=headers, **given) as answer:
            return answer.status, await answer.json()

    async def job(self, jobid: str) -> dict[str, object]:
        status, body = await self.get("/v1/pixverse/jobs/", jobid=jobid)
        assert status == 200
        assert isinstance(body, dict)
        return body


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def world(clock: HandClock) -> AsyncIterator[ApiFixture]:
    api = PixverseApi(clock=clock, rng=random.Random(4), sweep_seconds=0)
    await api.start()
    async with aiohttp.ClientSession() as http:
        yield ApiFixture(api, clock, http)
    await api.stop()
