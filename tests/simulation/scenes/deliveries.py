"""What can happen to a result at Discord: refusals of every kind, lost responses, and processes that die halfway."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tests.simulation.discord_world import Refusal, text_of
from tests.simulation.fault_injector import LIBRARY_FAILED
from tests.simulation.memory import entries_kept
from tests.simulation.plan import Fault
from tests.simulation.scene import Scene, Story
from tests.simulation.wire import Reply, Request, Trip

_READY = r"\*\*Your videos? (?:is|are) ready"
_UPLOADS_LIMITED = 400001
_OF_THE_SENDER = "relay.delivery.sender."
_FORM = {"_errors": [{"code": "BASE_TYPE_BAD_LENGTH", "message": "Must be shorter."}]}


def _is_outcome(body: dict[str, Any], _files: int) -> bool:
    return "outcome:details" in str(body.get("components"))


def _has_files(body: dict[str, Any], files: int) -> bool:
    return _is_outcome(body, files) and files > 0


def _has_words(body: dict[str, Any], files: int) -> bool:
    return _is_outcome(body, files) and "boat" in str(body.get("content"))


def _replies(body: dict[str, Any], files: int) -> bool:
    return _is_outcome(body, files) and bool(body.get("message_reference"))


_FOR_FILES = (
    Refusal(403, 400001, "Uploads are limited"),
    Refusal(413, 40005, "Request entity too large"),
    Refusal(400, 20009, "Explicit content cannot be sent"),
    Refusal(400, 50035, "Invalid Form Body", {"attachments": {"0": {"filename": _FORM}}}),
    Refusal(400, 30015, "Too many attachments"),
    Refusal(400, 987654, "Something new"),
    Refusal(403, 987655, "Something new"),
    Refusal(403, 50013, "Missing Permissions"),
)
_FOR_WORDS = (
    Refusal(400, 200000, "Blocked by AutoMod"),
    Refusal(403, 200001, "Blocked title"),
    Refusal(400, 240000, "Harmful links"),
    Refusal(403, 240000, "Harmful links"),
    Refusal(400, 50035, "Invalid Form Body", {"content": _FORM}),
    # Codes that don't say that words are the cause: the bot leaves out the file first, in vain.
    Refusal(400, 20009, "Explicit content cannot be sent"),
    Refusal(403, 987654, "Something new"),
)
_NO_HISTORIES = (
    Reply(200, b"<html>hello</html>", content_type="text/html"),
    Reply(200, {}),
    Reply(200, b"null"),
    Reply(503, {"message": "API resource is currently overloaded", "code": 130000}),
    Reply(200, b""),
)
"""Responses that reveal nothing of a history."""
_NAMES_NO_WORDS = (20009, 987654)
_FOR_THE_REPLY = (
    Refusal(403, 160002, "Cannot reply"),
    Refusal(400, 160009, "Cannot reply to this"),
    Refusal(400, 50035, "Invalid Form Body", {"message_reference": _FORM}),
)


def _global_limit(there: float, seconds: float) -> Trip:
    body = {"message": "slow down", "retry_after": seconds, "global": True}
    return Trip(there, refused=Reply(429, body, {"Retry-After": str(seconds), "X-RateLimit-Global": "true"}))


def files_refused(scene: Scene) -> Story:
    """Discord refuses files for reasons other than permissions: results come at once without them. A day later they
    have files again."""
    watched = []
    for refusal in _FOR_FILES:
        server = yield from scene.settle()
        scene.refuse(server.channel, refusal, when=_has_files)
        job = scene.job(server, 40)
        server.status(job)
        watched.append((refusal, server, job))
    yield 45.0 + scene.parts.interval + 30.0
    for refusal, server, job in watched:
        scene.came(
            job, server.channel, "https://", job.prompt, files=0, never="[Pp]ermission|may not attach|can't attach"
        )
        answer, checked = server.admin("deliveries"), server.admin("check")
        yield 10.0
        scene.says(answer, never="permission")
        if refusal.code == _UPLOADS_LIMITED:
            scene.says(checked, "(?i)limiting uploads", never="Everything works|posting, files and replies")
    scene.parts.faults.refusal_rules.clear()
    yield from scene.sleep(26 * 3600.0)
    for _, server, _ in watched:
        later = scene.job(server, 40)
        server.status(later)
        yield 100.0 + scene.parts.interval
        scene.came(later, server.channel, _READY)


def words_refused(scene: Scene) -> Story:
    """Discord refuses the API's words. Files come at once without them, and no attempt leaves the files out if Discord
    names the cause."""
    watched = []
    tried: list[tuple[str, int]] = []

    def note(request: Request) -> None:
        if "completed ·" in str(request.body):
            tried.append((request.path, len(request.files)))

    scene.on_discord(note)
    for refusal in _FOR_WORDS:
        server = yield from scene.settle()
        scene.refuse(server.channel, refusal, when=_has_words)
        job, failed = scene.job(server, 40), scene.job(server, 40, "failed")
        server.status(job)
        server.status(failed)
        watched.append((refusal, server, job, failed))
    yield 80.0 + scene.parts.interval + 30.0
    for refusal, server, job, failed in watched:
        scene.came(job, server.channel, r"completed · #\d+", never="boat")
        scene.came(failed, server.channel, r"failed · #\d+", never="boat")
        files = [number for path, number in tried if path.endswith(f"/{server.channel.id}/messages")]
        scene.expect(all(files) or refusal.code in _NAMES_NO_WORDS, f"a file is left out for words: {files}")


def too_large_together(scene: Scene) -> Story:
    """Discord accepts two of three files. The third one is a link."""
    server = yield from scene.settle()
    scene.refuse(server.channel, Refusal(413, 40005, "Request entity too large"), when=lambda _body, files: files > 2)
    job = scene.job(server, 40, v2=False, files=3)
    server.status(job)
    yield 75.0 + scene.parts.interval
    scene.came(job, server.channel, "https://", files=2)


def anything_refused(scene: Scene) -> Story:
    """Discord accepts neither words nor files."""
    refusal = scene.one_of((Refusal(400, 987654, "New"), Refusal(400, 20009, "No"), Refusal(403, 987655, "New")))
    server = yield from scene.settle()
    end = scene.refuse(server.channel, refusal, when=lambda body, files: files > 0 or _has_words(body, files))
    job = scene.job(server, 40)
    server.status(job)
    yield 120.0 + scene.parts.interval
    scene.came(job, server.channel, r"completed · #\d+", files=0, never="boat")
    end()


def reply_refused(scene: Scene) -> Story:
    """Discord refuses the result as a reply. It comes complete, but not as a reply."""
    watched = []
    for refusal in _FOR_THE_REPLY:
        server = yield from scene.settle()
        scene.refuse(server.channel, refusal, when=_replies)
        job = scene.job(server, 40)
        server.status(job)
        watched.append((server, job))
    yield 100.0 + scene.parts.interval
    for server, job in watched:
        scene.came(job, server.channel, _READY, job.prompt)


def card_deleted(scene: Scene) -> Story:
    """The card that the result replies to is gone."""
    server = yield from scene.settle()
    job = scene.job(server, 40)
    server.status(job)
    yield 15.0
    del server.channel.messages[int(scene.card(job, server.channel)["id"])]
    posts: list[Request] = []
    scene.on_discord(lambda request: posts.append(request) if "outcome:details" in str(request.body) else None)
    yield 60.0 + scene.parts.interval
    scene.came(job, server.channel, _READY)
    scene.expect(len(posts) == 1, f"Discord takes the result at the {len(posts)}. try")


def passing_refusal(scene: Scene) -> Story:
    """Discord reports a missing permission a few times though none is missing. The result keeps its file. Rate limits
    don't count as such reports, and neither does a report from before something else happened."""
    server = yield from scene.settle()
    job = scene.job(server, 40)
    limited = [scene.one_of((0, 2))]

    limited_at: list[float] = []

    def rule(request: Request) -> Trip | None:
        if request.method != "POST" or str(server.channel.id) not in request.path or not request.files:
            return None
        too_soon = bool(limited_at) and scene.now - limited_at[-1] < 85.0
        scene.expect(not too_soon, "Discord asked to wait, and is asked again")
        if not limited[0]:
            return None
        limited[0] -= 1
        limited_at.append(scene.now)
        return Trip(
            refused=Reply(429, {"message": "slow", "retry_after": 90.0, "global": False}, {"Retry-After": "90"})
        )

    scene.on_discord(rule)
    for code in scene.one_of(((50013,), (50013, 50013), (50001,), (50013, 50013, 50001, 50013, 50013))):
        scene.refuse(server.channel, Refusal(403, code, "Missing"), when=_has_files, times=1)
    server.status(job)
    yield 900.0
    scene.came(job, server.channel, _READY)


