"""Channels, threads and servers that appear, disappear or are closed."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.simulation.discord_world import Refusal, text_of
from tests.simulation.scene import Scene, Story
from tests.simulation.wire import Reply, Request, Trip

_TEXT, _FORUM = 0, 15
"""Discord's numbers for types of channels."""

_NOT_SERVED = "doesn't serve this server"


def deleted(scene: Scene) -> Story:
    """A channel is deleted with its threads while jobs are watched in it, perhaps while the bot is offline."""
    server = yield from scene.settle()
    channel, other = server.guild.channels[1], server.channel
    thread = scene.parts.discord.new_channel(server.guild, parent=channel)
    yield 2.0
    jobs = [scene.job(server, 2000, v2=False) for _ in range(3)]
    server.status(jobs[0], 1, channel)
    server.status(jobs[1], 2, thread)
    server.status(jobs[2], 3, other)
    server.choose("alerts", channel)
    yield 20.0
    if scene.coin():
        scene.parts.discord.set_thread(thread, locked=False, archived=True)
        yield 2.0
    away = scene.coin()
    if away:
        scene.stop(60.0)
        yield 10.0
    for gone in (channel, thread):
        scene.parts.ledger.void("the channel is gone", channel=gone)
    edits = [0]

    def count_edits(request: Request) -> None:
        edits[0] += request.method == "PATCH" and any(f"/{gone.id}/" in request.path for gone in (channel, thread))

    scene.on_discord(count_edits)
    scene.parts.discord.delete_channel(channel)
    yield 400.0
    since = scene.now
    yield 900.0
    for job in jobs[:2]:
        scene.expect(scene.requests_for(job, since) == 0, f"{job.prompt} is asked about, though its channel is gone")
    scene.expect(scene.requests_for(jobs[2], since) > 0, "others are asked about no more")
    # Notices for admins then go to a channel where something else waits.
    assert server.account is not None
    scene.parts.pixverse.renew(server.account)
    yield 400.0
    scene.one_notice(other, r"\*\*PixVerse results are on hold")
    server.enter_token(server.account.token)
    yield 1200.0
    scene.came(jobs[2], other)
    scene.expect(edits[0] <= 2, f"{edits[0]} edits of two cards that are gone")


def deleted_unnoticed(scene: Scene) -> Story:
    """A channel is deleted while the bot is off and can't ask Discord about it right after the start, or while the bot
    isn't in the server. Nothing is requested for it any more."""
    server = yield from scene.settle()
    discord, gone = scene.parts.discord, server.guild.channels[1]
    job, running = scene.job(server, 2000, v2=False), scene.job(server, 8000, v2=False)
    server.status(job)
    server.status(running, 2, gone)
    yield 30.0
    is_off = scene.coin()
    end = scene.on_discord(
        lambda request: Trip(refused=Reply(503, {"message": "no"})) if request.path.endswith(f"/{gone.id}") else None
    )
    if is_off:
        scene.stop(20.0)
        yield 5.0
    else:
        end()
        discord.remove_bot(server.guild)
        yield 60.0
    discord.delete_channel(gone)
    if not is_off:
        discord.invite_bot(server.guild)
    yield 200.0
    end()
    scene.parts.ledger.void("the channel is gone", channel=gone)
    yield 100.0
    since = scene.now
    yield 900.0
    scene.expect(not scene.requests_for(running, since), f"{running.prompt} is requested, though its channel is gone")
    yield 1200.0
    scene.came(job, server.channel)


def deleted_with_a_result(scene: Scene) -> Story:
    """A channel is deleted while a result waits to be posted there."""
    server = yield from scene.settle()
    channel = server.guild.channels[1]
    server.choose("alerts", server.channel)
    job = scene.job(server, 40)
    server.status(job, 1, channel)
    yield 20.0
    scene.parts.discord.permit(channel, {"send_messages"})
    silently = scene.coin()
    if silently:
        # The gateway reports the deletion later than Discord refuses the result.
        channel.exists = False
        scene.parts.ledger.void("the channel is gone", channel=channel)
    yield 200.0
    told = len(scene.posted(server.channel, r"\*\*I can't post in"))
    scene.expect(not silently or not told, "a permission is asked for in a channel that is not there")
    if scene.coin():
        scene.stop(60.0)
        yield 10.0
    scene.parts.ledger.void("the channel is gone", channel=channel)
    scene.parts.discord.delete_channel(channel)
    yield 400.0
    answer = server.admin("deliveries")
    yield 6.0
    scene.says(answer, "Not posted|gone|deleted")
    scene.expect("Waiting" not in answer.text, f"it waits for a channel that is gone: {answer.text!r}")


