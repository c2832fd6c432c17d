"""Why the relay does not do what a member asked for: one class for each thing that is then said."""

from __future__ import annotations

from model.states import AccountState


class Refusal(Exception):
    """What was asked for is not done, and nothing was changed. Holds no token and no job id in `str()`.

    Beside these, commands raise `NotAJobId`, `LooksLikeSecret` and `OtherService` of `pixverse.jobids`.
    """


class TooFast(Refusal):
    """The person has to wait: too many commands in a minute, or too many requests to the API because of people."""

    def __init__(self, until: int) -> None:
        super().__init__("asked too often")
        self.until = until
        """When they may ask again, milliseconds UTC."""


class NoToken(Refusal):
    """Neither this server nor the operator has set an API token."""


class NoOwnToken(Refusal):
    """The server uses the operator's token, and what was asked for needs one of its own."""


class NotFollowed(Refusal):
    """The server's account is not relayed to that channel."""


class AccountInTrouble(Refusal):
    """The API can't be asked with the token that this server uses: it is refused, unpaid or not kept."""

    def __init__(self, state: AccountState) -> None:
        super().__init__(state)
        self.state = state


class TokenReplaced(Refusal):
    """The server's token was set or removed while the API was asked; asking again brings the answer."""


class NotFound(Refusal):
    """The account in force does not know this job, and this server never watched it; `Look again` may be offered."""


class NumberUnknown(NotFound):
    """The asker can mean no job by this `#number` in this channel; looking again would bring nothing."""


class Expired(Refusal):
    """useapi.net has dropped the record of this job, and this server never watched it."""


class ApiDown(Refusal):
    """The API could not be asked (no answer, or 429), and what was wanted cannot be done without it."""


class QuestionRefused(Refusal):
    """The API calls the question itself wrong (400): it does not take this text for a job id."""


class PersonLimit(Refusal):
    """The person waits for as many jobs as one person may."""

    def __init__(self, limit: int) -> None:
        super().__init__("the person's limit is reached")
        self.limit = limit


class ServerLimit(Refusal):
    """The server waits for as many jobs as a server may."""

    def __init__(self, limit: int) -> None:
        super().__init__("the server's limit is reached")
        self.limit = limit


class TooManyJobs(Refusal):
    """More ids at once than one command takes."""

    def __init__(self, count: int, limit: int) -> None:
        super().__init__("too many job ids at once")
        self.count = count
        self.limit = limit


class NotYours(Refusal):
    """Somebody else asked for it; they, or someone with Manage Messages, can stop it."""

    def __init__(self, askers: tuple[int, ...]) -> None:
        super().__init__("somebody else asked for it")
        self.askers = askers
        """Discord users who wait for it, first come first; empty where nobody does (any more)."""


class NotWatchedHere(Refusal):
    """This channel does not wait for that job."""


class NothingToDo(Refusal):
    """The button belongs to something that has ended, is unknown, or stands in another channel or server."""
