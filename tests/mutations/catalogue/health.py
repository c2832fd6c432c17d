"""What the bot tells of how it is."""

from __future__ import annotations

from tests.mutations.mutation import mutation

_HEALTH = "tests/web/test_health.py"
_WRITES = "tests/relay/test_write_availability.py"

MUTATIONS = (
    mutation(
        "systemd is told that all is well while a loop has stalled",
        "tests/web/test_watchdog.py::test_it_is_called_in_time_unless_a_loop_has_stalled",
        "ServiceManager.watch",
        "if names:",
        "if not names and names:",
    ),
    mutation(
        "loops that wait for Discord's login count as stalled",
        f"{_HEALTH}::test_loops_that_have_not_started_have_not_stalled",
        "Heartbeats.ages",
        "if begun_at is None:\n    return {}\n",
        "if begun_at is None:\n    begun_at = 0.0\n",
    ),
    mutation(
        "cards that are due late make their loop look stalled",
        "tests/relay/cards/test_card_loop.py::test_the_loop_turns_even_if_no_card_is_due_for_long",
        "CardLoop._until_next",
        "return min(max(due - self._clock.monotonic(), 0.0), _LONGEST_SLEEP)",
        "return max(due - self._clock.monotonic(), 0.0)",
    ),
    mutation(
        "a gateway that is retried without success seems to be connected",
        "tests/discord_adapter/test_shard_manager.py::test_failed_attempts_do_not_restart_the_away_time",
        "ShardManager.end",
        "now if connection.away_since is None else connection.away_since",
        "now",
    ),
    mutation(
        "each health request is a write",
        f"{_WRITES}::test_frequent_checks_write_once",
        "_TOOK_SECONDS",
        "_TOOK_SECONDS, _FAILED_SECONDS = 30.0, 2.0",
        "_TOOK_SECONDS, _FAILED_SECONDS = 0.0, 2.0",
    ),
    mutation(
        "a hanging database blocks health requests",
        f"{_WRITES}::test_nobody_waits_long_for_a_hanging_database",
        "WriteAvailability.takes_writes",
        "timeout=self._patience)",
        "timeout=None)",
    ),
    mutation(
        "strangers can make up labels",
        "tests/web/test_metrics.py::test_no_response_can_make_up_a_label",
        "PrometheusMeters.discord_answered",
        "kind = limit if limit in _LIMITS else _OTHER",
        "kind = str(limit)",
    ),
    mutation(
        "an unexpected error is shown as it is",
        "tests/test_cli.py::test_an_unexpected_error_is_logged_like_any_other_line",
        "_exit_code",
        'log.exception("the bot ended because of a bug")\nreturn FAILED\n',
        "raise\n",
    ),
    mutation(
        "operators' database commands need a Discord token",
        "tests/e2e/test_operator_commands.py::test_database_commands_need_no_other_settings",
        "_command",
        "load_storage_settings(environ,",
        "load_settings(environ,",
    ),
    mutation(
        "a second signal at shutdown kills the bot",
        "tests/e2e/test_signals.py::test_signals_until_the_very_end",
        "bot.main",
        "signal.SIG_IGN)",
        "signal.SIG_DFL)",
    ),
    mutation(
        "a liveness probe restarts the bot while the database is down",
        "tests/tools/test_healthcheck.py::test_with_loops_only_a_hung_loop_requires_a_restart",
        "deploy/healthcheck.py",
        'if "--loops" in sys.argv[1:]:',
        'if "--loops" in sys.argv[2:]:',
    ),
    mutation(
        "Kubernetes kills a process while it hands over",
        "tests/tools/test_kubernetes.py::test_a_process_has_time_to_hand_over_before_it_is_killed",
        "deploy/kubernetes/deployment.yaml",
        "terminationGracePeriodSeconds: 40\n",
        "terminationGracePeriodSeconds: 20\n",
    ),
    mutation(
        "systemd kills a process while it hands over",
        "tests/tools/test_deployment.py::test_a_process_has_time_to_hand_over_before_it_is_killed",
        "deploy/pixverse-relay.service",
        "TimeoutStopSec=35\n",
        "TimeoutStopSec=15\n",
    ),
    mutation(
        "yesterday's count of log-ins is shown forever",
        "tests/discord_adapter/test_shard_manager.py::test_discord_is_asked_for_its_limit_once_for_many_shards",
        "IdentifyTurns.known",
        "if reset_after_s > 0:",
        "if reset_after_s < 1e9:",
    ),
    mutation(
        "a shard that stays counts as moved",
        "tests/relay/cluster/test_lease_moves.py",
        "LeaseMoves._servers_moved",
        "before ^ self._shards",
        "before | self._shards",
    ),
    mutation(
        "check does not say which shards nobody holds",
        "tests/test_operator_commands.py",
        "_process_lines",
        "if sharing.processes and sharing.free_shards:",
        "if False:",
    ),
    mutation(
        "figures that can no longer be read stay in the metrics",
        "tests/web/test_metrics.py::test_figures_that_can_no_longer_be_read_are_dropped",
        "DatabaseFigures.refresh",
        "self._figures = None\n",
        "pass\n",
    ),
)
