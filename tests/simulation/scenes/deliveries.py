"""What can happen to a result at Discord: refusals of every kind, lost responses, and processes that die halfway."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tests.simulation.discord_world import Refusal, text_of
from tests.simulation.fault_injector import LIBRARY_FAILED
from tests.simulation.memory import entries_kept
from tests.simulation.plan import Fault
from tests.simulation.stage import Stage, Story
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


def files_refused(stage: Stage) -> Story:
    """Discord refuses files for reasons other than permissions: results come at once without them. A day later they
    have files again."""
    watched = []
    for refusal in _FOR_FILES:
        home = yield from stage.settle()
        stage.refuse(home.channel, refusal, when=_has_files)
        job = stage.job(home, 40)
        home.status(job)
        watched.append((refusal, home, job))
    yield 45.0 + stage.parts.interval + 30.0
    for refusal, home, job in watched:
        stage.came(
            job, home.channel, "https://", job.prompt, files=0, never="[Pp]ermission|may not attach|can't attach"
        )
        answer, checked = home.admin("deliveries"), home.admin("check")
        yield 10.0
        stage.says(answer, never="permission")
        if refusal.code == _UPLOADS_LIMITED:
            stage.says(checked, "(?i)limiting uploads", never="Everything works|posting, files and replies")
    stage.parts.faults.refusal_rules.clear()
    yield from stage.sleep(26 * 3600.0)
    for _, home, _ in watched:
        later = stage.job(home, 40)
        home.status(later)
        yield 100.0 + stage.parts.interval
        stage.came(later, home.channel, _READY)


def words_refused(stage: Stage) -> Story:
    """Discord refuses the API's words. Files come at once without them, and no attempt leaves the files out if Discord
    names the cause."""
    watched = []
    tried: list[tuple[str, int]] = []

    def note(request: Request) -> None:
        if "completed ·" in str(request.body):
            tried.append((request.path, len(request.files)))

    stage.on_discord(note)
    for refusal in _FOR_WORDS:
        home = yield from stage.settle()
        stage.refuse(home.channel, refusal, when=_has_words)
        job, failed = stage.job(home, 40), stage.job(home, 40, "failed")
        home.status(job)
        home.status(failed)
        watched.append((refusal, home, job, failed))
    yield 80.0 + stage.parts.interval + 30.0
    for refusal, home, job, failed in watched:
        stage.came(job, home.channel, r"completed · #\d+", never="boat")
        stage.came(failed, home.channel, r"failed · #\d+", never="boat")
        files = [number for path, number in tried if path.endswith(f"/{home.channel.id}/messages")]
        stage.expect(all(files) or refusal.code in _NAMES_NO_WORDS, f"a file is left out for words: {files}")


def too_large_together(stage: Stage) -> Story:
    """Discord accepts two of three files. The third one is a link."""
    home = yield from stage.settle()
    stage.refuse(home.channel, Refusal(413, 40005, "Request entity too large"), when=lambda _body, files: files > 2)
    job = stage.job(home, 40, v2=False, files=3)
    home.status(job)
    yield 75.0 + stage.parts.interval
    stage.came(job, home.channel, "https://", files=2)


def anything_refused(stage: Stage) -> Story:
    """Discord accepts neither words nor files."""
    refusal = stage.one_of((Refusal(400, 987654, "New"), Refusal(400, 20009, "No"), Refusal(403, 987655, "New")))
    home = yield from stage.settle()
    end = stage.refuse(home.channel, refusal, when=lambda body, files: files > 0 or _has_words(body, files))
    job = stage.job(home, 40)
    home.status(job)
    yield 120.0 + stage.parts.interval
    stage.came(job, home.channel, r"completed · #\d+", files=0, never="boat")
    end()


def reply_refused(stage: Stage) -> Story:
    """Discord refuses the result as a reply. It comes complete, but not as a reply."""
    watched = []
    for refusal in _FOR_THE_REPLY:
        home = yield from stage.settle()
        stage.refuse(home.channel, refusal, when=_replies)
        job = stage.job(home, 40)
        home.status(job)
        watched.append((home, job))
    yield 100.0 + stage.parts.interval
    for home, job in watched:
        stage.came(job, home.channel, _READY, job.prompt)


def card_deleted(stage: Stage) -> Story:
    """The card that the result replies to is gone."""
    home = yield from stage.settle()
    job = stage.job(home, 40)
    home.status(job)
    yield 15.0
    del home.channel.messages[int(stage.card(job, home.channel)["id"])]
    posts: list[Request] = []
    stage.on_discord(lambda request: posts.append(request) if "outcome:details" in str(request.body) else None)
    yield 60.0 + stage.parts.interval
    stage.came(job, home.channel, _READY)
    stage.expect(len(posts) == 1, f"Discord takes the result at the {len(posts)}. try")


def passing_refusal(stage: Stage) -> Story:
    """Discord reports a missing permission a few times though none is missing. The result keeps its file. Rate limits
    don't count as such reports, and neither does a report from before something else happened."""
    home = yield from stage.settle()
    job = stage.job(home, 40)
    limited = [stage.one_of((0, 2))]

    limited_at: list[float] = []

    def rule(request: Request) -> Trip | None:
        if request.method != "POST" or str(home.channel.id) not in request.path or not request.files:
            return None
        too_soon = bool(limited_at) and stage.now - limited_at[-1] < 85.0
        stage.expect(not too_soon, "Discord asked to wait, and is asked again")
        if not limited[0]:
            return None
        limited[0] -= 1
        limited_at.append(stage.now)
        return Trip(
            refused=Reply(429, {"message": "slow", "retry_after": 90.0, "global": False}, {"Retry-After": "90"})
        )

    stage.on_discord(rule)
    for code in stage.one_of(((50013,), (50013, 50013), (50001,), (50013, 50013, 50001, 50013, 50013))):
        stage.refuse(home.channel, Refusal(403, code, "Missing"), when=_has_files, times=1)
    home.status(job)
    yield 900.0
    stage.came(job, home.channel, _READY)


