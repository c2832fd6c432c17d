"""A token appears only in the header of API requests and, encrypted, in the database."""

from __future__ import annotations

import pytest

from sandbox.pixverse_api.requests_log import credential
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness

pytestmark = pytest.mark.asyncio(loop_scope="module")

_USEAPI = "user:9876-AbCdEfGhIjKlMnOpQrStUvWx"
# Split, so that secret scanners don't report it.
_DISCORD = ".".join(("MTIzNDU2Nzg5MDEyMzQ1Njc4", "Gabc12", "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789ab"))
_OPTIONS = (("status", "jobid"), ("unwatch", "jobid"), ("watch", "jobids"))


@pytest.mark.parametrize("secret", [_USEAPI, f"Bearer {_USEAPI}", _DISCORD], ids=["useapi", "Bearer", "Discord"])
@pytest.mark.parametrize(("command", "option"), _OPTIONS)
async def test_a_token_in_place_of_a_job_id_is_refused(
    server: GuildFixture, command: str, option: str, secret: str
) -> None:
    server.harness.secrets.append(secret.removeprefix("Bearer "))
    asked = len(server.harness.pixverse.requests)
    answer = await server.use(f"pixverse {command}", **{option: secret})
    assert answer.ephemeral
    assert answer.text.startswith("**That looks like a secret token, not a job id.**")
    assert server.harness.pixverse.requests[asked:] == []
    assert server.harness.leaks() == []


async def test_only_the_token_among_job_ids_is_refused(server: GuildFixture) -> None:
    server.harness.secrets.append(_USEAPI)
    asked = len(server.harness.pixverse.requests)
    answer = await server.watch(server.job(), _USEAPI, server.job())
    assert answer.text.startswith("**Watching 2 jobs, 1 left out.**")
    assert "I haven't sent or kept the secret token." in answer.text
    assert not any(_USEAPI in entry.path for entry in server.harness.pixverse.requests[asked:])
    assert server.harness.leaks() == []


async def test_a_token_typed_into_autocomplete_goes_nowhere(server: GuildFixture) -> None:
    server.harness.secrets.append(_USEAPI)
    await server.member.autocomplete(server.channel, "pixverse status", option="jobid", typed=_USEAPI)
    assert server.harness.leaks() == []


async def test_a_discord_token_in_the_form_is_not_even_tried(harness: Harness) -> None:
    harness.secrets.append(_DISCORD)
    server = harness.empty_server()
    asked = len(harness.pixverse.requests)
    answer = await server.set_token(_DISCORD)
    assert answer.ephemeral
    assert answer.text.startswith("**Not stored: that's a Discord token, not useapi.net's.**")
    # Jobs of other servers of this harness may be polled meanwhile.
    sent = {one.credential for one in harness.pixverse.requests[asked:]}
    assert credential(_DISCORD) not in sent
    assert credential(server.account.token) not in sent
    assert harness.leaks() == []


async def test_a_token_that_the_api_refuses_is_not_kept(harness: Harness) -> None:
    harness.secrets.append(_USEAPI)
    server = harness.empty_server()
    answer = await server.set_token(_USEAPI)
    assert answer.text.startswith("**Not stored: useapi.net refuses this token.**")
    server.account.unpaid()
    assert (await server.set_token()).text.startswith("**Not stored: this account has no paid subscription.**")
    server.account.ok()
    harness.pixverse.off()
    assert (await server.set_token()).text.startswith("**Not stored: useapi.net didn't answer")
    harness.pixverse.on()
    kept = harness.ledger.rows("SELECT account_id, token_set_by FROM servers WHERE guild_id = ?", server.guild.id)
    assert all(row == {"account_id": None, "token_set_by": None} for row in kept)
    assert harness.leaks() == []


async def test_the_search_for_secrets_finds_what_is_there(server: GuildFixture) -> None:
    """Otherwise the search at the end of every harness would prove nothing."""
    job = await server.watched(prompt="a very particular prompt")
    job.complete()
    await server.outcome()
    searched = server.harness.secrets
    for marker, places in (
        (job.jobid, {"messages", "calls of Discord", "addresses of PixVerse"}),
        ("PixVerse jobs", {"commands"}),
        ("relay", {"log"}),
    ):
        server.harness.secrets = [marker]
        found = set(server.harness.leaks())
        assert places <= found
        assert marker != job.jobid or any(name.startswith("relay.db") for name in found)
    server.harness.secrets = searched
    assert server.harness.leaks() == []


async def test_the_search_finds_private_text_in_public_messages(server: GuildFixture) -> None:
    job = await server.watched(prompt="a very particular prompt")
    answer = await server.use("pixverse list")
    assert "Watching 1 job here" in answer.text
    try:
        server.harness.for_one_alone = ["Watching 1 job here"]
        assert server.harness.leaks() == []
        server.harness.for_one_alone = [job.jobid, "a very particular prompt"]
        found = server.harness.leaks()
    finally:
        server.harness.for_one_alone = []
    assert {"public messages (for one alone)", "addresses of PixVerse (for one alone)"} <= set(found)