def archived(scene: Scene) -> Story:
    """A thread is archived, or locked for a while. The result comes as soon as it can be posted."""
    server = yield from scene.settle()
    thread = scene.parts.discord.new_channel(server.guild, parent=server.channel)
    yield 2.0
    job = scene.job(server, 60)
    server.status(job, 1, thread)
    yield 20.0
    kind = scene.one_of(("archived", "locked", "locked and archived"))
    locked = kind != "archived"
    scene.parts.discord.set_thread(thread, locked=locked, archived=kind != "locked")
    yield 60.0 + scene.parts.interval
    if locked:
        scene.missing(job, thread)
        yield 7200.0
        scene.parts.discord.set_thread(thread, locked=False, archived=scene.coin())
        yield 20.0
    scene.came(job, thread)


def removed(scene: Scene) -> Story:
    """A server removes the bot: nothing is requested or posted for it. If it comes back in time, everything goes on."""
    account = scene.account()
    server = yield from scene.settle(account)
    other = yield from scene.settle(account)
    job, waiting = scene.job(account, 900, v2=False), scene.job(account, 60, v2=False)
    server.status(job)
    server.status(waiting)
    both = scene.job(account, 900, v2=False)
    other.status(both)
    yield 20.0
    scene.parts.discord.permit(server.channel, {"send_messages"})
    yield 100.0 + scene.parts.interval
    away = scene.one_of((False, False, True))
    if away:
        scene.stop(100.0)
        yield 20.0
    scene.parts.discord.remove_bot(server.guild)
    scene.parts.tell("the bot is removed")
    yield 200.0
    since = scene.now
    asked: list[str] = []
    scene.on_discord(lambda request: asked.append(request.path) if f"/{server.channel.id}" in request.path else None)
    yield 300.0
    scene.expect(not asked, f"Discord is asked about a server without the bot: {asked}")
    scene.expect(scene.requests_for(job, since) == 0, f"{job.prompt} is asked about for a server without the bot")
    scene.expect(scene.requests_for(both, since) > 0, "another server's job is asked about no more")
    scene.parts.discord.open_everything(server.guild)
    if scene.coin():
        scene.stop(60.0)
        yield 20.0
    scene.parts.discord.invite_bot(server.guild)
    scene.parts.tell("the bot is invited again")
    yield 1000.0
    for one in (job, waiting):
        scene.came(one, server.channel)
    scene.came(both, other.channel)


def removed_for_good(scene: Scene) -> Story:
    """A server removes the bot for good. A week later nothing of it is left, least of all its token."""
    other = yield from scene.settle()
    server = yield from scene.settle()
    assert server.account is not None
    job = scene.job(server, 3000)
    server.status(job)
    yield 30.0
    if scene.coin():
        # The token is known to be refused by then, and would be tried again and again.
        scene.parts.pixverse.renew(server.account)
        yield 320.0
    scene.void(server)
    if scene.coin():
        scene.stop(100.0)
        yield 20.0
    scene.parts.discord.remove_bot(server.guild)
    yield 200.0
    since = scene.now
    scene.parts.people.uses.pop(server.guild.id, None)
    yield 6 * 3600.0
    scene.expect(scene.requests_of(server.account, since) <= 2, "the token of a server without the bot is used")
    yield from scene.sleep(8 * 86400.0)
    yield 3600.0
    rows = [
        table
        for text in (str(server.guild.id), f"user:{server.account.number}")
        for table in scene.parts.machine.rows_with(text)
    ]
    scene.expect(not rows, f"a server that removed the bot is still in {rows}")
    answer = other.command("pixverse list")
    yield 5.0
    scene.says(answer, "Nothing is being watched")


