"""The switches of PixVerse."""

from __future__ import annotations

from dataclasses import replace

from sandbox.panel import choices
from sandbox.panel.form import Control, Form
from sandbox.panel.panel_state import PanelState
from sandbox.panel.tryouts import Tryouts
from sandbox.pixverse_api.jobs import Job
from sandbox.pixverse_api.timelines import Results
from sandbox.pixverse_api.videos import image_file

_MOST_SECONDS = 7200.0
_MOST_VIDEOS = 10


class PixverseControls:
    """Jobs, what goes wrong with the API's answers, and the account."""

    def __init__(self, state: PanelState, tryouts: Tryouts) -> None:
        self._state = state
        self._tryouts = tryouts
        self._pixverse = state.setup.pixverse

    def controls(self) -> dict[str, Control]:
        """Every switch by its name on the page."""
        return {
            "job-start": self.start_job,
            "job-change": self.change_job,
            "job-ask": self.ask_for_job,
            "speed": self.set_speed,
            "api-faults": self.add_faults,
            "api-faults-clear": self.clear_faults,
            "api": self.switch_api,
            "account": self.set_standing,
            "token-new": self.renew_token,
            "token-show": self.show_token,
        }

    # ------------------------------------------------------------------- jobs

    async def start_job(self, form: Form) -> str:
        """A new job of the server's account."""
        kind = form.one_of("kind", choices.KINDS)
        prompt = form.text("prompt", otherwise="A paper boat in the rain")
        seconds = form.number("seconds", 0, _MOST_SECONDS)
        timeline = form.one_of("ending", choices.ENDINGS)(seconds)
        job = self._add(kind, prompt)
        timeline = choices.with_results(timeline, self._results(kind, form, job, prompt))
        if form.ticked("watch"):
            await self._tryouts.start_and_watch(job, timeline)
            return self._asked()
        if form.ticked("once-asked"):
            self._state.play_once_asked(job, timeline)
            return "Added. It starts when someone asks for it: copy its id into the chat."
        self._state.play(job, timeline)
        return "Started."

    def _add(self, kind: str, prompt: str) -> Job:
        account = self._state.setup.account
        if kind == choices.V2_VIDEO:
            return self._pixverse.add_video(account, prompt=prompt, model="v5", quality="720p")
        if kind == choices.V2_IMAGE:
            return self._pixverse.add_video(account, prompt=prompt, kind="image")
        return self._pixverse.add_job(account, prompt=prompt, verb=kind)

    def _results(self, kind: str, form: Form, job: Job, prompt: str) -> Results:
        count = 1 if kind in (choices.V2_VIDEO, choices.V2_IMAGE) else form.whole("videos", 1, _MOST_VIDEOS)
        results = Results(count, form.one_of("size", choices.SIZES))
        if kind != choices.V2_IMAGE:
            return results
        pictures = tuple(image_file(f"{job.jobid}/{k}", prompt=prompt) for k in range(results.count))
        return replace(results, files=pictures)

    async def change_job(self, form: Form) -> str:
        """Changes a job at once; the rest of its time line is dropped."""
        change = form.one_of("to", choices.TRANSITIONS)
        change(self._state.job(form.text("jobid")))
        return f"The API now says: {form.text('to')}."

    async def ask_for_job(self, form: Form) -> str:
        """`/pixverse status` in the chosen channel by the chosen person, without typing."""
        await self._tryouts.ask(self._state.job(form.text("jobid")))
        return self._asked()

    def _asked(self) -> str:
        return f"{self._state.person.name} has asked. The bot's reply is in the chat."

    async def set_speed(self, form: Form) -> str:
        """Makes all jobs faster or slower."""
        speed = form.one_of("speed", choices.SPEEDS)
        for job in self._pixverse.jobs:
            job.hurry(speed / self._state.speed)
        self._state.speed = speed
        return f"Jobs now run at {form.text('speed')}."

    # ---------------------------------------------------------------- answers

    async def add_faults(self, form: Form) -> str:
        """Adds a fault to the API's next responses, or to the next files."""
        action = form.one_of("fault", choices.API_FAULTS)
        times = form.whole("times", 1, 1000)
        of_files = form.one_of("of", {"answers": False, "files": True})
        (self._pixverse.cdn.faults if of_files else self._pixverse.faults).add(action, times=times)
        what = "file" if of_files else "response"
        return f"The next {what if times == 1 else f'{times} {what}s'}: {form.text('fault')}."

    async def clear_faults(self, _form: Form) -> str:
        """Clears all faults."""
        self._pixverse.faults.clear()
        self._pixverse.cdn.faults.clear()
        return "No faults left."

    async def switch_api(self, form: Form) -> str:
        """Turns the API on, makes it answer 503, or makes it unreachable."""
        api = form.one_of("api", {name: name for name in ("on", "503", "unreachable")})
        self._pixverse.on()
        if api == "503":
            self._pixverse.off()
        if api == "unreachable":
            await self._pixverse.refuse_connections()
        else:
            await self._pixverse.accept_connections()
        self._state.api = api
        return {"on": "The API answers.", "503": "The API answers 503 to everything."}.get(
            api, "Nothing listens at the API's address any more."
        )

    # ---------------------------------------------------------------- account

    async def set_standing(self, form: Form) -> str:
        """Makes the server's account work, refuses its token, or makes it unpaid."""
        account = self._state.setup.account
        steps = {"ok": account.ok, "refused": account.refuse, "unpaid": account.unpaid}
        form.one_of("account", steps)()
        return {"ok": "The account works.", "refused": "The API now refuses the account's token."}.get(
            form.text("account"), "The account is unpaid."
        )

    async def renew_token(self, _form: Form) -> str:
        """Creates a new token; the one that the bot has is refused from now on."""
        self._state.setup.account.renew_token()
        return "Changed: the API now refuses the bot's token. Copy the new one and set it as Ada."

    async def show_token(self, form: Form) -> str:
        """Returns a full token, to be entered in the bot's form."""
        accounts = {"this": self._state.setup.account, "another": self._state.other_account}
        return form.one_of("account", accounts).token
