"""The exchange: registers boxes, hands out their certificates, joins boxes by channels.

Knows nobody's call and can read none of it. Serves questions of KRPC through the node, channel
frames and STUN Binding by itself. What it cannot do it refuses in a word, so that boxes go
elsewhere; it never sends an address without proof more bytes than came from there.
Units: `_s` monotonic seconds, `_utc_s` Unix time. Source: ours, docs/protocol.md section 6.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

from firmware import channel as frames
from firmware.bucket import Bucket
from firmware.channel import ID_BYTES, Refused, Standing, target_of
from firmware.demux import CHANNEL_FIRST_BYTE
from firmware.errors import MalformedError
from firmware.events import Argon2Computed, Fact, Message, SendDatagram
from firmware.events.network import LimitRelays, RelayUsed
from firmware.identity import Certificate, Identity
from firmware.model import Endpoint
from firmware.overlay.dht.address import may_name
from firmware.overlay.dht.krpc import (
    ERROR_GENERIC,
    ERROR_PROTOCOL,
    ERROR_SERVER,
    ERROR_TEXTS,
    Answer,
    GetCertificate,
    Question,
    Refusal,
    Register,
    Ring,
)
from firmware.overlay.dht.node import Node
from firmware.overlay.dht.store import Tokens
from firmware.overlay.exchange import mirror
from firmware.overlay.exchange.announcer import Announcer
from firmware.overlay.exchange.channels import Channels, Sent
from firmware.overlay.exchange.contest import Contest
from firmware.overlay.exchange.farewells import Farewells
from firmware.overlay.exchange.limits import Helping, Limits
from firmware.overlay.exchange.registrations import Registration, Registrations
from firmware.overlay.exchange.rings import Rings
from firmware.overlay.exchange.slips import KNOWN_MAX, Slips
from firmware.overlay.lease import TOKEN_BYTES, Entry, Outcome, Reception, binding_of
from firmware.overlay.proof import prove
from firmware.overlay.shards import shard_hash, shard_of
from firmware.overlay.swarm import Calendar

SWEEP_S = 5.0
RINGS_BURST, RING_PAUSE_S = 12, 5.0  # enough to find out which of three is lying
FAREWELL_S = 0.02
RATE_S = 1.0  # over which traffic is measured
NEW_UNTIL = 0.8  # of the limit: above it no new channel, so that those there are have room
RETRY_S = 30  # said to who comes while we are full
_TOKEN_FOR = b"fernruf register"


class Exchange:
    """On `node`, whose questions it answers and through which it announces its boxes.

    If `automatic` it serves as long as strangers reach the node, else always.
    """

    def __init__(
        self,
        identity: Identity,
        node: Node,
        random_bytes: Callable[[int], bytes],
        limits: Limits | None = None,
        *,
        automatic: bool = False,
    ) -> None:
        self.counters: Counter[str] = Counter()
        self.public_key = identity.public_key
        self.limits = limits or Limits()
        self.tls_port: int | None = None  # where boxes whose networks block UDP get in
        self.registrations = Registrations(self.limits.registrations)
        self.channels = Channels(self.limits.channels, self.limits.bytes_per_s, random_bytes)
        self.slips = Slips(
            self.limits.slips,
            self.registrations,
            self.public_key,
            random_bytes,
            KNOWN_MAX * self.limits.registrations,
        )
        self._sign = identity.sign
        self._random_bytes = random_bytes
        self._node = node
        self._announcer = Announcer(node, random_bytes)
        self._contest = Contest()
        self._rings = Rings()
        self._tokens, self._cookies = Tokens(random_bytes), Tokens(random_bytes)
        self._utc_less_now_s: float | None = None
        self._sweep_s = math.inf
        self._standing = Standing.DRAINING if automatic else Standing.SERVING
        self._is_automatic = automatic
        self._traffic = (0.0, 0, 0.0)  # when it was looked at last, bytes then, bytes/s until then
        self._out: list[Message] = []
        self._farewells = Farewells()
        node.serve(Register, self.register)
        node.serve(Ring, self.ring)

    def set_clock(self, utc_s: float, now_s: float) -> None:
        """Without a clock no lease can be judged, and nobody is registered."""
        self._utc_less_now_s = utc_s - now_s

    def publish(self, now_s: float) -> None:
        """Announce ourselves, so that boxes that look for an exchange find us."""
        self._announcer.want(shard_hash(shard_of(self.public_key)), now_s, others=True)

    def drain(self, now_s: float, *, for_good: bool = False) -> None:
        """We are about to stop: nobody new, and who is here is told where to go."""
        self._standing, self._is_automatic = Standing.DRAINING, self._is_automatic and not for_good
        self._farewells.begin(self.registrations.endpoints())
        self.slips.hand_on(tuple(self._announcer.others)[-frames.ELSEWHERE_MAX :], now_s)
        self._sweep_s = now_s

    def helping(self) -> Helping:
        """How much of the limits is used."""
        return Helping(
            len(self.registrations),
            self._announcer.announced,
            len(self.channels),
            self.channels.bytes_relayed,
            self.limits,
            self._standing is Standing.DRAINING,
        )

    def load(self, now_s: float) -> int:
        """0 = free, 255 = nothing is left, by what is scarcest."""
        used = max(
            len(self.registrations) / max(1, self.limits.registrations),
            len(self.channels) / max(1, self.limits.channels),
            self._bytes_per_s(now_s) / max(1, self.limits.bytes_per_s),
        )
        return min(255, int(255 * used))

    def _bytes_per_s(self, now_s: float) -> float:
        """Relayed of late."""
        since_s, bytes_then, per_s = self._traffic
        if now_s - since_s >= RATE_S:
            per_s = (self.channels.bytes_relayed - bytes_then) / (now_s - since_s)
            self._traffic = (now_s, self.channels.bytes_relayed, per_s)
        return per_s

    def register(self, question: Question, source: Endpoint, now_s: float) -> Answer | Refusal:
        """`x_fr_register`."""
        assert isinstance(question, Register)
        try:
            entry = Entry.decode(question.request)
            outcome, registration_id = Outcome.TOKEN, bytes(ID_BYTES)
            if entry is not None:
                outcome, registration_id = self._enter(entry, source, now_s)
        except MalformedError:
            self.counters["malformed"] += 1
            return Refusal(ERROR_PROTOCOL, ERROR_TEXTS[ERROR_PROTOCOL])
        if outcome is Outcome.TOKEN and self._standing is Standing.DRAINING:
            outcome = Outcome.DRAINING
        self.counters[f"register_{outcome.name.lower()}"] += 1
        token = self._tokens.issue(_TOKEN_FOR, str(source), now_s)
        reception = Reception(
            outcome,
            self.load(now_s),
            RETRY_S if outcome is Outcome.FULL else 0,
            self.public_key,
            token[:TOKEN_BYTES],
            registration_id,
            source,
        )
        tls_port = self.tls_port if outcome is Outcome.REGISTERED else None
        less_s = None if entry is None else self._utc_less_now_s  # a short question, a short answer
        utc_s = None if less_s is None else int(now_s + less_s)
        return Answer(registration=reception.encode(), tls_port=tls_port, utc_s=utc_s)

    def ring(self, question: Question, source: Endpoint, now_s: float) -> Answer | Refusal:
        """`x_fr_ring`: call a box that is registered here, through an exchange it names."""
        assert isinstance(question, Ring)
        asker = self.registrations.keep(question.registration_id, source, now_s)
        is_call = question.frame[:2] == bytes((CHANNEL_FIRST_BYTE, frames.Kind.OPEN))
        if asker is None or not is_call or not may_name(question.to, source):
            self.counters["ring_refused"] += 1
            return Refusal(ERROR_GENERIC, "Not Registered")
        if not asker.rings.take(1.0, now_s):
            return Refusal(ERROR_SERVER, "Too Often")
        self._out.append(self._rings.make(question.frame, question.to))
        return Answer()

    def certificate(self, question: GetCertificate, source: Endpoint) -> Answer | None:
        """Of a registered box, with its lease and our proof that it is we who are meant in it."""
        holder = self.registrations.holder(question.info_hash)
        if holder is None:
            return None
        proof = None
        if question.nonce:
            proof = prove(self._sign, question.nonce, question.info_hash, source)
        return Answer(certificate=holder.certificate, lease=holder.lease, proof=proof)

    def _enter(self, entry: Entry, source: Endpoint, now_s: float) -> tuple[Outcome, bytes]:
        nobody = bytes(ID_BYTES)
        if self._standing is Standing.DRAINING:
            return Outcome.DRAINING, nobody
        if not self._tokens.accepts(entry.token, _TOKEN_FOR, str(source), now_s):
            return Outcome.DENIED, nobody
        self._node.desk.proved(source, now_s)
        target = target_of(entry.certificate[1:33])
        known = self.registrations.find(target)
        if known is not None and (known.endpoint, known.lease) == (source, entry.lease.encode()):
            return Outcome.REGISTERED, known.registration_id  # our answer was lost, or slow
        if not self.registrations.has_room(target, source, entry.hashes):
            return Outcome.FULL, nobody
        certificate = Certificate.decode(entry.certificate)
        if not self._is_right(entry, certificate.public_key, now_s):
            return Outcome.DENIED, nobody
        registration = Registration(
            target,
            self._random_bytes(ID_BYTES),
            entry.certificate,
            entry.lease.encode(),
            entry.lease.expires_utc_s,
            entry.hashes,
            source,
            now_s,
            Bucket(RINGS_BURST, 1 / RING_PAUSE_S, now_s),
        )
        if known is not None and known.hashes == entry.hashes:
            registration.is_true = known.is_true
        for info_hash in self.registrations.put(registration):
            self._announcer.leave(info_hash)
        for info_hash in registration.hashes:
            self._announcer.want(info_hash, now_s)
        self.slips.know(registration, now_s)
        self.channels.follow(target, source)
        for rival in self.registrations.rivals(registration):
            self._contest.examine(rival)
        self._sweep_s = min(self._sweep_s, now_s + SWEEP_S)
        return Outcome.REGISTERED, registration.registration_id

    def _is_right(self, entry: Entry, public_key: bytes, now_s: float) -> bool:
        lease = entry.lease
        return (
            self._utc_less_now_s is not None
            and lease.is_valid_at(now_s + self._utc_less_now_s)
            and lease.exchange_key == self.public_key
            and lease.binding == binding_of(entry.token, entry.hashes)
            and lease.is_signed_by(public_key)
        )

    # --- frames ------------------------------------------------------------------------------

    def receive(self, data: bytes, source: Endpoint, now_s: float) -> list[Message] | None:
        """One channel frame; None if it is not for the exchange."""
        if data[1:2] == b"\x02" and len(data) >= frames.DATA_HEAD_BYTES:
            sent = self.channels.relay(data, source, now_s)
            if sent is None:
                return None
            return [*self.channels.drain(), *(SendDatagram(*one) for one in sent)]
        try:
            frame = frames.decode(data)
        except MalformedError:
            self.counters["malformed"] += 1
            return []
        match frame:
            case frames.Open():
                sent = self._open(frame, source, len(data), now_s)
                return [*self.channels.drain(), *(SendDatagram(*one) for one in sent)]
            case frames.Keep():
                return self._keep(frame, source, now_s)
            case frames.Leave():
                self._sweep_s = min(self._sweep_s, now_s + SWEEP_S)
                is_draining = self._standing is Standing.DRAINING
                return self.slips.leave(frame, source, now_s, is_draining=is_draining)
            case frames.Taken():
                if (one := self.registrations.keep(frame.kept_id, source, now_s)) is not None:
                    self.slips.taken(frame, one, now_s)
                return []
            case frames.Challenge() | frames.Left():
                self.slips.receive(frame, source, now_s)
                if isinstance(frame, frames.Challenge):
                    return list(self._rings.prove(frame, source)) or None
        return None

    def _open(self, frame: frames.Open, source: Endpoint, size: int, now_s: float) -> list[Sent]:
        registration = self.registrations.find(frame.target)
        if registration is None:
            return [_refuse(frame.nonce, Refused.UNKNOWN_TARGET, 0, source)]
        if len(frame.payload) > frames.OPEN_PAYLOAD_BYTES_MAX:
            self.counters["too_long"] += 1
            return []
        key, channel = (source, frame.nonce + frame.target), None
        is_proved = self._cookies.accepts(frame.cookie, frame.target, str(source), now_s)
        if key not in self.channels and not is_proved and self.channels.is_pressed(frame.target):
            self.counters["challenged"] += 1
            cookie = self._cookies.issue(frame.target, str(source), now_s)
            return [(frames.Challenge(frame.nonce, cookie).encode(), source)]
        if key in self.channels or self._bytes_per_s(now_s) < NEW_UNTIL * self.limits.bytes_per_s:
            channel = self.channels.open(
                key, frame.target, registration.endpoint, size, now_s, is_proved=is_proved
            )
        sent = [] if channel is None else self.channels.deliver(channel, frame.payload, now_s)
        if not sent:
            return [_refuse(frame.nonce, Refused.FULL, RETRY_S, source)]
        self._sweep_s = min(self._sweep_s, now_s + SWEEP_S)
        return sent

    def _keep(self, frame: frames.Keep, source: Endpoint, now_s: float) -> list[Message]:
        registration = self.registrations.keep(frame.kept_id, source, now_s)
        leg = None if registration else self.channels.keep(frame.kept_id, source, now_s)
        if frame.is_last:
            self.channels.close(frame.kept_id, source)
            for info_hash in self.registrations.leave(frame.kept_id, source):
                self._announcer.leave(info_hash)
            return self.channels.drain()
        if registration is not None:
            self.slips.greet(registration, now_s)
        elif leg is None:
            return [SendDatagram(*_refuse(frame.kept_id, Refused.UNKNOWN_ID, 0, source))]
        kept = frames.Kept(frame.kept_id, frame.count, self._standing, self.load(now_s))
        return [*self.channels.drain(), SendDatagram(kept.encode(), source)]

    def unknown(self, data: bytes, source: Endpoint) -> list[Message]:
        """A DATA frame on a leg that neither we nor our own box know."""
        self.counters["unknown_id"] += 1
        if len(data) <= 13:
            return []
        return [SendDatagram(*_refuse(data[2:10], Refused.UNKNOWN_ID, 0, source))]

    def tell_address(self, data: bytes, source: Endpoint, now_s: float) -> list[Message]:
        """STUN Binding."""
        return mirror.tell_address(data, source, self._node, self.counters, now_s)

    # --- time --------------------------------------------------------------------------------

    @property
    def has_to_say(self) -> bool:
        """True if the answer to a question is not all: `advance` has more."""
        return bool(self._out) or self.channels.has_to_say

    def start(self) -> list[Message]:
        """What the shell must know from the beginning."""
        return [LimitRelays(self.limits.bytes_per_s)]

    def hear(self, fact: Fact, now_s: float) -> None:
        """What the node says of our announcements, and the shell of what passed us by."""
        if isinstance(fact, RelayUsed):
            self.channels.used(fact.uses, now_s)
        else:
            self._announcer.hear(fact, now_s)
        if isinstance(fact, Argon2Computed):
            self._out += self._contest.hear(fact, now_s)

    def advance(self, now_s: float) -> list[Message]:
        """Forget who is gone, announce who is here, take leave; say which channels need us."""
        if self._is_automatic:
            self._open_or_close(now_s)
        self._out += self._farewells.some(self._announcer.others)
        if now_s >= self._sweep_s:
            for info_hash in self.registrations.expire(now_s):
                self._announcer.leave(info_hash)
            self.channels.expire(now_s)
            self.slips.expire(now_s)
            is_busy = len(self.registrations) or len(self.channels) or len(self.slips)
            self._sweep_s = now_s + SWEEP_S if is_busy else math.inf
        if self._farewells:
            self._sweep_s = now_s + FAREWELL_S
        self._announcer.advance(now_s)
        self._out += self.slips.advance(now_s)
        less_s = self._utc_less_now_s
        calendar = None if less_s is None else Calendar(now_s + less_s, now_s)
        self._out += self._contest.advance(calendar, now_s)
        for junk in self._contest.take_junk():
            self.counters["junk"] += 1
            for info_hash in self.registrations.remove_one(junk):
                self._announcer.leave(info_hash)
        out, self._out = self._out, []
        return out + self.channels.drain()

    def _open_or_close(self, now_s: float) -> None:
        """As long as strangers ask us, or our router was proved to let them in."""
        is_reached = self._node.reach.is_shown or self._node.mapped is not None
        if self._standing is Standing.DRAINING and is_reached:
            self._standing = Standing.SERVING
            self.publish(now_s)
        elif self._standing is Standing.SERVING and not is_reached and self._node.is_read_only:
            self._announcer.leave(shard_hash(shard_of(self.public_key)), others=True)
            self.drain(now_s)

    def deadline_s(self) -> float | None:
        """Of the next sweep or announcement; None while nobody is here."""
        parts = (self._announcer, self._contest, self.slips)
        due = (self._sweep_s, *(part.deadline_s() for part in parts))
        due_s = min(one_s for one_s in due if one_s is not None)
        return due_s if due_s < math.inf else None


def _refuse(about: bytes, why: Refused, retry_s: int, to: Endpoint) -> Sent:
    return frames.Refusal(about, why, retry_s).encode(), to
