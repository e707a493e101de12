"""The session of one call: what it sends, plays, reports, and whom it believes."""

from __future__ import annotations

import random

import numpy as np
import pytest

from firmware.events import (
    DatagramReceived,
    KeyPressed,
    MediaLost,
    MediaReported,
    StartMedia,
    StopMedia,
)
from firmware.media import red
from firmware.media.rtp import RtpPacket
from firmware.media.session import MEDIA_TIMEOUT_S, REPORT_S, MediaSession
from firmware.media.srtp import SrtpReceiver, SrtpSender
from firmware.model import FRAME_S, FRAME_SAMPLES, Codec, Endpoint, Frame, silence
from tests.media.line import (
    ANNA,
    ANNA_KEY,
    BERT,
    dice_bytes,
    only_datagram,
    prepare,
    started_pair,
    talk,
)

ELSEWHERE = Endpoint("203.0.113.9", 40_000)


def _hum(frames: int) -> list[Frame]:
    n = np.arange(frames * FRAME_SAMPLES)
    sound = (6_000 * np.sin(2 * np.pi * 300 * n / 16_000)).astype(np.int16)
    return list(sound.reshape(-1, FRAME_SAMPLES))


def _datagrams(session: MediaSession, count: int, now_s: float = 0.0) -> list[bytes]:
    return [only_datagram(session.capture(frame, now_s)).data for frame in _hum(count)]


def _report(session: MediaSession, now_s: float) -> MediaReported:
    (report,) = (one for one in session.on_time(now_s) if isinstance(one, MediaReported))
    return report


def test_session_without_a_call_is_silent_and_has_no_deadline() -> None:
    session = MediaSession(dice_bytes(1))
    assert session.capture(silence(), 0.0) == [] and session.playout(0.0) is None
    assert session.handle(DatagramReceived(b"\x80", ANNA), 0.0) == []
    assert session.handle(StartMedia(), 0.0) == [] == session.handle(StopMedia(), 0.0)
    assert session.handle(KeyPressed("1"), 0.0) == [] == session.on_time(99.0)
    assert session.deadline_s() is None


def test_prepared_session_sends_and_plays_nothing_yet() -> None:
    session = MediaSession(dice_bytes(1))
    session.handle(prepare(Codec.OPUS, BERT, is_anna=True), 0.0)
    assert session.capture(silence(), 0.0) == [] and session.playout(0.0) is None
    assert session.deadline_s() is None


def test_packets_before_the_start_are_not_heard_late_after_it() -> None:
    anna, _ = started_pair(Codec.PCMA)
    bert = MediaSession(dice_bytes(2))
    bert.handle(prepare(Codec.PCMA, ANNA, is_anna=False), 0.0)
    for number, data in enumerate(_datagrams(anna, 50)):
        bert.handle(DatagramReceived(data, ANNA), number * FRAME_S)
    bert.handle(StartMedia(), 1.0)
    assert bert.playout(1.0) is not None
    assert _report(bert, 2.0).counters.buffer_s < 0.030


@pytest.mark.parametrize(
    ("codec", "payload_type", "ticks"),
    [(Codec.OPUS, 111, 960), (Codec.PCMA, 8, 160), (Codec.PCMU, 0, 160)],
)
def test_sent_packets_are_counted_in_frames(codec: Codec, payload_type: int, ticks: int) -> None:
    anna, _ = started_pair(codec)
    receiver = SrtpReceiver(ANNA_KEY)
    packets = [RtpPacket.decode(receiver.unprotect(data)) for data in _datagrams(anna, 4)]
    first = packets[0]
    for number, packet in enumerate(packets):
        own = red.decode(packet.payload)[-1].payload_type if number else packet.payload_type
        assert own == payload_type
        assert packet.marker == (number == 0)
        assert packet.ssrc == first.ssrc
        assert (packet.sequence_number - first.sequence_number) % 2**16 == number
        assert (packet.timestamp - first.timestamp) % 2**32 == number * ticks


def test_each_call_begins_at_other_random_numbers() -> None:
    session = MediaSession(dice_bytes(1))
    begins = set()
    for _ in range(3):
        session.handle(prepare(Codec.PCMA, BERT, is_anna=True), 0.0)
        session.handle(StartMedia(), 0.0)
        data = SrtpReceiver(ANNA_KEY).unprotect(_datagrams(session, 1)[0])
        packet = RtpPacket.decode(data)
        assert packet.sequence_number < 2**15  # RFC 3711 section 3.3.1
        begins.add((packet.sequence_number, packet.timestamp, packet.ssrc))
        session.handle(StopMedia(), 0.0)
    assert len(begins) == 3


