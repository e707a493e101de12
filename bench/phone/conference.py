"""A conference of three beside a call: CPU of the sound of the one box that mixes, in one run.

Both are measured in turns of a second of speech: a busy machine disturbs both alike. Counted is the
time of this thread in capture, receiving and play-out, not that of the other ends.
"""

from __future__ import annotations

import random
import statistics
import time
from typing import Any

from firmware.events import DatagramReceived, SendDatagram
from firmware.events.call import PrepareMedia, SpeakWith, StartMedia
from firmware.media.session import MediaSession
from firmware.media.sessions import MediaSessions
from firmware.model import FRAME_S, Codec, Endpoint, Frame
from tests.world import sine

TURNS, FRAMES = 20, 50
WANTED_RATIO = 2.5
OWN = Endpoint("192.0.2.1", 6881)


class Box:
    """The mixing box with `calls` peers; Opus both ways."""

    def __init__(self, calls: int) -> None:
        dice = random.Random(calls).randbytes
        self.cpu_s = 0.0
        self._sessions = MediaSessions(dice)
        self._peers: dict[Endpoint, MediaSession] = {}
        for call in range(1, calls + 1):
            ours, theirs = bytes([call]) * 28, bytes([call + 100]) * 28
            where, peer = Endpoint("198.51.100.2", 6881 + call), MediaSession(dice)
            self._sessions.handle(PrepareMedia(Codec.OPUS, where, ours, theirs, call), 0.0)
            self._sessions.handle(StartMedia(call), 0.0)
            peer.handle(PrepareMedia(Codec.OPUS, OWN, theirs, ours), 0.0)
            peer.handle(StartMedia(), 0.0)
            self._peers[where] = peer
        self._sessions.handle(SpeakWith(tuple(range(1, calls + 1))), 0.0)

    def step(self, turn: int, now_s: float) -> None:
        """20 ms."""
        voice: Frame = sine(150.0 + 10 * (turn % 20), turn * 320)
        arriving = [
            DatagramReceived(one.data, where)
            for where, peer in self._peers.items()
            for one in peer.capture(voice, now_s)
            if isinstance(one, SendDatagram)
        ]
        began_s = time.thread_time()
        for datagram in arriving:
            self._sessions.handle(datagram, now_s)
        self._sessions.on_time(now_s)
        leaving = self._sessions.capture(voice, now_s)
        self._sessions.playout(now_s)
        self.cpu_s += time.thread_time() - began_s
        for one in leaving:
            if isinstance(one, SendDatagram):
                self._peers[one.to].handle(DatagramReceived(one.data, OWN), now_s)


def conference() -> dict[str, Any]:
    """CPU of a call, of a conference with two others, and their ratio (median of the turns)."""
    boxes = {calls: Box(calls) for calls in (1, 2)}
    spent: dict[int, list[float]] = {calls: [] for calls in boxes}
    for turn in range(TURNS):
        for calls, box in boxes.items():
            box.cpu_s = 0.0
            for frame in range(turn * FRAMES, (turn + 1) * FRAMES):
                box.step(frame, frame * FRAME_S)
            spent[calls].append(box.cpu_s)
    ratios = [many / one for one, many in zip(spent[1], spent[2], strict=True)][1:]
    return {
        "conference_of_three": {
            "wanted": f"at most {WANTED_RATIO} times the CPU of a call",
            "ratio": round(statistics.median(ratios), 2),
            "ratio_worst_second": round(max(ratios), 2),
            "call_percent_of_a_core": round(100 * statistics.median(spent[1]), 2),
            "conference_percent_of_a_core": round(100 * statistics.median(spent[2]), 2),
        }
    }
