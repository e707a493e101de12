"""Boxes behind NATs and the exchanges that serve them, with the code of both; no directory.

What a box would find in the directory, some exchanges at random, it is given. Each box is a real
registrar, each exchange a real exchange. Units: `_s` virtual seconds.
"""

from __future__ import annotations

import hashlib
import random
from functools import partial

from firmware import channel as frames
from firmware.channel import Data, Elsewhere, Kept, Refusal
from firmware.demux import CHANNEL_FIRST_BYTE
from firmware.errors import MalformedError
from firmware.events import DatagramReceived, EndpointRefused, Message, SendDatagram
from firmware.identity import Identity
from firmware.model import Endpoint
from firmware.overlay.channels import Channels
from firmware.overlay.dht.node import Node
from firmware.overlay.exchange.exchange import Exchange
from firmware.overlay.exchange.limits import Limits
from firmware.overlay.registrar.registrar import Registrar
from firmware.sim.population import PORT, Population
from firmware.sim.world import Progress, Resident, World

UTC_S = 1_800_000_000.0
BOXES_PER_EXCHANGE = 20  # one of so many can be reached and helps; of 100 registrations it takes 60
KNOWN = 16  # exchanges that a box has found
STARTS_S = 60.0  # within which the boxes begin
INVITE = b"\xf0" + bytes(294)
RINGING = b"\xf0" + bytes(107)


class SimExchange:
    """A core: node and exchange."""

    def __init__(self, seed: str, limits: Limits) -> None:
        source = random.Random(seed).randbytes  # noqa: S311 - a simulation must repeat itself
        self.node = Node((), source)
        self.exchange = Exchange(Identity.generate(source(64)), self.node, source, limits)
        self.questions = 0

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Datagrams."""
        assert isinstance(fact, DatagramReceived)
        self.exchange.set_clock(UTC_S + now_s, now_s)
        if fact.data[0] == CHANNEL_FIRST_BYTE:
            return self.exchange.receive(fact.data, fact.source, now_s) or []
        self.questions += 1
        return [*self.node.handle(fact, now_s), *self.exchange.advance(now_s)]

    def on_time(self, now_s: float) -> list[Message]:
        """Both."""
        return [*self.node.on_time(now_s), *self.exchange.advance(now_s)]

    def deadline_s(self) -> float | None:
        """The earlier."""
        due = (self.node.deadline_s(), self.exchange.deadline_s())
        return min((due_s for due_s in due if due_s is not None), default=None)


class SimBox:
    """A core: a registrar and the channels it opens; answers an INVITE as a telephone would."""

    def __init__(self, seed: str) -> None:
        source = random.Random(seed).randbytes  # noqa: S311 - a simulation must repeat itself
        identity = Identity.generate(source(64))
        self.public_key = identity.public_key
        self.node = Node((), source, read_only=True)
        self.registrar = Registrar(self.node, source)
        self.channels = Channels(source)
        self.registrar.claim(identity, identity.certify(bytes(16), "").encode())
        name = hashlib.sha1(self.public_key).digest()  # noqa: S324 - as long as an info-hash
        self.registrar.set_hashes((name,))
        self.answered: Endpoint | None = None  # the callee's box answered our INVITE there
        self.refused: list[Endpoint] = []

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Datagrams."""
        assert isinstance(fact, DatagramReceived)
        if fact.data[0] == CHANNEL_FIRST_BYTE:
            return self._receive_frame(fact, now_s)
        return self._settle(self.node.handle(fact, now_s), now_s)

    def on_time(self, now_s: float) -> list[Message]:
        """All."""
        out = self.node.on_time(now_s) + self.channels.on_time(now_s)
        return self._settle(out, now_s)

    def deadline_s(self) -> float | None:
        """The earliest."""
        parts = (self.node, self.registrar, self.channels)
        due = [part.deadline_s() for part in parts]
        return min((due_s for due_s in due if due_s is not None), default=None)

    def start(self, now_s: float) -> list[Message]:
        """Begin to register."""
        self.registrar.set_clock(UTC_S + now_s, now_s)
        return self._settle([], now_s)

    def invite(self, to: Endpoint, now_s: float) -> list[Message]:
        """Call the box behind an exchange."""
        self.answered = None
        return [self.channels.wrap(SendDatagram(INVITE, to), now_s)]

    def _receive_frame(self, fact: DatagramReceived, now_s: float) -> list[Message]:
        try:
            frame = frames.decode(fact.data)
        except MalformedError:
            return []
        if isinstance(frame, Kept | Refusal | Elsewhere):
            self.registrar.receive(frame, fact.source, now_s)
        if isinstance(frame, Data) and self.registrar.rang(frame.payload, fact.source, now_s):
            return self._settle([], now_s)
        return self._settle(self.channels.receive(frame, fact.source, now_s), now_s)

    def _settle(self, messages: list[Message], now_s: float) -> list[Message]:
        out: list[Message] = []
        pending = messages + self.node.drain() + self.registrar.advance(now_s)
        while pending:
            message = pending.pop(0)
            match message:
                case SendDatagram():
                    out.append(message)
                case DatagramReceived(data, source) if data == INVITE:
                    ringing = SendDatagram(RINGING, source)
                    out.append(self.channels.wrap(ringing, now_s))
                case DatagramReceived(data, source) if data == RINGING:
                    self.answered = source
                case EndpointRefused(endpoint):
                    self.refused.append(endpoint)
                case _:
                    # facts are all that is left
                    self.registrar.hear(message, now_s)  # type: ignore[arg-type]
            if not pending:
                pending = self.node.drain() + self.registrar.advance(now_s)
        return out


