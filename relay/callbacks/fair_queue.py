"""Callbacks that wait to be followed. Servers take turns, so that a flood to one address holds up no other."""

from __future__ import annotations

from pixverse.callback_body import CallbackBody

MOST = 2000
"""Jobs of all servers that may wait at once."""
MOST_OF_ONE = 100
"""Jobs of one server; a useapi.net account has at most ten in work for each of its channels."""


class FairQueue:
    """Several callbacks about one job wait as one, which claims an end where any of them does."""

    def __init__(self, most: int = MOST, most_of_one: int = MOST_OF_ONE) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._waiting: dict[int, dict[str, bool]] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, guild_id: int, hint: CallbackBody) -> bool:
        """Puts a server's hint at the end of its line; False where there is no room for it."""
        jobs = self._waiting.get(guild_id, {})
        if hint.jobid not in jobs:
            if self._length >= self._most or len(jobs) >= self._most_of_one:
                return False
            self._length += 1
        jobs[hint.jobid] = jobs.get(hint.jobid, False) or hint.claims_end
        self._waiting.setdefault(guild_id, jobs)
        return True

    def take(self) -> tuple[int, CallbackBody] | None:
        """The next server's oldest hint, with the server; None where nothing waits."""
        guild_id = next(iter(self._waiting), None)
        if guild_id is None:
            return None
        jobs = self._waiting.pop(guild_id)
        jobid = next(iter(jobs))
        claims_end = jobs.pop(jobid)
        self._length -= 1
        if jobs:
            self._waiting[guild_id] = jobs  # Last in turn now.
        return guild_id, CallbackBody(jobid, claims_end)