def removed_during_a_trial(scene: Scene) -> Story:
    """A server removes the bot while another account's token is being tried there. The new token is stored, perhaps the
    server comes back and works with it, and in the end neither token is left."""
    yield from scene.settle()
    server = yield from scene.settle()
    first, second = server.account, scene.account()
    assert first is not None
    end = scene.slow(second, 6.0)
    server.enter_token(second.token)
    yield 4.0
    scene.void(server)
    scene.parts.discord.remove_bot(server.guild)
    yield 7300.0
    end()
    rows = scene.parts.machine.rows_with(f"user:{first.number}")
    scene.expect(not rows, f"a token that was replaced is still in {rows}")
    comes_back = scene.coin()
    if comes_back:
        scene.parts.discord.invite_bot(server.guild)
        yield 60.0
        server.account = scene.parts.people.uses[server.guild.id] = second
        job = scene.job(server, 60)
        server.status(job)
        yield 80.0 + scene.parts.interval
        scene.came(job, server.channel)
        scene.parts.discord.remove_bot(server.guild)
    scene.parts.people.uses.pop(server.guild.id, None)
    yield from scene.sleep((40 if comes_back else 8) * 86400.0)
    yield 3600.0
    rows = [
        table
        for text in (str(server.guild.id), f"user:{first.number}", f"user:{second.number}")
        for table in scene.parts.machine.rows_with(text)
    ]
    scene.expect(not rows, f"a server that removed the bot is still in {rows}")


def removed_by_a_slow_clock(scene: Scene) -> Story:
    """A server removes the bot while the machine's clock is a month slow, as after a boot without a network. Once the
    clock is right, the server still has its week to invite the bot again."""
    server = yield from scene.settle()
    job = scene.job(server, 40)
    server.status(job)
    yield 60.0 + scene.parts.interval
    scene.came(job, server.channel)
    scene.turn_clock(-30 * 86_400_000)
    scene.stop(10.0)
    yield 60.0
    scene.parts.discord.remove_bot(server.guild)
    yield 600.0
    scene.turn_clock(0)
    yield 2 * 3600.0
    scene.parts.discord.invite_bot(server.guild)
    yield 60.0
    later = scene.job(server, 60)
    answer = server.status(later)
    yield 10.0
    scene.says(answer, "Watching")
    yield 80.0 + scene.parts.interval
    scene.came(later, server.channel)


def no_forum(scene: Scene) -> Story:
    """A forum can't contain messages of its own, so Discord doesn't offer one when an admin chooses a channel."""
    yield 1.0
    [admins] = [one for one in scene.parts.discord.commands if one["name"] == "pixverse-admin"]
    for name in ("alerts", "follow"):
        [channel] = [option for one in admins["options"] if one["name"] == name
                     for option in one["options"] if option["name"] == "channel"]  # fmt: skip
        offered = set(channel["channel_types"])
        scene.expect(_TEXT in offered and _FORUM not in offered, f"for {name} there are channels of {offered}")


def removed_slowly(scene: Scene) -> Story:
    """Another program locks the database while a server removes the bot. Members of other servers get replies at
    once."""
    gone = yield from scene.settle()
    server = yield from scene.settle()
    server.command("pixverse list")
    yield 5.0
    scene.disk(locked=True)
    scene.parts.discord.remove_bot(gone.guild)
    yield 0.5
    answer = server.command("pixverse list", 2)
    yield 3.0
    scene.disk()
    scene.says(answer, "Nothing is being watched")
    yield 10.0


def back_at_once(scene: Scene) -> Story:
    """A server removes the bot by mistake and invites it again at once. Everything goes on."""
    server = yield from scene.settle()
    job = scene.job(server, 200, v2=False)
    server.status(job)
    yield 30.0
    scene.parts.discord.remove_bot(server.guild)
    scene.parts.discord.invite_bot(server.guild)
    yield 250.0
    scene.came(job, server.channel)


def back_in_time(scene: Scene) -> Story:
    """A server invites the bot again within a week, while the bot is offline or as the week ends. Nothing is lost."""
    server = yield from scene.settle()
    gone = yield from scene.settle()
    while_off = scene.coin()
    yield 30.0
    for one in (gone, server):
        scene.parts.discord.remove_bot(one.guild)
        yield 1.0
    scene.stop(7 * 86400.0 - (-3600.0 if while_off else 1800.0))
    yield 86400.0
    if while_off:
        scene.parts.discord.invite_bot(server.guild)
        yield 6 * 86400.0 + 3660.0
    else:
        # The bot checks every hour. When it begins to delete, another program locks the database for some seconds.
        yield 6 * 86400.0 - 1800.0 + 3600.0
        scene.disk(locked=True)
        yield 7.0
        scene.parts.discord.invite_bot(server.guild)
        yield 1.0
        scene.disk()
    yield 60.0
    job = scene.job(server, 60)
    answer = server.status(job)
    yield 8.0
    scene.says(answer, "Watching")
    yield 60.0 + scene.parts.interval
    scene.came(job, server.channel)


