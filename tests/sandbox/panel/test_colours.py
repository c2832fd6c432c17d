"""Text can be read on its ground: a contrast of 4.5 at least (WCAG 2.2, 1.4.3), of 3 for lines (1.4.11)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sandbox.panel

CSS = (Path(sandbox.panel.__file__).parent / "page" / "base.css").read_text(encoding="utf-8")
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
)
TEXTS = [(text, ground) for text in ("text", "quiet", "accent", "well", "bad") for ground in ("ground", "raised")]


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_contrast(scheme: dict[str, str]) -> None:
    for text, ground in [*TEXTS, ("on-accent", "accent")]:
        assert contrast(scheme[text], scheme[ground]) >= 4.5, (text, ground)
    assert contrast(scheme["field-line"], scheme["raised"]) >= 3
