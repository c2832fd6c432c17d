from __future__ import annotations

from sandbox.pixverse_api import timelines
from sandbox.pixverse_api.jobs import Job, Moment
from tests.sandbox.pixverse_api.conftest import NOON, ApiFixture


def job_of(world: ApiFixture) -> Job:
    return world.api.add_job(world.account, (timelines.step(10, "started"), timelines.step(20, "progress", 46)))


def test_a_job_s_earlier_states_are_kept_with_their_times(world: ApiFixture) -> None:
    job = job_of(world)
    world.clock.forward(100)
    assert world.api.jobs == [job]
    assert job.history == [
        Moment(NOON, "created"),
        Moment(NOON + 10_000, "started"),
        Moment(NOON + 20_000, "progress", 46),
    ]
    job.set("started")
    assert job.history[-1] == Moment(NOON + 100_000, "started")


def test_coming_states_are_shown_until_somebody_intervenes(world: ApiFixture) -> None:
    job = job_of(world)
    assert job.coming == [Moment(NOON + 10_000, "started"), Moment(NOON + 20_000, "progress", 46)]
    job.set("cancelled")
    assert job.coming == []


def test_the_rest_can_be_sped_up_and_slowed_down_again(world: ApiFixture) -> None:
    job = job_of(world)
    world.clock.forward(12)
    job.hurry(4)
    assert [moment.at for moment in job.coming] == [NOON + 14_000]
    job.hurry(1 / 4)
    assert [moment.at for moment in job.coming] == [NOON + 20_000]
    assert job.status == "started"
