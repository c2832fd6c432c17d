"""What strangers can reach at the HTTP ports, and for how long."""

from __future__ import annotations

from tests.mutations.mutation import fault

_CONNECTION = "web/http_connection.py"
_LIMIT = "web/connection_limit.py"
_PARSING = "web/parsing.py"
_SERVER_TESTS = "tests/web/test_server.py"
_LIMIT_TESTS = "tests/web/test_connection_limit.py"
_KINDS = "tests/web/test_strangers.py::test_each_kind_is_refused_at_once"

FAULTS = (
    fault(
        "the callback port serves metrics too",
        f"{_SERVER_TESTS}::test_the_callback_port_answers_callbacks_alone",
        "web/server.py",
        'return [Route(("POST",), re.compile(f"(?:{prefix})?/callback/[^/]+"), callback)]',
        'return [Route(("POST", "GET"), re.compile(f"(?:{prefix})?(/callback)?/[^/]+"), callback)]',
    ),
    fault(
        "callbacks and monitoring share a port",
        "tests/settings/test_http_settings.py::test_the_two_ports_are_not_the_same",
        "settings/model.py",
        'if port is not None and port == info.data.get("http_port"):',
        "if 0:",
    ),
    fault(
        "an installation of 0.1 loses its callbacks without a word",
        "tests/settings/test_http_settings.py::test_an_installation_of_0_1_hears_what_has_changed_and_what_to_set",
        "settings/model.py",
        "        if url is not None and port is None:",
        "        if 0:",
    ),
    fault(
        "a callback port without an address seems to be set up",
        "tests/settings/test_http_settings.py::test_a_callback_port_that_the_internet_cannot_reach",
        "settings/model.py",
        "        if url is None and port is not None:",
        "        if 0:",
    ),
    fault(
        "check looks at the monitoring port alone",
        "tests/e2e/test_operator_commands.py::test_check_where_the_running_bot_has_the_ports",
        "operator_commands.py",
        "for port in (monitoring_port(settings), callback_port(settings)):",
        "for port in (monitoring_port(settings),):",
    ),
    fault(
        "whole addresses are parsed",
        f"{_KINDS}[an address that is no host-callbacks]",
        _PARSING,
        r"(/[\x21-\x7e]*) HTTP",
        r"([\x21-\x7e]*) HTTP",
    ),
    fault(
        "control characters wait for the end of the head",
        f"{_KINDS}[TLS-callbacks]",
        _PARSING,
        "        if _NO_HEAD.search(head, searched):",
        "        if 0:",
    ),
    fault(
        "a head has no bound",
        f"{_KINDS}[a header that is long-callbacks]",
        _PARSING,
        "        if len(head) > MAX_HEAD_BYTES:",
        "        if 0:",
    ),
    fault(
        "the second of two lengths wins",
        f"{_KINDS}[two lengths-callbacks]",
        _PARSING,
        "        if key in found:",
        "        if 0:",
    ),
    fault(
        "a length beside chunks is overlooked",
        f"{_KINDS}[chunks and a length-callbacks]",
        _PARSING,
        "        if length is not None:\n            raise Refused(HTTPStatus.BAD_REQUEST)\n",
        "",
    ),
    fault(
        "chunks have no bound",
        "tests/web/test_parsing.py::test_the_bounds_are_met_exactly",
        _PARSING,
        "            if len(self._body) + size > MAX_BODY_BYTES:",
        "            if 0:",
    ),
    fault(
        "a body has no bound of its own",
        f"{_SERVER_TESTS}::test_a_body_has_a_bound",
        _PARSING,
        "        if self._length > MAX_BODY_BYTES:",
        "        if 0:",
    ),
    fault(
        "slow clients keep their connections",
        f"{_SERVER_TESTS}::test_whoever_is_slow_is_cut_off",
        _CONNECTION,
        "call_later(seconds, then)",
        "call_later(seconds * 1000, then)",
    ),
    fault(
        "whoever reads no response stays",
        f"{_SERVER_TESTS}::test_whoever_does_not_go_after_the_response_is_cut_off",
        _CONNECTION,
        "        self._bound(self._seconds.closing, self.abort)\n",
        "",
    ),
    fault(
        "idle connections shut newcomers out",
        f"{_SERVER_TESTS}::test_a_thousand_idle_connections_keep_no_callback_out",
        _LIMIT,
        "and not self._make_room():",
        "and True:",
    ),
    fault(
        "any number of connections is taken",
        f"{_LIMIT_TESTS}::test_where_all_are_being_answered_a_newcomer_is_turned_away_until_one_has_ended",
        _LIMIT,
        "        if len(self._networks) >= self._max_connections and",
        "        if 0 and",
    ),
    fault(
        "a newcomer takes the place of a request that is being answered",
        f"{_LIMIT_TESTS}::test_the_oldest_of_one_address_goes_first_and_who_is_being_answered_stays",
        _LIMIT,
        "                if not connection.is_busy:",
        "                if 1:",
    ),
    fault(
        "one address takes all places",
        f"{_LIMIT_TESTS}::test_one_address_never_takes_the_place_of_another",
        _LIMIT,
        "sorted(self._connections.values(), key=len, reverse=True)",
        "[self._networks]",
    ),
    fault(
        "one client has as many addresses as its IPv6 network",
        f"{_LIMIT_TESTS}::test_what_counts_as_one_address",
        _LIMIT,
        "ipaddress.IPv6Network((ip, 64), strict=False)",
        "ip",
    ),
    fault(
        "a client that closes its half after the request gets no response",
        f"{_SERVER_TESTS}::test_a_client_that_closes_its_half_is_answered",
        _CONNECTION,
        "        return self.is_busy\n",
        "        return False\n",
    ),
    fault(
        "a fault that strangers can repeat fills the log",
        "tests/test_logs.py::test_a_fault_that_comes_again_and_again_is_told_once_and_then_counted",
        "logs.py",
        "        if fault in self._told:",
        "        if 0:",
    ),
    fault(
        "how often a fault came is not told at the end",
        "tests/test_logs.py::test_what_is_left_to_count_is_told_at_the_end",
        "logs.py",
        "        self._tell_counts(math.inf)\n",
        "",
    ),
    fault(
        "strangers make the memory of faults grow",
        "tests/test_logs.py::test_faults_of_very_many_kinds_are_not_all_remembered",
        "logs.py",
        "            self._told.pop(oldest, None)\n",
        "",
    ),
    fault(
        "callbacks' connections take all files that the process may open",
        f"{_LIMIT_TESTS}::test_half_of_the_files_that_may_be_open_are_left_to_others",
        _LIMIT,
        "return min(wanted, _fewer(_FILES_WANTED, soft) // 2)",
        "return wanted",
    ),
    fault(
        "hanging up early multiplies the work",
        f"{_SERVER_TESTS}::test_what_nobody_waits_for_any_more_is_not_worked_on",
        _CONNECTION,
        "            self._responding.cancel()  #",
        "            pass  #",
    ),
    fault(
        "a response to HEAD has a body",
        f"{_SERVER_TESTS}::test_head_is_answered_without_a_body",
        _CONNECTION,
        'response.body if self._sends_body else b""',
        "response.body",
    ),
)
