"""IDENTIFYs are spaced, and a crash loop can't use up the daily limit."""

from __future__ import annotations

from itertools import cycle, islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.cluster.identify_pacing import (
    RESERVE,
    SCARCE_SPACING_S,
    SPACING_S,
    SessionStartLimit,
    bucket_of,
    seconds_until_identify,
)

DAY_S = 86_400.0
DISCORD_SPACING_S = 5.0


def limit(remaining: int, *, total: int = 1000, reset_after_s: float = 3600, concurrency: int = 1) -> SessionStartLimit:
    return SessionStartLimit(total, remaining, reset_after_s, concurrency)


@pytest.mark.parametrize(
    ("remaining", "since_bucket", "since_any", "wait"),
    [
        (1000, None, None, 0),
        (1000, 0, 0, SPACING_S),
        (1000, 5, 5, 0.5),
        (1000, 5.5, 0, 0),
        (250, 6, 6, 0),
        (249, 6, 6, 54),
        (249, None, 6, 54),
        (249, 61, 61, 0),
        (6, 61, 61, 0),
        (5, None, None, 3600),
        (0, None, None, 3600),
    ],
)
def test_how_long_to_wait(remaining: int, since_bucket: float | None, since_any: float | None, wait: float) -> None:
    assert seconds_until_identify(limit(remaining), since_bucket, since_any) == pytest.approx(wait)


def test_a_limit_about_to_be_reset_is_not_requested_without_a_pause() -> None:
    assert seconds_until_identify(limit(RESERVE, reset_after_s=0), None, None) == SCARCE_SPACING_S


@given(st.lists(st.integers(0, 40), min_size=1, max_size=20), st.integers(1, 16), st.integers(10, 120))
def test_a_day_of_crash_loops_breaks_no_limit(shards: list[int], max_concurrency: int, total: int) -> None:
    """Every IDENTIFY is sent as soon as it may be."""
    now, remaining = 0.0, total
    of_bucket: dict[int, float] = {}
    sent: list[tuple[float, int]] = []
    for shard in islice(cycle(shards), total):
        bucket = bucket_of(shard, max_concurrency)
        current = limit(remaining, total=total, reset_after_s=DAY_S - now, concurrency=max_concurrency)
        last_of_bucket, last = of_bucket.get(bucket), max(of_bucket.values(), default=None)
        now += seconds_until_identify(
            current,
            None if last_of_bucket is None else now - last_of_bucket,
            None if last is None else now - last,
        )
        if now >= DAY_S:
            break
        remaining -= 1
        of_bucket[bucket] = now
        sent.append((now, bucket))
    assert remaining >= min(total, RESERVE)
    for bucket in range(max_concurrency):
        times = [at for at, of in sent if of == bucket]
        assert all(later - earlier > DISCORD_SPACING_S for earlier, later in pairwise(times))
    scarce = [at for at, _ in sent[total - total // 4 :]]
    assert all(later - earlier >= SCARCE_SPACING_S - 1e-6 for earlier, later in pairwise(scarce))
