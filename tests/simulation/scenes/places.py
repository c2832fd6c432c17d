"""Channels, threads and servers that appear, disappear or are closed."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.simulation.discord_world import Refusal, text_of
from tests.simulation.stage import Stage, Story
from tests.simulation.wire import Reply, Request, Trip

_TEXT, _FORUM = 0, 15
"""Discord's numbers for types of channels."""


def deleted(stage: Stage) -> Story:
    """A channel is deleted with its threads while jobs are watched in it, perhaps while the bot is offline."""
    home = yield from stage.settle()
    channel, other = home.guild.channels[1], home.channel
    thread = stage.parts.discord.new_channel(home.guild, parent=channel)
    yield 2.0
    jobs = [stage.job(home, 2000, v2=False) for _ in range(3)]
    home.status(jobs[0], 1, channel)
    home.status(jobs[1], 2, thread)
    home.status(jobs[2], 3, other)
    home.choose("alerts", channel)
    yield 20.0
    if stage.coin():
        stage.parts.discord.set_thread(thread, locked=False, archived=True)
        yield 2.0
    away = stage.coin()
    if away:
        stage.stop(60.0)
        yield 10.0
    for gone in (channel, thread):
        stage.parts.ledger.void("the channel is gone", channel=gone)
    edits = [0]

    def count_edits(request: Request) -> None:
        edits[0] += request.method == "PATCH" and any(f"/{gone.id}/" in request.path for gone in (channel, thread))

    stage.on_discord(count_edits)
    stage.parts.discord.delete_channel(channel)
    yield 400.0
    since = stage.now
    yield 900.0
    for job in jobs[:2]:
        stage.expect(stage.requests_for(job, since) == 0, f"{job.prompt} is asked about, though its channel is gone")
    stage.expect(stage.requests_for(jobs[2], since) > 0, "others are asked about no more")
    # Notices for admins then go to a channel where something else waits.
    assert home.account is not None
    stage.parts.pixverse.renew(home.account)
    yield 400.0
    stage.one_notice(other, r"\*\*PixVerse results are on hold")
    home.enter_token(home.account.token)
    yield 1200.0
    stage.came(jobs[2], other)
    stage.expect(edits[0] <= 2, f"{edits[0]} edits of two cards that are gone")


def deleted_unnoticed(stage: Stage) -> Story:
    """A channel is deleted while the bot is off and can't ask Discord about it right after the start, or while the bot
    isn't in the server. Nothing is requested for it any more."""
    home = yield from stage.settle()
    discord, gone = stage.parts.discord, home.guild.channels[1]
    job, running = stage.job(home, 2000, v2=False), stage.job(home, 8000, v2=False)
    home.status(job)
    home.status(running, 2, gone)
    yield 30.0
    is_off = stage.coin()
    end = stage.on_discord(
        lambda request: Trip(refused=Reply(503, {"message": "no"})) if request.path.endswith(f"/{gone.id}") else None
    )
    if is_off:
        stage.stop(20.0)
        yield 5.0
    else:
        end()
        discord.remove_bot(home.guild)
        yield 60.0
    discord.delete_channel(gone)
    if not is_off:
        discord.invite_bot(home.guild)
    yield 200.0
    end()
    stage.parts.ledger.void("the channel is gone", channel=gone)
    yield 100.0
    since = stage.now
    yield 900.0
    stage.expect(not stage.requests_for(running, since), f"{running.prompt} is requested, though its channel is gone")
    yield 1200.0
    stage.came(job, home.channel)


def deleted_with_a_result(stage: Stage) -> Story:
    """A channel is deleted while a result waits to be posted there."""
    home = yield from stage.settle()
    channel = home.guild.channels[1]
    home.choose("alerts", home.channel)
    job = stage.job(home, 40)
    home.status(job, 1, channel)
    yield 20.0
    stage.parts.discord.permit(channel, {"send_messages"})
    silently = stage.coin()
    if silently:
        # The gateway reports the deletion later than Discord refuses the result.
        channel.exists = False
        stage.parts.ledger.void("the channel is gone", channel=channel)
    yield 200.0
    told = len(stage.posted(home.channel, r"\*\*I can't post in"))
    stage.expect(not silently or not told, "a permission is asked for in a channel that is not there")
    if stage.coin():
        stage.stop(60.0)
        yield 10.0
    stage.parts.ledger.void("the channel is gone", channel=channel)
    stage.parts.discord.delete_channel(channel)
    yield 400.0
    answer = home.admin("deliveries")
    yield 6.0
    stage.says(answer, "Not posted|gone|deleted")
    stage.expect("Waiting" not in answer.text, f"it waits for a channel that is gone: {answer.text!r}")


