"""All processes together send Discord at most fifty requests a second, without coordinating each request."""

from __future__ import annotations

from random import Random

import pytest

from relay.cluster.request_shares import ALL, LEAST, SHARE_VALID_S, RequestShare, fair_requests

DISCORD_S = 50
STEP_S = 0.005


@pytest.mark.parametrize("held", [[1], [1, 0, 0], [6, 0, 0], [3, 2, 1], [20] * 5, [1] + 59 * [0]])
def test_shares_add_up_to_discord_s_limit(held: list[int]) -> None:
    shares = [fair_requests(one, sum(held), len(held)) for one in held]
    assert sum(shares) <= ALL - min(len(held), ALL / 2) + 1e-9
    assert min(shares) > 0
    assert max(shares) == shares[held.index(max(held))]


def test_the_holder_of_all_shards_has_nearly_every_request() -> None:
    assert fair_requests(1, 1, 3) == 38
    assert fair_requests(0, 1, 3) == LEAST


class Process:
    def __init__(self, chance: Random, now: float) -> None:
        self.now = now
        self.share = RequestShare(lambda: self.now)
        self.sent: list[float] = []
        self._chance = chance
        self._asks_at = now + chance.random()
        self._reads_at = self._computes_at = float("inf")
        self._asked_at = self._read = 0.0

    def step(self, now: float, held: int, shard_count: int, processes: int) -> None:
        """Reads the rows about once a second, sometimes slowly or in vain, and sends as many requests as allowed."""
        self.now = now
        if now >= self._asks_at:
            self._asked_at, self._asks_at = now, now + self._chance.uniform(0.9, 1.6)
            if self._chance.random() < 0.8:
                self._reads_at = now + self._chance.uniform(0, 0.3)
                self._computes_at = self._reads_at + self._chance.uniform(0, 0.3)
        if now >= self._reads_at:
            self._read, self._reads_at = fair_requests(held, shard_count, processes), float("inf")
        if now >= self._computes_at:
            self.share.note(self._asked_at, self._read)
            self._computes_at = float("inf")
        if not self.sent or now - self.sent[-1] >= 1 / self.share.per_second():
            self.sent.append(now)


@pytest.mark.parametrize("seed", range(12))
def test_while_shards_move_and_processes_come_and_go(seed: int) -> None:
    """Each process always has more to send than allowed."""
    chance = Random(seed)
    owners = [0] * 4
    running = {0: Process(chance, 0.0), 1: Process(chance, 0.0)}
    gone: list[Process] = []
    moves_at, now = 4.0, 0.0
    while now < 60:
        now += STEP_S
        if now >= moves_at:
            moves_at = now + chance.uniform(0.5, 6.0)
            match chance.randrange(4):
                case 0 if len(running) < 4:
                    running[max(running) + 1] = Process(chance, now)
                case 1 if len(running) > 2:
                    ended = chance.choice(sorted(running))
                    gone.append(running.pop(ended))
                    owners = [chance.choice(sorted(running)) if one == ended else one for one in owners]
                case _:
                    owners[chance.randrange(len(owners))] = chance.choice(sorted(running))
        for number, process in running.items():
            process.step(now, owners.count(number), len(owners), len(running))
    times = sorted(time for process in (*running.values(), *gone) for time in process.sent)
    most = max(sum(1 for other in times[at : at + 80] if other - time < 1.0) for at, time in enumerate(times))
    assert most <= DISCORD_S
    assert len(times) > 60 * 20


def test_a_smaller_share_applies_at_once_and_a_larger_one_when_all_know_it() -> None:
    now = 0.0
    share = RequestShare(lambda: now)
    for now in range(10):
        share.note(now, 40.0)
    assert share.per_second() == 40
    share.note(now, 10.0)
    assert share.per_second() == 10
    for at in range(10, 13):
        now = float(at)
        share.note(now, 40.0)
        assert share.per_second() == 10
    now = 13.0
    share.note(now, 40.0)
    assert share.per_second() == 40


def test_a_share_that_is_not_recomputed_is_not_trusted_for_long() -> None:
    now = 0.0
    share = RequestShare(lambda: now)
    assert share.per_second() == LEAST
    for now in range(10):
        share.note(now, 40.0)
    now += SHARE_VALID_S
    assert share.per_second() == LEAST
    share.note(now, 40.0)
    assert share.per_second() == 40
    share.lose()
    assert share.per_second() == LEAST
    share.note(now, 40.0)
    assert share.per_second() == LEAST


def test_a_single_process_waits_for_nobody() -> None:
    share = RequestShare(lambda: 0.0)
    share.note(0.0, 40.0, alone=True)
    assert share.per_second() == 40
    share.note(0.0, 20.0)
    share.note(0.0, 30.0)
    assert share.per_second() == 20
