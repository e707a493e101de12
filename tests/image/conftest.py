"""The image that `make image` built; without it, and without `--image`, nothing here runs."""

from __future__ import annotations

from pathlib import Path

import pytest

IMAGE = Path(__file__).resolve().parents[2] / "build" / "image" / "fernruf.img"


@pytest.fixture(name="image", scope="session")
def _image(request: pytest.FixtureRequest) -> Path:
    if not request.config.getoption("--image"):
        pytest.skip("boots an image for minutes: make test-image")
    assert IMAGE.is_file(), "there is no image: make image"
    return IMAGE