class Town:
    """`boxes` of them, and one exchange for every BOXES_PER_EXCHANGE."""

    def __init__(self, boxes: int, seed: int, progress: Progress | None) -> None:
        count = max(6, boxes // BOXES_PER_EXCHANGE)
        population = Population(boxes + count, seed)
        self.world = World(population, seed, progress=progress)
        self.limits = Limits()
        self.exchanges: list[tuple[Resident, SimExchange]] = []
        self.boxes: list[tuple[Resident, SimBox]] = []
        places = population.shuffled(self.world.random)
        for index, place in enumerate(places):
            endpoint = population.endpoint(place)
            name = f"{seed}/{index}"
            if index < count:
                exchange = SimExchange(name, self.limits)
                self.exchanges.append((Resident(exchange, endpoint, place), exchange))
            else:
                box = SimBox(name)
                self.boxes.append((Resident(box, endpoint, place, nat={}), box))
        for resident, _ in (*self.exchanges, *self.boxes):
            self.world.put(resident)
        for resident, box in self.boxes:
            for other, _ in self.world.random.sample(self.exchanges, min(KNOWN, count)):
                box.registrar.learn(other.endpoint)
            due_s = self.world.now_s + self.world.random.random() * STARTS_S
            self.world.at(due_s, partial(self._start, resident, box))

    def kill(self, fraction: float) -> int:
        """So many exchanges fall silent at once; how many that are."""
        dead = self.world.random.sample(self.exchanges, round(fraction * len(self.exchanges)))
        for resident, _ in dead:
            self.world.remove(resident)
        return len(dead)

    def reachable(self) -> float:
        """Fraction of the boxes to which a call would come through now."""
        serving = {
            target: exchange.exchange
            for resident, exchange in self.exchanges
            if not resident.is_gone
            for target in (resident.endpoint,)
        }
        reached = sum(self._is_reachable(resident, box, serving) for resident, box in self.boxes)
        return reached / len(self.boxes)

    def registrations(self) -> list[int]:
        """Of each exchange that is there."""
        present = [exchange for resident, exchange in self.exchanges if not resident.is_gone]
        return [len(exchange.exchange.registrations) for exchange in present]

    def take_questions(self) -> list[int]:
        """How many each exchange was asked since this was asked last."""
        counts = [exchange.questions for _, exchange in self.exchanges]
        for _, exchange in self.exchanges:
            exchange.questions = 0
        return counts

    def _start(self, resident: Resident, box: SimBox) -> None:
        self.world.carry_out(resident, box.start(self.world.now_s))

    def _is_reachable(
        self, resident: Resident, box: SimBox, serving: dict[Endpoint, Exchange]
    ) -> bool:
        target = frames.target_of(box.public_key)
        assert resident.endpoint.port == PORT
        for link in box.registrar.registered():
            exchange = serving.get(link.endpoint)
            registration = None if exchange is None else exchange.registrations.find(target)
            if registration is not None and registration.endpoint == resident.endpoint:
                return True
        return False
