"""handset.toml: defaults, every key, every way to be wrong, and printed again."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware import handset
from firmware.errors import ConfigError
from firmware.handset import Handset, parse_handset, print_handset

HANDSET_FILE = Path(__file__).parents[1] / "board" / "handset.toml"


def test_handset_file_of_the_repository_holds_the_built_in_values() -> None:
    text = HANDSET_FILE.read_text()
    assert parse_handset(text, "handset.toml") == Handset() == parse_handset("", "handset.toml")


def test_handset_with_three_columns_is_taken() -> None:
    text = '[keypad]\ncolumns = [23, 24, 25]\nkeys = ["123", "456", "789", "*0#"]\n'
    assert parse_handset(text, "handset.toml").keypad.keys == ("123", "456", "789", "*0#")


def test_handset_sets_every_key() -> None:
    text = """
    [hook]
    pin = 17
    lifted_is_high = false
    debounce_s = 0.03
    [keypad]
    rows = [4, 5, 6, 7]
    columns = [8, 9, 10, 11]
    keys = ["DCBA", "321*", "6540", "987#"]
    debounce_s = 0.01
    [oled]
    bus = 3
    address = 0x3D
    width = 64
    height = 32
    dim_s = 10
    blank_s = 60
    [ringer]
    pin = 2
    [telephone]
    kind = "gpio"
    [dial]
    country = "SE"
    pulse_pin = 27
    off_normal_pin = 16
    tones = false
    [lamp]
    pin = 12
    [shutdown]
    pin = 13
    hold_s = 3
    [adapter]
    port = "/dev/ttyACM0"
    ring_hz = 20
    [audio]
    capture = "plughw:CARD=Device"
    playback = "plughw:CARD=wm8960soundcard"
    """
    read = parse_handset(text, "handset.toml")
    assert read.hook == handset.HookWiring(17, lifted_is_high=False, debounce_s=0.03)
    assert read.keypad == handset.KeypadWiring(
        (4, 5, 6, 7), (8, 9, 10, 11), ("DCBA", "321*", "6540", "987#"), 0.01
    )
    assert read.oled == handset.OledWiring(3, 0x3D, 64, 32, 10.0, 60.0)
    assert read.dial == handset.DialWiring("SE", 27, 16, tones=False)
    assert (read.lamp.pin, read.shutdown) == (12, handset.ShutdownWiring(13, 3.0))
    assert read.adapter == handset.AdapterWiring("/dev/ttyACM0", 20)
    assert parse_handset(print_handset(read), "handset.toml") == read
    assert read.ringer == handset.RingerWiring(2)  # free, because the OLED is on another bus
    assert read.audio == handset.SoundCard("plughw:CARD=Device", "plughw:CARD=wm8960soundcard")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[hook]\npinn = 22", "h.toml: [hook] pinn: unknown key"),
        ("[light]\npin = 9", "h.toml: [light]: unknown section"),
        ("[lamp]\npin = 22", "h.toml: [lamp] pin: pin 22 is used by [hook] pin too"),
        ('[telephone]\nkind = "cup"', "h.toml: [telephone] kind: 'cup' is none of gpio, usb"),
        ('[dial]\ncountry = "FR"', "h.toml: [dial] country: 'FR' is none of"),
        ("[oled]\nblank_s = 5", "h.toml: [oled] blank_s: must not come before dim_s"),
        ('[adapter]\nport = "COM1"', "h.toml: [adapter] port: must be a device such as"),
        ("[adapter]\nring_hz = 15", "h.toml: [adapter] ring_hz: must be a whole number from"),
        ("[hook]\npin = 28", "h.toml: [hook] pin: must be a whole number from 2 to 27"),
        ("[hook]\npin = true", "h.toml: [hook] pin: must be a whole number from 2 to 27"),
        ("[hook]\npin = 5", "h.toml: [keypad] rows: pin 5 is used by [hook] pin too"),
        ("[hook]\npin = 2", "h.toml: [hook] pin: pin 2 is used by [oled] bus too"),
        ("[ringer]\npin = 22", "h.toml: [ringer] pin: pin 22 is used by [hook] pin too"),
        ("[keypad]\nrows = [5, 6, 13, 13]", "h.toml: [keypad] rows: pin 13 is used by [keypad]"),
        ("[keypad]\nrows = [5, 6]", "h.toml: [keypad] keys: 2 rows and 4 columns of pins, but"),
        ("[keypad]\nrows = 5", "h.toml: [keypad] rows: must be a list"),
        ("[keypad]\ncolumns = [23]", "h.toml: [keypad] keys: 4 rows and 1 columns of pins, but"),
        ("[keypad]\nkeys = []", "h.toml: [keypad] keys: must hold each of 0123456789*# once"),
        ('[keypad]\nkeys = ["123"]', "h.toml: [keypad] keys: must hold each of"),
        ('[keypad]\nkeys = ["123456789*0#E"]', "h.toml: [keypad] keys: must hold each of"),
        ('[keypad]\nkeys = ["123456789*0#1"]', "h.toml: [keypad] keys: must hold each of"),
        ('[keypad]\nkeys = ["12345", "6789*0#"]', "h.toml: [keypad] keys: must be strings of one"),
        ("[keypad]\ndebounce_s = 0", "h.toml: [keypad] debounce_s: must be seconds, more than 0"),
        ("[hook]\ndebounce_s = 0.3", "h.toml: [hook] debounce_s: must be seconds"),
        ("[hook]\ndebounce_s = nan", "h.toml: [hook] debounce_s: must be seconds"),
        ("[oled]\naddress = 0x80", "h.toml: [oled] address: must be a whole number from 8 to 119"),
        ("[oled]\nheight = 63", "h.toml: [oled] height: must be a whole number from 8 to 64, a"),
        ("[oled]\nwidth = 136", "h.toml: [oled] width: must be a whole number from 8 to 128"),
        ("[oled]\nbus = -1", "h.toml: [oled] bus: must be a whole number from 0 to 255"),
        ("[audio]\ncapture = 1", "h.toml: [audio] capture: must be a string"),
    ],
)
def test_wrong_handset_is_one_line_with_file_section_and_key(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_handset(text, "h.toml")
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_handset_behind_an_adapter_leaves_the_pins_of_hook_and_keypad_free() -> None:
    text = '[telephone]\nkind = "adapter"\n[lamp]\npin = 22\n[shutdown]\npin = 23\n'
    assert parse_handset(text, "handset.toml").lamp.pin == 22


def test_handset_printed_with_strange_names_is_read_again() -> None:
    text = 'capture = "a\\"b\\\\c"'
    read = parse_handset(f"[audio]\n{text}\n", "handset.toml")
    assert read.audio.capture == 'a"b\\c'
    assert parse_handset(print_handset(read), "handset.toml") == read
