"""Keeps account of what was requested and promised in a life, and checks the laws.

It knows nothing of the bot's internals: only the messages, the API's requests, and who did what.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from random import Random
from typing import Any

from model.states import DeliveryKind
from relay.delivery import nonces
from tests.simulation import sample_texts
from tests.simulation.active_faults import ActiveFaults
from tests.simulation.api_request_laws import ApiRequestLaws
from tests.simulation.discord_world import EPOCH_MS, Channel, Guild, Interaction, PostedMessage, buttons_of, text_of
from tests.simulation.message_laws import MessageLaws
from tests.simulation.pixverse_world import Account, Job, PixVerseWorld
from tests.simulation.plan import Plan
from tests.simulation.virtual_time import BEGIN_MS, VirtualClock

_PROMISES = re.compile(
    r"post the result here|Posting the result here|Already watched here|I'll post"
    r"|Watching \d+ jobs?\b"
    r"|result (?:is|will be|is still waiting to be) posted here"
)
_UNDECIDED = "An admin has to decide"
"""A reply that says this promises nothing."""
_BATCH_ENDED = re.compile(r"\*\*(?:The job has|All \d+ jobs have) ended")
_NUMBER = re.compile(r"#(\d+)")
_MARK = re.compile(r"boat-(\d+)-sails")
_ADDRESS = re.compile(r"/callback/([\w-]+)")
_EMAIL = re.compile(r"owner\d+\\?@mail\.example")
_MARKUP = re.compile(r"[@<\[\]*`|:]")
"""Characters of Discord's markup; text without markup shows them literally."""
_WORDS = {"completed": "completed", "failed": "failed", "moderated": "moderated", "cancelled": "cancelled"}


_HIDDEN = re.compile(r"_hidden\\?_")
_EDIT_SECONDS = 1.99
"""The least time between two edits in a channel, at Discord's end: two seconds (contract), less the rounding error."""
_EDITS_EVER = 20
_EDITS_ANYWHERE, _ANYWHERE_SECONDS = 20, 0.5
"""The limit is half of what Discord accepts from one bot (contract). Edits that were sent one after another may arrive
within this time."""
_BEFORE = 120.0
"""Seconds before an event within which a fault may still have caused it."""
_AT_ITS_DEATH = 2.0
"""Seconds before a process's end within which it may not have recorded what it posted."""
_MOST_FILES = 10
"""Discord takes no more with one message."""
_LINKS_LAST = 20 * 3600.0
_REMEMBERED = 31 * 86400.0
"""Seconds for which the bot remembers a notice that was posted."""
_LATE = 10 * 60.0 + 60.0
_NOT_LATE = 10 * 60.0 - 60.0
_LIMITS_LEARNED = 24 * 3600.0
"""How long the bot may treat a server that refused files as one that accepts none."""
_SLOW, _SLOW_AFTER = "**Taking longer than usual.**", 15 * 60.0
_STOPS = ("card:stop", "batch:stop")
"""Buttons of a card or summary that is still active."""
_LOOKED_UP_WITHIN = 3.0
_SHOWN_NUMBERS = 0.8
_COMPONENTS = 1 << 15
"""The flag of cards and summaries."""


def prompt(number: int) -> str:
    """The prompt by which a job is recognised in every text about it."""
    return f"boat-{number}-sails"


def _posted_at(message: dict[str, Any]) -> float:
    """Seconds from the life's start to the message's timestamp."""
    return ((int(message["id"]) >> 22) + EPOCH_MS - BEGIN_MS) / 1000


def _masked(job: Job) -> str:
    """The end of a v2 job's id, which is never masked."""
    return f"-{'image' if job.image else 'video'}:{10**12 + job.number}"


def _form(message: dict[str, Any]) -> str:
    """The content and components of a message."""
    return f"{message.get('content')}{message.get('components')}"


def _button_nonces(message: dict[str, Any]) -> set[str]:
    return {custom_id.rpartition(":")[2] for _, custom_id in buttons_of(message)}


_OUTCOMES = (DeliveryKind.OUTCOME.value, DeliveryKind.AGAIN.value)
_NO_ANSWER = "again, no answer"
_NAMED = (
    (DeliveryKind.CARD, 0, 0),
    *((DeliveryKind.OUTCOME, job_round, after) for job_round in range(3) for after in range(2)),
)
"""The kinds of messages whose nonces depend on a job."""


@cache
def _nonces_of(jobid: str, channel_id: int) -> frozenset[str]:
    return frozenset(nonces.for_job(jobid, channel_id, kind, job_round, after) for kind, job_round, after in _NAMED)