def hidden(scene: Scene) -> Story:
    """A channel is hidden from the bot, and so Discord obfuscates it. The bot waits, and checks by itself whether it
    has access again, because the gateway may not say so."""
    server = yield from scene.settle()
    alerts = server.guild.channels[1]
    server.choose("alerts", alerts)
    job = scene.job(server, 60)
    server.status(job)
    yield 20.0
    scene.parts.discord.permit(server.channel, {"view_channel"})
    yield 400.0
    scene.missing(job, server.channel)
    told = scene.messages(alerts, r"\*\*I can't post in")
    scene.expect(len(told) == 1, f"{len(told)} alerts")
    then = scene.one_of(("gone", "shown", "gone after a restart", "let in by a role"))
    if "restart" in then:
        scene.stop(10.0)
        yield 60.0
    if "gone" in then:
        scene.parts.ledger.void("the channel is gone", channel=server.channel)
        name = scene.parts.discord.channel_name(server.channel)
        scene.parts.discord.delete_channel(server.channel)
        yield 60.0
        called = "A channel" if "restart" in then else f"#{name}"
        scene.one_notice(alerts, rf"\*\*{called} is gone\.\*\*")
        return
    if then == "shown":
        scene.parts.discord.permit(server.channel, set())
    else:
        scene.parts.discord.let_in_by_role(server.channel)
    yield 60.0
    scene.came(job, server.channel)


def shut_at_once(scene: Scene) -> Story:
    """The bot may not write in the channel where somebody asks. They are told at once."""
    server = yield from scene.settle()
    missing = scene.one_of(("send_messages", "send_messages_in_threads"))
    channel = server.channel
    if missing == "send_messages_in_threads":
        channel = scene.parts.discord.new_channel(server.guild, parent=server.channel)
    scene.parts.discord.permit(server.channel, {missing})
    yield 2.0
    job = scene.job(server, 60)
    answer = server.status(job, 1, channel)
    yield 8.0
    scene.says(answer, "can't post")
    scene.parts.discord.permit(server.channel, set())
    scene.parts.ledger.void("it may not have been taken", channel=channel, job=job)
    yield 120.0


def refused_at_once(scene: Scene) -> Story:
    """Discord refuses a card for a reason that the bot couldn't know. Whoever asked is told, and everything comes
    later."""
    server = yield from scene.settle()
    end = scene.refuse(server.channel, Refusal(403, 50001, "Missing Access"), when=lambda *_: True)
    job = scene.job(server, 60)
    answer = server.status(job)
    yield 8.0
    scene.says(answer, "I can't post here yet", "Discord refuses it")
    end()
    scene.parts.discord.permit(server.channel, set())
    yield 100.0
    scene.came(job, server.channel)


def private_thread(scene: Scene) -> Story:
    """The bot isn't a member of a private thread. The card is refused, and whoever asked is told what to do."""
    server = yield from scene.settle()
    thread = scene.parts.discord.new_channel(server.guild, parent=server.channel, private=True)
    job = scene.job(server, 100)
    answer = server.status(job, 1, thread)
    yield 10.0
    scene.says(answer, "mention me in it, or add me")
    checked = server.command("pixverse-admin check", 0, thread)
    yield 8.0
    scene.says(checked, "mention me in it, or add me", never="Everything works")
    scene.parts.discord.join(thread)
    yield 200.0
    if (job.jobid, thread.id) in scene.parts.ledger.promises:
        scene.came(job, thread)


def by_role(scene: Scene) -> Story:
    """A role takes a permission away and gives it back. The bot notices at once."""
    server = yield from scene.settle()
    alerts = server.guild.channels[1]
    server.choose("alerts", alerts)
    job = scene.job(server, 60)
    server.status(job)
    yield 20.0
    scene.parts.discord.change_role(server.guild, {"send_messages"})
    yield scene.one_of((300.0, 7000.0))
    scene.missing(job, server.channel)
    scene.parts.discord.change_role(server.guild, set())
    yield 60.0
    scene.came(job, server.channel)
    last = scene.outcomes(job, server.channel)[-1]
    late = last.at - job.ends_at > 700 and not job.is_v2
    scene.expect(not late or "no access" in text_of(last.message), "not called late")


