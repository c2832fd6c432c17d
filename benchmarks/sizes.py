"""How much each benchmark does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """`rounds` of each comparison, interleaved; `seconds` for one side in a round. The other fields are amounts, such
    as numbers of jobs or servers."""

    rounds: int
    seconds: float
    polled_jobs: int
    accounts: int
    capacity_interval: float
    capacity_shares: tuple[float, ...]
    open_jobs: tuple[int, ...]
    servers: int
    commands: int
    ends: int
    videos: int
    video_bytes: int
    video_channels: int
    idle_servers: int
    relayed_jobs: int
    growth: tuple[int, ...]
    history: tuple[int, ...]
    simulated_jobs: int
    clustered_jobs: int
    shards: int


FULL = Sizes(
    rounds=5,
    seconds=3.0,
    polled_jobs=1000,
    accounts=100,
    capacity_interval=5.0,
    capacity_shares=(0.5, 0.7, 0.9),
    open_jobs=(10_000, 30_000, 100_000),
    servers=1_000,
    commands=300,
    ends=60,
    videos=200,
    video_bytes=8_000_000,
    video_channels=40,
    idle_servers=2_500,
    relayed_jobs=1_500,
    growth=(100, 1_000, 10_000, 100_000),
    history=(1_000, 10_000, 100_000, 1_000_000),
    simulated_jobs=4_000,
    clustered_jobs=400_000,
    shards=80,
)

SMOKE = Sizes(
    rounds=1,
    seconds=0.3,
    polled_jobs=40,
    accounts=8,
    capacity_interval=0.2,
    capacity_shares=(0.1,),
    open_jobs=(20,),
    servers=4,
    commands=3,
    ends=2,
    videos=4,
    video_bytes=100_000,
    video_channels=2,
    idle_servers=5,
    relayed_jobs=10,
    growth=(20, 200),
    history=(20, 200),
    simulated_jobs=40,
    clustered_jobs=80,
    shards=4,
)
"""Tests only whether the benchmarks still work; the figures mean nothing."""
