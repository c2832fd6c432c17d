from __future__ import annotations

import io
from pathlib import Path

import av
import pytest

from sandbox.pixverse_api.media import make_video
from sandbox.pixverse_api.videos import HEIGHT, WIDTH, paper_boat, video


def decoded(content: bytes) -> tuple[str, str, int, int, int]:
    with av.open(io.BytesIO(content), "r") as container:
        stream = container.streams.video[0]
        frames = len(list(container.decode(stream)))
        context = stream.codec_context
        return context.name, str(context.pix_fmt), context.width, context.height, frames


@pytest.mark.parametrize("size", [None, 100_000, 3_000_001])
def test_the_video_plays_at_any_size(size: int | None) -> None:
    content = video("job/0", size)
    assert size in (None, len(content))
    assert decoded(content) == ("h264", "yuv420p", WIDTH, HEIGHT, 72)


def test_the_video_is_small_and_starts_at_once() -> None:
    assert 10_000 < len(paper_boat()) < 99_000
    assert paper_boat().index(b"moov") < paper_boat().index(b"mdat")


def test_each_label_has_bytes_of_its_own() -> None:
    assert len({video(f"job/{k}", 100_000) for k in range(4)}) == 4
    assert video("job/0", 100_000) == video("job/0", 100_000)


def test_too_small_to_hold_the_video() -> None:
    least = len(video("x"))
    assert len(video("x", least)) == least
    with pytest.raises(ValueError, match=f"at least {least} bytes"):
        video("x", least - 1)


def test_the_committed_video_is_what_the_script_makes(tmp_path: Path) -> None:
    made = tmp_path / "boat.mp4"
    make_video.make(made)
    assert decoded(made.read_bytes()) == decoded(paper_boat())
