"""Pulls the plug of the booted image at random moments, and looks whether anything is lost.

`python -m tests.image.power_cuts --folder DIR --record FILE` goes on where FILE ends, which has a
JSON object a line: one for each cut (with its seed), and one for what the next start found; a card
that has lost something is kept beside. A card lives through its first start, two evenings with
calls and two updates; then comes a new one. Each start checks the cut before it: the telephone is
ready, its number is the same, each call that was confirmed is in the log, the owner's settings are
taken and wiped, the database is sound, no service has failed.

The plug is the emulator's: what the guest had written is on the card, what it had not is gone. A
card that loses or reorders what it had acknowledged is not emulated.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from firmware.settings import SETTINGS_FILE, Settings, print_settings
from firmware.shell.state import IDENTITY
from tests.image.card import Card, run
from tests.image.machine import PLAIN, Machine
from tests.image.shop import Shop, open_shop

UNFINISHED = 3
LIFE = ("first start", "calls", "update", "calls", "update")  # of one card, a cut in each
FIRST_START_S = 60.0  # at most until the plug is pulled
EVENING_S = 40.0
UPDATE_S = 70.0
READY_S = 900.0  # a start that takes longer counts as none
SAID_S = 900.0  # for an answer of a script in the machine
SETTINGS = Settings("Oma", "AT", ssid="Home", password="horse battery")
CONFIRMED = r"CONFIRMED (\d+) (\d{12})\r?\n"
BOX_TOML = '[hardware]\nkind = "simulated"\n'
ASK = """
import glob, json, socket, sqlite3, subprocess, time
def ask(line, **more):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("/run/fernruf/control")
        s.sendall(json.dumps({"command": line, **more}).encode() + b"\\n")
        return json.loads(s.makefile().readline())
def count(what):
    base = sqlite3.connect("file:/data/fernruf/records.sqlite?mode=ro", uri=True)
    try:
        return base.execute(what).fetchone()[0]
    finally:
        base.close()
CALLS = "select count(*) from record where kind='call'"
"""
CALLER = (
    ASK
    + """
while True:
    ask("lift"); ask("press", digits="201234567892")
    ask("wait", state="failed", timeout_s=60.0); ask("replace")
    ask("wait", state="idle", timeout_s=10.0)
    print("CONFIRMED", count(CALLS), ask("status")["number"], flush=True)
"""
)
# the last word is not in the order itself, which the serial line repeats
TELLER = (
    ASK
    + """
found = {"number": ask("status").get("number"), "calls": 0, "base": "none"}
if glob.glob("/data/fernruf/records.sqlite"):
    found |= {"base": count("pragma integrity_check"), "calls": count(CALLS)}
