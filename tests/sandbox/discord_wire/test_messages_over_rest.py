"""What Discord's API does with messages: nonces, files, replies, threads, mentions, refusals."""

import discord
import pytest

from tests.sandbox.discord_wire.conftest import GuildFixture, Rest

V2 = 1 << 15
SILENT = 1 << 12


def posts(server: GuildFixture) -> str:
    return f"/channels/{server.channel.id}/messages"


def button(label: str, custom_id: str) -> dict[str, object]:
    return {"type": 2, "style": 2, "label": label, "custom_id": custom_id}


async def test_responses_are_exactly_json(rest: Rest, server: GuildFixture) -> None:
    response = await rest.raw("GET", "/users/@me")
    assert response.headers["Content-Type"] == "application/json"
    assert "Via" in response.headers


async def test_the_same_nonce_returns_the_earlier_message(rest: Rest, server: GuildFixture) -> None:
    body = {"content": "once", "nonce": "n1", "enforce_nonce": True}
    _, first = await rest("POST", posts(server), body)
    _, second = await rest("POST", posts(server), {**body, "content": "twice"})
    assert first["id"] == second["id"]
    assert (first["nonce"], second["nonce"]) == ("n1", "n1")
    assert [message.text for message in server.channel.messages()] == ["once"]


@pytest.mark.parametrize("how", ["other channel", "not enforced", "window over", "forgotten", "other nonce"])
async def test_what_makes_a_second_message(rest: Rest, server: GuildFixture, how: str) -> None:
    other = server.guild.add_text_channel("other")
    body = {"content": "x", "nonce": "n1", "enforce_nonce": True}
    _, first = await rest("POST", posts(server), body)
    if how == "window over":
        server.sandbox.advance(181)
    if how == "forgotten":
        server.sandbox.forget_nonces()
    path = f"/channels/{other.id}/messages" if how == "other channel" else posts(server)
    changes: dict[str, dict[str, object]] = {"not enforced": {"enforce_nonce": False}, "other nonce": {"nonce": "n2"}}
    changed = changes.get(how, {})
    _, second = await rest("POST", path, {**body, **changed})
    assert first["id"] != second["id"]


async def test_a_nonce_whose_message_was_deleted(rest: Rest, server: GuildFixture) -> None:
    body = {"content": "x", "nonce": "n1", "enforce_nonce": True}
    _, sent = await rest("POST", posts(server), body)
    await rest("DELETE", f"{posts(server)}/{sent['id']}")
    status, refused = await rest("POST", posts(server), body)
    assert (status, refused["code"]) == (404, 10008)


async def test_history_contains_no_nonce(rest: Rest, server: GuildFixture) -> None:
    _, sent = await rest("POST", posts(server), {"content": "x", "nonce": 77})
    _, read = await rest("GET", posts(server))
    assert sent["nonce"] == 77
    assert [message["id"] for message in read] == [sent["id"]]
    assert "nonce" not in read[0]
    _, one = await rest("GET", f"{posts(server)}/{sent['id']}")
    assert "nonce" not in one


async def test_history_by_after_before_and_limit(rest: Rest, server: GuildFixture) -> None:
    ids = [(await rest("POST", posts(server), {"content": str(number)}))[1]["id"] for number in range(4)]

    async def read(query: str) -> list[str]:
        return [message["content"] for message in (await rest("GET", f"{posts(server)}?{query}"))[1]]

    assert await read(f"after={ids[0]}&limit=2") == ["2", "1"]
    assert await read(f"before={ids[2]}") == ["1", "0"]
    assert await read("limit=1") == ["3"]
    assert await read(f"around={ids[1]}&limit=3") == ["2", "1", "0"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"content": "x" * 2001}, 50035),
        ({"content": "x", "nonce": "n" * 26}, 50035),
        ({}, 50006),
        ({"content": "x", "flags": V2, "components": [{"type": 10, "content": "y"}]}, 50035),
        ({"flags": V2, "components": [{"type": 10, "content": "y"}] * 41}, 50035),
        ({"flags": V2, "components": [{"type": 10, "content": "y" * 2001}] * 2}, 50035),
        (
            {"components": [{"type": 1, "components": [{"type": 2, "style": 2, "label": "x" * 81, "custom_id": "a"}]}]},
            50035,
        ),
        (
            {
                "components": [
                    {"type": 1, "components": [{"type": 2, "style": 2, "label": "x", "custom_id": "a" * 101}]}
                ]
            },
            50035,
        ),
        ({"flags": V2, "components": [{"type": 17, "components": [{"type": 10, "content": "y"}] * 40}]}, 50035),
        ({"flags": V2, "components": [{"type": 12, "items": []}]}, 50035),
        ({"flags": V2, "components": [{"type": 12, "items": [{"media": {"url": "https://e.com/a"}}] * 11}]}, 50035),
        ({"flags": V2, "components": [{"type": 13, "file": {"url": "https://e.com/a.mp4"}}]}, 50035),
        ({"flags": V2, "components": [{"type": 1, "components": [button("x", "a"), button("y", "a")]}]}, 50035),
        ({"flags": V2, "components": [{"type": 1, "components": [button(str(n), str(n)) for n in range(6)]}]}, 50035),
        ({"flags": V2, "components": [{"type": 10, "content": "y"}], "embeds": [{"title": "t"}]}, 50035),
        ({"content": "x", "attachments": [{"id": 0, "description": "d" * 1025}]}, 50035),
    ],
)
async def test_messages_that_break_a_rule(rest: Rest, server: GuildFixture, body: dict[str, object], code: int) -> None:
    status, refused = await rest("POST", posts(server), body)
    assert (status, refused["code"]) == (400, code)
    assert server.channel.messages() == []


