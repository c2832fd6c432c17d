"""What people, servers and the API's customers do in a life: one method for each kind of act in a plan."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from tests.simulation import pasting, sample_texts, serving
from tests.simulation.discord_world import Channel, DiscordWorld, Guild, Interaction, buttons_of, text_of
from tests.simulation.interaction_sender import InteractionSender
from tests.simulation.ledger import Ledger, prompt
from tests.simulation.machine import Machine
from tests.simulation.pixverse_world import Account, Job, PixVerseWorld
from tests.simulation.plan import HOUR, Act
from tests.simulation.virtual_time import Scheduler

CALLBACK_ADDRESS = re.compile(r"https://relay\.example(/callback/[\w-]+)")
_MANY_ANSWERS = 40
_IMAGES = 4
"""Of how many v2 jobs one makes an image."""
_NOT_WATCHED = "could (?:not )?be watched|isn't set up yet|no API token yet|can't post in this channel"
"""What the reply to a list says if it contains no job, or if the bot refuses it before reading the words."""
_WATCHED_UNSEEN = (
    r"\*\*Watching 1 job, 1 left out\.[\s\S]* (?:On hold: |PixVerse's API isn't answering)[\s\S]*`please`: not a job id"
)
"""While the account is on hold or the API is down, nobody can know that there is no such job."""
_READ = rf"(?s)\A(?!.*(?:{pasting.UNREAD}))."
_FOR_ADMINS = "Manage Server|no longer does anything"
_NOT_TAKEN = "isn't in this server|can't see that channel|own token first|has no API token"
_NOT_THEIRS = "isn't yours to stop|no longer does anything|has ended|Nothing to stop"
_ADMINS = ("token set", "token remove", "check", "deliveries", "alerts", "follow", "unfollow", "callback")


class People:
    """Carries out acts. Each method gets the act's own `Random`, and a server, channel and person drawn with it."""

    def __init__(
        self,
        scheduler: Scheduler,
        discord: DiscordWorld,
        pixverse: PixVerseWorld,
        ledger: Ledger,
        machine: Machine,
        interactions: InteractionSender,
        tell: Callable[[str], None],
        untouchable: Account | None,
    ) -> None:
        self._scheduler = scheduler
        self._discord = discord
        self._pixverse = pixverse
        self._ledger = ledger
        self._machine = machine
        self._interactions = interactions
        self._tell = tell
        self._untouchable = untouchable
        """The operator's account, whose token is never replaced."""
        self.uses: dict[int, Account] = {}
        """The account that a server's people use."""
        self.callbacks_sent: Counter[str] = Counter()
        self._addresses: dict[int, str] = {}
        """A server's callback address, as its admin was told."""

    def unfollow_everything(self, guild: Guild) -> None:
        """Ends all follows of a server, so that no list is requested while everything is quiet."""
        for channel_id in sorted(self._ledger.servers[guild.id].follows):
            if guild.channels and guild.bot_in:
                self._unfollow(guild, channel_id)

    def enter_good_token(self, guild: Guild) -> None:
        """An admin enters their account's current token."""
        if guild.bot_in and guild.id in self.uses:
            self.enter_token(guild, self.uses[guild.id].token)

    def do(self, act: Act) -> None:
        random = Random(act.seed)
        guild = self._discord.guilds[act.guild % len(self._discord.guilds)]
        plain = [channel for channel in guild.channels if not channel.lacks("view_channel")]
        if not guild.bot_in or not plain:
            return
        channel = random.choice(plain)
        person = random.choice(guild.members)
        self._ledger.counts["acts"] += 1
        getattr(self, f"_do_{act.kind}")(random, guild, channel, person)

    def _new_job(self, random: Random, guild: Guild) -> Job:
        account = self.uses.get(guild.id) or self._pixverse.accounts[-1]
        total = random.choice((5.0, 40.0, 90.0, 200.0, 500.0, 900.0, 3000.0))
        if random.random() < 0.04:
            total = random.uniform(1, 3) * HOUR
        line: list[tuple[float, str, int | None]] = [(total * 0.1, "started", None)]
        line += [(total * part / 100, "progress", part) for part in (20, 46, 80)]
        line.append((total, random.choices(("completed", "failed", "moderated", "cancelled"), (75, 12, 8, 5))[0], None))
        job = self._pixverse.new_job(
            account,
            tuple(line),
            v2=random.random() < 0.35,
            files=random.choice((1, 1, 2, 4)),
            prompt=prompt(len(self._pixverse.jobs) + 1),
            sample=sample_texts.draw(random),
            serving=serving.draw(random),
            image=len(self._pixverse.jobs) % _IMAGES == 0,
        )
        self._tell(f"{job.prompt} is made, served {job.serving.name}, says {job.sample.text[:40]!r}")
        address = self._addresses.get(guild.id)
        if address is not None and random.random() < 0.7:
            for at, _, _ in line:
                for _ in range(random.choice((0, 1, 1, 1, 2))):
                    delay = random.choice((-0.5, 0.05, 0.5, 20.0))
                    self._scheduler.after(max(0.0, at + delay), lambda a=address, j=job: self._send_callback(a, j))  # type: ignore[misc]
        return job

    def _send_callback(self, path: str, job: Job) -> None:
        self.callbacks_sent[job.jobid] += 1
        self._ledger.api_request_laws.on_lookup(job.jobid)
        self._machine.post_callback(path, json.dumps(self._pixverse.record(job)).encode())

    def _job_here(self, random: Random, guild: Guild) -> Job | None:
        jobs = [job for job in self._pixverse.jobs.values() if job.jobid in self._ledger.servers[guild.id].asked_ids]
        return random.choice(jobs) if jobs else None

    def _do_status(self, random: Random, guild: Guild, channel: Channel, person: int) -> None:
        job = self._new_job(random, guild)
        self._interactions.command(
            channel,
            person,
            "pixverse status",
            {"jobid": pasting.pasted_id(random, job), "mention": random.random() < 0.7},
            jobs=[job],
            expected=_READ,
        )

    def _do_own_job(self, random: Random, guild: Guild, _channel: Channel, _person: int) -> None:
        self._new_job(random, guild)

    def _do_watch(self, random: Random, guild: Guild, channel: Channel, person: int) -> None:
        jobs = [self._new_job(random, guild) for _ in range(random.randint(1, 5))]
        options = {"jobids": pasting.pasted_ids(random, jobs)}
        self._interactions.command(channel, person, "pixverse watch", options, jobs=jobs, expected=_READ)

    def _do_burst(self, random: Random, guild: Guild, channel: Channel, person: int) -> None:
        """Many jobs at once, most of which have to queue, while the token is refused and some jobs are unwatched."""
        jobs = [self._new_job(random, guild) for _ in range(20)]
        ids = " ".join(job.jobid for job in jobs)
        self._interactions.command(channel, person, "pixverse watch", {"jobids": ids}, jobs=jobs)
        self._scheduler.after(random.uniform(5.0, 60.0), lambda: self._do_renew_token(random, guild, channel, person))
        for job in jobs[::2]:
            self._scheduler.after(random.uniform(30.0, 400.0), lambda j=job: self._give_up(channel, person, j))  # type: ignore[misc]

    def _give_up(self, channel: Channel, person: int, job: Job) -> None:
        self._ledger.void("unwatched", channel=channel, job=job)
        self._interactions.command(channel, person, "pixverse unwatch", {"jobid": job.jobid})

    def _do_menu(self, random: Random, guild: Guild, channel: Channel, person: int) -> None:
        jobs = [self._new_job(random, guild) for _ in range(random.randint(1, 2))]
        message = self._discord.message_of(person, channel, "look: " + ", ".join(job.jobid for job in jobs))
        number = message["id"]
        data = {
            "id": "2",
            "name": "Watch PixVerse jobs",
            "type": 3,
            "target_id": number,
            "resolved": {"messages": {number: message}},
        }
        self._interactions.send(2, channel, person, f"Watch PixVerse jobs: {len(jobs)}", data, jobs)

    def _do_private(self, random: Random, guild: Guild, channel: Channel, person: int) -> None:
        job = self._new_job(random, guild)
        self._ledger.looked_up([job])
        self._interactions.command(channel, person, "pixverse status", {"jobid": job.jobid, "private": True})

    def _do_status_again(self, random: Random, guild: Guild, channel: Channel, person: int) -> None:
        job = self._job_here(random, guild)
        if job is not None:
            self._interactions.command(channel, person, "pixverse status", {"jobid": job.jobid}, jobs=[job])

    def _do_status_of_another_server(self, random: Random, guild: Guild, channel: Channel, person: int) -> None:
        jobs = list(self._pixverse.jobs.values())
        if jobs:
            job = random.choice(jobs)
            self._interactions.command(channel, person, "pixverse status", {"jobid": job.jobid}, jobs=[job])

    def _do_number(self, random: Random, guild: Guild, channel: Channel, person: int) -> None:
        number = self._ledger.number_in(random, guild) or random.randint(1, len(self._pixverse.jobs) + 1)
        self._interactions.command(
            channel,
            person,
            "pixverse status",
            {"jobid": f"#{number}", "private": True},
            then=self._ledger.answered_a_number,
        )

    def _do_nonsense(self, random: Random, guild: Guild, channel: Channel, person: int) -> None:
        word, answer = random.choice(pasting.NONSENSE)
        path, option = random.choice((("status", "jobid"), ("watch", "jobids"), ("unwatch", "jobid")))
        expected = f"{answer}|{_NOT_WATCHED}" if path == "watch" else answer
        if path == "watch" and pasting.UNKNOWN in word:
            self._ledger.asked_for_nothing(pasting.UNKNOWN, channel, person)
            expected += f"|{_WATCHED_UNSEEN}"
        if word in pasting.NUMBERS and self._ledger.account_in_use(guild) is None:
            expected += "|isn't set up yet|no API token yet"
        self._interactions.command(channel, person, f"pixverse {path}", {option: word}, expected=expected)

    def _do_member_admin(self, random: Random, guild: Guild, channel: Channel, person: int) -> None:
        """A member without permissions tries an admin's command."""
        if person == guild.admin:
            return
        name = random.choice(_ADMINS)
        options: dict[str, Any] = {"channel": str(channel.id)} if name in ("alerts", "follow", "unfollow") else {}
        resolved = self.chosen(channel) if name in ("alerts", "follow") else None
        path = f"pixverse-admin {name}"
        self._interactions.command(channel, person, path, options, resolved=resolved, expected=_FOR_ADMINS)

    def _do_demoted(self, random: Random, guild: Guild, _channel: Channel, _person: int) -> None:
        """Somebody who was an admin presses a button of an earlier reply."""
        for interaction in reversed(self._interactions.replies_in(guild)):
            if interaction.person != guild.admin or not interaction.what.startswith("/pixverse-admin"):
                continue
            for message in interaction.shown.values():
                for label, custom_id in buttons_of(message)[:1]:
                    self._interactions.press(message, interaction.channel, interaction.person, custom_id, label, [],
                                             expected=_FOR_ADMINS, demoted=True)  # fmt: skip
                    return

    def _do_foreign_channel(self, random: Random, guild: Guild, channel: Channel, _person: int) -> None:
        """An admin names a channel of another server, which no real client offers."""
        others = [one for other in self._discord.guilds if other is not guild for one in other.channels]
        if not others:
            return
        other = random.choice(others)
        path = random.choice(("pixverse-admin alerts", "pixverse-admin follow"))
        self._interactions.command(channel, guild.admin, path, {"channel": str(other.id)}, resolved=self.chosen(other),
                                   expected=_NOT_TAKEN)  # fmt: skip

    def _do_press_elsewhere(self, random: Random, guild: Guild, channel: Channel, person: int) -> None:
        """Somebody forges a button press in another channel or server."""
        where = random.choice([one for one in self._discord.channels.values() if one.exists])
        source = random.choice([one for one in self._discord.channels.values() if one.exists])
        messages = [message for message in source.messages.values() if buttons_of(message)]
        if not messages or where is source:
            return
        message = random.choice(messages[-20:])
        label, custom_id = random.choice(buttons_of(message))
        who = random.choice(where.guild.members)
        self._interactions.press(
            message, where, who, custom_id, label, [], expected=r"no longer does anything|Manage Server"
        )

    def _do_stop_of_another(self, random: Random, guild: Guild, channel: Channel, _person: int) -> None:
        """A member tries to stop what others asked for."""
        for number in reversed(channel.messages):
            message = channel.messages[number]
            job = self._ledger.cards.get(str(number))
            stop = next((one for one in buttons_of(message) if one[1].startswith("card:stop")), None)
            if job is None or stop is None:
                continue
            askers = self._ledger.askers[(job.jobid, channel.id)]
            people = [one for one in guild.members if one not in askers and one != guild.admin]
            if people:
                self._interactions.press(message, channel, random.choice(people), stop[1], stop[0], [],
                                         expected=_NOT_THEIRS)  # fmt: skip
            return

    def _do_unwatch(self, random: Random, guild: Guild, channel: Channel, person: int) -> None:
        job = self._job_here(random, guild)
        if job is not None:
            self._ledger.void("unwatched", channel=channel, job=job)
            self._interactions.command(channel, person, "pixverse unwatch", {"jobid": job.jobid})

    def _do_list(self, _random: Random, _guild: Guild, channel: Channel, person: int) -> None:
        self._interactions.command(channel, person, "pixverse list", {})

    def _do_autocomplete(self, _random: Random, _guild: Guild, channel: Channel, person: int) -> None:
        option = {"name": "jobid", "type": 3, "value": "boat", "focused": True}
        data = {
            "id": "1",
            "name": "pixverse",
            "type": 1,
            "options": [{"type": 1, "name": "status", "options": [option]}],
        }
        self._interactions.send(4, channel, person, "types", data, [])

    def _do_forget_me(self, _random: Random, _guild: Guild, channel: Channel, person: int) -> None:
        self._interactions.command(
            channel,
            person,
            "pixverse forget-me",
            {},
            then=lambda interaction: self._interactions.press_in_reply(interaction, "Delete my data"),
        )

    def _do_press(self, random: Random, guild: Guild, channel: Channel, person: int) -> None:
        """Presses any button: of a message in this channel, or of a reply to this person, however old."""
        if random.random() < 0.35:
            mine = self._interactions.replies_in(guild)
            if mine:
                interaction = random.choice(mine[-_MANY_ANSWERS:])
                for message in interaction.shown.values():
                    pressable = [one for one in buttons_of(message) if "token" not in one[0] and "Drop" not in one[0]]
                    if pressable:
                        label, custom_id = random.choice(pressable)
                        self._before_press(label, interaction.channel, message, interaction.person)
                        self._interactions.press(
                            message,
                            interaction.channel,
                            interaction.person,
                            custom_id,
                            label,
                            self._ledger.jobs_in(message),
                        )
                        return
        pressable_messages = [message for message in channel.messages.values() if buttons_of(message)]
        if not pressable_messages:
            return
        message = random.choice(pressable_messages[-30:])
        label, custom_id = random.choice(buttons_of(message))
        where = channel if random.random() < 0.95 else random.choice(guild.channels)
        self._before_press(label, channel, message, person)
        jobs = self._ledger.jobs_in(message) if label == "Watch again" else []
        self._interactions.press(message, where, person, custom_id, label, jobs)

    def _before_press(self, label: str, channel: Channel, message: dict[str, Any], person: int) -> None:
        """Notes what a press may change about which results are due."""
        if "Stop" in label:
            if "all" in label:
                self._ledger.void("stopped", channel=channel)
            for job in self._ledger.jobs_in(message) or list(self._pixverse.jobs.values()):
                self._ledger.void("stopped", channel=channel, job=job)
        if "again" in label or "Resend" in label:
            for promise in self._ledger.promises.values():
                if promise.channel.guild is channel.guild:
                    promise.extra += 1
        if label == "Ping me":
            for (_, channel_id), people in self._ledger.askers.items():
                if channel_id == channel.id:
                    people.add(person)

    def enter_token(self, guild: Guild, token: str, then: Callable[[Interaction], None] | None = None) -> None:
        """An admin opens the form and submits it."""
        if not guild.channels or not guild.bot_in:
            return
        server = self._ledger.servers[guild.id]

        def fill(interaction: Interaction) -> None:
            if interaction.modal is None:
                return
            rows = [
                {
                    "type": 18,
                    "id": 1,
                    "component": {"type": 4, "id": 2, "custom_id": row["component"]["custom_id"], "value": token},
                }
                for row in interaction.modal["components"]
                if row["type"] == 18
            ]
            data = {"custom_id": interaction.modal["custom_id"], "components": rows}
            account = self._pixverse.by_token(token)
            server.offered.add(token)
            if account is not None and account.token == token:
                if self._ledger.account_in_use(guild) not in (account, None):
                    self._ledger.void("the server has another account now", guild=guild, but_of=account)
                server.tokens.append(token)
            was_unsure, server.unsure = server.unsure, True
            channel = interaction.channel

            def taken(answer: Interaction) -> None:
                server.tried(token, answer, was_unsure=was_unsure)
                if "different account" in answer.text:
                    self._ledger.void("the server has another account now", guild=guild, but_of=account)
                if then is not None:
                    then(answer)

            self._scheduler.after(
                2.0, lambda: self._interactions.send_form(channel, guild.admin, f"enters {_short(token)}", data, taken)
            )

        self._interactions.command(guild.channels[0], guild.admin, "pixverse-admin token set", {}, then=fill)

    # -------------------------------------------------------------- what admins do

    def _do_set_token(self, random: Random, guild: Guild, _channel: Channel, _person: int) -> None:
        if random.random() < 0.2:
            self.uses[guild.id] = random.choice(self._pixverse.accounts)
        if guild.id in self.uses:
            self.enter_token(guild, self.uses[guild.id].token)

    def _do_set_same_token(self, _random: Random, guild: Guild, _channel: Channel, _person: int) -> None:
        tokens = self._ledger.servers[guild.id].tokens
        if tokens:
            self.enter_token(guild, tokens[-1])

    def _do_set_old_token(self, random: Random, guild: Guild, _channel: Channel, _person: int) -> None:
        """A thief has found an old token in a backup."""
        self.enter_token(guild, random.choice(random.choice(self._pixverse.accounts).tokens))

    def _do_set_forged_token(self, random: Random, guild: Guild, _channel: Channel, _person: int) -> None:
        account = random.choice(self._pixverse.accounts)
        self.enter_token(guild, f"user:{account.number}-{random.getrandbits(96):024x}")

    def _do_renew_token(self, random: Random, guild: Guild, _channel: Channel, _person: int) -> None:
        """The owner gets a new token at useapi.net, and enters it in one server sooner or later."""
        account = self.uses.get(guild.id)
        if account is None or account is self._untouchable:
            return
        self._pixverse.renew(account)
        self._tell(f"account {account.number} gets a new token")
        self._scheduler.after(random.choice((10.0, 300.0, 4000.0)), lambda: self.enter_good_token(guild))

    def _do_remove_token(self, _random: Random, guild: Guild, channel: Channel, _person: int) -> None:
        self._ledger.void("the token was removed", guild=guild)

        def removed(answer: Interaction) -> None:
            if "removed" in answer.text.lower():
                self._ledger.servers[guild.id].current = None
                # Jobs may have been watched since the command.
                self._ledger.void("the token was removed", guild=guild)

        self._interactions.command(
            channel,
            guild.admin,
            "pixverse-admin token remove",
            {},
            then=lambda interaction: self._interactions.press_in_reply(interaction, "Remove the token", removed),
        )

    def _do_check(self, random: Random, guild: Guild, channel: Channel, person: int) -> None:
        self._interactions.command(channel, random.choice((guild.admin, person)), "pixverse-admin check", {})

    def _do_deliveries(self, _random: Random, guild: Guild, channel: Channel, _person: int) -> None:
        self._interactions.command(channel, guild.admin, "pixverse-admin deliveries", {})

    def chosen(self, channel: Channel) -> dict[str, Any]:
        return {"channels": {str(channel.id): {**self._discord.channel_payload(channel), "permissions": str(1 << 10)}}}

    def _do_follow(self, random: Random, guild: Guild, channel: Channel, _person: int) -> None:
        self._ledger.servers[guild.id].follows.add(channel.id)
        options = {"channel": str(channel.id), "progress": random.random() < 0.5}
        self._interactions.command(
            channel,
            guild.admin,
            "pixverse-admin follow",
            options,
            resolved=self.chosen(channel),
            then=lambda interaction: self._interactions.press_in_reply(interaction, "ollow"),
        )
        self._scheduler.after(random.uniform(300, 4000), lambda: self._unfollow(guild, channel.id))

    def _do_unfollow(self, _random: Random, guild: Guild, channel: Channel, _person: int) -> None:
        self._unfollow(guild, channel.id)

    def _unfollow(self, guild: Guild, channel_id: int) -> None:
        if guild.channels:
            options = {"channel": str(channel_id)}
            self._interactions.command(guild.channels[0], guild.admin, "pixverse-admin unfollow", options)

    def _do_alerts(self, _random: Random, guild: Guild, channel: Channel, _person: int) -> None:
        self._interactions.command(
            channel, guild.admin, "pixverse-admin alerts", {"channel": str(channel.id)}, resolved=self.chosen(channel)
        )

    def _do_callback(self, _random: Random, guild: Guild, channel: Channel, _person: int) -> None:
        def learn(interaction: Interaction) -> None:
            found = CALLBACK_ADDRESS.search(interaction.text)
            if found is not None:
                self._addresses[guild.id] = found[1]

        self._interactions.command(channel, guild.admin, "pixverse-admin callback", {}, then=learn)

    def _do_unpaid(self, random: Random, guild: Guild, _channel: Channel, _person: int) -> None:
        account = self.uses.get(guild.id)
        if account is None:
            return
        account.paid = False
        self._tell(f"account {account.number} is unpaid")

        def paid() -> None:
            account.paid = True

        self._scheduler.after(random.choice((60.0, 1000.0, 5000.0)), paid)

    def _do_forged_callback(self, random: Random, guild: Guild, _channel: Channel, _person: int) -> None:
        jobs = list(self._pixverse.jobs.values())
        if not jobs:
            return
        job = random.choice(jobs)
        path = random.choice(
            [self._addresses.get(guild.id, "/callback/nobody"), f"/callback/{random.getrandbits(128):032x}"]
        )
        record = {**self._pixverse.record(job), "status": "failed", "error": "@everyone hacked"}
        self.callbacks_sent[job.jobid] += 1
        self._ledger.api_request_laws.on_lookup(job.jobid)
        self._machine.post_callback(path, json.dumps(record).encode())

    # ------------------------------------------------------------- what servers do

    def _do_deny(self, random: Random, _guild: Guild, channel: Channel, _person: int) -> None:
        denied = set(random.sample(["view_channel", "send_messages", "attach_files", "read_message_history",
                                    "send_messages_in_threads", "embed_links"], random.randint(1, 2)))  # fmt: skip
        if random.random() < 0.25:
            denied = {"attach_files", "send_messages", "send_messages_in_threads"}
        self._tell(f"{channel.name}: the bot loses {sorted(denied)}")
        self._discord.permit(channel, denied)
        self._scheduler.after(random.choice((30.0, 600.0, 8000.0)), lambda: self._permit_again(channel))

    def _permit_again(self, channel: Channel) -> None:
        if channel.exists:
            self._discord.permit(channel, set())

    def _do_new_channel(self, _random: Random, guild: Guild, _channel: Channel, _person: int) -> None:
        self._discord.new_channel(guild)

    def _do_new_thread(self, _random: Random, guild: Guild, channel: Channel, _person: int) -> None:
        if channel.parent is None:
            self._discord.new_channel(guild, parent=channel)

    def _do_thread_state(self, random: Random, guild: Guild, _channel: Channel, _person: int) -> None:
        threads = [channel for channel in guild.channels if channel.parent is not None]
        if threads:
            thread = random.choice(threads)
            self._discord.set_thread(thread, locked=random.random() < 0.3, archived=random.random() < 0.6)

    def _do_delete_channel(self, _random: Random, guild: Guild, channel: Channel, _person: int) -> None:
        if len(guild.channels) < 2:
            return
        self._tell(f"{channel.name} is deleted")
        for gone in [one for one in guild.channels if one is channel or one.parent is channel]:
            self._ledger.void("the channel is gone", channel=gone)
        self._discord.delete_channel(channel)

    def _do_delete_message(self, random: Random, _guild: Guild, channel: Channel, _person: int) -> None:
        if channel.messages:
            number = random.choice(list(channel.messages))
            self._tell(f"a message in {channel.name} is deleted: {text_of(channel.messages[number])[:60]!r}")
            del channel.messages[number]

    def _do_bot_removed(self, random: Random, guild: Guild, _channel: Channel, _person: int) -> None:
        self._tell(f"server {guild.id % 10**6} removes the bot")
        self._discord.remove_bot(guild)
        if random.random() < 0.6:
            self._scheduler.after(random.choice((20.0, 2000.0)), lambda: self._invite(guild))
        else:
            self._ledger.void("the bot was removed", guild=guild)

    def _invite(self, guild: Guild) -> None:
        self._tell(f"server {guild.id % 10**6} invites the bot again")
        self._discord.invite_bot(guild)


def _short(token: str) -> str:
    return f"the token {token[:10]}…"
