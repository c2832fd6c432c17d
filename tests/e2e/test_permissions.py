"""What people may do, and what the bot may do."""

from __future__ import annotations

import pytest

from sandbox.discord_wire import Answer
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness

pytestmark = pytest.mark.asyncio(loop_scope="module")

_ONLY = "**Only someone with *Manage Server* can do this.**"


def _refused(answer: Answer) -> bool:
    return answer.text == _ONLY and answer.ephemeral and not answer.opened_modal


_MEMBERS = {f"pixverse {name}" for name in ("status", "watch", "unwatch", "list", "forget-me")}
_ADMINS = {
    f"pixverse-admin {name}"
    for name in (
        "token set",
        "token remove",
        "check",
        "deliveries",
        "alerts",
        "follow",
        "unfollow",
        "callback",
        "language",
    )
}


async def test_who_is_offered_which_command(server: GuildFixture) -> None:
    assert set(server.member.commands(server.channel)) == _MEMBERS
    assert set(server.admin.commands(server.channel)) == _MEMBERS | _ADMINS
    registered = server.harness.discord.world.backend.commands[None].values()
    assert {(command["name"], command["type"]) for command in registered} == {
        ("pixverse", 1),
        ("pixverse-admin", 1),
        ("Watch PixVerse jobs", 3),
    }
    for command in registered:
        assert (command["contexts"], command["integration_types"]) == ([0], [0])


# ---- a member without Manage Server, past all that Discord's client checks ------------------------------------------


@pytest.mark.parametrize("name", ["token set", "token remove", "check", "deliveries", "callback"])
async def test_admin_commands_are_refused(server: GuildFixture, name: str) -> None:
    assert _refused(await server.member.forge_slash(server.channel, f"pixverse-admin {name}"))


async def test_the_language_command_is_refused(server: GuildFixture) -> None:
    assert _refused(await server.member.forge_slash(server.channel, "pixverse-admin language", language="ja"))
    sql = "SELECT language FROM servers WHERE guild_id = ?"
    assert server.harness.ledger.rows(sql, server.guild.id) == [{"language": None}]


async def test_the_alerts_command_is_refused(server: GuildFixture) -> None:
    helper = server.guild.add_member("helper", permissions=server.harness.discord.Permissions(manage_messages=True))
    role = server.harness.ledger.rows("SELECT alerts_channel FROM servers WHERE guild_id = ?", server.guild.id)
    answer = await helper.forge_slash(server.channel, "pixverse-admin alerts", channel=str(server.channel.id))
    assert answer.text == _ONLY or answer.text.startswith("**Something")
    assert server.harness.ledger.rows("SELECT alerts_channel FROM servers WHERE guild_id = ?", server.guild.id) == role


async def test_an_admin_s_form_is_refused_from_others(server: GuildFixture) -> None:
    opened = await server.admin.slash(server.channel, "pixverse-admin token set")
    other = server.harness.account()
    assert _refused(await server.member.forge_submit(server.channel, opened.modal, other.token))
    assert _token_of(server) == f"user:{server.account.number}"


async def test_admin_buttons_are_refused(server: GuildFixture) -> None:
    job = await server.watched()
    question = await server.admin.slash(server.channel, "pixverse-admin token remove")
    other = server.harness.account()
    choice = await server.set_token(other.token)
    custom_ids = [button.custom_id for answer in (question, choice) for button in answer.buttons]
    assert len(custom_ids) == 4
    for custom_id in custom_ids:
        assert custom_id is not None
        answer = await server.member.forge_click(server.channel, custom_id)
        assert answer.text == _ONLY
    assert _token_of(server) == f"user:{other.number}"
    open_jobs = (
        "SELECT s.id FROM subscriptions s JOIN jobs j ON j.id = s.job_id WHERE j.jobid = ? AND s.ended_at IS NULL"
    )
    assert len(server.harness.ledger.rows(open_jobs, job.jobid)) == 1


async def test_an_admin_of_another_server_can_do_nothing_here(harness: Harness, server: GuildFixture) -> None:
    other = await harness.server()
    question = await server.admin.slash(server.channel, "pixverse-admin token remove")
    custom_id = question.buttons[0].custom_id
    assert custom_id is not None
    await other.admin.forge_click(other.channel, custom_id)
    assert _token_of(server) == f"user:{server.account.number}"
    assert _token_of(other) == f"user:{other.account.number}"


