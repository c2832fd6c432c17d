from __future__ import annotations

import pytest

from tests.ui.twice import said_twice


@pytest.mark.parametrize(
    ("text", "labels", "twice"),
    [
        ("**Done.** Posting it here. Posting it here.", (), ["post here", "post"]),
        ("**Discord refuses it.** Wait until it's done: Discord refuses files.", (), ["discord refuses"]),
        ("**Not here.** Discord refuses it.\n**On hold: useapi.net refuses the token.** Wait.", (), []),
        ("**Kept.** Nothing has changed. Kept.", (), []),
        ("**On hold: no token.** It's on hold until an admin sets one.", (), ["on hold"]),
        ("**The job failed.** Downloading it failed.", (), ["failed"]),
        ("**Your 4 videos are ready.**\n-# 4 videos · 16:9", (), ["4 videos"]),
        ("**Finished.** </pixverse status:1> shows it. Try </pixverse status:1>.", (), ["</pixverse status:1>"]),
        ("**Not set: I can't post in <#1>.** <#1>: allow it.", (), ["<#1>"]),
        ("**Done.** <@1>\n**All 2 jobs have ended:** 2 videos. <@1>", (), ["<@1>"]),
        ("**The job failed.** <@1>\n**All 2 jobs have ended:** 1 video, 1 failed. <@2>", (), []),
        ("**Here.** [Card](https://discord.com/1) [Result](https://discord.com/1)", (), ["https://discord.com/1"]),
        ("**Done.**\n> A red fox in snow\n-# A red fox in snow", (), ["red fox snow"]),
        ("**#7 is posted.** The result of #7 is there.", (), ["#7"]),
        ("**Ask *Manage Server* for it.** Only *Manage Server* can.", (), ["*Manage Server*"]),
        ("**It went down <t:1:R>.** Nothing since <t:1:R>.", (), ["<t:1:R>"]),
        ("**Token of the old account.** Set a token of the old account.", (), ["token old account"]),
        ("**Delete all the old jobs?** They stop.", ("Delete all the old jobs",), ["delete all old"]),
        ("**Failed.**\n-# failed · #7 · job:1", (), []),
        ("**2 jobs.**\n**Failed** · a fox · [Card](https://x/1)\n**Failed** · an owl · [Card](https://x/2)", (), []),
        (
            "1. **Waiting** · The channel's slow mode is on\n2. **Waiting** · The channel's slow mode is on",
            (),
            ["slow mode"],
        ),
    ],
)
def test_what_counts_as_said_twice(text: str, labels: tuple[str, ...], twice: list[str]) -> None:
    found = said_twice(text, labels)
    assert bool(found) == bool(twice), found
