from __future__ import annotations

import contextlib
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixverse.jobids import LooksLikeSecret, NotAJobId, OtherKind, OtherService, SeveralIds, parse_jobid
from pixverse.pasted import find_jobids, read_many, read_one

V1 = "job:20261124101500123-user:4321-channel:1300000000000000001-bot:pixverse"
SHORT_V1 = V1.removesuffix("-bot:pixverse")
V2 = "user:4321-pixverse:me@example.com-video:112233445566"
TOKEN = "user:12345-AbCdEfGhIjKlMnOpQrStUvWx"
BOT_TOKEN = ".".join(["MTIzNDU2Nzg5MDEyMzQ1Njc4", "GaBcDe", "abcdefghijklmnopqrstuvwxyz0123456789ab"])

_snowflakes = st.integers(10**17, 10**19).map(str)
_v1_ids = st.builds(
    "job:{}-user:{}-channel:{}{}".format,
    st.integers(10**16, 10**17 - 1),
    st.integers(1, 10**9),
    _snowflakes,
    st.sampled_from(["", "-bot:pixverse"]),
)
_v2_ids = st.builds(
    "user:{}-pixverse:{}@{}.example.com-{}:{}".format,
    st.integers(1, 10**9),
    st.from_regex(r"[A-Za-z0-9+_-]{1,20}(\.[A-Za-z0-9]{1,20})?", fullmatch=True),
    st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True),
    st.sampled_from(["video", "image"]),
    st.integers(1, 10**18),
)
_WRAPPINGS = (
    "{}", " {}\n", '"{}"', "'{}'", "`{}`", "```{}```", "<{}>", "**{}**", "_{}_", "||{}||", "> {}", "({}).", "[{}]",
    "{},", "{}.", "{}…", "\u200b{}\u2060", "“{}”", "«{}»", "{} {}", "jobid: {}", "jobid={}",
    "please watch {} for me", "my job ({}) hangs!",
    '{{"jobid":"{}","code":200,"status":"started"}}', '{{"jobid": "{}", "verb": "pixverse-create", "code": 200}}',
    '{{"parentJobId":"job:20261124101500999-user:1-channel:1300000000000000009-bot:pixverse","jobid":"{}"}}',
    "https://api.useapi.net/v1/pixverse/jobs/?jobid={}", "https://api.useapi.net/v1/pixverse/jobs/?x=1&jobid={}&y=2",
    "https://api.useapi.net/v2/pixverse/videos/{}", "https://api.useapi.net/v2/pixverse/videos/{}?email=1&z=2",
    "[my job](https://api.useapi.net/v1/pixverse/jobs/?jobid={})", "<https://api.useapi.net/v2/pixverse/videos/{}>",
    "curl -H 'x: y' 'https://api.useapi.net/v2/pixverse/videos/{}'",
)  # fmt: skip


@pytest.mark.parametrize("address", ["-U0@0.example.com", "PixVerse.Fan-C1@example.com", "J1@Example.com"])
def test_the_case_of_an_address_is_kept(address: str) -> None:
    assert read_one(f"user:1-pixverse:{address}-video:1") == f"user:1-pixverse:{address}-video:1"
    assert read_one(f"User:1-PixVerse:{address}-Video:1") == f"user:1-pixverse:{address}-video:1"


@given(
    _v1_ids | _v2_ids,
    st.sampled_from(_WRAPPINGS),
    st.sampled_from([str, quote, lambda text: quote(text, safe="").lower()]),
)
def test_an_id_is_read_whatever_it_is_wrapped_in(jobid: str, wrapping: str, encode: object) -> None:
    assert callable(encode)
    written = str(encode(jobid))
    if written != jobid and written.lower() == written:
        jobid = jobid.lower()
    text = wrapping.replace("{}", written).replace("{{", "{").replace("}}", "}")
    assert read_one(text) == jobid
    assert [one.jobid for one in read_many(text)] == [jobid]
    assert find_jobids(text) == [jobid]


