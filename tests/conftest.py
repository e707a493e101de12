"""Options of the whole test suite."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--real`: the contract tests in tests/chips also run on the chips of this board."""
    parser.addoption(
        "--real",
        action="store_true",
        help="also test real chips: GPIO 17 and 27 joined by a wire, an OLED, ALSA's default",
    )
