"""Counts what the bot keeps in memory: the entries of every collection that an object of its own code holds.

It knows only the names of classes and attributes, which a broken law shows.
"""

from __future__ import annotations

import gc
from collections import Counter, deque
from collections.abc import Iterator

_PACKAGES = frozenset({"relay", "cogs", "discord_adapter", "storage", "pixverse", "web", "ui", "model"})


def entries_kept() -> Counter[str]:
    """The number of entries by `module.Class.attribute`, in all objects that aren't frozen."""
    gc.collect()
    kept: Counter[str] = Counter()
    for thing in gc.get_objects():
        kind = type(thing)
        if str(kind.__module__).partition(".")[0] not in _PACKAGES:
            continue
        for name, value in _attributes(thing):
            bounded = isinstance(value, deque) and value.maxlen is not None
            if isinstance(value, dict | list | set | deque) and not isinstance(value, Counter) and not bounded:
                kept[f"{kind.__module__}.{kind.__name__}.{name}"] += len(value)
    return kept


def _attributes(thing: object) -> Iterator[tuple[str, object]]:
    yield from getattr(thing, "__dict__", {}).items()
    for kind in type(thing).__mro__:
        slots = getattr(kind, "__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(thing, name):
                yield name, getattr(thing, name)