def no_attachments(stage: Stage) -> Story:
    """The bot may not attach files. A link is posted at once, with the reason. Once the permission is back, the next
    result has its file."""
    home = yield from stage.settle()
    alerts = home.guild.channels[1]
    home.choose("alerts", alerts)
    job = stage.job(home, 40)
    home.status(job)
    yield 10.0
    stage.parts.discord.permit(home.channel, {"attach_files"})
    yield 50.0 + stage.parts.interval
    stage.came(job, home.channel, "https://", "(?i)attach", files=0)
    answer = home.admin("check")
    yield 8.0
    stage.says(answer, "Attach Files", never="Everything works")
    stage.parts.discord.permit(home.channel, set())
    yield 30.0
    later = stage.job(home, 40)
    home.status(later)
    yield 60.0 + stage.parts.interval
    stage.came(later, home.channel, _READY)
    answer = home.admin("check")
    yield 8.0
    stage.says(answer, never="Attach Files")


def files_then_posting(stage: Stage) -> Story:
    """First the permission to attach files is missing, then the one to post. Both are given back, and the file
    comes."""
    home = yield from stage.settle()
    job = stage.job(home, 40)
    home.status(job)
    yield 10.0
    stage.parts.discord.permit(home.channel, {"attach_files", "send_messages"})
    yield 400.0
    stage.missing(job, home.channel)
    stage.parts.discord.permit(home.channel, set())
    yield 60.0
    stage.came(job, home.channel, _READY)


def called_missing(stage: Stage) -> Story:
    """Discord reports a missing permission for every form of a result, though none is missing. Once that is over, the
    complete result comes. If it isn't over after three days, the result is given up like any other."""
    home = yield from stage.settle()
    other = home.guild.channels[1]
    end = stage.refuse(home.channel, Refusal(403, 50013, "Missing Permissions"), when=_is_outcome)
    job = stage.job(home, 40)
    home.status(job)
    yield 400.0
    stage.missing(job, home.channel)
    if stage.coin():
        end()
        yield 400.0
        stage.came(job, home.channel, _READY)
        return
    yield from stage.sleep(2.95 * 86400)
    yield 2 * 3600.0
    answer = home.command("pixverse-admin deliveries", 0, other)
    yield 6.0
    stage.says(answer, "Not posted")
    stage.void(home)


