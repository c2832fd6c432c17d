"""What was asked for and promised in a life, and whether what happened is what has to hold of it.

Knows nothing of the bot's inside: only what stands in messages, what is asked of the API, and who did what.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from model.states import DeliveryKind
from relay.delivery import nonces
from tests.simulation import words
from tests.simulation.discord_world import EPOCH_MS, Asked, Channel, Guild, Posted, buttons_of, text_of
from tests.simulation.looks import Looks
from tests.simulation.pace import Pace
from tests.simulation.pixverse_world import Account, Job, PixVerseWorld
from tests.simulation.plan import Plan
from tests.simulation.virtual_time import BEGIN_MS, VirtualClock
from tests.simulation.weather import Weather

_PROMISES = re.compile(
    r"post the result here|Posting the result here|Already watched here|I'll post"
    r"|Watching \d+ jobs?\b"
    r"|result (?:is|will be|is still waiting to be) posted here"
)
_UNDECIDED = "An admin has to decide"
"""Whatever says so promises nothing."""
_BATCH_ENDED = re.compile(r"\*\*(?:The job has|All \d+ jobs have) ended")
_NUMBER = re.compile(r"#(\d+)")
_MARK = re.compile(r"boat-(\d+)-sails")
_ADDRESS = re.compile(r"/callback/([\w-]+)")
_EMAIL = re.compile(r"owner\d+\\?@mail\.example")
_MARKUP = re.compile(r"[@<\[\]*`|:]")
"""Stands for itself where Discord knows no markup."""
_WORDS = {"completed": "completed", "failed": "failed", "moderated": "moderated", "cancelled": "cancelled"}


_HIDDEN = re.compile(r"_hidden\\?_")
_EDIT_SECONDS = 1.99
"""Between two edits in a channel, as Discord gets them: two seconds (contract), less what figures are rounded by."""
_EDITS_EVER = 20
_EDITS_ANYWHERE, _ANYWHERE_SECONDS = 20, 0.5
"""Half of what Discord takes of one bot (contract), and what arrives at once though it was sent in turn."""
_BEFORE = 120.0
"""Seconds before something, which may still have to do with it."""
_LINKS_LAST = 20 * 3600.0
_LATE = 10 * 60.0 + 60.0
_NOT_LATE = 10 * 60.0 - 60.0
_LIMITS_LEARNED = 24 * 3600.0
"""For so long a server may be taken for one that lets no files in, which had refused some."""
_STOPS = ("card:stop", "batch:stop")
"""Buttons of a card or a summary whose jobs are not over."""
_LOOKED_UP_WITHIN = 3.0
_SHOWN_NUMBERS = 0.8
_COMPONENTS = 1 << 15
"""The flag of cards and summaries."""


def prompt(number: int) -> str:
    """A prompt by which a job is known in every text that tells of it."""
    return f"boat-{number}-sails"


def _posted_at(message: dict[str, Any]) -> float:
    """Seconds since the life began."""
    return ((int(message["id"]) >> 22) + EPOCH_MS - BEGIN_MS) / 1000


def _masked(job: Job) -> str:
    """The end of an id of v2, which nobody masks."""
    return f"-video:{10**12 + job.number}"


def _form(message: dict[str, Any]) -> str:
    """What a message looks like."""
    return f"{message.get('content')}{message.get('components')}"


def _button_nonces(message: dict[str, Any]) -> set[str]:
    return {custom_id.rpartition(":")[2] for _, custom_id in buttons_of(message)}


_OUTCOMES = (DeliveryKind.OUTCOME.value, DeliveryKind.RESENT.value)
_NO_ANSWER = "again, no answer"
_NAMED = (
    (DeliveryKind.CARD, 0, 0),
    *((DeliveryKind.OUTCOME, job_round, after) for job_round in range(3) for after in range(2)),
)
"""The messages whose nonces name a job."""


@dataclass(slots=True)
class Server:
    """What a server has done that decides about its rights."""

    tokens: list[str] = field(default_factory=list)
    """Entered by an admin and taken by the bot, the latest last."""
    current: str | None = None
    """The one of which the bot said that it works."""
    unsure: bool = False
    """Whether another one may be in force, which was entered, and of which no answer came."""
    offered: set[str] = field(default_factory=set)
    """Entered, whatever became of it."""
    asked_ids: set[str] = field(default_factory=set)
    follows: set[int] = field(default_factory=set)
    """Channels that it ever wanted to follow its account."""
    forgetting: bool = False
    language: str | None = None
    """What an admin has chosen in the place of the server's own."""

    def tried(self, token: str, answer: str, *, was_unsure: bool) -> None:
        """What is known of the token in force after this answer; `was_unsure`: what was not known before."""
        if "oken works" in answer:
            self.current, self.unsure = token, False
        elif "Not stored" in answer:
            self.unsure = was_unsure


