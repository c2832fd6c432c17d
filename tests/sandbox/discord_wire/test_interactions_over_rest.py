"""The life of an interaction, answered by plain REST calls."""

import pytest

from sandbox.discord_wire import Answer
from tests.sandbox.discord_wire.conftest import GuildFixture, Rest
from tests.sandbox.discord_wire.test_api import command, commands, option


@pytest.fixture
async def asked(rest: Rest, server: GuildFixture) -> tuple[str, str, Answer]:
    """The callback's address, the webhook's, and what the asker sees."""
    await rest("PUT", commands(server.sandbox), [command(options=[option(autocomplete=True)])])
    record = server.alice.begin_slash(server.channel, "status", jobid="j")
    application = server.sandbox.world.backend.application_id
    return (
        f"/interactions/{record.id}/{record.token}/callback",
        f"/webhooks/{application}/{record.token}",
        Answer(server.sandbox.world, record),
    )


async def test_a_second_response_is_refused(rest: Rest, asked: tuple[str, str, Answer]) -> None:
    callback, _, seen = asked
    assert (await rest("POST", callback, {"type": 4, "data": {"content": "x"}}))[0] == 204
    status, refused = await rest("POST", callback, {"type": 4, "data": {"content": "y"}})
    assert (status, refused["code"]) == (400, 40060)
    assert seen.text == "x"


async def test_after_three_seconds_an_interaction_is_unknown(
    rest: Rest, server: GuildFixture, asked: tuple[str, str, Answer]
) -> None:
    server.sandbox.advance(3.1)
    status, refused = await rest("POST", asked[0], {"type": 5})
    assert (status, refused["code"]) == (404, 10062)


async def test_after_fifteen_minutes_an_interaction_s_token_is_invalid(
    rest: Rest, server: GuildFixture, asked: tuple[str, str, Answer]
) -> None:
    callback, webhook, seen = asked
    assert (await rest("POST", callback, {"type": 5, "data": {"flags": 64}}))[0] == 204
    assert (await rest("PATCH", f"{webhook}/messages/@original", {"content": "still"}))[0] == 200
    server.sandbox.advance(901)
    status, refused = await rest("PATCH", f"{webhook}/messages/@original", {"content": "late"})
    assert (status, refused["code"]) == (401, 50027)
    assert (seen.text, seen.ephemeral) == ("still", True)


async def test_responses_ping_users_only_unless_told_otherwise(
    rest: Rest, server: GuildFixture, asked: tuple[str, str, Answer]
) -> None:
    callback, webhook, seen = asked
    text = f"@everyone {server.admin.mention}"
    _, told = await rest("POST", f"{callback}?with_response=true", {"type": 4, "data": {"content": text}})
    assert told["resource"]["message"]["content"] == text
    assert (seen.pings, seen.message.pinged_everyone) == ({server.admin.id}, False)
    await rest("POST", webhook, {"content": "more", "flags": 64})
    assert [message.text for message in seen.messages] == [text, "more"]


async def test_autocomplete_responses_are_checked(
    rest: Rest, server: GuildFixture, asked: tuple[str, str, Answer]
) -> None:
    for choices in (
        [{"name": "n" * 101, "value": "v"}],
        [{"name": "n", "value": "v" * 101}],
        [{"name": "n", "value": "v"}] * 26,
    ):
        status, refused = await rest("POST", asked[0], {"type": 8, "data": {"choices": choices}})
        assert (status, refused["code"]) == (400, 50035)


async def test_files_in_responses_have_the_server_s_limit(
    rest: Rest, server: GuildFixture, asked: tuple[str, str, Answer]
) -> None:
    server.guild.upload_limit = 10
    await rest("POST", asked[0], {"type": 5})
    status, refused = await rest("POST", asked[1], {"content": "x"}, files=[("a.mp4", b"x" * 11)])
    assert (status, refused["code"]) == (413, 40005)


async def test_the_first_follow_up_fills_the_placeholder_and_stays_ephemeral(
    rest: Rest, asked: tuple[str, str, Answer]
) -> None:
    callback, webhook, seen = asked
    await rest("POST", callback, {"type": 5, "data": {"flags": 64}})
    assert (await rest("POST", webhook, {"content": "first"}))[0] == 200
    await rest("POST", webhook, {"content": "second"})
    assert [(message.text, message.ephemeral) for message in seen.messages] == [("first", True), ("second", False)]


async def test_nonces_of_follow_ups_are_not_enforced(rest: Rest, asked: tuple[str, str, Answer]) -> None:
    callback, webhook, seen = asked
    await rest("POST", callback, {"type": 4, "data": {"content": "x"}})
    for _ in range(2):
        await rest("POST", webhook, {"content": "same", "nonce": "n1", "enforce_nonce": True})
    assert [message.text for message in seen.messages] == ["x", "same", "same"]


async def test_responses_have_no_global_limit(rest: Rest, server: GuildFixture, asked: tuple[str, str, Answer]) -> None:
    server.sandbox.limits.enabled = True
    server.sandbox.limits.per_second = 1
    assert (await rest("GET", "/users/@me"))[0] == 200
    status, refused = await rest("GET", "/gateway/bot")
    assert (status, refused["global"]) == (429, True)
    assert (await rest("POST", asked[0], {"type": 4, "data": {"content": "x"}}))[0] == 204


def form(**changes: object) -> dict[str, object]:
    control = {"type": 4, "custom_id": "token", "style": 1, "placeholder": "user:1-abc"}
    label = {"type": 18, "label": "API token", "description": "Kept encrypted", "component": control}
    return {"title": "Token", "custom_id": "form", "components": [label], **changes}


def part(label: dict[str, object], control: dict[str, object]) -> list[dict[str, object]]:
    field = {"type": 4, "custom_id": "token", "style": 1, **control}
    return [{"type": 18, "label": "API token", **label, "component": field}]


@pytest.mark.parametrize(
    "broken",
    [
        form(title="t" * 46),
        form(custom_id="c" * 101),
        form(components=[]),
        form(components=part({}, {}) * 6),
        form(components=part({"label": "l" * 46}, {})),
        form(components=part({"description": "d" * 101}, {})),
        form(components=part({}, {"placeholder": "p" * 101})),
        form(components=part({}, {"max_length": 4001})),
    ],
)
async def test_broken_forms_are_refused(rest: Rest, asked: tuple[str, str, Answer], broken: dict[str, object]) -> None:
    status, refused = await rest("POST", asked[0], {"type": 9, "data": broken})
    assert (status, refused["code"]) == (400, 50035)
    assert (await rest("POST", asked[0], {"type": 9, "data": form()}))[0] == 204
