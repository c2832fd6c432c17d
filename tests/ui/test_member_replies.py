from __future__ import annotations

from dataclasses import replace

import aiohttp
import discord
import pytest

from model.job import Job, JobState, Media, Outcome
from model.messages import Address
from model.states import AccountState, DeliveryState
from relay.commands.job_checks import Checked, CheckedBefore, NotChecked, Peek, Unchecked
from relay.commands.stop import Stopped, StoppedAll, TakenOff
from relay.commands.watch import AlreadyPosted, AlreadyWatched, ImmediatePost, NowWatching, PostingOutcome
from ui import member_replies as answers
from ui.message import Reply, TemporaryView

HERE = Address(1, 2)
CARD = "[Jump to the card](https://discord.com/channels/1/2/9)"
RESULT = "[Jump to the result](https://discord.com/channels/1/2/9)"
JOB = Job("user:1-pixverse:me@example.com-video:5", JobState.PROGRESS, "progress", created=1_000_000, prompt="a *cat*")


async def _press(interaction: object) -> None:
    """Does nothing."""


def labels(answer: Reply) -> list[str | None]:
    assert isinstance(answer.view, discord.ui.View)
    return [getattr(item, "item", item).label for item in answer.view.children]  # type: ignore[union-attr]


async def test_now_watched() -> None:
    result = NowWatching(5, JOB, ImmediatePost(9), mention=True, api_down=False)
    answer = answers.status_reply(result, HERE)
    assert answer.content == f"**Watching.** I'll post the result here and ping you. {CARD}"
    assert labels(answer) == ["Don't ping me", "Stop watching"]
    quiet = answers.status_reply(replace(result, mention=False, card=ImmediatePost()), HERE)
    assert quiet.content == "**Watching.** I'll post the result here."
    assert labels(quiet) == ["Ping me", "Stop watching"]


async def test_watched_even_though_the_api_is_down() -> None:
    result = NowWatching(5, JOB, ImmediatePost(9), mention=True, api_down=True)
    assert answers.status_reply(result, HERE).content == (
        "**PixVerse's API isn't answering right now.** I'm watching, and will post the result here. "
        f"Last known: In progress. {CARD}"
    )
    assert "Last known" not in answers.status_reply(replace(result, job=None), HERE).content


async def test_already_watched() -> None:
    result = AlreadyWatched(5, ImmediatePost(9), mention=True, api_down=False)
    answer = answers.status_reply(result, HERE)
    assert answer.content == f"**Already watched here.** I'll ping you. {CARD}"
    assert labels(answer) == ["Don't ping me", "Stop watching"]
    assert "different account" in answers.status_reply(replace(result, on_hold=True), HERE).content


async def test_already_posted() -> None:
    result = AlreadyPosted(5, JOB, Outcome.FAILED, 9, DeliveryState.POSTED)
    answer = answers.status_reply(result, HERE)
    assert answer.content == f"**Already posted here.** {RESULT}"
    assert labels(answer) == ["Post it again"]
    waiting = answers.status_reply(replace(result, state=DeliveryState.WAITING), HERE)
    assert waiting.content == "**Failed.** I'll post the details here."  # It may be held for days.
    assert waiting.view is None


async def test_it_is_unknown_whether_it_was_posted() -> None:
    answer = answers.status_reply(AlreadyPosted(5, JOB, Outcome.FAILED, None, DeliveryState.UNSURE), HERE)
    assert answer.content.startswith("**I can't tell whether the result is here.**")
    assert labels(answer) == ["Post it again"]


async def test_ended_and_being_posted() -> None:
    made = replace(JOB, media=(Media("https://cdn.example/a.mp4"),))
    answer = answers.status_reply(PostingOutcome(made, Outcome.COMPLETED), HERE)
    assert answer.content == "**Done.** Posting the result here."
    for job, outcome, state in ((JOB, Outcome.COMPLETED, "Done"), (made, Outcome.FAILED, "Failed")):
        empty = answers.status_reply(PostingOutcome(job, outcome), HERE)
        assert empty.content == f"**{state}.** Posting the details here."


async def test_a_private_status() -> None:
    pressed = []

    async def press(interaction: object) -> None:
        pressed.append(interaction)

    answer = answers.peek_reply(Peek(JOB.jobid, JOB, None, api_down=False), press)
    assert answer.content.split("\n")[:2] == ["**In progress.** Only you see this.", "> a \\*cat\\*"]
    assert answer.content.split("\n")[2].startswith("-# created <t:1000:R> · user:1")
    assert "me@example.com" not in answer.content
    assert labels(answer) == ["Watch it here"]
    ended = answers.peek_reply(Peek(JOB.jobid, JOB, Outcome.FAILED, api_down=False), press)
    assert ended.content.startswith("**Failed.** Only you see this.\n")
    assert ended.view is None
    refused = replace(JOB, state=JobState.MODERATED)
    assert answers.peek_reply(Peek(JOB.jobid, refused, Outcome.MODERATED, api_down=False), press).content.startswith(
        "**Refused by the content rules.** Only you see this. To have the result posted here, leave out `private`.\n"
        "> ||a \\*cat\\*||\n"
    )
    held = answers.peek_reply(Peek(JOB.jobid, JOB, None, api_down=False, on_hold=True), press)
    assert held.content.startswith(
        "**On hold: the new API token is for a different account.** An admin has to decide about this job. "
        "Last known: In progress. Only you see this.\n"
    )
    assert held.view is None


