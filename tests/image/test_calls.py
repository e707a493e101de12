"""The booted image telephones with a box on the computer outside, with speech both ways.

They find each other by multicast DNS, with no Internet. An emulated machine is slow: what is
measured is what arrived, and how fast the machine was.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firmware.demo.actor import SPEECH_DIR
from firmware.demo.measure import cut, delays, find, quality, read_wav, seconds_of_speech
from tests.image.card import Card
from tests.image.house import INSIDE, House
from tests.image.machine import PLAIN, Machine

CALL_S = 25.0
HEARD_MIN = 0.5  # of the seconds of speech; an emulator is not always as fast as speech
IMAGE_SPEECH = "/usr/lib/fernruf/python/firmware/demo/speech"
COUNT = (
    "python3 -c 'import time; t = time.perf_counter(); sum(range(3000000));"
    " print(time.perf_counter() - t)'"
)


def box_toml(speech: str, heard: str) -> str:
    return (
        '[hardware]\nkind = "simulated"\n[codec]\npreference = ["pcma"]\n'
        f'[audio]\ncapture = "file:{speech}"\nplayback = "file:{heard}"\n'
    )


class Outside:
    """The box on the computer outside."""

    def __init__(self, folder: Path, house: House) -> None:
        self.heard, self._control = folder / "heard-outside.wav", folder / "c"
        config = folder / "outside.toml"
        config.write_text(box_toml(str(SPEECH_DIR / "wallack.wav"), str(self.heard)))
        program = (sys.executable, "-m", "firmware")
        self._ctl = (*house.inside, *program, "ctl", "--control", str(self._control))
        state = ("--state", str(folder / "state"), "--control", str(self._control))
        log = folder / "outside.log"
        self.process = house.start(log, *program, "box", "--config", str(config), *state)

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self._ctl, *words], capture_output=True, text=True, check=False)

    def status(self) -> dict[str, Any]:
        done = self.ask("status")
        found: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
        return found


def wait_until(condition: Callable[[], bool], timeout_s: float, machine: Machine) -> None:
    until_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until_s
        machine.run_for(1.0)


def share_and_quality(spoken: Path, heard: Path) -> tuple[float, float | None]:
    """How many of the seconds of speech arrived as they were spoken, and PESQ of all of it."""
    said, sound = read_wav(spoken), read_wav(heard)
    delay = find(said, sound).delay_samples
    share = len(delays(said, sound, delay)) / seconds_of_speech(said)
    return share, quality(said, cut(sound, delay, len(said)), wideband=False)


def test_booted_image_and_a_box_outside_hear_each_other(image: Path, tmp_path: Path) -> None:
    card = Card(image, tmp_path)
    card.put(
        "box.toml", box_toml(f"{IMAGE_SPEECH}/kennedy.wav", "/data/fernruf/heard.wav").encode()
    )
    card.put_number()
    with House() as house, Machine(card, PLAIN, network=house.network, inside=house.inside) as box:
        outside = Outside(tmp_path, house)
        try:
            box.wait_until_ready()
            figures: dict[str, Any] = {"sum_s": box.type(COUNT)[1]}
            box.type(f"ip address add {INSIDE}/24 dev $(ls /sys/class/net | grep ^e)")
            box.type("cp /boot/firmware/box.toml /data/settings/")
            box.take_number()
            wait_until(lambda: bool(outside.status().get("number")), 300.0, box)
            number = outside.status()["number"]
            code, text = box.type(
                "C='fernruf ctl --control /run/fernruf/control'; $C lift; "
                f"$C press {number}; $C wait ringback --timeout 120"
            )
            assert code == 0, text
            assert outside.ask("lift").returncode == 0
            wait_until(lambda: outside.status()["state"] == "connected", 120.0, box)
            box.run_for(CALL_S)
            figures |= {"outside": outside.status()["rtp"], "inside": box.status()["rtp"]}
            figures |= {"path": box.status()["path"], "codec": box.status()["codec"]}
            _, figures["cpu"] = box.type("systemctl show fernruf -P CPUUsageNSec; cat /proc/uptime")
            box.type("$C replace; sleep 2; systemctl stop fernruf")
            box.type("cp /data/fernruf/heard.wav /boot/firmware/ && sync")
        finally:
            outside.process.terminate()
            outside.process.wait()
    inside = share_and_quality(SPEECH_DIR / "wallack.wav", card.get("heard.wav"))
    there = share_and_quality(SPEECH_DIR / "kennedy.wav", outside.heard)
    figures |= {"heard_inside": inside, "heard_outside": there}
    (tmp_path / "figures.json").write_text(json.dumps(figures, indent=1))
    assert inside[0] >= HEARD_MIN, figures
    assert there[0] >= HEARD_MIN, figures
