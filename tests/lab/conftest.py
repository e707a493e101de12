"""Skips the lab, with a clear word, on a machine that can have none; CI insists on it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.lab.sites import Lab
from tests.lab.space import Space, why_not


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """One lab for all tests of a file."""
    if reason := why_not():
        assert os.environ.get("FERNRUF_LAB") != "required", reason
        pytest.skip(reason)
    with Space("lab") as space:
        yield Lab(space)
