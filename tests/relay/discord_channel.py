"""A small fake Discord for tests of the outbox: it remembers nonces for a while, keeps a history and can break off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from model.messages import (
    Absent,
    Address,
    CardPost,
    Found,
    HistorySearchFailure,
    HistorySearchResult,
    HistoryUnreadable,
    NoResponse,
    NoticePost,
    OutcomePost,
    Post,
    Posted,
    Refused,
    SendResult,
    SummaryPost,
)
from tests.clock import ManualClock
from ui.command_texts import CommandMentions
from ui.posts import message_of

FIRST_DAY = 1_700_000_000_000
LOST = NoResponse()
DEAD = NoResponse()
NONCE_WINDOW = 180_000
_MENTIONS = CommandMentions()


def name_of(post: Post) -> str:
    """A message's name in the history."""
    match post:
        case OutcomePost():
            return post.button_nonce
        case CardPost():
            return f"card {post.subscription_id}"
        case SummaryPost():
            return f"summary {post.batch_id}"
        case NoticePost():
            return f"notice {post.nonce}"


@dataclass(slots=True)
class Message:
    id: int
    channel_id: int
    nonce: str
    at: int
    post: Post
    deleted: bool = False


@dataclass
class Discord:
    """Implements Poster. `script` holds the next responses to posts; if empty, every post succeeds."""

    clock: ManualClock
    script: list[SendResult] = field(default_factory=list)
    edit_script: list[SendResult] = field(default_factory=list)
    find_script: list[HistorySearchResult] = field(default_factory=list)
    copies_script: list[HistorySearchFailure] = field(default_factory=list)
    delete_script: list[SendResult] = field(default_factory=list)
    edit_seconds: float = 0.0
    """How long an edit is on its way to Discord."""
    edits_on_their_way: int = 0
    tells_time: bool = True
    """Whether its responses show its time."""
    messages: list[Message] = field(default_factory=list)
    edits: list[tuple[int, CardPost | SummaryPost | NoticePost]] = field(default_factory=list)
    tried: list[Post] = field(default_factory=list)
    looks: list[int] = field(default_factory=list)
    readable: bool = True
    remembers: bool = True
    missing: dict[int, tuple[str, ...] | None] = field(default_factory=dict)
    hidden: dict[int, SendResult] = field(default_factory=dict)
    """The refusal for each hidden channel."""
    attach: bool = True
    nominal: int | None = None
    point: Callable[[], None] = lambda: None
    """Called wherever the process could die."""

    async def post(self, address: Address, post: Post) -> SendResult:
        self.point()
        self.tried.append(post)
        answer = self.script.pop(0) if self.script else None
        if answer is not None and answer is not LOST:
            self.point()
            return answer
        known = self._known(address, post.nonce)
        if known is None:
            known = Message(self._new_id(), address.channel_id, post.nonce, self.now(), post)
            self.messages.append(known)
        self.point()
        if known.deleted:
            return Refused(404, 10008)
        return LOST if answer is LOST else Posted(known.id)

    async def edit(self, address: Address, message_id: int, post: CardPost | SummaryPost | NoticePost) -> SendResult:
        self.point()
        if self.edit_seconds:
            self.edits_on_their_way += 1
            await self.clock.sleep(self.edit_seconds)
            self.edits_on_their_way -= 1
        if self.edit_script:
            return self.edit_script.pop(0)
        self.edits.append((message_id, post))
        self.point()
        return Posted(message_id)

    def time(self) -> int | None:
        return self.now() if self.tells_time else None

    def looks_alike(self, address: Address, one: Post, other: Post) -> bool:
        return message_of(one, address, _MENTIONS).looks_like(message_of(other, address, _MENTIONS))

    async def find(self, address: Address, post: Post, after: int) -> HistorySearchResult:
        self.point()
        self.looks.append(after)
        if self.find_script:
            return self.find_script.pop(0)
        if not self.readable:
            return HistoryUnreadable()
        for message in self.named(name_of(post)):
            if message.channel_id == address.channel_id and message.at >= after and not message.deleted:
                return Found(message.id)
        return Absent()

    async def copies(self, address: Address, post: Post, after: int) -> tuple[int, ...] | HistorySearchFailure:
        self.point()
        if self.copies_script:
            return self.copies_script.pop(0)
        return tuple(
            message.id
            for message in self.named(name_of(post))
            if message.channel_id == address.channel_id and message.at >= after and not message.deleted
        )

    async def delete(self, address: Address, message_id: int) -> SendResult:
        self.point()
        if self.delete_script:
            return self.delete_script.pop(0)
        for message in self.messages:
            if message.id == message_id and message.channel_id == address.channel_id:
                message.deleted = True
        return Posted(message_id)

    def missing_permissions(self, address: Address) -> tuple[str, ...] | None:
        return self.missing.get(address.channel_id, ())

    async def refusal_if_hidden(self, address: Address) -> SendResult | None:
        return self.hidden.get(address.channel_id)

    def may_attach(self, address: Address) -> bool:
        return self.attach

    def nominal_upload_limit(self, guild_id: int) -> int | None:
        return self.nominal

    def named(self, name: str) -> list[Message]:
        return [message for message in self.messages if name_of(message.post) == name]

    def now(self) -> int:
        """Discord's own clock is right."""
        return FIRST_DAY + int(self.clock.monotonic() * 1000)

    def outcomes(self, channel_id: int) -> list[OutcomePost]:
        posts = [message.post for message in self.messages if message.channel_id == channel_id]
        return [post for post in posts if isinstance(post, OutcomePost)]

    def _known(self, address: Address, nonce: str) -> Message | None:
        for message in self.messages:
            same = message.channel_id == address.channel_id and message.nonce == nonce
            if same and self.remembers and self.now() - message.at < NONCE_WINDOW:
                return message
        return None

    def _new_id(self) -> int:
        return ((self.now() - 1_420_070_400_000) << 22) + len(self.messages)
