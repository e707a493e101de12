"""Several calls at once: whose packet it is, whom the handset is in, who hears silence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from firmware.events import (
    DatagramReceived,
    KeyHeard,
    MediaLost,
    MediaReported,
    Message,
    SendDatagram,
)
from firmware.events.call import PrepareMedia, SendKey, SpeakWith, StartMedia, StopMedia
from firmware.media.session import MEDIA_TIMEOUT_S, MediaSession
from firmware.media.sessions import SOURCES_MAX, MediaSessions
from firmware.model import FRAME_S, Codec, Endpoint, Frame
from tests.media.line import BERT, dice_bytes
from tests.world import loudest_hz, sine

CLARA = Endpoint("203.0.113.3", 6881)
HZ = {1: 700.0, 2: 1000.0}  # the voices of Bert and Clara
OWN_HZ = 400.0


class Table:
    """Anna's sessions, and the far ends of her calls 1 (Bert) and 2 (Clara)."""

    def __init__(self) -> None:
        self.anna = MediaSessions(dice_bytes(1))
        self.peers = {1: MediaSession(dice_bytes(2)), 2: MediaSession(dice_bytes(3))}
        self.where = {1: BERT, 2: CLARA}
        self.now_s = 0.0
        self.said: list[Message] = []
        self.heard: dict[int, list[Frame]] = {0: [], 1: [], 2: []}
        for call, peer in self.peers.items():
            ours, theirs = bytes([call]) * 28, bytes([call + 8]) * 28
            self.anna.handle(PrepareMedia(Codec.PCMA, self.where[call], ours, theirs, call), 0.0)
            peer.handle(PrepareMedia(Codec.PCMA, BERT, theirs, ours), 0.0)
            self.anna.handle(StartMedia(call), 0.0)
            peer.handle(StartMedia(), 0.0)

    def talk(self, frames: int) -> None:
        """Everybody hums; all datagrams go through."""
        for heard in self.heard.values():
            heard.clear()
        for _ in range(frames):
            first = round(self.now_s * 16_000)
            for call, peer in self.peers.items():
                for sent in datagrams(peer.capture(sine(HZ[call], first), self.now_s)):
                    arrived = DatagramReceived(sent.data, self.where[call])
                    self.said += self.anna.handle(arrived, self.now_s)
            for sent in datagrams(self.anna.capture(sine(OWN_HZ, first), self.now_s)):
                call = next(call for call, where in self.where.items() if sent.to == where)
                arrived = DatagramReceived(sent.data, BERT)
                self.said += self.peers[call].handle(arrived, self.now_s)
            ears = {0: self.anna.playout(self.now_s)}
            ears |= {call: peer.playout(self.now_s) for call, peer in self.peers.items()}
            for ear, frame in ears.items():
                self.heard[ear] += [] if frame is None else [frame]
            self.said += self.anna.on_time(self.now_s)
            self.now_s += FRAME_S

    def hz(self, ear: int) -> float:
        return loudest_hz(self.heard[ear][10:])


def datagrams(messages: list[Message]) -> Iterator[SendDatagram]:
    """What a captured frame has become."""
    for message in messages:
        assert isinstance(message, SendDatagram)
        yield message


def near(hz: float, expected_hz: float) -> bool:
    return abs(hz - expected_hz) < 15


def test_handset_is_in_the_call_that_was_answered_last_and_the_other_hears_silence() -> None:
    table = Table()
    table.talk(50)
    assert near(table.hz(0), HZ[2]) and near(table.hz(2), OWN_HZ)
    assert table.hz(1) == 0.0
    table.anna.handle(SpeakWith((1,)), table.now_s)
    table.talk(60)
    table.talk(50)
    assert near(table.hz(0), HZ[1]) and near(table.hz(1), OWN_HZ)
    assert table.hz(2) == 0.0


def test_conference_gives_whole_frames_and_a_call_alone_what_the_delay_wants() -> None:
    table = Table()
    table.talk(20)
    lengths: dict[tuple[int, ...], set[int]] = {}
    for calls in ((1, 2), (2,)):
        table.anna.handle(SpeakWith(calls), table.now_s)
        # far later than it was due: much waits, and the ear takes it sooner if it may
        table.now_s += 0.5
        lengths[calls] = set()
        for _ in range(400):
            for call, peer in table.peers.items():
                hum = sine(HZ[call], round(table.now_s * 16_000))
                for sent in datagrams(peer.capture(hum, table.now_s)):
                    arrived = DatagramReceived(sent.data, table.where[call])
                    table.anna.handle(arrived, table.now_s)
            frame = table.anna.playout(table.now_s + 0.030, is_free=True)
            lengths[calls].add(0 if frame is None else len(frame))
            table.now_s += FRAME_S
    assert lengths[1, 2] == {320}
    assert min(lengths[2,]) < 320


def test_call_that_the_handset_is_not_in_is_reported_and_never_given_up() -> None:
    table = Table()
    table.talk(round(1.2 * MEDIA_TIMEOUT_S / FRAME_S))
    assert not [said for said in table.said if isinstance(said, MediaLost)]
    reports = [said for said in table.said if isinstance(said, MediaReported)]
    assert {report.call for report in reports} == {1, 2}
    assert all(report.counters.packets_malformed == 0 for report in reports)
    assert {report.remote for report in reports if report.call == 1} == {BERT}


def test_call_whose_peer_falls_silent_is_named() -> None:
    table = Table()
    table.talk(5)
    lost = [said for said in table.anna.on_time(30.0) if isinstance(said, MediaLost)]
    assert {one.call for one in lost} == {1, 2}


def test_key_goes_to_the_calls_of_the_handset_only() -> None:
    table = Table()
    table.anna.handle(SendKey("5"), 0.0)
    table.talk(20)
    assert [said for said in table.said if isinstance(said, KeyHeard)] == [KeyHeard("5")]
    table.anna.handle(SpeakWith(()), 0.0)
    table.anna.handle(SendKey("6"), 0.0)
    table.talk(20)
    assert [said for said in table.said if isinstance(said, KeyHeard)] == [KeyHeard("5")]


def test_end_of_one_call_leaves_the_other_and_unknown_calls_do_nothing() -> None:
    table = Table()
    table.talk(10)
    assert [type(one) for one in table.anna.handle(StopMedia(1), table.now_s)] == [MediaReported]
    for stray in (StopMedia(1), StartMedia(7), StopMedia(7)):
        assert table.anna.handle(stray, table.now_s) == []
    table.talk(50)
    assert near(table.hz(0), HZ[2])
    table.anna.handle(StopMedia(2), table.now_s)
    assert table.anna.deadline_s() is None
    assert table.anna.playout(table.now_s) is None
    assert table.anna.capture(sine(OWN_HZ, 0), table.now_s) == []


def test_flood_of_unknown_sources_is_nobodys_and_leaves_no_memory() -> None:
    table = Table()
    table.talk(10)
    dice = np.random.default_rng(4)
    for _ in range(10 * SOURCES_MAX):
        forged = b"\x80\x08" + dice.bytes(60)
        assert table.anna.handle(DatagramReceived(forged, CLARA), table.now_s) == []
    table.talk(50)
    reports = [said for said in table.said if isinstance(said, MediaReported)]
    assert max(one.counters.packets_malformed for one in reports) == 10 * SOURCES_MAX
    assert near(table.hz(0), HZ[2])
