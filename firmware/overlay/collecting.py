"""Collects the slips that exchanges hand over: opens, proves, has them noted, then acknowledges.

A slip is told once, with however many exchanges it lies; it is acknowledged when it is on our card.
What is forged, or not for us, is acknowledged too: so it lies nowhere any longer.
Anybody can make certificates that prove nothing: what they cost is bounded, and what is beyond
stays where it is and comes again.
Units: `_s` monotonic seconds. Source: ours, docs/protocol.md section 6.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field

from firmware.bucket import Bucket, Buckets
from firmware.channel import Slip, Taken, slip_id_of, taken_part
from firmware.errors import MalformedError
from firmware.events import Argon2Computed, ComputeArgon2, Message, SendDatagram
from firmware.events.services import SlipCame, SlipNoted, SlipOutcome, TellBack
from firmware.identity import Identity
from firmware.model import Endpoint
from firmware.number import from_digest, hash_question
from firmware.overlay.slip import OpenSlip, open_slip
from firmware.overlay.swarm import Known

WAITING_MAX = 32  # slips; the exchanges come again with what is beyond
HASHES_MAX = 2  # at the same time
HASHES_BURST_MAX = 16.0  # of senders whom we do not know: as many as one target may have of slips
HASHES_PER_S_MAX = 0.25
SLIPS_BURST_MAX = 96.0  # of one exchange: 16 slips, of which up to 4 come again with each taken
SLIPS_PER_S_MAX = 4.0  # each costs a signature of ours, or is opened and verified
EXCHANGES_MAX = 8  # whose rate is known
DONE_MAX = 256  # slips that are known to be done with


@dataclass(slots=True, eq=False)
class _Waiting:
    slip: OpenSlip
    secret: bytes  # of the hash that proves the number
    where: dict[tuple[Endpoint, bytes], bytes] = field(default_factory=dict)  # keys of exchanges
    number: str = ""  # proved
    is_asked: bool = False


class CollectingSlips:
    """Of one box."""

    def __init__(self, known: Known) -> None:
        self.counters: Counter[str] = Counter()
        self._known = known
        self._identity: Identity | None = None
        self._waiting: dict[bytes, _Waiting] = {}  # by identifier
        self._done: OrderedDict[bytes, None] = OrderedDict()
        self._slips = Buckets(SLIPS_BURST_MAX, SLIPS_PER_S_MAX, EXCHANGES_MAX)
        self._hashes = Bucket(HASHES_BURST_MAX, HASHES_PER_S_MAX)

    def claim(self, identity: Identity | None) -> None:
        """Who we are."""
        self._identity = identity

    def receive(
        self, frame: Slip, source: Endpoint, exchange_key: bytes, now_s: float
    ) -> list[Message]:
        """Of an exchange with which we are registered; it comes again with what is too much."""
        if self._identity is None:
            return []
        if not self._slips.take(exchange_key, now_s):
            self.counters["slip_over_the_limit"] += 1
            return []
        slip_id, place = slip_id_of(frame.slip), (source, frame.kept_id)
        if slip_id in self._done:
            return [self._taken(slip_id, place, exchange_key)]
        waiting = self._waiting.get(slip_id)
        if waiting is None:
            if len(self._waiting) >= WAITING_MAX:
                return []
            try:
                slip = open_slip(frame.slip, self._identity)
            except MalformedError:
                self.counters["forged"] += 1
                self._finish(slip_id)
                return [self._taken(slip_id, place, exchange_key)]
            secret, _ = hash_question(slip.certificate.public_key, slip.certificate.modifier)
            if not self._may_prove(secret, now_s):
                self.counters["hash_over_the_limit"] += 1
                return []
            waiting = self._waiting[slip_id] = _Waiting(slip, secret)
        waiting.where[place] = exchange_key
        return self._prove()

    def hear(self, fact: Argon2Computed) -> list[Message]:
        """A hash, perhaps of one who has left a slip."""
        asked = [one for one in self._waiting.values() if one.is_asked and not one.number]
        if not any(one.secret == fact.secret for one in asked):
            return []
        self._known.keep_number(fact.secret, from_digest(fact.digest))
        return self._prove()

    def noted(self, fact: SlipNoted) -> list[Message]:
        """What came of it: the exchanges need it no longer, and its sender may know that."""
        out: list[Message] = []
        for slip_id, one in list(self._waiting.items()):
            if (one.number, one.slip.utc_s) != (fact.number, fact.utc_s):
                continue
            del self._waiting[slip_id]
            if fact.outcome is SlipOutcome.LATER:
                continue
            out += self._acknowledge(slip_id, one)
            if fact.outcome is SlipOutcome.KEPT:
                out.append(TellBack(fact.number, fact.utc_s))
        return out

    def _may_prove(self, secret: bytes, now_s: float) -> bool:
        """Its hash is known, or is awaited already, or one more may be spent."""
        is_known, _ = self._known.number_of(secret)
        is_awaited = any(one.secret == secret for one in self._waiting.values())
        return is_known or is_awaited or self._hashes.take(1.0, now_s)

    def _prove(self) -> list[Message]:
        """A number is what the hash of a key says; one after the other is computed."""
        out: list[Message] = []
        for slip_id, one in list(self._waiting.items()):
            if one.number:
                continue
            is_known, number = self._known.number_of(one.secret)
            if is_known and number is None:
                self.counters["forged"] += 1
                del self._waiting[slip_id]
                out += self._acknowledge(slip_id, one)
            elif number is not None:
                one.number = number
                out.append(SlipCame(number, one.slip.utc_s))
        unknown = [one for one in self._waiting.values() if not one.number]
        for one in unknown[:HASHES_MAX]:
            if not one.is_asked:
                one.is_asked = True
                certificate = one.slip.certificate
                question = hash_question(certificate.public_key, certificate.modifier)
                out.append(ComputeArgon2(*question))
        return out

    def _acknowledge(self, slip_id: bytes, one: _Waiting) -> list[Message]:
        self._finish(slip_id)
        return [self._taken(slip_id, place, key) for place, key in one.where.items()]

    def _finish(self, slip_id: bytes) -> None:
        self._done[slip_id] = None
        if len(self._done) > DONE_MAX:
            self._done.popitem(last=False)

    def _taken(
        self, slip_id: bytes, place: tuple[Endpoint, bytes], exchange_key: bytes
    ) -> SendDatagram:
        assert self._identity is not None
        signature = self._identity.sign(taken_part(exchange_key, slip_id))
        exchange, kept_id = place
        return SendDatagram(Taken(kept_id, slip_id, signature).encode(), exchange)
