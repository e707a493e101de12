"""Report descriptors and reports, with those of telephones, keyboards and of nobody."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.drivers.hid import DESCRIPTOR_BYTES_MAX, Layout, parse
from firmware.drivers.phone_keys import (
    DIGITS,
    HOOK,
    INPUT_EVENT,
    LED_MESSAGE,
    LED_OFF_HOOK,
    LED_RING,
    EvdevKeys,
    HidKeys,
    Lamps,
    Move,
)
from firmware.errors import MalformedError
from tests.drivers.handsets import HANDSET, HEADSET, KEYBOARD, handset_report

SHIFT, THREE, ENTER, ESCAPE = 42, 4, 28, 1


def test_hid_finds_hook_keys_and_lamps_of_a_handset() -> None:
    layout = parse(HANDSET)
    assert layout.has_ids
    assert HOOK in layout.usages() and set(DIGITS) - layout.usages() <= set(list(DIGITS)[12:])
    report_id, states = layout.active(handset_report(lifted=True, key="7"))
    assert report_id == 1
    assert {usage for usage, on in states.items() if on} == {HOOK, (0x0B << 16) | 0xB7}


def test_hid_output_reports_set_the_lamps_that_are_on_and_clear_the_others() -> None:
    layout = parse(HANDSET)
    assert layout.output_reports(frozenset()) == [b"\x02\x00"]
    assert layout.output_reports(frozenset({LED_RING})) == [b"\x02\x02"]
    assert layout.output_reports(frozenset({LED_OFF_HOOK, LED_MESSAGE})) == [b"\x02\x09"]
    assert parse(HEADSET).output_reports(frozenset({LED_RING})) == [b"\x00\x02"]


def test_hid_keyboard_is_no_telephone() -> None:
    assert not HidKeys.fits(parse(KEYBOARD))
    assert HidKeys.fits(parse(HANDSET)) and HidKeys.fits(parse(HEADSET))


def test_hid_report_shorter_than_its_descriptor_is_malformed() -> None:
    layout = parse(HANDSET)
    for end in range(1, 3):
        with pytest.raises(MalformedError):
            layout.active(handset_report(lifted=True)[:end])


def test_hid_every_truncation_of_a_descriptor_is_malformed_or_a_layout() -> None:
    for descriptor in (HANDSET, HEADSET, KEYBOARD):
        for end in range(1, len(descriptor)):
            try:
                parse(descriptor[:end])
            except MalformedError:
                continue
        with pytest.raises(MalformedError):
            parse(descriptor[:-1])  # the collection has no end


@given(st.binary(max_size=300), st.binary(max_size=80))
def test_hid_any_bytes_are_malformed_or_a_layout(descriptor: bytes, report: bytes) -> None:
    try:
        layout = parse(descriptor)
        assert isinstance(layout, Layout)
        layout.output_reports(frozenset({LED_RING}))
        layout.active(report)
    except MalformedError:
        pass


def test_hid_descriptor_with_one_wrong_byte_is_malformed_or_a_layout() -> None:
    dice = random.Random(11)
    for _ in range(3000):
        descriptor = bytearray(HANDSET)
        descriptor[dice.randrange(len(descriptor))] = dice.randrange(256)
        try:
            keys = HidKeys(parse(bytes(descriptor)))
        except MalformedError:
            continue
        keys.decode(dice.randbytes(3))
        keys.encode(Lamps(ring=True))


@pytest.mark.parametrize(
    "descriptor",
    [
        bytes(DESCRIPTOR_BYTES_MAX + 1),
        bytes.fromhex("27ffff"),  # an item without its data
        bytes.fromhex("050b1900 2affff"),  # 65,536 usages
        bytes.fromhex("75ff 95ff 0920 8102"),  # a report of 8 kB
        bytes.fromhex("b4"),  # pop
        bytes.fromhex("a4") * 20,  # pushes
        bytes.fromhex("8500"),  # report id 0
        bytes.fromhex("c0"),
        bytes.fromhex("fe"),
    ],
)
def test_hid_descriptor_beyond_a_limit_is_malformed(descriptor: bytes) -> None:
    with pytest.raises(MalformedError):
        parse(descriptor)


def test_handset_moves_are_told_once_and_the_hook_first() -> None:
    keys = HidKeys(parse(HANDSET))
    assert keys.decode(handset_report(lifted=True, key="5")) == [("hook", True), ("key", "5")]
    assert keys.decode(handset_report(lifted=True, key="5")) == []
    assert keys.decode(handset_report(lifted=True)) == []
    assert keys.decode(handset_report(lifted=True, key="#")) == [("key", "#")]
    assert keys.decode(handset_report(lifted=True, flash=True)) == [("flash", True)]
    assert keys.decode(handset_report(lifted=True, mute=True)) == [("mute", True)]
    assert keys.decode(handset_report()) == [("hook", False)]
    assert keys.decode(b"\x01") == keys.decode(b"") == keys.decode(b"\x09\x01\x02") == []


def test_headset_button_toggles_the_hook() -> None:
    keys = HidKeys(parse(HEADSET))
    moves = [keys.decode(report) for report in (b"\x01", b"\x00", b"\x01", b"\x00")]
    assert moves == [[("hook", True)], [], [("hook", False)], []]


def event(code: int, value: int) -> bytes:
    return INPUT_EVENT.pack(0, 0, 1, code, value)


def pressed(*codes: int) -> bytes:
    """Keys pressed one after the other and released in turn, with the synchronisation."""
    down = b"".join(event(code, 1) for code in codes)
    up = b"".join(event(code, 0) for code in reversed(codes))
    return down + INPUT_EVENT.pack(0, 0, 0, 0, 0) + up


def test_cm109_keys_are_the_numeric_ones_and_its_buzzer_sounds() -> None:
    keys, moves = EvdevKeys(yealink=False), list[Move]()
    for code in (ENTER, *range(512, 524), ESCAPE, 113):
        moves += keys.decode(pressed(code))
    dialled = [("key", key) for key in "0123456789*#"]
    assert moves == [("hook", True), *dialled, ("hook", False)]
    assert keys.encode(Lamps(ring=True)) == [INPUT_EVENT.pack(0, 0, 0x12, 1, 1)]


def test_yealink_hash_is_shift_and_three() -> None:
    keys, moves = EvdevKeys(yealink=True), list[Move]()
    for codes in ((ENTER,), (2,), (THREE,), (11,), (55,), (SHIFT, THREE), (THREE,)):
        moves += keys.decode(pressed(*codes))
    assert moves == [("hook", True), *[("key", key) for key in "130*#3"]]


def test_evdev_events_in_pieces_and_repeats_are_read() -> None:
    keys = EvdevKeys(yealink=False)
    data = event(513, 1) + event(513, 2) + event(513, 0) + event(514, 1)
    moves = [move for at in range(len(data)) for move in keys.decode(data[at : at + 1])]
    assert moves == [("key", "1"), ("key", "2")]
