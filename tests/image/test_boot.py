"""The image boots to a telephone: number made, missing parts named, nothing lost in a power cut."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from firmware.settings import SETTINGS_FILE, Settings, print_settings
from tests.image.machine import START, Machine, run

BOOT_S = 900.0  # emulated, on a busy machine


def ready(machine: Machine) -> None:
    """The debug shell is there and Fernruf has told systemd that it is ready."""
    machine.wait_for(r"Started.*fernruf\.service", BOOT_S)


def status(machine: Machine) -> dict[str, object]:
    code, text = machine.type("fernruf ctl --control /run/fernruf/control status")
    assert code == 0, text
    found: dict[str, object] = json.loads(text[text.index("{") : text.rindex("}") + 1])
    return found


def test_image_boots_to_a_telephone_and_keeps_its_number(image: Path, tmp_path: Path) -> None:
    card = tmp_path / "card.img"
    run("cp", "--sparse=always", str(image), str(card))
    settings = tmp_path / SETTINGS_FILE
    settings.write_text(
        print_settings(Settings("Oma", "AT", ssid="Home", password="horse battery"))
    )
    run("mcopy", "-o", "-i", f"{card}@@{START}", str(settings), f"::{SETTINGS_FILE}")
    with Machine(card, tmp_path) as machine:
        ready(machine)
        code, text = machine.type(
            'until fernruf ctl --control /run/fernruf/control status | grep -q \'"number": "[2-8]\''
            "; do sleep 5; done",
            timeout_s=1800.0,
        )
        assert code == 0, text
        number = status(machine)["number"]
        code, text = machine.type("cat /boot/firmware/fernruf.toml /data/settings/box.toml")
        assert "horse" not in text
        assert 'country = "AT"' in text
        code, text = machine.type("journalctl -u fernruf --no-pager | grep -i oled")
        assert code == 0, "nobody said that there is no display"
        code, text = machine.type("df -k /data; systemctl --failed --no-legend")
        found = re.search(r"/dev/\w+\s+(\d+)", text)
        assert found and int(found.group(1)) > 500_000, f"the data partition did not grow: {text}"
        assert "failed" not in text
        machine.cut_power()
        machine.switch_on()
        ready(machine)
        assert status(machine)["number"] == number
    os.sync()
