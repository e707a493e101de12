"""The certificates handed to us for one number, and what they prove once their hash is computed.

Knows no network and asks nobody. Anybody may hand over anything: what that may cost is limited.
Units: `_s` monotonic seconds. Source: ours, docs/protocol.md section 3.
"""

from __future__ import annotations

import hmac
import math
from collections import deque
from dataclasses import dataclass, field

from firmware import number as numbers
from firmware.errors import MalformedError
from firmware.events import Argon2Computed, ComputeArgon2, Message
from firmware.identity import Certificate
from firmware.model import Endpoint
from firmware.overlay.swarm import Known

VERIFICATIONS_MAX = 64  # memory-hard hashes per number
VERIFICATIONS_AT_ONCE_MAX = 2
GRACE_S = 0.5  # for a better proof, or for another key that was handed to us before


@dataclass(slots=True)
class Claimant:
    """A certificate, and who handed it over."""

    certificate: Certificate
    encoded: bytes
    proved: list[Endpoint] = field(default_factory=list)  # its owner answered there itself
    others: list[Endpoint] = field(default_factory=list)  # may have copied it
    verified: bool | None = None  # whether the number is its; None: the hash is not computed yet

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where a call goes: to whom it may be if nobody has proved to be the owner."""
        return tuple(self.proved or self.others)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be believed now; neither = nothing yet."""

    winner: Claimant | None = None
    conflict: bool = False


class Evidence:
    """About `number`; with a `pin` only that key is right."""

    def __init__(self, number: str, pin: bytes | None, known: Known) -> None:
        self.number = number
        self.grace_until_s = math.inf  # set by the first verified certificate with an address
        self._pin = pin
        self._known = known
        self._claimants: dict[bytes, Claimant] = {}  # by encoded certificate
        self._unverified: deque[tuple[bytes, bytes]] = deque()  # questions for Argon2
        self._verifying: set[tuple[bytes, bytes]] = set()
        self._verifications = 0

    @property
    def is_idle(self) -> bool:
        """True if no hash is wanted or under way."""
        return not (self._unverified or self._verifying)

    def verified_endpoints(self) -> set[Endpoint]:
        """Who handed over a certificate that proves the number; plain addresses."""
        verified = [claimant for claimant in self._claimants.values() if claimant.verified]
        found = [e for claimant in verified for e in (*claimant.proved, *claimant.others)]
        return {Endpoint(e.host, e.port) for e in found}

    def admit(self, encoded: bytes, now_s: float) -> Claimant | None:
        """A certificate was handed over; None if it is malformed."""
        claimant = self._claimants.get(encoded)
        if claimant is None:
            try:
                certificate = Certificate.decode(encoded)
            except MalformedError:
                return None
            claimant = self._claimants[encoded] = Claimant(certificate, encoded)
            self._examine(claimant, now_s)
        return claimant

    def locate(
        self, claimant: Claimant, source: Endpoint, now_s: float, *, is_proved: bool
    ) -> None:
        """It was `source` that handed it over; `is_proved` = and it is the owner itself."""
        places = claimant.proved if is_proved else claimant.others
        if source not in places:
            places.append(source)
        self._begin_grace(claimant, now_s)

    def hashes(self) -> list[Message]:
        """The hashes to be computed next; a few at a time."""
        commands: list[Message] = []
        while self._unverified and len(self._verifying) < VERIFICATIONS_AT_ONCE_MAX:
            question = self._unverified.popleft()
            self._verifying.add(question)
            commands.append(ComputeArgon2(*question))
        return commands

    def hashed(self, fact: Argon2Computed, now_s: float) -> None:
        """A hash was computed, perhaps ours."""
        question = (fact.secret, fact.salt)
        if question not in self._verifying:
            return
        self._verifying.remove(question)
        number = numbers.from_digest(fact.digest)
        self._known.keep_number(fact.secret, number)
        for claimant in self._claimants.values():
            if _question_of(claimant.certificate) == question:
                self._judge(claimant, number, now_s)

    def verdict(self, now_s: float, *, is_last: bool) -> Verdict:
        """Judge by what is there; `is_last` = nothing more will come."""
        is_over = is_last or now_s >= self.grace_until_s
        right = [c for c in self._claimants.values() if c.verified and self._is_expected(c)]
        wrong = [c for c in self._claimants.values() if c.verified and not self._is_expected(c)]
        keys = {claimant.certificate.public_key for claimant in right}
        if len(keys) > 1:
            return Verdict(conflict=True)
        winner = _best(right)
        if winner is None or not winner.endpoints:
            return Verdict(conflict=bool(wrong) and is_over)
        if is_over or (winner.proved and (self._pin is not None or not self._rivals(keys))):
            return Verdict(winner)
        return Verdict()

    def _is_expected(self, claimant: Claimant) -> bool:
        return self._pin is None or hmac.compare_digest(self._pin, claimant.certificate.public_key)

    def _rivals(self, keys: set[bytes]) -> bool:
        """True if another key may still prove the number too."""
        return any(
            claimant.verified is None and claimant.certificate.public_key not in keys
            for claimant in self._claimants.values()
        )

    def _examine(self, claimant: Claimant, now_s: float) -> None:
        question = _question_of(claimant.certificate)
        is_known, number = self._known.number_of(question[0])
        if is_known:
            self._judge(claimant, number, now_s)
        elif question in self._unverified or question in self._verifying:
            pass  # the same key under another name
        elif self._verifications < VERIFICATIONS_MAX:
            self._verifications += 1
            if self._is_expected(claimant) and self._pin is not None:
                self._unverified.appendleft(question)
            else:
                self._unverified.append(question)
        else:
            claimant.verified = False

    def _judge(self, claimant: Claimant, number: str | None, now_s: float) -> None:
        claimant.verified = number == self.number
        self._begin_grace(claimant, now_s)

    def _begin_grace(self, claimant: Claimant, now_s: float) -> None:
        if claimant.verified and claimant.endpoints:
            self.grace_until_s = min(self.grace_until_s, now_s + GRACE_S)


def _best(claimants: list[Claimant]) -> Claimant | None:
    """Who is proved, before who is not."""
    return next((c for c in claimants if c.proved), next((c for c in claimants if c.others), None))


def _question_of(certificate: Certificate) -> tuple[bytes, bytes]:
    return numbers.hash_question(certificate.public_key, certificate.modifier)
