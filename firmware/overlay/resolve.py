"""One number being resolved, as a race: last address, local network, card, swarm.

Knows no call. Whoever any way names is asked for the certificate; the first who proves to be the
number's owner wins. Anybody can announce anything: all that this may cost is limited. Units: `_s`
monotonic seconds. Source: ours, docs/protocol.md section 3.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from firmware.channel import target_of
from firmware.errors import MalformedError
from firmware.events import (
    Argon2Computed,
    ComputeArgon2,
    Fact,
    Message,
    NumberResolved,
    NumberUnresolved,
    StoreState,
)
from firmware.model import Endpoint
from firmware.overlay.contacts import (
    CONTACTS_FILE,
    ENDPOINTS_MAX,
    LastReached,
    encode_contacts,
)
from firmware.overlay.dht.address import owner_of
from firmware.overlay.dht.facts import Answered, Hop, LookupEnded, PeersSeen
from firmware.overlay.dht.krpc import Answer, GetCertificate
from firmware.overlay.dht.node import Node
from firmware.overlay.evidence import Evidence
from firmware.overlay.fetch import CardFetch
from firmware.overlay.lease import Lease
from firmware.overlay.neighbours import Neighbours, lan_question
from firmware.overlay.proof import NONCE_BYTES, is_proved
from firmware.overlay.swarm import Calendar, Known, info_hash_of, swarm_question

LIMIT_S = 5.0  # a caller does not wait longer for "unobtainable"
ALONE_LIMIT_S = 1.0  # while no node is known at all
CANDIDATES_MAX = 512
CANDIDATES_PER_OWNER_MAX = 4
QUESTIONS_MAX = 256  # outstanding at a time
ATTEMPTS = 6  # until the limit: whoever is announced may be there, however bad the line is
ATTEMPTS_IN_A_CROWD = 2  # when more than CROWD candidates wait, most of them are junk
CROWD = 32
PATHS_TO_A_STRANGER = 3  # disjoint, for a number of which we know no key (S/Kademlia section 4.4)
LOOKUPS_MAX = 4  # in a row, as long as somebody did not answer: the line may be bad
FRESH_CANDIDATES_MIN = 16  # a lookup that found as many new ones has not seen the whole swarm


class Way(StrEnum):
    """How a candidate was found."""

    CACHE = "cache"  # where the owner was reached last
    LAN = "lan"
    CARD = "card"
    SWARM = "swarm"


@dataclass(frozen=True, slots=True)
class CandidateTrace:
    """An address that was found, and what came of it."""

    endpoint: Endpoint
    verified: bool
    time_s: float  # since the start: answered or, if it never answered, seen
    way: Way


@dataclass(frozen=True, slots=True)
class ResolveTrace:
    """How a number was resolved; `hops` and `messages` count the lookup and the questions."""

    number: str
    candidates: tuple[CandidateTrace, ...]
    hops: int
    messages: int
    time_s: float
    path: tuple[Hop, ...] = ()  # to the first node that knew the swarm, else to the closest


@dataclass(slots=True)
class _Candidate:
    endpoint: Endpoint
    asked_by: bytes  # the 20 bytes under which it is asked for the certificate
    way: Way
    time_s: float
    nonce: bytes = b""


@dataclass(frozen=True, slots=True)
class Sources:
    """What a resolution draws from."""

    node: Node
    known: Known
    neighbours: Neighbours
    random_bytes: Callable[[int], bytes]


class Resolution:
    """`result` is set once, after which nothing more happens."""

    def __init__(
        self,
        number: str,
        calendar: Calendar | None,
        pin: bytes | None,
        sources: Sources,
        now_s: float,
    ) -> None:
        self.number = number
        self.result: NumberResolved | NumberUnresolved | None = None
        self._calendar = calendar
        self._day = None if calendar is None else calendar.today(now_s)
        self._from = sources
        self._node = sources.node
        self._last = sources.known.reached(number)
        self._evidence = Evidence(number, pin, sources.known)
        self._started_s = self._progress_s = now_s
        self._info_hash: bytes | None = None  # of the swarm
        self._lan_hash: bytes | None = None
        self._is_lan_asked = False
        self._card = self._card_of(pin)
        self._lookup: int | None = None
        self._lookups_ended = 0
        self._hops = 0
        self._path: tuple[Hop, ...] = ()
        self._messages = 0  # of the lookups that have ended, and of the questions
        self._fresh = 0  # candidates that the present lookup brought
        self._owners: Counter[str] = Counter()
        self._candidates: dict[tuple[Endpoint, bytes], _Candidate] = {}
        self._waiting: deque[_Candidate] = deque()
        self._asked: dict[int, _Candidate] = {}
        self._silent: list[_Candidate] = []  # were asked and did not answer
        self._silent_nodes = 0  # nodes that did not answer the last lookup

    def begin(self, now_s: float) -> list[Message]:
        """Ask for the hashes; without a calendar there is no swarm to ask."""
        if self._node.nodes == 0:
            self._node.join(now_s)
        out: list[Message] = []
        if self._day is not None:
            out += self._compute(swarm_question(self.number, self._day), now_s)
        return out + self._look_around(now_s)

    def hear(self, fact: Fact, now_s: float) -> None:
        """Of hashes, lookups and answers; those of others are ignored."""
        if self._card is not None:
            self._card.hear(fact)
        match fact:
            case Argon2Computed(secret, salt, digest):
                self._take_hash((secret, salt), digest, now_s)
                self._evidence.hashed(fact, now_s)
            case PeersSeen(handle, peers) if handle == self._lookup:
                assert self._info_hash is not None
                for peer in peers:
                    self._consider(peer, self._info_hash, Way.SWARM, now_s)
            case LookupEnded(handle, _, trace) if handle == self._lookup:
                self._lookup = None
                self._lookups_ended += 1
                self._hops = max(self._hops, trace.hops)
                self._messages += trace.messages
                self._path = trace.path
                self._silent_nodes = trace.silent
            case Answered(handle, _, answer) if handle in self._asked:
                candidate = self._asked.pop(handle)
                if answer is None:
                    self._silent.append(candidate)
                elif answer.certificate is not None:
                    self._take(candidate, answer.certificate, answer, now_s)

    def advance(self, now_s: float) -> list[Message]:
        """Ask, verify and decide as far as it goes; the result is the last message."""
        if self.result is not None:
            return []
        out = self._look_around(now_s)
        self._read_card(now_s)
        self._look(now_s)
        self._ask_waiting(now_s)
        out += self._decide(now_s)
        return out + self._evidence.hashes() if self.result is None else [*out, self.result]

    def deadline_s(self) -> float | None:
        """When it is decided at the latest."""
        if self.result is not None:
            return None
        return min(self._limit_s(), self._evidence.grace_until_s)

    def trace(self, now_s: float) -> ResolveTrace:
        """What was found, and what it cost."""
        running = None if self._lookup is None else self._node.trace(self._lookup, now_s)
        card_messages = 0 if self._card is None else self._card.messages
        verified = self._evidence.verified_endpoints()
        return ResolveTrace(
            self.number,
            tuple(
                CandidateTrace(c.endpoint, c.endpoint in verified, c.time_s, c.way)
                for c in self._candidates.values()
            ),
            max(self._hops, running.hops if running else 0),
            self._messages + card_messages + (running.messages if running else 0),
            now_s - self._started_s,
            running.path if running else self._path,
        )

    def end(self) -> None:
        """Nothing more is asked."""
        for handle in (*self._asked, *([] if self._lookup is None else [self._lookup])):
            self._node.cancel(handle)
        if self._card is not None:
            self._card.end()

    # --- ways to candidates ------------------------------------------------------------------

    def _compute(self, question: tuple[bytes, bytes], now_s: float) -> list[Message]:
        """A hash that opens a way, unless it is known."""
        info_hash = self._from.known.swarm_of(question)
        if info_hash is None:
            return [ComputeArgon2(*question)]
        self._open_way(question, info_hash, now_s)
        return []

    def _take_hash(self, question: tuple[bytes, bytes], digest: bytes, now_s: float) -> None:
        if question[0] == self.number.encode():
            self._from.known.keep_swarm(question, info_hash_of(digest))
            self._open_way(question, info_hash_of(digest), now_s)

    def _open_way(self, question: tuple[bytes, bytes], info_hash: bytes, now_s: float) -> None:
        if question == lan_question(self.number):
            self._lan_hash, self._progress_s = info_hash, now_s
        elif self._day is not None and question == swarm_question(self.number, self._day):
            self._info_hash = info_hash
            for endpoint in self._last.endpoints if self._last is not None else ():
                plain = Endpoint(endpoint.host, endpoint.port)  # whom to ask, channel or not
                self._consider(plain, info_hash, Way.CACHE, now_s)

    def _look_around(self, now_s: float) -> list[Message]:
        """Who of the local network has the number; it costs no hash while nobody is there."""
        if not len(self._from.neighbours):
            return []
        if not self._is_lan_asked:
            self._is_lan_asked = True
            return self._compute(lan_question(self.number), now_s)
        if self._lan_hash is not None:
            for endpoint in self._from.neighbours.holders(self._lan_hash):
                self._consider(endpoint, self._lan_hash, Way.LAN, now_s)
        return []

    def _card_of(self, pin: bytes | None) -> CardFetch | None:
        """Only who knows the key can find the card."""
        key = self._last.certificate.public_key if pin is None and self._last is not None else pin
        if key is None or self._day is None:
            return None
        try:
            return CardFetch(key, self._day, self._node)
        except MalformedError:
            return None

    def _read_card(self, now_s: float) -> None:
        """Where its owner says it is; the certificate in it can be verified meanwhile."""
        if self._card is None or self._calendar is None:
            return
        self._card.advance(now_s)
        if self._card.card is not None:
            certificate = self._card.card.certificate
            claimant = self._evidence.admit(certificate.encode(), now_s)
            for place in self._card.places(self._calendar.utc_at(now_s)):
                if place.key and claimant is not None:  # the owner's own word: nothing to be asked
                    behind = place.endpoint._replace(channel=target_of(certificate.public_key))
                    self._evidence.locate(claimant, behind, now_s, is_proved=True)
                elif self._info_hash is not None:
                    self._consider(place.endpoint, self._info_hash, Way.CARD, now_s)

    def _look(self, now_s: float) -> None:
        if self._info_hash is None or self._lookup is not None or not self._node.is_ready:
            return
        again = self._is_idle() and self._silent_nodes + len(self._silent) > 0
        if self._lookups_ended == 0 or (
            self._lookups_ended < LOOKUPS_MAX and (again or self._fresh >= FRESH_CANDIDATES_MIN)
        ):
            self._fresh = 0
            self._waiting.extend(self._silent)
            self._silent.clear()
            paths = PATHS_TO_A_STRANGER if self._card is None else 1
            self._lookup = self._node.find_peers(self._info_hash, now_s, paths=paths)

    def _consider(self, endpoint: Endpoint, info_hash: bytes, way: Way, now_s: float) -> None:
        owner = owner_of(endpoint)
        if (
            (endpoint, info_hash) not in self._candidates
            and len(self._candidates) < CANDIDATES_MAX
            and self._owners[owner] < CANDIDATES_PER_OWNER_MAX
        ):
            self._owners[owner] += 1
            self._fresh += way is Way.SWARM
            candidate = _Candidate(endpoint, info_hash, way, now_s - self._started_s)
            self._candidates[endpoint, info_hash] = candidate
            self._waiting.append(candidate)

    # --- questions and answers ---------------------------------------------------------------

    def _ask_waiting(self, now_s: float) -> None:
        while self._waiting and len(self._asked) < QUESTIONS_MAX:
            candidate = self._waiting.popleft()
            candidate.nonce = self._from.random_bytes(NONCE_BYTES)
            attempts = ATTEMPTS_IN_A_CROWD if len(self._candidates) > CROWD else ATTEMPTS
            question = GetCertificate(candidate.asked_by, candidate.nonce)
            handle = self._node.ask(question, candidate.endpoint, now_s, attempts_max=attempts)
            self._asked[handle] = candidate
            self._messages += 1

    def _take(
        self, candidate: _Candidate, certificate: bytes, answer: Answer, now_s: float
    ) -> None:
        """A candidate hands us a certificate: one hash will tell whether it is of this number."""
        candidate.time_s = now_s - self._started_s
        claimant = self._evidence.admit(certificate, now_s)
        if claimant is None:
            return
        self._progress_s = now_s
        public_key, endpoint = claimant.certificate.public_key, candidate.endpoint
        speaker = self._speaker(public_key, answer, now_s)
        is_meant = is_proved(
            answer.proof or b"",
            speaker or public_key,
            candidate.nonce,
            candidate.asked_by,
            answerer=endpoint,
            own_host=self._node.external_host(endpoint),
        )
        if speaker is not None:  # the owner is behind that exchange
            endpoint = Endpoint(endpoint.host, endpoint.port, target_of(public_key))
        self._evidence.locate(claimant, endpoint, now_s, is_proved=is_meant)

    def _speaker(self, public_key: bytes, answer: Answer, now_s: float) -> bytes | None:
        """The key of the exchange that may speak for the owner, if the answer shows its lease."""
        if answer.lease is None or self._calendar is None:
            return None
        try:
            lease = Lease.decode(answer.lease)
        except MalformedError:
            return None
        is_valid = lease.is_valid_at(self._calendar.utc_at(now_s))
        return lease.exchange_key if is_valid and lease.is_signed_by(public_key) else None

    def _decide(self, now_s: float) -> list[Message]:
        """Set the result as soon as there is one; what was reached where is news to be kept."""
        is_last = now_s >= self._limit_s() or self._is_exhausted()
        verdict = self._evidence.verdict(now_s, is_last=is_last)
        if verdict.conflict:
            self.result = NumberUnresolved(self.number, conflict=True)
        elif verdict.winner is not None:
            winner = verdict.winner
            self.result = NumberResolved(self.number, winner.encoded, winner.endpoints)
            contact = LastReached(self.number, winner.certificate, winner.endpoints[:ENDPOINTS_MAX])
            if self._from.known.keep_reached(contact):
                return [StoreState(CONTACTS_FILE, encode_contacts(self._from.known.contacts()))]
        elif is_last:
            self.result = NumberUnresolved(self.number, offline=self._node.nodes == 0)
        return []

    def _is_exhausted(self) -> bool:
        """True if every candidate there is has been heard or given up."""
        is_looking = self._lookup is not None or (self._card is not None and self._card.is_running)
        return self._lookups_ended > 0 and not is_looking and self._is_idle()

    def _is_idle(self) -> bool:
        return not (self._waiting or self._asked or self._awaits_hash())

    def _awaits_hash(self) -> bool:
        is_waiting_for_lan = self._is_lan_asked and self._lan_hash is None
        return is_waiting_for_lan or not self._evidence.is_idle

    def _limit_s(self) -> float:
        """When it is over, as things stand: soon if nobody can be asked at all."""
        if self._awaits_hash() or (self._node.nodes and self._day is not None):
            return self._started_s + LIMIT_S
        if self._day is None and not self._is_lan_asked:
            return self._started_s
        return min(self._started_s + LIMIT_S, self._progress_s + ALONE_LIMIT_S)
