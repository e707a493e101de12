"""What a speech codec is to the rest of the telephone, and the table of those we have.

A new codec is one file beside this and one line in `FORMATS`. Knows no session.
Sources: RFC 3551 table 4 (static payload types), RFC 7587 section 4.1 (Opus clock always 48 kHz).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from firmware.codec import g711, opus
from firmware.model import Codec, Frame


class SpeechEncoder(Protocol):
    """One direction of one call; warm when constructed."""

    def encode(self, frame: Frame) -> bytes:
        """The payload of one RTP packet."""


class SpeechDecoder(Protocol):
    """The other direction; remembers what it decoded, for concealment."""

    def decode(self, payload: bytes) -> Frame:
        """The frame in `payload`; MalformedError if it is not exactly one valid frame."""

    def conceal(self) -> Frame:
        """A frame in place of one that did not come in time."""


@dataclass(frozen=True, slots=True)
class SpeechFormat:
    """How a codec appears in RTP, and how to make one."""

    payload_type: int
    clock_hz: int  # of RTP timestamps
    frame_ticks: int  # of that clock, per frame of 20 ms
    make_encoder: Callable[[], SpeechEncoder]
    make_decoder: Callable[[], SpeechDecoder]
    is_available: Callable[[], bool] = lambda: True


FORMATS: dict[Codec, SpeechFormat] = {
    Codec.OPUS: SpeechFormat(
        111, 48_000, 960, opus.OpusEncoder, opus.OpusDecoder, opus.is_available
    ),
    Codec.PCMA: SpeechFormat(
        8,
        8_000,
        160,
        partial(g711.G711Encoder, g711.ALAW_ENCODING),
        partial(g711.G711Decoder, g711.ALAW_DECODING),
    ),
    Codec.PCMU: SpeechFormat(
        0,
        8_000,
        160,
        partial(g711.G711Encoder, g711.ULAW_ENCODING),
        partial(g711.G711Decoder, g711.ULAW_DECODING),
    ),
}


def available_codecs() -> tuple[Codec, ...]:
    """The codecs that work on this machine; G.711 always, Opus if its library is installed."""
    return tuple(codec for codec, speech in FORMATS.items() if speech.is_available())
