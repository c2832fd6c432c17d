"""What came of a command or button: everything that the answer to the asker needs to know.

The classes of `MemberCommands` return these; what they refuse they raise as a class of `relay.commands.refusals`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from model.job import Job, Outcome
from model.messages import Address
from model.states import AccountState


@dataclass(frozen=True, slots=True)
class Ask:
    """Who asks, where, and when. A thread's channel id is the thread's own."""

    guild_id: int
    channel_id: int
    user_id: int
    at: int
    """Milliseconds UTC."""

    @property
    def where(self) -> Address:
        """The channel, as an address."""
        return Address(self.guild_id, self.channel_id)


# ---- status, "Watch it here", "Watch again" -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NowWatching:
    """The channel is subscribed since just now (or again); its card is on its way or back to life."""

    subscription_id: int
    job: Job | None
    """The last answer; None where the API has given none yet."""
    card_message_id: int | None
    """None where the card is not posted yet."""
    mention: bool
    api_down: bool
    """The API could not be asked (no answer, or 429): watched all the same."""
    hold: AccountState | None = None
    """The API could not be asked because of the token: watched all the same."""
    refused: bool = False
    """Discord does not let the card be posted."""
    card_on_its_way: int | None = None
    """The card's delivery, where it has not come to its end yet."""


@dataclass(frozen=True, slots=True)
class AlreadyWatched:
    """The channel waits for this job already; the asker is one of those who wait now."""

    subscription_id: int
    message_id: int | None
    """The card, or the summary of the batch that the job belongs to."""
    mention: bool
    api_down: bool
    on_hold: bool = False
    """It belongs to another account than the one in force here."""
    hold: AccountState | None = None


class OutcomeState(StrEnum):
    """What became of a job's outcome in a channel."""

    WAITING = "waiting"
    """It is in the outbox and still to be posted."""
    POSTED = "posted"
    UNSURE = "unsure"
    """Nobody can know whether it was posted."""


@dataclass(frozen=True, slots=True)
class AlreadyPosted:
    """The job has ended and its outcome was put into the outbox for this channel before."""

    subscription_id: int
    job: Job | None
    outcome: Outcome
    message_id: int | None
    """None where the message is known no more, or was not posted."""
    state: OutcomeState


@dataclass(frozen=True, slots=True)
class PostingOutcome:
    """The job has ended; its outcome is being posted here now."""

    job: Job | None
    outcome: Outcome


StatusResult = NowWatching | AlreadyWatched | AlreadyPosted | PostingOutcome


@dataclass(frozen=True, slots=True)
class Peek:
    """A job's state for the asker alone; nothing is posted, nothing subscribed."""

    jobid: str
    job: Job | None
    """The last answer; None where the API has given none yet."""
    outcome: Outcome | None
    api_down: bool
    """The API could not be asked just now: this is what was known before."""


# ---- watch ----------------------------------------------------------------------------------------------------------


class Taken(StrEnum):
    """What became of one id in a list."""

    WATCHED = "watched"
    POSTING = "posting"
    """It has ended; its outcome is being posted and counts to the batch."""
    ALREADY_WATCHED = "already watched"
    ALREADY_POSTED = "already posted"
    NOT_FOUND = "not found"
    EXPIRED = "expired"
    NOT_A_JOB_ID = "not a job id"
    OTHER_SERVICE = "other service"
    OTHER_KIND = "other kind"
    """PixVerse's, but of neither a video nor an image."""
    SECRET = "secret"
    """It looks like a token, and is kept nowhere."""
    PERSON_LIMIT = "person limit"
    SERVER_LIMIT = "server limit"
    NOT_LOOKED_UP = "not looked up"
    """The API could not be asked about it within what people may make the bot ask."""

    @property
    def in_batch(self) -> bool:
        """Whether it belongs to the batch."""
        return self in (Taken.WATCHED, Taken.POSTING)


