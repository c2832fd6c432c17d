"""Every answer to a person alone, made of nasty or of plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from model import snapshots
from model.job import Job, Outcome
from model.messages import ClaimedUser
from model.states import DeliveryState, Reason
from pixverse.jobids import LooksLikeSecret, NotAJobId, OtherKind, OtherService, SeveralIds
from relay.commands import refusals, results
from relay.commands.resending import SentAgain
from storage.delivery_queries import OutcomeCounts, OutcomePage, OutcomeRecord
from tests.ui.samples import HERE, JOBID, MENTIONS, NOW, PERMISSIONS, PERSON, Words, jobs, nth
from ui import admin_replies as admin_answers
from ui import job_replies as answers
from ui import lists
from ui.admin_replies import (
    callback_address_answer,
    callback_replaced_answer,
    callbacks_need_token_answer,
    callbacks_off_answer,
    replace_address_question,
)
from ui.check_report import CheckReport, Followed, NeedsPermission, TokenState, check_answer
from ui.delivery_list import PAGE, posted_after_all, results_answer, sent_again
from ui.details import details_answers
from ui.job_replies import forget_question, forgotten_answer, kept_answer
from ui.refusal_replies import (
    discord_silent_answer,
    foreign_channel_answer,
    left_button_answer,
    locked_thread_answer,
    missing_permission_answer,
    not_served_answer,
    only_in_servers_answer,
    own_fault_answer,
    refusal_answer,
    restarting_answer,
    unseen_channel_answer,
)
from ui.reply import Answer


async def press(interaction: object) -> None:
    """Stands where a button's deed is passed in."""


def answers_on_one_job(words: Words) -> Iterator[Answer]:
    for job in jobs(words):
        for yes in (True, False):
            yield answers.status_answer(results.NowWatching(1, job, PERSON if yes else None, yes, not yes), HERE)
            yield answers.status_answer(results.NowWatching(1, job, PERSON, yes, yes), HERE)
            yield answers.status_answer(results.AlreadyWatched(1, PERSON, yes, yes, not yes), HERE)
            yield answers.mention_answer(results.MentionSet(1, yes))
        for outcome in Outcome:
            for state in results.OutcomeState:
                yield answers.status_answer(results.AlreadyPosted(1, job, outcome, PERSON, state), HERE)
            yield answers.status_answer(results.PostingOutcome(job, outcome), HERE)
            yield from details_answers(results.JobDetails(7, JOBID, job, outcome, NOW - 5_000, NOW))
        for ended in (None, *Outcome):
            yield answers.peek_answer(results.Peek(JOBID, job, ended, True), press)
            yield answers.peek_answer(results.Peek(JOBID, job, ended, False), press)
            yield answers.checked_answer(results.Checked(job, ended, True), HERE)
            yield answers.checked_answer(results.Checked(job, ended, False), HERE)
            yield answers.checked_answer(results.CheckedBefore(job), HERE)
        yield from _answers_on_trouble(job)
        yield answers.stop_answer(results.Stopped())
        for others in (1, 4):
            yield answers.stop_answer(results.TakenOff(others))
    for stopped in (0, 1, 25):
        for kept in (0, 1, 25):
            yield answers.stopped_all_answer(results.StoppedAll(stopped, kept))
    yield answers.posted_again_answer(results.PostedAgain(7))


def _answers_on_trouble(job: Job | None) -> Iterator[Answer]:
    for why in results.Unchecked:
        yield answers.checked_answer(results.NotChecked(job, why), HERE)
    for hold in results.Hold:
        yield answers.status_answer(results.NowWatching(1, job, PERSON, True, False, hold), HERE)
        yield answers.status_answer(results.AlreadyWatched(1, PERSON, True, False, hold=hold), HERE)


def answers_on_lists(words: Words) -> Iterator[Answer]:
    for taken in results.Taken:
        for size in (1, 25):
            entries = tuple(
                results.WatchEntry(f"{n}{words('jobid')}{n:08}", taken, PERSON - 1 - n, True, words("service"))
                for n in range(size)
            )
            yield lists.watch_answer(results.WatchResult(entries, PERSON, True), HERE)
            numbered = replace(entries[0], text="#7")
            yield lists.watch_answer(results.WatchResult((numbered,), None, False), HERE)
            for hold in results.Hold:
                yield lists.watch_answer(results.WatchResult(entries, PERSON, True, hold), HERE)
            yield lists.watch_menu_answer(results.WatchResult(entries, PERSON, True), HERE, 500)
    yield lists.no_ids_answer()
    for job in jobs(words):
        for size in (0, 1, 10, 500):
            for on_hold in (False, True):
                listed = tuple(results.Listed(n, nth(job, n), PERSON - n, True, on_hold) for n in range(size))
                yield from lists.listing_answers(results.Listing(listed), HERE, MENTIONS)
        for hold in results.Hold:
            waiting = tuple(results.Listed(n, nth(job, n), PERSON - n, True, False, hold) for n in range(2))
            yield from lists.listing_answers(results.Listing(waiting), HERE, MENTIONS)


