"""The channels a box opens through exchanges: how many, and how often it proves where it is."""

from __future__ import annotations

import random

import pytest

from firmware.channel import TARGET_BYTES, Challenge, Data, Keep, Open, Opened, decode
from firmware.events import SendDatagram
from firmware.model import Endpoint
from firmware.overlay.channels import CHALLENGES_MAX, OPENED_MAX, Channels

EXCHANGE = Endpoint("192.0.2.1", 6881)
INVITE = b"\xf0" + bytes(60)


def target(i: int) -> Endpoint:
    return Endpoint(EXCHANGE.host, EXCHANGE.port, i.to_bytes(TARGET_BYTES, "big"))


class Box:
    """Channels, and what goes to the exchange."""

    def __init__(self) -> None:
        self.channels = Channels(random.Random(7).randbytes)

    def say(self, i: int) -> Open | Data:
        sent = self.channels.wrap(SendDatagram(INVITE, target(i)), 1.0)
        frame = decode(sent.data)
        assert sent.to == EXCHANGE and isinstance(frame, Open | Data)
        return frame

    def opened(self, opening: Open) -> bytes:
        """The exchange tells the leg; which one."""
        leg_id = b"leg" + opening.target[-5:]
        frame = Opened(opening.nonce, leg_id, b"")
        (proof,) = self.channels.receive(frame, EXCHANGE, 1.0)
        assert isinstance(proof, SendDatagram) and isinstance(decode(proof.data), Keep)
        return leg_id


@pytest.mark.parametrize("count", [OPENED_MAX, OPENED_MAX + 1])
def test_channel_used_longest_ago_is_forgotten_for_one_too_many_and_opened_anew(count: int) -> None:
    box = Box()
    legs = {}
    for i in range(count):
        opening = box.say(i)
        assert isinstance(opening, Open)
        legs[i] = box.opened(opening)
        spoken = box.say(0)  # the first is a call
        assert isinstance(spoken, Data) and spoken.leg_id == legs[0]
    later = [box.say(i) for i in range(2, count)]
    assert all(isinstance(frame, Data) for frame in later)
    assert isinstance(box.say(1), Data if count == OPENED_MAX else Open)
    assert len(box.channels._by_id) <= 2 * OPENED_MAX


def test_exchange_that_wants_proof_again_and_again_is_answered_so_often_and_no_more() -> None:
    box = Box()
    opening = box.say(1)
    assert isinstance(opening, Open)
    answers = []
    for i in range(CHALLENGES_MAX + 3):
        challenge = Challenge(opening.nonce, b"cookie %d" % i)
        answers.append(box.channels.receive(challenge, EXCHANGE, 1.0))
        assert box.channels.receive(challenge, Endpoint("192.0.2.66", 6881), 1.0) == []
    assert [len(sent) for sent in answers] == [1] * CHALLENGES_MAX + [0] * 3
    repeated = box.say(1)  # what is said again shows the last cookie that was taken
    assert isinstance(repeated, Open) and repeated.cookie == b"cookie %d" % (CHALLENGES_MAX - 1)
