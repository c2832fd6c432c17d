from __future__ import annotations

from dataclasses import replace

import pytest

from model.messages import BatchTally, Cause, NoticePost
from model.states import NoticeKind
from ui.command_texts import CommandMentions
from ui.notices import notice_message

MENTIONS = CommandMentions({"pixverse": 11, "pixverse-admin": 12})
NOTICE = NoticePost(NoticeKind.TOKEN_REFUSED, "n", (42,), 3)
_ENDS = (NoticeKind.FLOWING_AGAIN, NoticeKind.FIXED, NoticeKind.TOKEN_REMOVED, NoticeKind.POSTING_AGAIN)
_OVER = replace(NOTICE, kind=NoticeKind.FIXED, alert=NoticeKind.TOKEN_REFUSED, lasted=60_000, until=9_000)


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
            ("**Fixed: the API token works.**\n-# useapi.net refused it for 1 min, until <t:9:f>."),
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
            replace(_OVER, kind=NoticeKind.TOKEN_REMOVED, jobs=0, replaced=True),
            (
                "**Settled: this server now uses another API token.**\n"
                "-# useapi.net refused it for 1 min, until <t:9:f>."
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
            replace(NOTICE, kind=NoticeKind.BATCH_ENDED, tally=BatchTally(3, 2, 0, 0, 1, 0, 0, ())),
            "**All 3 jobs have ended:** 2 videos, 1 failed. <@42>",
            (42,),
        ),
        (
            replace(NOTICE, kind=NoticeKind.BATCH_ENDED, tally=BatchTally(1, 1, 0, 0, 0, 0, 0, ())),
            "**The job has ended:** 1 video. <@42>",
            (42,),
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
def test_a_notice_says_why_discord_accepted_a_result_only_in_part(cause: Cause, why: str) -> None:
    post = NoticePost(NoticeKind.REDUCED, "n", channel_id=5, cause=cause, without_files=True)
    assert notice_message(post, MENTIONS).content == f"**A result was posted as a link in <#5>.** {why}"
