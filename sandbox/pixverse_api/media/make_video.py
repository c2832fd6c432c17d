"""Draws the sandbox's video, a paper boat in the rain, and writes `paper_boat.mp4` beside this file.

Run from the project's root, with the development dependencies installed (PyAV encodes, Pillow draws)::

    python -m sandbox.pixverse_api.media.make_video

H.264, yuv420p, 640 x 360, 24 frames a second, 3 seconds, index in front of the frames ("faststart"): what browsers and
Discord play at once.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path

import av
from PIL import Image, ImageDraw

WIDTH, HEIGHT, RATE, SECONDS = 640, 360, 24, 3
SCALE = 2  # drawn larger and shrunk, which smooths the edges
FRAMES = RATE * SECONDS
HORIZON = 215
TARGET = Path(__file__).with_name("paper_boat.mp4")

Point = tuple[float, float]


def water_level(x: float, moment: float, row: int) -> float:
    """Height of one row of waves, in pixels from the top, at `moment` (0 to 1 over the whole video)."""
    turn = 2 * math.pi * moment
    swell = math.sin(x / (70 - 12 * row) + turn * (2 if row % 2 else -2) + row)
    return HORIZON + 34 * row + (3 + 2 * row) * swell


def boat(moment: float) -> list[tuple[list[Point], str]]:
    """The folded paper as polygons with their colours, rocking on the second row of waves."""
    x = 130 + 380 * moment
    y = water_level(x, moment, 1) - 4
    tilt = math.atan2(water_level(x + 30, moment, 1) - water_level(x - 30, moment, 1), 60)
    parts = [
        ([(-34, -22), (0, -78), (0, -22)], "#f7f3e8"),
        ([(0, -78), (34, -22), (0, -22)], "#d9d3c3"),
        ([(-78, -34), (0, -22), (-46, 14)], "#fffdf5"),
        ([(78, -34), (0, -22), (46, 14)], "#e6e0d0"),
        ([(-46, 14), (0, -22), (46, 14)], "#f1ecdf"),
    ]
    return [([_placed(point, x, y, tilt) for point in points], colour) for points, colour in parts]


def _placed(point: Point, x: float, y: float, tilt: float) -> Point:
    left, down = point
    return (
        x + left * math.cos(tilt) - down * math.sin(tilt),
        y + left * math.sin(tilt) + down * math.cos(tilt),
    )


def draw(moment: float) -> Image.Image:
    """One frame at `moment` (0 to 1 over the whole video)."""
    image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE))
    brush = ImageDraw.Draw(image)
    _sky(brush)
    _waves(brush, moment, 0, "#45688a")
    for points, colour in boat(moment):
        brush.polygon(_scaled(points), fill=colour)
    _waves(brush, moment, 1, "#36587a")
    _waves(brush, moment, 2, "#294a6b")
    _waves(brush, moment, 3, "#1e3b59")
    _rain(brush, moment)
    return image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def _sky(brush: ImageDraw.ImageDraw) -> None:
    for y in range(HEIGHT):
        part = y / HEIGHT
        colour = (int(58 + 120 * part), int(76 + 105 * part), int(104 + 80 * part))
        brush.rectangle((0, y * SCALE, WIDTH * SCALE, (y + 1) * SCALE), fill=colour)


def _waves(brush: ImageDraw.ImageDraw, moment: float, row: int, colour: str) -> None:
    crest = [(float(x), water_level(x, moment, row)) for x in range(0, WIDTH + 8, 8)]
    brush.polygon(_scaled([(0.0, float(HEIGHT)), *crest, (float(WIDTH), float(HEIGHT))]), fill=colour)


def _rain(brush: ImageDraw.ImageDraw, moment: float) -> None:
    drops = random.Random(7)
    for _ in range(36):
        x, start, falls = drops.uniform(0, WIDTH + 60), drops.random(), drops.choice((3, 4))
        y = ((start + falls * moment) % 1) * (HEIGHT + 40) - 20
        left = x - 12 * y / HEIGHT * 4
        brush.line(_scaled([(left, y), (left - 3, y + 20)]), fill="#b9cfe2", width=SCALE)


def _scaled(points: list[Point]) -> list[Point]:
    return [(x * SCALE, y * SCALE) for x, y in points]


def frames() -> Iterator[av.VideoFrame]:
    """Every frame of the video, ready for the encoder."""
    for number in range(FRAMES):
        yield av.VideoFrame.from_image(draw(number / FRAMES))  # type: ignore[no-untyped-call]  # untyped in PyAV


def make(target: Path = TARGET) -> None:
    """Encode the video into `target`."""
    with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "29", "preset": "veryslow"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in frames():
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    make()
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes")
