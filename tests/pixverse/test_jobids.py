from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixverse.jobids import (
    LooksLikeSecret,
    NotAJobId,
    OtherService,
    is_v2,
    mask_email,
    parse_jobid,
    short_number,
)
from pixverse.patterns import PIXVERSE_V2_ID

V1_ID = "job:20261124101500123-user:4321-channel:1300000000000000001-bot:pixverse"
V2_ID = "user:4321-pixverse:me@example.com-video:112233445566"
UUID = "4dd1f0a2-0b1c-4c58-9c3d-000000000000"
PARTS = [
    "job:",
    "user:",
    "1",
    "4321",
    "-",
    "channel:",
    "-bot:",
    "pixverse",
    "muse",
    ":",
    "me@a.cc",
    "-video:",
    " ",
    "'",
]
BOT_TOKEN = ".".join(["MTIzNDU2Nzg5MDEyMzQ1Njc4", "GaBcDe", "abcdefghijklmnopqrstuvwxyz0123456789ab"])


@pytest.mark.parametrize(
    "typed",
    [
        V1_ID,
        f"  {V1_ID}\n",
        f'"{V1_ID}"',
        f"`{V1_ID}`",
        f"<{V1_ID}>",
        f"'{V1_ID}',",
        f"\u200b{V1_ID}",
        f"```{V1_ID}```",
    ],
)
def test_an_id_is_extracted_from_surrounding_text(typed: str) -> None:
    assert parse_jobid(typed) == V1_ID


@pytest.mark.parametrize(
    "jobid",
    [
        "job:20261124101500123-user:4321-channel:1300000000000000001",
        "j1124101500123456789a-u4321-c1300000000000000001-bot:pixverse",
        "abcd",
        "123456789",
        UUID,
        "x" * 300,
        "a+b%40c",
    ],
)
def test_an_id_of_unknown_form_is_accepted(jobid: str) -> None:
    assert parse_jobid(jobid) == jobid


@pytest.mark.parametrize(
    "typed",
    ["", "   ", '""', "abc", "x" * 301, "two words", "job/../x", "-abcd", "jöb:1234", "#12", "a\x00bcd", "a\nbcd"],
)
def test_text_that_cannot_be_an_id(typed: str) -> None:
    with pytest.raises(NotAJobId):
        parse_jobid(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "user:4321-s3cretS3cret",
        '"user:4321-s3cretS3cret"',
        "Bearer user:4321-s3cretS3cret",
        "Bearer whatever",
        BOT_TOKEN,
        f"Bot {BOT_TOKEN}",
        f"{V1_ID} user:4321-s3cretS3cret",
        "user:4321-" + "x" * 400,
    ],
)
def test_secrets_are_refused_first_and_not_repeated(typed: str) -> None:
    with pytest.raises(LooksLikeSecret) as caught:
        parse_jobid(typed)
    assert "s3cret" not in str(caught.value)
    assert BOT_TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "service"),
    [
        (V1_ID.replace("pixverse", "midjourney"), "Midjourney"),
        (V1_ID.replace("pixverse", "pika"), "Pika"),
        (V1_ID.replace("pixverse", "faceswap"), "FaceSwap"),
        ("j1124101500123456789a-u4321-c1300000000000000001-bot:midjourney", "Midjourney"),
        (f"j1124101500123456789a-u4321-email:me@example.com-task:{UUID}-bot:muse", "Muse"),
        ("user:4321-minimax:acc-video:112233", "MiniMax"),
        ("user:4321-runwayml:me@example.com-file:" + UUID, "Runway"),
        (f"user:4321-me@example.com-job:{UUID}", "Google Vids"),
        ("user:4321-newthing:acc-image:1", "Newthing"),
    ],
)
def test_ids_of_other_services(typed: str, service: str) -> None:
    with pytest.raises(OtherService) as caught:
        parse_jobid(typed)
    assert caught.value.service_name == service


@pytest.mark.parametrize("typed", [V2_ID, f" `{V2_ID}` ", V2_ID.replace("video", "image")])
def test_a_v2_id_is_accepted_in_its_strict_form(typed: str) -> None:
    assert parse_jobid(typed) == typed.strip(" `")
    assert is_v2(parse_jobid(typed))


@pytest.mark.parametrize(
    "typed",
    [
        "user:4321-pixverse:me@example.com",
        "user:4321-pixverse:" + "x" * 400,
        V2_ID + "/../../accounts",
        V2_ID + "?x=1",
        V2_ID.replace("me@", "../me@"),
        V2_ID.replace("me@", "m..e@"),
        V2_ID.replace("@", "%40"),
        V2_ID.replace("me@", "m\\e@"),
        V2_ID + "x",
    ],
)
def test_text_that_only_starts_like_a_v2_id_is_not_one(typed: str) -> None:
    with pytest.raises(NotAJobId) as caught:
        parse_jobid(typed)
    assert "example" not in str(caught.value)
    assert not is_v2(typed)


@given(st.from_regex(PIXVERSE_V2_ID, fullmatch=True))
def test_a_masked_v2_id_contains_no_address(jobid: str) -> None:
    shown = mask_email(jobid)
    assert "@" not in shown.replace("…@…", "")
    assert shown.endswith(jobid[jobid.rindex("-") :])


@given(st.text(max_size=320) | st.lists(st.sampled_from(PARTS), max_size=9).map("".join))
def test_any_text_is_an_id_or_refused(typed: str) -> None:
    try:
        jobid = parse_jobid(typed)
    except (NotAJobId, LooksLikeSecret, OtherService):
        return
    assert 4 <= len(jobid) <= 300
    assert jobid.isascii()
    assert jobid in typed
    assert parse_jobid(jobid) == jobid


@pytest.mark.parametrize(
    ("jobid", "shown"),
    [
        (V1_ID, V1_ID),
        (V2_ID, "user:4321-pixverse:m…@…-video:112233445566"),
        ("user:4321-pixverse:a.b+c@mail.example.co.uk-image:1", "user:4321-pixverse:a…@…-image:1"),
        ("user:1-pixverse:me%40example.com-video:1", "user:1-pixverse:m…@…-video:1"),
        ("the owner anna.lee%2Bx@example.com is unknown", "the owner a…@… is unknown"),
        ("%2banna.lee@example.com", "%2b…@…"),
        ("anna@example.com%2Blee@example.com", "a…@…@example.com"),
    ],
)
def test_an_address_in_an_id_is_masked(jobid: str, shown: str) -> None:
    assert mask_email(jobid) == shown
    assert mask_email(shown) == shown


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("#123", 123),
        (" #1 ", 1),
        ("123", None),
        ("#", None),
        ("#-1", None),
        ("#1x", None),
        ("#١", None),
        ("#" + "9" * 19, None),
    ],
)
def test_short_numbers(text: str, number: int | None) -> None:
    assert short_number(text) == number
