"""Port mapping: has the router forward a port to us, renews it, proves it, takes it back.

PCP is tried first, then NAT-PMP, then UPnP. What a router grants is told (`PortMapped`) only when
an exchange's knock has come through it. Knows no call. Units: `_s` monotonic seconds.
Sources: RFC 6887 (PCP) sections 8.1.1, 8.5, 11.2.1; RFC 6886 (NAT-PMP) sections 3.1, 3.6, 3.7; UPnP
IGD WANIPConnection:1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from firmware.errors import MalformedError
from firmware.events import (
    AddressesChanged,
    AskUpnp,
    DatagramReceived,
    FindGateway,
    GatewayFound,
    Message,
    ObservedAt,
    PortMapped,
    SendDatagram,
    Started,
    Stopping,
    UpnpAnswered,
)
from firmware.model import Endpoint
from firmware.overlay.dht.address import Scope, scope_of
from firmware.overlay.mapping import pcp
from firmware.overlay.mapping.proof import Proof

LIFETIME_S = 3600  # asked for; renewed after half of it
LIFETIME_MIN_S = 120  # a router that grants less is asked no sooner all the same
LIFETIME_MAX_S = 86_400
TRIES = 4  # of each protocol: 3.75 s in all
RETRY_S = 0.25  # RFC 6886 section 3.1: the router is in the same house; doubles
PAUSE_S = 600.0  # before a router that mapped nothing is asked again
PROOF_AGAIN_S = 300.0  # before a mapping that did not prove itself is tried again
EPOCH_SLACK_S = 2
WITNESSES_MAX = 8


class Way(Enum):
    """How the router is talked to, in this order."""

    PCP = "PCP"
    NAT_PMP = "NAT-PMP"
    UPNP = "UPnP"


NEXT = {Way.PCP: Way.NAT_PMP, Way.NAT_PMP: Way.UPNP}


@dataclass(frozen=True, slots=True)
class Router:
    """Whom we ask for what."""

    host: str
    own: Endpoint


@dataclass(frozen=True, slots=True)
class Lease:
    """What the router granted, to be renewed at `renew_s`, gone at `end_s`."""

    external: Endpoint
    renew_s: float
    end_s: float
    epoch_s: int = 0  # of the router, at `granted_s`
    granted_s: float = 0.0


class Mapper:
    """A core of the phone."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self.way = Way.PCP
        self._random_bytes = random_bytes
        self._nonce = random_bytes(pcp.NONCE_BYTES)
        self._router: Router | None = None
        self._hosts: set[str] | None = None
        self._lease: Lease | None = None
        self._proof: Proof | None = None
        self._proof_s: float | None = None  # when to try again
        self._told: Endpoint | None = None
        self._witnesses: dict[Endpoint, Endpoint] = {}  # exchange: where it sees us
        self._tries = 0
        self._next_s: float | None = None  # when to ask (again), or to begin anew
        self._outer_host = ""  # of NAT-PMP, which tells it apart from the port
        self._is_upnp_asked = False

    @property
    def mapped(self) -> Endpoint | None:
        """What the router granted, proved or not."""
        return None if self._lease is None else self._lease.external

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Take what the router, the exchanges and the system say."""
        out: list[Message] = []
        match fact:
            case Started():
                out.append(FindGateway())
            case AddressesChanged(addresses=addresses):
                hosts = {address.host for address in addresses}
                if self._hosts not in (None, hosts):
                    out.append(FindGateway())
                self._hosts = hosts
            case GatewayFound(gateway=gateway, own=own):
                out += self._face(gateway, own, now_s)
            case ObservedAt(endpoint=endpoint, observer=observer):
                out += self._observe(endpoint, observer, now_s)
            case UpnpAnswered(external=external):
                out += self._hear_upnp(external, now_s)
            case DatagramReceived(data=data, source=source):
                out += self._receive(data, source, fact, now_s)
            case Stopping():
                return self._take_back()
        return out + self._believe(now_s)

    def on_time(self, now_s: float) -> list[Message]:
        """Ask, renew, prove, begin anew."""
        out: list[Message] = []
        if self._lease is not None and now_s >= self._lease.end_s:
            self._lease = self._proof = None
            out += self._begin(Way.PCP, now_s)
        elif self._next_s is not None and now_s >= self._next_s:
            out += self._ask_again(now_s)
        if self._proof is not None:
            out += self._proof.on_time(self._seen_there(), now_s)
        if self._proof_s is not None and now_s >= self._proof_s:
            self._proof_s = None
            out += self._prove(now_s)
        return out + self._believe(now_s)

    def deadline_s(self) -> float | None:
        """The earliest of all."""
        deadlines = [
            self._next_s,
            self._proof_s,
            None if self._lease is None else self._lease.end_s,
            None if self._proof is None else self._proof.deadline_s(),
        ]
        return min((due_s for due_s in deadlines if due_s is not None), default=None)

    # --- the router ------------------------------------------------------------------------------

    def _face(self, gateway: str | None, own: Endpoint | None, now_s: float) -> list[Message]:
        """This is our router now; who has none, or no private address, needs no mapping."""
        router = None if gateway is None or own is None else Router(gateway, own)
        if router is not None and scope_of(router.own.host) is not Scope.PRIVATE:
            router = None
        if router == self._router and self._lease is not None:
            return []
        self._router, self._lease, self._proof = router, None, None
        self._next_s = self._proof_s = None
        if router is None:
            self._next_s = now_s + PAUSE_S  # there may be one later
            return []
        return self._begin(Way.PCP, now_s)

    def _begin(self, way: Way, now_s: float) -> list[Message]:
        self.way, self._tries, self._outer_host = way, 0, ""
        return self._ask(now_s)

    def _ask_again(self, now_s: float) -> list[Message]:
        if self._router is None:
            self._next_s = now_s + PAUSE_S
            return [FindGateway()]
        if self._tries < TRIES:
            return self._ask(now_s)
        if self._lease is not None:  # it grants no more; keep it to its end
            self._next_s = None
            return []
        following = NEXT.get(self.way)
        return self._pause(now_s) if following is None else self._begin(following, now_s)

    def _pause(self, now_s: float) -> list[Message]:
        self.way, self._tries = Way.PCP, 0
        self._next_s = now_s + PAUSE_S
        return []

    def _ask(self, now_s: float) -> list[Message]:
        assert self._router is not None
        own, external = self._router.own, self.mapped
        port = external.port if external is not None else own.port
        if self.way is Way.UPNP:
            self._is_upnp_asked, self._next_s = True, now_s + PAUSE_S  # if no answer comes
            return [AskUpnp(self._router.host, own, port, LIFETIME_S)]
        self._next_s = now_s + RETRY_S * 2.0**self._tries
        self._tries += 1
        to = Endpoint(self._router.host, pcp.PORT)
        if self.way is Way.PCP:
            return [SendDatagram(pcp.pcp_request(own, self._nonce, LIFETIME_S, external), to)]
        requests = [] if self._outer_host else [pcp.PMP_ADDRESS_REQUEST]
        requests.append(pcp.pmp_request(own.port, port, LIFETIME_S))
        return [SendDatagram(request, to) for request in requests]

    def _receive(
        self, data: bytes, source: Endpoint, fact: DatagramReceived, now_s: float
    ) -> list[Message]:
        if self._router is None:
            return []
        if source == Endpoint(self._router.host, pcp.PORT):
            try:
                answer = pcp.decode(data)
            except MalformedError:
                return []
            return self._hear_router(answer, now_s)
        if self._proof is not None:
            self._proof.hear(fact)
        return []

    def _hear_router(self, answer: pcp.RouterAnswer, now_s: float) -> list[Message]:
        """Only what was asked counts, so that a late answer of another protocol changes nothing."""
        assert self._router is not None
        own_port = self._router.own.port
        match answer:
            case pcp.PcpAnswer() if self.way is Way.PCP and answer.result != pcp.SUCCESS:
                return self._refused(now_s)
            case pcp.PcpAnswer(external=Endpoint() as external) if self.way is Way.PCP:
                is_ours = answer.nonce == self._nonce and answer.internal_port == own_port
                if is_ours and answer.lifetime_s:  # 0 = taken back
                    return self._granted(external, answer.lifetime_s, answer.epoch_s, now_s)
            case pcp.PmpAnswer() | pcp.PmpAddress() if self.way is Way.PCP:
                if answer.result == pcp.UNSUPPORTED_VERSION:  # RFC 6887 appendix A
                    return self._begin(Way.NAT_PMP, now_s)
            case pcp.PmpAddress() if self.way is Way.NAT_PMP and answer.result == pcp.SUCCESS:
                self._outer_host = answer.host
            case pcp.PmpAnswer() if self.way is Way.NAT_PMP:
                if answer.result != pcp.SUCCESS:
                    return self._refused(now_s)
                if answer.internal_port == own_port and self._outer_host and answer.lifetime_s:
                    external = Endpoint(self._outer_host, answer.external_port)
                    return self._granted(external, answer.lifetime_s, answer.epoch_s, now_s)
        return []

    def _refused(self, now_s: float) -> list[Message]:
        """A lease that is only not renewed lives on; else another protocol may do."""
        if self._lease is not None:
            return []
        following = NEXT.get(self.way)
        return self._pause(now_s) if following is None else self._begin(following, now_s)

    def _hear_upnp(self, external: Endpoint | None, now_s: float) -> list[Message]:
        if not self._is_upnp_asked or self._router is None:
            return []
        self._is_upnp_asked = False
        if external is not None:
            return self._granted(external, LIFETIME_S, 0, now_s)
        return self._refused(now_s)

    def _granted(
        self, external: Endpoint, lifetime_s: int, epoch_s: int, now_s: float
    ) -> list[Message]:
        lasts_s = min(max(lifetime_s, LIFETIME_MIN_S), LIFETIME_MAX_S)
        share = 1 / 2 + self._random_bytes(1)[0] / 255 / 8  # RFC 6887 section 11.2.1
        before, self._tries = self._lease, 0
        self._next_s = now_s + share * lasts_s
        self._lease = Lease(external, self._next_s, now_s + lasts_s, epoch_s, now_s)
        is_same = before is not None and before.external == external
        if is_same and not _has_restarted(before, epoch_s, now_s):
            return []
        return self._prove(now_s)

    # --- the proof -------------------------------------------------------------------------------

    def _observe(self, endpoint: Endpoint, observer: Endpoint, now_s: float) -> list[Message]:
        before = self._witnesses.pop(observer, None)
        self._witnesses[observer] = endpoint
        while len(self._witnesses) > WITNESSES_MAX:
            del self._witnesses[next(iter(self._witnesses))]
        if self._lease is None:
            return []
        if before is not None and before.host != endpoint.host and self._router is not None:
            return self._begin(self.way, now_s)  # the router has another address now
        return [] if self._proof is None else self._proof.begin(self._seen_there(), now_s)

    def _seen_there(self) -> list[Endpoint]:
        """Exchanges that see us at the mapped address; others would knock at another door."""
        host = "" if self._lease is None else self._lease.external.host
        return [one for one, seen in self._witnesses.items() if seen.host == host]

    def _prove(self, now_s: float) -> list[Message]:
        if self._lease is None or scope_of(self._lease.external.host) is not Scope.GLOBAL:
            self._proof = None  # the router has no address of the Internet itself
            return []
        self._proof = Proof(self._lease.external, self._random_bytes)
        return self._proof.begin(self._seen_there(), now_s)

    def _believe(self, now_s: float) -> list[Message]:
        """Tell what is proved, once; try again later what is not."""
        proof = self._proof
        if proof is not None and proof.has_failed and self._proof_s is None:
            self._proof_s = now_s + PROOF_AGAIN_S
        if proof is not None and not proof.is_proved and not proof.has_failed and self._told:
            return []  # being tried anew: what was true stays until it is known not to be
        mapped = proof.mapped if proof is not None and proof.is_proved else None
        if mapped == self._told:
            return []
        self._told = mapped
        return [PortMapped(mapped)]

    # --- the end ---------------------------------------------------------------------------------

    def _take_back(self) -> list[Message]:
        """Remove what was mapped; the router's answer is not waited for."""
        if self._router is None or self._lease is None:
            return []
        router, external = self._router, self._lease.external
        self._lease = self._proof = None
        self._next_s = self._proof_s = None
        to = Endpoint(router.host, pcp.PORT)
        match self.way:
            case Way.PCP:
                return [SendDatagram(pcp.pcp_request(router.own, self._nonce, 0), to)]
            case Way.NAT_PMP:
                return [SendDatagram(pcp.pmp_request(router.own.port, 0, 0), to)]
            case Way.UPNP:
                return [AskUpnp(router.host, router.own, external.port, 0)]


def _has_restarted(before: Lease | None, epoch_s: int, now_s: float) -> bool:
    """The router counts seconds since it knows of mappings; RFC 6886 section 3.6."""
    if before is None or not before.epoch_s:
        return False
    elapsed_s = now_s - before.granted_s
    return epoch_s + EPOCH_SLACK_S < before.epoch_s + elapsed_s * 7 / 8
