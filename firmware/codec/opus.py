"""Opus by the system's libopus: encode, decode, conceal; 16 kHz and 20 ms unless told otherwise.

Knows no RTP and no time. What the library offers is asked at run time: from 1.5 on a decoder of
complexity 5 conceals by a neural network (deep PLC), one of 6 or 7 sounds better at low rates
(LACE, NoLACE); an older one answers "unimplemented". Which of them there is time for: fitness.py.
Units: samples at the rate the codec was made with. Sources: RFC 6716 (codec), RFC 7587 (its RTP
payload), opus_defines.h of libopus 1.3 to 1.6.
"""

from __future__ import annotations

import ctypes
import weakref
from collections import deque
from functools import cache

import numpy as np

from firmware.codec import fitness
from firmware.codec.noise import ComfortNoise
from firmware.codec.pause import HANGOVER_FRAMES, Pauses, room_of
from firmware.errors import HardwareError, MalformedError
from firmware.model import SAMPLE_RATE_HZ, Frame

BITRATE = 24_000  # bit/s, wideband speech
BITRATE_MIN, BITRATE_MAX = 6_000, 64_000
FRAME_MAX_MS = 60
ENCODER_COMPLEXITY = 5  # of 10: half the time of 10 for no audible gain at this rate
PAUSE_BYTES_MAX = 2  # of a frame that says only that nobody speaks (RFC 6716 section 2.1.9)
_ONE_FRAME = 0xF8  # of its first byte: mode, band and length of a frame, which is empty
PAYLOAD_BYTES_MAX = 1275  # one frame, RFC 6716 section 3.2.1

_APPLICATION_VOIP = 2048
_SIGNAL_VOICE = 3001
_SET_BITRATE, _SET_VBR, _SET_COMPLEXITY, _SET_SIGNAL = 4002, 4006, 4010, 4024
_SET_INBAND_FEC, _SET_PACKET_LOSS = 4012, 4014
_RESET_STATE = 4028
_UNIMPLEMENTED = -5
_WARM_UP_FRAMES = 3  # the first concealment of libopus 1.5 costs 12 ms, later ones 0.5 ms


def is_available() -> bool:
    """True if libopus is installed, so that Opus can be offered."""
    try:
        _library()
    except HardwareError:
        return False
    return True


