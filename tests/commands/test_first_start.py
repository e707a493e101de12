"""The first start: settings taken from the card once, kept, and wiped."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.__main__ import main
from firmware.commands.first_start import TAKEN, wireless_conf
from firmware.config import parse_config
from firmware.settings import SETTINGS_FILE, Settings, print_settings

WHOLE = Settings("Oma", "AT", "de", "usb", "Home", "correct horse", hidden=True)


class Card:
    """A FAT partition, a data partition and the wirings of the image, as folders."""

    def __init__(self, folder: Path) -> None:
        self.card, self.data, self.handsets = folder / "card", folder / "data", folder / "handsets"
        for each in (self.card, self.handsets):
            each.mkdir()
        for variant in ("gpio", "usb", "adapter"):
            (self.handsets / f"{variant}.toml").write_text("")

    def start(self) -> int:
        places = ("--card", self.card, "--data", self.data, "--handsets", self.handsets)
        return main(["first-start", *map(str, places)])

    def say(self, text: str) -> None:
        (self.card / SETTINGS_FILE).write_text(text, encoding="utf-8")

    @property
    def said(self) -> str:
        return (self.card / SETTINGS_FILE).read_text(encoding="utf-8")

    @property
    def box(self) -> str:
        return (self.data / "box.toml").read_text(encoding="utf-8")


@pytest.fixture(name="card")
def _card(tmp_path: Path) -> Card:
    return Card(tmp_path)


def test_settings_are_taken_and_the_password_is_gone_from_the_card(card: Card) -> None:
    card.say(print_settings(WHOLE))
    assert card.start() == 0
    assert card.said.startswith(TAKEN)
    assert "horse" not in card.said
    config = parse_config(card.box, "box.toml")
    assert (config.identity.name, config.audio.country) == ("Oma", "AT")
    assert config.hardware.handset.endswith("usb.toml")


def test_password_is_overwritten_where_it_stood(card: Card) -> None:
    text = print_settings(WHOLE)
    card.say(text)
    card.start()
    assert (card.card / SETTINGS_FILE).stat().st_size >= len(text.encode())


def test_card_without_settings_gives_a_box_with_defaults(card: Card) -> None:
    assert card.start() == 0
    assert parse_config(card.box, "box.toml").identity.name == ""


def test_second_start_changes_nothing(card: Card) -> None:
    card.say(print_settings(WHOLE))
    card.start()
    before = {path.name: path.read_bytes() for path in card.data.iterdir()}
    assert card.start() == 0
    assert {path.name: path.read_bytes() for path in card.data.iterdir()} == before


def test_later_settings_change_what_they_name_and_keep_the_rest(card: Card) -> None:
    card.say(print_settings(WHOLE))
    card.start()
    card.say('[box]\ncountry = "CH"\n')
    card.start()
    config = parse_config(card.box, "box.toml")
    assert (config.identity.name, config.audio.country) == ("Oma", "CH")


def test_mistakes_are_named_and_the_rest_is_used(
    card: Card, caplog: pytest.LogCaptureFixture
) -> None:
    card.say('[box]\nname = "Oma"\ncountry = "Austria"\n')
    assert card.start() == 0
    assert "fernruf.toml: [box] country: must be two letters" in caplog.text
    assert parse_config(card.box, "box.toml").identity.name == "Oma"


def test_huge_or_binary_settings_file_harms_nothing(card: Card) -> None:
    for data in (b"x" * 1_000_000, bytes(range(256)), b"\xff\xfe[\0b\0"):
        (card.card / SETTINGS_FILE).write_bytes(data)
        assert card.start() == 0
        assert parse_config(card.box, "box.toml").identity.name == ""


def test_passphrase_becomes_the_key_of_the_standard() -> None:
    """IEEE 802.11-2020 annex J.4.3, test case 1."""
    text = wireless_conf(Settings(ssid="IEEE", password="password"))
    assert "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e" in text
    assert "password" not in text


def test_open_network_asks_for_no_key() -> None:
    assert "key_mgmt=NONE" in wireless_conf(Settings(ssid="Cafe"))


def test_name_of_a_network_cannot_break_out_of_its_line() -> None:
    text = wireless_conf(Settings(ssid='x"\n}network={', password="a" * 64))
    assert text.count("network={") == 1
