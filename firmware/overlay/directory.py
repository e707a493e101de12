"""The telephone directory: publishes our number, resolves others, hands out our certificate.

Owns the node and sees its facts; knows no call. Units: `_s` monotonic seconds.
Source: ours, docs/protocol.md (swarm of a number, x_fr_certificate), over BEP 5.
"""

from __future__ import annotations

from collections.abc import Callable

from firmware.events import (
    Argon2Computed,
    ComputeArgon2,
    ExpectNumber,
    Fact,
    Message,
    NumberClaimed,
    NumberUnresolved,
    ReachabilityChanged,
    ResolveNumber,
    WallClockRead,
)
from firmware.model import Endpoint
from firmware.overlay.facts import Answered, LookupEnded, PeersSeen
from firmware.overlay.krpc import ERROR_GENERIC, Answer, GetCertificate, Question, Refusal
from firmware.overlay.node import Node
from firmware.overlay.publish import Publication
from firmware.overlay.resolve import Resolution, ResolveTrace
from firmware.overlay.swarm import Calendar, Known, info_hash_of, swarm_question

RESOLUTIONS_MAX = 8  # at a time; one more number is unresolved at once


class Directory:
    """A core. Without a certificate it only resolves, until NumberClaimed brings one."""

    def __init__(
        self,
        node: Node,
        random_bytes: Callable[[int], bytes],
        certificate: bytes | None = None,
        number: str | None = None,
    ) -> None:
        assert (certificate is None) == (number is None)
        self.trace: ResolveTrace | None = None  # of the last number resolved
        self._node = node
        self._random_bytes = random_bytes
        self._certificate = certificate
        self._number = number
        self._calendar: Calendar | None = None
        self._calendar_due_s: float | None = None
        self._publications: dict[int, Publication] = {}  # by day
        self._resolutions: dict[str, Resolution] = {}
        self._known = Known()
        self._expected: tuple[bytes, bytes] | None = None  # swarm question of ExpectNumber
        self._told = ReachabilityChanged(0, published=False)
        node.serve(GetCertificate, self._hand_out)

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """WallClockRead, NumberClaimed, ResolveNumber, Argon2Computed; the rest is the node's."""
        out: list[Message] = []
        match fact:
            case WallClockRead(utc_s):
                self._calendar = Calendar(utc_s, now_s)
                out += self._plan(now_s)
            case NumberClaimed(number, certificate):
                self._withdraw()
                self._number, self._certificate = number, certificate
                out += self._plan(now_s)
            case ExpectNumber(number):
                out += self._expect(number, now_s)
            case ResolveNumber(number):
                out += self._resolve(number, now_s)
            case Argon2Computed(secret, salt, digest):
                if (secret, salt) == self._expected:
                    self._known.keep_swarm(self._expected, info_hash_of(digest))
                self._tell_jobs(fact, now_s)
            case _:
                return self._settle(self._node.handle(fact, now_s), now_s)
        return self._settle(out, now_s)

    def on_time(self, now_s: float) -> list[Message]:
        """Everything that is due in the node, the publications and the resolutions."""
        out = self._node.on_time(now_s)
        if self._calendar_due_s is not None and now_s >= self._calendar_due_s:
            out += self._plan(now_s)
        return self._settle(out, now_s)

    def deadline_s(self) -> float | None:
        """The earliest of all."""
        deadlines = [
            self._node.deadline_s(),
            self._calendar_due_s,
            *(publication.deadline_s() for publication in self._publications.values()),
            *(resolution.deadline_s() for resolution in self._resolutions.values()),
        ]
        return min((due_s for due_s in deadlines if due_s is not None), default=None)

    def _hand_out(self, question: Question, source: Endpoint) -> Answer | Refusal:
        """Our certificate to whoever knows the swarm of our number, wherever it asks from."""
        del source
        assert isinstance(question, GetCertificate)
        for publication in self._publications.values():
            if publication.info_hash == question.info_hash:
                return Answer(certificate=self._certificate)
        return Refusal(ERROR_GENERIC, "Not My Number")

    def _plan(self, now_s: float) -> list[Message]:
        """Publish in the swarms of the days that count now, and leave the others."""
        if self._calendar is None or self._number is None:
            return []
        days = self._calendar.announced_days(now_s)
        self._calendar_due_s = self._calendar.next_change_s(now_s)
        for day in [day for day in self._publications if day not in days]:
            self._publications.pop(day).end()
        out: list[Message] = []
        for day in days:
            if day not in self._publications:
                publication = Publication(self._number, day, self._node, self._random_bytes)
                self._publications[day] = publication
                out += publication.begin()
        return out

    def _withdraw(self) -> None:
        for publication in self._publications.values():
            publication.end()
        self._publications = {}

    def _expect(self, number: str, now_s: float) -> list[Message]:
        """Compute the swarm of `number` while the last digit is dialled."""
        if self._calendar is None or number == self._number:
            return []
        self._expected = swarm_question(number, self._calendar.today(now_s))
        if self._known.swarm_of(self._expected) is not None:
            return []
        return [ComputeArgon2(*self._expected)]

    def _resolve(self, number: str, now_s: float) -> list[Message]:
        if number in self._resolutions:
            return []  # its answer is on the way
        # Our own number is held by nobody else, and we do not call ourselves.
        if number == self._number or len(self._resolutions) >= RESOLUTIONS_MAX:
            return [NumberUnresolved(number)]
        today = None if self._calendar is None else self._calendar.today(now_s)
        resolution = Resolution(number, today, self._node, self._known)
        self._resolutions[number] = resolution
        return resolution.begin(now_s)

    def _settle(self, messages: list[Message], now_s: float) -> list[Message]:
        """Let the node and those who use it talk until nothing is left to say."""
        out: list[Message] = []
        pending = messages + self._node.drain() + self._advance(now_s)
        while pending := pending + self._node.drain():
            for message in pending:
                if isinstance(message, PeersSeen | LookupEnded | Answered):
                    self._tell_jobs(message, now_s)
                else:
                    out.append(message)
            pending = self._advance(now_s)
        published = any(p.is_published(now_s) for p in self._publications.values())
        reachability = ReachabilityChanged(self._node.nodes, published)
        if reachability != self._told:
            self._told = reachability
            out.append(reachability)
        return out

    def _tell_jobs(self, fact: Fact, now_s: float) -> None:
        for publication in self._publications.values():
            publication.hear(fact, now_s)
        for resolution in self._resolutions.values():
            resolution.hear(fact, now_s)

    def _advance(self, now_s: float) -> list[Message]:
        out: list[Message] = []
        for publication in self._publications.values():
            publication.advance(now_s)
        for number, resolution in list(self._resolutions.items()):
            out += resolution.advance(now_s)
            if resolution.result is not None:
                self.trace = resolution.trace(now_s)
                resolution.end()
                del self._resolutions[number]
        return out