@dataclass(frozen=True, slots=True)
class WatchEntry:
    """One id of a list, in the order in which they were given."""

    text: str
    """As it was typed, trimmed; empty for a SECRET."""
    taken: Taken
    message_id: int | None = None
    """ALREADY_WATCHED: the card or summary; ALREADY_POSTED: the outcome."""
    api_down: bool = False
    """WATCHED though the API could not be asked."""
    service: str | None = None
    """OTHER_SERVICE, OTHER_KIND: its name."""


@dataclass(frozen=True, slots=True)
class WatchResult:
    """What became of every id."""

    entries: tuple[WatchEntry, ...]
    summary_message_id: int | None
    """None where the summary is not posted yet, or where none of them was taken."""
    mention: bool
    hold: AccountState | None = None
    """Those that are watched are on hold."""
    refused: bool = False
    """Discord does not let the summary be posted."""
    summary_on_its_way: int | None = None
    """The summary's delivery, where it has not come to its end yet."""


# ---- unwatch, "Stop watching", "Stop watching all" ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stopped:
    """The channel does not wait for the job any more."""


@dataclass(frozen=True, slots=True)
class TakenOff:
    """The asker is not pinged any more; the result still comes."""

    others: int
    """How many still wait; 0 where it came by a follow."""


StopResult = Stopped | TakenOff


@dataclass(frozen=True, slots=True)
class StoppedAll:
    """What became of a batch's jobs that had not ended."""

    stopped: int
    kept: int
    """Still watched, since others wait for them too."""


# ---- list, choices, buttons -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listed:
    """An open subscription of this channel."""

    number: int
    job: Job | None
    message_id: int | None
    """The card, or the summary of its batch."""
    mine: bool
    on_hold: bool
    """It belongs to another account than the one in force here."""
    hold: AccountState | None = None
    """What is wrong with the API token with which it is watched."""


@dataclass(frozen=True, slots=True)
class Listing:
    """This channel's open subscriptions, oldest first."""

    entries: tuple[Listed, ...]

    @property
    def mine(self) -> int:
        """How many of them the asker waits for."""
        return sum(entry.mine for entry in self.entries)


@dataclass(frozen=True, slots=True)
class Choice:
    """A job that autocomplete offers; its value is `#number`."""

    number: int
    job: Job | None
    outcome: Outcome | None
    since: int
    """When it was made, else first watched; milliseconds UTC."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The API was asked just now."""

    job: Job | None
    outcome: Outcome | None
    news: bool


@dataclass(frozen=True, slots=True)
class CheckedBefore:
    """The API was asked a moment ago, so it was not asked again."""

    job: Job | None
    """What it said."""


class Unchecked(StrEnum):
    """Why `Check now` brought nothing."""

    NO_ANSWER = "no answer"
    HAS_TO_WAIT = "has to wait"
    """The API has told the account to ask less often."""
    OTHER_ACCOUNT = "other account"
    """The job belongs to another account than the one in force here."""
    NOT_KNOWN = "not known"
    """The API does not know the job just now, which is not yet believed."""
    QUESTION_REFUSED = "question refused"
    """The API does not take the text for a job id."""


@dataclass(frozen=True, slots=True)
class NotChecked:
    """Nothing was learnt of the job, which stays watched."""

    job: Job | None
    why: Unchecked


CheckResult = Checked | CheckedBefore | NotChecked | AlreadyPosted
"""AlreadyPosted: the job has ended meanwhile."""


@dataclass(frozen=True, slots=True)
class MentionSet:
    """Whether the asker is pinged at the job's end (for a job of a batch of theirs: at the batch's)."""

    subscription_id: int
    mention: bool


@dataclass(frozen=True, slots=True)
class PostedAgain:
    """The outcome is being posted once more."""

    number: int


@dataclass(frozen=True, slots=True)
class JobDetails:
    """Everything known of an ended job."""

    number: int
    jobid: str
    job: Job | None
    outcome: Outcome
    watched_since: int
    """Milliseconds UTC."""
    ended_at: int
    """When the bot saw the end, milliseconds UTC."""