def archived(stage: Stage) -> Story:
    """A thread is archived, or locked for a while. The result comes as soon as it can be posted."""
    home = yield from stage.settle()
    thread = stage.parts.discord.new_channel(home.guild, parent=home.channel)
    yield 2.0
    job = stage.job(home, 60)
    home.status(job, 1, thread)
    yield 20.0
    kind = stage.one_of(("archived", "locked", "locked and archived"))
    locked = kind != "archived"
    stage.parts.discord.set_thread(thread, locked=locked, archived=kind != "locked")
    yield 60.0 + stage.parts.interval
    if locked:
        stage.missing(job, thread)
        yield 7200.0
        stage.parts.discord.set_thread(thread, locked=False, archived=stage.coin())
        yield 20.0
    stage.came(job, thread)


def removed(stage: Stage) -> Story:
    """A server removes the bot: nothing is requested or posted for it. If it comes back in time, everything goes on."""
    account = stage.account()
    home = yield from stage.settle(account)
    other = yield from stage.settle(account)
    job, waiting = stage.job(account, 900, v2=False), stage.job(account, 60, v2=False)
    home.status(job)
    home.status(waiting)
    both = stage.job(account, 900, v2=False)
    other.status(both)
    yield 20.0
    stage.parts.discord.permit(home.channel, {"send_messages"})
    yield 100.0 + stage.parts.interval
    away = stage.one_of((False, False, True))
    if away:
        stage.stop(100.0)
        yield 20.0
    stage.parts.discord.remove_bot(home.guild)
    stage.parts.tell("the bot is removed")
    yield 200.0
    since = stage.now
    asked: list[str] = []
    stage.on_discord(lambda request: asked.append(request.path) if f"/{home.channel.id}" in request.path else None)
    yield 300.0
    stage.expect(not asked, f"Discord is asked about a server without the bot: {asked}")
    stage.expect(stage.requests_for(job, since) == 0, f"{job.prompt} is asked about for a server without the bot")
    stage.expect(stage.requests_for(both, since) > 0, "another server's job is asked about no more")
    stage.parts.discord.open_everything(home.guild)
    if stage.coin():
        stage.stop(60.0)
        yield 20.0
    stage.parts.discord.invite_bot(home.guild)
    stage.parts.tell("the bot is invited again")
    yield 1000.0
    for one in (job, waiting):
        stage.came(one, home.channel)
    stage.came(both, other.channel)


def removed_for_good(stage: Stage) -> Story:
    """A server removes the bot for good. A week later nothing of it is left, least of all its token."""
    other = yield from stage.settle()
    home = yield from stage.settle()
    assert home.account is not None
    job = stage.job(home, 3000)
    home.status(job)
    yield 30.0
    if stage.coin():
        # The token is known to be refused by then, and would be tried again and again.
        stage.parts.pixverse.renew(home.account)
        yield 320.0
    stage.void(home)
    if stage.coin():
        stage.stop(100.0)
        yield 20.0
    stage.parts.discord.remove_bot(home.guild)
    yield 200.0
    since = stage.now
    stage.parts.people.uses.pop(home.guild.id, None)
    yield 6 * 3600.0
    stage.expect(stage.requests_of(home.account, since) <= 2, "the token of a server without the bot is used")
    yield from stage.sleep(8 * 86400.0)
    yield 3600.0
    rows = [
        table
        for text in (str(home.guild.id), f"user:{home.account.number}")
        for table in stage.parts.machine.rows_with(text)
    ]
    stage.expect(not rows, f"a server that removed the bot is still in {rows}")
    answer = other.command("pixverse list")
    yield 5.0
    stage.says(answer, "Nothing is being watched")