taken = open("/data/settings/settings.toml").read()
left = open("/boot/firmware/fernruf.toml").read()
units = subprocess.run(["systemctl", "--failed", "--no-legend", "--plain"], capture_output=True)
found["failed"] = units.stdout.decode().split()[:1]
found["settings"] = "AT" in taken and "horse" not in taken + left
print("TOLD", json.dumps(found), flush=True)
"""
)
ADOPT = (
    f"cmp -s /boot/firmware/{IDENTITY} /data/fernruf/{IDENTITY} || "
    f"{{ cp /boot/firmware/box.toml /data/settings/; cp /boot/firmware/{IDENTITY} /data/fernruf/;"
    f" chmod 600 /data/fernruf/{IDENTITY}; chown -R fernruf: /data/fernruf /data/settings; sync;"
    " systemctl restart fernruf.service; }"
)


class Trial:
    """One run of the script: the record, and the card that lives now."""

    def __init__(self, image: Path, folder: Path, record: Path, shop: Shop) -> None:
        self._image, self._folder, self._record, self._shop = image, folder, record, shop
        lines = record.read_text().splitlines() if record.exists() else []
        self._lines: list[dict[str, Any]] = [json.loads(line) for line in lines]

    @property
    def cuts(self) -> list[dict[str, Any]]:
        """Those that were made so far."""
        return [line for line in self._lines if "cut" in line]

    @property
    def checks(self) -> list[dict[str, Any]]:
        """What the starts after them found."""
        return [line for line in self._lines if "check" in line]

    def step(self, seed: int) -> None:
        """Start, check the last cut, do what the card has come to, pull the plug."""
        number = len(self.cuts)
        place, kind = number // len(LIFE), LIFE[number % len(LIFE)]
        if kind == LIFE[0]:
            self.check_last()
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(exist_ok=True)
        card = Card(self._image, self._folder)
        dice = random.Random(f"{seed}-{number}")
        with Machine(card, PLAIN) as machine:
            if kind == LIFE[0]:
                found = self._first_start(machine, dice)
            else:
                if not self._check(machine):
                    run("cp", "-r", str(self._folder), f"{self._folder}-lost-{number - 1}")
                found = (self._calls if kind == "calls" else self._update)(machine, dice)
            machine.cut_power()
        self._write({"cut": number, "seed": seed, "card": place, "kind": kind, **found})

    def check_last(self) -> None:
        """What the last cut has left, if nobody has looked yet."""
        if len(self.checks) < len(self.cuts):
            with Machine(Card(self._image, self._folder), PLAIN) as machine:
                self._check(machine)

    def _first_start(self, machine: Machine, dice: random.Random) -> dict[str, Any]:
        moment_s = dice.uniform(1.0, FIRST_START_S)
        machine.run_for(moment_s)
        return {"moment_s": round(moment_s, 1), "reached": machine.last_line()}

    def _calls(self, machine: Machine, dice: random.Random) -> dict[str, Any]:
        """Calls that go nowhere, each confirmed when the database has it."""
        machine.type(ADOPT)
        machine.say("while :; do python3 /boot/firmware/caller.py 2>/dev/null; sleep 1; done")
        machine.wait_for(CONFIRMED, SAID_S)
        moment_s = dice.uniform(0.0, EVENING_S)
        machine.run_for(moment_s)
        said = machine.find_last(CONFIRMED)
        found = {"moment_s": round(moment_s, 1), "number": said[2].decode()}
        return found | {"calls": int(said[1])}

    def _update(self, machine: Machine, dice: random.Random) -> dict[str, Any]:
        """An update into the other slot; perhaps it is done when the plug is pulled."""
        told = self._ask(machine)
        machine.type("echo 0.0.1 >/usr/lib/fernruf/version")
        machine.say(f"fernruf update look -v --url {self._shop.url} --quiet-s 600")
        moment_s = dice.uniform(0.0, UPDATE_S)
        machine.run_for(moment_s)
        found = {"moment_s": round(moment_s, 1), "calls": told["calls"]}
        return found | {"number": told["number"], "reached": machine.last_line()}

    def _check(self, machine: Machine) -> bool:
        """What the last cut has left; nothing, if it was looked at before this run began."""
        begin_s = time.monotonic()
        is_checked = len(self.checks) == len(self.cuts)
        last = self.cuts[-1]
        try:
            machine.wait_until_ready(READY_S)
            ready_s = time.monotonic() - begin_s
            if is_checked:
                return True
            told = self._ask(machine)
        except AssertionError as error:
            self._write({"check": last["cut"], "starts": False, "end": str(error)[-2000:]})
            raise
        faults = [f"failed: {unit}" for unit in told["failed"]]
        if told["base"] not in ("ok", "none"):
            faults.append(f"the database: {told['base']}")
        if last.get("number") not in (None, told["number"]):
            faults.append(f"the number was {last['number']}")
        if told["calls"] < last.get("calls", 0):
            faults.append(f"{last['calls']} calls were confirmed")
        if not told["settings"]:
            faults.append("the owner's settings were not taken, or not wiped")
        found = {"starts": True, "ready_s": round(ready_s, 1), "slot": machine.slot, **told}
        self._write({"check": last["cut"], **found, "faults": faults})
        return not faults

    def _ask(self, machine: Machine) -> dict[str, Any]:
        machine.say("until python3 /boot/firmware/teller.py 2>/dev/null; do sleep 1; done")
        told: dict[str, Any] = json.loads(machine.wait_for(r"TOLD (\{.*\})\r?\n", SAID_S)[1])
        return told

    def _write(self, line: dict[str, Any]) -> None:
        self._lines.append(line)
        with self._record.open("a") as file:
            file.write(json.dumps(line) + "\n")
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def image_for_cuts(image: Path, folder: Path) -> Path:
    """The image with what the cuts need of scripts, in the FAT partition."""
    path = folder / "image-for-cuts"
    if not (path / "card.img").exists():
        path.mkdir(parents=True, exist_ok=True)
        card = Card(image, path)
        card.put("caller.py", CALLER.encode())
        card.put("teller.py", TELLER.encode())
        card.put("box.toml", BOX_TOML.encode())
        card.put(SETTINGS_FILE, print_settings(SETTINGS).encode())
        card.put_number()
    return path / "card.img"


def main() -> int:
    """Exit code 1 if anything was lost, 3 if cuts are left to make."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", type=Path, default=Path("build/image/fernruf.img"))
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--record", type=Path, required=True)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--steps", type=int, default=sys.maxsize, help="at most so many this time")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    image = image_for_cuts(arguments.image, arguments.folder)
    offer = json.loads(arguments.image.with_name("fernruf.json").read_text())
    with open_shop(arguments.folder / "shop") as shop:
        shop.offer(arguments.image.with_name("fernruf.raucb"), offer["version"])
        trial = Trial(image, arguments.folder / "card", arguments.record, shop)
        end = min(arguments.count, len(trial.cuts) + arguments.steps)
        while len(trial.cuts) < end:
            trial.step(arguments.seed)
        if end < arguments.count:
            return UNFINISHED
        trial.check_last()
    good = sum(check["starts"] and not check["faults"] for check in trial.checks)
    sys.stdout.write(f"{good} of {len(trial.cuts)} cuts: everything was there again\n")
    return 0 if good == len(trial.cuts) else 1


if __name__ == "__main__":
    sys.exit(main())
