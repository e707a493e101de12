"""The telephone directory: publishes our number, resolves others, hands out our certificate.

Owns the node and sees its facts; knows no call. Units: `_s` monotonic seconds.
Source: ours, docs/protocol.md section 3, over BEP 5 and BEP 44.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from firmware import channel as frames
from firmware.demux import CHANNEL_FIRST_BYTE
from firmware.errors import MalformedError
from firmware.events import (
    Argon2Computed,
    ComputeArgon2,
    DatagramReceived,
    ExpectNumber,
    Fact,
    HostResolved,
    LanNeighbourLost,
    LanNeighbourSeen,
    Message,
    NumberClaimed,
    NumberResolved,
    NumberUnresolved,
    PeerPinned,
    PortMapped,
    ReachabilityChanged,
    ResolveNumber,
    SendDatagram,
    Started,
    Stopping,
    WallClockRead,
)
from firmware.events.network import HelpingRead, ReadHelping, RelayUsed, StreamOpened
from firmware.events.path import SoundRouter
from firmware.events.services import LeaveSlip, SlipNoted
from firmware.events.store import Kind, RecordsLoaded
from firmware.identity import Identity
from firmware.model import Endpoint, Unreachable
from firmware.overlay.channels import Channels
from firmware.overlay.collecting import CollectingSlips
from firmware.overlay.contacts import LastReached
from firmware.overlay.dht.facts import Answered, LookupEnded, NodeAnswered, PeersSeen
from firmware.overlay.dht.krpc import (
    ERROR_GENERIC,
    Answer,
    GetCertificate,
    Ping,
    Question,
    Refusal,
)
from firmware.overlay.dht.node import Node
from firmware.overlay.exchange.exchange import Exchange
from firmware.overlay.exchange.limits import figures_of
from firmware.overlay.leaving import LeavingSlips
from firmware.overlay.neighbours import Neighbours, lan_question
from firmware.overlay.presence import Presence
from firmware.overlay.proof import prove
from firmware.overlay.registrar.registrar import Registrar
from firmware.overlay.resolve import Resolution, ResolveTrace, Sources
from firmware.overlay.soundings import Soundings
from firmware.overlay.swarm import Calendar, Known, info_hash_of, swarm_question
from firmware.overlay.warm import WarmContacts

_STUN_END = b"\x04"  # above the first bytes of STUN
_FRAME = bytes((CHANNEL_FIRST_BYTE,))
RESOLUTIONS_MAX = 8  # at a time; one more number is unresolved at once
REST_S = 1.0  # after a sounding: each new destination would move a router that counts


class Directory:
    """A core. Without a certificate it only resolves, until NumberClaimed brings one.

    Without an `identity` it can neither prove that it owns its number nor write its card. `pins`
    are the keys that numbers are known by, `contacts` who was reached before the last restart,
    `exchanges` HOST:PORT of the configuration, `remembered` those of an earlier run.
    Not `direct`: our own address is not published. With an `exchange` others are served, too.
    """

    def __init__(
        self,
        node: Node,
        random_bytes: Callable[[int], bytes],
        certificate: bytes | None = None,
        number: str | None = None,
        *,
        identity: Identity | None = None,
        pins: Mapping[str, bytes] | None = None,
        contacts: Iterable[LastReached] = (),
        exchanges: Iterable[str] = (),
        remembered: Iterable[Endpoint] = (),
        direct: bool = True,
        exchange: Exchange | None = None,
    ) -> None:
        assert (certificate is None) == (number is None)
        self.trace: ResolveTrace | None = None  # of the last number resolved
        self._node = node
        self._identity = identity
        self._pins = dict(pins or {})
        self._calendar: Calendar | None = None
        self._neighbours = Neighbours()
        self._node_then = (0, False, False)  # nodes known, ready, read-only
        self._known = Known(contacts)
        self._soundings = Soundings(node)
        self._presence = Presence(node, random_bytes, direct=direct)
        self.registrar = Registrar(node, random_bytes, exchanges, remembered)
        self.channels = Channels(random_bytes)
        self.exchange = exchange
        self._leaving = LeavingSlips(node, self._known, self._pins, random_bytes)
        self._collecting = CollectingSlips(self._known)
        self._collecting.claim(identity)
        if number is not None and certificate is not None:
            self._presence.claim(number, certificate, identity)
            self.registrar.claim(identity, certificate)
        self._sources = Sources(node, self._known, self._neighbours, random_bytes)
        self._warm = WarmContacts(node, self._known, self._pins, random_bytes)
        self._resolutions: dict[str, Resolution] = {}
        self._expected: set[tuple[bytes, bytes]] = set()  # hashes computed for ExpectNumber
        self._told = ReachabilityChanged(0, published=False, unreachable=Unreachable.NO_NETWORK)
        node.serve(GetCertificate, self._hand_out)

    @property
    def nodes(self) -> int:
        """How many nodes we know."""
        return self._node.nodes

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """WallClockRead, NumberClaimed, ResolveNumber and so on; the rest is the node's."""
        out: list[Message] = []
        match fact:
            case DatagramReceived(data, source) if data[:1] == _FRAME:
                return self._receive_frame(data, source, now_s)
            case DatagramReceived(data, source) if data[:1] < _STUN_END:
                return self._tell_address(data, source, now_s)
            case WallClockRead(utc_s):
                self._calendar = self._warm.calendar = Calendar(utc_s, now_s)
                self.registrar.set_clock(utc_s, now_s)
                if self.exchange is not None:
                    self.exchange.set_clock(utc_s, now_s)
                out += self._presence.set_calendar(self._calendar, now_s)
            case NumberClaimed(number, certificate):
                self._presence.claim(number, certificate, self._identity)
                self.registrar.claim(self._identity, certificate)
                out += self._presence.plan(now_s)
            case ExpectNumber(number):
                out += self._expect(number, now_s)
            case ResolveNumber(number):
                out += self._resolve(number, now_s)
            case LeaveSlip() | SlipNoted():
                out += self._serve_slip(fact, now_s)
            case PeerPinned(number, public_key):
                self._pins[number] = public_key
            case RecordsLoaded(records):
                pins = (one for one in records if one.kind is Kind.PIN)
                self._pins.update((one.key, one.data) for one in pins)
            case LanNeighbourSeen():
                self._meet(fact, now_s)
            case LanNeighbourLost(name):
                self._neighbours.remove(name)
            case Argon2Computed():
                out += self._take_hash(fact, now_s)
            case Started():
                out += self._presence.start(now_s) + self._node.handle(fact, now_s)
                out += self.registrar.start()
                out += [] if self.exchange is None else self.exchange.start()
            case StreamOpened(_, exchange):
                self._enter_by(exchange, now_s)
            case PortMapped(endpoint=mapped):
                self._node.mapped = mapped
            case SoundRouter():
                out += self._sound(now_s)
            case RelayUsed() if self.exchange is not None:
                self.exchange.hear(fact, now_s)
            case ReadHelping():
                return [self._helping()]
            case Stopping():
                return self.drain(now_s)
            case HostResolved():
                self.registrar.resolved(fact)
                out += self._node.handle(fact, now_s)
            case _:
                said = self._node.handle(fact, now_s)
                if self._is_nothing(said):
                    return said
                return self._settle(said, now_s)
        return self._settle(out, now_s)

    def on_time(self, now_s: float) -> list[Message]:
        """Everything that is due in the node, the publications and the resolutions."""
        out = self._node.on_time(now_s) + self._presence.plan_due(now_s)
        return self._settle(out + self.channels.on_time(now_s), now_s)

    def deadline_s(self) -> float | None:
        """The earliest of all."""
        deadlines = [
            self._node.deadline_s(),
            self._presence.deadline_s(),
            self.registrar.deadline_s(),
            self.channels.deadline_s(),
            self._warm.deadline_s(),
            self._leaving.deadline_s(),
            None if self.exchange is None else self.exchange.deadline_s(),
            *(resolution.deadline_s() for resolution in self._resolutions.values()),
        ]
        return min((due_s for due_s in deadlines if due_s is not None), default=None)

    def _sound(self, now_s: float) -> list[Message]:
        """Nothing that can wait comes in between."""
        for what_can_wait in (self._presence, self._warm, self._node):
            what_can_wait.rest(now_s + REST_S)
        return self._soundings.begin(now_s)

    def _serve_slip(self, fact: LeaveSlip | SlipNoted, now_s: float) -> list[Message]:
        if isinstance(fact, SlipNoted):
            return self._collecting.noted(fact)
        certificate = self._presence.certificate
        return self._leaving.begin(fact, self._identity, certificate, self._calendar, now_s)

    def _enter_by(self, exchange: Endpoint, now_s: float) -> None:
        """A tunnel leads there, and nowhere else."""
        self.registrar.learn(exchange)
        self._node.ask(Ping(), exchange, now_s)
        self._node.join(now_s)

    def _hand_out(self, question: Question, source: Endpoint, now_s: float) -> Answer | Refusal:
        """Our certificate to whoever knows a hash of our number, wherever it asks from."""
        del now_s  # each answer is proved anew
        assert isinstance(question, GetCertificate)
        if not self._presence.answers_to(question.info_hash):
            held = None if self.exchange is None else self.exchange.certificate(question, source)
            return held or Refusal(ERROR_GENERIC, "Not My Number")
        proof = None
        if self._identity is not None and question.nonce:
            proof = prove(self._identity.sign, question.nonce, question.info_hash, source)
        return Answer(certificate=self._presence.certificate, proof=proof)

    def _receive_frame(self, data: bytes, source: Endpoint, now_s: float) -> list[Message]:
        """Of a channel or a registration: as an exchange, or as a box."""
        if self.exchange is not None:
            out = self.exchange.receive(data, source, now_s)
            if out is not None:
                return out
        try:
            frame = frames.decode(data)
        except MalformedError:
            return []
        if isinstance(frame, frames.Kept | frames.Refusal | frames.Elsewhere):
            self.registrar.receive(frame, source, now_s)
        elif isinstance(frame, frames.Slip):
            link = self.registrar.link_of(source, frame.kept_id)
            out = [] if link is None else self._collecting.receive(frame, source, link.key, now_s)
            return self._settle(out, now_s)
        elif isinstance(frame, frames.Data) and self.registrar.rang(frame.payload, source, now_s):
            return self._settle([], now_s)
        if isinstance(frame, frames.Challenge | frames.Left):
            self._leaving.receive(frame, source, now_s)
        return self._settle(self.channels.receive(frame, source, now_s), now_s)

    def _meet(self, neighbour: LanNeighbourSeen, now_s: float) -> None:
        """A network of two boxes begins with their finding each other."""
        self._neighbours.add(neighbour)
        if self._node.nodes == 0 and neighbour.endpoints:
            self._node.ask(Ping(), neighbour.endpoints[0], now_s)

    def _expect(self, number: str, now_s: float) -> list[Message]:
        """Compute the hashes of `number` while the last digit is dialled."""
        if number == self._presence.number:
            return []
        questions = set()
        if self._calendar is not None:
            questions.add(swarm_question(number, self._calendar.today(now_s)))
        if len(self._neighbours):
            questions.add(lan_question(number))
        self._expected = {q for q in questions if self._known.swarm_of(q) is None}
        return [ComputeArgon2(*question) for question in sorted(self._expected)]

    def _take_hash(self, fact: Argon2Computed, now_s: float) -> list[Message]:
        question = fact.secret, fact.salt
        if question in self._expected:
            self._expected.remove(question)
            self._known.keep_swarm(question, info_hash_of(fact.digest))
        self._tell_jobs(fact, now_s)
        return self._collecting.hear(fact)

    def _resolve(self, number: str, now_s: float) -> list[Message]:
        if number in self._resolutions:
            return []  # its answer is on the way
        # Our own number is held by nobody else, and we do not call ourselves.
        if number == self._presence.number or len(self._resolutions) >= RESOLUTIONS_MAX:
            return [NumberUnresolved(number)]
        resolution = Resolution(
            number, self._calendar, self._pins.get(number), self._sources, now_s
        )
        self._resolutions[number] = resolution
        return resolution.begin(now_s) + self._guess(number)

    def _guess(self, number: str) -> list[Message]:
        """Who was called before is called at once where it was then; the search goes on meanwhile.

        The INVITE is sealed to the pinned key: nobody else could answer it.
        """
        last, pin = self._known.reached(number), self._pins.get(number)
        if last is None or pin is None or last.certificate.public_key != pin or not last.endpoints:
            return []
        return [NumberResolved(number, last.certificate.encode(), last.endpoints)]

    def drain(self, now_s: float) -> list[Message]:
        """This exchange is about to stop."""
        if self.exchange is not None:
            self.exchange.drain(now_s, for_good=True)
        return self._settle([], now_s)

    def _is_nothing(self, said: list[Message]) -> bool:
        """True if the node has only answered somebody, or asked on: as nearly always."""
        node, former = self._node, self._node_then
        self._node_then = (node.nodes, node.is_ready, node.is_read_only)
        if self._node_then != former or (self.exchange is not None and self.exchange.has_to_say):
            return False
        return all(isinstance(one, SendDatagram) for one in said)

    def _settle(self, messages: list[Message], now_s: float) -> list[Message]:
        """Let the node and those who use it talk until nothing is left to say."""
        out: list[Message] = []
        pending = messages + self._node.drain() + self._advance(now_s)
        while pending := pending + self._node.drain():
            for message in pending:
                if isinstance(message, PeersSeen | NodeAnswered | LookupEnded | Answered):
                    if isinstance(message, Answered):
                        out += self._soundings.hear(message)
                    self._tell_jobs(message, now_s)
                else:
                    out.append(message)
            pending = self._advance(now_s)
        reachability = self._reachability(now_s)
        if reachability != self._told:
            self._told = reachability
            out.append(reachability)
        return out

    def _tell_address(self, data: bytes, source: Endpoint, now_s: float) -> list[Message]:
        return [] if self.exchange is None else self.exchange.tell_address(data, source, now_s)

    def _helping(self) -> HelpingRead:
        figures = None if self.exchange is None else figures_of(self.exchange.helping())
        return HelpingRead(figures)

    def _reachability(self, now_s: float) -> ReachabilityChanged:
        """A self-ring through an exchange is proof; without one we believe what strangers show."""
        nodes, is_announced = self._node.nodes, self._presence.is_published(now_s)
        links = self.registrar.registered()
        why: Unreachable | None = None
        if links and not self.registrar.rings(now_s):
            is_tried = any(link.rings_failed for link in links)
            why = Unreachable.NOT_RUNG if is_tried else Unreachable.NOT_PUBLISHED
        elif not links and nodes == 0:
            why = Unreachable.NO_NETWORK
        elif not links and (self._node.is_read_only or not self._presence.is_direct):
            why = Unreachable.NO_EXCHANGE
        elif not links and not is_announced:
            why = Unreachable.NOT_PUBLISHED
        helped = 0 if self.exchange is None else len(self.exchange.registrations)
        return ReachabilityChanged(nodes, is_announced or bool(links), why, helped)

    def _tell_jobs(self, fact: Fact, now_s: float) -> None:
        self._presence.hear(fact, now_s)
        self.registrar.hear(fact, now_s)
        self._warm.hear(fact)
        self._leaving.hear(fact)
        if self.exchange is not None:
            self.exchange.hear(fact, now_s)
        for resolution in self._resolutions.values():
            resolution.hear(fact, now_s)

    def _advance(self, now_s: float) -> list[Message]:
        out = self._presence.advance(now_s)
        self.registrar.set_hashes(self._presence.hashes())
        self._presence.exchanges = self.registrar.places()
        out += self.registrar.advance(now_s) + self._warm.advance(now_s)
        out += self._leaving.advance(now_s)
        if self.exchange is not None:
            out += self.exchange.advance(now_s)
        for number, resolution in list(self._resolutions.items()):
            out += resolution.advance(now_s)
            if resolution.result is not None:
                self.trace = resolution.trace(now_s)
                resolution.end()
                del self._resolutions[number]
        return out