def removed_during_a_trial(stage: Stage) -> Story:
    """A server removes the bot while another account's token is being tried there. The new token is stored, perhaps the
    server comes back and works with it, and in the end neither token is left."""
    yield from stage.settle()
    home = yield from stage.settle()
    first, second = home.account, stage.account()
    assert first is not None
    end = stage.slow(second, 6.0)
    home.enter_token(second.token)
    yield 4.0
    stage.void(home)
    stage.parts.discord.remove_bot(home.guild)
    yield 7300.0
    end()
    rows = stage.parts.machine.rows_with(f"user:{first.number}")
    stage.expect(not rows, f"a token that was replaced is still in {rows}")
    comes_back = stage.coin()
    if comes_back:
        stage.parts.discord.invite_bot(home.guild)
        yield 60.0
        home.account = stage.parts.people.uses[home.guild.id] = second
        job = stage.job(home, 60)
        home.status(job)
        yield 80.0 + stage.parts.interval
        stage.came(job, home.channel)
        stage.parts.discord.remove_bot(home.guild)
    stage.parts.people.uses.pop(home.guild.id, None)
    yield from stage.sleep((40 if comes_back else 8) * 86400.0)
    yield 3600.0
    rows = [
        table
        for text in (str(home.guild.id), f"user:{first.number}", f"user:{second.number}")
        for table in stage.parts.machine.rows_with(text)
    ]
    stage.expect(not rows, f"a server that removed the bot is still in {rows}")


def removed_by_a_slow_clock(stage: Stage) -> Story:
    """A server removes the bot while the machine's clock is a month slow, as after a boot without a network. Once the
    clock is right, the server still has its week to invite the bot again."""
    home = yield from stage.settle()
    job = stage.job(home, 40)
    home.status(job)
    yield 60.0 + stage.parts.interval
    stage.came(job, home.channel)
    stage.turn_clock(-30 * 86_400_000)
    stage.stop(10.0)
    yield 60.0
    stage.parts.discord.remove_bot(home.guild)
    yield 600.0
    stage.turn_clock(0)
    yield 2 * 3600.0
    stage.parts.discord.invite_bot(home.guild)
    yield 60.0
    later = stage.job(home, 60)
    answer = home.status(later)
    yield 10.0
    stage.says(answer, "Watching")
    yield 80.0 + stage.parts.interval
    stage.came(later, home.channel)


def no_forum(stage: Stage) -> Story:
    """A forum can't contain messages of its own, so Discord doesn't offer one when an admin chooses a channel."""
    yield 1.0
    [admins] = [one for one in stage.parts.discord.commands if one["name"] == "pixverse-admin"]
    for name in ("alerts", "follow"):
        [channel] = [option for one in admins["options"] if one["name"] == name
                     for option in one["options"] if option["name"] == "channel"]  # fmt: skip
        offered = set(channel["channel_types"])
        stage.expect(_TEXT in offered and _FORUM not in offered, f"for {name} there are channels of {offered}")


def removed_slowly(stage: Stage) -> Story:
    """Another program locks the database while a server removes the bot. Members of other servers get replies at
    once."""
    gone = yield from stage.settle()
    home = yield from stage.settle()
    home.command("pixverse list")
    yield 5.0
    stage.disk(locked=True)
    stage.parts.discord.remove_bot(gone.guild)
    yield 0.5
    answer = home.command("pixverse list", 2)
    yield 3.0
    stage.disk()
    stage.says(answer, "Nothing is being watched")
    yield 10.0


def back_at_once(stage: Stage) -> Story:
    """A server removes the bot by mistake and invites it again at once. Everything goes on."""
    home = yield from stage.settle()
    job = stage.job(home, 200, v2=False)
    home.status(job)
    yield 30.0
    stage.parts.discord.remove_bot(home.guild)
    stage.parts.discord.invite_bot(home.guild)
    yield 250.0
    stage.came(job, home.channel)


def back_in_time(stage: Stage) -> Story:
    """A server invites the bot again within a week, while the bot is offline or as the week ends. Nothing is lost."""
    home = yield from stage.settle()
    gone = yield from stage.settle()
    while_off = stage.coin()
    yield 30.0
    for one in (gone, home):
        stage.parts.discord.remove_bot(one.guild)
        yield 1.0
    stage.stop(7 * 86400.0 - (-3600.0 if while_off else 1800.0))
    yield 86400.0
    if while_off:
        stage.parts.discord.invite_bot(home.guild)
        yield 6 * 86400.0 + 3660.0
    else:
        # The bot checks every hour. When it begins to delete, another program locks the database for some seconds.
        yield 6 * 86400.0 - 1800.0 + 3600.0
        stage.disk(locked=True)
        yield 7.0
        stage.parts.discord.invite_bot(home.guild)
        yield 1.0
        stage.disk()
    yield 60.0
    job = stage.job(home, 60)
    answer = home.status(job)
    yield 8.0
    stage.says(answer, "Watching")
    yield 60.0 + stage.parts.interval
    stage.came(job, home.channel)


