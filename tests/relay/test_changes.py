"""Listeners are notified of each change, and of nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from copy import deepcopy
from pathlib import Path

import pytest

from model.job import JobState
from relay.changes import Changes
from storage.engines.interface import Row, SqlValue
from tests.relay.relay_fixture import RelayFixture, open_database


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[RelayFixture]:
    database = await open_database(tmp_path)
    made = RelayFixture(database)
    yield made
    await made.close()
    await database.close()


def test_listeners_are_called_in_turn() -> None:
    changes = Changes()
    told: list[tuple[str, int]] = []
    changes.job_watched.listen(lambda job_id: told.append(("poller", job_id)))
    changes.job_watched.listen(lambda job_id: told.append(("cards", job_id)))
    changes.job_unwatched.listen(lambda job_id: told.append(("nobody", job_id)))
    changes.job_watched(7)
    assert told == [("poller", 7), ("cards", 7)]


async def test_a_poll_without_news_changes_nothing_and_reads_nothing(
    world: RelayFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for jobid in ("job-1", "job-2"):
        await world.watch(jobid)
    world.run()
    await world.advance(60.0)
    before, polls = deepcopy(vars(world.recorded)), len(world.api.asked)
    read: list[str] = []
    read_all = world.database.reader.all

    async def note(sql: str, parameters: Sequence[SqlValue] = ()) -> Sequence[Row]:
        read.append(sql)
        return await read_all(sql, parameters)

    monkeypatch.setattr(world.database.reader, "all", note)
    await world.advance(120.0)
    polls = len(world.api.asked) - polls
    assert polls > 5
    assert vars(world.recorded) == before
    assert read == []

    world.api.put("job-1", JobState.PROGRESS, percent=40)
    await world.advance(20.0)
    assert world.recorded.news == [*before["news"], 1]
