"""Keys of an analog telephone, heard on a line whose hybrid lets the ear's sound through."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from firmware.codec.dtmf import key_tone
from firmware.codec.resample import to_int16
from firmware.codec.tones import TonePlayer
from firmware.events import KeyPressed
from firmware.model import FRAME_SAMPLES, Frame, Tone, silence
from firmware.ui.line_keys import ECHO_FRAMES
from firmware.ui.mouthpiece import HandsetSound, Mouthpiece

DELAY_S = 0.03
PAUSE_FRAMES = 5
NOT_YET_HEARD_FRAMES = 3  # of each key


class Line:
    """A telephone with tone keys: what it speaks, and `echo` of what its ear got 60 ms before."""

    def __init__(self, echo_db: float) -> None:
        self.mouth = Mouthpiece(HandsetSound(tone_keys=True))
        self.pressed: list[str] = []
        self.sent: list[Frame] = []
        self._echo = 10 ** (echo_db / 20)
        self._ear = deque([silence()] * 3)

    def step(self, spoken: Frame, ear: Frame) -> None:
        """20 ms of both ways."""
        self._ear.append(self.mouth.heard(ear, DELAY_S))
        line = to_int16(spoken.astype(np.float32) + self._ear.popleft() * np.float32(self._echo))
        sent, keys = self.mouth.without_keys(line)
        for fact in keys:
            assert isinstance(fact, KeyPressed) and fact.has_sounded
            self.pressed.append(fact.key)
        self.sent.append(sent)


def presses(keys: str) -> list[Frame]:
    frames: list[Frame] = []
    for key in keys:
        frames += [*key_tone(key), *[silence()] * PAUSE_FRAMES]
    return frames


@pytest.mark.parametrize("country", ["DE", "GB", "US"])
def test_keys_are_heard_beside_the_dial_tone_each_once(country: str) -> None:
    line, tones = Line(echo_db=-9), TonePlayer(country)
    tones.start(Tone.DIAL)
    for spoken in presses("774046112712*#"):
        line.step(spoken, tones.frame())
    assert "".join(line.pressed) == "774046112712*#"


def test_keys_are_not_heard_by_the_peer_a_second_time_but_speech_is() -> None:
    line = Line(echo_db=-60)
    voice = np.random.Generator(np.random.PCG64(1)).normal(0, 3000, (20, FRAME_SAMPLES))
    for spoken in [*voice.astype(np.int16), *presses("5")]:
        line.step(spoken, silence())
    assert all(frame.any() for frame in line.sent[:20])
    assert sum(frame.any() for frame in line.sent[20:]) <= NOT_YET_HEARD_FRAMES


def test_key_that_sounds_in_the_ear_is_nobodys_here() -> None:
    line = Line(echo_db=-6)
    for ear in presses("123A456B789C*0#D"):
        line.step(silence(), ear)
    assert line.pressed == []
    for spoken in [*[silence()] * ECHO_FRAMES, *presses("8")]:
        line.step(spoken, silence())
    assert line.pressed == ["8"]


def test_two_such_telephones_do_not_press_one_another() -> None:
    """What is pressed at one sounds in the ear of the other, from whose line it comes back."""
    anna, bert = Line(echo_db=-6), Line(echo_db=-6)
    ears: dict[int, deque[Frame]] = {0: deque(), 1: deque()}
    spoken = presses("5")
    for step in range(500):
        counts = len(anna.pressed), len(bert.pressed)
        mouth = spoken[step] if step < len(spoken) else silence()
        anna.step(mouth, ears[0].popleft() if ears[0] else silence())
        bert.step(silence(), ears[1].popleft() if ears[1] else silence())
        if len(anna.pressed) > counts[0]:
            ears[1].extend(key_tone(anna.pressed[-1]))
        if len(bert.pressed) > counts[1]:
            ears[0].extend(key_tone(bert.pressed[-1]))
    assert (anna.pressed, bert.pressed) == (["5"], [])


def test_other_telephones_dial_with_their_keys_alone() -> None:
    mouth = Mouthpiece(HandsetSound())
    assert not mouth.needs_whole_frames
    for frame in presses("5"):
        assert mouth.without_keys(frame) == (frame, [])
