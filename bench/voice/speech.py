"""Speech for the benchmarks: what is spoken, by whom, and how good it sounds after the line.

Real people: the two recordings of the demonstration (firmware/demo/speech/SOURCES.md) and, where
Debian's packages `asterisk-core-sounds-{en,es,fr,it,ru}-g722` and libspandsp are installed, prompts
of Asterisk in five languages, decoded from G.722 to 16 kHz. All at -23 dB of full scale.
Units: audio in samples at 16 kHz, mono, signed 16 bit.
"""

from __future__ import annotations

import ctypes
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from firmware.demo.measure import Sound, cut, find, quality, read_wav
from firmware.model import FRAME_SAMPLES, SAMPLE_RATE_HZ

LEVEL_DB = -23.0  # of full scale, over what is within 35 dB of the loudest 20 ms
LENGTH_S = 10.0
_OWN = Path(__file__).parents[2] / "firmware" / "demo" / "speech"
_ASTERISK = Path("/usr/share/asterisk/sounds")
_PROMPTS = {
    "allison en": "en_US_f_Allison/demo-congrats.g722",
    "allison es": "es_MX_f_Allison/demo-congrats.g722",
    "june fr": "fr_CA_f_June/demo-congrats.g722",
    "carlo it": "it_IT_m_Carlo/demo-congrats.g722",
    "ivrvoice ru": "ru_RU_f_IvrvoiceRU/demo-congrats.g722",
}


@dataclass(frozen=True, slots=True)
class Speech:
    """One utterance of some ten seconds, whole frames."""

    name: str  # speaker and language
    sound: Sound


def corpus() -> list[Speech]:
    """All that this machine has; at least the two recordings of the demonstration."""
    found = [
        Speech("kennedy en", _prepared(read_wav(_OWN / "kennedy.wav"))),
        Speech("wallack fr", _prepared(read_wav(_OWN / "wallack.wav"))),
    ]
    for name, path in _PROMPTS.items():
        file = _ASTERISK / path
        if file.is_file() and (decoded := _decode_g722(file.read_bytes())) is not None:
            found.append(Speech(name, _prepared(decoded)))
    return found


def scored(spoken: Sound, heard: Sound, *, wideband: bool) -> tuple[float, float, Sound]:
    """PESQ, how much later it is heard in seconds, and what was heard from then on.

    PESQ is 1.0 for what cannot be recognised.
    """
    match = find(spoken, heard)
    aligned = cut(heard, match.delay_samples, len(spoken))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mos = quality(spoken, aligned, wideband=wideband)
    return (1.0 if mos is None else mos), match.delay_samples / SAMPLE_RATE_HZ, aligned


def visqol(spoken: Sound, aligned: Sound) -> float | None:
    """ViSQOL in its mode for speech; None where it is not installed (`visqol-python`)."""
    judge = _visqol()
    if judge is None:
        return None
    both = (one.astype(np.float64) / 32768 for one in (spoken, aligned))
    return round(float(judge.measure_from_arrays(*both, SAMPLE_RATE_HZ).moslqo), 3)


@cache
def _visqol() -> Any:
    try:
        from visqol import VisqolApi
    except ImportError:
        return None
    judge = VisqolApi()
    judge.create(mode="speech")
    return judge


def _prepared(sound: Sound) -> Sound:
    samples = int(LENGTH_S * SAMPLE_RATE_HZ)
    sound = sound[: min(samples, len(sound)) // FRAME_SAMPLES * FRAME_SAMPLES]
    powers = np.square(sound.astype(np.float64)).reshape(-1, FRAME_SAMPLES).mean(axis=1)
    active = powers[powers > powers.max() * 10**-3.5].mean()
    louder = 32768 * 10 ** (LEVEL_DB / 20) / np.sqrt(active)
    levelled: Sound = np.clip(np.rint(sound * louder), -32768, 32767).astype(np.int16)
    return levelled


def _decode_g722(data: bytes) -> Sound | None:
    try:
        spandsp = ctypes.CDLL("libspandsp.so.2")
    except OSError:
        return None
    spandsp.g722_decode_init.restype = ctypes.c_void_p
    spandsp.g722_decode.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    state = spandsp.g722_decode_init(None, 64_000, 0)
    samples = np.zeros(2 * len(data), dtype=np.int16)
    count = spandsp.g722_decode(state, samples.ctypes.data, data, len(data))
    return samples[:count]