@pytest.mark.parametrize(
    ("text", "jobid"),
    [
        ("user%3A4321-pixverse%3Ame%40example.com-video%3A112233445566", V2),
        ("user%3a4321-pixverse%3ame%40example.com-video%3a112233445566", V2),
        (V1.upper(), V1),
        (V1.replace("job", "Job").replace("pixverse", "PixVerse"), V1),
        (V2.upper(), V2),
        ("USER:4321-pixverse:Me@Example.com-Video:1", "user:4321-pixverse:Me@Example.com-video:1"),
        (SHORT_V1, SHORT_V1),
        (
            "j1124101500123456789a-u4321-c1300000000000000001-bot:pixverse",
            "j1124101500123456789a-u4321-c1300000000000000001-bot:pixverse",
        ),
        ("j\u200bob:20261124101500123-user:4321-channel:1300000000000000001-bot:pixverse", V1),
        ("https://api.useapi.net/v1/pixverse/jobs/?jobid=9f8e7d6c", "9f8e7d6c"),
        ('{"jobid": "9f8e7d6c", "status": "started"}', "9f8e7d6c"),
        ("4dd1f0a2-0b1c-4c58-9c3d-000000000000", "4dd1f0a2-0b1c-4c58-9c3d-000000000000"),
        ("x" * 300, "x" * 300),
        (" `#12` ", 12),
        *((jobid.replace(":", "\uff1a"), jobid) for jobid in (V1, V2)),
        *(("".join(chr(ord(sign) + 0xFEE0) for sign in jobid), jobid) for jobid in (V1, V2)),
        *((jobid.replace("-", dash), jobid) for jobid in (V1, V2) for dash in "\u2010\u2011\u2013\u2212"),
        *((jobid.replace(":", "\\:").replace("-", "\\-"), jobid) for jobid in (V1, V2)),
        (V2.replace("@", "\\u0040"), V2),
        (V2.replace("me@example.com", "[me@example.com](mailto:me@example.com)"), V2),
        (quote(V2).replace("%", "\uff05"), V2),
        *((f"{jobid}\uff0c\u8bf7", jobid) for jobid in (V1, V2)),
        *((f"`{jobid[:at]}\n{jobid[at:]}`", jobid) for jobid in (V1, V2) for at in (26, 28, 32)),
        *((f"see\n> {jobid[:30]}\r\n{jobid[30:]}, please", jobid) for jobid in (V1, V2)),
        ("#\uff11\uff12", 12),
        *((text, 12) for text in ("#12.", "`#12`,", "job #12", "#12: paper boat", "#12 · 62 % · 3 min ago", "#12 #12")),
        (f"completed · #12 · {V1}", V1),
    ],
)
def test_how_ids_are_pasted(text: str, jobid: str | int) -> None:
    assert read_one(text) == jobid


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("hello", NotAJobId),
        ("please", NotAJobId),
        ("please watch my video", NotAJobId),
        ("", NotAJobId),
        ("\u200b", NotAJobId),
        ("x" * 301, NotAJobId),
        ("a%2541b12345678901234", NotAJobId),
        (quote(quote(V2, safe=""), safe=""), NotAJobId),
        (V2.replace("@", "@@"), NotAJobId),
        (f"{V1} and {V2}", SeveralIds),
        (f"{V1},{SHORT_V1}", SeveralIds),
        ("#12 and #13", SeveralIds),
        ("#", NotAJobId),
        ("#1a", NotAJobId),
        (V2.replace("video", "music"), OtherKind),
        (quote(V2.replace("video", "speech"), safe=""), OtherKind),
        (f"see {V1.replace('pixverse', 'midjourney')}!", OtherService),
        (TOKEN, LooksLikeSecret),
        (TOKEN.replace("user", "USER"), LooksLikeSecret),
        (quote(TOKEN, safe=""), LooksLikeSecret),
        (quote(quote(TOKEN, safe=""), safe=""), LooksLikeSecret),
        (quote(quote(quote(TOKEN, safe=""), safe=""), safe=""), LooksLikeSecret),
        (f"https://api.useapi.net/?token={TOKEN}", LooksLikeSecret),
        (f'{{"token":"{TOKEN}","jobid":"{V1}"}}', LooksLikeSecret),
        (f"{V1} {TOKEN}", LooksLikeSecret),
        (BOT_TOKEN, LooksLikeSecret),
        (BOT_TOKEN.replace(".", "%2E"), LooksLikeSecret),
        (BOT_TOKEN.replace(".", "\u200b."), LooksLikeSecret),
        ("Bearer whatever", LooksLikeSecret),
        (f"{V2}#{TOKEN}", LooksLikeSecret),
        ("".join(chr(ord(sign) + 0xFEE0) for sign in TOKEN), LooksLikeSecret),
        (TOKEN.replace(":", "\\:"), LooksLikeSecret),
        (TOKEN.replace("-", "\u2011"), LooksLikeSecret),
        (f"{TOKEN} x-video:1", LooksLikeSecret),
        (f"{TOKEN} -pixverse:me@example.com-video:1", LooksLikeSecret),
    ],
)
def test_text_that_is_not_a_single_job(text: str, refusal: type[ValueError]) -> None:
    with pytest.raises(refusal) as caught:
        read_one(text)
    assert type(caught.value) is refusal
    assert "AbCd" not in str(caught.value)