def timed_out(scene: Scene) -> Story:
    """A moderator has timed the bot out. No permission is missing, and the result comes once the timeout has ended."""
    server = yield from scene.settle()
    job = scene.job(server, 40)
    server.status(job)
    yield 20.0
    scene.parts.discord.time_out(server.guild, "2099-01-01T00:00:00+00:00")
    yield 60.0 + scene.parts.interval
    scene.missing(job, server.channel)
    scene.card_says(job, server.channel, "I'm timed out")
    scene.parts.discord.time_out(server.guild, None)
    yield 30.0
    scene.came(job, server.channel)


def timed_out_by_a_wrong_clock(scene: Scene) -> Story:
    """A timeout of the bot ends while the machine's clock is an hour behind. Discord reports no such end. The result
    comes, and nobody is told that the bot is still timed out."""
    server = yield from scene.settle()
    job, other = scene.job(server, 40), scene.job(server, 400)
    server.status(job)
    yield 20.0
    scene.turn_clock(-3_600_000)
    discord = scene.parts.discord
    until = datetime.fromisoformat(discord.iso()) + timedelta(minutes=5)
    discord.time_out(server.guild, until.isoformat())
    yield 60.0 + scene.parts.interval
    scene.missing(job, server.channel)
    answer = server.status(other)
    yield 6.0
    scene.says(answer, "I'm timed out")
    yield 300.0
    server.guild.timed_out_until = None
    yield 600.0
    answer = server.status(other)
    yield 20.0
    scene.says(answer, never="timed out")
    scene.came(job, server.channel)
    scene.turn_clock(0)
    yield 120.0
    scene.came(other, server.channel)


def chosen_after_a_role(scene: Scene) -> Story:
    """A role lets the bot into a hidden channel, and an admin chooses that channel. Before, it is refused."""
    server = yield from scene.settle()
    channel, path = server.guild.channels[1], scene.one_of(("alerts", "follow"))
    scene.parts.discord.permit(channel, {"view_channel"})
    yield 5.0
    answer = server.choose(path, channel)
    yield 6.0
    scene.says(answer, "[Cc]an't see|View Channel")
    scene.parts.discord.let_in_by_role(channel)
    yield 5.0
    answer = server.choose(path, channel)
    yield 6.0
    scene.says(answer, never="View Channel|[Cc]an't")


def removed_for_days(scene: Scene) -> Story:
    """A server removes the bot for four days while a result waits for a permission. That time doesn't count. Once the
    permission is given back, the admins are told so."""
    server = yield from scene.settle()
    alerts = server.guild.channels[1]
    server.choose("alerts", alerts)
    job = scene.job(server, 40)
    server.status(job)
    yield 10.0
    scene.parts.discord.permit(server.channel, {"send_messages"})
    yield 60.0 + scene.parts.interval
    scene.parts.discord.remove_bot(server.guild)
    yield 60.0
    yield from scene.sleep(4 * 86400.0)
    scene.parts.discord.invite_bot(server.guild)
    yield 600.0
    answer = server.admin("deliveries")
    yield 6.0
    scene.says(answer, never="Not posted")
    scene.parts.discord.permit(server.channel, set())
    yield 60.0
    scene.came(job, server.channel)
    scene.one_notice(alerts, r"\*\*I can post in")
    scene.expect(not scene.messages(alerts, r"\*\*I can't post in"), "a problem that is over is still told of")


def archived_unknown(scene: Scene) -> Story:
    """The bot starts and doesn't know an archived thread whose result is due. It requests the thread from Discord, and
    something else responds for a while. Or an admin chooses the thread, and nothing responds at all."""
    server = yield from scene.settle()
    thread = scene.parts.discord.new_channel(server.guild, parent=server.channel)
    yield 2.0
    job = scene.job(server, 120)
    server.status(job, 1, thread)
    yield 20.0
    scene.parts.discord.set_thread(thread, locked=False, archived=True)
    limited = Reply(429, {"message": "slow", "retry_after": 90.0, "global": False}, {"Retry-After": "90"})
    said = scene.one_of((Trip(refused=Reply(200, {})), Trip(refused=limited), Trip(there=10_000.0)))
    asks = f"/channels/{thread.id}"
    end = scene.on_discord(lambda request: said if request.method == "GET" and request.path.endswith(asks) else None)
    scene.stop(10.0)
    yield 120.0
    answer = server.choose("alerts", thread)
    yield 20.0
    scene.says(answer, "Discord didn't answer just now")
    yield 100.0
    scene.missing(job, thread)
    end()
    yield 200.0
    scene.came(job, thread)


