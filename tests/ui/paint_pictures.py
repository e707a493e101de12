"""Writes the golden pictures anew: python -m tests.ui.paint_pictures; then look at each of them."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from firmware.ui.language import in_language
from firmware.ui.pages import page
from firmware.ui.render import HEIGHTS, render
from firmware.ui.texts import ENGLISH
from tests.ui import call_cases
from tests.ui.cases import CASES
from tests.ui.images import image_of

PICTURES = Path(__file__).parent / "pictures"


def paint() -> dict[str, Image.Image]:
    """Every page in both sizes, by file name."""
    return {
        f"{name}-{height}.png": image_of(render(page(view, status), height))
        for name, (view, status) in CASES.items()
        for height in HEIGHTS
    } | {
        f"calls_{name}.png": image_of(render(call_cases.shown(name, in_language(ENGLISH, "de"))))
        for name in call_cases.CASES
    }


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    for stale in PICTURES.glob("*.png"):
        stale.unlink()
    for file, image in paint().items():
        image.save(PICTURES / file, optimize=True)
