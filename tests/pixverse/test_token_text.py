from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixverse.token_text import (
    DiscordTokenGiven,
    NotAToken,
    clean_token,
    looks_like_discord_token,
    looks_like_secret,
    looks_like_useapi_token,
    redact,
    useapi_user,
)

TOKEN = "user:4321-s3cretS3cretS3cret"
# Made up, in the shape of Discord's; in pieces, so that no scanner for secrets takes this file for a leak.
BOT_TOKEN = ".".join(["MTIzNDU2Nzg5MDEyMzQ1Njc4", "GaBcDe", "abcdefghijklmnopqrstuvwxyz0123456789ab"])
MFA_TOKEN = "mfa." + "a1" * 42
V1_ID = "job:20261124101500123-user:4321-channel:1300000000000000001-bot:pixverse"
V2_ID = "user:4321-pixverse:me@example.com-video:112233445566"
OTHER_IDS = [
    "job:20261124101500123-user:4321-channel:1300000000000000001",
    "j1124101500123456789a-u4321-c1300000000000000001-bot:midjourney",
    "user:4321-minimax:acc-video:112233",
    "user:4321-runwayml:me.too@example.com-file:4dd1f0a2-0b1c-4c58-9c3d-000000000000",
    "user:4321-me@example.com-job:4dd1f0a2-0b1c-4c58-9c3d-000000000000",
]
PIECES = [
    *(TOKEN, BOT_TOKEN, V1_ID, V2_ID, *OTHER_IDS, "user:1-", "user%3A1-abcd", "channel:", "-video:", "me@example.com"),
    *(
        "Bearer ",
        "Authorization: ",
        "authorization='",
        "bot ",
        "mfa.",
        "@",
        "%40",
        ".",
        " ",
        "\n",
        '"',
        "-",
        "+",
        "b.cc",
    ),
    *("webhooks/123/", "interactions/1/", "a" * 25, "***", "x", "é", "1"),
]


@pytest.mark.parametrize(
    "pasted",
    [
        TOKEN,
        f"  {TOKEN}\n",
        f'"{TOKEN}"',
        f"`{TOKEN}`",
        f"Bearer {TOKEN}",
        f"bearer   {TOKEN}",
        f'"Bearer {TOKEN}",',
        f"Authorization: Bearer {TOKEN}",
        f'Bearer "{TOKEN}"',
        f"<{TOKEN}>",
        f"\u200b{TOKEN}\ufeff",
    ],
)
def test_a_pasted_token_is_cleaned(pasted: str) -> None:
    assert clean_token(pasted) == TOKEN


def test_a_token_of_another_form_is_accepted() -> None:
    assert clean_token("Bearer abc.DEF_123") == "abc.DEF_123"


@pytest.mark.parametrize("pasted", [BOT_TOKEN, f"Bot {BOT_TOKEN}", f'"Bearer {BOT_TOKEN}"', MFA_TOKEN])
def test_discord_tokens_are_recognised(pasted: str) -> None:
    with pytest.raises(DiscordTokenGiven) as caught:
        clean_token(pasted)
    assert BOT_TOKEN[:10] not in str(caught.value)


@pytest.mark.parametrize(
    "pasted",
    [
        "",
        "  ",
        '""',
        "Bearer",
        "two words",
        "user:1-ä-umlaut",
        "short",
        "x" * 513,
        "a\x00bcdefgh",
        V1_ID,
        V2_ID,
        *OTHER_IDS,
    ],
)
def test_text_that_is_not_a_token(pasted: str) -> None:
    with pytest.raises(NotAToken) as caught:
        clean_token(pasted)
    assert not pasted.strip() or pasted not in str(caught.value)


@given(st.text(max_size=80))
def test_cleaning_returns_a_token_that_a_header_can_carry_or_refuses(pasted: str) -> None:
    try:
        token = clean_token(pasted)
    except (NotAToken, DiscordTokenGiven):
        return
    assert token.isascii()
    assert token.isprintable()
    assert " " not in token
    assert clean_token(token) == token


