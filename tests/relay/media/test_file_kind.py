from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.job import Media
from relay.media.file_kind import HEAD_BYTES, ending_of
from sandbox.pixverse_api.videos import image_file, video

VIDEO = Media("https://cdn.example/a")
IMAGE = Media("https://cdn.example/a", image=True)


def box(kind: bytes, content: bytes = b"") -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def brand(major: bytes, *others: bytes) -> bytes:
    return box(b"ftyp", major + b"\0\0\0\0" + b"".join(others)) + box(b"mdat", b"\1" * 600)


@pytest.mark.parametrize(
    ("head", "ending"),
    [
        (brand(b"isom", b"mp42"), ".mp4"),
        (brand(b"zzzz"), ".mp4"),
        (brand(b"qt  "), ".mov"),
        (brand(b"avif"), ".avif"),
        (brand(b"avis"), ".avif"),
        (brand(b"heic"), ".heic"),
        (brand(b"hevx"), ".heic"),
        (brand(b"mif1", b"avif"), ".avif"),
        (brand(b"mif1", b"miaf", b"heic"), ".heic"),
        (brand(b"mif1"), ".heif"),
        (brand(b"M4A "), ".m4a"),
        (brand(b"M4V "), ".m4v"),
        (brand(b"3gp5"), ".3gp"),
        (brand(b"3g2a"), ".3g2"),
        (box(b"free") + brand(b"qt  "), ".mov"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webmB\x87\x81\x04", ".webm"),
        (b"\x1aE\xdf\xa3\xa3B\x86\x81\x01B\x82\x88matroskaB\x87\x81\x04", ".mkv"),
        (b"GIF89a\x01\0\x01\0", ".gif"),
        (b"RIFF\0\0\1\0AVI LIST", ".avi"),
    ],
)
@pytest.mark.parametrize("served", ["video/mp4", "text/html", "binary/octet-stream", "image/png", "", "nonsense"])
def test_the_file_s_own_bytes_come_first(head: bytes, ending: str, served: str) -> None:
    assert ending_of(head[:HEAD_BYTES], served, VIDEO) == ending


@pytest.mark.parametrize("size", [0, 1, 7])
def test_the_search_for_a_brand_ends_at_a_box_whose_end_is_unknown(size: int) -> None:
    head = size.to_bytes(4) + b"free" + brand(b"qt  ")
    assert ending_of(head[:HEAD_BYTES], "video/webm", VIDEO) == ".webm"


@pytest.mark.parametrize("start", [b"wide", b"moov", b"free", b"skip", b"mdat", b"pnot"])
@pytest.mark.parametrize(
    ("served", "record", "ending"),
    [
        ("video/quicktime", "video/mp4", ".mov"),
        ("binary/octet-stream", "video/mp4", ".mp4"),
        ("application/x-unheard-of", None, ".mp4"),
        ("text/html", None, ".mp4"),
        ("", "video/quicktime", ".mov"),
    ],
)
def test_a_file_without_a_brand_is_a_video_of_the_served_type(
    start: bytes, served: str, record: str | None, ending: str
) -> None:
    head = box(start) + box(b"mdat", b"\1" * 600)
    assert ending_of(head[:HEAD_BYTES], served, Media("https://cdn.example/a", record)) == ending


@pytest.mark.parametrize(
    "head",
    [
        b'{"error":"x"}',
        b"AccessDenied: no such key",
        b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
        b"\xef\xbb\xbf \n<!doctype html>",
        b"\xff\xfe<\0h\0",
        b" \r\n\t[]",
        "Der Zugriff wurde verweigert: überall".encode("latin-1"),
        b"n",
        b"%PDF-1.7\n\0\1",
        b"PK\x03\x04\0\0",
    ],
)
@pytest.mark.parametrize("media", [VIDEO, IMAGE, Media("https://cdn.example/a.mp4", "video/mp4")])
@pytest.mark.parametrize("served", ["video/mp4", "image/png", "application/octet-stream"])
def test_text_and_documents_are_neither_video_nor_image(head: bytes, media: Media, served: str) -> None:
    assert ending_of(head, served, media) is None


@pytest.mark.parametrize(
    ("served", "media", "ending"),
    [
        ("video/webm", VIDEO, ".webm"),
        ("video/unheard-of", VIDEO, ".mp4"),
        ("binary/octet-stream", Media("https://cdn.example/a", "video/quicktime"), ".mov"),
        ("binary/octet-stream", Media("https://cdn.example/a.mkv?x=.png"), ".mkv"),
        ("application/json", Media("https://cdn.example/a.mp4", "video/mp4"), None),
        ("image/png", VIDEO, None),
        ("image/png", IMAGE, ".png"),
        ("", VIDEO, None),
    ],
)
def test_bytes_that_show_nothing_have_the_served_type(served: str, media: Media, ending: str | None) -> None:
    assert ending_of(b"\0\1\2\3" * 20, served, media) == ending


def test_an_image_is_accepted_only_for_an_image_job() -> None:
    png = image_file("a").content[:HEAD_BYTES]
    assert ending_of(png, "video/mp4", IMAGE) == ".png"
    assert ending_of(png, "video/mp4", VIDEO) is None


@given(st.binary(max_size=600), st.sampled_from(["video/mp4", "text/plain", "", "image/webp"]), st.booleans())
def test_any_bytes_can_be_judged(head: bytes, served: str, image: bool) -> None:
    ending = ending_of(head, served, IMAGE if image else VIDEO)
    assert ending is None or ending.startswith(".")


@given(st.text(max_size=300).filter(lambda text: not any(ord(c) < 32 or ord(c) == 127 for c in text)))
def test_text_is_never_a_video(text: str) -> None:
    head = text.encode("utf-8", "replace")
    if head.startswith((b"G", b"OggS", b"FLV")):
        return
    assert ending_of(head, "video/mp4", VIDEO) is None


@given(st.sampled_from(["text/html", "application/json", "", "image/png", "x"]))
def test_a_real_video_is_one_whatever_its_name(served: str) -> None:
    assert ending_of(video("a boat")[:HEAD_BYTES], served, VIDEO) == ".mp4"