def _said(text: str) -> list[str | int | type[ValueError] | None]:
    return [one.jobid or one.number or (type(one.refusal) if one.refusal else None) for one in read_many(text)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"please watch {V1} and {V2}, at 16:9 in 1080p. Thanks!", [V1, V2]),
        (f"{V1} {V1} {V1.upper()}", [V1]),
        (f"{V1} {TOKEN} {V2}", [V1, LooksLikeSecret, V2]),
        (f"{V1},{quote(TOKEN, safe='')},#7", [V1, LooksLikeSecret, 7]),
        (f"Bearer s3cretS3cret {V1}", [LooksLikeSecret, V1][-1:]),
        (quote(f"{V1} {V2}"), [V1, V2]),
        (f'{{"jobid":"{V1}"}}\n{{"jobid":"{V2}","parentJobId":"{SHORT_V1}"}}', [V1, V2]),
        ("bb-2, aa-1\nbb-2,,\t cc-3 ", ["bb-2", "aa-1", "cc-3"]),
        ('["job:1", "job:2"]', ["job:1", "job:2"]),
        ("job:1 aa-1", ["job:1", "aa-1"]),
        (f"{V1} ??? gibberish-that-nobody-knows", [V1, NotAJobId, "gibberish-that-nobody-knows"]),
        ("hello please", [NotAJobId, NotAJobId]),
        (f"{V1} and user:4321-pixverse:me@example.com", [V1, NotAJobId]),
        (f"{V1} and {V2.replace('video', 'music')}", [V1, OtherKind]),
        (" , ", []),
        (f"{V1}\uff0c{V2}\u3001#7", [V1, V2, 7]),
        ("#12: #13.\n#14…", [12, 13, 14]),
        (f"{V2}\u3001{V2.replace('4321', '77')}", [V2, V2.replace("4321", "77")]),
        (f"{V1[:30]}\n{V1[30:]}\n{V2[:30]}\n{V2[30:]}", [V1, V2]),
    ],
)
def test_which_jobs_a_list_names(text: str, said: list[object]) -> None:
    read = _said(text)
    assert [one for one in read if one is not LooksLikeSecret or "Bearer" not in text] == said
    assert not any("AbCd" in one.text or "s3cret" in one.text for one in read_many(text))


@given(
    st.lists(
        st.sampled_from(
            (
                V1,
                V2,
                SHORT_V1,
                TOKEN,
                BOT_TOKEN,
                "hello",
                " ",
                ",",
                "%3A",
                "jobid=",
                '"',
                "-",
                "user:",
                "1",
                "%",
                "bearer ",
                "#1",
                "\u200b",
                "job:",
                "A",
                "/",
            )
        ),
        max_size=14,
    ).map("".join)
    | st.text(max_size=60)
)
def test_a_token_is_never_read(text: str) -> None:
    jobids = [*(one.jobid for one in read_many(text)), *find_jobids(text)]
    with contextlib.suppress(LooksLikeSecret, SeveralIds, OtherService, NotAJobId):
        jobids.append(str(read_one(text)))
    for jobid in jobids:
        assert jobid is None or ("AbCdEf" not in jobid and "GaBcDe" not in jobid)
        assert jobid is None or jobid.isdigit() or parse_jobid(jobid) == jobid


@pytest.mark.parametrize(
    "text",
    [
        "user:1-pixverse:" + "a" * 20_000,
        "user:1-pixverse:a." * 1200,
        "job:1" * 4000,
        "-j1" * 7000,
        "jobid:a123 " * 2000,
        "%25" * 7000,
        "user:" * 4000,
        V1 * 300,
        "-bot:" * 4000,
    ],
)
def test_reading_takes_time_linear_in_the_text(text: str) -> None:
    began = time.process_time()
    read_many(text)
    find_jobids(text)
    with contextlib.suppress(ValueError):
        read_one(text)
    assert time.process_time() - began < 2


# ---- ids in a text --------------------------------------------------------------------------------------------------

FOUND_V1 = "job:20240827215841234-user:12345-channel:1275534999996000123-bot:pixverse"
FOUND_V2 = "user:12345-pixverse:me@example.com-video:112233445566"


@pytest.mark.parametrize(
    "text",
    [
        f"first {FOUND_V1}, then <{FOUND_V2}>; {FOUND_V1} again",
        f"`{FOUND_V1}`\n**{FOUND_V2}**",
        f"https://api.useapi.net/v1/pixverse/jobs/?jobid={FOUND_V1}&x={FOUND_V2}.",
        f'{{"jobid":"{FOUND_V1}","video_id":"{FOUND_V2}"}}',
        f"jobid:{FOUND_V1}\nsubject-of-{FOUND_V2}",
    ],
)
def test_ids_are_found_in_order_without_repetition(text: str) -> None:
    assert find_jobids(text) == [FOUND_V1, FOUND_V2]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a job, a bot and a user:12345 walk into a bar",
        FOUND_V1.replace("pixverse", "midjourney"),
        "user:12345-pixverse:m…@…-video:112233445566",
        f"{FOUND_V2}9x",
        "user:12345-AbCdEfGhIjKlMnOpQrStUvWx",
        f"x{FOUND_V1}",
        "job:" * 3000,
    ],
)
def test_no_other_text_is_found(text: str) -> None:
    assert find_jobids(text) == []


def test_nothing_is_taken_from_a_token_beside_an_id() -> None:
    token = "user:12345-AbCdEfGhIjKlMnOpQrStUvWx"
    assert find_jobids(f"{token} {FOUND_V1} {token}") == [FOUND_V1]
    assert not any(token in found for found in find_jobids(f"{token}{FOUND_V1} {token}-bot:pixverse"))
