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
from relay.commands.watch_many import AT_MOST, EntryStatus, WatchEntry, WatchResult
from storage.overviews import KnownJob
from ui import command_texts
from ui import watch_list_replies as lists
from ui.command_texts import CommandMentions
from ui.discord_limits import CHOICE, MESSAGE, units

HERE = Address(1, 2)
MENTIONS = CommandMentions({"pixverse": 11})
JOB = Job("a", JobState.PROGRESS, "progress", percent=46, prompt="a *cat*")
LISTED = Listed(7, JOB, 9, mine=False, on_hold=False)


def test_what_was_left_out() -> None:
    entries = (
        WatchEntry("job:1-bot:pixverse", EntryStatus.WATCHED),
        WatchEntry("job:2-bot:pixverse", EntryStatus.ALREADY_WATCHED, message_id=9),
        WatchEntry("#12", EntryStatus.NOT_FOUND),
        WatchEntry("job:3-bot:pika", EntryStatus.OTHER_SERVICE, service="Pika"),
    )
    result = WatchResult(entries, 4, mention=True)
    assert lists.watch_reply(result, HERE).content == (
        "**Watching 1 job, 3 left out.** I'll ping you once, when the last one ends. "
        "[Jump to the summary](https://discord.com/channels/1/2/4)\n"
        "`…pixverse`: already watched · [Card](https://discord.com/channels/1/2/9)\n"
        "`#12`: not found\n"
        "`…bot:pika`: a job of Pika"
    )


def test_ids_of_v1_are_told_apart_by_their_time() -> None:
    jobid = "job:20261124101500123-user:4321-channel:1300000000000000001-bot:pixverse"
    entries = (WatchEntry(jobid, EntryStatus.NOT_FOUND),)
    text = lists.watch_reply(WatchResult(entries, None, mention=True), HERE).content
    assert "`…01500123`: not found" in text


def test_all_were_taken() -> None:
    entry = WatchEntry("a", EntryStatus.WATCHED)
    posting = WatchEntry("b", EntryStatus.POSTING, api_down=True)
    assert lists.watch_reply(WatchResult((entry,), None, mention=False), HERE).content == (
        "**Watching 1 job.** I won't ping you."
    )
    assert "isn't answering" in lists.watch_reply(WatchResult((entry, posting), None, mention=False), HERE).content


def test_links_give_way_where_there_are_many() -> None:
    entry = WatchEntry("x" * 300, EntryStatus.ALREADY_POSTED, message_id=10**18)
    text = lists.watch_reply(WatchResult((entry,) * 25, None, mention=True), HERE).content
    assert units(text) <= MESSAGE
    assert text.count("already posted") == 25
    assert "https" not in text


@pytest.mark.parametrize(
    ("taken", "text"),
    [
        (
            EntryStatus.ALREADY_WATCHED,
            "**Already watched here.** [Jump to the card](https://discord.com/channels/1/2/9)",
        ),
        (
            EntryStatus.ALREADY_POSTED,
            "**Already posted here.** [Jump to the result](https://discord.com/channels/1/2/9)",
        ),
        (
            EntryStatus.EXPIRED,
            "**This job could not be watched.**\n`#12`: expired\n-# useapi.net keeps jobs for 31 days.",
        ),
    ],
)
def test_the_only_one_left_out(taken: EntryStatus, text: str) -> None:
    message_id = None if taken is EntryStatus.EXPIRED else 9
    entry = WatchEntry("#12", taken, message_id=message_id)
    assert lists.watch_reply(WatchResult((entry,), None, mention=True), HERE).content == text


def test_where_all_are_known_nothing_has_failed() -> None:
    entries = tuple(WatchEntry(f"#{number}", EntryStatus.ALREADY_WATCHED) for number in (1, 2))
    text = lists.watch_reply(WatchResult(entries, None, mention=True), HERE).content
    assert text == "**Nothing new to watch.**\n`#1`: already watched\n`#2`: already watched"


def test_what_to_do_about_those_left_out_is_said_once() -> None:
    kinds = (EntryStatus.SECRET, EntryStatus.EXPIRED, EntryStatus.NOT_LOOKED_UP)
    entries = tuple(
        WatchEntry("" if kind is EntryStatus.SECRET else f"{number}", kind) for number, kind in enumerate(kinds * 2)
    )
    text = lists.watch_reply(WatchResult(entries, None, mention=True), HERE).content
    assert text.split("\n") == [
        "**None of the 6 jobs could be watched.**",
        "`1`: expired",
        "`2`: not looked up yet",
        "`4`: expired",
        "`5`: not looked up yet",
        "A secret token, not a job id",
        (
            "-# useapi.net keeps jobs for 31 days. I haven't sent or kept the secret token. Replace it. "
            "Try again in a minute."
        ),
    ]


