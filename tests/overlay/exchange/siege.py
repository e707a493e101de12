"""An exchange under siege: noise, forged frames, forged registrations, liars; virtual time.

Some boxes are honest: they stay registered, and a call between two of them must go on. `victims`
never send anything themselves: others forge their addresses. Counted is what the exchange sends
them beside what "they" sent, and whether anything grows.
"""

from __future__ import annotations

import random
from collections import Counter

from firmware.channel import Data, Keep, Open
from firmware.events import DatagramReceived, Message, SendDatagram, WallClockRead
from firmware.model import Endpoint
from firmware.overlay.dht.krpc import VERSION, GetCertificate, Query, Register, Ring, encode
from firmware.overlay.directory import Directory
from firmware.overlay.exchange.limits import Limits
from firmware.overlay.lease import ASK, Entry, Lease
from firmware.stun import Kind, StunMessage
from firmware.stun import encode as encode_stun
from tests.overlay.exchange.office import HASH, UTC_S, Office

STEP_S = 0.001  # between two hostile datagrams
VICTIMS = 16
KEEP_S = 20.0
CALL_S = 0.5  # between two datagrams of the honest call


class Siege:
    """`sent` hostile datagrams so far; `heard` of the honest call came through, of `said`."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.office = Office(Limits(registrations=500, channels=200), seed)
        self.exchange = self.office.exchange
        self.core = Directory(
            self.office.node, random.Random(seed + 2).randbytes, exchange=self.exchange
        )
        self.core.handle(WallClockRead(UTC_S), self.office.now_s)
        self.sent = self.said = self.heard = 0
        self.from_victims: Counter[str] = Counter()
        self.to_victims: Counter[str] = Counter()
        self._victims = [Endpoint(f"93.184.{i}.7", 6881) for i in range(VICTIMS)]
        self._boxes = [self.office.person(i) for i in range(8)]
        for box in self._boxes:
            self.office.register(box, (box.target + b"0000",))
        self._anna = Endpoint("192.0.2.1", 1000)
        [(opened, _)] = self.office.send(
            Open(self._boxes[0].target, b"n" * 8, b"\xf0" * 300), self._anna
        )
        assert isinstance(opened, Data)
        self._bert_leg = opened.leg_id
        [(told, _)] = self.office.send(Data(self._bert_leg, b"\xf0" * 100), self._boxes[0].endpoint)
        self._anna_leg = told.encode()[10:18]
        self.office.send(Keep(self._anna_leg, 0), self._anna)
        self._samples = [self._forged_entry(), ASK, told.encode(), opened.encode()]

    def run(self, datagrams: int) -> None:
        """One hostile datagram every STEP_S, and what the honest say meanwhile."""
        ways = (self._noise, self._mutated, self._frame, self._open, self._entry, self._question)
        office = self.office
        for _ in range(datagrams):
            office.now_s += STEP_S
            due_s = self.core.deadline_s()
            if due_s is not None and due_s <= office.now_s:
                self._count(self.core.on_time(office.now_s))
            data = self.dice.choice(ways)()
            source = self.dice.choice(self._victims) if self.dice.random() < 0.3 else self._nobody()
            if source in self._victims:
                self.from_victims[source.host] += len(data)
            self._count(self.core.handle(DatagramReceived(data, source), office.now_s))
            self.sent += 1
            if self.sent % int(KEEP_S / STEP_S) == 0:
                for box in self._boxes:
                    office.send(Keep(box.registration_id, 1), box.endpoint)
            if self.sent % int(CALL_S / STEP_S) == 0:
                self._talk()

    def _talk(self) -> None:
        self.said += 1
        frames = self.office.send(Data(self._anna_leg, b"\x80" * 88), self._anna)
        self.heard += any(to == self._boxes[0].endpoint for _, to in frames)
        self.office.send(Data(self._bert_leg, b"\x80" * 88), self._boxes[0].endpoint)

    def _count(self, messages: list[Message]) -> None:
        for message in messages:
            if isinstance(message, SendDatagram) and message.to in self._victims:
                self.to_victims[message.to.host] += len(message.data)

    def _nobody(self) -> Endpoint:
        dice = self.dice
        return Endpoint(f"5.{dice.randrange(256)}.{dice.randrange(64)}.9", dice.randrange(1, 9999))

    def _noise(self) -> bytes:
        first = self.dice.choice((b"\xf1", b"\xf1", b"d", b"\x00", b"\x80", b"\xf0", b""))
        return first + self.dice.randbytes(self.dice.randrange(200))

    def _mutated(self) -> bytes:
        data = bytearray(self.dice.choice(self._samples))
        for _ in range(self.dice.randrange(1, 4)):
            data[self.dice.randrange(len(data))] = self.dice.randrange(256)
        return bytes(data[: self.dice.randrange(1, len(data) + 1)])

    def _frame(self) -> bytes:
        leg = self.dice.randbytes(8)
        return self.dice.choice(
            (Data(leg, b"\x80" * 88).encode(), Keep(leg, 1).encode(), b"\xf1\x06" + bytes(16))
        )

    def _open(self) -> bytes:
        target = self.dice.choice(self._boxes).target
        if self.dice.random() < 0.3:
            target = self.dice.randbytes(16)
        return Open(target, self.dice.randbytes(8), b"\xf0" * self.dice.randrange(1400)).encode()

    def _entry(self) -> bytes:
        request = ASK if self.dice.random() < 0.5 else self._forged_entry()
        return encode(Query(b"abcd", self.dice.randbytes(20), Register(request), True, VERSION))

    def _forged_entry(self) -> bytes:
        """Somebody's certificate with a lease that is not right."""
        box = self.dice.choice(self._boxes)
        lease = Lease(self.exchange.public_key, int(UTC_S) + 3600, bytes(16), bytes(64))
        return Entry(bytes(8), (HASH,), lease, box.certificate.encode()).encode()

    def _question(self) -> bytes:
        box = self.dice.choice(self._boxes)
        if self.dice.random() < 0.3:
            return encode_stun(StunMessage(Kind.REQUEST, self.dice.randbytes(12)))
        frame = Open(box.target, bytes(8), b"\xf0" * 200).encode()
        question = self.dice.choice(
            (
                GetCertificate(box.target + b"0000", bytes(16)),
                Ring(self.dice.randbytes(8), self._victims[0], frame),
                Ring(box.registration_id, self._victims[0], frame),
            )
        )
        return encode(Query(b"abcd", self.dice.randbytes(20), question, True, VERSION))
