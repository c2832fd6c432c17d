"""What PostgreSQL can do that a file cannot: be lost, come back, and serve others."""

from __future__ import annotations

from tests.mutations.mutation import mutation

_ENGINE = "tests/storage/engines/test_postgres_engine.py"
_COPYING = "tests/storage/test_copying.py"
_OPENING = "tests/storage/engines/test_postgres_opening.py"

MUTATIONS = (
    mutation(
        "a commit whose answer is lost counts as undone",
        f"{_ENGINE}::test_a_commit_whose_answer_is_lost_is_known_to_be_done",
        "PostgresWriter.commit",
        "if not connection.closed or not await self._was_committed():",
        "if True:",
    ),
    mutation(
        "a commit that never arrived counts as done",
        f"{_ENGINE}::test_a_commit_that_never_arrived_is_known_to_be_none",
        "PostgresWriter._was_committed",
        'return bool(status == "committed")',
        "return True",
    ),
    mutation(
        "the number of a transaction is believed after the server was started again",
        f"{_ENGINE}::test_of_a_commit_nobody_knows_after_the_server_was_started_again",
        "PostgresWriter._was_committed",
        "if self._session is None or lost is None or self._session.server_began != lost.server_began:",
        "if False:",
    ),
    mutation(
        "a transaction with a statement that failed counts as committed",
        f"{_ENGINE}::test_a_transaction_with_a_statement_that_failed_is_not_taken_for_committed",
        "PostgresWriter.commit",
        'if cursor.statusmessage != "COMMIT":',
        "if False:",
    ),
    mutation(
        "a key is changed while a bot runs",
        f"{_OPENING}::test_a_command_that_may_meet_no_bot_is_refused_while_one_runs",
        "PostgresWriter._lock",
        "if row is not None and row[0]:",
        "if True:",
    ),
    mutation(
        "a bot whose connection was lost writes while a key is changed",
        f"{_ENGINE}::test_a_bot_that_lost_its_connection_to_a_command_writes_nothing",
        "PostgresWriter._connected",
        "if not await self._lock(connection):",
        "if False:",
    ),
    mutation(
        "two processes make the tables at once",
        f"{_OPENING}::test_two_first_starts_at_once",
        "storage.engines.postgres.tables.migrate",
        "SELECT pg_advisory_xact_lock(%s)",
        "SELECT %s",
    ),
    mutation(
        "two processes read and write at once",
        f"{_ENGINE}::test_transactions_of_two_processes_wait_for_each_other",
        "PostgresWriter._begin",
        "if locks_rows else ''",
        "if True else ''",
    ),
    mutation(
        "a halted transaction holds up everybody",
        f"{_ENGINE}::test_a_transaction_in_which_nothing_happens_is_ended",
        "PostgresWriter._begin",
        "writer=self.id, lock=",
        "writer=self.id + \"'; SET LOCAL idle_in_transaction_session_timeout = '0\", lock=",
    ),
    mutation(
        "a question over a lost connection is not asked again",
        f"{_ENGINE}::test_connections_that_the_server_ended_are_made_anew",
        "PostgresReader.rows",
        "if not errors.is_repeatable(error):",
        "if True:",
    ),
    mutation(
        "a transaction is not begun again over a new connection",
        f"{_ENGINE}::test_connections_that_the_server_ended_are_made_anew",
        "PostgresWriter.begin",
        "if lost is None or not lost.closed:",
        "if True:",
    ),
    mutation(
        "a server that does not answer is waited for",
        f"{_ENGINE}::test_a_server_that_does_not_answer_is_not_waited_for",
        "connecting._cut",
        "line.shutdown(socket.SHUT_RDWR)",
        "line.getpeername()",
    ),
    mutation(
        "a commit that a power cut undoes is taken for lasting",
        f"{_ENGINE}::test_what_a_commit_survives_is_the_bots_choice",
        "connecting.ready",
        "WHERE current_setting('synchronous_commit') = 'off'",
        "WHERE FALSE",
    ),
    mutation(
        "another program's PostgreSQL database is taken",
        f"{_OPENING}::test_another_programs_database",
        "tables.version",
        "if _MARK not in names:",
        "if False:",
    ),
    mutation(
        "a replica is opened",
        f"{_OPENING}::test_a_replica",
        "_check_server",
        'if row is None or row["replica"]:',
        "if row is None:",
    ),
    mutation(
        "an address that the driver does not read is told with its password",
        f"{_OPENING}::test_an_address_that_the_driver_does_not_read",
        "parameters_of",
        '"DATABASE_URL is no address of a PostgreSQL database. Write it like "',
        'f"DATABASE_URL {url.secret.get_secret_value()} is no address of a PostgreSQL database. Write it like "',
    ),
    mutation(
        "no key is asked for with PostgreSQL",
        "tests/settings/test_loading.py::test_postgresql_needs_a_key",
        "StorageSettings._require_a_key",
        'if not keys and isinstance(info.data.get("database"), PostgresUrl):',
        "if False:",
    ),
    mutation(
        "after a restore the first start knows nothing of its tables",
        f"{_ENGINE}::test_large_tables_without_statistics_are_looked_at_by_the_next_start",
        "PostgresEngine.open",
        "await tables.analyze_unknown(connection)\n",
        "",
    ),
    mutation(
        "a copy is not compared with its source",
        f"{_COPYING}::test_a_copy_that_differs_is_given_up",
        "copying._copy",
        "if counted is None or found is None or [int(n) for n in counted] != [int(n) for n in found]:",
        "if counted is None or found is None:",
    ),
    mutation(
        "a copy gives numbers that were given before",
        f"{_COPYING}::test_the_copy_goes_on_where_the_source_was",
        "copying._copy",
        "await copy_ends.set_highest_id(target, tx, name, highest)",
        "await copying.set_highest_number(target, tx, name, 1)",
    ),
    mutation(
        "a database is copied while a bot writes to it",
        f"{_COPYING}::test_nothing_is_copied_while_a_bot_runs",
        "copy_ends.unused_source",
        "with InstanceLock(source):",
        "if source:",
    ),
    mutation(
        "a copy that is broken off leaves a file behind",
        f"{_COPYING}::test_broken_off_at_any_step_the_target_is_empty",
        "copy_ends._new_file",
        "finally:\n    _remove(part)\n",
        "finally:\n    pass\n",
    ),
    mutation(
        "a copy overwrites what the target holds",
        f"{_COPYING}::test_a_target_that_holds_something",
        "copy_ends._new_file",
        'if await reader.rows(f"SELECT 1 FROM {name} LIMIT 1"):',
        "if False:",
    ),
    mutation(
        "a role or a server that changes hastens nothing",
        "tests/storage/test_deliveries.py"
        "::test_what_waits_for_a_permission_is_due_in_the_channel_or_in_the_whole_server",
        "deliveries.make_blocked_due",
        "if channel_id is not None:",
        "if True:",
    ),
    mutation(
        "a pooler is taken for the server",
        "tests/storage/engines/test_postgres_opening.py::test_a_pooler",
        "engine._check_server",
        'if row["pid"] != connection.info.backend_pid:',
        "if 0:",
    ),
    mutation(
        "a transaction that a halted process lost is a fault of ours",
        "tests/storage/engines/test_postgres_engine.py::test_a_transaction_in_which_nothing_happens_is_ended",
        "storage/engines/postgres/errors.py",
        "    errors.IdleInTransactionSessionTimeout,\n",
        "",
    ),
)
