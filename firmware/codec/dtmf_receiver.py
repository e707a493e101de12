"""DTMF receiver: which keys were pressed, heard in the sound of an analog telephone.

Knows no call. Every 5 ms a window of 20 ms is correlated with the eight frequencies. A key is
heard when one frequency of each group holds nearly all the power above the dial tone, both are
about equally loud, both are within 2.5 % of their nominal (measured by how their phase moves),
and this goes on for 30 ms; it ends when the power of its two frequencies is gone.
Units: samples at 16 kHz; levels in dBm0, where a sine of full scale is +3.14 dBm0.
Sources: ITU-T Q.23 (frequencies), Q.24 (operation limits of several administrations).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from firmware.codec.dtmf import COLUMNS_HZ, KEYS, ROWS_HZ
from firmware.codec.tones import FULL_SCALE_DBM0
from firmware.model import FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame

FREQUENCY_TOLERANCE = 0.025  # Q.24: at +-1.5 % it must be heard, at +-3.5 % it must not
LEVEL_MIN_DBM0 = -34.0  # of each frequency; Q.24: heard down to -25 or -29
COLUMN_ABOVE_ROW_MAX_DB = 6.0  # Q.24: heard up to 4
ROW_ABOVE_COLUMN_MAX_DB = 10.0  # Q.24: heard up to 8
STEADY_MAX = 10 ** (2.0 / 20)  # between the softest and the loudest moment of one frequency
PURITY_MIN = 0.90  # share of the two frequencies in all power above the dial tone

_WINDOW = 320  # 20 ms
_HOP = 80  # 5 ms
_HOPS = FRAME_SAMPLES // _HOP
_FULL = 0.5  # a window half filled with the key (half the amplitude) still is the key
_HEARD_HOPS = 7  # with ends of half a window: 35 ms; Q.24: 40 ms is heard, 23 ms is not
_PURE_HOPS = 4  # of these so many must be filled by nothing else
_ENDED_HOPS = 3  # windows without it: 20 ms of pause; Q.24: a break of 10 ms is none
_FFT = 512
# What counts as power: all but the dial tones of the world; the pitch of most voices counts.
_COUNTED_HZ = ((60.0, 240.0), (560.0, 5000.0))

Complexes = npt.NDArray[np.complex128]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Look:
    """What one window says; `key` is empty where it holds no pair of frequencies."""

    key: str
    power: float  # of the two frequencies together
    row: complex
    column: complex
    power_in_all: float


class DtmfReceiver:
    """One line; `push` takes each frame once and in order."""

    def __init__(self) -> None:
        self._sound = np.zeros(_WINDOW - _HOP + FRAME_SAMPLES)
        self._looks: list[_Look] = []  # of the key that may be beginning
        self._pressed = ""  # heard, and not yet released
        self._power = 0.0  # of `_pressed`, at its loudest
        self._absent = 0  # windows since it was there

    @property
    def pressed(self) -> str:
        """The key that sounds at the moment; empty = none."""
        return self._pressed

    def push(self, frame: Frame) -> list[str]:
        """The keys recognised in this frame, each once, however long it sounds."""
        self._sound[: _WINDOW - _HOP] = self._sound[FRAME_SAMPLES:]
        self._sound[_WINDOW - _HOP :] = frame
        windows = np.lib.stride_tricks.sliding_window_view(self._sound, _WINDOW)[::_HOP] * _SHAPE
        spectra = windows @ _BASIS
        powers = np.sum(np.abs(np.fft.rfft(windows, _FFT)[:, _COUNTED]) ** 2, axis=1) * _POWER
        keys = []
        for spectrum, power in zip(spectra, powers, strict=True):
            if key := self._step(_look(spectrum, float(power))):
                keys.append(key)
        return keys

    def _step(self, look: _Look) -> str:
        """A key that this window completes, or nothing."""
        if self._pressed:
            self._follow(look)
        if not look.key or look.key == self._pressed:
            self._looks.clear()
            return ""
        if self._looks and self._looks[-1].key != look.key:
            self._looks.clear()
        self._looks.append(look)
        if not _is_heard(self._looks):
            return ""
        self._pressed, self._absent = look.key, 0
        self._power = max(look.power for look in self._looks)
        self._looks.clear()
        return self._pressed

    def _follow(self, look: _Look) -> None:
        """Is the pressed key still there?"""
        there = look.key == self._pressed and look.power > _FULL**2 * self._power
        self._absent = 0 if there else self._absent + 1
        if self._absent >= _ENDED_HOPS:
            self._pressed = ""


def _look(spectrum: Complexes, power_in_all: float) -> _Look:
    powers = np.abs(spectrum) ** 2
    row, column = int(np.argmax(powers[:4])), int(np.argmax(powers[4:]))
    row_power, column_power = float(powers[row]), float(powers[4 + column])
    both = row_power + column_power
    is_key = (
        min(row_power, column_power) > _LEVEL_MIN
        and row_power < column_power * _ROW_ABOVE
        and column_power < row_power * _COLUMN_ABOVE
    )
    key = KEYS[row * 4 + column] if is_key else ""
    return _Look(key, both, complex(spectrum[row]), complex(spectrum[4 + column]), power_in_all)


def _is_heard(looks: list[_Look]) -> bool:
    loudest = max(look.power for look in looks)
    filled = [look for look in looks if look.power > _FULL**2 * loudest]
    if len(filled) < _HEARD_HOPS:
        return False
    row, column = divmod(KEYS.index(looks[0].key), 4)
    rows, columns = [look.row for look in filled], [look.column for look in filled]
    shares = (_share(rows, ROWS_HZ[row]), _share(columns, COLUMNS_HZ[column]))
    if shares[0] is None or shares[1] is None:
        return False
    pure = [
        look
        for look in filled
        if abs(look.row) ** 2 / shares[0] + abs(look.column) ** 2 / shares[1]
        > PURITY_MIN * look.power_in_all
    ]
    return (
        len(pure) >= _PURE_HOPS
        and _is_steady([look.row for look in pure])
        and _is_steady([look.column for look in pure])
    )


def _is_steady(phasors: list[complex]) -> bool:
    """A key is equally loud all the time, a voice is not."""
    levels = np.abs(np.array(phasors))
    return bool(levels.max() < STEADY_MAX * levels.min())


def _share(phasors: list[complex], nominal_hz: float) -> float | None:
    """How much of its power a correlation at `nominal_hz` sees; None if the frequency is wrong.

    The true frequency is how fast the phase moves from window to window.
    """
    seen = np.array(phasors)
    expected = np.exp(-2j * np.pi * nominal_hz * _HOP / SAMPLE_RATE_HZ)
    turned = np.angle(np.sum(seen[1:] * np.conj(seen[:-1])) * expected)
    off_hz = float(turned) / (2 * np.pi) * SAMPLE_RATE_HZ / _HOP
    if abs(off_hz) > FREQUENCY_TOLERANCE * nominal_hz:
        return None
    lobe = np.sum(_SHAPE * np.exp(2j * np.pi * off_hz * np.arange(_WINDOW) / SAMPLE_RATE_HZ))
    return float(np.abs(lobe) / _SHAPE.sum()) ** 2


def _power_of(level_dbm0: float) -> float:
    """Mean square of a sine."""
    return float(0.5 * 32767**2 * 10 ** ((level_dbm0 - FULL_SCALE_DBM0) / 10))


# Scaled so that the power of a sine is its mean square, in the correlations and in the spectrum.
_SHAPE: Floats = np.hanning(_WINDOW + 1)[:-1]
_FREQUENCIES = np.array(ROWS_HZ + COLUMNS_HZ)
_BASIS: Complexes = (
    np.exp(-2j * np.pi * np.outer(np.arange(_WINDOW), _FREQUENCIES) / SAMPLE_RATE_HZ)
    * np.sqrt(2)
    / _SHAPE.sum()
)
_LINES_HZ = np.arange(_FFT // 2 + 1) * SAMPLE_RATE_HZ / _FFT
_COUNTED = np.any([(low <= _LINES_HZ) & (high >= _LINES_HZ) for low, high in _COUNTED_HZ], axis=0)
_POWER = 2 / (_FFT * float(np.sum(_SHAPE**2)))
_LEVEL_MIN = _power_of(LEVEL_MIN_DBM0)
_COLUMN_ABOVE = 10 ** (COLUMN_ABOVE_ROW_MAX_DB / 10)
_ROW_ABOVE = 10 ** (ROW_ABOVE_COLUMN_MAX_DB / 10)
