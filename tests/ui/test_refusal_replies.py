from __future__ import annotations

import inspect

import pytest

from model.messages import Obstacle
from model.states import AccountState
from pixverse.jobids import NotAJobId
from relay.commands import refusals
from ui.command_texts import CommandMentions
from ui.message import TemporaryView
from ui.refusal_replies import missing_permission_reply, own_fault_reply, refusal_reply

MENTIONS = CommandMentions({"pixverse": 11, "pixverse-admin": 12})


async def press(interaction: object) -> None: ...


def text(refusal: Exception, *, manager: bool = False) -> str:
    answer = refusal_reply(refusal, MENTIONS, manager=manager)
    assert answer is not None
    return answer.content


def test_every_refusal_of_the_relay_has_its_own_text() -> None:
    known = [kind for _, kind in inspect.getmembers(refusals, inspect.isclass) if issubclass(kind, refusals.Refusal)]
    made: list[Exception] = []
    for kind in known:
        if kind is refusals.NotYours:
            made.append(refusals.NotYours((1, 2)))
        elif kind is refusals.AccountInTrouble:
            made.append(refusals.AccountInTrouble(AccountState.UNPAID))
        elif kind is not refusals.Refusal:
            arguments = [3] * (len(inspect.signature(kind.__init__).parameters) - 1) if "__init__" in vars(kind) else []
            made.append(kind(*arguments))
    texts = [text(refusal) for refusal in made]
    assert len(texts) > 10
    assert len(set(texts)) == len(texts)


def test_other_exceptions_have_no_text() -> None:
    assert refusal_reply(ValueError("x"), MENTIONS, manager=False) is None
    assert refusal_reply(refusals.Refusal(), MENTIONS, manager=False) is None


@pytest.mark.parametrize(
    ("refusal", "member", "admin"),
    [
        (
            refusals.NoToken(),
            (
                "**This server isn't set up yet.** Someone with *Manage Server* has to run "
                "</pixverse-admin token set:12>."
            ),
            ("**This server has no API token yet.** Set the one from useapi.net with </pixverse-admin token set:12>."),
        ),
        (
            refusals.AccountInTrouble(AccountState.REFUSED),
            (
                "**I can't check: useapi.net refuses this server's API token.** "
                "Someone with *Manage Server* has to run </pixverse-admin token set:12>; watched jobs stay watched."
            ),
            (
                "**useapi.net refuses this server's API token.** It was replaced or revoked; "
                "set the new one with </pixverse-admin token set:12>."
            ),
        ),
    ],
)
def test_admins_are_told_what_they_can_do(refusal: Exception, member: str, admin: str) -> None:
    assert text(refusal) == member
    assert text(refusal, manager=True) == admin


async def test_looking_again_is_offered_for_an_id_alone() -> None:
    found = refusal_reply(refusals.NotFound(), MENTIONS, manager=False, look_again=press)
    number = refusal_reply(refusals.NumberUnknown(), MENTIONS, manager=False, look_again=press)
    assert found is not None
    assert isinstance(found.view, TemporaryView)
    assert number is not None
    assert number.view is None


def test_some_texts_word_for_word() -> None:
    assert text(NotAJobId()) == (
        "**That isn't a job id.** Paste the full `jobid` (v1) or `video_id` (v2) from useapi.net's response."
    )
    assert text(refusals.TooFast(5_000)) == "**One moment.** You can ask again <t:5:R>."
    assert text(refusals.PersonLimit(50)) == (
        "**You're at your limit of 50 jobs.** Add more when one ends; </pixverse list:11> shows this channel's."
    )
    assert text(refusals.NotYours((3,))) == (
        "**This isn't yours to stop.** <@3> asked for it; they or someone with *Manage Messages* can."
    )
    assert missing_permission_reply(("View Channel",)).content == (
        "**I can't post in this channel.** I need: *View Channel*. "
        "Someone with *Manage Server* can allow it in the channel's permissions."
    )
    timed_out = "**I can't post in this channel.** I'm timed out; a moderator can end that."
    assert missing_permission_reply((Obstacle.TIMED_OUT,)).content == timed_out
    assert own_fault_reply("ab-1").content.endswith("Tell the bot's operator this number: `ab-1`.")


def test_commands_are_plain_text_if_their_ids_are_unknown() -> None:
    mentions = CommandMentions()
    assert mentions["status"] == "/pixverse status"
    mentions.learn({"pixverse": 9})
    assert mentions["status"] == "</pixverse status:9>"
    assert mentions["token_set"] == "/pixverse-admin token set"