def no_posting(stage: Stage) -> Story:
    """The bot may not post for an hour. Admins are told once, and told when it is over, whatever happened to the notice
    or its channel. Then the results come at once."""
    home = yield from stage.settle()
    alerts = home.guild.channels[1]
    alert = stage.one_of(("stands", "deleted", "hidden", "archived"))
    if alert == "archived":
        alerts = stage.parts.discord.new_channel(home.guild, parent=alerts)
        yield 2.0
    home.choose("alerts", alerts)
    job, second = stage.job(home, 40), stage.job(home, 50)
    home.status(job)
    home.status(second)
    yield 10.0
    missing = stage.one_of(("send_messages", "view_channel"))
    stage.parts.discord.permit(home.channel, {missing})
    yield 3600.0
    stage.missing(job, home.channel)
    stage.one_notice(alerts, r"\*\*I can(?:'t)? post in")
    if missing == "send_messages":
        stage.card_says(job, home.channel, "can't post")
    checked = home.command("pixverse-admin check", 0, alerts)
    answer = home.command("pixverse-admin deliveries", 0, alerts)
    yield 8.0
    stage.says(checked, "2 results are waiting", r"I need \*[SV]", "Allow it there")
    stage.says(answer, "(?i)to be posted|permission|send messages|waiting")
    stage.expect(answer.text.count("once that's fixed") == 1, f"one remedy is not told once: {answer.text!r}")
    match alert:
        case "deleted":
            alerts.messages.clear()
        case "hidden":
            stage.parts.discord.permit(alerts, {"view_channel"})
        case "archived":
            stage.parts.discord.set_thread(alerts, locked=False, archived=True)
    stage.parts.discord.permit(home.channel, set())
    yield 45.0
    stage.came(second, home.channel)
    stage.came(job, home.channel, "Late:" if not job.is_v2 else "")
    if alert == "hidden":
        yield 300.0
        stage.parts.discord.permit(alerts, set())
    yield 120.0
    alert_text = r"\*\*I can't post in"
    stage.expect(
        not stage.messages(alerts, alert_text) or alert == "archived", "a problem that is over is still reported"
    )
    stage.expect(bool(stage.messages(alerts, r"\*\*I can post in")), "nobody hears that posting works again")


def given_up_and_resent(stage: Stage) -> Story:
    """The permission is missing for more than three days, and the result is given up with a reason. An admin resends
    it, impatiently. A result that has waited less long goes on waiting."""
    home = yield from stage.settle()
    other = home.guild.channels[1]
    job, later = stage.job(home, 40), stage.job(home, 5 * 3600.0, "failed", v2=False)
    home.status(job)
    home.status(later)
    yield 10.0
    stage.parts.discord.permit(home.channel, {"send_messages"})
    yield 3600.0
    yield from stage.sleep(2.7 * 86400)
    yield 2 * 3600.0
    answer = home.command("pixverse-admin deliveries", 0, other)
    yield 6.0
    stage.says(answer, never="Resend")
    yield from stage.sleep(0.4 * 86400)
    yield 2 * 3600.0
    answer = home.command("pixverse-admin deliveries", 0, other)
    yield 6.0
    stage.says(answer, "Not posted")
    stage.parts.discord.permit(home.channel, set())
    yield 60.0
    stage.missing(job, home.channel)
    stage.came(later, home.channel)
    answer = home.command("pixverse-admin deliveries", 0, other)
    yield 6.0
    before = deepcopy(answer)
    for _ in range(3):
        home.press_in_reply(deepcopy(before), "Resend")
        yield stage.one_of((0.01, 0.2))
    yield 90.0
    stage.came(job, home.channel)


def lost_answers(stage: Stage) -> Story:
    """Discord stores a message, but no response arrives for longer than Discord knows the nonce."""
    home = yield from stage.settle()
    job = stage.job(home, 40)
    home.status(job)
    yield 20.0
    end = stage.lose(home.channel)
    yield 40.0
    if stage.coin():
        stage.turn_clock(stage.one_of((-3_600_000, 3_600_000)))
    yield stage.one_of((20.0, 300.0))
    if stage.coin():
        stage.kill(stage.one_of((2.0, 200.0)))
    yield 120.0
    end()
    yield 500.0
    stage.came(job, home.channel, _READY)
    answer = home.admin("deliveries")
    yield 6.0
    stage.says(answer, "Every result is posted")


def lost_once(stage: Stage) -> Story:
    """One response is lost. Meanwhile Discord responds with something else, or somebody deletes the message."""
    home = yield from stage.settle()
    job = stage.job(home, 40)
    kind = stage.one_of(("deleted", "refused", "page", "server error", "long"))
    lost = Trip(after=Reply(502, {"message": "bad gateway"})) if kind == "server error" else Trip(lost_back=True)
    page = Trip(refused=Reply(403, b"<html>forbidden</html>", content_type="text/html"))
    meets = {
        "refused": [lost, Trip(refused=Reply(403, {"message": "Missing Permissions", "code": 50013}))],
        "page": [lost, page, page, page],
        "long": [lost, Trip(there=200.0)],
    }.get(kind, [lost])

    def rule(request: Request) -> Trip | None:
        posts = request.method == "POST" and request.path.endswith(f"/channels/{home.channel.id}/messages")
        return meets.pop(0) if posts and meets and "outcome:details" in str(request.body) else None

    stage.on_discord(rule)
    home.status(job)
    yield 41.0
    waits = stage.parts.interval * 5 + 60 if kind == "deleted" else 0
    while waits and not stage.outcomes(job, home.channel):
        yield 0.2
        waits -= 1
    for posted in stage.outcomes(job, home.channel) if kind == "deleted" else ():
        home.channel.messages.pop(int(posted.message["id"]), None)
    yield 900.0
    stage.came(job, home.channel)


