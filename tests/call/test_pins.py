from __future__ import annotations

import json

import pytest

from firmware import number
from firmware.call import pins
from firmware.call.pins import PINS_MAX, Pins, decode_pins, encode_pins
from firmware.errors import ConfigError


def valid(i: int) -> str:
    digits = f"3{i:010d}"
    return digits + number.check_digit(digits)


def test_pins_survive_the_round_trip() -> None:
    table = {valid(1): bytes(32), valid(2): bytes(range(32))}
    assert decode_pins(encode_pins(table), "peers.json") == table


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
    data = encode_pins({valid(1): bytes(32)})
    for length in range(len(data) - 2):  # the last byte is the end of the line
        with pytest.raises(ConfigError):
            decode_pins(data[:length], "peers.json")


def test_pin_is_never_replaced() -> None:
    table = Pins({valid(1): b"a" * 32})
    assert not table.add(valid(1), b"b" * 32)
    assert table.contradict(valid(1), b"b" * 32)
    assert not table.contradict(valid(1), b"a" * 32)
    assert not table.contradict(valid(2), b"b" * 32)


def test_full_table_takes_no_new_pin_and_forgets_none() -> None:
    table = Pins({valid(i): bytes(32) for i in range(PINS_MAX)})
    assert not table.add(valid(PINS_MAX), bytes(32))
    assert len(json.loads(table.encode())["pins"]) == PINS_MAX
    assert pins.PINS_FILE == "peers.json"
