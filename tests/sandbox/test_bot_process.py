import asyncio
import sys
from pathlib import Path

import psutil

from sandbox.bot_process import BotProcess, copy_program

ROOT = Path(__file__).resolve().parents[2]


def program(folder: Path, *lines: str) -> Path:
    (folder / "bot.py").write_text("\n".join(lines))
    return folder


async def test_a_bot_that_does_not_start_leaves_its_last_log_lines_and_its_code(tmp_path: Path) -> None:
    bot = BotProcess(program(tmp_path, "print('no token')", "raise SystemExit(3)"), {})
    await bot.start()
    assert await bot.ended() == 3
    assert bot.last_log_lines == ["no token"]


async def test_the_environment_contains_only_the_settings(tmp_path: Path) -> None:
    shows = program(tmp_path, "import os", "print(sorted(name for name in os.environ if not name.startswith('LC_')))")
    bot = BotProcess(shows, {"DISCORD_TOKEN": "x"})
    await bot.start()
    await bot.ended()
    assert bot.last_log_lines == ["['DISCORD_TOKEN']"]


async def test_stop_ends_a_running_bot_and_ignores_one_that_has_ended(tmp_path: Path) -> None:
    bot = BotProcess(program(tmp_path, "import time", "time.sleep(60)"), {})
    await bot.start()
    await bot.stop()
    assert await bot.ended() < 0
    await bot.stop()


async def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    program(tmp_path, "import time", "time.sleep(60)")
    starts = (
        "import asyncio, pathlib, sys, sandbox.bot_process as process\n"
        "async def main():\n"
        "    bot = process.BotProcess(pathlib.Path(sys.argv[1]), {})\n"
        "    await bot.start()\n"
        "    print(bot.pid, flush=True)\n"
        "    await bot.ended()\n"
        "asyncio.run(main())\n"
    )
    starter = await asyncio.create_subprocess_exec(
        sys.executable, "-c", starts, str(tmp_path), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert starter.stdout is not None
    bot = psutil.Process(int(await starter.stdout.readline()))
    starter.kill()
    await starter.wait()
    gone, _ = await asyncio.to_thread(psutil.wait_procs, [bot], timeout=30)
    assert gone == [bot]


def test_the_copy_is_the_bot_without_its_tests(tmp_path: Path) -> None:
    copied = {entry.name for entry in copy_program(tmp_path / "bot").iterdir()}
    assert {"bot.py", "cogs", "relay", "storage"} <= copied
    assert not copied & {"sandbox", "tests", ".env", "data"}


async def test_a_killed_bot_starts_again_and_its_log_is_kept(tmp_path: Path) -> None:
    bot = BotProcess(program(tmp_path, "import time", "print('here', flush=True)", "time.sleep(60)"), {})
    assert (bot.running, bot.exit_code, bot.pid) == (False, None, None)
    await bot.start()
    assert (bot.running, bot.exit_code) == (True, None)
    first = bot.pid
    await bot.kill()
    assert (bot.running, bot.exit_code, bot.pid) == (False, -9, None)
    await bot.kill()
    await bot.start()
    assert bot.pid not in (None, first)
    await bot.stop()
    assert bot.starts == 2
