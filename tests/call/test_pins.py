from __future__ import annotations

import json

import pytest

from firmware import number
from firmware.call.pins import PINS_MAX, Pins, decode_pins
from firmware.errors import ConfigError
from firmware.events.store import Kind, Record, SaveRecord


def valid(i: int) -> str:
    digits = f"3{i:010d}"
    return digits + number.check_digit(digits)


def former_file(pins: dict[str, bytes]) -> bytes:
    """As versions wrote it that had no records of pins."""
    keys = {peer: key.hex() for peer, key in pins.items()}
    return json.dumps({"version": 1, "pins": keys}, indent=2).encode() + b"\n"


def test_file_of_former_versions_is_read() -> None:
    table = {valid(1): bytes(32), valid(2): bytes(range(32))}
    assert decode_pins(former_file(table), "peers.json") == table


def test_what_only_the_file_knows_becomes_a_record_and_a_record_goes_before_the_file() -> None:
    table = Pins({valid(1): b"a" * 32, valid(2): b"b" * 32})
    saved = table.load([Record(Kind.PIN, valid(2), b"c" * 32), Record(Kind.PIN, valid(3), b"?")])
    assert saved == [SaveRecord(Kind.PIN, valid(1), b"a" * 32)]
    assert table.keys == {valid(1): b"a" * 32, valid(2): b"c" * 32}
    kept = [Record(Kind.PIN, peer, key) for peer, key in table.keys.items()]
    assert table.load(kept) == []
    assert len(table.load([])) == 2  # the card has forgotten all; we have not


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"nonsense",
        b"\xff",
        b"{}",
        b'{"version": 2, "pins": {}}',
        b'{"version": 1, "pins": []}',
        b'{"version": 1, "pins": {"12": "00"}}',
        b'{"version": 1, "pins": {"' + valid(1).encode() + b'": "00"}}',
        b'{"version": 1, "pins": {"' + valid(1).encode() + b'": 7}}',
        b"[" * 100_000,
    ],
)
def test_damaged_file_is_an_error_that_names_it(data: bytes) -> None:
    with pytest.raises(ConfigError, match=r"peers\.json"):
        decode_pins(data, "peers.json")


def test_every_truncation_of_the_file_is_an_error() -> None:
    data = former_file({valid(1): bytes(32)})
    for length in range(len(data) - 2):  # the last byte is the end of the line
        with pytest.raises(ConfigError):
            decode_pins(data[:length], "peers.json")


def test_pin_is_never_replaced() -> None:
    table = Pins({valid(1): b"a" * 32})
    assert table.add(valid(1), b"b" * 32) is None
    assert table.contradict(valid(1), b"b" * 32)
    assert not table.contradict(valid(1), b"a" * 32)
    assert not table.contradict(valid(2), b"b" * 32)


def test_full_table_takes_no_new_pin_and_forgets_none() -> None:
    table = Pins({valid(i): bytes(32) for i in range(PINS_MAX)})
    assert table.add(valid(PINS_MAX), bytes(32)) is None
    assert len(table.keys) == PINS_MAX
