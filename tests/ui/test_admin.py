from __future__ import annotations

from dataclasses import replace

import pytest

from model.messages import Cause, ClaimedUser, NoticePost, Obstacle
from model.states import NoticeKind
from relay.accounts.rechecks import Recheck
from relay.commands.check_report import ChannelAccess, CheckReport, Followed
from tests.ui.samples import components_of
from ui import admin_replies
from ui.check_reply import check_reply
from ui.command_texts import CommandMentions
from ui.notices import notice_message
from ui.token_modal import entered_text

MENTIONS = CommandMentions({"pixverse": 11, "pixverse-admin": 12})
USER = ClaimedUser("4321", confirmed=True)
NOTICE = NoticePost(NoticeKind.TOKEN_REFUSED, "n", (42,), 3)
_ENDS = (NoticeKind.FLOWING_AGAIN, NoticeKind.FIXED, NoticeKind.TOKEN_REMOVED, NoticeKind.POSTING_AGAIN)
_OVER = replace(NOTICE, kind=NoticeKind.FIXED, alert=NoticeKind.TOKEN_REFUSED, lasted=60_000, until=9_000)
WELL = CheckReport(Recheck.WORKS, USER, False, 5_000, (), False, 10_485_760, 3, 6_000, 0, None)


@pytest.mark.parametrize(
    ("notice", "text", "pinged"),
    [
        (
            NOTICE,
            (
                "**PixVerse results are on hold.** <@42> useapi.net refuses the API token. 3 jobs wait; "
                "nothing is lost. Set a new one with </pixverse-admin token set:12>."
            ),
            (42,),
        ),
        (
            replace(NOTICE, kind=NoticeKind.TOKEN_MISSING),
            (
                "**Please enter this server's API token again.** <@42> I no longer have it. "
                "3 jobs wait; nothing is lost. Set it with </pixverse-admin token set:12>, and I'll resume."
            ),
            (42,),
        ),
        (
            replace(NOTICE, kind=NoticeKind.TOKEN_MISSING, jobs=0),
            (
                "**Please enter this server's API token again.** <@42> I no longer have it. "
                "Set it with </pixverse-admin token set:12>, and I'll resume."
            ),
            (42,),
        ),
        (
            replace(NOTICE, kind=NoticeKind.UNPAID, interval=300_000, jobs=1),
            (
                "**PixVerse results are on hold.** <@42> The useapi.net subscription has expired. "
                "1 job waits; nothing is lost. I'll resume within 5 min of renewal; "
                "</pixverse-admin check:12> checks right away."
            ),
            (42,),
        ),
        (
            replace(NOTICE, kind=NoticeKind.FLOWING_AGAIN),
            "**PixVerse results are back.** 3 jobs resumed.",
            (),
        ),
        (
            replace(NOTICE, jobs=0),
            (
                "**useapi.net refuses this server's API token.** <@42> "
                "Set a new one with </pixverse-admin token set:12>."
            ),
            (42,),
        ),
        (
            replace(NOTICE, kind=NoticeKind.UNPAID, interval=300_000, jobs=0),
            (
                "**The useapi.net subscription has expired.** <@42> I'll resume within 5 min of renewal; "
                "</pixverse-admin check:12> checks right away."
            ),
            (42,),
        ),
        (
            _OVER,
            ("**Fixed: the API token works.** 3 jobs resumed.\n-# useapi.net refused it for 1 min, until <t:9:f>."),
            (),
        ),
        (
            replace(_OVER, alert=NoticeKind.UNPAID, jobs=0),
            ("**Fixed: the API token works.**\n-# The useapi.net subscription had expired for 1 min, until <t:9:f>."),
            (),
        ),
        (
            replace(_OVER, kind=NoticeKind.TOKEN_REMOVED, alert=NoticeKind.TOKEN_MISSING, jobs=1),
            (
                "**Settled: this server's API token was removed.** 1 job is no longer watched.\n"
                "-# I didn't have it for 1 min, until <t:9:f>."
            ),
            (),
        ),
        (
            replace(_OVER, kind=NoticeKind.POSTING_AGAIN, alert=NoticeKind.CANNOT_POST, channel_id=5, jobs=1),
            ("**I can post in <#5> again.** 1 result was posted there.\n-# I couldn't for 1 min, until <t:9:f>."),
            (),
        ),
        (
            replace(NOTICE, kind=NoticeKind.CANNOT_POST, channel_id=5, missing=("View Channel",), until=9_000),
            (
                "**I can't post in <#5>.** I need: *View Channel*. 3 results wait there until <t:9:f> "
                "and will be posted once I'm allowed to."
            ),
            (),
        ),
        (
            replace(NOTICE, kind=NoticeKind.CHANNEL_GONE, channel_name="films_and_more"),
            "**#films\\_and\\_more is gone.** I've stopped watching 3 jobs there.",
            (),
        ),
        (
            replace(NOTICE, kind=NoticeKind.CHANNEL_GONE, channel_name="films", jobs=0, followed=True),
            "**#films is gone.** Choose another channel with </pixverse-admin follow:12>.",
            (),
        ),
        (
            replace(NOTICE, kind=NoticeKind.NO_ROOM, channel_id=5, jobs=1, limit=500),
            (
                "**This server is at its limit of 500 jobs.** 1 job of the account isn't watched "
                "in <#5> for now; I'll add those still running when others end."
            ),
            (),
        ),
    ],
)
def test_notices(notice: NoticePost, text: str, pinged: tuple[int, ...]) -> None:
    message = notice_message(notice, MENTIONS)
    assert message.content == text
    assert message.mention == pinged
    assert message.silent is (notice.kind in _ENDS)
    assert message.known_by is None


