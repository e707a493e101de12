"""The silent self-ring: how often it may fail before an exchange is doubted."""

from __future__ import annotations

import random

from firmware.channel import Open, decode
from firmware.events import SendDatagram
from firmware.model import Endpoint
from firmware.overlay.dht.node import Node
from firmware.overlay.registrar.link import Link
from firmware.overlay.registrar.ringer import FAILURES_MAX, RING_S, Ringer

HERE = Endpoint("198.51.100.1", 6881)
TARGET = b"t" * 16


class Bell:
    """A box that rings itself by its only exchange; virtual time."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        source = random.Random(5).randbytes
        node = Node((), source)
        self.ringer = Ringer(node, source)
        self.link = Link(HERE, node, source)
        self.link.ring_due_s = self.now_s

    def ring(self, *, comes_through: bool) -> None:
        """Until the next call has come through, or is given up."""
        payload = self._call()
        if comes_through:
            assert self.ringer.heard(payload, HERE, self.now_s)
            return
        self._wait()
        before = self.link.rings_failed
        assert self.ringer.advance([self.link], TARGET, self.now_s) == []
        assert self.link.rings_failed == before + 1

    def _call(self) -> bytes:
        self._wait()
        (sent,) = self.ringer.advance([self.link], TARGET, self.now_s)
        assert isinstance(sent, SendDatagram) and sent.to == HERE
        frame = decode(sent.data)
        assert isinstance(frame, Open) and frame.target == TARGET
        return frame.payload

    def _wait(self) -> None:
        due_s = self.ringer.deadline_s([self.link])
        assert due_s is not None
        self.now_s = max(self.now_s, due_s)


def test_exchange_is_doubted_when_so_many_calls_in_a_row_did_not_come_through() -> None:
    bell = Bell()
    for _ in range(FAILURES_MAX - 1):
        bell.ring(comes_through=False)
    assert not bell.link.is_suspect
    bell.ring(comes_through=False)
    assert bell.link.is_suspect


def test_call_that_comes_through_makes_up_for_those_that_did_not() -> None:
    bell = Bell()
    for _ in range(3):
        for _ in range(FAILURES_MAX - 1):
            bell.ring(comes_through=False)
        bell.ring(comes_through=True)
        assert not bell.link.is_suspect
    for _ in range(FAILURES_MAX):
        bell.ring(comes_through=False)
    bell.ring(comes_through=True)
    assert not bell.link.is_suspect


def test_calls_that_fail_for_ever_are_made_again_within_minutes() -> None:
    bell = Bell()
    for _ in range(20):
        before_s = bell.now_s
        bell.ring(comes_through=False)
        assert bell.now_s - before_s <= RING_S + 2.0


def test_calls_of_an_exchange_that_was_left_are_forgotten() -> None:
    bell = Bell()
    bell._call()
    assert bell.ringer.deadline_s([]) is not None
    bell.ringer.advance([], TARGET, bell.now_s)
    assert bell.ringer.deadline_s([]) is None
    assert not bell.link.rings_failed
