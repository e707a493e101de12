"""Key tones: what a person hears in the own earpiece when a key is pressed.

Only feedback: a Fernruf number is never dialled by tones. Knows no keypad.
Source: ITU-T Q.23 (frequencies).
"""

from __future__ import annotations

import numpy as np

from firmware.codec.tones import RAMP_SAMPLES, amplitude, ramp
from firmware.model import FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame

KEYS = "123A456B789C*0#D"  # row by row
KEY_TONE_FRAMES = 5  # 100 ms: as long as a short press
LEVEL_DBM0 = -16.0  # both frequencies together, below the dial tone

ROWS_HZ = (697, 770, 852, 941)
COLUMNS_HZ = (1209, 1336, 1477, 1633)


def frequencies_hz(key: str) -> tuple[int, int]:
    """Row and column frequency of one of KEYS."""
    row, column = divmod(_index(key), len(COLUMNS_HZ))
    return ROWS_HZ[row], COLUMNS_HZ[column]


def key_tone(key: str) -> tuple[Frame, ...]:
    """KEY_TONE_FRAMES frames of the tone of one of KEYS, with soft edges."""
    n = np.arange(KEY_TONE_FRAMES * FRAME_SAMPLES)
    sound = np.zeros(len(n))
    for frequency in frequencies_hz(key):
        sound += amplitude(LEVEL_DBM0, 2) * np.sin(2 * np.pi * frequency * n / SAMPLE_RATE_HZ)
    sound[:RAMP_SAMPLES] *= ramp()
    sound[-RAMP_SAMPLES:] *= ramp()[::-1]
    return tuple(np.rint(sound).astype(np.int16).reshape(KEY_TONE_FRAMES, FRAME_SAMPLES))


def _index(key: str) -> int:
    assert len(key) == 1 and key in KEYS, f"{key!r} is no key"
    return KEYS.index(key)