USER, CLAIMED = ClaimedUser("4321", confirmed=True), ClaimedUser("4321", confirmed=False)


def answers_of_refusals(words: Words) -> Iterator[Answer]:
    every = (
        NotAJobId(),
        LooksLikeSecret(),
        OtherService(words("service")),
        OtherKind("PixVerse music"),
        SeveralIds(),
        refusals.TooFast(NOW),
        refusals.NoToken(),
        refusals.TokenRefused(),
        refusals.TokenMissing(),
        refusals.TokenReplaced(),
        refusals.SubscriptionUnpaid(),
        refusals.NotFound(),
        refusals.NumberUnknown(),
        refusals.Expired(),
        refusals.ApiDown(),
        refusals.QuestionRefused(),
        refusals.PersonLimit(50),
        refusals.ServerLimit(1),
        refusals.TooManyJobs(60, 25),
        refusals.NotYours(tuple(range(PERSON - 50, PERSON))),
        refusals.NotYours(()),
        refusals.NotWatchedHere(),
        refusals.NothingToDo(),
        refusals.NoOwnToken(),
        refusals.NotFollowed(),
    )
    for refusal in every:
        for manager in (True, False):
            answer = refusal_answer(refusal, MENTIONS, manager=manager, look_again=press)
            assert answer is not None, refusal
            yield answer
    yield missing_permission_answer(PERMISSIONS)
    yield missing_permission_answer(())
    yield locked_thread_answer()
    yield foreign_channel_answer()
    yield unseen_channel_answer()
    yield discord_silent_answer()
    yield restarting_answer()
    yield left_button_answer()
    yield only_in_servers_answer()
    yield not_served_answer()
    yield own_fault_answer(words("reference"))


def answers_to_admins() -> Iterator[Answer]:
    yield admin_answers.not_allowed_answer()
    for number in (0, 1, 500):
        yield admin_answers.token_works_answer(USER, number, MENTIONS)
        yield admin_answers.token_works_answer(None, number, MENTIONS)
        yield admin_answers.token_renewed_answer(number)
        yield admin_answers.token_of_other_account_answer(number, 1, USER, 2)
        yield admin_answers.token_of_other_account_answer(number, 500, None, 2)
        for channels in ((), (7,), tuple(range(7, 17))):
            yield admin_answers.old_jobs_kept_answer(number, len(channels), 2)
            yield admin_answers.old_jobs_dropped_answer(number, channels, MENTIONS)
            yield admin_answers.token_removed_answer(number, channels, MENTIONS)
        yield admin_answers.token_remove_question(number, number, 2, operators_token=True)
        yield admin_answers.token_remove_question(number, 0, 2, operators_token=False)
    for has_token in (True, False):
        yield admin_answers.token_refused_answer(has_token)
        yield admin_answers.token_unpaid_answer(has_token)
        yield admin_answers.token_untried_answer(has_token)
        yield admin_answers.discord_token_answer(has_token)
        yield admin_answers.not_a_token_answer(has_token)
    yield admin_answers.token_overtaken_answer(MENTIONS)
    yield admin_answers.token_works_answer(CLAIMED, 0, MENTIONS)
    yield admin_answers.token_kept_answer()
    yield admin_answers.no_own_token_answer(MENTIONS)
    yield admin_answers.question_outdated_answer(MENTIONS)


