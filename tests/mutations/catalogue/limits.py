"""What one person can make the bot do is bounded."""

from __future__ import annotations

from tests.mutations.mutation import mutation

_ALLOWANCES = "tests/relay/test_allowances.py"
_DOOR = "tests/discord_adapter/test_interaction_limits.py"
_LIMITS = "tests/e2e/test_limits.py"
_LISTS = "tests/pixverse/test_recent_lists.py"
_LOOKUPS = "tests/relay/commands/test_lookups.py"
_QUESTIONS = "tests/relay/polling/test_job_fetcher.py"
_REQUESTS = "tests/e2e/test_member_requests.py"

MUTATIONS = (
    mutation(
        "people can cause any number of requests",
        f"{_ALLOWANCES}::test_never_more_than_the_burst_plus_the_rate_times_the_time",
        "Allowances._require",
        "if wait > 0:\n    raise TooFast",
        "if wait > 10**9:\n    raise TooFast",
    ),
    mutation(
        "one person can use up an account's whole allowance",
        f"{_ALLOWANCES}::test_one_person_never_makes_another_wait",
        "Allowances.take",
        "self._require(max(self._people.wait(person, requests), self._accounts.wait(account_id, needed)))",
        "self._require(self._accounts.wait(account_id, needed))",
    ),
    mutation(
        "an account has no allowance of its own",
        f"{_REQUESTS}::test_twenty_members_at_once",
        "Allowances.take",
        "self._require(max(self._people.wait(person, requests), self._accounts.wait(account_id, needed)))",
        "self._require(self._people.wait(person, requests))",
    ),
    mutation(
        "a used-up bucket never refills",
        f"{_ALLOWANCES}::test_waiting_for_the_stated_time_is_enough",
        "Buckets._level",
        "level + (self._clock.monotonic() - at) * self._refill.per_second",
        "level",
    ),
    mutation(
        "reserved but unused requests are lost",
        f"{_ALLOWANCES}::test_all_or_nothing_is_reserved_and_unused_requests_are_returned",
        "Allowance.close",
        "self._allowances.give_back(self._account_id, self._user_id, self._reserved)\n",
        "",
    ),
    mutation(
        "buckets are kept forever",
        f"{_ALLOWANCES}::test_full_buckets_are_forgotten_and_their_number_is_bounded",
        "Buckets.take",
        "self._levels[key] = (max(0.0, level - tokens), self._clock.monotonic())\nself._forget()\n",
        "self._levels[key] = (max(0.0, level - tokens), self._clock.monotonic())\n",
    ),
    mutation(
        "tokens are tried without limit",
        f"{_REQUESTS}::test_token_trials_are_limited",
        "TokenService.set_token",
        "self._allowances.take_token_trial(ask.guild_id, ask.user_id)\n",
        "",
    ),
    mutation(
        "the admins' check makes requests without limit",
        f"{_REQUESTS}::test_the_admins_check_uses_the_same_allowance",
        "CheckService._try_token",
        "self._allowances.take(account_id, ask.user_id, _REQUESTS_OF_A_TRIAL)\n",
        "",
    ),
    mutation(
        "the later requests of a lookup are not counted",
        f"{_LISTS}::test_a_request_without_allowance_is_not_made",
        "RecentLists.get_json",
        "terms.spend()\n",
        "",
    ),
    mutation(
        "lists are fetched for every id of a command",
        f"{_REQUESTS}::test_a_watch_of_25_unknown_ids_requests_the_lists_once",
        "RecentLists.get_json",
        "if known is None or (known.fetching.done() and now - known.at >= terms.fresh):",
        "if 1:",
    ),
    mutation(
        "lists are kept forever",
        f"{_LISTS}::test_old_lists_are_forgotten",
        "RecentLists.get_json",
        "self._forget_old(now)\n",
        "",
    ),
    mutation(
        "a job that was not found is requested again by everybody",
        f"{_QUESTIONS}::test_not_found_is_remembered_for_people_but_not_for_the_schedule",
        "JobFetcher._known_to_people",
        "if missing is not None and self._clock.monotonic() - missing.monotonic < fresh:\n",
        "if 0:\n",
    ),
    mutation(
        "a person who runs out of requests takes the response from others",
        f"{_QUESTIONS}::test_a_person_without_allowance_is_told_and_others_get_their_response",
        "JobFetcher._of_others",
        "with suppress(TooFast):\n",
        "with suppress():\n",
    ),
    mutation(
        "a job that could not be looked up is watched, and so polled",
        f"{_LOOKUPS}::test_a_job_that_could_not_be_looked_up_is_reported_and_not_watched",
        "_why_unknown",
        "return EntryStatus.NOT_LOOKED_UP\n",
        "return None\n",
    ),
    mutation(
        "posting an old outcome requests its links without counting",
        f"{_LOOKUPS}::test_posting_an_ended_job_counts_the_request_for_fresh_links",
        "Watch._look_up",
        "self._lookups.prepay(ask, row.account_id)\n",
        "pass\n",
    ),
    mutation(
        "commands are not counted",
        f"{_LIMITS}::test_every_command_counts_whatever_its_result",
        "CountingTree.interaction_check",
        "return await self.client.button_handlers.lets_in(interaction)",
        "return True",
    ),
    mutation(
        "buttons are not counted",
        f"{_LIMITS}::test_buttons_that_only_show_something_have_a_generous_limit",
        "_Button.interaction_check",
        "return await handlers_of(interaction).lets_in(interaction)",
        "return True",
    ),
    mutation(
        "temporary buttons are not counted",
        f"{_LIMITS}::test_every_command_counts_whatever_its_result",
        "TemporaryView.interaction_check",
        "return await handlers_of(interaction).lets_in(interaction)",
        "return True",
    ),
    mutation(
        "autocomplete is not counted",
        f"{_LIMITS}::test_autocomplete_has_its_own_generous_limit",
        "InteractionLimiter._count",
        "self._use(self._typing, person)\n",
        "pass\n",
    ),
    mutation(
        "buttons that do something count as if they only showed something",
        f"{_DOOR}::test_every_kind_is_counted",
        "changes_nothing",
        "_BY_PREFIX[prefix].effect is Effect.NONE and rest.isdecimal()",
        "rest.isdecimal()",
    ),
    mutation(
        "the interaction limiter remembers everybody forever",
        f"{_DOOR}::test_what_is_remembered_of_people_is_bounded",
        "CommandRate._forget_idle",
        " or len(self._used) > _MAX_KEYS",
        "",
    ),
    mutation(
        "each typed letter reads every snapshot",
        "tests/relay/commands/test_commands.py::test_no_more_snapshots_are_read_than_choices_shown",
        "relay._fitting",
        "snapshots.prompt_of(row.snapshot).casefold()",
        '(getattr(snapshots.load(row.snapshot), "prompt", None) or "").casefold()',
    ),
    mutation(
        "replies keep their button, and the bot their memory",
        f"{_LIMITS}::test_only_a_person_s_latest_replies_keep_a_temporary_button",
        "TemporaryViews.keep",
        "await old.take_off()\n",
        "pass\n",
    ),
    mutation(
        "four people delay everybody with the same token",
        f"{_REQUESTS}::test_members_of_one_server_delay_nobody_in_another_with_the_same_token",
        "KEPT_BACK",
        "KEPT_BACK = 20",
        "KEPT_BACK = 0",
    ),
    mutation(
        "a person who uses all they may counts as one who asks little",
        "tests/relay/test_allowances.py::test_people_who_use_all_they_may_make_nobody_else_wait",
        "Allowances.take",
        "self._light_use.take(person, requests)\n",
        "",
    ),
    mutation(
        "returned requests count against those who ask little",
        f"{_ALLOWANCES}::test_returned_requests_do_not_count_as_use",
        "Allowances.give_back",
        "self._light_use.give_back(person, requests)\n",
        "",
    ),
    mutation(
        "a person's limit does not apply to an ended job that is on hold",
        "tests/relay/commands/test_commands.py::test_a_person_at_the_limit_cannot_join_an_ended_job_that_is_on_hold",
        "subscribe.subscribe",
        "if on_hold or (needs_lookup(known) and not ends_now):",
        "if needs_lookup(known) and not ends_now:",
    ),
    mutation(
        "rounding keeps a bucket from being full when it said it would be",
        f"{_ALLOWANCES}::test_a_bucket_is_refilled_once_the_wait_that_it_named_is_over",
        "Buckets.wait",
        "missing <= _ROUNDING",
        "missing <= 0",
    ),
    mutation(
        "a server over a limit that was lowered takes jobs of a follow",
        "tests/relay/follow/test_account_follower.py"
        "::test_nothing_is_taken_while_a_server_is_over_a_limit_that_was_lowered",
        "JobImporter._subscribe_batch",
        "max(0, self._max_open - await subscriptions.count_open_of_guild(tx, follow.guild_id))",
        "self._max_open - await subscriptions.count_open_of_guild(tx, follow.guild_id)",
    ),
)
