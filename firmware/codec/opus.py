"""Opus at 16 kHz by the system's libopus: encode, decode, conceal one frame of 20 ms.

Knows no RTP and no time. What the library offers is asked at run time: from 1.5 on a decoder of
complexity 5 conceals by a neural network (deep PLC), which an older one answers "unimplemented".
Sources: RFC 6716 (codec), RFC 7587 (its RTP payload), opus_defines.h of libopus 1.3 to 1.5.
"""

from __future__ import annotations

import ctypes
import weakref
from functools import cache

from firmware.errors import HardwareError, MalformedError
from firmware.model import FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame, silence

BITRATE = 24_000  # bit/s, wideband speech
ENCODER_COMPLEXITY = 5  # of 10: half the time of 10 for no audible gain at this rate
DECODER_COMPLEXITY = 5  # from here on libopus 1.5 conceals by deep PLC
PAYLOAD_BYTES_MAX = 1275  # one frame, RFC 6716 section 3.2.1

_APPLICATION_VOIP = 2048
_SIGNAL_VOICE = 3001
_SET_BITRATE, _SET_VBR, _SET_COMPLEXITY, _SET_SIGNAL = 4002, 4006, 4010, 4024
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
    """Frames to Opus payloads of constant size: 24 kbit/s, 20 ms, no in-band FEC, no DTX.

    Constant, because the sizes of encrypted packets betray what is said (RFC 6562 section 3).
    """

    def __init__(self) -> None:
        self._opus = _library()
        error = ctypes.c_int()
        self._state = self._opus.opus_encoder_create(
            SAMPLE_RATE_HZ, 1, _APPLICATION_VOIP, ctypes.byref(error)
        )
        _check(error.value, self._opus)
        weakref.finalize(self, self._opus.opus_encoder_destroy, self._state)
        for request, value in (
            (_SET_BITRATE, BITRATE),
            (_SET_VBR, 0),
            (_SET_COMPLEXITY, ENCODER_COMPLEXITY),
            (_SET_SIGNAL, _SIGNAL_VOICE),
        ):
            control = self._opus.opus_encoder_ctl(self._state, request, ctypes.c_int(value))
            _check(control, self._opus)
        self._samples, self._samples_address = _sample_buffer()
        self._payload = ctypes.create_string_buffer(PAYLOAD_BYTES_MAX)
        self.encode(silence())  # first use touches every table
        _check(self._opus.opus_encoder_ctl(self._state, _RESET_STATE), self._opus)

    def encode(self, frame: Frame) -> bytes:
        """One payload of 60 bytes; `frame` has FRAME_SAMPLES samples."""
        assert frame.shape == (FRAME_SAMPLES,)
        self._samples[:] = frame
        length = self._opus.opus_encode(
            self._state, self._samples_address, FRAME_SAMPLES, self._payload, PAYLOAD_BYTES_MAX
        )
        _check(length, self._opus)
        return self._payload.raw[:length]


class OpusDecoder:
    """Opus payloads to frames; what is missing is concealed by the decoder itself."""

    def __init__(self) -> None:
        self._opus = _library()
        error = ctypes.c_int()
        self._state = self._opus.opus_decoder_create(SAMPLE_RATE_HZ, 1, ctypes.byref(error))
        _check(error.value, self._opus)
        weakref.finalize(self, self._opus.opus_decoder_destroy, self._state)
        control = self._opus.opus_decoder_ctl(
            self._state, _SET_COMPLEXITY, ctypes.c_int(DECODER_COMPLEXITY)
        )
        if control != _UNIMPLEMENTED:  # libopus before 1.5 has no decoder complexity
            _check(control, self._opus)
        self._samples, self._samples_address = _sample_buffer()
        self._warm_up()

    def decode(self, payload: bytes) -> Frame:
        """The frame in `payload`; MalformedError if it is no Opus or not exactly 20 ms long."""
        if not 0 < len(payload) <= PAYLOAD_BYTES_MAX:
            raise MalformedError(f"Opus payload of {len(payload)} bytes")
        samples = self._opus.opus_packet_get_nb_samples(payload, len(payload), SAMPLE_RATE_HZ)
        if samples != FRAME_SAMPLES:  # a negative number is an error code
            raise MalformedError(f"Opus payload of {samples} samples instead of {FRAME_SAMPLES}")
        return self._decode(payload, len(payload))

    def conceal(self) -> Frame:
        """A frame in place of one that did not come; fades out when many are missing."""
        return self._decode(None, 0)

    def _decode(self, payload: bytes | None, length: int) -> Frame:
        decoded = self._opus.opus_decode(
            self._state, payload, length, self._samples_address, FRAME_SAMPLES, 0
        )
        if decoded != FRAME_SAMPLES:
            raise MalformedError(f"Opus payload cannot be decoded (libopus: {decoded})")
        return self._samples.copy()

    def _warm_up(self) -> None:
        payload = OpusEncoder().encode(silence())
        for _ in range(_WARM_UP_FRAMES):
            self.decode(payload)
            self.conceal()
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
    opus.opus_packet_get_nb_samples.argtypes = [text, ctypes.c_int32, ctypes.c_int32]
    return opus


def _sample_buffer() -> tuple[Frame, int]:
    samples = silence()
    return samples, samples.ctypes.data


def _check(code: int, opus: ctypes.CDLL) -> None:
    """What we ask of the library is within its contract: a refusal means that it is broken."""
    if code < 0:
        raise HardwareError(f"libopus: {opus.opus_strerror(code).decode()}")
