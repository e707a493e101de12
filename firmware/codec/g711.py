"""G.711, A-law and mu-law: one byte per sample at 8 kHz, by tables.

Knows no RTP and no time. Inside, frames are 16 kHz; `resample` leads to 8 kHz and back.
Sources: ITU-T G.711; the rounding of the reference software ITU-T G.191 (G711 module).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from firmware.codec.conceal import Concealer
from firmware.codec.noise import ComfortNoise
from firmware.codec.pause import Pauses
from firmware.codec.resample import Downsampler, Upsampler
from firmware.errors import MalformedError
from firmware.model import Frame

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int32]

PAYLOAD_BYTES_MIN, PAYLOAD_BYTES_MAX = 80, 480  # 10 and 60 ms

_ALAW_TOGGLE = 0x55  # every other bit is inverted on the line, G.711 table 1a note 2
_SILENCE = 32768  # place of the sample value 0 in the middle of all of them
_ULAW_BIAS = 33
_ULAW_MAX = 8191  # of the 14-bit magnitude with its bias


class G711Encoder:
    """Frames to payloads of one byte for two samples."""

    def __init__(self, table: Bytes, *, dtx: bool = False) -> None:
        self._table = np.roll(table, _SILENCE)  # from the lowest sample value to the highest
        self._downsampler = Downsampler()
        self._pauses = Pauses() if dtx else None
        self.is_pause = False

    def encode(self, frame: Frame) -> bytes:
        """One payload: 160 bytes for 20 ms; in a pause, with `dtx`, what the room sounds like."""
        narrow = self._downsampler.convert(frame)
        if self._pauses is not None:
            self.is_pause = self._pauses.is_pause(frame)
            if self.is_pause:
                return self._pauses.room().encode()
        narrow += _SILENCE + 0.5  # then the whole part is the index of the nearest sample value
        return self._table.take(narrow.astype(np.intp), mode="clip").tobytes()

    def set_bitrate(self, bits_per_s: int) -> None:
        """G.711 has but one."""

    def expect_loss(self, percent: int) -> None:
        """G.711 has nothing to prepare."""


class G711Decoder:
    """Payloads to frames; what is missing is concealed from the pitch before."""

    def __init__(self, table: Frame) -> None:
        self._table, self._upsampler, self._concealer = table, Upsampler(), Concealer()

    def decode(self, payload: bytes) -> Frame:
        """The frame in `payload`; MalformedError if it is not 10 to 60 ms long."""
        if not PAYLOAD_BYTES_MIN <= len(payload) <= PAYLOAD_BYTES_MAX:
            raise MalformedError(f"G.711 payload of {len(payload)} bytes")
        narrow = self._table[np.frombuffer(payload, dtype=np.uint8)]
        return self._upsampler.convert(self._concealer.received(narrow))

    def pause(self, payload: bytes, samples: int) -> Frame:
        """The sound of the room that `payload` describes (RFC 3389); empty: as before."""
        if not payload:
            return self.conceal(samples)
        room = ComfortNoise.decode(payload)
        return self._upsampler.convert(self._concealer.paused(room, samples // 2))

    def conceal(self, samples: int) -> Frame:
        """Sound in place of what did not come; fades into the noise that was behind the voice."""
        return self._upsampler.convert(self._concealer.lost(samples // 2))

    def recover(self, following: bytes, samples: int) -> Frame:
        """The same, when the payload after the gap is there."""
        if not PAYLOAD_BYTES_MIN <= len(following) <= PAYLOAD_BYTES_MAX:
            return self.conceal(samples)
        narrow = self._table[np.frombuffer(following, dtype=np.uint8)]
        return self._upsampler.convert(self._concealer.bridged(samples // 2, narrow))


def _alaw_decoding() -> Frame:
    code = np.arange(256, dtype=np.int32) ^ _ALAW_TOGGLE
    segment, step = (code >> 4) & 7, code & 15
    magnitude = np.where(segment == 0, 2 * step + 1, (2 * step + 33) << np.maximum(segment - 1, 0))
    return (np.where(code & 0x80, magnitude, -magnitude) << 3).astype(np.int16)  # 13 bits above


def _ulaw_decoding() -> Frame:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    segment, step = (code >> 4) & 7, code & 15
    magnitude = ((2 * step + _ULAW_BIAS) << segment) - _ULAW_BIAS
    return (np.where(code & 0x80, -magnitude, magnitude) << 2).astype(np.int16)  # 14 bits above


def _alaw_encoding() -> Bytes:
    linear = _every_sample()
    magnitude = np.where(linear < 0, ~linear, linear) >> 4  # 11 bits
    segment = _segment_above(magnitude, 4)
    step = (magnitude >> np.maximum(segment - 1, 0)) & 15
    sign = np.where(linear < 0, 0, 0x80)
    codes: Bytes = ((sign | segment << 4 | step) ^ _ALAW_TOGGLE).astype(np.uint8)
    return codes


def _ulaw_encoding() -> Bytes:
    linear = _every_sample()
    magnitude = (np.where(linear < 0, ~linear, linear) >> 2) + _ULAW_BIAS
    magnitude = np.minimum(magnitude, _ULAW_MAX)
    segment = _segment_above(magnitude, 6)
    step = (magnitude >> (segment + 1)) & 15
    sign = np.where(linear < 0, 0x80, 0)
    codes: Bytes = (~(sign | segment << 4 | step) & 0xFF).astype(np.uint8)
    return codes


def _every_sample() -> Integers:
    """All 65,536 samples in the order of their bit patterns, so that a view is the index."""
    return np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)


def _segment_above(magnitude: Integers, first_bit: int) -> Integers:
    """The chord: 0 if no bit from `first_bit` on is set, else one more per higher leading bit."""
    bits = range(first_bit, first_bit + 7)
    return sum((magnitude >> bit > 0).astype(np.int32) for bit in bits) + np.zeros_like(magnitude)


ALAW_ENCODING, ALAW_DECODING = _alaw_encoding(), _alaw_decoding()
ULAW_ENCODING, ULAW_DECODING = _ulaw_encoding(), _ulaw_decoding()
