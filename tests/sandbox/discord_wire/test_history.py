"""What a channel's history tells, and what becomes of messages that are looked at or edited later."""

import pytest

from tests.sandbox.discord_wire.conftest import GuildFixture, Rest
from tests.sandbox.discord_wire.test_api import command, commands
from tests.sandbox.discord_wire.test_messages_over_rest import posts

UNKNOWN = "1"


async def test_without_the_permission_the_history_is_empty(rest: Rest, server: GuildFixture) -> None:
    _, sent = await rest("POST", posts(server), {"content": "x"})
    server.channel.deny_bot(read_message_history=True)
    assert await rest("GET", posts(server)) == (200, [])
    server.channel.allow_bot(read_message_history=True)
    assert [message["id"] for message in (await rest("GET", posts(server)))[1]] == [sent["id"]]


async def test_a_hidden_channel_has_no_history(rest: Rest, server: GuildFixture) -> None:
    server.channel.deny_bot(view_channel=True)
    status, refused = await rest("GET", posts(server))
    assert (status, refused["code"]) == (403, 50001)


@pytest.mark.parametrize("limit", [0, 101])
async def test_a_page_has_limits(rest: Rest, server: GuildFixture, limit: int) -> None:
    status, refused = await rest("GET", f"{posts(server)}?limit={limit}")
    assert (status, refused["code"]) == (400, 50035)


async def test_without_the_content_intent_only_own_text_and_buttons_are_shown(rest: Rest, server: GuildFixture) -> None:
    row = {"type": 1, "components": [{"type": 2, "style": 2, "label": "Details", "custom_id": "outcome:n1"}]}
    await rest("POST", posts(server), {"content": "mine", "components": [row]})
    server.alice.send(server.channel, "hers")
    _, (hers, mine) = await rest("GET", posts(server))
    assert (mine["content"], mine["components"][0]["components"][0]["custom_id"]) == ("mine", "outcome:n1")
    assert hers["content"] == ""


async def test_ephemeral_messages_are_not_in_the_history(rest: Rest, server: GuildFixture) -> None:
    await rest("PUT", commands(server.sandbox), [command()])
    record = server.alice.begin_slash(server.channel, "status")
    answer = {"type": 4, "data": {"content": "secret", "flags": 64}}
    assert (await rest("POST", f"/interactions/{record.id}/{record.token}/callback", answer))[0] == 204
    assert (await rest("GET", posts(server)))[1] == []


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_a_deleted_message(rest: Rest, server: GuildFixture, method: str) -> None:
    _, sent = await rest("POST", posts(server), {"content": "x"})
    assert (await rest("DELETE", f"{posts(server)}/{sent['id']}"))[0] == 204
    for message in (sent["id"], UNKNOWN):
        body = {"content": "y"} if method == "PATCH" else None
        status, refused = await rest(method, f"{posts(server)}/{message}", body)
        assert (status, refused["code"]) == (404, 10008)


async def test_an_edit_needs_permission_to_see_the_channel_but_not_to_send(rest: Rest, server: GuildFixture) -> None:
    _, sent = await rest("POST", posts(server), {"content": "x"})
    path = f"{posts(server)}/{sent['id']}"
    server.channel.deny_bot(send_messages=True)
    assert (await rest("PATCH", path, {"content": "y"}))[0] == 200
    server.channel.deny_bot(view_channel=True)
    status, refused = await rest("PATCH", path, {"content": "z"})
    assert (status, refused["code"]) == (403, 50001)
    assert server.channel.messages()[0].text == "y"


async def test_other_people_s_messages_cannot_be_edited(rest: Rest, server: GuildFixture) -> None:
    said = server.alice.send(server.channel, "hers")
    status, refused = await rest("PATCH", f"{posts(server)}/{said.id}", {"content": "mine"})
    assert (status, refused["code"]) == (403, 50005)
