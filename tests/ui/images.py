"""What a display shows, as an image for tests and for eyes."""

from __future__ import annotations

import numpy as np
from PIL import Image

from firmware.model import Picture


def image_of(picture: Picture) -> Image.Image:
    """The picture as an image, mode 1, lit pixels white."""
    rows = np.frombuffer(picture.pixels, np.uint8).reshape(-1, 1, picture.width)
    bits = np.unpackbits(rows, axis=1, bitorder="little").reshape(picture.height, picture.width)
    return Image.fromarray(bits * np.uint8(255)).convert("1")
