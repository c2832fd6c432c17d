"""One simulated life: Discord, PixVerse, people and faults around the real bot, from a plan to its end."""

from __future__ import annotations

import gc
import logging
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from discord_adapter.client import DiscordTokenRefused
from storage.errors import StorageUnavailable
from tests.simulation.active_faults import POSTS, ActiveFaults
from tests.simulation.discord_world import Channel, DiscordWorld, PostedMessage, Refusal, text_of
from tests.simulation.fault_injector import LIBRARY_FAILED, LOOP_CRASHED, FaultInjector
from tests.simulation.interaction_sender import InteractionSender
from tests.simulation.ledger import Ledger
from tests.simulation.machine import CALLBACK_PORT, Machine
from tests.simulation.memory import entries_kept
from tests.simulation.people import CALLBACK_ADDRESS, People
from tests.simulation.pixverse_world import PixVerseWorld, subject_of, token_of
from tests.simulation.plan import DAY, FIRST_ACT, HOUR, LONGEST_FAULT, Act, Fault, Plan
from tests.simulation.rate_limit_laws import RateLimitLaws
from tests.simulation.scene import Parts, ScenePlayer
from tests.simulation.scenes import SCENES
from tests.simulation.virtual_time import Scheduler, VirtualClock
from tests.simulation.wire import Handler, Peer, Reply, Request, Trip

_LIMITS = {"MAX_OPEN_PER_USER": "6", "MAX_OPEN_PER_SERVER": "10"}
"""Lower limits in lives of scenes, for scenes that try them out."""
_FIRST_ACCOUNT = 1000
_FIRST_PERSON = 10_000
_FIRST_SCENE = 60.0
_QUIET_HOURS = 4.5
"""Hours after the end of all faults: longer than any job takes."""
_RETENTION_DAYS = 33.0
_LOOK_SECONDS = 900.0
"""Seconds in which a bot that has just started deletes old data."""
_AFTER_FAILURE = 60.0
"""Seconds until a process that ended by itself is started again."""
_OF_JOBS = ("jobs", "subscriptions", "subscribers", "batches", "deliveries")
_ENTRIES = 30
"""How many entries a collection may keep until its next use, since jobs come in bursts; another one is allowed for each
server and account. One for each job would be many more."""
_AS_LONG_AS_THE_API_MADE_IT = "pixverse.api_client.Body.value"
_OF_DELIVERIES = "relay.delivery.sender."
_COMPONENTS = 1 << 15
_REFUSED_SECONDS = 900.0
"""Seconds within which a result that was refused for its contents must come in a reduced form."""
_SHOWN = 110
_FAULT_NUMBER = re.compile(r"(the number |this number: `)[0-9a-f]+")
_DELIVERY = re.compile(r"delivery (\d+) \((\w+)\) in channel (\d+): (again, no answer|unsure)$")


