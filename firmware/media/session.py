"""The sound of one call: frames to SRTP packets, SRTP packets to frames, and a report a second.

Knows no call states and no path: where to send is told by PrepareMedia and then follows the newest
authentic packet, so that a peer behind a NAT, or one that moves, is answered where it is.
Units: `_s` monotonic seconds (float); a frame is 20 ms.
Sources: RFC 3550 (RTP), RFC 3711 and RFC 7714 (SRTP), RFC 3551 section 4.1 (marker bit).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from firmware.codec.speech import FORMATS, SpeechFormat
from firmware.errors import MalformedError
from firmware.events import (
    DatagramReceived,
    MediaLost,
    MediaReported,
    Message,
    PrepareMedia,
    SendDatagram,
    StartMedia,
    StopMedia,
)
from firmware.media.jitter import Gap, JitterBuffer
from firmware.media.rtp import RtpPacket, is_rtcp, wrap
from firmware.media.srtp import ReplayedError, SrtpReceiver, SrtpSender
from firmware.model import Codec, Endpoint, Frame, RtpCounters

REPORT_S = 1.0
MEDIA_TIMEOUT_S = 10.0  # without an authentic packet
LOSS_REPORTS = 5  # seconds over which the fraction of lost packets is taken


class MediaSession:
    """The core of the media package: at most one call at a time."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        self._sound: _Sound | None = None
        self._started_s: float | None = None
        self._report_s = 0.0  # when the next report is due
        self._lost_s: float | None = None  # when the peer is given up
        self.heard_first_s: float | None = None  # play-out of the first speech of this call

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """PrepareMedia, StartMedia, StopMedia and DatagramReceived (RTP); others do nothing."""
        match fact:
            case PrepareMedia():
                self._sound = _Sound(fact, self._random_bytes)
                self._started_s = self._lost_s = self.heard_first_s = None
            case StartMedia() if self._sound is not None and self._started_s is None:
                self._started_s = now_s
                self._report_s, self._lost_s = now_s + REPORT_S, now_s + MEDIA_TIMEOUT_S
            case StopMedia() if self._sound is not None:
                return self._stop()
            case DatagramReceived() if self._sound is not None:
                if self._sound.receive(fact, now_s) and self._lost_s is not None:
                    self._lost_s = now_s + MEDIA_TIMEOUT_S
        return []

    def on_time(self, now_s: float) -> list[Message]:
        """Report once a second; say once that the peer is no longer heard."""
        messages: list[Message] = []
        if self._sound is None or self._started_s is None:
            return messages
        if now_s >= self._report_s:
            self._report_s += REPORT_S * (1 + (now_s - self._report_s) // REPORT_S)
            messages.append(self._sound.report())
        if self._lost_s is not None and now_s >= self._lost_s:
            self._lost_s = None
            messages.append(MediaLost())
        return messages

    def deadline_s(self) -> float | None:
        """When on_time() is due; None without a started call."""
        if self._started_s is None:
            return None
        return self._report_s if self._lost_s is None else min(self._report_s, self._lost_s)

    def capture(self, frame: Frame, now_s: float) -> list[Message]:
        """One frame from the microphone, to be sent; nothing when no call is running."""
        del now_s  # the peer's clock is the count of frames
        if self._sound is None or self._started_s is None:
            return []
        return [self._sound.send(frame)]

    def playout(self, now_s: float) -> Frame | None:
        """The next frame for the ear; None when no call is running or nothing has come yet."""
        if self._sound is None or self._started_s is None:
            return None
        frame, is_speech = self._sound.play(now_s)
        if is_speech and self.heard_first_s is None:
            self.heard_first_s = now_s
        return frame

    def _stop(self) -> list[Message]:
        assert self._sound is not None
        messages: list[Message] = [self._sound.report()] if self._started_s is not None else []
        self._sound = self._started_s = self._lost_s = None
        return messages


class _Sound:
    """Everything that exists once per call."""

    def __init__(self, prepared: PrepareMedia, random_bytes: Callable[[int], bytes]) -> None:
        self._codec: Codec = prepared.codec
        self._format: SpeechFormat = FORMATS[prepared.codec]
        self._remote: Endpoint = prepared.remote
        self._encoder, self._decoder = self._format.make_encoder(), self._format.make_decoder()
        self._sender = SrtpSender(prepared.send_key)
        self._receiver = SrtpReceiver(prepared.receive_key)
        self._buffer = JitterBuffer(self._format.clock_hz)
        self._ssrc = int.from_bytes(random_bytes(4), "big")
        # the upper half is left out: a first packet that is lost must not hide a wrap from the
        # receiver, which guesses the rollover counter (RFC 3711 section 3.3.1)
        self._sequence_number = int.from_bytes(random_bytes(2), "big") & 0x7FFF
        self._timestamp = int.from_bytes(random_bytes(4), "big")
        self._sent = _Traffic()
        self._received = _Traffic()
        self._replayed = self._malformed = self._concealed = self._rtcp_ignored = 0
        self._losses: deque[tuple[int, int]] = deque([(0, 0)], maxlen=LOSS_REPORTS + 1)

    def send(self, frame: Frame) -> Message:
        """The next packet."""
        packet = RtpPacket(
            self._format.payload_type,
            wrap(self._sequence_number, 16),
            wrap(self._timestamp, 32),
            self._ssrc,
            self._encoder.encode(frame),
            marker=self._sent.packets == 0,  # speech begins
        )
        self._sequence_number += 1
        self._timestamp += self._format.frame_ticks
        protected = self._sender.protect(packet.encode())
        self._sent.count(protected)
        return SendDatagram(protected, self._remote)

    def receive(self, datagram: DatagramReceived, now_s: float) -> bool:
        """Take one datagram; True if it is an authentic packet of the peer, for the first time."""
        if is_rtcp(datagram.data):
            self._rtcp_ignored += 1
            return False
        try:
            packet = RtpPacket.decode(self._receiver.unprotect(datagram.data))
            if packet.payload_type != self._format.payload_type:
                raise MalformedError(f"RTP payload type {packet.payload_type} was not agreed")
        except ReplayedError:
            self._replayed += 1
            return False
        except MalformedError:
            self._malformed += 1
            return False
        self._received.count(datagram.data)
        if self._buffer.push(packet, now_s):
            # only the newest: a straggler from the path before must not turn us back
            self._remote = datagram.source
        return True

    def play(self, now_s: float) -> tuple[Frame | None, bool]:
        """The next frame, and whether it was decoded from a packet."""
        packet = self._buffer.pop(now_s)
        if packet is Gap.EMPTY:
            return None, False
        if isinstance(packet, RtpPacket):
            try:
                return self._decoder.decode(packet.payload), True
            except MalformedError:
                self._malformed += 1
        self._concealed += 1
        return self._decoder.conceal(), False

    def report(self) -> Message:
        """The counters so far, and the loss of the last LOSS_REPORTS reports."""
        jitter = self._buffer.counters
        missing, expected = jitter.lost + jitter.late, jitter.lost + jitter.received
        self._losses.append((missing, expected))
        missing, expected = missing - self._losses[0][0], expected - self._losses[0][1]
        counters = RtpCounters(
            packets_sent=self._sent.packets,
            packets_received=self._received.packets,
            packets_lost=jitter.lost,
            packets_late=jitter.late,
            packets_duplicate=jitter.duplicate + self._replayed,
            packets_malformed=self._malformed,
            bytes_sent=self._sent.size_bytes,
            bytes_received=self._received.size_bytes,
            frames_concealed=self._concealed,
            jitter_s=self._buffer.jitter_s,
            buffer_s=self._buffer.delay_s,
        )
        fraction = min(max(missing / expected, 0.0), 1.0) if expected > 0 else 0.0
        return MediaReported(self._codec, self._remote, counters, fraction)


@dataclass(slots=True)
class _Traffic:
    packets: int = 0
    size_bytes: int = 0

    def count(self, datagram: bytes) -> None:
        self.packets += 1
        self.size_bytes += len(datagram)