def no_attachments(scene: Scene) -> Story:
    """The bot may not attach files. A link is posted at once, with the reason. Once the permission is back, the next
    result has its file."""
    server = yield from scene.settle()
    alerts = server.guild.channels[1]
    server.choose("alerts", alerts)
    job = scene.job(server, 40)
    server.status(job)
    yield 10.0
    scene.parts.discord.permit(server.channel, {"attach_files"})
    yield 50.0 + scene.parts.interval
    scene.came(job, server.channel, "https://", "(?i)attach", files=0)
    answer = server.admin("check")
    yield 8.0
    scene.says(answer, "Attach Files", never="Everything works")
    scene.parts.discord.permit(server.channel, set())
    yield 30.0
    later = scene.job(server, 40)
    server.status(later)
    yield 60.0 + scene.parts.interval
    scene.came(later, server.channel, _READY)
    answer = server.admin("check")
    yield 8.0
    scene.says(answer, never="Attach Files")


def files_then_posting(scene: Scene) -> Story:
    """First the permission to attach files is missing, then the one to post. Both are given back, and the file
    comes."""
    server = yield from scene.settle()
    job = scene.job(server, 40)
    server.status(job)
    yield 10.0
    scene.parts.discord.permit(server.channel, {"attach_files", "send_messages"})
    yield 400.0
    scene.missing(job, server.channel)
    scene.parts.discord.permit(server.channel, set())
    yield 60.0
    scene.came(job, server.channel, _READY)


