"""The product's source files and the symbols in them, read once."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

_NOT_PRODUCT = {"tests", "benchmarks", "tools", "build", "data"}
_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Symbol:
    """A function, class, method or assigned name, and its lines."""

    name: str
    """Includes the module: `relay.delivery.sender.Sender.send`."""
    file: str
    first_line: int
    last_line: int

    def is_meant_by(self, address: str) -> bool:
        """Whether the address's parts occur in the name in this order, the last one being the symbol's own name."""
        names = iter(self.name.split("."))
        return all(wanted in names for wanted in address.split(".")) and next(names, None) is None


@dataclass(frozen=True, slots=True)
class Span:
    """The position of a text in a file, and the indentation of its first line."""

    start: int
    end: int
    indentation: str


@dataclass
class Product:
    """The product in the folder `root`."""

    root: Path
    _texts: dict[str, str] = field(default_factory=dict)

    def text(self, file: str) -> str:
        """The contents of a file; empty if it doesn't exist."""
        if file not in self._texts:
            path = self.root / file
            self._texts[file] = path.read_text(encoding="utf-8") if path.is_file() else ""
        return self._texts[file]

    def symbols(self, address: str) -> list[Symbol]:
        """The symbols to which the address may refer."""
        return [
            symbol for symbol in self._by_own_name.get(address.rpartition(".")[2], ()) if symbol.is_meant_by(address)
        ]

    def spans(self, symbol: Symbol, text: str) -> list[Span]:
        """The positions of the text in the symbol."""
        lines = self.text(symbol.file).splitlines(keepends=True)
        start = sum(map(len, lines[: symbol.first_line - 1]))
        end = start + sum(map(len, lines[symbol.first_line - 1 : symbol.last_line]))
        return spans(self.text(symbol.file), text, start, end)

    def holders(self, text: str) -> list[str]:
        """The innermost symbols that contain the text."""
        found: dict[tuple[str, int], Symbol] = {}
        for symbols in self._by_own_name.values():
            for symbol in symbols:
                for span in self.spans(symbol, text):
                    held = found.setdefault((symbol.file, span.start), symbol)
                    if symbol.last_line - symbol.first_line < held.last_line - held.first_line:
                        found[symbol.file, span.start] = symbol
        return sorted({symbol.name for symbol in found.values()})

    @cached_property
    def _by_own_name(self) -> dict[str, list[Symbol]]:
        symbols: dict[str, list[Symbol]] = {}
        for path in sorted(self.root.rglob("*.py")):
            parts = path.relative_to(self.root).with_suffix("").parts
            if parts[0] in _NOT_PRODUCT or any(part.startswith(".") for part in parts):
                continue
            file = path.relative_to(self.root).as_posix()
            for symbol in _symbols(ast.parse(self.text(file)), ".".join(parts), file):
                symbols.setdefault(symbol.name.rpartition(".")[2], []).append(symbol)
        return symbols


def spans(text: str, old: str, start: int = 0, end: int | None = None) -> list[Span]:
    """The positions of `old` between `start` and `end`, regardless of line breaks.

    An `old` that ends with a newline stands for whole lines, with their indentation.
    """
    found = _pattern(old).finditer(text, start, len(text) if end is None else end)
    return [_span(text, match, whole_lines=old.endswith("\n")) for match in found]


def _span(text: str, match: re.Match[str], *, whole_lines: bool) -> Span:
    line = text.rfind("\n", 0, match.start()) + 1
    before = text[line : match.start()]
    indentation = text[line : line + len(text[line:]) - len(text[line:].lstrip(" "))]
    return Span(line if whole_lines and not before.strip() else match.start(), match.end(), indentation)


def _pattern(old: str) -> re.Pattern[str]:
    """A pattern for `old`: space matters only between two words, and a comma before a closing bracket doesn't."""
    pieces: list[str] = []
    for token in _TOKEN.findall(old):
        if pieces:
            if _is_word(pieces[-1]) and _is_word(token):
                pieces.append(r"\s+")
            else:
                pieces.append(r"\s*(?:,\s*)?" if token in ")]}" else r"\s*")
        pieces.append(re.escape(token))
    leading = r"[ \t]*" if old[:1] == " " else ""
    trailing = r"[ \t]*\n" if old.endswith("\n") else r"\s*" if old.endswith(" ") else ""
    return re.compile(leading + "".join(pieces) + trailing)


def _is_word(piece: str) -> bool:
    return piece[-1].isalnum() or piece[-1] == "_"


def _symbols(node: ast.AST, prefix: str, file: str) -> Iterator[Symbol]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                name = f"{prefix}.{child.name}"
                first = min(child.lineno, *(each.lineno for each in child.decorator_list), child.lineno)
                yield Symbol(name, file, first, child.end_lineno or first)
                if isinstance(child, ast.ClassDef):
                    yield from _symbols(child, name, file)
            case ast.Assign() | ast.AnnAssign():
                for name in _assigned(child):
                    yield Symbol(f"{prefix}.{name}", file, child.lineno, child.end_lineno or child.lineno)
            case ast.If() | ast.Try():
                yield from _symbols(child, prefix, file)


def _assigned(node: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        yield from (each.id for each in ast.walk(target) if isinstance(each, ast.Name))
