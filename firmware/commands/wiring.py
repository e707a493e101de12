"""`fernruf wiring`: for people with a soldering iron.

Asks for each contact, names what is wrong, and writes the corrected handset.toml.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from firmware.commands.tone_keys import ToneKeys
from firmware.drivers.board import (
    open_card_capture,
    open_card_playback,
    open_header,
    open_telephone,
    real_cards,
)
from firmware.drivers.chips import Gpio
from firmware.drivers.sim.builder import CARDS, FAULTS, Builder
from firmware.drivers.sim.gpio import SimGpio
from firmware.drivers.telephone import Telephone
from firmware.drivers.trial import Trial, said
from firmware.drivers.wiring import Findings, WiringTest, joined_pairs, try_sound
from firmware.errors import CommandError, ConfigError
from firmware.handset import Handset, parse_handset, print_handset

LIVE_S = 0.1
TASKS = {
    "lift": "Lift the handset",
    "replace": "Put the handset down",
    "hold": "Hold key {} down",
    "release": "",
    "speak": "Speak into the microphone for two seconds from now on",
}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "wiring",
        help="find out what is soldered wrong",
        description="Be asked to lift, press and listen, and told what is wired otherwise than "
        "handset.toml says; ends with 1 if anything is.",
    )
    parser.add_argument(
        "--handset", type=Path, metavar="FILE", help="your handset.toml; default: the usual pins"
    )
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="where the corrected handset.toml goes"
    )
    parser.add_argument("--live", action="store_true", help="show the contacts until Ctrl-C")
    parser.add_argument(
        "--simulated",
        nargs="*",
        choices=FAULTS,
        metavar="FAULT",
        help=f"no hardware, but a builder who made these mistakes: {', '.join(FAULTS)}",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """0 = all is well, 1 = something is not; what, and how it should read, is said."""
    handset = _read(arguments.handset)
    simulated = arguments.simulated is not None
    if handset.telephone.kind != "gpio" and not simulated:
        if arguments.live:
            _show_telephone(handset)
        return _conclude(_try_telephone(handset), handset, arguments.write)
    gpio = SimGpio() if simulated else open_header()
    try:
        if arguments.live:
            _show_live(gpio, handset)
        findings = (
            _simulated(gpio, handset, frozenset(arguments.simulated))
            if isinstance(gpio, SimGpio)
            else _real(gpio, handset)
        )
    finally:
        gpio.close()
    return _conclude(findings, handset, arguments.write)


class Terminal:
    """A person at the keyboard."""

    def say(self, text: str) -> None:
        """Print it."""
        _print(text)

    def do(self, task: str, key: str = "") -> None:
        """Ask for it; a key is seen by itself, the rest ends with Enter."""
        text = TASKS[task].format(key)
        if task == "release":
            return
        if task == "hold":
            _print(f"{text} ...")
        else:
            _ask(f"{text}, then press Enter: ")

    def sees(self, question: str) -> bool:
        """Yes or no."""
        return _ask(f"{question} [y/n] ").lower().startswith(("y", "j"))


def _simulated(gpio: SimGpio, handset: Handset, faults: frozenset[str]) -> Findings:
    builder = Builder(gpio, handset, faults, _print)
    findings = WiringTest(gpio, handset, builder, lambda _: None).run()
    sound = try_sound(CARDS, findings.handset, builder, builder.open_capture, builder.open_playback)
    return Findings(sound.handset, findings.faults + sound.faults)


def _real(gpio: Gpio, handset: Handset) -> Findings:
    person = Terminal()
    findings = WiringTest(gpio, handset, person).run()
    sound = try_sound(real_cards(), findings.handset, person, open_card_capture, open_card_playback)
    return Findings(sound.handset, findings.faults + sound.faults)


def _try_telephone(handset: Handset) -> Findings:
    """A USB phone or an adapter knows its own contacts: what do we hear of them?"""
    person = Terminal()
    faults = Trial(_telephone(handset), person).run()
    sound = try_sound(real_cards(), handset, person, open_card_capture, open_card_playback)
    return Findings(sound.handset, faults + sound.faults)


def _telephone(handset: Handset) -> Telephone:
    telephone = open_telephone(handset)
    if not handset.keys_sound:
        return telephone
    capture = partial(open_card_capture, handset.audio.capture or "default")
    return ToneKeys(telephone, capture, _print)


def _show_telephone(handset: Handset) -> None:
    """What it tells, until Ctrl-C."""
    telephone = _telephone(handset)
    telephone.open(lambda fact: _print(said(fact)))
    try:
        while True:
            time.sleep(LIVE_S)
    except KeyboardInterrupt:
        _print("")
    finally:
        telephone.close()
        telephone.join(timeout_s=2.0)


def _show_live(gpio: Gpio, handset: Handset) -> None:
    """One line, again and again."""
    pins = (*handset.keypad.rows, *handset.keypad.columns)
    gpio.set_input(handset.hook.pin)
    try:
        while True:
            hook = "high" if gpio.read(handset.hook.pin) else "low"
            pairs = " ".join("-".join(map(str, sorted(p))) for p in joined_pairs(gpio, pins))
            sys.stdout.write(f"\rhook {hook:4}  joined pins: {pairs:40}")
            sys.stdout.flush()
            time.sleep(LIVE_S)
    except KeyboardInterrupt:
        _print("")


def _conclude(findings: Findings, handset: Handset, write: Path | None) -> int:
    _print("")
    for fault in findings.faults:
        _print(f"! {fault}")
    if findings.handset != handset:
        if write is None:
            _print("Corrected handset.toml (--write FILE keeps it):\n")
            _print(print_handset(findings.handset))
        else:
            _save(write, findings.handset)
    if not findings.faults:
        _print("Everything is connected as handset.toml says.")
    return 1 if findings.faults else 0


def _save(path: Path, handset: Handset) -> None:
    try:
        path.write_text(print_handset(handset), encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from None
    _print(f"Written: {path}")


def _read(path: Path | None) -> Handset:
    if path is None:
        return Handset()
    try:
        return parse_handset(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"{path}: {reason}") from None


def _ask(question: str, read: Callable[[str], str] = input) -> str:
    try:
        return read(question)
    except EOFError:
        raise CommandError("the test needs somebody at the keyboard") from None


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
