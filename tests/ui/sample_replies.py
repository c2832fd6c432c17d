"""Every answer to a person alone, made of nasty or of plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

from model import snapshots
from model.job import Job, Outcome
from model.messages import Cause, ClaimedUser, Obstacle
from model.states import AccountState, DeliveryState, Reason
from pixverse.jobids import LooksLikeSecret, NotAJobId, OtherKind, OtherService, SeveralIds
from relay.accounts.rechecks import Recheck
from relay.commands import refusals
from relay.commands.job_checks import Checked, CheckedBefore, NotChecked, Peek, Unchecked
from relay.commands.job_queries import JobDetails, Listed
from relay.commands.resending import SentAgain
from relay.commands.stop import Stopped, StoppedAll, TakenOff
from relay.commands.watch import AlreadyPosted, AlreadyWatched, ImmediatePost, NowWatching, PostingOutcome
from relay.commands.watch_many import EntryStatus, WatchEntry, WatchResult
from storage.delivery_queries import OutcomeCounts, OutcomePage, OutcomeRecord
from tests.ui.samples import HERE, JOBID, MENTIONS, NOW, PERMISSIONS, PERSON, Words, jobs, named_jobs, nasty
from ui import admin_replies, list_replies, watch_replies
from ui import member_replies as answers
from ui.admin_replies import (
    callback_address_reply,
    callbacks_need_token_reply,
    callbacks_off_reply,
    replace_address_question,
)
from ui.check_reply import ChannelAccess, CheckReport, Followed, check_reply
from ui.deliveries_reply import PAGE, posted_after_all, results_reply, sent_again
from ui.details_reply import details_replies
from ui.language import LANGUAGES
from ui.member_replies import forget_question, forgotten_reply, kept_reply
from ui.message import Reply
from ui.refusal_replies import (
    discord_silent_reply,
    foreign_channel_reply,
    left_button_reply,
    locked_thread_reply,
    missing_permission_reply,
    not_served_reply,
    only_in_servers_reply,
    own_fault_reply,
    refusal_reply,
    refused_reply,
    restarting_reply,
    unseen_channel_reply,
)

_TROUBLES = (AccountState.REFUSED, AccountState.UNPAID, AccountState.MISSING)


async def press(interaction: object) -> None:
    """The handler of a button."""


def answers_on_one_job(words: Words) -> Iterator[Reply]:
    for job in jobs(words):
        for yes in (True, False):
            yield answers.status_reply(NowWatching(1, job, ImmediatePost(PERSON if yes else None), yes, not yes), HERE)
            yield answers.status_reply(NowWatching(1, job, ImmediatePost(PERSON), yes, yes), HERE)
            yield answers.status_reply(AlreadyWatched(1, ImmediatePost(PERSON), yes, yes, not yes), HERE)
            yield answers.mention_reply(1, mention=yes)
        for outcome in Outcome:
            for state in DeliveryState:
                yield answers.status_reply(AlreadyPosted(1, job, outcome, PERSON, state), HERE)
            yield answers.status_reply(PostingOutcome(job, outcome), HERE)
            yield from details_replies(JobDetails(7, JOBID, job, outcome, NOW - 5_000, NOW))
        for ended in (None, *Outcome):
            yield answers.peek_reply(Peek(JOBID, job, ended, True), press)
            yield answers.peek_reply(Peek(JOBID, job, ended, False), press)
            yield answers.peek_reply(Peek(JOBID, job, None, False, on_hold=True), press)
            yield answers.checked_reply(Checked(job, ended, True), HERE)
            yield answers.checked_reply(Checked(job, ended, False), HERE)
            yield answers.checked_reply(CheckedBefore(job), HERE)
        yield from _answers_on_trouble(job)
        for obstacles in ((), PERMISSIONS, *((obstacle,) for obstacle in Obstacle)):
            watching = NowWatching(1, job, ImmediatePost(PERSON), True, False)
            yield answers.status_reply(watching, HERE, obstacles)
        yield answers.stop_reply(Stopped())
        for others in (0, 1, 4):
            yield answers.stop_reply(TakenOff(others))
            yield answers.stop_reply(TakenOff(others, followed=True))
    for stopped in (0, 1, 25):
        for kept in (0, 1, 25):
            yield answers.stopped_all_reply(StoppedAll(stopped, kept))
    yield answers.posted_again_reply(7)


def _answers_on_trouble(job: Job | None) -> Iterator[Reply]:
    for why in Unchecked:
        yield answers.checked_reply(NotChecked(job, why), HERE)
    for hold in _TROUBLES:
        yield answers.status_reply(NowWatching(1, job, ImmediatePost(PERSON), True, False, hold), HERE)
        yield answers.status_reply(AlreadyWatched(1, ImmediatePost(PERSON), True, False, hold=hold), HERE)


def answers_on_lists(words: Words) -> Iterator[Reply]:
    for status in EntryStatus:
        for size in (1, 25):
            entries = tuple(
                WatchEntry(f"{n}{words('jobid')}{n:08}", status, PERSON - 1 - n, True, words("service"))
                for n in range(size)
            )
            yield watch_replies.watch_reply(WatchResult(entries, ImmediatePost(PERSON), True), HERE)
            for state in DeliveryState if status is EntryStatus.ALREADY_POSTED else ():
                posted = AlreadyPosted(1, None, Outcome.COMPLETED, PERSON, state)
                known = tuple(replace(entry, posted=posted) for entry in entries)
                yield watch_replies.watch_reply(WatchResult(known, ImmediatePost(PERSON), True), HERE)
            numbered = replace(entries[0], text="#7")
            yield watch_replies.watch_reply(WatchResult((numbered,), ImmediatePost(), False), HERE)
            for hold in _TROUBLES:
                yield watch_replies.watch_reply(WatchResult(entries, ImmediatePost(PERSON), True, hold), HERE)
                yield watch_replies.watch_reply(WatchResult((numbered,), ImmediatePost(), False, hold), HERE)
            yield watch_replies.watch_menu_reply(WatchResult(entries, ImmediatePost(PERSON), True), HERE, 500)
            yield watch_replies.watch_menu_reply(
                WatchResult(entries, ImmediatePost(PERSON), True), HERE, size, PERMISSIONS
            )
    yield watch_replies.no_ids_reply()
    for named in named_jobs(words):
        for size in (0, 1, 10, 500):
            for on_hold in (False, True):
                listed = tuple(Listed(n, named[n], PERSON - n, True, on_hold) for n in range(size))
                yield from list_replies.listing_replies(listed, HERE, MENTIONS)
        for hold in _TROUBLES:
            waiting = tuple(Listed(n, named[n], PERSON - n, True, False, hold) for n in range(2))
            yield from list_replies.listing_replies(waiting, HERE, MENTIONS)


USER, CLAIMED = ClaimedUser("4321", confirmed=True), ClaimedUser("4321", confirmed=False)


def answers_of_refusals(words: Words) -> Iterator[Reply]:
    every = (
        NotAJobId(),
        LooksLikeSecret(),
        OtherService(words("service")),
        OtherKind("PixVerse music"),
        SeveralIds(),
        refusals.TooFast(NOW),
        refusals.NoToken(),
        refusals.AccountInTrouble(AccountState.REFUSED),
        refusals.AccountInTrouble(AccountState.MISSING),
        refusals.TokenReplaced(),
        refusals.AccountInTrouble(AccountState.UNPAID),
        refusals.NotFound(),
        refusals.NumberUnknown(),
        refusals.Expired(),
        refusals.ApiDown(),
        refusals.IdRefused(),
        refusals.PersonLimit(50),
        refusals.ServerLimit(1),
        refusals.TooManyJobs(60, 25),
        refusals.NotYours(tuple(range(PERSON - 50, PERSON))),
        refusals.NotYours(()),
        refusals.NotWatchedHere(),
        refusals.NothingToDo(),
        refusals.NoOwnToken(),
        refusals.TokenChanged(),
        refusals.NotFollowed(),
    )
    for refusal in every:
        for manager in (True, False):
            answer = refusal_reply(refusal, MENTIONS, manager=manager, look_again=press)
            assert answer is not None, refusal
            yield answer
    yield missing_permission_reply(PERMISSIONS)
    yield missing_permission_reply(())
    yield locked_thread_reply()
    yield foreign_channel_reply()
    yield unseen_channel_reply()
    yield discord_silent_reply()
    yield restarting_reply()
    yield left_button_reply()
    yield only_in_servers_reply()
    yield not_served_reply()
    yield own_fault_reply(words("reference"))
    for cause in Cause:
        yield refused_reply(cause)


def answers_to_admins() -> Iterator[Reply]:
    yield admin_replies.not_allowed_reply()
    for number in (0, 1, 500):
        yield admin_replies.token_works_reply(USER, number, MENTIONS)
        yield admin_replies.token_works_reply(None, number, MENTIONS)
        yield admin_replies.token_renewed_reply(number)
        yield admin_replies.token_of_other_account_reply(number, 1, USER, 2)
        yield admin_replies.token_of_other_account_reply(number, 500, None, 2)
        for channels in ((), (7,), tuple(range(7, 17))):
            yield admin_replies.old_jobs_kept_reply(number, len(channels), 2)
            yield admin_replies.old_jobs_dropped_reply(number, channels, MENTIONS)
            yield admin_replies.token_removed_reply(number, channels, MENTIONS)
        yield admin_replies.token_remove_question(number, number, 2, operators_token=True)
        yield admin_replies.token_remove_question(number, 0, 2, operators_token=False)
    for has_token in (True, False):
        for why in admin_replies.NOT_STORED:
            yield admin_replies.not_stored_reply(why, has_token=has_token)
    yield admin_replies.token_overtaken_reply(MENTIONS)
    yield admin_replies.token_works_reply(CLAIMED, 0, MENTIONS)
    yield admin_replies.no_own_token_reply(MENTIONS)


def _answers_on_follows() -> Iterator[Reply]:
    for account in (USER, CLAIMED, None):
        yield admin_replies.follow_question(account, HERE.channel_id, 2, progress=True)
        yield admin_replies.following_reply(account, HERE.channel_id, MENTIONS)
    yield admin_replies.chosen_cannot_post_reply(HERE.channel_id, PERMISSIONS)
    yield admin_replies.nothing_changed_reply()
    for number in (0, 1, 500):
        yield admin_replies.unfollowed_reply(HERE.channel_id, number)
    yield admin_replies.alerts_set_reply(HERE.channel_id)
    for language in LANGUAGES:
        for as_server in (True, False):
            yield admin_replies.language_set_reply(language, as_server=as_server)
    for url in ("https://relay.example.org/callback/" + "A" * 43, "http://127.0.0.1:8080/a/b/callback/-" + "_" * 42):
        yield callback_address_reply(url, 2**56 - 1)
        yield callback_address_reply(url, 0, replaced=True)
    yield replace_address_question(2**56 - 1)
    for interval in (100, 20_000, 3_600_000):
        yield callbacks_off_reply(interval)
    yield callbacks_need_token_reply(MENTIONS)
    yield forget_question()
    yield forgotten_reply()
    yield kept_reply()


def _check_replies() -> Iterator[Reply]:
    for token in Recheck:
        well = CheckReport(token, CLAIMED, False, NOW, (), False, 10_485_760, 3, NOW - 60_000, 0, None)
        yield check_reply(well, MENTIONS)
        worst = replace(
            well, operators_token=True, missing=PERMISSIONS, waiting=9, alerts_channel=5, alerts_missing=PERMISSIONS
        )
        yield check_reply(worst, MENTIONS)
        for missing in ((), PERMISSIONS):
            for other_account in (True, False):
                followed = tuple(Followed(HERE.channel_id - n, missing, other_account) for n in range(9))
                yield check_reply(replace(well, followed=followed, callback_heard_at=NOW - 9_000), MENTIONS)
            needing = tuple(ChannelAccess(HERE.channel_id - n, missing) for n in range(9))
            yield check_reply(replace(well, waiting=9, waiting_since=NOW - 30_000, needing=needing), MENTIONS)
        for on_hold in (1, 2):
            yield check_reply(replace(well, on_hold=on_hold), MENTIONS)
        for not_posted in (1, 2):
            yield check_reply(replace(well, not_posted=not_posted), MENTIONS)
        held_up = replace(well, waiting=9, waiting_since=NOW - 30_000, held_up=True, api_down_since=NOW - 20_000)
        yield check_reply(held_up, MENTIONS)
        yield check_reply(replace(held_up, held_up=False), MENTIONS)
        yield check_reply(replace(held_up, trouble=Recheck.REFUSED), MENTIONS)
        for obstacle in Obstacle:
            yield check_reply(replace(well, missing=(obstacle,)), MENTIONS)
        yield check_reply(replace(well, refused=True, upload_limit=None), MENTIONS)
        yield check_reply(replace(well, uploads_limited=True, alerts_channel=5), MENTIONS)
        yield check_reply(replace(worst, locked=True, account=None, tried_at=None, upload_limit=None), MENTIONS)


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


def answers_on_results(words: Words) -> Iterator[Reply]:
    for named in named_jobs(words):
        stored = [None if job is None else snapshots.dump(job) for job in named[:PAGE]]
        for state in DeliveryState:
            for reason in (None, *Reason):
                records = tuple(_record(n, snapshot, state, reason) for n, snapshot in enumerate(stored))
                page = OutcomePage(records, skipped=8, more=True)
                yield results_reply(page, OutcomeCounts(1, 0, None), MENTIONS)
                blocked = replace(records[0], blocked_since=NOW - 60_000, settled_at=NOW)
                alone = OutcomePage((blocked,), skipped=0, more=False)
                yield results_reply(alone, OutcomeCounts(500, 1, NOW), MENTIONS)
    plain = OutcomeRecord(
        1, 1, 7, HERE.guild_id, HERE.channel_id, None, None, DeliveryState.POSTED, None, "", None, NOW, NOW, NOW
    )
    for counts in (OutcomeCounts(0, 0, None), OutcomeCounts(0, 2, NOW)):
        yield results_reply(OutcomePage((plain,), skipped=0, more=False), counts, MENTIONS)
    yield results_reply(OutcomePage((), skipped=8, more=False), OutcomeCounts(0, 2, NOW), MENTIONS)
    yield results_reply(OutcomePage((), skipped=0, more=False), OutcomeCounts(0, 0, None), MENTIONS)
    for fresh, posted in ((True, False), (False, True), (False, False)):
        result = SentAgain(7, HERE.channel_id, fresh=fresh, posted=posted)
        page = OutcomePage(
            tuple(_record(n, None, DeliveryState.POSTED, None) for n in range(PAGE)), skipped=0, more=True
        )
        for news in (sent_again(result), posted_after_all(result)):
            yield results_reply(page, OutcomeCounts(1, 2, NOW), MENTIONS, news)
    yield results_reply(OutcomePage((), 0, more=False, only_failed=True), OutcomeCounts(0, 0, None), MENTIONS)


def longest_answers() -> Iterator[Reply]:
    """With as many links as bring them to any length, and with a different lack in each channel."""
    for linked in range(26):
        entries = tuple(
            WatchEntry(f"{n:08}", EntryStatus.ALREADY_WATCHED, PERSON - n, True, on_hold=True)
            if n < linked
            else WatchEntry(f"{n:08}", EntryStatus.OTHER_KIND, None, True, "PixVerse music" * 2)
            for n in range(25)
        )
        result = WatchResult(entries, ImmediatePost(PERSON), True, AccountState.MISSING)
        yield watch_replies.watch_menu_reply(result, HERE, 500, PERMISSIONS)
    missing = [some for size in (5, 4) for some in combinations(PERMISSIONS, size)][:5]
    channels = range(HERE.channel_id, HERE.channel_id - 15, -1)
    yield check_reply(
        CheckReport(
            token=Recheck.REFUSED,
            account=CLAIMED,
            operators_token=True,
            tried_at=NOW,
            missing=PERMISSIONS,
            locked=False,
            upload_limit=10_485_760,
            watching=500,
            oldest=NOW - 60_000,
            waiting=500,
            alerts_channel=5,
            alerts_missing=PERMISSIONS,
            waiting_since=NOW - 30_000,
            needing=tuple(ChannelAccess(channel, missing[n % 5]) for n, channel in enumerate(channels)),
            followed=tuple(
                Followed(channel, missing[n] if n < 5 else (), n % 2 == 0) for n, channel in enumerate(channels)
            ),
            uploads_limited=True,
            callback_heard_at=NOW - 9_000,
            api_down_since=NOW - 20_000,
        ),
        MENTIONS,
    )


def all_answers(words: Words) -> Iterator[Reply]:
    yield from answers_on_one_job(words)
    yield from answers_on_lists(words)
    yield from answers_of_refusals(words)
    yield from answers_to_admins()
    yield from _answers_on_follows()
    yield from _check_replies()
    yield from answers_on_results(words)
    if words is nasty:  # they say many things twice
        yield from longest_answers()
