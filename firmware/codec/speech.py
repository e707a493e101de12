"""What a speech codec is to the rest of the telephone, and the table of those we have.

A new codec is one file beside this and one line in `FORMATS`. Knows no session.
Sources: RFC 3551 table 4 (static payload types), RFC 7587 section 4.1 (Opus clock always 48 kHz).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from firmware.codec import g711, noise, opus
from firmware.model import Codec, Frame


class SpeechEncoder(Protocol):
    """One direction of one call; warm when constructed."""

    is_pause: bool  # the last payload only says what the room sounds like in which nobody speaks

    def encode(self, frame: Frame) -> bytes:
        """The payload of one RTP packet, for a frame of 10 to 60 ms."""

    def set_bitrate(self, bits_per_s: int) -> None:
        """From the next frame on; without effect where the codec has but one."""

    def expect_loss(self, percent: int) -> None:
        """Make each payload help to conceal the one before it; 0 = do not."""


class SpeechDecoder(Protocol):
    """The other direction; remembers what it decoded, for concealment."""

    def decode(self, payload: bytes) -> Frame:
        """The frame in `payload`; MalformedError if it is not exactly one valid frame."""

    def pause(self, payload: bytes, samples: int) -> Frame:
        """Sound in place of what the peer does not send; `payload` tells of the room, or empty."""

    def conceal(self, samples: int) -> Frame:
        """Sound in place of what did not come in time."""

    def recover(self, following: bytes, samples: int) -> Frame:
        """The same, when the payload after the missing one is there."""


@dataclass(frozen=True, slots=True)
class SpeechFormat:
    """How a codec appears in RTP, and how to make one."""

    payload_type: int
    clock_hz: int  # of RTP timestamps
    bitrate: int  # of payloads, bit/s, on a good line
    make_encoder: Callable[..., SpeechEncoder]  # dtx: with pauses
    make_decoder: Callable[[], SpeechDecoder]
    bitrate_min: int  # when the line is narrow
    is_available: Callable[[], bool] = lambda: True
    pause_type: int = noise.PAYLOAD_TYPE  # payload type of what tells of a room

    def is_pause(self, payload_type: int, payload: bytes) -> bool:
        """The peer says that he says nothing."""
        if self.pause_type != self.payload_type:
            return payload_type == self.pause_type
        return payload_type == self.payload_type and 0 < len(payload) <= opus.PAUSE_BYTES_MAX


FORMATS: dict[Codec, SpeechFormat] = {
    Codec.OPUS: SpeechFormat(
        111,
        48_000,
        opus.BITRATE,
        opus.OpusEncoder,
        opus.OpusDecoder,
        12_000,
        opus.is_available,
        111,
    ),
    Codec.PCMA: SpeechFormat(
        8,
        8_000,
        64_000,
        partial(g711.G711Encoder, g711.ALAW_ENCODING),
        partial(g711.G711Decoder, g711.ALAW_DECODING),
        64_000,
    ),
    Codec.PCMU: SpeechFormat(
        0,
        8_000,
        64_000,
        partial(g711.G711Encoder, g711.ULAW_ENCODING),
        partial(g711.G711Decoder, g711.ULAW_DECODING),
        64_000,
    ),
}
PAYLOAD_TYPES = frozenset(
    one for speech in FORMATS.values() for one in (speech.payload_type, speech.pause_type)
)
BY_PAYLOAD_TYPE = {speech.payload_type: codec for codec, speech in FORMATS.items()}


def available_codecs() -> tuple[Codec, ...]:
    """The codecs that work on this machine; G.711 always, Opus if its library is installed."""
    return tuple(codec for codec, speech in FORMATS.items() if speech.is_available())
