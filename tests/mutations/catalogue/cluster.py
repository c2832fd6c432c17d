"""Several processes share the gateway's shards, and the day's IDENTIFYs last."""

from __future__ import annotations

from tests.mutations.mutation import mutation

_COORDINATOR = "tests/discord_adapter/test_shard_coordinator.py"
_MANAGER = "tests/discord_adapter/test_shard_manager.py"
_PACING = "tests/relay/cluster/test_identify_pacing.py"
_SHARES = "tests/relay/cluster/test_shares.py"
_STARTS = "tests/sandbox/discord_wire/test_session_starts.py"

MUTATIONS = (
    mutation(
        "the last IDENTIFYs of a day are used",
        f"{_PACING}::test_a_crash_loop_of_a_day_breaks_no_limit",
        "seconds_until_identify",
        "if limit.remaining <= RESERVE:",
        "if limit.remaining < 0:",
    ),
    mutation(
        "scarce IDENTIFYs are used at the usual pace",
        f"{_PACING}::test_how_long_to_wait",
        "seconds_until_identify",
        "if limit.remaining < limit.total * SCARCE:",
        "if 0:",
    ),
    mutation(
        "a limit of no IDENTIFYs is asked for all the time",
        f"{_PACING}::test_a_limit_that_is_about_to_be_renewed_is_not_asked_for_without_a_pause",
        "seconds_until_identify",
        "max(limit.reset_after_s, SCARCE_SPACING_S)",
        "limit.reset_after_s",
    ),
    mutation(
        "buckets are spaced by Discord's five seconds to the letter",
        f"{_PACING}::test_how_long_to_wait",
        "relay/cluster/identify_pacing.py",
        "SPACING_S = 5.5\n",
        "SPACING_S = 5.0\n",
    ),
    mutation(
        "shards move though nobody has joined",
        f"{_SHARES}::test_nothing_moves_where_nobody_joins_dies_or_drains",
        "shards_to_take",
        "lease.taker is None",
        "lease.shard_id % 2",
    ),
    mutation(
        "a newcomer takes more than its share",
        f"{_SHARES}::test_a_newcomer_gets_its_fair_share_with_as_few_moves_as_that_takes",
        "shard_to_ask_for",
        "if load[me] >= share or not offered:",
        "if load[me] > share or not offered:",
    ),
    mutation(
        "a newcomer takes shards from who has few",
        f"{_SHARES}::test_a_newcomer_gets_its_fair_share_with_as_few_moves_as_that_takes",
        "shard_to_ask_for",
        "return max(offered",
        "return min(offered",
    ),
    mutation(
        "a shard that is on its way is taken by another too",
        f"{_SHARES}::test_what_is_on_its_way_is_not_asked_for_again",
        "shards_to_take",
        "if lease.owner in draining and lease.successor is None",
        "if lease.owner in draining",
    ),
    mutation(
        "a successor that has died keeps its shard",
        f"{_SHARES}::test_a_successor_that_has_died_is_replaced",
        "_with_live_successors",
        "if lease.successor in takers else",
        "if lease.successor else",
    ),
    mutation(
        "a shard whose turn is with a process that doesn't take it stays free",
        f"{_SHARES}::test_a_shard_that_stays_free_is_anybody_s",
        "shards_to_take",
        "return mine + late\n",
        "return mine\n",
    ),
    mutation(
        "a process that stops hands over bucket by bucket",
        "tests/relay/cluster/test_drain.py::test_buckets_in_turn",
        "drain_order",
        "for turn in range(rounds) for _, bucket in sorted(buckets.items()) if turn < len(bucket)",
        "for _, bucket in sorted(buckets.items()) for turn in range(len(bucket))",
    ),
    mutation(
        "a shard that is handed over is closed for good",
        f"{_MANAGER}::test_a_shard_is_handed_over_before_it_is_let_go",
        "ShardManager.drop",
        "{shard_id: RESUMABLE}",
        "{shard_id: 1000}",
    ),
    mutation(
        "the successor takes the shard before it is connected",
        f"{_COORDINATOR}::test_a_process_that_drains_leaves_no_command_unanswered",
        "ShardCoordinator._hand_over",
        "await self._shards.add(shard_id)\ntaken = await",
        "self._shards.connect(shard_id)\ntaken = await",
    ),
    mutation(
        "a successor that came too late keeps its session",
        f"{_COORDINATOR}::test_a_successor_that_comes_too_late_closes_its_session",
        "ShardCoordinator._hand_over",
        "taken = await self._leases.take_over(shard_id)",
        "taken = bool(await self._leases.take_over(shard_id)) or True",
    ),
    mutation(
        "a process goes on with leases that have run out",
        f"{_COORDINATOR}::test_a_process_that_may_not_trust_its_leases_lets_everything_go",
        "ShardCoordinator.turn",
        "if not self._leases.trusted():",
        "if 0:",
    ),
    mutation(
        "a moment without the database costs an IDENTIFY for each shard",
        f"{_COORDINATOR}::test_a_process_that_may_not_trust_its_leases_lets_everything_go",
        "ShardManager.detach",
        "{shard_id: connection.lost for shard_id, connection in connections.items()}",
        "dict.fromkeys(connections)",
    ),
    mutation(
        "servers of a shard that another process took meanwhile are kept",
        f"{_COORDINATOR}::test_what_another_process_took_meanwhile_is_forgotten",
        "ShardCoordinator._follow",
        "(self._shards.held | self._shards.detached) - mine",
        "self._shards.held - mine",
    ),
    mutation(
        "a process that can't reach Discord keeps its shards",
        f"{_COORDINATOR}::test_a_shard_that_cannot_be_connected_goes_to_another_process",
        "ShardCoordinator._follow",
        "if self._shards.failing_for(shard_id) >= AWAY_S:",
        "if 0:",
    ),
    mutation(
        "a process that can't reach Discord takes its shards back",
        f"{_COORDINATOR}::test_a_shard_that_cannot_be_connected_goes_to_another_process",
        "ShardCoordinator.turn",
        "if self._monotonic() >= self._fit_from:",
        "if 1:",
    ),
    mutation(
        "a process that stops waits though nobody is left",
        f"{_COORDINATOR}::test_where_nobody_else_is_alive_shards_are_released_at_once",
        "ShardCoordinator.drain",
        "and await self._somebody_else()",
        "",
    ),
    mutation(
        "the servers of a shard that went to another process are kept",
        f"{_MANAGER}::test_what_was_dropped_is_forgotten_and_can_be_taken_again",
        "ShardManager.drop",
        "_remove_guild(guild)",
        "_get_guild(guild.id)",
    ),
    mutation(
        "both processes answer while a shard is handed over",
        f"{_MANAGER}::test_a_shard_is_handed_over_before_it_is_let_go",
        "_answered",
        "if refusal.code == _ALREADY_ACKNOWLEDGED and not may_be_stored(statuses):",
        "if refusal.code == _ALREADY_ACKNOWLEDGED:\n    return True\nif 0:",
    ),
    mutation(
        "an IDENTIFY's turn is not waited for",
        f"{_MANAGER}::test_a_turn_is_taken_before_the_gateway_is_opened",
        "ShardConnection._open_and_read",
        "await self._turns.wait(self.shard_id)\n",
        "pass\n",
    ),
    mutation(
        "every shard asks Discord for its limit",
        f"{_MANAGER}::test_discord_is_asked_for_its_limit_once_for_many_shards",
        "IdentifyTurns._next",
        "if self._limit is None or",
        "if True or",
    ),
    mutation(
        "turns that were given don't count",
        f"{_MANAGER}::test_discord_is_asked_for_its_limit_once_for_many_shards",
        "IdentifyTurns._next",
        "remaining=limit.remaining - 1",
        "remaining=limit.remaining",
    ),
    mutation(
        "a connection that breaks costs an IDENTIFY",
        f"{_MANAGER}::test_a_shard_that_waits_for_its_turn_holds_up_no_other",
        "ShardConnection._resumable",
        "if socket.session_id is None:",
        "if socket:",
    ),
    mutation(
        "shards that wait together identify together",
        "tests/discord_adapter/test_identify_slots.py::test_those_that_ask_together_are_spaced_among_themselves",
        "LocalSlots.take",
        "self._last[bucket] = now + wait",
        "self._last[bucket] = now",
    ),
    mutation(
        "the sandbox takes IDENTIFYs as they come",
        f"{_STARTS}::test_one_in_five_seconds",
        "SessionStarts.take",
        "return Start.TOO_SOON\n",
        "pass\n",
    ),
    mutation(
        "the sandbox lets a session go on that was closed for good",
        "tests/sandbox/discord_wire/test_session_ends.py::test_the_code_with_which_the_bot_closes",
        "sandbox.Gateway._let_go",
        "del self.sessions[session.id]\n",
        "pass\n",
    ),
)