def test_given_up_says_how_long_it_was_tried() -> None:
    notice = replace(NOTICE, kind=NoticeKind.GIVEN_UP, channel_id=5, waited=259_200_000)
    text = notice_message(notice, MENTIONS).content
    assert text is not None
    assert text == (
        "**3 results were not posted in <#5>.** I had no permission for 3 days. "
        "</pixverse-admin deliveries:12> can resend them."
    )


def test_a_token_that_works() -> None:
    assert admin_replies.token_works_reply(USER, 1, MENTIONS).content == (
        "**Token works.** useapi.net account `4321` has 1 running job. "
        "Members can now use </pixverse status:11>.\n"
        "-# Next: </pixverse-admin check:12> shows whether I can post here."
    )
    claimed = admin_replies.token_works_reply(ClaimedUser("4321", confirmed=False), 0, MENTIONS).content
    assert claimed.startswith(
        "**Token works.** useapi.net account `4321` (not confirmed by useapi.net yet) has 0 running jobs"
    )
    assert admin_replies.token_renewed_reply(2).content == "**Token works.** I'm watching 2 jobs with it."


async def test_a_token_of_another_account_asks() -> None:
    answer = admin_replies.token_of_other_account_reply(2, 0, USER, 8)
    assert answer.content == (
        "**This token works, but belongs to a different account.** "
        "I use it from now on, but it can't see 2 waiting jobs of the old one. The old one is account `4321`."
    )
    assert answer.view is not None
    ids = [button["custom_id"] for row in components_of(answer.view) for button in row["components"]]
    assert ids == ["token:keep-jobs:8", "token:drop-jobs:8"]
    both = admin_replies.token_of_other_account_reply(1, 2, None, 8).content
    assert "it can't see 1 waiting job of the old one. 2 followed channels are on hold, too." in both
    followed = admin_replies.token_of_other_account_reply(0, 1, None, 8).content
    assert "1 followed channel of the old one" in followed
    kept = admin_replies.old_jobs_kept_reply(0, 1, 2)
    assert kept.content.startswith("**1 followed channel stays on hold.** It resumes")
    assert admin_replies.old_jobs_kept_reply(1, 1, 2).content.startswith(
        "**1 job stays on hold.** So does 1 followed channel. They resume"
    )
    assert kept.view is not None
    assert [button["label"] for row in components_of(kept.view) for button in row["components"]] == [
        "Drop the old jobs"
    ]


