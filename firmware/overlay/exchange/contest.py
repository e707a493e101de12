"""When several boxes register one hash: who of them has the number that it stands for.

Only then the exchange computes memory-hard hashes, one after the other and with pauses, so that
nobody can make it work. Junk is thrown out; the true one, once proved, is handed out alone.
Units: `_s` monotonic seconds. Source: ours, docs/protocol.md sections 2, 3 and 6.
"""

from __future__ import annotations

from collections import deque

from firmware import number as numbers
from firmware.errors import MalformedError
from firmware.events import Argon2Computed, ComputeArgon2, Message
from firmware.identity import Certificate
from firmware.overlay.exchange.registrations import Registration
from firmware.overlay.swarm import Calendar, info_hash_of, swarm_question

PAUSE_S = 1.0  # after each box that was examined: two to four hashes of some 50 ms
WAITING_MAX = 64  # more wait for the next contest of their hash

_Question = tuple[bytes, bytes]


class Contest:
    """Examines the boxes it is given, in turn."""

    def __init__(self) -> None:
        self._junk: list[Registration] = []
        self._waiting: deque[Registration] = deque()
        self._examined: Registration | None = None
        self._asked: _Question | None = None  # the hash that is being computed
        self._days: list[int] = []  # whose swarm is still to be computed
        self._number = ""
        self._found: set[bytes] = set()
        self._next_s = 0.0

    def examine(self, registration: Registration) -> None:
        """Its turn will come, unless it has been proved before."""
        is_new = registration is not self._examined and registration not in self._waiting
        if registration.is_true is None and is_new and len(self._waiting) < WAITING_MAX:
            self._waiting.append(registration)

    def advance(self, calendar: Calendar | None, now_s: float) -> list[Message]:
        """The next hash that is wanted, if it is time."""
        if calendar is None or self._examined is not None or now_s < self._next_s:
            return []
        if not self._waiting:
            return []
        self._examined = self._waiting.popleft()
        self._days, self._found = list(calendar.announced_days(now_s)), set()
        try:
            certificate = Certificate.decode(self._examined.certificate)
        except MalformedError:
            return self._judge(now_s, is_true=False)
        return self._ask(numbers.hash_question(certificate.public_key, certificate.modifier))

    def hear(self, fact: Argon2Computed, now_s: float) -> list[Message]:
        """A hash was computed, perhaps ours; the next one."""
        if self._examined is None or (fact.secret, fact.salt) != self._asked:
            return []
        if self._asked[0] == self._number.encode():
            self._found.add(info_hash_of(fact.digest))
        else:
            found = numbers.from_digest(fact.digest)
            if found is None:
                return self._judge(now_s, is_true=False)
            self._number = found
        if self._days:
            return self._ask(swarm_question(self._number, self._days.pop()))
        return self._judge(now_s, is_true=set(self._examined.hashes) <= self._found)

    def take_junk(self) -> list[Registration]:
        """Those that were found to have no right to their hashes."""
        junk, self._junk = self._junk, []
        return junk

    def deadline_s(self) -> float | None:
        """When the next examination begins; None while one is under way or nobody waits."""
        return self._next_s if self._waiting and self._examined is None else None

    def _ask(self, question: _Question) -> list[Message]:
        self._asked = question
        return [ComputeArgon2(*question)]

    def _judge(self, now_s: float, *, is_true: bool) -> list[Message]:
        assert self._examined is not None
        self._examined.is_true = is_true
        if not is_true:
            self._junk.append(self._examined)
        self._examined, self._asked, self._number = None, None, ""
        self._next_s = now_s + PAUSE_S
        return []
