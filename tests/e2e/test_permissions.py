"""What people may do, and what the bot may do."""

from __future__ import annotations

import pytest

from sandbox.discord_wire import Answer
from tests.e2e.stage import Stage
from tests.e2e.town import Town

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


async def test_who_is_offered_which_command(town: Town) -> None:
    assert set(town.member.commands(town.channel)) == _MEMBERS
    assert set(town.admin.commands(town.channel)) == _MEMBERS | _ADMINS
    registered = town.stage.discord.world.backend.commands[None].values()
    assert {(command["name"], command["type"]) for command in registered} == {
        ("pixverse", 1),
        ("pixverse-admin", 1),
        ("Watch PixVerse jobs", 3),
    }
    for command in registered:
        assert (command["contexts"], command["integration_types"]) == ([0], [0])


# ---- a member without Manage Server, past all that Discord's client checks ------------------------------------------


@pytest.mark.parametrize("name", ["token set", "token remove", "check", "deliveries", "callback"])
async def test_admin_commands_are_refused(town: Town, name: str) -> None:
    assert _refused(await town.member.forge_slash(town.channel, f"pixverse-admin {name}"))


async def test_the_language_command_is_refused(town: Town) -> None:
    assert _refused(await town.member.forge_slash(town.channel, "pixverse-admin language", language="ja"))
    sql = "SELECT language FROM servers WHERE guild_id = ?"
    assert town.stage.ledger.rows(sql, town.guild.id) == [{"language": None}]


async def test_the_alerts_command_is_refused(town: Town) -> None:
    helper = town.guild.add_member("helper", permissions=town.stage.discord.Permissions(manage_messages=True))
    role = town.stage.ledger.rows("SELECT alerts_channel FROM servers WHERE guild_id = ?", town.guild.id)
    answer = await helper.forge_slash(town.channel, "pixverse-admin alerts", channel=str(town.channel.id))
    assert answer.text == _ONLY or answer.text.startswith("**Something")
    assert town.stage.ledger.rows("SELECT alerts_channel FROM servers WHERE guild_id = ?", town.guild.id) == role


async def test_an_admin_s_form_is_refused_from_other_hands(town: Town) -> None:
    opened = await town.admin.slash(town.channel, "pixverse-admin token set")
    other = town.stage.account()
    assert _refused(await town.member.forge_submit(town.channel, opened.modal, other.token))
    assert _token_of(town) == f"user:{town.account.number}"


async def test_admins_buttons_are_refused(town: Town) -> None:
    job = await town.watched()
    question = await town.admin.slash(town.channel, "pixverse-admin token remove")
    other = town.stage.account()
    choice = await town.set_token(other.token)
    custom_ids = [button.custom_id for answer in (question, choice) for button in answer.buttons]
    assert len(custom_ids) == 4
    for custom_id in custom_ids:
        assert custom_id is not None
        answer = await town.member.forge_click(town.channel, custom_id)
        assert answer.text == _ONLY
    assert _token_of(town) == f"user:{other.number}"
    open_jobs = (
        "SELECT s.id FROM subscriptions s JOIN jobs j ON j.id = s.job_id WHERE j.jobid = ? AND s.ended_at IS NULL"
    )
    assert len(town.stage.ledger.rows(open_jobs, job.jobid)) == 1


async def test_an_admin_of_another_server_can_do_nothing_here(stage: Stage, town: Town) -> None:
    other = await stage.town()
    question = await town.admin.slash(town.channel, "pixverse-admin token remove")
    custom_id = question.buttons[0].custom_id
    assert custom_id is not None
    await other.admin.forge_click(other.channel, custom_id)
    assert _token_of(town) == f"user:{town.account.number}"
    assert _token_of(other) == f"user:{other.account.number}"


def _token_of(town: Town) -> str:
    (row,) = town.stage.ledger.rows(
        "SELECT a.account_key AS account FROM servers s JOIN accounts a ON a.id = s.account_id WHERE s.guild_id = ?",
        town.guild.id,
    )
    return str(row["account"])


# ---- the bot --------------------------------------------------------------------------------------------------------


async def test_where_the_bot_cannot_post_nothing_is_subscribed(town: Town) -> None:
    town.channel.deny_bot(send_messages=True)
    answer = await town.status(town.job())
    assert answer.text.startswith("**I can't post in this channel.**")
    assert "*Send Messages*" in answer.text
    assert town.stage.ledger.rows("SELECT id FROM subscriptions WHERE channel_id = ?", town.channel.id) == []


@pytest.mark.usefixtures("generation")
async def test_without_attach_files_the_link_goes_at_once(town: Town) -> None:
    job = await town.watched()
    town.channel.deny_bot(attach_files=True)
    job.complete()
    outcome = await town.outcome()
    assert outcome.text.startswith("**Your video is ready, as a link.**")
    assert "*Attach Files*" in outcome.text
    assert outcome.attachments == []
    assert outcome.text.splitlines()[-2].startswith(job.videos[0].url.rstrip("&"))


async def test_without_read_message_history_there_is_no_reply(town: Town) -> None:
    job = await town.watched()
    town.channel.deny_bot(read_message_history=True)
    job.complete()
    outcome = await town.outcome()
    assert outcome.reference_id is None
    assert len(outcome.attachments) == 1


@pytest.mark.usefixtures("generation")
async def test_a_result_waits_until_posting_is_allowed_again(town: Town) -> None:
    job = await town.watched()
    alerts = town.guild.add_text_channel("alerts")
    await town.admin.slash(town.channel, "pixverse-admin alerts", channel=alerts)
    town.channel.deny_bot(send_messages=True)
    job.complete()
    notice = await town.notice("**I can't post in ", alerts)
    assert town.channel.mention in notice.text
    assert "*Send Messages*" in notice.text
    town.channel.allow_bot(send_messages=True)
    assert (await town.outcome()).text.startswith("**Your video is ready.**")


async def test_a_role_that_is_given_back_is_noticed_too(town: Town) -> None:
    job = await town.watched()
    everything = town.stage.discord.Permissions.all()
    everything.administrator = False
    town.guild.set_bot_permissions(town.stage.discord.Permissions(view_channel=True))
    town.guild.set_everyone_permissions(town.stage.discord.Permissions(view_channel=True))
    job.complete()
    await town.stage.pixverse.until(lambda: _blocked(town))
    town.guild.set_bot_permissions(everything)
    assert (await town.outcome()).text.startswith("**Your video is ready.**")


async def test_a_deleted_channel_holds_up_nothing(town: Town) -> None:
    doomed = town.guild.add_text_channel("doomed")
    job = town.job()
    await town.status(job, channel=doomed)
    await town.status(job)
    doomed.delete()
    job.complete()
    assert (await town.outcome()).text.startswith("**Your video is ready.**")


async def test_a_locked_thread(town: Town) -> None:
    thread = town.channel.add_thread("locked")
    town.channel.deny_bot(manage_threads=True)
    thread.lock()
    answer = await town.status(town.job(), channel=thread)
    assert answer.text.startswith("**This thread is locked.**")


async def test_an_archived_thread_still_gets_its_result(town: Town) -> None:
    thread = town.channel.add_thread("quiet")
    job = town.job()
    await town.status(job, channel=thread)
    thread.archive()
    job.complete()
    assert len((await town.outcome(thread)).attachments) == 1


def _blocked(town: Town) -> bool:
    rows = town.stage.ledger.rows(
        "SELECT blocked_since FROM deliveries WHERE channel_id = ? AND kind = 'outcome'", town.channel.id
    )
    return bool(rows and rows[0]["blocked_since"])