async def test_removing_asks_first() -> None:
    answer = admin_replies.token_remove_question(1, 0, 8, operators_token=True)
    assert answer.content == (
        "**Remove this server's token?** I'll stop watching 1 job. After that, the operator's account is used."
    )
    without = admin_replies.token_remove_question(0, 0, 8, operators_token=False)
    assert without.content == "**Remove this server's token?** I'll stop watching 0 jobs."
    followed = admin_replies.token_remove_question(3, 2, 8, operators_token=False)
    assert (
        followed.content == "**Remove this server's token?** I'll stop watching 3 jobs. I'll stop following 2 channels."
    )


def test_a_check_that_finds_nothing() -> None:
    assert check_reply(WELL, MENTIONS).content == (
        "**Everything works here.**\n"
        "-# Works: token (account `4321`, tested <t:5:R>) · posting, files and replies in this channel "
        "· files up to 10 MB · watching 3 jobs, oldest <t:6:R> · "
        "alerts go to the job's own channel (</pixverse-admin alerts:12> changes that)"
    )


def test_a_check_names_each_problem_first_with_its_remedy() -> None:
    report = replace(WELL, token=Recheck.REFUSED, missing=("Attach Files",), alerts_channel=5, watching=0)
    report = replace(report, waiting=2, held_up=True)
    assert check_reply(report, MENTIONS).content.split("\n") == [
        "**3 problems.**",
        "- useapi.net refuses this server's API token. Set a new one with </pixverse-admin token set:12>.",
        "- I need *Attach Files* in this channel. Allow it in the channel's permissions.",
        "- 2 results are waiting to be posted. </pixverse-admin deliveries:12> shows why.",
        "-# Works: files up to 10 MB · alerts go to <#5>",
    ]


def test_what_waits_stands_between_problems_and_what_works_and_is_none() -> None:
    report = replace(
        WELL,
        waiting=1,
        waiting_since=7_000,
        followed=(Followed(5, (), other_account=False), Followed(6, (), other_account=False)),
        callback_heard_at=8_000,
        api_down_since=9_000,
    )
    lines = check_reply(report, MENTIONS).content.split("\n")
    assert lines[:3] == [
        "**Nothing to fix here.**",
        "PixVerse's API went down <t:9:R>, but answered just now.",
        "1 result is waiting to be posted (oldest: <t:7:R>).",
    ]
    assert "following into <#5> and <#6>" in lines[3]
    assert lines[3].endswith("callbacks (last one <t:8:R>)")
    assert len(lines) == 4


def test_a_result_that_waits_for_a_permission_is_no_good_news() -> None:
    channels = (ChannelAccess(5, ("Send Messages",)), ChannelAccess(6, ()))
    lines = check_reply(replace(WELL, waiting=3, waiting_since=7_000, needing=channels), MENTIONS).content.split("\n")
    assert lines[:2] == [
        "**1 problem.**",
        (
            "- 3 results are waiting to be posted (oldest: <t:7:R>). I need *Send Messages* in <#5>. "
            "I can't post in <#6>. Allow it there, and I'll post them."
        ),
    ]
    many = tuple(ChannelAccess(number, ("Send Messages",)) for number in range(1, 8))
    text = check_reply(replace(WELL, waiting=7, needing=many), MENTIONS).content
    assert "in <#1>, <#2>, <#3>, <#4> and <#5>. 2 more are like that. Allow it there, and" in text


def test_results_that_were_not_posted_are_pointed_at() -> None:
    text = check_reply(replace(WELL, not_posted=2), MENTIONS).content
    assert "**2 results were not posted.** </pixverse-admin deliveries:12> shows why." in text


def test_an_outage_is_told_once() -> None:
    report = replace(WELL, token=Recheck.NO_RESPONSE, api_down_since=9_000)
    lines = check_reply(report, MENTIONS).content.split("\n")
    assert lines[1] == "PixVerse's API went down <t:9:R>, so I couldn't test the token. I'll keep trying."
    assert len(lines) == 3


