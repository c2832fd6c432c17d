"""Each fault of `make mutations` still has its place in the code, and the test that is to notice it is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.mutations.catalogue import FAULTS
from tests.mutations.mutation import IMPORT_RULES, Fault

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_it_has_its_place_and_its_test(fault: Fault, tmp_path: Path) -> None:
    for file in {edit.file for edit in fault.edits}:
        target = tmp_path / file
        target.parent.mkdir(parents=True, exist_ok=True)
        source = ROOT / file
        target.write_text(source.read_text(encoding="utf-8") if source.is_file() else "", encoding="utf-8")
    for edit in fault.edits:
        edit.apply(tmp_path)
    if fault.caught_by == IMPORT_RULES:
        return
    file, _, name = fault.caught_by.partition("::")
    text = (ROOT / file).read_text(encoding="utf-8")
    assert re.search(rf"def {re.escape(name.partition('[')[0])}\b", text)
