"""Wiring test: finds out how the telephone is really soldered, says what is wrong, and mends it.

Knows no terminal: a Person does what it is told and says what it sees and hears. Works on the pins
themselves, below the drivers, because those believe handset.toml, which is what is in doubt.
Units: `_s` seconds; levels in dB of full scale.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from firmware.drivers.chips import PERIOD_BYTES, CapturePcm, Gpio, PlaybackPcm
from firmware.errors import HardwareError
from firmware.handset import Handset, HookWiring, KeypadWiring
from firmware.model import FRAME_SAMPLES, SAMPLE_RATE_HZ

KEY_WAIT_S = 8.0  # for a key that is asked for; then it is dead
LOOK_S = 0.01
HOOK_LOOKS = 50
RING_S = 1.0
TONE_PERIODS = 50
LISTEN_PERIODS = 100
SILENCE_DB = -60.0  # a microphone that is connected hears the room
CLIPPED_DB = -1.0

Pair = frozenset[int]


class Person(Protocol):
    """Somebody with a soldering iron, or a simulated one."""

    def say(self, text: str) -> None:
        """Tell something."""

    def do(self, task: str, key: str = "") -> None:
        """Ask for `lift`, `replace`, `hold` a key, `release` it, or `speak`; back when it is so."""

    def sees(self, question: str) -> bool:
        """Ask what only a person can know."""


@dataclass(slots=True)
class Findings:
    """What was found; `handset` is how it should read."""

    handset: Handset
    faults: list[str] = field(default_factory=list)


class WiringTest:
    """One round through all parts of the header."""

    def __init__(
        self,
        gpio: Gpio,
        handset: Handset,
        person: Person,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.findings = Findings(handset)
        self._gpio, self._person, self._sleep = gpio, person, sleep
        self._pins = (*handset.keypad.rows, *handset.keypad.columns)

    def run(self) -> Findings:
        """Hook, keys, bell; the sound cards are another matter."""
        self._hook()
        self._keys()
        self._bell()
        return self.findings

    def _hook(self) -> None:
        wiring = self.findings.handset.hook
        self._gpio.set_input(wiring.pin)
        self._person.do("replace")
        resting = self._levels(wiring.pin)
        self._person.do("lift")
        lifted = self._levels(wiring.pin)
        self._person.do("replace")
        mended, faults = judge_hook(wiring, resting, lifted)
        self.findings.handset = replace(self.findings.handset, hook=mended)
        self._report("hook", faults)

    def _keys(self) -> None:
        wiring = self.findings.handset.keypad
        faults = [
            f"pins {low} and {high} are joined although no key is down: a short"
            for low, high in sorted(sorted(pair) for pair in joined_pairs(self._gpio, self._pins))
        ]
        seen: dict[str, Pair] = {}
        for key in "".join(wiring.keys) if not faults else "":
            self._person.do("hold", key)
            pair = self._wait_for_pair()
            if pair is not None:
                seen[key] = pair
            self._person.say(
                f"  {key}: pins {' and '.join(map(str, sorted(pair)))}" if pair else f"  {key}: -"
            )
            self._person.do("release", key)
        if not faults:
            wiring, faults = judge_keys(wiring, seen)
        self.findings.handset = replace(self.findings.handset, keypad=wiring)
        self._report("keypad", faults)

    def _bell(self) -> None:
        pin = self.findings.handset.ringer.pin
        self._gpio.set_output(pin, True)
        heard = self._person.sees("Does the buzzer sound now?")
        self._sleep(0.0 if heard else RING_S)
        self._gpio.write(pin, False)
        silent = not self._person.sees("Does it still sound?")
        faults = []
        if not heard:
            faults.append(f"no ring: is the buzzer an active one, its + on pin {pin}, - to ground?")
        elif not silent:
            faults.append(f"it rings all the time: its + is not on pin {pin} but on 3.3 or 5 V")
        self._report("bell", faults)

    def _levels(self, pin: int) -> list[bool]:
        found = []
        for _ in range(HOOK_LOOKS):
            found.append(self._gpio.read(pin))
            self._sleep(LOOK_S)
        return found

    def _wait_for_pair(self) -> Pair | None:
        for _ in range(round(KEY_WAIT_S / LOOK_S / 5)):
            pairs = joined_pairs(self._gpio, self._pins)
            if len(pairs) == 1:
                return next(iter(pairs))
            self._sleep(5 * LOOK_S)
        return None

    def _report(self, part: str, faults: Sequence[str]) -> None:
        self.findings.faults += [f"{part}: {fault}" for fault in faults]
        for fault in faults or ["good"]:
            self._person.say(f"{part}: {fault}")


def joined_pairs(gpio: Gpio, pins: Sequence[int]) -> set[Pair]:
    """Which of `pins` are connected; one is driven low at a time, the others float."""
    for pin in pins:
        gpio.set_input(pin)
    found = set()
    for pin in pins:
        gpio.set_output(pin, False)
        found |= {
            frozenset((pin, other)) for other in pins if other != pin and not gpio.read(other)
        }
        gpio.set_input(pin)
    return found


def judge_hook(
    wiring: HookWiring, resting: Sequence[bool], lifted: Sequence[bool]
) -> tuple[HookWiring, list[str]]:
    """How the hook is soldered, and what is wrong with it."""
    if len(set(resting)) > 1 or len(set(lifted)) > 1:
        return wiring, [f"the contact at pin {wiring.pin} trembles: a loose wire, or none"]
    if resting[0] == lifted[0]:
        state = "open: a cut wire, or the wrong pin" if resting[0] else "closed: a short to ground"
        return wiring, [f"the contact at pin {wiring.pin} is always {state}"]
    if lifted[0] == wiring.lifted_is_high:
        return wiring, []
    mended = replace(wiring, lifted_is_high=lifted[0])
    return mended, [f"inverted: lifted_is_high must be {str(lifted[0]).lower()}"]


def judge_keys(wiring: KeypadWiring, seen: dict[str, Pair]) -> tuple[KeypadWiring, list[str]]:
    """Which pin is which row and column, by the pins that each key joined."""
    rows = [_common(seen, keys) for keys in wiring.keys]
    columns = [
        _common(seen, "".join(keys[column] for keys in wiring.keys))
        for column in range(len(wiring.columns))
    ]
    faults = []
    for name, lines, keys_of in (
        ("row", rows, wiring.keys),
        ("column", columns, ["".join(column) for column in zip(*wiring.keys, strict=True)]),
    ):
        for number, keys in enumerate(keys_of):
            if not any(key in seen for key in keys):
                faults.append(f"{name} {number + 1} ({' '.join(keys)}) is dead: a cut wire")
                lines[number] = None
    dead = [key for keys in wiring.keys for key in keys if key not in seen]
    dead_lines = "".join(
        keys for keys, pin in zip(wiring.keys, rows, strict=True) if pin is None
    ) + "".join(keys[n] for keys in wiring.keys for n, pin in enumerate(columns) if pin is None)
    faults += [f"key {key} is dead" for key in dead if key not in dead_lines]
    if None in rows or None in columns:
        return wiring, faults or ["the keys join their pins in no order"]
    found_rows = tuple(pin for pin in rows if pin is not None)
    found_columns = tuple(pin for pin in columns if pin is not None)
    if len({*found_rows, *found_columns}) < len(rows) + len(columns):
        return wiring, [*faults, "two wires of the keypad share a pin"]
    return (
        replace(wiring, rows=found_rows, columns=found_columns),
        faults + _swaps(wiring, found_rows, found_columns),
    )


def _common(seen: dict[str, Pair], keys: str) -> int | None:
    """The one pin that all keys of a row or column join."""
    pairs = [seen[key] for key in keys if key in seen]
    if len(pairs) < 2:
        return None
    shared = frozenset.intersection(*pairs)
    return next(iter(shared)) if len(shared) == 1 else None


def _swaps(wiring: KeypadWiring, rows: tuple[int, ...], columns: tuple[int, ...]) -> list[str]:
    if (rows, columns) == (wiring.columns, wiring.rows):
        return ["rows and columns are swapped"]
    faults = []
    for name, wanted, found in (("row", wiring.rows, rows), ("column", wiring.columns, columns)):
        faults += [
            f"{name} {number + 1} is on pin {pin}, not {other}"
            for number, (other, pin) in enumerate(zip(wanted, found, strict=True))
            if pin != other
        ]
    return faults


def try_sound(
    cards: Sequence[str],
    handset: Handset,
    person: Person,
    open_capture: Callable[[str], CapturePcm],
    open_playback: Callable[[str], PlaybackPcm],
) -> Findings:
    """Which card earpiece and microphone hang on; the one of handset.toml is tried first."""
    findings = Findings(handset)
    wanted = handset.audio.playback or "default"
    for device in dict.fromkeys((wanted, *cards)):
        if _plays(device, person, open_playback):
            break
    else:
        findings.faults.append("earpiece: no tone on any sound card: is the earpiece connected?")
        person.say(findings.faults[-1])
        return findings
    audio = handset.audio
    if device != wanted:
        findings.faults.append(f"earpiece: wrong sound card: playback must be {device}")
        audio = replace(audio, capture=device, playback=device)
    fault = _judge_microphone(audio.capture or device, person, open_capture)
    if fault:
        findings.faults.append(f"microphone: {fault}")
    findings.handset = replace(handset, audio=audio)
    for line in findings.faults or ["earpiece and microphone: good"]:
        person.say(line)
    return findings


def _plays(device: str, person: Person, open_playback: Callable[[str], PlaybackPcm]) -> bool:
    phase = np.arange(FRAME_SAMPLES) * 2 * np.pi * 450 / SAMPLE_RATE_HZ  # 9 periods a frame
    period = (6000 * np.sin(phase)).astype("<i2").tobytes()
    try:
        pcm = open_playback(device)
        for _ in range(TONE_PERIODS):
            pcm.write(period)
        pcm.close()
    except HardwareError as error:
        person.say(f"  {device}: {error}")
        return False
    return person.sees(f"Did you hear a tone in the earpiece ({device})?")


def _judge_microphone(
    device: str, person: Person, open_capture: Callable[[str], CapturePcm]
) -> str:
    person.do("speak")
    heard = b""
    try:
        pcm = open_capture(device)
        for _ in range(LISTEN_PERIODS):
            length, data = pcm.read()
            heard += data if length >= 0 and len(data) == PERIOD_BYTES else b""
        pcm.close()
    except HardwareError as error:
        return str(error)
    samples = np.frombuffer(heard, "<i2").astype(float)
    peak = float(np.max(np.abs(samples), initial=0.0))
    level_db = 20 * float(np.log10(max(peak, 1e-3) / 32768))
    person.say(f"  microphone ({device}): peak {level_db:.0f} dB")
    if level_db < SILENCE_DB:
        return "silence: is it connected, and its switch in the mixer (alsamixer) on?"
    return "too loud: turn the capture level down" if level_db > CLIPPED_DB else ""
