"""The deterministic world, with networks in it that block UDP, and exchanges with a TLS port."""

from __future__ import annotations

from functools import partial

from firmware.events import DatagramReceived, Message
from firmware.events.network import (
    CloseStream,
    DatagramBeside,
    OpenStream,
    SendBeside,
    StreamClosed,
    StreamOpened,
)
from firmware.model import Endpoint
from tests.world import Actor, Network, PhoneActor, World

TLS_PORT = 443
HANDSHAKE_TRIPS = 3  # TCP, then TLS 1.3, then the greeting


class TunnelWorld(World):
    """Every actor has a TLS port that is an exchange; `blocked` have a network without UDP."""

    def __init__(self, seed: int, network: Network | None = None) -> None:
        super().__init__(seed, network)
        self.blocked: set[Endpoint] = set()
        self._outside: dict[Endpoint, Endpoint] = {}  # of who has a tunnel, at its exchange
        self._inside: dict[Endpoint, Actor] = {}
        self._tunnels = 0

    def is_tunnelled(self, who: PhoneActor) -> bool:
        return who.endpoint in self._outside

    def add_walled(self, name: str, exchanges: list[Actor]) -> PhoneActor:
        """A telephone in a network that blocks UDP; it knows the TLS ports of `exchanges`."""
        phone = self.add_phone(name, tls_exchanges=exchanges, behind_nat=True, direct=False)
        self.blocked.add(phone.endpoint)
        return phone

    def _perform_one(self, actor: Actor, message: Message) -> None:
        match message:
            case OpenStream(to):
                trips_s = sum(self._random.uniform(*self.network.delay_s) for _ in range(6))
                self._at(self.now_s + trips_s, partial(self._open, actor, to))
            case CloseStream():
                self._close(actor)
            case SendBeside(data, to) if actor.endpoint not in self.blocked:
                super()._send(actor.endpoint, data, to)
            case SendBeside():
                pass
            case _:
                super()._perform_one(actor, message)

    def _open(self, actor: Actor, to: Endpoint) -> None:
        exchange = next((one for one in self.actors if one.host == to.host), None)
        if exchange is None or to.port != TLS_PORT or not self.actors[exchange].online:
            self.tell(actor, StreamClosed(to))
            return
        self._tunnels += 1
        outside = Endpoint(to.host, 40_000 + self._tunnels)
        self._outside[actor.endpoint], self._inside[outside] = outside, actor
        self.tell(actor, StreamOpened(to, exchange))

    def _close(self, actor: Actor) -> None:
        outside = self._outside.pop(actor.endpoint)
        del self._inside[outside]
        self.tell(actor, StreamClosed(Endpoint(outside.host, TLS_PORT)))

    def _send(self, source: Endpoint, data: bytes, to: Endpoint) -> None:
        outside = self._outside.get(source)
        if outside is not None:
            self.datagrams += 1
            self._at(self._later_s(), partial(self._leave, outside, data, to))
        elif source not in self.blocked:
            super()._send(source, data, to)

    def _leave(self, outside: Endpoint, data: bytes, to: Endpoint) -> None:
        self._at(self._later_s(), partial(self._arrive, outside, data, to))

    def _arrive(self, source: Endpoint, data: bytes, to: Endpoint) -> None:
        inside = self._inside.get(to)
        if inside is not None:
            self._at(self._later_s(), partial(self.tell, inside, DatagramReceived(data, source)))
        elif to in self._outside and to not in self.blocked:
            self.tell(self.actors[to], DatagramBeside(data, source))
        elif to not in self.blocked:
            super()._arrive(source, data, to)

    def _later_s(self) -> float:
        return self.now_s + self._random.uniform(*self.network.delay_s)