def hidden(stage: Stage) -> Story:
    """A channel is hidden from the bot, and so Discord obfuscates it. The bot waits, and checks by itself whether it
    has access again, because the gateway may not say so."""
    home = yield from stage.settle()
    alerts = home.guild.channels[1]
    home.choose("alerts", alerts)
    job = stage.job(home, 60)
    home.status(job)
    yield 20.0
    stage.parts.discord.permit(home.channel, {"view_channel"})
    yield 400.0
    stage.missing(job, home.channel)
    told = stage.messages(alerts, r"\*\*I can't post in")
    stage.expect(len(told) == 1, f"{len(told)} alerts")
    then = stage.one_of(("gone", "shown", "gone after a restart", "let in by a role"))
    if "restart" in then:
        stage.stop(10.0)
        yield 60.0
    if "gone" in then:
        stage.parts.ledger.void("the channel is gone", channel=home.channel)
        name = stage.parts.discord.channel_name(home.channel)
        stage.parts.discord.delete_channel(home.channel)
        yield 60.0
        called = "A channel" if "restart" in then else f"#{name}"
        stage.one_notice(alerts, rf"\*\*{called} is gone\.\*\*")
        return
    if then == "shown":
        stage.parts.discord.permit(home.channel, set())
    else:
        stage.parts.discord.let_in_by_role(home.channel)
    yield 60.0
    stage.came(job, home.channel)


def shut_at_once(stage: Stage) -> Story:
    """The bot may not write in the channel where somebody asks. They are told at once."""
    home = yield from stage.settle()
    missing = stage.one_of(("send_messages", "send_messages_in_threads"))
    channel = home.channel
    if missing == "send_messages_in_threads":
        channel = stage.parts.discord.new_channel(home.guild, parent=home.channel)
    stage.parts.discord.permit(home.channel, {missing})
    yield 2.0
    job = stage.job(home, 60)
    answer = home.status(job, 1, channel)
    yield 8.0
    stage.says(answer, "can't post")
    stage.parts.discord.permit(home.channel, set())
    stage.parts.ledger.void("it may not have been taken", channel=channel, job=job)
    yield 120.0


def refused_at_once(stage: Stage) -> Story:
    """Discord refuses a card for a reason that the bot couldn't know. Whoever asked is told, and everything comes
    later."""
    home = yield from stage.settle()
    end = stage.refuse(home.channel, Refusal(403, 50001, "Missing Access"), when=lambda *_: True)
    job = stage.job(home, 60)
    answer = home.status(job)
    yield 8.0
    stage.says(answer, "I can't post here yet", "Discord refuses it")
    end()
    stage.parts.discord.permit(home.channel, set())
    yield 100.0
    stage.came(job, home.channel)


def private_thread(stage: Stage) -> Story:
    """The bot isn't a member of a private thread. The card is refused, and whoever asked is told what to do."""
    home = yield from stage.settle()
    thread = stage.parts.discord.new_channel(home.guild, parent=home.channel, private=True)
    job = stage.job(home, 100)
    answer = home.status(job, 1, thread)
    yield 10.0
    stage.says(answer, "mention me in it, or add me")
    checked = home.command("pixverse-admin check", 0, thread)
    yield 8.0
    stage.says(checked, "mention me in it, or add me", never="Everything works")
    stage.parts.discord.join(thread)
    yield 200.0
    if (job.jobid, thread.id) in stage.parts.ledger.promises:
        stage.came(job, thread)


def by_role(stage: Stage) -> Story:
    """A role takes a permission away and gives it back. The bot notices at once."""
    home = yield from stage.settle()
    alerts = home.guild.channels[1]
    home.choose("alerts", alerts)
    job = stage.job(home, 60)
    home.status(job)
    yield 20.0
    stage.parts.discord.change_role(home.guild, {"send_messages"})
    yield stage.one_of((300.0, 7000.0))
    stage.missing(job, home.channel)
    stage.parts.discord.change_role(home.guild, set())
    yield 60.0
    stage.came(job, home.channel)
    last = stage.outcomes(job, home.channel)[-1]
    late = last.at - job.ends_at > 700 and not job.is_v2
    stage.expect(not late or "no access" in text_of(last.message), "not called late")