def _token_of(server: GuildFixture) -> str:
    (row,) = server.harness.ledger.rows(
        "SELECT a.account_key AS account FROM servers s JOIN accounts a ON a.id = s.account_id WHERE s.guild_id = ?",
        server.guild.id,
    )
    return str(row["account"])


# ---- the bot --------------------------------------------------------------------------------------------------------


async def test_if_the_bot_cannot_post_nothing_is_watched(server: GuildFixture) -> None:
    server.channel.deny_bot(send_messages=True)
    answer = await server.status(server.job())
    assert answer.text.startswith("**I can't post in this channel.**")
    assert "*Send Messages*" in answer.text
    assert server.harness.ledger.rows("SELECT id FROM subscriptions WHERE channel_id = ?", server.channel.id) == []


@pytest.mark.usefixtures("generation")
async def test_without_attach_files_the_link_is_posted_at_once(server: GuildFixture) -> None:
    job = await server.watched()
    server.channel.deny_bot(attach_files=True)
    job.complete()
    outcome = await server.outcome()
    assert outcome.text.startswith("**Your video is ready, as a link.**")
    assert "*Attach Files*" in outcome.text
    assert outcome.attachments == []
    assert outcome.text.splitlines()[-2].startswith(job.videos[0].url.rstrip("&"))


async def test_without_read_message_history_there_is_no_reply(server: GuildFixture) -> None:
    job = await server.watched()
    server.channel.deny_bot(read_message_history=True)
    job.complete()
    outcome = await server.outcome()
    assert outcome.reference_id is None
    assert len(outcome.attachments) == 1


@pytest.mark.usefixtures("generation")
async def test_a_result_waits_until_posting_is_allowed_again(server: GuildFixture) -> None:
    job = await server.watched()
    alerts = server.guild.add_text_channel("alerts")
    await server.admin.slash(server.channel, "pixverse-admin alerts", channel=alerts)
    server.channel.deny_bot(send_messages=True)
    job.complete()
    notice = await server.notice("**I can't post in ", alerts)
    assert server.channel.mention in notice.text
    assert "*Send Messages*" in notice.text
    server.channel.allow_bot(send_messages=True)
    assert (await server.outcome()).text.startswith("**Your video is ready.**")


async def test_a_role_that_is_given_back_is_noticed_too(server: GuildFixture) -> None:
    job = await server.watched()
    everything = server.harness.discord.Permissions.all()
    everything.administrator = False
    server.guild.set_bot_permissions(server.harness.discord.Permissions(view_channel=True))
    server.guild.set_everyone_permissions(server.harness.discord.Permissions(view_channel=True))
    job.complete()
    await server.harness.pixverse.until(lambda: _blocked(server))
    server.guild.set_bot_permissions(everything)
    assert (await server.outcome()).text.startswith("**Your video is ready.**")


async def test_a_deleted_role_no_longer_keeps_the_bot_out(server: GuildFixture) -> None:
    """Discord need not report that the channel's overwrite for the role is gone."""
    job = await server.watched()
    role = server.guild.add_role("muted", held_by_bot=True)
    server.channel.deny_role(role, send_messages=True)
    job.complete()
    await server.harness.pixverse.until(lambda: _blocked(server))
    server.guild.delete_role(role)
    assert (await server.outcome()).text.startswith("**Your video is ready.**")


async def test_a_deleted_channel_delays_nothing(server: GuildFixture) -> None:
    doomed = server.guild.add_text_channel("doomed")
    job = server.job()
    await server.status(job, channel=doomed)
    await server.status(job)
    doomed.delete()
    job.complete()
    assert (await server.outcome()).text.startswith("**Your video is ready.**")


async def test_a_locked_thread(server: GuildFixture) -> None:
    thread = server.channel.add_thread("locked")
    server.channel.deny_bot(manage_threads=True)
    thread.lock()
    answer = await server.status(server.job(), channel=thread)
    assert answer.text.startswith("**This thread is locked.**")


async def test_an_archived_thread_still_gets_its_result(server: GuildFixture) -> None:
    thread = server.channel.add_thread("quiet")
    job = server.job()
    await server.status(job, channel=thread)
    thread.archive()
    job.complete()
    assert len((await server.outcome(thread)).attachments) == 1


def _blocked(server: GuildFixture) -> bool:
    rows = server.harness.ledger.rows(
        "SELECT blocked_since FROM deliveries WHERE channel_id = ? AND kind = 'outcome'", server.channel.id
    )
    return bool(rows and rows[0]["blocked_since"])
