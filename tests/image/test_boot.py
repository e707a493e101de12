"""The image boots to a telephone: number made, missing parts named, nothing lost in a power cut."""

from __future__ import annotations

import json
import re
from pathlib import Path

from firmware.settings import SETTINGS_FILE, Settings, print_settings
from tests.image.card import Card
from tests.image.machine import PLAIN, Machine

USED_MAX_MB = 130
RSS_MAX_MB = 60
TICKS_PER_S = 100  # of /proc/stat: proc(5)


def cpu_of_start(machine: Machine) -> dict[str, float]:
    """When the telephone was ready, and its part of what the processors have computed so far."""
    show = "systemctl show fernruf -P CPUUsageNSec -P ActiveEnterTimestampMonotonic"
    code, text = machine.type(f"{show}; head -1 /proc/stat")
    assert code == 0, text
    figures = [int(word) for word in re.findall(r"\b\d+\b", text)]
    cpu_ns, ready_us, user, nice, system, _idle, _wait, irq, soft_irq = figures[:9]
    busy_s = (user + nice + system + irq + soft_irq) / TICKS_PER_S
    return {"ready_s": ready_us / 1e6, "cpu_s": cpu_ns / 1e9, "cpu_share": cpu_ns / 1e9 / busy_s}


def test_image_boots_to_a_telephone_and_keeps_its_number(image: Path, tmp_path: Path) -> None:
    card = Card(image, tmp_path)
    settings = Settings("Oma", "AT", ssid="Home", password="horse battery")
    card.put(SETTINGS_FILE, print_settings(settings).encode())
    with Machine(card) as machine:
        machine.wait_until_ready()
        number = machine.wait_for_number()
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
        machine.wait_until_ready()
        assert machine.status()["number"] == number


def test_box_at_rest_leaves_most_of_the_memory_free(image: Path, tmp_path: Path) -> None:
    """Its figures, with when what was started, are kept in figures.json and analyze.txt.

    How long a start takes is not judged here: that is the emulating computer's speed, too.
    """
    card = Card(image, tmp_path)
    card.put_number()
    with Machine(card, PLAIN) as machine:
        machine.wait_until_ready()
        start = cpu_of_start(machine)
        machine.take_number()
        code, text = machine.type(
            "sleep 60; cat /proc/meminfo;"
            " grep VmRSS /proc/$(systemctl show fernruf -P MainPID)/status"
        )
        assert code == 0, text
        kib = {name: int(size) for name, size in re.findall(r"(\w+):\s+(\d+) kB", text)}
        used_mb = (kib["MemTotal"] - kib["MemAvailable"]) / 1024
        rss_mb = kib["VmRSS"] / 1024
        figures = {"used_mb": used_mb, "rss_mb": rss_mb, **start}
        (tmp_path / "figures.json").write_text(json.dumps(figures))
        code, text = machine.type(
            "systemd-analyze --no-pager; systemd-analyze --no-pager critical-chain fernruf.service;"
            " systemd-analyze --no-pager blame | head -20; systemctl list-units --failed --no-pager"
        )
        (tmp_path / "analyze.txt").write_text(text)
        assert used_mb <= USED_MAX_MB, figures
        assert rss_mb <= RSS_MAX_MB, figures
