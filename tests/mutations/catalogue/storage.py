"""What is kept is whole, and safe from other eyes."""

from __future__ import annotations

from tests.mutations.mutation import mutation

MUTATIONS = (
    mutation(
        "a log that was being read is never emptied",
        "tests/relay/test_relay.py::test_a_log_that_another_program_reads_is_emptied_by_a_loop",
        "Relay.loops",
        '"erasure": self.erasure.run,',
        '"erasure": self.retention.run,',
    ),
    mutation(
        "an update forgets in which round an outcome belongs",
        "tests/storage/test_takeover.py::test_every_row_is_as_it_was",
        "storage/migrations/0004_rounds.sqlite.sql",
        "THEN CAST(substr(kind, 9) AS INTEGER)",
        "THEN 0",
    ),
    mutation(
        "after an update a delivery gets a number that was another one's",
        "tests/storage/test_takeover.py::test_no_number_of_a_delivery_is_given_twice",
        "storage/migrations/0004_rounds.sqlite.sql",
        "UPDATE sqlite_sequence SET name = 'deliveries' WHERE name = 'deliveries_before';\n",
        "",
    ),
    mutation(
        "an error of the engine leaves storage",
        "tests/storage/test_database.py::test_a_failing_statement_undoes_what_came_before_it",
        "_OwnErrors.__exit__",
        "raise StorageError(str(error)) from error",
        "raise",
    ),
    mutation(
        "the newest account's number is kept for good",
        "tests/storage/test_deletion_of_old.py::test_of_the_newest_account_a_number_stays_that_tells_nothing",
        "delete_unused_accounts",
        "SET account_key = 'forgotten:' || id\n",
        "SET account_key = account_key\n",
    ),
    mutation(
        "a stranger's database is taken over",
        "tests/storage/engines/test_sqlite_opening.py::test_a_database_of_another_program",
        "refuse_foreign",
        "if mark != 0 or (names and not names >= _FIRST_TABLES):",
        "if False:",
    ),
    mutation(
        "check leaves companions of the database behind",
        "tests/storage/engines/test_sqlite_opening.py::test_inspection_leaves_nothing_behind",
        "sqlite.engine.open_reader",
        'where it is the last one.\nconnection = await _prepared(connect_in_thread(uri(path, "rw")',
        'where it is the last one.\nconnection = await _prepared(connect_in_thread(uri(path, "ro")',
    ),
    mutation(
        "check takes the port of another program for the bot's",
        "tests/e2e/test_operator_commands.py::test_check_tries_what_a_start_tries",
        "_port_line",
        "if not await is_in_use(database):",
        "if False:",
    ),
    mutation(
        "what is still to be posted is deleted once it is old",
        "tests/storage/test_deletion_of_old.py::test_what_is_waited_for_or_still_to_be_posted_stays",
        "_NOT_WANTED",
        "OR EXISTS (SELECT 1 FROM deliveries d WHERE d.subscription_id = s.id AND d.{IS_OPEN})",
        "",
    ),
    mutation(
        "a failed look ends the deleting of what is old",
        "tests/relay/test_retention.py::test_a_database_that_fails_costs_no_more_than_an_hour",
        "Retention.run",
        "self.failures += 1\n",
        "self.failures += 1\nraise\n",
    ),
    mutation(
        "a migration is no transaction",
        "tests/storage/engines/test_sqlite_migrate.py::"
        "test_a_crash_at_any_statement_of_a_later_migration_leaves_the_old_state_or_the_new_one",
        "storage._apply",
        'connection.execute("BEGIN IMMEDIATE")\n',
        "",
    ),
    mutation(
        "a commit does not wait for the disk",
        "tests/storage/test_database.py::test_foreign_keys_and_full_sync_are_on",
        "PRAGMAS",
        "PRAGMA synchronous = FULL",
        "PRAGMA synchronous = OFF",
    ),
    mutation(
        "a transaction that fails is committed as far as it came",
        "tests/storage/test_database.py::test_an_error_undoes_the_whole_block",
        "SqliteEngine.roll_back",
        'await self.writer.rows("ROLLBACK")',
        'await self.writer.rows("COMMIT")',
    ),
    mutation(
        "a wrong key is not told",
        "tests/storage/test_vault.py::test_a_wrong_key_is_told_though_no_token_is_stored",
        "Vault.open",
        "return cls(cipher, await verified_hash_key(database.reader, cipher, source))",
        "return cls(cipher, secrets.token_bytes(_HASH_KEY_BYTES))",
    ),
    mutation(
        "tokens are stored as they are",
        "tests/storage/test_vault.py::test_a_secret_comes_back_and_does_not_show",
        "Vault.encrypt",
        'return self._cipher.encrypt(secret.encode("utf-8"))',
        'return secret.encode("utf-8")',
    ),
    mutation(
        "forgotten secrets stay in the file's free pages",
        "tests/storage/test_vault.py::test_of_a_forgotten_token_no_byte_is_left_even_encrypted",
        "PRAGMAS",
        "PRAGMA secure_delete = ON",
        "PRAGMA secure_delete = OFF",
    ),
    mutation(
        "the database is readable for everybody",
        "tests/storage/engines/test_sqlite_opening.py::test_folder_and_file_are_made_for_this_user_alone",
        "_prepare_once",
        "narrow_mode(path)  # before SQLite gives its companion files the same mode\n",
        "path.chmod(0o644)\n",
    ),
    mutation(
        "a device in the database's place is opened, and its mode changed",
        "tests/storage/engines/test_sqlite_opening.py::test_a_folder_or_a_device_is_no_database",
        "refuse_non_file",
        "other = database.exists() and not database.is_file()",
        "other = False",
    ),
    mutation(
        "check believes a folder's mode",
        "tests/storage/engines/test_sqlite_opening.py::test_inspection_where_nobody_can_make_a_file",
        "_check_could_be_made",
        "with tempfile.TemporaryFile(dir=folder):",
        "if folder:",
    ),
    mutation(
        "two names of one database are two databases",
        "tests/settings/test_loading.py::test_a_link_to_a_database_is_the_file_that_it_leads_to",
        "settings._from_root",
        "os.path.realpath(root / place)",
        "root / place",
    ),
)
