"""A network of directories in one process: virtual clock, latency, loss, cheap hashes.

No socket and no sleep; the same seed gives the same run, datagram for datagram.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import math
import random
from collections.abc import Callable
from typing import TypeVar

from firmware import number as numbers
from firmware.events import (
    Argon2Computed,
    ComputeArgon2,
    Core,
    DatagramReceived,
    HostResolved,
    Message,
    NumberClaimed,
    NumberResolved,
    NumberUnresolved,
    ResolveHost,
    ResolveNumber,
    SendDatagram,
    Started,
    WallClockRead,
)
from firmware.identity import Certificate, Identity
from firmware.model import Endpoint
from firmware.overlay.dht import krpc
from firmware.overlay.dht.node import Node
from firmware.overlay.directory import Directory

NOON_UTC_S = 20_000 * 86_400 + 43_200.0
HASH_S = 0.05  # what a box needs for one memory-hard hash
Kind = TypeVar("Kind", bound=Message)


def cheap_hash(secret: bytes, salt: bytes) -> bytes:
    """Stands in for Argon2id: 32 bytes."""
    return hashlib.sha256(salt + b"|" + secret).digest()


def random_source(seed: int) -> Callable[[int], bytes]:
    """Deterministic `random_bytes`."""
    return random.Random(seed).randbytes


def identity_of(seed: int) -> Identity:
    """The keys behind `certified(seed)`."""
    return Identity.generate(random.Random(seed).randbytes(64))


def certified(seed: int, name: str = "") -> tuple[str, Certificate]:
    """A number and a certificate that proves it under `cheap_hash`."""
    identity = identity_of(seed)
    public_key = identity.public_key
    for modifier in range(100_000):
        encoded = modifier.to_bytes(numbers.MODIFIER_BYTES, "big")
        number = numbers.from_digest(cheap_hash(*numbers.hash_question(public_key, encoded)))
        if number is not None:
            return number, identity.certify(encoded, name)
    raise AssertionError("no number in 100000 tries")


class Network:
    """Cores at endpoints; `answers` collects what no part of the network consumed."""

    def __init__(self, seed: int, *, loss: float = 0.0, latency_s: float = 0.02) -> None:
        self.now_s = 1000.0
        self.seed = seed
        self.loss = loss
        self.latency_s = latency_s
        self.random = random.Random(seed)
        self.cores: dict[Endpoint, Core] = {}
        self.nodes: dict[Endpoint, Node] = {}
        self.answers: dict[Endpoint, list[Message]] = {}
        self.names: dict[str, tuple[Endpoint, ...]] = {}
        self.datagrams = 0
        self.hash_of = cheap_hash
        self._events: list[tuple[float, int, Endpoint, Message]] = []
        self._timers: list[tuple[float, int, Endpoint]] = []
        self._deadlines: dict[Endpoint, float | None] = {}
        self._order = itertools.count()

    def add(self, endpoint: Endpoint, core: Core) -> None:
        """Put any core at `endpoint` and start it now."""
        self.cores[endpoint] = core
        self.answers[endpoint] = []
        self.tell(endpoint, WallClockRead(NOON_UTC_S + self.now_s - 1000.0))
        self.tell(endpoint, Started())

    def add_directory(
        self,
        endpoint: Endpoint,
        bootstrap: tuple[str, ...],
        *,
        number: str | None = None,
        certificate: Certificate | None = None,
        read_only: bool = False,
    ) -> Directory:
        """A node with a directory."""
        source = random_source(self.random.getrandbits(64))
        node = Node(bootstrap, source, read_only=read_only)
        directory = Directory(
            node, source, None if certificate is None else certificate.encode(), number
        )
        self.nodes[endpoint] = node
        self.add(endpoint, directory)
        return directory

    def tell(self, endpoint: Endpoint, fact: Message) -> None:
        """Give a fact to the core at `endpoint` and do what it says."""
        self._carry_out(endpoint, self.cores[endpoint].handle(fact, self.now_s))
        self._watch(endpoint)

    def run(self, duration_s: float, until: Callable[[], bool] | None = None) -> None:
        """Let virtual time pass, until `until()` holds."""
        end_s = self.now_s + duration_s
        while until is None or not until():
            timer_s, _, timer_at = self._timers[0] if self._timers else (math.inf, 0, None)
            event_s = self._events[0][0] if self._events else math.inf
            if min(timer_s, event_s) > end_s:
                self.now_s = end_s
                return
            if event_s <= timer_s:
                self.now_s, _, endpoint, fact = heapq.heappop(self._events)
                if endpoint in self.cores:
                    self.tell(endpoint, fact)
            else:
                heapq.heappop(self._timers)
                assert timer_at is not None
                if self._deadlines.get(timer_at) == timer_s and timer_at in self.cores:
                    self.now_s = max(self.now_s, timer_s)
                    self._wake(timer_at)

    def resolve(
        self, endpoint: Endpoint, number: str, limit_s: float = 6.0
    ) -> NumberResolved | NumberUnresolved | None:
        """Ask the directory at `endpoint`; None if it says nothing within `limit_s`."""
        answers = self.answers[endpoint]
        answers.clear()
        self.tell(endpoint, ResolveNumber(number))
        self.run(limit_s, until=lambda: bool(_of(answers, number)))
        return next(iter(_of(answers, number)), None)

    def said(self, endpoint: Endpoint, kind: type[Kind]) -> list[Kind]:
        """All messages of `kind` that left the core at `endpoint`."""
        return [message for message in self.answers[endpoint] if isinstance(message, kind)]

    def _wake(self, endpoint: Endpoint) -> None:
        self._carry_out(endpoint, self.cores[endpoint].on_time(self.now_s))
        later_s = self.cores[endpoint].deadline_s()
        assert later_s is None or later_s > self.now_s, "busy loop"
        self._watch(endpoint)

    def _watch(self, endpoint: Endpoint) -> None:
        due_s = self.cores[endpoint].deadline_s()
        self._deadlines[endpoint] = due_s
        if due_s is not None:
            heapq.heappush(self._timers, (due_s, next(self._order), endpoint))

    def _carry_out(self, endpoint: Endpoint, messages: list[Message]) -> None:
        for message in messages:
            match message:
                case SendDatagram(data, to):
                    self.datagrams += 1
                    if self.random.random() >= self.loss:
                        delay_s = self.latency_s * self.random.uniform(0.5, 1.5)
                        self._later(delay_s, to, DatagramReceived(data, endpoint))
                case ComputeArgon2(secret, salt):
                    digest = self.hash_of(secret, salt)
                    self._later(HASH_S, endpoint, Argon2Computed(secret, salt, digest))
                case ResolveHost(name):
                    found = self.names.get(name, ())
                    self._later(0.03, endpoint, HostResolved(name, found))
                case _:
                    self.answers[endpoint].append(message)

    def _later(self, delay_s: float, endpoint: Endpoint, fact: Message) -> None:
        heapq.heappush(self._events, (self.now_s + delay_s, next(self._order), endpoint, fact))


class Impostor:
    """Hands the same certificate to everybody who asks for any; a core without a directory."""

    def __init__(self, certificate: bytes) -> None:
        self._certificate = certificate

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        if not isinstance(fact, DatagramReceived):
            return []
        query = krpc.decode(fact.data)
        if not isinstance(query, krpc.Query):
            return []
        answer = krpc.Answer(certificate=self._certificate)
        data = krpc.encode(krpc.Response(query.transaction_id, b"\x13" * 20, answer))
        return [SendDatagram(data, fact.source)]

    def on_time(self, now_s: float) -> list[Message]:
        return []

    def deadline_s(self) -> float | None:
        return None


def swarm(size: int, seed: int, **settings: float) -> tuple[Network, list[Endpoint]]:
    """`size` directories that have found each other; the first is everybody's way in."""
    network = Network(seed, **settings)
    endpoints = [Endpoint(f"198.51.{i // 200}.{i % 200 + 1}", 6881) for i in range(size)]
    for index, endpoint in enumerate(endpoints):
        network.add_directory(endpoint, (str(endpoints[0]),) if index else ())
        network.run(0.2)
    network.run(30.0)
    return network, endpoints


def claim(network: Network, endpoint: Endpoint, seed: int) -> tuple[str, Certificate]:
    """Give the box at `endpoint` a number and wait until it is announced."""
    number, certificate = certified(seed)
    directory = network.cores[endpoint]
    assert isinstance(directory, Directory)
    directory._identity = identity_of(seed)
    network.tell(endpoint, NumberClaimed(number, certificate.encode()))
    network.run(10.0)
    return number, certificate


def _of(answers: list[Message], number: str) -> list[NumberResolved | NumberUnresolved]:
    return [
        answer
        for answer in answers
        if isinstance(answer, NumberResolved | NumberUnresolved) and answer.number == number
    ]