@pytest.mark.parametrize(
    ("token", "user"), [(TOKEN, 4321), ("user:4321-", None), ("user:x-abc", None), ("abc", None), (V1_ID, None)]
)
def test_the_user_in_a_token(token: str, user: int | None) -> None:
    assert useapi_user(token) == user


@pytest.mark.parametrize("text", [V1_ID, V2_ID, *OTHER_IDS, "user:4321", "#12", f"see {V2_ID}.", f"{V1_ID}, {V2_ID}"])
def test_job_ids_are_not_secrets(text: str) -> None:
    assert not looks_like_secret(text)


@pytest.mark.parametrize(
    "text",
    [
        TOKEN,
        f"my token is {TOKEN}",
        "user:1-a",
        f"{V1_ID} {TOKEN}",
        f"{V2_ID},{TOKEN}",
        "USER:4321-abcdef",
        f"x-{TOKEN}",
    ],
)
def test_useapi_tokens_are_secrets(text: str) -> None:
    assert looks_like_useapi_token(text)
    assert looks_like_secret(text)


@pytest.mark.parametrize("text", [BOT_TOKEN, MFA_TOKEN, f"Bot {BOT_TOKEN}", f"{V1_ID} {BOT_TOKEN}"])
def test_discord_tokens_are_secrets(text: str) -> None:
    assert looks_like_discord_token(text)
    assert looks_like_secret(text)


def test_a_bearer_value_is_a_secret_whatever_its_form() -> None:
    assert looks_like_secret("Bearer abc")
    assert looks_like_secret('"Authorization: Bearer abc"')
    assert not looks_like_secret("bearer")


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        (f"GET with {TOKEN}!", "GET with ***"),
        (f"{{'Authorization': 'Bearer {TOKEN}'}}", "{'Authorization': 'Bearer ***'}"),
        ('{"authorization": "opaque"}', '{"authorization": "***"}'),
        ('Authorization: Bearer "opaque"', 'Authorization: Bearer "***"'),
        ("Bearer opaque-value", "Bearer ***"),
        (f"token={BOT_TOKEN};", "token=***;"),
        (MFA_TOKEN, "***"),
        ("POST /webhooks/123/" + "aW50ZXJhY3Rpb246" * 3 + "/messages", "POST /webhooks/123/***/messages"),
        ("write to me.too+x@mail.example.com, please", "write to ***, please"),
        ("?email=me%40example.com&x", "?email=***&x"),
        (V1_ID, V1_ID),
        (f"job {V2_ID}.", "job user:4321-pixverse:***-video:112233445566."),
        (f"{TOKEN}{V2_ID}", "***"),
        ("user:4321%2Dx user%3A4321-abcdef", "user:4321%2Dx ***"),
        ("account user:4321 rests", "account user:4321 rests"),
        ("aiohttp 3.14.5 <@123> @everyone a@b", "aiohttp 3.14.5 <@123> @everyone a@b"),
    ],
)
def test_redaction(text: str, safe: str) -> None:
    assert redact(text) == safe


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_redaction_changes_nothing_the_second_time(text: str) -> None:
    safe = redact(text)
    assert redact(safe) == safe


@given(
    st.lists(st.sampled_from(PIECES), max_size=8),
    st.sampled_from([" ", "\n", ", ", '"', "=", "/", "?token=", "&", ": "]),
)
def test_redaction_leaves_no_secret(pieces: list[str], between: str) -> None:
    safe = redact(between.join(pieces))
    assert "s3cretS3cret" not in safe
    assert BOT_TOKEN not in safe
    assert "me@example.com" not in safe


@given(st.text(max_size=200))
def test_redaction_of_any_text_is_idempotent(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "user:1-",
        "user:1-a ",
        "a@",
        "a@a.",
        "-video:",
        "M" * 30 + ".",
        "authorization ",
        "bearer ",
        "user:1-x:y-video:",
        "mfa.",
        "%40",
    ],
)
def test_redaction_takes_linear_time(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    before = time.process_time()
    redact(text)
    looks_like_secret(text)
    assert time.process_time() - before < 2
