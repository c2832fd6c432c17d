from __future__ import annotations

from dataclasses import replace

import pytest

from model.job import Outcome
from model.messages import Address
from model.states import AccountState, DeliveryState
from relay.commands.watch import AlreadyPosted, ImmediatePost
from relay.commands.watch_many import AT_MOST, EntryStatus, WatchEntry, WatchResult
from ui import command_texts, watch_replies
from ui.discord_limits import MESSAGE, units
from ui.member_replies import status_reply

HERE = Address(1, 2)


def test_ids_that_were_not_watched() -> None:
    entries = (
        WatchEntry("job:1-bot:pixverse", EntryStatus.WATCHED),
        WatchEntry("job:2-bot:pixverse", EntryStatus.ALREADY_WATCHED, message_id=9),
        WatchEntry("#12", EntryStatus.NOT_FOUND),
        WatchEntry("job:3-bot:pika", EntryStatus.OTHER_SERVICE, service="Pika"),
    )
    result = WatchResult(entries, ImmediatePost(4), mention=True)
    assert watch_replies.watch_reply(result, HERE).content == (
        "**Watching 1 job, 3 left out.** I'll ping you once, when the last one ends. "
        "[Jump to the summary](https://discord.com/channels/1/2/4)\n"
        "`…pixverse`: already watched · [Card](https://discord.com/channels/1/2/9)\n"
        "`#12`: not found\n"
        "`…bot:pika`: a job of Pika\n"
        "-# I know a #number only for this channel's jobs and your own; otherwise paste the full id."
    )


def test_v1_ids_are_told_apart_by_their_time() -> None:
    jobid = "job:20261124101500123-user:4321-channel:1300000000000000001-bot:pixverse"
    entries = (WatchEntry(jobid, EntryStatus.NOT_FOUND),)
    text = watch_replies.watch_reply(WatchResult(entries, ImmediatePost(), mention=True), HERE).content
    assert text.split("\n")[1:] == [
        "`…01500123`: not found",
        "-# Is the id complete, under 31 days old, and from this server's useapi.net account?",
    ]


def test_all_ids_were_watched() -> None:
    entry = WatchEntry("a", EntryStatus.WATCHED)
    posting = WatchEntry("b", EntryStatus.POSTING, api_down=True)
    assert watch_replies.watch_reply(WatchResult((entry,), ImmediatePost(), mention=False), HERE).content == (
        "**Watching 1 job.** I won't ping you."
    )
    assert (
        "isn't answering"
        in watch_replies.watch_reply(WatchResult((entry, posting), ImmediatePost(), mention=False), HERE).content
    )


def test_links_are_left_out_if_there_are_many() -> None:
    posted = AlreadyPosted(1, None, Outcome.FAILED, 10**18, DeliveryState.POSTED)
    entry = WatchEntry("x" * 300, EntryStatus.ALREADY_POSTED, message_id=10**18, posted=posted)
    text = watch_replies.watch_reply(WatchResult((entry,) * 25, ImmediatePost(), mention=True), HERE).content
    assert units(text) <= MESSAGE
    assert text.count("already posted") == 25
    assert "https" not in text


@pytest.mark.parametrize(
    ("taken", "text"),
    [
        (
            EntryStatus.ALREADY_WATCHED,
            "**Already watched here.** I'll ping you. [Jump to the card](https://discord.com/channels/1/2/9)",
        ),
        (
            EntryStatus.EXPIRED,
            "**This job could not be watched.**\n`#12`: expired\n-# useapi.net keeps jobs for 31 days.",
        ),
        (
            EntryStatus.PERSON_LIMIT,
            "**This job could not be watched.**\n`#12`: over your limit\n-# Add more when one ends.",
        ),
    ],
)
def test_the_only_id_was_not_watched(taken: EntryStatus, text: str) -> None:
    message_id = 9 if taken is EntryStatus.ALREADY_WATCHED else None
    entry = WatchEntry("#12", taken, message_id=message_id)
    assert watch_replies.watch_reply(WatchResult((entry,), ImmediatePost(), mention=True), HERE).content == text


def test_if_all_are_known_nothing_has_failed() -> None:
    entries = tuple(WatchEntry(f"#{number}", EntryStatus.ALREADY_WATCHED) for number in (1, 2))
    text = watch_replies.watch_reply(WatchResult(entries, ImmediatePost(), mention=True), HERE).content
    assert text == "**Nothing new to watch.** I'll ping you.\n`#1`: already watched\n`#2`: already watched"
    quiet = watch_replies.watch_reply(WatchResult(entries, ImmediatePost(), mention=False), HERE).content
    assert quiet.startswith("**Nothing new to watch.** I won't ping you.\n")


@pytest.mark.parametrize("state", [DeliveryState.WAITING, DeliveryState.UNSURE, DeliveryState.POSTED])
async def test_the_only_id_has_ended_here_before(state: DeliveryState) -> None:
    posted = AlreadyPosted(5, None, Outcome.FAILED, 9, state)
    entry = WatchEntry("#12", EntryStatus.ALREADY_POSTED, message_id=9, posted=posted)
    reply = watch_replies.watch_reply(WatchResult((entry,), ImmediatePost(), mention=True), HERE)
    alone = status_reply(posted, HERE)
    assert reply.content == alone.content
    assert (reply.view is None) == (alone.view is None) == (state is DeliveryState.WAITING)


