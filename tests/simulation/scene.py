"""Where a scene is played: its own servers, people, accounts and jobs, and faults that affect nothing else.

A scene is a short story with a known end, written as a generator; each `yield` lets that many seconds pass.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from zlib import crc32

from tests.simulation.active_faults import ActiveFaults
from tests.simulation.discord_world import (
    ENGLISH,
    Channel,
    DiscordWorld,
    Guild,
    Interaction,
    PostedMessage,
    Refusal,
    buttons_of,
    text_of,
)
from tests.simulation.fault_injector import FaultInjector
from tests.simulation.interaction_sender import InteractionSender
from tests.simulation.ledger import Ledger, prompt
from tests.simulation.machine import Machine
from tests.simulation.pasting import FORMS
from tests.simulation.people import CALLBACK_ADDRESS, People
from tests.simulation.pixverse_world import Account, Job, PixVerseWorld, subject_of, token_of
from tests.simulation.plan import Fault
from tests.simulation.sample_texts import NO_TEXT, SampleText
from tests.simulation.serving import PLAIN, Serving
from tests.simulation.virtual_time import Scheduler, VirtualClock
from tests.simulation.wire import Reply, Request, Trip

T = TypeVar("T")
Story = Generator[float, None, None]
_FIRST_ACCOUNT = 2000
_FIRST_PERSON = 50_000
_MEMBERS = 6
_SOON = 8.0
"""Seconds within which any command is replied to."""
_UP_AGAIN = 60.0
_PAUSE = 90.0
"""Seconds between two scenes."""
_POSTS = re.compile(r".*/channels/(\d+)/messages")


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of the world that a scene may use."""

    clock: VirtualClock
    scheduler: Scheduler
    discord: DiscordWorld
    pixverse: PixVerseWorld
    faults: ActiveFaults
    machine: Machine
    ledger: Ledger
    interactions: InteractionSender
    people: People
    fault_injector: FaultInjector
    interval: int
    operators: Account | None
    tell: Callable[[str], None]
    story: list[str]


