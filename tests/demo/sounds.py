"""Sounds for the tests of the demo: noise with the pauses of speech, tones, delays."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from firmware.demo.measure import Sound
from firmware.model import SAMPLE_RATE_HZ


def babble(seconds: int, seed: int) -> Sound:
    """Noise that swells and pauses about as speech does; reproducible."""
    noise = np.random.default_rng(seed).normal(0.0, 3000.0, seconds * SAMPLE_RATE_HZ)
    times_s = np.arange(len(noise)) / SAMPLE_RATE_HZ
    swell = np.maximum(np.sin(2 * np.pi * 1.3 * times_s + seed), 0.0)
    swollen: Sound = (noise * swell).astype(np.int16)
    return swollen


def tone(seconds: float, hz: float = 425.0) -> Sound:
    """A loud steady tone, as in the ear before a call."""
    times_s = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    steady: Sound = (8000.0 * np.sin(2 * np.pi * hz * times_s)).astype(np.int16)
    return steady


def after(samples: int, sound: Sound) -> Sound:
    """`sound` later by so many samples of silence."""
    return np.concatenate([np.zeros(samples, dtype=np.int16), sound])


def write_wav(path: Path, sound: Sound) -> None:
    """Write a 16 kHz mono 16-bit file."""
    with wave.open(str(path), "wb") as file:
        file.setframerate(SAMPLE_RATE_HZ)
        file.setnchannels(1)
        file.setsampwidth(2)
        file.writeframes(sound.astype("<i2").tobytes())
