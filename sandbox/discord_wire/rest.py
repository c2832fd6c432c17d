"""The REST API over a real socket: handles a request from its first byte to the response."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from aiohttp import web
from simcord.backend.errors import BackendError
from simcord.http.router import RouteNotImplemented, UnsupportedField

from . import history, interaction_rest, posting
from .faults import Action, Body, Cut, Hold, RateLimit, Status
from .gateway import Gateway
from .limits import VIA, refuse
from .message_rules import as_discord_words_it
from .recording import RecordedRequest, read_request
from .request_log import log_request
from .routes import find_route
from .virtual_discord import VirtualDiscord
from .wire_json import Wire

_log = logging.getLogger(__name__)

Answer = tuple[int, Any]


class Rest:
    """Serves `/api/v10/…`."""

    def __init__(self, world: VirtualDiscord, wire: Wire, gateway: Gateway) -> None:
        self._world = world
        self._wire = wire
        self._gateway = gateway

    async def handle(self, request: web.Request) -> web.Response:
        """One request."""
        try:
            recorded = await read_request(request, now=self._world.now())
        except ValueError:
            body = {"message": "The request body contains invalid JSON.", "code": 50109}
            return self._wire.answer(body, status=400, headers=VIA)
        self._world.requests.append(recorded)
        self._world.changes.tell()
        response = await self._respond(request, recorded)
        self._world.changes.tell()
        return response

    async def _respond(self, request: web.Request, recorded: RecordedRequest) -> web.Response:
        verdict = self._world.limits.take(recorded)
        if verdict.refusal is not None:
            recorded.status = 429
            log_request(self._world, recorded, 429, {"global": verdict.refusal.scope == "global"})
            return refuse(self._wire, verdict.refusal, verdict.headers)
        before = self._world.faults.meet(recorded, "before")
        if before is not None and (response := await self._suffer(before, request, recorded)) is not None:
            log_request(self._world, recorded, recorded.status, None)
            return response
        status, answer, headers = self._deed(recorded)
        log_request(self._world, recorded, status, answer)
        recorded.done = status < 300
        after = self._world.faults.meet(recorded, "after")
        if after is not None:
            self._world.changes.tell()
            if (response := await self._suffer(after, request, recorded)) is not None:
                return response
        recorded.status, recorded.answer = status, answer
        told = {**VIA, **verdict.headers, **headers}
        if status == 204:
            return web.Response(status=204, headers=told)
        return self._wire.answer(answer, status=status, headers=told)

    async def _suffer(self, action: Action, request: web.Request, recorded: RecordedRequest) -> web.Response | None:
        match action:
            case Status(status, code, message):
                recorded.status = status
                return self._wire.answer({"message": message, "code": code}, status=status, headers=VIA)
            case Body(text, content_type, status):
                recorded.status = status
                return web.Response(status=status, body=text.encode(), headers={"Content-Type": content_type})
            case RateLimit():
                recorded.status = 429
                return refuse(self._wire, action, {})
            case Cut():
                if request.transport is not None:
                    request.transport.abort()
                return web.Response(status=502)
            case Hold():
                action.reached.set()
                self._world.changes.tell()
                try:
                    await action.release.wait()
                except asyncio.CancelledError:
                    action.gone.set()
                    raise
                return None

    def _deed(self, recorded: RecordedRequest) -> tuple[int, Any, dict[str, str]]:
        """Carry out a request; a refusal becomes its response."""
        try:
            status, answer = self._route(recorded)
        except (RouteNotImplemented, UnsupportedField) as error:
            return self._unsupported(recorded, error)
        except posting.TooManyOldEdits:
            wait_s = self._world.limits.old_edit_retry_after_s
            told = "Maximum number of edits to messages older than 1 hour reached. Try again later."
            body = {"message": told, "code": 30046, "retry_after": wait_s, "global": False}
            return 429, body, {"Retry-After": str(max(int(wait_s), 1)), "X-RateLimit-Scope": "user"}
        except BackendError as error:
            if error.status == 501:
                return self._unsupported(recorded, error)
            refusal = as_discord_words_it(error)
            return refusal.status, refusal.to_json(), {}
        except Exception as error:
            _log.exception("the sandbox failed at %s %s", recorded.method, recorded.path)
            return self._unsupported(recorded, error)
        return status, answer, {}

    def _unsupported(self, recorded: RecordedRequest, error: Exception) -> tuple[int, Any, dict[str, str]]:
        told = f"{recorded.method} {recorded.path}: {error!r}"
        self._world.unsupported.append(told)
        _log.error("the sandbox does not know %s", told)
        return 501, {"message": told, "code": 0}, {}

    def _route(self, request: RecordedRequest) -> Answer:
        world = self._world
        if match := interaction_rest.CALLBACK.fullmatch(request.path):
            return interaction_rest.callback(world, request, int(match["id"]))
        if match := interaction_rest.WEBHOOK.fullmatch(request.path):
            return interaction_rest.webhook(world, request, match["token"])
        if request.path == "/gateway":
            return 200, {"url": self._gateway.address(request.caller)}
        if not world.token_fits(request.authorization):
            return 401, {"message": "401: Unauthorized", "code": 0}
        return self._route_of_bot(request)

    def _route_of_bot(self, request: RecordedRequest) -> Answer:
        world = self._world
        if request.path == "/gateway/bot":
            starts = world.starts.shown()
            url = self._gateway.address(request.caller)
            return 200, {"url": url, "shards": self._gateway.shards, "session_start_limit": starts}
        if own := find_route(request.method, request.path):
            handler, match = own
            return handler(world, request, match)
        return self._message_route(request)

    def _message_route(self, request: RecordedRequest) -> Answer:
        world = self._world
        if request.method == "POST" and (match := posting.MESSAGES.fullmatch(request.path)):
            return 200, posting.post_message(world, request, posting.channel_of(world, match["channel"]))
        if request.method == "PATCH" and (match := posting.MESSAGE.fullmatch(request.path)):
            channel = posting.channel_of(world, match["channel"])
            return 200, posting.edit_message(world, request, channel, int(match["message"]))
        if request.method == "GET" and (match := posting.MESSAGES.fullmatch(request.path)):
            return 200, history.read(world, request, posting.channel_of(world, match["channel"]))
        answer = posting.simcord_dispatch(world, request)
        return (204, None) if answer is None else (200, posting.without_nonce(answer))
