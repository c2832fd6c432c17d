from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import snapshots
from model.job import Job, JobState, Outcome
from model.messages import Address
from model.states import AccountState
from relay.commands.job_queries import Listed
from storage.overviews import KnownJob
from ui import list_replies
from ui.command_texts import CommandMentions
from ui.discord_limits import CHOICE, units

HERE = Address(1, 2)
MENTIONS = CommandMentions({"pixverse": 11})
JOB = Job("a", JobState.PROGRESS, "progress", percent=46, prompt="a *cat*")
LISTED = Listed(7, JOB, 9, mine=False, on_hold=False)


def test_a_list() -> None:
    mine = replace(LISTED, mine=True, on_hold=True, message_id=None)
    answers = list_replies.listing_replies((LISTED, mine), HERE, MENTIONS)
    assert [answer.content for answer in answers] == [
        (
            "**Watching 2 jobs here, 1 for you.** On hold: the new API token is for a different account.\n"
            "**On hold** · a \\*cat\\*\n"
            "**In progress: 46%** · a \\*cat\\* · [Card](https://discord.com/channels/1/2/9)"
        )
    ]


@pytest.mark.parametrize(
    ("hold", "why"),
    [
        (AccountState.REFUSED, "useapi.net refuses the API token"),
        (AccountState.UNPAID, "the useapi.net subscription has expired"),
        (AccountState.MISSING, "the API token has to be entered again"),
    ],
)
def test_a_list_says_what_is_wrong_with_the_token(hold: AccountState, why: str) -> None:
    entries = (replace(LISTED, hold=hold), replace(LISTED, hold=hold))
    (answer,) = list_replies.listing_replies(entries, HERE, MENTIONS)
    head, *lines = answer.content.split("\n")
    assert head == f"**Watching 2 jobs here, 0 for you.** On hold: {why}."
    assert all(line.startswith("**On hold** · ") for line in lines)


def test_an_empty_list() -> None:
    answers = list_replies.listing_replies((), HERE, MENTIONS)
    assert [answer.content for answer in answers] == [
        "**Nothing is being watched here.** Start with </pixverse status:11>."
    ]


def test_a_long_list_is_paged_and_says_how_many_more() -> None:
    answers = list_replies.listing_replies((LISTED,) * 100, HERE, MENTIONS)
    assert len(answers) == 5
    assert sum(answer.content.count("In progress") for answer in answers) == 45
    assert answers[-1].content.endswith("\n-# 55 more")


def test_a_choice() -> None:
    choice = list_replies.autocomplete_choice(KnownJob(7, snapshots.dump(JOB), None, 0, 1), 180_000)
    assert (choice.name, choice.value) == ("a *cat* · In progress: 46% · 3 min ago · #7", "#7")
    ended = list_replies.autocomplete_choice(KnownJob(7, None, Outcome.EXPIRED, 0, 1), 0)
    assert ended.name == "#7 · Expired · just now"
    made = replace(JOB, created=120_000)
    assert (
        " · 1 min ago · "
        in list_replies.autocomplete_choice(KnownJob(7, snapshots.dump(made), None, 0, 1), 180_000).name
    )


@given(st.text(max_size=300), st.text(max_size=80), st.sampled_from([None, *Outcome]), st.integers(0, 10**13))
def test_a_choice_is_never_too_long_for_discord(prompt: str, status: str, outcome: Outcome | None, age: int) -> None:
    job = Job("a", JobState.UNKNOWN, status, prompt=prompt)
    choice = list_replies.autocomplete_choice(KnownJob(7, snapshots.dump(job), outcome, 0, 1), age)
    assert 1 <= units(choice.name) <= CHOICE
    assert choice.name.endswith(("ago · #7", "just now · #7")) or choice.name.startswith("#7 · ")


def test_a_pasted_id_can_be_chosen_as_it_is() -> None:
    jobid = "user:4321-pixverse:me@example.com-video:112233445566"
    choice = list_replies.pasted_choice(f"  {jobid} ")
    assert choice is not None
    assert (choice.name, choice.value) == ("user:4321-pixverse:m…@…-video:112233445566", jobid)


@pytest.mark.parametrize(
    "typed", ["", "a fox in the snow", "#7", "abc123", f"job:20230909020449667-{'x' * 90}-bot:pixverse"]
)
def test_no_other_text_is_offered_as_an_id(typed: str) -> None:
    assert list_replies.pasted_choice(typed) is None
