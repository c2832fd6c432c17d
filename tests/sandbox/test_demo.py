import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_script_plays_to_its_end_and_leaves_nothing(tmp_path: Path) -> None:
    played = subprocess.run(
        [sys.executable, "-m", "sandbox", "--script"],
        cwd=ROOT,
        env={"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert played.returncode == 0, played.stdout + played.stderr
    assert "pixverse-1-1.mp4" in played.stdout
    assert list(tmp_path.iterdir()) == []
