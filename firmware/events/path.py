"""The part of the vocabulary that is about addresses and paths; taken from the package.

Units: `_s` seconds, monotonic.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware.core import Command, Fact
from firmware.model import Candidate, Endpoint


@dataclass(frozen=True, slots=True)
class AddressesChanged(Fact):
    """Where our socket can be reached without a router in between, by the interfaces we have."""

    addresses: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class ObservedAt(Fact):
    """`observer` saw our datagrams come from `endpoint` (overlay -> path); it may lie."""

    endpoint: Endpoint
    observer: Endpoint


@dataclass(frozen=True, slots=True)
class PortMapped(Fact):
    """The router forwards `endpoint` to us, as asked for; None = no longer, or it never did."""

    endpoint: Endpoint | None


@dataclass(frozen=True, slots=True)
class ExchangesChanged(Fact):
    """With these exchanges we are registered now (overlay -> path), the best first."""

    exchanges: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class OwnCandidatesFound(Fact):
    """Where we may be reached (path -> call), all of it, best first.

    `private` are addresses of a local network; no stranger is told them before the callee lifts.
    `relays` are the exchanges through which we are reached, if not directly.
    """

    public: tuple[Candidate, ...]
    private: tuple[Candidate, ...]
    relays: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class PreparePath(Command):
    """The handshake with the peer is done (call -> path): `key` proves who probes.

    `remotes` are where the peer answers already, the first being where signalling goes.
    """

    key: bytes = field(repr=False)
    is_caller: bool
    remotes: tuple[Endpoint, ...]
    relayed_only: bool = False  # no direct path is probed or used
    call: int = 0  # whose path it is, here and below; 0 = of the one in front


@dataclass(frozen=True, slots=True)
class ProbePeer(Command):
    """The peer says where it may be reached (call -> path); adds to what it said.

    An exchange of its (CandidateKind.RELAY) has the channel to the peer in its endpoint.
    """

    candidates: tuple[Candidate, ...]
    call: int = 0


@dataclass(frozen=True, slots=True)
class PathChanged(Fact):
    """Where packets for the peer go from now on (path -> call, status), the path itself first.

    More than one endpoint = the path is in doubt, so that packets go on all of them.
    """

    endpoints: tuple[Endpoint, ...]
    others: tuple[Endpoint, ...]  # that work, too: what must arrive soon goes there as well
    is_relayed: bool
    rtt_s: float | None  # round trip, smoothed; None = not measured
    call: int = 0
    unproved: tuple[Endpoint, ...] = ()  # of these: no check was answered there of late


@dataclass(frozen=True, slots=True)
class SoundRouter(Command):
    """Write to some on the Internet to whom nothing went of late (path -> overlay).

    Behind a router that counts its ports their answers tell how far it has got. IPv4 only, since
    IPv6 is not translated so; nothing comes of it if everybody known was written to.
    """


@dataclass(frozen=True, slots=True)
class RouterSounded(Fact):
    """Now a datagram leaves for `observer`, who is new to our router (overlay -> path).

    Its answer will be an ObservedAt.
    """

    observer: Endpoint


@dataclass(frozen=True, slots=True)
class GatewayFound(Fact):
    """Answers FindGateway: the router's address, and our socket as seen from its side; or None."""

    gateway: str | None
    own: Endpoint | None


@dataclass(frozen=True, slots=True)
class UpnpAnswered(Fact):
    """Answers AskUpnp: what is mapped now; None = there is no such router, or it refuses."""

    external: Endpoint | None


@dataclass(frozen=True, slots=True)
class Stopping(Fact):
    """The box ends in a moment: leave nothing behind."""


@dataclass(frozen=True, slots=True)
class FindGateway(Command):
    """Ask the system for the default route, in a worker thread."""


@dataclass(frozen=True, slots=True)
class AskUpnp(Command):
    """Have `own` mapped by the UPnP router at `gateway`, in a worker thread.

    `lifetime_s` 0 = remove the mapping of `external_port`.
    """

    gateway: str
    own: Endpoint
    external_port: int
    lifetime_s: int


@dataclass(frozen=True, slots=True)
class SendByDoor(Command):
    """Send `data` once from a socket of its own, which only hears `to` (path -> shell).

    Doors towards `to` are numbered from 1; each is opened by the first datagram that leaves there.
    IPv4. Nothing happens where the system has no socket left.
    """

    data: bytes
    to: Endpoint
    door: int


@dataclass(frozen=True, slots=True)
class KeepDoor(Command):
    """From now on all that is sent to `to` leaves by `door`; the others towards it are closed.

    0 = none is kept. What comes in at a door that is kept is an ordinary datagram.
    """

    to: Endpoint
    door: int


@dataclass(frozen=True, slots=True)
class SendFromOtherPort(Command):
    """Send `data` once, from a port that nobody has ever written to."""

    data: bytes
    to: Endpoint