@dataclass(slots=True)
class Server:
    """What a server did that decides what it may see."""

    tokens: list[str] = field(default_factory=list)
    """The tokens that an admin entered and the bot accepted, the latest last."""
    current: str | None = None
    """The token that the bot said works."""
    current_since: float = -math.inf
    """When an admin entered it."""
    unsure: bool = False
    """Whether another token may be in use, because one was entered and got no reply."""
    offered: set[str] = field(default_factory=set)
    """Every token that was entered, whether accepted or not."""
    asked_ids: set[str] = field(default_factory=set)
    follows: set[int] = field(default_factory=set)
    """Channels in which it ever asked to follow its account."""
    forgetting: bool = False
    language: str | None = None
    """The language that an admin chose in place of the server's own."""

    def tried(self, token: str, answer: Interaction, *, was_unsure: bool) -> None:
        """Records what this reply says about the token in use; `was_unsure` is the value of `unsure` before."""
        if "oken works" in answer.text:
            if self.current != token:
                self.current_since = answer.at
            self.current, self.unsure = token, False
        elif "Not stored" in answer.text:
            self.unsure = was_unsure


@dataclass(slots=True)
class Promise:
    """A result that a channel waits for."""

    job: Job
    channel: Channel
    at: float
    account: Account | None = None
    """The account that the server used then."""
    token: str | None = None
    """The token that the server used then."""
    void: str | None = None
    """Why no result is due any more; at most one outcome may still come."""
    outcomes: list[PostedMessage] = field(default_factory=list)
    extra: int = 0
    """How many more outcomes were requested."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A message on its way to Discord."""

    nonce: str
    job: Job | None
    """The job, if the message is its outcome."""


def _tells_no_end(text: str) -> bool:
    """Whether the outcome says only that the bot doesn't know how the job ended. Whoever asks again gets another
    one."""
    return "not found ·" in text or "given up ·" in text


