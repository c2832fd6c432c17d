"""A bot's whole life at log level DEBUG, with an API that repeats what it is sent: no secret leaks."""

from __future__ import annotations

import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox.discord_wire import Status
from sandbox.pixverse_api import faults
from sandbox.ports import free_port
from tests.e2e.conftest import Build
from tests.e2e.harness import Harness
from tests.web import samples
from tests.web.port import ask

pytestmark = pytest.mark.asyncio(loop_scope="module")


# Split, so that secret scanners don't report it.
_CUSTOMERS = ".".join(("MTIzNDU2Nzg5MDEyMzQ1Njc4", "Gabc12", "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789ab"))


@pytest_asyncio.fixture(loop_scope="module", params=["text", "json"])
async def chatty(build: Build, request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    ports = {
        "HTTP_PORT": str(free_port()),
        "CALLBACK_PORT": str(free_port()),
        "PUBLIC_URL": "https://relay.example.org",
    }
    harness = await build(LOG_LEVEL="DEBUG", LOG_FORMAT=request.param, **ports)
    await harness.start(forked=False)  # a forked process has its parent's command line
    yield harness
    assert harness.bot.said("DEBUG"), "else this would prove nothing"


async def test_no_secret_is_logged_in_a_whole_life(chatty: Harness) -> None:
    server = await chatty.server()
    chatty.secrets.append(_CUSTOMERS)
    token = server.account.token
    job = await server.watched(prompt=f"a boat called {token}", style=_CUSTOMERS)
    for action in (
        faults.Status(400, {"error": f"bad token {token}", "code": 400}),
        faults.Status(500, f"<html>Authorization: Bearer {token}</html>"),
        faults.Status(502, {"error": f"{token} {_CUSTOMERS}", "code": 502}),
        faults.Status(200, {"error": f"{token}", "code": 500}),
        faults.Redirect(f"http://127.0.0.1:9/?token={token}"),
    ):
        chatty.pixverse.faults.add(action, account=server.account)
    await chatty.pixverse.until(lambda: chatty.pixverse.asked(job) > 6)
    chatty.discord.faults.add(method="POST", path=r"/channels/\d+/messages", action=Status(500))
    job.fail(f"no access with {_CUSTOMERS}", f"Authorization: Bearer {token}")
    outcome = await server.outcome()
    assert outcome.text.startswith("**The job failed.**")
    assert r"\*\*\*" in outcome.text
    await server.member.click(outcome, "Details")
    await server.set_token(chatty.renew_token(server.account))
    server.account.refuse()
    await server.set_token("user:1-wrongwrongwrongwrong")
    chatty.secrets.append("wrongwrongwrongwrong")
    server.account.ok()
    opened = await server.admin.slash(server.channel, "pixverse-admin check")
    assert opened.ephemeral
    assert chatty.leaks() == []

    await chatty.listen_to_port()
    health, metrics, *_ = chatty.port_said
    assert '"status": "ok"' in health
    assert "relay_api_request_seconds" in metrics
    series = samples.read(metrics)
    for name in (
        server.number(job),
        job.jobid,
        str(server.guild.id),
        str(server.channel.id),
        str(server.account.number),
    ):
        assert not any(name in labels for labels in series), "no label of a place, a job or an account"
    assert chatty.leaks() == []

    process = Path(f"/proc/{chatty.bot.pid}")
    titles = [process / "cmdline", *process.glob("task/*/comm")]
    assert not any(secret.encode() in title.read_bytes() for title in titles for secret in chatty.secrets)
    await chatty.stop()
    assert chatty.leaks() == []


async def test_an_address_that_is_repeated_everywhere(chatty: Harness) -> None:
    """The e-mail address in a v2 id, sent by the API, its callbacks and people wherever possible."""
    server = await chatty.server()
    chatty.generation = "v2"
    email, token = server.account.email, server.account.token
    job = await server.watched(prompt=f"a letter to {email}")
    for action in (
        faults.Status(400, {"error": f"unknown id {job.jobid}", "code": 400}),
        faults.Status(404, {"error": f"no video of {email}", "code": 404}),
        faults.Status(500, f"<html>{email}</html>"),
        faults.Status(200, {"error": email, "code": 500}),
        faults.Redirect(f"http://127.0.0.1:9/?email={email}"),
    ):
        chatty.pixverse.faults.add(action, account=server.account)
    await chatty.pixverse.until(lambda: chatty.pixverse.asked(job) > 6)
    for secret in ("x" * 43, f"{email}", token):
        body = json.dumps({"video_id": job.jobid, "video_status": 1}).encode()
        head = f"POST /callback/{secret} HTTP/1.1\nHost: 127.0.0.1\nContent-Type: application/json"
        await ask(int(chatty.bot.settings["CALLBACK_PORT"]), f"{head}\nContent-Length: {len(body)}", body)
    assert (await server.use("pixverse unwatch", jobid=job.jobid.replace("video:", "video:9"))).ephemeral
    job.fail(f"{email} may not", f"ask {job.jobid}")
    outcome = await server.outcome()
    await server.member.click(outcome, "Details")
    await server.admin.slash(server.channel, "pixverse-admin deliveries")
    await chatty.listen_to_port()
    assert chatty.leaks() == []


async def test_no_other_user_can_read_the_stored_data(chatty: Harness) -> None:
    server = await chatty.server()
    held = faults.Slow(1.0)
    chatty.pixverse.cdn.faults.add(held)
    job = await server.watched()
    job.complete()
    await chatty.pixverse.until(lambda: bool(chatty.pixverse.cdn.requests))
    kept = chatty.ledger.path.parent
    files = [path for path in kept.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"relay.db", "relay.db-wal"}
    assert {path.name: oct(path.stat().st_mode) for path in files if path.stat().st_mode & 0o077} == {}
    folders = [path for path in kept.rglob("*") if path.is_dir()]
    assert {path.name for path in folders if stat.S_IMODE(path.stat().st_mode) & 0o077} == set()
    await server.outcome()
