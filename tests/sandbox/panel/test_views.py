from dataclasses import replace

import pytest

from sandbox.bot_process import BotFailure, BotProcess
from sandbox.demo import set_scene
from sandbox.demo_setup import DemoSetup
from sandbox.panel import Panel, views


async def test_a_bot_that_does_not_start_leaves_its_last_log_lines(setup: DemoSetup) -> None:
    broken = replace(setup, bot=BotProcess(setup.folder / "bot", {}))  # without a token
    await broken.bot.start()
    async with Panel.open(broken) as panel:
        with pytest.raises(BotFailure, match="exit code 2"):
            await broken.while_bot_lives(set_scene(panel))
        shown = views.sections(panel.state)
    assert shown["bot"] == {
        "running": False,
        "connected": False,
        "shardsAway": 1,
        "gatewayClosed": False,
        "pid": None,
        "exitCode": 2,
        "starts": 1,
    }
    assert any("DISCORD_TOKEN" in line for line in shown["log"])
    assert shown["chat"] == {"url": "", "note": "The chat is closed."}


async def test_jobs_are_shown_with_their_past_and_future_states(setup: DemoSetup) -> None:
    async with Panel.open(setup) as panel:
        job = setup.pixverse.add_video(setup.account, prompt="boat")
        job.set("progress", 31)
        job.vanish()
        (shown,) = views.jobs(panel.state)
    assert isinstance(shown, dict)
    assert shown["status"] == "gone (404)"
    assert shown["percent"] is None
    history = shown["history"]
    assert isinstance(history, list)
    assert [(moment["status"], moment["percent"]) for moment in history] == [("created", None), ("progress", 31)]
    assert shown["coming"] == []
    assert setup.account.email not in str(shown["shownId"])
