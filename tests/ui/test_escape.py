from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixverse.plain_text import graphemes, one_line
from tests.hostile import unseen
from ui.discord_limits import JOB_ID, units
from ui.escape import bare_link, code, escaped, job_id, plain, tail

nasty = st.text(alphabet=st.sampled_from("\\*_~`|<>[]()@#&:/.-+1a \n\u200b\u202e\u0301😀é"), max_size=60)
any_text = st.one_of(st.text(max_size=300), nasty)
limits = st.integers(min_value=1, max_value=200)


def rendered(text: str) -> str:
    """What Discord shows of an escaped text: a backslash before a sign that is no letter, digit or space is dropped."""
    return re.sub(r"\\([^0-9A-Za-z\s])", r"\1", text)


def unescaped(text: str) -> str:
    """The text without its escaped characters: the rest is what Discord could read as markup."""
    return re.sub(r"\\[^0-9A-Za-z\s]", "\0", text)


def has_markup(text: str) -> bool:
    left = unescaped(text)
    return bool(
        set(left) & set("\\*_~`|<>[]@")
        or re.search(r"\w+:/", left)
        or re.search(r":[^\s:]*[^\s:\d][^\s:]*:", left)
        or re.match(r"(#{1,3} |-#? |\+ |\d+[.)] )", left)
        or re.search(r"discord\.gg/", left)
    )


def is_visible_line(text: str) -> bool:
    return unseen(text) == [] and not any(character.isspace() and character != " " for character in text)


@given(any_text, limits)
def test_escaped_text_contains_no_markup(text: str, limit: int) -> None:
    assert not has_markup(escaped(text, limit))


@given(any_text, limits)
def test_escaping_changes_nothing_of_what_is_read(text: str, limit: int) -> None:
    assert rendered(escaped(text, 1000)) == plain(text, 1000)


@given(any_text, limits)
def test_every_form_keeps_its_limit_and_its_line(text: str, limit: int) -> None:
    for form in (plain(text, limit), escaped(text, limit)):
        assert units(form) <= limit
        assert is_visible_line(form)
    assert units(code(text, limit)) <= limit + 2


@given(any_text, limits)
def test_plain_is_stable(text: str, limit: int) -> None:
    once = plain(text, limit)
    assert plain(once, limit) == once


@given(any_text)
def test_code_is_closed_by_its_own_backtick_only(text: str) -> None:
    form = code(text, 100)
    assert form == "" or (form.count("`") == 2 and form[0] == form[-1] == "`")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[free](https://evil.example)", r"\[free\](https\://evil.example)"),
        ("# big", r"\# big"),
        ("- item", r"\- item"),
        ("1. item", r"1\. item"),
        (">>> quote", r"\>\>\> quote"),
        ("<@123> <#4> <t:5:R> </cmd:6>", r"\<\@123\> \<#4\> \<t\:5\:R\> \</cmd\:6\>"),
        ("@everyone", r"\@everyone"),
        (":skull: at 16:9", r"\:skull: at 16:9"),
        ("join discord.gg/abc", r"join discord.gg\/abc"),
        ("a: b", "a: b"),
        ("two\n\nlines\ttabs", "two lines tabs"),
        ("abc\u202egpj.exe", "abcgpj.exe"),
        ("a cat, on the mat!", "a cat, on the mat!"),
    ],
)
def test_text_of_members_and_the_api(text: str, shown: str) -> None:
    assert escaped(text, 200) == shown


def test_an_escape_is_not_cut_in_two() -> None:
    assert escaped("ab*cd", 4) == "ab…"
    assert escaped("ab*cd", 5) == r"ab\*…"
    assert escaped("😀😀😀", 5) == "😀😀…"


FAMILY = "👨\u200d👩\u200d👧"


@given(
    st.lists(st.sampled_from((FAMILY, "👩🏽\u200d🚀", "🇩🇪", "e\u0301", "می\u200cخ", "*", "a", "@", " ")), max_size=30),
    limits,
)
def test_no_grapheme_is_cut_in_two(words: list[str], limit: int) -> None:
    text = one_line("".join(words))
    whole = graphemes(text)
    for form in (plain(text, limit), rendered(escaped(text, limit))):
        if form != text:
            assert form.endswith("…") or form == ""
            kept = graphemes(form.removesuffix("…"))
            assert kept == whole[: len(kept)] or "".join(kept) == "".join(whole[: len(kept)]).rstrip(" \u200c")


def test_a_joined_emoji_is_kept_whole_or_removed() -> None:
    assert plain(f"a {FAMILY}{FAMILY}", 11) == f"a {FAMILY}…"
    assert plain(f"a {FAMILY}{FAMILY}", 18) == f"a {FAMILY}{FAMILY}"
    assert plain(f"a {FAMILY}{FAMILY}", 10) == "a…"
    assert escaped(f"*{FAMILY}*", 40) == rf"\*{FAMILY}\*"
    assert tail(f"abc{FAMILY}", 2) == f"c{FAMILY}"


def test_combining_marks_do_not_pile_up() -> None:
    assert len(plain("a" + "\u0301" * 50, 100)) == 5


def test_a_job_id_is_shown_unchanged_so_that_it_can_be_copied() -> None:
    jobid = "job:20261124101500123-user:4321-channel:1300000000000000001-bot:pixverse"
    assert job_id(jobid) == jobid


def test_a_job_id_shows_no_address_and_no_markup() -> None:
    assert "me@example.com" not in job_id("user:1-pixverse:me@example.com-video:123")
    assert job_id("user:1-pixverse:me@example.com-video:123").endswith("-video:123")
    assert job_id("a_b_c") == r"a\_b\_c"
    assert job_id("abc:skull:1") == r"abc\:skull\:1"
    assert job_id("abc:100:1") == r"abc\:100\:1"
    assert units(job_id("x" * 300)) == JOB_ID


@given(any_text, limits)
def test_a_job_id_keeps_its_limit(text: str, limit: int) -> None:
    assert units(job_id(text, limit)) <= limit
    assert not set(unescaped(job_id(text, limit)).replace("@…", "")) & set("*_~`|<>[]@")


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "https://cdn.discordapp.com@evil.example/a.mp4",
        "https:///a.mp4",
        "https://exämple.com/a.mp4",
        "https://a b.example/",
        "https://[bad/",
        "ftp://a.example/b",
        "https://a.example/" + "x" * 2000,
    ],
)
def test_text_that_is_not_a_plain_address_is_not_shown_as_one(url: str) -> None:
    assert bare_link(url) is None


def test_a_link_is_kept_or_made_safe() -> None:
    signed = "https://cdn.discordapp.com/attachments/1/2/a_b.mp4?ex=6&is=5&hm=abc"
    assert bare_link(signed) == signed
    assert bare_link("https://a.example/b c|d>\n<e") == "https://a.example/b%20c%7Cd%3E%20%3Ce"


@given(st.text(max_size=100))
def test_a_link_never_contains_what_ends_it(path: str) -> None:
    link = bare_link(f"https://a.example/{path}")
    assert link is None or not set(link) & set(" <>|\n`\\")


def test_a_link_shows_no_token() -> None:
    """The API works with tokens of useapi.net and of Discord, and may repeat one in an address."""
    discord_token = "MTIzNDU2Nzg5MDEyMzQ1Njc4.Gabcde.abcdefghijklmnopqrstuvwxyz0123"
    for token in ("user:4321-s3cr3tS3cr3t", "user%3A4321-s3cr3tS3cr3t", discord_token):
        link = bare_link(f"https://a.example/v.mp4?key={token}&ex=1")
        assert link == "https://a.example/v.mp4?key=***&ex=1"
