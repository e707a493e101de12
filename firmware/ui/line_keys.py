"""The keys of an analog telephone that dials by tones: heard in the sound of its line.

No hybrid keeps the two ways of a line apart: what the ear gets comes back fainter by the line. So a
key that sounds in the ear is the peer's or the box's own; else two such telephones would press one
another's keys for ever. Knows no call. Units: frames of 20 ms at 16 kHz, 50 a second each way.
"""

from __future__ import annotations

from firmware.codec.dtmf_receiver import DtmfReceiver
from firmware.model import FRAME_SAMPLES, Frame, silence

ECHO_FRAMES = 15  # what the ear got is back by then: both ways of a sound card, and the receiver


class LineKeys:
    """One line; `heard` and `spoken` take each frame of their way once and in order."""

    def __init__(self) -> None:
        self._line, self._ear = DtmfReceiver(), DtmfReceiver()
        self._echo_frames = 0  # so long a key on the line may be the echo of the ear's

    def heard(self, frame: Frame) -> None:
        """What the ear gets next: a whole frame."""
        assert len(frame) == FRAME_SAMPLES
        if self._ear.push(frame) or self._ear.pressed:
            self._echo_frames = ECHO_FRAMES

    def spoken(self, frame: Frame) -> tuple[Frame, list[str]]:
        """What is left of the line's sound without its keys, and those that were pressed.

        The first 40 ms of a key pass: so long it may be speech.
        """
        keys = self._line.push(frame)
        if self._echo_frames:
            self._echo_frames -= 1
            return frame, []
        return (silence() if self._line.pressed else frame), keys