def test_first_heard_is_the_time_of_the_first_decoded_frame() -> None:
    heard = talk(Codec.PCMA, _hum(50), lambda _number, _now_s: [0.030])
    assert heard.frames[:2] == [None, None]
    assert heard.frames[2] is not None
    anna, bert = started_pair(Codec.PCMA)
    assert bert.playout(0.0) is None and bert.heard_first_s is None
    bert.handle(DatagramReceived(_datagrams(anna, 1)[0], ANNA), 0.001)
    bert.playout(0.020)
    bert.playout(0.040)  # concealed
    assert bert.heard_first_s == 0.020


def test_session_hears_through_loss_reordering_and_duplicates() -> None:
    seed = 12
    dice = random.Random(seed)

    def way(_number: int, _now_s: float) -> list[float]:
        copies = dice.choices([0, 1, 2], [0.05, 0.85, 0.10])[0]
        return [0.020 + dice.uniform(0, 0.030) for _ in range(copies)]

    said = 1_000
    heard = talk(Codec.OPUS, _hum(said), way)
    counters = heard.reports[-1].counters
    played = sum(frame is not None for frame in heard.frames)
    assert played > said, f"seed {seed}"
    assert 0.03 < counters.packets_lost / said < 0.07, f"seed {seed}: {counters}"
    assert 0.07 < counters.packets_duplicate / said < 0.13, f"seed {seed}: {counters}"
    assert counters.packets_late < 0.01 * said, f"seed {seed}: {counters}"
    assert counters.packets_malformed == 0
    assert counters.frames_concealed < 0.09 * said, f"seed {seed}: {counters}"
    assert 0.02 < heard.reports[-1].loss_fraction < 0.09, f"seed {seed}"
    assert heard.others == []


def test_same_seed_gives_the_same_sound() -> None:
    def heard() -> bytes:
        dice = random.Random(13)

        def way(_number: int, _now_s: float) -> list[float]:
            return [dice.uniform(0, 0.05)] * dice.randrange(3)

        return talk(Codec.OPUS, _hum(100), way).sound.tobytes()

    assert heard() == heard()


def test_report_comes_each_second_and_counts_bytes() -> None:
    anna, bert = started_pair(Codec.PCMA)
    datagrams = _datagrams(anna, 50)
    size_bytes = sum(len(data) for data in datagrams)
    for number, data in enumerate(datagrams):
        bert.handle(DatagramReceived(data, ANNA), number * FRAME_S)
    report = _report(bert, 1.0)
    assert report.codec is Codec.PCMA and report.remote == ANNA
    assert report.counters.packets_received == 50
    assert report.counters.bytes_received == size_bytes >= 50 * (12 + 160 + 16)
    assert not any(isinstance(one, MediaReported) for one in bert.on_time(1.5))
    assert _report(bert, 1.0 + REPORT_S)
    sent = _report(anna, 5.25).counters  # called late: one report, the next at the full second
    assert (sent.packets_sent, sent.bytes_sent) == (50, size_bytes)
    assert not any(isinstance(one, MediaReported) for one in anna.on_time(5.99))
    assert _report(anna, 6.0)


def test_call_that_is_over_is_reported_once_more_and_forgotten() -> None:
    anna, bert = started_pair(Codec.PCMA)
    data = _datagrams(anna, 1)[0]
    bert.handle(DatagramReceived(data, ANNA), 0.0)
    (last,) = bert.handle(StopMedia(), 0.1)
    assert isinstance(last, MediaReported) and last.counters.packets_received == 1
    assert bert.capture(silence(), 0.2) == [] and bert.playout(0.2) is None
    assert bert.deadline_s() is None and bert.handle(StopMedia(), 0.3) == []


def test_silent_peer_is_lost_once_after_the_time_out() -> None:
    _, bert = started_pair(Codec.PCMA)
    messages = []
    for tick in range(1, 31):
        messages += [(tick, one) for one in bert.on_time(tick) if isinstance(one, MediaLost)]
    assert messages == [(MEDIA_TIMEOUT_S, MediaLost())]


