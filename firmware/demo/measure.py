"""What an ear heard compared with what a mouth said: delay, beginning, quality.

Knows arrays and WAV files, no box and no network.
Units: audio in samples at 16 kHz, mono, signed 16 bit; `_s` seconds.
Sources: ITU-T P.862.2 (PESQ wideband), P.862 and P.862.1 (narrowband), both by the optional
package `pesq`.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import soxr

from firmware.errors import CommandError
from firmware.model import SAMPLE_RATE_HZ

Sound = npt.NDArray[np.int16]
T = TypeVar("T", np.float64, np.complex128)

NARROWBAND_HZ = 8_000
LIKENESS_MIN = 0.5  # correlation; below this the second that was heard is not the one spoken
SEGMENT_SAMPLES = SAMPLE_RATE_HZ  # delays are taken second by second
SHIFT_MAX_SAMPLES = SAMPLE_RATE_HZ // 4  # how far the delay of one second may be from the others
TONE_WINDOW_SAMPLES = SAMPLE_RATE_HZ // 10  # longer than a voice keeps one pure note
TONE_SHARE_MIN = 0.95
QUIET_POWER = 100.0**2  # 50 dB below full scale: no tone for an ear is fainter
QUIET_BELOW_LOUDEST = 10 ** (-30 / 20)  # amplitude; a second this quiet says nothing of delay


@dataclass(frozen=True, slots=True)
class Match:
    """Where speech lies in a recording."""

    delay_samples: int  # of the speech's first sample behind the recording's first sample
    likeness: float  # correlation coefficient at that delay, 1 = the same sound


def read_wav(path: Path) -> Sound:
    """The samples of a 16 kHz mono 16-bit file; CommandError if it is anything else."""
    try:
        with wave.open(str(path), "rb") as file:
            form = (file.getframerate(), file.getnchannels(), file.getsampwidth())
            data = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise CommandError(f"cannot read {path}: {error}") from None
    if form != (SAMPLE_RATE_HZ, 1, 2):
        raise CommandError(f"{path} is not 16 kHz mono 16 bit")
    return np.frombuffer(data[: len(data) & ~1], dtype="<i2").astype(np.int16)


def find(spoken: Sound, heard: Sound) -> Match:
    """Where all of `spoken` fits best into `heard`, by cross-correlation.

    The place is found with the spectrum whitened, which makes the peak one sample wide and keeps
    tones in the recording from winning; the likeness is the plain correlation coefficient there.
    """
    if not len(spoken) or not len(heard) or not spoken.any() or not heard.any():
        return Match(0, 0.0)
    size = 1 << (len(spoken) + len(heard) - 1).bit_length()
    cross = np.fft.rfft(heard.astype(np.float64), size)
    cross *= np.conj(np.fft.rfft(spoken.astype(np.float64), size))
    cross /= np.sqrt(np.abs(cross) + 1e-9 * np.abs(cross).max())
    peaks = np.fft.irfft(cross, size)
    peak = int(np.argmax(peaks))
    delay = peak if peak < len(heard) else peak - size
    return Match(delay, _likeness(spoken, cut(heard, delay, len(spoken))))


def delays(spoken: Sound, heard: Sound, around_samples: int) -> list[int]:
    """The delay of each second of speech, near `around_samples`, without those not heard."""
    found = []
    for start in _seconds(spoken):
        segment = spoken[start : start + SEGMENT_SAMPLES]
        from_sample = start + around_samples - SHIFT_MAX_SAMPLES
        window = cut(heard, from_sample, SEGMENT_SAMPLES + 2 * SHIFT_MAX_SAMPLES)
        match = find(segment, window)
        if match.likeness >= LIKENESS_MIN:
            found.append(from_sample + match.delay_samples - start)
    return found


def seconds_of_speech(spoken: Sound) -> int:
    """How many delays there can be: whole seconds that are not pauses."""
    return len(_seconds(spoken))


def tone_onset(sound: Sound, frequency_hz: float, from_sample: int) -> int | None:
    """Where a pure tone of `frequency_hz` begins after `from_sample`; None: nowhere.

    That is where almost all the power of the next 100 ms is in this one frequency, so it is found
    at most 6 ms early.
    """
    start = max(0, from_sample)
    samples = sound[start:].astype(np.float64)
    turns = np.arange(len(samples)) * (-2j * np.pi * frequency_hz / SAMPLE_RATE_HZ)
    in_tone = 2 * np.abs(_moving_mean(samples * np.exp(turns))) ** 2
    in_all = _moving_mean(np.square(samples))
    is_tone = (in_all > QUIET_POWER) & (in_tone > TONE_SHARE_MIN * in_all)
    return start + int(np.argmax(is_tone)) if is_tone.any() else None


def cut(sound: Sound, start: int, length: int) -> Sound:
    """`length` samples from `start`, which may lie outside: there it is silent."""
    piece = np.zeros(length, dtype=np.int16)
    first, last = max(start, 0), min(start + length, len(sound))
    if first < last:
        piece[first - start : last - start] = sound[first:last]
    return piece


def quality(spoken: Sound, heard: Sound, *, wideband: bool) -> float | None:
    """PESQ MOS-LQO of two aligned sounds, about 1 to 4.6; None without the package `pesq`."""
    try:
        import pesq
    except ImportError:
        return None
    if not spoken.any() or not heard.any():
        return None
    if wideband:
        rate_hz, mode = SAMPLE_RATE_HZ, "wb"
    else:
        rate_hz, mode = NARROWBAND_HZ, "nb"
        spoken, heard = _narrowband(spoken), _narrowband(heard)
    try:
        return float(pesq.pesq(rate_hz, spoken, heard, mode))
    except pesq.PesqError:  # no utterance in one of them
        return None


def _moving_mean(values: npt.NDArray[T]) -> npt.NDArray[T]:
    """Of each TONE_WINDOW_SAMPLES that follow one another."""
    sums = np.concatenate([np.zeros(1, dtype=values.dtype), np.cumsum(values)])
    means: npt.NDArray[T] = sums[TONE_WINDOW_SAMPLES:] - sums[:-TONE_WINDOW_SAMPLES]
    return means / TONE_WINDOW_SAMPLES


def _seconds(spoken: Sound) -> list[int]:
    """Where each second of speech begins."""
    starts = range(0, len(spoken) - SEGMENT_SAMPLES + 1, SEGMENT_SAMPLES)
    levels = [_level(spoken[start : start + SEGMENT_SAMPLES]) for start in starts]
    quiet = max(levels, default=0.0) * QUIET_BELOW_LOUDEST
    return [start for start, level in zip(starts, levels, strict=True) if level > quiet]


def _likeness(one: Sound, other: Sound) -> float:
    a, b = one.astype(np.float64), other.astype(np.float64)
    scale = float(np.sqrt(np.dot(a, a) * np.dot(b, b)))
    return float(np.dot(a, b)) / scale if scale else 0.0


def _level(sound: Sound) -> float:
    return float(np.sqrt(np.mean(np.square(sound.astype(np.float64)))))


def _narrowband(sound: Sound) -> Sound:
    resampled: npt.NDArray[np.float32] = soxr.resample(
        sound.astype(np.float32), SAMPLE_RATE_HZ, NARROWBAND_HZ
    )
    return np.clip(np.rint(resampled), -32768, 32767).astype(np.int16)
