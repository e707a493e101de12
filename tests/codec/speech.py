"""Real speech for the tests of sound, and its measurement against what was heard."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import soxr
from pesq import pesq

from firmware.codec.resample import to_int16
from firmware.model import FRAME_SAMPLES, SAMPLE_RATE_HZ, Codec, Frame

_SPEECH = Path(__file__).parents[2] / "firmware" / "demo" / "speech"
NAMES = tuple(sorted(path.stem for path in _SPEECH.glob("*.wav")))


def load_speech(name: str) -> Frame:
    """Whole frames of one of NAMES, 16 kHz."""
    with wave.open(str(_SPEECH / f"{name}.wav")) as file:
        assert file.getparams()[:3] == (1, 2, SAMPLE_RATE_HZ)
        sound = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)
    return sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES]


def frames_of(sound: Frame) -> list[Frame]:
    """Sound cut into frames."""
    return list(sound.reshape(-1, FRAME_SAMPLES))


def quality(codec: Codec, spoken: Frame, heard: Frame) -> float:
    """PESQ: wideband (P.862.2) for Opus, narrowband (P.862) for G.711."""
    if codec is Codec.OPUS:
        return float(pesq(SAMPLE_RATE_HZ, spoken, heard, "wb"))
    return float(pesq(8_000, _narrow(spoken), _narrow(heard), "nb"))


def delay_samples(spoken: Frame, heard: Frame) -> int:
    """By how much `heard` is behind, up to one second, from the peak of the cross-correlation."""
    size = 1 << (len(spoken) + len(heard)).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(spoken, size))
    return int(np.argmax(np.fft.irfft(spectrum, size)[:SAMPLE_RATE_HZ]))


def level_dbm0(sound: Frame) -> float:
    """Level where a sine of full scale has +3.14 dBm0."""
    power = float(np.mean(np.square(sound.astype(np.float64))))
    return float(10 * np.log10(2 * power / 32767**2)) + 3.14


def _narrow(sound: Frame) -> Frame:
    return to_int16(soxr.resample(sound.astype(np.float32), SAMPLE_RATE_HZ, 8_000))
