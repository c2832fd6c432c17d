"""An unmodified discord.py cannot tell the sandbox from Discord."""

import io

import discord
import pytest

from sandbox.discord_wire import NotAnswered, NotPossible
from tests.sandbox.discord_wire.bot import Bot
from tests.sandbox.discord_wire.conftest import GuildFixture


async def test_a_deferred_slash_command_is_waited_for_to_its_end(bot: Bot, server: GuildFixture) -> None:
    answer = await server.alice.slash(server.channel, "pixverse status", jobid="j1", mention=False)
    assert answer.text == "watching j1 False"
    assert answer.ephemeral
    (card,) = server.channel.messages()
    assert (card.text, card.labels, card.silent, card.nonce) == (
        "card j1",
        ["Stop watching", "Check now"],
        True,
        "n-j1",
    )
    assert card.author_is_bot
    assert not card.edited
    assert server.channel.messages(seen_by=server.alice)[0].text == "watching j1 False"


async def test_buttons_update_their_message_or_send_another(bot: Bot, server: GuildFixture) -> None:
    await server.alice.slash(server.channel, "pixverse status", jobid="j1")
    (card,) = server.channel.messages()
    checked = await server.admin.click(card, "Check now")
    assert (checked.text, checked.ephemeral, checked.updated) == ("nothing new", True, None)
    stopped = await server.alice.click(card, "Stop watching")
    assert stopped.updated is not None
    assert (stopped.text, stopped.updated.id, stopped.labels) == ("stopped", card.id, [])
    with pytest.raises(NotPossible):
        await server.alice.click(card, "Stop watching")


async def test_autocomplete(bot: Bot, server: GuildFixture) -> None:
    offered = await server.alice.autocomplete(server.channel, "pixverse status", option="jobid", typed="cat")
    assert offered == [("job cat", "#1")]


async def test_a_modal_is_read_and_submitted(bot: Bot, server: GuildFixture) -> None:
    opened = await server.admin.slash(server.channel, "pixverse-admin token")
    modal = opened.modal
    assert modal.title == "Token"
    (field,) = modal.fields
    assert (field.label, field.description, field.placeholder) == ("API token", "Kept encrypted", "user:1-abc")
    answer = await server.admin.submit(modal, "secret")
    assert (answer.text, answer.ephemeral) == ("kept secret", True)


async def test_commands_are_offered_by_permission_and_can_be_forged(bot: Bot, server: GuildFixture) -> None:
    assert "pixverse-admin token" in server.admin.commands(server.channel)
    assert "pixverse-admin token" not in server.alice.commands(server.channel)
    with pytest.raises(NotPossible):
        await server.alice.slash(server.channel, "pixverse-admin token")
    assert (await server.alice.forge_slash(server.channel, "pixverse-admin token")).opened_modal


async def test_a_message_menu_reads_its_message_without_the_content_intent(bot: Bot, server: GuildFixture) -> None:
    said = server.alice.send(server.channel, "my job is j7")
    answer = await server.alice.message_menu(said, "Watch PixVerse jobs")
    assert answer.text == "read: my job is j7"


async def test_a_forged_button_reaches_the_bot(bot: Bot, server: GuildFixture) -> None:
    answer = await server.alice.forge_click(server.channel, "stop")
    assert answer.text == "stopped"


async def test_a_missing_response_is_reported(bot: Bot, server: GuildFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.discord_wire.interactions._FIRST_ANSWER_S", 0.05)
    with pytest.raises(NotAnswered, match="no answer within"):
        await server.alice.slash(server.channel, "pixverse silent")


async def test_a_cut_socket_is_resumed_and_nothing_is_missed(bot: Bot, server: GuildFixture) -> None:
    server.sandbox.gateway.cut()
    await server.sandbox.until(lambda: not server.sandbox.bot_connected)
    server.channel.deny_bot(attach_files=True)
    await server.sandbox.until(lambda: "resumed" in bot.heard)
    await server.sandbox.until(lambda: "changed videos" in bot.heard)
    assert (server.sandbox.gateway.identified, server.sandbox.gateway.resumed) == (1, 1)


async def test_the_bot_is_told_of_servers_and_channels(bot: Bot, server: GuildFixture) -> None:
    await server.sandbox.until(bot.is_ready)
    second = server.guild.add_text_channel("second")
    second.delete()
    server.guild.remove_bot()
    server.guild.add_bot()
    await server.sandbox.until(lambda: "joined Studio" in bot.heard)
    assert bot.heard == ["deleted second", "removed Studio", "joined Studio"]
    seen = bot.get_channel(server.channel.id)
    assert isinstance(seen, discord.TextChannel)


async def test_files_are_uploaded_and_returned(bot: Bot, server: GuildFixture) -> None:
    channel = bot.get_partial_messageable(server.channel.id)
    video = discord.File(fp=io.BytesIO(b"\0\1mp4"), filename="pixverse-1-1.mp4", description="A cat")
    sent = await channel.send("done", file=video)
    (shown,) = server.channel.messages()
    (attachment,) = shown.attachments
    assert (attachment.filename, attachment.content, attachment.description) == (
        "pixverse-1-1.mp4",
        b"\0\1mp4",
        "A cat",
    )
    assert await sent.attachments[0].read() == b"\0\1mp4"


async def test_an_outage_of_discord_is_not_a_removal(bot: Bot, server: GuildFixture) -> None:
    await server.sandbox.until(bot.is_ready)
    server.guild.outage()
    await server.sandbox.until(lambda: all(guild.unavailable for guild in bot.guilds))
    server.guild.end_outage()
    server.guild.add_text_channel("last").delete()
    await server.sandbox.until(lambda: "deleted last" in bot.heard)
    assert bot.heard == ["deleted last"]
