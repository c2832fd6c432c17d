from collections.abc import Callable
from random import Random

import pytest

from sandbox.panel import choices
from sandbox.pixverse_api import PixverseApi, timelines
from sandbox.pixverse_api.jobs import ENDS, Job
from sandbox.pixverse_api.timelines import Results, Timeline


@pytest.mark.parametrize("ending", choices.ENDINGS.values(), ids=choices.ENDINGS)
def test_every_ending_can_be_played(ending: Callable[[float], Timeline]) -> None:
    now = [1_000_000]
    api = PixverseApi(clock=lambda: now[0], rng=Random(1), sweep_seconds=0)
    job = api.add_job(api.add_account(), choices.with_results(ending(20), Results(2)))
    now[0] += 60_000
    assert api.jobs == [job]
    assert (job.status in ENDS) == (ending is not choices.ENDINGS["stuck, never ends"])
    assert not job.coming


@pytest.mark.parametrize("change", choices.TRANSITIONS.values(), ids=choices.TRANSITIONS)
def test_every_transition_shows(change: Callable[[Job], None]) -> None:
    api = PixverseApi(rng=Random(1), sweep_seconds=0)
    job = api.add_job(api.add_account())
    job.set("progress", 7)
    before = (job.shown, job.record_state)
    change(job)
    if change is choices.TRANSITIONS["there again"]:
        assert (job.shown, job.record_state) == before
    else:
        assert (job.shown, job.record_state) != before


def test_files_replace_only_those_of_a_completion() -> None:
    two = choices.with_results(timelines.completed(9), Results(2))[-1].change.results
    assert two is not None
    assert two.count == 2
    dead = choices.with_results(timelines.expired_link(9), Results(2))[-1].change.results
    assert dead is not None
    assert dead.link_seconds < 0
    assert choices.with_results(timelines.no_attachments(9), Results(2)) == timelines.no_attachments(9)
    assert choices.with_results(timelines.failed(9), Results(2)) == timelines.failed(9)


def test_a_refusal_does_nothing() -> None:
    done = {name for name, action in choices.POST_FAULTS.items() if not choices.is_refusal(action)}
    assert done == {"500", "502", "connection cut"}
