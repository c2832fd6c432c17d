"""The page's content as JSON, read from the state: one section for each part of the page."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping, Sequence

from sandbox.bot_process import BotProcess
from sandbox.discord_wire import Member
from sandbox.panel import choices, traffic
from sandbox.panel.panel_state import PanelServer, PanelState
from sandbox.pixverse_api.jobs import Job, Moment, RecordState
from sandbox.pixverse_api.requests_log import LoggedRequest

_JOBS = 40
_LINES = 150
_ANSWERS = 5
_RECORD_STATE_TITLES = {
    RecordState.PRESENT: "",
    RecordState.EXPIRED: "expired (410)",
    RecordState.UNKNOWN: "gone (404)",
}
_MINUTE_MS = 60_000
_LATELY_MS = 6_000
"""Three intervals of the demo."""

Section = dict[str, object] | list[dict[str, object]] | list[str]


def sections(state: PanelState) -> dict[str, Section]:
    """Everything, by the names of the events under which it is sent."""
    looks: dict[str, Callable[[PanelState], Section]] = {
        "places": places,
        "chat": chat,
        "bot": bot,
        "processes": processes,
        "scene": scene,
        "pixverse": pixverse,
        "jobs": jobs,
        "traffic": requests,
        "log": log,
    }
    return {name: look(state) for name, look in looks.items()}


def places(state: PanelState) -> Section:
    """Servers, and of the chosen one its channels and people."""
    channel = state.channel if state.server.bot_is_in else None
    denied = channel.denied_to_bot if channel is not None else set()
    return {
        "servers": [{"id": str(server.guild.id), "name": server.guild.name} for server in state.servers],
        "channels": _channels(state.server),
        "people": [{"id": str(one.id), "name": _known_as(state, one)} for one in state.server.people],
        "server": str(state.server.guild.id),
        "channel": str(channel.id) if channel is not None else "",
        "person": str(state.person.id),
        "personName": state.person.name,
        "botIsIn": state.server.bot_is_in,
        "permissions": [name for name, flag in choices.PERMISSIONS.items() if flag not in denied],
        "uploadLimit": _name(state.server.guild.upload_limit, choices.UPLOAD_LIMITS),
        "personLanguage": _name(state.person.locale, choices.LANGUAGES),
        "serverLanguage": _name(state.server.guild.preferred_locale, choices.LANGUAGES),
        "faults": state.setup.discord.faults.waiting,
    }


def _channels(server: PanelServer) -> list[dict[str, str]]:
    names = {one.id: one.name for one in server.channels}
    return [
        {"id": str(one.id), "name": f"{one.name}, a thread of #{names.get(one.stored.parent_id or 0, '')}"}
        if one.stored.is_thread
        else {"id": str(one.id), "name": f"#{one.name}"}
        for one in server.channels
    ]


def _known_as(state: PanelState, person: Member) -> str:
    return f"{person.name}, admin" if person.id == state.setup.ada.id else person.name


def _name(chosen: object, offered: Mapping[str, object]) -> str:
    """The name of a value in one of the page's lists; empty if the list doesn't offer it."""
    return next((name for name, value in offered.items() if value == chosen), "")


def chat(state: PanelState) -> Section:
    """The chat's address, or why there is no chat."""
    if state.chat.open:
        return {"url": state.chat.url, "note": ""}
    if not state.server.bot_is_in:
        return {
            "url": "",
            "note": f"The bot isn't in {state.server.guild.name}. Invite it again, or choose another server.",
        }
    return {"url": "", "note": "The chat is closed." if state.channel is not None else "This server has no channel."}


def bot(state: PanelState) -> Section:
    """How the bot is, and its process where there is only one."""
    setup, process = state.setup, state.setup.bot
    running = any(one.running for one in setup.processes.values())
    return {
        "running": running,
        "connected": running and setup.shards_away == 0,
        "shardsAway": setup.shards_away,
        "gatewayClosed": setup.discord.gateway.closed,
        "pid": process.pid,
        "exitCode": process.exit_code,
        "starts": process.starts,
    }


