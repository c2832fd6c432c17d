"""A mutation, and how it changes the product's files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.mutations.product import Product, Span, spans

IMPORT_RULES = "lint-imports"
"""The one check that isn't a test."""


class MutationOutdated(Exception):
    """The code that the mutation changes doesn't exist, or exists more than once."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replaces a text in a symbol's source, which must contain it exactly once.

    `place` is a function, class, method or assigned name of the product, with as much before it as makes it unique
    (`retry_delay`, `Sender.send`, `sandbox.Clock.now`), or a file, which has a slash in it. Line breaks in the code
    don't matter for `old`; an `old` that ends with a newline stands for whole lines. The lines of `new` are indented
    like the line on which `old` begins.
    """

    place: str
    old: str
    new: str

    def located(self, product: Product) -> tuple[str, Span]:
        """The file, and where the text is in it.

        Raises MutationOutdated.
        """
        if "/" in self.place:
            return self.place, self._only(self.place, spans(product.text(self.place), self.old))
        symbols = product.symbols(self.place)
        if len(symbols) == 1:
            return symbols[0].file, self._only(symbols[0].name, product.spans(symbols[0], self.old))
        if symbols:
            raise MutationOutdated(f"{self.place} may be any of {', '.join(symbol.name for symbol in symbols)}")
        standing = ", ".join(product.holders(self.old)) or "nowhere else"
        raise MutationOutdated(f"there is no {self.place}; its text stands in: {standing}")

    def _only(self, where: str, found: list[Span]) -> Span:
        if len(found) != 1:
            raise MutationOutdated(f"{where} holds {len(found)} times: {self.old!r}")
        return found[0]


@dataclass(frozen=True, slots=True)
class Mutation:
    """A change that removes a safeguard, and the test (a pytest node id) or check that must then fail."""

    name: str
    edits: tuple[Edit, ...]
    caught_by: str

    def mutated(self, product: Product) -> dict[str, str]:
        """The new contents of the files that it changes.

        Raises MutationOutdated.
        """
        located = [(*edit.located(product), edit.new) for edit in self.edits]
        texts: dict[str, str] = {}
        for file, span, new in sorted(located, key=lambda each: each[1].start, reverse=True):
            text = texts.get(file, product.text(file))
            texts[file] = text[: span.start] + _indented(new, text, span) + text[span.end :]
        return texts

    def apply(self, product: Product, tree: Path) -> None:
        """Writes the changed files into a copy of the product.

        Raises MutationOutdated.
        """
        for file, text in self.mutated(product).items():
            (tree / file).write_text(text, encoding="utf-8")


def mutation(name: str, caught_by: str, place: str, old: str, new: str) -> Mutation:
    """A mutation with a single edit."""
    return Mutation(name, (Edit(place, old, new),), caught_by)


def _indented(new: str, text: str, span: Span) -> str:
    lines = new.splitlines(keepends=True)
    begins_line = text[span.start - 1 : span.start] in {"", "\n"}
    return "".join(
        span.indentation + line if line.strip() and (place > 0 or begins_line) else line
        for place, line in enumerate(lines)
    )
