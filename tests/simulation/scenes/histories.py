"""Looks into a channel's history for a message that got no response."""

from __future__ import annotations

from tests.simulation.discord_world import Channel
from tests.simulation.scene import Scene, SceneServer, Story
from tests.simulation.wire import Reply, Request, Trip


def _posts_to(request: Request, where: SceneServer | Channel) -> bool:
    channel = where.channel if isinstance(where, SceneServer) else where
    return request.method == "POST" and request.path.endswith(f"/{channel.id}/messages")


def _is_result(request: Request, server: SceneServer) -> bool:
    return _posts_to(request, server) and "outcome:details" in str(request.body)


def _is_look(request: Request, server: SceneServer) -> bool:
    return request.method == "GET" and request.path.endswith(f"/{server.channel.id}/messages")


def shut_before_a_look(scene: Scene) -> Story:
    """A post gets no response, and the channel is closed before the bot can look into it. Once it is open again the bot
    looks: a message that is there isn't posted twice, and one that isn't comes."""
    server = yield from scene.settle()
    job = scene.job(server, 40)
    server.status(job)
    yield 20.0
    end = scene.lose(server.channel, back=scene.coin())
    yield 50.0 + scene.parts.interval
    missing = scene.one_of(({"view_channel"}, {"send_messages", "read_message_history"}))
    scene.parts.discord.permit(server.channel, missing)
    yield 400.0
    end()
    scene.parts.discord.permit(server.channel, set())
    yield 200.0
    scene.came(job, server.channel)
    answer = server.admin("deliveries")
    yield 6.0
    scene.says(answer, "Every result is posted")


def looked_for_before_the_gateway(scene: Scene) -> Story:
    """Nothing of a job has arrived in an empty channel when the bot is killed, and after the start it can look there
    sooner than it hears from the gateway, or the gateway reports the server during the look. An empty or refused
    history proves nothing then: the channel may be readable, or hidden for a while. The result comes."""
    server = yield from scene.settle()
    job = scene.job(server, 40)
    end = scene.on_discord(lambda request: Trip(lost_there=True) if _posts_to(request, server) else None)
    server.status(job)
    yield 80.0 + scene.parts.interval
    scene.kill(200.0)
    yield 5.0
    end()
    discord = scene.parts.discord
    kind = scene.one_of(("open", "hidden", "reported meanwhile"))
    if kind == "hidden":
        discord.permit(server.channel, {"view_channel"})

    def rule(request: Request) -> Trip | None:
        if kind == "reported meanwhile":
            return Trip(back=20.0) if _is_look(request, server) else None
        return Trip(lost_there=True) if request.path.endswith("/gateway/bot") else None

    away = scene.on_discord(rule)
    yield 240.0
    away()
    yield 120.0
    discord.permit(server.channel, set())
    yield 400.0
    scene.came(job, server.channel)
    answer = server.admin("deliveries")
    yield 6.0
    scene.says(answer, "Every result is posted")


def thread_out_of_reach(scene: Scene) -> Story:
    """A result in a thread gets no response, and while the bot is off, the thread's channel is hidden from it for a
    while. The gateway then doesn't report the thread. The bot looks into it once it can, and the result comes."""
    server = yield from scene.settle()
    thread = scene.parts.discord.new_channel(server.guild, parent=server.channel)
    yield 2.0
    job = scene.job(server, 40)
    server.status(job, 1, thread)
    yield 30.0
    is_stored = scene.coin()
    end = scene.on_discord(
        lambda request: Trip(lost_there=not is_stored, lost_back=True) if _posts_to(request, thread) else None
    )
    yield 60.0 + scene.parts.interval
    scene.kill(200.0)
    yield 5.0
    end()
    scene.parts.discord.permit(server.channel, {"view_channel"})
    yield 600.0
    scene.parts.discord.permit(server.channel, set())
    yield 400.0
    scene.came(job, thread)
    answer = server.admin("deliveries")
    yield 6.0
    scene.says(answer, "Every result is posted")


def unsure_and_resent(scene: Scene) -> Story:
    """Nobody knows whether a result was posted, and an admin resends it. If the channel can be read by then, the result
    isn't doubled. If not, it is posted as often as the admin wants, even if there is no response again."""
    server = yield from scene.settle()
    job = scene.job(server, 40)
    server.status(job)
    yield 20.0
    end = scene.on_discord(lambda request: Trip(lost_back=True) if _is_result(request, server) else None)
    while not scene.outcomes(job, server.channel):
        yield 1.0
    scene.parts.discord.permit(server.channel, {"read_message_history"})
    if scene.coin():
        # At the next attempt the last one is recent, the first one isn't, and the gateway has reported the server.
        yield 80.0
        scene.kill(25.0)
        yield 30.0
        end()
        server.channel.nonces.clear()
    yield 400.0
    end()
    answer = server.admin("deliveries")
    yield 6.0
    scene.says(answer, "May have arrived")
    readable = scene.coin()
    if readable:
        scene.parts.discord.permit(server.channel, set())
        yield 10.0
    else:
        # Replies are refused there.
        scene.parts.ledger.promises[(job.jobid, server.channel.id)].extra = 1
        end = scene.on_discord(
            lambda request: Trip(lost_back=True)
            if _is_result(request, server) and not request.body.get("message_reference") else None
        )  # fmt: skip
    server.press_in_reply(answer, "Resend")
    yield 450.0
    end()
    yield 60.0
    scene.came(job, server.channel, times=1 if readable else 2)


