"""board/wiring: the pictures and tables are those that board/draw.py draws from handset.toml."""

from __future__ import annotations

import importlib.util
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from firmware.handset import Handset, parse_handset

BOARD = Path(__file__).parents[1] / "board"
POINT = re.compile(r"([\d.]+),([\d.]+)")


def draw() -> Any:
    spec = importlib.util.spec_from_file_location("draw", BOARD / "draw.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["draw"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def drawn() -> dict[str, str]:
    text = (BOARD / "handset.toml").read_text(encoding="utf-8")
    pictures: dict[str, str] = draw().pictures(parse_handset(text, "handset.toml"))
    return pictures


def test_pictures_and_tables_in_the_repository_are_those_of_the_wiring() -> None:
    stale = [name for name, content in drawn().items()
             if (BOARD / "wiring" / name).read_text(encoding="utf-8") != content]  # fmt: skip
    assert not stale, f"run python board/draw.py: {stale}"


@pytest.mark.parametrize("name", ["gpio.svg", "usb.svg", "adapter.svg"])
def test_picture_is_well_formed_and_no_wire_begins_where_another_ends(name: str) -> None:
    root = ET.fromstring(drawn()[name])
    width, height = (float(root.attrib[key]) for key in ("width", "height"))
    wires = [
        [(float(x), float(y)) for x, y in POINT.findall(node.attrib["points"])]
        for node in root.iter("{http://www.w3.org/2000/svg}polyline")
    ]
    assert wires
    assert all(0 <= x <= width and 0 <= y <= height for wire in wires for x, y in wire)
    lanes = [wire[1][0] for wire in wires]
    assert len(set(lanes)) == len(lanes)
    assert not {wire[0][1] for wire in wires} & {wire[-1][1] for wire in wires}


def test_pins_of_a_changed_wiring_are_in_its_table() -> None:
    moved = parse_handset("[hook]\npin = 16\n", "handset.toml")
    table: str = draw().pin_tables(moved)
    assert "| Hook switch | contact | GPIO16, pin 36 |" in table
    assert "| Hook switch | contact | GPIO22, pin 15 |" in draw().pin_tables(Handset())
