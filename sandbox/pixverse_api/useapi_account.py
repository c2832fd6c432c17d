"""The customer's own record at useapi.net, which holds the `replyUrl` for all jobs that name none (post-account)."""

from __future__ import annotations

import json

from aiohttp import web

from sandbox.pixverse_api.accounts import Account
from sandbox.pixverse_api.bodies import refusal
from sandbox.pixverse_api.service import Service
from sandbox.pixverse_api.v1 import known, response

_PATH = "/v2/account"
_LONGEST_URL = 1024


def routes(service: Service) -> list[web.RouteDef]:
    """Every endpoint that is served."""
    return [
        web.get(_PATH, known(service, _told), allow_head=False),
        web.post(_PATH, known(service, _changed)),
    ]


async def _told(_request: web.Request, account: Account) -> web.Response:
    return web.json_response({"name": account.name, "replyUrl": account.reply_url or ""})


async def _changed(request: web.Request, account: Account) -> web.Response:
    try:
        given = await request.json()
    except json.JSONDecodeError:
        return response(refusal(400, "Body is not JSON"))
    if not isinstance(given, dict):
        return response(refusal(400, "Body is not an object"))
    name, url = given.get("name"), given.get("replyUrl")
    if not all(value is None or isinstance(value, str) for value in (name, url)):
        return response(refusal(400, "name and replyUrl must be texts"))
    if url is not None and len(url) > _LONGEST_URL:
        return response(refusal(400, "replyUrl is too long"))
    account.name = account.name if name is None else name
    account.reply_url = account.reply_url if url is None else url
    return web.Response()