class SceneServer:
    """A server of a scene. Person 0 is its admin."""

    def __init__(self, parts: Parts, guild: Guild, account: Account | None) -> None:
        self._parts = parts
        self.guild = guild
        self.account = account
        self.channel = guild.channels[0]
        self.callback = ""
        """The path to which useapi.net posts callbacks."""

    def command(self, path: str, person: int = 1, where: Channel | None = None, **options: Any) -> Interaction:
        """Sends a command. The `jobs` that it names are recorded as requested; `resolved` holds the objects that its
        options refer to."""
        jobs = options.pop("jobs", None)
        resolved = options.pop("resolved", None)
        interaction = self._parts.interactions.command(
            where or self.channel, self.guild.members[person], path, options, jobs=jobs, resolved=resolved
        )
        assert interaction is not None, "nobody can type here"
        return interaction

    def status(self, job: Job, person: int = 1, channel: Channel | None = None, **options: Any) -> Interaction:
        return self.command("pixverse status", person, channel, jobid=job.jobid, jobs=[job], **options)

    def typing(
        self, said: str, person: int = 1, where: Channel | None = None, *, path: str = "pixverse status"
    ) -> Interaction:
        """Somebody types part of an id, or of a channel to unfollow: autocomplete."""
        root, command = path.split()
        option = {"name": "channel" if command == "unfollow" else "jobid", "type": 3, "value": said, "focused": True}
        inner = [{"type": 1, "name": command, "options": [option]}]
        data = {"id": "1", "name": root, "type": 1, "options": inner}
        interaction = self._parts.interactions.send(
            4, where or self.channel, self.guild.members[person], "types", data, []
        )
        assert interaction is not None
        return interaction

    def menu(self, content: str, person: int = 1, jobs: list[Job] | None = None, **parts: Any) -> Interaction:
        """Uses the message menu on a message with this content and these other parts."""
        message = self._parts.discord.message_of(self.guild.members[2], self.channel, content) | parts
        data = {"id": "2", "name": "Watch PixVerse jobs", "type": 3, "target_id": message["id"],
                "resolved": {"messages": {message["id"]: message}}}  # fmt: skip
        interaction = self._parts.interactions.send(
            2, self.channel, self.guild.members[person], "the menu", data, jobs or []
        )
        assert interaction is not None
        return interaction

    def look(self, jobid: str, person: int = 1, channel: Channel | None = None) -> Interaction:
        """Looks at a job privately."""
        job = self._parts.pixverse.jobs.get(jobid)
        self._parts.ledger.looked_up([job] if job is not None else [])
        return self.command("pixverse status", person, channel, jobid=jobid, private=True)

    def watch(self, jobs: list[Job], person: int = 1, channel: Channel | None = None, **options: Any) -> Interaction:
        return self.command(
            "pixverse watch", person, channel, jobids=" ".join(job.jobid for job in jobs), jobs=jobs, **options
        )

    def admin(self, path: str, **options: Any) -> Interaction:
        return self.command(f"pixverse-admin {path}", 0, **options)

    def choose(self, path: str, channel: Channel, **options: Any) -> Interaction:
        """Sends an admin's command that takes a channel."""
        return self.admin(path, channel=str(channel.id), resolved=self._parts.people.chosen(channel), **options)

    def press(self, message: dict[str, Any], label: str, person: int = 1, channel: Channel | None = None,
              jobs: list[Job] | None = None, demoted: bool = False) -> Interaction:  # fmt: skip
        """Presses the first button whose label contains `label`."""
        where = channel or self.channel
        found = [one for one in buttons_of(message) if label in one[0]]
        assert found, f"no button {label!r} in {text_of(message)!r}"
        interaction = self._parts.interactions.press(
            message, where, self.guild.members[person], found[0][1], found[0][0], jobs or [], demoted=demoted
        )
        assert interaction is not None
        return interaction

    def press_in_reply(self, answer: Interaction, label: str, **options: Any) -> Interaction:
        """Presses a button of a reply."""
        for message in answer.shown.values():
            if any(label in one[0] for one in buttons_of(message)):
                person = self.guild.members.index(answer.person)
                return self.press(message, label, person, answer.channel, **options)
        raise AssertionError(f"no button {label!r} in {answer.text!r}")

    def learn_callback(self) -> Story:
        """The admin asks for the callback address."""
        answer = self.admin("callback")
        yield _SOON
        found = CALLBACK_ADDRESS.search(answer.text)
        assert found is not None, f"no address in {answer.text!r}"
        self.callback = found[1]

    def call_back(self, record: dict[str, Any]) -> None:
        """useapi.net posts a callback to this server's address."""
        jobid = next(str(record[name]) for name in ("jobid", "video_id", "image_id") if name in record)
        self._parts.people.callbacks_sent[jobid] += 1
        self._parts.ledger.api_request_laws.on_lookup(jobid)
        self._parts.machine.post_callback(self.callback, Scene.json(record))

    def enter_token(self, token: str) -> list[Interaction]:
        """The admin opens the form and submits it. The last reply of the returned list is the result."""
        answers: list[Interaction] = []
        self._parts.people.enter_token(self.guild, token, answers.append)
        return answers


