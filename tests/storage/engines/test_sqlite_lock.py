from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from storage.engines.sqlite.lock import InstanceLock
from storage.errors import AlreadyRunning, DatabaseUnreachable

HOLDER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from storage.engines.sqlite.lock import InstanceLock
lock = InstanceLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
time.sleep(60)
"""
ROOT = str(Path(__file__).resolve().parents[3])


def test_only_one_process_holds_the_lock(tmp_path: Path) -> None:
    first, second = InstanceLock(tmp_path / "relay.db"), InstanceLock(tmp_path / "relay.db")
    with first:
        with pytest.raises(AlreadyRunning) as caught:
            second.acquire()
        assert str(tmp_path / "relay.db") in str(caught.value)
        with InstanceLock(tmp_path / "other.db"):
            pass
    with second:
        pass


def test_a_killed_process_releases_it_at_once(tmp_path: Path) -> None:
    path = tmp_path / "relay.db"
    with subprocess.Popen([sys.executable, "-c", HOLDER, path, ROOT], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunning):
            InstanceLock(path).acquire()
        process.kill()
        process.wait()
    with InstanceLock(path):
        pass


def test_a_missing_folder_is_created_for_this_user_only(tmp_path: Path) -> None:
    with InstanceLock(tmp_path / "missing" / "relay.db"):
        assert stat.S_IMODE((tmp_path / "missing").stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseUnreachable):
        InstanceLock(tmp_path / "file" / "relay.db").acquire()


def test_a_lock_can_be_tested_without_creating_or_taking_it(tmp_path: Path) -> None:
    lock = InstanceLock(tmp_path / "relay.db")
    lock.try_file()
    assert not lock.is_held()
    assert list(tmp_path.iterdir()) == []
    with InstanceLock(tmp_path / "relay.db"):
        lock.try_file()
        assert lock.is_held()
    assert not lock.is_held()


def test_a_folder_in_place_of_the_lock_file(tmp_path: Path) -> None:
    (tmp_path / "relay.db.lock").mkdir()
    lock = InstanceLock(tmp_path / "relay.db")
    for attempt in (lock.acquire, lock.try_file):
        with pytest.raises(DatabaseUnreachable, match="cannot hold a lock"):
            attempt()