def called_missing(scene: Scene) -> Story:
    """Discord reports a missing permission for every form of a result, though none is missing. Once that is over, the
    complete result comes. If it isn't over after three days, the result is given up like any other."""
    server = yield from scene.settle()
    other = server.guild.channels[1]
    end = scene.refuse(server.channel, Refusal(403, 50013, "Missing Permissions"), when=_is_outcome)
    job = scene.job(server, 40)
    server.status(job)
    yield 400.0
    scene.missing(job, server.channel)
    if scene.coin():
        end()
        yield 400.0
        scene.came(job, server.channel, _READY)
        return
    yield from scene.sleep(2.95 * 86400)
    yield 2 * 3600.0
    answer = server.command("pixverse-admin deliveries", 0, other)
    yield 6.0
    scene.says(answer, "Not posted")
    scene.void(server)


def no_posting(scene: Scene) -> Story:
    """The bot may not post for an hour. Admins are told once, and told when it is over, whatever happened to the notice
    or its channel. Then the results come at once."""
    server = yield from scene.settle()
    alerts = server.guild.channels[1]
    alert = scene.one_of(("stands", "deleted", "hidden", "archived"))
    if alert == "archived":
        alerts = scene.parts.discord.new_channel(server.guild, parent=alerts)
        yield 2.0
    server.choose("alerts", alerts)
    job, second = scene.job(server, 40), scene.job(server, 50)
    server.status(job)
    server.status(second)
    yield 10.0
    missing = scene.one_of(("send_messages", "view_channel"))
    scene.parts.discord.permit(server.channel, {missing})
    yield 3600.0
    scene.missing(job, server.channel)
    scene.one_notice(alerts, r"\*\*I can(?:'t)? post in")
    if missing == "send_messages":
        scene.card_says(job, server.channel, "can't post")
    checked = server.command("pixverse-admin check", 0, alerts)
    answer = server.command("pixverse-admin deliveries", 0, alerts)
    yield 8.0
    scene.says(checked, "2 results are waiting", r"I need \*[SV]", "Allow it there")
    scene.says(answer, "(?i)to be posted|permission|send messages|waiting")
    scene.expect(answer.text.count("Once that's fixed") == 1, f"one remedy is not told once: {answer.text!r}")
    match alert:
        case "deleted":
            alerts.messages.clear()
        case "hidden":
            scene.parts.discord.permit(alerts, {"view_channel"})
        case "archived":
            scene.parts.discord.set_thread(alerts, locked=False, archived=True)
    scene.parts.discord.permit(server.channel, set())
    yield 45.0
    scene.came(second, server.channel)
    scene.came(job, server.channel, "Late:" if not job.is_v2 else "")
    if alert == "hidden":
        yield 300.0
        scene.parts.discord.permit(alerts, set())
    yield 120.0
    alert_text = r"\*\*I can't post in"
    scene.expect(
        not scene.messages(alerts, alert_text) or alert == "archived", "a problem that is over is still reported"
    )
    scene.expect(bool(scene.messages(alerts, r"\*\*I can post in")), "nobody hears that posting works again")


def given_up_and_resent(scene: Scene) -> Story:
    """The permission is missing for more than three days, and the result is given up with a reason. An admin resends
    it, impatiently. A result that has waited less long goes on waiting."""
    server = yield from scene.settle()
    other = server.guild.channels[1]
    job, later = scene.job(server, 40), scene.job(server, 5 * 3600.0, "failed", v2=False)
    server.status(job)
    server.status(later)
    yield 10.0
    scene.parts.discord.permit(server.channel, {"send_messages"})
    yield 3600.0
    yield from scene.sleep(2.7 * 86400)
    yield 2 * 3600.0
    answer = server.command("pixverse-admin deliveries", 0, other)
    yield 6.0
    scene.says(answer, never="Resend")
    yield from scene.sleep(0.4 * 86400)
    yield 2 * 3600.0
    answer = server.command("pixverse-admin deliveries", 0, other)
    yield 6.0
    scene.says(answer, "Not posted")
    scene.parts.discord.permit(server.channel, set())
    yield 60.0
    scene.missing(job, server.channel)
    scene.came(later, server.channel)
    answer = server.command("pixverse-admin deliveries", 0, other)
    yield 6.0
    before = deepcopy(answer)
    for _ in range(3):
        server.press_in_reply(deepcopy(before), "Resend")
        yield scene.one_of((0.01, 0.2))
    yield 90.0
    scene.came(job, server.channel)


def lost_answers(scene: Scene) -> Story:
    """Discord stores a message, but no response arrives for longer than Discord knows the nonce."""
    server = yield from scene.settle()
    job = scene.job(server, 40)
    server.status(job)
    yield 20.0
    end = scene.lose(server.channel)
    yield 40.0
    if scene.coin():
        scene.turn_clock(scene.one_of((-3_600_000, 3_600_000)))
    yield scene.one_of((20.0, 300.0))
    if scene.coin():
        scene.kill(scene.one_of((2.0, 200.0)))
    yield 120.0
    end()
    yield 500.0
    scene.came(job, server.channel, _READY)
    answer = server.admin("deliveries")
    yield 6.0
    scene.says(answer, "Every result is posted")