class SimulatedWorld:
    """Carries out a plan. `story` has what happened, in order; `ledger.broken` has the laws that were broken."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.story: list[str] = []
        self._random = Random(f"{plan.seed}/people")
        self._finished = False
        self._simulation_error: Exception | None = None
        self._entries_at_first: Counter[str] = Counter()
        self._clock = VirtualClock()
        self._scheduler = Scheduler(self._clock)
        # The label stays: with another one, each seed would give another life.
        self._faults = ActiveFaults(self._clock, Random(f"{plan.seed}/weather"))
        self._discord = DiscordWorld(self._clock)
        self.pixverse = PixVerseWorld(self._clock, Random(f"{plan.seed}/tokens"))
        accounts = [self.pixverse.account(_FIRST_ACCOUNT + number) for number in range(plan.accounts)]
        operators = accounts[-1] if plan.operator_token else None
        self.ledger = Ledger(self._clock, self.pixverse, self._faults, plan, operators.token if operators else None)
        self._rate_limit_laws = RateLimitLaws(self._clock, self.ledger.fail)
        self._folder = Path(tempfile.mkdtemp(prefix="relay-life-", dir=_fast_disk()))
        self.machine = Machine(
            self._clock,
            self._scheduler,
            self._folder,
            _settings(plan, operators.token if operators else ""),
            seed=plan.seed,
            discord=Peer("Discord", self._guarded(self._discord.answer), self._trip_to_discord),
            pixverse=Peer("PixVerse", self._guarded(self._response_of_pixverse), self._trip_to_pixverse),
            media=Peer("a media host", self._guarded(self.pixverse.serve_file), self._faults.trip_to_media),
            connect_gateway=self._discord.connect,
            process_gone=self._discord.process_gone,
        )
        self._discord.on_post = self._on_post
        self._discord.on_sending = self.ledger.message_laws.on_send
        self._discord.on_edit = self._on_edit
        self._discord.on_unfit = self.ledger.fail
        self._discord.on_answer = lambda: self._fault_injector.on_occasion("answers")
        self._discord.on_log_in = self._on_log_in
        self._discord.refuse = self._refusal_of
        self._fault_injector = FaultInjector(
            self._clock, self._scheduler, self._faults, self.machine, self._discord, self.pixverse
        )
        self._interactions = InteractionSender(
            self._scheduler, self._discord, self._faults, self.ledger, self.machine, self.tell
        )
        self._people = People(
            self._scheduler,
            self._discord,
            self.pixverse,
            self.ledger,
            self.machine,
            self._interactions,
            self.tell,
            operators,
        )
        parts = Parts(
            self._clock, self._scheduler, self._discord, self.pixverse, self._faults, self.machine, self.ledger,
            self._interactions, self._people, self._fault_injector, plan.interval, operators, self.tell, self.story,
        )  # fmt: skip
        self._scene_player = ScenePlayer(parts, SCENES)
        self._set_up_servers()
        self._schedule_plan()

    # ------------------------------------------------------------- the whole life

    def live(self, *, until_broken: bool = False) -> None:
        """Runs the life from the first start to the last check, or until the first broken law. A broken law raises
        nothing."""
        if until_broken:
            self.ledger.when_broken = self._end
        handler = _Log(self._on_log_line)
        root = logging.getLogger()
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        try:
            while not self._finished:
                self.tell("the bot starts")
                self._discord.life = self.machine.life + 1
                self.ledger.life_began = self._clock.passed
                self.ledger.api_request_laws.new_process()
                self._rate_limit_laws.new_process()
                gc.freeze()  # What earlier processes left in memory isn't counted for this one.
                self.machine.run()
                self.ledger.life_ended = self._clock.passed
                if self._simulation_error is not None:
                    raise self._simulation_error
                self._check_exit(self.machine.ended_by_itself)
                self._let_pass(self.machine.downtime)
        finally:
            root.removeHandler(handler)
            shutil.rmtree(self._folder, ignore_errors=True)

    def tell(self, line: str) -> None:
        """Adds a line to the story. Callback addresses, which the bot draws at random, and fault numbers, which depend
        on the Python version, are replaced."""
        line = _FAULT_NUMBER.sub(r"\1…", CALLBACK_ADDRESS.sub("(its address)", line))
        self.story.append(f"{_stamp(self._clock.passed)}  {line}")

    def _let_pass(self, seconds: float) -> None:
        """Lets time pass while no bot runs."""
        back_at = self._clock.seconds + seconds
        while self._scheduler.next_at() < back_at and not self._finished:
            self._scheduler.run_next()
        self._clock.seconds = max(self._clock.seconds, back_at)

    def _check_exit(self, error: BaseException | None) -> None:
        """Restarts a process that ended by itself, as systemd does after exit code 1. Only some faults excuse such an
        end."""
        if error is None:
            return
        self.tell(f"the bot ended by itself: {error!r}")
        no_disk = isinstance(error, StorageUnavailable) and self._faults.is_active("disk")
        if not no_disk and not (isinstance(error, DiscordTokenRefused) and self._faults.is_active("bot_token")):
            self.ledger.fail(f"the bot ended by itself: {error!r}")
        self.machine.downtime = _AFTER_FAILURE

    def _guarded(self, answer: Handler) -> Handler:
        """Stops the life at an error of the simulation, which must not look like one of Discord or the bot."""

        def guarded(request: Request) -> Reply:
            try:
                return answer(request)
            except Exception as error:
                self._simulation_error = self._simulation_error or error
                self.machine.kill()
                raise

        return guarded

    # --------------------------------------------------------------- the plan

    def _set_up_servers(self) -> None:
        """Sets up the servers with their people. Most have an account, whose token their admin enters first."""
        for index in range(self.plan.guilds):
            members = [_FIRST_PERSON + index * 10 + k for k in range(self._random.randint(3, 6))]
            guild = self._discord.new_guild(members, self._random.randint(1, 4))
            if index % 7 != 6:
                self._people.uses[guild.id] = self.pixverse.accounts[index % self.plan.accounts]
                self._scheduler.at(60 + index * 3, lambda guild=guild: self._people.enter_good_token(guild))  # type: ignore[misc]

    def _schedule_plan(self) -> None:
        for act in self.plan.acts:
            self._scheduler.at(act.at, lambda act=act: self._carry_out(act))  # type: ignore[misc]
        for fault in self.plan.faults:
            self._scheduler.at(fault.at, lambda fault=fault: self._begin_fault(fault))  # type: ignore[misc]
        if self.plan.scenes:
            self._scheduler.at(_FIRST_SCENE, lambda: self._scene_player.play(list(self.plan.scenes), self._end_faults))
            self._scheduler.at(_FIRST_SCENE - 1, self._count_memory)
            return
        self._scheduler.at(self.plan.days * DAY, self._end_faults)
        self._scheduler.at(FIRST_ACT - 1, self._count_memory)

    def _carry_out(self, act: Act) -> None:
        self.ledger.counts["acts"] += 1
        self._people.do(act)

    def _begin_fault(self, fault: Fault) -> None:
        self.tell(f"fault: {fault.kind} for {fault.seconds:.0f} s")
        if self._fault_injector.begin(fault):
            self.ledger.counts["faults"] += 1

    def _end_faults(self) -> None:
        """Ends all faults: what waits has to arrive from now on."""
        self.tell("all is mended")
        quiet = _QUIET_HOURS * HOUR
        self._scheduler.after(quiet, self._check_quiet)
        # What was on hold is given up a month later, and deleted another month later.
        self._scheduler.after(quiet + _RETENTION_DAYS * DAY + _LOOK_SECONDS, self._sleep_a_month)
        self._scheduler.after(quiet + 2 * (_RETENTION_DAYS * DAY + _LOOK_SECONDS), self._check_empty)
        self._fault_injector.end_all()
        for account in self.pixverse.accounts:
            account.paid = True
        for guild in self._discord.guilds:
            self._discord.open_everything(guild)
        # By then the bot runs again, even if it had just been stopped.
        self._scheduler.after(LONGEST_FAULT + 300, self._restore_accounts)

    def _restore_accounts(self) -> None:
        for guild in self._discord.guilds:
            self._people.unfollow_everything(guild)
            self._scheduler.after(
                self._random.uniform(0, 600),
                lambda guild=guild: self._people.enter_good_token(guild),  # type: ignore[misc]
            )

    # ----------------------------------------------------------------- checks

    def _check_quiet(self) -> None:
        self.tell("all has been quiet for long")
        self._check_memory()
        self.ledger.check_promises()
        self.ledger.check_edits()
        self.ledger.check_channels(self._discord.channels.values())
        for host in self.pixverse.foreign_hosts:
            self.ledger.fail(f"a file was fetched from {host}")
        self.ledger.check_disk(self.machine.on_disk())
        self.ledger.check_requests(self.plan.interval, self.machine.life, self._people.callbacks_sent)
        self._sleep_a_month()

    def _check_memory(self) -> None:
        """Checks that a process's memory grows with servers and accounts, not with jobs, and that no delivery is left
        in it."""
        if not self.machine.runs:
            return
        for name, entries in (entries_kept() - self._entries_at_first).items():
            if name == _AS_LONG_AS_THE_API_MADE_IT:
                continue
            most = _ENTRIES + len(self._discord.guilds) + len(self.pixverse.accounts)
            if entries > (0 if name.startswith(_OF_DELIVERIES) else most):
                self.ledger.fail(f"the bot still has {entries} entries in mind in {name}")

    def _count_memory(self) -> None:
        self._entries_at_first = entries_kept()

    def _sleep_a_month(self) -> None:
        self.machine.downtime = _RETENTION_DAYS * DAY
        self.machine.stop_gently()

    def _check_empty(self) -> None:
        rows = self.machine.rows()
        left = {table: rows[table] for table in _OF_JOBS if rows[table]}
        if left:
            self.ledger.fail(f"two months after everything there is still in the database: {left}")
        self._end()

    def _end(self) -> None:
        self._finished = True
        self.machine.kill()

    def _on_log_in(self, wrong: str | None) -> None:
        self.tell("    logs in at the gateway")
        if wrong is not None:
            self.ledger.fail(wrong)

    def _refusal_of(self, channel: Channel, body: dict[str, Any], files: int) -> Refusal | None:
        refusal = self._faults.refusal_of(channel, body, files)
        in_doubt = self._faults.in_doubt_since(channel.id, str(body.get("nonce")), self._clock.passed)
        if refusal is not None and not in_doubt:
            self.ledger.message_laws.on_refusal(channel, body, files, refusal)
        if refusal is not None and "discord_refuses_always" in self._faults.by_kind:
            look, life = self.ledger.refused(channel, body, refusal.code), self.machine.life
            if look is not None:
                self._scheduler.after(_REFUSED_SECONDS, lambda: look() if self.machine.life == life else None)
        return refusal

    def _response_of_pixverse(self, request: Request) -> Reply:
        self._fault_injector.on_api_request()
        reply = self.pixverse.answer(request)
        if reply.status == 401:
            self.ledger.api_request_laws.on_refused_token(token_of(request))
        return reply

    def _trip_to_discord(self, request: Request) -> Trip:
        posts = POSTS.fullmatch(request.path)
        if posts is not None and request.method == "POST":
            self.ledger.on_send(int(posts[1]), request.body)
        trip = self._faults.trip_to_discord(request)
        if self.ledger.is_undisturbed:
            self._rate_limit_laws.on_request(request)
            if trip.refused is not None:
                self._rate_limit_laws.on_response(trip.refused, trip.there)
        return trip

    def _trip_to_pixverse(self, request: Request) -> Trip:
        token = token_of(request)
        self.ledger.api_request_laws.on_request(token, subject_of(request), self._fault_injector.crashed_at)
        trip = self._faults.trip_to_api(request)
        wait = trip.refused.headers.get("Retry-After") if trip.refused is not None else None
        if trip.refused is not None and trip.refused.status == 429 and wait is not None:
            self.ledger.api_request_laws.on_retry_after(token, trip.there + trip.back, float(wait))
        return trip

    def _on_post(self, posted: PostedMessage) -> None:
        kind = "card" if posted.message["flags"] & _COMPONENTS else "message"
        text = text_of(posted.message)[:_SHOWN]
        self.tell(f"    {kind} in {posted.channel.name}: {text!r} ({len(posted.files)} files)")
        self._fault_injector.on_post(posted.channel)
        self.ledger.posted(posted)

    def _on_edit(self, channel: Channel, message: dict[str, Any]) -> None:
        self.tell(f"    edit in {channel.name}: {text_of(message)[:_SHOWN]!r}")
        self.ledger.edited(
            channel, message, life=self.machine.life, repeated=self._faults.edits_are_repeated(channel.id)
        )

    def _on_log_line(self, line: str) -> None:
        own = not line.startswith("ERROR discord.") and LOOP_CRASHED not in line and LIBRARY_FAILED not in line
        if own and "Traceback" in line and not self._faults.is_active("disk"):
            self.ledger.fail(f"a traceback in the log: {line[-700:]}")
        for account in self.pixverse.accounts:
            if any(token.partition("-")[2] in line for token in account.tokens) or account.email in line:
                self.ledger.fail(f"a secret in the log: {line}")
        delivery = _DELIVERY.search(line)
        if delivery is not None:
            number, kind, channel_id, what = delivery.groups()
            self.ledger.on_delivery_log(number, kind, self._discord.channels[int(channel_id)], what)
        if not line.startswith("INFO"):
            self.tell(f"    log: {line.splitlines()[0]}")


class _Log(logging.Handler):
    """Passes on what the bot logs."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._on_line = on_line
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self._on_line(self.format(record))


def _settings(plan: Plan, operator_token: str) -> dict[str, str]:
    return {
        "DISCORD_TOKEN": "MTIz.Gxyz.simulated-token",
        "DISCORD_API_URL": "http://discord.example/api/v10",
        "USEAPI_URL": "http://useapi.example",
        "USEAPI_TOKEN": operator_token,
        "POLL_INTERVAL": str(plan.interval),
        "CALLBACK_PORT": str(CALLBACK_PORT),
        "PUBLIC_URL": "https://relay.example",
        "MEDIA_MAX_MB": "8",
        "MEDIA_HOSTS": "cdn.discordapp.com, media.pixverse.ai, *.cdn.pixverse.ai",
        **(_LIMITS if plan.scenes else {}),
    }


def _stamp(passed: float) -> str:
    days, rest = divmod(passed, DAY)
    return f"day {int(days)} {int(rest // 3600):02d}:{int(rest % 3600 // 60):02d}:{rest % 60:06.3f}"


def _fast_disk() -> str | None:
    """A folder in memory, where flushing costs nothing, or None."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
