"""From the microphone to packets: encoder, numbers, older frames again.

Knows no key and no address. The timestamp counts captured frames, not the clock on the wall.
Units: frames of 20 ms at 16 kHz. Sources: RFC 3550 section 5.1, RFC 3551 section 4.1, RFC 2198.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from firmware.codec.speech import FORMATS, SpeechEncoder
from firmware.media import red
from firmware.media.adapt import DISTANCE_MAX, LEVELS, Plan, first_plan
from firmware.media.red import Block
from firmware.media.rtp import RtpPacket, wrap
from firmware.media.srtp import PACKET_BYTES_MAX
from firmware.media.telephone_event import PAYLOAD_TYPE, KeySender
from firmware.model import FRAME_S, PACKET_MS_USUAL, Codec, Frame

PAUSE_FRAMES = 4  # one in so many is sent in a pause: ways and routers must not take us for gone
_REDUNDANT_BYTES_MAX = PACKET_BYTES_MAX - 64  # of payload; the headers are in the rest


class _Sent(NamedTuple):
    timestamp: int
    payload_type: int
    payload: bytes


class Sender:
    """One direction of one call."""

    def __init__(
        self,
        codec: Codec,
        random_bytes: Callable[[int], bytes],
        *,
        dtx: bool = False,
        packet_ms: int = PACKET_MS_USUAL,
    ) -> None:
        """With `dtx` nearly nothing is sent while nobody speaks; `packet_ms` of PACKET_MS."""
        self._frames_least = max(packet_ms // 20, 1)
        self._halves = packet_ms < 20  # two packets of each frame
        self.codec, self._dtx = codec, dtx
        self._paused = 0  # frames of the pause so far
        self.packets = self.payload_bytes = 0
        self.ssrc = int.from_bytes(random_bytes(4), "big")
        # the upper half is left out: a first packet that is lost must not hide a wrap from the
        # receiver, which guesses the rollover counter (RFC 3711 section 3.3.1)
        self.number = int.from_bytes(random_bytes(2), "big") & 0x7FFF  # of the next packet
        self.timestamp = int.from_bytes(random_bytes(4), "big")  # the same, both unwrapped
        self._encoder: SpeechEncoder = FORMATS[codec].make_encoder(dtx=dtx)
        self._plan = first_plan(FORMATS[codec].bitrate)
        self._sent: deque[_Sent] = deque(maxlen=DISTANCE_MAX + 1)
        self._waiting: list[Frame] = []  # for a packet of several frames
        self._speech = FORMATS[codec]
        self._frame_ticks = _ticks(codec)
        self._keys = KeySender(self._frame_ticks)

    def follow(self, plan: Plan) -> None:
        """From the next packet on."""
        if plan == self._plan:
            return
        speech = self._speech
        if plan.level != self._plan.level:
            bitrate = round(speech.bitrate * LEVELS[plan.level])
            self._encoder.set_bitrate(max(bitrate, speech.bitrate_min))
        self._encoder.expect_loss(plan.loss_percent)
        self._plan = plan

    def change_codec(self, codec: Codec, plan: Plan) -> None:
        """From the next packet on; what waits for its packet is dropped."""
        if codec is self.codec:
            return
        self.codec, self._speech, self._frame_ticks = codec, FORMATS[codec], _ticks(codec)
        self._encoder = self._speech.make_encoder(dtx=self._dtx)
        self._sent.clear()  # their timestamps count another clock
        self._waiting.clear()
        self._keys = KeySender(self._frame_ticks)
        self._plan = Plan()
        self.follow(plan)

    def press(self, key: str) -> None:
        """Send a key in the place of the next frames of speech."""
        self._keys.press(key)

    def send(self, frame: Frame) -> list[RtpPacket]:
        """What carries `frame`, or a key; nothing if it goes along with the next."""
        event = self._keys.next(self.timestamp)
        if event is not None:
            self._waiting.append(frame)
            self.timestamp += self._frame_ticks * len(self._waiting)
            self._waiting.clear()
            return [self._packet(PAYLOAD_TYPE, event.timestamp, event.payload, event.marker)]
        self._waiting.append(frame)
        count = len(self._waiting)
        if count < max(self._plan.frames, self._frames_least):
            return []
        sound = np.concatenate(self._waiting) if count > 1 else frame
        self._waiting.clear()
        ticks = self._frame_ticks * count
        if not self._halves or count > 1:
            return self._speech_packet(sound, ticks, count)
        middle = len(sound) // 2
        packets = self._speech_packet(sound[:middle], ticks // 2, 1)
        return packets + self._speech_packet(sound[middle:], ticks // 2, 1)

    def _speech_packet(self, sound: Frame, ticks: int, frames: int) -> list[RtpPacket]:
        """One, or none in a pause."""
        speech = self._speech
        own = _Sent(self.timestamp, speech.payload_type, self._encoder.encode(sound))
        self.timestamp += ticks
        if self._encoder.is_pause:
            self._paused += 1
            if (self._paused - 1) % max(PAUSE_FRAMES // frames, 1):
                return []
            own = own._replace(payload_type=speech.pause_type)
        marker = self.packets == 0 or (self._paused > 0 and not self._encoder.is_pause)
        if marker:  # speech begins; what was said before it is far away
            self._paused = 0
            self._sent.clear()
        payload_type, payload = own.payload_type, own.payload
        if self._plan.distances:
            payload_type, payload = self._with_copies(own)
        packet = self._packet(payload_type, own.timestamp, payload, marker)
        self._sent.append(own)
        return [packet]

    def _packet(self, payload_type: int, timestamp: int, payload: bytes, marker: bool) -> RtpPacket:
        number = wrap(self.number, 16)
        self.number += 1
        self.packets += 1
        self.payload_bytes += len(payload)
        return RtpPacket(
            payload_type, number, wrap(timestamp, 32), self.ssrc, payload, marker=marker
        )

    def _with_copies(self, own: _Sent) -> tuple[int, bytes]:
        blocks = [Block(own.payload_type, own.payload)]
        size_bytes = len(own.payload)
        for distance in self._plan.distances:  # nearest first: the others go if it gets too much
            if distance > len(self._sent):
                break
            older = self._sent[-distance]
            size_bytes += len(older.payload) + red.HEADER_BYTES
            offset = own.timestamp - older.timestamp
            if size_bytes > _REDUNDANT_BYTES_MAX or offset > red.OFFSET_MAX:
                break
            blocks.insert(0, Block(older.payload_type, older.payload, offset))
        if len(blocks) == 1:
            return own.payload_type, own.payload
        return red.PAYLOAD_TYPE, red.encode(blocks)


def _ticks(codec: Codec) -> int:
    """Of a frame."""
    return round(FORMATS[codec].clock_hz * FRAME_S)