def lost_once(scene: Scene) -> Story:
    """One response is lost. Meanwhile Discord responds with something else, or somebody deletes the message."""
    server = yield from scene.settle()
    job = scene.job(server, 40)
    kind = scene.one_of(("deleted", "refused", "page", "server error", "long"))
    lost = Trip(after=Reply(502, {"message": "bad gateway"})) if kind == "server error" else Trip(lost_back=True)
    page = Trip(refused=Reply(403, b"<html>forbidden</html>", content_type="text/html"))
    meets = {
        "refused": [lost, Trip(refused=Reply(403, {"message": "Missing Permissions", "code": 50013}))],
        "page": [lost, page, page, page],
        "long": [lost, Trip(there=200.0)],
    }.get(kind, [lost])

    def rule(request: Request) -> Trip | None:
        posts = request.method == "POST" and request.path.endswith(f"/channels/{server.channel.id}/messages")
        return meets.pop(0) if posts and meets and "outcome:details" in str(request.body) else None

    scene.on_discord(rule)
    server.status(job)
    yield 41.0
    waits = scene.parts.interval * 5 + 60 if kind == "deleted" else 0
    while waits and not scene.outcomes(job, server.channel):
        yield 0.2
        waits -= 1
    for posted in scene.outcomes(job, server.channel) if kind == "deleted" else ():
        server.channel.messages.pop(int(posted.message["id"]), None)
    yield 900.0
    scene.came(job, server.channel)


def died_in_between(scene: Scene) -> Story:
    """The process is killed around a post, and comes back once Discord has forgotten the nonce."""
    server = yield from scene.settle()
    job = scene.job(server, 40)
    server.status(job)
    yield 30.0
    downtime = scene.one_of(("short", "long", "set before", "set back while it is away"))
    scene.parts.machine.downtime = 1.0 if downtime == "short" else 240.0
    # After three steps the message is posted, and the bot hasn't received the response.
    waits = scene.random.randint(1, 14) if downtime in ("short", "set before") else 3

    def rule(request: Any) -> Trip | None:
        if request.method == "POST" and "outcome:details" in str(request.body) and scene.parts.machine.life == life:
            scene.parts.machine.dies_after = scene.parts.machine.dies_after or waits
        return None

    life = scene.parts.machine.life
    end = scene.on_discord(rule)
    if downtime == "set before":
        scene.turn_clock(scene.random.choice((-3_600_000, 3_600_000)))
    if downtime == "set back while it is away":
        while scene.parts.machine.runs:
            yield 1.0
        scene.turn_clock(-230_000)
    yield 200.0
    end()
    yield 700.0
    scene.turn_clock(0)
    scene.came(job, server.channel, _READY)


def died_unreadable(scene: Scene) -> Story:
    """The process is killed around a post, and the history can't be read, for a while or for good. Nothing is posted on
    a guess, and attempts become less and less frequent."""
    server = yield from scene.settle()
    job = scene.job(server, 40)
    server.status(job)
    yield 30.0
    machine = scene.parts.machine
    machine.downtime = 300.0
    life = machine.life
    stored, denied = scene.one_of(((True, True), (False, True), (True, False), (False, False)))
    looks = 0

    def rule(request: Any) -> Trip | None:
        if request.method == "POST" and "outcome:details" in str(request.body) and machine.life == life:
            machine.dies_after = machine.dies_after or (3 if stored else 1)
        if request.method == "GET" and request.path.endswith(f"/{server.channel.id}/messages") and not denied:
            nonlocal looks
            looks += 1
            return Trip(refused=_NO_HISTORIES[looks % len(_NO_HISTORIES)])
        return None

    end = scene.on_discord(rule)
    yield 60.0
    if denied:
        scene.parts.discord.permit(server.channel, {"read_message_history"})
    yield 700.0
    end()
    scene.expect(looks < 60, f"the history is asked for {looks} times in ten minutes")
    scene.expect(len(scene.outcomes(job, server.channel)) <= 1, "it is sent on a guess")
    scene.parts.discord.permit(server.channel, set())
    yield 1200.0
    there = scene.outcomes(job, server.channel)
    scene.expect(len(there) <= 1, f"{len(there)} results of {job.prompt}")
    if not there:
        answer = server.admin("deliveries")
        yield 6.0
        server.press_in_reply(answer, "Resend")
        yield 60.0
        scene.came(job, server.channel)
    yield 30.0


def forgotten_while_fetched(scene: Scene) -> Story:
    """Somebody has their data deleted while the file of their result is downloaded. The result doesn't ping them."""
    server = yield from scene.settle()
    job = scene.job(server, 40)
    server.status(job)
    fetched = False

    def rule(request: Request) -> Trip | None:
        nonlocal fetched
        fetched = fetched or request.path in job.paths
        return Trip(there=20.0) if request.path in job.paths else None

    scene.on_media(rule)
    while not fetched:
        yield 1.0
    question = server.command("pixverse forget-me", 1, server.guild.channels[1])
    yield 3.0
    server.press_in_reply(question, "Delete my data")
    yield 3.0
    scene.missing(job, server.channel)
    scene.parts.ledger.askers[(job.jobid, server.channel.id)].clear()
    yield 60.0
    scene.came(job, server.channel, never=f"<@{server.guild.members[1]}>")


