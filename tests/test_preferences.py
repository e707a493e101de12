"""Settings of the page: validated, written into the owner's file, taken over when nobody talks."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from firmware.config import parse_config
from firmware.errors import CommandError
from firmware.preferences import FORMER, KEPT_FILE, LOOK_WISH, Places, Preferences
from firmware.settings import SETTINGS_FILE, Settings, parse_settings, print_settings

FILE = '# mine\n[identity]\nname = "Oma"\n[hardware]\nhandset = "wirings/gpio.toml"\n'


class Drawer:
    """A box.toml with all that lies around it; `calls` are the calls that go on."""

    def __init__(self, top: Path, *, has_wishes: bool = False) -> None:
        self.top, self.file = top, top / "box.toml"
        self.file.write_text(FILE)
        for each in ("wirings", "interfaces/wlan0", *(["wishes"] if has_wishes else [])):
            (top / each).mkdir(parents=True)
        for each in ("gpio", "usb"):
            (top / "wirings" / f"{each}.toml").write_text("")
        (top / "version").write_text("1.2.3\n")
        self.at_rest = asyncio.Event()
        self.restarted = asyncio.Event()
        self.preferences = Preferences(
            parse_config(FILE, str(self.file)),
            Places(top / "wishes", None, top / "interfaces", top / "version"),
            self._rest,
            self.restarted.set,
        )

    async def _rest(self) -> None:
        await self.at_rest.wait()

    def do(self, command: str, /, **request: Any) -> dict[str, Any]:
        async def one() -> dict[str, Any]:
            return await self.preferences.handlers()[command](request)

        return asyncio.run(one())

    @property
    def text(self) -> str:
        return self.file.read_text()


@pytest.fixture(name="drawer")
def _drawer(tmp_path: Path) -> Drawer:
    return Drawer(tmp_path)


def test_settings_are_written_where_their_owner_would(drawer: Drawer) -> None:
    said = drawer.do("set_settings", name="Erna", country="at", language="de", hardware="usb")
    assert said == {"restarts": True}
    config = parse_config(drawer.text, "box.toml")
    assert (config.identity.name, config.audio.country) == ("Erna", "AT")
    assert (config.display.language, config.hardware.handset) == ("de", "wirings/usb.toml")
    assert drawer.text.startswith("# mine\n")
    assert (drawer.top / f"box.toml{FORMER}").read_text() == FILE


def test_what_is_so_already_is_no_change(drawer: Drawer) -> None:
    shown = drawer.do("settings")
    assert (shown["name"], shown["hardware"], shown["hardwares"]) == (
        "Oma",
        "gpio",
        ["gpio", "usb"],
    )
    said = drawer.do("set_settings", name="Oma", hardware="gpio")
    assert said == {"restarts": False}
    assert drawer.text == FILE


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": "x" * 49}, "name: must be at most 48 bytes"),
        ({"name": "a\nb"}, "name: must be printable"),
        ({"name": 7}, "must be a string"),
        ({"country": "DDR"}, "country: 'DDR' is none of AT"),
        ({"language": "fr"}, "language: 'fr' is none of"),
        ({"hardware": "adapter"}, "hardware: 'adapter' is none of gpio, usb"),
        ({"hardware": "../../../etc/passwd"}, "hardware: "),
        ({"sound": "usb"}, "box.toml"),
        ({"colour": "red"}, "colour: there is no such setting"),
        ({"name": "Erna", "country": "XX"}, "country"),
    ],
)
def test_wrong_setting_is_refused_in_words_and_nothing_is_changed(
    drawer: Drawer, wrong: dict[str, Any], words: str
) -> None:
    with pytest.raises(CommandError) as refusal:
        drawer.do("set_settings", **wrong)
    assert words in str(refusal.value)
    assert str(drawer.top) not in str(refusal.value)
    assert drawer.text == FILE


def test_file_of_another_form_is_left_to_its_owner(drawer: Drawer) -> None:
    drawer.file.write_text('identity.name = "Oma"\n')
    with pytest.raises(CommandError):
        drawer.do("set_settings", name="Erna")
    assert drawer.text == 'identity.name = "Oma"\n'


def test_box_starts_anew_when_nobody_telephones(drawer: Drawer) -> None:
    async def story() -> None:
        running = asyncio.create_task(drawer.preferences.run())
        await drawer.preferences.handlers()["set_settings"]({"name": "Erna"})
        await asyncio.sleep(0)
        assert not drawer.restarted.is_set(), "somebody talks"
        drawer.at_rest.set()
        await asyncio.wait_for(drawer.restarted.wait(), 10)
        running.cancel()

    asyncio.run(story())


def test_next_settings_on_the_card_change_only_what_they_name(drawer: Drawer) -> None:
    kept = drawer.top / KEPT_FILE
    kept.write_text(print_settings(Settings(name="Oma", country="DE", sound="wm8960")))
    drawer.do("set_settings", name="Erna")
    assert parse_settings(kept.read_text())[0] == Settings("Erna", "DE", sound="wm8960")


def test_box_without_rights_leaves_wishes(tmp_path: Path) -> None:
    drawer = Drawer(tmp_path, has_wishes=True)
    assert drawer.do("settings")["wireless"]
    assert drawer.do("settings")["version"] == "1.2.3"
    drawer.do("set_wireless", ssid="Home", password="correct horse", hidden=True)
    wish = tmp_path / "wishes" / SETTINGS_FILE
    wanted = Settings(ssid="Home", password="correct horse", hidden=True)
    assert parse_settings(wish.read_text())[0] == wanted
    assert wish.stat().st_mode & 0o777 == 0o600
    drawer.do("set_settings", hardware="usb", sound="wm8960")
    assert parse_settings(wish.read_text())[0] == Settings(hardware="usb", sound="wm8960")
    drawer.do("look_for_update")
    assert (tmp_path / "wishes" / LOOK_WISH).exists()


@pytest.mark.parametrize(
    "wrong", [{}, {"ssid": ""}, {"ssid": "Home", "password": "short"}, {"ssid": 5}]
)
def test_network_that_is_none_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    drawer = Drawer(tmp_path, has_wishes=True)
    with pytest.raises(CommandError, match="Wireless network: "):
        drawer.do("set_wireless", **wrong)
    assert list((tmp_path / "wishes").iterdir()) == []


def test_box_without_the_folder_says_who_else_can(drawer: Drawer) -> None:
    for command in ("set_wireless", "look_for_update"):
        with pytest.raises(CommandError):
            drawer.do(command, ssid="Home")
