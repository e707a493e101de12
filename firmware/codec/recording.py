"""A recording: speech in Opus as one value, for prompts, greetings and messages.

Bytes: version, size of each payload, then payloads of that size, one for 20 ms at 16 kHz. The size
is constant (codec/opus.py), so any frame is found without an index, and a piece is a recording too.
Units: frames of 20 ms; seconds where it says so. Source: RFC 6716 for what a payload is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from firmware.codec.opus import OpusDecoder, OpusEncoder
from firmware.errors import MalformedError
from firmware.model import FRAME_S, FRAME_SAMPLES, Frame, silence

VERSION = 1
BITRATE = 16_000  # bit/s: 40 bytes a frame, 2 kB a second
SECONDS_MAX = 300
_HEAD_BYTES = 2
_FRAMES_MAX = round(SECONDS_MAX / FRAME_S)


class Recorder:
    """Collects frames; what is beyond `seconds_max` is not kept."""

    def __init__(self, seconds_max: float) -> None:
        self._encoder = OpusEncoder()
        self._encoder.set_bitrate(BITRATE)
        self._payloads: list[bytes] = []
        self._frames_max = min(round(seconds_max / FRAME_S), _FRAMES_MAX)

    @property
    def is_full(self) -> bool:
        """Nothing more is kept."""
        return len(self._payloads) >= self._frames_max

    @property
    def duration_s(self) -> float:
        """So much was kept."""
        return len(self._payloads) * FRAME_S

    def push(self, frame: Frame) -> None:
        """One frame more."""
        if not self.is_full:
            self._payloads.append(self._encoder.encode(frame))

    def recording(self) -> bytes:
        """All of it; the recorder may go on."""
        size = len(self._payloads[0]) if self._payloads else 0
        return bytes([VERSION, size]) + b"".join(self._payloads)


class Player:
    """Gives the frames of recordings, one after the other, without a gap."""

    def __init__(self) -> None:
        self._decoder: OpusDecoder | None = None  # made when first wanted
        self._waiting: list[Iterator[bytes]] = []

    def add(self, recordings: Iterable[bytes]) -> float:
        """Play these after what plays; returns how long they last, in seconds.

        MalformedError, and nothing is added, if one is no recording.
        """
        split = [payloads(recording) for recording in recordings]
        self._waiting += [iter(each) for each in split]
        return sum(map(len, split)) * FRAME_S

    def clear(self) -> None:
        """Forget what was to come."""
        self._waiting.clear()

    def frame(self) -> Frame | None:
        """The next 20 ms; None = nothing is left."""
        while self._waiting:
            payload = next(self._waiting[0], None)
            if payload is not None:
                return self._decoded(payload)
            self._waiting.pop(0)
        return None

    def _decoded(self, payload: bytes) -> Frame:
        if self._decoder is None:
            self._decoder = OpusDecoder()
        try:
            frame = self._decoder.decode(payload)
        except MalformedError:
            frame = silence()
        return frame if len(frame) == FRAME_SAMPLES else silence()  # a stranger's 40 ms


def encode(frames: Iterable[Frame]) -> bytes:
    """A recording of these frames."""
    recorder = Recorder(SECONDS_MAX)
    for frame in frames:
        recorder.push(frame)
    return recorder.recording()


def payloads(recording: bytes) -> list[bytes]:
    """What is in a recording; MalformedError if it is none. Each payload may still be nonsense."""
    if len(recording) < _HEAD_BYTES or recording[0] != VERSION:
        raise MalformedError("not a recording")
    size, body = recording[1], recording[_HEAD_BYTES:]
    if not body:
        return []
    if size == 0 or len(body) % size or len(body) > size * _FRAMES_MAX:
        raise MalformedError("a recording of broken payloads, or too long")
    return [body[i : i + size] for i in range(0, len(body), size)]


def duration_s(recording: bytes) -> float:
    """How long it lasts; MalformedError if it is none."""
    return len(payloads(recording)) * FRAME_S
