"""HTTP routes of the first generation of the PixVerse API (useapi.net PixVerse v1)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from sandbox.pixverse_api import parameters
from sandbox.pixverse_api.accounts import Account, AccountStatus
from sandbox.pixverse_api.bodies import NO_CONFIGURATION, NO_JOBID, UNAUTHORIZED, UNPAID, Answer
from sandbox.pixverse_api.parameters import BadParameter, Form
from sandbox.pixverse_api.service import Service

ROOT = "/v1/pixverse"
Call = Callable[[web.Request, Account], Awaitable[web.Response]]
Handler = Callable[[web.Request], Awaitable[web.Response]]


def routes(service: Service) -> list[web.RouteDef]:
    """Every endpoint that is served."""
    calls = _Calls(service)
    forms = {
        "create": parameters.CREATE,
        "create_single": parameters.CREATE_SINGLE,
        "animate": parameters.ANIMATE,
        "meme_face": parameters.MEME_FACE,
    }
    return [
        web.get(f"{ROOT}/jobs", paid(service, calls.in_work), allow_head=False),
        web.get(f"{ROOT}/jobs/", paid(service, calls.job), allow_head=False),
        web.get(f"{ROOT}/jobs/cancel/", paid(service, calls.cancel), allow_head=False),
        web.get(f"{ROOT}/account", known(service, calls.account), allow_head=False),
        web.post(f"{ROOT}/button", paid(service, calls.button)),
        *(web.post(f"{ROOT}/{name}", paid(service, calls.generating(form))) for name, form in forms.items()),
    ]


class _Calls:
    """What each endpoint does once the account is known."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def in_work(self, _request: web.Request, account: Account) -> web.Response:
        return web.json_response(self._service.in_work(account))

    async def job(self, request: web.Request, account: Account) -> web.Response:
        jobid = request.query.get("jobid")
        if not jobid:
            return response(NO_JOBID)
        job = self._service.find(account, jobid)
        if isinstance(job, Answer):
            return response(job)
        return raw(job.shown if job.raw is None else job.raw)

    async def cancel(self, request: web.Request, account: Account) -> web.Response:
        jobid = request.query.get("jobid")
        return response(self._service.cancel(account, jobid) if jobid else NO_JOBID)

    async def account(self, _request: web.Request, account: Account) -> web.Response:
        if not account.channels:
            return response(NO_CONFIGURATION)
        return web.json_response({place.channel: place.answer() for place in account.channels})

    async def button(self, request: web.Request, account: Account) -> web.Response:
        try:
            given = await parameters.read(request, parameters.BUTTON)
        except BadParameter as bad:
            return response(bad.answer)
        return response(self._service.press(account, given))

    def generating(self, form: Form) -> Call:
        async def call(request: web.Request, account: Account) -> web.Response:
            try:
                given = await parameters.read(request, form)
            except BadParameter as bad:
                return response(bad.answer)
            return response(self._service.generate(account, form.verb, given))

        return call


def known(service: Service, call: Call) -> Handler:
    """Authorization goes before everything else; the order is not documented."""

    async def handler(request: web.Request) -> web.Response:
        account = service.accounts.of_header(request.headers.get("Authorization"))
        if account is None or account.status is AccountStatus.REFUSED:
            return response(UNAUTHORIZED)
        return await call(request, account)

    return handler


def paid(service: Service, call: Call) -> Handler:
    """Like `known`, and 402 for an account that is not paid for."""

    async def paid_call(request: web.Request, account: Account) -> web.Response:
        if account.status is AccountStatus.UNPAID:
            return response(UNPAID)
        return await call(request, account)

    return known(service, paid_call)


def response(answer: Answer) -> web.Response:
    """An answer as JSON."""
    return web.json_response(answer.body, status=answer.status)


def raw(answer: object) -> web.Response:
    """Bytes as they are, anything else as JSON, with 200."""
    content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return web.Response(body=content, content_type="application/json", charset="utf-8")