def died_in_between(stage: Stage) -> Story:
    """The process is killed around a post, and comes back once Discord has forgotten the nonce."""
    home = yield from stage.settle()
    job = stage.job(home, 40)
    home.status(job)
    yield 30.0
    downtime = stage.one_of(("short", "long", "set before", "set back while it is away"))
    stage.parts.machine.downtime = 1.0 if downtime == "short" else 240.0
    # After three steps the message is posted, and the bot hasn't received the response.
    waits = stage.random.randint(1, 14) if downtime in ("short", "set before") else 3

    def rule(request: Any) -> Trip | None:
        if request.method == "POST" and "outcome:details" in str(request.body) and stage.parts.machine.life == life:
            stage.parts.machine.dies_after = stage.parts.machine.dies_after or waits
        return None

    life = stage.parts.machine.life
    end = stage.on_discord(rule)
    if downtime == "set before":
        stage.turn_clock(stage.random.choice((-3_600_000, 3_600_000)))
    if downtime == "set back while it is away":
        while stage.parts.machine.runs:
            yield 1.0
        stage.turn_clock(-230_000)
    yield 200.0
    end()
    yield 700.0
    stage.turn_clock(0)
    stage.came(job, home.channel, _READY)


def died_unreadable(stage: Stage) -> Story:
    """The process is killed around a post, and the history can't be read, for a while or for good. Nothing is posted on
    a guess, and attempts become less and less frequent."""
    home = yield from stage.settle()
    job = stage.job(home, 40)
    home.status(job)
    yield 30.0
    machine = stage.parts.machine
    machine.downtime = 300.0
    life = machine.life
    stored, denied = stage.one_of(((True, True), (False, True), (True, False), (False, False)))
    looks = 0

    def rule(request: Any) -> Trip | None:
        if request.method == "POST" and "outcome:details" in str(request.body) and machine.life == life:
            machine.dies_after = machine.dies_after or (3 if stored else 1)
        if request.method == "GET" and request.path.endswith(f"/{home.channel.id}/messages") and not denied:
            nonlocal looks
            looks += 1
            return Trip(refused=_NO_HISTORIES[looks % len(_NO_HISTORIES)])
        return None

    end = stage.on_discord(rule)
    yield 60.0
    if denied:
        stage.parts.discord.permit(home.channel, {"read_message_history"})
    yield 700.0
    end()
    stage.expect(looks < 60, f"the history is asked for {looks} times in ten minutes")
    stage.expect(len(stage.outcomes(job, home.channel)) <= 1, "it is sent on a guess")
    stage.parts.discord.permit(home.channel, set())
    yield 1200.0
    there = stage.outcomes(job, home.channel)
    stage.expect(len(there) <= 1, f"{len(there)} results of {job.prompt}")
    if not there:
        answer = home.admin("deliveries")
        yield 6.0
        home.press_in_reply(answer, "Resend")
        yield 60.0
        stage.came(job, home.channel)
    yield 30.0


def forgotten_while_fetched(stage: Stage) -> Story:
    """Somebody has their data deleted while the file of their result is downloaded. The result doesn't ping them."""
    home = yield from stage.settle()
    job = stage.job(home, 40)
    home.status(job)
    fetched = False

    def rule(request: Request) -> Trip | None:
        nonlocal fetched
        fetched = fetched or request.path in job.paths
        return Trip(there=20.0) if request.path in job.paths else None

    stage.on_media(rule)
    while not fetched:
        yield 1.0
    question = home.command("pixverse forget-me", 1, home.guild.channels[1])
    yield 3.0
    home.press_in_reply(question, "Delete my data")
    yield 3.0
    stage.missing(job, home.channel)
    stage.parts.ledger.askers[(job.jobid, home.channel.id)].clear()
    yield 60.0
    stage.came(job, home.channel, never=f"<@{home.guild.members[1]}>")