def timed_out(stage: Stage) -> Story:
    """A moderator has timed the bot out. No permission is missing, and the result comes once the timeout has ended."""
    home = yield from stage.settle()
    job = stage.job(home, 40)
    home.status(job)
    yield 20.0
    stage.parts.discord.time_out(home.guild, "2099-01-01T00:00:00+00:00")
    yield 60.0 + stage.parts.interval
    stage.missing(job, home.channel)
    stage.card_says(job, home.channel, "I'm timed out")
    stage.parts.discord.time_out(home.guild, None)
    yield 30.0
    stage.came(job, home.channel)


def timed_out_by_a_wrong_clock(stage: Stage) -> Story:
    """A timeout of the bot ends while the machine's clock is an hour behind. Discord reports no such end. The result
    comes, and nobody is told that the bot is still timed out."""
    home = yield from stage.settle()
    job, other = stage.job(home, 40), stage.job(home, 400)
    home.status(job)
    yield 20.0
    stage.turn_clock(-3_600_000)
    discord = stage.parts.discord
    until = datetime.fromisoformat(discord.iso()) + timedelta(minutes=5)
    discord.time_out(home.guild, until.isoformat())
    yield 60.0 + stage.parts.interval
    stage.missing(job, home.channel)
    answer = home.status(other)
    yield 6.0
    stage.says(answer, "I'm timed out")
    yield 300.0
    home.guild.timed_out_until = None
    yield 600.0
    answer = home.status(other)
    yield 20.0
    stage.says(answer, never="timed out")
    stage.came(job, home.channel)
    stage.turn_clock(0)
    yield 120.0
    stage.came(other, home.channel)


def chosen_after_a_role(stage: Stage) -> Story:
    """A role lets the bot into a hidden channel, and an admin chooses that channel. Before, it is refused."""
    home = yield from stage.settle()
    channel, path = home.guild.channels[1], stage.one_of(("alerts", "follow"))
    stage.parts.discord.permit(channel, {"view_channel"})
    yield 5.0
    answer = home.choose(path, channel)
    yield 6.0
    stage.says(answer, "[Cc]an't see|View Channel")
    stage.parts.discord.let_in_by_role(channel)
    yield 5.0
    answer = home.choose(path, channel)
    yield 6.0
    stage.says(answer, never="View Channel|[Cc]an't")


def removed_for_days(stage: Stage) -> Story:
    """A server removes the bot for four days while a result waits for a permission. That time doesn't count. Once the
    permission is given back, the admins are told so."""
    home = yield from stage.settle()
    alerts = home.guild.channels[1]
    home.choose("alerts", alerts)
    job = stage.job(home, 40)
    home.status(job)
    yield 10.0
    stage.parts.discord.permit(home.channel, {"send_messages"})
    yield 60.0 + stage.parts.interval
    stage.parts.discord.remove_bot(home.guild)
    yield 60.0
    yield from stage.sleep(4 * 86400.0)
    stage.parts.discord.invite_bot(home.guild)
    yield 600.0
    answer = home.admin("deliveries")
    yield 6.0
    stage.says(answer, never="Not posted")
    stage.parts.discord.permit(home.channel, set())
    yield 60.0
    stage.came(job, home.channel)
    stage.one_notice(alerts, r"\*\*I can post in")
    stage.expect(not stage.messages(alerts, r"\*\*I can't post in"), "a problem that is over is still told of")


def archived_unknown(stage: Stage) -> Story:
    """The bot starts and doesn't know an archived thread whose result is due. It requests the thread from Discord, and
    something else responds for a while. Or an admin chooses the thread, and nothing responds at all."""
    home = yield from stage.settle()
    thread = stage.parts.discord.new_channel(home.guild, parent=home.channel)
    yield 2.0
    job = stage.job(home, 120)
    home.status(job, 1, thread)
    yield 20.0
    stage.parts.discord.set_thread(thread, locked=False, archived=True)
    limited = Reply(429, {"message": "slow", "retry_after": 90.0, "global": False}, {"Retry-After": "90"})
    said = stage.one_of((Trip(refused=Reply(200, {})), Trip(refused=limited), Trip(there=10_000.0)))
    asks = f"/channels/{thread.id}"
    end = stage.on_discord(lambda request: said if request.method == "GET" and request.path.endswith(asks) else None)
    stage.stop(10.0)
    yield 120.0
    answer = home.choose("alerts", thread)
    yield 20.0
    stage.says(answer, "Discord didn't answer just now")
    yield 100.0
    stage.missing(job, thread)
    end()
    yield 200.0
    stage.came(job, thread)