def bot_refused(scene: Scene) -> Story:
    """Discord refuses the bot's own token. The process ends, and loses nothing. Started with a good token, it posts
    what has waited."""
    server = yield from scene.settle()
    other = yield from scene.settle()
    jobs = [(scene.job(one, 40), one) for one in (server, other)]
    for job, one in jobs:
        one.status(job)
    yield 20.0
    life, sent = scene.parts.machine.life, 0
    refused = Fault(scene.now, "bot_token", 0.0, 0)
    scene.parts.faults.begin(refused)

    def rule(request: Request) -> Trip | None:
        nonlocal sent
        if request.method != "POST" or not request.path.endswith("/messages") or scene.parts.machine.life != life:
            return None
        sent += 1
        return Trip(refused=Reply(401, {"message": "401: Unauthorized", "code": 0}))

    scene.on_discord(rule)
    yield 300.0
    scene.parts.faults.end(refused)
    scene.expect(sent <= 2, f"{sent} messages are sent with a token that Discord refuses")
    scene.expect(scene.parts.machine.life != life, "it goes on with a token that Discord refuses")
    yield 300.0
    for job, one in jobs:
        scene.came(job, one.channel)


def library_fails(scene: Scene) -> Story:
    """The HTTP library fails at a result's words in an undocumented way. The result comes in its plainest form, and
    others as usual."""
    server = yield from scene.settle()
    odd, plain = scene.job(server, 40), scene.job(server, 60)
    server.status(odd)
    server.status(plain)

    def rule(request: Request) -> None:
        body = str(request.body)
        if request.method == "POST" and "outcome:details" in body and odd.prompt in body:
            scene.parts.faults.record_effect(server.channel.id, "scene")
            raise RuntimeError(LIBRARY_FAILED)

    scene.on_discord(rule)
    yield 300.0
    scene.came(plain, server.channel)
    scene.came(odd, server.channel, r"completed · #\d+", files=0, never="boat")


def set_back_unreadable(scene: Scene) -> Story:
    """A result is posted, and the process dies. The next process is rate limited and can't read the history. Then the
    clock is set back, and Discord has forgotten the nonce. The result isn't posted on a guess."""
    server = yield from scene.settle()
    job = scene.job(server, 40)
    server.status(job)
    yield 20.0
    machine = scene.parts.machine
    life, machine.downtime = machine.life, 10.0

    limited = Trip(refused=Reply(429, {"message": "slow", "retry_after": 60.0, "global": False}, {"Retry-After": "60"}))

    def rule(request: Request) -> Trip | None:
        if "outcome:details" not in str(request.body):
            return None
        if machine.life == life:
            machine.dies_after = machine.dies_after or 3
            return None
        return limited

    end = scene.on_discord(rule)
    for _ in range(100):
        yield 1.0
        if not machine.runs:
            break
    scene.parts.discord.permit(server.channel, {"read_message_history"})
    yield 100.0
    scene.turn_clock(-95_000)
    yield 50.0
    end()
    yield 600.0
    scene.came(job, server.channel)
    scene.turn_clock(0)
    scene.parts.discord.permit(server.channel, set())


def lost_unreadable(scene: Scene) -> Story:
    """No response arrives for longer than Discord knows a nonce, and the history can't be read. Nothing is posted on a
    guess, admins can see that, and nothing of the delivery stays in memory."""
    server = yield from scene.settle()
    job = scene.job(server, 40)
    server.status(job)
    yield 20.0
    scene.parts.discord.permit(server.channel, {"read_message_history"})
    end = scene.lose(server.channel)
    yield 400.0
    end()
    answer = server.admin("deliveries")
    yield 6.0
    scene.says(answer, "May have arrived")
    refused = server.press_in_reply(answer, "Resend", demoted=True)
    yield 6.0
    scene.says(refused, "Manage Server")
    scene.parts.discord.permit(server.channel, set())
    yield 300.0
    # Discord refused the reply, and the refusal was lost.
    scene.missing(job, server.channel)
    kept = [name for name, entries in entries_kept().items() if entries and name.startswith(_OF_THE_SENDER)]
    scene.expect(not kept, f"{kept} still knows of a result that has come to its end")


def unanswered_in_a_channel_that_goes(scene: Scene) -> Story:
    """A post gets no response, and then its channel is deleted. Nothing of the delivery stays in memory."""
    server = yield from scene.settle()
    channel = server.guild.channels[1]
    job = scene.job(server, 40)
    server.status(job, 1, channel)
    yield 20.0
    scene.lose(channel, back=False)
    yield 50.0 + scene.parts.interval
    scene.void(server)
    scene.parts.discord.delete_channel(channel)
    yield 300.0
    kept = [name for name, entries in entries_kept().items() if entries and name.startswith(_OF_THE_SENDER)]
    scene.expect(not kept, f"{kept} still knows of a result whose channel is gone")


