"""The life of an interaction, answered by plain REST calls."""

import pytest

from sandbox.discord_wire import Answer
from tests.sandbox.discord_wire.conftest import Rest, Town
from tests.sandbox.discord_wire.test_api import command, commands, option


@pytest.fixture
async def asked(rest: Rest, town: Town) -> tuple[str, str, Answer]:
    """The callback's address, the webhook's, and what the asker sees."""
    await rest("PUT", commands(town.sandbox), [command(options=[option(autocomplete=True)])])
    record = town.alice.begin_slash(town.channel, "status", jobid="j")
    application = town.sandbox.world.backend.application_id
    return (
        f"/interactions/{record.id}/{record.token}/callback",
        f"/webhooks/{application}/{record.token}",
        Answer(town.sandbox.world, record),
    )


async def test_a_second_answer_is_refused(rest: Rest, asked: tuple[str, str, Answer]) -> None:
    callback, _, seen = asked
    assert (await rest("POST", callback, {"type": 4, "data": {"content": "x"}}))[0] == 204
    status, refused = await rest("POST", callback, {"type": 4, "data": {"content": "y"}})
    assert (status, refused["code"]) == (400, 40060)
    assert seen.text == "x"


async def test_after_three_seconds_it_is_unknown(rest: Rest, town: Town, asked: tuple[str, str, Answer]) -> None:
    town.sandbox.advance(3.1)
    status, refused = await rest("POST", asked[0], {"type": 5})
    assert (status, refused["code"]) == (404, 10062)


async def test_after_fifteen_minutes_its_token_is_dead(rest: Rest, town: Town, asked: tuple[str, str, Answer]) -> None:
    callback, webhook, seen = asked
    assert (await rest("POST", callback, {"type": 5, "data": {"flags": 64}}))[0] == 204
    assert (await rest("PATCH", f"{webhook}/messages/@original", {"content": "still"}))[0] == 200
    town.sandbox.advance(901)
    status, refused = await rest("PATCH", f"{webhook}/messages/@original", {"content": "late"})
    assert (status, refused["code"]) == (401, 50027)
    assert (seen.text, seen.ephemeral) == ("still", True)


async def test_answers_ping_users_only_unless_told_otherwise(
    rest: Rest, town: Town, asked: tuple[str, str, Answer]
) -> None:
    callback, webhook, seen = asked
    text = f"@everyone {town.admin.mention}"
    _, told = await rest("POST", f"{callback}?with_response=true", {"type": 4, "data": {"content": text}})
    assert told["resource"]["message"]["content"] == text
    assert (seen.pings, seen.message.pinged_everyone) == ({town.admin.id}, False)
    await rest("POST", webhook, {"content": "more", "flags": 64})
    assert [message.text for message in seen.messages] == [text, "more"]


async def test_autocomplete_answers_are_checked(rest: Rest, town: Town, asked: tuple[str, str, Answer]) -> None:
    for choices in (
        [{"name": "n" * 101, "value": "v"}],
        [{"name": "n", "value": "v" * 101}],
        [{"name": "n", "value": "v"}] * 26,
    ):
        status, refused = await rest("POST", asked[0], {"type": 8, "data": {"choices": choices}})
        assert (status, refused["code"]) == (400, 50035)


async def test_files_in_answers_have_the_servers_limit(rest: Rest, town: Town, asked: tuple[str, str, Answer]) -> None:
    town.guild.upload_limit = 10
    await rest("POST", asked[0], {"type": 5})
    status, refused = await rest("POST", asked[1], {"content": "x"}, files=[("a.mp4", b"x" * 11)])
    assert (status, refused["code"]) == (413, 40005)