def bot_refused(stage: Stage) -> Story:
    """Discord refuses the bot's own token. The process ends, and loses nothing. Started with a good token, it posts
    what has waited."""
    home = yield from stage.settle()
    other = yield from stage.settle()
    jobs = [(stage.job(one, 40), one) for one in (home, other)]
    for job, one in jobs:
        one.status(job)
    yield 20.0
    life, sent = stage.parts.machine.life, 0
    refused = Fault(stage.now, "bot_token", 0.0, 0)
    stage.parts.faults.begin(refused)

    def rule(request: Request) -> Trip | None:
        nonlocal sent
        if request.method != "POST" or not request.path.endswith("/messages") or stage.parts.machine.life != life:
            return None
        sent += 1
        return Trip(refused=Reply(401, {"message": "401: Unauthorized", "code": 0}))

    stage.on_discord(rule)
    yield 300.0
    stage.parts.faults.end(refused)
    stage.expect(sent <= 2, f"{sent} messages are sent with a token that Discord refuses")
    stage.expect(stage.parts.machine.life != life, "it goes on with a token that Discord refuses")
    yield 300.0
    for job, one in jobs:
        stage.came(job, one.channel)


def library_fails(stage: Stage) -> Story:
    """The HTTP library fails at a result's words in an undocumented way. The result comes in its plainest form, and
    others as usual."""
    home = yield from stage.settle()
    odd, plain = stage.job(home, 40), stage.job(home, 60)
    home.status(odd)
    home.status(plain)

    def rule(request: Request) -> None:
        body = str(request.body)
        if request.method == "POST" and "outcome:details" in body and odd.prompt in body:
            stage.parts.faults.record_effect(home.channel.id, "scene")
            raise RuntimeError(LIBRARY_FAILED)

    stage.on_discord(rule)
    yield 300.0
    stage.came(plain, home.channel)
    stage.came(odd, home.channel, r"completed · #\d+", files=0, never="boat")


def set_back_unreadable(stage: Stage) -> Story:
    """A result is posted, and the process dies. The next process is rate limited and can't read the history. Then the
    clock is set back, and Discord has forgotten the nonce. The result isn't posted on a guess."""
    home = yield from stage.settle()
    job = stage.job(home, 40)
    home.status(job)
    yield 20.0
    machine = stage.parts.machine
    life, machine.downtime = machine.life, 10.0

    limited = Trip(refused=Reply(429, {"message": "slow", "retry_after": 60.0, "global": False}, {"Retry-After": "60"}))

    def rule(request: Request) -> Trip | None:
        if "outcome:details" not in str(request.body):
            return None
        if machine.life == life:
            machine.dies_after = machine.dies_after or 3
            return None
        return limited

    end = stage.on_discord(rule)
    for _ in range(100):
        yield 1.0
        if not machine.runs:
            break
    stage.parts.discord.permit(home.channel, {"read_message_history"})
    yield 100.0
    stage.turn_clock(-95_000)
    yield 50.0
    end()
    yield 600.0
    stage.came(job, home.channel)
    stage.turn_clock(0)
    stage.parts.discord.permit(home.channel, set())


def lost_unreadable(stage: Stage) -> Story:
    """No response arrives for longer than Discord knows a nonce, and the history can't be read. Nothing is posted on a
    guess, admins can see that, and nothing of the delivery stays in memory."""
    home = yield from stage.settle()
    job = stage.job(home, 40)
    home.status(job)
    yield 20.0
    stage.parts.discord.permit(home.channel, {"read_message_history"})
    end = stage.lose(home.channel)
    yield 400.0
    end()
    answer = home.admin("deliveries")
    yield 6.0
    stage.says(answer, "May have arrived")
    refused = home.press_in_reply(answer, "Resend", demoted=True)
    yield 6.0
    stage.says(refused, "Manage Server")
    stage.parts.discord.permit(home.channel, set())
    yield 300.0
    # Discord refused the reply, and the refusal was lost.
    stage.missing(job, home.channel)
    kept = [name for name, entries in entries_kept().items() if entries and name.startswith(_OF_THE_SENDER)]
    stage.expect(not kept, f"{kept} still knows of a result that has come to its end")


def unanswered_in_a_channel_that_goes(stage: Stage) -> Story:
    """A post gets no response, and then its channel is deleted. Nothing of the delivery stays in memory."""
    home = yield from stage.settle()
    channel = home.guild.channels[1]
    job = stage.job(home, 40)
    home.status(job, 1, channel)
    yield 20.0
    stage.lose(channel, back=False)
    yield 50.0 + stage.parts.interval
    stage.void(home)
    stage.parts.discord.delete_channel(channel)
    yield 300.0
    kept = [name for name, entries in entries_kept().items() if entries and name.startswith(_OF_THE_SENDER)]
    stage.expect(not kept, f"{kept} still knows of a result whose channel is gone")


