"""Packets of 10 to 60 ms: each end gets what it wants, whatever the other end gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest

from firmware.events import DatagramReceived, Message, SendDatagram, StartMedia
from firmware.media.rtp import RtpPacket, is_rtcp, unwrap
from firmware.media.session import MediaSession
from firmware.media.srtp import SrtpReceiver
from firmware.model import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE_HZ, Codec, Endpoint, Frame, silence
from tests.codec.speech import NAMES, delay_samples, frames_of, load_speech
from tests.media.line import ANNA, ANNA_KEY, BERT, BERT_KEY, dice_bytes, prepare

TRANSIT_S = 0.005
CLOCKS_HZ = {Codec.OPUS: 48_000, Codec.PCMA: 8_000}

Fate = Callable[[int], bool]


@dataclass
class End:
    """One of two who talk; its earpiece takes what there is."""

    session: MediaSession
    name: Endpoint
    said: list[Frame]
    cipher: SrtpReceiver
    heard: list[Frame] = field(default_factory=list)
    sent: list[RtpPacket] = field(default_factory=list)
    on_the_way: list[tuple[float, bytes]] = field(default_factory=list)
    play_s: float = 0.010

    def send(self, messages: list[Message], now_s: float, comes: Fate) -> None:
        for message in messages:
            if not isinstance(message, SendDatagram):
                continue
            if is_rtcp(message.data):
                self.on_the_way.append((now_s + TRANSIT_S, message.data))
                continue
            self.sent.append(RtpPacket.decode(self.cipher.unprotect(message.data)))
            if comes(len(self.sent)):
                self.on_the_way.append((now_s + TRANSIT_S, message.data))

    def play(self, until_s: float) -> None:
        while self.play_s < until_s:
            heard = self.session.playout(self.play_s, is_free=True)
            self.heard.append(silence() if heard is None else heard)
            self.play_s += len(self.heard[-1]) / SAMPLE_RATE_HZ


def _call(codec: Codec, anna_ms: int, bert_ms: int, comes: Fate = lambda _: True) -> list[End]:
    """Both say the same; Anna sends packets of `anna_ms`, Bert of `bert_ms`."""
    said = frames_of(load_speech(NAMES[0]))
    ends = []
    for i, (name, key, packet_ms) in enumerate(
        ((ANNA, ANNA_KEY, anna_ms), (BERT, BERT_KEY, bert_ms))
    ):
        session = MediaSession(dice_bytes(i))
        remote = (BERT, ANNA)[i]
        session.handle(prepare(codec, remote, is_anna=i == 0, packet_ms=packet_ms), 0.0)
        session.handle(StartMedia(), 0.0)
        ends.append(End(session, name, said, SrtpReceiver(key)))
    for number, frame in enumerate([*said, *[silence()] * 20]):
        now_s = number * FRAME_S
        for end in ends:
            end.send(end.session.capture(frame, now_s), now_s, comes)
            end.send(end.session.on_time(now_s), now_s, comes)
        for end, other in (ends, ends[::-1]):
            end.play(until_s=now_s + TRANSIT_S)
            for arrival_s, data in other.on_the_way:
                fact = DatagramReceived(data, other.name)
                end.send(end.session.handle(fact, arrival_s), arrival_s, comes)
            other.on_the_way.clear()
            end.play(until_s=now_s + FRAME_S)
    return ends


@pytest.mark.parametrize("codec", [Codec.OPUS, Codec.PCMA])
@pytest.mark.parametrize(("anna_ms", "bert_ms"), [(60, 20), (10, 40)])
def test_ends_with_packets_of_their_own_length_hear_each_other_whole(
    codec: Codec, anna_ms: int, bert_ms: int
) -> None:
    ends = _call(codec, anna_ms, bert_ms)
    for end, listener, packet_ms in zip(ends, ends[::-1], (anna_ms, bert_ms), strict=True):
        ticks = CLOCKS_HZ[codec] * packet_ms // 1000
        times = [packet.timestamp for packet in end.sent]
        steps = [unwrap(after, before, 32) - before for before, after in pairwise(times)]
        assert set(steps) == {ticks}
        payload = end.sent[-1].payload
        assert len(payload) == (8 if codec is Codec.PCMA else 3) * packet_ms
        late = delay_samples(np.concatenate(end.said), np.concatenate(listener.heard))
        assert late / SAMPLE_RATE_HZ < packet_ms / 1000 + 0.045
        assert listener.session.frames_concealed == 0


@pytest.mark.parametrize("codec", [Codec.OPUS, Codec.PCMA])
@pytest.mark.parametrize("packet_ms", [10, 60])
def test_lost_packet_is_made_up_and_delays_what_follows_by_less_than_a_frame(
    codec: Codec, packet_ms: int
) -> None:
    lost = 3000 // packet_ms  # no copies go along any more
    anna, bert = _call(codec, packet_ms, 20, lambda number: number != lost)
    assert anna.sent[lost].payload_type == anna.sent[-1].payload_type
    assert abs(bert.session.frames_concealed - packet_ms / 20) <= 0.5
    _, undisturbed = _call(codec, packet_ms, 20)
    begin = 5 * SAMPLE_RATE_HZ
    one, other = (np.concatenate(end.heard)[begin:] for end in (bert, undisturbed))
    assert abs(delay_samples(one, other)) < FRAME_SAMPLES
