from __future__ import annotations

from model.messages import ClaimedUser, Obstacle
from tests.ui.samples import components_of
from ui import admin_replies
from ui.command_texts import CommandMentions

MENTIONS = CommandMentions({"pixverse": 11, "pixverse-admin": 12})
USER = ClaimedUser("4321", confirmed=True)


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


async def test_removing_a_token_asks_first() -> None:
    answer = admin_replies.token_remove_question(1, 0, 8, operators_token=True)
    assert answer.content == (
        "**Remove this server's token?** I'll stop watching 1 job. After that, the operator's account is used."
    )
    without = admin_replies.token_remove_question(0, 0, 8, operators_token=False)
    assert without.content == "**Remove this server's token?** I'm not watching any jobs with it."
    follow = admin_replies.token_remove_question(0, 1, 8, operators_token=False)
    assert follow.content == "**Remove this server's token?** I'll stop following 1 channel."
    followed = admin_replies.token_remove_question(3, 2, 8, operators_token=False)
    assert (
        followed.content == "**Remove this server's token?** I'll stop watching 3 jobs. I'll stop following 2 channels."
    )


def test_dropped_jobs_and_follows_are_named() -> None:
    tail = "</pixverse-admin follow:12> sets it up again."
    assert admin_replies.old_jobs_dropped_reply(1, (5,), MENTIONS).content == (
        f"**Dropped.** 1 job is no longer watched. <#5> is no longer followed. {tail}"
    )
    assert admin_replies.token_removed_reply(0, (5,), MENTIONS).content == (
        f"**Removed.** <#5> is no longer followed. {tail}"
    )
    assert admin_replies.token_removed_reply(0, (), MENTIONS).content == "**Removed.**"


def test_a_token_that_is_not_stored_leaves_the_present_one() -> None:
    for why in admin_replies.NOT_STORED:
        assert "The current token stays." in admin_replies.not_stored_reply(why, has_token=True).content
        assert "current" not in admin_replies.not_stored_reply(why, has_token=False).content


async def test_following_asks_first_and_says_who_sees_it() -> None:
    asked = admin_replies.follow_question(USER, 5, 8, progress=True)
    assert asked.content == (
        "**Post every job of account `4321` in <#5>?** Everyone there sees all its prompts and videos. "
        "Jobs that have already ended aren't posted. A card shows each while it runs."
    )
    quiet = admin_replies.follow_question(USER, 5, 8, progress=False)
    assert quiet.content.endswith("Jobs that have already ended aren't posted.")
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


def test_unfollowing_shows_running_jobs_and_names_a_deleted_channel() -> None:
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


def test_a_channel_that_was_chosen_may_be_in_use_already() -> None:
    """So neither declining the question nor a channel without permission means that nothing is posted there."""
    assert admin_replies.nothing_changed_reply().content == "**Nothing has changed.**"
    assert admin_replies.chosen_cannot_post_reply(5, ("Send Messages",)).content == (
        "**I can't post in <#5>.** I need: *Send Messages*. Allow it in the channel's permissions, then try again."
    )
    timed_out = admin_replies.chosen_cannot_post_reply(5, (Obstacle.TIMED_OUT,)).content
    assert timed_out == "**I can't post in <#5>.** I'm timed out; a moderator can end that."
