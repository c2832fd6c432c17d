from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import discord
import pytest

from discord_adapter.history import MAX_PAGES, PAGE, find_copies, find_message
from model.messages import (
    Absent,
    BatchTally,
    Found,
    HistorySearchResult,
    HistoryUnreadable,
    NoResponse,
    NoticePost,
    TooManyRequests,
)
from model.states import NoticeKind, Reason
from ui.command_texts import CommandMentions
from ui.message import Message
from ui.notices import notice_message

BOT = 1
CHANNEL = 3
NOW = 1_795_000_000_000
MESSAGE = Message(known_by="outcome:details:abc")


def id_at(moment: int) -> int:
    return (moment - discord.utils.DISCORD_EPOCH) << 22


def stored(message_id: int, custom_id: str = "", author: int = BOT) -> dict[str, Any]:
    rows = [{"type": 1, "components": [{"type": 2, "custom_id": custom_id}]}] if custom_id else []
    return {"id": str(message_id), "author": {"id": str(author)}, "content": "", "components": rows}


class Channel:
    """A channel's history, answered as Discord does: at most `limit`, the oldest that follow `after` or the newest."""

    def __init__(
        self, messages: list[dict[str, Any]], *, readable: bool = True, refusal: Exception | None = None
    ) -> None:
        self.id = BOT
        self.user = self
        self.http = self
        self._messages = sorted(messages, key=lambda message: int(message["id"]))
        self._readable = readable
        self._refusal = refusal
        self.asked = 0

    async def logs_from(self, channel_id: int, limit: int, after: int | None = None) -> list[dict[str, Any]]:
        assert channel_id == CHANNEL
        self.asked += 1
        if self._refusal is not None:
            raise self._refusal
        if not self._readable:
            return []
        if after is None:
            return self._messages[-limit:][::-1]
        return [message for message in self._messages if int(message["id"]) > after][:limit][::-1]

    async def find(self, *, readable: bool | None = None) -> object:
        client = cast("discord.Client", self)
        return await find_message(client, CHANNEL, MESSAGE, NOW, readable=readable)

    async def copies(self, *, readable: bool | None = None) -> object:
        client = cast("discord.Client", self)
        return await find_copies(client, CHANNEL, MESSAGE, NOW, readable=readable)


async def test_a_message_is_found_among_later_ones() -> None:
    noise = [stored(id_at(NOW + number), author=9) for number in range(1, 2 * PAGE)]
    ours = stored(id_at(NOW + 5_000), "outcome:details:abc")
    channel = Channel([*noise, ours])
    assert await channel.find() == Found(int(ours["id"]))
    assert channel.asked == 2


async def test_a_message_is_absent_if_only_others_follow() -> None:
    channel = Channel([stored(id_at(NOW + 1), "outcome:details:xyz"), stored(id_at(NOW + 2), "outcome:details:abc", 9)])
    assert await channel.find() == Absent()


async def test_a_message_is_found_if_its_id_is_from_a_slow_clock() -> None:
    ours = stored(id_at(NOW - 31_536_000_000), "outcome:details:abc")
    assert await Channel([ours]).find(readable=True) == Found(int(ours["id"]))
    assert await Channel([ours]).find() == Found(int(ours["id"]))
    small = stored(17, "outcome:details:abc")
    assert await Channel([stored(16), small]).find() == Found(17)


async def test_an_empty_history_is_proof_only_with_permission_to_read_it() -> None:
    assert await Channel([]).find(readable=True) == Absent()
    assert await Channel([]).find() == HistoryUnreadable()
    assert await Channel([stored(5)]).find() == Absent()
    assert await Channel([stored(5)], readable=False).find() == HistoryUnreadable()


async def test_nothing_is_requested_without_permission_to_read() -> None:
    channel = Channel([stored(5)])
    assert await channel.find(readable=False) == HistoryUnreadable()
    assert channel.asked == 0


async def test_too_long_a_stretch_proves_nothing() -> None:
    ours = stored(id_at(NOW + MAX_PAGES * PAGE + 1), "outcome:details:abc")
    noise = [stored(id_at(NOW + number), author=9) for number in range(1, MAX_PAGES * PAGE + 1)]
    channel = Channel([*noise, ours])
    assert await channel.find(readable=True) == HistoryUnreadable()
    assert channel.asked == MAX_PAGES


def _refused(status: int, code: int) -> discord.HTTPException:
    response = cast("aiohttp.ClientResponse", SimpleNamespace(status=status, reason="", headers={}))
    return discord.HTTPException(response, {"code": code, "message": "injected"} if code else "<html>")


