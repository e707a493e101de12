"""Leaves slips for boxes that are not there, with the exchanges where they were registered last.

Which these are we know from where the box was reached last, and from its card, be it as old as it
may. Nothing can be sealed without its certificate, which every call in vain looks for; the slip of
who was never reached, nor is to be found any more, stays at our own box.
Units: `_s` monotonic seconds, `utc_s` Unix time. Source: ours, docs/protocol.md section 6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from firmware.channel import TARGET_BYTES, Challenge, Left, target_of
from firmware.errors import MalformedError
from firmware.events import Fact, Message
from firmware.events.services import LeaveSlip, SlipLeft
from firmware.handshake import EPHEMERAL_BYTES
from firmware.identity import Certificate, Identity
from firmware.model import Endpoint
from firmware.overlay.courier import Courier
from firmware.overlay.dht.node import Node
from firmware.overlay.fetch import CardFetch
from firmware.overlay.slip import seal_slip
from firmware.overlay.swarm import Calendar, Known

LEAVING_MAX = 8  # at the same time
EXCHANGES_MAX = 4  # that one slip is left with


@dataclass(slots=True, eq=False)
class _Job:
    wanted: LeaveSlip
    courier: Courier
    fetch: CardFetch | None


class LeavingSlips:
    """Of one box; nothing is left before it has a number."""

    def __init__(
        self,
        node: Node,
        known: Known,
        pins: Mapping[str, bytes],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._node = node
        self._known = known
        self._pins = pins
        self._random_bytes = random_bytes
        self._jobs: list[_Job] = []

    def begin(
        self,
        wanted: LeaveSlip,
        identity: Identity | None,
        certificate: bytes | None,
        calendar: Calendar | None,
        now_s: float,
    ) -> list[Message]:
        """Seal it, and go; SlipLeft follows in any case."""
        callee, has_room = self._callee(wanted.number), len(self._jobs) < LEAVING_MAX
        if callee is None or identity is None or certificate is None or not has_room:
            return [SlipLeft(wanted.number, wanted.utc_s, 0)]
        ephemeral = self._random_bytes(EPHEMERAL_BYTES)
        try:
            slip = seal_slip(callee, certificate, identity.sign, wanted.utc_s, ephemeral)
        except MalformedError:
            return [SlipLeft(wanted.number, wanted.utc_s, 0)]
        courier = Courier(target_of(callee.public_key), slip, self._random_bytes)
        last = self._known.reached(wanted.number)
        courier.send(_exchanges(() if last is None else last.endpoints), now_s)
        fetch = self._fetch(callee, calendar, now_s)
        self._jobs.append(_Job(wanted, courier, fetch))
        return []

    def hear(self, fact: Fact) -> None:
        """Of cards; those of others are ignored."""
        for job in self._jobs:
            if job.fetch is not None:
                job.fetch.hear(fact)

    def receive(self, frame: Challenge | Left, source: Endpoint, now_s: float) -> None:
        """What an exchange says to a slip."""
        for job in self._jobs:
            job.courier.receive(frame, source, now_s)

    def advance(self, now_s: float) -> list[Message]:
        """Go on to who stands on the card; tell what has come of it."""
        out: list[Message] = []
        for job in list(self._jobs):
            if job.fetch is not None and not job.fetch.is_running:
                room = EXCHANGES_MAX - job.courier.exchanges
                job.courier.send(job.fetch.exchanges()[: max(room, 0)], now_s)
                job.fetch = None
            out += job.courier.advance(now_s)
            if job.fetch is None and job.courier.is_done:
                self._jobs.remove(job)
                out.append(SlipLeft(job.wanted.number, job.wanted.utc_s, job.courier.kept))
        return out

    def deadline_s(self) -> float | None:
        """Of the next repetition."""
        due = (job.courier.deadline_s() for job in self._jobs)
        return min((due_s for due_s in due if due_s is not None), default=None)

    def _callee(self, number: str) -> Certificate | None:
        """Proved once, and nobody else's since."""
        last, pin = self._known.reached(number), self._pins.get(number)
        if last is None or pin not in (None, last.certificate.public_key):
            return None
        return last.certificate

    def _fetch(
        self, callee: Certificate, calendar: Calendar | None, now_s: float
    ) -> CardFetch | None:
        if calendar is None:
            return None
        try:
            fetch = CardFetch(callee.public_key, calendar.today(now_s), self._node)
        except MalformedError:  # a key that is none
            return None
        fetch.advance(now_s)
        return fetch


def _exchanges(endpoints: tuple[Endpoint, ...]) -> list[Endpoint]:
    """Those of `endpoints` that are behind an exchange, as its plain address."""
    behind = [one for one in endpoints if len(one.channel) == TARGET_BYTES]
    return [Endpoint(one.host, one.port) for one in behind][:EXCHANGES_MAX]