def test_a_list_says_which_results_are_posted_yet() -> None:
    entries = tuple(
        WatchEntry(f"#{number}", EntryStatus.ALREADY_POSTED, posted=AlreadyPosted(5, None, Outcome.FAILED, None, state))
        for number, state in enumerate(DeliveryState)
        if state is not DeliveryState.GIVEN_UP
    )
    text = watch_replies.watch_reply(WatchResult(entries, ImmediatePost(), mention=True), HERE).content
    assert sorted(line.partition(": ")[2] for line in text.split("\n")[1:]) == [
        "already posted",
        "maybe posted",
        "still to be posted",
        "still to be posted",
    ]


@pytest.mark.parametrize(
    ("on_hold", "hold", "api_down", "text"),
    [
        (
            True,
            None,
            False,
            (
                "**Already watched here.** I'll ping you. It's on hold: the new API token is for a different account. "
                "An admin has to decide about it."
            ),
        ),
        (
            False,
            AccountState.UNPAID,
            False,
            (
                "**Already watched here.** I'll ping you. On hold: this server's useapi.net subscription has expired. "
                "I'll resume once it's renewed."
            ),
        ),
        (
            False,
            None,
            True,
            "**Already watched here.** I'll ping you. PixVerse's API isn't answering, but I keep trying.",
        ),
    ],
)
def test_the_only_id_is_watched_already_and_has_trouble(
    on_hold: bool, hold: AccountState | None, api_down: bool, text: str
) -> None:
    entry = WatchEntry("#12", EntryStatus.ALREADY_WATCHED, api_down=api_down, on_hold=on_hold)
    result = WatchResult((entry,), ImmediatePost(), mention=True, hold=hold)
    assert watch_replies.watch_reply(result, HERE).content == text


def test_jobs_on_hold_are_marked_in_a_list() -> None:
    entries = (
        WatchEntry("#1", EntryStatus.ALREADY_WATCHED, message_id=9, on_hold=True),
        WatchEntry("#2", EntryStatus.ALREADY_WATCHED),
    )
    text = watch_replies.watch_reply(WatchResult(entries, ImmediatePost(), mention=True), HERE).content
    assert text.split("\n") == [
        "**Nothing new to watch.** I'll ping you. On hold: the new API token is for a different account.",
        "`#1`: already watched · On hold · [Card](https://discord.com/channels/1/2/9)",
        "`#2`: already watched",
    ]


def test_a_list_of_jobs_that_are_all_watched_says_that_the_token_is_refused() -> None:
    entries = tuple(WatchEntry(f"#{number}", EntryStatus.ALREADY_WATCHED) for number in (1, 2))
    result = WatchResult(entries, ImmediatePost(), mention=True, hold=AccountState.REFUSED)
    assert watch_replies.watch_reply(result, HERE).content.split("\n") == [
        (
            "**Nothing new to watch.** I'll ping you. On hold: useapi.net refuses this server's API token. "
            "I'll resume once someone with *Manage Server* sets a new one."
        ),
        "`#1`: already watched",
        "`#2`: already watched",
    ]
    entries = (*entries, WatchEntry("#3", EntryStatus.ALREADY_WATCHED, on_hold=True))
    assert watch_replies.watch_reply(replace(result, entries=entries), HERE).content.split("\n")[0] == (
        "**Nothing new to watch.** I'll ping you. "
        "On hold: useapi.net refuses the API token; the new API token is for a different account."
    )


def test_what_to_do_about_unwatched_ids_is_said_once() -> None:
    kinds = (EntryStatus.SECRET, EntryStatus.EXPIRED, EntryStatus.NOT_LOOKED_UP)
    entries = tuple(
        WatchEntry("" if kind is EntryStatus.SECRET else f"{number}", kind) for number, kind in enumerate(kinds * 2)
    )
    text = watch_replies.watch_reply(WatchResult(entries, ImmediatePost(), mention=True), HERE).content
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


def test_if_nothing_can_be_posted_the_reply_says_so_first() -> None:
    entry = WatchEntry("a", EntryStatus.WATCHED, None, False, None)
    watched = WatchResult((entry,), ImmediatePost(), False)
    told = watch_replies.watch_reply(watched, HERE, ("Send Messages",)).content
    assert told.startswith("**I can't post here yet.** I need: *Send Messages*.\n**Watching 1 job.**")
    assert watch_replies.watch_reply(watched, HERE, ()).content.startswith(
        "**I can't post here yet.** Discord refuses it; check my permissions here.\n"
    )
    assert watch_replies.watch_menu_reply(watched, HERE, 1) == watch_replies.watch_reply(watched, HERE)


def test_the_command_says_how_many_ids_it_takes() -> None:
    assert f"Up to {AT_MOST} job ids" in command_texts.WATCH_JOBIDS.message
