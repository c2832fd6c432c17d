"""Complete and truncated files, including real ones from the sandbox."""

from __future__ import annotations

import os
import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.media.wholeness import is_whole
from sandbox.pixverse_api import videos

BOAT = videos.video("a boat", 90_000)
MEDIA = Path(videos.__file__).parent / "media"


def box(kind: bytes, content: bytes = b"") -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def element(number: str, content: bytes) -> bytes:
    return bytes.fromhex(number) + (1 << 28 | len(content)).to_bytes(4, "big") + content


MKV = element("1A45DFA3", element("4282", b"webm")) + element("18538067", element("1F43B675", b"\1" * 5000))
WEBP = b"RIFF" + (4 + 8 + 500).to_bytes(4, "little") + b"WEBPVP8 " + (500).to_bytes(4, "little") + b"\1" * 500
GIF = (
    b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0" * 6 + b"!\xf9\x04\0\0\0\0\0"
    b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02" + bytes([200]) + b";" * 200 + b"\0;"
)
JPEG = (
    b"\xff\xd8\xff\xe1" + (302).to_bytes(2, "big") + b"\xff\xd9" * 150 + b"\xff\xda\0\x08\1\1\0\0\0\0"
    b"\x12\xff\0\x34" + b"\xab" * 400 + b"\xff\xd0" + b"\xcd" * 100 + b"\xff\xd9"
)
PNG = videos.image_file("evening").content
QUICKTIME = box(b"wide") + box(b"mdat", b"\1" * 4000) + box(b"moov", b"\1" * 400)
WHOLE = {"mp4": BOAT, "mov": QUICKTIME, "mkv": MKV, "webp": WEBP, "gif": GIF, "jpeg": JPEG, "png": PNG}


def whole(path: Path, content: bytes, *, framed: bool = False, claimed: int | None = None) -> bool:
    path.write_bytes(content)
    return is_whole(path, len(content), framed=framed, claimed=claimed)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whole") / "file"


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("claimed", [None, 0, 1, 10**12])
@pytest.mark.parametrize("framed", [True, False])
def test_a_complete_file_is_complete_whatever_the_record_says(
    path: Path, name: str, claimed: int | None, framed: bool
) -> None:
    assert whole(path, WHOLE[name], framed=framed, claimed=claimed)


@pytest.mark.parametrize("file", sorted(MEDIA.glob("*.*4")) + sorted(MEDIA.glob("*.png")), ids=lambda file: file.name)
def test_the_sandbox_s_own_files_are_complete(path: Path, file: Path) -> None:
    content = file.read_bytes()
    assert whole(path, content)
    assert not whole(path, content[: len(content) // 2])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_an_incomplete_file_of_unknown_length_is_never_complete(path: Path, name: str, data: st.DataObject) -> None:
    content = WHOLE[name]
    cut = data.draw(st.integers(20, len(content) - 1))
    if content[cut - 4 : cut + 8].find(b"free") == 8 and name == "mp4":
        return  # The video is complete: only padding is missing.
    assert not whole(path, content[:cut])


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_half_a_file_with_a_matching_length_is_incomplete(path: Path, name: str, data: st.DataObject) -> None:
    content = WHOLE[name]
    cut = data.draw(st.integers(len(content) // 3, len(content) * 2 // 3))
    if name == "mov" and len(content[:cut]) <= 16:
        return
    assert not whole(path, content[:cut], framed=True)


@pytest.mark.parametrize(
    ("framed", "claimed", "expected"),
    [
        (True, None, True),
        (True, 10**9, True),
        (False, 500, True),
        (False, 501, False),
        (False, 1, True),
        (False, None, True),
    ],
)
def test_a_file_without_structure_is_judged_by_its_transfer_then_by_the_record(
    path: Path, framed: bool, claimed: int | None, expected: bool
) -> None:
    assert whole(path, b"\1" * 500, framed=framed, claimed=claimed) is expected


@pytest.mark.parametrize("tail", [b"\0" * 5, b"\0" * 500, b"junk after the end of it"])
def test_bytes_after_a_video_do_no_harm(path: Path, tail: bytes) -> None:
    assert whole(path, QUICKTIME + tail, framed=True)


@pytest.mark.parametrize("missing", [408, 4416])
def test_a_video_cut_between_its_boxes_is_incomplete_if_the_record_says_so(path: Path, missing: int) -> None:
    part = QUICKTIME[:-missing]
    for framed in (True, False):
        assert not whole(path, part, framed=framed, claimed=len(QUICKTIME))
        assert not whole(path, part, framed=framed, claimed=len(part) + 1)
    assert whole(path, part, framed=True, claimed=len(part))
    assert whole(path, part, framed=True)


def test_a_box_that_extends_to_the_end(path: Path) -> None:
    live = box(b"ftyp", b"isom\0\0\0\0") + box(b"moov", b"\1" * 100) + b"\0\0\0\0mdat" + b"\1" * 1000
    assert whole(path, live, framed=True)
    assert whole(path, live)
    assert not whole(path, live, claimed=len(live) + 1)


def test_large_boxes(path: Path) -> None:
    large = box(b"moov", b"\1" * 100) + b"\0\0\0\1mdat" + (16 + 900).to_bytes(8, "big") + b"\1" * 900
    assert whole(path, large)
    assert not whole(path, large[:-1])


@pytest.mark.parametrize(
    "endless",
    [
        b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + b"IHDR" + b"\0" * 17 + b"\0\0\0\0tEXt\0\0\0\0" * 200_000,
        b"\xff\xd8" + b"\xff\xe0\0\2" * 200_000,
        b"GIF89a" + b"\0" * 7 + b"!\xf9" + b"\1a" * 200_000,
        b"GIF89a" + b"\0" * 7 + b"!\xf9\0" * 200_000,
        box(b"moov", b"\1" * 100) + box(b"free") * 200_000,
        element("1A45DFA3", element("4282", b"webm")) + element("EC", b"") * 200_000,
    ],
    ids=["png", "jpeg", "gif, one extension", "gif, many extensions", "mp4", "mkv"],
)
def test_a_file_with_countless_parts_is_not_read_to_its_end(path: Path, endless: bytes) -> None:
    assert whole(path, endless, framed=True)
    assert not whole(path, endless, claimed=len(endless) + 1)


def test_a_picture_full_of_meaningless_markers_is_read_to_its_end(path: Path) -> None:
    """Every byte 255 of a picture's data is followed by a zero, so large pictures have millions of these."""
    assert whole(path, JPEG[:-2] + b"\xff\0\xff\xd0\xff" * 200_000 + b"\xff\xd9")
    assert not whole(path, JPEG[:-2] + b"\xff\0\xff\xd0\xff" * 200_000, framed=True)


@pytest.mark.parametrize("kind", [GIF, JPEG])
def test_no_picture_is_read_into_memory(path: Path, kind: bytes) -> None:
    """Downloads may be as large as the operator allows, and several are checked at once."""
    size = 64 * 1024 * 1024
    path.write_bytes(kind[:-2])
    os.truncate(path, size)
    tracemalloc.start()
    try:
        is_whole(path, size, framed=True, claimed=None)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < size / 8


@given(
    st.binary(max_size=400),
    st.sampled_from([b"", b"\x1aE\xdf\xa3", b"RIFF", b"GIF89a", b"\xff\xd8\xff", b"\0\0\0\x10moov"]),
)
def test_any_bytes_can_be_judged(path: Path, tail: bytes, start: bytes) -> None:
    whole(path, start + tail)
