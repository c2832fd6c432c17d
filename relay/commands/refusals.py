"""The reasons why a command or button does nothing, with one class for each reply."""

from __future__ import annotations

from model.states import AccountState


class Refusal(Exception):
    """Nothing was done or changed. `str()` contains no token and no job id.

    In addition, commands raise `NotAJobId`, `LooksLikeSecret` and `OtherService` of `pixverse.jobids`.
    """


class TooFast(Refusal):
    """The person has to wait: too many commands in a minute, or too many API requests caused by people."""

    def __init__(self, until: int) -> None:
        super().__init__("asked too often")
        self.until = until
        """When the person may ask again, in milliseconds UTC."""


class NoToken(Refusal):
    """Neither this server nor the operator has set an API token."""


class NoOwnToken(Refusal):
    """The server uses the operator's token, but the command needs one of its own."""


class NotFollowed(Refusal):
    """The channel does not follow the server's account."""


class AccountInTrouble(Refusal):
    """The token that this server uses is refused, unpaid or missing, so nothing can be requested with it."""

    def __init__(self, state: AccountState) -> None:
        super().__init__(state)
        self.state = state


class TokenReplaced(Refusal):
    """The server's token was set or removed during the lookup; the command has to be used again."""


class TokenChanged(Refusal):
    """The server's token has been set or removed since the admin was asked what to do."""


class NotFound(Refusal):
    """The account in force does not know this job, and this server never watched it. `Look again` may be offered."""


class NumberUnknown(NotFound):
    """The asker can see no job with this `#number` in this channel. Looking again would be useless."""


class Expired(Refusal):
    """useapi.net has deleted this job's record, and this server never watched it."""


class ApiDown(Refusal):
    """The API did not respond, or responded with 429, and the command needs a response."""


class IdRefused(Refusal):
    """The API does not accept the text as a job id (400)."""


class PersonLimit(Refusal):
    """The person already waits for as many jobs as a person may."""

    def __init__(self, limit: int) -> None:
        super().__init__("the person's limit is reached")
        self.limit = limit


class ServerLimit(Refusal):
    """The server already waits for as many jobs as a server may."""

    def __init__(self, limit: int) -> None:
        super().__init__("the server's limit is reached")
        self.limit = limit


class TooManyJobs(Refusal):
    """The text has more ids than one command accepts."""

    def __init__(self, count: int, limit: int) -> None:
        super().__init__("too many job ids at once")
        self.count = count
        self.limit = limit


class NotYours(Refusal):
    """Other people asked for the job. Only they, or somebody with Manage Messages, can stop it."""

    def __init__(self, askers: tuple[int, ...]) -> None:
        super().__init__("somebody else asked for it")
        self.askers = askers
        """The Discord users who wait for it, in the order in which they asked. Empty for a follow, or if all of them
        asked to be forgotten."""


class NotWatchedHere(Refusal):
    """This channel does not wait for that job."""


class NothingToDo(Refusal):
    """The button's job, batch or message has ended, is unknown, or is in another channel or server."""
