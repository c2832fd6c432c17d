from __future__ import annotations

from dataclasses import replace

from pixverse.job import Job, JobState
from relay import snapshots
from relay.commands.resending import SentAgain
from relay.outcomes import Reason
from storage.outcome_records import OutcomeCounts, OutcomePage, OutcomeRecord
from tests.ui.samples import components_of
from ui.mentions import CommandMentions
from ui.results import PAGE, results_answer, sent_again_answer

MENTIONS = CommandMentions({"pixverse": 11, "pixverse-admin": 12})
JOB = snapshots.dump(Job("job", JobState.COMPLETED, "completed", prompt="a paper boat"))
POSTED = OutcomeRecord(8, 1, 7, 5, JOB, "posted", None, "", None, 1_000, 1_000, 60_000)
BLOCKED = replace(POSTED, state="waiting", reason=Reason.NO_PERMISSION, blocked_since=1_000, settled_at=None)
GIVEN_UP = replace(POSTED, delivery_id=6, state="given_up", reason=Reason.NO_PERMISSION)
UNSURE = replace(POSTED, delivery_id=5, state="unsure", reason=Reason.CANNOT_LOOK)


async def test_a_page_says_what_became_of_each_and_what_to_do() -> None:
    page = OutcomePage((POSTED, BLOCKED, GIVEN_UP, UNSURE), skipped=8, more=True)
    answer = results_answer(page, OutcomeCounts(2, 1, 1_000), MENTIONS)

    assert answer.content.split("\n") == [
        "**2 results were not posted.** 1 result waits.",
        "1. **Posted** · <#5> · <t:60:R> · a paper boat",
        "2. **Waiting** · <#5> · <t:1:R> · a paper boat",
        "-# I'm not allowed to post there. It will be posted once that is fixed, until <t:259201:f>.",
        "3. **Not posted** · <#5> · <t:60:R> · a paper boat",
        "-# I had no permission there for 3 days. Allow it in the channel's settings, then resend it.",
        "4. **Not posted** · <#5> · <t:60:R> · a paper boat",
        (
            "-# The connection broke while I was sending it, and I may not read the channel's history, so I can't tell "
            "whether it arrived. If it's missing, resend it. *Read Message History* prevents this."
        ),
    ]
    assert answer.view is not None
    rows = [[button["label"] for button in row["components"]] for row in components_of(answer.view)]
    assert rows == [["Resend 3", "Resend 4"], ["Previous results", "More results"]]
    assert answer.view.is_persistent()


async def test_a_full_page_has_no_more_than_ten_lines_and_five_rows() -> None:
    page = OutcomePage((UNSURE,) * PAGE, skipped=8, more=True)
    answer = results_answer(page, OutcomeCounts(9, 0, None), MENTIONS)
    assert len(answer.content.split("\n")) <= 10
    assert answer.view is not None
    assert [len(row["components"]) for row in components_of(answer.view)] == [2, 2, 2]


async def test_where_nothing_can_be_sent_again_there_is_no_button() -> None:
    gone = replace(GIVEN_UP, reason=Reason.CHANNEL_GONE)
    answer = results_answer(OutcomePage((gone,), skipped=0, more=False), OutcomeCounts(1, 0, None), MENTIONS)
    assert answer.view is None
    assert answer.content.endswith("The channel is gone. </pixverse status:11> with `#7` posts it in another one.")


def test_no_results() -> None:
    answer = results_answer(OutcomePage((), skipped=0, more=False), OutcomeCounts(0, 0, None), MENTIONS)
    assert answer.content == "**No results on this server yet.** Start with </pixverse status:11>."


def test_sent_again() -> None:
    assert sent_again_answer(SentAgain(7, 5, fresh=True, posted=False)).content.startswith("**Resending #7**")
    assert sent_again_answer(SentAgain(7, 5, fresh=False, posted=True)).content.startswith("**Already posted.**")
    assert sent_again_answer(SentAgain(7, 5, fresh=False, posted=False)).content.startswith("**Already on its way.**")