def removed_from_thread(scene: Scene) -> Story:
    """Somebody removes the bot from a private thread and adds it again. The result comes at once."""
    server = yield from scene.settle()
    discord = scene.parts.discord
    thread = discord.new_channel(server.guild, parent=server.channel)
    yield 2.0
    job = scene.job(server, 60)
    server.status(job, 1, thread)
    yield 20.0
    discord.leave(thread)
    yield 3600.0
    scene.missing(job, thread)
    discord.join(thread)
    yield 20.0
    scene.came(job, thread)


def comes_meanwhile(scene: Scene) -> Story:
    """A server invites the bot just while the bot asks Discord about another server that removed it. The inviting
    server is served."""
    gone = yield from scene.settle()
    scene.stop(60.0)
    yield 20.0
    scene.void(gone)
    scene.parts.people.uses.pop(gone.guild.id, None)
    scene.parts.discord.remove_bot(gone.guild)
    path = f"/guilds/{gone.guild.id}"
    scene.on_discord(lambda request: Trip(back=40.0) if request.path.endswith(path) else None)
    yield 45.0
    server = yield from scene.settle()
    yield 60.0
    job = scene.job(server, 30)
    answer = server.status(job)
    yield 60.0 + scene.parts.interval
    scene.says(answer, "Watching")
    scene.came(job, server.channel)


def another_language(scene: Scene) -> Story:
    """A server's language changes to German. New messages are in German, whatever language a command sent earlier
    names."""
    server = yield from scene.settle()
    discord = scene.parts.discord
    kind = scene.one_of(("invited again", "a command on its way", "while the bot was off"))
    job = scene.job(server, 200, v2=False)
    if kind == "a command on its way":
        discord.set_locale(server.guild, "de")
        yield 1.0
        server.guild.locale_on_its_way = "en-US"
        server.status(job)
    else:
        server.status(job)
    yield 20.0
    if kind == "invited again":
        discord.remove_bot(server.guild)
        yield 20.0
        server.guild.locale = "de"
        discord.invite_bot(server.guild)
    elif kind == "while the bot was off":
        scene.stop(30.0)
        yield 10.0
        server.guild.locale = "de"
    yield 260.0
    scene.came(job, server.channel, r"(?:ist|sind) fertig")


def removed_on_a_full_disk(scene: Scene) -> Story:
    """A server removes the bot while the disk is full. The bot finds out once it can write."""
    server = yield from scene.settle()
    job = scene.job(server, 1500, v2=False)
    server.status(job)
    yield 20.0
    scene.disk(full=True)
    scene.void(server)
    scene.parts.people.uses.pop(server.guild.id, None)
    scene.parts.discord.remove_bot(server.guild)
    yield 20.0
    scene.disk()
    yield 120.0
    since = scene.now
    yield 300.0
    scene.expect(scene.requests_for(job, since) == 0, f"{job.prompt} is asked about for a server without the bot")


def back_on_a_full_disk(scene: Scene) -> Story:
    """Two servers are back while the disk is full, and the loop that checks them crashes twice. One of them removes the
    bot again as soon as there is space. For the other one everything goes on."""
    account = scene.account()
    server, again = yield from scene.settle_many(account, 2)
    jobs = [scene.job(account, 1500, v2=False) for _ in range(2)]
    discord = scene.parts.discord
    for one, job in zip((server, again), jobs, strict=True):
        one.status(job)
        yield 10.0
        discord.remove_bot(one.guild)
    yield 10.0
    scene.disk(full=True)
    for one in (server, again):
        discord.invite_bot(one.guild)
    for _ in range(2):
        yield 5.0
        scene.crash_loop("guild_events")
    yield 30.0
    scene.disk()
    scene.void(again)
    scene.parts.people.uses.pop(again.guild.id, None)
    discord.remove_bot(again.guild)
    yield 120.0
    since = scene.now
    yield 300.0
    for one, job in zip((server, again), jobs, strict=True):
        asked = scene.requests_for(job, since)
        scene.expect((asked > 0) == (one is server), f"{job.prompt} was asked about {asked} times")
    yield 1200.0
    scene.came(jobs[0], server.channel)


