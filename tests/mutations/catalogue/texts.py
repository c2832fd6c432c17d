"""What people read."""

from __future__ import annotations

from tests.mutations.mutation import mutation

_TWICE = "tests/ui/test_rules.py::test_nothing_is_said_twice"

MUTATIONS = (
    mutation(
        "a summary counts a stopped job as watched",
        "tests/ui/test_summaries.py::test_a_stopped_job_is_not_counted_as_watched",
        "cards._summary_head",
        "watched = left - post.stopped",
        "watched = left",
    ),
    mutation(
        "a summary is not told how many jobs were stopped",
        "tests/relay/cards/test_card_loop.py::test_a_summary_counts_what_was_stopped",
        "CardPosts.summary",
        "stopped=sum(row.ended_at is not None and row.stopped_by is not None for row in rows),\n",
        "",
    ),
    mutation(
        "an outcome counts its videos both in the state and in the small print",
        _TWICE,
        "outcomes._facts",
        "with_what=with_what, ",
        "",
    ),
    mutation(
        "a card without a prompt says twice what is being made",
        _TWICE,
        "ui.frame",
        "job_facts.facts(job, with_what=bool(job_facts.prompt_text(job))),",
        "job_facts.facts(job),",
    ),
    mutation(
        "each line of a summary says why jobs are on hold",
        _TWICE,
        "job_states.state_of",
        'return _("On hold")',
        'return f"On hold, {REASONS[status]}"',
    ),
    mutation(
        "an error of PixVerse's is shown as a bare number",
        "tests/ui/test_outcomes.py::test_a_numeric_reason_is_called_an_error_code",
        "outcomes._reason",
        "if words.isdecimal() else words",
        "if 0 else words",
    ),
    mutation(
        "each result gives the same advice",
        _TWICE,
        "deliveries_reply._lines",
        "[sentence for sentence in sentences if len(places[sentence]) == 1]",
        "sentences",
    ),
    mutation(
        "a person who asked for a job and its batch is mentioned twice",
        _TWICE,
        "outcomes._pinged",
        "tuple(person for person in dict.fromkeys(batch) if person not in first)",
        "tuple(dict.fromkeys(batch))",
    ),
    mutation(
        "the list hides that the token is refused",
        "tests/e2e/test_api_troubles.py::test_a_refused_token_is_reported_once_and_so_is_its_end",
        "JobQueries.list",
        "hold=self._trouble_of(row.account_id),",
        "hold=None,",
    ),
    mutation(
        "a question and its button have the same words",
        _TWICE,
        "replace_address_question",
        '"**Make a new address?**',
        '"**Replace the address?**',
    ),
    mutation(
        "a card on hold for a token is blue",
        "tests/ui/test_cards.py::test_a_card_on_hold_is_amber[token missing]",
        "cards._colour",
        "if post.status in on_hold.REASONS or",
        "if post.status in on_hold.REASONS and post.status is not CardStatus.TOKEN_MISSING or",
    ),
    mutation(
        "the card of a refused job shows its prompt openly",
        "tests/ui/test_cards.py::test_a_refused_prompt_is_never_shown_openly",
        "job_facts.prompt",
        "if words and is_refused(job)",
        "if 0",
    ),
    mutation(
        "a spoiler is ignored if the channel already waits for the job",
        "tests/relay/commands/test_commands.py::test_a_spoiler_that_anybody_requests_is_kept[False]",
        "subscribe._join",
        "if request.spoiler:\n    await subscriptions.set_spoiler(tx, here.id)\n",
        "",
    ),
    mutation(
        "check finds nothing to fix about a refused token while the API is silent",
        "tests/ui/test_check_reply.py::test_a_refused_token_stays_a_problem_while_the_api_does_not_answer",
        "CheckReport.last_known",
        "self.trouble or self.token",
        "self.token",
    ),
    mutation(
        "what no permission removes is to be allowed",
        "tests/ui/test_check_reply.py::test_no_obstacle_is_called_a_permission_that_can_be_allowed",
        "is_beyond_permissions",
        "return bool(names) and _OBSTACLES.keys() >= set(names)",
        "return False",
    ),
    mutation(
        "Check now promises a result that can't be posted",
        "tests/e2e/discord_faults/test_permissions.py::test_check_now_promises_no_result_that_cannot_be_posted",
        "member_replies._below_obstacles",
        "obstacles is None or",
        "True or",
    ),
)