def again(stage: Stage) -> Story:
    """A result is requested again. The bot links to it, and posts it again once for each press, without a ping."""
    home = yield from stage.settle()
    job = stage.job(home, 30)
    home.status(job)
    yield 60.0 + stage.parts.interval
    stage.came(job, home.channel)
    # A result that somebody wants again isn't late.
    yield 700.0
    answer = home.status(job, 2)
    yield 8.0
    stage.says(answer, "Already posted here")
    stage.came(job, home.channel)
    promise = stage.parts.ledger.promises[(job.jobid, home.channel.id)]
    promise.extra += 1
    before = deepcopy(answer)
    home.press_in_reply(deepcopy(before), "ost it again")
    home.press_in_reply(before, "ost it again")
    yield 30.0
    stage.came(job, home.channel, times=2, never="Late:")
    last = promise.outcomes[-1]
    stage.expect(not last.pings, f"pings {set(last.pings)} again")
    answer = home.command("pixverse status", 3, home.guild.channels[1], jobid=job.jobid, jobs=[job])
    yield 8.0
    stage.came(job, home.guild.channels[1])


def slow_channel(stage: Stage) -> Story:
    """A channel hangs, or the host of its files. Other channels get their results. If it is the host, this channel gets
    results without files, too."""
    home = yield from stage.settle()
    slow, quick = home.channel, home.guild.channels[1]
    held = [stage.job(home, 45, v2=False) for _ in range(3)]
    failed, last = stage.job(home, 45, "failed", v2=False), stage.job(home, 45, v2=False)
    for number, job in enumerate([*held, failed]):
        home.status(job, 1 + number, slow)
    home.status(last, 1, quick)
    by_discord = stage.coin()
    if by_discord:
        stage.on_discord(
            lambda request: Trip(there=50.0)
            if request.method == "POST" and request.path.endswith(f"/{slow.id}/messages")
            and "outcome:details" in str(request.body) else None
        )  # fmt: skip
    else:
        paths = [path for job in held for path in job.paths]
        stage.on_media(lambda request: Trip(there=1000.0) if request.path in paths else None)
    yield 46.0
    for number, job in enumerate(held):
        home.press(stage.card(job, slow), "Check now", 1 + number)
    yield 4.0
    home.press(stage.card(failed, slow), "Check now", 4)
    home.press(stage.card(last, quick), "Check now", 5, quick)
    yield 15.0
    stage.came(last, quick)
    if not by_discord:
        stage.came(failed, slow)
    yield 900.0
    for job in held:
        stage.came(job, slow, files=1 if by_discord else 0)


def too_many_at_once(stage: Stage) -> Story:
    """A global rate limit begins while a history is read and people wait for replies."""
    home = yield from stage.settle()
    job = stage.job(home, 40)
    home.status(job)
    yield 20.0
    wait = stage.one_of((20.0, 45.0))
    limited = [1]

    def rule(request: Any) -> Trip | None:
        if request.method not in ("POST", "PATCH") or "/channels/" not in request.path or not limited[0]:
            return None
        limited[0] -= 1
        body = {"message": "slow down", "retry_after": wait, "global": True}
        return Trip(refused=Reply(429, body, {"Retry-After": str(wait), "X-RateLimit-Global": "true"}))

    stage.on_discord(rule)
    yield 150.0 + wait
    stage.came(job, home.channel)
    later = stage.job(home, 20)
    answer = home.status(later)
    yield 10.0
    stage.says(answer, "Watching")
    yield 60.0 + stage.parts.interval
    stage.came(later, home.channel)


