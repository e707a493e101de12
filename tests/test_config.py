"""box.toml: defaults, every key, and every way to be wrong."""

from __future__ import annotations

import pytest

from firmware import config, identity, settings
from firmware.codec import tones
from firmware.config import (
    CONTACTS_MAX,
    PEERS_MAX,
    Config,
    parse_config,
)
from firmware.errors import ConfigError
from firmware.model import Codec
from firmware.number import check_digit

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
dtx = true
packet_ms = 60
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
    assert read.codec.preference == (Codec.PCMA, Codec.OPUS) and read.codec.dtx
    assert read.codec.packet_ms == 60
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
    assert config.NAME_BYTES_MAX == identity.NAME_BYTES_MAX == settings.NAME_BYTES_MAX


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
