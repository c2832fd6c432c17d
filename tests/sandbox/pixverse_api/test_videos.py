from __future__ import annotations

import io
from pathlib import Path

import av
import pytest
from PIL import Image, ImageChops, ImageStat

from sandbox.pixverse_api.media import draw
from sandbox.pixverse_api.videos import HEIGHT, WIDTH, image_file, video

PROMPTS = ("A paper boat", "A LIGHTHOUSE at dusk", "Fireflies")


def decoded(content: bytes) -> tuple[str, str, int, int, int]:
    with av.open(io.BytesIO(content), "r") as container:
        stream = container.streams.video[0]
        frames = len(list(container.decode(stream)))
        context = stream.codec_context
        return context.name, str(context.pix_fmt), context.width, context.height, frames


def pictures(content: bytes) -> list[Image.Image]:
    with av.open(io.BytesIO(content), "r") as container:
        return [frame.to_image() for frame in container.decode(video=0)]  # type: ignore[no-untyped-call]  # in PyAV


def difference(one: Image.Image, other: Image.Image) -> float:
    """Of a colour, on average, out of 255."""
    means: list[float] = ImageStat.Stat(ImageChops.difference(one, other)).mean
    return sum(means) / len(means)


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("size", [None, 100_000, 3_000_001])
def test_the_video_plays_at_any_size(size: int | None, prompt: str) -> None:
    content = video("job/0", size, prompt=prompt)
    assert size in (None, len(content))
    assert decoded(content) == ("h264", "yuv420p", WIDTH, HEIGHT, 72)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_video_is_small_and_starts_at_once(prompt: str) -> None:
    content = video("job/0", prompt=prompt)
    assert 10_000 < len(content) < 99_000
    assert content.index(b"moov") < content.index(b"mdat")


def test_a_prompt_chooses_the_scene() -> None:
    assert len({video("job/0", prompt=prompt) for prompt in (*PROMPTS, "Anything else")}) == len(PROMPTS)


def test_each_label_has_its_own_bytes() -> None:
    assert len({video(f"job/{k}", 100_000) for k in range(4)}) == 4
    assert video("job/0", 100_000) == video("job/0", 100_000)


def test_too_small_to_contain_the_video() -> None:
    least = len(video("x"))
    assert len(video("x", least)) == least
    with pytest.raises(ValueError, match=f"at least {least} bytes"):
        video("x", least - 1)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_picture_is_complete_and_unique(prompt: str) -> None:
    picture = image_file("job/0", prompt=prompt)
    shown = Image.open(io.BytesIO(picture.content))
    shown.load()
    assert (shown.format, shown.size) == ("PNG", (WIDTH, HEIGHT))
    assert picture.content != image_file("job/1", prompt=prompt).content


@pytest.mark.parametrize("scene", list(draw.SCENES))
def test_the_committed_clip_is_what_the_script_draws(scene: str, tmp_path: Path) -> None:
    """Looked at in three moments, and encoded as a still: drawing and encoding every frame takes seconds."""
    committed = (draw.FOLDER / f"{scene}.mp4").read_bytes()
    shown = pictures(committed)
    drawn = {number: draw.SCENES[scene](number / draw.FRAMES) for number in (0, 30, 60)}
    for number, picture in drawn.items():
        assert difference(picture, shown[number]) < 2
        assert difference(picture, shown[number + 7]) > 2
    made = tmp_path / "made.mp4"
    draw.encode(lambda _: drawn[0], made)
    assert decoded(made.read_bytes()) == decoded(committed)
