"""Each mutation of `make mutations` still has its place in the code, and the test that is to notice it is there."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.mutations.catalogue import MUTATIONS
from tests.mutations.mutation import IMPORT_RULES, Edit, Mutation, MutationOutdated, mutation
from tests.mutations.product import Product

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def product() -> Product:
    return Product(ROOT)


@cache
def names_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def files_with(test: str) -> str:
    """The files that contain a test of that name, for the error message."""
    files = (path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "tests").rglob("test_*.py")))
    return ", ".join(file for file in files if test in names_in(file)) or "nowhere"


@pytest.mark.parametrize("tried", MUTATIONS, ids=[each.name for each in MUTATIONS])
def test_it_fits_the_code_and_its_test_exists(tried: Mutation, product: Product) -> None:
    for file, text in tried.mutated(product).items():
        assert text != product.text(file)
        if file.endswith(".py"):
            compile(text, file, "exec", dont_inherit=True)
    if tried.caught_by == IMPORT_RULES:
        return
    file, _, test = tried.caught_by.partition("::")
    test = test.partition("[")[0]
    assert (ROOT / file).is_file(), f"there is no file {file}; {test} stands in: {files_with(test)}"
    assert not test or test in names_in(file), f"{file} has no {test}; it stands in: {files_with(test)}"


def test_each_case_of_a_test_has_the_name_by_which_it_is_run() -> None:
    """pytest runs nothing at all where one of the names is not found."""
    cases = sorted({each.caught_by for each in MUTATIONS if "[" in each.caught_by})
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only", *cases]
    collected = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert collected.returncode == 0, collected.stdout


def test_names_are_unique() -> None:
    assert len({each.name for each in MUTATIONS}) == len(MUTATIONS)


WRAPPED = """\
if self.ready(
            1,
            2,
        ):"""

SAMPLE = f"""\
LIMIT, TRIES = 3, 5


class First:
    size: int = 1

    def run(self) -> None:
        {WRAPPED}
            self.stop()
            self.start()


class Second:
    def run(self) -> None:
        self.start()
"""


@pytest.fixture
def sample(tmp_path: Path) -> Product:
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "sample.py").write_text(SAMPLE, encoding="utf-8")
    return Product(tmp_path)


def mutated(sample: Product, place: str, old: str, new: str) -> str:
    return mutation("", "", place, old, new).mutated(sample)["room/sample.py"]


@pytest.mark.parametrize(
    ("place", "old", "new", "before", "after"),
    [
        ("TRIES", "3, 5", "3, 0", "3, 5", "3, 0"),
        ("First.size", "= 1", "= 2", "= 1", "= 2"),
        ("Second.run", "self.start()\n", "pass\n", "\n        self.start()\n", "\n        pass\n"),
        ("room.First.run", "self.start()", "pass", "    self.start()\n\n", "    pass\n\n"),
        ("sample.First.run", "if self.ready(1, 2):", "if 0:", WRAPPED, "if 0:"),
        ("room/sample.py", "class First:", "class Third:", "class First:", "class Third:"),
    ],
)
def test_a_symbol_and_a_text_in_it_are_found(
    sample: Product, place: str, old: str, new: str, before: str, after: str
) -> None:
    assert mutated(sample, place, old, new) == SAMPLE.replace(before, after)


def test_whole_lines_keep_their_indentation(sample: Product) -> None:
    assert mutated(sample, "First.run", "self.stop()\n", "") == SAMPLE.replace("            self.stop()\n", "")
    assert mutated(sample, "First.run", "self.stop()\n", "if 0:\n    self.stop()\n") == SAMPLE.replace(
        "            self.stop()\n", "            if 0:\n                self.stop()\n"
    )


def test_two_edits_of_a_file_both_apply_to_the_original(sample: Product) -> None:
    both = Mutation("", (Edit("First.run", "self.start()", "1"), Edit("Second.run", "self.start()", "2")), "")
    text = both.mutated(sample)["room/sample.py"]
    assert "            1\n" in text
    assert text.endswith("        2\n")


@pytest.mark.parametrize(
    ("place", "old", "said"),
    [
        ("run", "self.stop()", "run may be any of room.sample.First.run, room.sample.Second.run"),
        ("Third.run", "self.stop()", "there is no Third.run; its text stands in: room.sample.First.run"),
        ("First.run", "self.pause()", "room.sample.First.run holds 0 times: 'self.pause()'"),
        ("First.run", "self", "room.sample.First.run holds 4 times: 'self'"),
        ("room/other.py", "self", "room/other.py holds 0 times: 'self'"),
    ],
)
def test_errors_name_what_does_not_fit(sample: Product, place: str, old: str, said: str) -> None:
    with pytest.raises(MutationOutdated) as refused:
        mutated(sample, place, old, "")
    assert str(refused.value) == said
