"""Deals files of tests out to the workers of a run, so that waiting and computing go on beside each other."""

from __future__ import annotations

from collections.abc import Iterable

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

WAITING = ("tests/browser/", "tests/sandbox/", "tests/e2e/")
"""Rooms whose tests mostly wait for a process or a socket, the one whose files take longest first."""
_LONGEST = "tests/relay/delivery/"
"""Of the others, where the longest file is."""
_COMPUTES = "gw0"


class Scheduling(LoadFileScheduling):
    """One worker computes and all others wait; who has nothing of its own left helps the others.

    Dealt out in one line, all would wait at first, beside idle processors, and all compute at the end.
    """

    def _assign_work_unit(self, node: WorkerController) -> None:
        file = first_for(self.workqueue, computes=node.gateway.id == _COMPUTES)
        self.workqueue.move_to_end(file, last=False)
        super()._assign_work_unit(node)


def first_for(files: Iterable[str], *, computes: bool) -> str:
    """Which of these files, of which there is one at least, a worker takes next."""

    def rank(file: str) -> tuple[bool, int]:
        for place, room in enumerate(WAITING):
            if file.startswith(room):
                return computes, place
        return not computes, not file.startswith(_LONGEST)

    return min(files, key=rank)