async def test_a_temporary_button_calls_its_handler_and_disappears_in_time() -> None:
    pressed = []
    edits = []

    async def press(interaction: object) -> None:
        pressed.append(interaction)

    class Shown:
        async def edit(self, **changes: object) -> None:
            edits.append(changes)

    view = TemporaryView("Look again", press)
    await view.on_timeout()
    over = []
    view = TemporaryView("Look again", press)
    view.attach_to(Shown(), lambda: over.append(True))  # type: ignore[arg-type]
    await view.children[0].callback("interaction")  # type: ignore[arg-type]
    await view.on_timeout()
    assert (pressed, over) == (["interaction"], [True])
    assert edits == [{"view": None}]
    assert view.timeout is not None
    assert view.timeout < 15 * 60


@pytest.mark.parametrize("trouble", [aiohttp.ServerDisconnectedError(), ConnectionResetError(), TimeoutError()])
async def test_a_temporary_button_that_cannot_be_removed_is_left(trouble: Exception) -> None:
    class Shown:
        async def edit(self, **changes: object) -> None:
            raise trouble

    view = TemporaryView("Look again", _press)
    view.attach_to(Shown(), lambda: None)  # type: ignore[arg-type]
    await view.on_timeout()


def test_check_now() -> None:
    assert answers.checked_reply(Checked(JOB, None, news=True), HERE).content == ("**In progress.** Checked just now.")
    assert answers.checked_reply(Checked(JOB, None, news=False), HERE).content == ("**In progress.** Checked just now.")
    v1 = replace(JOB, jobid="job:20261124101500123-user:1-channel:1300000000000000001-bot:pixverse")
    assert answers.checked_reply(Checked(v1, None, news=False), HERE).content == (
        "**In progress.** Nothing new; PixVerse updates only every 15 to 60 seconds."
    )
    assert answers.checked_reply(CheckedBefore(JOB), HERE).content == (
        "**In progress.** Checked a moment ago; try again in a few seconds."
    )
    unanswered = NotChecked(JOB, Unchecked.NO_RESPONSE)
    assert answers.checked_reply(unanswered, HERE).content.endswith("Last known: In progress.")


def test_check_now_says_why_it_found_nothing() -> None:
    told = {why: answers.checked_reply(NotChecked(JOB, why), HERE).content for why in Unchecked}
    assert [text.split("**")[1] for text in told.values()] == [
        "PixVerse's API isn't answering right now.",
        "I couldn't check: useapi.net asked me to wait.",
        "On hold: the new API token is for a different account.",
        "useapi.net can't find this job right now.",
        "useapi.net doesn't accept this job id.",
    ]
    ended = AlreadyPosted(5, JOB, Outcome.COMPLETED, 9, DeliveryState.POSTED)
    assert answers.checked_reply(ended, HERE).content.startswith("**Already posted here.**")


def test_a_job_watched_while_the_token_is_refused_says_so() -> None:
    watching = NowWatching(5, None, ImmediatePost(9), mention=True, api_down=False, hold=AccountState.REFUSED)
    assert answers.status_reply(watching, HERE).content.startswith(
        "**On hold: useapi.net refuses this server's API token.** I'll post the result here "
        "and ping you once someone with *Manage Server* sets a new one."
    )


def test_stopping() -> None:
    assert answers.stop_reply(Stopped()).content == ("**Stopped watching.** The job keeps running at PixVerse.")
    assert answers.stop_reply(TakenOff(0, followed=True)).content == (
        "**You won't be pinged.** This channel gets every job, so I'll still post the result here."
    )
    assert answers.stop_reply(TakenOff(0)).content == "**You won't be pinged.** I'll still post the result."
    assert answers.stop_reply(TakenOff(1)).content == (
        "**You won't be pinged.** Someone else is watching it, so I'll still post the result here."
    )
    assert answers.stop_reply(TakenOff(3)).content.startswith("**You won't be pinged.** 3 others are watching it, so")


def test_stopping_all() -> None:
    assert answers.stopped_all_reply(StoppedAll(2, 1)).content == (
        "**Stopped watching 2 jobs.** They keep running at PixVerse. 1 is still watched for others."
    )
    assert answers.stopped_all_reply(StoppedAll(0, 0)).content.startswith("**Nothing to stop.**")
    assert answers.stopped_all_reply(StoppedAll(0, 2)).content == (
        "**You won't be pinged.** 2 are still watched for others."
    )


async def test_pings_on_and_off() -> None:
    on = answers.mention_reply(5, mention=True)
    assert on.content == "**I'll ping you when it ends.**"
    assert labels(on) == ["Don't ping me", "Stop watching"]
    assert labels(answers.mention_reply(5, mention=False)) == ["Ping me", "Stop watching"]
