"""Tokens and addresses stand nowhere but where they belong."""

from __future__ import annotations

from tests.sabotage.fault import fault

FAULTS = (
    fault(
        "a secret in a file and a plain one beside it are not told of",
        "tests/settings/test_secret_files.py"
        "::test_beside_the_plain_setting_it_is_a_fault_wherever_either_is_set[USEAPI_TOKEN_FILE-USEAPI_TOKEN]",
        "settings/secret_files.py",
        "if plain in given:",
        "if 0:",
    ),
    fault(
        "a file with a secret that everybody may read is not warned of",
        "tests/settings/test_secret_files.py::test_a_file_that_everybody_may_read_is_warned_of",
        "settings/secret_files.py",
        "return bool(path.stat().st_mode & stat.S_IROTH)",
        "return False",
    ),
    fault(
        "a fault of the settings repeats what may be the secret itself",
        "tests/settings/test_secret_files.py"
        "::test_a_file_that_is_of_no_use_has_one_line[DISCORD_TOKEN_FILE-None-does not exist]",
        "settings/secret_files.py",
        '"names a file that does not exist; create it or correct the path"',
        'f"names {path}, which does not exist"',
    ),
    fault(
        "who asked to be forgotten is pinged by what is on its way",
        "tests/relay/commands/test_forgetting.py::test_a_result_whose_video_is_being_fetched_pings_nobody_either",
        "relay/posting/delivery.py",
        "await self._composer.with_pings_of_now(post, draft)",
        "post",
    ),
    fault(
        "words to admins keep whom they ping",
        "tests/storage/test_people.py::test_nothing_is_left_in_any_table",
        "storage/people.py",
        "    await _leave_notices(tx, user_id)\n",
        "",
    ),
    fault(
        "a token is logged",
        "tests/pixverse/test_client.py::test_the_token_is_in_no_log_record",
        "pixverse/client.py",
        "        url = URL(",
        '        __import__("logging").getLogger(__name__).debug("asking with %s", token)\n        url = URL(',
    ),
    fault(
        "log lines are not redacted",
        "tests/test_logs.py::test_no_secret_stands_in_a_line[text]",
        "logs.py",
        "return redact(super().format(record))",
        "return super().format(record)",
    ),
    fault(
        "JSON log lines are not redacted",
        "tests/test_logs.py::test_no_secret_stands_in_a_line[json]",
        "logs.py",
        '"message": redact(record.getMessage())',
        '"message": record.getMessage()',
    ),
    fault(
        "discord.py logs what people enter",
        "tests/test_logs.py::test_libraries_never_tell_their_payloads",
        "logs.py",
        "setLevel(max(logging.getLogger().level, logging.INFO))",
        "setLevel(logging.getLogger().level)",
    ),
    fault(
        "the API's redirects are followed, with the token",
        "tests/pixverse/test_client.py::test_no_redirect_is_followed",
        "pixverse/client.py",
        "allow_redirects=False",
        "allow_redirects=True",
    ),
    fault(
        "the server's words may repeat the token",
        "tests/pixverse/test_client.py::test_the_token_is_in_no_error_even_if_the_server_repeats_it",
        "pixverse/refusals.py",
        "redact(",
        "str(",
    ),
    fault(
        "a job's record may repeat the token",
        "tests/pixverse/test_client.py::test_a_token_that_the_server_repeats_gets_no_further[opaque-secret-of-no-known-form]",
        "pixverse/client.py",
        'Body(body.replace(token.encode(), b"***"))',
        "Body(body)",
    ),
    fault(
        "a job's words may hold somebody's token",
        "tests/pixverse/test_jobs_v1.py::test_no_token_stands_in_what_is_kept[bad token {}!-Discord]",
        "pixverse/jobs_v1.py",
        "fields.text(without_tokens(value[:_LONGEST_RAW]), limit)",
        "fields.text(value, limit)",
    ),
    fault(
        "a token in the place of a job id is taken",
        "tests/pixverse/test_jobids.py::test_secrets_are_refused_first_and_not_repeated",
        "pixverse/jobids.py",
        "if looks_like_secret(",
        "if 0 and looks_like_secret(",
    ),
    fault(
        "a Discord token is tried with the API",
        "tests/relay/tokens/test_accounts.py::test_what_cannot_be_a_token_is_never_sent",
        "pixverse/tokens.py",
        "    if DISCORD_TOKEN.search(token):\n        raise",
        "    if 0:\n        raise",
    ),
    fault(
        "an e-mail address in an id is shown",
        "tests/ui/test_escape.py::test_a_job_id_shows_no_address_and_no_markup",
        "ui/escape.py",
        "hidden = mask_email(jobid)",
        "hidden = jobid",
    ),
    fault(
        "an e-mail address that a prompt repeats is shown",
        "tests/ui/test_outcomes.py::test_an_address_in_the_prompt_is_masked[completed]",
        "ui/wording.py",
        'return mask_email(job.prompt or "") if',
        'return (job.prompt or "") if',
    ),
    fault(
        "an e-mail address in a reason is shown",
        "tests/ui/test_outcomes.py::test_an_address_in_the_reason_is_masked",
        "ui/outcomes.py",
        "escaped(mask_email(words), limit)",
        "escaped(words, limit)",
    ),
    fault(
        "an e-mail address in what a job says is shown in its details",
        "tests/ui/test_details.py::test_addresses_in_words_of_the_api_are_masked",
        "ui/details.py",
        'mask_email(job.error or "")',
        '(job.error or "")',
    ),
)