def again(scene: Scene) -> Story:
    """A result is requested again. The bot links to it, and posts it again once for each press, without a ping."""
    server = yield from scene.settle()
    job = scene.job(server, 30)
    server.status(job)
    yield 60.0 + scene.parts.interval
    scene.came(job, server.channel)
    # A result that somebody wants again isn't late.
    yield 700.0
    answer = server.status(job, 2)
    yield 8.0
    scene.says(answer, "Already posted here")
    scene.came(job, server.channel)
    promise = scene.parts.ledger.promises[(job.jobid, server.channel.id)]
    promise.extra += 1
    before = deepcopy(answer)
    server.press_in_reply(deepcopy(before), "ost it again")
    server.press_in_reply(before, "ost it again")
    yield 30.0
    scene.came(job, server.channel, times=2, never="Late:")
    last = promise.outcomes[-1]
    scene.expect(not last.pings, f"pings {set(last.pings)} again")
    answer = server.command("pixverse status", 3, server.guild.channels[1], jobid=job.jobid, jobs=[job])
    yield 8.0
    scene.came(job, server.guild.channels[1])


def slow_channel(scene: Scene) -> Story:
    """A channel hangs, or the host of its files. Other channels get their results. If it is the host, this channel gets
    results without files, too."""
    server = yield from scene.settle()
    slow, quick = server.channel, server.guild.channels[1]
    held = [scene.job(server, 45, v2=False) for _ in range(3)]
    failed, last = scene.job(server, 45, "failed", v2=False), scene.job(server, 45, v2=False)
    for number, job in enumerate([*held, failed]):
        server.status(job, 1 + number, slow)
    server.status(last, 1, quick)
    by_discord = scene.coin()
    if by_discord:
        scene.on_discord(
            lambda request: Trip(there=50.0)
            if request.method == "POST" and request.path.endswith(f"/{slow.id}/messages")
            and "outcome:details" in str(request.body) else None
        )  # fmt: skip
    else:
        paths = [path for job in held for path in job.paths]
        scene.on_media(lambda request: Trip(there=1000.0) if request.path in paths else None)
    yield 46.0
    for number, job in enumerate(held):
        server.press(scene.card(job, slow), "Check now", 1 + number)
    yield 4.0
    server.press(scene.card(failed, slow), "Check now", 4)
    server.press(scene.card(last, quick), "Check now", 5, quick)
    yield 15.0
    scene.came(last, quick)
    if not by_discord:
        scene.came(failed, slow)
    yield 900.0
    for job in held:
        scene.came(job, slow, files=1 if by_discord else 0)


def too_many_at_once(scene: Scene) -> Story:
    """A global rate limit begins while a history is read and people wait for replies."""
    server = yield from scene.settle()
    job = scene.job(server, 40)
    server.status(job)
    yield 20.0
    wait = scene.one_of((20.0, 45.0))
    limited = [1]

    def rule(request: Any) -> Trip | None:
        if request.method not in ("POST", "PATCH") or "/channels/" not in request.path or not limited[0]:
            return None
        limited[0] -= 1
        body = {"message": "slow down", "retry_after": wait, "global": True}
        return Trip(refused=Reply(429, body, {"Retry-After": str(wait), "X-RateLimit-Global": "true"}))

    scene.on_discord(rule)
    yield 150.0 + wait
    scene.came(job, server.channel)
    later = scene.job(server, 20)
    answer = server.status(later)
    yield 10.0
    scene.says(answer, "Watching")
    yield 60.0 + scene.parts.interval
    scene.came(later, server.channel)


def limited_in_a_look(scene: Scene) -> Story:
    """A look into a history meets a global rate limit and is cancelled during it. Another request may meet a longer
    limit meanwhile. Afterwards no request is held back, even if a wait of months was named before."""
    server = yield from scene.settle()
    other = yield from scene.settle()
    kind = scene.one_of(("once", "after one of months", "twice"))
    if kind == "after one of months":
        thread = scene.parts.discord.new_channel(server.guild, parent=server.channel)
        scene.parts.discord.set_thread(thread, locked=False, archived=True)
        end = scene.on_discord(
            lambda request: _global_limit(0.05, 1e7) if request.path.endswith(f"{thread.id}") else None
        )
        server.choose("alerts", thread)
        yield 20.0
        end()
        yield 3700.0
    job, soon, waits = scene.job(server, 40), scene.job(other, 400), scene.job(other, 400)
    server.status(job)
    yield 20.0
    # discord.py waits at most thirty seconds, and a look takes at most as long, including the request.
    there, wait = 6.0, scene.one_of((26.0, 29.0))
    ends_at: list[float] = []

    def ask_soon() -> None:
        other.status(soon)

    def ask_while_it_lasts() -> None:
        other.status(waits, 2, other.guild.channels[1])

    def rule(request: Request) -> Trip | None:
        if request.method == "GET" and request.path.endswith(f"/{server.channel.id}/messages") and not ends_at:
            ends_at.append(scene.now + there + wait)
            if kind == "twice":
                scene.parts.scheduler.after(1.0, ask_soon)
                scene.parts.scheduler.after(20.0, ask_while_it_lasts)
            return _global_limit(there, wait)
        if kind == "twice" and len(ends_at) == 1 and request.path.endswith(f"/{other.channel.id}/messages"):
            ends_at.append(scene.now + 12.0 + 29.0)
            return _global_limit(12.0, 29.0)
        return None

    end = scene.lose(server.channel)
    scene.on_discord(rule)
    for _ in range(600):
        if ends_at and scene.now > ends_at[-1] + 1.0:
            break
        yield 1.0
    scene.expect(bool(ends_at), "no history was read")
    end()
    later = scene.job(other, 20)
    other.status(later, 3)
    yield 10.0
    card = any(scene.parts.ledger.cards.get(str(number)) is later for number in other.channel.messages)
    scene.expect(card, f"no card of {later.prompt} comes after the limit")
    yield 400.0
    scene.came(job, server.channel)
    scene.came(later, other.channel)


