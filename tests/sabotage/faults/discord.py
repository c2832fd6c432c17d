"""Discord's troubles: its gateway, its limits, and servers that go and come back."""

from __future__ import annotations

from tests.sabotage.fault import fault

_E2E = "tests/e2e/discord_faults"

FAULTS = (
    fault(
        "a shard that never comes back is waited for",
        f"{_E2E}/test_lost_gateway.py::test_a_resume_address_that_is_no_good",
        "cogs/gateway.py",
        "    while client.shards_up.stuck_for(client.shard_count or 1) < patience:",
        "    while True:",
    ),
    fault(
        "a final close code takes everything with it",
        f"{_E2E}/test_gateway.py::test_discord_closes_it_for_good",
        "cogs/client.py",
        "        await asyncio.gather(*(shard.disconnect() for shard in self.shards.values()))",
        "        await super().close()",
    ),
    fault(
        "log-ins are tried every minute however often they are refused",
        f"{_E2E}/test_lost_gateway.py::test_a_final_close_code_is_tried_again_with_patience",
        "cogs/gateway.py",
        "            return _refusal(code), _LONGEST_WAIT_REFUSED",
        "            return _refusal(code), _LONGEST_WAIT",
    ),
    fault(
        "a thread that is unarchived is not noticed",
        f"{_E2E}/test_places.py::test_an_archived_and_locked_thread",
        "cogs/surroundings.py",
        "async def on_raw_thread_update",
        "async def on_raw_thread_updated",
    ),
    fault(
        "archived threads outlive their channel",
        f"{_E2E}/test_places.py::test_a_thread_goes_with_its_channel",
        "cogs/surroundings.py",
        "        await _heard(self._look_after_threads(channel.guild))\n",
        "",
    ),
    fault(
        "a deleted channel's jobs are asked about for ever",
        f"{_E2E}/test_places.py::test_a_deleted_channel",
        "relay/places.py",
        "            self._watch.job_changed(job_id)",
        "            pass",
    ),
    fault(
        "jobs of a server without the bot are asked about",
        f"{_E2E}/test_servers.py::test_back_within_the_grace",
        "relay/accounts.py",
        "return None if guild_id in self._resting else self._own.get(guild_id, self._operator_id)",
        "return self._own.get(guild_id, self._operator_id)",
    ),
    fault(
        "outcomes of a server without the bot are sent",
        f"{_E2E}/test_servers.py::test_an_outcome_is_not_sent_to_a_server_without_the_bot",
        "storage/sending.py",
        '        f" AND guild_id NOT IN {_SERVERS_GONE}"\n',
        "",
    ),
    fault(
        "a server that came back while the bot was off is forgotten",
        "tests/relay/test_places.py::test_nothing_is_forgotten_before_the_servers_are_compared",
        "relay/places.py",
        "        await self._compared.wait()\n",
        "",
    ),
    fault(
        "removals while the bot was off are not noticed",
        f"{_E2E}/test_servers.py::test_what_happened_while_the_bot_was_off",
        "cogs/surroundings.py",
        "        self._roll_call.ask()",
        "        pass",
    ),
    fault(
        "refused requests are not counted",
        f"{_E2E}/test_invalid_requests.py::test_refusals_are_counted_and_posting_rests",
        "cogs/poster.py",
        "        if rest := self._resting():\n            return RateLimited(rest)\n",
        "",
    ),
    fault(
        "a refused token is noticed only by what is posted",
        f"{_E2E}/test_token.py::test_an_edit_is_refused_first",
        "cogs/invalid_requests.py",
        "            self.token_refused.set()",
        "            pass",
    ),
    fault(
        "a learned upload limit outlives the boost",
        f"{_E2E}/test_refused_contents.py::test_a_file_size_is_learned_and_forgotten_with_the_boost",
        "cogs/surroundings.py",
        "        if before.premium_tier != after.premium_tier:",
        "        if False:",
    ),
    fault(
        "an answer to a command is tried once",
        "tests/cogs/test_replying.py::test_what_passes_is_outlived",
        "cogs/replying.py",
        "_WAITS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)",
        "_WAITS = ()",
    ),
    fault(
        "an answer to a command is tried for longer than Discord takes it",
        "tests/cogs/test_replying.py::test_it_ends_within_the_life_of_an_interaction",
        "cogs/replying.py",
        "_WAITS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)",
        "_WAITS = (1.0, 2.0, 4.0, 8.0, 16.0, 3200.0)",
    ),
    fault(
        "cards are edited without a bound on all of them",
        "tests/relay/test_cards.py::test_many_cards_are_edited_one_after_the_other",
        "relay/card_edits.py",
        "EVERYWHERE_SECONDS = 0.04",
        "EVERYWHERE_SECONDS = 0.0",
    ),
    fault(
        "cards of one channel are edited without a bound",
        "tests/relay/test_cards.py::test_one_channel_gets_one_edit_in_two_seconds_and_another_its_own",
        "relay/card_edits.py",
        "CHANNEL_SECONDS = 2.0",
        "CHANNEL_SECONDS = 0.0",
    ),
    fault(
        "a card that Discord refused once never shows its job's end",
        "tests/relay/test_cards.py::test_what_was_refused_for_its_words_or_a_permission_does_not_keep_the_last_edit",
        "relay/card_edits.py",
        "last_too = edit.final or refused.code in _ANY_EDIT",
        "last_too = True",
    ),
    fault(
        "a command in hand is forgotten when the bot stops",
        "tests/e2e/test_signals.py::test_a_signal_with_a_command_in_hand",
        "cogs/assembly.py",
        "        await answering.end()\n",
        "        pass\n",
    ),
)