def processes(state: PanelState) -> Section:
    """Several processes, each with what it holds; empty where there is only one."""
    setup = state.setup
    if setup.cluster is None:
        return []
    serving = setup.serving(state.server.guild) if state.server.bot_is_in else None
    asking = _who_asks(setup.pixverse.requests)
    shown: list[dict[str, object]] = [
        {
            "name": name,
            "state": _state(process),
            "pid": process.pid,
            "shards": setup.shards_of(name),
            "servesHere": name == serving,
            "asks": name in asking,
            "logShown": name == state.log_of,
        }
        for name, process in setup.cluster.processes.items()
    ]
    return shown


def _state(process: BotProcess) -> str:
    """`running`, `stopping`, or how it has ended."""
    if process.running:
        return "stopping" if process.stopping else "running"
    code = process.exit_code
    if code is None:
        return "not started"
    return {0: "stopped", -signal.SIGKILL: "killed"}.get(code, f"ended, exit code {code}")


def _who_asks(requests: Sequence[LoggedRequest]) -> set[str]:
    """The processes that have asked the API lately."""
    since = int(time.time() * 1000) - _LATELY_MS
    return {entry.caller for entry in requests[-200:] if entry.at >= since}


def scene(state: PanelState) -> Section:
    """What happens in the scene that was started last."""
    return {"text": state.scene.text, "needsToken": state.scene.needs_token}


def pixverse(state: PanelState) -> Section:
    """The API's switches, and how often it is asked."""
    api = state.setup.pixverse
    return {
        "api": state.api,
        "account": state.setup.account.status.value,
        "speed": _speed(state.speed),
        "faults": api.faults.waiting + api.cdn.faults.waiting,
        "asked": len(api.requests),
        "askedLastMinute": _in_last_minute(api.requests),
        "callbacks": _callbacks(state),
    }


def _callbacks(state: PanelState) -> str:
    """In a sentence; the address itself is a secret."""
    sent = state.setup.pixverse.callbacks.sent
    if not sent:
        return "No address is set, so none is sent." if state.setup.account.reply_url is None else "None was sent yet."
    answers = ", ".join("no answer" if one.status is None else str(one.status) for one in sent[-_ANSWERS:])
    return f"{len(sent)} sent; the latest were answered with {answers}."


def _speed(speed: float) -> str:
    return next(name for name, value in choices.SPEEDS.items() if value == speed)


def _in_last_minute(requests: Sequence[LoggedRequest]) -> int:
    since = int(time.time() * 1000) - _MINUTE_MS
    return sum(entry.at >= since for entry in requests[-500:])


def jobs(state: PanelState) -> Section:
    """The jobs, newest first."""
    return [_job(job) for job in state.setup.pixverse.jobs[: -_JOBS - 1 : -1]]


def _job(job: Job) -> dict[str, object]:
    shown = job.shown
    last = job.history[-1]
    return {
        "jobid": job.jobid,
        "shownId": traffic.masked(job.jobid),
        "prompt": str(shown.get("prompt", "")),
        "kind": str(shown.get("verb", "")),
        "status": _RECORD_STATE_TITLES[job.record_state] or job.status,
        "percent": last.percent if job.in_work else None,
        "ended": not job.in_work,
        "history": [_moment(moment) for moment in job.history],
        "coming": [_moment(moment) for moment in job.coming],
    }


def _moment(moment: Moment) -> dict[str, object]:
    return {"at": moment.at, "status": moment.status, "percent": moment.percent}


def requests(state: PanelState) -> Section:
    """The latest requests to both servers."""
    setup = state.setup
    return traffic.latest(
        setup.discord.requests[-traffic.SHOWN :],
        setup.pixverse.requests[-traffic.SHOWN :],
        setup.pixverse.cdn.requests[-traffic.SHOWN :],
    )


def log(state: PanelState) -> Section:
    """What the bot said last."""
    return list(state.setup.processes[state.log_of].log)[-_LINES:]
