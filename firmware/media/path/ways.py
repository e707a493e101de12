"""The ways of one call: which are tried, which one is used, and when two are.

The caller chooses and names its choice in its checks; the callee follows the newest choice. While
it is not sure that the way in use still works, or that the other side knows of a new choice, each
packet goes on several ways: the receiver drops what comes twice. Units: `_s` monotonic seconds.
Sources: RFC 8445 (checks, peer-reflexive candidates), RFC 7675 (consent),
draft-thatcher-ice-renomination-01 (numbered choices).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from firmware.bucket import Bucket
from firmware.errors import MalformedError
from firmware.events import DatagramReceived, PreparePath, SendDatagram
from firmware.media.path.checks import Ask, CheckCodec, Reply
from firmware.media.path.guess import GuessQueue
from firmware.media.path.way import KEEP_CHOSEN_S, KEEP_OTHER_S, Way
from firmware.model import Endpoint
from firmware.stun import TRANSACTION_BYTES

WAYS_MAX = 32
PENDING_MAX = 512  # checks that may still be answered
DESTINATIONS_MAX = 4  # of one packet
OTHERS_MAX = 2
CHECKS_PER_STEP_MAX = 16
RELAYS_CALLER_MAX, RELAYS_CALLEE_MAX = 4, 2  # that work; above it the other side's are not tried
YOUNG_S = 1.0  # so long a relay may become one that works
STEP_S = 0.005  # between bursts (RFC 8445 section 14.2)
# What a peer can aim at places that never asked for it, in one call (RFC 8445 section 19.5.1):
CHECKS_BURST_MAX, CHECKS_PER_S_MAX = 1500.0, 50.0  # more than 32 ways and all guesses take
LIMITED_S = 0.5  # before a way for which there was none left is looked at again
PACKETS_BURST_MAX, PACKETS_PER_S_MAX = 500.0, 2.0  # 10 s of speech, where no check was answered

SILENCE_S_MAX = 0.12  # longer than jitter, shorter than a listener's patience
SILENCE_MISSED_S = 0.06  # after a packet was due, on a line without jitter
PACE_AT_FIRST_S = 0.02
PACE_SHARE = 1 / 16  # of the newest packet (RFC 3550 section 6.4.1)
JITTER_WEIGHT = 3.0
HEARD_S = 0.5  # the peer, heard on a way, is answered there for so long
SETTLE_S = 0.3  # after a change, packets on their way by the old one are no news
CALM_S = 1.0  # after a false alarm
REPEAT_S = 0.04  # of a choice that the callee has not confirmed
TRIGGER_S = 0.02  # no check is triggered sooner after the last one
GAIN_S, GAIN_SHARE = 0.010, 0.2  # a better way must be better by that much


@dataclass(frozen=True, slots=True)
class _Check:
    """A check that waits for its answer."""

    endpoint: Endpoint
    sent_s: float
    nomination: int


class Ways:
    """All ways of one call; `chosen` is the one in use."""

    def __init__(
        self, prepared: PreparePath, random_bytes: Callable[[int], bytes], now_s: float
    ) -> None:
        self.is_caller = prepared.is_caller
        self.relayed_only = prepared.relayed_only
        self.out: list[SendDatagram] = []
        self.counters = {"malformed": 0, "refused": 0, "replayed": 0}
        self._codec = CheckCodec(prepared.key, is_caller=prepared.is_caller)
        self.random_bytes = random_bytes
        self._ways: dict[Endpoint, Way] = {}
        self._pending: dict[bytes, _Check] = {}
        self._guesses = GuessQueue()
        self._heard_asks: dict[bytes, None] = {}  # transactions of the peer, oldest first
        self.chosen = Way(prepared.remotes[0], now_s)
        self._ways[self.chosen.endpoint] = self.chosen
        self._before: Way | None = None  # until the callee knows of the change
        self._nomination = 1 if self.is_caller else 0
        self._is_told = False  # the callee has confirmed the choice
        self._doubt_s: float | None = None  # since when
        self._flow_s: float | None = None  # last packet by the chosen way, while they come
        self._settled_s = now_s + SETTLE_S
        self._pace = Pace()
        self._checks = Bucket(CHECKS_BURST_MAX, CHECKS_PER_S_MAX)
        self._packets = Bucket(PACKETS_BURST_MAX, PACKETS_PER_S_MAX)
        self.try_ways(prepared.remotes[1:], now_s)

    def try_ways(self, endpoints: Iterable[Endpoint], now_s: float) -> None:
        """The peer may be reached there."""
        for endpoint in endpoints:
            way = self._way(endpoint, now_s)
            if way is not None and not way.is_told:
                way.is_told, way.next_s = True, now_s

    def try_relay(self, endpoint: Endpoint, now_s: float) -> None:
        """The peer is registered at that exchange: a way in reserve.

        The caller opens it; the callee only if hardly any other is there.
        """
        relays = {
            one.endpoint[:2]
            for one in self._ways.values()
            if one.is_relay and (one.is_good(now_s) or now_s - one.born_s < YOUNG_S)
        }
        most = RELAYS_CALLER_MAX if self.is_caller else RELAYS_CALLEE_MAX
        if endpoint.channel and endpoint[:2] not in relays and len(relays) < most:
            self.try_ways([endpoint], now_s)

    def guess(self, endpoints: list[Endpoint], now_s: float) -> None:
        """The peer may come from one of these, if its router lets it."""
        if endpoints and not self.relayed_only and not self.is_direct(now_s):
            self._guesses.add(endpoints, now_s)

    def check(self, endpoint: Endpoint, now_s: float, nomination: int = 0) -> SendDatagram:
        """A check of that endpoint, whose answer counts; the caller sends it."""
        transaction_id = self.random_bytes(TRANSACTION_BYTES)
        while len(self._pending) >= PENDING_MAX:
            del self._pending[next(iter(self._pending))]
        self._pending[transaction_id] = _Check(endpoint, now_s, nomination)
        return SendDatagram(self._codec.ask(transaction_id, nomination), endpoint)

    def destinations(self, now_s: float) -> tuple[Endpoint, ...]:
        """Where a packet goes now, the chosen way first, at most DESTINATIONS_MAX."""
        if self._doubt_s is None and (self._before is None or self._is_told):
            return (self.chosen.endpoint,)  # for each packet of a call that goes well
        ways = [self.chosen]
        if self._before is not None and not self._is_told:
            ways.append(self._before)
        if self._doubt_s is not None:
            others = [way for way in self._ways.values() if self._may_carry(way, now_s)]
            ways += sorted(others, key=self._usefulness)
        unique = dict.fromkeys(way.endpoint for way in ways)
        return tuple(unique)[:DESTINATIONS_MAX]

    def carry(self, now_s: float) -> tuple[Endpoint, ...]:
        """The destinations of one packet that is sent now.

        Speech does not wait for the first answered check, but a place where there is none for long
        gets no more of it: whoever calls can name any place (RFC 7675, consent).
        """
        return tuple(
            to
            for to in self.destinations(now_s)
            if self.is_proved(to, now_s) or self._packets.take(1.0, now_s)
        )

    def is_proved(self, endpoint: Endpoint, now_s: float) -> bool:
        """The peer has answered a check there, and not too long ago."""
        way = self._ways.get(endpoint)
        return way is not None and way.is_open(now_s)

    def others(self, now_s: float) -> tuple[Endpoint, ...]:
        """Ways that work beside the destinations, the best OTHERS_MAX."""
        in_use = self.destinations(now_s)
        good = [way for way in self._ways.values() if way.is_good(now_s)]
        good.sort(key=lambda way: way.cost_s)
        return tuple(way.endpoint for way in good if way.endpoint not in in_use)[:OTHERS_MAX]

    def heard(self, source: Endpoint, now_s: float, *, is_first: bool) -> None:
        """An authentic packet came from `source`; `is_first` = no copy of it came before."""
        way = self._way(source, now_s)
        if way is None:
            return
        way.heard_s = now_s
        if not is_first:
            return
        if way is self.chosen:
            self._pace.hear(now_s - self._flow_s if self._flow_s is not None else None)
            self._flow_s = now_s
        elif self._doubt_s is None and self._is_settled and now_s >= self._settled_s:
            self._begin_doubt(now_s)  # the peer has a reason not to use the chosen way

    def move(self, now_s: float) -> None:
        """Our own addresses have changed: nothing is certain any more."""
        self._begin_doubt(now_s)

    def receive(self, fact: DatagramReceived, now_s: float) -> bool:
        """Take one STUN datagram; False, and counted: it is no authentic check of this call."""
        try:
            said = self._codec.read(fact.data)
        except MalformedError:
            self.counters["malformed"] += 1
            return False
        if isinstance(said, Reply):
            self._take_reply(said, fact.source, now_s)
        else:
            self._take_ask(said, fact.source, now_s)
        return True

    def on_time(self, now_s: float) -> None:
        """Send the checks that are due; notice silence."""
        if self._flow_s is not None and now_s >= self._flow_s + self._pace.silence_s:
            self._flow_s = None
            if self._doubt_s is None:
                self._begin_doubt(now_s)
        due = sorted((way for way in self._ways.values() if way.next_s <= now_s), key=_urgency)
        for way in due[:CHECKS_PER_STEP_MAX]:
            if way.is_open(now_s) or self._checks.take(1.0, now_s):
                self._ask(way, now_s)
            else:
                way.next_s = now_s + LIMITED_S
        for way in due[CHECKS_PER_STEP_MAX:]:
            way.next_s = now_s + STEP_S
        for endpoint in self._guesses.pop(now_s):
            if self._checks.take(1.0, now_s):
                self.out.append(self.check(endpoint, now_s))
        self._choose(now_s)

    def deadline_s(self) -> float:
        """When a check or the end of patience is due."""
        times = [way.next_s for way in self._ways.values()]
        if (guesses_s := self._guesses.deadline_s()) is not None:
            times.append(guesses_s)
        if self._flow_s is not None:
            times.append(self._flow_s + self._pace.silence_s)
        return min(times)

    def is_direct(self, now_s: float) -> bool:
        """True if a way without an exchange works."""
        return self._best_direct(now_s) is not None

    @property
    def is_in_doubt(self) -> bool:
        """True while it is not known whether the chosen way works."""
        return self._doubt_s is not None

    @property
    def _is_settled(self) -> bool:
        """True if both sides know the same choice."""
        return self._is_told or not self.is_caller

    def _take_ask(self, ask: Ask, source: Endpoint, now_s: float) -> None:
        if ask.transaction_id in self._heard_asks:
            self.counters["replayed"] += 1  # each check is new: somebody aims us at an address
            return
        self._heard_asks[ask.transaction_id] = None
        if len(self._heard_asks) > PENDING_MAX:
            del self._heard_asks[next(iter(self._heard_asks))]
        way = self._way(source, now_s)
        if way is None:
            return
        way.heard_s = now_s
        self.out.append(SendDatagram(self._codec.reply(ask, source), source))
        if way.answered_s is None or way.asked:
            soonest_s = now_s if way.asked_s is None else max(now_s, way.asked_s + TRIGGER_S)
            way.next_s = min(way.next_s, soonest_s)
        if ask.nomination and not self.is_caller and ask.nomination >= self._nomination:
            self._nomination = ask.nomination
            self._switch(way, now_s)

    def _take_reply(self, reply: Reply, source: Endpoint, now_s: float) -> None:
        check = self._pending.get(reply.transaction_id)
        way = None if check is None or check.endpoint != source else self._way(source, now_s)
        if check is None or way is None:
            self.counters["malformed"] += 1
            return
        del self._pending[reply.transaction_id]
        if not way.is_relay:
            self._guesses.clear()
        way.answer(now_s, check.sent_s, KEEP_CHOSEN_S if way is self.chosen else KEEP_OTHER_S)
        if way is self.chosen:
            if self.is_caller and check.nomination == self._nomination:
                if not self._is_told:
                    self._settled_s = now_s + SETTLE_S
                self._is_told, self._before = True, None
            elif not self._is_settled:
                way.next_s = now_s + REPEAT_S
            if self._doubt_s is not None and check.sent_s >= self._doubt_s:
                self._doubt_s, self._settled_s = None, now_s + CALM_S
        self._choose(now_s)

    def _choose(self, now_s: float) -> None:
        """The caller's choice, if there is a better way or the one in use has failed."""
        if not self.is_caller:
            return
        good = [way for way in self._ways.values() if way.is_good(now_s)]
        best = min(good, key=lambda way: way.cost_s, default=self.chosen)
        if best is self.chosen:
            return
        gain_s = self.chosen.cost_s - best.cost_s
        if self.chosen.is_failing(now_s) or gain_s > max(GAIN_S, GAIN_SHARE * self.chosen.cost_s):
            self._nomination += 1
            self._is_told = False
            self._before = self.chosen
            self._switch(best, now_s)
            self._ask(best, now_s)

    def _switch(self, way: Way, now_s: float) -> None:
        if way is self.chosen:
            return
        self.chosen = way
        self._doubt_s = None
        self._flow_s = None  # a way begins to flow with its first packet
        self._settled_s = now_s + SETTLE_S + (way.rtt_s or 0.0)

    def _begin_doubt(self, now_s: float) -> None:
        self._doubt_s = now_s
        for way in self._ways.values():
            if way.is_open(now_s) or way is self.chosen:
                way.hurry(now_s)

    def _may_carry(self, way: Way, now_s: float) -> bool:
        """Worth a copy while the chosen way is in doubt."""
        is_heard = way.heard_s is not None and now_s - way.heard_s < HEARD_S
        return is_heard or way.is_good(now_s)

    def _usefulness(self, way: Way) -> tuple[bool, float]:
        assert self._doubt_s is not None
        is_proved = way.heard_s is not None and way.heard_s > self._doubt_s
        return not is_proved, way.cost_s

    def _ask(self, way: Way, now_s: float) -> None:
        way.ask(now_s, is_urgent=self._doubt_s is not None or not self._is_settled)
        is_named = self.is_caller and way is self.chosen
        self.out.append(self.check(way.endpoint, now_s, self._nomination if is_named else 0))

    def _best_direct(self, now_s: float) -> Way | None:
        direct = (way for way in self._ways.values() if not way.is_relay and way.is_good(now_s))
        return min(direct, key=lambda way: way.cost_s, default=None)

    def _way(self, endpoint: Endpoint, now_s: float) -> Way | None:
        """The way by `endpoint`, new if it was not known; None if it may not be used."""
        if self.relayed_only and not endpoint.channel:
            self.counters["refused"] += 1
            return None
        way = self._ways.get(endpoint)
        if way is None:
            if len(self._ways) >= WAYS_MAX and not self._make_room():
                self.counters["refused"] += 1
                return None
            way = self._ways[endpoint] = Way(endpoint, now_s, is_told=False)
        return way

    def _make_room(self) -> bool:
        """Forget the oldest way that has never answered."""
        silent = (
            way for way in self._ways.values() if way.answered_s is None and way is not self.chosen
        )
        oldest = min(silent, key=lambda way: way.born_s, default=None)
        if oldest is None:
            return False
        del self._ways[oldest.endpoint]
        return True


class Pace:
    """How regularly the peer's packets come, and so when their absence is news."""

    def __init__(self) -> None:
        self._mean_s = PACE_AT_FIRST_S
        self._deviation_s = 0.0

    @property
    def silence_s(self) -> float:
        """Nothing for so long means that something has happened."""
        expected_s = self._mean_s + JITTER_WEIGHT * self._deviation_s
        return min(expected_s + SILENCE_MISSED_S, SILENCE_S_MAX)

    def hear(self, interval_s: float | None) -> None:
        """A packet has come, so long after the last one; None = it is the first."""
        if interval_s is not None:
            off_s = abs(interval_s - self._mean_s)
            self._mean_s += PACE_SHARE * (interval_s - self._mean_s)
            self._deviation_s += PACE_SHARE * (off_s - self._deviation_s)


def _urgency(way: Way) -> float:
    return way.next_s
