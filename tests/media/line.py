"""Two sessions and the network between them, in virtual time: 50 frames a second each way.

Reports (RTCP) are neither lost nor late here.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from firmware.events import (
    DatagramReceived,
    MediaReported,
    Message,
    PrepareMedia,
    SendDatagram,
    StartMedia,
)
from firmware.media.session import MediaSession
from firmware.model import FRAME_S, Codec, Endpoint, Frame, silence

ANNA, BERT = Endpoint("192.0.2.1", 6881), Endpoint("198.51.100.2", 6881)
ANNA_KEY, BERT_KEY = bytes(range(28)), bytes(range(100, 128))

# A way over the network: number of the packet, its time -> transit times of its copies, none = lost
Way = Callable[[int, float], list[float]]


def dice_bytes(seed: int) -> Callable[[int], bytes]:
    """Reproducible random bytes."""
    return random.Random(seed).randbytes


def prepare(codec: Codec, remote: Endpoint, *, is_anna: bool, packet_ms: int = 20) -> PrepareMedia:
    """What the call core of one end would say."""
    keys = (ANNA_KEY, BERT_KEY) if is_anna else (BERT_KEY, ANNA_KEY)
    return PrepareMedia(codec, remote, *keys, packet_ms=packet_ms)


def started_pair(codec: Codec, now_s: float = 0.0) -> tuple[MediaSession, MediaSession]:
    """Anna and Bert in a call."""
    anna, bert = MediaSession(dice_bytes(1)), MediaSession(dice_bytes(2))
    anna.handle(prepare(codec, BERT, is_anna=True), now_s)
    bert.handle(prepare(codec, ANNA, is_anna=False), now_s)
    for session in (anna, bert):
        session.handle(StartMedia(), now_s)
    return anna, bert


def only_datagram(messages: list[Message]) -> SendDatagram:
    """The one datagram of one captured frame."""
    (message,) = messages
    assert isinstance(message, SendDatagram)
    return message


@dataclass
class Heard:
    """What came out at Bert's end."""

    frames: list[Frame | None] = field(default_factory=list)
    reports: list[MediaReported] = field(default_factory=list)
    others: list[Message] = field(default_factory=list)

    @property
    def sound(self) -> Frame:
        """All of it, silence where nothing had come yet."""
        return np.concatenate([silence() if one is None else one for one in self.frames])


def talk(
    codec: Codec, frames: list[Frame], way: Way, *, play_after_s: float = 0.010, more: int = 10
) -> Heard:
    """Anna says `frames`, Bert listens, `play_after_s` after each of Anna's ticks."""
    anna, bert = started_pair(codec)
    heard, on_the_way = Heard(), list[tuple[float, int, bytes]]()
    for number in range(len(frames) + more):
        now_s = number * FRAME_S
        said = frames[number] if number < len(frames) else silence()
        datagram = only_datagram(anna.capture(said, now_s))
        for transit_s in way(number, now_s):
            heapq.heappush(on_the_way, (now_s + transit_s, number, datagram.data))
        play_s = now_s + play_after_s
        while on_the_way and on_the_way[0][0] <= play_s:
            arrival_s, _, data = heapq.heappop(on_the_way)
            bert.handle(DatagramReceived(data, ANNA), arrival_s)
        for message in anna.on_time(play_s):
            if isinstance(message, SendDatagram):
                bert.handle(DatagramReceived(message.data, ANNA), play_s)
        for message in bert.on_time(play_s):
            if isinstance(message, MediaReported):
                heard.reports.append(message)
            elif isinstance(message, SendDatagram):
                anna.handle(DatagramReceived(message.data, BERT), play_s)
            else:
                heard.others.append(message)
        heard.frames.append(bert.playout(play_s))
    return heard