def limited_in_a_look(stage: Stage) -> Story:
    """A look into a history meets a global rate limit and is cancelled during it. Another request may meet a longer
    limit meanwhile. Afterwards no request is held back, even if a wait of months was named before."""
    home = yield from stage.settle()
    other = yield from stage.settle()
    kind = stage.one_of(("once", "after one of months", "twice"))
    if kind == "after one of months":
        thread = stage.parts.discord.new_channel(home.guild, parent=home.channel)
        stage.parts.discord.set_thread(thread, locked=False, archived=True)
        end = stage.on_discord(
            lambda request: _global_limit(0.05, 1e7) if request.path.endswith(f"{thread.id}") else None
        )
        home.choose("alerts", thread)
        yield 20.0
        end()
        yield 3700.0
    job, soon, waits = stage.job(home, 40), stage.job(other, 400), stage.job(other, 400)
    home.status(job)
    yield 20.0
    # discord.py waits at most thirty seconds, and a look takes at most as long, including the request.
    there, wait = 6.0, stage.one_of((26.0, 29.0))
    ends_at: list[float] = []

    def ask_soon() -> None:
        other.status(soon)

    def ask_while_it_lasts() -> None:
        other.status(waits, 2, other.guild.channels[1])

    def rule(request: Request) -> Trip | None:
        if request.method == "GET" and request.path.endswith(f"/{home.channel.id}/messages") and not ends_at:
            ends_at.append(stage.now + there + wait)
            if kind == "twice":
                stage.parts.scheduler.after(1.0, ask_soon)
                stage.parts.scheduler.after(20.0, ask_while_it_lasts)
            return _global_limit(there, wait)
        if kind == "twice" and len(ends_at) == 1 and request.path.endswith(f"/{other.channel.id}/messages"):
            ends_at.append(stage.now + 12.0 + 29.0)
            return _global_limit(12.0, 29.0)
        return None

    end = stage.lose(home.channel)
    stage.on_discord(rule)
    for _ in range(600):
        if ends_at and stage.now > ends_at[-1] + 1.0:
            break
        yield 1.0
    stage.expect(bool(ends_at), "no history was read")
    end()
    later = stage.job(other, 20)
    other.status(later, 3)
    yield 10.0
    card = any(stage.parts.ledger.cards.get(str(number)) is later for number in other.channel.messages)
    stage.expect(card, f"no card of {later.prompt} comes after the limit")
    yield 400.0
    stage.came(job, home.channel)
    stage.came(later, other.channel)


def limit_used_up(stage: Stage) -> Story:
    """Each message uses up a channel's rate limit. The bot knows at once that a message was posted, not only when the
    limit is over."""
    home = yield from stage.settle()
    job = stage.job(home, 60)
    limit = {"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "25",
             "X-RateLimit-Bucket": "messages"}  # fmt: skip
    path = f"/channels/{home.channel.id}/messages"
    stage.on_discord(
        lambda request: Trip(headers=limit) if request.method == "POST" and request.path.endswith(path) else None
    )
    answer = home.status(job)
    yield 6.0
    stage.says(answer, "Jump to the card")
    for _ in range(200):
        yield 1.0
        if stage.outcomes(job, home.channel):
            break
    yield 8.0
    stage.card_says(job, home.channel, r"\*\*Done")


def boosted(stage: Stage) -> Story:
    """The bot learns a server's limit for files. Then the server is boosted, or a command shows a larger limit."""
    home = yield from stage.settle()
    end = stage.refuse(home.channel, Refusal(413, 40005, "Request entity too large"), when=_has_files)
    boosted, v2 = stage.coin(), stage.coin()
    # The files of both jobs have the same size.
    job, later = stage.job(home, 30, v2=v2), stage.job(home, 400, v2=v2)
    home.status(job)
    if boosted:
        home.status(later)
    yield 90.0 + stage.parts.interval
    stage.came(job, home.channel, "https://", files=0)
    end()
    if boosted:
        home.guild.premium_tier = 2
        stage.parts.discord.emit("GUILD_UPDATE", home.guild, stage.parts.discord.guild_payload(home.guild))
    else:
        # A command shows how large a file may be, which works as well.
        home.status(later)
    yield 500.0
    stage.came(later, home.channel, _READY)


def token_of_the_bot(stage: Stage) -> Story:
    """Discord refuses the bot's own token when only a card is to be edited. The process ends. With a token that works
    everything continues."""
    home = yield from stage.settle()
    job = stage.job(home, 400, v2=False, steps=20)
    home.status(job)
    yield 60.0
    life, refused = stage.parts.machine.life, Trip(refused=Reply(401, {"message": "401: Unauthorized", "code": 0}))
    fault = Fault(stage.now, "bot_token", 0.0, 0)
    stage.parts.faults.begin(fault)
    end = stage.on_discord(lambda request: None if _answers_people(request) else refused)
    yield 100.0
    stage.expect(stage.parts.machine.life > life or not stage.parts.machine.runs, "the bot runs on with a dead token")
    end()
    yield 120.0
    stage.parts.faults.end(fault)
    yield 600.0
    stage.came(job, home.channel)


def _answers_people(request: Request) -> bool:
    return "/interactions/" in request.path or "/webhooks/" in request.path


def token_of_the_bot_at_a_card(stage: Stage) -> Story:
    """Discord refuses the bot's own token when a card is to be posted. Whoever asked gets a reply, and the process
    ends. With a token that works the card comes."""
    home = yield from stage.settle()
    fault = Fault(stage.now, "bot_token", 0.0, 0)
    stage.parts.faults.begin(fault)
    refused = Trip(refused=Reply(401, {"message": "401: Unauthorized", "code": 0}))
    end = stage.on_discord(lambda request: None if _answers_people(request) else refused)
    job = stage.job(home, 400)
    answer = home.status(job)
    yield 20.0
    stage.says(answer, "Watching")
    end()
    yield 120.0
    stage.parts.faults.end(fault)
    yield 600.0
    stage.came(job, home.channel)


