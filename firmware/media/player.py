"""From packets to the ear: the jitter buffer, the decoder of the moment, stretching, concealment.

Knows no key, address or report. Sound is decoded when the ear asks for it, a frame at a time; what
the ear did not take yet is kept for the next time.
Units: `_s` monotonic seconds (float); samples at 16 kHz.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from firmware.codec.limiter import Limiter
from firmware.codec.speech import BY_PAYLOAD_TYPE, FORMATS, SpeechDecoder
from firmware.codec.stretch import LAG_MAX, LAG_MIN, is_quiet, lengthen, shorten
from firmware.errors import MalformedError
from firmware.media.jitter import Gap, JitterBuffer, Ready
from firmware.media.red import Block
from firmware.media.rtp import RtpPacket
from firmware.model import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE_HZ, Codec, Frame

HURRY_S = 0.060  # so much too long cannot wait for a pause
HURRY_ALIKE_MIN = 0.5
IGNORED = 160  # samples; so much too long is worth no change
# Where the ear takes what there is, little by little will do, and need not wait for a pause.
FREE_IGNORED = 64  # samples
FREE_HURRY_S = 0.008
FREE_ALIKE_MIN = 0.9
_FADED_IN = 40  # samples


class Player:
    """One direction of one call."""

    def __init__(self, codec: Codec) -> None:
        self.buffer = JitterBuffer()
        self.malformed = self.stretched = self.shortened = 0
        self._concealed = 0  # samples
        self._gap = 0  # samples made up since the last frame
        self._codec = codec
        self._decoders: dict[Codec, SpeechDecoder] = {}
        self._decoder = self._decoder_of(codec)
        self._sound: Frame = np.zeros(0, dtype=np.int16)  # decoded, not yet heard
        self._has_begun = False
        self._limiter = Limiter()

    @property
    def concealed(self) -> int:
        """So many frames were made up."""
        return round(self._concealed / FRAME_SAMPLES)

    @property
    def codec(self) -> Codec:
        """Of the last frame played."""
        return self._codec

    def push(self, packet: RtpPacket, blocks: Sequence[Block], clock_hz: int, now_s: float) -> bool:
        """Take the frames of a packet; True if none newer has come before it."""
        return self.buffer.push(packet, blocks, clock_hz, now_s)

    @property
    def is_ready(self) -> bool:
        """The next sound is here, or none was to come: it can be pulled before it is due."""
        return len(self._sound) > 0 or self.buffer.is_ready

    def pull(
        self, now_s: float, samples: int = FRAME_SAMPLES, *, is_free: bool = False
    ) -> tuple[Frame | None, bool]:
        """The next sound, and whether some of it was decoded; None before the first frame.

        `now_s` is when the sound is due. Where `is_free`, it may be a little longer or shorter than
        `samples`, and the next is due so much later: so the delay can be any, not whole frames.
        """
        is_speech = False
        while len(self._sound) < (1 if is_free else samples):
            ready = self.buffer.pop(now_s)
            if ready is Gap.EMPTY:
                return None, False
            frame, is_decoded = self._frame_of(ready, 0 if is_free else samples)
            is_speech |= is_decoded
            self._sound = np.concatenate([self._sound, frame]) if len(self._sound) else frame
        if is_free and len(self._sound) < 2 * samples:
            samples = len(self._sound)
        heard, self._sound = self._sound[:samples], self._sound[samples:]
        return self._limiter.limit(heard), is_speech

    def _frame_of(self, ready: Ready | Gap, pull: int) -> tuple[Frame, bool]:
        if isinstance(ready, Ready):
            try:
                frame = self._decode(ready)
            except MalformedError:
                self.malformed += 1
                self._gap = 0
                self.buffer.played(FRAME_S, len(self._sound) / SAMPLE_RATE_HZ, FRAME_S)
                ready = Gap.LOST
            else:
                self._gap = 0
                return (self._fitted(frame, pull) if pull else self._freely_fitted(frame)), True
        if ready is Gap.PAUSE:
            return self._decoder.pause(b"", FRAME_SAMPLES), False
        return self._made_up(), False

    def _made_up(self) -> Frame:
        """All that is missing if the frame after it is here and can help, else 20 ms at most."""
        missing = round(self.buffer.frame_s * SAMPLE_RATE_HZ)
        following = None if self._gap % missing else self.buffer.peek()
        if following is not None and following.payload_type == FORMATS[self._codec].payload_type:
            sound = self._decoder.recover(following.payload, missing)
        else:
            sound = self._decoder.conceal(min(missing - self._gap % missing, FRAME_SAMPLES))
        self._gap += len(sound)
        self._concealed += len(sound)
        return sound

    def _decode(self, ready: Ready) -> Frame:
        if FORMATS[self._codec].is_pause(ready.payload_type, ready.payload):
            frame = self._decoder.pause(ready.payload, FRAME_SAMPLES)
            self.buffer.pauses()
            return frame
        codec = BY_PAYLOAD_TYPE.get(ready.payload_type)
        if codec is None or not FORMATS[codec].is_available():
            raise MalformedError(f"RTP payload type {ready.payload_type} is not speech")
        if codec is not self._codec:
            self._decoder, self._codec = self._decoder_of(codec), codec
        return self._decoder.decode(ready.payload)

    def _fitted(self, frame: Frame, pull: int) -> Frame:
        """`frame`, a period longer or shorter if the delay wants it."""
        excess_s = self.buffer.played(
            len(frame) / SAMPLE_RATE_HZ,
            len(self._sound) / SAMPLE_RATE_HZ,
            pull / SAMPLE_RATE_HZ,
        )
        excess = round(excess_s * SAMPLE_RATE_HZ)
        if 0 <= excess < IGNORED:
            return frame
        # too long or too short can wait for a pause of the speaker, unless it is far too long;
        # what is far too short lengthens itself by the first frame that comes too late
        if not is_quiet(frame) and excess_s < HURRY_S:
            return frame
        if excess > 0:
            fitted = shorten(frame, excess, HURRY_ALIKE_MIN)
            self.shortened += len(frame) - len(fitted)
        else:
            # a little more, so that it is a whole frame in the end
            fitted = lengthen(frame, max(-excess, LAG_MAX // 2))
            self.stretched += len(fitted) - len(frame)
        return fitted

    def _freely_fitted(self, frame: Frame) -> Frame:
        """The same, for an ear that takes any length."""
        ahead_s = len(self._sound) / SAMPLE_RATE_HZ
        excess_s = self.buffer.played(len(frame) / SAMPLE_RATE_HZ, ahead_s, 0.0)
        excess = round(excess_s * SAMPLE_RATE_HZ)
        if not self._has_begun:
            return self._begun(frame)
        if 0 <= excess < FREE_IGNORED:
            return frame
        alike_min = FREE_ALIKE_MIN
        if excess_s >= HURRY_S:
            alike_min = HURRY_ALIKE_MIN
        elif excess_s < FREE_HURRY_S and not is_quiet(frame) and excess > 0:
            return frame
        before = len(frame)
        if excess > 0:
            frame = shorten(frame, excess, alike_min)
            self.shortened += before - len(frame)
        else:
            frame = lengthen(frame, max(-excess, LAG_MIN), alike_min)
            self.stretched += len(frame) - before
        return frame

    def _begun(self, frame: Frame) -> Frame:
        """The first frame of a call, without what would only make all that follows later."""
        self._has_begun = True
        slack = round(self.buffer.slack_s * SAMPLE_RATE_HZ)
        cut = min(max(slack, 0), len(frame) - _FADED_IN)
        frame = frame[cut:].copy()
        frame[:_FADED_IN] = frame[:_FADED_IN] * (np.arange(_FADED_IN) / _FADED_IN)
        return frame

    def _decoder_of(self, codec: Codec) -> SpeechDecoder:
        if codec not in self._decoders:
            self._decoders[codec] = FORMATS[codec].make_decoder()
        return self._decoders[codec]
