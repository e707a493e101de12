"""Options of the whole test suite."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--real`: tests/chips also runs on the chips of this board; `--image`: boot the image."""
    parser.addoption(
        "--real",
        action="store_true",
        help="also test real chips: GPIO 17 and 27 joined by a wire, an OLED, ALSA's default",
    )
    parser.addoption(
        "--image", action="store_true", help="also boot build/image/fernruf.img in an emulator"
    )