@pytest.mark.parametrize(
    ("refusal", "meaning"),
    [
        (_refused(403, 50001), HistoryUnreadable(Reason.NO_PERMISSION)),
        (_refused(404, 10003), HistoryUnreadable(Reason.UNKNOWN_CHANNEL)),
        (_refused(403, 0), NoResponse()),
        (_refused(404, 0), NoResponse()),
        (_refused(500, 0), NoResponse()),
        (ConnectionResetError(), NoResponse()),
    ],
)
async def test_only_discord_s_own_refusal_means_the_history_is_not_readable(
    refusal: Exception, meaning: HistorySearchResult
) -> None:
    assert await Channel([], refusal=refusal).find(readable=True) == meaning


@pytest.mark.parametrize("code", [20028, 40004, 40006, 130000])
async def test_a_temporary_refusal_says_nothing_about_the_history(code: int) -> None:
    assert await Channel([], refusal=_refused(403, code)).find(readable=True) == NoResponse()


@pytest.mark.parametrize(
    "answer", ["<html>sorry</html>", "", {"message": "sorry"}, {}, [{"id": "x"}], [1], None], ids=repr
)
async def test_a_response_that_is_not_a_history_proves_nothing(answer: Any) -> None:
    channel = Channel([])
    channel.logs_from = _always(answer)  # type: ignore[method-assign]
    assert await channel.find(readable=True) == NoResponse()


# ---- second messages ------------------------------------------------------------------------------------------------


async def test_every_message_of_the_bot_is_found() -> None:
    ours = [stored(id_at(NOW + number), "outcome:details:abc") for number in (1, 500)]
    noise = [stored(id_at(NOW + number), author=9) for number in range(2, 500)]
    assert await Channel([*ours, *noise]).copies() == (int(ours[0]["id"]), int(ours[1]["id"]))
    assert await Channel(noise).copies() == ()


async def test_an_empty_page_proves_nothing_about_second_messages() -> None:
    assert await Channel([stored(id_at(NOW + 1))], readable=False).copies() == HistoryUnreadable()
    assert await Channel([]).copies(readable=False) == HistoryUnreadable()
    assert await Channel([]).copies(readable=True) == ()


@pytest.mark.parametrize(
    ("refusal", "meaning"),
    [
        (_refused(403, 50001), HistoryUnreadable(Reason.NO_PERMISSION)),
        (_refused(500, 0), NoResponse()),
        (_refused(404, 0), NoResponse()),
        (discord.RateLimited(7.0), TooManyRequests(7.0)),
        (ConnectionResetError(), NoResponse()),
        (TimeoutError(), NoResponse()),
        (TypeError(), NoResponse()),
    ],
    ids=repr,
)
async def test_a_failed_search_for_second_messages_is_reported(
    refusal: Exception, meaning: HistorySearchResult
) -> None:
    assert await Channel([], refusal=refusal).copies(readable=True) == meaning


def _always(answer: Any) -> Any:
    async def logs_from(*_: Any, **__: Any) -> Any:
        return answer

    return logs_from


@pytest.mark.parametrize(
    "notice",
    [
        NoticePost(NoticeKind.TOKEN_REFUSED, "n", (42,), 3),
        NoticePost(NoticeKind.BATCH_ENDED, "n", (42,), tally=BatchTally(2, 1, 0, 0, 1, 0, 0, ())),
    ],
    ids=lambda notice: notice.kind,
)
async def test_a_notice_is_found_even_if_the_person_in_it_was_forgotten_since(notice: NoticePost) -> None:
    mentions = CommandMentions({})
    kept = {**stored(id_at(NOW + 1)), "content": notice_message(notice, mentions).content}
    client = cast("discord.Client", Channel([kept]))
    forgotten = notice_message(replace(notice, mention=()), mentions)
    assert forgotten.content != kept["content"]
    assert await find_message(client, CHANNEL, forgotten, NOW, readable=True) == Found(int(kept["id"]))


@pytest.mark.parametrize(
    "stored_as", ["</pixverse-admin check:12>", "</pixverse-admin check:34>", "/pixverse-admin check"]
)
@pytest.mark.parametrize("looked_for", ["</pixverse-admin check:12>", "/pixverse-admin check"])
async def test_a_text_is_the_same_with_or_without_known_command_ids(stored_as: str, looked_for: str) -> None:
    """A bot that has just started may search for a notice before it knows the commands' ids."""
    kept = {**stored(id_at(NOW + 1)), "content": f"**Fix it.** Run {stored_as}."}
    client = cast("discord.Client", Channel([kept]))
    for start, result in (("**Fix it.**", Found(int(kept["id"]))), ("**Mend it.**", Absent())):
        message = Message(f"{start} Run {looked_for}.")
        assert await find_message(client, CHANNEL, message, NOW, readable=True) == result