class Ledger:
    """Records what happens in a life, and reports the laws that are broken."""

    def __init__(
        self, clock: VirtualClock, pixverse: PixVerseWorld, faults: ActiveFaults, plan: Plan, operator_token: str | None
    ) -> None:
        self.message_laws = MessageLaws(self.fail)
        self.is_undisturbed = bool(plan.scenes)
        """Whether the only faults are those of the scenes."""
        is_awaited = self.is_awaited if self.is_undisturbed else None
        self.api_request_laws = ApiRequestLaws(clock, pixverse, plan.interval, self.fail, is_awaited, self._is_shared)
        self._clock = clock
        self._pixverse = pixverse
        self._faults = faults
        self.operator_tokens = [] if operator_token is None else [operator_token]
        """The tokens that the operator set, the latest last."""
        self.servers: dict[int, Server] = defaultdict(Server)
        self.promises: dict[tuple[str, int], Promise] = {}
        self._promising: set[int] = set()
        """Interactions whose reply has promised a result."""
        self.askers: dict[tuple[str, int], set[int]] = defaultdict(set)
        """Who asked for a job in a channel, whether they want a ping or not."""
        self._stopped_at: dict[tuple[str, int], float] = {}
        """When a result that a channel may have waited for was last said not to be due. A late reply to an earlier
        command promises nothing."""
        self._made_up: dict[tuple[str, int], set[int]] = defaultdict(set)
        """Who asked in a channel for an id that no job has, since the last outcome about it."""
        self._asked_for: dict[tuple[str, int], float] = {}
        """When somebody last asked for a job in a channel."""
        self._card_posted: dict[tuple[str, int], float] = {}
        """When a job's last card was posted in a channel."""
        self._lookups: Counter[str] = Counter()
        """How often people asked about a job."""
        self._edited_at: dict[tuple[int, int], float] = {}
        self._edits: dict[str, list[float]] = defaultdict(list)
        self._latest_edits: deque[float] = deque(maxlen=_EDITS_ANYWHERE)
        self._forms: dict[str, tuple[int, str]] = {}
        """By message id: the process that last posted or edited it, and its form since then."""
        self._formed_at: dict[str, float] = {}
        """By message id: when it was last edited."""
        self._addresses: set[str] = set()
        """The secret parts of the callback addresses that admins were shown."""
        self.cards: dict[str, Job] = {}
        """By message id."""
        self._numbers: dict[str, Job] = {}
        self._sent_last: dict[tuple[int, bool], _Sent] = {}
        """By channel and by whether the message was an outcome."""
        self._unanswered: dict[str, _Sent] = {}
        """Messages that got no response, by the bot's delivery number."""
        self._nonces: dict[str, str] = {}
        """The nonces of posted messages, by message id."""
        self._unsure: set[str] = set()
        """Nonces of messages that may or may not have been posted."""
        self._unknowable: set[tuple[str, int]] = set()
        """Jobs and channels for which the bot rightly logged that nobody can know whether the result was posted."""
        self.given_up_after = 47 * 3600.0
        """Seconds after a job was made from which it may be given up."""
        self.life_began = 0.0
        """When the current process was started."""
        self.life_ended = -math.inf
        """When the process before it ended."""
        self.broken: list[str] = []
        self.when_broken: Callable[[], None] = lambda: None
        self.scene = ""
        """The scene that is being played, or was played last."""
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
        """Somebody asks for an id that no job has. While the token is refused, the bot can't know that."""
        self._made_up[(jobid, channel.id)].add(person)

    def looked_up(self, jobs: list[Job]) -> None:
        """Somebody asks about these jobs, so the bot may request them."""
        self._lookups.update(job.jobid for job in jobs)
        for job in jobs:
            self.api_request_laws.on_lookup(job.jobid)

    def tries_token(self, guild: Guild) -> None:
        """Somebody lets the bot try the token that this server uses."""
        for token in (*self.servers[guild.id].offered, *self.operator_tokens):
            self.api_request_laws.on_token_trial(token)

    def answered(self, interaction: Interaction, jobs: list[Job]) -> None:
        """The asker has read a reply. It may be a promise, and must show only what they may see."""
        self._check_shown(interaction.channel.guild, interaction.text, alone=True)
        self._addresses.update(_ADDRESS.findall(interaction.text))
        for message in interaction.shown.values():
            self.message_laws.check_repetition(
                text_of(message), [label for label, _ in buttons_of(message)], interaction.locale
            )
            self.message_laws.check_language(message, interaction.locale)
        if interaction.modal is not None and "title" in interaction.modal:
            self.message_laws.check_form_language(interaction.modal, interaction.locale)
        if (
            not _PROMISES.search(interaction.text)
            or _UNDECIDED in interaction.text
            or interaction.id in self._promising
        ):
            return
        # A reply is read again when a link to the card is added to it, which promises nothing more.
        self._promising.add(interaction.id)
        for job in jobs:
            left_out = len(jobs) > 1 and f"…{job.shown_end}`" in interaction.text
            stopped = self._stopped_at.get((job.jobid, interaction.channel.id), -math.inf) > interaction.at
            if not (left_out or stopped):
                self.promise(job, interaction.channel, anew="Already watched" not in interaction.text)

    def number_in(self, random: Random, guild: Guild) -> int | None:
        """A job number that this server's messages have shown; sometimes None."""
        jobids = self.servers[guild.id].asked_ids
        numbers = [int(number) for number, job in self._numbers.items() if job.jobid in jobids]
        return random.choice(numbers) if numbers and random.random() < _SHOWN_NUMBERS else None

    def refused(self, channel: Channel, body: dict[str, Any], code: int) -> Callable[[], None] | None:
        """Discord refuses a message for a reason other than a permission. Returns a check to run later, if the message
        is an outcome."""
        text = text_of(body)
        mark = _MARK.search(text)
        if mark is None or not any(custom_id.startswith("outcome:details") for _, custom_id in buttons_of(body)):
            return None
        job, at = self._pixverse.by_prompt[mark[0]], self._clock.passed

        def look() -> None:
            promise = self.promises.get((job.jobid, channel.id))
            disturbed = any(self._faults.was_active(kind, at - _BEFORE) for kind in ("gateway", "disk"))
            disturbed = disturbed or self._faults.affected(channel.id, at - _BEFORE, but="discord_refuses_always")
            disturbed = disturbed or self._file_was_affected(job, at - _BEFORE)
            changed = channel.denied_until() > at - _BEFORE or channel.locked or not channel.exists
            if promise is None or promise.void is not None or disturbed or changed or not channel.guild.bot_in:
                return
            self.counts["refusals followed up"] += 1
            if not promise.outcomes:
                self.fail(f"{job.prompt} was refused with code {code} at {at:.0f}, and has been waiting since then")

        return look

    def answered_a_number(self, interaction: Interaction) -> None:
        """Checks that a number reveals a job only where the job is or was waited for, and to whoever asked for it."""
        for mark in _MARK.finditer(interaction.text):
            job = self._pixverse.by_prompt[mark[0]]
            here = (job.jobid, interaction.channel.id)
            asked = any(
                jobid == job.jobid and interaction.person in people for (jobid, _), people in self.askers.items()
            )
            followed = interaction.channel.id in self.servers[interaction.channel.guild.id].follows
            if not (here in self.promises or here in self.askers or asked or followed):
                who, text = interaction.person, interaction.text
                self.fail(f"{job.prompt} of another channel is shown to {who}, who typed its number: {text!r}")

    def promise(self, job: Job, channel: Channel, *, anew: bool = True) -> None:
        """A result is due from now on; `anew` if nobody waited for it just before."""
        promise = self.promises.get((job.jobid, channel.id))
        if promise is None:
            account, token = self.account_in_use(channel.guild), self._token_in_use(channel.guild)
            self.promises[(job.jobid, channel.id)] = Promise(job, channel, self._clock.passed, account, token)
            self.counts["promises"] += 1
        elif promise.void is not None and not promise.outcomes:
            promise.void = None
            if anew:
                promise.at = self._clock.passed
                promise.account, promise.token = self.account_in_use(channel.guild), self._token_in_use(channel.guild)
        elif promise.outcomes and _tells_no_end(text_of(promise.outcomes[-1].message)):
            promise.extra += 1

    def void(
        self, why: str, *, channel: Channel | None = None, guild: Guild | None = None, job: Job | None = None,
        but_of: Account | None = None,
    ) -> None:  # fmt: skip
        """No result is due any more for these promises, except for jobs of `but_of` that were requested with that
        account."""
        if channel is not None and job is not None:
            self._stopped_at[(job.jobid, channel.id)] = self._clock.passed
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

    def posted(self, posted: PostedMessage) -> None:
        """Checks a message that the bot has posted."""
        self._nonces[str(posted.message["id"])] = posted.nonce
        self._forms[str(posted.message["id"])] = (posted.life, _form(posted.message))
        text = text_of(posted.message)
        self._check_shown(posted.channel.guild, text, alone=False)
        self.message_laws.check_language(posted.message, self._language(posted.channel))
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
                self._check_slow(job, text)
                self.message_laws.check_card(
                    posted.message, posted.channel, self._clock.passed, self._language(posted.channel)
                )
                if _UNDECIDED not in text:
                    self.promise(job, posted.channel)
            self._check_pings(posted, set())
        elif any(custom_id.startswith("batch:stop") for custom_id in ids):
            self.message_laws.check_repetition(text, [], self._language(posted.channel))
            self._check_pings(posted, set())
        else:
            self.counts["notices"] += 1
            self.message_laws.check_repetition(text, [], self._language(posted.channel))
            # The people who asked for a batch are pinged once when it ends, even if its last job gets no outcome.
            ended = _BATCH_ENDED.match(text) is not None
            asked = (people for (_, where), people in self.askers.items() if where == posted.channel.id)
            self._check_pings(posted, set().union(*asked) if ended else {posted.channel.guild.admin})

    def _check_new_card(self, job: Job, posted: PostedMessage) -> None:
        """Checks that a deleted card isn't posted again unless somebody asks for its job again."""
        key = (job.jobid, posted.channel.id)
        before = self._card_posted.get(key, -math.inf)
        self._card_posted[key] = self._clock.passed
        doubted = self._faults.in_doubt_since(posted.channel.id, posted.nonce, before)
        # A process that died while it posted the last card can't know of it, if somebody has deleted it since.
        edited = any(
            self._formed_at.get(number, -math.inf) > before for number, one in self.cards.items() if one is job
        )
        unknown = self.life_began > before and not edited
        if self._asked_for.get(key, -math.inf) < before and not (doubted or unknown):
            self.fail(f"{job.prompt} has another card in {posted.channel.name}, for which nobody asked")

    def edited(self, channel: Channel, message: dict[str, Any], *, life: int, repeated: bool) -> None:
        """Checks an edit of a card, summary or notice.

        `repeated`: this may be the same edit again, because the response to it was lost. A process that has just
        started knows nothing of earlier edits.
        """
        self._check_shown(channel.guild, text_of(message), alone=False)
        self.message_laws.check_language(message, self._language(channel))
        if "can't tell if it's posted" in text_of(message):
            jobs = self.jobs_in(message)
            if any((job.jobid, channel.id) not in self._unknowable for job in jobs):
                self._check_unknowable(channel)
            for job in jobs:
                self.void("nobody can know whether it was posted", channel=channel, job=job)
        if str(message["id"]) in self.cards:
            self._check_slow(self.cards[str(message["id"])], text_of(message))
            self.message_laws.check_card(message, channel, self._clock.passed, self._language(channel))
            if not repeated:
                self.message_laws.check_edit_rate(message, life, self._clock.passed)
        else:
            self.message_laws.check_repetition(
                text_of(message), [label for label, _ in buttons_of(message)], self._language(channel)
            )
        if not int(message["flags"]) & _COMPONENTS:
            return  # A notice, edited to say that a problem is over.
        before_it, form = self._forms.get(str(message["id"])), (life, _form(message))
        is_over = not any(custom_id.startswith(_STOPS) for _, custom_id in buttons_of(message))
        # A time stored while the clock was ahead stays in the future for a long time, for later processes too.
        skewed = self._faults.was_active("clock", 0.0)
        # While the disk accepts no writes, an edit can't be recorded either.
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
        if self.is_undisturbed and len(latest) == _EDITS_ANYWHERE and now - latest[0] < _ANYWHERE_SECONDS:
            self.fail(f"{len(latest)} edits within {now - latest[0]:.2f} s, in whichever channels")

    def _in_doubt(self, channel: Channel, number: str) -> bool:
        """Whether the bot can't know what a message looks like: it was posted in one of several attempts, or an edit
        since the last known one got no response, or may have waited behind one that got none."""
        since = self._formed_at.get(number, -math.inf)
        names = (number, self._nonces.get(number, ""))
        in_doubt = any(self._faults.in_doubt_since(channel.id, name, since) for name in names)
        return in_doubt or self._faults.channel_in_doubt_since(channel.id, since)

    def on_send(self, channel_id: int, body: dict[str, Any]) -> None:
        """The bot sends a message; it may still fail."""
        is_outcome = any(custom_id.startswith("outcome:details") for _, custom_id in buttons_of(body))
        nonce = str(body.get("nonce"))
        job = self._job_by_nonces(channel_id, _button_nonces(body) | {nonce}) if is_outcome else None
        self._sent_last[(channel_id, is_outcome)] = _Sent(nonce, job)

    def on_delivery_log(self, number: str, kind: str, channel: Channel, what: str) -> None:
        """The bot logs that a message got no response, or that nobody can know whether it was posted. In the second
        case nothing more is due, and the message can't be withdrawn."""
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
            self._unknowable.add((sent.job.jobid, channel.id))
            self.void("nobody can know whether it was posted", channel=channel, job=sent.job)

    def _check_unknowable(self, channel: Channel) -> None:
        """Checks that the bot says it can't know whether a result was posted only if it can't read the history."""
        place = channel.parent or channel
        lately = "read_message_history" in place.denied_before and self._clock.passed - place.given_back_at < _LATE
        if not channel.lacks("read_message_history") and not lately and not channel.lacks("view_channel"):
            self.fail(f"{channel.name} can be read, and the bot says that it cannot tell what is there")

    def check_edits(self) -> None:
        """Checks that no message was edited more often than the bot promises."""
        for message_id, times in self._edits.items():
            hours = (times[-1] - times[0]) / 3600
            most = _EDITS_EVER + (times[-1] - times[0]) / 10 if hours < 1 else 400 + hours * 20
            if len(times) > most:
                self.fail(
                    f"message {message_id} was edited {len(times)} times in {hours:.1f} h, at most {most:.0f} are right"
                )

    def _outcome(self, posted: PostedMessage, text: str) -> None:
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
        if promise.outcomes and self._is_unknown_to_all(promise.outcomes[-1]):
            promise.extra += 1
        if promise.outcomes and self._is_asked_for_again(promise):
            promise.extra = max(promise.extra, len(promise.outcomes))
        promise.outcomes.append(posted)
        if len(promise.outcomes) > 1 + promise.extra:
            self.fail(f"{len(promise.outcomes)} outcomes of {job.prompt} in channel {posted.channel.id}: {text!r}")
        if not _tells_no_end(text) and not self.has_right(posted.channel.guild, job.account, job.ends_at):
            self.fail(
                f"the end of {job.prompt} reached server {posted.channel.guild.id}, whose tokens were dead by then"
            )
        self._check_pings(posted, self.askers[key])
        self.message_laws.check_repetition(text, [], self._language(posted.channel))
        self._check_reply(job, posted)
        self._check_words(job, posted, text)
        if job.prompt in text and job.sample.kept not in text:
            self.fail(f"{job.sample.kept!r} of a prompt did not come out as it went in: {text!r}")

    def _is_unknown_to_all(self, outcome: PostedMessage) -> bool:
        """Whether the process died as it posted the outcome, and somebody has deleted it since, so that nothing shows
        that it was ever there."""
        died_at_it = self.life_ended - _AT_ITS_DEATH < outcome.at < self.life_ended
        return died_at_it and int(outcome.message["id"]) not in outcome.channel.messages

    def _is_asked_for_again(self, promise: Promise) -> bool:
        """Whether somebody asked for the job after the bot said that it doesn't know how it ended."""
        latest = promise.outcomes[-1]
        asked_at = self._asked_for.get((promise.job.jobid, promise.channel.id), -math.inf)
        return _tells_no_end(text_of(latest.message)) and asked_at > latest.at

    def _outcome_of_nothing(self, posted: PostedMessage, text: str) -> None:
        """Checks that only those who asked are told that there is no such job, and only once."""
        jobid = text.rpartition(" · ")[2]
        askers = self._made_up.pop((jobid, posted.channel.id), None)
        if askers is None or not ("not found ·" in text or "given up ·" in text):
            self.fail(f"an outcome of no job that is known: {text!r}")
            return
        self._check_pings(posted, askers)

    def _check_reply(self, job: Job, posted: PostedMessage) -> None:
        """Checks that a result replies to its card, if there is one."""
        channel = posted.channel
        cards = [number for number, one in self.cards.items() if one is job and int(number) in channel.messages]
        disturbed = channel.lacks("read_message_history") or self._faults.affected(channel.id, job.ends_at - _BEFORE)
        is_repeated = len(self.promises[(job.jobid, channel.id)].outcomes) > 1
        if self.is_undisturbed and cards and not disturbed and not is_repeated and posted.reply_to not in cards:
            self.fail(f"the result of {job.prompt} is a reply to {posted.reply_to}, and its card is {cards}")

    def _language(self, channel: Channel) -> str:
        """The language in which messages are posted in this channel."""
        return self.servers[channel.guild.id].language or channel.guild.locale

    def _check_slow(self, job: Job, text: str) -> None:
        """Checks that no card calls a job slow before its time, whatever this machine's clock says."""
        age = self._clock.passed - job.created
        if _SLOW in text and age < _SLOW_AFTER - 5.0:
            self.fail(f"{job.prompt} was made {age:.0f} s ago, and its card says that it takes long: {text!r}")

    def is_awaited(self, job: Job) -> bool:
        """Whether a channel waits for a result of this job, or follows its account."""
        waits = any(
            promise.job is job and promise.void is None and len(promise.outcomes) < 1 + promise.extra
            for promise in self.promises.values()
        )
        return waits or any(
            server.follows and job.account.tokens[-1] in server.tokens for server in self.servers.values()
        )

    def _check_words(self, job: Job, posted: PostedMessage, text: str) -> None:
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
        if self._clock.most_between(job.created) > self.given_up_after:
            allowed.add("given up")
        if not any(f"{word} ·" in text for word in allowed):
            self.fail(f"{job.prompt} has {job.end}, and the outcome says: {text!r}")
        if not gone and not stranger and "given up ·" not in text and self._pixverse.is_active(job):
            self.fail(f"the outcome of {job.prompt} came before its end: {text!r}")

    def _check_all_files(self, job: Job, posted: PostedMessage, text: str) -> None:
        """Checks that all files are attached, unless the host, a lasting refusal by Discord or a permission prevented
        it."""
        since = job.ends_at - _BEFORE
        channel, passing = posted.channel, "discord_refuses_twice"
        kept_back = self._faults.was_active("disk", since) or self._file_was_affected(job, since)
        kept_back = kept_back or self._faults.affected(channel.id, since, but=passing)
        limited = self._faults.affected(channel.guild.id, self._clock.passed - _LIMITS_LEARNED, but=passing)
        denied = channel.lacks("attach_files") or channel.could_do_less_at(posted.at - 1.0)
        old = self._clock.passed - job.ends_at > _LINKS_LAST
        if f"{_WORDS['completed']} ·" in text and not (kept_back or limited or denied or old):
            self.counts["outcomes with all files due"] += 1
            if len(posted.files) < min(len(job.videos), _MOST_FILES):
                self.fail(f"{len(posted.files)} of {len(job.videos)} files of {job.prompt}, for no reason: {text!r}")

    def _file_was_affected(self, job: Job, since: float) -> bool:
        return any(self._faults.affected(path, since) for path in job.paths)

    def _check_late(self, job: Job, posted: PostedMessage, text: str) -> None:
        """Checks that a result is called late if, and only if, the job was watched and ended long ago."""
        promise = self.promises[(job.jobid, posted.channel.id)]
        waited = self._clock.passed - job.ends_at
        tells_no_end = "given up ·" in text or "not found ·" in text or "expired ·" in text
        is_repeated = len(promise.outcomes) > 1 or promise.extra or promise.void is not None
        # A job that came from a follow was polled long before its result was the first promise of it.
        skewed = self._faults.was_active("clock", min(promise.at, job.created) - _BEFORE)
        watched_first = job.ends_at - promise.at > _BEFORE and (not job.is_v2 or self._was_reported_active(promise))
        # The API doesn't say when a v2 job ended: it was active when the API last said so.
        since = self._clock.passed - self._last_reported_active(job, posted) if job.is_v2 else waited
        # A v1 record names the end by the API's clock, which is right. A v2 job's end is known only by the bot's own.
        if "Late:" in text and since < _NOT_LATE and not (skewed and job.is_v2):
            self.fail(f"{job.prompt} ended at most {since:.0f} s ago, and is called late: {text!r}")
        # The faults of scenes are rules of their own. The bot may have seen a v2 job running long before it ended.
        seen_at = self._clock.passed - max(waited, since)
        kinds = ("api", "lists")
        api_failed = bool(self.scene) or any(self._faults.was_active(kind, seen_at - _BEFORE) for kind in kinds)
        if "PixVerse's API was down" in text and not (api_failed or skewed):
            self.fail(f"a result is late, and the API is blamed that was up all the time: {text!r}")
        if waited > _LATE and watched_first and not (tells_no_end or is_repeated or skewed):
            self.counts["late outcomes"] += 1
            if "Late:" not in text:
                self.fail(f"{job.prompt} ended {waited:.0f} s ago, and nothing says that it is late: {text!r}")

    def _last_reported_active(self, job: Job, posted: PostedMessage) -> float:
        """When this process was last told for certain that a job is active, with a token that this server uses.

        Minus infinity if it never was, or if a fault may have kept the bot from storing it. What an earlier process was
        told doesn't count: it is stored only to within some minutes. Nor does what other servers were told before this
        one used the token, or while it had removed the bot.
        """
        server = self.servers[posted.channel.guild.id]
        tokens = {server.current, self._operator_token}
        times = [self._pixverse.last_reported_active.get((job.jobid, token or ""), -math.inf) for token in tokens]
        met = [any(self._faults.was_active(kind, at - _BEFORE) for kind in ("api", "disk")) for at in times]
        since = max(self.life_began, server.current_since, posted.channel.guild.joined_at)
        sure = [at for at, disturbed in zip(times, met, strict=True) if at > since and not disturbed]
        return max(sure, default=-math.inf)

    def _was_reported_active(self, promise: Promise) -> bool:
        """Whether the bot was told for certain, when the promise was made and with the server's token, that a v2 job is
        active. A v2 record doesn't say when the job ended."""
        return any(
            abs(at - promise.at) < _LOOKED_UP_WITHIN and not self._faults.was_active("api", at - _BEFORE)
            for at in self._pixverse.reported_active[(promise.job.jobid, promise.token or "")]
        )

    def _job_of(self, posted: PostedMessage, text: str) -> Job | None:
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
            # An outcome without any of the API's words is recognised by the nonces in its buttons.
            job = self._job_by_nonces(posted.channel.id, _button_nonces(posted.message) | {posted.nonce})
        if job is None and number is not None:
            job = self._numbers.get(number[1])
        return job

    def _job_by_nonces(self, channel_id: int, found: set[str]) -> Job | None:
        jobs = self._pixverse.jobs
        # Almost always it is a job that somebody asked for here, so few nonces have to be computed.
        asked_here = [jobs[jobid] for jobid, where in self.askers if where == channel_id and jobid in jobs]
        return next((job for job in (*asked_here, *jobs.values()) if found & _nonces_of(job.jobid, channel_id)), None)

    def jobs_in(self, message: dict[str, object]) -> list[Job]:
        """The jobs that a message is about, whether or not it shows their prompts."""
        text = text_of(message)
        found = [self._pixverse.by_prompt[mark[0]] for mark in _MARK.finditer(text)]
        card = self.cards.get(str(message.get("id")))
        return found or ([card] if card is not None else [])

    def _check_pings(self, posted: PostedMessage, allowed: set[int]) -> None:
        if not posted.pings <= allowed:
            self.fail(f"pings {set(posted.pings) - allowed}, who did not ask: {text_of(posted.message)!r}")

    def _check_shown(self, guild: Guild, text: str, *, alone: bool) -> None:
        """Checks that a text contains no token, no e-mail address that others can read (unless `alone`), and nothing of
        an account whose token the server never had."""
        for account in self._pixverse.accounts:
            if any(token.partition("-")[2] in text for token in account.tokens):
                self.fail(f"a token stands in {text!r}")
        if not alone and _EMAIL.search(text):
            self.fail(f"an e-mail address stands in {text!r}")
        if _HIDDEN.search(text):
            self.fail(f"a channel is called what Discord calls all that it hides: {text!r}")
        hostile = sample_texts.forbidden_part_of(text)
        if hostile is not None:
            self.fail(f"{hostile!r} is shown as somebody wrote it: {text!r}")
        for found in _MARK.finditer(text):
            job = self._pixverse.by_prompt[found[0]]
            if not self.has_right(guild, job.account, job.created):
                self.fail(f"server {guild.id} is shown {job.prompt}, of an account whose token it never had: {text!r}")

    def has_right(self, guild: Guild, account: Account, since: float) -> bool:
        """Whether this server or the operator entered a token of the account that was still accepted after `since`."""
        tokens = [*self.servers[guild.id].tokens, *self.operator_tokens]
        return any(token in account.tokens and account.dead_at.get(token, math.inf) > since for token in tokens)

    def account_in_use(self, guild: Guild) -> Account | None:
        """The account that a server uses now, or None if that isn't certain."""
        if self.servers[guild.id].unsure:
            return None
        token = self._token_in_use(guild)
        return None if token is None else self._pixverse.by_token(token)

    def _token_in_use(self, guild: Guild) -> str | None:
        return self.servers[guild.id].current or self._operator_token

    # ------------------------------------------------------------ at the end

    def check_requests(self, interval: int, lives: int, callbacks: Counter[str]) -> None:
        """Checks that only entered tokens were used, and that no job was requested more often than the bot
        promises."""
        known = {token for server in self.servers.values() for token in server.offered}
        per_job: Counter[str] = Counter()
        for at, token, what in self._pixverse.requests:
            if token not in known and token not in self.operator_tokens:
                self.fail(f"at {at:.0f} the API was asked with a token that nobody entered")
            per_job[what] += 1
        for jobid, times in per_job.items():
            job = self._pixverse.jobs.get(jobid)
            if job is None:
                continue
            span = (self._known_to_have_ended(job) - job.created) / interval
            polls = (span + lives * 2 + callbacks[jobid] * 3 + 12) * max(1, len(self._tokens_of(job)))
            most = polls + self._lookups[jobid] * 4
            if times > most:
                self.fail(f"{job.prompt} was asked about {times} times, at most {most:.0f} are right")

    def check_disk(self, files: Mapping[str, tuple[bytes, int]]) -> None:
        """Checks that only the bot's own user can read its files, and that they contain no secret in plain text."""
        secrets = {token.partition("-")[2] for account in self._pixverse.accounts for token in account.tokens}
        for name, (content, mode) in files.items():
            if mode & 0o077:
                self.fail(f"others may read {name}")
            if any(secret.encode() in content for secret in secrets | self._addresses):
                self.fail(f"a token or an address stands in {name} as it is")

    def _known_to_have_ended(self, job: Job) -> float:
        """When the bot knew that a job had ended: at its last outcome at the latest. A database that accepts no writes
        keeps the job active for longer."""
        posted_at = [one.at for promise in self.promises.values() if promise.job is job for one in promise.outcomes]
        return max([job.ends_at, *posted_at])

    def _tokens_of(self, job: Job) -> set[str]:
        return {
            token
            for server in self.servers.values()
            for token in server.offered
            if token in job.account.tokens and job.jobid in server.asked_ids
        }

    def _is_shared(self, token: str) -> bool:
        """Whether it is the operator's token and a server has entered it as its own, too."""
        return token in self.operator_tokens and any(token in server.offered for server in self.servers.values())

    def check_channels(self, channels: Iterable[Channel]) -> None:
        """Checks the final state of every message."""
        for channel in channels:
            if not channel.exists or not channel.guild.bot_in:
                continue
            account = self.account_in_use(channel.guild)
            works = account is not None and account.paid and not self._token_is_dead(channel.guild)
            for number, message in channel.messages.items():
                job = self.cards.get(str(number))
                promise = None if job is None else self.promises.get((job.jobid, channel.id))
                ended = promise is not None and bool(promise.outcomes) and not promise.extra
                age = self._clock.true_ms() / 1000 - datetime.fromisoformat(message["timestamp"]).timestamp()
                unsure = self._nonces.get(str(number)) in self._unsure or age > _REMEMBERED
                self.message_laws.check_at_end(message, channel, ended=ended, token_works=works, unsure=unsure)

    def check_promises(self) -> None:
        """Checks, long after all faults ended, that every promised result came."""
        for promise in self.promises.values():
            on_hold = self._token_is_dead(promise.channel.guild)
            if promise.void is None and not promise.outcomes and not on_hold:
                self.fail(
                    f"{promise.job.prompt} ({promise.job.end} at {promise.job.ends_at:.0f}) was promised to channel "
                    f"{promise.channel.id} at {promise.at:.0f}, and nothing came"
                )

    def _token_is_dead(self, guild: Guild) -> bool:
        """Whether the token that a server uses stays refused: nobody has entered a good one."""
        account = self.account_in_use(guild)
        token = self.servers[guild.id].current or self._operator_token
        return account is None or account.token != token

    def kept(self) -> int:
        return sum(1 for promise in self.promises.values() if promise.outcomes)
