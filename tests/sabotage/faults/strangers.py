"""Nothing that the API or a member sends can ping, leak, fetch or take too much."""

from __future__ import annotations

from tests.sabotage.fault import fault

_E2E_PERMISSIONS = "tests/e2e/test_permissions.py"

FAULTS = (
    fault(
        "what the API wrote may ping",
        "tests/e2e/test_main_path.py::test_nobody_is_pinged_who_did_not_ask_for_it",
        "cogs/poster.py",
        "everyone=False, roles=False, users=[discord.Object(user) for user in message.mention], replied_user=False",
        "everyone=True, roles=True, users=True, replied_user=False",
    ),
    fault(
        "what the API wrote is not escaped",
        "tests/ui/test_rules.py::test_nothing_the_api_wrote_is_a_live_link_or_mention",
        "ui/escape.py",
        "    marked = _places_to_escape(clean)",
        "    marked = frozenset[int]()",
    ),
    fault(
        "characters that change the direction are shown",
        "tests/ui/test_escape.py::test_every_form_keeps_its_bound_and_its_line",
        "ui/escape.py",
        'if category in ("Cf", "Cs", "Cn", "Co") or character in _INVISIBLE:',
        'if category == "Cs":',
    ),
    fault(
        "private addresses are fetched from",
        "tests/relay/test_addresses.py::test_private_addresses",
        "relay/addresses.py",
        "return ip.is_global and not ip.is_multicast",
        "return True",
    ),
    fault(
        "names that resolve to private addresses are fetched from",
        "tests/relay/test_addresses.py::test_private_answers_are_dropped",
        "relay/addresses.py",
        'if is_public(entry["host"])]',
        "if True]",
    ),
    fault(
        "a redirect may lead to any host",
        "tests/relay/test_media.py::test_redirect_elsewhere",
        "relay/download.py",
        "url = self._hosts.check(_join(url, target))",
        "url = _join(url, target)",
    ),
    fault(
        "a download has no end",
        "tests/relay/test_media.py::test_one_byte_too_many_in_a_file_of_unknown_length",
        "relay/download.py",
        "if size > self._bounds.max_bytes:",
        "if size > 100 * self._bounds.max_bytes:",
    ),
    fault(
        "an answer of the API has no end",
        "tests/pixverse/test_client.py::test_five_megabytes_are_not_read_to_the_end",
        "pixverse/client.py",
        "if len(body) > self._max_bytes:",
        "if len(body) > 100 * self._max_bytes:",
    ),
    fault(
        "admins' commands are anybody's",
        f"{_E2E_PERMISSIONS}::test_admin_commands_are_refused",
        "cogs/pixverse_admin.py",
        "            require_manage_server(interaction)\n",
        "",
    ),
    fault(
        "the token's form opens for anybody",
        f"{_E2E_PERMISSIONS}::test_admin_commands_are_refused",
        "cogs/pixverse_admin.py",
        "        if not may_manage_server(interaction):",
        "        if 0:",
    ),
    fault(
        "admins' buttons are anybody's",
        f"{_E2E_PERMISSIONS}::test_admins_buttons_are_refused",
        "cogs/buttons.py",
        "            require_manage_server(interaction)\n",
        "",
    ),
    fault(
        "outcomes of other servers are sent again",
        "tests/relay/test_resending.py::test_another_server_s_is_out_of_reach",
        "storage/outcome_records.py",
        '_OF_GUILD = f"d.guild_id = ? AND {IS_OUTCOME}"',
        '_OF_GUILD = f"d.guild_id <> -? AND {IS_OUTCOME}"',
    ),
    fault(
        "anybody sends outcomes again",
        "tests/e2e/test_deliveries.py::test_its_buttons_are_bound_to_admins_and_to_the_server",
        "cogs/buttons.py",
        "            require_manage_server(interaction)\n            return await self._outcomes",
        "            return await self._outcomes",
    ),
    fault(
        "a button works in every channel",
        "tests/relay/test_tracker.py::test_a_number_and_a_button_are_of_no_use_elsewhere",
        "relay/stopping.py",
        "subscription is None or (subscription.guild_id, subscription.channel_id) != (ask.guild_id, ask.channel_id)",
        "subscription is None",
    ),
    fault(
        "a number works in every server",
        "tests/relay/test_tracker.py::test_a_number_and_a_button_are_of_no_use_elsewhere",
        "storage/jobs.py",
        "WHERE job_id = jobs.id AND guild_id = ?)",
        "WHERE job_id = jobs.id AND guild_id <> -?)",
    ),
    fault(
        "details are told in every channel",
        "tests/relay/test_tracker.py::test_details_are_told_in_the_outcomes_channel_alone",
        "relay/known.py",
        "if address is None or (address.guild_id, address.channel_id) != (ask.guild_id, ask.channel_id):",
        "if address is None:",
    ),
    fault(
        "one more than a person may have open",
        "tests/relay/test_tracker.py::test_limits_hold_exactly_under_a_crowd",
        "relay/seats.py",
        ">= limits.open_per_user",
        "> limits.open_per_user",
    ),
    fault(
        "one more than a server may have open",
        "tests/relay/test_tracker.py::test_limits_hold_exactly_under_a_crowd",
        "relay/seats.py",
        ">= limits.open_per_server",
        "> limits.open_per_server",
    ),
    fault(
        "one more command in a minute",
        "tests/relay/test_limits.py::test_so_many_in_sixty_seconds_and_not_one_more",
        "relay/limits.py",
        "if len(used) >= self._per_minute:",
        "if len(used) > self._per_minute:",
    ),
    fault(
        "what begins like an id of v2 goes into a path in any form",
        "tests/pixverse/test_jobids.py::test_what_only_begins_like_an_id_of_v2_is_none",
        "pixverse/jobids.py",
        "    if PIXVERSE_V2_START.match(jobid) and not is_v2(jobid):",
        "    if 0:",
    ),
    fault(
        "an address without a width is taken for a finished video",
        "tests/pixverse/test_videos_v2.py::test_what_a_status_means",
        "pixverse/videos_v2.py",
        "    if state is JobState.COMPLETED and not _is_there(record):",
        "    if 0:",
    ),
    fault(
        "a list that still names ended jobs is believed",
        "tests/relay/test_roll_calls.py::test_a_list_that_lags_is_found_out_and_left_alone",
        "relay/roll_calls.py",
        "        if self._lags(roll):",
        "        if 0:",
    ),
)
