"""Writes REST requests to the event log: posts with their nonces, edits, acknowledgements, and everything else."""

from __future__ import annotations

import re

from . import interaction_rest, posting
from .recording import RecordedRequest
from .virtual_discord import VirtualDiscord

_TOKEN = re.compile(r"(/(?:interactions|webhooks)/[0-9]+/)[^/]+")


def log_request(world: VirtualDiscord, request: RecordedRequest, status: int | None, answer: object) -> None:
    """Log a request after it was carried out or refused, even if its response is lost afterwards.

    `status` is None if the connection was cut before anything was done; `answer` is the response's body.
    """
    told = answer if isinstance(answer, dict) else {}
    event, facts = _described(world, request, told)
    world.log.write(
        event,
        caller=request.caller,
        method=request.method,
        path=_TOKEN.sub(r"\1…", request.path),
        status=status,
        code=told.get("code"),
        **{"global": told.get("global") or None},
        **facts,
    )


def _described(
    world: VirtualDiscord, request: RecordedRequest, told: dict[str, object]
) -> tuple[str, dict[str, object]]:
    """The event's name, and the facts specific to this kind of request."""
    if match := interaction_rest.CALLBACK.fullmatch(request.path):
        return "acknowledge", {"interaction": int(match["id"]), "type": request.body.get("type")}
    if match := interaction_rest.WEBHOOK.fullmatch(request.path):
        return "reply", {"interaction": world.backend.interaction_tokens.get(match["token"])}
    if request.method == "POST" and (match := posting.MESSAGES.fullmatch(request.path)):
        return "post", {
            "channel": match["channel"],
            "message": told.get("id"),
            "nonce": request.body.get("nonce"),
            "content": request.body.get("content"),
            "components": request.body.get("components"),
            "files": [upload.filename for upload in request.files],
        }
    if request.method in ("PATCH", "DELETE") and (match := posting.MESSAGE.fullmatch(request.path)):
        event = "edit" if request.method == "PATCH" else "delete"
        return event, {"channel": match["channel"], "message": match["message"]}
    return "request", {}
