"""The switches of callbacks: where the API sends them, when, and one by hand."""

from __future__ import annotations

from urllib.parse import urlsplit

from sandbox.panel import choices
from sandbox.panel.form import Control, Form, NotDone
from sandbox.panel.panel_state import PanelState
from sandbox.pixverse_api.callbacks import CallbackPolicy, SentCallback

_MOST_TIMES = 20
_LATEST_SECONDS = 600.0


class CallbackControls:
    """The callbacks of useapi.net."""

    def __init__(self, state: PanelState) -> None:
        self._state = state
        self._callbacks = state.setup.pixverse.callbacks

    def controls(self) -> dict[str, Control]:
        """Every switch by its name on the page."""
        return {
            "callback-address": self.set_address,
            "callback-habit": self.set_policy,
            "callback-send": self.send,
        }

    async def set_address(self, form: Form) -> str:
        """The `replyUrl` of the server's account, as `/pixverse-admin callback` gives it; for jobs made from now on."""
        address = form.text("url")
        if urlsplit(address).hostname not in ("127.0.0.1", "localhost"):
            raise NotDone("The sandbox calls this machine only: an address on 127.0.0.1.")
        self._state.setup.account.reply_url = address
        return "Jobs that start from now on send their callbacks there."

    async def set_policy(self, form: Form) -> str:
        """At which moments callbacks are sent, how often each, and how late."""
        when = form.one_of("when", choices.CALLBACK_MOMENTS)
        times = form.whole("times", 1, _MOST_TIMES)
        self._callbacks.policy = CallbackPolicy(when, times, form.number("late", 0, _LATEST_SECONDS))
        return f"Callbacks are sent: {when.value}."

    async def send(self, form: Form) -> str:
        """One job's callback, now; a job that was made before there was an address uses that of its account."""
        job = self._state.job(form.text("jobid"))
        job.reply_url = job.reply_url or self._state.setup.account.reply_url
        if job.reply_url is None:
            raise NotDone("There is no address yet: be Ada, take it from /pixverse-admin callback, and set it below.")
        return _told(await self._callbacks.send(job))


def _told(sent: SentCallback) -> str:
    return "Sent, and nobody answered." if sent.status is None else f"Sent, and answered with {sent.status}."
