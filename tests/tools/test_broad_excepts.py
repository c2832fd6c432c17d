"""Code that catches every error handles one item of work: it logs and counts the error, and continues."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_NOT_THE_BOT = {"tests", "sandbox", "benchmarks", "tools", "deploy", "data", "build"}
_BROAD = {"Exception", "BaseException"}

_OTHER_EDGES = {
    "cli.py:_exit_code": "the edge of the process: it logs, and the exit code counts",
    "logs.py:_Handler.emit": "logging's own edge: a line that cannot be written goes to logging's handleError",
    "ui/language.py:read_translations": "a damaged file of translations: texts are in English, and that is logged once",
    "web/http_connection.py:HttpConnection._respond": "the edge of one request: it logs, and answers 500",
    "cogs/background.py:Background._keep": "the edge of a loop: LoopCrashes logs and counts",
    "discord_adapter/gateway.py:stay_connected": "the edge of the gateway's loop: _read counts what it cannot explain",
    "relay/delivery/delivery_loop.py:DeliveryLoop._deliver": "the edge of one delivery: _defer counts",
    "discord_adapter/interactions.py:Responder._replies_to": "the edge of one interaction: _own_fault logs and counts",
}
"""Edges that count in another way than a line `….failures += 1`."""


def _broad_handlers() -> Iterator[tuple[str, ast.ExceptHandler]]:
    for path in sorted(_ROOT.rglob("*.py")):
        place = path.relative_to(_ROOT)
        if place.parts[0] in _NOT_THE_BOT or place.parts[0].startswith("."):
            continue
        yield from _in(ast.parse(path.read_text()), str(place), [])


def _in(node: ast.AST, file: str, names: list[str]) -> Iterator[tuple[str, ast.ExceptHandler]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ExceptHandler) and _is_broad(child):
            yield f"{file}:{'.'.join(names)}", child
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _in(child, file, [*names, child.name])
        else:
            yield from _in(child, file, names)


def _is_broad(handler: ast.ExceptHandler) -> bool:
    caught = [] if handler.type is None else [node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)]
    return handler.type is None or not _BROAD.isdisjoint(caught)


def _raises(handler: ast.ExceptHandler) -> bool:
    return isinstance(handler.body[-1], ast.Raise) and handler.body[-1].exc is None


def _logs_and_counts(handler: ast.ExceptHandler) -> bool:
    text = ast.unparse(handler)
    return "failures += 1" in text and ("log_failure(" in text or ".failed(" in text)


_HANDLERS = list(_broad_handlers())


def test_broad_excepts_are_found() -> None:
    assert {place for place, _ in _HANDLERS} >= _OTHER_EDGES.keys()


@pytest.mark.parametrize(("place", "handler"), _HANDLERS, ids=[place for place, _ in _HANDLERS])
def test_code_that_catches_everything_logs_and_counts_or_reraises_it(place: str, handler: ast.ExceptHandler) -> None:
    assert _raises(handler) or _logs_and_counts(handler) or place in _OTHER_EDGES
