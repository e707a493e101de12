"""Between handset and call: echo, volume, side tone, tone keys; 50 frames a second each way.

Knows no codec of speech and no card: `heard` is told how long the card keeps sound, and by that the
canceller knows what the microphone may hear of it. Two keys of a 4x4 keypad change the volume
during a call; it is back at its normal when the call is over (EN 301 549 clause 8.2.1 wants 18 dB).
Units: decibels; `_s` seconds; frames of 20 ms at 16 kHz.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from firmware.codec.echo import EchoCanceller, is_available
from firmware.codec.limiter import Limiter
from firmware.codec.resample import to_int16
from firmware.events import CallChanged, KeyPressed, Message, Untimed
from firmware.model import LOUDER_KEY, SOFTER_KEY, CallState, Frame, silence
from firmware.ui.line_keys import LineKeys

STEP_DB = 5.0
VOLUME_MAX_DB, VOLUME_MIN_DB = 20.0, -15.0


class Echo(StrEnum):
    """When to cancel; the words of handset.toml."""

    AUTO = "auto"  # for as long as an echo can be heard
    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class HandsetSound:
    """How this handset sounds."""

    echo: Echo = Echo.OFF
    microphone_db: float = 0.0
    earpiece_db: float = 0.0
    side_tone_db: float | None = None  # of the own voice in the own ear; None = the card does it
    tone_keys: bool = False  # of an analog telephone: they are heard on its line


class Mouthpiece(Untimed):
    """The core between mouth, ear and call; `spoken` and `heard` belong to the sound plane."""

    def __init__(self, sound: HandsetSound) -> None:
        self.volume_db = 0.0  # chosen with the keys, during this call
        self._sound = sound
        self._state = CallState.IDLE
        self._canceller: EchoCanceller | None = None  # of this call
        self._limiter = Limiter()
        self._own = silence()  # the last frame of our voice
        self._line_keys = LineKeys() if sound.tone_keys else None

    @property
    def needs_whole_frames(self) -> bool:
        """What is heard is put beside what is spoken, frame by frame."""
        return (
            self._canceller is not None
            or self._sound.side_tone_db is not None
            or self._line_keys is not None
        )

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Take CallChanged and KeyPressed; never answers."""
        del now_s
        if isinstance(fact, CallChanged) and fact.view.state is not self._state:
            self._enter(fact.view.state)
        elif isinstance(fact, KeyPressed) and self._state is CallState.CONNECTED:
            step = {LOUDER_KEY: STEP_DB, SOFTER_KEY: -STEP_DB}.get(fact.key, 0.0)
            self.volume_db = min(max(self.volume_db + step, VOLUME_MIN_DB), VOLUME_MAX_DB)
        return []

    def without_keys(self, frame: Frame) -> tuple[Frame, list[Message]]:
        """A frame of the microphone without the keys that sound in it, and those."""
        if self._line_keys is None:
            return frame, []
        frame, keys = self._line_keys.spoken(frame)
        return frame, [KeyPressed(key, has_sounded=True) for key in keys]

    def spoken(self, frame: Frame) -> Frame:
        """What the far end shall hear of a frame of the microphone."""
        if self._canceller is not None:
            frame = self._canceller.spoken(frame)
            if not self._canceller.is_working:
                self._canceller = None  # no echo comes back in this call
        frame = _louder(frame, self._sound.microphone_db)
        self._own = frame
        return frame

    def heard(self, frame: Frame, delay_s: float) -> Frame:
        """What the ear shall hear, in `delay_s` seconds."""
        gain_db = self._sound.earpiece_db + self.volume_db
        if gain_db:
            frame = self._limiter.limit(_louder(frame, gain_db))
        if self._sound.side_tone_db is not None and self._state is CallState.CONNECTED:
            own = _louder(self._own, self._sound.side_tone_db)
            frame = to_int16(frame.astype(np.float32) + own)
        if self._canceller is not None:
            self._canceller.heard(frame, delay_s)
        if self._line_keys is not None:
            self._line_keys.heard(frame)
        return frame

    def _enter(self, state: CallState) -> None:
        self._state = state
        self.volume_db = 0.0
        self._own = silence()
        wanted = self._sound.echo is not Echo.OFF and state is CallState.CONNECTED
        always = self._sound.echo is Echo.ON
        self._canceller = EchoCanceller(always=always) if wanted and is_available() else None


def _louder(frame: Frame, gain_db: float) -> Frame:
    return to_int16(frame * np.float32(10 ** (gain_db / 20))) if gain_db else frame