def test_an_outage_without_a_token_to_test_is_still_tried() -> None:
    text = check_reply(replace(WELL, token=Recheck.NO_TOKEN, api_down_since=9_000), MENTIONS).content
    assert "PixVerse's API went down <t:9:R>. I'll keep trying." in text


def test_a_single_job_is_not_the_oldest() -> None:
    text = check_reply(replace(WELL, watching=1), MENTIONS).content
    assert "watching 1 job, added <t:6:R>" in text


def test_what_another_account_holds_up_is_no_heading_beside_a_problem() -> None:
    text = check_reply(replace(WELL, on_hold=1, missing=("Send Messages",)), MENTIONS).content
    assert text.startswith("**1 problem.**")
    assert "\n**1 job of a different account is on hold.** " in text


def test_a_followed_channel_in_trouble() -> None:
    silent = Followed(6, ("Send Messages",), other_account=False)
    report = replace(WELL, followed=(Followed(5, (), other_account=False), silent))
    text = check_reply(report, MENTIONS).content
    assert "- I need *Send Messages* in <#6>. Allow it there." in text
    rests = replace(WELL, followed=(Followed(5, (), other_account=True),))
    assert "- <#5> is paused: the token belongs to a different account." in check_reply(rests, MENTIONS).content


def test_every_followed_channel_in_trouble_is_named() -> None:
    followed = (
        Followed(5, ("Send Messages",), other_account=False),
        Followed(6, ("View Channel",), other_account=False),
        Followed(7, (), other_account=True),
        Followed(8, (), other_account=False),
    )
    text = check_reply(replace(WELL, followed=followed), MENTIONS).content
    assert "I need *Send Messages* in <#5>. I need *View Channel* in <#6>. Allow it there. <#7> is paused" in text
    many = tuple(Followed(number, ("Send Messages",), other_account=False) for number in range(1, 8))
    text = check_reply(replace(WELL, followed=many), MENTIONS).content
    assert "in <#1>, <#2>, <#3>, <#4> and <#5>. 2 more are like that. Allow it there." in text


def test_what_is_on_hold_is_named_with_the_token_and_does_not_work() -> None:
    followed = (Followed(5, (), other_account=False),)
    for token in (Recheck.REFUSED, Recheck.UNPAID, Recheck.TOKEN_MISSING):
        text = check_reply(replace(WELL, token=token, followed=followed), MENTIONS).content
        assert "3 jobs are on hold, as well as <#5>. " in text.split("\n")[1]
        assert "watching" not in text
        assert "following" not in text
    alone = check_reply(replace(WELL, token=Recheck.REFUSED, watching=0, followed=followed), MENTIONS).content
    assert "<#5> is on hold. " in alone


def test_jobs_of_another_account_are_not_told_as_watched() -> None:
    text = check_reply(replace(WELL, on_hold=1), MENTIONS).content
    assert text.startswith(
        "**1 job of a different account is on hold.** </pixverse-admin token set:12> with that account's token"
    )
    assert "watching 2 jobs" in text
    assert "watching" not in check_reply(replace(WELL, on_hold=3), MENTIONS).content


def test_what_is_dropped_is_named() -> None:
    tail = "</pixverse-admin follow:12> sets it up again."
    assert admin_replies.old_jobs_dropped_reply(1, (5,), MENTIONS).content == (
        f"**Dropped.** 1 job is no longer watched. <#5> is no longer followed. {tail}"
    )
    assert admin_replies.token_removed_reply(0, (5,), MENTIONS).content == (
        f"**Removed.** <#5> is no longer followed. {tail}"
    )
    assert admin_replies.token_removed_reply(0, (), MENTIONS).content == "**Removed.** 0 jobs are no longer watched."


def test_a_token_that_is_not_stored_leaves_the_one_that_is() -> None:
    for why in admin_replies.NOT_STORED:
        assert "The current token stays." in admin_replies.not_stored_reply(why, has_token=True).content
        assert "current" not in admin_replies.not_stored_reply(why, has_token=False).content


def test_an_operators_token_that_is_refused_is_not_the_admins_to_replace() -> None:
    report = replace(WELL, token=Recheck.REFUSED, operators_token=True)
    assert "Only the bot's operator can replace it" in check_reply(report, MENTIONS).content


