"""The trial of a telephone behind the adapter whose keys are tones on its line."""

from __future__ import annotations

import queue

import pytest

from firmware.codec.dtmf import key_tone
from firmware.commands.tone_keys import ToneKeys
from firmware.drivers.attendant import OnFact
from firmware.drivers.chips import PERIOD_BYTES
from firmware.drivers.trial import Trial
from firmware.errors import HardwareError
from firmware.events import HookLifted, HookReplaced
from firmware.model import FRAME_SAMPLES, silence

PATIENCE_S = 60.0  # what is heard is heard at once: so long only a machine that stands still needs
PAUSE_FRAMES = 5


class Person:
    """Somebody with a telephone whose hook the adapter tells, and whose keys sound."""

    def __init__(self, wrong: dict[str, str] | None = None) -> None:
        self.rings = self.is_open = False
        self.said: list[str] = []
        self._wrong = wrong or {}
        self._line: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    # --- who is asked

    def say(self, text: str) -> None:
        self.said.append(text)

    def do(self, task: str, key: str = "") -> None:
        if task == "hold":
            tone = key_tone(self._wrong.get(key, key))
            for frame in (*tone, *[silence()] * PAUSE_FRAMES):
                self._line.put(frame.astype("<i2").tobytes())
        elif task != "release":
            self._tell(HookLifted() if task == "lift" else HookReplaced())

    def sees(self, question: str) -> bool:
        self.said.append(question)
        return self.rings

    # --- the telephone, as the adapter knows it

    def open(self, on_fact: OnFact) -> None:
        self._tell = on_fact

    def ring(self, *, on: bool) -> None:
        self.rings = on

    def light(self, *, on: bool) -> None:
        del on

    def in_use(self, *, on: bool) -> None:
        del on

    def join(self, timeout_s: float) -> bool:
        return timeout_s > 0

    def close(self) -> None:
        """The telephone and its line are both given back."""
        self.is_open = False

    # --- the sound card on its line

    opened_s: float | None = None

    def capture(self) -> Person:
        self.is_open = True
        return self

    def wait_s(self) -> float:
        return 0.0

    def read(self) -> tuple[int, bytes]:
        try:
            return FRAME_SAMPLES, self._line.get(timeout=0.001)
        except queue.Empty:
            return FRAME_SAMPLES, bytes(PERIOD_BYTES)


@pytest.mark.parametrize(
    ("wrong", "faults"),
    [({}, []), ({"4": "7"}, ["keypad: key 4 is told as 7"])],
)
def test_keys_that_sound_are_told_in_the_trial(wrong: dict[str, str], faults: list[str]) -> None:
    person = Person(wrong)
    phone = ToneKeys(person, person.capture, person.say)
    assert Trial(phone, person, PATIENCE_S).run() == faults
    assert "  key: #" in person.said and not person.is_open


def test_sound_card_that_is_gone_is_said_and_leaves_the_rest_to_be_tried() -> None:
    def gone() -> Person:
        raise HardwareError("no such device")

    person = Person()
    phone = ToneKeys(person, gone, person.say)
    assert Trial(phone, person, wait_s=0.05).run() == ["keypad: no key is told"]
    assert phone.join(PATIENCE_S)
    assert "  keys that sound cannot be heard: no such device" in person.said