class OpusEncoder:
    """Frames to Opus payloads of constant size; with `dtx` those of a pause have one byte.

    Constant, because the sizes of encrypted packets betray what is said (RFC 6562 section 3).
    """

    def __init__(
        self,
        rate_hz: int = SAMPLE_RATE_HZ,
        complexity: int = ENCODER_COMPLEXITY,
        *,
        dtx: bool = False,
    ) -> None:
        self._opus, self._rate_hz = _library(), rate_hz
        error = ctypes.c_int()
        self._state = self._opus.opus_encoder_create(
            rate_hz, 1, _APPLICATION_VOIP, ctypes.byref(error)
        )
        _check(error.value, self._opus)
        weakref.finalize(self, self._opus.opus_encoder_destroy, self._state)
        self._set(_SET_VBR, 0)
        # not the encoder's own DTX, which hears somebody speak in most rooms
        self._pauses: Pauses | None = None
        self._set(_SET_COMPLEXITY, complexity)
        self._set(_SET_SIGNAL, _SIGNAL_VOICE)
        self.set_bitrate(BITRATE)
        self.is_pause = False
        self._samples, self._samples_address = _sample_buffer(rate_hz)
        self._payload = ctypes.create_string_buffer(PAYLOAD_BYTES_MAX)
        self.encode(np.zeros(rate_hz // 50, dtype=np.int16))  # first use touches every table
        self._pauses = Pauses(rate_hz) if dtx else None
        _check(self._opus.opus_encoder_ctl(self._state, _RESET_STATE), self._opus)

    def set_bitrate(self, bits_per_s: int) -> None:
        """From the next frame on; BITRATE_MIN to BITRATE_MAX."""
        assert BITRATE_MIN <= bits_per_s <= BITRATE_MAX
        self._set(_SET_BITRATE, bits_per_s)

    def expect_loss(self, percent: int) -> None:
        """Put a coarser copy of each frame into the next one (in-band FEC); 0 = do not."""
        self._set(_SET_INBAND_FEC, percent > 0)
        self._set(_SET_PACKET_LOSS, min(percent, 100))

    def encode(self, frame: Frame) -> bytes:
        """One payload of a frame of 2.5 to 60 ms; at 24 kbit/s 60 bytes for 20 ms."""
        count = len(frame)
        self._samples[:count] = frame
        length = self._opus.opus_encode(
            self._state, self._samples_address, count, self._payload, PAYLOAD_BYTES_MAX
        )
        _check(length, self._opus)
        # always encoded, so that the next word finds an encoder that knows the room
        self.is_pause = self._pauses is not None and self._pauses.is_pause(frame)
        if self.is_pause:
            return bytes([self._payload.raw[0] & _ONE_FRAME])
        return self._payload.raw[:length]

    def _set(self, request: int, value: int) -> None:
        control = self._opus.opus_encoder_ctl(self._state, request, ctypes.c_int(int(value)))
        _check(control, self._opus)


class OpusDecoder:
    """Opus payloads to frames; what is missing is concealed by the decoder itself."""

    def __init__(self, rate_hz: int = SAMPLE_RATE_HZ, complexity: int | None = None) -> None:
        """`complexity` of libopus; None: what there is time for, by fitness.py."""
        self._opus, self._rate_hz = _library(), rate_hz
        error = ctypes.c_int()
        self._state = self._opus.opus_decoder_create(rate_hz, 1, ctypes.byref(error))
        _check(error.value, self._opus)
        weakref.finalize(self, self._opus.opus_decoder_destroy, self._state)
        chosen = fitness.complexity() if complexity is None else complexity
        control = self._opus.opus_decoder_ctl(self._state, _SET_COMPLEXITY, ctypes.c_int(chosen))
        self.has_complexity = control != _UNIMPLEMENTED  # libopus before 1.5 has none
        if self.has_complexity:
            _check(control, self._opus)
        self._samples, self._samples_address = _sample_buffer(rate_hz)
        self._frame = rate_hz // 50
        self._recent: deque[Frame] = deque(maxlen=HANGOVER_FRAMES - 2)  # nobody spoke in these
        self._room: ComfortNoise | None = None  # while the peer pauses
        self._warm_up()

    def decode(self, payload: bytes) -> Frame:
        """The frame in `payload`; MalformedError if it is no Opus or longer than 60 ms."""
        if not 0 < len(payload) <= PAYLOAD_BYTES_MAX:
            raise MalformedError(f"Opus payload of {len(payload)} bytes")
        frame = self._decode(payload, 0, 0)
        self._recent.append(frame)
        self._room = None
        return frame

    def pause(self, payload: bytes, samples: int) -> Frame:
        """The sound of the room in the last frames; libopus makes it 6 dB softer than it was."""
        if payload:
            self._decode(payload, 0, 0)  # it shall know that time goes by
        if self._room is None and self._recent:
            heard = np.concatenate(self._recent)
            self._room = room_of(heard[-(HANGOVER_FRAMES - 2) * self._frame :])
        return np.zeros(samples, dtype=np.int16) if self._room is None else self._room.take(samples)

    def conceal(self, samples: int) -> Frame:
        """Sound in place of what did not come; fades out when much is missing."""
        return self._decode(None, samples, 0)

    def recover(self, following: bytes, samples: int) -> Frame:
        """The sound before the frame in `following`: its in-band FEC if there is some."""
        try:
            return self._decode(following, samples, 1)
        except MalformedError:
            return self.conceal(samples)

    def _decode(self, payload: bytes | None, samples: int, fec: int) -> Frame:
        """`samples` to be made up; 0 = what is in `payload`."""
        length = len(payload) if payload else 0
        room = samples or len(self._samples)  # a frame that is longer is refused by the library
        decoded = self._opus.opus_decode(
            self._state, payload, length, self._samples_address, room, fec
        )
        if decoded <= 0 or samples not in (0, decoded):  # a negative number is an error code
            raise MalformedError(f"Opus payload cannot be decoded (libopus: {decoded})")
        return self._samples[:decoded].copy()

    def _warm_up(self) -> None:
        payload = OpusEncoder(self._rate_hz).encode(np.zeros(self._frame, dtype=np.int16))
        for _ in range(_WARM_UP_FRAMES):
            self.decode(payload)
            self.conceal(self._frame)
        _check(self._opus.opus_decoder_ctl(self._state, _RESET_STATE), self._opus)


@cache
def _library() -> ctypes.CDLL:
    try:
        opus = ctypes.CDLL("libopus.so.0")
    except OSError as error:
        raise HardwareError(
            f"the Opus library is missing: install the Debian package libopus0 ({error})"
        ) from error
    pointer, integer, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
    opus.opus_strerror.argtypes, opus.opus_strerror.restype = [integer], text
    opus.opus_encoder_create.argtypes = [integer, integer, integer, ctypes.POINTER(integer)]
    opus.opus_encoder_create.restype = pointer
    opus.opus_encoder_destroy.argtypes, opus.opus_encoder_destroy.restype = [pointer], None
    opus.opus_encoder_ctl.argtypes = [pointer, integer]  # variadic
    opus.opus_encode.argtypes = [pointer, pointer, integer, text, ctypes.c_int32]
    opus.opus_encode.restype = ctypes.c_int32
    opus.opus_decoder_create.argtypes = [integer, integer, ctypes.POINTER(integer)]
    opus.opus_decoder_create.restype = pointer
    opus.opus_decoder_destroy.argtypes, opus.opus_decoder_destroy.restype = [pointer], None
    opus.opus_decoder_ctl.argtypes = [pointer, integer]  # variadic
    opus.opus_decode.argtypes = [pointer, text, ctypes.c_int32, pointer, integer, integer]
    return opus


def _sample_buffer(rate_hz: int) -> tuple[Frame, int]:
    samples = np.zeros(rate_hz * FRAME_MAX_MS // 1000, dtype=np.int16)
    return samples, samples.ctypes.data


def _check(code: int, opus: ctypes.CDLL) -> None:
    """What we ask of the library is within its contract: a refusal means that it is broken."""
    if code < 0:
        raise HardwareError(f"libopus: {opus.opus_strerror(code).decode()}")


def measure_fitness(seconds_of: fitness.SecondsOf) -> fitness.Fitness:
    """Let decoders from now on do what this machine has time for; takes a tenth of a second."""
    encoder = OpusEncoder()
    n = np.arange(6 * SAMPLE_RATE_HZ // 50)
    hum = (6_000 * np.sin(2 * np.pi * 150 * n / SAMPLE_RATE_HZ) ** 7).astype(np.int16)
    voice = [encoder.encode(frame) for frame in hum.reshape(-1, SAMPLE_RATE_HZ // 50)]
    found = fitness.measure(lambda wanted: OpusDecoder(complexity=wanted), voice, seconds_of)
    fitness.remember(found)
    return found
