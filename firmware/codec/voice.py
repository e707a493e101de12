"""How a voice would have gone on, or begun: from what is heard before a gap, or after it.

What was heard is taken apart into the filter of the mouth (linear prediction) and what excites it;
the last period of the excitation goes on through the same filter, so there is no seam. Backwards
works as well: where the sound after a gap is known, half the gap is guessed from each side.
Units: samples at the rate given. Source: the idea of ITU-T G.722 Appendix IV.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from firmware.model import Frame

_PITCH_MIN_S, _PITCH_MAX_S = 0.005, 0.0175  # 200 Hz to 57 Hz
_CORRELATED_S = 0.020  # is compared
_ANALYSED_S = 0.030
_ORDER = 16  # of the prediction: 8 resonances

Samples = npt.NDArray[np.float64]


def history_samples(rate_hz: int) -> int:
    """So much is wanted of what was heard."""
    return round(rate_hz * (_CORRELATED_S + _PITCH_MAX_S)) + _ORDER


def bridge(before: Samples, following: Frame, rate_hz: int) -> Samples:
    """`before`, which leads into a gap of its own length, led on to the sound `following`."""
    backwards = np.zeros(history_samples(rate_hz))
    taken = min(len(following), len(backwards))
    backwards[len(backwards) - taken :] = following[:taken][::-1]
    count = len(before)
    after = Voice(backwards, rate_hz).go_on(count)[::-1]
    rising = (1 - np.cos(np.pi * (np.arange(count) + 0.5) / count)) / 2
    blended: Samples = before * (1 - rising) + after * rising
    return blended


class Voice:
    """What was heard goes on for ever in its last period."""

    def __init__(self, history: Samples, rate_hz: int) -> None:
        self._prediction = _prediction(history[-round(_ANALYSED_S * rate_hz) :])
        lag = _pitch(history, rate_hz)
        excitation = np.convolve(history[-(lag + _ORDER) :], self._prediction, mode="valid")
        self._period: Samples = excitation[-lag:]
        self._position = 0
        self._memory: Samples = history[-_ORDER:].copy()

    def go_on(self, count: int) -> Samples:
        """The next samples."""
        positions = (self._position + np.arange(count)) % len(self._period)
        self._position += count
        excitation = self._period[positions].tolist()
        made_up = np.concatenate([self._memory, np.zeros(count)])
        weights = -self._prediction[:0:-1]
        for n, excited in enumerate(excitation):
            made_up[_ORDER + n] = excited + weights @ made_up[n : n + _ORDER]
        self._memory = made_up[-_ORDER:]
        return made_up[_ORDER:]


def _prediction(samples: Samples) -> Samples:
    """The filter that takes the resonances out, 1 first; Levinson and Durbin."""
    # the window rises slowly and falls steeply: the newest samples weigh most
    windowed = samples * np.hanning(2 * len(samples))[: len(samples)]
    size = 1 << (2 * len(samples)).bit_length()
    power = np.square(np.abs(np.fft.rfft(windowed, size)))
    correlation = np.fft.irfft(power)[: _ORDER + 1]
    correlation[0] = correlation[0] * 1.0001 + len(samples) * 1e-3  # never singular
    prediction = np.zeros(_ORDER + 1)
    prediction[0], error = 1.0, correlation[0]
    for i in range(1, _ORDER + 1):
        reflection = -(correlation[i] + prediction[1:i] @ correlation[i - 1 : 0 : -1]) / error
        prediction[1:i] += reflection * prediction[i - 1 : 0 : -1].copy()
        prediction[i] = reflection
        error *= 1 - reflection * reflection
    return prediction


def _pitch(history: Samples, rate_hz: int) -> int:
    """The lag of the strongest normalized correlation of the last 20 ms with what was before."""
    shortest, longest = round(_PITCH_MIN_S * rate_hz), round(_PITCH_MAX_S * rate_hz)
    compared = round(_CORRELATED_S * rate_hz)
    recent = history[-compared:]
    windows = np.lib.stride_tricks.sliding_window_view(
        history[-(compared + longest) : -shortest], compared
    )
    energy = np.einsum("ij,ij->i", windows, windows)
    score = (windows @ recent) / np.sqrt(energy + compared)  # 1 per sample: no division by 0
    return longest - int(np.argmax(score))
