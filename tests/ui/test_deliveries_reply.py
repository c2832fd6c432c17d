from __future__ import annotations

from dataclasses import replace

import pytest

from model import snapshots
from model.job import Job, JobState
from model.messages import Cause
from model.states import DeliveryState, Reason
from relay.commands.resending import SentAgain
from relay.delivery.fallbacks import Variant
from relay.delivery.verdicts import BLOCKED_FOR_AT_MOST, MINUTE
from storage.delivery_queries import OutcomeCounts, OutcomePage, OutcomeRecord
from tests.ui.samples import components_of
from ui.command_texts import CommandMentions
from ui.deliveries_reply import PAGE, results_reply, sent_again
from ui.message import Reply

MENTIONS = CommandMentions({"pixverse": 11, "pixverse-admin": 12})
JOB = snapshots.dump(Job("job", JobState.COMPLETED, "completed", prompt="a paper boat"))
POSTED = OutcomeRecord(8, 1, 7, 4, 5, 6, JOB, DeliveryState.POSTED, None, "", None, 1_000, 1_000, 60_000)
BLOCKED = replace(
    POSTED, state=DeliveryState.WAITING, reason=Reason.NO_PERMISSION, blocked_since=1_000, settled_at=None
)
GIVEN_UP = replace(POSTED, delivery_id=6, message_id=None, state=DeliveryState.GIVEN_UP, reason=Reason.NO_PERMISSION)
UNSURE = replace(POSTED, delivery_id=5, message_id=None, state=DeliveryState.UNSURE, reason=Reason.CANNOT_LOOK)
NONE_FAILED = OutcomeCounts(0, 0, None)


def labels(answer: Reply) -> list[list[str]]:
    if answer.view is None:
        return []
    return [[button["label"] for button in row["components"]] for row in components_of(answer.view)]


async def test_a_page_shows_each_result_and_what_to_do() -> None:
    page = OutcomePage((GIVEN_UP, UNSURE, BLOCKED, POSTED), skipped=0, more=False)
    answer = results_reply(page, OutcomeCounts(2, 1, 1_000), MENTIONS)

    assert answer.content.split("\n") == [
        "**2 results not posted.** 1 waiting.",
        (
            "1. **Not posted** · <#5> · <t:60:R> · a paper boat · "
            "I couldn't post there for 3 days. Allow it or unlock the thread, then resend it."
        ),
        (
            "2. **Not posted** · <#5> · <t:60:R> · a paper boat · "
            "May have arrived. If it's missing, resend it; "
            "*Read Message History* prevents this."
        ),
        (
            "3. **Waiting** · <#5> · <t:1:R> · a paper boat · held until <t:259201:f> · "
            "I may not post there; </pixverse-admin check:12> shows what's missing. Once that's fixed, I'll post it."
        ),
        "4. **Posted** · <#5> · <t:60:R> · a paper boat · [Jump to it](https://discord.com/channels/4/5/6)",
    ]
    assert labels(answer) == [["Resend 1", "Resend 2"], ["Show failed results"]]
    assert answer.view is not None
    assert answer.view.is_persistent()


@pytest.mark.parametrize(("record", "shown"), [(POSTED, 10), (UNSURE, 8)])
async def test_a_full_page_has_ten_results_and_a_button_for_each_failed_one(record: OutcomeRecord, shown: int) -> None:
    page = OutcomePage((record,) * PAGE, skipped=20, more=True)
    answer = results_reply(page, OutcomeCounts(30, 0, None), MENTIONS)
    lines = answer.content.split("\n")
    assert [line.split(".")[0] for line in lines[1 : shown + 1]] == [str(place) for place in range(1, shown + 1)]
    reason = ["-# 1 to 8: May have arrived. If it's missing, resend it; *Read Message History* prevents this."]
    assert lines[shown + 1 :] == (reason if record is UNSURE else [])
    rows = labels(answer)
    assert len(rows) <= 5
    assert rows[-1] == ["Previous results", "More results"]
    assert sum(label.startswith("Resend") for row in rows for label in row) == (8 if record is UNSURE else 0)
    assert answer.view is not None
    assert [button["custom_id"] for button in components_of(answer.view)[-1]["components"]] == [
        "results:previous:10",
        f"results:more:{20 + shown}",
    ]


async def test_common_reasons_are_given_once() -> None:
    other = replace(GIVEN_UP, reason=Reason.FAULT)
    page = OutcomePage((GIVEN_UP, other, GIVEN_UP), skipped=0, more=False)
    lines = results_reply(page, OutcomeCounts(3, 0, None), MENTIONS).content.split("\n")
    assert lines[1:] == [
        "1. **Not posted** · <#5> · <t:60:R> · a paper boat",
        (
            "2. **Not posted** · <#5> · <t:60:R> · a paper boat · "
            "Something broke on my side; see the bot's log. You can resend it."
        ),
        "3. **Not posted** · <#5> · <t:60:R> · a paper boat",
        "-# 1 and 3: I couldn't post there for 3 days. Allow it or unlock the thread, then resend it.",
    ]


