"""An unmodified discord.py cannot tell the sandbox from Discord."""

import io

import discord
import pytest

from sandbox.discord_wire import NotAnswered, NotPossible
from tests.sandbox.discord_wire.bot import Bot
from tests.sandbox.discord_wire.conftest import Town


async def test_a_deferred_slash_command_is_waited_for_to_its_end(bot: Bot, town: Town) -> None:
    answer = await town.alice.slash(town.channel, "pixverse status", jobid="j1", mention=False)
    assert answer.text == "watching j1 False"
    assert answer.ephemeral
    (card,) = town.channel.messages()
    assert (card.text, card.labels, card.silent, card.nonce) == (
        "card j1",
        ["Stop watching", "Check now"],
        True,
        "n-j1",
    )
    assert card.author_is_bot
    assert not card.edited
    assert town.channel.messages(seen_by=town.alice)[0].text == "watching j1 False"


async def test_buttons_update_their_message_or_answer_anew(bot: Bot, town: Town) -> None:
    await town.alice.slash(town.channel, "pixverse status", jobid="j1")
    (card,) = town.channel.messages()
    checked = await town.admin.click(card, "Check now")
    assert (checked.text, checked.ephemeral, checked.updated) == ("nothing new", True, None)
    stopped = await town.alice.click(card, "Stop watching")
    assert stopped.updated is not None
    assert (stopped.text, stopped.updated.id, stopped.labels) == ("stopped", card.id, [])
    with pytest.raises(NotPossible):
        await town.alice.click(card, "Stop watching")


async def test_autocomplete(bot: Bot, town: Town) -> None:
    offered = await town.alice.autocomplete(town.channel, "pixverse status", option="jobid", typed="cat")
    assert offered == [("job cat", "#1")]


async def test_a_modal_is_read_and_submitted(bot: Bot, town: Town) -> None:
    opened = await town.admin.slash(town.channel, "pixverse-admin token")
    modal = opened.modal
    assert modal.title == "Token"
    (field,) = modal.fields
    assert (field.label, field.description, field.placeholder) == ("API token", "Kept encrypted", "user:1-abc")
    answer = await town.admin.submit(modal, "secret")
    assert (answer.text, answer.ephemeral) == ("kept secret", True)


async def test_commands_are_offered_by_permission_and_can_be_forged(bot: Bot, town: Town) -> None:
    assert "pixverse-admin token" in town.admin.commands(town.channel)
    assert "pixverse-admin token" not in town.alice.commands(town.channel)
    with pytest.raises(NotPossible):
        await town.alice.slash(town.channel, "pixverse-admin token")
    assert (await town.alice.forge_slash(town.channel, "pixverse-admin token")).opened_modal


async def test_a_message_menu_reads_that_message_without_the_content_intent(bot: Bot, town: Town) -> None:
    said = town.alice.send(town.channel, "my job is j7")
    answer = await town.alice.message_menu(said, "Watch PixVerse jobs")
    assert answer.text == "read: my job is j7"


async def test_a_forged_button_reaches_the_bot(bot: Bot, town: Town) -> None:
    answer = await town.alice.forge_click(town.channel, "stop")
    assert answer.text == "stopped"


async def test_no_answer_is_told_as_such(bot: Bot, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.discord_wire.interactions._FIRST_ANSWER_S", 0.05)
    with pytest.raises(NotAnswered, match="no answer within"):
        await town.alice.slash(town.channel, "pixverse silent")


async def test_a_cut_socket_is_resumed_and_nothing_is_missed(bot: Bot, town: Town) -> None:
    town.sandbox.gateway.cut()
    await town.sandbox.until(lambda: not town.sandbox.bot_connected)
    town.channel.deny_bot(attach_files=True)
    await town.sandbox.until(lambda: "resumed" in bot.heard)
    await town.sandbox.until(lambda: "changed videos" in bot.heard)
    assert (town.sandbox.gateway.identified, town.sandbox.gateway.resumed) == (1, 1)


async def test_the_bot_hears_of_servers_and_channels(bot: Bot, town: Town) -> None:
    await town.sandbox.until(bot.is_ready)
    second = town.guild.add_text_channel("second")
    second.delete()
    town.guild.remove_bot()
    town.guild.add_bot()
    await town.sandbox.until(lambda: "joined Studio" in bot.heard)
    assert bot.heard == ["deleted second", "removed Studio", "joined Studio"]
    seen = bot.get_channel(town.channel.id)
    assert isinstance(seen, discord.TextChannel)


async def test_files_go_up_and_come_back(bot: Bot, town: Town) -> None:
    channel = bot.get_partial_messageable(town.channel.id)
    video = discord.File(fp=io.BytesIO(b"\0\1mp4"), filename="pixverse-1-1.mp4", description="A cat")
    sent = await channel.send("done", file=video)
    (shown,) = town.channel.messages()
    (attachment,) = shown.attachments
    assert (attachment.filename, attachment.content, attachment.description) == (
        "pixverse-1-1.mp4",
        b"\0\1mp4",
        "A cat",
    )
    assert await sent.attachments[0].read() == b"\0\1mp4"


async def test_an_outage_of_discord_is_no_removal(bot: Bot, town: Town) -> None:
    await town.sandbox.until(bot.is_ready)
    town.guild.outage()
    await town.sandbox.until(lambda: all(guild.unavailable for guild in bot.guilds))
    town.guild.end_outage()
    town.guild.add_text_channel("last").delete()
    await town.sandbox.until(lambda: "deleted last" in bot.heard)
    assert bot.heard == ["deleted last"]