def not_listed(scene: Scene) -> Story:
    """The operator takes a server off `DISCORD_GUILD_IDS`, and lists it again the next day, or never. Nothing is
    requested or posted for it meanwhile; its members are told; others are served."""
    server = yield from scene.settle()
    other = yield from scene.settle()
    mine, theirs = (scene.job(one, 900, v2=False) for one in (server, other))
    server.status(mine)
    other.status(theirs)
    yield 60.0
    settings = scene.parts.machine.settings
    listed = [str(guild.id) for guild in scene.parts.discord.guilds if guild is not server.guild]
    settings["DISCORD_GUILD_IDS"] = ",".join(listed)
    scene.stop(2.0)
    yield 60.0
    since = scene.now
    answer = server.command("pixverse list")
    yield 6.0
    scene.says(answer, _NOT_SERVED)
    opened = server.admin("token set")
    yield 5.0
    scene.expect(opened.modal is None, "a server that is not served gets the form for a token")
    yield 1600.0
    scene.came(theirs, other.channel)
    scene.expect(scene.requests_for(mine, since) == 0, "a job of a server that is not served is requested")
    scene.missing(mine, server.channel)
    commands = scene.parts.discord.commands_of
    scene.expect(bool(commands.get(other.guild.id)), "a listed server has no commands")
    scene.expect(not commands.get(server.guild.id), "a server that is not listed has commands")
    is_for_good = scene.coin()
    del settings["DISCORD_GUILD_IDS"]
    if is_for_good:
        # A week later, everything about it is deleted.
        settings["DISCORD_GUILD_IDS"] = ",".join(listed)
        scene.parts.ledger.void("not served any more", guild=server.guild)
        yield from scene.sleep(8 * 86400.0)
        yield 2 * 3600.0
        del settings["DISCORD_GUILD_IDS"]
    scene.stop(2.0)
    yield 120.0
    scene.expect(not any(commands.values()), "commands are still registered in single servers")
    answer = server.command("pixverse list")
    yield 6.0
    if is_for_good:
        scene.says(answer, "Nothing is being watched", never="boat")
        answer = server.status(mine)
        yield 8.0
        scene.says(answer, "isn't set up yet" if scene.parts.operators is None else "can't find this job|isn't set up")
        scene.missing(mine, server.channel)
        assert server.account is not None
        server.enter_token(server.account.token)
        yield 8.0
        return
    yield 60.0
    scene.came(mine, server.channel, "Late:")


def every_kind(scene: Scene) -> Story:
    """Jobs are watched in each kind of channel in which a bot can post, alone and as a batch. The results come with
    their files, as replies to the cards, and an account can be followed there."""
    server = yield from scene.settle(channels=1)
    discord, guild = scene.parts.discord, server.guild
    kind = scene.one_of(
        ("voice", "stage", "announcements", "announcement thread", "forum post", "media post", "thread")
    )
    parents = {"announcement thread": 5, "forum post": 15, "media post": 16, "thread": 0}
    if kind in parents:
        where = discord.new_channel(guild, parent=discord.new_channel(guild, kind=parents[kind]))
    else:
        where = discord.new_channel(guild, kind={"voice": 2, "stage": 13, "announcements": 5}[kind])
    yield 3.0
    checked = server.command("pixverse-admin check", 0, where)
    yield 8.0
    scene.says(checked, "Everything works|[Ww]orks", never="I need|can't post")
    scene.parts.ledger.servers[guild.id].follows.add(where.id)
    question = server.choose("follow", where, progress=True)
    yield 6.0
    scene.says(question, "Post every job")
    alone, listed = scene.job(server, 150), [scene.job(server, seconds) for seconds in (100, 200)]
    server.status(alone, 1, where)
    server.watch(listed, 2, where)
    server.press_in_reply(question, "Follow the account")
    yield 8.0
    scene.says(server.choose("alerts", where), "")
    if scene.coin():
        scene.stop(20.0)
        yield 60.0
    assert server.account is not None
    own = scene.job(server.account, 60.0 + 3.0 * scene.parts.interval, v2=False)
    yield 300.0 + 4.0 * scene.parts.interval
    for job in (alone, *listed, own):
        scene.came(job, where)
    if scene.outcomes(alone, where):
        card = scene.card(alone, where)
        scene.expect(scene.outcomes(alone, where)[-1].reply_to == card["id"], "the result doesn't reply to its card")
    ended = server.command("pixverse list", 1, where)
    yield 6.0
    scene.says(ended, "Nothing is being watched")
    server.admin("unfollow", channel=str(where.id))
    yield 30.0
