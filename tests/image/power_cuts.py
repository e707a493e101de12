"""Pulls the plug of the booted image at random moments, and looks whether anything is lost.

`python -m tests.image.power_cuts --count 50 --record FILE` goes on where FILE ends, which has a
JSON object a line: one for each cut (with its seed), and one for what the next start found. A card
lives through its first start, two evenings with calls and two updates; then comes a new one. Each
start checks the cut before it: the telephone is ready, its number is the same, each call that was
confirmed is in the log, the database is sound, no service has failed.

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

from tests.image.card import Card
from tests.image.machine import PLAIN, Machine
from tests.image.shop import Shop, open_shop

LIFE = ("first start", "calls", "update", "calls", "update")  # of one card, a cut in each
FIRST_START_S = 90.0  # at most until the plug is pulled
EVENING_S = 60.0
UPDATE_S = 90.0
BOX_TOML = '[hardware]\nkind = "simulated"\n'
CALLER = """
import json, socket, sqlite3, time
def ask(line, **more):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("/run/fernruf/control")
        s.sendall(json.dumps({"command": line, **more}).encode() + b"\\n")
        return json.loads(s.makefile().readline())
while True:
    ask("lift"); ask("press", digits="201234567892")
    ask("wait", state="failed", timeout_s=60.0); ask("replace")
    ask("wait", state="idle", timeout_s=10.0); time.sleep(0.5)
    base = sqlite3.connect("file:/data/fernruf/records.sqlite?mode=ro", uri=True)
    print("CONFIRMED", base.execute("select count(*) from record where kind='call'").fetchone()[0])
    base.close()
"""
COUNTER = """
import glob, sqlite3
for path in glob.glob("/data/fernruf/records.sqlite"):
    base = sqlite3.connect("file:" + path + "?mode=ro", uri=True)
    print("SOUND", base.execute("pragma integrity_check").fetchone()[0])
    print("CALLS", base.execute("select count(*) from record where kind='call'").fetchone()[0])
"""


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
            self._check_last()
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(exist_ok=True)
        card = Card(self._image, self._folder)
        dice = random.Random(f"{seed}-{number}")
        with Machine(card, PLAIN) as machine:
            if kind == LIFE[0]:
                found = self._first_start(machine, dice)
            else:
                self._check(machine)
                act = self._calls if kind == "calls" else self._update
                found = act(machine, dice)
            machine.cut_power()
        self._write({"cut": number, "seed": seed, "card": place, "kind": kind, **found})

    def finish(self) -> None:
        """Check the last cut, too."""
        self._check_last()

    def _first_start(self, machine: Machine, dice: random.Random) -> dict[str, Any]:
        moment_s = dice.uniform(1.0, FIRST_START_S)
        machine.run_for(moment_s)
        return {"moment_s": round(moment_s, 1), "reached": machine.last_line(), "calls": 0}

    def _calls(self, machine: Machine, dice: random.Random) -> dict[str, Any]:
        """Calls that go nowhere, each confirmed when the database has it."""
        machine.type("cp /boot/firmware/box.toml /data/settings/ && sync")
        number = machine.take_number()
        machine.type("sync")
        machine.say("while :; do python3 /boot/firmware/caller.py 2>&1; sleep 1; done")
        machine.wait_for(r"CONFIRMED (\d+)", 600.0)
        moment_s = dice.uniform(0.0, EVENING_S)
        machine.run_for(moment_s)
        calls = int(machine.find_last(r"CONFIRMED (\d+)")[1])
        return {"moment_s": round(moment_s, 1), "number": number, "calls": calls}

    def _update(self, machine: Machine, dice: random.Random) -> dict[str, Any]:
        """An update into the other slot; perhaps it is done when the plug is pulled."""
        number = machine.wait_for_number()
        calls = self._count(machine)
        machine.type("echo 0.0.1 >/usr/lib/fernruf/version")
        machine.say(f"fernruf update look --url {self._shop.url} --quiet-s 600")
        moment_s = dice.uniform(0.0, UPDATE_S)
        machine.run_for(moment_s)
        found = {"moment_s": round(moment_s, 1), "number": number, "calls": calls}
        return found | {"reached": machine.last_line()}

    def _check_last(self) -> None:
        if len(self.checks) < len(self.cuts):
            with Machine(Card(self._image, self._folder), PLAIN) as machine:
                self._check(machine)

    def _check(self, machine: Machine) -> None:
        """What the last cut has left; nothing, if it was looked at before this run began."""
        if len(self.checks) == len(self.cuts):
            machine.wait_until_ready()
            return
        last, begin_s = self.cuts[-1], time.monotonic()
        machine.wait_until_ready()
        ready_s = time.monotonic() - begin_s
        kept = "number" not in last or machine.wait_for_number() == last["number"]
        calls = self._count(machine)
        _, failed = machine.type("systemctl --failed --no-legend --plain")
        is_good = kept and calls >= last["calls"] and not failed
        found = {"ready_s": round(ready_s, 1), "slot": machine.slot, "is_number_kept": kept}
        found |= {"calls": calls, "failed": failed, "is_good": is_good}
        self._write({"check": last["cut"], **found})

    def _count(self, machine: Machine) -> int:
        code, text = machine.type("python3 /boot/firmware/counter.py")
        assert code == 0, text
        words = text.split()
        assert "SOUND" not in words or words[words.index("SOUND") + 1] == "ok", text
        return int(words[words.index("CALLS") + 1]) if "CALLS" in words else 0

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
        card.put("counter.py", COUNTER.encode())
        card.put("box.toml", BOX_TOML.encode())
        card.put_number()
    return path / "card.img"


def main() -> int:
    """Exit code 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", type=Path, default=Path("build/image/fernruf.img"))
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--record", type=Path, required=True)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    image = image_for_cuts(arguments.image, arguments.folder)
    offer = json.loads(arguments.image.with_name("fernruf.json").read_text())
    with open_shop(arguments.folder / "shop") as shop:
        shop.offer(arguments.image.with_name("fernruf.raucb"), offer["version"])
        trial = Trial(image, arguments.folder / "card", arguments.record, shop)
        while len(trial.cuts) < arguments.count:
            trial.step(arguments.seed)
        trial.finish()
    good = sum(check["is_good"] for check in trial.checks)
    sys.stdout.write(f"{good} of {len(trial.cuts)} cuts: everything was there again\n")
    return 0 if good == len(trial.cuts) else 1


if __name__ == "__main__":
    sys.exit(main())
