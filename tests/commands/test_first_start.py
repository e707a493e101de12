"""The first start: settings taken from the card once, kept, and wiped."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.__main__ import main
from firmware.commands.first_start import (
    KEYFILE,
    RESTART_FILE,
    TAKEN,
    TREE_FILE,
    WIRELESS_FILE,
    wireless_conf,
)
from firmware.config import parse_config
from firmware.settings import SETTINGS_FILE, Settings, print_settings
from firmware.shell.notices import read_notices

WHOLE = Settings(
    "Oma", "AT", "de", "usb", "usb", ssid="Home", password="correct horse", hidden=True
)


class Card:
    """A FAT partition, a data partition and the wirings of the image, as folders."""

    def __init__(self, folder: Path) -> None:
        self.card, self.data, self.handsets = folder / "card", folder / "data", folder / "handsets"
        for each in (self.card, self.handsets):
            each.mkdir()
        for variant in ("gpio", "usb", "adapter"):
            (self.handsets / f"{variant}.toml").write_text("")

    def start(self, *more: str | Path) -> int:
        places = ("--card", self.card, "--data", self.data, "--handsets", self.handsets)
        return main(["first-start", *map(str, places), *map(str, more)])

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
    assert config.web.bind == "0.0.0.0:80", "the page is there from the first start on"


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
    assert "fernruf.toml:3: [box] country: must be two letters" in caplog.text
    assert parse_config(card.box, "box.toml").identity.name == "Oma"


def test_start_with_nothing_to_do_says_so(card: Card, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert card.start() == 0
    assert "fernruf.toml says nothing new" in caplog.text and "box.toml is written" in caplog.text
    caplog.clear()
    assert card.start() == 0
    assert "fernruf.toml says nothing new" in caplog.text and "is written" not in caplog.text
    assert "is no folder" not in caplog.text
    card.card.rmdir()
    assert card.start() == 0
    assert f"{card.card} is no folder" in caplog.text


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


def test_mistakes_hang_on_the_notice_board_until_the_owner_mended_them(
    card: Card, tmp_path: Path
) -> None:
    board = tmp_path / "notices"
    board.mkdir()
    card.say('[box]\nname = "Oma"\ncountry = "Deutschland"\n')
    assert card.start("--notices", board) == 0
    assert card.start("--notices", board) == 0
    (notice,) = read_notices(board)
    assert notice.body.startswith("fernruf.toml:3: [box] country")
    card.say('[box]\ncountry = "DE"\n')
    assert card.start("--notices", board) == 0
    assert read_notices(board) == ()


def test_sound_board_gets_its_device_tree_and_a_new_start(card: Card) -> None:
    tree = card.card / TREE_FILE
    tree.write_text("os_prefix=plain/\n")
    card.say('[box]\nsound = "max98357a"\n')
    assert card.start() == 0
    assert tree.read_text() == "os_prefix=max98357a/\n"
    assert (card.data / RESTART_FILE).exists()
    audio = parse_config(card.box, "box.toml").audio
    assert (audio.capture, audio.playback) == (
        "plughw:CARD=handset,DEV=1",
        "plughw:CARD=handset,DEV=0",
    )
    (card.data / RESTART_FILE).unlink()
    assert card.start() == 0
    assert not (card.data / RESTART_FILE).exists(), "it would start anew for ever"


def test_box_as_it_is_usually_built_needs_no_new_start(card: Card) -> None:
    (card.card / TREE_FILE).write_text("os_prefix=plain/\n")
    card.say('[box]\nhardware = "usb"\nsound = "usb"\n')
    assert card.start() == 0
    assert not (card.data / RESTART_FILE).exists()


def test_raspberry_pi_os_gets_the_network_as_network_manager_wants_it(
    card: Card, tmp_path: Path
) -> None:
    card.say('[wifi]\nssid = "Café"\npassword = "correct horse"\nhidden = true\n')
    assert card.start("--network-manager", tmp_path) == 0
    path = tmp_path / KEYFILE
    text = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert "ssid=67;97;102;195;169;\n" in text
    assert "psk=correct horse\n" in text
    assert "hidden=true\n" in text
    assert not (card.data / WIRELESS_FILE).exists()
