"""useapi.net accounts: a number, the present token, and whether it is paid for."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

_SECRET = string.ascii_letters + string.digits
_FIRST_SNOWFLAKE = 1_300_000_000_000_000_000


class AccountStatus(Enum):
    """What the API thinks of an account."""

    OK = "ok"
    REFUSED = "refused"
    UNPAID = "unpaid"


@dataclass(slots=True)
class Channel:
    """One Discord channel that the account stored for PixVerse."""

    server: str
    channel: str
    discord: str
    """Masked, as every answer shows it."""
    max_jobs: int

    def answer(self) -> dict[str, object]:
        """As `GET /account` shows it (useapi.net PixVerse v1, get-pixverse-account)."""
        return {
            "server": self.server,
            "channel": self.channel,
            "discord": self.discord,
            "maxJobs": self.max_jobs,
        }


@dataclass(slots=True)
class Account:
    """A customer of useapi.net. The token has the form `user:<number>-<random>`."""

    number: int
    rng: random.Random = field(repr=False)
    channels: list[Channel] = field(default_factory=list)
    token: str = field(default="", repr=False)
    status: AccountStatus = AccountStatus.OK
    name: str = ""
    reply_url: str | None = field(default=None, repr=False)
    """Where callbacks of jobs go that name no address of their own."""

    def __post_init__(self) -> None:
        self.renew_token()

    @property
    def email(self) -> str:
        """Its one PixVerse account, whose address stands in every id of v2."""
        return f"studio.{self.number}@example.com"

    def renew_token(self) -> str:
        """Give out a new token; the one before is refused from now on."""
        secret = "".join(self.rng.choice(_SECRET) for _ in range(24))
        self.token = f"user:{self.number}-{secret}"
        return self.token

    def refuse(self) -> None:
        """Answer 401 to this account's token until `ok`."""
        self.status = AccountStatus.REFUSED

    def unpaid(self) -> None:
        """Answer 402 until `ok`."""
        self.status = AccountStatus.UNPAID

    def ok(self) -> None:
        """Serve this account again."""
        self.status = AccountStatus.OK


class Accounts:
    """All accounts that the sandbox knows."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._accounts: list[Account] = []

    def __iter__(self) -> Iterator[Account]:
        return iter(self._accounts)

    def add(self, number: int, max_jobs: int) -> Account:
        """A new account with one stored channel.

        Raises:
            ValueError: the number is taken.
        """
        if any(account.number == number for account in self._accounts):
            raise ValueError(f"account {number} is there already")
        account = Account(number, self._rng)
        account.channels.append(Channel(self.snowflake(), self.snowflake(), "MTA…secured…x7Q", max_jobs))
        self._accounts.append(account)
        return account

    def of_header(self, authorization: str | None) -> Account | None:
        """The account whose present token is in an `Authorization: Bearer …` header."""
        if authorization is None or not authorization.startswith("Bearer "):
            return None
        token = authorization.removeprefix("Bearer ")
        return next((account for account in self._accounts if account.token == token), None)

    def snowflake(self) -> str:
        """An id in the form of Discord's."""
        return str(_FIRST_SNOWFLAKE + self._rng.randrange(10**16))