def limit_used_up(scene: Scene) -> Story:
    """Each message uses up a channel's rate limit. The bot knows at once that a message was posted, not only when the
    limit is over."""
    server = yield from scene.settle()
    job = scene.job(server, 60)
    limit = {"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "25",
             "X-RateLimit-Bucket": "messages"}  # fmt: skip
    path = f"/channels/{server.channel.id}/messages"
    scene.on_discord(
        lambda request: Trip(headers=limit) if request.method == "POST" and request.path.endswith(path) else None
    )
    answer = server.status(job)
    yield 6.0
    scene.says(answer, "Jump to the card")
    for _ in range(200):
        yield 1.0
        if scene.outcomes(job, server.channel):
            break
    yield 8.0
    scene.card_says(job, server.channel, r"\*\*Done")


def boosted(scene: Scene) -> Story:
    """The bot learns a server's limit for files. Then the server is boosted, or a command shows a larger limit."""
    server = yield from scene.settle()
    end = scene.refuse(server.channel, Refusal(413, 40005, "Request entity too large"), when=_has_files)
    boosted, v2 = scene.coin(), scene.coin()
    # The files of both jobs have the same size.
    job, later = scene.job(server, 30, v2=v2), scene.job(server, 400, v2=v2)
    server.status(job)
    if boosted:
        server.status(later)
    yield 90.0 + scene.parts.interval
    scene.came(job, server.channel, "https://", files=0)
    end()
    if boosted:
        server.guild.premium_tier = 2
        scene.parts.discord.emit("GUILD_UPDATE", server.guild, scene.parts.discord.guild_payload(server.guild))
    else:
        # A command shows how large a file may be, which works as well.
        server.status(later)
    yield 500.0
    scene.came(later, server.channel, _READY)


def token_of_the_bot(scene: Scene) -> Story:
    """Discord refuses the bot's own token when only a card is to be edited. The process ends. With a token that works
    everything continues."""
    server = yield from scene.settle()
    job = scene.job(server, 400, v2=False, steps=20)
    server.status(job)
    yield 60.0
    life, refused = scene.parts.machine.life, Trip(refused=Reply(401, {"message": "401: Unauthorized", "code": 0}))
    fault = Fault(scene.now, "bot_token", 0.0, 0)
    scene.parts.faults.begin(fault)
    end = scene.on_discord(lambda request: None if _answers_people(request) else refused)
    yield 100.0
    scene.expect(scene.parts.machine.life > life or not scene.parts.machine.runs, "the bot runs on with a dead token")
    end()
    yield 120.0
    scene.parts.faults.end(fault)
    yield 600.0
    scene.came(job, server.channel)


def _answers_people(request: Request) -> bool:
    return "/interactions/" in request.path or "/webhooks/" in request.path


def token_of_the_bot_at_a_card(scene: Scene) -> Story:
    """Discord refuses the bot's own token when a card is to be posted. Whoever asked gets a reply, and the process
    ends. With a token that works the card comes."""
    server = yield from scene.settle()
    fault = Fault(scene.now, "bot_token", 0.0, 0)
    scene.parts.faults.begin(fault)
    refused = Trip(refused=Reply(401, {"message": "401: Unauthorized", "code": 0}))
    end = scene.on_discord(lambda request: None if _answers_people(request) else refused)
    job = scene.job(server, 400)
    answer = server.status(job)
    yield 20.0
    scene.says(answer, "Watching")
    end()
    yield 120.0
    scene.parts.faults.end(fault)
    yield 600.0
    scene.came(job, server.channel)


