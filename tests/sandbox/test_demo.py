import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_script_plays_to_its_end_and_leaves_nothing(tmp_path: Path) -> None:
    played = subprocess.run(
        [sys.executable, "-m", "sandbox", "--script"],
        cwd=ROOT,
        env={"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert played.returncode == 0, played.stdout + played.stderr
    assert "pixverse-1-1.mp4" in played.stdout
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_ends_the_page_and_leaves_what_has_to_be_kept(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sandbox", "--keep", "--open"]
    environment = {"TMPDIR": str(tmp_path), "PATH": "", "BROWSER": ""}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        told = ""
        for line in demo.stdout:
            told += line
            if "No browser was found" in line:
                break
        page = re.search(r"The page:  (http://127\.0\.0\.1:\d+/)", told)
        assert page is not None, told
        with urllib.request.urlopen(page[1]) as answer:
            assert b"PixVerse Relay" in answer.read()
        demo.send_signal(signal.SIGINT)
        assert demo.wait(30) == 0
    (kept,) = tmp_path.iterdir()
    assert f"The bot's files stay in {kept}" in told
    assert (kept / "relay.db").is_file()


def test_a_port_in_use_is_reported_in_a_line(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        tried = subprocess.run(
            [sys.executable, "-m", "sandbox", f"--port={port}"],
            cwd=ROOT,
            env={"TMPDIR": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert tried.returncode == 1
    assert tried.stderr.splitlines() == [f"Port {port} of 127.0.0.1 is taken. Choose another one with --port."]
    assert list(tmp_path.iterdir()) == []
