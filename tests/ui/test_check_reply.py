from __future__ import annotations

from dataclasses import replace

from model.messages import ClaimedUser, Obstacle
from relay.accounts.rechecks import Recheck
from ui.check_reply import ChannelAccess, CheckReport, Followed, check_reply
from ui.command_texts import CommandMentions

MENTIONS = CommandMentions({"pixverse": 11, "pixverse-admin": 12})
USER = ClaimedUser("4321", confirmed=True)
WELL = CheckReport(Recheck.WORKS, USER, False, 5_000, (), False, 10_485_760, 3, 6_000, 0, None)


def test_a_check_that_finds_nothing() -> None:
    assert check_reply(WELL, MENTIONS).content == (
        "**Everything works here.**\n"
        "-# Works: token (account `4321`, tested <t:5:R>) · posting, files and replies in this channel "
        "· files up to 10 MB · watching 3 jobs, oldest <t:6:R> · "
        "alerts go to the job's own channel (</pixverse-admin alerts:12> changes that)"
    )


def test_a_check_lists_each_problem_first_with_its_fix() -> None:
    report = replace(WELL, token=Recheck.REFUSED, missing=("Attach Files",), alerts_channel=5, watching=0)
    report = replace(report, waiting=2, held_up=True)
    assert check_reply(report, MENTIONS).content.split("\n") == [
        "**3 problems.**",
        "- useapi.net refuses this server's API token. Set a new one with </pixverse-admin token set:12>.",
        "- I need *Attach Files* in this channel. Allow it in the channel's permissions.",
        "- 2 results are waiting to be posted. </pixverse-admin deliveries:12> shows why.",
        "-# Works: files up to 10 MB · alerts go to <#5>",
    ]


def test_waiting_results_come_between_problems_and_what_works() -> None:
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


def test_a_result_that_waits_for_a_permission_is_not_good_news() -> None:
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


def test_what_is_missing_in_this_channel_is_said_once() -> None:
    missing = ("Send Messages",)
    report = replace(WELL, missing=missing, channel_id=6, waiting=2, waiting_since=7_000)
    report = replace(report, needing=(ChannelAccess(5, missing), ChannelAccess(6, missing)))
    followed = (Followed(6, missing, other_account=False), Followed(7, (), other_account=False))
    lines = check_reply(replace(report, followed=followed), MENTIONS).content.split("\n")
    assert lines[:2] == [
        "**1 problem.**",
        (
            "- 2 results are waiting to be posted (oldest: <t:7:R>). I need *Send Messages* in <#6> and <#5>. "
            "Allow it there, and I'll post them."
        ),
    ]
    assert "following into <#7> · " in lines[2]
    lines = check_reply(replace(report, waiting=0, needing=(), followed=followed[:1]), MENTIONS).content.split("\n")
    assert lines[:2] == ["**1 problem.**", "- I need *Send Messages* in <#6>. Allow it there."]
    text = check_reply(replace(report, missing=("Send Messages", "Attach Files")), MENTIONS).content
    assert text.startswith("**2 problems.**\n- I need *Send Messages* and *Attach Files* in this channel.")


def test_results_that_were_not_posted_are_mentioned() -> None:
    text = check_reply(replace(WELL, not_posted=2), MENTIONS).content
    assert "**2 results were not posted.** </pixverse-admin deliveries:12> shows why." in text


def test_an_outage_is_mentioned_once() -> None:
    report = replace(WELL, token=Recheck.NO_RESPONSE, api_down_since=9_000)
    lines = check_reply(report, MENTIONS).content.split("\n")
    assert lines[1] == "PixVerse's API went down <t:9:R>, so I couldn't test the token. I'll keep trying."
    assert len(lines) == 3


def test_an_outage_without_a_token_is_still_retried() -> None:
    text = check_reply(replace(WELL, token=Recheck.NO_TOKEN, api_down_since=9_000), MENTIONS).content
    assert "PixVerse's API went down <t:9:R>. I'll keep trying." in text


def test_a_single_job_is_not_called_the_oldest() -> None:
    text = check_reply(replace(WELL, watching=1), MENTIONS).content
    assert "watching 1 job, added <t:6:R>" in text


def test_jobs_on_hold_for_another_account_are_no_heading_beside_a_problem() -> None:
    text = check_reply(replace(WELL, on_hold=1, missing=("Send Messages",)), MENTIONS).content
    assert text.startswith("**1 problem.**")
    assert "\n**1 job of a different account is on hold.** " in text


