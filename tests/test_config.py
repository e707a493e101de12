"""box.toml and handset.toml: defaults, every key, and every way to be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware import config, identity
from firmware.codec import tones
from firmware.config import (
    CONTACTS_MAX,
    PEERS_MAX,
    Config,
    Handset,
    parse_config,
    parse_handset,
)
from firmware.errors import ConfigError
from firmware.model import Codec
from firmware.number import check_digit

HANDSET_FILE = Path(__file__).parents[1] / "board" / "handset.toml"
NUMBER = "471108151234"

COMPLETE = f"""
[identity]
name = "Grete Müller"
[network]
bind = "[::]:7000"
bootstrap = ["router.example.org:6881", "[2001:db8::1]:6881"]
exchanges = ["192.0.2.1:6881"]
mdns = false
[hardware]
kind = "simulated"
handset = "board/handset.toml"
oled = false
[audio]
capture = "file:speech.wav"
playback = "plughw:CARD=Device"
country = "gb"
[codec]
preference = ["pcma", "opus"]
[contacts]
{NUMBER} = "Mutter"
"""


def test_empty_config_gives_the_defaults() -> None:
    assert parse_config("", "box.toml") == Config()


def test_complete_config_sets_every_key() -> None:
    read = parse_config(COMPLETE, "etc/box.toml")
    assert read.source == "etc/box.toml"
    assert read.identity.name == "Grete Müller"
    assert read.network.bind == "[::]:7000"
    assert read.network.bootstrap == ("router.example.org:6881", "[2001:db8::1]:6881")
    assert read.network.exchanges == ("192.0.2.1:6881",)
    assert read.network.mdns is False
    assert read.hardware == config.HardwareSettings("simulated", "board/handset.toml", oled=False)
    assert read.audio == config.AudioSettings("file:speech.wav", "plughw:CARD=Device", "GB")
    assert read.codec.preference == (Codec.PCMA, Codec.OPUS)
    assert read.contacts == {NUMBER: "Mutter"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[network", "box.toml: not TOML: "),
        ("[newtork]", "box.toml: [newtork]: unknown section"),
        ("name = 1", "box.toml: name: unknown"),
        ("network = 1", "box.toml: [network]: is a section, not a key"),
        ("[network]\nbindd = 1", "box.toml: [network] bindd: unknown key"),
        ("[identity]\nname = 1", "box.toml: [identity] name: must be a string"),
        ('[identity]\nname = "a\\u0007"', "box.toml: [identity] name: must be at most 48 bytes"),
        (f'[identity]\nname = "{49 * "a"}"', "box.toml: [identity] name: must be at most 48"),
        ("[network]\nbind = 6881", "box.toml: [network] bind: must be a string"),
        ('[network]\nbind = "localhost:6881"', "box.toml: [network] bind: must be ADDRESS:PORT"),
        ('[network]\nbind = "0.0.0.0:65536"', "box.toml: [network] bind: must be ADDRESS:PORT"),
        ('[network]\nbootstrap = "a:1"', "box.toml: [network] bootstrap: must be a list"),
        ('[network]\nbootstrap = ["a"]', "box.toml: [network] bootstrap: 'a' is not HOST:PORT"),
        ('[network]\nbootstrap = ["a:0"]', "box.toml: [network] bootstrap: 'a:0' is not HOST"),
        ('[network]\nbootstrap = ["::1:5"]', "box.toml: [network] bootstrap: '::1:5' is not"),
        ("[network]\nexchanges = [1]", "box.toml: [network] exchanges: must be a string"),
        ("[network]\nmdns = 1", "box.toml: [network] mdns: must be true or false"),
        ('[hardware]\nkind = "pie"', "box.toml: [hardware] kind: 'pie' is none of pi, simulated"),
        ("[hardware]\nhandset = true", "box.toml: [hardware] handset: must be a string"),
        ('[hardware]\noled = "yes"', "box.toml: [hardware] oled: must be true or false"),
        ('[audio]\ncapture = ""', "box.toml: [audio] capture: must be an ALSA name"),
        ('[audio]\ncapture = "file:"', "box.toml: [audio] capture: must be an ALSA name"),
        ("[audio]\nplayback = 0", "box.toml: [audio] playback: must be a string"),
        ('[audio]\ncountry = "DDR"', "box.toml: [audio] country: 'DDR' is none of AT, AU"),
        ("[codec]\npreference = []", "box.toml: [codec] preference: must name at least one"),
        ('[codec]\npreference = ["gsm"]', "box.toml: [codec] preference: 'gsm' is none of opus"),
        ('[codec]\npreference = ["opus", "opus"]', "box.toml: [codec] preference: must name"),
        ('[contacts]\n112 = "Help"', "box.toml: [contacts] 112: not a telephone number"),
        (f"[contacts]\n{NUMBER} = 1", f"box.toml: [contacts] {NUMBER}: must be a string"),
        ("[contacts]\n471108151238 = 1", "box.toml: [contacts] 471108151238: not a telephone"),
    ],
)
def test_wrong_config_is_one_line_with_file_section_and_key(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_config(text, "box.toml")
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_peers_at_the_limit_are_taken_and_one_more_is_refused() -> None:
    hosts = [f"host{i}:6881" for i in range(PEERS_MAX)]
    assert len(parse_config(f"[network]\nbootstrap = {hosts}", "b").network.bootstrap) == PEERS_MAX
    with pytest.raises(ConfigError, match=r"bootstrap: must be a list .* of at most 64"):
        parse_config(f"[network]\nbootstrap = {[*hosts, 'one:1']}", "b")


def test_contacts_at_the_limit_are_taken_and_one_more_is_refused() -> None:
    heads = [f"{20_000_000_000 + i}" for i in range(CONTACTS_MAX + 1)]
    lines = [f'{head}{check_digit(head)} = "Anna"\n' for head in heads]
    text = "[contacts]\n" + "".join(lines[:CONTACTS_MAX])
    assert len(parse_config(text, "b").contacts) == CONTACTS_MAX
    with pytest.raises(ConfigError, match="more than 1000 contacts"):
        parse_config(text + lines[-1], "b")


def test_each_country_of_the_configuration_has_its_tones() -> None:
    assert set(config.COUNTRIES) <= tones.COUNTRIES


def test_name_limit_is_that_of_the_certificate() -> None:
    assert config.NAME_BYTES_MAX == identity.NAME_BYTES_MAX


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
    [ringer]
    pin = 2
    [audio]
    capture = "plughw:CARD=Device"
    playback = "plughw:CARD=wm8960soundcard"
    """
    read = parse_handset(text, "handset.toml")
    assert read.hook == config.HookWiring(17, lifted_is_high=False, debounce_s=0.03)
    assert read.keypad == config.KeypadWiring(
        (4, 5, 6, 7), (8, 9, 10, 11), ("DCBA", "321*", "6540", "987#"), 0.01
    )
    assert read.oled == config.OledWiring(3, 0x3D, 64, 32)
    assert read.ringer == config.RingerWiring(2)  # free, because the OLED is on another bus
    assert read.audio == config.SoundCard("plughw:CARD=Device", "plughw:CARD=wm8960soundcard")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[hook]\npinn = 22", "h.toml: [hook] pinn: unknown key"),
        ("[lamp]\npin = 9", "h.toml: [lamp]: unknown section"),
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


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("", True),
        ('[hardware]\nkind = "simulated"', False),
        ('[hardware]\nkind = "simulated"\n[network]\npublic_routers = true', True),
        ("[network]\npublic_routers = false", False),
    ],
)
def test_public_routers_are_asked_by_real_boxes_unless_told_otherwise(
    text: str, asked: bool
) -> None:
    assert parse_config(text, "b").uses_public_routers is asked
