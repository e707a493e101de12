"""One number being resolved: its swarm, the candidates in it, and who of them proves the number.

Knows no call and decides nothing about pinned keys. The first verified certificate wins; a second
key that proves the same number is a conflict. Anybody can announce anything: every candidate is
asked for its certificate, and all that this may cost is limited. Units: `_s` monotonic seconds.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field

from firmware import number as numbers
from firmware.errors import MalformedError
from firmware.events import (
    Argon2Computed,
    ComputeArgon2,
    Fact,
    Message,
    NumberResolved,
    NumberUnresolved,
)
from firmware.identity import Certificate
from firmware.model import Endpoint
from firmware.overlay.address import owner_of
from firmware.overlay.facts import Answered, LookupEnded, PeersSeen
from firmware.overlay.krpc import GetCertificate
from firmware.overlay.node import Node
from firmware.overlay.swarm import Known, info_hash_of, swarm_question

LIMIT_S = 5.0  # a caller does not wait longer for "unobtainable"
ALONE_LIMIT_S = 1.0  # while no node is known at all
GRACE_S = 0.5  # for another key that was handed to us before the first was verified
CANDIDATES_MAX = 512
CANDIDATES_PER_OWNER_MAX = 4
QUESTIONS_MAX = 256  # outstanding at a time
ATTEMPTS = 6  # until the limit: whoever is announced may be there, however bad the line is
ATTEMPTS_IN_A_CROWD = 2  # when more than CROWD candidates wait, most of them are junk
CROWD = 32
VERIFICATIONS_MAX = 64  # memory-hard hashes per number resolved
VERIFICATIONS_AT_ONCE_MAX = 2
LOOKUPS_MAX = 4  # in a row, as long as somebody did not answer: the line may be bad
FRESH_CANDIDATES_MIN = 16  # a lookup that found as many new ones has not seen the whole swarm


@dataclass(frozen=True, slots=True)
class CandidateTrace:
    """An address found in the swarm, and what came of it."""

    endpoint: Endpoint
    verified: bool
    time_s: float  # since the start: verified, answered or, if it never answered, seen


@dataclass(frozen=True, slots=True)
class ResolveTrace:
    """How a number was resolved; `hops` and `messages` count the lookup and the questions."""

    number: str
    candidates: tuple[CandidateTrace, ...]
    hops: int
    messages: int
    time_s: float


@dataclass(slots=True)
class _Claimant:
    """A certificate that somebody handed to us."""

    certificate: Certificate
    encoded: bytes
    endpoints: list[Endpoint] = field(default_factory=list)
    verified: bool | None = None  # None: the hash is not computed yet


class Resolution:
    """`result` is set once, after which nothing more happens."""

    def __init__(self, number: str, day: int | None, node: Node, known: Known) -> None:
        self.number = number
        self.result: NumberResolved | NumberUnresolved | None = None
        self._day = day
        self._node = node
        self._known = known
        self._started_s = self._limit_s = 0.0
        self._info_hash: bytes | None = None
        self._lookup: int | None = None
        self._lookups_ended = 0
        self._hops = 0
        self._messages = 0  # of the lookups that have ended, and of the questions
        self._fresh = 0  # candidates that the present lookup brought
        self._owners: Counter[str] = Counter()
        self._waiting: deque[Endpoint] = deque()
        self._asked: dict[int, Endpoint] = {}
        self._silent: list[Endpoint] = []  # candidates that were asked and did not answer
        self._silent_nodes = 0  # nodes that did not answer the last lookup
        self._times_s: dict[Endpoint, float] = {}
        self._claimants: dict[bytes, _Claimant] = {}  # by encoded certificate
        self._unverified: deque[tuple[bytes, bytes]] = deque()  # questions for Argon2
        self._verifying: set[tuple[bytes, bytes]] = set()
        self._verifications = 0
        self._grace_until_s = math.inf

    def begin(self, now_s: float) -> list[Message]:
        """Ask for the swarm's hash; without a calendar there is no swarm to ask."""
        self._started_s = now_s
        self._limit_s = now_s + LIMIT_S
        if self._node.nodes == 0:
            self._limit_s = now_s + ALONE_LIMIT_S
            self._node.join(now_s)
        if self._day is None:
            self._limit_s = now_s
            return []
        question = swarm_question(self.number, self._day)
        info_hash = self._known.swarm_of(question)
        if info_hash is None:
            return [ComputeArgon2(*question)]
        self._found_swarm(info_hash, now_s)
        return []

    def hear(self, fact: Fact, now_s: float) -> None:
        """Argon2Computed, PeersSeen, LookupEnded, Answered; those of others are ignored."""
        match fact:
            case Argon2Computed(secret, salt, digest):
                self._hashed((secret, salt), digest, now_s)
            case PeersSeen(handle, peers) if handle == self._lookup:
                for peer in peers:
                    self._consider(peer, now_s)
            case LookupEnded(handle, _, trace) if handle == self._lookup:
                self._lookup = None
                self._lookups_ended += 1
                self._hops = max(self._hops, trace.hops)
                self._messages += trace.messages
                self._silent_nodes = trace.silent
            case Answered(handle, source, answer) if handle in self._asked:
                del self._asked[handle]
                if answer is None:
                    self._silent.append(source)
                elif answer.certificate is not None:
                    self._take(answer.certificate, source, now_s)

    def advance(self, now_s: float) -> list[Message]:
        """Ask, verify and decide as far as it goes; the result is the last message."""
        if self.result is not None:
            return []
        if self._node.nodes and self._day is not None:
            self._limit_s = self._started_s + LIMIT_S
        self._look(now_s)
        self._ask_waiting(now_s)
        self._decide(now_s)
        return self._verify_more() if self.result is None else [self.result]

    def deadline_s(self) -> float | None:
        """When it is decided at the latest."""
        return min(self._limit_s, self._grace_until_s) if self.result is None else None

    def trace(self, now_s: float) -> ResolveTrace:
        """What was found, and what it cost."""
        running = None if self._lookup is None else self._node.trace(self._lookup, now_s)
        proved = {e for c in self._claimants.values() if c.verified for e in c.endpoints}
        return ResolveTrace(
            self.number,
            tuple(CandidateTrace(e, e in proved, time_s) for e, time_s in self._times_s.items()),
            max(self._hops, running.hops if running else 0),
            self._messages + (running.messages if running else 0),
            now_s - self._started_s,
        )

    def end(self) -> None:
        """Nothing more is asked."""
        for handle in (*self._asked, *([] if self._lookup is None else [self._lookup])):
            self._node.cancel(handle)

    def _found_swarm(self, info_hash: bytes, now_s: float) -> None:
        self._info_hash = info_hash
        for endpoint in self._known.endpoints_of(
            self.number
        ):  # the quickest way, if it still works
            self._consider(endpoint, now_s)

    def _hashed(self, question: tuple[bytes, bytes], digest: bytes, now_s: float) -> None:
        if self._day is not None and question == swarm_question(self.number, self._day):
            if self._info_hash is None:
                self._known.keep_swarm(question, info_hash_of(digest))
                self._found_swarm(info_hash_of(digest), now_s)
        elif question in self._verifying:
            self._verifying.remove(question)
            self._known.keep_number(question[0], numbers.from_digest(digest))
            for claimant in self._claimants.values():
                if _question_of(claimant.certificate) == question:
                    self._judge(claimant, numbers.from_digest(digest), now_s)

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
            self._lookup = self._node.find_peers(self._info_hash, now_s)

    def _consider(self, endpoint: Endpoint, now_s: float) -> None:
        owner = owner_of(endpoint)
        if (
            endpoint not in self._times_s
            and len(self._times_s) < CANDIDATES_MAX
            and self._owners[owner] < CANDIDATES_PER_OWNER_MAX
        ):
            self._owners[owner] += 1
            self._fresh += 1
            self._times_s[endpoint] = now_s - self._started_s
            self._waiting.append(endpoint)

    def _ask_waiting(self, now_s: float) -> None:
        while self._waiting and len(self._asked) < QUESTIONS_MAX and self._info_hash is not None:
            endpoint = self._waiting.popleft()
            attempts = ATTEMPTS_IN_A_CROWD if len(self._times_s) > CROWD else ATTEMPTS
            handle = self._node.ask(
                GetCertificate(self._info_hash), endpoint, now_s, attempts_max=attempts
            )
            self._asked[handle] = endpoint
            self._messages += 1

    def _take(self, encoded: bytes, source: Endpoint, now_s: float) -> None:
        """`source` hands us a certificate: one hash will tell whether it is of this number."""
        self._times_s[source] = now_s - self._started_s
        claimant = self._claimants.get(encoded)
        if claimant is not None:
            claimant.endpoints.append(source)
            return
        try:
            certificate = Certificate.decode(encoded)
        except MalformedError:
            return
        claimant = self._claimants[encoded] = _Claimant(certificate, encoded, [source])
        question = _question_of(certificate)
        is_known, number = self._known.number_of(question[0])
        if is_known:
            self._judge(claimant, number, now_s)
        elif question in self._unverified or question in self._verifying:
            pass  # the same key under another name
        elif self._verifications < VERIFICATIONS_MAX:
            self._verifications += 1
            self._unverified.append(question)
        else:
            claimant.verified = False

    def _verify_more(self) -> list[Message]:
        commands: list[Message] = []
        while self._unverified and len(self._verifying) < VERIFICATIONS_AT_ONCE_MAX:
            question = self._unverified.popleft()
            self._verifying.add(question)
            commands.append(ComputeArgon2(*question))
        return commands

    def _judge(self, claimant: _Claimant, number: str | None, now_s: float) -> None:
        claimant.verified = number == self.number
        if claimant.verified:
            self._grace_until_s = min(self._grace_until_s, now_s + GRACE_S)
            for endpoint in claimant.endpoints:
                self._times_s[endpoint] = now_s - self._started_s

    def _decide(self, now_s: float) -> None:
        proved = [c for c in self._claimants.values() if c.verified]
        keys = {claimant.certificate.public_key for claimant in proved}
        if len(keys) > 1:
            self.result = NumberUnresolved(self.number, conflict=True)
        elif proved:
            rivals = any(
                c.verified is None and c.certificate.public_key not in keys
                for c in self._claimants.values()
            )
            if not rivals or now_s >= min(self._limit_s, self._grace_until_s):
                winner = proved[0]
                self.result = NumberResolved(self.number, winner.encoded, tuple(winner.endpoints))
                self._known.keep_endpoints(self.number, tuple(winner.endpoints))
        elif now_s >= self._limit_s or self._is_exhausted():
            self.result = NumberUnresolved(self.number)

    def _is_exhausted(self) -> bool:
        """True if every candidate there is has been heard or given up."""
        return self._lookups_ended > 0 and self._lookup is None and self._is_idle()

    def _is_idle(self) -> bool:
        return not (self._waiting or self._asked or self._unverified or self._verifying)


def _question_of(certificate: Certificate) -> tuple[bytes, bytes]:
    return numbers.hash_question(certificate.public_key, certificate.modifier)
