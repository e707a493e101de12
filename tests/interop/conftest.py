"""Where our node and libtorrent's meet: once per family and file.

Our node stays for all tests of a file: one that leaves would be a dead entry in every table.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.meeting import Meeting


@pytest.fixture(scope="module", params=["127.0.0.1", "::1"])
def meeting(request: pytest.FixtureRequest) -> Iterator[Meeting]:
    with Meeting(request.param) as place:
        yield place


@pytest.fixture(params=["127.0.0.1", "::1"])
def family_host(request: pytest.FixtureRequest) -> str:
    """For a test that needs a swarm of its own."""
    host: str = request.param
    return host