def removed_from_thread(stage: Stage) -> Story:
    """Somebody removes the bot from a private thread and adds it again. The result comes at once."""
    home = yield from stage.settle()
    discord = stage.parts.discord
    thread = discord.new_channel(home.guild, parent=home.channel)
    yield 2.0
    job = stage.job(home, 60)
    home.status(job, 1, thread)
    yield 20.0
    discord.leave(thread)
    yield 3600.0
    stage.missing(job, thread)
    discord.join(thread)
    yield 20.0
    stage.came(job, thread)


def comes_meanwhile(stage: Stage) -> Story:
    """A server invites the bot just while the bot asks Discord about another server that removed it. The inviting
    server is served."""
    gone = yield from stage.settle()
    stage.stop(60.0)
    yield 20.0
    stage.void(gone)
    stage.parts.people.uses.pop(gone.guild.id, None)
    stage.parts.discord.remove_bot(gone.guild)
    path = f"/guilds/{gone.guild.id}"
    stage.on_discord(lambda request: Trip(back=40.0) if request.path.endswith(path) else None)
    yield 45.0
    home = yield from stage.settle()
    yield 60.0
    job = stage.job(home, 30)
    answer = home.status(job)
    yield 60.0 + stage.parts.interval
    stage.says(answer, "Watching")
    stage.came(job, home.channel)


def another_language(stage: Stage) -> Story:
    """A server's language changes to German. New messages are in German, whatever language a command sent earlier
    names."""
    home = yield from stage.settle()
    discord = stage.parts.discord
    kind = stage.one_of(("invited again", "a command on its way", "while the bot was off"))
    job = stage.job(home, 200, v2=False)
    if kind == "a command on its way":
        discord.set_locale(home.guild, "de")
        yield 1.0
        home.guild.locale_on_its_way = "en-US"
        home.status(job)
    else:
        home.status(job)
    yield 20.0
    if kind == "invited again":
        discord.remove_bot(home.guild)
        yield 20.0
        home.guild.locale = "de"
        discord.invite_bot(home.guild)
    elif kind == "while the bot was off":
        stage.stop(30.0)
        yield 10.0
        home.guild.locale = "de"
    yield 260.0
    stage.came(job, home.channel, r"(?:ist|sind) fertig")


def removed_on_a_full_disk(stage: Stage) -> Story:
    """A server removes the bot while the disk is full. The bot finds out once it can write."""
    home = yield from stage.settle()
    job = stage.job(home, 1500, v2=False)
    home.status(job)
    yield 20.0
    stage.disk(full=True)
    stage.void(home)
    stage.parts.people.uses.pop(home.guild.id, None)
    stage.parts.discord.remove_bot(home.guild)
    yield 20.0
    stage.disk()
    yield 120.0
    since = stage.now
    yield 300.0
    stage.expect(stage.requests_for(job, since) == 0, f"{job.prompt} is asked about for a server without the bot")


def back_on_a_full_disk(stage: Stage) -> Story:
    """Two servers are back while the disk is full, and the loop that checks them crashes twice. One of them removes the
    bot again as soon as there is space. For the other one everything goes on."""
    account = stage.account()
    home, again = yield from stage.settle_many(account, 2)
    jobs = [stage.job(account, 1500, v2=False) for _ in range(2)]
    discord = stage.parts.discord
    for one, job in zip((home, again), jobs, strict=True):
        one.status(job)
        yield 10.0
        discord.remove_bot(one.guild)
    yield 10.0
    stage.disk(full=True)
    for one in (home, again):
        discord.invite_bot(one.guild)
    for _ in range(2):
        yield 5.0
        stage.crash_loop("guild_events")
    yield 30.0
    stage.disk()
    stage.void(again)
    stage.parts.people.uses.pop(again.guild.id, None)
    discord.remove_bot(again.guild)
    yield 120.0
    since = stage.now
    yield 300.0
    for one, job in zip((home, again), jobs, strict=True):
        asked = stage.requests_for(job, since)
        stage.expect((asked > 0) == (one is home), f"{job.prompt} was asked about {asked} times")
    yield 1200.0
    stage.came(jobs[0], home.channel)
