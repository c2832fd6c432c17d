from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from relay.media.folder import FolderUnusable, check_folder, folder_beside, sweep


def test_the_folder_is_private_to_this_user_and_emptied(tmp_path: Path) -> None:
    folder = folder_beside(tmp_path / "relay.db")
    assert sweep(folder) == 0
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (folder / "old.part").write_bytes(b"x")
    assert sweep(folder) == 1
    assert list(folder.iterdir()) == []


def test_inspecting_the_folder_changes_nothing(tmp_path: Path) -> None:
    folder = folder_beside(tmp_path / "relay.db")
    check_folder(folder)
    assert list(tmp_path.iterdir()) == []
    sweep(folder)
    (folder / "in work.part").write_bytes(b"x")
    check_folder(folder)
    assert [path.name for path in folder.iterdir()] == ["in work.part"]


@pytest.mark.parametrize("tried", [sweep, check_folder])
def test_a_file_in_the_folder_s_place(ordinary_user: Path, tried: Callable[[Path], object]) -> None:
    folder = folder_beside(ordinary_user / "relay.db")
    folder.write_text("")
    folder.chmod(0o400)
    with pytest.raises(FolderUnusable, match=r"relay\.db\.media cannot be used \((File exists|Not a directory)\)"):
        tried(folder)


@pytest.mark.parametrize("mode", [0o300, 0o500])
@pytest.mark.parametrize("tried", [sweep, check_folder])
def test_a_folder_that_cannot_be_read_or_written(
    ordinary_user: Path, mode: int, tried: Callable[[Path], object]
) -> None:
    folder = folder_beside(ordinary_user / "relay.db")
    folder.mkdir(mode=mode)
    with pytest.raises(FolderUnusable, match="Permission denied"):
        tried(folder)