async def test_a_v2_message_cannot_become_a_plain_one(rest: Rest, server: GuildFixture) -> None:
    _, sent = await rest("POST", posts(server), {"flags": V2, "components": [{"type": 10, "content": "card"}]})
    path = f"{posts(server)}/{sent['id']}"
    assert (await rest("PATCH", path, {"components": [{"type": 10, "content": "new"}]}))[0] == 200
    status, refused = await rest("PATCH", path, {"content": "plain", "flags": 0, "components": []})
    assert (status, refused["code"]) == (400, 50035)
    assert server.channel.messages()[0].text == "new"


async def test_files_have_limits_of_size_and_number(rest: Rest, server: GuildFixture) -> None:
    server.guild.upload_limit = 100
    status, refused = await rest("POST", posts(server), {}, files=[("a.mp4", b"x" * 101)])
    assert (status, refused["code"]) == (413, 40005)
    assert (await rest("POST", posts(server), {}, files=[("a.mp4", b"x" * 100)]))[0] == 200
    status, refused = await rest("POST", posts(server), {}, files=[("a.mp4", b"x")] * 11)
    assert (status, refused["code"]) == (400, 30015)
    server.guild.boost(2, 200)
    assert (await rest("POST", posts(server), {}, files=[("a.mp4", b"x" * 101)]))[0] == 200


async def test_a_file_s_name_is_stored_as_discord_does_it(rest: Rest, server: GuildFixture) -> None:
    await rest("POST", posts(server), {}, files=[("SPOILER_my cät.mp4", b"x")])
    (attachment,) = server.channel.messages()[0].attachments
    assert (attachment.filename, attachment.spoiler) == ("SPOILER_my_ct.mp4", True)


@pytest.mark.parametrize(
    ("permission", "code"),
    [("view_channel", 50001), ("send_messages", 50013), ("embed_links", 50013), ("attach_files", 50013)],
)
async def test_permissions_are_needed(rest: Rest, server: GuildFixture, permission: str, code: int) -> None:
    server.channel.deny_bot(**{permission: True})
    body = {"content": "x", "embeds": [{"title": "t"}]}
    status, refused = await rest("POST", posts(server), body, files=[("a.mp4", b"x")])
    assert (status, refused["code"]) == (403, code)
    server.channel.allow_bot(**{permission: True})
    assert (await rest("POST", posts(server), body, files=[("a.mp4", b"x")]))[0] == 200


async def test_unknown_channels_and_servers_without_the_bot(rest: Rest, server: GuildFixture) -> None:
    server.guild.remove_bot()
    assert (await rest("POST", posts(server), {"content": "x"}))[1]["code"] == 10003
    server.guild.add_bot()
    assert (await rest("POST", posts(server), {"content": "x"}))[0] == 200
    server.channel.delete()
    assert (await rest("POST", posts(server), {"content": "x"}))[1]["code"] == 10003


async def test_replies(rest: Rest, server: GuildFixture) -> None:
    _, card = await rest("POST", posts(server), {"content": "card"})
    reference = {"message_id": card["id"], "channel_id": str(server.channel.id)}
    _, reply = await rest("POST", posts(server), {"content": "end", "message_reference": reference})
    assert reply["message_reference"]["message_id"] == card["id"]
    server.channel.deny_bot(read_message_history=True)
    status, refused = await rest("POST", posts(server), {"content": "end", "message_reference": reference})
    assert (status, refused["code"]) == (400, 160002)