class Scene:
    """The world of one scene, for as long as it is played."""

    def __init__(self, parts: Parts, name: str, seed: int, numbers: count[int]) -> None:
        self.parts = parts
        self.name = name
        self.random = Random(seed)
        self._turns = count((seed >> 32) + crc32(name.encode()))
        """The index of the next choice, so that each play of a scene chooses differently."""
        self.servers: list[SceneServer] = []
        self._numbers = numbers
        self._until_over = ExitStack()

    def translate(self, catalogues: dict[str, bytes]) -> None:
        """Until the scene is over, the bot's languages are English and these compiled catalogues, by language code."""
        from tests import languages  # Importing Babel takes a while.

        folder = Path(self._until_over.enter_context(TemporaryDirectory(prefix="relay-languages-")))
        for code, catalogue in catalogues.items():
            languages.write(folder, code, catalogue)
        self._until_over.enter_context(languages.known(folder))

    def set_locale(self, server: SceneServer, locale: str) -> None:
        """All members of this server read this language."""
        self.parts.discord.locales |= dict.fromkeys(server.guild.members, locale)

    def one_of(self, options: Sequence[T]) -> T:
        """One of the options. Each has its turn when the scene is played again."""
        return options[next(self._turns) % len(options)]

    def coin(self) -> bool:
        return self.one_of((False, True))

    # ------------------------------------------------------------- people and jobs

    def account(self) -> Account:
        return self.parts.pixverse.account(_FIRST_ACCOUNT + next(self._numbers))

    def server(self, account: Account | None = None, channels: int = 2, locale: str = ENGLISH) -> SceneServer:
        """A new server that has no token yet."""
        first = _FIRST_PERSON + next(self._numbers) * 10
        guild = self.parts.discord.new_guild([first + k for k in range(_MEMBERS)], channels, locale)
        self.parts.discord.invite_bot(guild)
        server = SceneServer(self.parts, guild, account)
        self.servers.append(server)
        if account is not None:
            self.parts.people.uses[guild.id] = account
        return server

    def settle(
        self, account: Account | None = None, channels: int = 2, locale: str = ENGLISH
    ) -> Generator[float, None, SceneServer]:
        """A new server whose admin has entered a working token."""
        server = self.server(account or self.account(), channels, locale)
        assert server.account is not None
        yield 2.0
        answers = server.enter_token(server.account.token)
        yield _SOON
        self.says(answers[-1], "Token works")
        return server

    def settle_many(self, account: Account, how_many: int) -> Generator[float, None, list[SceneServer]]:
        """This many new servers, all with the same token."""
        servers: list[SceneServer] = []
        while len(servers) < how_many:
            server = yield from self.settle(account)
            servers.append(server)
        return servers

    def job(
        self, server: SceneServer | Account, total: float = 60.0, end: str = "completed", *, v2: bool | None = None,
        files: int = 1, sample: SampleText = NO_TEXT, serving: Serving = PLAIN, steps: int = 3, image: bool = False,
    ) -> Job:  # fmt: skip
        """A job that takes `total` seconds. `image`: of v2, and of an image."""
        account = server.account if isinstance(server, SceneServer) else server
        assert account is not None
        line: list[tuple[float, str, int | None]] = [(total * 0.1, "started", None)]
        line += [(total * (k + 1) / (steps + 1), "progress", 90 * (k + 1) // (steps + 1)) for k in range(steps)]
        line.append((total, end, None))
        made = self.parts.pixverse.new_job(
            account, tuple(line), v2=image or (self.coin() if v2 is None else v2), files=files, image=image,
            prompt=prompt(len(self.parts.pixverse.jobs) + 1), sample=sample, serving=serving,
        )  # fmt: skip
        self.parts.tell(f"{made.prompt} is made: {made.jobid}, {end} after {total:.0f} s, served {serving.name}")
        return made

    def finish(self, job: Job) -> None:
        """Completes a job early."""
        job.line = (*job.line[:-1], (self.now - job.created, "completed", None))

    # ------------------------------------------------------------- what must be

    def fail(self, law: str) -> None:
        self.parts.ledger.fail(law)

    def expect(self, true: bool, law: str) -> None:
        if not true:
            self.fail(law)

    def says(self, answer: Interaction | None, *patterns: str, never: str | None = None) -> None:
        """Checks what a reply says and doesn't say."""
        text = "" if answer is None else answer.text
        for pattern in patterns:
            self.expect(re.search(pattern, text) is not None, f"{pattern!r} does not stand in {text!r}")
        if never is not None:
            self.expect(re.search(never, text) is None, f"{never!r} stands in {text!r}")

    def outcomes(self, job: Job, channel: Channel) -> list[PostedMessage]:
        promise = self.parts.ledger.promises.get((job.jobid, channel.id))
        return [] if promise is None else promise.outcomes

    def came(self, job: Job, channel: Channel, *patterns: str, never: str | None = None, files: int | None = None,
             times: int = 1) -> None:  # fmt: skip
        """Checks that a job's result was posted `times` times and says this. By default it must have all its files."""
        there = self.outcomes(job, channel)
        if len(there) != times:
            self.fail(f"{len(there)} results of {job.prompt} in {channel.name}, and {times} are right")
            return
        if not there:
            return
        last = there[-1]
        text = text_of(last.message)
        expected = len(job.videos) if files is None else files
        self.expect(
            len(last.files) == expected, f"{len(last.files)} files of {job.prompt} and not {expected}: {text!r}"
        )
        for pattern in patterns:
            self.expect(re.search(pattern, text) is not None, f"{pattern!r} does not stand in {text!r}")
        if never is not None:
            self.expect(re.search(never, text) is None, f"{never!r} stands in {text!r}")

    def missing(self, job: Job, channel: Channel) -> None:
        """Checks that no result was posted."""
        there = self.outcomes(job, channel)
        self.expect(
            not there, f"{job.prompt} has a result in {channel.name}: {[text_of(one.message) for one in there]}"
        )

    def card(self, job: Job, channel: Channel) -> dict[str, Any]:
        """The latest card of a job."""
        ids = [number for number, one in self.parts.ledger.cards.items() if one is job]
        mine = [channel.messages[int(number)] for number in ids if int(number) in channel.messages]
        assert mine, f"no card of {job.prompt} in {channel.name}"
        return mine[-1]

    def cards(self, job: Job, channel: Channel) -> list[PostedMessage]:
        """All cards of a job that were posted here, even if they were deleted since."""
        ids = {number for number, one in self.parts.ledger.cards.items() if one is job}
        return [one for one in self.parts.discord.posted if one.channel is channel and one.message["id"] in ids]

    def card_says(self, job: Job, channel: Channel, pattern: str) -> None:
        text = text_of(self.card(job, channel))
        self.expect(re.search(pattern, text) is not None, f"{pattern!r} does not stand in the card {text!r}")

    def messages(self, channel: Channel, pattern: str) -> list[dict[str, Any]]:
        """The bot's messages that match the pattern now."""
        return [one for one in channel.messages.values() if re.search(pattern, text_of(one))]

    def posted(self, channel: Channel, pattern: str) -> list[PostedMessage]:
        """The bot's posted messages that match the pattern, even if they were deleted since."""
        return [
            one for one in self.parts.discord.posted
            if one.channel is channel and re.search(pattern, text_of(one.message))
        ]  # fmt: skip

    def one_notice(self, channel: Channel, pattern: str, pings: set[int] | None = None) -> None:
        """Checks that exactly one posted message matches the pattern."""
        there = self.posted(channel, pattern)
        self.expect(len(there) == 1, f"{len(there)} messages say {pattern!r} in {channel.name}, not one")
        if there and pings is not None:
            self.expect(set(there[0].pings) == pings, f"{pattern!r} pings {set(there[0].pings)}, not {pings}")

    def requests_for(self, job: Job, since: float = 0.0, token: str | None = None) -> int:
        """How often a job was requested since then, with any token or with `token`."""
        return sum(
            1 for at, used, what in self.parts.pixverse.requests
            if what == job.jobid and at >= since and (token is None or used == token)
        )  # fmt: skip

    def gaps(self, job: Job, since: float) -> list[float]:
        """Seconds between successive requests for a job."""
        times = [at for at, _, what in self.parts.pixverse.requests if what == job.jobid and at >= since]
        return [later - earlier for earlier, later in pairwise(times)]

    @staticmethod
    def forms() -> list[Callable[[str], str]]:
        """The ways in which an id may be pasted."""
        return list(FORMS)

    def requests_of(self, account: Account, since: float) -> int:
        """How often the API was used with any token of an account."""
        return sum(1 for at, used, _ in self.parts.pixverse.requests if at >= since and used in account.tokens)

    @staticmethod
    def choices(answer: Interaction) -> list[dict[str, Any]]:
        """What autocomplete offers."""
        return (answer.modal or {}).get("choices") or []

    @staticmethod
    def json(record: dict[str, Any]) -> bytes:
        return json.dumps(record).encode()

    def just_requested(self, job: Job) -> Story:
        """Waits until a job has just been requested."""
        before = self.requests_for(job)
        for _ in range(3000):
            if self.requests_for(job) > before:
                return
            yield 0.25
        raise AssertionError(f"{job.prompt} is asked about no more")

    def until(self, true: Callable[[], bool]) -> Story:
        """Waits until the condition is true, to a quarter of a second."""
        for _ in range(3000):
            if true():
                return
            yield 0.25
        raise AssertionError("what the scene waits for does not come about")

    @staticmethod
    def token(request: Request) -> str:
        """The token of a request to the API."""
        return token_of(request)

    @staticmethod
    def subject(request: Request) -> str:
        """What a request to the API is for."""
        return subject_of(request)

    @property
    def now(self) -> float:
        return self.parts.clock.passed

    # ------------------------------------------------------------- faults of this scene

    def on_api(self, rule: Callable[[Request], Trip | None]) -> Callable[[], None]:
        """Applies a rule to requests to the API; returns a function that ends it."""
        return self._put(self.parts.faults.api_rules, rule)

    def on_discord(self, rule: Callable[[Request], Trip | None]) -> Callable[[], None]:
        return self._put(self.parts.faults.discord_rules, rule)

    def on_media(self, rule: Callable[[Request], Trip | None]) -> Callable[[], None]:
        return self._put(self.parts.faults.media_rules, rule)

    def refuse(self, channel: Channel, refusal: Refusal, *, when: Callable[[dict[str, Any], int], bool],
               times: int = 10**6) -> Callable[[], None]:  # fmt: skip
        """Discord refuses messages in this channel, up to `times` times."""
        left = [times]

        def rule(where: Channel, body: dict[str, Any], files: int) -> Refusal | None:
            if where is not channel or left[0] <= 0 or not when(body, files):
                return None
            left[0] -= 1
            return refusal

        return self._put(self.parts.faults.refusal_rules, rule)

    def counted(self, rule: Callable[[Request], Trip | None]) -> tuple[list[float], Callable[[], None]]:
        """Like `on_api`; also returns a list of the times at which requests matched the rule."""
        times: list[float] = []

        def noted(request: Request) -> Trip | None:
            trip = rule(request)
            if trip is not None:
                times.append(self.now)
            return trip

        return times, self.on_api(noted)

    def tries_for(self, job: Job) -> list[float]:
        """When the job is requested from now on, whether or not the API gets these requests. For rules that are made
        later."""
        times: list[float] = []
        self.on_api(lambda request: times.append(self.now) if subject_of(request) == job.jobid else None)
        return times

    def about(self, job: Job, reply: Reply, times: int = 10**6) -> Callable[[], None]:
        """The API responds with `reply` to requests for a job, up to `times` times."""
        left = [times]

        def rule(request: Request) -> Trip | None:
            if subject_of(request) != job.jobid or left[0] <= 0:
                return None
            left[0] -= 1
            return Trip(refused=reply)

        return self.on_api(rule)

    def with_token(self, account: Account, reply: Reply | None) -> Callable[[], None]:
        """The API responds with `reply` to every request with a token of this account; None: the API is unreachable."""
        return self.on_api(
            lambda request: None if token_of(request) not in account.tokens
            else Trip(refused=reply) if reply is not None else Trip(unreachable=True)
        )  # fmt: skip

    def slow(self, account: Account, seconds: float) -> Callable[[], None]:
        """Each request with a token of this account takes `seconds`."""
        return self.on_api(lambda request: Trip(there=seconds) if token_of(request) in account.tokens else None)

    def empty_lists_for(self, request: Request, token: str) -> Trip | None:
        """Responds like an API that accepts any token: with empty lists and no jobs."""
        if token_of(request) != token:
            return None
        is_list = subject_of(request).startswith("/v")
        said = {"data": [], "total": 0} if "/videos/" in request.path or "/images/" in request.path else []
        return Trip(refused=Reply(200, said) if is_list else Reply(404, {"error": "Unable to locate", "code": 404}))

    def void(self, server: SceneServer) -> None:
        """No result is due any more in this server."""
        self.parts.ledger.void("the scene wants it so", guild=server.guild)

    def due_again(self, job: Job, channel: Channel) -> None:
        """A result that was on hold is due after all."""
        self.parts.ledger.promises[(job.jobid, channel.id)].void = None

    def expect_another_result(self, job: Job, channel: Channel) -> None:
        """One more result is requested."""
        self.parts.ledger.promises[(job.jobid, channel.id)].extra += 1

    def lose(self, channel: Channel, *, back: bool = True, seconds: float = 0.05) -> Callable[[], None]:
        """Posts to this channel get no response, whether carried out (`back`) or not."""
        return self.on_discord(
            lambda request: Trip(there=seconds, lost_there=not back, lost_back=True)
            if request.method == "POST" and (found := _POSTS.fullmatch(request.path)) and int(found[1]) == channel.id
            else None
        )  # fmt: skip

    @staticmethod
    def _put(rules: list[Any], rule: Any) -> Callable[[], None]:
        rules.append(rule)
        return lambda: rules.remove(rule) if rule in rules else None

    def turn_clock(self, skew_ms: int) -> None:
        """Sets the machine's wall clock off by this much from now on."""
        self.parts.clock.skew_ms = skew_ms
        clock = Fault(self.now, "clock", 0.0, 0)
        self.parts.faults.begin(clock)
        if not skew_ms:
            self.parts.faults.end(clock)

    def crash_loop(self, name: str) -> None:
        """Makes one of the bot's loops crash."""
        assert self.parts.fault_injector.crash_loop(name), f"no loop {name} runs"

    def disk(self, *, full: bool = False, locked: bool = False, fails: Callable[[str], bool] | None = None) -> None:
        """From now on the disk is full, locked, or fails at some statements; without arguments it works again."""
        kind = "disk_full" if full else "disk_fails" if fails else "disk_locked"
        disk = self.parts.machine.disk
        disk.full, disk.locked, disk.fails, disk.loses = full, locked, fails, None
        fault = Fault(self.now, kind, 0.0, 0)
        if full or locked or fails:
            self.parts.faults.begin(fault)
        else:
            for kind in ("disk_full", "disk_locked", "disk_fails"):
                self.parts.faults.by_kind.pop(kind, None)

    def fail_after_commit(self, seconds: float) -> None:
        """After the next commit, the disk fails for this many seconds."""
        committed: list[float] = []

        def fails(sql: str) -> bool:
            if sql == "COMMIT" and not committed:
                committed.append(self.now)
                return False
            return bool(committed) and self.now < committed[0] + seconds

        self.disk(fails=fails)

    def lose_commit(self, of: str) -> None:
        """The next transaction with a statement that contains `of` is committed, but the bot gets an error."""
        held, disk = [False], self.parts.machine.disk

        def loses(sql: str) -> bool:
            held[0] = held[0] or of in sql
            if sql != "COMMIT" or not held[0]:
                return False
            disk.loses = None
            return True

        disk.loses = loses
        self.parts.faults.begin(Fault(self.now, "disk_fails", 0.0, 0))

    def kill(self, downtime: float) -> None:
        """kill -9 at the next step; the bot is started again after `downtime` seconds."""
        self.parts.machine.downtime = downtime
        self.parts.machine.dies_after = 1

    def stop(self, downtime: float) -> None:
        """SIGTERM; the bot is started again after `downtime` seconds."""
        self.parts.machine.downtime = downtime
        self.parts.machine.stop_gently()

    def renew_operators(self) -> Story:
        """The operator's account gets a new token, and the bot is restarted with it."""
        operators = self.parts.operators
        assert operators is not None
        self.parts.pixverse.renew(operators)
        self.parts.ledger.operator_tokens.append(operators.token)
        self.parts.machine.settings["USEAPI_TOKEN"] = operators.token
        self.stop(2.0)
        yield 30.0

    def sleep(self, seconds: float) -> Story:
        """Stops the bot for this long. This is the cheap way to let things grow old."""
        self.stop(seconds)
        yield seconds + _UP_AGAIN

    def over(self) -> None:
        """Ends the scene's faults and languages."""
        faults = self.parts.faults
        self._until_over.close()
        self.parts.discord.locales.clear()
        for server in self.servers:
            server.guild.locale = ENGLISH
        for rules in (faults.api_rules, faults.discord_rules, faults.media_rules, faults.refusal_rules):
            rules.clear()
        self.disk()
        if self.parts.clock.skew_ms:
            self.turn_clock(0)
        self.parts.discord.gateway_open = True


class ScenePlayer:
    """Plays scenes one after the other."""

    def __init__(self, parts: Parts, scenes: dict[str, Callable[[Scene], Story]]) -> None:
        self._parts = parts
        self._scenes = scenes
        self._numbers = count()

    def play(self, entries: list[tuple[str, int]], then: Callable[[], None]) -> None:
        """Plays the entries, each a scene's name and a seed, and then calls `then`."""
        if not entries:
            then()
            return
        name, seed = entries[0]
        self._parts.tell(f"scene: {name}")
        self._parts.ledger.scene = name
        scene = Scene(self._parts, name, seed, self._numbers)
        story = self._scenes[name](scene)
        self._parts.ledger.counts["scenes"] += 1

        def go_on() -> None:
            try:
                wait = next(story)
            except StopIteration:
                self._end(scene, entries, then)
            except (AssertionError, LookupError, AttributeError) as error:
                scene.fail(f"it could not go on: {error!r}")
                self._end(scene, entries, then)
            else:
                self._parts.scheduler.after(wait, go_on)

        self._parts.scheduler.after(0.0, go_on)

    def _end(self, scene: Scene, entries: list[tuple[str, int]], then: Callable[[], None]) -> None:
        scene.over()
        self._parts.scheduler.after(_PAUSE, lambda: self.play(entries[1:], then))
