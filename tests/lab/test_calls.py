"""Calls between real boxes behind routers of each kind, through a real exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.calls import CallResult, Town, call, middle
from tests.lab.nat import Kind
from tests.lab.sites import Lab

REACHABLE_S = 60.0
LOSSES = (0.0, 0.05)  # of each leg, each way
PAIRS = (
    (Kind.PORT_RESTRICTED, Kind.SYMMETRIC),
    (Kind.ADDRESS_RESTRICTED, Kind.INCREMENTING),
    (Kind.FULL_CONE, Kind.CARRIER),
    (Kind.PUBLIC, Kind.PORT_CHANGING),
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
    town = Town(lab, folder)
    middle(lab, town)
    boxes = {}
    for number, (one, other) in enumerate(PAIRS):
        caller = await town.add_box(lab.site(f"a{number}", one, f"198.51.100.{10 + number}"))
        callee = await town.add_box(lab.site(f"b{number}", other, f"203.0.113.{10 + number}"))
        boxes[one, other] = caller, callee
    for pair in boxes.values():
        for box in pair:
            await box.until("reachable", value=True, within_s=REACHABLE_S)
    found = {}
    for loss in LOSSES:
        lab.set_hosts(loss=loss)
        for kinds, pair in boxes.items():
            found[loss, *kinds] = await call(*pair)
    await town.close()
    return found