async def test_replies_to_a_deleted_message(rest: Rest, server: GuildFixture) -> None:
    _, card = await rest("POST", posts(server), {"content": "card"})
    server.channel.delete_message(server.channel.messages()[0])
    reference = {"message_id": card["id"], "fail_if_not_exists": True}
    status, refused = await rest("POST", posts(server), {"content": "end", "message_reference": reference})
    assert (status, refused["code"]) == (400, 50035)
    lenient = {**reference, "fail_if_not_exists": False}
    assert (await rest("POST", posts(server), {"content": "end", "message_reference": lenient}))[0] == 200
    assert server.channel.messages()[0].reference_id is None


async def test_archived_or_locked_threads(rest: Rest, server: GuildFixture) -> None:
    thread = server.channel.add_thread("talk")
    path = f"/channels/{thread.id}/messages"
    _, sent = await rest("POST", path, {"content": "x"})
    thread.archive()
    assert (await rest("PATCH", f"{path}/{sent['id']}", {"content": "y"}))[1]["code"] == 50083
    assert (await rest("POST", path, {"content": "x"}))[0] == 200
    assert not thread.archived
    server.channel.deny_bot(manage_threads=True)
    thread.lock()
    assert (await rest("POST", path, {"content": "x"}))[1]["code"] == 50013
    thread.archive(locked=True)
    assert (await rest("POST", path, {"content": "x"}))[1]["code"] == 50083


async def test_edits_of_old_messages_are_limited_if_switched_on(rest: Rest, server: GuildFixture) -> None:
    server.sandbox.limits.edits_of_old_messages = 1
    _, sent = await rest("POST", posts(server), {"content": "x"})
    path = f"{posts(server)}/{sent['id']}"
    assert [(await rest("PATCH", path, {"content": "y"}))[0] for _ in range(3)] == [200] * 3
    server.sandbox.advance(3601)
    assert (await rest("PATCH", path, {"content": "y"}))[0] == 200
    status, refused = await rest("PATCH", path, {"content": "y"})
    assert (status, refused["code"]) == (429, 30046)


async def test_who_is_pinged(rest: Rest, server: GuildFixture) -> None:
    role = server.guild.add_role("crew", mentionable=True)
    text = f"@everyone {server.alice.mention} {server.admin.mention} <@&{role}>"
    cases: list[tuple[dict[str, object], set[int], set[int], bool]] = [
        ({}, {server.alice.id, server.admin.id}, {role}, True),
        ({"allowed_mentions": {"parse": []}}, set(), set(), False),
        ({"allowed_mentions": {"parse": [], "users": [str(server.alice.id)]}}, {server.alice.id}, set(), False),
        ({"allowed_mentions": {"parse": ["roles"]}}, set(), {role}, False),
        ({"flags": SILENT}, set(), set(), False),
    ]
    for extra, users, roles, everyone in cases:
        _, sent = await rest("POST", posts(server), {"content": text, **extra})
        shown = server.channel.message(int(sent["id"]))
        assert shown is not None
        assert (shown.pinged, shown.pinged_roles, shown.pinged_everyone) == (users, roles, everyone)


async def test_mentions_in_text_displays_ping_and_edits_do_not(rest: Rest, server: GuildFixture) -> None:
    card = [{"type": 10, "content": f"for {server.alice.mention}"}]
    _, sent = await rest("POST", posts(server), {"flags": V2, "components": card})
    edited = [{"type": 10, "content": f"for {server.admin.mention}"}]
    await rest("PATCH", f"{posts(server)}/{sent['id']}", {"components": edited})
    (shown,) = server.channel.messages()
    assert (shown.pinged, shown.text, shown.edited) == ({server.alice.id}, f"for {server.admin.mention}", True)


async def test_channels_of_every_kind_accept_messages(rest: Rest, server: GuildFixture) -> None:
    forum = server.guild.add_forum("help")
    kinds = [
        server.guild.add_announcement_channel("news"),
        server.guild.add_voice_channel("voice"),
        server.guild.add_stage_channel("stage"),
        server.channel.add_thread("talk"),
        server.channel.add_thread("secret", private=True),
        forum.add_thread("a post"),
    ]
    for channel in kinds:
        assert (await rest("POST", f"/channels/{channel.id}/messages", {"content": "x"}))[0] == 200, channel.name


async def test_a_server_with_few_permissions_for_the_bot(rest: Rest, server: GuildFixture) -> None:
    few = discord.Permissions(view_channel=True)
    guild = server.sandbox.add_guild("Strict", bot_permissions=few)
    guild.set_everyone_permissions(few)
    channel = guild.add_text_channel("quiet")
    assert (await rest("POST", f"/channels/{channel.id}/messages", {"content": "x"}))[1]["code"] == 50013
