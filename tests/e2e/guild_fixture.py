"""A server with its own account, admin, member and channel, so that tests don't see each other's jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.discord_wire import Answer, Channel, DiscordSandbox, Member, Message
from sandbox.discord_wire.virtual_discord import DEFAULT_LOCALE
from sandbox.pixverse_api.accounts import Account
from sandbox.pixverse_api.jobs import Job
from sandbox.pixverse_api.timelines import Timeline
from tests.e2e.waiting import PATIENCE

if TYPE_CHECKING:
    from tests.e2e.harness import Harness

_MANAGE_SERVER = DiscordSandbox.Permissions(manage_guild=True)


class GuildFixture:
    """What people do in a server, and what they see there."""

    def __init__(
        self,
        harness: Harness,
        account: Account,
        generation: str | None = None,
        *,
        locale: str | None = DEFAULT_LOCALE,
        member: str | None = DEFAULT_LOCALE,
    ) -> None:
        """Creates a server whose admin uses English.

        Args:
            harness: The harness that the server belongs to.
            account: The server's account at useapi.net.
            generation: The generation of the API for the server's jobs; None: the harness's.
            server: The locale code of the server's language; None: Discord reports none.
            member: The locale code of the member's language.
        """
        self.harness = harness
        self.account = account
        self._generation = generation
        self.guild = harness.discord.add_guild("Studio", preferred_locale=locale)
        self.channel = self.guild.add_text_channel("videos")
        self.admin = self.guild.add_member("ada", permissions=_MANAGE_SERVER)
        self.member = self.guild.add_member("alice")
        self.member.locale = member

    @property
    def generation(self) -> str:
        """The generation of the PixVerse API for this server's jobs."""
        return self._generation or self.harness.generation

    # ------------------------------------------------------------------ doing

    async def set_token(self, token: str | None = None, *, by: Member | None = None) -> Answer:
        """`/pixverse-admin token set` and its form; without `token`, that of the server's account."""
        admin = by or self.admin
        opened = await admin.slash(self.channel, "pixverse-admin token set")
        return await admin.submit(opened, self.account.token if token is None else token)

    def job(self, timeline: Timeline = (), **fields: Any) -> Job:
        """Creates a job of the server's account. Without a time line, it doesn't change by itself."""
        if self.generation == "v2":
            return self.harness.pixverse.add_video(self.account, timeline, **fields)
        return self.harness.pixverse.add_job(self.account, timeline, **fields)

    def an_id(self) -> str:
        """An id in the account's form that belongs to no job."""
        if self.generation == "v2":
            return f"user:{self.account.number}-pixverse:{self.account.email}-video:112233445566"
        return f"job:20261124101500123-user:{self.account.number}-channel:1300000000000000001-bot:pixverse"

    async def use(self, name: str, **options: Any) -> Answer:
        """Uses any command as the member."""
        return await self.member.slash(self.channel, name, **options)

    async def status(
        self, job: Job | str, *, by: Member | None = None, channel: Channel | None = None, **options: Any
    ) -> Answer:
        """`/pixverse status`."""
        return await (by or self.member).slash(channel or self.channel, "pixverse status", jobid=_jobid(job), **options)

    async def watched(self, **fields: Any) -> Job:
        """A job that the member watches in the channel, with its card posted."""
        job = self.job(**fields)
        cards = len(self.cards())
        answer = await self.status(job)
        await self.harness.discord.until(lambda: len(self.cards()) > cards, what=f"the card, after {answer}")
        return job

    async def watch(self, *jobs: Job | str, by: Member | None = None, **options: Any) -> Answer:
        """`/pixverse watch`."""
        return await (by or self.member).slash(
            self.channel, "pixverse watch", jobids=" ".join(map(_jobid, jobs)), **options
        )

    # ----------------------------------------------------------------- seeing

    def posts(self, channel: Channel | None = None) -> list[Message]:
        """What the bot has posted for everybody, oldest first."""
        return (channel or self.channel).messages(of_bot=True)

    def cards(self, channel: Channel | None = None) -> list[Message]:
        """Cards and summaries."""
        return [message for message in self.posts(channel) if message.components_v2]

    def outcomes(self, channel: Channel | None = None) -> list[Message]:
        """Outcomes: messages with a bold state and the button `Details`, in whichever language."""
        return [message for message in self.posts(channel) if message.text.startswith("**") and _details(message)]

    def notices(self, channel: Channel | None = None) -> list[Message]:
        """Notices to the admins: plain messages without a button."""
        return [message for message in self.posts(channel) if not message.components_v2 and not message.labels]

    async def outcome(self, channel: Channel | None = None, *, timeout: float = PATIENCE) -> Message:
        """Waits for the channel's only outcome, and until nothing else waits to be posted there."""
        where = channel or self.channel
        await self.harness.discord.until(lambda: self.outcomes(where), timeout, "an outcome")
        await self.settled(where)
        (message,) = self.outcomes(where)
        return message

    async def settled(self, channel: Channel | None = None, *, timeout: float = PATIENCE) -> None:
        """Waits until nothing waits to be posted in the channel."""
        where = channel or self.channel
        await self.harness.pixverse.until(lambda: not self.harness.ledger.unsettled(where.id), timeout)

    async def card_says(self, *starts: str, timeout: float = PATIENCE) -> Message:
        """Waits until the channel's one card begins with one of these words."""

        def saying() -> list[Message]:
            return [card for card in self.cards() if card.text.startswith(starts)]

        (card,) = await self.harness.discord.until(saying, timeout, f"a card that says {starts}")
        return card

    async def notice(self, start: str, channel: Channel | None = None, *, timeout: float = PATIENCE) -> Message:
        """Waits for one notice to the admins that begins with this text."""

        def saying() -> list[Message]:
            return [message for message in self.notices(channel) if message.text.startswith(start)]

        (message,) = await self.harness.discord.until(saying, timeout, f"a notice that says {start!r}")
        return message

    def shown(self, job: Job) -> str:
        """The job's id as everybody may see it: a v2 id without its e-mail address."""
        return job.jobid.replace(self.account.email, f"{self.account.email[0]}…@…")

    def number(self, job: Job) -> str:
        """The bot's short number for a job."""
        (row,) = self.harness.ledger.rows("SELECT id FROM jobs WHERE jobid = ?", job.jobid)
        return f"#{row['id']}"


def _details(message: Message) -> bool:
    ids = [button.custom_id or "" for button in message.buttons]
    return len(ids) == 1 and ids[0].startswith("outcome:details:")


def _jobid(job: Job | str) -> str:
    return job if isinstance(job, str) else job.jobid