def batch(stage: Stage) -> Story:
    """Several jobs as one batch: one summary, one ping at the end, and a correct count."""
    home = yield from stage.settle()
    ends = ["completed", "completed", "failed", stage.one_of(("moderated", "completed"))]
    jobs = [stage.job(home, 30 + 40 * k, end, v2=False) for k, end in enumerate(ends)]
    own = stage.coin()
    if own:
        # Whoever also asked for one of the jobs alone is pinged once for each.
        home.status(jobs[3])
        yield 10.0
    linked = stage.one_of(("", "refused", "", "no video"))
    if linked == "refused":
        stage.refuse(home.channel, Refusal(403, 400001, "Uploads limited"), when=_has_files, times=1)
    elif linked:
        reply = Reply(200, b"Come back later.", content_type="text/plain")
        stage.on_media(lambda request: Trip(refused=reply) if request.path in jobs[0].paths else None)
    group = jobs[:3] if own else jobs
    answer = home.watch(group)
    yield 10.0
    stage.says(answer, f"Watching {len(group)} jobs")
    # Whoever also asks for the last one alone is pinged in its result, and not again with the count.
    home.status(group[-1])
    yield 400.0
    for job in jobs:
        stage.came(job, home.channel, files=None if not linked or job.end != "completed" else len(
            stage.outcomes(job, home.channel)[-1].files))  # fmt: skip
    last = [one for one in (stage.outcomes(job, home.channel)[-1] for job in group) if "All " in text_of(one.message)]
    stage.expect(len(last) == 1, f"{len(last)} results tell of the end of the group")
    pinged = [one for job in group for one in stage.outcomes(job, home.channel) if one.pings]
    stage.expect(len(pinged) == 1 and pinged == last, f"{len(pinged)} pings for a group")
    done = sum(job.end == "completed" for job in group) - bool(linked)
    text = text_of(last[0].message)
    stage.expect(f"{done} video" in text or done == 0, f"not {done} videos: {text!r}")
    stage.expect(text.count(f"<@{home.guild.members[1]}>") == 1, f"mentioned more than once: {text!r}")
    if linked:
        stage.expect("1 as a link" in text, f"a link is not counted: {text!r}")


def doubted(stage: Stage) -> Story:
    """A result is posted, but Discord responds with an error, or a proxy with something of its own. A later refusal of
    the same message doesn't count, and the result isn't posted in another form."""
    home = yield from stage.settle(channels=3)
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
        for channel, trips in zip(home.guild.channels, meets, strict=True):
            if request.path.endswith(f"/channels/{channel.id}/messages") and trips:
                return trips.pop(0)
        return None

    stage.on_discord(rule)
    jobs = [stage.job(home, 40) for _ in meets]
    for job, channel in zip(jobs, home.guild.channels, strict=True):
        home.status(job, 1, channel)
    yield 400.0
    for job, channel in zip(jobs, home.guild.channels, strict=True):
        stage.came(job, channel)


def kept_until_posted(stage: Stage) -> Story:
    """A result couldn't be posted before the bot was offline for more than a month. It comes all the same."""
    home = yield from stage.settle()
    job = stage.job(home, 40, v2=False)
    home.status(job)
    yield 30.0
    path = f"/channels/{home.channel.id}/messages"
    busy = Trip(refused=Reply(503, {"message": "no"}))
    end = stage.on_discord(lambda request: busy if request.method == "POST" and request.path.endswith(path) else None)
    yield 60.0 + stage.parts.interval
    stage.missing(job, home.channel)
    yield from stage.sleep(32 * 86400.0)
    yield 60.0
    end()
    yield 400.0
    stage.came(job, home.channel, "Late:", files=0)


def taken_late(stage: Stage) -> Story:
    """Discord's rate limit lasts for a quarter of an hour. A result that it delays is called late for that reason
    alone."""
    home = yield from stage.settle()
    job = stage.job(home, 40, v2=False)
    home.status(job)
    yield 20.0
    path = f"/channels/{home.channel.id}/messages"
    slow = Trip(refused=Reply(429, {"message": "slow", "retry_after": 90.0, "global": False}, {"Retry-After": "90"}))
    end = stage.on_discord(lambda request: slow if request.method == "POST" and request.path.endswith(path) else None)
    yield 1000.0
    end()
    yield 400.0
    stage.came(job, home.channel, "Late:", "Posting it took that long", never="offline")
