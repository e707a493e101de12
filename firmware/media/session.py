"""The sound of one call: frames to SRTP packets, SRTP packets to frames, and a report a second.

Knows no call states and no path: where to send, the route says, which is told what was heard.
Units: `_s` monotonic seconds (float); a frame is 20 ms.
Sources: RFC 3550 (RTP), RFC 3711 and RFC 7714 (SRTP), RFC 3551 section 4.1 (marker bit).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from firmware.codec.speech import FORMATS, PAYLOAD_TYPES
from firmware.errors import MalformedError
from firmware.events import (
    ChangeCodec,
    DatagramReceived,
    KeyHeard,
    KeyPressed,
    MediaLost,
    MediaReported,
    Message,
    PrepareMedia,
    SendDatagram,
    StartMedia,
    StopMedia,
)
from firmware.media import red, telephone_event
from firmware.media.adapt import Adapter
from firmware.media.player import Player
from firmware.media.red import Block
from firmware.media.reports import Reports
from firmware.media.route import LastHeard, Route
from firmware.media.rtp import RtpPacket, is_rtcp, wrap
from firmware.media.sender import Sender
from firmware.media.srtp import ReplayedError, SrtpReceiver, SrtpSender
from firmware.media.telephone_event import KeyHearer, TelephoneEvent
from firmware.model import LOUDER_KEY, SOFTER_KEY, Codec, Endpoint, Frame, RtpCounters

REPORT_S = 1.0
MEDIA_TIMEOUT_S = 10.0  # without an authentic packet
LOSS_REPORTS = 5  # seconds over which the fraction of lost packets is taken


class Taken(Enum):
    """Whose a datagram is."""

    FOREIGN = "foreign"  # not authentic, or not speech
    KNOWN = "known"  # of the peer: a report, or it came before
    NEW = "new"  # of the peer, for the first time


class MediaSession:
    """A Core; one call, or the next one after it; without `route` LastHeard."""

    def __init__(
        self,
        random_bytes: Callable[[int], bytes],
        route: Route | None = None,
        *,
        dtx: bool = False,
    ) -> None:
        """With `dtx` nearly nothing is sent while nobody speaks here."""
        self._random_bytes, self._dtx = random_bytes, dtx
        self._route = route
        self._sound: _Sound | None = None
        self._started_s: float | None = None
        self._report_s = 0.0  # when the next report is due
        self._lost_s: float | None = None  # when the peer is given up
        self._call = 0
        self.heard_first_s: float | None = None  # play-out of the first speech of this call

    @property
    def is_started(self) -> bool:
        """Speech flows."""
        return self._sound is not None and self._started_s is not None

    @property
    def frames_concealed(self) -> int:
        """So far; 0 without a call."""
        return 0 if self._sound is None else self._sound.frames_concealed

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Take RTP, keys and the commands for media; others do nothing."""
        match fact:
            case PrepareMedia():
                route = self._route or LastHeard(fact.remote)
                self._sound = _Sound(fact, self._random_bytes, route, dtx=self._dtx)
                self._call = fact.call
                self._started_s = self._lost_s = self.heard_first_s = None
            case StartMedia() if self._sound is not None and self._started_s is None:
                self._started_s = now_s
                self._report_s, self._lost_s = now_s + REPORT_S, now_s + MEDIA_TIMEOUT_S
                self._sound.reports.start(now_s)
            case ChangeCodec(codec=codec) if self._sound is not None:
                self._sound.change_codec(codec)
            case StopMedia() if self._sound is not None:
                return self._stop(now_s)
            case KeyPressed(key=key) if self._sound is not None and self._started_s is not None:
                if key not in (LOUDER_KEY, SOFTER_KEY):
                    self._sound.press(key)
            case DatagramReceived() if self._sound is not None:
                if self.take(fact, now_s) is Taken.FOREIGN:
                    self.count_malformed()
                return self.keys_heard()
        return []

    def take(self, fact: DatagramReceived, now_s: float) -> Taken:
        """Take one datagram if it is of this call; whose it is tells only the cipher."""
        taken = Taken.FOREIGN if self._sound is None else self._sound.receive(fact, now_s)
        if taken is Taken.NEW and self._lost_s is not None:
            self._lost_s = now_s + MEDIA_TIMEOUT_S
        return taken

    def keys_heard(self) -> list[Message]:
        """The keys of the peer since the last time this was asked."""
        return [] if self._sound is None else self._sound.keys_heard()

    def count_malformed(self) -> None:
        """A datagram that is nobody's."""
        if self._sound is not None:
            self._sound.malformed += 1

    def on_time(self, now_s: float) -> list[Message]:
        """Report once a second, to the peer as well; say once that the peer is no longer heard."""
        messages: list[Message] = []
        if self._sound is None or self._started_s is None:
            return messages
        if self._sound.reports.due_s <= now_s:
            messages += self._sound.send_report(now_s)
        if now_s >= self._report_s:
            self._report_s += REPORT_S * (1 + (now_s - self._report_s) // REPORT_S)
            messages.append(self._sound.report(now_s))
        if self._lost_s is not None and now_s >= self._lost_s:
            self._lost_s = None
            messages.append(MediaLost(self._call))
        return messages

    def deadline_s(self) -> float | None:
        """When on_time() is due; None without a started call."""
        if self._sound is None or self._started_s is None:
            return None
        due_s = min(self._report_s, self._sound.reports.due_s)
        return due_s if self._lost_s is None else min(due_s, self._lost_s)

    def capture(self, frame: Frame, now_s: float) -> list[Message]:
        """One frame from the microphone, to be sent; nothing when no call is running."""
        if self._sound is None or self._started_s is None:
            return []
        return self._sound.send(frame, now_s)

    @property
    def is_ready(self) -> bool:
        """The next frame for the ear can be had before it is due."""
        return self._sound is None or self._started_s is None or self._sound.is_ready

    def playout(self, now_s: float, *, is_free: bool = False) -> Frame | None:
        """The next frame for the ear; None when no call is running or nothing has come yet.

        It is due at `now_s`; `is_free` = the ear takes one of any length (see Player.pull).
        """
        if self._sound is None or self._started_s is None:
            return None
        frame, is_speech = self._sound.play(now_s, is_free=is_free)
        if is_speech and self.heard_first_s is None:
            self.heard_first_s = now_s
        return frame

    def _stop(self, now_s: float) -> list[Message]:
        assert self._sound is not None
        is_started = self._started_s is not None
        messages: list[Message] = [self._sound.report(now_s)] if is_started else []
        self._sound = self._started_s = self._lost_s = None
        return messages


class _Sound:
    """Everything that exists once per call."""

    def __init__(
        self,
        prepared: PrepareMedia,
        random_bytes: Callable[[int], bytes],
        route: Route,
        *,
        dtx: bool,
    ) -> None:
        self.malformed = 0
        self._call = prepared.call
        self._remote: Endpoint = prepared.remote
        self._route = route
        self._player = Player(prepared.codec)
        packet_ms = prepared.packet_ms
        self._sender = Sender(prepared.codec, random_bytes, dtx=dtx, packet_ms=packet_ms)
        self._adapter = Adapter(FORMATS[prepared.codec].bitrate, packet_ms / 1000)
        self.reports = Reports(self._sender, self._adapter, random_bytes)
        self._clock_hz = FORMATS[prepared.codec].clock_hz  # of what the peer sends
        self._protect = SrtpSender(prepared.send_key)
        self._unprotect = SrtpReceiver(prepared.receive_key)
        self._sent = _Traffic()
        self._received = _Traffic()
        self._keys = KeyHearer()
        self._heard = ""  # keys, not yet told
        self._replayed = 0
        self._losses: deque[tuple[int, int]] = deque([(0, 0)], maxlen=LOSS_REPORTS + 1)

    def send(self, frame: Frame, now_s: float) -> list[Message]:
        """The packets of a frame; none if the frame waits to share one."""
        messages: list[Message] = []
        for packet in self._sender.send(frame):
            protected = self._protect.protect(packet.encode())
            self._sent.count(protected)
            messages += self._to_peer(protected, now_s)
        return messages

    def press(self, key: str) -> None:
        """Send a key."""
        self._sender.press(key)

    def keys_heard(self) -> list[Message]:
        """The keys of the peer since the last time this was asked."""
        heard, self._heard = self._heard, ""
        return [KeyHeard(key) for key in heard]

    def change_codec(self, codec: Codec) -> None:
        """Send with another codec of those at hand."""
        if FORMATS[codec].is_available():
            self._adapter.carry(FORMATS[codec].bitrate)
            self._sender.change_codec(codec, self._adapter.plan)

    def send_report(self, now_s: float) -> list[Message]:
        """What the peer should know of its packets."""
        if self.reports.is_overdue(now_s):
            self._sender.follow(self._adapter.unheard())
        report = self.reports.compound(self._player, self._clock_hz, now_s)
        return self._to_peer(self._protect.protect_report(report), now_s)

    def receive(self, datagram: DatagramReceived, now_s: float) -> Taken:
        """Take one datagram, if it is authentic."""
        try:
            if is_rtcp(datagram.data):
                self._receive_report(datagram.data, now_s)
                return Taken.KNOWN
            packet = RtpPacket.decode(self._unprotect.unprotect(datagram.data))
            blocks = _blocks(packet)
            if not blocks:
                packet = self._hear_key(packet)
        except ReplayedError:
            self._replayed += 1
            self._route.heard(datagram.source, now_s, is_first=False)
            return Taken.KNOWN
        except MalformedError:
            return Taken.FOREIGN
        self._received.count(datagram.data)
        if blocks:
            self._clock_hz = _CLOCKS_HZ.get(blocks[-1].payload_type, self._clock_hz)
        is_newest = self._player.push(packet, blocks, self._clock_hz, now_s)
        self._route.heard(datagram.source, now_s, is_first=is_newest)
        self.reports.noticed(self._player.buffer.counters.lost, now_s)
        return Taken.NEW

    @property
    def is_ready(self) -> bool:
        """See MediaSession."""
        return self._player.is_ready

    @property
    def frames_concealed(self) -> int:
        """So far."""
        return self._player.concealed

    def play(self, now_s: float, *, is_free: bool) -> tuple[Frame | None, bool]:
        """The next frame, and whether it was decoded from a packet."""
        return self._player.pull(now_s, is_free=is_free)

    def report(self, now_s: float) -> Message:
        """The counters so far, and the loss of the last LOSS_REPORTS reports."""
        buffer = self._player.buffer
        jitter = buffer.counters
        counters = RtpCounters(
            packets_sent=self._sent.packets,
            packets_received=self._received.packets,
            packets_lost=jitter.lost,
            packets_late=jitter.late,
            packets_duplicate=jitter.duplicate + self._replayed,
            packets_malformed=self.malformed + self._player.malformed,
            bytes_sent=self._sent.size_bytes,
            bytes_received=self._received.size_bytes,
            frames_concealed=self._player.concealed,
            frames_recovered=jitter.recovered,
            jitter_s=buffer.jitter_s,
            buffer_s=buffer.delay_s,
            rtt_s=self.reports.rtt_s,
            remote_loss=self._adapter.loss,
            opinion=self.reports.opinion,
        )
        missing, expected = jitter.lost + jitter.late, jitter.lost + jitter.received
        self._losses.append((missing, expected))
        missing, expected = missing - self._losses[0][0], expected - self._losses[0][1]
        fraction = min(max(missing / expected, 0.0), 1.0) if expected > 0 else 0.0
        remote = next(iter(self._route.destinations(now_s)), self._remote)
        return MediaReported(self._player.codec, remote, counters, fraction, self._call)

    def _to_peer(self, data: bytes, now_s: float) -> list[Message]:
        return [SendDatagram(data, to) for to in self._route.destinations(now_s)]

    def _hear_key(self, packet: RtpPacket) -> RtpPacket:
        """The packet as if it were one of speech: with the time at which it was sent."""
        event = TelephoneEvent.decode(packet.payload)
        self._heard += self._keys.take(packet.payload, packet.timestamp)
        sent = packet.timestamp + max(event.duration - self._clock_hz // 50, 0)
        return packet._replace(timestamp=wrap(sent, 32))

    def _receive_report(self, data: bytes, now_s: float) -> None:
        clear = self._unprotect.unprotect_report(data)
        if self.reports.take(clear, now_s):
            self._sender.follow(self._adapter.reported(self.reports.rtt_s))


@dataclass(slots=True)
class _Traffic:
    packets: int = 0
    size_bytes: int = 0

    def count(self, datagram: bytes) -> None:
        self.packets += 1
        self.size_bytes += len(datagram)


_CLOCKS_HZ = {speech.payload_type: speech.clock_hz for speech in FORMATS.values()}


def _blocks(packet: RtpPacket) -> list[Block]:
    """The frames of speech in a packet; none in that of a key. MalformedError for what is else."""
    if packet.payload_type in PAYLOAD_TYPES:
        return [Block(packet.payload_type, packet.payload)]
    if packet.payload_type == telephone_event.PAYLOAD_TYPE:
        return []
    if packet.payload_type == red.PAYLOAD_TYPE:
        blocks = red.decode(packet.payload)
        if blocks[-1].payload_type in PAYLOAD_TYPES:
            return [block for block in blocks if block.payload_type in PAYLOAD_TYPES]
    raise MalformedError(f"RTP payload type {packet.payload_type}: nothing that was agreed")
