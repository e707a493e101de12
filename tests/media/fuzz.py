"""Hostile packets from an authenticated peer: RTP, RED, RTCP and codec payloads, wild and mutated.

What an outsider sends dies at the cipher; this is the peer itself gone mad, or taken over.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from pylibsrtp import Error

from firmware.codec.limiter import LOUD_RMS
from firmware.events import DatagramReceived, SendDatagram
from firmware.media import red
from firmware.media.rtp import RtpPacket, wrap
from firmware.media.srtp import SrtpSender
from firmware.model import FRAME_S, Codec
from tests.media.line import ANNA, ANNA_KEY, started_pair

_TYPES = (111, 8, 0, 121, 13, 101, 96)


@dataclass
class Outcome:
    """What it did to us."""

    datagrams: int = 0
    loudest_rms: float = 0.0
    malformed: int = 0


def attack(datagrams: int, seed: int) -> Outcome:
    """Feed so many packets to a session in a call, playing all the while; any exception is ours."""
    dice = random.Random(seed)
    outcome = Outcome()
    number = timestamp = 0
    _, bert = started_pair(Codec.OPUS)
    good: list[bytes] = [bytes([72]) + bytes(59), bytes(160)]
    sender = SrtpSender(ANNA_KEY)
    for turn in range(datagrams):
        now_s = turn * FRAME_S / 4
        if dice.random() < 0.05:
            data = _protected(sender.protect_report, _report(dice))
        else:
            number += dice.choice((1, 1, 1, 1, 2, 0, -3, dice.randrange(60_000)))
            timestamp += dice.choice((960, 960, 960, 160, 0, -960, dice.randrange(2**31)))
            payload = _payload(dice, good)
            packet = RtpPacket(
                dice.choice(_TYPES),
                wrap(number, 16),
                wrap(timestamp, 32),
                dice.choice((1, 1, 1, 2)),
                payload,
            )
            data = _protected(sender.protect, packet.encode())
        bert.handle(DatagramReceived(data, ANNA), now_s)
        if turn % 4 == 0:
            for message in bert.on_time(now_s):
                if isinstance(message, SendDatagram):
                    assert len(message.data) < 1_400
            frame = bert.playout(now_s)
            if frame is not None and len(frame):
                rms = float(np.sqrt(np.mean(np.square(frame.astype(np.float32)))))
                outcome.loudest_rms = max(outcome.loudest_rms, rms)
        outcome.datagrams += 1
    assert outcome.loudest_rms <= LOUD_RMS * 1.01, f"seed {seed}: {outcome}"
    return outcome


def _protected(protect: Callable[[bytes], bytes], clear: bytes) -> bytes:
    """Encrypted; as it is where the cipher itself refuses, which repeats no number."""
    try:
        return protect(clear)
    except Error:
        return clear


def _payload(dice: random.Random, good: list[bytes]) -> bytes:
    kind = dice.randrange(4)
    if kind == 0:
        return dice.randbytes(dice.randrange(200))
    if kind == 1:
        first = bytes([dice.choice((0x48, 0x4B, 0x78, 0x7B, 0x08, 0x58, 0xF8))])
        return first + dice.randbytes(dice.randrange(1, 120))
    if kind == 2:
        mutated = bytearray(dice.choice(good))
        mutated[dice.randrange(len(mutated))] = dice.randrange(256)
        return bytes(mutated)
    copies = [
        red.Block(
            dice.choice(_TYPES),
            dice.randbytes(dice.randrange(100)),
            dice.choice((960, 1920, 160, 1, red.OFFSET_MAX)),
        )
        for _ in range(dice.randrange(red.BLOCKS_MAX - 1))
    ]
    return red.encode(
        [*copies, red.Block(dice.choice(_TYPES), dice.randbytes(dice.randrange(170)))]
    )


def _report(dice: random.Random) -> bytes:
    words = dice.randrange(1, 60)
    head = bytes([0x80 | dice.randrange(64), dice.choice((200, 201, 202, 203, 207))])
    return head + words.to_bytes(2, "big") + dice.randbytes(4 * words)