def test_authentic_packets_put_off_the_time_out_and_forged_ones_do_not() -> None:
    anna, bert = started_pair(Codec.PCMA)
    bert.handle(DatagramReceived(_datagrams(anna, 1)[0], ANNA), 5.5)
    bert.handle(DatagramReceived(bytes([0x80]) + bytes(187), ANNA), 9.0)
    assert MediaLost() not in bert.on_time(15.0)
    assert bert.deadline_s() == 15.5
    assert MediaLost() in bert.on_time(15.5)


def test_peer_that_moves_is_answered_at_its_new_address() -> None:
    anna, bert = started_pair(Codec.PCMA)
    first, second = _datagrams(anna, 2)
    bert.handle(DatagramReceived(first, ANNA), 0.0)
    assert only_datagram(bert.capture(silence(), 0.0)).to == ANNA
    bert.handle(DatagramReceived(second, ELSEWHERE), 0.02)
    assert only_datagram(bert.capture(silence(), 0.02)).to == ELSEWHERE


def test_replayed_straggling_and_forged_packets_do_not_move_the_peer() -> None:
    anna, bert = started_pair(Codec.PCMA)
    first, second, third = _datagrams(anna, 3)
    for data in (first, third):
        bert.handle(DatagramReceived(data, ANNA), 0.0)
    forged = bytearray(_datagrams(anna, 1)[0])
    forged[-1] ^= 1
    for data in (first, second, bytes(forged)):
        bert.handle(DatagramReceived(data, ELSEWHERE), 0.02)
        assert only_datagram(bert.capture(silence(), 0.02)).to == ANNA
    counters = _report(bert, 1.0).counters
    assert (counters.packets_duplicate, counters.packets_malformed) == (1, 1)


def test_own_packets_that_are_reflected_are_malformed() -> None:
    anna, _ = started_pair(Codec.PCMA)
    anna.handle(DatagramReceived(_datagrams(anna, 1)[0], ELSEWHERE), 0.0)
    assert _report(anna, 1.0).counters.packets_malformed == 1


def test_forged_report_is_malformed_and_changes_nothing() -> None:
    _, bert = started_pair(Codec.PCMA)
    bert.handle(DatagramReceived(bytes([0x81, 201]) + bytes(40), ANNA), 0.0)
    counters = _report(bert, 1.0).counters
    assert (counters.packets_received, counters.packets_malformed) == (0, 1)


@pytest.mark.parametrize(
    ("payload_type", "payload"),
    [(96, bytes(160)), (111, b""), (111, b"\xff" * 50), (111, b"\x59" + bytes(1_198))],
    ids=["not agreed", "empty", "no Opus", "too long"],
)
def test_authentic_nonsense_is_counted_and_concealed(payload_type: int, payload: bytes) -> None:
    _, bert = started_pair(Codec.OPUS)
    sender = SrtpSender(ANNA_KEY)
    for number in range(10):
        packet = RtpPacket(payload_type, number, number * 960, 1, payload)
        data = sender.protect(packet.encode())
        assert bert.handle(DatagramReceived(data, ANNA), number * FRAME_S) == []
        frame = bert.playout(number * FRAME_S + 0.015)
        assert frame is None or not frame.any()
    assert bert.heard_first_s is None
    assert _report(bert, 1.0).counters.packets_malformed == 10


def test_random_datagrams_are_counted_and_change_nothing() -> None:
    seed = 14
    dice = random.Random(seed)
    _, bert = started_pair(Codec.OPUS)
    for turn in range(2_000):
        data = bytes([dice.randrange(128, 192)]) + dice.randbytes(dice.randrange(300))
        assert bert.handle(DatagramReceived(data, ELSEWHERE), 0.1) == [], f"seed {seed}, {turn}"
    assert bert.playout(0.2) is None
    assert only_datagram(bert.capture(silence(), 0.2)).to == ANNA


def test_next_call_knows_nothing_of_the_one_before() -> None:
    anna, bert = started_pair(Codec.PCMA)
    bert.handle(DatagramReceived(_datagrams(anna, 1)[0], ANNA), 0.0)
    bert.playout(0.015)
    bert.handle(StopMedia(), 0.1)
    bert.handle(prepare(Codec.PCMU, ELSEWHERE, is_anna=False), 9.0)
    bert.handle(StartMedia(), 9.5)
    assert bert.heard_first_s is None and bert.playout(9.5) is None
    assert only_datagram(bert.capture(silence(), 9.5)).to == ELSEWHERE
    assert _report(bert, 10.5).counters.packets_received == 0