def batch(scene: Scene) -> Story:
    """Several jobs as one batch: one summary, one ping at the end, and a correct count."""
    server = yield from scene.settle()
    ends = ["completed", "completed", "failed", scene.one_of(("moderated", "completed"))]
    jobs = [scene.job(server, 30 + 40 * k, end, v2=False) for k, end in enumerate(ends)]
    own = scene.coin()
    if own:
        # Whoever also asked for one of the jobs alone is pinged once for each.
        server.status(jobs[3])
        yield 10.0
    linked = scene.one_of(("", "refused", "", "no video"))
    if linked == "refused":
        scene.refuse(server.channel, Refusal(403, 400001, "Uploads limited"), when=_has_files, times=1)
    elif linked:
        reply = Reply(200, b"Come back later.", content_type="text/plain")
        scene.on_media(lambda request: Trip(refused=reply) if request.path in jobs[0].paths else None)
    group = jobs[:3] if own else jobs
    answer = server.watch(group)
    yield 10.0
    scene.says(answer, f"Watching {len(group)} jobs")
    # Whoever also asks for the last one alone is pinged in its result, and not again with the count.
    server.status(group[-1])
    yield 400.0
    for job in jobs:
        scene.came(job, server.channel, files=None if not linked or job.end != "completed" else len(
            scene.outcomes(job, server.channel)[-1].files))  # fmt: skip
    last = [one for one in (scene.outcomes(job, server.channel)[-1] for job in group) if "All " in text_of(one.message)]
    scene.expect(len(last) == 1, f"{len(last)} results tell of the end of the group")
    pinged = [one for job in group for one in scene.outcomes(job, server.channel) if one.pings]
    scene.expect(len(pinged) == 1 and pinged == last, f"{len(pinged)} pings for a group")
    done = sum(job.end == "completed" for job in group) - bool(linked)
    text = text_of(last[0].message)
    scene.expect(f"{done} video" in text or done == 0, f"not {done} videos: {text!r}")
    scene.expect(text.count(f"<@{server.guild.members[1]}>") == 1, f"mentioned more than once: {text!r}")
    if linked:
        scene.expect("1 as a link" in text, f"a link is not counted: {text!r}")


def doubted(scene: Scene) -> Story:
    """A result is posted, but Discord responds with an error, or a proxy with something of its own. A later refusal of
    the same message doesn't count, and the result isn't posted in another form."""
    server = yield from scene.settle(channels=3)
    error, page = Reply(502, {"message": "bad gateway"}), Reply(499, b"<html>away</html>", content_type="text/html")
    refused = Reply(400, {"message": "Explicit content cannot be sent", "code": 20009})
    meets = [
        [Trip(after=error), Trip(refused=refused)],
        [Trip(after=page)],
        [Trip(lost_back=True), Trip(refused=refused)],
    ]

    def rule(request: Request) -> Trip | None:
        if "outcome:details" not in str(request.body):
            return None
        for channel, trips in zip(server.guild.channels, meets, strict=True):
            if request.path.endswith(f"/channels/{channel.id}/messages") and trips:
                return trips.pop(0)
        return None

    scene.on_discord(rule)
    jobs = [scene.job(server, 40) for _ in meets]
    for job, channel in zip(jobs, server.guild.channels, strict=True):
        server.status(job, 1, channel)
    yield 400.0
    for job, channel in zip(jobs, server.guild.channels, strict=True):
        scene.came(job, channel)


def kept_until_posted(scene: Scene) -> Story:
    """A result couldn't be posted before the bot was offline for more than a month. It comes all the same."""
    server = yield from scene.settle()
    job = scene.job(server, 40, v2=False)
    server.status(job)
    yield 30.0
    path = f"/channels/{server.channel.id}/messages"
    busy = Trip(refused=Reply(503, {"message": "no"}))
    end = scene.on_discord(lambda request: busy if request.method == "POST" and request.path.endswith(path) else None)
    yield 60.0 + scene.parts.interval
    scene.missing(job, server.channel)
    yield from scene.sleep(32 * 86400.0)
    yield 60.0
    end()
    yield 400.0
    scene.came(job, server.channel, "Late:", files=0)


def taken_late(scene: Scene) -> Story:
    """Discord's rate limit lasts for a quarter of an hour. A result that it delays is called late for that reason
    alone."""
    server = yield from scene.settle()
    job = scene.job(server, 40, v2=False)
    server.status(job)
    yield 20.0
    path = f"/channels/{server.channel.id}/messages"
    slow = Trip(refused=Reply(429, {"message": "slow", "retry_after": 90.0, "global": False}, {"Retry-After": "90"}))
    end = scene.on_discord(lambda request: slow if request.method == "POST" and request.path.endswith(path) else None)
    yield 1000.0
    end()
    yield 400.0
    scene.came(job, server.channel, "Late:", "Posting it took that long", never="offline")


def restored(scene: Scene) -> Story:
    """The database is lost just after a result and a card were posted, and a backup from before is restored. While
    Discord remembers the nonces, nothing is in the channel twice, and what was asked for since can be asked for
    again."""
    server = yield from scene.settle()
    before, since = scene.job(server, 60, v2=False), scene.job(server, 200, v2=False)
    server.status(before)
    yield 20.0
    scene.parts.machine.back_up()
    yield from scene.until(lambda: bool(scene.outcomes(before, server.channel)))
    yield 2.0
    server.status(since, 2)
    yield 6.0
    scene.parts.machine.restore()
    scene.kill(2.0)
    yield 45.0 + scene.parts.interval
    scene.came(before, server.channel)
    answer = server.status(since, 2)
    yield 8.0
    scene.says(answer, "[Ww]atching")
    scene.expect(len(scene.cards(since, server.channel)) == 1, "a card is in the channel twice")
    yield 200.0 + 2.0 * scene.parts.interval
    scene.came(before, server.channel)
    scene.came(since, server.channel)
    listed = server.admin("deliveries")
    yield 6.0
    scene.says(listed, before.prompt, since.prompt, never="(?i)not posted|can't tell")