@dataclass(slots=True)
class Promise:
    """A result that a channel waits for."""

    job: Job
    channel: Channel
    at: float
    account: Account | None = None
    """Which one the server asked with then."""
    void: str | None = None
    """Why nothing need come any more; then there is at most one outcome."""
    outcomes: list[Posted] = field(default_factory=list)
    extra: int = 0
    """Further outcomes that were asked for."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A message on its way to Discord."""

    nonce: str
    job: Job | None
    """Whose outcome it is."""


def _tells_no_end(text: str) -> bool:
    """Whether the outcome says only that the bot does not know how the job ended, so that whoever asks again gets
    another one."""
    return "not found ·" in text or "given up ·" in text


class Ledger:
    """Writes down, and says which laws were broken."""

    def __init__(
        self, clock: VirtualClock, pixverse: PixVerseWorld, weather: Weather, plan: Plan, operator_token: str | None
    ) -> None:
        self.looks = Looks(self.fail)
        self.calm = bool(plan.scenes)
        """Whether nothing goes wrong but what scenes know of."""
        is_awaited = self.is_awaited if self.calm else None
        self.pace = Pace(clock, pixverse, plan.interval, self.fail, is_awaited, self._is_shared)
        self._clock = clock
        self._pixverse = pixverse
        self._weather = weather
        self.operator_tokens = [] if operator_token is None else [operator_token]
        """Those that the operator has set one after the other, the latest last."""
        self.servers: dict[int, Server] = defaultdict(Server)
        self.promises: dict[tuple[str, int], Promise] = {}
        self.askers: dict[tuple[str, int], set[int]] = defaultdict(set)
        """Who asked for a job in a channel, pinged or not."""
        self._made_up: dict[tuple[str, int], set[int]] = defaultdict(set)
        """Who asked in a channel for an id that no job has, since it was last told of."""
        self._asked_for: dict[tuple[str, int], float] = {}
        """When somebody last asked for a job in a channel."""
        self._card_posted: dict[tuple[str, int], float] = {}
        """When a job's last card was posted in a channel."""
        self._looks: Counter[str] = Counter()
        """How often people wanted to know of a job."""
        self._edited_at: dict[tuple[int, int], float] = {}
        self._edits: dict[str, list[float]] = defaultdict(list)
        self._latest_edits: deque[float] = deque(maxlen=_EDITS_ANYWHERE)
        self._forms: dict[str, tuple[int, str]] = {}
        """In which process a message was posted or edited last, and what it looks like since, by its id."""
        self._formed_at: dict[str, float] = {}
        """When it was edited last."""
        self._addresses: set[str] = set()
        """The secrets of the addresses for callbacks that admins were told."""
        self.cards: dict[str, Job] = {}
        """By the message's id."""
        self._numbers: dict[str, Job] = {}
        self._sent_last: dict[tuple[int, bool], _Sent] = {}
        """By channel, and whether it was an outcome."""
        self._unanswered: dict[str, _Sent] = {}
        """By the number that the bot gives a message, what was sent and not answered."""
        self._nonces: dict[str, str] = {}
        """Of what was posted, by the message's id."""
        self._unsure: set[str] = set()
        """Nonces of messages of which nobody could know whether they stand in the channel."""
        self.life_began = 0.0
        """When the process of now was started."""
        self.broken: list[str] = []
        self.when_broken: Callable[[], None] = lambda: None
        self.scene = ""
        """The one that is played now, or was the last."""
        self.counts: Counter[str] = Counter()

    @property
    def _operator_token(self) -> str | None:
        return self.operator_tokens[-1] if self.operator_tokens else None

    def fail(self, law: str) -> None:
        scene = f"in the scene {self.scene}: " if self.scene else ""
        self.broken.append(f"{self._clock.passed:.1f}: {scene}{law}")
        self.when_broken()

    # ------------------------------------------------------------ what was asked for

    def asked(self, job: Job, channel: Channel, person: int) -> None:
        self.servers[channel.guild.id].asked_ids.add(job.jobid)
        self.askers[(job.jobid, channel.id)].add(person)
        self._asked_for[(job.jobid, channel.id)] = self._clock.passed
        self.looked_up([job])

    def asked_for_nothing(self, jobid: str, channel: Channel, person: int) -> None:
        """Somebody asks for an id that no job has: nobody knows that while the token is refused."""
        self._made_up[(jobid, channel.id)].add(person)

    def looked_up(self, jobs: list[Job]) -> None:
        """Somebody wants to know how these stand: the API may be asked for it."""
        self._looks.update(job.jobid for job in jobs)
        for job in jobs:
            self.pace.wants(job.jobid)

    def tries_token(self, guild: Guild) -> None:
        """Somebody has the token tried that this server uses."""
        for token in (*self.servers[guild.id].offered, *self.operator_tokens):
            self.pace.tries(token)

    def answered(self, record: Asked, jobs: list[Job]) -> None:
        """The asker has read something: perhaps a promise. What is shown must be theirs to see."""
        self._check_shown(record.channel.guild, record.text, alone=True)
        self._addresses.update(_ADDRESS.findall(record.text))
        for message in record.shown.values():
            self.looks.said(text_of(message), [label for label, _ in buttons_of(message)], record.locale)
            self.looks.speaks(message, record.locale)
        if record.modal is not None and "title" in record.modal:
            self.looks.form_speaks(record.modal, record.locale)
        if not _PROMISES.search(record.text) or _UNDECIDED in record.text:
            return
        for job in jobs:
            left_out = len(jobs) > 1 and job.jobid[-8:] in record.text
            if not left_out:
                self.promise(job, record.channel, anew="Already watched" not in record.text)

    def number_in(self, random: Random, guild: Guild) -> int | None:
        """A number that this server's messages have shown; now and then none."""
        jobids = self.servers[guild.id].asked_ids
        numbers = [int(number) for number, job in self._numbers.items() if job.jobid in jobids]
        return random.choice(numbers) if numbers and random.random() < _SHOWN_NUMBERS else None

    def refused(self, channel: Channel, body: dict[str, Any], code: int) -> Callable[[], None] | None:
        """Discord takes no such message, permissions or not. Returns what is to be looked at after a while."""
        text = text_of(body)
        mark = _MARK.search(text)
        if mark is None or not any(custom_id.startswith("outcome:details") for _, custom_id in buttons_of(body)):
            return None
        job, at = self._pixverse.by_prompt[mark[0]], self._clock.passed

        def look() -> None:
            promise = self.promises.get((job.jobid, channel.id))
            disturbed = any(self._weather.was(kind, at - _BEFORE) for kind in ("gateway", "disk"))
            disturbed = disturbed or self._weather.met(channel.id, at - _BEFORE, but="discord_refuses_always")
            disturbed = disturbed or self._file_met_something(job, at - _BEFORE)
            changed = channel.denied_until() > at - _BEFORE or channel.locked or not channel.exists
            if promise is None or promise.void is not None or disturbed or changed or not channel.guild.bot_in:
                return
            self.counts["refusals followed up"] += 1
            if not promise.outcomes:
                self.fail(f"{job.prompt} was refused with code {code} at {at:.0f}, and has been waiting since then")

        return look

    def answered_a_number(self, record: Asked) -> None:
        """A number is of use where its job is or was waited for, and to who asked for it; nowhere else."""
        for mark in _MARK.finditer(record.text):
            job = self._pixverse.by_prompt[mark[0]]
            here = (job.jobid, record.channel.id)
            asked = any(jobid == job.jobid and record.person in people for (jobid, _), people in self.askers.items())
            followed = record.channel.id in self.servers[record.channel.guild.id].follows
            if not (here in self.promises or here in self.askers or asked or followed):
                self.fail(f"{job.prompt} of another channel is told for its number to {record.person}: {record.text!r}")

    def promise(self, job: Job, channel: Channel, *, anew: bool = True) -> None:
        """A result is to come; `anew` where nobody waited for it just before."""
        promise = self.promises.get((job.jobid, channel.id))
        if promise is None:
            account = self.account_in_use(channel.guild)
            self.promises[(job.jobid, channel.id)] = Promise(job, channel, self._clock.passed, account)
            self.counts["promises"] += 1
        elif promise.void is not None and not promise.outcomes:
            promise.void = None
            promise.at = self._clock.passed if anew else promise.at
        elif promise.outcomes and _tells_no_end(text_of(promise.outcomes[-1].message)):
            promise.extra += 1

    def void(
        self, why: str, *, channel: Channel | None = None, guild: Guild | None = None, job: Job | None = None,
        but_of: Account | None = None,
    ) -> None:  # fmt: skip
        """Nothing has to come any more for these, but for jobs that `but_of` sees and was asked about."""
        for promise in self.promises.values():
            if (
                (channel is None or promise.channel is channel)
                and (guild is None or promise.channel.guild is guild)
                and (job is None or promise.job is job)
                and (but_of is None or not promise.job.account is promise.account is but_of)
                and promise.void is None
            ):
                promise.void = why

    # ------------------------------------------------------------ what happened

    def posted(self, posted: Posted) -> None:
        """The bot has put a message into a channel."""
        self._nonces[str(posted.message["id"])] = posted.nonce
        self._forms[str(posted.message["id"])] = (posted.life, _form(posted.message))
        text = text_of(posted.message)
        self._check_shown(posted.channel.guild, text, alone=False)
        self.looks.speaks(posted.message, self._language(posted.channel))
        for described in posted.described:
            self._check_shown(posted.channel.guild, _MARKUP.sub(r"\\\g<0>", described), alone=False)
        ids = [custom_id for _, custom_id in buttons_of(posted.message)]
        if any(custom_id.startswith("outcome:details") for custom_id in ids):
            self._outcome(posted, text)
        elif any(custom_id.startswith("card:stop") for custom_id in ids):
            job = self._job_of(posted, text)
            if job is not None:
                self._check_new_card(job, posted)
                self.cards[str(posted.message["id"])] = job
                self.looks.shown(posted.message, posted.channel, self._clock.passed, self._language(posted.channel))
                if _UNDECIDED not in text:
                    self.promise(job, posted.channel)
            self._check_pings(posted, set())
        elif any(custom_id.startswith("batch:stop") for custom_id in ids):
            self.looks.said(text, [], self._language(posted.channel))
            self._check_pings(posted, set())
        else:
            self.counts["notices"] += 1
            self.looks.said(text, [], self._language(posted.channel))
            # The asker of a batch is pinged once at its end, also where the last of its jobs gets no outcome.
            ended = _BATCH_ENDED.match(text) is not None
            asked = (people for (_, where), people in self.askers.items() if where == posted.channel.id)
            self._check_pings(posted, set().union(*asked) if ended else {posted.channel.guild.admin})

    def _check_new_card(self, job: Job, posted: Posted) -> None:
        """A card that somebody has deleted stays away, unless its job is asked for again."""
        key = (job.jobid, posted.channel.id)
        before = self._card_posted.get(key, -math.inf)
        self._card_posted[key] = self._clock.passed
        doubted = self._weather.in_doubt_since(posted.channel.id, posted.nonce, before)
        if self._asked_for.get(key, -math.inf) < before and not doubted:
            self.fail(f"{job.prompt} has another card in {posted.channel.name}, for which nobody asked")

    def edited(self, channel: Channel, message: dict[str, Any], *, life: int, repeated: bool) -> None:
        """A card or a summary has changed; `repeated` where it may be the same edit again, whose answer was lost. A
        process that has just been started knows nothing of the edits before it."""
        self._check_shown(channel.guild, text_of(message), alone=False)
        self.looks.speaks(message, self._language(channel))
        if "can't tell if it's posted" in text_of(message):
            self._check_unknowable(channel)
            for job in self.jobs_in(message):
                self.void("nobody can know whether it was posted", channel=channel, job=job)
        if str(message["id"]) in self.cards:
            self.looks.shown(message, channel, self._clock.passed, self._language(channel))
            if not repeated:
                self.looks.paced(message, life, self._clock.passed)
        else:
            self.looks.said(text_of(message), [label for label, _ in buttons_of(message)], self._language(channel))
        if not int(message["flags"]) & _COMPONENTS:
            return  # A notice, which says that a trouble is over.
        before_it, form = self._forms.get(str(message["id"])), (life, _form(message))
        is_over = not any(custom_id.startswith(_STOPS) for _, custom_id in buttons_of(message))
        # What a clock that was ahead has written stays in the future for long, whichever process wrote it.
        skewed = self._weather.was("clock", 0.0)
        # While the disk takes nothing, it takes no note of an edit either.
        unnoted = "this bot is paused" in text_of(message)
        doubted = self._in_doubt(channel, str(message["id"]))
        if before_it == form and not (repeated or doubted) and not (is_over and (skewed or unnoted)):
            self.fail(f"an edit changes nothing in {channel.name}: {text_of(message)!r}")
        self._forms[str(message["id"])] = form
        self._formed_at[str(message["id"])] = self._clock.passed
        now = self._clock.passed
        before = self._edited_at.get((life, channel.id), -math.inf)
        self._edited_at[(life, channel.id)] = now
        if now - before < _EDIT_SECONDS and not repeated:
            self.fail(f"two edits within {now - before:.1f} s in {channel.name}: {text_of(message)!r}")
        self._edits[str(message["id"])].append(now)
        latest = self._latest_edits
        latest.append(now)
        if self.calm and len(latest) == _EDITS_ANYWHERE and now - latest[0] < _ANYWHERE_SECONDS:
            self.fail(f"{len(latest)} edits within {now - latest[0]:.2f} s, in whichever channels")

    def _in_doubt(self, channel: Channel, number: str) -> bool:
        """Whether the bot cannot know what a message looks like: it was posted in one of several attempts, or an edit
        since its last one was not answered."""
        since = self._formed_at.get(number, -math.inf)
        return any(
            self._weather.in_doubt_since(channel.id, name, since) for name in (number, self._nonces.get(number, ""))
        )

    def sends(self, channel_id: int, body: dict[str, Any]) -> None:
        """The bot sends a message, whatever becomes of it."""
        is_outcome = any(custom_id.startswith("outcome:details") for _, custom_id in buttons_of(body))
        nonce = str(body.get("nonce"))
        job = self._job_by_nonces(channel_id, _button_nonces(body) | {nonce}) if is_outcome else None
        self._sent_last[(channel_id, is_outcome)] = _Sent(nonce, job)

    def heard_of_delivery(self, number: str, kind: str, channel: Channel, what: str) -> None:
        """The bot logs what became of a message: nobody answered it, or nobody can know whether it was posted. Then
        nothing more has to come, and nothing can be taken back."""
        last = self._sent_last.get((channel.id, kind in _OUTCOMES))
        if what == _NO_ANSWER and last is not None:
            self._unanswered[number] = last
            return
        sent = self._unanswered.pop(number, last)
        if channel.exists and channel.guild.bot_in and not channel.private:
            self._check_unknowable(channel)
        if sent is None:
            return
        self._unsure.add(sent.nonce)
        if sent.job is not None:
            self.void("nobody can know whether it was posted", channel=channel, job=sent.job)

    def _check_unknowable(self, channel: Channel) -> None:
        """That nobody can know whether a result was posted is true only where the history cannot be read."""
        place = channel.parent or channel
        lately = "read_message_history" in place.denied_before and self._clock.passed - place.given_back_at < _LATE
        if not channel.lacks("read_message_history") and not lately and not channel.lacks("view_channel"):
            self.fail(f"{channel.name} can be read, and the bot says that it cannot tell what is there")

    def check_edits(self) -> None:
        """No message was edited more often than the contract lets it."""
        for message_id, times in self._edits.items():
            hours = (times[-1] - times[0]) / 3600
            most = _EDITS_EVER + (times[-1] - times[0]) / 10 if hours < 1 else 400 + hours * 20
            if len(times) > most:
                self.fail(
                    f"message {message_id} was edited {len(times)} times in {hours:.1f} h, at most {most:.0f} are right"
                )

    def _outcome(self, posted: Posted, text: str) -> None:
        self.counts["outcomes"] += 1
        job = self._job_of(posted, text)
        if job is None:
            self._outcome_of_nothing(posted, text)
            return
        key = (job.jobid, posted.channel.id)
        promise = self.promises.get(key)
        server = self.servers[posted.channel.guild.id]
        if promise is None:
            if not (key in self.askers or posted.channel.id in server.follows):
                self.fail(f"nobody asked for {job.prompt} in channel {posted.channel.id}: {text!r}")
            promise = self.promises[key] = Promise(job, posted.channel, self._clock.passed)
        promise.outcomes.append(posted)
        if len(promise.outcomes) > 1 + promise.extra:
            self.fail(f"{len(promise.outcomes)} outcomes of {job.prompt} in channel {posted.channel.id}: {text!r}")
        if not _tells_no_end(text) and not self.has_right(posted.channel.guild, job.account, job.ends_at):
            self.fail(
                f"the end of {job.prompt} reached server {posted.channel.guild.id}, whose tokens were dead by then"
            )
        self._check_pings(posted, self.askers[key])
        self.looks.said(text, [], self._language(posted.channel))
        self._check_reply(job, posted)
        self._check_words(job, posted, text)
        if job.prompt in text and job.words.stays not in text:
            self.fail(f"{job.words.stays!r} of a prompt did not come out as it went in: {text!r}")

    def _outcome_of_nothing(self, posted: Posted, text: str) -> None:
        """That there is no such job is told once to who asked for it."""
        jobid = text.rpartition(" · ")[2]
        askers = self._made_up.pop((jobid, posted.channel.id), None)
        if askers is None or not ("not found ·" in text or "given up ·" in text):
            self.fail(f"an outcome of no job that is known: {text!r}")
            return
        self._check_pings(posted, askers)

    def _check_reply(self, job: Job, posted: Posted) -> None:
        """A result is a reply to its card, where there is one."""
        channel = posted.channel
        cards = [number for number, one in self.cards.items() if one is job and int(number) in channel.messages]
        disturbed = channel.lacks("read_message_history") or self._weather.met(channel.id, job.ends_at - _BEFORE)
        again = len(self.promises[(job.jobid, channel.id)].outcomes) > 1
        if self.calm and cards and not disturbed and not again and posted.reply_to not in cards:
            self.fail(f"the result of {job.prompt} is a reply to {posted.reply_to}, and its card is {cards}")

    def _language(self, channel: Channel) -> str:
        """In which language others read what is posted here."""
        return self.servers[channel.guild.id].language or channel.guild.locale

    def is_awaited(self, job: Job) -> bool:
        """Whether a channel waits for a result of this job, or follows its account."""
        waits = any(
            promise.job is job and promise.void is None and len(promise.outcomes) < 1 + promise.extra
            for promise in self.promises.values()
        )
        return waits or any(
            server.follows and job.account.tokens[-1] in server.tokens for server in self.servers.values()
        )

    def _check_words(self, job: Job, posted: Posted, text: str) -> None:
        mine = list(job.videos)
        self._check_all_files(job, posted, text)
        self._check_late(job, posted, text)
        rest = iter(mine)
        if not all(file in rest for file in posted.files):
            self.fail(f"files of another job, or in another order, with {job.prompt}")
        end = "failed" if job.is_v2 and job.end == "cancelled" else job.end
        gone = self._clock.passed - job.created > job.vanishes_after - 3600
        stranger = self.account_in_use(posted.channel.guild) is not job.account
        allowed = {_WORDS[end]} | ({"expired"} if gone else set()) | ({"not found"} if gone or stranger else set())
        if self._clock.most_between(job.created) > 47 * 3600:
            allowed.add("given up")
        if not any(f"{word} ·" in text for word in allowed):
            self.fail(f"{job.prompt} has {job.end}, and the outcome says: {text!r}")
        if not gone and not stranger and "given up ·" not in text and self._pixverse.in_work(job):
            self.fail(f"the outcome of {job.prompt} came before its end: {text!r}")

    def _check_all_files(self, job: Job, posted: Posted, text: str) -> None:
        """Every file is there, unless something kept it: its host, a refusal of Discord's that stays, a permission."""
        since = job.ends_at - _BEFORE
        channel, passing = posted.channel, "discord_refuses_twice"
        kept_back = self._weather.was("disk", since) or self._file_met_something(job, since)
        kept_back = kept_back or self._weather.met(channel.id, since, but=passing)
        limited = self._weather.met(channel.guild.id, self._clock.passed - _LIMITS_LEARNED, but=passing)
        denied = channel.lacks("attach_files") or channel.could_do_less_at(posted.at - 1.0)
        old = self._clock.passed - job.ends_at > _LINKS_LAST
        if f"{_WORDS['completed']} ·" in text and not (kept_back or limited or denied or old):
            self.counts["outcomes with all files due"] += 1
            if len(posted.files) < len(job.videos):
                self.fail(f"{len(posted.files)} of {len(job.videos)} files of {job.prompt}, for no reason: {text!r}")

    def _file_met_something(self, job: Job, since: float) -> bool:
        return any(self._weather.met(path, since) for path in job.paths)

    def _check_late(self, job: Job, posted: Posted, text: str) -> None:
        """An end that waited for long is called late, where it was watched before."""
        promise = self.promises[(job.jobid, posted.channel.id)]
        waited = self._clock.passed - job.ends_at
        told = "given up ·" in text or "not found ·" in text or "expired ·" in text
        again = len(promise.outcomes) > 1 or promise.extra or promise.void is not None
        skewed = self._weather.was("clock", promise.at - _BEFORE)
        watched_first = job.ends_at - promise.at > _BEFORE and (not job.is_v2 or self._seen_in_work(job, promise.at))
        # When a job of v2 has ended, nobody tells: it was in work when the API last said so.
        since = self._clock.passed - self._last_in_work(job, posted) if job.is_v2 else waited
        if "Late:" in text and since < _NOT_LATE and not skewed:
            self.fail(f"{job.prompt} ended at most {since:.0f} s ago, and is called late: {text!r}")
        if waited > _LATE and watched_first and not (told or again or skewed):
            self.counts["late outcomes"] += 1
            if "Late:" not in text:
                self.fail(f"{job.prompt} ended {waited:.0f} s ago, and nothing says that it is late: {text!r}")

    def _last_in_work(self, job: Job, posted: Posted) -> float:
        """When this process was surely told that a job was in work, and could remember it, under the token that this
        server uses; long ago where it was not. What was told before that it knows to some minutes only."""
        tokens = {self.servers[posted.channel.guild.id].current, self._operator_token}
        times = [self._pixverse.named_in_work.get((job.jobid, token or ""), -math.inf) for token in tokens]
        met = [any(self._weather.was(kind, at - _BEFORE) for kind in ("api", "disk")) for at in times]
        sure = [at for at, disturbed in zip(times, met, strict=True) if at > self.life_began and not disturbed]
        return max(sure, default=-math.inf)

    def _seen_in_work(self, job: Job, since: float) -> bool:
        """Whether the bot was surely told then that a job of v2 was in work: its records tell no time of its end."""
        return any(
            abs(at - since) < _LOOKED_UP_WITHIN and not self._weather.was("api", at - _BEFORE)
            for at in self._pixverse.told_in_work[job.jobid]
        )

    def _job_of(self, posted: Posted, text: str) -> Job | None:
        mark = _MARK.search(text)
        job = None
        if mark is not None:
            job = self._pixverse.by_prompt[mark[0]]
        number = _NUMBER.search(text)
        if number is not None and job is not None:
            self._numbers[number[1]] = job
        if job is None:
            job = next((one for one in self._pixverse.jobs.values() if one.jobid in text or _masked(one) in text), None)
        if job is None:
            # An outcome without any word of the API's is still known by its button.
            job = self._job_by_nonces(posted.channel.id, _button_nonces(posted.message) | {posted.nonce})
        if job is None and number is not None:
            job = self._numbers.get(number[1])
        return job

    def _job_by_nonces(self, channel_id: int, found: set[str]) -> Job | None:
        for job in self._pixverse.jobs.values():
            for kind, job_round, after in _NAMED:
                if nonces.for_job(job.jobid, channel_id, kind, job_round, after) in found:
                    return job
        return None

    def jobs_in(self, message: dict[str, object]) -> list[Job]:
        """Which jobs a message is about, whether or not it shows their prompts."""
        text = text_of(message)
        found = [self._pixverse.by_prompt[mark[0]] for mark in _MARK.finditer(text)]
        card = self.cards.get(str(message.get("id")))
        return found or ([card] if card is not None else [])

    def _check_pings(self, posted: Posted, allowed: set[int]) -> None:
        if not posted.pings <= allowed:
            self.fail(f"pings {set(posted.pings) - allowed}, who did not ask: {text_of(posted.message)!r}")

    def _check_shown(self, guild: Guild, text: str, *, alone: bool) -> None:
        """No secret, no e-mail address where others read; nothing of an account whose token this server has not."""
        for account in self._pixverse.accounts:
            if any(token.partition("-")[2] in text for token in account.tokens):
                self.fail(f"a token stands in {text!r}")
        if not alone and _EMAIL.search(text):
            self.fail(f"an e-mail address stands in {text!r}")
        if _HIDDEN.search(text):
            self.fail(f"a channel is called what Discord calls all that it hides: {text!r}")
        hostile = words.shown_in(text)
        if hostile is not None:
            self.fail(f"{hostile!r} is shown as somebody wrote it: {text!r}")
        for found in _MARK.finditer(text):
            job = self._pixverse.by_prompt[found[0]]
            if not self.has_right(guild, job.account, job.created):
                self.fail(f"server {guild.id} is shown {job.prompt}, of an account whose token it never had: {text!r}")

    def has_right(self, guild: Guild, account: Account, since: float) -> bool:
        """Whether this server, or the operator, entered a token of the account that was good after `since`."""
        tokens = [*self.servers[guild.id].tokens, *self.operator_tokens]
        return any(token in account.tokens and account.dead_at.get(token, math.inf) > since for token in tokens)

    def account_in_use(self, guild: Guild) -> Account | None:
        """The account that a server asks with now, where that is known."""
        if self.servers[guild.id].unsure:
            return None
        token = self.servers[guild.id].current or self._operator_token
        return None if token is None else self._pixverse.by_token(token)

    # ------------------------------------------------------------ at the end

    def check_requests(self, interval: int, lives: int, callbacks: Counter[str]) -> None:
        """No token but those that were entered, and no more questions than the contract allows."""
        known = {token for server in self.servers.values() for token in server.offered}
        per_job: Counter[str] = Counter()
        for at, token, what in self._pixverse.asked:
            if token not in known and token not in self.operator_tokens:
                self.fail(f"at {at:.0f} the API was asked with a token that nobody entered")
            per_job[what] += 1
        for jobid, times in per_job.items():
            job = self._pixverse.jobs.get(jobid)
            if job is None:
                continue
            span = (self._known_to_have_ended(job) - job.created) / interval
            polls = (span + lives * 2 + callbacks[jobid] * 3 + 12) * max(1, len(self._tokens_of(job)))
            most = polls + self._looks[jobid] * 4
            if times > most:
                self.fail(f"{job.prompt} was asked about {times} times, at most {most:.0f} are right")

    def check_disk(self, files: Mapping[str, tuple[bytes, int]]) -> None:
        """What the bot keeps is for its user alone, and no secret is written down as it is."""
        secrets = {token.partition("-")[2] for account in self._pixverse.accounts for token in account.tokens}
        for name, (content, mode) in files.items():
            if mode & 0o077:
                self.fail(f"others may read {name}")
            if any(secret.encode() in content for secret in secrets | self._addresses):
                self.fail(f"a token or an address stands in {name} as it is")

    def _known_to_have_ended(self, job: Job) -> float:
        """When its last outcome was posted; a database that takes no write keeps it open for longer than it is."""
        told = [one.at for promise in self.promises.values() if promise.job is job for one in promise.outcomes]
        return max([job.ends_at, *told])

    def _tokens_of(self, job: Job) -> set[str]:
        return {
            token
            for server in self.servers.values()
            for token in server.offered
            if token in job.account.tokens and job.jobid in server.asked_ids
        }

    def _is_shared(self, token: str) -> bool:
        """Whether it is the operator's token, and a server has entered it as its own too."""
        return token in self.operator_tokens and any(token in server.offered for server in self.servers.values())

    def check_channels(self, channels: Iterable[Channel]) -> None:
        """What is to be read in the end."""
        for channel in channels:
            if not channel.exists or not channel.guild.bot_in:
                continue
            account = self.account_in_use(channel.guild)
            works = account is not None and account.paid and not self._token_is_dead(channel.guild)
            for number, message in channel.messages.items():
                job = self.cards.get(str(number))
                promise = None if job is None else self.promises.get((job.jobid, channel.id))
                ended = promise is not None and bool(promise.outcomes) and not promise.extra
                unsure = self._nonces.get(str(number)) in self._unsure
                self.looks.at_rest(message, channel, ended=ended, token_works=works, unsure=unsure)

    def check_promises(self) -> None:
        """All is mended and has been for long: whatever was promised has come, once."""
        for promise in self.promises.values():
            on_hold = self._token_is_dead(promise.channel.guild)
            if promise.void is None and not promise.outcomes and not on_hold:
                self.fail(
                    f"{promise.job.prompt} ({promise.job.end} at {promise.job.ends_at:.0f}) was promised to channel "
                    f"{promise.channel.id} at {promise.at:.0f}, and nothing came"
                )

    def _token_is_dead(self, guild: Guild) -> bool:
        """Whether what a server asks with is refused to the end: nobody has entered a good token."""
        account = self.account_in_use(guild)
        token = self.servers[guild.id].current or self._operator_token
        return account is None or account.token != token

    def kept(self) -> int:
        return sum(1 for promise in self.promises.values() if promise.outcomes)
