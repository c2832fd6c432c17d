"""What the bot tells of how it is."""

from __future__ import annotations

from tests.mutations.mutation import fault

_HEALTH = "tests/web/test_health.py"

FAULTS = (
    fault(
        "systemd is told that all is well while a loop stands",
        "tests/web/test_watchdog.py::test_it_is_called_in_time_unless_a_loop_stands",
        "web/watchdog.py",
        "            if stand:",
        "            if not stand and stand:",
    ),
    fault(
        "loops that wait for Discord's log-in count as standing",
        f"{_HEALTH}::test_loops_that_have_not_begun_do_not_stand",
        "web/loop_beats.py",
        "        if begun_at is None:\n            return {}\n",
        "        if begun_at is None:\n            begun_at = 0.0\n",
    ),
    fault(
        "cards that are due late make their loop seem to stand",
        "tests/relay/cards/test_cards.py::test_the_loop_turns_also_while_no_card_is_due_for_long",
        "relay/cards/cards.py",
        "        return min(max(due - self._clock.monotonic(), 0.0), _LONGEST_SLEEP)",
        "        return max(due - self._clock.monotonic(), 0.0)",
    ),
    fault(
        "a gateway that is tried again in vain seems to be there",
        "tests/discord_adapter/test_connected_shards.py::test_tries_in_vain_do_not_begin_the_time_anew",
        "discord_adapter/connected_shards.py",
        "self._away_since.setdefault(shard_id, self._begun)",
        "self._begun",
    ),
    fault(
        "each look at the health is a write",
        f"{_HEALTH}::test_asking_often_writes_once",
        "web/health.py",
        "_TOOK_SECONDS, _FAILED_SECONDS = 30.0, 2.0",
        "_TOOK_SECONDS, _FAILED_SECONDS = 0.0, 2.0",
    ),
    fault(
        "a database that hangs holds up whoever asks",
        f"{_HEALTH}::test_nobody_waits_long_for_a_database_that_hangs",
        "web/health.py",
        "timeout=self._patience)",
        "timeout=None)",
    ),
    fault(
        "others can make up labels",
        "tests/web/test_metrics.py::test_no_answer_makes_up_a_label",
        "web/prometheus_meters.py",
        "kind = limit if limit in _LIMITS else _OTHER",
        "kind = str(limit)",
    ),
    fault(
        "an error nobody expected is shown as it is",
        "tests/test_cli.py::test_an_error_nobody_expected_is_logged_like_everything_else",
        "cli.py",
        '        log.exception("The bot ended by a fault of its own")\n        return FAILED\n',
        "        raise\n",
    ),
    fault(
        "a rescue of the database wants a Discord token",
        "tests/e2e/test_operator_commands.py::test_what_only_works_on_the_database_needs_no_other_settings",
        "cli.py",
        "load_storage_settings(environ,",
        "load_settings(environ,",
    ),
    fault(
        "a second signal at the end kills",
        "tests/e2e/test_signals.py::test_signals_until_the_very_end",
        "bot.py",
        "signal.SIG_IGN)",
        "signal.SIG_DFL)",
    ),
)