def unsure_on_a_locked_disk(scene: Scene) -> Story:
    """Nobody knows whether a result was posted, and a locked disk keeps the bot from recording that until the channel
    can be read again. The result is found."""
    server = yield from scene.settle()
    job = scene.job(server, 40)
    server.status(job)
    yield 20.0
    end = scene.on_discord(lambda request: Trip(lost_back=True) if _is_result(request, server) else None)
    while not scene.outcomes(job, server.channel):
        yield 1.0
    scene.parts.discord.permit(server.channel, {"read_message_history"})
    yield 40.0
    scene.disk(locked=True)
    yield 400.0
    end()
    scene.parts.discord.permit(server.channel, set())
    yield 800.0
    scene.disk()
    yield 400.0
    scene.came(job, server.channel)
    answer = server.admin("deliveries")
    yield 6.0
    scene.says(answer, "Every result is posted")


def chatter_after_it(scene: Scene) -> Story:
    """The machine's clock is ahead while a result is posted. Then people write, and the clock may be corrected while
    the bot is offline. The result is found all the same."""
    server = yield from scene.settle()
    job = scene.job(server, 40)
    server.status(job)
    yield 30.0
    hours_ahead = scene.coin()
    scene.turn_clock(3 * 3_600_000 if hours_ahead else 90_000)
    yield 5.0
    end = scene.on_discord(lambda request: Trip(lost_back=True) if _is_result(request, server) else None)
    while not scene.outcomes(job, server.channel):
        yield 1.0
    if hours_ahead:
        scene.kill(170.0)
    yield 100.0
    for number in range(120 if hours_ahead else 2):
        message = scene.parts.discord.message_of(server.guild.members[2], server.channel, f"hello {number}")
        server.channel.messages[int(message["id"])] = message
    if hours_ahead:
        scene.turn_clock(0)
    yield 300.0
    end()
    yield 400.0
    scene.came(job, server.channel)


def fetched_for_long(scene: Scene) -> Story:
    """A post gets no response, and at the next attempt the file takes longer than Discord knows a nonce. The clock may
    be set back meanwhile. The bot looks into the channel before it posts again."""
    server = yield from scene.settle()
    job = scene.job(server, 40, v2=False, files=2)
    server.status(job)
    yield 30.0
    end = scene.on_discord(lambda request: Trip(lost_back=True) if _is_result(request, server) else None)
    slow = False
    scene.on_media(lambda request: Trip(there=28.0, lost_there=True) if slow and request.path in job.paths else None)
    while not scene.outcomes(job, server.channel):
        yield 0.2
    yield 40.0
    slow = True
    yield 60.0
    if scene.coin():
        scene.turn_clock(-90_000)
    yield 25.0
    end()
    server.channel.nonces.clear()
    yield 500.0
    scene.came(job, server.channel, files=2)


def uploads_in_vain(scene: Scene) -> Story:
    """Discord never responds to a message with a file, so the file finally goes as a link. If the file wasn't the
    cause, the result has its file after all. An upload that gets any response, even a rate limit, isn't counted as a
    failed one."""
    server = yield from scene.settle()
    job = scene.job(server, 40)
    server.status(job)
    yield 30.0
    kind = scene.one_of(("files", "all", "limited"))
    forms: list[bool] = []
    looked, limited = False, 0
    wait = Reply(429, {"message": "slow", "retry_after": 90.0, "global": False}, {"Retry-After": "90"})

    def rule(request: Request) -> Trip | None:
        nonlocal looked, limited
        looked = looked or _is_look(request, server)
        if not _is_result(request, server) or (kind == "files" and not request.files):
            return None
        forms.append(bool(request.files))
        if kind == "limited" and looked:
            looked = False
            limited += 1
            return Trip(refused=wait)
        return Trip(there=1.0, lost_there=True)

    end = scene.on_discord(rule)
    for _ in range(600):
        if limited == 4 or (forms and forms[-1] and not all(forms)):
            break
        yield 5.0
    end()
    yield 600.0
    scene.came(job, server.channel, files=0 if kind == "files" else 1)


def card_twice(scene: Scene) -> Story:
    """The response to a card is lost, and its job progresses before the card is sent again. Discord keeps the first
    form, and the card is edited to show the news."""
    server = yield from scene.settle()
    job = scene.job(server, 100, v2=False, steps=0)
    end = scene.lose(server.channel)
    server.status(job)
    yield 50.0
    end()
    yield 35.0
    scene.card_says(job, server.channel, "Started")
    yield 60.0 + scene.parts.interval
    scene.came(job, server.channel)
