"""The slips that an exchange keeps for boxes that are not there, until they are registered here.

It can read none of them. They are in its memory only: each lies with three exchanges, and the box
that has left it goes on trying by itself. At a limit the one more is refused; who is here stays.
Units: `_s` monotonic seconds. Source: ours, docs/protocol.md section 6.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from firmware.channel import (
    COOKIE_BYTES,
    Challenge,
    Leave,
    Leaving,
    Left,
    Slip,
    Taken,
    slip_id_of,
    taken_part,
)
from firmware.events import Message, SendDatagram
from firmware.events.services import AWAY_S_MAX
from firmware.model import Endpoint
from firmware.overlay.courier import Courier
from firmware.overlay.dht.address import owner_of
from firmware.overlay.dht.store import Tokens
from firmware.overlay.exchange.registrations import Registration, Registrations
from firmware.primitives import is_signed

PER_TARGET_MAX = 16
PER_SENDER_MAX = 32  # of one address
PER_SENDER_AND_TARGET_MAX = 4
STRANGERS_SHARE = 0.25  # of the room, for targets that were never registered here
KNOWN_MAX = 4  # targets that are remembered for each box that may be registered
AT_ONCE_MAX = 4  # sent to a box before it has taken the first
REPEAT_S = 2.0
TRIES_MAX = 5  # in a row; then again when the box says something after REST_S
REST_S = 600.0
HANDED_ON_MAX = 64  # when we stop, the latest, to HANDS others each
HANDS = 3


@dataclass(slots=True, eq=False)
class _Kept:
    slip_id: bytes
    slip: bytes = field(repr=False)
    target: bytes
    sender: str  # whose address has proved itself
    since_s: float


@dataclass(slots=True)
class _Round:
    """Of handing over to one box."""

    next_s: float
    tries: int = 0


class Slips:
    """At most `most`; `known` are targets that were registered here of late."""

    def __init__(
        self,
        most: int,
        registrations: Registrations,
        public_key: bytes,
        random_bytes: Callable[[int], bytes],
        known_max: int,
    ) -> None:
        self.counters: Counter[str] = Counter()
        self._most = most
        self._registrations = registrations
        self._public_key = public_key
        self._random_bytes = random_bytes
        self._cookies = Tokens(random_bytes)
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()  # by identifier, oldest first
        self._of_target: dict[bytes, dict[bytes, _Kept]] = {}
        self._senders: Counter[str] = Counter()
        self._strangers = 0  # slips for targets that are not known
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._known_max = known_max
        self._rounds: dict[bytes, _Round] = {}
        self._resting: OrderedDict[bytes, float] = OrderedDict()  # who took nothing; until when
        self._couriers: list[Courier] = []

    def __len__(self) -> int:
        return len(self._kept)

    # --- who leaves one ----------------------------------------------------------------------

    def leave(
        self, frame: Leave, source: Endpoint, now_s: float, *, is_draining: bool
    ) -> list[Message]:
        """Take it from whoever proves its address."""
        if not self._cookies.accepts(frame.cookie, frame.target, str(source), now_s):
            cookie = self._cookies.issue(frame.target, str(source), now_s)[:COOKIE_BYTES]
            return [SendDatagram(Challenge(frame.nonce, cookie).encode(), source)]
        leaving = Leaving.DRAINING if is_draining else self._take(frame, source, now_s)
        self.counters[f"leave_{leaving.name.lower()}"] += 1
        return [SendDatagram(Left(frame.nonce, leaving).encode(), source)]

    def _take(self, frame: Leave, source: Endpoint, now_s: float) -> Leaving:
        slip_id, sender = slip_id_of(frame.slip), owner_of(source)
        if slip_id in self._kept:
            return Leaving.KEPT  # our answer was lost
        same = self._of_target.get(frame.target, {})
        is_strange = frame.target not in self._known
        if (
            len(self._kept) >= self._most
            or len(same) >= PER_TARGET_MAX
            or self._senders[sender] >= PER_SENDER_MAX
            or sum(one.sender == sender for one in same.values()) >= PER_SENDER_AND_TARGET_MAX
            or (is_strange and self._strangers >= STRANGERS_SHARE * self._most)
        ):
            return Leaving.FULL
        kept = _Kept(slip_id, frame.slip, frame.target, sender, now_s)
        self._kept[slip_id] = kept
        self._of_target.setdefault(frame.target, {})[slip_id] = kept
        self._senders[sender] += 1
        self._strangers += is_strange
        registration = self._registrations.find(frame.target)
        if registration is not None:  # it was not reached, and is there nevertheless
            self.greet(registration, now_s)
        return Leaving.KEPT

    # --- for whom it is ----------------------------------------------------------------------

    def know(self, registration: Registration, now_s: float) -> None:
        """A box is registered: what lies here for it is handed over."""
        target = registration.target
        if target not in self._known:
            self._strangers -= len(self._of_target.get(target, ()))
        self._known[target] = None
        self._known.move_to_end(target)
        if len(self._known) > self._known_max:
            forgotten, _ = self._known.popitem(last=False)
            self._strangers += len(self._of_target.get(forgotten, ()))
        self._resting.pop(target, None)
        self.greet(registration, now_s)

    def greet(self, registration: Registration, now_s: float) -> None:
        """A registered box has said something; whoever takes nothing is left in peace for long."""
        target = registration.target
        if target not in self._of_target or target in self._rounds:
            return
        if now_s >= self._resting.get(target, 0.0):
            self._rounds[target] = _Round(now_s)

    def taken(self, frame: Taken, registration: Registration, now_s: float) -> None:
        """The box does not need it any more, if it is the box that says so."""
        kept = self._kept.get(frame.slip_id)
        if kept is None or kept.target != registration.target:
            return
        key = registration.certificate[1:33]
        if not is_signed(frame.signature, taken_part(self._public_key, frame.slip_id), key):
            self.counters["taken_forged"] += 1
            return
        self.counters["taken"] += 1
        self._forget(kept)
        if kept.target in self._of_target:
            self._rounds[kept.target] = _Round(now_s)

    # --- time --------------------------------------------------------------------------------

    def expire(self, now_s: float) -> None:
        """Forget what nobody has fetched, and who has rested."""
        while self._resting and now_s >= next(iter(self._resting.values())):
            self._resting.popitem(last=False)
        while self._kept:
            oldest = next(iter(self._kept.values()))
            if now_s - oldest.since_s < AWAY_S_MAX:
                break
            self._forget(oldest)

    def hand_on(self, others: Iterable[Endpoint], now_s: float) -> None:
        """We are about to stop: the latest are left with others, as by their senders."""
        hands = list(others)
        for i, kept in enumerate(list(self._kept.values())[-HANDED_ON_MAX:]):
            courier = Courier(kept.target, kept.slip, self._random_bytes)
            courier.send(
                [hands[(i + k) % len(hands)] for k in range(min(HANDS, len(hands)))], now_s
            )
            self._couriers.append(courier)

    def receive(self, frame: Challenge | Left, source: Endpoint, now_s: float) -> None:
        """What others say of the slips that we hand on."""
        for courier in self._couriers:
            courier.receive(frame, source, now_s)

    def advance(self, now_s: float) -> list[Message]:
        """Hand over, again and again; hand on."""
        out: list[Message] = []
        for target, one in list(self._rounds.items()):
            if now_s >= one.next_s:
                out += self._hand_over(target, one, now_s)
        for courier in self._couriers:
            out += courier.advance(now_s)
        self._couriers = [courier for courier in self._couriers if not courier.is_done]
        return out

    def deadline_s(self) -> float | None:
        """Of the next repetition."""
        due = [one.next_s for one in self._rounds.values()]
        others = (courier.deadline_s() for courier in self._couriers)
        return min((*due, *(one_s for one_s in others if one_s is not None)), default=None)

    def _hand_over(self, target: bytes, one: _Round, now_s: float) -> list[Message]:
        registration = self._registrations.find(target)
        if registration is None or one.tries == TRIES_MAX:
            del self._rounds[target]
            self._resting.pop(target, None)
            self._resting[target] = now_s + REST_S
            return []
        one.tries, one.next_s = one.tries + 1, now_s + REPEAT_S
        waiting = list(self._of_target.get(target, {}).values())[:AT_ONCE_MAX]
        return [
            SendDatagram(
                Slip(registration.registration_id, kept.slip).encode(), registration.endpoint
            )
            for kept in waiting
        ]

    def _forget(self, kept: _Kept) -> None:
        del self._kept[kept.slip_id]
        same = self._of_target[kept.target]
        del same[kept.slip_id]
        if not same:
            del self._of_target[kept.target]
            self._rounds.pop(kept.target, None)
        self._senders[kept.sender] -= 1
        if not self._senders[kept.sender]:
            del self._senders[kept.sender]
        self._strangers -= kept.target not in self._known