def test_a_listing() -> None:
    mine = replace(LISTED, mine=True, on_hold=True, message_id=None)
    answers = lists.listing_replies((LISTED, mine), HERE, MENTIONS)
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
def test_a_listing_says_what_is_wrong_with_the_token(hold: AccountState, why: str) -> None:
    entries = (replace(LISTED, hold=hold), replace(LISTED, hold=hold))
    (answer,) = lists.listing_replies(entries, HERE, MENTIONS)
    head, *lines = answer.content.split("\n")
    assert head == f"**Watching 2 jobs here, 0 for you.** On hold: {why}."
    assert all(line.startswith("**On hold** · ") for line in lines)


def test_an_empty_listing() -> None:
    answers = lists.listing_replies((), HERE, MENTIONS)
    assert [answer.content for answer in answers] == [
        "**Nothing is being watched here.** Start with </pixverse status:11>."
    ]


def test_a_long_listing_comes_in_pages_and_says_how_many_more() -> None:
    answers = lists.listing_replies((LISTED,) * 100, HERE, MENTIONS)
    assert len(answers) == 5
    assert sum(answer.content.count("In progress") for answer in answers) == 45
    assert answers[-1].content.endswith("\n-# 55 more")


def test_a_choice() -> None:
    choice = lists.autocomplete_choice(KnownJob(7, snapshots.dump(JOB), None, 0), 180_000)
    assert (choice.name, choice.value) == ("a *cat* · In progress: 46% · 3 min ago · #7", "#7")
    ended = lists.autocomplete_choice(KnownJob(7, None, Outcome.EXPIRED, 0), 0)
    assert ended.name == "#7 · Expired · just now"
    made = replace(JOB, created=120_000)
    assert " · 1 min ago · " in lists.autocomplete_choice(KnownJob(7, snapshots.dump(made), None, 0), 180_000).name


@given(st.text(max_size=300), st.text(max_size=80), st.sampled_from([None, *Outcome]), st.integers(0, 10**13))
def test_a_choice_is_never_too_long_for_discord(prompt: str, status: str, outcome: Outcome | None, age: int) -> None:
    job = Job("a", JobState.UNKNOWN, status, prompt=prompt)
    choice = lists.autocomplete_choice(KnownJob(7, snapshots.dump(job), outcome, 0), age)
    assert 1 <= units(choice.name) <= CHOICE
    assert choice.name.endswith(("ago · #7", "just now · #7")) or choice.name.startswith("#7 · ")


def test_a_pasted_id_can_be_chosen_as_it_is() -> None:
    jobid = "user:4321-pixverse:me@example.com-video:112233445566"
    choice = lists.pasted_choice(f"  {jobid} ")
    assert choice is not None
    assert (choice.name, choice.value) == ("user:4321-pixverse:m…@…-video:112233445566", jobid)


@pytest.mark.parametrize(
    "typed", ["", "a fox in the snow", "#7", "abc123", f"job:20230909020449667-{'x' * 90}-bot:pixverse"]
)
def test_nothing_else_is_offered_as_an_id(typed: str) -> None:
    assert lists.pasted_choice(typed) is None


def test_where_nothing_can_be_posted_the_answer_says_so_first() -> None:
    entry = WatchEntry("a", EntryStatus.WATCHED, None, False, None)
    watched = WatchResult((entry,), None, False)
    told = lists.watch_reply(watched, HERE, ("Send Messages",)).content
    assert told.startswith("**I can't post here yet.** I need: *Send Messages*.\n**Watching 1 job.**")
    assert lists.watch_reply(watched, HERE, ()).content.startswith(
        "**I can't post here yet.** Discord refuses it; check my permissions here.\n"
    )
    assert lists.watch_menu_reply(watched, HERE, 1) == lists.watch_reply(watched, HERE)


def test_the_command_says_how_many_ids_it_takes() -> None:
    assert f"Up to {AT_MOST} job ids" in command_texts.WATCH_JOBIDS.message
