from __future__ import annotations

from tests.ui.samples import components_of
from ui.admin_replies import (
    callback_address_reply,
    callbacks_off_reply,
    replace_address_question,
)

URL = "https://relay.example.org/callback/q3Zt0xV9mKf2Lr7Yw5Nc8Jb1Hd6Ps4Ga_-TuEoXiAyU"
HOW = "-# Add it to each request that starts a job, or once for all with `POST https://api.useapi.net/v2/account`."


async def test_the_address_and_how_to_use_it() -> None:
    answer = callback_address_reply(URL, 7)
    assert answer.content == (
        f"**Give useapi.net this address as `replyUrl`:**\n`{URL}`\n"
        "Results then arrive at once. Keep it secret: anyone who has it can make me check your jobs, nothing more.\n"
        f"{HOW}"
    )
    assert answer.view is not None
    ((button,),) = [row["components"] for row in components_of(answer.view)]
    assert (button["label"], button["custom_id"]) == ("Replace the address", "callback:replace:7")


async def test_a_replaced_address_says_that_the_old_one_is_void() -> None:
    answer = callback_address_reply(URL, 8, replaced=True)
    assert answer.content == (
        f"**Replaced. Give useapi.net this address as `replyUrl`:**\n`{URL}`\n"
        "The old one no longer works. Results then arrive at once. "
        f"Keep it secret: anyone who has it can make me check your jobs, nothing more.\n{HOW}"
    )


async def test_replacing_an_address_asks_first() -> None:
    answer = replace_address_question(7)
    assert answer.content.startswith("**Make a new address?** The old one stops working at once.")
    assert answer.view is not None
    ((yes, no),) = [row["components"] for row in components_of(answer.view)]
    assert (yes["label"], yes["custom_id"]) == ("Replace the address", "callback:new:7")
    assert (no["label"], no["custom_id"]) == ("Keep the address", "callback:keep:7")


def test_callbacks_switched_off() -> None:
    assert callbacks_off_reply(20_000).content == (
        "**Callbacks are off for this bot.** Its operator decides that; results still arrive within about 20 s."
    )
