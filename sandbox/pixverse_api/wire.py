"""Comes before every endpoint: the log of requests, the faults and the off switch."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler

from sandbox.pixverse_api.accounts import Account
from sandbox.pixverse_api.fault_list import Faults
from sandbox.pixverse_api.faults import Status
from sandbox.pixverse_api.requests_log import LoggedRequest, logged_request
from sandbox.pixverse_api.stamps import Clock

_LARGEST_UPLOAD = 32 * 2**20
AccountOf = Callable[[web.Request], Account | None]


class Wire:
    """Logs each request, then has a fault answer it, or else the endpoint."""

    def __init__(
        self,
        clock: Clock,
        account_of: AccountOf,
        caller_of: Callable[[web.Request], str] = lambda _: "",
        log: Callable[[LoggedRequest], None] = lambda _: None,
    ) -> None:
        self.faults = Faults()
        self.requests: list[LoggedRequest] = []
        self.down = False
        """While set, everything is answered with 503."""
        self._clock = clock
        self._account_of = account_of
        self._caller_of = caller_of
        self._log = log

    def application(self, *routes: web.RouteDef) -> web.Application:
        """An application with these routes behind the wire."""
        application = web.Application(middlewares=[self._listen], client_max_size=_LARGEST_UPLOAD)
        application.add_routes(routes)
        return application

    @web.middleware
    async def _listen(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        account = self._account_of(request)
        number = None if account is None else account.number
        entry = logged_request(request, self._clock(), number, self._caller_of(request))
        self.requests.append(entry)

        async def carry_out() -> web.Response:
            try:
                answer = await handler(request)
            except web.HTTPException as no_such_route:
                return web.json_response({"error": no_such_route.reason, "code": no_such_route.status}, status=404)
            if not isinstance(answer, web.Response):
                raise TypeError("endpoints answer with a whole response")
            return answer

        action = Status(503) if self.down else self.faults.take(request, account)
        answer = await (carry_out() if action is None else action.play(request, carry_out))
        cut = request.transport is None or request.transport.is_closing()
        entry.status = None if cut else answer.status
        self._log(entry)
        return answer