async def test_a_reason_common_to_differently_posted_results_is_given_once() -> None:
    as_link, wordless, failed = (
        replace(record, variant=form.format())
        for record, form in (
            (POSTED, Variant(no_files=True, why=Cause.UNKNOWN)),
            (POSTED, Variant(without_api_text=True, why=Cause.UNKNOWN)),
            (replace(GIVEN_UP, reason=Reason.REFUSED), Variant(without_api_text=True, why=Cause.UNKNOWN)),
        )
    )
    page = OutcomePage((failed, as_link, as_link, wordless), skipped=0, more=False)
    answer = results_reply(page, OutcomeCounts(1, 0, None), MENTIONS)
    lines = answer.content.split("\n")
    assert [line.rpartition(" · ")[2] for line in lines[1:5]] == [
        "Check AutoMod, then resend it.",
        "[Jump to it](https://discord.com/channels/4/5/6)",
        "[Jump to it](https://discord.com/channels/4/5/6)",
        "Without its prompt.",
    ]
    assert lines[5:] == ["-# 1 to 4: Discord rejected it for no known reason.", "-# 2 and 3: As a link."]


async def test_failed_results_can_be_shown_alone() -> None:
    mixed = OutcomePage((GIVEN_UP, *(POSTED,) * 9), skipped=0, more=True)
    assert labels(results_reply(mixed, OutcomeCounts(1, 0, None), MENTIONS))[-1] == [
        "More results",
        "Show failed results",
    ]
    failed = OutcomePage((GIVEN_UP,), 0, more=False, only_failed=True)
    answer = results_reply(failed, OutcomeCounts(1, 0, None), MENTIONS)
    assert labels(answer) == [["Resend 1"], ["Show all results"]]
    assert answer.view is not None
    assert components_of(answer.view)[0]["components"][0]["custom_id"] == "results:send:1:6:failed:0"


async def test_the_longest_page_still_shows_each_result() -> None:
    job = snapshots.dump(Job("job", JobState.COMPLETED, "completed", prompt="*" * 400))
    big = 1_999_999_999_999_999_999
    for reason in Reason:
        for state in DeliveryState:
            record = replace(POSTED, guild_id=big, channel_id=big, message_id=big, snapshot=job, job_id=99_999)
            form = Variant(no_files=True, why=Cause.UPLOADS_LIMITED).format()
            record = replace(record, state=state, reason=reason, blocked_since=1_790_000_000_000, variant=form)
            page = OutcomePage((record,) * PAGE, skipped=0, more=True)
            mentions = CommandMentions({"pixverse": big, "pixverse-admin": big})
            answer = results_reply(page, OutcomeCounts(500, 500, 1), mentions)
            assert "\n5. **" in answer.content, (state, reason)
            assert "More results" in labels(answer)[-1]


async def test_without_results_to_resend_there_is_no_button() -> None:
    gone = replace(GIVEN_UP, reason=Reason.CHANNEL_GONE)
    answer = results_reply(OutcomePage((gone,), skipped=0, more=False), OutcomeCounts(1, 0, None), MENTIONS)
    assert answer.view is None
    assert answer.content.endswith("#7 · The channel is gone; </pixverse status:11> can post it elsewhere.")


def test_no_results() -> None:
    answer = results_reply(OutcomePage((), skipped=0, more=False), NONE_FAILED, MENTIONS)
    assert answer.content == "**No results on this server yet.** Start with </pixverse status:11>."


async def test_a_resent_result_is_shown_above_the_fresh_list() -> None:
    for result, begins in (
        (SentAgain(7, 5, fresh=True, posted=False), "**Resending #7** in <#5>.\n1. **Posted**"),
        (SentAgain(7, 5, fresh=False, posted=True), "**Already posted.** The result of #7 is in <#5>.\n1. **Posted**"),
        (SentAgain(7, 5, fresh=False, posted=False), "**Already on its way.**"),
    ):
        page = OutcomePage((POSTED,), skipped=0, more=False)
        assert results_reply(page, NONE_FAILED, MENTIONS, sent_again(result)).content.startswith(begins)


@pytest.mark.parametrize("reason", [Reason.NO_PERMISSION, Reason.UNKNOWN_CHANNEL])
async def test_how_long_a_result_waited_is_shown(reason: Reason) -> None:
    page = OutcomePage((replace(GIVEN_UP, reason=reason),), skipped=0, more=False)
    answer = results_reply(page, OutcomeCounts(1, 0, None), MENTIONS)
    assert f" for {BLOCKED_FOR_AT_MOST // (24 * 60 * MINUTE)} days." in answer.content