def _answers_on_follows_and_checks() -> Iterator[Answer]:
    for account in (USER, CLAIMED, None):
        yield admin_answers.follow_question(account, HERE.channel_id, 2, progress=True)
        yield admin_answers.following_answer(account, HERE.channel_id, MENTIONS)
    yield admin_answers.follow_cannot_post_answer(HERE, PERMISSIONS)
    yield admin_answers.not_following_answer()
    for number in (0, 1, 500):
        yield admin_answers.unfollowed_answer(HERE.channel_id, number)
    yield admin_answers.alerts_set_answer(HERE.channel_id)
    yield admin_answers.alerts_cannot_post_answer(HERE, PERMISSIONS)
    for url in ("https://relay.example.org/callback/" + "A" * 43, "http://127.0.0.1:8080/a/b/callback/-" + "_" * 42):
        yield callback_address_answer(url, 2**56 - 1)
        yield callback_replaced_answer(url, 0)
    yield replace_address_question(2**56 - 1)
    for interval in (100, 20_000, 3_600_000):
        yield callbacks_off_answer(interval)
    yield callbacks_need_token_answer(MENTIONS)
    yield forget_question()
    yield forgotten_answer()
    yield kept_answer()
    for token in TokenState:
        well = CheckReport(token, CLAIMED, False, NOW, (), False, 10_485_760, 3, NOW - 60_000, 0, None)
        yield check_answer(well, MENTIONS)
        worst = replace(
            well, operators_token=True, missing=PERMISSIONS, waiting=9, alerts_channel=5, alerts_missing=PERMISSIONS
        )
        yield check_answer(worst, MENTIONS)
        for missing in ((), PERMISSIONS):
            for other_account in (True, False):
                followed = tuple(Followed(HERE.channel_id - n, missing, other_account) for n in range(9))
                yield check_answer(replace(well, followed=followed, callback_heard_at=NOW - 9_000), MENTIONS)
            needing = tuple(NeedsPermission(HERE.channel_id - n, missing) for n in range(9))
            yield check_answer(replace(well, waiting=9, waiting_since=NOW - 30_000, needing=needing), MENTIONS)
        for on_hold in (1, 2):
            yield check_answer(replace(well, on_hold=on_hold), MENTIONS)
        for not_posted in (1, 2):
            yield check_answer(replace(well, not_posted=not_posted), MENTIONS)
        held_up = replace(well, waiting=9, waiting_since=NOW - 30_000, held_up=True, api_down_since=NOW - 20_000)
        yield check_answer(held_up, MENTIONS)
        yield check_answer(replace(held_up, held_up=False), MENTIONS)
        yield check_answer(replace(worst, locked=True, account=None, tried_at=None, upload_limit=None), MENTIONS)


def _record(number: int, snapshot: str | None, state: DeliveryState, reason: Reason | None) -> OutcomeRecord:
    return OutcomeRecord(
        PERSON - number,
        1,
        70 + number,
        HERE.guild_id,
        HERE.channel_id - number,
        PERSON - number,
        snapshot,
        state,
        reason,
        "",
        None,
        NOW,
        NOW + 60_000,
        None,
    )


def answers_on_results(words: Words) -> Iterator[Answer]:
    for job in jobs(words):
        named = [nth(job, n) for n in range(PAGE)]
        stored = [None if one is None else snapshots.dump(one) for one in named]
        for state in DeliveryState:
            for reason in (None, *Reason):
                records = tuple(_record(n, snapshot, state, reason) for n, snapshot in enumerate(stored))
                page = OutcomePage(records, skipped=8, more=True)
                yield results_answer(page, OutcomeCounts(1, 0, None), MENTIONS)
                blocked = replace(records[0], blocked_since=NOW - 60_000, settled_at=NOW)
                alone = OutcomePage((blocked,), skipped=0, more=False)
                yield results_answer(alone, OutcomeCounts(500, 1, NOW), MENTIONS)
    plain = OutcomeRecord(
        1, 1, 7, HERE.guild_id, HERE.channel_id, None, None, DeliveryState.POSTED, None, "", None, NOW, NOW, NOW
    )
    for counts in (OutcomeCounts(0, 0, None), OutcomeCounts(0, 2, NOW)):
        yield results_answer(OutcomePage((plain,), skipped=0, more=False), counts, MENTIONS)
    yield results_answer(OutcomePage((), skipped=8, more=False), OutcomeCounts(0, 2, NOW), MENTIONS)
    yield results_answer(OutcomePage((), skipped=0, more=False), OutcomeCounts(0, 0, None), MENTIONS)
    for fresh, posted in ((True, False), (False, True), (False, False)):
        result = SentAgain(7, HERE.channel_id, fresh=fresh, posted=posted)
        page = OutcomePage(
            tuple(_record(n, None, DeliveryState.POSTED, None) for n in range(PAGE)), skipped=0, more=True
        )
        for news in (sent_again(result), posted_after_all(result)):
            yield results_answer(page, OutcomeCounts(1, 2, NOW), MENTIONS, news)
    yield results_answer(OutcomePage((), 0, more=False, only_failed=True), OutcomeCounts(0, 0, None), MENTIONS)


def all_answers(words: Words) -> Iterator[Answer]:
    yield from answers_on_one_job(words)
    yield from answers_on_lists(words)
    yield from answers_of_refusals(words)
    yield from answers_to_admins()
    yield from _answers_on_follows_and_checks()
    yield from answers_on_results(words)
