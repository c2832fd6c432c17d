"""Distributes test files to the workers of a run so that waiting and computing overlap."""

from __future__ import annotations

from collections.abc import Iterable

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

WAITING = ("tests/browser/", "tests/sandbox/", "tests/e2e/")
"""Packages whose tests mostly wait for a process or a socket, the ones with the slowest files first."""
_LONGEST = "tests/relay/delivery/"
"""Of the other packages, the one with the slowest file."""
_COMPUTES = "gw0"


class Scheduling(LoadFileScheduling):
    """One worker gets the tests that compute, all others those that wait. A worker without tests of its own helps the
    others.

    In plain order all workers would wait at first, with idle processors, and all would compute at the end.
    """

    def _assign_work_unit(self, node: WorkerController) -> None:
        file = first_for(self.workqueue, computes=node.gateway.id == _COMPUTES)
        self.workqueue.move_to_end(file, last=False)
        super()._assign_work_unit(node)


def first_for(files: Iterable[str], *, computes: bool) -> str:
    """The file that a worker takes next. `files` must not be empty."""

    def rank(file: str) -> tuple[bool, int]:
        for place, room in enumerate(WAITING):
            if file.startswith(room):
                return computes, place
        return not computes, not file.startswith(_LONGEST)

    return min(files, key=rank)
