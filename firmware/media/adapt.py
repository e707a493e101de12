"""What we send, fitted to what the peer says it received: redundancy, bit rate, frame length.

Two different illnesses look alike. A *lossy* line loses packets whatever we send: older frames go
along again (RFC 2198), at those distances which cost the listener least, loss against delay, by the
E-model. A *narrow* line loses because we send too much, and its queue says so before: the round
trip grows. Then redundancy goes first, then the bit rate, then the packets become fewer.
Knows no packet. Units: `_s` seconds, bit/s; distances in packets.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from math import exp, log

from firmware.media.emodel import delay_impairment, loss_impairment
from firmware.model import FRAME_S

DISTANCE_MAX = 6  # packets
COPY_LATE_MAX_S = 0.120  # more before a copy is there: six packets of 20 ms, two of 60
REDUNDANCY_MAX_BPS = 64_000
OWN_DELAY_S = 0.050  # of the two telephones, without the line
BITS_IMPAIRMENT = 0.05  # of the rating, per kbit/s: what a copy must be worth
WAIT_IMPAIRMENT = 1.0  # per frame of waiting for copies, besides delay: each change is heard
CHANGE_IMPAIRMENT = 1.0  # so much better another plan must be
BURSTS = {1.0: 0.7, 2.0: 0.1, 3.0: 0.1, 5.0: 0.1}  # kinds of line: mean run, chance beforehand
REMEMBERED = 500  # packets, 10 s: so long a loss counts
RECENT = 100  # packets, 2 s: so soon a new loss counts fully
FATES_MIN = 20  # packets, before anything can be said
FIRST_DISTANCES = (1, 2)
QUEUE_MAX_S = 0.100  # the round trip above the shortest: the line is full
LONG_S = 0.200  # of round trip: with loss, from here on the line may be full from the beginning
FULL_LOSS = 0.05
STUBBORN_REPORTS = 10
RTTS = 60  # reports, one a second, of which the shortest counts
RELIEF_REPORTS = 8  # without a queue, before the next step up
LEVELS = (1.0, 0.75, 0.5, 0.5)  # of the codec's bit rate
SLOW_LEVEL = 3  # here three frames share a packet


@dataclass(frozen=True, slots=True)
class Plan:
    """How to send."""

    distances: tuple[int, ...] = ()  # of the copies that go along, in packets
    level: int = 0  # index into LEVELS: what the line can carry
    loss_percent: int = 0  # for in-band FEC, where copies would be too much

    @property
    def frames(self) -> int:
        """Of 20 ms in a packet."""
        return 3 if self.level >= SLOW_LEVEL else 1


def first_plan(bitrate: int) -> Plan:
    """While nothing is known: speech begins on a way that nobody has tried."""
    return Plan(FIRST_DISTANCES[: REDUNDANCY_MAX_BPS // bitrate])


class Adapter:
    """One direction of one call."""

    def __init__(self, bitrate: int, packet_s: float = FRAME_S) -> None:
        self._packet_s = packet_s
        self.plan = first_plan(bitrate)
        self._first = self.plan.distances
        self._bitrate = bitrate
        self._fates: deque[bool] = deque(maxlen=REMEMBERED)
        self._newest: int | None = None  # number of the last one
        self._rtts_s: deque[float] = deque(maxlen=RTTS)
        self._relief = 0  # reports without a queue
        self._relief_needed = RELIEF_REPORTS
        self._tried_at_s = 0.0  # the round trip when we began to send less
        self._stubborn = 0
        self._is_long = False

    def carry(self, bitrate: int) -> None:
        """From now on the frames are of a codec of this bit rate."""
        self._bitrate = bitrate
        copies_max = REDUNDANCY_MAX_BPS // bitrate
        self.plan = replace(self.plan, distances=self.plan.distances[:copies_max])

    def packets_fared(self, begin: int, fates: Sequence[bool]) -> None:
        """The peer says which of our packets from the unwrapped number `begin` on it received."""
        for number, came in enumerate(fates, begin):
            if self._newest is None or number > self._newest:
                self._fates.append(came)
                self._newest = number

    def reported(self, rtt_s: float | None) -> Plan:
        """Decide anew, after a report with this round trip."""
        if rtt_s is not None:
            self._rtts_s.append(rtt_s)
        loss, burst = self._loss(REMEMBERED), self._burst()
        recent = self._loss(RECENT)
        level = self._level()
        distances: tuple[int, ...]
        if level > 0:
            distances = ()
        elif len(self._fates) < FATES_MIN:
            distances = self._first
        else:
            way_s = min(self._rtts_s, default=0.0) / 2
            distances = best_distances(
                *(max(loss, recent), burst, self._bitrate, way_s, self.plan.distances),
                packet_s=self._packet_s,
            )
        percent = round(100 * max(loss, recent)) if level > 0 else 0
        self.plan = Plan(distances, level, percent)
        return self.plan

    def unheard(self) -> Plan:
        """No report came for a while: what we send may be in the way of those of the peer."""
        self._relief = 0
        self._fates.clear()
        self.plan = Plan((), min(self.plan.level + 1, len(LEVELS) - 1))
        return self.plan

    @property
    def loss(self) -> float:
        """The fraction of our packets that did not arrive, of the last ten seconds."""
        return self._loss(REMEMBERED)

    def _loss(self, count: int) -> float:
        fates = list(self._fates)[-count:]
        return fates.count(False) / len(fates) if fates else 0.0

    def _burst(self) -> float:
        """Mean packets lost in a row: which line of BURSTS would have lost them like this?"""
        fates = list(self._fates)
        lost = fates.count(False)
        runs = sum(1 for one, after in pairwise(fates) if not one and after)
        runs += bool(fates) and not fates[-1]
        loss = min(max(lost / len(fates) if fates else 0.0, 0.01), 0.5)
        likely = {}
        for burst, before in BURSTS.items():
            stay = 1 - 1 / burst if burst > 1 else loss  # the chance that a run goes on
            likely[burst] = log(before) + runs * log(1 - stay) + (lost - runs) * log(stay)
        most = max(likely.values())
        weights = {burst: exp(value - most) for burst, value in likely.items()}
        mean = sum(burst * weight for burst, weight in weights.items()) / sum(weights.values())
        return max(mean, 1 / (1 - loss))

    def _level(self) -> int:
        level = self.plan.level
        if len(self._rtts_s) < 3:
            return level
        # the smallest of three: jitter alone must not look like a queue
        rtt_s = min(list(self._rtts_s)[-3:])
        queue_s = rtt_s - min(self._rtts_s)
        if self._loss(RECENT) > FULL_LOSS and not self._is_long:
            # who comes to a full line never sees it empty
            queue_s = max(queue_s, rtt_s - LONG_S)
        self._relief += queue_s < QUEUE_MAX_S / 2
        if queue_s > QUEUE_MAX_S:
            return self._narrower(level, rtt_s, queue_s)
        if level > 0 and self._relief >= self._relief_needed:
            self._relief = 0
            return level - 1
        return level

    def _narrower(self, level: int, rtt_s: float, queue_s: float) -> int:
        if level == 0:
            self._relief_needed = min(2 * self._relief_needed, 8 * RELIEF_REPORTS)
            self._tried_at_s = rtt_s
        elif level == len(LEVELS) - 1 and rtt_s > self._tried_at_s - QUEUE_MAX_S:
            self._stubborn += 1  # we send little, and it does not get shorter: it is far away
            self._is_long = self._stubborn >= STUBBORN_REPORTS
        self._relief = 0
        # what was lost in the queue says nothing of the line
        self._fates.clear()
        self._first = ()
        step = 2 if queue_s > 2 * QUEUE_MAX_S else 1
        return min(level + step, len(LEVELS) - 1)


def best_distances(
    loss: float,
    burst: float,
    bitrate: int,
    way_s: float = 0.0,
    present: tuple[int, ...] = (),
    packet_s: float = FRAME_S,
) -> tuple[int, ...]:
    """At which distances copies do the listener most good; none if the line is good enough."""

    def cost(chosen: tuple[int, ...]) -> float:
        """Impairment of the rating by what remains lost, by the wait for copies, by their bits."""
        wait_s = max(chosen, default=0) * packet_s
        return (
            loss_impairment(residual_loss(chosen, loss, burst), burst)
            + delay_impairment(OWN_DELAY_S + way_s + wait_s)
            + wait_s / FRAME_S * WAIT_IMPAIRMENT
            + len(chosen) * bitrate / 1000 * BITS_IMPAIRMENT
            - (chosen == present) * CHANGE_IMPAIRMENT
        )

    return min(_candidates(bitrate, packet_s), key=cost)


def _candidates(bitrate: int, packet_s: float) -> list[tuple[int, ...]]:
    copies_max = min(REDUNDANCY_MAX_BPS // bitrate, 3)
    farthest = min(int(COPY_LATE_MAX_S / packet_s + 0.5), DISTANCE_MAX)
    return [
        chosen
        for count in range(copies_max + 1)
        for chosen in combinations(range(1, farthest + 1), count)
    ]


def residual_loss(distances: tuple[int, ...], loss: float, burst: float) -> float:
    """The fraction of frames of which every copy is lost, too, on a line of two states."""
    if loss <= 0.0 or loss >= 1.0:
        return loss
    # the chance to be still lost falls with distance from 1 to `loss`, by this factor a packet
    memory = min(max(1 - 1 / burst / (1 - loss), 0.0), 0.98)
    remaining, before = loss, 0
    for distance in distances:
        remaining *= loss + (1 - loss) * memory ** (distance - before)
        before = distance
    return remaining
