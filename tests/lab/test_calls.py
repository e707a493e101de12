"""Calls between real boxes behind routers of each kind, through a real exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.calls import Box, CallResult, Town, call, middle
from tests.lab.nat import Kind
from tests.lab.sites import Lab

REACHABLE_S = 120.0  # registered and announced, on a busy machine
ATTEMPTS = 5  # people dial again; on a busy machine a lookup may end before anybody could answer
LOSSES = (0.0, 0.05)  # of each leg, each way
PAIRS = (
    (Kind.PORT_RESTRICTED, Kind.SYMMETRIC),
    (Kind.ADDRESS_RESTRICTED, Kind.INCREMENTING),
    (Kind.FULL_CONE, Kind.CARRIER),
    (Kind.PUBLIC, Kind.PORT_CHANGING),
    (Kind.TCP_ONLY, Kind.PORT_RESTRICTED),
)
CASES = [(loss, *pair) for loss in LOSSES for pair in PAIRS]


@pytest.fixture(scope="module")
def results(
    lab: Lab, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[tuple[float, Kind, Kind], CallResult]]:
    """One call for each case; the boxes stay for the second, lossy one."""
    yield asyncio.run(_calls(lab, tmp_path_factory.mktemp("town")))


@pytest.mark.slow
@pytest.mark.parametrize(("loss", "caller", "callee"), CASES)
def test_boxes_behind_routers_of_every_kind_talk(
    loss: float,
    caller: Kind,
    callee: Kind,
    results: dict[tuple[float, Kind, Kind], CallResult],
) -> None:
    result = results[loss, caller, callee]
    assert result.connected, result


async def _calls(lab: Lab, folder: Path) -> dict[tuple[float, Kind, Kind], CallResult]:
    """All pairs at once, first without loss."""
    town = Town(lab, folder)
    middle(lab, town)
    sites = [
        lab.site(f"{side}{number}", kind, f"{network}.{10 + number}")
        for number, pair in enumerate(PAIRS)
        for side, network, kind in zip("ab", ("198.51.100", "203.0.113"), pair, strict=True)
    ]
    boxes = await asyncio.gather(*map(town.add_box, sites))
    await asyncio.gather(*(box.until("reachable", True, REACHABLE_S) for box in boxes))
    found: dict[tuple[float, Kind, Kind], CallResult] = {}
    for loss in LOSSES:
        lab.set_hosts(loss=loss)
        results = await asyncio.gather(*map(_call_patiently, boxes[::2], boxes[1::2]))
        found |= {(loss, *kinds): result for kinds, result in zip(PAIRS, results, strict=True)}
    await town.close()
    return found


async def _call_patiently(caller: Box, callee: Box) -> CallResult:
    """The first call that is connected, else the last one."""
    for _ in range(ATTEMPTS - 1):
        result = await call(caller, callee)
        if result.connected:
            return result
    return await call(caller, callee)
