"""What strangers can reach at the HTTP ports, and for how long."""

from __future__ import annotations

from tests.mutations.mutation import mutation

_CONNECTION = "web/http_connection.py"
_LIMIT = "web/connection_limiter.py"
_PARSING = "web/parsing.py"
_SERVER_TESTS = "tests/web/test_server.py"
_LIMIT_TESTS = "tests/web/test_connection_limiter.py"
_KINDS = "tests/web/test_strangers.py::test_each_kind_is_refused_at_once"

MUTATIONS = (
    mutation(
        "the callback port serves metrics too",
        f"{_SERVER_TESTS}::test_the_callback_port_serves_only_callbacks",
        "callback_routes",
        'return [Route(("POST",), re.compile(f"(?:{prefix})?/callback/[^/]+"), callback)]',
        'return [Route(("POST", "GET"), re.compile(f"(?:{prefix})?(/callback)?/[^/]+"), callback)]',
    ),
    mutation(
        "callbacks and monitoring share a port",
        "tests/settings/test_http_settings.py::test_the_two_ports_must_differ",
        "Settings._keep_ports_apart",
        'if port is not None and port == info.data.get("http_port"):',
        "if 0:",
    ),
    mutation(
        "an installation of 0.1 loses its callbacks silently",
        "tests/settings/test_http_settings.py::test_an_installation_of_0_1_is_told_what_has_changed_and_what_to_set",
        "Settings._match_callback_port",
        "if url is not None and port is None:",
        "if 0:",
    ),
    mutation(
        "a callback port without a public address counts as set up",
        "tests/settings/test_http_settings.py::test_a_callback_port_that_the_internet_cannot_reach",
        "Settings._match_callback_port",
        "if url is None and port is not None:",
        "if 0:",
    ),
    mutation(
        "check tests only the monitoring port",
        "tests/e2e/test_operator_commands.py::test_check_while_the_running_bot_uses_the_ports",
        "operator_commands.check",
        "for port in (monitoring_port(settings), callback_port(settings)):",
        "for port in (monitoring_port(settings),):",
    ),
    mutation(
        "absolute request targets are parsed",
        f"{_KINDS}[an address that is no host-callbacks]",
        "_REQUEST_LINE",
        r"(/[\x21-\x7e]*) HTTP",
        r"([\x21-\x7e]*) HTTP",
    ),
    mutation(
        "control characters wait for the end of the headers",
        f"{_KINDS}[TLS-callbacks]",
        "HeadReader.feed",
        "if _NO_HEAD.search(head, searched):",
        "if 0:",
    ),
    mutation(
        "headers have no limit",
        f"{_KINDS}[a header that is long-callbacks]",
        "HeadReader.feed",
        "if len(head) > MAX_HEAD_BYTES:",
        "if 0:",
    ),
    mutation(
        "the second of two lengths counts",
        f"{_KINDS}[two lengths-callbacks]",
        "web._headers",
        "if key in found:",
        "if 0:",
    ),
    mutation(
        "a length beside chunks is ignored",
        f"{_KINDS}[chunks and a length-callbacks]",
        "body_reader",
        "if length is not None:\n    raise RequestRefused(HTTPStatus.BAD_REQUEST)\n",
        "",
    ),
    mutation(
        "chunks have no limit",
        "tests/web/test_parsing.py::test_the_limits_are_exact",
        "ChunkedBody.feed",
        "if len(self._body) + size > MAX_BODY_BYTES:",
        "if 0:",
    ),
    mutation(
        "a body has no limit",
        f"{_SERVER_TESTS}::test_a_body_has_a_limit",
        "SizedBody.feed",
        "if self._length > MAX_BODY_BYTES:",
        "if 0:",
    ),
    mutation(
        "slow clients keep their connections",
        f"{_SERVER_TESTS}::test_slow_clients_are_cut_off",
        "HttpConnection._bound",
        "call_later(seconds, then)",
        "call_later(seconds * 1000, then)",
    ),
    mutation(
        "a client that reads no response stays connected",
        f"{_SERVER_TESTS}::test_clients_that_stay_after_the_response_are_cut_off",
        "HttpConnection._send",
        "self._bound(self._seconds.closing, self.abort)\n",
        "",
    ),
    mutation(
        "idle connections shut new ones out",
        f"{_SERVER_TESTS}::test_a_thousand_idle_connections_keep_no_callback_out",
        "ConnectionLimiter.admit",
        "and not self._make_room():",
        "and True:",
    ),
    mutation(
        "any number of connections is accepted",
        f"{_LIMIT_TESTS}::test_if_all_are_being_served_a_new_connection_is_refused_until_one_ends",
        "ConnectionLimiter.admit",
        "if len(self._networks) >= self._max_connections and",
        "if 0 and",
    ),
    mutation(
        "a new connection displaces a request that is being served",
        f"{_LIMIT_TESTS}::test_the_oldest_waiting_connection_of_an_address_is_closed_first",
        "ConnectionLimiter._make_room",
        "if not connection.is_busy:",
        "if 1:",
    ),
    mutation(
        "one address takes all connections",
        f"{_LIMIT_TESTS}::test_one_address_never_displaces_another",
        "ConnectionLimiter._make_room",
        "sorted(self._connections.values(), key=len, reverse=True)",
        "[self._networks]",
    ),
    mutation(
        "one client has as many addresses as its IPv6 network",
        f"{_LIMIT_TESTS}::test_what_counts_as_one_address",
        "network_of",
        "ipaddress.IPv6Network((ip, 64), strict=False)",
        "ip",
    ),
    mutation(
        "a client that closes its half after the request gets no response",
        f"{_SERVER_TESTS}::test_a_client_that_closes_its_half_gets_a_response",
        "HttpConnection.eof_received",
        "return self.is_busy\n",
        "return False\n",
    ),
    mutation(
        "an error that strangers can repeat fills the log",
        "tests/test_logs.py::test_a_repeated_error_is_logged_once_and_then_counted",
        "_Handler._is_new",
        "if fault in self._logged:",
        "if 0:",
    ),
    mutation(
        "the count of an error is not logged at the end",
        "tests/test_logs.py::test_remaining_counts_are_logged_at_the_end",
        "_Handler.close",
        "self._write_counts(math.inf)\n",
        "",
    ),
    mutation(
        "strangers make the memory of errors grow",
        "tests/test_logs.py::test_the_number_of_remembered_errors_is_bounded",
        "_Handler._is_new",
        "self._logged.pop(oldest, None)\n",
        "",
    ),
    mutation(
        "callbacks' connections take all files that the process may open",
        f"{_LIMIT_TESTS}::test_half_of_the_open_files_are_left_to_others",
        "room_for",
        "return min(wanted, _files_within(soft) // 2)",
        "return wanted",
    ),
    mutation(
        "disconnecting early multiplies the work",
        f"{_SERVER_TESTS}::test_work_for_a_client_that_left_is_dropped",
        "HttpConnection.connection_lost",
        "self._responding.cancel()  #",
        "pass  #",
    ),
    mutation(
        "a response to HEAD has a body",
        f"{_SERVER_TESTS}::test_head_gets_no_body",
        "HttpConnection._send",
        'response.body if self._sends_body else b""',
        "response.body",
    ),
)
