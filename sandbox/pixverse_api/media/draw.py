"""Draws the sandbox's clips and pictures (a paper boat, a lighthouse, fireflies): an MP4 and a PNG for each scene.

Run from the project's root, with the development dependencies installed (PyAV encodes, Pillow draws)::

    python -m sandbox.pixverse_api.media.draw

H.264, yuv420p, 640 x 360, 24 frames a second, 3 seconds, index in front of the frames ("faststart"): what browsers and
Discord play at once.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import av
from PIL import Image, ImageDraw, ImageFilter

WIDTH, HEIGHT, RATE, SECONDS = 640, 360, 24, 3
SCALE = 2  # drawn larger and shrunk, which smooths the edges
FRAMES = RATE * SECONDS
HORIZON = 215
FOLDER = Path(__file__).parent
PICTURE_MOMENT = 0.4

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


def draw_boat(moment: float) -> Image.Image:
    """A paper boat on the waves, in the rain."""
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


def draw_lighthouse(moment: float) -> Image.Image:
    """A lighthouse at dusk whose beam goes round."""
    image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE))
    brush = ImageDraw.Draw(image)
    _gradient(brush, (38, 34, 78), (238, 134, 92))
    lamp = (430.0, 96.0)
    _beam(image, lamp, 2 * math.pi * moment)
    brush = ImageDraw.Draw(image)
    tower = [(410.0, 110.0), (450.0, 110.0), (464.0, 290.0), (396.0, 290.0)]
    brush.polygon(_scaled(tower), fill="#f4efe6")
    for low, high in ((140, 175), (210, 245)):
        part = [(_side(low, -1), float(low)), (_side(low, 1), float(low)), (_side(high, 1), float(high))]
        brush.polygon(_scaled([*part, (_side(high, -1), float(high))]), fill="#c4423b")
    brush.polygon(_scaled([(404.0, 110.0), (456.0, 110.0), (456.0, 104.0), (404.0, 104.0)]), fill="#2b2a38")
    brush.polygon(_scaled([(414.0, 104.0), (446.0, 104.0), (446.0, 84.0), (414.0, 84.0)]), fill="#ffe9a8")
    brush.polygon(_scaled([(408.0, 84.0), (452.0, 84.0), (430.0, 62.0)]), fill="#2b2a38")
    rock = [(330.0, 300.0), (380.0, 276.0), (470.0, 274.0), (540.0, 300.0), (560.0, 360.0), (310.0, 360.0)]
    brush.polygon(_scaled(rock), fill="#241f33")
    for row, colour in ((2, "#3c3560"), (3, "#2c2748")):
        _waves(brush, moment, row, colour)
    return image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def _side(y: float, which: int) -> float:
    return 430 + which * (20 + 14 * (y - 110) / 180)


def _beam(image: Image.Image, lamp: Point, turn: float) -> None:
    light = Image.new("L", image.size)
    brush = ImageDraw.Draw(light)
    for angle in (turn, turn + math.pi):
        reach = 700 * math.cos(angle)
        spread = 26 + 34 * abs(math.cos(angle))
        ends = [(lamp[0] + reach, lamp[1] - spread), (lamp[0] + reach, lamp[1] + spread)]
        brush.polygon(_scaled([lamp, *ends]), fill=int(60 + 70 * abs(math.cos(angle))))
    light = light.filter(ImageFilter.GaussianBlur(6 * SCALE))
    image.paste(Image.new("RGB", image.size, "#fff2c4"), mask=light)


def draw_fireflies(moment: float) -> Image.Image:
    """Fireflies over a pond at night, under the moon."""
    image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE))
    brush = ImageDraw.Draw(image)
    _gradient(brush, (8, 18, 44), (26, 62, 70))
    brush.ellipse([500 * SCALE, 34 * SCALE, 560 * SCALE, 94 * SCALE], fill="#f3ecc9")
    hills = [(0.0, 230.0), (120.0, 180.0), (260.0, 226.0), (420.0, 170.0), (640.0, 236.0), (640.0, 360.0), (0.0, 360.0)]
    brush.polygon(_scaled(hills), fill="#0b2026")
    brush.ellipse([60 * SCALE, 270 * SCALE, 580 * SCALE, 344 * SCALE], fill="#17414c")
    for stem in range(20, 640, 26):
        lean = 5 * math.sin(2 * math.pi * moment + stem)
        brush.line(_scaled([(float(stem), 360.0), (stem + lean, 318.0 - stem % 17)]), fill="#061417", width=3 * SCALE)
    glow = Image.new("L", image.size)
    lights = ImageDraw.Draw(glow)
    for x, y, bright in _fireflies(moment):
        lights.ellipse([(x - 5) * SCALE, (y - 5) * SCALE, (x + 5) * SCALE, (y + 5) * SCALE], fill=int(255 * bright))
    image.paste(Image.new("RGB", image.size, "#e8ff8a"), mask=glow.filter(ImageFilter.GaussianBlur(3 * SCALE)))
    return image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def _fireflies(moment: float) -> Iterator[tuple[float, float, float]]:
    chance = random.Random(11)
    for _ in range(30):
        x, y, phase = chance.uniform(30, 610), chance.uniform(110, 320), chance.random()
        turn = 2 * math.pi * (moment + phase)
        yield x + 16 * math.sin(turn), y + 9 * math.cos(2 * turn), 0.35 + 0.65 * max(0.0, math.sin(turn + 5 * phase))


def _gradient(brush: ImageDraw.ImageDraw, top: tuple[int, int, int], bottom: tuple[int, int, int]) -> None:
    for y in range(HEIGHT):
        part = y / HEIGHT
        red, green, blue = (int(a + (b - a) * part) for a, b in zip(top, bottom, strict=True))
        brush.rectangle((0, y * SCALE, WIDTH * SCALE, (y + 1) * SCALE), fill=(red, green, blue))


SCENES: Mapping[str, Callable[[float], Image.Image]] = {
    "paper_boat": draw_boat,
    "lighthouse": draw_lighthouse,
    "fireflies": draw_fireflies,
}
"""Each draws one frame at a moment, 0 to 1 over the whole clip."""


def frames(draw: Callable[[float], Image.Image]) -> Iterator[av.VideoFrame]:
    """Every frame of a clip, ready for the encoder."""
    for number in range(FRAMES):
        yield av.VideoFrame.from_image(draw(number / FRAMES))  # type: ignore[no-untyped-call]  # untyped in PyAV


def encode(draw: Callable[[float], Image.Image], target: Path) -> None:
    """Encodes a scene's clip into `target`."""
    with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "29", "preset": "veryslow"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in frames(draw):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def main() -> None:
    """Writes every scene's clip and picture."""
    for name, draw in SCENES.items():
        clip, picture = FOLDER / f"{name}.mp4", FOLDER / f"{name}.png"
        encode(draw, clip)
        draw(PICTURE_MOMENT).quantize(64).save(picture, optimize=True)
        print(f"{name}: {clip.stat().st_size} and {picture.stat().st_size} bytes")


if __name__ == "__main__":
    main()