@pytest.mark.parametrize(
    ("components", "text"),
    [
        (
            [{"type": 18, "component": {"type": 4, "custom_id": "a", "value": " Bearer user:1-abc "}}],
            " Bearer user:1-abc ",
        ),
        ([{"type": 1, "components": [{"type": 4, "custom_id": "a", "value": "user:1-abc"}]}], "user:1-abc"),
        ([{"type": 10, "content": "words"}, {"type": 18, "component": {"type": 4, "value": "x"}}], "x"),
        ([{"type": 18, "component": {"type": 4}}], ""),
        ([{"type": 18}], ""),
        ([], ""),
    ],
)
def test_what_was_entered_is_found_in_the_form(components: list[dict[str, object]], text: str) -> None:
    assert entered_text(components) == text


async def test_following_asks_first_and_says_who_sees_it() -> None:
    asked = admin_replies.follow_question(USER, 5, 8, progress=True)
    assert asked.content == (
        "**Post every job of account `4321` in <#5>?** Everyone there sees all its prompts and videos. "
        "Ended jobs aren't posted. A card shows each while it runs."
    )
    quiet = admin_replies.follow_question(USER, 5, 8, progress=False)
    assert quiet.content.endswith("Ended jobs aren't posted.")
    assert asked.view is not None
    buttons = [button for row in components_of(asked.view) for button in row["components"]]
    assert [button["label"] for button in buttons] == ["Follow the account", "Don't follow"]
    assert buttons[0]["custom_id"] == "follow:cards:5:8"
    assert admin_replies.following_reply(USER, 5, MENTIONS).content == (
        "**Following.** Every job of account `4321` is posted in <#5>. </pixverse-admin unfollow:12> ends it."
    )
    assert admin_replies.following_reply(None, 5, MENTIONS).content.startswith(
        "**Following.** Every job of this server's account is posted"
    )


def test_unfollowing_tells_what_runs_and_names_what_is_gone() -> None:
    texts = [admin_replies.unfollowed_reply(5, number).content for number in (0, 1, 2)]
    assert texts == [
        "**No longer following in <#5>.** No jobs were still running.",
        "**No longer following in <#5>.** 1 running job is still posted.",
        "**No longer following in <#5>.** 2 running jobs are still posted.",
    ]
    assert admin_replies.followed_choice(5, "films").name == "#films"
    gone = admin_replies.followed_choice(5, None)
    assert (gone.name, gone.value) == ("A channel that is gone or hidden (5)", "5")
    assert len(admin_replies.followed_choice(5, "f" * 200).name) <= 100


@pytest.mark.parametrize(
    ("cause", "why"),
    [
        (Cause.FILE, "Discord didn't accept the file."),
        (Cause.EXPLICIT, "Discord's explicit-content filter blocked it. Check the server's safety settings."),
        (Cause.WORDS, "AutoMod blocked its text. Check its rules."),
        (Cause.LINKS, "Discord's harmful-link filter blocked it."),
        (Cause.UNKNOWN, "Discord rejected it for no known reason. Check your AutoMod rules."),
        (
            Cause.UPLOADS_LIMITED,
            (
                "Discord is limiting uploads on this server right now. "
                "Only Discord can lift that; until then results come as links."
            ),
        ),
    ],
)
def test_a_notice_says_why_discord_took_a_result_only_in_part(cause: Cause, why: str) -> None:
    post = NoticePost(NoticeKind.REDUCED, "n", channel_id=5, cause=cause, without_files=True)
    assert notice_message(post, MENTIONS).content == f"**A result was posted as a link in <#5>.** {why}"


def test_a_check_in_a_channel_that_refuses_messages() -> None:
    refused = check_reply(replace(WELL, refused=True), MENTIONS).content
    assert "Discord refuses my messages in this channel. Check my permissions in it." in refused
    timed_out = check_reply(replace(WELL, missing=(Obstacle.TIMED_OUT,)), MENTIONS).content
    assert "I can't post here. I'm timed out; a moderator can end that." in timed_out