def test_a_followed_channel_with_a_problem() -> None:
    silent = Followed(6, ("Send Messages",), other_account=False)
    report = replace(WELL, followed=(Followed(5, (), other_account=False), silent))
    text = check_reply(report, MENTIONS).content
    assert "- I need *Send Messages* in <#6>. Allow it there." in text
    rests = replace(WELL, followed=(Followed(5, (), other_account=True),))
    assert "- <#5> is paused: the token belongs to a different account." in check_reply(rests, MENTIONS).content


def test_every_followed_channel_with_a_problem_is_named() -> None:
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


def test_jobs_on_hold_are_named_with_the_token_that_does_not_work() -> None:
    followed = (Followed(5, (), other_account=False),)
    for token in (Recheck.REFUSED, Recheck.UNPAID, Recheck.TOKEN_MISSING):
        text = check_reply(replace(WELL, token=token, followed=followed), MENTIONS).content
        assert "3 jobs are on hold, as well as <#5>. " in text.split("\n")[1]
        assert "watching" not in text
        assert "following" not in text
    alone = check_reply(replace(WELL, token=Recheck.REFUSED, watching=0, followed=followed), MENTIONS).content
    assert "<#5> is on hold. " in alone


def test_jobs_of_another_account_are_not_shown_as_watched() -> None:
    text = check_reply(replace(WELL, on_hold=1), MENTIONS).content
    assert text.startswith(
        "**1 job of a different account is on hold.** </pixverse-admin token set:12> with that account's token"
    )
    assert "watching 2 other jobs" in text
    assert "watching" not in check_reply(replace(WELL, on_hold=3), MENTIONS).content


def test_admins_are_not_asked_to_replace_the_operator_s_refused_token() -> None:
    report = replace(WELL, token=Recheck.REFUSED, operators_token=True)
    assert "Only the bot's operator can replace it" in check_reply(report, MENTIONS).content


def test_a_check_in_a_channel_that_refuses_messages() -> None:
    refused = check_reply(replace(WELL, refused=True), MENTIONS).content
    assert "Discord refuses my messages in this channel. Check my permissions in it." in refused
    timed_out = check_reply(replace(WELL, missing=(Obstacle.TIMED_OUT,)), MENTIONS).content
    assert "I can't post here. I'm timed out; a moderator can end that." in timed_out


def test_no_obstacle_is_called_a_permission_that_can_be_allowed() -> None:
    for obstacle, remedy in (
        (Obstacle.TIMED_OUT, "I'm timed out; a moderator can end that."),
        (Obstacle.LOCKED, "The thread is locked; unlock it."),
    ):
        well = replace(WELL, alerts_channel=5, alerts_missing=(obstacle,))
        alerts = check_reply(well, MENTIONS).content
        assert f"- I can't post in <#5>. {remedy}\n" in alerts
        waiting = replace(WELL, waiting=1, needing=(ChannelAccess(6, (obstacle,)),))
        assert f"I can't post in <#6>. {remedy}\n" in check_reply(waiting, MENTIONS).content
        followed = replace(WELL, followed=(Followed(7, (obstacle,), other_account=False),))
        assert f"- I can't post in <#7>. {remedy}\n" in check_reply(followed, MENTIONS).content


def test_a_channel_without_an_obstacle_can_still_be_allowed() -> None:
    needing = (ChannelAccess(6, (Obstacle.TIMED_OUT,)), ChannelAccess(7, ("Send Messages",)))
    text = check_reply(replace(WELL, waiting=2, needing=needing), MENTIONS).content
    assert "I need *Send Messages* in <#7>. Allow it there, and I'll post them." in text


def test_a_refused_token_stays_a_problem_while_the_api_does_not_answer() -> None:
    silent = replace(WELL, token=Recheck.NO_RESPONSE, trouble=Recheck.REFUSED)
    text = check_reply(silent, MENTIONS).content
    assert text.startswith("**1 problem.**\n- useapi.net refuses this server's API token. 3 jobs are on hold. Set a")
    assert "\nuseapi.net isn't answering, so I couldn't test the token.\n" in text
    down = check_reply(replace(silent, trouble=Recheck.UNPAID, api_down_since=9_000), MENTIONS).content
    assert "- The useapi.net subscription has expired. 3 jobs are on hold." in down
    assert "PixVerse's API went down <t:9:R>, so I couldn't test the token." in down
    assert "watching" not in down
